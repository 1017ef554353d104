#include "ctl/postfix/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/postfix/postconf.h"

#define TIMEOUT_MS 30000
/* The program, -c, DIR and NULL. */
#define EXTRA_WORDS 4

static int
not_installed(const char *program, struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_NOT_FOUND,
	                     "there is no %s in PATH or /usr/sbin: is Postfix "
	                     "installed?",
	                     program);
}

int
bmxctl_postfix_run(const char *program, const char *config_dir,
                   const char *const *words, size_t count,
                   struct bmx_command_result *result_out, struct bmx_error *err)
{
	const char **argv = calloc(count + EXTRA_WORDS, sizeof(*argv));
	const struct bmx_command command = {argv, NULL, TIMEOUT_MS,
	                                    BMXCTL_POSTCONF_MAX};
	size_t at = 1;
	char path[64];
	int rc;

	if (!argv)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	if (config_dir) {
		argv[at++] = "-c";
		argv[at++] = config_dir;
	}
	for (size_t i = 0; i < count; i++)
		argv[at++] = words[i];
	argv[0] = program;
	rc = bmx_command_run(&command, result_out, err);
	if (rc != 0 && err->code == BMX_E_NOT_FOUND) {
		(void)snprintf(path, sizeof(path), "/usr/sbin/%s", program);
		argv[0] = path;
		rc = bmx_command_run(&command, result_out, err);
		if (rc != 0 && err->code == BMX_E_NOT_FOUND)
			(void)not_installed(program, err);
	}
	free(argv);
	return rc;
}

int
bmxctl_postfix_do(const char *program, const char *config_dir,
                  const char *const *words, size_t count, struct bmx_error *err)
{
	struct bmx_command_result result;
	int rc = 0;

	if (bmxctl_postfix_run(program, config_dir, words, count, &result,
	                       err) != 0)
		return -1;
	if (result.status != 0)
		rc = bmx_error_set(err, BMX_E_IO, "%s failed (status %d): %s",
		                   program, result.status,
		                   result.said[0] ?
		                           result.said :
		                           "the mail log has the reason");
	bmx_command_result_clear(&result);
	return rc;
}
