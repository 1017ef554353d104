#include "tests/support/cmocka.h"

#include <backupmx/circuit.h>

/* A story of letters: f a failure (rest 100 ms), s a success, a an attempt
 * that is let through, n one that is not, r one that is given up, w a wait of
 * 50 ms; o and c: a failure now would open it, or would not. */
struct story {
	const char *name;
	const char *steps;
	enum bmx_circuit_state want;
};

#define IS(s) BMX_CIRCUIT_##s

/* clang-format off */
static struct story stories[] = {
	{"a new one is closed",                  "a",           IS(CLOSED)},
	{"two failures leave it closed",         "afafa",       IS(CLOSED)},
	{"three in a row open it",               "afafafn",     IS(OPEN)},
	{"a success in between starts anew",     "afafasafafa", IS(CLOSED)},
	{"open until the last millisecond",      "fffwn",       IS(OPEN)},
	{"rested: one attempt",                  "fffwwan",     IS(HALF_OPEN)},
	{"half-open, success: closed",           "fffwwasa",    IS(CLOSED)},
	{"closed anew takes three again",        "fffwwasffa",  IS(CLOSED)},
	{"half-open, failure: open at once",     "fffwwafn",    IS(OPEN)},
	{"half-open twice",                      "fffwwafwwan", IS(HALF_OPEN)},
	{"failures while open prolong the rest", "fffwfwn",     IS(OPEN)},
	{"a success of old closes it",           "fffsa",       IS(CLOSED)},
	{"given up: the next one finds out",     "fffwwaran",   IS(HALF_OPEN)},
	{"given up while closed",                "rffrofn",     IS(OPEN)},
	{"given up while open",                  "fffrn",       IS(OPEN)},
	{"the third failure would open it",      "cfcfofc",     IS(OPEN)},
	{"so would one that is half-open",       "fffwwao",     IS(HALF_OPEN)},
};
/* clang-format on */

static void
test_story(void **state)
{
	const struct story *story = *state;
	struct bmx_circuit circuit;
	int64_t now_ms = 7;

	bmx_circuit_init(&circuit, 3);
	for (const char *step = story->steps; *step; step++)
		switch (*step) {
		case 'f':
			bmx_circuit_failure(&circuit, now_ms, 100);
			break;
		case 's':
			bmx_circuit_success(&circuit);
			break;
		case 'w':
			now_ms += 50;
			break;
		case 'r':
			bmx_circuit_return(&circuit, now_ms);
			break;
		case 'o':
		case 'c':
			assert_int_equal(bmx_circuit_would_open(&circuit),
			                 *step == 'o');
			break;
		default:
			assert_int_equal(bmx_circuit_admit(&circuit, now_ms),
			                 *step == 'a');
		}
	assert_int_equal(circuit.state, story->want);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(bmx_circuit_state_name(BMX_CIRCUIT_CLOSED),
	                    "closed");
	assert_string_equal(bmx_circuit_state_name(BMX_CIRCUIT_HALF_OPEN),
	                    "half-open");
}

/* The longest pause that each of the first calls may give. */
static void
test_bounds_double(void **state)
{
	static const int64_t want[] = {100, 200, 400, 800, 1000, 1000};
	struct bmx_backoff backoff;

	(void)state;
	bmx_backoff_init(&backoff, 100, 1000);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct bmx_backoff other = backoff;

		assert_int_equal(bmx_backoff_next(&other, 0), 0);
		assert_int_equal(bmx_backoff_next(&backoff, (uint64_t)want[i]),
		                 want[i]);
	}
}

static void
test_never_above_its_bound(void **state)
{
	struct bmx_backoff backoff;
	uint64_t random = 1;

	(void)state;
	bmx_backoff_init(&backoff, 3, 50);
	for (int i = 0; i < 1000; i++) {
		const int64_t bound = backoff.bound_ms;
		const int64_t pause = bmx_backoff_next(&backoff, random);

		assert_in_range(pause, 0, bound);
		assert_true(bound <= 50);
		random = random * 6364136223846793005U + 1442695040888963407U;
	}
}

/* The middle of each pause, and how far it goes to both sides. */
static void
test_about(void **state)
{
	static const int64_t want[] = {5000, 10000, 20000, 40000, 60000, 60000};
	struct bmx_backoff backoff;

	(void)state;
	bmx_backoff_init(&backoff, 5000, 60000);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct bmx_backoff least = backoff, most = backoff;
		const uint64_t half = (uint64_t)want[i] / 2;

		assert_int_equal(bmx_backoff_next_about(&least, 0),
		                 want[i] * 3 / 4);
		assert_int_equal(bmx_backoff_next_about(&most, half),
		                 want[i] * 5 / 4);
		assert_int_equal(bmx_backoff_next_about(&backoff, half / 2),
		                 want[i]);
	}
	bmx_backoff_reset(&backoff);
	assert_int_equal(bmx_backoff_next_about(&backoff, 1250), 5000);
	bmx_backoff_exhaust(&backoff);
	assert_int_equal(bmx_backoff_next_about(&backoff, 7), 60000);
}

static void
test_rest(void **state)
{
	struct bmx_circuit circuit;

	(void)state;
	bmx_circuit_init(&circuit, 1);
	assert_int_equal(bmx_circuit_rest_ms(&circuit, 100), 0);
	bmx_circuit_failure(&circuit, 100, 5000);
	assert_int_equal(bmx_circuit_rest_ms(&circuit, 100), 5000);
	assert_int_equal(bmx_circuit_rest_ms(&circuit, 5099), 1);
	assert_int_equal(bmx_circuit_rest_ms(&circuit, 9999), 0);
	assert_true(bmx_circuit_admit(&circuit, 9999));
	assert_int_equal(bmx_circuit_rest_ms(&circuit, 100), 0);
}

static void
test_exhausted_and_reset(void **state)
{
	struct bmx_backoff backoff;

	(void)state;
	bmx_backoff_init(&backoff, 100, 5000);
	bmx_backoff_exhaust(&backoff);
	assert_int_equal(bmx_backoff_next(&backoff, 3), 5000);
	assert_int_equal(bmx_backoff_next(&backoff, 4), 5000);
	bmx_backoff_reset(&backoff);
	assert_int_equal(bmx_backoff_next(&backoff, 100), 100);
	bmx_backoff_init(&backoff, 5, 5);
	assert_int_equal(bmx_backoff_next(&backoff, 5), 5);
	assert_int_equal(bmx_backoff_next(&backoff, 4), 4);
}

#define STORIES (sizeof(stories) / sizeof(stories[0]))

int
main(void)
{
	struct CMUnitTest tests[STORIES + 6] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bounds_double),
		cmocka_unit_test(test_never_above_its_bound),
		cmocka_unit_test(test_about),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_exhausted_and_reset),
	};

	for (size_t i = 0; i < STORIES; i++) {
		tests[6 + i].name = stories[i].name;
		tests[6 + i].test_func = test_story;
		tests[6 + i].initial_state = &stories[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
