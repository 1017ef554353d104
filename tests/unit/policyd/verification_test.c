/* What a stored verification is worth, and what a probe's result does to it. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "policyd/verification.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S INT64_C(1000)
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)
#define NOW INT64_C(1800000000000)

#define IS(answer) BMX_CACHE_##answer
#define VALID BMX_VERIFIED_VALID
#define UNKNOWN BMX_VERIFIED_UNKNOWN
#define ACTIVE BMX_RECIPIENT_ACTIVE
#define DISABLED BMX_RECIPIENT_DISABLED
#define FULL BMX_RECIPIENT_FULL

enum list { NO_LIST, ON, OFF };

struct judge_case {
	const char *name;
	enum bmx_verified result;
	enum bmx_recipient_state state;
	int64_t age;
	bool down;
	enum list list;
	int64_t list_age;
	enum bmx_cache_answer want;
	bool want_drop;
};

/* clang-format off */
static struct judge_case cases[] = {
	{"valid, just now",                VALID, ACTIVE, 0,          false, NO_LIST, 0, IS(FRESH_VALID), false},
	{"valid, nearly a day",            VALID, ACTIVE, 24 * H - 1, false, NO_LIST, 0, IS(FRESH_VALID), false},
	{"valid, a day",                   VALID, ACTIVE, 24 * H,     false, NO_LIST, 0, IS(NONE), false},
	{"valid, years",                   VALID, ACTIVE, 900 * D,    false, NO_LIST, 0, IS(NONE), false},
	{"valid, fresh, down",             VALID, ACTIVE, 24 * H - 1, true,  NO_LIST, 0, IS(FRESH_VALID), false},
	{"valid, a day, down",             VALID, ACTIVE, 24 * H,     true,  NO_LIST, 0, IS(USABLE_VALID), false},
	{"valid, nearly 14 days, down",    VALID, ACTIVE, 14 * D - 1, true,  NO_LIST, 0, IS(USABLE_VALID), false},
	{"valid, 14 days, down",           VALID, ACTIVE, 14 * D,     true,  NO_LIST, 0, IS(NONE), false},
	{"unknown, just now",              UNKNOWN, ACTIVE, 0,          false, NO_LIST, 0, IS(FRESH_UNKNOWN), false},
	{"unknown, nearly 30 min",         UNKNOWN, ACTIVE, 30 * M - 1, false, NO_LIST, 0, IS(FRESH_UNKNOWN), false},
	{"unknown, 30 min",                UNKNOWN, ACTIVE, 30 * M,     false, NO_LIST, 0, IS(NONE), false},
	{"unknown, fresh, down",           UNKNOWN, ACTIVE, 30 * M - 1, true,  NO_LIST, 0, IS(FRESH_UNKNOWN), false},
	{"unknown, 30 min, down",          UNKNOWN, ACTIVE, 30 * M,     true,  NO_LIST, 0, IS(USABLE_UNKNOWN), false},
	{"unknown, nearly 3 days, down",   UNKNOWN, ACTIVE, 3 * D - 1,  true,  NO_LIST, 0, IS(USABLE_UNKNOWN), false},
	{"unknown, 3 days, down",          UNKNOWN, ACTIVE, 3 * D,      true,  NO_LIST, 0, IS(NONE), false},
	{"disabled, just now",             VALID, DISABLED, 0,          false, NO_LIST, 0, IS(FRESH_DISABLED), false},
	{"disabled, nearly 15 min",        VALID, DISABLED, 15 * M - 1, false, NO_LIST, 0, IS(FRESH_DISABLED), false},
	{"disabled, 15 min",               VALID, DISABLED, 15 * M,     false, NO_LIST, 0, IS(NONE), false},
	{"disabled, fresh, down",          VALID, DISABLED, 15 * M - 1, true,  NO_LIST, 0, IS(FRESH_DISABLED), false},
	{"disabled, 15 min, down: not to be refused for good", VALID, DISABLED, 15 * M, true, NO_LIST, 0, IS(NONE), false},
	{"disabled, a day, down",          VALID, DISABLED, 24 * H,     true,  NO_LIST, 0, IS(NONE), false},
	{"full, just now",                 VALID, FULL, 0,          false, NO_LIST, 0, IS(FRESH_FULL), false},
	{"full, nearly 15 min",            VALID, FULL, 15 * M - 1, false, NO_LIST, 0, IS(FRESH_FULL), false},
	{"full, 15 min: is no fresh valid", VALID, FULL, 15 * M,    false, NO_LIST, 0, IS(NONE), false},
	{"full, fresh, down",              VALID, FULL, 15 * M - 1, true,  NO_LIST, 0, IS(FRESH_FULL), false},
	{"full, 15 min, down: the mailbox is there", VALID, FULL, 15 * M, true, NO_LIST, 0, IS(USABLE_VALID), false},
	{"full, nearly 14 days, down",     VALID, FULL, 14 * D - 1, true,  NO_LIST, 0, IS(USABLE_VALID), false},
	{"full, 14 days, down",            VALID, FULL, 14 * D,     true,  NO_LIST, 0, IS(NONE), false},
	{"valid, a second ahead",          VALID, ACTIVE, -1 * S,     false, NO_LIST, 0, IS(FRESH_VALID), false},
	{"valid, 5 min ahead",             VALID, ACTIVE, -5 * M,     false, NO_LIST, 0, IS(FRESH_VALID), false},
	{"valid, over 5 min ahead",        VALID, ACTIVE, -5 * M - 1, false, NO_LIST, 0, IS(NONE), false},
	{"valid, a year ahead, down",      VALID, ACTIVE, -365 * D,   true,  NO_LIST, 0, IS(NONE), false},
	{"unknown, 5 min ahead",           UNKNOWN, ACTIVE, -5 * M,     false, NO_LIST, 0, IS(FRESH_UNKNOWN), false},
	{"unknown, over 5 min ahead",      UNKNOWN, ACTIVE, -5 * M - 1, true,  NO_LIST, 0, IS(NONE), false},
	{"disabled, over 5 min ahead",     VALID, DISABLED, -5 * M - 1, false, NO_LIST, 0, IS(NONE), false},
	{"full, over 5 min ahead, down",   VALID, FULL, -5 * M - 1,   true,  NO_LIST, 0, IS(NONE), false},
	{"valid, on an older list",        VALID, ACTIVE, H, false, ON,  2 * H, IS(FRESH_VALID), false},
	{"valid, on a newer list",         VALID, ACTIVE, H, false, ON,  M,     IS(FRESH_VALID), false},
	{"valid, off an older list: a new user", VALID, ACTIVE, H, false, OFF, 2 * H, IS(FRESH_VALID), false},
	{"valid, off a list a moment older", VALID, ACTIVE, H, false, OFF, H + 1, IS(FRESH_VALID), false},
	{"valid, off a list of the same moment", VALID, ACTIVE, H, false, OFF, H, IS(NONE), true},
	{"valid, off a newer list",        VALID, ACTIVE, H, false, OFF, M, IS(NONE), true},
	{"valid, off a newer list, down",  VALID, ACTIVE, 2 * D, true, OFF, D, IS(NONE), true},
	{"full, off a newer list",         VALID, FULL, M, false, OFF, 0, IS(NONE), true},
	{"disabled, off a newer list",     VALID, DISABLED, M, false, OFF, 0, IS(NONE), true},
	{"disabled, on a newer list",      VALID, DISABLED, M, false, ON, 0, IS(FRESH_DISABLED), false},
	{"unknown, on an older list: removed since", UNKNOWN, ACTIVE, M, false, ON, H, IS(FRESH_UNKNOWN), false},
	{"unknown, on a list of the same moment", UNKNOWN, ACTIVE, M, false, ON, M, IS(NONE), true},
	{"unknown, on a newer list",       UNKNOWN, ACTIVE, M, false, ON, 0, IS(NONE), true},
	{"unknown, on a newer list, down", UNKNOWN, ACTIVE, H, true, ON, 0, IS(NONE), true},
	{"unknown, off a newer list",      UNKNOWN, ACTIVE, M, false, OFF, 0, IS(FRESH_UNKNOWN), false},
	{"unknown, off an older list",     UNKNOWN, ACTIVE, M, false, OFF, H, IS(FRESH_UNKNOWN), false},
	{"old and contradicted is dropped, too", VALID, ACTIVE, 20 * D, false, OFF, 0, IS(NONE), true},
	{"a record from the future is not dropped", VALID, ACTIVE, -H, false, OFF, -2 * H, IS(NONE), false},
	{"a list from a moment ahead",     VALID, ACTIVE, 0, false, OFF, -1 * S, IS(NONE), true},
};
/* clang-format on */

static struct bmx_verification_facts
facts_of(const struct judge_case *tc)
{
	return (struct bmx_verification_facts){
		.now_ms = NOW,
		.primary_down = tc->down,
		.has_list = tc->list != NO_LIST,
		.list_synced_ms = NOW - tc->list_age,
		.on_list = tc->list == ON,
	};
}

static void
test_judge(void **state)
{
	const struct judge_case *tc = *state;
	const struct bmx_verification record = {tc->result, tc->state,
	                                        BMX_VERIFIED_BY_CALL_AHEAD,
	                                        NOW - tc->age};
	const struct bmx_verification_facts facts = facts_of(tc);
	const struct bmx_verification_verdict got =
		bmx_verification_judge(&record, &facts);

	assert_string_equal(bmx_cache_answer_name(got.answer),
	                    bmx_cache_answer_name(tc->want));
	assert_int_equal(got.drop, tc->want_drop);
}

struct refresh_case {
	const char *name;
	enum bmx_verified result;
	enum bmx_recipient_state state;
	int64_t age;
	uint64_t jitter;
	bool want;
};

#define LATEST ((uint64_t)(12 * 6 * M)) /* a fifth of 6 h in ms, the most */

/* clang-format off */
static struct refresh_case refreshes[] = {
	{"refresh: new",                     VALID, ACTIVE, 0, 0, false},
	{"refresh: earliest, a moment before", VALID, ACTIVE, 324 * M - 1, 0, false},
	{"refresh: earliest",                VALID, ACTIVE, 324 * M, 0, true},
	{"refresh: the middle, a moment before", VALID, ACTIVE, 6 * H - 1, LATEST / 2, false},
	{"refresh: the middle",              VALID, ACTIVE, 6 * H, LATEST / 2, true},
	{"refresh: latest, a moment before", VALID, ACTIVE, 396 * M - 1, LATEST, false},
	{"refresh: latest",                  VALID, ACTIVE, 396 * M, LATEST, true},
	{"refresh: the largest hash",        VALID, ACTIVE, 396 * M, UINT64_MAX, true},
	{"refresh: nearly not fresh",        VALID, ACTIVE, 24 * H - 1, 0, true},
	{"refresh: not fresh is asked for in the fore", VALID, ACTIVE, 24 * H, 0, false},
	{"refresh: a full mailbox",          VALID, FULL, 7 * H, 0, false},
	{"refresh: a disabled mailbox",      VALID, DISABLED, 7 * H, 0, false},
	{"refresh: an unknown user",         UNKNOWN, ACTIVE, 7 * H, 0, false},
	{"refresh: from the future",         VALID, ACTIVE, -H, 0, false},
};
/* clang-format on */

static void
test_refresh(void **state)
{
	const struct refresh_case *tc = *state;
	const struct bmx_verification record = {tc->result, tc->state,
	                                        BMX_VERIFIED_BY_CALL_AHEAD,
	                                        NOW - tc->age};

	assert_int_equal(bmx_verification_refresh_due(&record, NOW, tc->jitter),
	                 tc->want);
}

struct merge_case {
	const char *name;
	bool has_old;
	enum bmx_verified old;
	int64_t old_age; /* against the new result; less than 0: after it */
	enum bmx_probe_outcome result;
	enum bmx_verification_change want;
	bool want_evicts;
};

#define GOT(result) BMX_PROBE_##result
#define KEEP BMX_VERIFICATION_KEEP
#define STORE BMX_VERIFICATION_STORE

/* clang-format off */
static struct merge_case merges[] = {
	{"merge: the first valid",          false, VALID, 0, GOT(VALID), STORE, false},
	{"merge: the first unknown",        false, VALID, 0, GOT(UNKNOWN), STORE, false},
	{"merge: the first disabled",       false, VALID, 0, GOT(VALID_DISABLED), STORE, false},
	{"merge: the first full",           false, VALID, 0, GOT(VALID_FULL), STORE, false},
	{"merge: unsure is never stored",   false, VALID, 0, GOT(UNSURE), KEEP, false},
	{"merge: unsure leaves a valid",    true, VALID, D, GOT(UNSURE), KEEP, false},
	{"merge: unsure leaves an unknown", true, UNKNOWN, D, GOT(UNSURE), KEEP, false},
	{"merge: valid again",              true, VALID, D, GOT(VALID), STORE, false},
	{"merge: a user came",              true, UNKNOWN, M, GOT(VALID), STORE, false},
	{"merge: a user went",              true, VALID, M, GOT(UNKNOWN), STORE, true},
	{"merge: a fresh valid is evicted, too", true, VALID, 0, GOT(UNKNOWN), STORE, true},
	{"merge: unknown again",            true, UNKNOWN, M, GOT(UNKNOWN), STORE, false},
	{"merge: a mailbox became full",    true, VALID, M, GOT(VALID_FULL), STORE, false},
	{"merge: a late answer",            true, VALID, -1, GOT(UNKNOWN), KEEP, false},
	{"merge: an answer 5 min late",     true, UNKNOWN, -5 * M, GOT(VALID), KEEP, false},
	{"merge: the clock was set back",   true, UNKNOWN, -5 * M - 1, GOT(VALID), STORE, false},
	{"merge: a valid from the future",  true, VALID, -365 * D, GOT(UNKNOWN), STORE, true},
};
/* clang-format on */

static void
test_merge(void **state)
{
	const struct merge_case *tc = *state;
	const struct bmx_verification old = {
		tc->old, ACTIVE, BMX_VERIFIED_BY_DELIVERY, NOW - tc->old_age};
	const struct bmx_verification_merge got =
		bmx_verification_merge(tc->has_old ? &old : NULL, tc->result,
	                               BMX_VERIFIED_BY_CALL_AHEAD, NOW);

	assert_int_equal(got.change, tc->want);
	assert_int_equal(got.evicts, tc->want_evicts);
	if (got.change == KEEP)
		return;
	assert_int_equal(got.record.checked_at_ms, NOW);
	assert_int_equal(got.record.by, BMX_VERIFIED_BY_CALL_AHEAD);
	assert_int_equal(got.record.result,
	                 tc->result == BMX_PROBE_UNKNOWN ? UNKNOWN : VALID);
	assert_int_equal(got.record.state,
	                 tc->result == BMX_PROBE_VALID_FULL ? FULL :
	                         tc->result == BMX_PROBE_VALID_DISABLED ?
	                                                      DISABLED :
	                                                      ACTIVE);
}

struct all_case {
	const char *name;
	bool has_record;
	enum bmx_verified result;
	int64_t age;
	bool down;
	enum bmx_accepts_all want;
};

#define ALL(answer) BMX_ACCEPTS_ALL_##answer

/* clang-format off */
static struct all_case alls[] = {
	{"accepts all: never tried",          false, VALID, 0, false, ALL(UNKNOWN)},
	{"accepts all: yes",                  true, VALID, 0, false, ALL(YES)},
	{"accepts all: no",                   true, UNKNOWN, 0, false, ALL(NO)},
	{"accepts all: yes, nearly a day",    true, VALID, D - 1, false, ALL(YES)},
	{"accepts all: yes, a day",           true, VALID, D, false, ALL(UNKNOWN)},
	{"accepts all: no, nearly a day",     true, UNKNOWN, D - 1, false, ALL(NO)},
	{"accepts all: no, a day",            true, UNKNOWN, D, false, ALL(UNKNOWN)},
	{"accepts all: yes, down",            true, VALID, 14 * D - 1, true, ALL(YES)},
	{"accepts all: yes, down too long",   true, VALID, 14 * D, true, ALL(UNKNOWN)},
	{"accepts all: no, down",             true, UNKNOWN, 3 * D - 1, true, ALL(NO)},
	{"accepts all: no, down too long",    true, UNKNOWN, 3 * D, true, ALL(UNKNOWN)},
	{"accepts all: from the future",      true, VALID, -H, true, ALL(UNKNOWN)},
};
/* clang-format on */

static void
test_accepts_all(void **state)
{
	const struct all_case *tc = *state;
	const struct bmx_verification record = {
		tc->result, ACTIVE, BMX_VERIFIED_BY_CALL_AHEAD, NOW - tc->age};
	const struct bmx_verification_facts facts = {.now_ms = NOW,
	                                             .primary_down = tc->down};

	assert_string_equal(bmx_accepts_all_name(bmx_verification_accepts_all(
				    tc->has_record ? &record : NULL, &facts)),
	                    bmx_accepts_all_name(tc->want));
}

static uint64_t seed = 88172645463325252U;

static uint64_t
draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* Around the borders, and anywhere. */
static int64_t
draw_time(void)
{
	static const int64_t ages[] = {0,      15 * M, 30 * M, 24 * H,  3 * D,
	                               14 * D, -5 * M, -H,     -365 * D};

	if (draw(4) == 0)
		return (int64_t)draw((uint64_t)INT64_MAX);
	return NOW - ages[draw(COUNT(ages))] + (int64_t)draw(3) - 1;
}

static bool
says_unknown(enum bmx_cache_answer answer)
{
	return answer == BMX_CACHE_FRESH_UNKNOWN ||
		answer == BMX_CACHE_USABLE_UNKNOWN;
}

static bool
needs_outage(enum bmx_cache_answer answer)
{
	return answer == BMX_CACHE_USABLE_VALID ||
		answer == BMX_CACHE_USABLE_UNKNOWN;
}

/*
 * Whatever the record and the times: no answer that the record does not
 * hold, none without an end, none only-while-down from a primary that is up,
 * and dropped is what a list as new as the record denies.
 */
static void
check_properties(const struct bmx_verification *record,
                 const struct bmx_verification_facts *facts)
{
	const struct bmx_verification_verdict got =
		bmx_verification_judge(record, facts);
	const int64_t most = record->result == VALID ? 14 * D : 3 * D;

	if (got.drop) {
		assert_int_equal(got.answer, BMX_CACHE_NONE);
		assert_true(facts->has_list &&
		            facts->list_synced_ms >= record->checked_at_ms);
		assert_int_equal(facts->on_list, record->result == UNKNOWN);
	}
	if (got.answer == BMX_CACHE_NONE)
		return;
	assert_int_equal(says_unknown(got.answer), record->result == UNKNOWN);
	if (got.answer == BMX_CACHE_FRESH_DISABLED)
		assert_int_equal(record->state, DISABLED);
	if (got.answer == BMX_CACHE_FRESH_FULL)
		assert_int_equal(record->state, FULL);
	if (needs_outage(got.answer))
		assert_true(facts->primary_down);
	assert_true(record->checked_at_ms <= facts->now_ms + 5 * M);
	assert_true(facts->now_ms - record->checked_at_ms < most);
}

static void
test_properties(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		const struct bmx_verification record = {
			(enum bmx_verified)draw(2),
			(enum bmx_recipient_state)draw(3),
			(enum bmx_verified_by)draw(2), draw_time()};
		const struct bmx_verification_facts facts = {
			draw(2) ? NOW : draw_time(), draw(2), draw(2),
			draw_time(), draw(2)};
		const enum bmx_probe_outcome result =
			(enum bmx_probe_outcome)draw(BMX_PROBE_OUTCOMES);
		const struct bmx_verification_merge merge =
			bmx_verification_merge(draw(3) ? &record : NULL, result,
		                               BMX_VERIFIED_BY_DELIVERY,
		                               facts.now_ms);

		check_properties(&record, &facts);
		if (result == BMX_PROBE_UNSURE ||
		    result == BMX_PROBE_ACCEPTS_ALL)
			assert_int_equal(merge.change, KEEP);
		if (merge.change == STORE)
			assert_int_equal(merge.record.result == UNKNOWN,
			                 result == BMX_PROBE_UNKNOWN);
	}
}

#define ADD(rows, test)                                                        \
	for (size_t i = 0; i < COUNT(rows); i++, count++)                      \
		tests[count] = (struct CMUnitTest)                             \
		{                                                              \
			.name = (rows)[i].name, .test_func = (test),           \
			.initial_state = &(rows)[i]                            \
		}

int
main(void)
{
	struct CMUnitTest tests[COUNT(cases) + COUNT(refreshes) +
	                        COUNT(merges) + COUNT(alls) + 1] = {0};
	size_t count = 0;

	ADD(cases, test_judge);
	ADD(refreshes, test_refresh);
	ADD(merges, test_merge);
	ADD(alls, test_accepts_all);
	tests[count] = (struct CMUnitTest)cmocka_unit_test(test_properties);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
