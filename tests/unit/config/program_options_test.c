/* The command line of the two daemons. */
#include "tests/support/cmocka.h"

#include <string.h>

#include <sysexits.h>
#include <unistd.h>

#include <backupmx/config.h>
#include <backupmx/privileges.h>
#include <backupmx/program_options.h>

#define ARGS_MAX 6

struct row {
	const char *name;
	const char *args[ARGS_MAX];
	enum bmx_program_task task;
	const char *path; /* NULL: the default */
	const char *user; /* NULL: the default */
	bool foreground;
	const char *error; /* NULL: none */
	int status;        /* of bmx_program_options_start */
};

static const struct row rows[] = {
	{"no_option_serves",
         {NULL},
         BMX_TASK_SERVE,
         NULL,
         NULL,
         false,
         NULL,
         -1},
	{"all_that_serve",
         {"-f", "-c", "/x", "-u", "me"},
         BMX_TASK_SERVE,
         "/x",
         "me",
         true,
         NULL,
         -1},
	{"joined",
         {"-fc/x", "-ume"},
         BMX_TASK_SERVE,
         "/x",
         "me",
         true,
         NULL,
         -1},
	{"check",
         {"-t", "-c", "/x"},
         BMX_TASK_CHECK,
         "/x",
         NULL,
         false,
         NULL,
         -1},
	{"version", {"-V"}, BMX_TASK_VERSION, NULL, NULL, false, NULL, EX_OK},
	{"help", {"-h"}, BMX_TASK_HELP, NULL, NULL, false, NULL, EX_OK},
	{"last_task_counts",
         {"-h", "-t"},
         BMX_TASK_CHECK,
         NULL,
         NULL,
         false,
         NULL,
         -1},
	{"option_without_value",
         {"-c"},
         0,
         NULL,
         NULL,
         false,
         "option -c wants a value",
         EX_USAGE},
	{"unknown_option",
         {"-x"},
         0,
         NULL,
         NULL,
         false,
         "unknown option -x: see -h",
         EX_USAGE},
	{"argument",
         {"-f", "word"},
         0,
         NULL,
         NULL,
         false,
         "unexpected argument \"word\": see -h",
         EX_USAGE},
	{"argument_after_the_end",
         {"--", "-f"},
         0,
         NULL,
         NULL,
         false,
         "unexpected argument \"-f\": see -h",
         EX_USAGE},
};

static int
arguments(const struct row *row, char storage[ARGS_MAX][16],
          char *argv[ARGS_MAX + 2])
{
	static char program[] = "daemon";
	int argc = 0;

	argv[argc++] = program;
	for (size_t i = 0; i < ARGS_MAX && row->args[i]; i++) {
		assert_true(strlen(row->args[i]) < sizeof(storage[i]));
		argv[argc++] = strcpy(storage[i], row->args[i]);
	}
	argv[argc] = NULL;
	optind = 1;
	return argc;
}

static void
test_row(void **state)
{
	const struct row *row = *state;
	char storage[ARGS_MAX][16], *argv[ARGS_MAX + 2];
	struct bmx_program_options options;
	struct bmx_error err = {.code = BMX_E_NONE};
	int argc = arguments(row, storage, argv);

	if (row->error) {
		assert_int_equal(
			bmx_program_options_parse(argc, argv, &options, &err),
			-1);
		assert_string_equal(err.text, row->error);
		assert_int_equal(err.code, BMX_E_USAGE);
	} else {
		assert_int_equal(
			bmx_program_options_parse(argc, argv, &options, &err),
			0);
		assert_int_equal(options.task, row->task);
		assert_string_equal(options.config_path,
		                    row->path ? row->path : BMX_CONFIG_PATH);
		assert_string_equal(options.user,
		                    row->user ? row->user :
		                                BMX_PRIVILEGES_USER);
		assert_int_equal(options.foreground, row->foreground);
	}
	argc = arguments(row, storage, argv);
	assert_int_equal(
		bmx_program_options_start("daemon", argc, argv, &options),
		row->status);
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0])];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		tests[i] =
			(struct CMUnitTest){rows[i].name, test_row, NULL, NULL,
		                            (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
