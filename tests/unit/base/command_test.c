#include <backupmx/command.h>

#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

#define LONG_MS 20000
#define SOON_MS 150

/* A shell's script, and what comes of it. */
struct run_case {
	const char *name;
	const char *script;
	int64_t timeout_ms;
	size_t output_max;
	enum bmx_error_code want; /* BMX_E_NONE: the rest counts */
	int status;
	const char *output;
	const char *said;
};

static void
test_run(void **state)
{
	const struct run_case *tc = *state;
	const char *const argv[] = {"/bin/sh", "-c", tc->script, NULL};
	const struct bmx_command command = {
		.argv = argv,
		.timeout_ms = tc->timeout_ms,
		.output_max = tc->output_max,
	};
	struct bmx_command_result result;
	struct bmx_error err = {.code = BMX_E_NONE};
	const int rc = bmx_command_run(&command, &result, &err);

	assert_int_equal(rc, tc->want == BMX_E_NONE ? 0 : -1);
	if (rc != 0) {
		assert_int_equal(err.code, tc->want);
		assert_non_null(strstr(err.text, "/bin/sh"));
		assert_null(result.output);
		return;
	}
	assert_int_equal(result.status, tc->status);
	assert_int_equal(result.output_len, strlen(tc->output));
	assert_string_equal(result.output, tc->output);
	assert_string_equal(result.said, tc->said);
	bmx_command_result_clear(&result);
}

/* clang-format off */
static struct run_case cases[] = {
	{"what it writes is taken", "echo one; echo two", LONG_MS, 100, BMX_E_NONE, 0, "one\ntwo\n", ""},
	{"nothing written is an empty text", ":", LONG_MS, 100, BMX_E_NONE, 0, "", ""},
	{"an exit status is a result", "echo part; exit 3", LONG_MS, 100, BMX_E_NONE, 3, "part\n", ""},
	{"so is a signal", "kill -TERM $$", LONG_MS, 100, BMX_E_NONE, 128 + SIGTERM, "", ""},
	{"what it says is kept, made one line", "printf 'a\\nb\\tc' >&2; exit 1", LONG_MS, 100, BMX_E_NONE, 1, "", "a b c"},
	{"without the end of its last line", "printf 'a\\n\\n' >&2", LONG_MS, 100, BMX_E_NONE, 0, "", "a"},
	{"as much as is allowed is taken", "printf 12345", LONG_MS, 5, BMX_E_NONE, 0, "12345", ""},
	{"one octet more is too much", "printf 123456", LONG_MS, 5, BMX_E_TOO_BIG, 0, "", ""},
	{"output without end is cut off", "while :; do echo y; done", LONG_MS, 1000, BMX_E_TOO_BIG, 0, "", ""},
	{"one that hangs is ended", "sleep 1000", SOON_MS, 100, BMX_E_TIMEOUT, 0, "", ""},
	{"one that hangs with its output closed, too", "exec >&-; sleep 1000", SOON_MS, 100, BMX_E_TIMEOUT, 0, "", ""},
	{"one that takes no signal, too", "trap '' TERM INT HUP; while :; do sleep 1000; done", SOON_MS, 100, BMX_E_TIMEOUT, 0, "", ""},
	{"a child left behind does not keep the output open", "sleep 1000 & echo done", LONG_MS, 100, BMX_E_NONE, 0, "done\n", ""},
	{"standard input is empty", "cat; echo end", LONG_MS, 100, BMX_E_NONE, 0, "end\n", ""},
	{"a lot said does not stop it", "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; echo fine; exec 2>&-", LONG_MS, 100, BMX_E_NONE, 0, "fine\n", NULL},
	{"only the standard descriptors are open", "exec ls /proc/self/fd", LONG_MS, 100, BMX_E_NONE, 0, "0\n1\n2\n3\n", ""},
};
/* clang-format on */

static void
test_long_said(void **state)
{
	const struct run_case *tc = *state;
	const char *const argv[] = {"/bin/sh", "-c", tc->script, NULL};
	const struct bmx_command command = {argv, NULL, LONG_MS, 100};
	struct bmx_command_result result;

	assert_int_equal(bmx_command_run(&command, &result, NULL), 0);
	assert_string_equal(result.output, tc->output);
	/* a blank at the end is none */
	assert_in_range(strlen(result.said), BMX_COMMAND_SAID_MAX - 2,
	                BMX_COMMAND_SAID_MAX - 1);
	bmx_command_result_clear(&result);
}

static void
test_not_there(void **state)
{
	static const char *const names[] = {"/no/such/program",
	                                    "no-such-program-anywhere"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *const argv[] = {names[i], NULL};
		const struct bmx_command command = {argv, NULL, LONG_MS, 100};
		struct bmx_command_result result;
		struct bmx_error err;

		assert_int_equal(bmx_command_run(&command, &result, &err), -1);
		assert_int_equal(err.code, BMX_E_NOT_FOUND);
		assert_non_null(strstr(err.text, names[i]));
	}
}

static void
test_environment(void **state)
{
	static const char *const environment[] = {"ONLY=this", NULL};
	static const char *const argv[] = {"/usr/bin/env", NULL};
	const struct bmx_command command = {argv, environment, LONG_MS, 100};
	struct bmx_command_result result;

	(void)state;
	assert_int_equal(bmx_command_run(&command, &result, NULL), 0);
	assert_string_equal(result.output, "ONLY=this\n");
	bmx_command_result_clear(&result);
}

/* Nobody may have reaped it yet: then it is a zombie. */
static bool
is_gone(int pid)
{
	char path[64];
	char stat[256] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return true;
	if (!fgets(stat, sizeof(stat), file))
		stat[0] = '\0';
	(void)fclose(file);
	return stat[0] == '\0' || strstr(stat, ") Z ");
}

static void
assert_gone_soon(int pid)
{
	assert_true(pid > 1);
	for (int tries = 0; !is_gone(pid); tries++) {
		assert_true(tries < 1000);
		(void)usleep(10000);
	}
}

/* What was started and left behind is gone when the command is. */
static void
test_group(void **state)
{
	static const char *const argv[] = {
		"/bin/sh", "-c", "sleep 1000 >&- 2>&- & echo $!", NULL};
	const struct bmx_command command = {argv, NULL, LONG_MS, 100};
	struct bmx_command_result result;

	(void)state;
	assert_int_equal(bmx_command_run(&command, &result, NULL), 0);
	assert_gone_soon((int)strtol(result.output, NULL, 10));
	bmx_command_result_clear(&result);
}

/* Reads two numbers that the script of test_killed has written. */
static void
read_numbers(int fd, int numbers[2])
{
	char text[64] = "";
	size_t len = 0;
	char *end;

	while (len < sizeof(text) - 1 && !strchr(text, '\n')) {
		const ssize_t got = read(fd, text + len, 1);

		assert_int_equal(got, 1);
		len += (size_t)got;
	}
	numbers[0] = (int)strtol(text, &end, 10);
	numbers[1] = (int)strtol(end, NULL, 10);
}

/* Who runs the command is killed: so is the command, with what it started. */
static void
test_killed(void **state)
{
	char script[128];
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	const struct bmx_command command = {argv, NULL, 1000 * LONG_MS, 100};
	struct bmx_command_result result;
	char fifo[] = "/tmp/backupmx-command-XXXXXX";
	int numbers[2];
	pid_t pid;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(fifo));
	assert_int_equal(rmdir(fifo), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	(void)snprintf(script, sizeof(script),
	               "sleep 1000 & echo $$ $! >%s; wait", fifo);
	pid = fork();
	if (pid == 0) {
		(void)bmx_command_run(&command, &result, NULL);
		_exit(0);
	}
	fd = open(fifo, O_RDONLY);
	assert_true(fd >= 0);
	read_numbers(fd, numbers);
	(void)close(fd);
	(void)unlink(fifo);
	assert_false(is_gone(numbers[0]));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_gone_soon(numbers[0]);
	assert_gone_soon(numbers[1]);
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0]) + 4];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tests[count++] = (struct CMUnitTest){
			cases[i].name,
			cases[i].said ? test_run : test_long_said, NULL, NULL,
			&cases[i]};
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_not_there);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_environment);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_group);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_killed);
	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
