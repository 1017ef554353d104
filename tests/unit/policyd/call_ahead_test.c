/* The pool of call-ahead: asks, waits, limits. Time is the fake loop's. */
#include "tests/unit/policyd/call_ahead_fixture.h"

#define ANSWERED BMX_CALL_AHEAD_ANSWERED

static void
test_known_and_unknown(void **state)
{
	struct fixture *fx = *state;
	struct asker known, unknown;

	ask(fx, &known, "known", 5000);
	settle(fx);
	assert_answer(known, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->results, 1);
	assert_string_equal(fx->result_local, "known");
	assert_int_equal(fx->good, 1);
	assert_true(fx->keywords.has_size);
	ask(fx, &unknown, "nobody", 5000);
	settle(fx);
	assert_answer(unknown, ANSWERED, BMX_PROBE_UNKNOWN);
	assert_int_equal(unknown.result.reply.code, 550);
	assert_int_equal(fx->primaries[0].accepted, 1); /* the same session */
	assert_int_equal(fx->good, 1);
	assert_int_equal(status_of(fx).outcomes[BMX_PROBE_UNKNOWN], 1);
	assert_int_equal(status_of(fx).started, 2);
	assert_int_equal(status_of(fx).probes, 0);
	assert_int_equal(status_of(fx).waits, 0);
}

static void
test_single_flight(void **state)
{
	struct fixture *fx = *state;
	struct asker *askers = calloc(500, sizeof(*askers));

	for (size_t i = 0; i < 500; i++)
		ask(fx, &askers[i], "known", 5000);
	assert_int_equal(status_of(fx).waits, 500);
	settle(fx);
	for (size_t i = 0; i < 500; i++)
		assert_answer(askers[i], ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].rcpts, 1);
	assert_int_equal(fx->results, 1);
	free(askers);
}

/* Same octets when put together, other addresses. */
static void
test_not_the_same(void **state)
{
	struct fixture *fx = *state;
	struct asker a, b;

	ask(fx, &a, "known", 5000);
	ask(fx, &b, "known1", 5000);
	settle(fx);
	assert_int_equal(fx->primaries[0].rcpts, 2);
	assert_answer(a, ANSWERED, BMX_PROBE_VALID);
	assert_answer(b, ANSWERED, BMX_PROBE_VALID);
}

static void
test_waits_cap(void **state)
{
	struct fixture *fx = *state;
	const size_t count = BMX_CALL_AHEAD_WAITS_MAX;
	struct asker *askers = calloc(count, sizeof(*askers));
	struct asker last;

	for (size_t i = 0; i < count; i++)
		ask(fx, &askers[i], "known", 5000);
	ask(fx, &last, "known", 5000);
	assert_answer(last, BMX_CALL_AHEAD_BUSY, BMX_PROBE_UNSURE);
	bmx_call_ahead_leave(&askers[7].wait);
	ask(fx, &last, "known", 5000);
	assert_int_equal(last.told, 0);
	settle(fx);
	assert_answer(last, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(askers[7].told, 0);
	assert_answer(askers[count - 1], ANSWERED, BMX_PROBE_VALID);
	free(askers);
}

static void
test_queue_cap(void **state)
{
	struct fixture *fx = *state;
	const size_t count = BMX_CALL_AHEAD_QUEUE_MAX;
	struct asker *askers = calloc(count, sizeof(*askers));
	struct asker last;
	char local[32];

	fx->settings.probe_rate = 1000;
	configure(fx);
	pass(fx, 4000); /* a burst of the new rate */
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(local, sizeof(local), "known%zu", i);
		ask(fx, &askers[i], local, 5000);
	}
	ask(fx, &last, "known-one-more", 5000);
	assert_answer(last, BMX_CALL_AHEAD_BUSY, BMX_PROBE_UNSURE);
	settle(fx);
	for (size_t i = 0; i < count; i++)
		assert_answer(askers[i], ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].rcpts, count);
	assert_int_equal(fx->primaries[0].most_open, 2);
	/* 100 jobs a session */
	assert_in_range(fx->primaries[0].accepted, 10, 12);
	free(askers);
}

static void
test_late(void **state)
{
	struct fixture *fx = *state;
	struct asker soon, later;

	fx->primaries[0].holds = true;
	ask(fx, &later, "known", 2500);
	ask(fx, &soon, "known", 1000);
	settle(fx);
	pass(fx, 999);
	assert_int_equal(soon.told, 0);
	pass(fx, 1);
	assert_answer(soon, BMX_CALL_AHEAD_LATE, BMX_PROBE_UNSURE);
	assert_int_equal(later.told, 0);
	pass(fx, 1500);
	assert_answer(later, BMX_CALL_AHEAD_LATE, BMX_PROBE_UNSURE);
	assert_int_equal(fx->results, 0);
	primary_release(&fx->primaries[0]);
	settle(fx);
	assert_int_equal(fx->results, 1);
	assert_int_equal(fx->result.outcome, BMX_PROBE_VALID);
	assert_int_equal(later.told, 1);
	assert_int_equal(status_of(fx).answers[BMX_CALL_AHEAD_LATE], 2);
}

/* Who joins when the question is out cannot have postmaster asked as well: the
 * result does not claim that it was. */
static void
test_joined_too_late(void **state)
{
	struct fixture *fx = *state;
	struct bmx_call_ahead_request request = {.domain = BMX_SLICE(DOMAIN),
	                                         .local = BMX_SLICE("known")};
	struct asker first, second;

	fx->primaries[0].holds = true;
	ask_request(fx, &first, &request, 5000);
	settle(fx);
	request.had_valid = true;
	ask_request(fx, &second, &request, 5000);
	primary_release(&fx->primaries[0]);
	await_answer(fx, &first);
	await_answer(fx, &second);
	assert_int_equal(fx->results, 1);
	assert_false(fx->result_had_valid);
	ask_request(fx, &first, &request, 5000);
	await_answer(fx, &first);
	assert_true(fx->result_had_valid);
}

static void
test_leave(void **state)
{
	struct fixture *fx = *state;
	struct asker gone, stays;

	ask(fx, &gone, "known", 5000);
	ask(fx, &stays, "known", 5000);
	bmx_call_ahead_leave(&gone.wait);
	assert_null(gone.wait);
	bmx_call_ahead_leave(&gone.wait);
	settle(fx);
	assert_int_equal(gone.told, 0);
	assert_answer(stays, ANSWERED, BMX_PROBE_VALID);
	ask(fx, &gone, "known2", 5000);
	bmx_call_ahead_leave(&gone.wait);
	settle(fx);
	assert_int_equal(fx->results, 2); /* the cache is filled all the same */
}

struct chain {
	struct fixture *fx;
	struct asker second;
	struct bmx_call_ahead_wait *third;
	unsigned told;
};

static void
on_first(void *ctx, const struct bmx_call_ahead_answer *answer)
{
	struct chain *chain = ctx;

	assert_int_equal(answer->why, ANSWERED);
	chain->told++;
	bmx_call_ahead_leave(&chain->third); /* of the same probe */
	ask(chain->fx, &chain->second, "known", 5000);
}

static void
on_never(void *ctx, const struct bmx_call_ahead_answer *answer)
{
	(void)ctx;
	(void)answer;
	fail();
}

static void
test_reentrant(void **state)
{
	struct fixture *fx = *state;
	struct chain chain = {.fx = fx};
	const struct bmx_call_ahead_request request = {
		.domain = BMX_SLICE(DOMAIN), .local = BMX_SLICE("known")};
	const int64_t deadline_ms = bmx_clock_mono_ms(fx->loop->clock) + 5000;

	assert_non_null(bmx_call_ahead_ask(fx->ca, &request, deadline_ms,
	                                   on_first, &chain));
	chain.third = bmx_call_ahead_ask(fx->ca, &request, deadline_ms,
	                                 on_never, &chain);
	settle(fx);
	assert_int_equal(chain.told, 1);
	assert_answer(chain.second, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].rcpts, 2);
}

static void
test_rate(void **state)
{
	struct fixture *fx = *state;
	struct asker askers[22];
	char local[32];

	fx->settings.probe_rate = 5;
	configure(fx);
	for (size_t i = 0; i < 22; i++) {
		(void)snprintf(local, sizeof(local), "known%zu", i);
		/* The 21st's token is due in 200 ms, the 22nd's in 400; what
		 * is asked then needs half a second. */
		ask(fx, &askers[i], local, i == 20 ? 700 : 899);
	}
	assert_answer(askers[21], BMX_CALL_AHEAD_RATE, BMX_PROBE_UNSURE);
	settle(fx);
	assert_answer(askers[19], ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(askers[20].told, 0);
	assert_int_equal(fx->primaries[0].rcpts, 20);
	fake_loop_advance(fx->loop, 199);
	settle(fx);
	assert_int_equal(askers[20].told, 0);
	fake_loop_advance(fx->loop, 1);
	settle(fx);
	assert_answer(askers[20], ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(status_of(fx).answers[BMX_CALL_AHEAD_RATE], 1);
}

static void
test_background(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;
	char local[32];

	fx->settings.probe_rate = 5;
	configure(fx);
	for (size_t i = 0; i < 20; i++) {
		struct bmx_call_ahead_request request = {
			.domain = BMX_SLICE(DOMAIN), .background = true};

		(void)snprintf(local, sizeof(local), "known%zu", i);
		request.local = bmx_slice_of(local);
		assert_null(bmx_call_ahead_ask(fx->ca, &request, INT64_MAX,
		                               NULL, NULL));
	}
	settle(fx);
	assert_int_equal(fx->results, 10); /* half of the burst */
	ask(fx, &asker, "known-new", 1000);
	settle(fx);
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
}

/* Three that are told nothing: each of the first two takes a session for 3 s
 * and the second 2 s, then the third's time is over as well. */
static void
test_busy(void **state)
{
	struct fixture *fx = *state;
	struct asker askers[3], hasty;

	fx->settings.probe_connections = 1;
	configure(fx);
	fx->primaries[0].silent = true;
	ask(fx, &askers[0], "known0", 9000);
	ask(fx, &askers[1], "known1", 9000);
	ask(fx, &askers[2], "known2", 9000);
	ask(fx, &hasty, "known2", 1000);
	pass(fx, 4999);
	assert_answer(hasty, BMX_CALL_AHEAD_LATE, BMX_PROBE_UNSURE);
	assert_answer(askers[0], ANSWERED, BMX_PROBE_UNSURE);
	assert_int_equal(askers[0].result.why, BMX_PROBE_TIMEOUT);
	assert_int_equal(askers[1].told, 0);
	assert_int_equal(fx->primaries[0].most_open, 1);
	pass(fx, 1);
	assert_answer(askers[1], ANSWERED, BMX_PROBE_UNSURE);
	assert_int_equal(askers[1].result.why, BMX_PROBE_TIMEOUT);
	assert_answer(askers[2], BMX_CALL_AHEAD_BUSY, BMX_PROBE_UNSURE);
	assert_int_equal(fx->results, 3);
}

static void
test_idle_ends(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	ask(fx, &asker, "known", 5000);
	settle(fx);
	assert_int_equal(status_of(fx).sessions, 1);
	pass(fx, 9900);
	assert_int_equal(fx->primaries[0].open, 1);
	pass(fx, 200);
	assert_int_equal(status_of(fx).sessions, 0);
	assert_int_equal(fx->primaries[0].open, 0);
	assert_int_equal(fx->failed, 0);
	assert_string_equal(status_of(fx).last_error, "");
}

/* A primary may know its users as of the session's start (Postfix with tables
 * in files), and a better target may be back. */
static void
test_session_age(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;
	char local[32];

	for (int64_t at = 0; at < BMX_CALL_AHEAD_SESSION_MS; at += 5000) {
		(void)snprintf(local, sizeof(local), "known%d", (int)at);
		ask(fx, &asker, local, 5000);
		settle(fx);
		assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
		assert_int_equal(fx->primaries[0].accepted, 1);
		pass(fx, 5000);
	}
	ask(fx, &asker, "known", 5000);
	settle(fx);
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].accepted, 2);
	assert_int_equal(status_of(fx).sessions, 1);
}

static void
test_old_sessions_leave_room(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	fx->settings.probe_connections = 1;
	configure(fx);
	for (int64_t at = 0; at < BMX_CALL_AHEAD_SESSION_MS; at += 5000) {
		ask(fx, &asker, "known", 5000);
		pass(fx, 5000);
	}
	ask(fx, &asker, "known", 5000);
	settle(fx);
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].accepted, 2);
	assert_int_equal(fx->primaries[0].most_open, 1);
}

static void
test_renew(void **state)
{
	struct fixture *fx = *state;
	struct asker before, after;

	fx->primaries[0].holds = true;
	ask(fx, &before, "known", 5000);
	settle(fx);
	bmx_call_ahead_renew(fx->ca);
	ask(fx, &after, "known2", 5000);
	settle(fx);
	assert_int_equal(fx->primaries[0].accepted, 2);
	primary_release(&fx->primaries[0]);
	fx->primaries[0].holds = false;
	settle(fx);
	assert_answer(before, ANSWERED, BMX_PROBE_VALID);
	assert_answer(after, ANSWERED, BMX_PROBE_VALID);
	bmx_call_ahead_renew(fx->ca);
	ask(fx, &after, "known3", 5000);
	settle(fx);
	assert_answer(after, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].accepted, 3);
	assert_int_equal(fx->failed, 0);
}

static void
test_freed(void **state)
{
	struct fixture *fx = *state;
	struct asker queued, given;

	fx->primaries[0].holds = true;
	ask(fx, &given, "known", 5000);
	settle(fx);
	ask(fx, &queued, "known2", 5000);
	bmx_call_ahead_free(&fx->ca);
	assert_null(fx->ca);
	assert_int_equal(given.told + queued.told, 2);
	assert_answer(given, BMX_CALL_AHEAD_CLOSED, BMX_PROBE_UNSURE);
	assert_answer(queued, BMX_CALL_AHEAD_CLOSED, BMX_PROBE_UNSURE);
	assert_int_equal(fx->results, 0);
}

static void
test_configure(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	fx->primaries[0].holds = true;
	ask(fx, &asker, "known", 5000);
	settle(fx);
	assert_string_equal(fx->primaries[0].hello, "backup.example.test");
	fx->settings.hostname = "other.example.test";
	configure(fx);
	fx->primaries[0].holds = false;
	settle(fx);
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
	assert_string_equal(fx->primaries[0].hello, "other.example.test");
	assert_int_equal(fx->primaries[0].rcpts, 2);
}

static void
test_configure_too_big(void **state)
{
	struct fixture *fx = *state;
	char name[BMX_DOMAIN_BUFFER + 1];
	struct bmx_error err;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fx->settings.hostname = name;
	assert_int_equal(bmx_call_ahead_configure(fx->ca, &fx->settings, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		(name), (function), set_up, tear_down, NULL                    \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("known and unknown, over one session",
	             test_known_and_unknown),
		TEST("500 asks for one address are one probe",
	             test_single_flight),
		TEST("two addresses are two probes", test_not_the_same),
		TEST("one more asker than may wait", test_waits_cap),
		TEST("one more probe than may wait; 100 a session",
	             test_queue_cap),
		TEST("late askers; the result reaches the cache", test_late),
		TEST("who joins too late for a witness", test_joined_too_late),
		TEST("who leaves is not told", test_leave),
		TEST("a callback asks and leaves", test_reentrant),
		TEST("a token in time is waited for, else not", test_rate),
		TEST("background work leaves half of the burst",
	             test_background),
		TEST("a probe whose time is over in the queue", test_busy),
		TEST("an idle session ends", test_idle_ends),
		TEST("a session ends at its age, in use or not",
	             test_session_age),
		TEST("an old session leaves its room to a new one",
	             test_old_sessions_leave_room),
		TEST("sessions begun before renewal serve no more", test_renew),
		TEST("freed while asked", test_freed),
		TEST("other settings: asked again", test_configure),
		TEST("settings over their cap", test_configure_too_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
