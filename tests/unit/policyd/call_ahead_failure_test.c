/* Call-ahead when primaries fail: next targets, breaker, what is told. */
#include "tests/unit/policyd/call_ahead_fixture.h"

#define ANSWERED BMX_CALL_AHEAD_ANSWERED
/* Longest time that the breaker stays open at first, with jitter. */
#define OPEN_MS 6250

/* One ask that is through before any time passes. */
static struct asker
asked(struct fixture *fx, const char *local)
{
	struct asker asker;

	ask(fx, &asker, local, 5000);
	await_answer(fx, &asker);
	settle(fx);
	return asker;
}

static void
test_next_after_refused_connection(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	use_targets(fx, 2);
	primary_stop(&fx->primaries[0]);
	asker = asked(fx, "known");
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->failed, 1);
	assert_int_equal(fx->good, 1);
	assert_false(fx->failure_refused);
	assert_non_null(strstr(fx->failure, "Connection refused"));
	assert_non_null(strstr(fx->failure, "127.0.0.1:"));
	assert_int_equal(status_of(fx).breaker, BMX_CIRCUIT_CLOSED);
}

/* The dead one comes last for a minute, and is tried all the same. */
static void
test_dead_one_last(void **state)
{
	struct fixture *fx = *state;

	use_targets(fx, 2);
	primary_stop(&fx->primaries[0]);
	(void)asked(fx, "known");
	assert_int_equal(fx->failed, 1);
	pass(fx, 11000); /* the session has ended */
	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
	assert_int_equal(fx->failed, 1);
	assert_int_equal(fx->primaries[1].accepted, 2);
	pass(fx, 11000);
	fx->primaries[1].greeting = "554 no\r\n";
	assert_int_equal(asked(fx, "known").result.why, BMX_PROBE_TRANSPORT);
	assert_int_equal(fx->failed, 3);
	pass(fx, 60000);
	fx->primaries[1].greeting = NULL;
	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
	assert_int_equal(fx->failed, 4);
}

/* One that takes no second connection, but works on its first. */
static void
test_works_again(void **state)
{
	struct fixture *fx = *state;
	struct asker first, second;

	use_targets(fx, 2);
	fx->primaries[0].holds = true;
	ask(fx, &first, "known1", 5000);
	settle(fx);
	fx->primaries[0].greeting = "421 4.7.0 too many\r\n";
	ask(fx, &second, "known2", 5000);
	assert_answer(second, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[1].rcpts, 1);
	primary_release(&fx->primaries[0]);
	assert_answer(first, ANSWERED, BMX_PROBE_VALID);
	pass(fx, 11000); /* the sessions have ended */
	fx->primaries[0].greeting = NULL;
	assert_int_equal(asked(fx, "known3").result.outcome, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].rcpts, 2);
}

static void
test_next_after_greeting(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	use_targets(fx, 2);
	fx->primaries[0].greeting = "554 5.7.1 go away\r\n";
	asker = asked(fx, "nobody");
	assert_answer(asker, ANSWERED, BMX_PROBE_UNKNOWN);
	assert_true(fx->failure_refused);
	assert_non_null(strstr(fx->failure, "554 5.7.1 go away"));
	/* Its owner says so: it is told of each contact. */
	assert_null(strstr(fx->logged, "ev=primary-refuses"));
	assert_int_equal(status_of(fx).last_error_at_ms, WALL_MS);
}

static void
test_next_after_sender(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	use_targets(fx, 2);
	fx->settings.probe_sender = "probe@backup.example.test";
	configure(fx);
	fx->primaries[0].greeting = "421 4.3.2 closing\r\n";
	asker = asked(fx, "known");
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[1].rcpts, 1);
}

/* What the primary said of a recipient is not asked of another one. */
static void
test_no_next_after_rcpt(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	use_targets(fx, 2);
	asker = asked(fx, "nobody");
	assert_answer(asker, ANSWERED, BMX_PROBE_UNKNOWN);
	assert_int_equal(fx->primaries[1].accepted, 0);
}

/* 3 s of silence at the first, then the second within the 5 s. */
static void
test_next_after_silence(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	use_targets(fx, 2);
	fx->primaries[0].silent = true;
	ask(fx, &asker, "known", 5000);
	settle(fx);
	pass(fx, 2950);
	assert_int_equal(asker.told, 0);
	pass(fx, 100);
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
}

static void
test_all_silent(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	use_targets(fx, 2);
	fx->primaries[0].silent = true;
	fx->primaries[1].silent = true;
	ask(fx, &asker, "known", 9000);
	settle(fx);
	pass(fx, 4900);
	assert_int_equal(asker.told, 0);
	pass(fx, 200);
	assert_answer(asker, ANSWERED, BMX_PROBE_UNSURE);
	assert_int_equal(asker.result.why, BMX_PROBE_TIMEOUT);
	assert_int_equal(fx->failed, 2);
	assert_int_equal(status_of(fx).probes, 0);
}

static void
test_no_target(void **state)
{
	struct fixture *fx = *state;
	struct asker asker;

	bmx_target_set_unref(&fx->set);
	fx->set = bmx_target_set_empty(BMX_TARGETS_FAILED);
	for (int i = 0; i < 5; i++) {
		asker = asked(fx, "known");
		assert_answer(asker, BMX_CALL_AHEAD_NO_TARGET,
		              BMX_PROBE_UNSURE);
	}
	assert_int_equal(status_of(fx).breaker, BMX_CIRCUIT_CLOSED);
	assert_int_equal(fx->results, 5);
	assert_int_equal(fx->result_why, BMX_CALL_AHEAD_NO_TARGET);
	fx->set = NULL;
}

static void
test_breaker(void **state)
{
	struct fixture *fx = *state;
	struct primary *primary = &fx->primaries[0];
	struct asker asker;

	primary->greeting = "554 no\r\n";
	for (int i = 0; i < 3; i++) {
		asker = asked(fx, "known");
		assert_answer(asker, ANSWERED, BMX_PROBE_UNSURE);
		assert_int_equal(asker.result.why, BMX_PROBE_REFUSED_GREETING);
	}
	assert_int_equal(status_of(fx).breaker, BMX_CIRCUIT_OPEN);
	assert_in_range(status_of(fx).retry_in_ms, 3750, OPEN_MS);
	assert_non_null(strstr(fx->logged, "ev=call-ahead-paused"));
	ask(fx, &asker, "known", 5000); /* at once */
	assert_answer(asker, BMX_CALL_AHEAD_BREAKER, BMX_PROBE_UNSURE);
	assert_int_equal(primary->accepted, 3);

	pass(fx, OPEN_MS);
	primary->greeting = NULL;
	primary->holds = true;
	ask(fx, &asker, "known", 5000);
	settle(fx);
	assert_int_equal(status_of(fx).breaker, BMX_CIRCUIT_HALF_OPEN);
	assert_int_equal(asked(fx, "known2").why, BMX_CALL_AHEAD_BREAKER);
	primary_release(primary);
	settle(fx);
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(status_of(fx).breaker, BMX_CIRCUIT_CLOSED);
	assert_non_null(strstr(fx->logged, "ev=call-ahead-resumed"));
	assert_int_equal(asked(fx, "known2").result.outcome, BMX_PROBE_VALID);
}

/* The one that finds out fails: twice the time, up to a minute; and once it has
 * succeeded all begins anew. */
static void
test_breaker_doubles(void **state)
{
	static const int64_t rests_ms[] = {5000,  10000, 20000,
	                                   40000, 60000, 60000};
	struct fixture *fx = *state;

	fx->primaries[0].greeting = "554 no\r\n";
	(void)asked(fx, "known");
	(void)asked(fx, "known");
	for (size_t i = 0; i < sizeof(rests_ms) / sizeof(rests_ms[0]); i++) {
		assert_int_equal(asked(fx, "known").why, ANSWERED);
		assert_in_range(status_of(fx).retry_in_ms, rests_ms[i] * 3 / 4,
		                rests_ms[i] * 5 / 4);
		fake_loop_advance(fx->loop, status_of(fx).retry_in_ms);
	}
	fx->primaries[0].greeting = NULL;
	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
	pass(fx, BMX_PROBE_IDLE_MS + 1000);
	fx->primaries[0].greeting = "554 no\r\n";
	for (int i = 0; i < 3; i++)
		assert_int_equal(asked(fx, "known").why, ANSWERED);
	assert_in_range(status_of(fx).retry_in_ms, 3750, OPEN_MS);
}

/* Those behind the third failure are answered with it. */
static void
test_breaker_empties_queue(void **state)
{
	struct fixture *fx = *state;
	struct asker askers[10];
	char local[32];

	fx->settings.probe_connections = 1;
	fx->settings.probe_rate = 1; /* a burst of 10 */
	configure(fx);
	primary_stop(&fx->primaries[0]);
	for (size_t i = 0; i < 10; i++) {
		(void)snprintf(local, sizeof(local), "known%zu", i);
		ask(fx, &askers[i], local, 5000);
	}
	settle(fx);
	for (size_t i = 0; i < 10; i++)
		assert_answer(askers[i],
		              i < 3 ? ANSWERED : BMX_CALL_AHEAD_BREAKER,
		              BMX_PROBE_UNSURE);
	assert_int_equal(fx->failed, 3);
	assert_int_equal(status_of(fx).queue, 0);
	/* Seven tokens are left: nobody is before this one. */
	bmx_call_ahead_retry(fx->ca);
	ask(fx, &askers[0], "known", 500);
	settle(fx);
	assert_answer(askers[0], ANSWERED, BMX_PROBE_UNSURE);
}

static void
test_trial_without_target(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_target_set *set;

	fx->primaries[0].greeting = "554 no\r\n";
	for (int i = 0; i < 3; i++)
		(void)asked(fx, "known");
	pass(fx, OPEN_MS);
	set = fx->set;
	fx->set = bmx_target_set_empty(BMX_TARGETS_FAILED);
	assert_int_equal(asked(fx, "known").why, BMX_CALL_AHEAD_NO_TARGET);
	fx->set = set;
	fx->primaries[0].greeting = NULL;
	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
}

/* Background work that finds no token when the breaker's time is over. */
static void
test_trial_without_token(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_call_ahead_request spare = {
		.domain = BMX_SLICE(DOMAIN),
		.local = BMX_SLICE("known"),
		.background = true};

	fx->settings.probe_rate = 1; /* a burst of 10 */
	configure(fx);
	fx->primaries[0].greeting = "554 no\r\n";
	for (int i = 0; i < 10; i++) {
		if (i < 8)
			bmx_call_ahead_retry(fx->ca);
		(void)asked(fx, "known");
	}
	assert_int_equal(status_of(fx).breaker, BMX_CIRCUIT_OPEN);
	fx->primaries[0].greeting = NULL;
	pass(fx, status_of(fx).retry_in_ms);
	/* Between 3 and 6 tokens have come; it takes none of the last 5. */
	(void)bmx_call_ahead_ask(fx->ca, &spare, INT64_MAX, NULL, NULL);
	settle(fx);
	assert_int_equal(asked(fx, "known2").result.outcome, BMX_PROBE_VALID);
}

static void
test_retry(void **state)
{
	struct fixture *fx = *state;

	fx->primaries[0].greeting = "554 no\r\n";
	for (int i = 0; i < 4; i++)
		(void)asked(fx, "known");
	fx->primaries[0].greeting = NULL;
	assert_int_equal(asked(fx, "known").why, BMX_CALL_AHEAD_BREAKER);
	bmx_call_ahead_retry(fx->ca);
	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
}

/* A session that was good and is dead: a new one, at once. */
static void
test_dead_session(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
	fx->primaries[0].drops = 1;
	assert_int_equal(asked(fx, "known2").result.outcome, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].accepted, 2);
	assert_int_equal(status_of(fx).breaker, BMX_CIRCUIT_CLOSED);
}

/* The other idle one is as dead, and not asked. */
static void
test_dead_sessions(void **state)
{
	struct fixture *fx = *state;
	struct asker a, b;

	fx->primaries[0].holds = true;
	ask(fx, &a, "known1", 5000);
	ask(fx, &b, "known2", 5000);
	settle(fx);
	primary_release(&fx->primaries[0]);
	assert_answer(a, ANSWERED, BMX_PROBE_VALID);
	assert_answer(b, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].accepted, 2);
	fx->primaries[0].drops = 1;
	ask(fx, &a, "known3", 5000);
	assert_answer(a, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].accepted, 3);
}

static struct bmx_tls_context *
use_tls(struct fixture *fx, enum bmx_config_tls tls)
{
	struct bmx_tls_context *context = bmx_tls_context_new("", NULL);

	assert_non_null(context);
	fx->settings.tls = tls;
	fx->settings.tls_context = context;
	configure(fx);
	return context;
}

static void
test_in_clear(void **state)
{
	struct fixture *fx = *state;
	struct bmx_tls_context *context = use_tls(fx, BMX_TLS_MAY);

	fx->primaries[0].keyword = "STARTTLS"; /* and then refuses it */
	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].accepted, 2);
	assert_int_equal(fx->primaries[0].rcpts, 1);
	assert_true(fx->good > 0);
	assert_int_equal(fx->failed, 0);
	bmx_call_ahead_free(&fx->ca);
	bmx_tls_context_free(&context);
}

static void
test_never_in_clear(void **state)
{
	struct fixture *fx = *state;
	struct bmx_tls_context *context = use_tls(fx, BMX_TLS_ENCRYPT);
	struct asker asker;

	asker = asked(fx, "known"); /* STARTTLS is not offered */
	assert_answer(asker, ANSWERED, BMX_PROBE_UNSURE);
	assert_int_equal(asker.result.why, BMX_PROBE_REFUSED_TLS);
	assert_int_equal(fx->primaries[0].rcpts, 0);
	assert_int_equal(fx->primaries[0].accepted, 1);
	/* It is up, whatever we think of its TLS. */
	assert_int_equal(fx->good, 1);
	assert_int_equal(fx->failed, 0);
	bmx_call_ahead_free(&fx->ca);
	bmx_tls_context_free(&context);
}

static void
test_dane_without_records(void **state)
{
	struct fixture *fx = *state;
	struct bmx_tls_context *context = use_tls(fx, BMX_TLS_DANE);
	struct asker asker;

	use_targets(fx, 2);
	asker = asked(fx, "known");
	assert_answer(asker, ANSWERED, BMX_PROBE_UNSURE);
	assert_int_equal(asker.result.why, BMX_PROBE_REFUSED_TLS);
	assert_string_equal(asker.result.reply.text,
	                    "no TLSA records to check 127.0.0.1 with");
	assert_int_equal(fx->primaries[0].accepted, 0);
	assert_int_equal(fx->primaries[1].accepted, 0);
	bmx_call_ahead_free(&fx->ca);
	bmx_tls_context_free(&context);
}

static void
test_refuses_null_sender(void **state)
{
	struct fixture *fx = *state;

	fx->primaries[0].from_reply = "550 5.7.1 no bounces\r\n";
	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
	pass(fx, 11000); /* told at the end of the session */
	assert_int_equal(fx->learnt, 1);
	assert_true(status_of(fx).refuses_null_sender);
	assert_int_equal(fx->primaries[0].mails, 2);
	assert_int_equal(asked(fx, "known").result.outcome, BMX_PROBE_VALID);
	assert_int_equal(fx->primaries[0].mails, 3);
	pass(fx, 11000);
	assert_int_equal(fx->learnt, 1);
}

static void
test_accepts_all(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_call_ahead_request request = {
		.domain = BMX_SLICE(DOMAIN),
		.local = BMX_SLICE("nobody"),
		.test_accept_all = true};
	struct asker asker;

	fx->primaries[0].accepts_all = true;
	ask_request(fx, &asker, &request, 5000);
	settle(fx);
	assert_answer(asker, ANSWERED, BMX_PROBE_ACCEPTS_ALL);
	fx->primaries[0].accepts_all = false;
	ask_request(
		fx, &asker,
		&(struct bmx_call_ahead_request){.domain = BMX_SLICE(DOMAIN),
	                                         .local = BMX_SLICE("known"),
	                                         .test_accept_all = true},
		5000);
	settle(fx);
	assert_answer(asker, ANSWERED, BMX_PROBE_VALID);
	assert_int_equal(asker.result.random, BMX_PROBE_RANDOM_REFUSED);
}

static void
test_lost_users(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_call_ahead_request request = {
		.domain = BMX_SLICE(DOMAIN),
		.local = BMX_SLICE("known"),
		.had_valid = true};
	struct asker asker;

	fx->primaries[0].refuses_all = true;
	ask_request(fx, &asker, &request, 5000);
	settle(fx);
	assert_answer(asker, ANSWERED, BMX_PROBE_UNSURE);
	assert_int_equal(asker.result.why, BMX_PROBE_LOST_USERS);
	assert_int_equal(status_of(fx).breaker, BMX_CIRCUIT_CLOSED);
}

static void
test_metrics(void **state)
{
	struct fixture *fx = *state;
	size_t len;
	char *text;

	(void)asked(fx, "known");
	(void)asked(fx, "nobody");
	fx->primaries[0].drops = 1;
	fx->primaries[0].greeting = "554 no\r\n";
	(void)asked(fx, "known");
	text = bmx_metrics_render(fx->metrics, &len);
	assert_non_null(strstr(
		text, "backupmx_call_ahead_total{result=\"valid\"} 1\n"));
	assert_non_null(strstr(
		text, "backupmx_call_ahead_total{result=\"unknown\"} 1\n"));
	assert_non_null(strstr(
		text,
		"backupmx_call_ahead_total{result=\"refused-greeting\"} 1\n"));
	free(text);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		(name), (function), set_up, tear_down, NULL                    \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("next target: connection refused",
	             test_next_after_refused_connection),
		TEST("a dead target comes last for a minute",
	             test_dead_one_last),
		TEST("one that works again comes first again",
	             test_works_again),
		TEST("next target: greeted with 554", test_next_after_greeting),
		TEST("next target: greeted with 421", test_next_after_sender),
		TEST("no next target after RCPT", test_no_next_after_rcpt),
		TEST("next target: silence", test_next_after_silence),
		TEST("all silent: 5 s in all", test_all_silent),
		TEST("no target at all", test_no_target),
		TEST("three failures open the breaker, one success closes it",
	             test_breaker),
		TEST("the breaker stays open for longer and longer",
	             test_breaker_doubles),
		TEST("the breaker empties the queue",
	             test_breaker_empties_queue),
		TEST("a trial that had no target is given back",
	             test_trial_without_target),
		TEST("a trial that had no token is given back",
	             test_trial_without_token),
		TEST("told to retry", test_retry),
		TEST("a used session that died", test_dead_session),
		TEST("two used sessions that died", test_dead_sessions),
		TEST("tls = may: once in clear", test_in_clear),
		TEST("tls = encrypt: never in clear", test_never_in_clear),
		TEST("tls = dane: no records, no connection",
	             test_dane_without_records),
		TEST("the null sender is refused: learnt",
	             test_refuses_null_sender),
		TEST("accepts all, or not", test_accepts_all),
		TEST("a primary that lost its users", test_lost_users),
		TEST("metrics by result", test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
