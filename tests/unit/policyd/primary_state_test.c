/* Hysteresis of a primary's state: scripts of checks, and random ones. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "policyd/primary_state.h"

#define WALL INT64_C(1700000000000)
#define MONO INT64_C(5000)
#define INTERVAL INT64_C(30000)

#define UP BMX_PRIMARY_UP
#define DOWN BMX_PRIMARY_DOWN
#define SUSPECT BMX_PRIMARY_SUSPECT

/* Events by letter: '+' good, '-' failed, each 5 s after the one before; '.'
 * lets 5 s pass; 'p' and 'm' are good and failed 10 ms after the one before. */
struct script_case {
	const char *name;
	const char *script;
	enum bmx_primary_status want;
	int64_t since_s; /* after the start */
};

/* clang-format off */
static struct script_case cases[] = {
	{"nothing is known at first",              "",          SUSPECT, 0},
	{"one good is not enough",                 "+",         SUSPECT, 0},
	{"two good are up",                        "++",        UP,      10},
	{"more good change nothing",               "+++++",     UP,      10},
	{"two failures are not enough",            "--",        SUSPECT, 0},
	{"three are down, since the first",        "---",       DOWN,    5},
	{"more change nothing",                    "-----",     DOWN,    5},
	{"a good one breaks the run",              "--+--",     SUSPECT, 0},
	{"a failure breaks the run of good ones",  "+-+-+-+",   SUSPECT, 0},
	{"up and one failure",                     "++-",       SUSPECT, 15},
	{"up and two failures",                    "++--",      SUSPECT, 15},
	{"up and three failures",                  "++---",     DOWN,    15},
	{"up, a failure, and back at once",        "++-+",      UP,      20},
	{"up, two failures, and back at once",     "++--+",     UP,      25},
	{"up, failures that are not in a row",     "++--+--+",  UP,      40},
	{"back, and three more failures",          "++--+---",  DOWN,    30},
	{"down and one good",                      "---+",      DOWN,    5},
	{"down and two good",                      "---++",     UP,      25},
	{"down, good ones not in a row",           "---+-+-+-", DOWN,    5},
	{"down, broken, and two good",             "---+-++",   UP,      35},
	{"up again, then one failure",             "---++-",    SUSPECT, 30},
	{"a burst of failures is one",             "-mmmmmmmm", SUSPECT, 0},
	{"two bursts are two",                     "-mmmm-mmm", SUSPECT, 0},
	{"three bursts are three",                 "-mm-mm-mm", DOWN,    5},
	{"a burst of good ones is one",            "+ppppppp",  SUSPECT, 0},
	{"and with a later one two",               "+ppppp+",   UP,      10},
	{"down, a burst of good ones",             "---+pppp",  DOWN,    5},
	{"a burst at an up primary",               "++-mmmmm",  SUSPECT, 15},
	{"good and bad at once: no verdict",       "-pmpmpmp",  SUSPECT, 0},
	{"up, good and bad at once, good last",    "++-pmpmp",  UP,      15},
	{"up, good and bad at once, bad last",     "++-pmpmpm", SUSPECT, 15},
	{"time alone changes nothing",             "++......",  UP,      10},
};
/* clang-format on */

static struct bmx_primary_now
at(int64_t ms)
{
	return (struct bmx_primary_now){WALL + ms, MONO + ms};
}

static bool
play(struct bmx_primary_state *state, char letter, int64_t *ms)
{
	const bool soon = letter == 'p' || letter == 'm';
	const bool good = letter == '+' || letter == 'p';
	const enum bmx_primary_status before = state->status;
	struct bmx_primary_now now;
	bool changed;

	*ms += soon ? 10 : 5000;
	now = at(*ms);
	if (letter == '.')
		return false;
	changed = bmx_primary_state_event(
		state, good ? BMX_PRIMARY_GOOD : BMX_PRIMARY_FAILED, &now);
	assert_int_equal(changed, state->status != before);
	assert_int_equal(state->checked_at_ms, now.wall_ms);
	return changed;
}

static void
test_script(void **state)
{
	const struct script_case *tc = *state;
	const struct bmx_primary_now start = at(0);
	struct bmx_primary_state got;
	int64_t ms = 0;

	bmx_primary_state_init(&got, &start);
	for (const char *c = tc->script; *c; c++)
		(void)play(&got, *c, &ms);
	assert_int_equal(got.status, tc->want);
	assert_int_equal((got.since_ms - WALL) / 1000, tc->since_s);
}

/* What must hold whatever comes: a status that is definite was earned by the
 * run that made it, and is left as soon as the rules say. */
static void
check_properties(const struct bmx_primary_state *state, const char *events,
                 size_t len, enum bmx_primary_status before)
{
	size_t good = 0;
	size_t bad = 0;

	while (good < len && events[len - 1 - good] == '+')
		good++;
	while (bad < len && events[len - 1 - bad] == '-')
		bad++;
	if (good >= BMX_PRIMARY_UP_AFTER)
		assert_int_equal(state->status, UP);
	if (bad >= BMX_PRIMARY_DOWN_AFTER)
		assert_int_equal(state->status, DOWN);
	if (bad > 0)
		assert_int_not_equal(state->status, UP);
	if (before == UP)
		assert_int_not_equal(state->status, DOWN);
	if (before == DOWN)
		assert_int_not_equal(state->status, SUSPECT);
	if (state->status == DOWN && before != DOWN) {
		assert_true(bad == BMX_PRIMARY_DOWN_AFTER);
		assert_int_equal(state->since_ms,
		                 WALL + (int64_t)(len - bad + 1) * 5000);
	}
}

/* Every script of 14 events, 5 s apart: a primary that flaps, too. */
static void
test_all_scripts(void **state)
{
	enum { LEN = 14 };

	(void)state;
	for (unsigned bits = 0; bits < 1u << LEN; bits++) {
		const struct bmx_primary_now start = at(0);
		struct bmx_primary_state got;
		char events[LEN];
		int64_t ms = 0;

		bmx_primary_state_init(&got, &start);
		for (size_t i = 0; i < LEN; i++) {
			const enum bmx_primary_status before = got.status;

			events[i] = bits >> i & 1 ? '+' : '-';
			(void)play(&got, events[i], &ms);
			check_properties(&got, events, i + 1, before);
		}
	}
}

struct resume_case {
	const char *name;
	struct bmx_primary_record record;
	enum bmx_primary_status want;
	int64_t want_since_ms;
};

#define NO_KEYWORDS                                                            \
	{                                                                      \
		0                                                              \
	}
#define RECORD(status, since, checked)                                         \
	{                                                                      \
		status, WALL + (since), WALL + (checked), NO_KEYWORDS, false   \
	}

/* clang-format off */
static struct resume_case resumes[] = {
	{"down stays down since then",      RECORD(DOWN, -86400000, -1000),      DOWN, WALL - 86400000},
	{"down, checked long ago",          RECORD(DOWN, -86400000, -86400000),  DOWN, WALL - 86400000},
	{"down since the future is now",    RECORD(DOWN, 5000, 5000),            DOWN, WALL},
	{"up, just checked",                RECORD(UP, -86400000, -1000),        UP, WALL - 86400000},
	{"up, almost too old",              RECORD(UP, -86400000, -59999),       UP, WALL - 86400000},
	{"up, too old",                     RECORD(UP, -86400000, -60000),       SUSPECT, WALL},
	{"up, checked in the future",       RECORD(UP, -86400000, 5000),         UP, WALL - 86400000},
	{"suspect starts anew",             RECORD(SUSPECT, -1000, -1000),       SUSPECT, WALL},
};
/* clang-format on */

static void
test_resume(void **state)
{
	const struct resume_case *tc = *state;
	const struct bmx_primary_now now = at(0);
	struct bmx_primary_state got;

	bmx_primary_state_resume(&got, &tc->record, INTERVAL, &now);
	assert_int_equal(got.status, tc->want);
	assert_int_equal(got.since_ms, tc->want_since_ms);
}

static void
test_resumed_goes_on(void **state)
{
	const struct bmx_primary_now now = {WALL, 1};
	const struct bmx_primary_record down = RECORD(DOWN, -1000, -1000);
	const struct bmx_primary_record up = RECORD(UP, -1000, -1000);
	struct bmx_primary_state got;
	int64_t ms = 0;

	(void)state;
	bmx_primary_state_resume(&got, &down, INTERVAL, &now);
	assert_false(play(&got, '-', &ms));
	assert_int_equal(got.since_ms, WALL - 1000);
	assert_false(play(&got, '+', &ms));
	assert_true(play(&got, '+', &ms));
	assert_int_equal(got.status, UP);

	bmx_primary_state_resume(&got, &up, INTERVAL, &now);
	assert_true(play(&got, '-', &ms));
	assert_true(play(&got, '+', &ms));
	assert_int_equal(got.status, UP);
}

struct delay_case {
	const char *name;
	const char *script;
	int64_t interval_ms;
	int64_t want_ms; /* without jitter */
};

/* clang-format off */
static struct delay_case delays[] = {
	{"before the first check",         "",      30000, 5000},
	{"after a first good",             "+",     30000, 5000},
	{"up",                             "++",    30000, 30000},
	{"up and a failure",               "++-",   30000, 5000},
	{"up, two failures",               "++--",  30000, 5000},
	{"up again",                       "++-+",  30000, 30000},
	{"down",                           "---",   30000, 30000},
	{"down and a good one",            "---+",  30000, 5000},
	{"down, a good one, a failure",    "---+-", 30000, 30000},
	{"a short interval stays short",   "++-",   1000,  1000},
	{"an interval as long as the recheck", "-", 5000,  5000},
	{"an hour",                        "++",    3600000, 3600000},
};
/* clang-format on */

static void
test_delay(void **state)
{
	const struct delay_case *tc = *state;
	const struct bmx_primary_now start = at(0);
	struct bmx_primary_state got;
	int64_t least = INT64_MAX;
	int64_t most = 0;
	int64_t ms = 0;

	bmx_primary_state_init(&got, &start);
	for (const char *c = tc->script; *c; c++)
		(void)play(&got, *c, &ms);
	for (uint32_t random = 0; random < 1000; random++) {
		const int64_t delay = bmx_primary_state_delay_ms(
			&got, tc->interval_ms, random * 4294967);

		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
	}
	assert_int_equal(least, tc->want_ms * 9 / 10);
	assert_int_equal(most, tc->want_ms * 11 / 10);
}

int
main(void)
{
	enum {
		SCRIPTS = sizeof(cases) / sizeof(cases[0]),
		RESUMES = sizeof(resumes) / sizeof(resumes[0]),
		DELAYS = sizeof(delays) / sizeof(delays[0]),
		SINGLES = 2
	};

	struct CMUnitTest tests[SCRIPTS + RESUMES + DELAYS + SINGLES] = {0};
	struct CMUnitTest *test = tests;

	for (size_t i = 0; i < SCRIPTS; i++)
		*test++ = (struct CMUnitTest){.name = cases[i].name,
		                              .test_func = test_script,
		                              .initial_state = &cases[i]};
	for (size_t i = 0; i < RESUMES; i++)
		*test++ = (struct CMUnitTest){.name = resumes[i].name,
		                              .test_func = test_resume,
		                              .initial_state = &resumes[i]};
	for (size_t i = 0; i < DELAYS; i++)
		*test++ = (struct CMUnitTest){.name = delays[i].name,
		                              .test_func = test_delay,
		                              .initial_state = &delays[i]};
	*test++ = (struct CMUnitTest)cmocka_unit_test(test_all_scripts);
	*test = (struct CMUnitTest)cmocka_unit_test(test_resumed_goes_on);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
