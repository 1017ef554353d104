/*
 * What the dialogue scripts do not show of a session: connecting, and owners
 * who act from within its callbacks.
 */
#include "policyd/probe_session.h"

#include <signal.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/fake_loop.h"

#define WALL_MS INT64_C(1790000000000)

/* What an owner does when he is called back. */
enum habit { WAITS, GIVES_ON_JOB, GIVES_ON_IDLE, QUITS_ON_JOB, QUITS_ON_IDLE };

struct fixture {
	struct bmx_loop *loop;
	struct bmx_probe_session *session;
	struct bmx_probe_session_parts parts;
	int server; /* the primary's end */
	enum habit habit;
	int jobs_left; /* that the owner still gives */
	int jobs_done;
	int idles;
	int closes;
	struct bmx_probe_result result; /* the last */
	struct bmx_probe_closed closed;
};

static const struct bmx_probe_job job = {
	.local = {"joe", 3},
	.domain = {"example.test", 12},
};

static void
give_if_any(struct fixture *f)
{
	if (f->jobs_left == 0)
		return;
	f->jobs_left--;
	assert_true(bmx_probe_session_takes_job(f->session));
	bmx_probe_session_give(f->session, &job, 5000);
}

static void
on_job(void *ctx, const struct bmx_probe_result *result)
{
	struct fixture *f = ctx;

	f->jobs_done++;
	f->result = *result;
	if (f->habit == GIVES_ON_JOB)
		give_if_any(f);
	if (f->habit == QUITS_ON_JOB)
		bmx_probe_session_quit(f->session);
}

static void
on_idle(void *ctx)
{
	struct fixture *f = ctx;

	f->idles++;
	if (f->habit == GIVES_ON_IDLE)
		give_if_any(f);
	if (f->habit == QUITS_ON_IDLE)
		bmx_probe_session_quit(f->session);
}

static void
on_closed(void *ctx, const struct bmx_probe_closed *closed)
{
	struct fixture *f = ctx;

	f->closes++;
	f->closed = *closed;
	bmx_probe_session_free(&f->session);
}

static int
setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.loop = fake_loop_new(WALL_MS);
	f.server = -1;
	f.parts = (struct bmx_probe_session_parts){
		.loop = f.loop,
		.dialogue = {.hostname = "us.example.test", .sender = ""},
		.callbacks = {.on_job = on_job,
	                      .on_idle = on_idle,
	                      .on_closed = on_closed,
	                      .ctx = &f},
	};
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	bmx_probe_session_free(&f->session);
	if (f->server >= 0)
		(void)close(f->server);
	fake_loop_free(&f->loop); /* aborts if a timer is left */
	return 0;
}

static void
adopt(struct fixture *f)
{
	struct bmx_error err;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	f->server = pair[0];
	f->session = bmx_probe_session_adopt(&f->parts, pair[1], &err);
	assert_non_null(f->session);
}

/* A primary that says the same to all, as long as it is asked. */
static void
serve(struct fixture *f)
{
	char commands[4096];
	ssize_t len;

	(void)send(f->server, "220 mx\r\n", 8, 0);
	fake_loop_settle(f->loop);
	while ((len = recv(f->server, commands, sizeof(commands), 0)) > 0) {
		for (ssize_t i = 0; i < len; i++)
			if (commands[i] == '\n')
				(void)send(f->server, "250 ok\r\n", 8,
				           MSG_NOSIGNAL);
		fake_loop_settle(f->loop);
	}
}

/* How owners act: what comes of it when all jobs are served. */
static struct owner_case {
	const char *name;
	enum habit habit;
	int first; /* jobs given before anything */
	int more;  /* jobs given from within callbacks */
	int want_idles;
	int want_closes;
} owners[] = {
	{"an owner who waits", WAITS, 1, 0, 1, 0},
	{"jobs given from within on_job", GIVES_ON_JOB, 1, 5, 1, 0},
	{"jobs given from within on_idle", GIVES_ON_IDLE, 0, 5, 6, 0},
	{"quit from within on_job", QUITS_ON_JOB, 1, 0, 0, 1},
	{"quit from within on_idle", QUITS_ON_IDLE, 0, 0, 1, 1},
	{"as many jobs as a session serves", GIVES_ON_JOB, 1,
         BMX_DIALOGUE_JOBS_MAX - 1, 0, 1},
};

static void
test_owner(struct fixture *f, const struct owner_case *tc)
{
	f->habit = tc->habit;
	f->jobs_left = tc->more;
	adopt(f);
	if (tc->first > 0)
		bmx_probe_session_give(f->session, &job, 5000);
	assert_int_equal(f->jobs_done, 0);
	serve(f);
	assert_int_equal(f->jobs_done, tc->first + tc->more);
	assert_int_equal(f->idles, tc->want_idles);
	assert_int_equal(f->closes, tc->want_closes);
	if (tc->want_closes > 0) {
		assert_int_equal(f->closed.why, BMX_PROBE_WHY_NONE);
		assert_true(f->closed.connected && f->closed.accepted);
	}
}

static void
test_owners(void **state)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		print_message("           %s\n", owners[i].name);
		(void)teardown(state);
		(void)setup(state);
		test_owner(*state, &owners[i]);
	}
}

/* A function of the session's calls nobody back. */
static void
test_not_from_within(void **state)
{
	struct fixture *f = *state;
	const struct bmx_probe_job bad = {.local = {"a\r\n", 3},
	                                  .domain = {"d", 1}};

	adopt(f);
	bmx_probe_session_give(f->session, &bad, 5000);
	assert_int_equal(f->jobs_done, 0);
	fake_loop_settle(f->loop);
	assert_int_equal(f->jobs_done, 1);
	assert_int_equal(f->result.why, BMX_PROBE_BAD_ADDRESS);
	serve(f);
	bmx_probe_session_quit(f->session);
	assert_int_equal(f->closes, 0);
	serve(f);
	assert_int_equal(f->closes, 1);
}

/* Somebody who listens on loopback, and on whom the queue may be full. */
static int
listen_on(struct sockaddr_storage *address, socklen_t *len, int family)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	const int fd = socket(family, SOCK_STREAM, 0);

	memset(address, 0, sizeof(*address));
	address->ss_family = (sa_family_t)family;
	*len = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	if (family == AF_INET)
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		v6->sin6_addr = in6addr_loopback;
	if (fd < 0 || bind(fd, (struct sockaddr *)address, *len) != 0 ||
	    listen(fd, 0) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, len) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void
connect_to(struct fixture *f, struct sockaddr_storage *address, socklen_t len)
{
	struct bmx_error err;

	f->parts.address = (struct sockaddr *)address;
	f->parts.address_len = len;
	f->session = bmx_probe_session_new(&f->parts, &err);
	assert_non_null(f->session);
	memset(address, 0xff, sizeof(*address)); /* it is not kept */
	bmx_probe_session_give(f->session, &job, 5000);
	assert_int_equal(f->jobs_done, 0);
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_storage address;
	socklen_t len;
	const int fd = listen_on(&address, &len, AF_INET);

	(void)close(fd);
	connect_to(f, &address, len);
	fake_loop_settle(f->loop);
	assert_int_equal(f->jobs_done, 1);
	assert_int_equal(f->closes, 1);
	assert_int_equal(f->result.why, BMX_PROBE_TRANSPORT);
	assert_int_equal(f->result.retry, BMX_PROBE_RETRY_NO);
	assert_non_null(strstr(f->result.reply.text, "refused"));
	assert_int_equal(f->closed.why, BMX_PROBE_TRANSPORT);
	assert_int_equal(f->closed.at, BMX_DLG_GREETING);
	assert_false(f->closed.connected || f->closed.accepted);
}

static void
connected(struct fixture *f, int family)
{
	struct sockaddr_storage address;
	socklen_t len;
	const int fd = listen_on(&address, &len, family);

	if (fd < 0 && family == AF_INET6)
		skip(); /* a machine without IPv6 */
	connect_to(f, &address, len);
	f->server = accept(fd, NULL, NULL);
	(void)close(fd);
	for (int i = 0; i < 1000 && f->jobs_done == 0; i++) {
		char commands[512];
		const ssize_t got = i == 0 ?
			1 :
			recv(f->server, commands, sizeof(commands),
		             MSG_DONTWAIT);

		if (got > 0)
			(void)send(f->server, "250 ok\r\n", 8, MSG_NOSIGNAL);
		(void)fake_loop_poll(f->loop, 1);
		fake_loop_settle(f->loop);
	}
	assert_int_equal(f->jobs_done, 1);
	assert_int_equal(f->result.outcome, BMX_PROBE_VALID);
}

static void
test_ipv4(void **state)
{
	connected(*state, AF_INET);
}

static void
test_ipv6(void **state)
{
	connected(*state, AF_INET6);
}

/* SYNs that are not answered: a queue of one that is full. */
static void
test_black_hole(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_storage address;
	socklen_t len;
	const int fd = listen_on(&address, &len, AF_INET);
	int fillers[4];

	for (size_t i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (struct sockaddr *)&address, len);
	}
	connect_to(f, &address, len);
	fake_loop_settle(f->loop);
	fake_loop_advance(f->loop, BMX_PROBE_CONNECT_MS - 1);
	fake_loop_settle(f->loop);
	assert_int_equal(f->closes, 0);
	fake_loop_advance(f->loop, 1);
	fake_loop_settle(f->loop);
	assert_int_equal(f->closes, 1);
	assert_int_equal(f->jobs_done, 1);
	assert_int_equal(f->result.why, BMX_PROBE_TIMEOUT);
	assert_false(f->closed.connected);
	for (size_t i = 0; i < 4; i++)
		(void)close(fillers[i]);
	(void)close(fd);
}

/* Freed at each stage: nothing is told, nothing is left. */
static void
test_freed(void **state)
{
	struct fixture *f = *state;

	adopt(f);
	bmx_probe_session_free(&f->session);
	bmx_probe_session_free(&f->session);
	(void)close(f->server);
	adopt(f);
	bmx_probe_session_give(f->session, &job, 5000);
	fake_loop_settle(f->loop);
	bmx_probe_session_free(&f->session);
	(void)close(f->server);
	adopt(f);
	serve(f);
	assert_int_equal(f->idles, 1);
	bmx_probe_session_free(&f->session);
	fake_loop_settle(f->loop);
	fake_loop_advance(f->loop, 60000);
	assert_int_equal(f->jobs_done + f->closes, 0);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("owners who act from within callbacks", test_owners),
		TEST("no callback from within a function",
	             test_not_from_within),
		TEST("the connection is refused", test_refused),
		TEST("IPv4", test_ipv4),
		TEST("IPv6", test_ipv6),
		TEST("nobody answers", test_black_hole),
		TEST("freed at each stage", test_freed),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
