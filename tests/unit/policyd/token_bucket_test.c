/* The rate of probes: tables over time that is handed in. */
#include "tests/support/cmocka.h"

#include "policyd/token_bucket.h"

#define START_MS INT64_C(1000000)

struct rate_case {
	const char *name;
	int64_t rate;
	unsigned take;    /* first, at once */
	int64_t later_ms; /* then so much later */
	unsigned ahead;
	bool spare;
	unsigned want_more; /* that can then be taken */
	int64_t want_wait_ms;
};

/* clang-format off */
static struct rate_case cases[] = {
	{"a new one holds a burst of 4 s", 5, 0, 0, 0, false, 20, 0},
	{"a burst is at least 10", 1, 0, 0, 0, false, 10, 0},
	{"a burst of 2 a second is 10", 2, 0, 0, 0, false, 10, 0},
	{"a burst of 3 a second is 12", 3, 0, 0, 0, false, 12, 0},
	{"spare work leaves half", 5, 0, 0, 0, true, 10, 0},
	{"spare work finds nothing at half", 5, 10, 0, 0, true, 0, 200},
	{"spare work waits for the half first", 5, 20, 0, 0, true, 0, 2200},
	{"an empty one fills one in its time", 5, 20, 200, 0, false, 1, 0},
	{"not a millisecond before", 5, 20, 199, 0, false, 0, 1},
	{"the third of those that wait", 5, 20, 0, 2, false, 0, 600},
	{"behind more than the burst", 5, 0, 0, 25, false, 20, 1200},
	{"full again after a burst's time", 5, 20, 4000, 0, false, 20, 0},
	{"never over full", 5, 0, 86400000, 0, false, 20, 0},
	{"full after years", 1000, 4000, INT64_C(100000000000), 0, false, 4000, 0},
	{"time that goes back brings nothing", 5, 20, -5000, 0, false, 0, 200},
	{"a wait is rounded up", 3, 12, 0, 0, false, 0, 334},
	{"1 a second", 1, 10, 999, 0, false, 0, 1},
};
/* clang-format on */

static unsigned
drain(struct bmx_token_bucket *bucket, bool spare, int64_t now_ms)
{
	unsigned count = 0;

	while (bmx_token_bucket_take(bucket, spare, now_ms))
		count++;
	return count;
}

static void
test_case(void **state)
{
	const struct rate_case *tc = *state;
	const int64_t now_ms = START_MS + tc->later_ms;
	struct bmx_token_bucket bucket;

	bmx_token_bucket_init(&bucket, tc->rate, START_MS);
	for (unsigned i = 0; i < tc->take; i++)
		assert_true(bmx_token_bucket_take(&bucket, false, START_MS));
	assert_int_equal(
		bmx_token_bucket_wait_ms(&bucket, tc->ahead, tc->spare, now_ms),
		tc->want_wait_ms);
	assert_int_equal(drain(&bucket, tc->spare, now_ms), tc->want_more);
}

/* Whatever the rhythm of the asks: what passes is burst and rate. */
static void
test_long_run(void **state)
{
	struct bmx_token_bucket bucket;
	unsigned taken = 0;

	(void)state;
	bmx_token_bucket_init(&bucket, 7, START_MS);
	for (int64_t ms = 0; ms <= 60000; ms += 3)
		taken += bmx_token_bucket_take(&bucket, false, START_MS + ms);
	assert_int_equal(taken, 28 + 60 * 7);
}

static void
test_other_rate(void **state)
{
	struct bmx_token_bucket bucket;

	(void)state;
	bmx_token_bucket_init(&bucket, 100, START_MS);
	bmx_token_bucket_set_rate(&bucket, 5, START_MS);
	assert_int_equal(drain(&bucket, false, START_MS), 20);
	bmx_token_bucket_set_rate(&bucket, 100, START_MS + 200);
	assert_int_equal(drain(&bucket, false, START_MS + 200), 1);
	assert_int_equal(drain(&bucket, false, START_MS + 300), 10);
}

#define CASES (sizeof(cases) / sizeof(cases[0]))

int
main(void)
{
	struct CMUnitTest tests[CASES + 2] = {0};

	for (size_t i = 0; i < CASES; i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_case;
		tests[i].initial_state = &cases[i];
	}
	tests[CASES].name = "a minute lets pass burst and rate";
	tests[CASES].test_func = test_long_run;
	tests[CASES + 1].name = "another rate keeps the level";
	tests[CASES + 1].test_func = test_other_rate;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
