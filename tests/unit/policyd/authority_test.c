/* The authority of a list, by its age and the primary's state. */
#include "tests/support/cmocka.h"

#include "policyd/authority.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

struct authority_case {
	const char *name;
	struct bmx_authority_facts facts;
	enum bmx_authority want;
};

/* clang-format off */
static struct authority_case cases[] = {
	{"no list",                          {false, 0, DAY, false, 0},                  BMX_AUTHORITY_ABSENT},
	{"no list, primary down",            {false, 0, DAY, true, HOUR},                BMX_AUTHORITY_ABSENT},
	{"just synced",                      {true, 0, DAY, false, 0},                   BMX_AUTHORITY_FRESH},
	{"one ms below the limit",           {true, DAY - 1, DAY, false, 0},             BMX_AUTHORITY_FRESH},
	{"at the limit",                     {true, DAY, DAY, false, 0},                 BMX_AUTHORITY_STALE},
	{"synced in the future",             {true, -DAY, DAY, false, 0},                BMX_AUTHORITY_FRESH},
	{"fresh as the primary went down",   {true, 10 * DAY, DAY, true, 10 * DAY - HOUR}, BMX_AUTHORITY_FROZEN},
	{"stale before it went down",        {true, 10 * DAY, DAY, true, 8 * DAY},       BMX_AUTHORITY_STALE},
	{"down for a month",                 {true, 30 * DAY, DAY, true, 30 * DAY},      BMX_AUTHORITY_FROZEN},
	{"down for more than a month",       {true, 30 * DAY + 1, DAY, true, 30 * DAY + 1}, BMX_AUTHORITY_STALE},
	{"down, a sync came all the same",   {true, HOUR, DAY, true, 10 * DAY},          BMX_AUTHORITY_FROZEN},
	{"down too long, but just synced",   {true, HOUR, DAY, true, 40 * DAY},          BMX_AUTHORITY_FRESH},
};
/* clang-format on */

static void
test_authority(void **state)
{
	const struct authority_case *tc = *state;

	assert_int_equal(bmx_authority_decide(&tc->facts), tc->want);
}

int
main(void)
{
	const size_t rows = sizeof(cases) / sizeof(cases[0]);
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0])] = {0};

	for (size_t i = 0; i < rows; i++)
		tests[i] = (struct CMUnitTest){.name = cases[i].name,
		                               .test_func = test_authority,
		                               .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
