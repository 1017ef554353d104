#include <tests/support/cmocka.h>

#include <errno.h>
#include <string.h>

#include <sysexits.h>

#include <backupmx/error.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct errno_case {
	const char *name;
	int errnum;
	enum bmx_error_code want;
	const char *code_name;
	int exit_status;
};

static struct errno_case cases[] = {
	{"no such file", ENOENT, BMX_E_NOT_FOUND, "not-found", EX_NOINPUT},
	{"no directory", ENOTDIR, BMX_E_NOT_FOUND, "not-found", EX_NOINPUT},
	{"no access", EACCES, BMX_E_PERMISSION, "permission", EX_NOPERM},
	{"not allowed", EPERM, BMX_E_PERMISSION, "permission", EX_NOPERM},
	{"disk full", ENOSPC, BMX_E_FULL, "full", EX_IOERR},
	{"quota used up", EDQUOT, BMX_E_FULL, "full", EX_IOERR},
	{"no memory", ENOMEM, BMX_E_NOMEM, "no-memory", EX_OSERR},
	{"address in use", EADDRINUSE, BMX_E_BUSY, "busy", EX_UNAVAILABLE},
	{"timed out", ETIMEDOUT, BMX_E_TIMEOUT, "timeout", EX_TEMPFAIL},
	{"any other", EIO, BMX_E_IO, "io", EX_IOERR},
};

static void
test_errno(void **state)
{
	const struct errno_case *tc = *state;
	struct bmx_error err = {0};

	assert_int_equal(bmx_error_set_errno(&err, tc->errnum, "a\n%s", "b"),
	                 -1);
	assert_int_equal(err.code, tc->want);
	assert_memory_equal(err.text, "a?b: ", 5);
	assert_string_equal(err.text + 5, strerror(tc->errnum));
	assert_string_equal(bmx_error_code_name(err.code), tc->code_name);
	assert_int_equal(bmx_error_exit_status(err.code), tc->exit_status);
}

static void
test_set(void **state)
{
	char longer[2 * BMX_ERROR_TEXT_MAX] = {0};
	struct bmx_error err = {0};

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	assert_int_equal(bmx_error_set(NULL, BMX_E_IO, "nobody asks"), -1);
	assert_int_equal(bmx_error_set_errno(NULL, EIO, "nobody asks"), -1);
	assert_int_equal(bmx_error_set(&err, BMX_E_SYNTAX, "%s", longer), -1);
	assert_int_equal(strlen(err.text), BMX_ERROR_TEXT_MAX - 1);
	assert_int_equal(bmx_error_set_errno(&err, EIO, "%s", longer), -1);
	assert_int_equal(strlen(err.text), BMX_ERROR_TEXT_MAX - 1);
	assert_int_equal(bmx_error_exit_status(BMX_E_NONE), EX_OK);
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(cases) + 1] = {
		cmocka_unit_test(test_set)};

	for (size_t i = 0; i < COUNT(cases); i++)
		tests[i + 1] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_errno,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
