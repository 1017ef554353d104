/* The policy client against a scripted server on a unix socket. */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "milter/policy_client.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* What the server does with one connection: each octet is a step.
 * 'd' DUNNO, 'u' user unknown, 'w' observe's WARN, 'o' OK, 'e' empty action,
 * 'r' rubbish, 'h' half an answer and the end, 's' read and stay silent until
 * the client goes, 'b' an answer octet by octet; the end of the string closes
 * the connection. */
struct server {
	char path[64];
	int listen_fd;
	const char *const *scripts; /* one a connection, NULL ends */
	pthread_t thread;
	int connections;
	char request[4096]; /* the last one */
};

static bool
read_request(int fd, char *request, size_t size)
{
	size_t len = 0;

	request[0] = '\0';
	while (!strstr(request, "\n\n")) {
		const ssize_t got = read(fd, request + len, size - 1 - len);

		if (got <= 0)
			return false;
		len += (size_t)got;
		request[len] = '\0';
	}
	return true;
}

static void
put(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
put_slowly(int fd, const char *text)
{
	for (; *text; text++) {
		(void)send(fd, text, 1, MSG_NOSIGNAL);
		(void)usleep(1000);
	}
}

static void
act(int fd, char step)
{
	char octet;

	switch (step) {
	case 'd':
		put(fd, "action=DUNNO\n\n");
		break;
	case 'u':
		put(fd, "action=550 5.1.1 User unknown\n\n");
		break;
	case 'w':
		put(fd,
		    "action=WARN backupmx would answer: 550 5.1.1 User "
		    "unknown\n\n");
		break;
	case 'o':
		put(fd, "action=OK\n\n");
		break;
	case 'e':
		put(fd, "action=\n\n");
		break;
	case 'r':
		put(fd, "rubbish\n\n");
		break;
	case 'h':
		put(fd, "action=DUN");
		break;
	case 'b':
		put_slowly(fd, "action=DUNNO\n\n");
		break;
	case 's':
		(void)!read(fd, &octet, 1);
		break;
	default:
		break;
	}
}

static void *
run_server(void *ctx)
{
	struct server *server = ctx;

	for (const char *const *script = server->scripts; *script; script++) {
		const int fd = accept(server->listen_fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		server->connections++;
		for (const char *step = *script; *step; step++) {
			if (!read_request(fd, server->request,
			                  sizeof(server->request)))
				break;
			act(fd, *step);
		}
		(void)close(fd);
	}
	return NULL;
}

static struct bmx_endpoint
start_server(struct server *server, const char *const *scripts)
{
	struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_UNIX};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	static int number;

	*server = (struct server){.scripts = scripts};
	(void)snprintf(server->path, sizeof(server->path),
	               "/tmp/bmx-policy-client-%d-%d", (int)getpid(), number++);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", server->path);
	(void)snprintf(endpoint.path, sizeof(endpoint.path), "%s",
	               server->path);
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(server->listen_fd >= 0);
	assert_int_equal(
		bind(server->listen_fd, (struct sockaddr *)&sun, sizeof(sun)),
		0);
	assert_int_equal(listen(server->listen_fd, 16), 0);
	assert_int_equal(
		pthread_create(&server->thread, NULL, run_server, server), 0);
	return endpoint;
}

static void
stop_server(struct server *server)
{
	(void)shutdown(server->listen_fd, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->listen_fd);
	(void)unlink(server->path);
}

static int
ask(struct bmx_policy_client *client, int64_t wait_ms,
    enum bmx_policy_reply *reply, struct bmx_error *err)
{
	const struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.sender = BMX_SLICE("a@b.test"),
		.recipient = BMX_SLICE("user@example.test"),
	};

	*err = (struct bmx_error){0};
	return bmx_policy_client_ask(client, &request,
	                             bmx_clock_mono_us(bmx_clock_system()) +
	                                     wait_ms * 1000,
	                             reply, err);
}

#define TIMES_MAX 4

struct ask_case {
	const char *name;
	const char *scripts[TIMES_MAX]; /* of connections; NULL ends */
	int64_t wait_ms;
	const char *want; /* a question each: d, u or the error's x, t, c */
	int connections;
};

/* clang-format off */
static struct ask_case asks[] = {
	{"an answer",                             {"d", NULL}, 2000, "d", 1},
	{"a refusal",                             {"u", NULL}, 2000, "u", 1},
	{"observe's warning lets pass",           {"w", NULL}, 2000, "d", 1},
	{"an answer octet by octet",              {"b", NULL}, 2000, "d", 1},
	{"two questions on one connection",       {"du", NULL}, 2000, "du", 1},
	{"OK is in no table",                     {"o", NULL}, 2000, "x", 1},
	{"an empty action is in no table",        {"e", NULL}, 2000, "x", 1},
	{"rubbish",                               {"r", NULL}, 2000, "x", 1},
	{"a bad answer is not asked again",       {"o", "d", NULL}, 2000, "xd", 2},
	{"half an answer",                        {"h", NULL}, 2000, "c", 1},
	{"half an answer on a pooled connection", {"dh", "d", NULL}, 2000, "dcd", 2},
	{"silence",                               {"s", NULL}, 50, "t", 1},
	{"silence on a pooled connection",        {"ds", "d", NULL}, 50, "dtd", 2},
	{"a closed pooled connection is replaced",{"d", "u", NULL}, 2000, "du", 2},
	{"each time",                             {"d", "d", "u", NULL}, 2000, "ddu", 3},
};
/* clang-format on */

static char
letter_of(int rc, enum bmx_policy_reply reply, const struct bmx_error *err)
{
	if (rc == 0)
		return reply == BMX_REPLY_DUNNO         ? 'd' :
			reply == BMX_REPLY_USER_UNKNOWN ? 'u' :
							  '?';
	return err->code == BMX_E_TIMEOUT ? 't' :
		err->code == BMX_E_SYNTAX ? 'x' :
		err->code == BMX_E_CLOSED ? 'c' :
					    '!';
}

static void
test_ask(void **state)
{
	const struct ask_case *tc = *state;
	struct server server;
	const struct bmx_endpoint endpoint = start_server(&server, tc->scripts);
	struct bmx_policy_client *client =
		bmx_policy_client_new(&endpoint, bmx_clock_system());
	char got[8] = "";

	assert_non_null(client);
	for (size_t i = 0; tc->want[i]; i++) {
		enum bmx_policy_reply reply = BMX_REPLIES;
		struct bmx_error err;
		const int rc = ask(client, tc->wait_ms, &reply, &err);

		got[i] = letter_of(rc, reply, &err);
		/* Lets an end of the connection arrive. */
		(void)usleep(5000);
	}
	assert_string_equal(got, tc->want);
	bmx_policy_client_free(&client);
	stop_server(&server);
	assert_int_equal(server.connections, tc->connections);
}

static void
test_request_as_postfix_writes_it(void **state)
{
	const char *const scripts[] = {"d", NULL};
	struct server server;
	const struct bmx_endpoint endpoint = start_server(&server, scripts);
	struct bmx_policy_client *client =
		bmx_policy_client_new(&endpoint, bmx_clock_system());
	enum bmx_policy_reply reply;
	struct bmx_error err;

	(void)state;
	assert_int_equal(ask(client, 2000, &reply, &err), 0);
	bmx_policy_client_free(&client);
	stop_server(&server);
	assert_non_null(strstr(server.request, "protocol_state=RCPT\n"));
	assert_non_null(
		strstr(server.request, "recipient=user@example.test\n"));
}

/* A value that no request can hold is never sent, cut or as it is. */
static void
test_value_that_cannot_be_sent(void **state)
{
	const char *const scripts[] = {"d", NULL};
	struct server server;
	const struct bmx_endpoint endpoint = start_server(&server, scripts);
	struct bmx_policy_client *client =
		bmx_policy_client_new(&endpoint, bmx_clock_system());
	const struct bmx_policy_request request = {
		.recipient = BMX_SLICE("a\nrecipient=b@example.test"),
	};
	enum bmx_policy_reply reply;
	struct bmx_error err = {0};

	(void)state;
	assert_int_equal(
		bmx_policy_client_ask(client, &request,
	                              bmx_clock_mono_us(bmx_clock_system()) +
	                                      INT64_C(2000000),
	                              &reply, &err),
		-1);
	assert_int_equal(err.code, BMX_E_SYNTAX);
	bmx_policy_client_free(&client);
	stop_server(&server);
	assert_int_equal(server.connections, 0);
}

static void
test_nobody_there(void **state)
{
	const struct bmx_endpoint endpoint = {
		.kind = BMX_ENDPOINT_UNIX,
		.path = "/tmp/bmx-policy-client-nobody"};
	struct bmx_policy_client *client =
		bmx_policy_client_new(&endpoint, bmx_clock_system());
	enum bmx_policy_reply reply;
	struct bmx_error err;

	(void)state;
	assert_int_equal(ask(client, 2000, &reply, &err), -1);
	assert_int_not_equal(err.code, BMX_E_NONE);
	assert_int_equal(ask(client, 0, &reply, &err), -1);
	assert_int_equal(err.code, BMX_E_TIMEOUT);
	bmx_policy_client_free(&client);
}

static void
test_new_endpoint(void **state)
{
	const char *const first[] = {"dd", NULL};
	const char *const second[] = {"u", NULL};
	struct server servers[2];
	const struct bmx_endpoint a = start_server(&servers[0], first);
	const struct bmx_endpoint b = start_server(&servers[1], second);
	struct bmx_policy_client *client =
		bmx_policy_client_new(&a, bmx_clock_system());
	enum bmx_policy_reply reply;
	struct bmx_error err;

	(void)state;
	assert_int_equal(ask(client, 2000, &reply, &err), 0);
	assert_int_equal(reply, BMX_REPLY_DUNNO);
	bmx_policy_client_set_endpoint(client, &b);
	assert_int_equal(ask(client, 2000, &reply, &err), 0);
	assert_int_equal(reply, BMX_REPLY_USER_UNKNOWN);
	bmx_policy_client_free(&client);
	stop_server(&servers[0]);
	stop_server(&servers[1]);
}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(asks) + 4] = {
		cmocka_unit_test(test_request_as_postfix_writes_it),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_new_endpoint),
		cmocka_unit_test(test_value_that_cannot_be_sent),
	};

	for (size_t i = 0; i < LENGTH(asks); i++) {
		tests[i + 4].name = asks[i].name;
		tests[i + 4].test_func = test_ask;
		tests[i + 4].initial_state = &asks[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
