#include "ctl/doctor/service_rows.h"

#include <string.h>

enum row { CONTROL_OFF, POLICYD_AWAY, VERSION, ROWS };

static const struct bmxctl_row rows[ROWS] = {
	[CONTROL_OFF] = {"service.control-off", BMXCTL_WARNING,
                         "Without its control socket policyd cannot be asked "
                         "for its state, and cannot be told to reload.",
                         "Set policyd.control in the configuration and "
                         "restart policyd."},
	[POLICYD_AWAY] = {"service.policyd-away", BMXCTL_ERROR,
                          "Without policyd every recipient is deferred: the "
                          "backup takes no mail at all.",
                          "Start it: systemctl start backupmx-policyd; its "
                          "log says why it ended: journalctl -u "
                          "backupmx-policyd."},
	[VERSION] = {"service.version", BMXCTL_WARNING,
                     "The program on disk was replaced while the old one went "
                     "on running: what was mended in the new one is not in "
                     "force.",
                     "Restart it: systemctl restart backupmx-policyd."},
};

struct bmxctl_rows
bmxctl_doctor_service_rows(void)
{
	return (struct bmxctl_rows){rows, ROWS};
}

void
bmxctl_service_judge_daemon(const struct bmxctl_service_daemon *facts,
                            struct bmxctl_findings *findings)
{
	if (!facts->control_on) {
		bmxctl_found(findings, &rows[CONTROL_OFF], "",
		             "policyd.control is \"\"");
		return;
	}
	if (!facts->answers) {
		bmxctl_found(findings, &rows[POLICYD_AWAY], "", "%s",
		             facts->error);
		return;
	}
	bmxctl_found_good(findings, "service.policyd-away", "",
	                  "policyd answers on its control socket");
	if (strcmp(facts->version, facts->our_version) != 0)
		bmxctl_found(findings, &rows[VERSION], "",
		             "policyd runs %s, backupmxctl is %s",
		             facts->version, facts->our_version);
	else
		bmxctl_found_good(findings, "service.version", "",
		                  "policyd and backupmxctl are %s",
		                  facts->version);
}
