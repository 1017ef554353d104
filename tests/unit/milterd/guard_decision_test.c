/* May a bounce leave? Each reason, and that nothing unproven ever does. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "milter/guard_decision.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MODE(word) BMX_BOUNCE_GUARD_##word
#define ACT(word) BMX_GUARD_##word
#define WHY(word) BMX_GUARD_##word
#define GOOD(word)                                                             \
	{                                                                      \
		true, BMX_SEAL_GOOD, BMX_SEALED_##word                         \
	}
#define BAD(word)                                                              \
	{                                                                      \
		true, BMX_SEAL_##word, BMX_SEALED_NONE                         \
	}
#define NO                                                                     \
	{                                                                      \
		false, BMX_SEAL_GOOD, BMX_SEALED_NONE                          \
	}

struct decision_case {
	const char *name;
	struct bmx_guard_facts facts;
	enum bmx_guard_act want; /* with quarantine */
	enum bmx_guard_act want_discard;
	enum bmx_guard_why why;
};

/* mode, is_report, readable, null_sender, trouble, held, stored, returned */
#define Q MODE(QUARANTINE)

/* clang-format off */
static struct decision_case cases[] = {
	{"stored: SPF", {Q, true, true, false, false, false, GOOD(SPF), NO}, ACT(PASS), ACT(PASS), WHY(SPF)},
	{"stored: logged in", {Q, true, true, false, false, false, GOOD(AUTH), NO}, ACT(PASS), ACT(PASS), WHY(AUTH)},
	{"stored: trusted", {Q, true, true, false, false, false, GOOD(TRUSTED), NO}, ACT(PASS), ACT(PASS), WHY(TRUSTED)},
	{"stored: not authenticated", {Q, true, true, false, false, false, GOOD(NONE), NO}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNPROVEN)},
	{"returned: SPF", {Q, true, true, false, false, false, NO, GOOD(SPF)}, ACT(PASS), ACT(PASS), WHY(SPF)},
	{"returned: not authenticated", {Q, true, true, false, false, false, NO, GOOD(NONE)}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNPROVEN)},
	{"stored says no, returned yes", {Q, true, true, false, false, false, GOOD(NONE), GOOD(SPF)}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNPROVEN)},
	{"stored says yes, returned no", {Q, true, true, false, false, false, GOOD(SPF), GOOD(NONE)}, ACT(PASS), ACT(PASS), WHY(SPF)},
	{"stored yes, returned forged", {Q, true, true, false, false, false, GOOD(SPF), BAD(FORGED)}, ACT(PASS), ACT(PASS), WHY(SPF)},
	{"stored of another sender, returned yes", {Q, true, true, false, false, false, BAD(FORGED), GOOD(SPF)}, ACT(PASS), ACT(PASS), WHY(SPF)},
	{"stored of another sender alone", {Q, true, true, false, false, false, BAD(FORGED), NO}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNSEALED)},
	{"no seal at all", {Q, true, true, false, false, false, NO, NO}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNSEALED)},
	{"forged", {Q, true, true, false, false, false, NO, BAD(FORGED)}, ACT(QUARANTINE), ACT(DISCARD), WHY(FORGED)},
	{"of another queue id", {Q, true, true, false, false, false, NO, BAD(OTHER)}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNSEALED)},
	{"of a key that is gone", {Q, true, true, false, false, false, NO, BAD(UNKNOWN_KEY)}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNSEALED)},
	{"malformed", {Q, true, true, false, false, false, NO, BAD(MALFORMED)}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNSEALED)},
	{"null sender", {Q, true, true, true, false, false, NO, NO}, ACT(QUARANTINE), ACT(DISCARD), WHY(NULL_SENDER)},
	{"null sender, sealed", {Q, true, true, true, false, false, GOOD(TRUSTED), NO}, ACT(QUARANTINE), ACT(DISCARD), WHY(NULL_SENDER)},
	{"lost users, sealed", {Q, true, true, false, false, true, GOOD(SPF), GOOD(SPF)}, ACT(QUARANTINE), ACT(QUARANTINE), WHY(HELD)},
	{"lost users, not authenticated", {Q, true, true, false, false, true, GOOD(NONE), NO}, ACT(QUARANTINE), ACT(QUARANTINE), WHY(HELD)},
	{"unreadable", {Q, true, false, false, false, false, NO, NO}, ACT(QUARANTINE), ACT(QUARANTINE), WHY(UNREADABLE)},
	{"trouble, no seal", {Q, true, true, false, true, false, NO, NO}, ACT(QUARANTINE), ACT(QUARANTINE), WHY(TROUBLE)},
	{"trouble, forged seal", {Q, true, true, false, true, false, NO, BAD(FORGED)}, ACT(QUARANTINE), ACT(QUARANTINE), WHY(TROUBLE)},
	{"store away, the header decides: yes", {Q, true, true, false, true, false, NO, GOOD(SPF)}, ACT(PASS), ACT(PASS), WHY(SPF)},
	{"store away, the header decides: no", {Q, true, true, false, true, false, NO, GOOD(NONE)}, ACT(QUARANTINE), ACT(DISCARD), WHY(UNPROVEN)},
	{"no memory to read it", {Q, false, false, false, true, false, NO, NO}, ACT(QUARANTINE), ACT(QUARANTINE), WHY(TROUBLE)},
	{"no report", {Q, false, false, false, false, false, NO, NO}, ACT(PASS), ACT(PASS), WHY(NO_REPORT)},
};
/* clang-format on */

static void
test_decision(void **state)
{
	const struct decision_case *tc = *state;
	struct bmx_guard_facts facts = tc->facts;
	struct bmx_guard_verdict got = bmx_guard_decide(&facts);

	assert_int_equal(got.why, tc->why);
	assert_int_equal(got.act, tc->want);
	facts.mode = MODE(DISCARD);
	got = bmx_guard_decide(&facts);
	assert_int_equal(got.why, tc->why);
	assert_int_equal(got.act, tc->want_discard);
	facts.mode = MODE(OFF);
	got = bmx_guard_decide(&facts);
	assert_int_equal(got.why, BMX_GUARD_OFF);
	assert_int_equal(got.act, BMX_GUARD_PASS);
}

static bool
proves(const struct bmx_guard_seal *seal)
{
	return seal->found && seal->word == BMX_SEAL_GOOD &&
		seal->result != BMX_SEALED_NONE;
}

static struct bmx_guard_seal
seal_of(unsigned number)
{
	return (struct bmx_guard_seal){
		.found = number % 2,
		.word = (enum bmx_seal_word)(number / 2 % BMX_SEAL_WORDS),
		.result = (enum bmx_seal_result)(number / 2 / BMX_SEAL_WORDS %
	                                         BMX_SEALED_RESULTS),
	};
}

#define SEALS (2u * BMX_SEAL_WORDS * BMX_SEALED_RESULTS)

static void
check_facts(const struct bmx_guard_facts *facts)
{
	const struct bmx_guard_verdict got = bmx_guard_decide(facts);

	if (facts->is_report && got.act == BMX_GUARD_PASS) {
		assert_true(facts->readable && !facts->null_sender &&
		            !facts->held);
		assert_true(proves(&facts->stored) || proves(&facts->returned));
	}
	if (got.act == BMX_GUARD_DISCARD) {
		assert_int_equal(facts->mode, BMX_BOUNCE_GUARD_DISCARD);
		assert_true(facts->readable && !facts->held);
	}
}

/* Over all facts: a report passes only with a good seal that proves its
 * sender; nothing is dropped that could not be read or is held. */
static void
test_all_facts(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 64; flags++)
		for (unsigned a = 0; a < SEALS; a++)
			for (unsigned b = 0; b < SEALS; b++) {
				const struct bmx_guard_facts facts = {
					.mode = flags & 1 ? MODE(DISCARD) : Q,
					.is_report = flags & 2,
					.readable = flags & 4,
					.null_sender = flags & 8,
					.trouble = flags & 16,
					.held = flags & 32,
					.stored = seal_of(a),
					.returned = seal_of(b),
				};

				check_facts(&facts);
			}
}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(cases) + 1];
	size_t n = 0;

	for (size_t i = 0; i < LENGTH(cases); i++)
		tests[n++] = (struct CMUnitTest){.name = cases[i].name,
		                                 .test_func = test_decision,
		                                 .initial_state = &cases[i]};
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_all_facts);
	return _cmocka_run_group_tests("guard_decision", tests, n, NULL, NULL);
}
