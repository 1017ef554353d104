/* What call-ahead found out, on its way into the verification cache. */
#include "policyd/learn.h"

#include "tests/unit/policyd/engine_fixture.h"

#define DOMAIN "a.test"

static const char config_text[] = "domain \"a.test\" { max_shrink = 50 }\n"
				  "domain \"b.test\" { }\n";

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture_start(fixture, config_text);
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	fixture_stop(fixture);
	free(fixture);
	return 0;
}

struct news {
	const char *local;
	enum bmx_probe_outcome outcome;
	enum bmx_probe_random random;
	bool had_valid;
	bool test_accept_all;
	enum bmx_probe_why why;
	enum bmx_call_ahead_why answered;
};

static void
take(struct fixture *f, struct news news)
{
	const struct bmx_call_ahead_request request = {
		.domain = BMX_SLICE(DOMAIN),
		.local = bmx_slice_of(news.local),
		.had_valid = news.had_valid,
		.test_accept_all = news.test_accept_all,
	};
	const struct bmx_probe_result probe = {.outcome = news.outcome,
	                                       .why = news.why,
	                                       .random = news.random};
	const struct bmx_call_ahead_answer answer = {news.answered, &probe};

	bmx_learner_take(f->learner, &request, &answer);
}

static const struct bmx_verification *
kept(const struct fixture *f, const char *local)
{
	const struct bmx_record_key key = {BMX_RECORD_VERIFICATION,
	                                   BMX_SLICE(DOMAIN),
	                                   bmx_slice_of(local)};
	const struct bmx_record *record = memory_store_find(f->records, &key);

	return record ? &record->as.verification : NULL;
}

static void
assert_kept(const struct fixture *f, const char *local, enum bmx_verified want)
{
	const struct bmx_verification *verification = kept(f, local);

	assert_non_null(verification);
	if (verification)
		assert_int_equal(verification->result, want);
}

static int64_t
checked_at(const struct fixture *f, const char *local)
{
	const struct bmx_verification *verification = kept(f, local);

	return verification ? verification->checked_at_ms : -1;
}

struct learn_case {
	const char *name;
	struct news news;
	bool keeps;
	enum bmx_verified want;
	bool keeps_any; /* a record of "*" */
	enum bmx_verified want_any;
};

#define OUT(name) .local = "u", .outcome = BMX_PROBE_##name
#define RANDOM(name) .random = BMX_PROBE_RANDOM_##name

/* clang-format off */
static struct learn_case cases[] = {
	{"valid", {OUT(VALID)}, true, BMX_VERIFIED_VALID, false, 0},
	{"valid, a random one is refused", {OUT(VALID), RANDOM(REFUSED)}, true, BMX_VERIFIED_VALID, true, BMX_VERIFIED_UNKNOWN},
	{"valid, of a random one nothing is known", {OUT(VALID), RANDOM(UNDECIDED), .test_accept_all = true}, true, BMX_VERIFIED_VALID, false, 0},
	{"all are accepted: of the address nothing is known", {OUT(ACCEPTS_ALL), RANDOM(ACCEPTED)}, false, 0, true, BMX_VERIFIED_VALID},
	{"full", {OUT(VALID_FULL)}, true, BMX_VERIFIED_VALID, false, 0},
	{"disabled", {OUT(VALID_DISABLED)}, true, BMX_VERIFIED_VALID, false, 0},
	{"unknown", {OUT(UNKNOWN)}, true, BMX_VERIFIED_UNKNOWN, false, 0},
	{"unknown is not accepts-all", {OUT(UNKNOWN), .test_accept_all = true}, true, BMX_VERIFIED_UNKNOWN, true, BMX_VERIFIED_UNKNOWN},
	{"unsure", {OUT(UNSURE), RANDOM(ACCEPTED)}, false, 0, false, 0},
	{"late", {OUT(VALID), .answered = BMX_CALL_AHEAD_LATE}, false, 0, false, 0},
	{"closed", {OUT(UNKNOWN), .answered = BMX_CALL_AHEAD_CLOSED}, false, 0, false, 0},
};
/* clang-format on */
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void
test_case(void **state)
{
	const struct learn_case *tc = *state;
	struct fixture *f;
	void *made;

	assert_int_equal(setup(&made), 0);
	f = made;
	take(f, tc->news);
	assert_int_equal(kept(f, "u") != NULL, tc->keeps);
	if (tc->keeps)
		assert_kept(f, "u", tc->want);
	assert_int_equal(kept(f, "*") != NULL, tc->keeps_any);
	if (tc->keeps_any)
		assert_kept(f, "*", tc->want_any);
	assert_int_equal(teardown(&made), 0);
}

/* A store far away: results join what is there when it answers, whatever the
 * order in which they came; an older one does not undo a newer one. */
static void
test_delayed(void **state)
{
	struct fixture *f = *state;

	memory_store_set_delayed(f->records, true);
	take(f, (struct news){OUT(UNKNOWN)});
	fake_loop_advance(f->loop, 1000);
	take(f, (struct news){OUT(VALID)});
	assert_int_equal(memory_store_waiting(f->records), 2);
	assert_null(kept(f, "u"));
	while (memory_store_answer(f->records))
		;
	assert_kept(f, "u", BMX_VERIFIED_VALID);
	assert_int_equal(checked_at(f, "u"), fixture_wall_ms(f));
}

static void
test_freed_while_reading(void **state)
{
	struct fixture *f = *state;

	memory_store_set_delayed(f->records, true);
	take(f, (struct news){OUT(VALID)});
	take(f, (struct news){.local = "v", .outcome = BMX_PROBE_VALID});
	bmx_learner_free(&f->learner);
	assert_int_equal(memory_store_waiting(f->records), 0);
	assert_null(kept(f, "u"));
}

/* More than may wait are not kept: memory is not for the asking. */
static void
test_flood(void **state)
{
	struct fixture *f = *state;
	char local[16];

	memory_store_set_delayed(f->records, true);
	for (int i = 0; i < 1100; i++) {
		(void)snprintf(local, sizeof(local), "u%d", i);
		take(f,
		     (struct news){.local = local, .outcome = BMX_PROBE_VALID});
	}
	assert_int_equal(memory_store_waiting(f->records), 1000);
	while (memory_store_answer(f->records))
		;
	assert_int_equal(memory_store_records(f->records), 1000);
	take(f, (struct news){OUT(VALID)});
	assert_int_equal(memory_store_waiting(f->records), 1);
}

/* Who did not know of the VALID asked for no witness, so it stays. */
static void
test_unwitnessed(void **state)
{
	struct fixture *f = *state;

	take(f, (struct news){OUT(VALID)});
	take(f, (struct news){OUT(UNKNOWN)});
	assert_kept(f, "u", BMX_VERIFIED_VALID);
	take(f, (struct news){OUT(UNKNOWN), .had_valid = true});
	assert_kept(f, "u", BMX_VERIFIED_UNKNOWN);
}

static void
lose(struct fixture *f, int from, int to)
{
	char local[16];

	for (int i = from; i < to; i++) {
		(void)snprintf(local, sizeof(local), "u%d", i);
		take(f,
		     (struct news){.local = local,
		                   .outcome = BMX_PROBE_UNKNOWN,
		                   .had_valid = true});
	}
}

static void
test_lost_users(void **state)
{
	struct fixture *f = *state;
	const struct bmx_config_domain *section = &f->config->domains[0];
	char local[16];

	for (int i = 0; i < 10; i++) {
		(void)snprintf(local, sizeof(local), "u%d", i);
		take(f,
		     (struct news){.local = local, .outcome = BMX_PROBE_VALID});
	}
	lose(f, 0, 2);
	assert_kept(f, "u1", BMX_VERIFIED_UNKNOWN);
	assert_false(bmx_learner_holds(f->learner, section));
	lose(f, 2, 4);
	assert_kept(f, "u3", BMX_VERIFIED_VALID);
	assert_true(bmx_learner_holds(f->learner, section));
	assert_non_null(strstr(f->last_log, "ev=lost-users domain=a.test"));
	assert_false(bmx_learner_holds(f->learner, &f->config->domains[1]));
}

/* A reload keeps what was counted of the domains that stay, wherever they
 * stand now. */
static void
test_reload(void **state)
{
	struct fixture *f = *state;
	struct bmx_config *other = fixture_config("domain \"b.test\" { }\n"
	                                          "domain \"a.test\" { }\n");
	struct bmx_config *none = fixture_config("domain \"c.test\" { }\n");

	lose(f, 0, 4);
	assert_int_equal(bmx_learner_configure(f->learner, other, NULL), 0);
	assert_true(bmx_learner_holds(f->learner, &other->domains[1]));
	assert_false(bmx_learner_holds(f->learner, &other->domains[0]));
	/* A result of a domain that is gone harms nobody. */
	memory_store_set_delayed(f->records, true);
	take(f, (struct news){OUT(VALID)});
	assert_int_equal(bmx_learner_configure(f->learner, none, NULL), 0);
	while (memory_store_answer(f->records))
		;
	assert_false(bmx_learner_holds(f->learner, &f->config->domains[0]));
	lose(f, 0, 4);
	bmx_config_unref(&other);
	bmx_config_unref(&none);
	while (memory_store_answer(f->records))
		;
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(void)
{
	struct CMUnitTest tests[6 + CASES] = {
		TEST("late results of a store far away", test_delayed),
		TEST("freed while it reads", test_freed_while_reading),
		TEST("a flood of results", test_flood),
		TEST("a VALID goes only before a witness", test_unwitnessed),
		TEST("a lost user table", test_lost_users),
		TEST("a reload", test_reload),
	};

	for (size_t i = 0; i < CASES; i++)
		tests[6 + i] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_case,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
