#include <tests/support/cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "policyd/today.h"

#define HOUR_MS ((int64_t)3600 * 1000)
/* 2026-03-28 00:00:00 in Berlin: the day before the one of 23 hours. */
#define MARCH_28 ((int64_t)1774652400 * 1000)

static void
test_day(void **state)
{
	struct bmx_today today = {0};

	(void)state;
	bmx_today_count(&today, MARCH_28 + HOUR_MS, BMX_DECIDED_REJECT,
	                BMX_WHY_UNKNOWN);
	assert_int_equal(today.from_ms, MARCH_28);
	assert_int_equal(today.until_ms, MARCH_28 + 24 * HOUR_MS);
	assert_int_equal(today.since_ms, MARCH_28 + HOUR_MS);
	bmx_today_count(&today, MARCH_28 + 24 * HOUR_MS - 1, BMX_DECIDED_REJECT,
	                BMX_WHY_UNKNOWN);
	assert_int_equal(today.counts[BMX_DECIDED_REJECT][BMX_WHY_UNKNOWN], 2);
}

static void
test_midnight(void **state)
{
	struct bmx_today today = {0};

	(void)state;
	bmx_today_count(&today, MARCH_28, BMX_DECIDED_ACCEPT, BMX_WHY_LISTED);
	bmx_today_count(&today, MARCH_28 + 24 * HOUR_MS, BMX_DECIDED_DEFER,
	                BMX_WHY_NO_LIST);
	assert_int_equal(today.counts[BMX_DECIDED_ACCEPT][BMX_WHY_LISTED], 0);
	assert_int_equal(today.counts[BMX_DECIDED_DEFER][BMX_WHY_NO_LIST], 1);
	assert_int_equal(today.since_ms, MARCH_28 + 24 * HOUR_MS);
	assert_int_equal(today.until_ms, MARCH_28 + 47 * HOUR_MS);
}

static void
test_clock_goes_back(void **state)
{
	struct bmx_today today = {0};

	(void)state;
	bmx_today_count(&today, MARCH_28, BMX_DECIDED_ACCEPT, BMX_WHY_LISTED);
	bmx_today_roll(&today, MARCH_28 - 1);
	assert_int_equal(today.counts[BMX_DECIDED_ACCEPT][BMX_WHY_LISTED], 0);
	assert_int_equal(today.until_ms, MARCH_28);
}

struct decided_case {
	const char *name;
	enum bmx_policy_reply reply;
	bool observes;
	const char *want;
};

static struct decided_case cases[] = {
	{"known", BMX_REPLY_DUNNO, false, "accept"},
	{"known, observed", BMX_REPLY_DUNNO, true, "accept"},
	{"unknown", BMX_REPLY_USER_UNKNOWN, false, "reject"},
	{"unknown, observed", BMX_REPLY_USER_UNKNOWN, true, "warn"},
	{"cannot say", BMX_REPLY_UNVERIFIED, false, "defer"},
	{"cannot say, observed", BMX_REPLY_UNVERIFIED, true, "warn"},
	{"harvest", BMX_REPLY_HARVEST, false, "defer"},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static void
test_decided(void **state)
{
	const struct decided_case *tc = *state;

	assert_string_equal(
		bmx_decided_name(bmx_decided_of(tc->reply, tc->observes)),
		tc->want);
}

int
main(void)
{
	struct CMUnitTest tests[3 + CASES] = {
		cmocka_unit_test(test_day),
		cmocka_unit_test(test_midnight),
		cmocka_unit_test(test_clock_goes_back),
	};

	(void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < CASES; i++)
		tests[3 + i] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_decided,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
