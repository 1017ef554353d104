/* What is said to a recipient, fact by fact. */
#include "tests/support/cmocka.h"

#include "milter/verdict.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define ASKS(what) BMX_VERDICT_NEEDS_##what
#define DONE BMX_VERDICT_DONE
#define SAY(what) BMX_SAY_##what
#define WHY(what) BMX_WHY_##what

/* fail, softfail, temperror, permerror */
#define DEFAULTS                                                               \
	{                                                                      \
		BMX_ACTION_REJECT, BMX_ACTION_TAG, BMX_ACTION_TAG,             \
			BMX_ACTION_TAG                                         \
	}
#define ALL(action)                                                            \
	{                                                                      \
		BMX_ACTION_##action, BMX_ACTION_##action, BMX_ACTION_##action, \
			BMX_ACTION_##action                                    \
	}
#define SERVED .served = true, .policy_on = true, .actions = DEFAULTS
#define ANSWER(row)                                                            \
	.policy = BMX_POLICY_ANSWERED, .policy_reply = BMX_REPLY_##row
#define SPF(result) .spf_known = true, .spf = BMX_SPF_##result
#define ACTED(action, result)                                                  \
	.served = true, .actions = ALL(action), SPF(result)

struct verdict_case {
	const char *name;
	struct bmx_verdict_facts facts;
	enum bmx_verdict_step want;
	enum bmx_milter_reply say;
	enum bmx_verdict_why why;
	enum bmx_milter_reply observed;
	bool tell;
};

/* clang-format off */
static struct verdict_case cases[] = {
	{"a trusted client is not checked", {.trusted = true, SERVED}, DONE, SAY(NOTHING), WHY(TRUSTED), 0, false},
	{"an authenticated client is not checked", {.authenticated = true, SERVED}, DONE, SAY(NOTHING), WHY(AUTHENTICATED), 0, false},
	{"a probe is not checked", {.probe = true, SERVED}, DONE, SAY(NOTHING), WHY(PROBE), 0, false},
	{"trusted wins over policyd's no", {.trusted = true, SERVED, ANSWER(USER_UNKNOWN)}, DONE, SAY(NOTHING), WHY(TRUSTED), 0, false},

	{"a served recipient is asked for first", {SERVED}, ASKS(POLICY), 0, 0, 0, false},
	{"known SPF does not spare the question", {SERVED, SPF(PASS)}, ASKS(POLICY), 0, 0, 0, false},
	{"policyd's yes leads to SPF", {SERVED, ANSWER(DUNNO)}, ASKS(SPF), 0, 0, 0, false},
	{"without policyd SPF comes first", {.served = true, .actions = DEFAULTS}, ASKS(SPF), 0, 0, 0, false},
	{"not served: SPF for the header alone", {.policy_on = true}, ASKS(SPF), 0, 0, 0, false},

	{"unknown user needs no SPF", {SERVED, ANSWER(USER_UNKNOWN)}, DONE, SAY(USER_UNKNOWN), WHY(POLICY), 0, false},
	{"unverified", {SERVED, ANSWER(UNVERIFIED)}, DONE, SAY(UNVERIFIED), WHY(POLICY), 0, false},
	{"policyd in trouble", {SERVED, ANSWER(TROUBLE)}, DONE, SAY(TROUBLE), WHY(POLICY), 0, false},
	{"primary up", {SERVED, ANSWER(PRIMARY_UP)}, DONE, SAY(PRIMARY_UP), WHY(POLICY), 0, false},
	{"mailbox full", {SERVED, ANSWER(MAILBOX_FULL)}, DONE, SAY(MAILBOX_FULL), WHY(POLICY), 0, false},
	{"policyd away defers", {SERVED, .policy = BMX_POLICY_AWAY}, DONE, SAY(TROUBLE), WHY(POLICY_AWAY), 0, false},
	{"policyd away wins over SPF fail", {SERVED, .policy = BMX_POLICY_AWAY, SPF(FAIL)}, DONE, SAY(TROUBLE), WHY(POLICY_AWAY), 0, false},

	{"clean", {SERVED, ANSWER(DUNNO), SPF(PASS)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},
	{"no SPF record", {SERVED, ANSWER(DUNNO), SPF(NONE)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},
	{"neutral", {SERVED, ANSWER(DUNNO), SPF(NEUTRAL)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},
	{"fail by default is refused", {SERVED, ANSWER(DUNNO), SPF(FAIL)}, DONE, SAY(SPF_FAIL), WHY(SPF), 0, true},
	{"softfail by default is told", {SERVED, ANSWER(DUNNO), SPF(SOFTFAIL)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},
	{"not served: a fail is told, no more", {SPF(FAIL)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},

	{"fail, reject", {ACTED(REJECT, FAIL)}, DONE, SAY(SPF_FAIL), WHY(SPF), 0, true},
	{"fail, defer", {ACTED(DEFER, FAIL)}, DONE, SAY(SPF_FAIL_LATER), WHY(SPF), 0, true},
	{"fail, tag", {ACTED(TAG, FAIL)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},
	{"fail, ignore", {ACTED(IGNORE, FAIL)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, false},
	{"softfail, reject", {ACTED(REJECT, SOFTFAIL)}, DONE, SAY(SPF_FAIL), WHY(SPF), 0, true},
	{"softfail, defer", {ACTED(DEFER, SOFTFAIL)}, DONE, SAY(SPF_FAIL_LATER), WHY(SPF), 0, true},
	{"softfail, ignore", {ACTED(IGNORE, SOFTFAIL)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, false},
	{"temperror, reject", {ACTED(REJECT, TEMPERROR)}, DONE, SAY(SPF_ERROR), WHY(SPF), 0, true},
	{"temperror, defer", {ACTED(DEFER, TEMPERROR)}, DONE, SAY(SPF_ERROR_LATER), WHY(SPF), 0, true},
	{"temperror, tag", {ACTED(TAG, TEMPERROR)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},
	{"temperror, ignore", {ACTED(IGNORE, TEMPERROR)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, false},
	{"permerror, reject", {ACTED(REJECT, PERMERROR)}, DONE, SAY(SPF_ERROR), WHY(SPF), 0, true},
	{"permerror, defer", {ACTED(DEFER, PERMERROR)}, DONE, SAY(SPF_ERROR_LATER), WHY(SPF), 0, true},
	{"permerror, ignore", {ACTED(IGNORE, PERMERROR)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, false},
	{"pass is accepted whatever is set", {ACTED(REJECT, PASS)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},
	{"none is accepted whatever is set", {ACTED(REJECT, NONE)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},
	{"neutral is accepted whatever is set", {ACTED(REJECT, NEUTRAL)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},

	{"observe: policyd's no still leads to SPF", {SERVED, .observe = true, ANSWER(USER_UNKNOWN)}, ASKS(SPF), 0, 0, 0, false},
	{"observe: policyd's no is held back", {SERVED, .observe = true, ANSWER(USER_UNKNOWN), SPF(FAIL)}, DONE, SAY(NOTHING), WHY(POLICY), SAY(USER_UNKNOWN), true},
	{"observe: SPF fail is held back", {SERVED, .observe = true, ANSWER(DUNNO), SPF(FAIL)}, DONE, SAY(NOTHING), WHY(SPF), SAY(SPF_FAIL), true},
	{"observe: policyd away is held back", {SERVED, .observe = true, .policy = BMX_POLICY_AWAY, SPF(PASS)}, DONE, SAY(NOTHING), WHY(POLICY_AWAY), SAY(TROUBLE), true},
};
/* clang-format on */

static void
test_verdict(void **state)
{
	const struct verdict_case *tc = *state;
	struct bmx_verdict got;

	assert_int_equal(bmx_verdict_next(&tc->facts, &got), tc->want);
	if (tc->want != DONE)
		return;
	assert_int_equal(got.say, tc->say);
	assert_int_equal(got.why, tc->why);
	assert_int_equal(got.observed, tc->observed);
	assert_int_equal(got.tell, tc->tell);
}

static enum bmx_verdict_step
last_step(struct bmx_verdict_facts *facts, struct bmx_verdict *verdict)
{
	enum bmx_verdict_step step = bmx_verdict_next(facts, verdict);

	if (step == ASKS(POLICY)) {
		facts->policy = BMX_POLICY_AWAY;
		step = bmx_verdict_next(facts, verdict);
	}
	if (step == ASKS(SPF)) {
		facts->spf_known = true;
		step = bmx_verdict_next(facts, verdict);
	}
	return step;
}

/* Each fact is asked for once; and policyd's silence accepts nobody whom we
 * serve, know nothing of, and are to protect. */
static void
test_every_order_ends(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		struct bmx_verdict_facts facts = {
			.trusted = bits & 1,
			.authenticated = bits & 2,
			.probe = bits & 4,
			.served = bits & 8,
			.observe = bits & 16,
			.policy_on = bits & 32,
		};
		struct bmx_verdict verdict;

		assert_int_equal(last_step(&facts, &verdict), DONE);
		if ((bits & 7) == 0 && facts.served && facts.policy_on &&
		    !facts.observe)
			assert_int_equal(verdict.say, SAY(TROUBLE));
		else
			assert_int_equal(verdict.say, SAY(NOTHING));
	}
}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(cases) + 1] = {
		cmocka_unit_test(test_every_order_ends),
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		tests[i + 1].name = cases[i].name;
		tests[i + 1].test_func = test_verdict;
		tests[i + 1].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
