/* What every subcommand says in the same way. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sysexits.h>
#include <unistd.h>

#include "ctl/ctl.h"

static void
print_problem(FILE *out, const struct bmx_config_problem *problem)
{
	const char *kind = problem->warning ? "warning" : "error";

	(void)fprintf(out, "%s:%d: %s: %s\n", problem->file, problem->line,
	              kind, problem->text);
}

void
bmxctl_print_problems(FILE *out, const struct bmx_config_problems *problems)
{
	for (size_t i = 0; i < bmx_config_problems_count(problems); i++)
		print_problem(out, bmx_config_problems_get(problems, i));
}

struct bmx_config *
bmxctl_load_config(const struct bmxctl *ctl, bool with_warnings,
                   int *status_out)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_config *config;
	struct bmx_error err;

	if (!problems) {
		(void)bmx_error_set(&err, BMX_E_NOMEM, "memory is short");
		*status_out = bmxctl_fail(ctl, &err);
		return NULL;
	}
	config = bmx_config_load(ctl->config_path, problems, &err);
	if (!config || with_warnings)
		bmxctl_print_problems(stderr, problems);
	if (!config) {
		/* A mistake in the file, whatever kind, is EX_CONFIG. */
		*status_out = bmxctl_fail(ctl, &err);
		if (err.code == BMX_E_SYNTAX || err.code == BMX_E_NOT_FOUND)
			*status_out = EX_CONFIG;
		if (access(ctl->config_path, F_OK) != 0 && errno == ENOENT)
			(void)fprintf(stderr, "%s: init writes one\n",
			              ctl->program);
	}
	bmx_config_problems_free(&problems);
	return config;
}

int
bmxctl_fail(const struct bmxctl *ctl, const struct bmx_error *err)
{
	(void)fprintf(stderr, "%s: %s\n", ctl->program, err->text);
	return bmx_error_exit_status(err->code);
}

int
bmxctl_usage(const struct bmxctl *ctl, const char *words)
{
	(void)fprintf(stderr, "%s: usage: %s %s\n", ctl->program, ctl->program,
	              words);
	return EX_USAGE;
}

bool
bmxctl_take_word(int *argc, char **argv, const char *name)
{
	int kept = 1;

	for (int i = 1; i < *argc; i++)
		if (strcmp(argv[i], name) != 0)
			argv[kept++] = argv[i];
	if (kept == *argc)
		return false;
	*argc = kept;
	return true;
}

bool
bmxctl_take_json(int *argc, char **argv)
{
	return bmxctl_take_word(argc, argv, "--json");
}

int
bmxctl_take_value(int *argc, char **argv, const char *name,
                  const char **value_out)
{
	const size_t len = strlen(name);
	int found = 0;
	int kept = 1;

	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], name) == 0) {
			if (i + 1 == *argc)
				return -1;
			*value_out = argv[++i];
			found = 1;
		} else if (strncmp(argv[i], name, len) == 0 &&
		           argv[i][len] == '=') {
			*value_out = argv[i] + len + 1;
			found = 1;
		} else {
			argv[kept++] = argv[i];
		}
	}
	*argc = kept;
	return found;
}
