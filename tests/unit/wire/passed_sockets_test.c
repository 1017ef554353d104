#include <tests/support/cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <backupmx/passed_sockets.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Replaced by the path of the bench, or by the port the kernel gave. */
#define PATH "unix:PATH"

/* What is passed. */
enum made {
	MADE_UNIX,     /* at PATH */
	MADE_UNBOUND,  /* a stream socket without a name */
	MADE_IDLE,     /* at PATH, but nobody listens */
	MADE_DATAGRAM, /* at PATH */
	MADE_PACKETS,  /* at PATH, listening, but no stream */
	MADE_V4,       /* 127.0.210.9 */
	MADE_V4_ANY,
	MADE_V6, /* ::1 */
	MADE_V6_ANY,
	MADE_FILE, /* no socket at all */
};

struct match_case {
	const char *name;
	enum made made;
	const char *endpoint; /* %u: the port */
	bool want;
};

/* clang-format off */
static struct match_case matches[] = {
	{"a path",                      MADE_UNIX,     PATH, true},
	{"another path",                MADE_UNIX,     "unix:/nowhere/else", false},
	{"a longer path",               MADE_UNIX,     PATH "x", false},
	{"no name",                     MADE_UNBOUND,  PATH, false},
	{"a path, not listening",       MADE_IDLE,     PATH, false},
	{"a path, datagrams",           MADE_DATAGRAM, PATH, false},
	{"a path, packets",             MADE_PACKETS,  PATH, false},
	{"a path for an address",       MADE_UNIX,     "inet:127.0.210.9:9", false},
	{"a path for any address",      MADE_UNIX,     "inet::9", false},
	{"an address",                  MADE_V4,       "inet:127.0.210.9:%u", true},
	{"an address for a path",       MADE_V4,       PATH, false},
	{"another address",             MADE_V4,       "inet:127.0.210.8:%u", false},
	{"another port",                MADE_V4,       "inet:127.0.210.9:1", false},
	{"an address for any",          MADE_V4,       "inet::%u", false},
	{"any address",                 MADE_V4_ANY,   "inet::%u", true},
	{"any address, another port",   MADE_V4_ANY,   "inet::1", false},
	{"any address for one",         MADE_V4_ANY,   "inet:127.0.210.9:%u", false},
	{"an IPv6 address",             MADE_V6,       "inet:[::1]:%u", true},
	{"another IPv6 address",        MADE_V6,       "inet:[::2]:%u", false},
	{"an IPv6 address for any",     MADE_V6,       "inet::%u", false},
	{"any IPv6 address",            MADE_V6_ANY,   "inet::%u", true},
	{"no socket",                   MADE_FILE,     PATH, false},
};
/* clang-format on */

static char path[] = "/tmp/bmx-passed-XXXXXX";

static int
make_unix(int type, bool bound, bool listening)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, type, 0);

	memcpy(name.sun_path, path, sizeof(path));
	if (bound)
		assert_int_equal(
			bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	if (listening)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int
make_inet(const char *address)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in name = {.sin_family = AF_INET};

	assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* -1 where the host has no IPv6. */
static int
make_inet6(struct in6_addr address)
{
	const int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 name = {.sin6_family = AF_INET6,
	                            .sin6_addr = address};

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) != 0) {
		(void)close(fd);
		return -1;
	}
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int
make(enum made made)
{
	switch (made) {
	case MADE_UNIX:
		return make_unix(SOCK_STREAM, true, true);
	case MADE_UNBOUND:
		return make_unix(SOCK_STREAM, false, false);
	case MADE_IDLE:
		return make_unix(SOCK_STREAM, true, false);
	case MADE_DATAGRAM:
		return make_unix(SOCK_DGRAM, true, false);
	case MADE_PACKETS:
		return make_unix(SOCK_SEQPACKET, true, true);
	case MADE_V4:
		return make_inet("127.0.210.9");
	case MADE_V4_ANY:
		return make_inet("0.0.0.0");
	case MADE_V6:
		return make_inet6(in6addr_loopback);
	case MADE_V6_ANY:
		return make_inet6(in6addr_any);
	case MADE_FILE:
		return open("/dev/null", O_RDONLY);
	}
	return -1;
}

static unsigned
port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} name = {.local = {.sun_family = AF_UNSPEC}};
	socklen_t len = sizeof(name);

	if (getsockname(fd, &name.any, &len) != 0)
		return 0;
	if (name.any.sa_family == AF_INET)
		return ntohs(name.v4.sin_port);
	return name.any.sa_family == AF_INET6 ? ntohs(name.v6.sin6_port) : 0;
}

static struct bmx_endpoint
endpoint_of(const char *form, int fd)
{
	const char *port = strstr(form, "%u");
	struct bmx_endpoint endpoint;
	struct bmx_text text;
	char buffer[128];

	bmx_text_init(&text, buffer, sizeof(buffer));
	if (strncmp(form, PATH, sizeof(PATH) - 1) == 0)
		bmx_text_printf(&text, "unix:%s%s", path,
		                form + sizeof(PATH) - 1);
	else if (port)
		bmx_text_printf(&text, "%.*s%u", (int)(port - form), form,
		                port_of(fd));
	else
		bmx_text_append_string(&text, form);
	assert_int_equal(
		bmx_endpoint_parse(bmx_text_slice(&text), &endpoint, NULL), 0);
	return endpoint;
}

static int
setup(void **state)
{
	const int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	return unlink(path);
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	memcpy(path, "/tmp/bmx-passed-XXXXXX", sizeof(path));
	return 0;
}

static void
test_match(void **state)
{
	const struct match_case *tc = *state;
	struct bmx_passed_sockets passed = {.count = 1};
	struct bmx_endpoint endpoint;
	int fd;

	(void)setup(NULL);
	passed.fds[0] = make(tc->made);
	if (passed.fds[0] < 0)
		skip();
	endpoint = endpoint_of(tc->endpoint, passed.fds[0]);
	fd = bmx_passed_take(&passed, &endpoint);
	assert_int_equal(passed.count, tc->want ? 0 : 1);
	if (tc->want) {
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		(void)close(fd);
	} else {
		assert_int_equal(fd, -1);
		(void)close(passed.fds[0]);
	}
	(void)teardown(NULL);
}

/* The others keep their order, and each is named once. */
static void
test_drop(void **state)
{
	struct bmx_passed_sockets passed = {.count = 4};
	struct bmx_endpoint endpoint;
	struct bmx_text text;
	char name[256], want[256];

	(void)state;
	passed.fds[0] = make(MADE_UNIX);
	passed.fds[1] = make(MADE_V4);
	passed.fds[2] = make(MADE_UNBOUND);
	passed.fds[3] = make(MADE_V4_ANY);
	(void)snprintf(want, sizeof(want),
	               "unix:%s|descriptor %d, no stream socket that "
	               "listens|inet:0.0.0.0:%u|",
	               path, passed.fds[2], port_of(passed.fds[3]));
	endpoint = endpoint_of("inet:127.0.210.9:%u", passed.fds[1]);
	(void)close(bmx_passed_take(&passed, &endpoint));
	bmx_text_init(&text, name, sizeof(name));
	while (bmx_passed_drop(&passed, &text))
		bmx_text_append_char(&text, '|');
	assert_string_equal(name, want);
	assert_int_equal(passed.count, 0);
}

/* A path of the field's whole length has no zero octet at its end. */
static void
test_longest_path(void **state)
{
	struct bmx_passed_sockets passed = {.count = 1};
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char whole[sizeof(name.sun_path) + 1] = {0};

	(void)state;
	memset(name.sun_path, 'x', sizeof(name.sun_path));
	memcpy(name.sun_path, "/tmp/", 5);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) != 0)
		skip();
	assert_int_equal(listen(fd, 8), 0);
	passed.fds[0] = fd;
	memcpy(endpoint.path, name.sun_path, sizeof(endpoint.path) - 1);
	assert_int_equal(bmx_passed_take(&passed, &endpoint), -1);
	(void)close(fd);
	memcpy(whole, name.sun_path, sizeof(name.sun_path));
	assert_int_equal(unlink(whole), 0);
}

struct find_case {
	const char *name;
	const char *fds; /* LISTEN_FDS; NULL: not set */
	bool ours;       /* LISTEN_PID is this process */
	enum bmx_error_code want;
	size_t want_count;
};

/* clang-format off */
static struct find_case finds[] = {
	{"nothing in the environment",  NULL,       true,  BMX_E_NONE,    0},
	{"one",                         "1",        true,  BMX_E_NONE,    1},
	{"for another process",         "1",        false, BMX_E_NONE,    0},
	{"none",                        "0",        true,  BMX_E_SYNTAX,  0},
	{"no number",                   "x",        true,  BMX_E_SYNTAX,  0},
	{"negative",                    "-1",       true,  BMX_E_SYNTAX,  0},
	{"more than are open",          "900",      true,  BMX_E_SYNTAX,  0},
	{"more than an int",            "99999999999", true, BMX_E_SYNTAX, 0},
	{"more than are taken",         "33",       true,  BMX_E_TOO_BIG, 0},
};
/* clang-format on */

/* Descriptor 3 and up, as many as the largest case that is not an error. */
static void
fill_descriptors(void)
{
	for (int fd = 3; fd < 3 + 33; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			assert_int_equal(dup2(STDERR_FILENO, fd), fd);
}

static void
test_find(void **state)
{
	const struct find_case *tc = *state;
	struct bmx_passed_sockets passed;
	struct bmx_error err = {.code = BMX_E_NONE};
	char pid[16];
	int rc;

	fill_descriptors();
	(void)snprintf(pid, sizeof(pid), "%ld",
	               (long)(tc->ours ? getpid() : getppid()));
	(void)setenv("LISTEN_PID", pid, 1);
	if (tc->fds)
		(void)setenv("LISTEN_FDS", tc->fds, 1);
	else
		(void)unsetenv("LISTEN_FDS");
	rc = bmx_passed_find(&passed, &err);
	assert_int_equal(err.code, tc->want);
	assert_int_equal(rc, tc->want == BMX_E_NONE ? 0 : -1);
	assert_int_equal(passed.count, tc->want_count);
	assert_null(getenv("LISTEN_FDS"));
	if (tc->want_count > 0) {
		assert_int_equal(passed.fds[0], 3);
		assert_true(fcntl(3, F_GETFD) & FD_CLOEXEC);
	}
}

#define FIXED 2

int
main(void)
{
	struct CMUnitTest tests[FIXED + COUNT(matches) + COUNT(finds)] = {0};
	size_t count = 0;

	tests[count++] = (struct CMUnitTest){"what is left is named", test_drop,
	                                     setup, teardown, NULL};
	tests[count++] = (struct CMUnitTest){
		"a name without an end", test_longest_path, NULL, NULL, NULL};
	for (size_t i = 0; i < COUNT(matches); i++)
		tests[count++] = (struct CMUnitTest){
			matches[i].name, test_match, NULL, NULL, &matches[i]};
	/* Last: they take descriptors for good. */
	for (size_t i = 0; i < COUNT(finds); i++)
		tests[count++] = (struct CMUnitTest){finds[i].name, test_find,
		                                     NULL, NULL, &finds[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
