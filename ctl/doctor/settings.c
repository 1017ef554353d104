#include "ctl/doctor/settings.h"

#include <string.h>

#include <backupmx/command.h>

/* For one run of postconf, ms and octets. */
#define TIMEOUT_MS 5000
#define OUTPUT_MAX ((size_t)64 * 1024)

static void
copy_line(const char *output, char value_out[BMXCTL_SETTING_MAX])
{
	size_t len = strcspn(output, "\n");

	if (len >= BMXCTL_SETTING_MAX)
		len = BMXCTL_SETTING_MAX - 1;
	memcpy(value_out, output, len);
	value_out[len] = '\0';
}

bool
bmxctl_setting(const struct bmxctl_patient *patient, const char *name,
               char value_out[BMXCTL_SETTING_MAX])
{
	const char *const own[] = {"postconf", "-hx", name, NULL};
	const char *const other[] = {"postconf", "-c", patient->postfix_dir,
	                             "-hx",      name, NULL};
	const struct bmx_command command = {
		.argv = patient->postfix_dir ? other : own,
		.timeout_ms = TIMEOUT_MS,
		.output_max = OUTPUT_MAX,
	};
	struct bmx_command_result result;
	struct bmx_error err;
	bool good;

	value_out[0] = '\0';
	if (bmx_command_run(&command, &result, &err) != 0)
		return false;
	/* An unknown parameter is a warning alone, and no line. */
	good = result.status == 0 && strchr(result.output, '\n') != NULL;
	if (good)
		copy_line(result.output, value_out);
	bmx_command_result_clear(&result);
	return good;
}
