/* What is said to a recipient, fact by fact. */
#include "tests/support/cmocka.h"

#include "milter/verdict.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define ASKS(what) BMX_VERDICT_NEEDS_##what
#define BMX_VERDICT_NEEDS_SPF BMX_VERDICT_NEEDS_CHECK
#define DONE BMX_VERDICT_DONE
#define SAY(what) BMX_SAY_##what
#define WHY(what) BMX_WHY_##what
#define BMX_WHY_SPF (BMX_WHY_CHECK + BMX_CHECK_SPF)

#define FOUND(what) BMX_FOUND_##what
#define BIT(check) (UINT32_C(1) << BMX_CHECK_##check)

static const struct bmx_config_domain plain = {
	.spf = {{BMX_ACTION_REJECT, 0},
                {BMX_ACTION_TAG, 0},
                {BMX_ACTION_TAG, 0},
                {BMX_ACTION_TAG, 0}},
};
static const struct bmx_config_domain watched = {
	.mode = BMX_MODE_OBSERVE,
	.spf = {{BMX_ACTION_REJECT, 0},
                {BMX_ACTION_TAG, 0},
                {BMX_ACTION_TAG, 0},
                {BMX_ACTION_TAG, 0}},
	.helo = {.own = {BMX_ACTION_REJECT, 0},
                 .unknown = {BMX_ACTION_DEFER, 0}},
};
/* A domain that answers every SPF result in one way. */
#define ALL(name, action)                                                      \
	static const struct bmx_config_domain name = {                         \
		.spf = {{BMX_ACTION_##action, 0},                              \
	                {BMX_ACTION_##action, 0},                              \
	                {BMX_ACTION_##action, 0},                              \
	                {BMX_ACTION_##action, 0}}}
ALL(all_REJECT, REJECT);
ALL(all_DEFER, DEFER);
ALL(all_TAG, TAG);
ALL(all_IGNORE, IGNORE);
/* One with an answer to much; SPF's fail alone is refused. */
static const struct bmx_config_domain strict = {
	.spf = {.fail = {BMX_ACTION_REJECT, 0},
                .softfail = {BMX_ACTION_SCORE, 2}},
	.dnsbl = {.action = {BMX_ACTION_REJECT, 0},
                  .temperror = {BMX_ACTION_DEFER, 0}},
	.helo = {.own = {BMX_ACTION_REJECT, 0},
                 .unknown = {BMX_ACTION_DEFER, 0},
                 .unqualified = {BMX_ACTION_SCORE, 3}},
	.reverse_dns = {.missing = {BMX_ACTION_SCORE, 2},
                        .unconfirmed = {BMX_ACTION_TAG, 0}},
	.sender_domain = {.null_mx = {BMX_ACTION_REJECT, 0},
                          .unknown = {BMX_ACTION_DEFER, 0}},
	.score_threshold = 4,
};

#define SERVED .section = &plain, .policy_on = true, .wanted = BIT(SPF)
#define WATCHED .section = &watched, .policy_on = true, .wanted = BIT(SPF)
#define ANSWER(row)                                                            \
	.policy = BMX_POLICY_ANSWERED, .policy_reply = BMX_REPLY_##row
#define SPF_NONE NOTHING
#define SPF_NEUTRAL NEUTRAL
#define SPF_PASS GOOD
#define SPF(result) SPF_FOUND(SPF_##result)
#define SPF_FOUND(finding) SPF_AS(finding)
#define SPF_AS(finding)                                                        \
	.known = BIT(SPF), .found = {[BMX_CHECK_SPF] = BMX_FOUND_##finding}
#define ACTED(action, result)                                                  \
	.section = &all_##action, .wanted = BIT(SPF), SPF(result)

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

	{"whose domain it is, nobody can say", {.doubtful = &plain, .policy_on = true, .wanted = BIT(SPF)}, DONE, SAY(LOOKUP_LATER), WHY(DOUBTFUL), 0, false},
	{"nobody can say, and \"*\" observes", {.doubtful = &watched, .wanted = BIT(SPF)}, DONE, SAY(NOTHING), WHY(DOUBTFUL), BMX_SAY_LOOKUP_LATER, false},
	{"a trusted client is past that", {.trusted = true, .doubtful = &plain}, DONE, SAY(NOTHING), WHY(TRUSTED), 0, false},

	{"a served recipient is asked for first", {SERVED}, ASKS(POLICY), 0, 0, 0, false},
	{"known SPF does not spare the question", {SERVED, SPF(PASS)}, ASKS(POLICY), 0, 0, 0, false},
	{"policyd's yes leads to SPF", {SERVED, ANSWER(DUNNO)}, ASKS(SPF), 0, 0, 0, false},
	{"without policyd SPF comes first", {.section = &plain, .wanted = BIT(SPF)}, ASKS(SPF), 0, 0, 0, false},
	{"not served: SPF for the header alone", {.policy_on = true, .wanted = BIT(SPF)}, ASKS(SPF), 0, 0, 0, false},

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
	{"not served: a fail is told, no more", {.wanted = BIT(SPF), SPF(FAIL)}, DONE, SAY(NOTHING), WHY(CLEAN), 0, true},

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

	{"observe: policyd's no still leads to SPF", {WATCHED, ANSWER(USER_UNKNOWN)}, ASKS(SPF), 0, 0, 0, false},
	{"observe: policyd's no is held back", {WATCHED, ANSWER(USER_UNKNOWN), SPF(FAIL)}, DONE, SAY(NOTHING), WHY(POLICY), SAY(USER_UNKNOWN), true},
	{"observe: SPF fail is held back", {WATCHED, ANSWER(DUNNO), SPF(FAIL)}, DONE, SAY(NOTHING), WHY(SPF), SAY(SPF_FAIL), true},
	{"observe: policyd away is held back", {WATCHED, .policy = BMX_POLICY_AWAY, SPF(PASS)}, DONE, SAY(NOTHING), WHY(POLICY_AWAY), SAY(TROUBLE), true},
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

/*
 * Several checks: what each has found, in a few words, "-" for what may not be
 * asked for.
 */
struct checks_case {
	const char *name;
	const struct bmx_config_domain *section; /* NULL: not served */
	enum bmx_finding found[BMX_CHECKS];      /* 0: not asked for */
	enum bmx_milter_reply say, observed;
	int why; /* a check, or -1 - why */
	bool other_rules;
	bool tell_iprev;
};

#define SIZE_IS(x) [BMX_CHECK_SIZE] = FOUND(x)
#define CLIENT_IS(x) [BMX_CHECK_CLIENT_ACCESS] = FOUND(x)
#define SENDER_IS(x) [BMX_CHECK_SENDER_ACCESS] = FOUND(x)
#define HELO_IS(x) [BMX_CHECK_HELO] = FOUND(x)
#define REVERSE_IS(x) [BMX_CHECK_REVERSE_DNS] = FOUND(x)
#define DOMAIN_IS(x) [BMX_CHECK_SENDER_DOMAIN] = FOUND(x)
#define DNSBL_IS(x) [BMX_CHECK_DNSBL] = FOUND(x)
#define SPF_IS(x) [BMX_CHECK_SPF] = FOUND(x)
#define FIRST SIZE_IS(NOTHING), CLIENT_IS(NOTHING), SENDER_IS(NOTHING)
#define GOOD_TO_DNSBL FIRST, HELO_IS(GOOD), REVERSE_IS(GOOD), DOMAIN_IS(GOOD)
#define OF(check) BMX_CHECK_##check
#define BY(why) (-1 - (int)BMX_WHY_##why)

/* clang-format off */
static struct checks_case checks[] = {
	{"all good", &strict, {GOOD_TO_DNSBL, DNSBL_IS(GOOD), SPF_IS(GOOD)}, 0, 0, BY(CLEAN), false, true},
	{"not served: findings do nothing", NULL, {SPF_IS(SPF_FAIL)}, 0, 0, BY(CLEAN), false, false},
	{"too large by its own word", &strict, {SIZE_IS(TOO_LARGE)}, SAY(TOO_LARGE), 0, OF(SIZE), false, false},
	{"a refused client needs no more checks", &strict, {SIZE_IS(NOTHING), CLIENT_IS(ACCESS_REJECT)}, SAY(ACCESS_DENIED), 0, OF(CLIENT_ACCESS), false, false},
	{"a client that is OK is past all but SPF's header", &strict, {SIZE_IS(NOTHING), CLIENT_IS(GOOD), SPF_IS(SPF_FAIL)}, 0, 0, BY(CLEAN), false, false},
	{"a client that is OK is not past the size", &strict, {SIZE_IS(TOO_LARGE)}, SAY(TOO_LARGE), 0, OF(SIZE), false, false},
	{"a sender that is OK is past the others", &strict, {SIZE_IS(NOTHING), CLIENT_IS(NOTHING), SENDER_IS(GOOD), SPF_IS(GOOD)}, 0, 0, BY(CLEAN), false, false},
	{"but not past SPF", &strict, {SIZE_IS(NOTHING), CLIENT_IS(NOTHING), SENDER_IS(GOOD), SPF_IS(SPF_FAIL)}, SAY(SPF_FAIL), 0, OF(SPF), false, false},
	{"a refused sender", &strict, {SIZE_IS(NOTHING), CLIENT_IS(NOTHING), SENDER_IS(ACCESS_REJECT)}, SAY(ACCESS_DENIED), 0, OF(SENDER_ACCESS), false, false},
	{"our name in HELO", &strict, {FIRST, HELO_IS(HELO_OWN)}, SAY(HELO_OWN), 0, OF(HELO), false, false},
	{"a finding without a response", &strict, {FIRST, HELO_IS(HELO_INVALID), REVERSE_IS(GOOD), DOMAIN_IS(GOOD), DNSBL_IS(GOOD), SPF_IS(GOOD)}, 0, 0, BY(CLEAN), false, true},
	{"listed", &strict, {GOOD_TO_DNSBL, DNSBL_IS(DNSBL_LISTED)}, SAY(DNSBL), 0, OF(DNSBL), false, true},
	{"a failed list defers as told", &strict, {GOOD_TO_DNSBL, DNSBL_IS(DNSBL_TEMPERROR), SPF_IS(GOOD)}, SAY(LOOKUP_LATER), 0, OF(DNSBL), false, true},
	{"null MX", &strict, {FIRST, HELO_IS(GOOD), REVERSE_IS(GOOD), DOMAIN_IS(SENDER_NULL_MX)}, SAY(SENDER_NULL_MX), 0, OF(SENDER_DOMAIN), false, true},
	{"a later no wins over an earlier not yet", &strict, {FIRST, HELO_IS(HELO_UNKNOWN), REVERSE_IS(GOOD), DOMAIN_IS(GOOD), DNSBL_IS(DNSBL_LISTED)}, SAY(DNSBL), 0, OF(DNSBL), false, true},
	{"of two deferrals the first is said", &strict, {FIRST, HELO_IS(HELO_UNKNOWN), REVERSE_IS(GOOD), DOMAIN_IS(SENDER_UNKNOWN), DNSBL_IS(GOOD), SPF_IS(GOOD)}, SAY(HELO_UNKNOWN_LATER), 0, OF(HELO), false, true},
	{"points below the threshold", &strict, {FIRST, HELO_IS(HELO_UNQUALIFIED), REVERSE_IS(GOOD), DOMAIN_IS(GOOD), DNSBL_IS(GOOD), SPF_IS(GOOD)}, 0, 0, BY(CLEAN), false, true},
	{"points that reach it", &strict, {FIRST, HELO_IS(GOOD), REVERSE_IS(REVERSE_MISSING), DOMAIN_IS(GOOD), DNSBL_IS(GOOD), SPF_IS(SPF_SOFTFAIL)}, SAY(SCORE), 0, BY(SCORE), false, true},
	{"points that reach it win over a deferral", &strict, {FIRST, HELO_IS(HELO_UNQUALIFIED), REVERSE_IS(REVERSE_MISSING), DOMAIN_IS(SENDER_UNKNOWN), DNSBL_IS(GOOD), SPF_IS(GOOD)}, SAY(SCORE), 0, BY(SCORE), false, true},
	{"reverse DNS, ignored, is not told", &strict, {FIRST, HELO_IS(GOOD), REVERSE_IS(REVERSE_TEMPERROR), DOMAIN_IS(GOOD), DNSBL_IS(GOOD), SPF_IS(GOOD)}, 0, 0, BY(CLEAN), false, false},
	{"reverse DNS, tagged, is", &strict, {FIRST, HELO_IS(GOOD), REVERSE_IS(REVERSE_UNCONFIRMED), DOMAIN_IS(GOOD), DNSBL_IS(GOOD), SPF_IS(GOOD)}, 0, 0, BY(CLEAN), false, true},
	{"other content rules", &strict, {GOOD_TO_DNSBL, DNSBL_IS(GOOD), SPF_IS(GOOD)}, SAY(OTHER_RULES), 0, BY(OTHER_RULES), true, true},
	{"a no is said before them", &strict, {GOOD_TO_DNSBL, DNSBL_IS(DNSBL_LISTED)}, SAY(DNSBL), 0, OF(DNSBL), true, true},
	{"observe holds a no back", &watched, {HELO_IS(HELO_OWN), SPF_IS(GOOD)}, 0, SAY(HELO_OWN), OF(HELO), false, false},
	{"observe keeps the first", &watched, {HELO_IS(HELO_OWN), SPF_IS(SPF_FAIL)}, 0, SAY(HELO_OWN), OF(HELO), false, false},
	{"observe holds a deferral back", &watched, {HELO_IS(HELO_UNKNOWN), SPF_IS(GOOD)}, 0, SAY(HELO_UNKNOWN_LATER), OF(HELO), false, false},
	{"observe does not mix content rules", &watched, {HELO_IS(HELO_OWN), SPF_IS(GOOD)}, SAY(OTHER_RULES), 0, BY(OTHER_RULES), true, false},
};
/* clang-format on */

static void
test_checks(void **state)
{
	const struct checks_case *tc = *state;
	struct bmx_verdict_facts facts = {.section = tc->section,
	                                  .other_rules = tc->other_rules};
	struct bmx_verdict got;
	uint32_t unasked = 0;

	facts.wanted =
		tc->section == &strict ? (1u << BMX_CHECKS) - 1 : BIT(SPF);
	if (tc->section == &watched)
		facts.wanted |= BIT(HELO);
	for (int i = 0; i < BMX_CHECKS; i++)
		if (tc->found[i] != BMX_FOUND_UNDECIDED)
			unasked |= 1u << i;
	while (bmx_verdict_next(&facts, &got) == BMX_VERDICT_NEEDS_CHECK) {
		/* Each once, and none that the row does not foresee. */
		assert_true(unasked & 1u << got.check);
		unasked &= ~(1u << got.check);
		facts.known |= 1u << got.check;
		facts.found[got.check] = tc->found[got.check];
	}
	assert_int_equal(unasked, 0);
	assert_int_equal(got.say, tc->say);
	assert_int_equal(got.observed, tc->observed);
	assert_int_equal(got.why,
	                 tc->why >= 0 ? BMX_WHY_CHECK + tc->why : -1 - tc->why);
	assert_int_equal(got.tell_iprev, tc->tell_iprev);
}

static enum bmx_verdict_step
last_step(struct bmx_verdict_facts *facts, struct bmx_verdict *verdict)
{
	enum bmx_verdict_step step = bmx_verdict_next(facts, verdict);

	if (step == ASKS(POLICY)) {
		facts->policy = BMX_POLICY_AWAY;
		step = bmx_verdict_next(facts, verdict);
	}
	if (step == ASKS(CHECK)) {
		facts->known |= UINT32_C(1) << verdict->check;
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
			.section = bits & 8 ? (bits & 16 ? &watched : &plain) :
					      NULL,
			.policy_on = bits & 32,
			.wanted = BIT(SPF),
		};
		struct bmx_verdict verdict;

		assert_int_equal(last_step(&facts, &verdict), DONE);
		if ((bits & 7) == 0 && facts.section == &plain &&
		    facts.policy_on)
			assert_int_equal(verdict.say, SAY(TROUBLE));
		else
			assert_int_equal(verdict.say, SAY(NOTHING));
	}
}

int
main(void)
{
	struct CMUnitTest tests[1 + LENGTH(cases) + LENGTH(checks)] = {
		cmocka_unit_test(test_every_order_ends),
	};
	size_t n = 1;

	for (size_t i = 0; i < LENGTH(cases); i++)
		tests[n++] = (struct CMUnitTest){cases[i].name, test_verdict,
		                                 NULL, NULL, &cases[i]};
	for (size_t i = 0; i < LENGTH(checks); i++)
		tests[n++] = (struct CMUnitTest){checks[i].name, test_checks,
		                                 NULL, NULL, &checks[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
