#include "policyd/clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/fake_loop.h"

#define REQUEST "request=smtpd_access_policy\nrecipient=a@b.test\n\n"
#define REQUEST_LEN (sizeof(REQUEST) - 1)
#define ANSWER "action=DUNNO\n\n"
#define ANSWER_LEN (sizeof(ANSWER) - 1)
#define PEERS 3
/* More than any test here asks: an answer after it is a loop without end. */
#define ANSWERS_MAX 5000

struct bench {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_clients *clients;
	int peers[PEERS]; /* the ends of Postfix; -1: closed */
	size_t answered;
	size_t rooms;    /* calls of on_room */
	bool ask_again;  /* every peer asks anew whenever one is answered */
	size_t warnings; /* log lines */
	bool later;      /* answers wait until answer_waiting */
	struct bmx_engine_ask *waiting; /* what stands for one: its client */
	bmx_engine_answered_cb *waiting_cb;
	size_t forgotten;
	int64_t began_us; /* of the last request */
};

static void
say(const struct bench *bench, size_t peer, const char *text, size_t len)
{
	assert_int_equal(send(bench->peers[peer], text, len, MSG_NOSIGNAL),
	                 len);
}

static void
ask(const struct bench *bench, size_t peer)
{
	say(bench, peer, REQUEST, REQUEST_LEN);
}

static struct bmx_engine_ask *
on_request(void *ctx, const struct bmx_policy_request *request,
           int64_t began_us, bmx_engine_answered_cb *answered, void *client)
{
	struct bench *bench = ctx;

	bench->began_us = began_us;
	assert_true(bmx_slice_equal(request->recipient, BMX_SLICE("a@b.test")));
	assert_true(++bench->answered < ANSWERS_MAX);
	for (size_t i = 0; bench->ask_again && i < PEERS; i++)
		ask(bench, i);
	if (!bench->later) {
		answered(client, BMX_SLICE(ANSWER));
		return NULL;
	}
	assert_null(bench->waiting);
	bench->waiting = client;
	bench->waiting_cb = answered;
	return bench->waiting;
}

static void
on_forget(void *ctx, struct bmx_engine_ask **waiting)
{
	struct bench *bench = ctx;

	if (*waiting) {
		assert_ptr_equal(*waiting, bench->waiting);
		bench->waiting = NULL;
		bench->forgotten++;
	}
	*waiting = NULL;
}

static void
answer_waiting(struct bench *bench)
{
	void *client = bench->waiting;

	assert_non_null(client);
	bench->waiting = NULL;
	bench->waiting_cb(client, BMX_SLICE(ANSWER));
}

static void
on_room(void *ctx)
{
	struct bench *bench = ctx;

	bench->rooms++;
}

static void
on_log(void *ctx, enum bmx_log_level level, const char *line)
{
	struct bench *bench = ctx;

	(void)line;
	bench->warnings += level == BMX_LOG_WARN;
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct bmx_clients_parts parts = {.max = PEERS,
	                                  .ask = on_request,
	                                  .forget = on_forget,
	                                  .on_room = on_room,
	                                  .ctx = bench};

	assert_non_null(bench);
	parts.loop = bench->loop = fake_loop_new(1000);
	parts.log = bench->log =
		bmx_log_new_capture(on_log, bench, BMX_LOG_INFO);
	parts.metrics = bench->metrics = bmx_metrics_new();
	bench->clients = bmx_clients_new(&parts);
	assert_non_null(bench->clients);
	for (size_t i = 0; i < PEERS; i++) {
		int ends[2];

		assert_int_equal(socketpair(AF_UNIX,
		                            SOCK_STREAM | SOCK_NONBLOCK, 0,
		                            ends),
		                 0);
		bench->peers[i] = ends[0];
		bmx_clients_add(bench->clients, ends[1]);
	}
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *bench = *state;

	bmx_clients_free(&bench->clients);
	for (size_t i = 0; i < PEERS; i++)
		if (bench->peers[i] >= 0)
			(void)close(bench->peers[i]);
	bmx_log_free(&bench->log);
	bmx_metrics_free(&bench->metrics);
	fake_loop_free(&bench->loop);
	free(bench);
	return 0;
}

/* Octets that a peer has been sent, each answer whole. */
static size_t
answers_of(const struct bench *bench, size_t peer)
{
	size_t count = 0;
	char got[ANSWER_LEN];

	while (recv(bench->peers[peer], got, ANSWER_LEN, MSG_WAITALL) ==
	       (ssize_t)ANSWER_LEN) {
		assert_memory_equal(got, ANSWER, ANSWER_LEN);
		count++;
	}
	return count;
}

static bool
is_closed(const struct bench *bench, size_t peer)
{
	char octet;
	const ssize_t got = recv(bench->peers[peer], &octet, 1, MSG_PEEK);

	return got == 0 || (got < 0 && errno == ECONNRESET);
}

static int64_t
cut(const struct bench *bench, const char *reason)
{
	const struct bmx_metrics_label label = {"reason", reason};

	return bmx_metric_value(bmx_metrics_counter(
		bench->metrics, "backupmx_connections_cut_total", "", &label,
		1));
}

static void
hang_up(struct bench *bench, size_t peer)
{
	(void)close(bench->peers[peer]);
	bench->peers[peer] = -1;
}

static void
test_octet_by_octet(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < REQUEST_LEN; i++) {
		assert_int_equal(answers_of(bench, 0), 0);
		say(bench, 0, &REQUEST[i], 1);
		fake_loop_settle(bench->loop);
	}
	assert_int_equal(answers_of(bench, 0), 1);
	assert_false(is_closed(bench, 0));
}

static void
test_pipelined(void **state)
{
	struct bench *bench = *state;

	/* The last one in part: the others need not wait for it. */
	for (int i = 0; i < 20; i++)
		ask(bench, 0);
	say(bench, 0, REQUEST, 9);
	fake_loop_settle(bench->loop);
	assert_int_equal(answers_of(bench, 0), 20);
	say(bench, 0, &REQUEST[9], REQUEST_LEN - 9);
	fake_loop_settle(bench->loop);
	assert_int_equal(answers_of(bench, 0), 1);
}

static void
test_hang_up_in_request(void **state)
{
	struct bench *bench = *state;

	say(bench, 0, REQUEST, 9);
	fake_loop_settle(bench->loop);
	hang_up(bench, 0);
	hang_up(bench, 1);
	fake_loop_settle(bench->loop);
	assert_int_equal(bmx_clients_count(bench->clients), 1);
	assert_int_equal(bench->warnings, 0);
}

static void
test_bad_request(void **state)
{
	struct bench *bench = *state;

	say(bench, 0, "GET /\n", 6);
	fake_loop_settle(bench->loop);
	assert_true(is_closed(bench, 0));
	assert_int_equal(cut(bench, "bad-request"), 1);
	assert_int_equal(bench->warnings, 1);
	/* Once a minute is enough. */
	say(bench, 1, "GET /\n", 6);
	fake_loop_settle(bench->loop);
	assert_true(is_closed(bench, 1));
	assert_int_equal(cut(bench, "bad-request"), 2);
	assert_int_equal(bench->warnings, 1);
	ask(bench, 2);
	fake_loop_settle(bench->loop);
	assert_int_equal(answers_of(bench, 2), 1);
}

static void
test_endless_request(void **state)
{
	struct bench *bench = *state;
	char filling[1024];

	memset(filling, 'x', sizeof(filling));
	for (int i = 0; i < 64 && !is_closed(bench, 0); i++) {
		(void)send(bench->peers[0], filling, sizeof(filling),
		           MSG_NOSIGNAL);
		fake_loop_settle(bench->loop);
	}
	assert_true(is_closed(bench, 0));
	assert_int_equal(cut(bench, "bad-request"), 1);
}

static void
test_slow_request(void **state)
{
	struct bench *bench = *state;

	/* An octet now and then does not make the time begin anew. */
	for (size_t i = 0; i < 29; i++) {
		say(bench, 0, &REQUEST[i], 1);
		fake_loop_settle(bench->loop);
		fake_loop_advance(bench->loop, 1000);
		assert_false(is_closed(bench, 0));
	}
	fake_loop_advance(bench->loop, 2000);
	assert_true(is_closed(bench, 0));
	assert_int_equal(cut(bench, "slow"), 1);
	assert_int_equal(bmx_clients_count(bench->clients), PEERS - 1);
}

static void
test_each_request_has_its_time(void **state)
{
	struct bench *bench = *state;

	say(bench, 0, REQUEST, 5);
	fake_loop_settle(bench->loop);
	for (int i = 0; i < 5; i++) {
		fake_loop_advance(bench->loop, 20000);
		/* The rest of one and the first octets of the next. */
		say(bench, 0, &REQUEST[5], REQUEST_LEN - 5);
		say(bench, 0, REQUEST, 5);
		fake_loop_settle(bench->loop);
		assert_int_equal(answers_of(bench, 0), 1);
	}
	assert_int_equal(cut(bench, "slow"), 0);
}

static void
test_idle_is_kept(void **state)
{
	struct bench *bench = *state;

	fake_loop_advance(bench->loop, INT64_C(1100) * 1000);
	for (size_t i = 0; i < PEERS; i++)
		assert_false(is_closed(bench, i));
	ask(bench, 0);
	fake_loop_settle(bench->loop);
	assert_int_equal(answers_of(bench, 0), 1);
	fake_loop_advance(bench->loop, BMX_CLIENT_IDLE_MS - 1100 * 1000 + 1000);
	assert_false(is_closed(bench, 0));
	assert_true(is_closed(bench, 1));
	assert_true(is_closed(bench, 2));
	assert_int_equal(cut(bench, "slow"), 0);
}

/* Asks, reading nothing, until the server's sends block. */
static void
fill_up(const struct bench *bench)
{
	const int small = 1; /* the kernel's least */

	(void)setsockopt(bench->peers[0], SOL_SOCKET, SO_RCVBUF, &small,
	                 sizeof(small));
	for (int i = 0; i < 4000 && !is_closed(bench, 0); i++) {
		(void)send(bench->peers[0], REQUEST, REQUEST_LEN, MSG_NOSIGNAL);
		fake_loop_settle(bench->loop);
	}
}

static void
test_answers_not_taken(void **state)
{
	struct bench *bench = *state;
	size_t before;

	fill_up(bench);
	before = bench->answered;
	assert_false(is_closed(bench, 0));
	/* It is no longer read, the others are. */
	ask(bench, 1);
	fake_loop_settle(bench->loop);
	assert_int_equal(answers_of(bench, 1), 1);
	assert_int_equal(bench->answered, before + 1);
	fake_loop_advance(bench->loop, BMX_CLIENT_REQUEST_MS + 1000);
	assert_int_equal(cut(bench, "slow"), 1);
	assert_int_equal(bmx_clients_count(bench->clients), PEERS - 1);
}

static void
test_answers_taken_late(void **state)
{
	struct bench *bench = *state;
	size_t taken = 0, more;

	fill_up(bench);
	do {
		more = answers_of(bench, 0);
		taken += more;
		fake_loop_settle(bench->loop);
	} while (more > 0);
	assert_int_equal(taken, bench->answered);
	assert_false(is_closed(bench, 0));
	ask(bench, 0);
	fake_loop_settle(bench->loop);
	assert_int_equal(answers_of(bench, 0), 1);
}

static void
test_room_by_eviction(void **state)
{
	struct bench *bench = *state;

	say(bench, 0, REQUEST, 9);
	fake_loop_settle(bench->loop);
	assert_false(bmx_clients_make_room(bench->clients));
	fake_loop_advance(bench->loop, BMX_CLIENT_SPARE_MS - 2000);
	ask(bench, 1);
	fake_loop_settle(bench->loop);
	assert_int_equal(bench->rooms, 0);
	fake_loop_advance(bench->loop, 3000);
	/* The one idle for longest goes: not one with a request under way,
	 * nor one that has just asked. */
	assert_true(bench->rooms > 0);
	assert_false(is_closed(bench, 0));
	assert_int_equal(answers_of(bench, 1), 1);
	assert_false(is_closed(bench, 1));
	assert_true(is_closed(bench, 2));
	assert_int_equal(cut(bench, "room"), 1);
	assert_true(bmx_clients_make_room(bench->clients));
}

static void
test_room_by_hang_up(void **state)
{
	struct bench *bench = *state;

	assert_false(bmx_clients_make_room(bench->clients));
	hang_up(bench, 1);
	fake_loop_settle(bench->loop);
	assert_int_equal(bench->rooms, 1);
	assert_true(bmx_clients_make_room(bench->clients));
	assert_int_equal(cut(bench, "room"), 0);
}

static void
test_drain(void **state)
{
	struct bench *bench = *state;

	say(bench, 0, REQUEST, 9);
	fake_loop_settle(bench->loop);
	ask(bench, 1);
	bmx_clients_drain(bench->clients);
	assert_false(is_closed(bench, 0)); /* a request under way */
	assert_int_equal(answers_of(bench, 1), 1);
	assert_true(is_closed(bench, 1));
	assert_true(is_closed(bench, 2));
	say(bench, 0, &REQUEST[9], REQUEST_LEN - 9);
	fake_loop_settle(bench->loop);
	assert_int_equal(answers_of(bench, 0), 1);
	bmx_clients_drain(bench->clients);
	assert_int_equal(bmx_clients_count(bench->clients), 0);
}

static void
test_drain_under_load(void **state)
{
	struct bench *bench = *state;

	bench->ask_again = true;
	for (size_t i = 0; i < PEERS; i++)
		ask(bench, i);
	bmx_clients_drain(bench->clients);
	assert_int_equal(bmx_clients_count(bench->clients), 0);
	for (size_t i = 0; i < PEERS; i++)
		assert_true(answers_of(bench, i) > 0);
}

/* An answer that waits: nothing more is read, and no time limit of ours cuts
 * it; the answers keep their order. */
static void
test_answer_waits(void **state)
{
	struct bench *bench = *state;

	bench->later = true;
	say(bench, 0, REQUEST REQUEST, 2 * REQUEST_LEN);
	fake_loop_settle(bench->loop);
	assert_int_equal(bench->answered, 1);
	ask(bench, 0);
	fake_loop_advance(bench->loop, BMX_CLIENT_REQUEST_MS + 2000);
	fake_loop_settle(bench->loop);
	assert_int_equal(bench->answered, 1);
	assert_int_equal(answers_of(bench, 0), 0);
	answer_waiting(bench); /* the second now waits */
	/* Its time begins now, not with the octets that we did not look at. */
	assert_int_equal(bench->began_us,
	                 bmx_clock_mono_us(bench->loop->clock));
	assert_int_equal(answers_of(bench, 0), 1);
	assert_int_equal(bench->answered, 2);
	bench->later = false;
	answer_waiting(bench);
	fake_loop_settle(bench->loop);
	assert_int_equal(answers_of(bench, 0), 2);
	assert_int_equal(bench->answered, 3);
	assert_int_equal(bench->forgotten, 0);
}

static void
test_answer_waits_at_the_end(void **state)
{
	struct bench *bench = *state;

	bench->later = true;
	ask(bench, 0);
	fake_loop_settle(bench->loop);
	bmx_clients_drain(bench->clients);
	assert_int_equal(bmx_clients_count(bench->clients), 1);
	bmx_clients_free(&bench->clients);
	assert_int_equal(bench->forgotten, 1);
}

/* Postfix has given up meanwhile: the answer has nowhere to go. */
static void
test_hang_up_while_waiting(void **state)
{
	struct bench *bench = *state;

	bench->later = true;
	ask(bench, 0);
	fake_loop_settle(bench->loop);
	(void)close(bench->peers[0]);
	bench->peers[0] = -1;
	fake_loop_settle(bench->loop);
	answer_waiting(bench);
	fake_loop_settle(bench->loop);
	assert_int_equal(bmx_clients_count(bench->clients), PEERS - 1);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

static const struct CMUnitTest tests[] = {
	TEST("a request may come octet by octet", test_octet_by_octet),
	TEST("pipelined requests are answered in order", test_pipelined),
	TEST("who hangs up in a request is forgotten", test_hang_up_in_request),
	TEST("what is no request ends its connection", test_bad_request),
	TEST("a request without end ends its connection", test_endless_request),
	TEST("a request has 30 s from its first octet", test_slow_request),
	TEST("each pipelined request has 30 s of its own",
             test_each_request_has_its_time),
	TEST("an idle connection is kept for 1,100 s and more",
             test_idle_is_kept),
	TEST("who takes no answers is not read, then cut",
             test_answers_not_taken),
	TEST("who takes answers late gets each of them",
             test_answers_taken_late),
	TEST("room is made by the one idle for longest", test_room_by_eviction),
	TEST("room is told when a client hangs up", test_room_by_hang_up),
	TEST("a drain ends what is idle, not a request", test_drain),
	TEST("a drain ends while clients go on asking", test_drain_under_load),
	TEST("an answer may have to wait", test_answer_waits),
	TEST("an answer that waits is forgotten with its client",
             test_answer_waits_at_the_end),
	TEST("who hangs up while waiting is noticed",
             test_hang_up_while_waiting),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
