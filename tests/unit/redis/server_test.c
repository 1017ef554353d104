#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/redis/password.h"
#include "lib/redis/server.h"

struct server_case {
	const char *name;
	const char *text;
	const char *want; /* as shown; or "!CODE" */
};

/* clang-format off */
static struct server_case cases[] = {
	{"a unix socket",           "unix:/run/redis.sock",      "unix:/run/redis.sock"},
	{"a relative path",         "unix:redis.sock",           "!syntax"},
	{"a host and a port",       "redis.example.test:6380",   "redis.example.test:6380"},
	{"as Postfix writes it",    "inet:redis.example.test:1", "redis.example.test:1"},
	{"a host alone",            "redis.example.test",        "redis.example.test:6379"},
	{"an IPv4 address",         "192.0.2.1:1234",            "192.0.2.1:1234"},
	{"an IPv6 address",         "[2001:db8::1]:1234",        "[2001:db8::1]:1234"},
	{"that without a port",     "[2001:db8::1]",             "[2001:db8::1]:6379"},
	{"that without brackets",   "2001:db8::1",               "!syntax"},
	{"a redis URL",             "redis://r.example.test:1",  "r.example.test:1"},
	{"a redis URL with slash",  "redis://r.example.test/",   "r.example.test:6379"},
	{"a URL with TLS",          "rediss://r.example.test:1", "rediss://r.example.test:1"},
	{"TLS, IPv6",               "rediss://[2001:db8::1]",    "rediss://[2001:db8::1]:6379"},
	{"a password in the URL",   "rediss://u:p@r.example:1",  "!syntax"},
	{"a database in the URL",   "redis://r.example.test/3",  "!syntax"},
	{"another scheme",          "http://r.example.test",     "!syntax"},
	{"nothing",                 "",                          "!syntax"},
	{"a scheme alone",          "rediss://",                 "!syntax"},
	{"a port alone",            ":6379",                     "!syntax"},
	{"port 0",                  "r.example.test:0",          "!range"},
	{"port 65535",              "r.example.test:65535",      "r.example.test:65535"},
	{"port 65536",              "r.example.test:65536",      "!range"},
	{"a space in it",           "r example.test",            "!syntax"},
};
/* clang-format on */

static void
test_server(void **state)
{
	const struct server_case *tc = *state;
	struct bmx_redis_server server;
	struct bmx_error err;
	struct bmx_text text;
	char got[400];

	bmx_text_init(&text, got, sizeof(got));
	if (bmx_redis_server_parse(bmx_slice_of(tc->text), BMX_REDIS_PORT,
	                           &server, &err) == 0)
		bmx_redis_server_append(&text, &server);
	else
		bmx_text_printf(&text, "!%s", bmx_error_code_name(err.code));
	assert_string_equal(got, tc->want);
}

static void
test_told(void **state)
{
	struct bmx_redis_server server, other;
	struct bmx_text text;
	char got[400];

	(void)state;
	bmx_text_init(&text, got, sizeof(got));
	assert_int_equal(
		bmx_redis_server_from(BMX_SLICE("::1"), 7, true, &server), 0);
	bmx_redis_server_append(&text, &server);
	assert_string_equal(got, "rediss://[::1]:7");
	assert_int_equal(
		bmx_redis_server_from(BMX_SLICE("::1"), 7, false, &other), 0);
	assert_false(bmx_redis_server_equal(&server, &other));
	assert_int_equal(
		bmx_redis_server_from(BMX_SLICE("::1"), 7, true, &other), 0);
	assert_true(bmx_redis_server_equal(&server, &other));
	assert_int_equal(bmx_redis_server_from(BMX_SLICE(""), 7, true, &other),
	                 -1);
	assert_int_equal(bmx_redis_server_from(BMX_SLICE("a"), 0, true, &other),
	                 -1);
	assert_int_equal(
		bmx_redis_server_from(BMX_SLICE("a"), 65536, true, &other), -1);
	assert_int_equal(
		bmx_redis_server_from(BMX_SLICE("a\nb"), 1, true, &other), -1);
}

struct password_case {
	const char *name;
	struct bmx_slice content;
	const char *want; /* or "!CODE" */
};

#define OCTETS(literal)                                                        \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}

/* clang-format off */
static struct password_case passwords[] = {
	{"a line",               OCTETS("secret word\n"), "secret word"},
	{"no line end",          OCTETS("secret"),        "secret"},
	{"a DOS line end",       OCTETS("secret\r\n"),    "secret"},
	{"only the first line",  OCTETS("one\ntwo\n"),    "one"},
	{"an empty file",        OCTETS(""),              "!syntax"},
	{"an empty first line",  OCTETS("\nsecret\n"),    "!syntax"},
	{"a NUL in it",          OCTETS("sec\0ret\n"),    "!syntax"},
};
/* clang-format on */

static void
check_password(const char *path, const char *want)
{
	char got[BMX_REDIS_PASSWORD_MAX];
	struct bmx_error err;

	if (bmx_redis_password_read(path, got, &err) != 0)
		(void)snprintf(got, sizeof(got), "!%s",
		               bmx_error_code_name(err.code));
	assert_string_equal(got, want);
}

static void
test_password(void **state)
{
	const struct password_case *tc = *state;
	char path[] = "/tmp/backupmx-password-XXXXXX";
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, tc->content.data, tc->content.len),
	                 (ssize_t)tc->content.len);
	(void)close(fd);
	check_password(path, tc->want);
	(void)unlink(path);
}

static void
test_password_files(void **state)
{
	static char big[BMX_REDIS_PASSWORD_MAX];
	struct password_case large = {"", {big, sizeof(big)}, "!too-big"};
	char path[] = "/tmp/backupmx-fifo-XXXXXX";
	void *arg = &large;

	(void)state;
	memset(big, 'x', sizeof(big));
	test_password(&arg);
	check_password("", "");
	check_password("/nonexistent/password", "!not-found");
	check_password("/tmp", "!syntax");
	assert_non_null(mkdtemp(path));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_password(path, "!syntax"); /* and it does not wait for a writer */
	(void)unlink(path);
}

#define CASES (sizeof(cases) / sizeof(cases[0]))
#define PASSWORDS (sizeof(passwords) / sizeof(passwords[0]))

int
main(void)
{
	struct CMUnitTest tests[CASES + PASSWORDS + 2] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_password_files),
	};

	for (size_t i = 0; i < CASES; i++) {
		tests[2 + i].name = cases[i].name;
		tests[2 + i].test_func = test_server;
		tests[2 + i].initial_state = &cases[i];
	}
	for (size_t i = 0; i < PASSWORDS; i++) {
		tests[2 + CASES + i].name = passwords[i].name;
		tests[2 + CASES + i].test_func = test_password;
		tests[2 + CASES + i].initial_state = &passwords[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
