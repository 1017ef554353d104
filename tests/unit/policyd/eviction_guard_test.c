#include "policyd/eviction_guard.h"

#include <string.h>

#include "tests/support/cmocka.h"

#define MINUTE INT64_C(60000)

/* What happens: '-' a known user is refused, '+' one is confirmed, '.' a
 * minute passes, 'w' a whole window. want: what is said of each '-'. */
struct guard_case {
	const char *name;
	int64_t max_shrink;
	const char *events;
	const char *want; /* 'b' believed, 'h' held */
};

static struct guard_case cases[] = {
	{"one user is gone", 20, "-", "b"},
	{"two users are gone", 20, "--", "bb"},
	{"the third in a row is not believed", 20, "----", "bbhh"},
	{"three of sixteen, at 20 per cent", 20, "+++++++++++++---", "bbb"},
	{"three of fourteen, at 20 per cent", 20, "+++++++++++---", "bbh"},
	{"three of fifteen are just 20 per cent", 20, "++++++++++++---", "bbb"},
	{"hours apart they are believed", 20, "-w-w-w-w-", "bbbbb"},
	{"a hold ends a window after the last", 20, "---w-", "bbhb"},
	{"a hold goes on while losses do", 20, "---.....-.....-.....-",
         "bbhhhh"},
	{"confirmations end it", 20, "---++++++++++++++++++-", "bbhb"},
	{"nobody is believed in numbers", 0, "+++++++++---", "bbh"},
	{"everybody may go", 100, "------", "bbbbbb"},
};

static void
test_guard(void **state)
{
	const struct guard_case *tc = *state;
	struct bmx_eviction_guard guard = {0};
	int64_t now_ms = 5;
	char got[32] = "";
	size_t len = 0;

	for (const char *event = tc->events; *event; event++) {
		bool held;

		if (*event == '.' || *event == 'w') {
			now_ms +=
				*event == '.' ? MINUTE : BMX_EVICTION_WINDOW_MS;
			continue;
		}
		held = bmx_eviction_guard_count(&guard, *event == '-',
		                                tc->max_shrink, now_ms);
		if (*event == '+')
			assert_false(held);
		else
			got[len++] = held ? 'h' : 'b';
	}
	assert_string_equal(got, tc->want);
}

static void
test_holds(void **state)
{
	struct bmx_eviction_guard guard = {0};

	(void)state;
	assert_false(bmx_eviction_guard_holds(&guard, 0));
	for (int i = 0; i < 3; i++)
		(void)bmx_eviction_guard_count(&guard, true, 20, 1000);
	assert_true(bmx_eviction_guard_holds(&guard, 1000));
	assert_true(
		bmx_eviction_guard_holds(&guard, 999 + BMX_EVICTION_WINDOW_MS));
	assert_false(bmx_eviction_guard_holds(&guard,
	                                      1000 + BMX_EVICTION_WINDOW_MS));
}

int
main(void)
{
	const size_t rows = sizeof(cases) / sizeof(cases[0]);
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0]) + 1] = {
		cmocka_unit_test(test_holds),
	};

	for (size_t i = 0; i < rows; i++)
		tests[i + 1] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_guard,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
