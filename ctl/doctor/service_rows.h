/*
 * service_rows.h - what may be wrong with backupmx's own daemons and files.
 *
 * Pure: facts in, findings out; no I/O, no clock.
 */
#ifndef BACKUPMX_CTL_DOCTOR_SERVICE_ROWS_H
#define BACKUPMX_CTL_DOCTOR_SERVICE_ROWS_H

#include "ctl/doctor/doctor.h"

/** What policyd says of itself. */
struct bmxctl_service_daemon {
	bool control_on; /* false: policyd.control is off */
	bool answers;
	const char *error;   /* when it does not answer: why */
	const char *version; /* when it answers */
	const char *our_version;
};

/** Reports what is wrong with the daemon that should answer. */
void bmxctl_service_judge_daemon(const struct bmxctl_service_daemon *facts,
                                 struct bmxctl_findings *findings);

#endif
