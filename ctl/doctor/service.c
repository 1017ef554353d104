/* What is known of backupmx's own daemons and files here; service_rows.c says
 * what of it is wrong. */
#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/doctor/doctor.h"
#include "ctl/doctor/service_rows.h"

static void
examine_daemon(const struct bmxctl_patient *patient)
{
	struct bmxctl_service_daemon facts = {
		.control_on = patient->config->policyd.control_on,
		.our_version = BMX_VERSION,
	};
	struct bmx_error err = {0};
	json_t *status = NULL;

	if (facts.control_on)
		status =
			bmxctl_ask_quietly(patient->config, "status", "", &err);
	facts.answers = status != NULL;
	facts.error = err.text;
	facts.version = bmxctl_string(status, "version");
	bmxctl_service_judge_daemon(&facts, patient->findings);
	json_decref(status);
}

void
bmxctl_doctor_service(const struct bmxctl_patient *patient)
{
	examine_daemon(patient);
}
