#include <backupmx/background.h>

#include <signal.h>
#include <stdbool.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

/* What the process that was started exits with. */
struct start_case {
	const char *name;
	bool ready;
	int child; /* status of the child; < 0: it kills itself by signal */
	int want;
};

static void
serve(const struct start_case *tc)
{
	struct bmx_background background = {.fd = -1};
	struct bmx_error err;

	if (bmx_background_start(&background, &err) != 0)
		_exit(99);
	if (tc->ready)
		bmx_background_ready(&background);
	if (tc->child < 0)
		(void)raise(-tc->child);
	_exit(tc->child);
}

static void
test_start(void **state)
{
	const struct start_case *tc = *state;
	const pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		serve(tc);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), tc->want);
}

static struct start_case cases[] = {
	{"a ready child lets its starter end well", true, 0, 0},
	{"what becomes of it later is not the starter's", true, 3, 0},
	{"a child that ends before gives its status", false, 78, 78},
	{"even when that is 0", false, 0, 0},
	{"a child that is killed is a failure", false, -SIGKILL, 70},
};

static bool
is_null(int fd)
{
	struct stat null, st;

	return stat("/dev/null", &null) == 0 && fstat(fd, &st) == 0 &&
		S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev;
}

/* In a child: it closes what cmocka writes to. */
static int
without_stdio(void)
{
	struct bmx_error err;
	int next;

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		(void)close(fd);
	if (bmx_background_fill_stdio(&err) != 0)
		return 1;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (!is_null(fd))
			return 2;
	next = open("/dev/null", O_RDONLY);
	return next == STDERR_FILENO + 1 ? 0 : 3;
}

static void
test_fill_stdio(void **state)
{
	const pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
			(void)close(fd);
		_exit(without_stdio());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	enum { CASES = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[CASES + 1] = {0};

	for (size_t i = 0; i < CASES; i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_start;
		tests[i].initial_state = &cases[i];
	}
	tests[CASES].name = "closed standard descriptors are filled";
	tests[CASES].test_func = test_fill_stdio;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
