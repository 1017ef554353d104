/*
 * The decision as a table, and its promises as properties over every
 * combination of facts.
 */
#include "tests/support/cmocka.h"

#include "policyd/decision.h"

#define OK BMX_LOCAL_OK
#define ODD BMX_LOCAL_UNLISTABLE
#define ACTIVE BMX_RECIPIENT_ACTIVE
#define FULL BMX_RECIPIENT_FULL
#define GONE BMX_RECIPIENT_DISABLED
#define ABSENT BMX_AUTHORITY_ABSENT
#define STALE BMX_AUTHORITY_STALE
#define FROZEN BMX_AUTHORITY_FROZEN
#define FRESH BMX_AUTHORITY_FRESH

struct decision_case {
	const char *name;
	struct bmx_facts facts;
	enum bmx_policy_reply want;
	enum bmx_why why;
};

/* clang-format off */
static struct decision_case cases[] = {
	{"another stage is not ours",
	 {false, true, OK, false, BMX_LIST_HAS_NOT, ACTIVE, FRESH}, BMX_REPLY_DUNNO, BMX_WHY_OTHER_STAGE},
	{"a domain that is not served is not ours",
	 {true, false, OK, false, BMX_LIST_HAS_NOT, ACTIVE, FRESH}, BMX_REPLY_DUNNO, BMX_WHY_NOT_SERVED},
	{"postmaster needs no list",
	 {true, true, OK, true, BMX_LIST_NOT_ASKED, ACTIVE, ABSENT}, BMX_REPLY_DUNNO, BMX_WHY_ROLE_ACCOUNT},
	{"on a fresh list",
	 {true, true, OK, false, BMX_LIST_HAS, ACTIVE, FRESH}, BMX_REPLY_DUNNO, BMX_WHY_LISTED},
	{"on a stale list: valid all the same",
	 {true, true, OK, false, BMX_LIST_HAS, ACTIVE, STALE}, BMX_REPLY_DUNNO, BMX_WHY_LISTED},
	{"listed as disabled",
	 {true, true, OK, false, BMX_LIST_HAS, GONE, FRESH}, BMX_REPLY_DISABLED, BMX_WHY_DISABLED},
	{"listed as full",
	 {true, true, OK, false, BMX_LIST_HAS, FULL, FRESH}, BMX_REPLY_MAILBOX_FULL, BMX_WHY_FULL},
	{"under the wildcard",
	 {true, true, OK, false, BMX_LIST_HAS_WILDCARD, ACTIVE, FRESH}, BMX_REPLY_DUNNO, BMX_WHY_WILDCARD},
	{"not on a fresh list",
	 {true, true, OK, false, BMX_LIST_HAS_NOT, ACTIVE, FRESH}, BMX_REPLY_USER_UNKNOWN, BMX_WHY_UNKNOWN},
	{"not on a frozen list",
	 {true, true, OK, false, BMX_LIST_HAS_NOT, ACTIVE, FROZEN}, BMX_REPLY_USER_UNKNOWN, BMX_WHY_UNKNOWN},
	{"not on a stale list",
	 {true, true, OK, false, BMX_LIST_HAS_NOT, ACTIVE, STALE}, BMX_REPLY_UNVERIFIED, BMX_WHY_LIST_STALE},
	{"no list at all",
	 {true, true, OK, false, BMX_LIST_HAS_NOT, ACTIVE, ABSENT}, BMX_REPLY_UNVERIFIED, BMX_WHY_NO_LIST},
	{"unlistable, fresh list",
	 {true, true, ODD, false, BMX_LIST_HAS_NOT, ACTIVE, FRESH}, BMX_REPLY_USER_UNKNOWN, BMX_WHY_NOT_LISTABLE},
	{"unlistable, no list",
	 {true, true, ODD, false, BMX_LIST_HAS_NOT, ACTIVE, ABSENT}, BMX_REPLY_UNVERIFIED, BMX_WHY_NO_LIST},
	{"unlistable is not under the wildcard",
	 {true, true, ODD, false, BMX_LIST_HAS_WILDCARD, ACTIVE, FRESH}, BMX_REPLY_USER_UNKNOWN, BMX_WHY_NOT_LISTABLE},
	{"unlistable, store failed",
	 {true, true, ODD, false, BMX_LIST_FAILED, ACTIVE, FRESH}, BMX_REPLY_TROUBLE, BMX_WHY_STORE_FAILED},
	{"store failed",
	 {true, true, OK, false, BMX_LIST_FAILED, ACTIVE, FRESH}, BMX_REPLY_TROUBLE, BMX_WHY_STORE_FAILED},
	{"no memory for the address",
	 {true, true, BMX_LOCAL_NOMEM, false, BMX_LIST_HAS_NOT, ACTIVE, FRESH}, BMX_REPLY_TROUBLE, BMX_WHY_NO_MEMORY},
};
/* clang-format on */

static void
test_decision(void **state)
{
	const struct decision_case *tc = *state;
	struct bmx_verdict got;

	assert_int_equal(bmx_decide(&tc->facts, &got), BMX_NEED_NOTHING);
	assert_int_equal(got.reply, tc->want);
	assert_int_equal(got.why, tc->why);
}

static void
test_list_is_needed(void **state)
{
	const struct bmx_facts facts = {.rcpt_stage = true, .served = true};
	struct bmx_verdict verdict;

	(void)state;
	assert_int_equal(bmx_decide(&facts, &verdict), BMX_NEED_LIST);
}

/* What counts as evidence that the primary would accept. */
static bool
has_evidence(const struct bmx_facts *f)
{
	return f->role ||
		(f->form == BMX_LOCAL_OK &&
	         ((f->list == BMX_LIST_HAS &&
	           f->state == BMX_RECIPIENT_ACTIVE) ||
	          f->list == BMX_LIST_HAS_WILDCARD));
}

/* What counts as authority to refuse for good. */
static bool
has_authority(const struct bmx_facts *f)
{
	if (f->list == BMX_LIST_HAS && f->form == BMX_LOCAL_OK)
		return f->state == BMX_RECIPIENT_DISABLED;
	return (f->authority == FRESH || f->authority == FROZEN) &&
		f->list != BMX_LIST_FAILED && f->list != BMX_LIST_NOT_ASKED;
}

static void
check_promises(const struct bmx_facts *f)
{
	struct bmx_verdict v;
	const enum bmx_need need = bmx_decide(f, &v);

	if (need == BMX_NEED_LIST) {
		assert_int_equal(f->list, BMX_LIST_NOT_ASKED);
		return;
	}
	if (!f->rcpt_stage || !f->served) {
		assert_int_equal(v.reply, BMX_REPLY_DUNNO);
		return;
	}
	switch (bmx_policy_reply_class(v.reply)) {
	case BMX_REPLY_PASSES:
		assert_true(has_evidence(f));
		break;
	case BMX_REPLY_REJECTS:
		assert_true(has_authority(f));
		break;
	case BMX_REPLY_DEFERS:
		break;
	}
}

/* Promises 1 and 2 over all 2 x 2 x 3 x 2 x 5 x 3 x 4 combinations. */
static void
test_promises(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 2 * 2 * 3 * 2 * 5 * 3 * 4; n++) {
		unsigned rest = n;
		struct bmx_facts f = {0};

		f.rcpt_stage = rest % 2, rest /= 2;
		f.served = rest % 2, rest /= 2;
		f.form = (enum bmx_local_form)(rest % 3), rest /= 3;
		f.role = rest % 2 && f.form == BMX_LOCAL_OK, rest /= 2;
		f.list = (enum bmx_list_answer)(rest % 5), rest /= 5;
		f.state = (enum bmx_recipient_state)(rest % 3), rest /= 3;
		f.authority = (enum bmx_authority)(rest % 4);
		check_promises(&f);
	}
}

int
main(void)
{
	const size_t rows = sizeof(cases) / sizeof(cases[0]);
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0]) + 2] = {
		cmocka_unit_test(test_list_is_needed),
		cmocka_unit_test(test_promises),
	};

	for (size_t i = 0; i < rows; i++)
		tests[i + 2] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_decision,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
