#include <tests/support/cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <backupmx/clock.h>
#include <backupmx/endpoint.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S(literal)                                                             \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}
#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

struct parse_case {
	const char *name;
	struct bmx_slice text;
	enum bmx_error_code want;
	const char *path, *host;
	unsigned port;
	const char *written; /* NULL: as text */
};

/* clang-format off */
static struct parse_case parses[] = {
	{"unix path",              S("unix:/run/a.sock"),      BMX_E_NONE, "/run/a.sock", "", 0, NULL},
	{"unix path of 107",       S("unix:/xxxxxx" X100),     BMX_E_NONE, "/xxxxxx" X100, "", 0, NULL},
	{"IPv4 address",           S("inet:127.0.0.1:9517"),   BMX_E_NONE, "", "127.0.0.1", 9517, NULL},
	{"host name",              S("inet:mx_1.example:1"),   BMX_E_NONE, "", "mx_1.example", 1, NULL},
	{"highest port",           S("inet:localhost:65535"),  BMX_E_NONE, "", "localhost", 65535, NULL},
	{"IPv6 address",           S("inet:[::1]:25"),         BMX_E_NONE, "", "::1", 25, NULL},
	{"IPv6 address with zone", S("inet:[fe80::1%lo]:25"),  BMX_E_NONE, "", "fe80::1%lo", 25, NULL},
	{"IPv4 in brackets",       S("inet:[127.0.0.1]:25"),   BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"any host",               S("inet::9517"),            BMX_E_NONE, "", "", 9517, NULL},
	{"port with zeros",        S("inet:a:0025"),           BMX_E_NONE, "", "a", 25, "inet:a:25"},
	{"nothing",                S(""),                      BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"no scheme",              S("/run/a.sock"),           BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"unknown scheme",         S("tcp:a:1"),               BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"relative path",          S("unix:run/a.sock"),       BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"no path",                S("unix:"),                 BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"root directory",         S("unix:/"),                BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"directory",              S("unix:/run/"),            BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"path with newline",      S("unix:/run/a\n"),         BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"path with NUL",          S("unix:/run/a\0b"),        BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"path of 108",            S("unix:/xxxxxxx" X100),    BMX_E_TOO_BIG, NULL, NULL, 0, NULL},
	{"port alone",             S("inet:9517"),             BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"no port",                S("inet:localhost:"),       BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"port by name",           S("inet:localhost:smtp"),   BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"port with sign",         S("inet:localhost:+25"),    BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"port 0",                 S("inet:localhost:0"),      BMX_E_RANGE, NULL, NULL, 0, NULL},
	{"port 65536",             S("inet:localhost:65536"),  BMX_E_RANGE, NULL, NULL, 0, NULL},
	{"port far too large",     S("inet:a:99999999999999999999"), BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"IPv6 without brackets",  S("inet:::1:25"),           BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"bracket left open",      S("inet:[::1:25"),          BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"empty brackets",         S("inet:[]:25"),            BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"host with blank",        S("inet:a b:25"),           BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"host with NUL",          S("inet:a\0:25"),           BMX_E_SYNTAX, NULL, NULL, 0, NULL},
	{"host of 256",            S("inet:xxxxxx" X100 X100 X10 X10 X10 X10 X10 ":25"), BMX_E_TOO_BIG, NULL, NULL, 0, NULL},
};
/* clang-format on */

static const struct bmx_endpoint_owner owner = {
	.mode = 0660, .group = "", .uid = (uid_t)-1};

static void
test_parse(void **state)
{
	const struct parse_case *tc = *state;
	struct bmx_endpoint got;
	struct bmx_error err = {0};
	struct bmx_text text;
	char written[512];
	const int rc = bmx_endpoint_parse(tc->text, &got, &err);

	assert_int_equal(err.code, tc->want);
	assert_int_equal(rc, tc->want == BMX_E_NONE ? 0 : -1);
	if (rc != 0) {
		assert_true(strlen(err.text) > 0);
		return;
	}
	assert_string_equal(got.path, tc->path);
	assert_string_equal(got.host, tc->host);
	assert_int_equal(got.port, tc->port);
	bmx_text_init(&text, written, sizeof(written));
	bmx_endpoint_append(&text, &got);
	assert_string_equal(written, tc->written ? tc->written : tc->text.data);
}

/* A directory of its own for each test, and an endpoint in it. */
struct place {
	char dir[64];
	struct bmx_endpoint endpoint;
};

static int
set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	(void)snprintf(place->dir, sizeof(place->dir),
	               "/tmp/bmx-endpoint.XXXXXX");
	if (!mkdtemp(place->dir)) {
		free(place);
		return -1;
	}
	place->endpoint.kind = BMX_ENDPOINT_UNIX;
	(void)snprintf(place->endpoint.path, sizeof(place->endpoint.path),
	               "%s/sock", place->dir);
	*state = place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;

	(void)unlink(place->endpoint.path);
	/* Not empty when a test left a temporary name: that fails here. */
	const int rc = rmdir(place->dir);
	free(place);
	return rc;
}

static void
assert_listens(int fd)
{
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void
test_unix_listen(void **state)
{
	struct place *place = *state;
	struct bmx_error err = {0};
	struct stat st;
	const int fd = bmx_endpoint_listen(&place->endpoint, &owner, &err);
	int peer;

	assert_listens(fd);
	assert_int_equal(lstat(place->endpoint.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	peer = bmx_endpoint_connect(&place->endpoint, 1000, &err);
	assert_true(peer >= 0);
	assert_false(fcntl(peer, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(peer, F_GETFD) & FD_CLOEXEC);
	(void)close(peer);
	(void)close(fd);
	bmx_endpoint_unlink(&place->endpoint);
	assert_int_equal(lstat(place->endpoint.path, &st), -1);
}

static void
test_unix_busy(void **state)
{
	struct place *place = *state;
	struct bmx_error err = {0};
	const int fd = bmx_endpoint_listen(&place->endpoint, &owner, &err);
	int peer;

	assert_listens(fd);
	assert_int_equal(bmx_endpoint_listen(&place->endpoint, &owner, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_BUSY);
	assert_non_null(strstr(err.text, place->endpoint.path));
	/* The running server still has its path. */
	peer = bmx_endpoint_connect(&place->endpoint, 1000, &err);
	assert_true(peer >= 0);
	(void)close(peer);
	(void)close(fd);
}

static void
test_unix_stale(void **state)
{
	struct place *place = *state;
	struct bmx_error err = {0};
	int fd = bmx_endpoint_listen(&place->endpoint, &owner, &err);

	assert_listens(fd);
	(void)close(fd); /* as a killed server leaves it */
	fd = bmx_endpoint_listen(&place->endpoint, &owner, &err);
	assert_listens(fd);
	(void)close(fd);
}

static void
test_unix_no_socket(void **state)
{
	struct place *place = *state;
	struct bmx_error err = {0};
	struct stat st;
	FILE *file = fopen(place->endpoint.path, "w");

	assert_non_null(file);
	(void)fclose(file);
	assert_int_equal(bmx_endpoint_listen(&place->endpoint, &owner, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_REFUSED);
	bmx_endpoint_unlink(&place->endpoint);
	assert_int_equal(lstat(place->endpoint.path, &st), 0);
}

static void
test_unix_no_directory(void **state)
{
	struct place *place = *state;
	struct bmx_endpoint missing = {.kind = BMX_ENDPOINT_UNIX};
	struct bmx_error err = {0};

	(void)snprintf(missing.path, sizeof(missing.path), "%s/no/sock",
	               place->dir);
	assert_int_equal(bmx_endpoint_listen(&missing, &owner, &err), -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_non_null(strstr(err.text,
	                       "install -d -o backupmx -g postfix "
	                       "-m 2750 /tmp/bmx-endpoint."));
}

static void
test_unix_no_group(void **state)
{
	struct place *place = *state;
	const struct bmx_endpoint_owner lost = {
		.mode = 0660, .group = "no-such-group", .uid = (uid_t)-1};
	struct bmx_error err = {0};

	assert_int_equal(bmx_endpoint_listen(&place->endpoint, &lost, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_non_null(strstr(err.text, "\"no-such-group\""));
}

static void
test_unix_long_directory(void **state)
{
	struct bmx_endpoint deep = {.kind = BMX_ENDPOINT_UNIX};
	struct bmx_error err = {0};

	(void)state;
	(void)snprintf(deep.path, sizeof(deep.path), "/%s/xxx/x", X100);
	assert_int_equal(bmx_endpoint_listen(&deep, &owner, &err), -1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
}

static void
test_unix_nobody(void **state)
{
	struct place *place = *state;
	struct bmx_error err = {0};
	int fd;

	assert_int_equal(bmx_endpoint_connect(&place->endpoint, 100, &err), -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	fd = bmx_endpoint_listen(&place->endpoint, &owner, &err);
	assert_listens(fd);
	(void)close(fd);
	assert_int_equal(bmx_endpoint_connect(&place->endpoint, 100, &err), -1);
	assert_int_equal(err.code, BMX_E_IO);
}

/* A server whose queue is full must not hold a command up. */
static void
test_unix_timeout(void **state)
{
	struct place *place = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct bmx_error err = {0};
	const int64_t from = bmx_clock_mono_ms(bmx_clock_system());
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), peers[16], count = 0;

	memcpy(address.sun_path, place->endpoint.path,
	       sizeof(address.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
	                 0);
	assert_int_equal(listen(fd, 1), 0);
	while (count < 16) {
		peers[count] = bmx_endpoint_connect(&place->endpoint, 30, &err);
		if (peers[count] < 0)
			break;
		count++;
	}
	assert_true(count < 16);
	assert_int_equal(err.code, BMX_E_TIMEOUT);
	assert_true(bmx_clock_mono_ms(bmx_clock_system()) - from >= 30);
	/* It is busy, not stale. */
	assert_int_equal(bmx_endpoint_listen(&place->endpoint, &owner, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_BUSY);
	while (count > 0)
		(void)close(peers[--count]);
	(void)close(fd);
}

/* A port that is free now. */
static uint16_t
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
	                 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

struct inet_case {
	const char *name;
	const char *host;
	const char *connect;
};

static struct inet_case inets[] = {
	{"listen on an IPv4 address", "127.0.0.1", "127.0.0.1"},
	{"listen on a name", "localhost", "localhost"},
	{"listen on any address", "", "127.0.0.1"},
};

static void
test_inet(void **state)
{
	const struct inet_case *tc = *state;
	struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_INET,
	                                .port = free_port()};
	struct bmx_error err = {0};
	int fd, peer;

	memcpy(endpoint.host, tc->host, strlen(tc->host));
	fd = bmx_endpoint_listen(&endpoint, &owner, &err);
	assert_listens(fd);
	assert_int_equal(bmx_endpoint_listen(&endpoint, &owner, &err), -1);
	assert_int_equal(err.code, BMX_E_BUSY);
	memcpy(endpoint.host, tc->connect, strlen(tc->connect) + 1);
	peer = bmx_endpoint_connect(&endpoint, 1000, &err);
	assert_true(peer >= 0);
	assert_false(fcntl(peer, F_GETFL) & O_NONBLOCK);
	(void)close(peer);
	(void)close(fd);
	assert_int_equal(bmx_endpoint_connect(&endpoint, 1000, &err), -1);
	assert_int_equal(err.code, BMX_E_IO);
	assert_non_null(strstr(err.text, "is the daemon running?"));
}

static void
test_inet_foreign(void **state)
{
	const struct bmx_endpoint foreign = {
		.kind = BMX_ENDPOINT_INET, .host = "192.0.2.1", .port = 9517};
	struct bmx_error err = {0};

	(void)state;
	assert_int_equal(bmx_endpoint_listen(&foreign, &owner, &err), -1);
	assert_int_equal(err.code, BMX_E_IO);
	assert_non_null(strstr(err.text, "inet:192.0.2.1:9517"));
}

#define IN_PLACE(function)                                                     \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	struct CMUnitTest tests[32 + COUNT(parses) + COUNT(inets)] = {
		IN_PLACE(test_unix_listen),
		IN_PLACE(test_unix_busy),
		IN_PLACE(test_unix_stale),
		IN_PLACE(test_unix_no_socket),
		IN_PLACE(test_unix_no_directory),
		IN_PLACE(test_unix_no_group),
		IN_PLACE(test_unix_nobody),
		IN_PLACE(test_unix_timeout),
		cmocka_unit_test(test_unix_long_directory),
		cmocka_unit_test(test_inet_foreign)};
	size_t count = 10;

	for (size_t i = 0; i < COUNT(parses); i++)
		tests[count++] =
			(struct CMUnitTest){.name = parses[i].name,
		                            .test_func = test_parse,
		                            .initial_state = &parses[i]};
	for (size_t i = 0; i < COUNT(inets); i++)
		tests[count++] =
			(struct CMUnitTest){.name = inets[i].name,
		                            .test_func = test_inet,
		                            .initial_state = &inets[i]};
	/* cmocka skips the rows that are left empty. */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
