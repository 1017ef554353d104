/* Runs postconf(1) for its five tellings. */
#include "ctl/postfix/postconf.h"

#include <string.h>

#include <backupmx/command.h>

#define TIMEOUT_MS 10000
/* postconf, -c, DIR, an option, NULL. */
#define WORDS 5

/* The C locale: postconf's own words are shown as they come. */
static int
run(const char *config_dir, const char *option,
    struct bmx_command_result *result, struct bmx_error *err)
{
	const char *argv[WORDS] = {"postconf"};
	struct bmx_command command = {argv, NULL, TIMEOUT_MS,
	                              BMXCTL_POSTCONF_MAX};
	size_t words = 1;

	if (config_dir) {
		argv[words++] = "-c";
		argv[words++] = config_dir;
	}
	if (option)
		argv[words++] = option;
	if (bmx_command_run(&command, result, err) != 0) {
		if (err->code == BMX_E_NOT_FOUND)
			(void)bmx_error_set(err, BMX_E_NOT_FOUND,
			                    "there is no postconf in PATH: is "
			                    "Postfix installed?");
		return -1;
	}
	return 0;
}

/* "postconf: fatal: open /x/main.cf: No such file or directory" */
static int
refused(const struct bmx_command_result *result, struct bmx_error *err)
{
	enum bmx_error_code code = BMX_E_SYNTAX;

	if (strstr(result->said, "No such file or directory"))
		code = BMX_E_NOT_FOUND;
	else if (strstr(result->said, "Permission denied"))
		code = BMX_E_PERMISSION;
	return bmx_error_set(
		err, code, "postconf cannot tell Postfix's settings: %s",
		result->said[0] ? result->said : "it says nothing");
}

static int
tell(const char *config_dir, const char *option,
     struct bmx_command_result *result, struct bmx_error *err)
{
	if (run(config_dir, option, result, err) != 0)
		return -1;
	if (result->status == 0)
		return 0;
	(void)refused(result, err);
	bmx_command_result_clear(result);
	return -1;
}

struct bmxctl_postconf *
bmxctl_postconf_read(const char *config_dir, struct bmx_error *err)
{
	static const char *const options[] = {NULL, "-x", "-n", "-F", "-Px"};
	struct bmx_command_result results[5];
	struct bmxctl_postconf *postconf = NULL;
	size_t told = 0;

	while (told < 5 &&
	       tell(config_dir, options[told], &results[told], err) == 0)
		told++;
	if (told == 5) {
		const struct bmxctl_postconf_text text = {
			results[0].output, results[1].output, results[2].output,
			results[3].output, results[4].output};

		postconf = bmxctl_postconf_parse(&text, err);
	}
	while (told > 0)
		bmx_command_result_clear(&results[--told]);
	return postconf;
}
