/*
 * The decision as a table, and its promises as properties over random facts.
 */
#include "tests/support/cmocka.h"

#include "policyd/decision.h"

#define ODD BMX_LOCAL_UNLISTABLE
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

/* A RCPT of a domain that is served and asks nobody. */
#define RCPT .rcpt_stage = true, .served = true
/* The same where the list cannot tell and the primary may be asked. */
#define ASKS RCPT, .list = BMX_LIST_HAS_NOT, .call_ahead = true
#define CACHED(answer)                                                         \
	ASKS, .cache_fact = BMX_FACT_KNOWN, .cache = BMX_CACHE_##answer
#define PROBED(outcome)                                                        \
	CACHED(NONE), .probe_fact = BMX_FACT_KNOWN, .probe = BMX_PROBE_##outcome
#define DOWN .primary = BMX_PRIMARY_DOWN
#define UP .primary = BMX_PRIMARY_UP
#define LISTED RCPT, .list = BMX_LIST_HAS
#define EHLO(...) .keywords = {.known = true, __VA_ARGS__}
#define GATE(verdict)                                                          \
	.primary_up = BMX_PRIMARY_UP_GATE, .gate_fact = BMX_FACT_KNOWN,        \
	.gate = {.pass = verdict}
#define SAYS(reply, why) BMX_REPLY_##reply, BMX_WHY_##why

/* clang-format off */
static struct decision_case cases[] = {
	{"another stage is not ours", {.served = true, .list = BMX_LIST_HAS_NOT, .authority = FRESH}, SAYS(DUNNO, OTHER_STAGE)},
	{"a domain that is not served is not ours", {.rcpt_stage = true, .list = BMX_LIST_HAS_NOT, .authority = FRESH}, SAYS(DUNNO, NOT_SERVED)},
	{"may be one of \"*\", too late to ask", {.rcpt_stage = true, .any = BMX_ANY_FACT_MISSING, .late = true}, SAYS(TROUBLE, DEADLINE)},
	{"none of \"*\" either", {.rcpt_stage = true, .any = BMX_ANY_FACT_NOT_OURS, .late = true}, SAYS(DUNNO, NOT_SERVED)},
	{"whether it is one of \"*\" DNS cannot say", {.rcpt_stage = true, .any = BMX_ANY_FACT_FAILED}, SAYS(TROUBLE, DNS_FAILED)},
	{"one too many of \"*\"", {.rcpt_stage = true, .any = BMX_ANY_FACT_FULL}, SAYS(TROUBLE, DOMAINS_FULL)},
	{"another stage asks nobody about \"*\"", {.any = BMX_ANY_FACT_MISSING}, SAYS(DUNNO, OTHER_STAGE)},
	{"what was said of \"*\" is past once there is a section", {LISTED, .any = BMX_ANY_FACT_FAILED, .authority = FRESH}, SAYS(DUNNO, LISTED)},
	{"postmaster needs no list", {RCPT, .role = true}, SAYS(DUNNO, ROLE_ACCOUNT)},
	{"on a fresh list", {LISTED, .authority = FRESH}, SAYS(DUNNO, LISTED)},
	{"on a stale list: valid all the same", {LISTED, .authority = STALE}, SAYS(DUNNO, LISTED)},
	{"listed as disabled", {LISTED, .state = GONE, .authority = FRESH}, SAYS(DISABLED, DISABLED)},
	{"listed as full", {LISTED, .state = FULL, .authority = FRESH}, SAYS(MAILBOX_FULL, FULL)},
	{"under the wildcard", {RCPT, .list = BMX_LIST_HAS_WILDCARD, .authority = FRESH}, SAYS(DUNNO, WILDCARD)},
	{"not on a fresh list", {RCPT, .list = BMX_LIST_HAS_NOT, .authority = FRESH}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"not on a frozen list", {RCPT, .list = BMX_LIST_HAS_NOT, .authority = FROZEN}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"not on a stale list", {RCPT, .list = BMX_LIST_HAS_NOT, .authority = STALE}, SAYS(UNVERIFIED, LIST_STALE)},
	{"no list at all", {RCPT, .list = BMX_LIST_HAS_NOT, .authority = ABSENT}, SAYS(UNVERIFIED, NO_LIST)},
	{"unlistable, fresh list", {RCPT, .form = ODD, .list = BMX_LIST_HAS_NOT, .authority = FRESH}, SAYS(USER_UNKNOWN, NOT_LISTABLE)},
	{"unlistable, no list", {RCPT, .form = ODD, .list = BMX_LIST_HAS_NOT, .authority = ABSENT}, SAYS(UNVERIFIED, NO_LIST)},
	{"unlistable, no list: nobody is asked", {ASKS, .form = ODD, .authority = ABSENT}, SAYS(UNVERIFIED, NO_LIST)},
	{"unlistable is not under the wildcard", {RCPT, .form = ODD, .list = BMX_LIST_HAS_WILDCARD, .authority = FRESH}, SAYS(USER_UNKNOWN, NOT_LISTABLE)},
	{"unlistable, store failed", {RCPT, .form = ODD, .list = BMX_LIST_FAILED, .authority = FRESH}, SAYS(TROUBLE, STORE_FAILED)},
	{"store failed", {RCPT, .list = BMX_LIST_FAILED, .authority = FRESH}, SAYS(TROUBLE, STORE_FAILED)},
	{"no memory for the address", {RCPT, .form = BMX_LOCAL_NOMEM, .list = BMX_LIST_HAS_NOT, .authority = FRESH}, SAYS(TROUBLE, NO_MEMORY)},

	{"a fresh list goes before the cache", {CACHED(FRESH_VALID), .authority = FRESH}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"cached as valid", {CACHED(FRESH_VALID)}, SAYS(DUNNO, VERIFIED)},
	{"cached as unknown", {CACHED(FRESH_UNKNOWN)}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"cached as disabled", {CACHED(FRESH_DISABLED)}, SAYS(DISABLED, DISABLED)},
	{"cached as full", {CACHED(FRESH_FULL)}, SAYS(MAILBOX_FULL, FULL)},
	{"cached, stale list", {CACHED(FRESH_VALID), .authority = STALE}, SAYS(DUNNO, VERIFIED)},
	{"old valid record, primary down", {CACHED(USABLE_VALID), DOWN}, SAYS(DUNNO, VERIFIED)},
	{"old unknown record, primary down", {CACHED(USABLE_UNKNOWN), DOWN}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"never seen, primary down", {CACHED(NONE), DOWN}, SAYS(UNVERIFIED, PRIMARY_DOWN)},
	{"accepts all", {CACHED(NONE), .accepts_all = BMX_ACCEPTS_ALL_YES}, SAYS(DUNNO, ACCEPTS_ALL)},
	{"accepts all, to be deferred", {CACHED(NONE), .accepts_all = BMX_ACCEPTS_ALL_YES, .accept_all = BMX_ACCEPT_ALL_DEFER}, SAYS(UNVERIFIED, ACCEPTS_ALL)},
	{"accepts all, but this one was refused", {CACHED(FRESH_UNKNOWN), .accepts_all = BMX_ACCEPTS_ALL_YES}, SAYS(USER_UNKNOWN, UNKNOWN)},

	{"the primary accepts it", {PROBED(VALID)}, SAYS(DUNNO, VERIFIED)},
	{"the primary does not know it", {PROBED(UNKNOWN)}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"the primary does not know it, and has gone since", {PROBED(UNKNOWN), DOWN}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"the primary says disabled", {PROBED(VALID_DISABLED)}, SAYS(DISABLED, DISABLED)},
	{"the primary says full", {PROBED(VALID_FULL)}, SAYS(MAILBOX_FULL, FULL)},
	{"the primary takes anything", {PROBED(ACCEPTS_ALL)}, SAYS(DUNNO, ACCEPTS_ALL)},
	{"the primary takes anything, to be deferred", {PROBED(ACCEPTS_ALL), .accept_all = BMX_ACCEPT_ALL_DEFER}, SAYS(UNVERIFIED, ACCEPTS_ALL)},
	{"the primary does not decide", {PROBED(UNSURE)}, SAYS(UNVERIFIED, UNVERIFIED)},
	{"not decided, an old record, not down", {CACHED(USABLE_VALID), .probe_fact = BMX_FACT_KNOWN, .probe = BMX_PROBE_UNSURE}, SAYS(UNVERIFIED, UNVERIFIED)},
	{"not decided, an old record, down since", {CACHED(USABLE_VALID), .probe_fact = BMX_FACT_KNOWN, .probe = BMX_PROBE_UNSURE, DOWN}, SAYS(DUNNO, VERIFIED)},
	{"the primary's last word goes before an old record", {CACHED(USABLE_UNKNOWN), .probe_fact = BMX_FACT_KNOWN, .probe = BMX_PROBE_VALID, DOWN}, SAYS(DUNNO, VERIFIED)},
	{"also when it is a refusal", {CACHED(USABLE_VALID), .probe_fact = BMX_FACT_KNOWN, .probe = BMX_PROBE_UNKNOWN, DOWN}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"a harvester gets no probe", {CACHED(NONE), .harvest = BMX_HARVEST_BRAKED}, SAYS(UNVERIFIED, HARVEST)},
	{"a harvester over the limit", {CACHED(NONE), .harvest = BMX_HARVEST_OVER}, SAYS(HARVEST, HARVEST)},
	{"a harvester asks for a known user", {CACHED(FRESH_VALID), .harvest = BMX_HARVEST_OVER}, SAYS(DUNNO, VERIFIED)},
	{"a harvester asks for a known unknown", {CACHED(FRESH_UNKNOWN), .harvest = BMX_HARVEST_OVER}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"Postfix is overloaded", {CACHED(NONE), .stress = true}, SAYS(UNVERIFIED, STRESS)},

	{"late for the list", {RCPT, .late = true}, SAYS(TROUBLE, DEADLINE)},
	{"late for the cache", {ASKS, .late = true}, SAYS(TROUBLE, DEADLINE)},
	{"late for the primary's word", {CACHED(NONE), .late = true}, SAYS(UNVERIFIED, UNVERIFIED)},
	{"late for the gate", {LISTED, .late = true, UP, .primary_up = BMX_PRIMARY_UP_GATE}, SAYS(TROUBLE, DEADLINE)},

	{"larger than the primary takes", {LISTED, .size = 1001, EHLO(.has_size = true, .size = 1000)}, SAYS(TOO_LARGE, TOO_LARGE)},
	{"as large as the primary takes", {LISTED, .size = 1000, EHLO(.has_size = true, .size = 1000)}, SAYS(DUNNO, LISTED)},
	{"no limit told", {LISTED, .size = 1001, EHLO(.has_size = true)}, SAYS(DUNNO, LISTED)},
	{"size not told", {LISTED, EHLO(.has_size = true, .size = 1000)}, SAYS(DUNNO, LISTED)},
	{"too large for postmaster, too", {RCPT, .role = true, .size = 2, EHLO(.has_size = true, .size = 1)}, SAYS(TOO_LARGE, TOO_LARGE)},
	{"too large, primary down", {LISTED, DOWN, .size = 2, EHLO(.has_size = true, .size = 1)}, SAYS(TOO_LARGE, TOO_LARGE)},
	{"unknown is said before size", {RCPT, .list = BMX_LIST_HAS_NOT, .authority = FRESH, .size = 2, EHLO(.has_size = true, .size = 1)}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"not ASCII, no SMTPUTF8", {LISTED, .utf8 = true, EHLO(.smtputf8 = false)}, SAYS(NO_SMTPUTF8, NO_SMTPUTF8)},
	{"not ASCII, SMTPUTF8", {LISTED, .utf8 = true, EHLO(.smtputf8 = true)}, SAYS(DUNNO, LISTED)},
	{"not ASCII, not on any list, no SMTPUTF8: not asked about", {CACHED(NONE), .utf8 = true, EHLO(.smtputf8 = false)}, SAYS(NO_SMTPUTF8, NO_SMTPUTF8)},
	{"not ASCII, not on a fresh list, no SMTPUTF8", {RCPT, .list = BMX_LIST_HAS_NOT, .authority = FRESH, .utf8 = true, EHLO(.smtputf8 = false)}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"not ASCII, keywords unknown", {LISTED, .utf8 = true}, SAYS(DUNNO, LISTED)},

	{"a stranger at the gate", {LISTED, UP, GATE(false)}, SAYS(PRIMARY_UP, PRIMARY_UP)},
	{"through the gate", {LISTED, UP, GATE(true)}, SAYS(DUNNO, LISTED)},
	{"the gate is open while suspect", {LISTED, .primary_up = BMX_PRIMARY_UP_GATE}, SAYS(DUNNO, LISTED)},
	{"the gate is open while down", {LISTED, DOWN, .primary_up = BMX_PRIMARY_UP_DEFER}, SAYS(DUNNO, LISTED)},
	{"unknown is said before the gate", {RCPT, .list = BMX_LIST_HAS_NOT, .authority = FRESH, UP, GATE(false)}, SAYS(USER_UNKNOWN, UNKNOWN)},
	{"too large is said before the gate", {LISTED, UP, GATE(false), .size = 2, EHLO(.has_size = true, .size = 1)}, SAYS(TOO_LARGE, TOO_LARGE)},
	{"no gate where it is not asked for", {LISTED, UP}, SAYS(DUNNO, LISTED)},
};

static const struct {
	const char *name;
	struct bmx_facts facts;
	enum bmx_need want;
} needs[] = {
	{"the list first", {RCPT}, BMX_NEED_LIST},
	{"then the cache", {ASKS}, BMX_NEED_CACHE},
	{"then the primary", {CACHED(NONE)}, BMX_NEED_PROBE},
	{"a primary that is suspect is asked", {CACHED(USABLE_UNKNOWN), .primary = BMX_PRIMARY_SUSPECT}, BMX_NEED_PROBE},
	{"a stale list asks the primary", {CACHED(NONE), .authority = STALE}, BMX_NEED_PROBE},
	{"a valid one goes to the gate", {LISTED, UP, .primary_up = BMX_PRIMARY_UP_GATE}, BMX_NEED_GATE},
	{"and where all are deferred", {LISTED, UP, .primary_up = BMX_PRIMARY_UP_DEFER}, BMX_NEED_GATE},
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
test_needs(void **state)
{
	struct bmx_verdict verdict;

	(void)state;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (bmx_decide(&needs[i].facts, &verdict) != needs[i].want)
			fail_msg("%s", needs[i].name);
}

/* Is the primary's evidence looked at: the list says nothing? */
static bool
asks_primary(const struct bmx_facts *f)
{
	return f->call_ahead && f->form == BMX_LOCAL_OK &&
		f->list == BMX_LIST_HAS_NOT &&
		(f->authority == ABSENT || f->authority == STALE);
}

/* What counts as evidence that the primary would accept. */
static bool
has_evidence(const struct bmx_facts *f)
{
	if (f->role ||
	    (f->form == BMX_LOCAL_OK &&
	     ((f->list == BMX_LIST_HAS && f->state == BMX_RECIPIENT_ACTIVE) ||
	      f->list == BMX_LIST_HAS_WILDCARD)))
		return true;
	if (!asks_primary(f) || f->cache_fact != BMX_FACT_KNOWN)
		return false;
	return f->cache == BMX_CACHE_FRESH_VALID ||
		(f->cache == BMX_CACHE_USABLE_VALID &&
	         f->primary == BMX_PRIMARY_DOWN) ||
		(f->accepts_all == BMX_ACCEPTS_ALL_YES &&
	         f->accept_all == BMX_ACCEPT_ALL_ACCEPT) ||
		(f->probe_fact == BMX_FACT_KNOWN &&
	         (f->probe == BMX_PROBE_VALID ||
	          (f->probe == BMX_PROBE_ACCEPTS_ALL &&
	           f->accept_all == BMX_ACCEPT_ALL_ACCEPT)));
}

/* What the primary said that its reply for good follows from. */
static bool
primary_refuses(const struct bmx_facts *f)
{
	if (f->keywords.known &&
	    ((f->utf8 && !f->keywords.smtputf8) ||
	     (f->keywords.has_size && f->keywords.size > 0 &&
	      f->size > f->keywords.size)))
		return true;
	if (!asks_primary(f) || f->cache_fact != BMX_FACT_KNOWN)
		return false;
	return f->cache == BMX_CACHE_FRESH_UNKNOWN ||
		f->cache == BMX_CACHE_FRESH_DISABLED ||
		(f->cache == BMX_CACHE_USABLE_UNKNOWN &&
	         f->primary == BMX_PRIMARY_DOWN) ||
		(f->probe_fact == BMX_FACT_KNOWN &&
	         (f->probe == BMX_PROBE_UNKNOWN ||
	          f->probe == BMX_PROBE_VALID_DISABLED));
}

/* What counts as authority to refuse for good. */
static bool
has_authority(const struct bmx_facts *f)
{
	if (primary_refuses(f))
		return true;
	if (f->role)
		return false;
	if (f->list == BMX_LIST_HAS && f->form == BMX_LOCAL_OK)
		return f->state == BMX_RECIPIENT_DISABLED;
	return (f->authority == FRESH || f->authority == FROZEN) &&
		f->list != BMX_LIST_FAILED && f->list != BMX_LIST_NOT_ASKED;
}

/* A need is of a fact that is not there, and none is left when it is late. */
static void
check_need(const struct bmx_facts *f, enum bmx_need need)
{
	assert_false(f->late);
	switch (need) {
	case BMX_NEED_DOMAIN:
		assert_false(f->served);
		assert_int_equal(f->any, BMX_ANY_FACT_MISSING);
		break;
	case BMX_NEED_LIST:
		assert_int_equal(f->list, BMX_LIST_NOT_ASKED);
		break;
	case BMX_NEED_CACHE:
		assert_int_equal(f->cache_fact, BMX_FACT_MISSING);
		break;
	case BMX_NEED_PROBE:
		assert_int_equal(f->probe_fact, BMX_FACT_MISSING);
		assert_int_not_equal(f->primary, BMX_PRIMARY_DOWN);
		assert_int_equal(f->harvest, BMX_HARVEST_NONE);
		assert_false(f->stress);
		break;
	case BMX_NEED_GATE:
		assert_int_equal(f->gate_fact, BMX_FACT_MISSING);
		assert_int_equal(f->primary, BMX_PRIMARY_UP);
		assert_true(has_evidence(f));
		break;
	case BMX_NEED_NOTHING:
		break;
	}
}

static void
check_promises(const struct bmx_facts *f)
{
	struct bmx_verdict v;
	const enum bmx_need need = bmx_decide(f, &v);

	if (need != BMX_NEED_NOTHING) {
		check_need(f, need);
		return;
	}
	if (!f->rcpt_stage || !f->served) {
		/* Not ours is said only where that is known. */
		assert_int_equal(
			v.reply,
			!f->rcpt_stage || f->any == BMX_ANY_FACT_NONE ||
					f->any == BMX_ANY_FACT_NOT_OURS ?
				BMX_REPLY_DUNNO :
				BMX_REPLY_TROUBLE);
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

static uint64_t
next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random >> 16;
}

#define ANY(type, limit) ((type)(next_random(random) % (unsigned)(limit)))

static void
any_facts(uint64_t *random, struct bmx_facts *f)
{
	*f = (struct bmx_facts){
		.rcpt_stage = ANY(unsigned, 16) != 0,
		.served = ANY(unsigned, 16) != 0,
		.any = ANY(enum bmx_any_fact, 5),
		.late = ANY(unsigned, 8) == 0,
		.form = ANY(enum bmx_local_form, 3),
		.utf8 = ANY(unsigned, 2) != 0,
		.list = ANY(enum bmx_list_answer, 5),
		.state = ANY(enum bmx_recipient_state, 3),
		.authority = ANY(enum bmx_authority, BMX_AUTHORITIES),
		.call_ahead = ANY(unsigned, 4) != 0,
		.accept_all = ANY(enum bmx_config_accept_all, 2),
		.primary = ANY(enum bmx_primary_status, BMX_PRIMARY_STATUSES),
		.cache_fact =
			ANY(unsigned, 4) ? BMX_FACT_KNOWN : BMX_FACT_MISSING,
		.cache = ANY(enum bmx_cache_answer, BMX_CACHE_ANSWERS),
		.accepts_all =
			ANY(enum bmx_accepts_all, BMX_ACCEPTS_ALL_ANSWERS),
		.harvest = ANY(enum bmx_harvest_answer, BMX_HARVEST_ANSWERS),
		.stress = ANY(unsigned, 4) == 0,
		.probe_fact = ANY(enum bmx_fact, 2),
		.probe = ANY(enum bmx_probe_outcome, BMX_PROBE_OUTCOMES),
		.size = ANY(int64_t, 3),
		.keywords = {.known = ANY(unsigned, 2) != 0,
	                     .has_size = ANY(unsigned, 2) != 0,
	                     .size = ANY(int64_t, 3),
	                     .smtputf8 = ANY(unsigned, 2) != 0},
		.primary_up = ANY(enum bmx_config_primary_up, 3),
		.gate_fact = ANY(enum bmx_fact, 2),
		.gate = {.pass = ANY(unsigned, 2) != 0},
	};
	f->role = f->form == BMX_LOCAL_OK && ANY(unsigned, 8) == 0;
}

/* Promises 1 and 2, and that a need is a need, over random facts. */
static void
test_promises(void **state)
{
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
	struct bmx_facts facts;

	(void)state;
	for (unsigned n = 0; n < 2000000; n++) {
		any_facts(&random, &facts);
		check_promises(&facts);
	}
}

int
main(void)
{
	const size_t rows = sizeof(cases) / sizeof(cases[0]);
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0]) + 2] = {
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_promises),
	};

	for (size_t i = 0; i < rows; i++)
		tests[i + 2] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_decision,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
