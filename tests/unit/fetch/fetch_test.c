/* Which sources there are, what they are called, and what programs bring. */
#include "tests/support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <backupmx/list_fetch.h>

#include "lib/fetch/fetch_priv.h"

#define NOBODY 65534

/* ---- what a source looks like ------------------------------------- */

struct check_case {
	const char *name;
	const char *source;
	const char *want; /* of what was expected a part; NULL: it is good */
};

/* clang-format off */
static struct check_case checks[] = {
	{"https", "https://h.test/list", NULL},
	{"https with all there is", "https://[2001:db8::1]:8443/a%20b?c=d&e", NULL},
	{"https, nothing but a host", "https://h.test", NULL},
	{"https without a host", "https:///list", "a host"},
	{"https with a user", "https://u@h.test/l", "fetch.username"},
	{"https with a password", "https://u:p@h.test/l", "no password"},
	{"https with a blank", "https://h.test/a b", "printable ASCII"},
	{"https with a line feed", "https://h.test/a\nb", "printable ASCII"},
	{"https in UTF-8", "https://h.test/\xc3\xbc", "printable ASCII"},
	{"https with a fragment", "https://h.test/l#x", "#fragment"},
	{"http", "http://h.test/l", "without TLS"},
	{"ftp", "ftp://h.test/l", "sftp://"},
	{"a scheme in capitals", "HTTPS://h.test/l", "https://"},
	{"an unknown scheme", "gopher://h.test/l", "https://"},
	{"nothing", "", "https://"},
	{"sftp", "sftp://h.test/l", NULL},
	{"sftp with a user and a port", "sftp://u@h.test:2222/a/l", NULL},
	{"sftp with a password", "sftp://u:p@h.test/l", "no password"},
	{"sftp of a folder", "sftp://h.test/a/", "path of a file"},
	{"sftp without a path", "sftp://h.test", "path of a file"},
	{"sftp with an empty user", "sftp://@h.test/l", "a host"},
	{"sftp with nothing but a user", "sftp://u@/l", "a host"},
	{"exec", "exec:/bin/list a 'b c'", NULL},
	{"exec of a name", "exec:list", "absolute path"},
	{"exec of nothing", "exec:", "absolute path"},
	{"exec with a pipe", "exec:/bin/list | sort", "no shell"},
};
/* clang-format on */

static void
test_check(void **state)
{
	const struct check_case *tc = *state;
	const char *expected = bmx_list_fetch_check(tc->source);

	if (!tc->want) {
		assert_null(expected);
		return;
	}
	assert_non_null(expected);
	assert_non_null(strstr(expected, tc->want));
}

/* ---- what it is called -------------------------------------------- */

struct name_case {
	const char *name;
	const char *source;
	const char *want;
};

static struct name_case names[] = {
	{"a file is called as it is", "file:/a b?c", "file:/a b?c"},
	{"a URL without its query", "https://h.test/l?token=x",
         "https://h.test/l"},
	{"a URL with an at sign in its path", "https://h.test/a@b:c",
         "https://h.test/a@b:c"},
	{"a URL with a password, which is refused", "https://u:p@h.test/l",
         "https://u@h.test/l"},
	{"a URL with a password and an at sign in it", "sftp://u:p@q@h.test/l",
         "sftp://u@h.test/l"},
	{"a URL with a user", "sftp://u@h.test/l", "sftp://u@h.test/l"},
	{"a program without its arguments", "exec:/bin/l -p secret",
         "exec:/bin/l"},
	{"a line feed", "exec:/bin/l\nx", "exec:/bin/l?x"},
	{"no scheme", "x", "x"},
};

static void
test_name(void **state)
{
	const struct name_case *tc = *state;
	char buffer[BMX_LIST_FETCH_NAME_MAX];

	assert_string_equal(bmx_list_fetch_name(tc->source, buffer), tc->want);
}

static void
test_long_name(void **state)
{
	char source[3000], buffer[BMX_LIST_FETCH_NAME_MAX];

	(void)state;
	memset(source, 'x', sizeof(source) - 1);
	source[sizeof(source) - 1] = '\0';
	memcpy(source, "sftp://", 7);
	source[1000] = '@';
	assert_true(strlen(bmx_list_fetch_name(source, buffer)) <
	            sizeof(buffer));
	memcpy(source, "exec:/x", 7);
	assert_true(strlen(bmx_list_fetch_name(source, buffer)) <
	            sizeof(buffer));
}

/* ---- what programs bring ------------------------------------------ */

static struct bmx_config_fetch
settings_of(int64_t timeout_ms)
{
	return (struct bmx_config_fetch){
		.timeout_ms = timeout_ms,
		.max_size = 1024,
		.username = "",
		.password_file = "",
		.token_file = "",
		.tls_ca_file = "",
		.tls_cert_file = "",
		.tls_key_file = "",
		.ssh_key_file = "",
		.ssh_known_hosts_file = "",
		.page_size = 500,
	};
}

struct exec_case {
	const char *name;
	const char *source;
	enum bmx_error_code want;
	const char *text; /* of the list, or of the error a part */
	int64_t timeout_ms;
};

/* clang-format off */
static struct exec_case execs[] = {
	{"good", "exec:/bin/echo a@b.test", BMX_E_NONE, "a@b.test\n", 0},
	{"empty is for the guards", "exec:/bin/true", BMX_E_NONE, "", 0},
	{"it is told the domain", "exec:/bin/sh -c 'echo $BACKUPMX_DOMAIN'", BMX_E_NONE, "a.test\n", 0},
	{"and little else", "exec:/usr/bin/env", BMX_E_NONE, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C.UTF-8\nBACKUPMX_DOMAIN=a.test\n", 0},
	{"exit 1", "exec:/bin/sh -c 'echo a@b.test; echo no database >&2; exit 1'", BMX_E_IO, "exec:/bin/sh: ended with status 1: no database", 0},
	{"exit 75 without a word", "exec:/bin/sh -c 'exit 75'", BMX_E_IO, "ended with status 75", 0},
	{"killed", "exec:/bin/sh -c 'echo a@b.test; kill -9 $$'", BMX_E_IO, "ended by signal 9", 0},
	{"exit 192, which is the last signal's", "exec:/bin/sh -c 'exit 192'", BMX_E_IO, "ended by signal 64", 0},
	{"exit 193 is no signal's", "exec:/bin/sh -c 'exit 193'", BMX_E_IO, "ended with status 193", 0},
	{"exit 255, as ssh does", "exec:/bin/sh -c 'echo no route to host >&2; exit 255'", BMX_E_IO, "ended with status 255: no route to host", 0},
	{"hangs", "exec:/bin/sh -c 'echo a@b.test; exec sleep 60'", BMX_E_TIMEOUT, "did not end", 200},
	{"too much", "exec:/bin/sh -c 'while :; do echo a@b.test; done'", BMX_E_TOO_BIG, "1024", 0},
	{"as much as there may be", "exec:/usr/bin/printf '%1023s\\n' a", BMX_E_NONE, NULL, 0},
	{"one more", "exec:/usr/bin/printf '%1024s\\n' a", BMX_E_TOO_BIG, "1024", 0},
	{"no line feed at the end", "exec:/usr/bin/printf 'a@b.test\\nc@b.te'", BMX_E_SYNTAX, "no line feed", 0},
	{"no such program", "exec:/nonexistent/list", BMX_E_NOT_FOUND, "/nonexistent/list", 0},
	{"not to be executed", "exec:/etc/passwd", BMX_E_PERMISSION, "/etc/passwd", 0},
	{"a folder", "exec:/etc", BMX_E_PERMISSION, "/etc", 0},
	{"not a source", "exec:list", BMX_E_USAGE, "absolute path", 0},
	{"http", "http://127.0.0.1:1/", BMX_E_USAGE, "https://: ", 0},
};
/* clang-format on */

static void
fetch_row(const struct exec_case *tc)
{
	const struct bmx_config_fetch settings =
		settings_of(tc->timeout_ms ? tc->timeout_ms : 20000);
	const struct bmx_list_fetch fetch = {.source = tc->source,
	                                     .domain = "a.test",
	                                     .settings = &settings};
	struct bmx_list_fetched got;
	struct bmx_error err = {0};

	(void)bmx_list_fetch(&fetch, &got, &err);
	if (err.code != tc->want)
		print_message("%s\n", err.text);
	assert_int_equal(err.code, tc->want);
	if (tc->want == BMX_E_NONE && tc->text) {
		assert_int_equal(got.len, strlen(tc->text));
		assert_true(got.len == 0 ||
		            memcmp(got.data, tc->text, got.len) == 0);
	} else if (tc->want != BMX_E_NONE) {
		assert_null(got.data);
		assert_non_null(strstr(err.text, tc->text));
	}
	bmx_list_fetched_clear(&got);
}

/* Programs are not run as root: in a child that is not. */
static void
test_exec(void **state)
{
	const struct exec_case *tc = *state;
	int status = 0;
	pid_t pid;

	if (geteuid() != 0) {
		fetch_row(tc);
		return;
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setuid(NOBODY) != 0)
			_exit(3);
		fetch_row(tc);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_root(void **state)
{
	const struct bmx_config_fetch settings = settings_of(1000);
	const struct bmx_list_fetch fetch = {.source = "exec:/bin/true",
	                                     .domain = "a.test",
	                                     .settings = &settings};
	struct bmx_list_fetched got;
	struct bmx_error err;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(bmx_list_fetch(&fetch, &got, &err), -1);
	assert_int_equal(err.code, BMX_E_PERMISSION);
	assert_non_null(strstr(err.text, "not run as root"));
}

/* ---- secrets ------------------------------------------------------- */

struct secret_case {
	const char *name;
	const char *text; /* of the file */
	size_t len;       /* of it; 0: strlen */
	mode_t mode;
	enum bmx_error_code want;
	const char *secret;
};

static struct secret_case secrets[] = {
	{"a line", "secret\n", 0, 0600, BMX_E_NONE, "secret"},
	{"no line feed", "secret", 0, 0640, BMX_E_NONE, "secret"},
	{"the first of two", "secret\r\nx\n", 0, 0400, BMX_E_NONE, "secret"},
	{"blanks are part of it", " se cret \n", 0, 0600, BMX_E_NONE,
         " se cret "},
	{"others may read it", "secret\n", 0, 0604, BMX_E_PERMISSION, NULL},
	{"others may write it", "secret\n", 0, 0602, BMX_E_PERMISSION, NULL},
	{"empty", "", 0, 0600, BMX_E_SYNTAX, NULL},
	{"an empty first line", "\nx\n", 0, 0600, BMX_E_SYNTAX, NULL},
	{"a NUL", "a\0b\n", 4, 0600, BMX_E_SYNTAX, NULL},
	{"a control character",
         "a\x1b"
         "b\n",
         0, 0600, BMX_E_SYNTAX, NULL},
};

static void
test_secret(void **state)
{
	const struct secret_case *tc = *state;
	const size_t len = tc->len ? tc->len : strlen(tc->text);
	char path[] = "/tmp/bmx-secret-XXXXXX";
	const int fd = mkstemp(path);
	char got[FETCH_SECRET_MAX];
	struct bmx_error err = {0};

	assert_true(fd >= 0);
	assert_int_equal(write(fd, tc->text, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, tc->mode), 0);
	(void)close(fd);
	(void)fetch_secret_read(path, got, &err);
	(void)unlink(path);
	assert_int_equal(err.code, tc->want);
	assert_null(strstr(err.text, "secret\n"));
	if (tc->secret)
		assert_string_equal(got, tc->secret);
}

static void
test_no_secret(void **state)
{
	char got[FETCH_SECRET_MAX], path[] = "/tmp/bmx-secret-XXXXXX";
	struct bmx_error err;

	(void)state;
	assert_int_equal(fetch_secret_read("/nonexistent/x", got, &err), -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_int_equal(fetch_secret_read("/etc", got, &err), -1);
	assert_int_equal(err.code, BMX_E_SYNTAX);
	assert_non_null(mkdtemp(path));
	assert_int_equal(fetch_secret_check(path, &err), -1);
	(void)rmdir(path);
}

/* ---- gathering ----------------------------------------------------- */

static void
test_buffer(void **state)
{
	struct fetch_buffer buffer = {.max = 100000};
	struct bmx_error err;

	(void)state;
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(fetch_buffer_append(&buffer,
		                                     BMX_SLICE("0123456789"),
		                                     &err),
		                 0);
	assert_int_equal(buffer.len, 100000);
	assert_int_equal(fetch_buffer_append(&buffer, BMX_SLICE(""), &err), 0);
	assert_int_equal(fetch_buffer_append(&buffer, BMX_SLICE("x"), &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
	assert_int_equal(buffer.len, 100000);
	fetch_buffer_clear(&buffer);
	assert_null(buffer.data);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ADD_ROWS(table, function)                                              \
	for (size_t i = 0; i < COUNT(table); i++, test++) {                    \
		test->name = (table)[i].name;                                  \
		test->test_func = (function);                                  \
		test->initial_state = &(table)[i];                             \
	}

int
main(void)
{
	struct CMUnitTest tests[4 + COUNT(checks) + COUNT(names) +
	                        COUNT(execs) + COUNT(secrets)] = {
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_no_secret),
		cmocka_unit_test(test_buffer),
	};
	struct CMUnitTest *test = tests + 4;

	ADD_ROWS(checks, test_check)
	ADD_ROWS(names, test_name)
	ADD_ROWS(execs, test_exec)
	ADD_ROWS(secrets, test_secret)
	return cmocka_run_group_tests(tests, NULL, NULL);
}
