/* Runs postconf(1) for its five tellings. */
#include "ctl/postfix/postconf.h"

#include <string.h>

#include "ctl/postfix/run.h"

#define TELLINGS 5

/* "postconf: fatal: open /x/main.cf: No such file or directory". Warnings may
 * stand before it, more than are kept. */
static int
refused(const char *config_dir, const struct bmx_command_result *result,
        struct bmx_error *err)
{
	enum bmx_error_code code = BMX_E_SYNTAX;
	const char *fatal = strstr(result->said, "fatal: ");
	const char *said = fatal ? fatal : result->said;

	if (strstr(said, "No such file or directory"))
		code = BMX_E_NOT_FOUND;
	else if (strstr(said, "Permission denied"))
		code = BMX_E_PERMISSION;
	return bmx_error_set(err, code,
	                     "Postfix's settings cannot be read (postconf%s%s "
	                     "-x says it all): %s",
	                     config_dir ? " -c " : "",
	                     config_dir ? config_dir : "",
	                     said[0] ? said : "postconf says nothing");
}

static int
tell(const char *config_dir, const char *option,
     struct bmx_command_result *result, struct bmx_error *err)
{
	if (bmxctl_postfix_run("postconf", config_dir, &option, option ? 1 : 0,
	                       result, err) != 0)
		return -1;
	if (result->status == 0)
		return 0;
	(void)refused(config_dir, result, err);
	bmx_command_result_clear(result);
	return -1;
}

struct bmxctl_postconf *
bmxctl_postconf_read(const char *config_dir, struct bmx_error *err)
{
	static const char *const options[TELLINGS] = {NULL, "-x", "-n", "-F",
	                                              "-Px"};
	struct bmx_command_result results[TELLINGS];
	struct bmxctl_postconf *postconf = NULL;
	size_t told = 0;

	while (told < TELLINGS &&
	       tell(config_dir, options[told], &results[told], err) == 0)
		told++;
	if (told == TELLINGS) {
		const struct bmxctl_postconf_text text = {
			results[0].output, results[1].output, results[2].output,
			results[3].output, results[4].output};

		postconf = bmxctl_postconf_parse(&text, err);
	}
	while (told > 0)
		bmx_command_result_clear(&results[--told]);
	return postconf;
}
