#include "tests/support/cmocka.h"

#include <backupmx/slice.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S(literal)                                                             \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}
#define NOTHING                                                                \
	{                                                                      \
		NULL, 0                                                        \
	}

struct take_case {
	const char *name;
	struct bmx_slice text, prefix;
	bool taken;
	struct bmx_slice rest;
};

/* clang-format off */
static struct take_case take_cases[] = {
	{"take a prefix",                S("unix:/x"), S("unix:"), true,  S("/x")},
	{"take all",                     S("unix:"),   S("unix:"), true,  S("")},
	{"take what is longer",          S("unix"),    S("unix:"), false, S("unix")},
	{"take another",                 S("inet:/x"), S("unix:"), false, S("inet:/x")},
	{"take in another case",         S("UNIX:/x"), S("unix:"), false, S("UNIX:/x")},
	{"take with a NUL",              S("a\0bc"),   S("a\0b"),  true,  S("c")},
	{"take nothing",                 S("abc"),     S(""),      true,  S("abc")},
	{"take from nothing",            NOTHING,      S("a"),     false, NOTHING},
	{"take nothing from nothing",    NOTHING,      NOTHING,    true,  NOTHING},
};

struct trim_case {
	const char *name;
	struct bmx_slice text, blanks, skipped, trimmed;
};

static struct trim_case trim_cases[] = {
	{"trim both ends",    S(" \ta b\t "), S(" \t"), S("a b\t "), S("a b")},
	{"trim only blanks",  S(" \t "),      S(" \t"), S(""),       S("")},
	{"trim nothing off",  S("a b"),       S(" \t"), S("a b"),    S("a b")},
	{"trim other blanks", S("\tab"),      S(" "),   S("\tab"),   S("\tab")},
	{"a NUL is no blank", S("\0a\0"),     S(" "),   S("\0a\0"),  S("\0a\0")},
	{"no blanks",         S(" a "),       NOTHING,  S(" a "),    S(" a ")},
	{"trim nothing",      NOTHING,        S(" "),   NOTHING,     NOTHING},
};

struct order_case {
	const char *name;
	struct bmx_slice first, second;
	bool same;
};

static struct order_case order_cases[] = {
	{"order by octets",          S("a"),    S("b"),    false},
	{"order a prefix first",     S("ab"),   S("abc"),  false},
	{"order octets as unsigned", S("\x7f"), S("\x80"), false},
	{"order nothing first",      NOTHING,   S("a"),    false},
	{"order a NUL before all",   S("a\0"),  S("a\1"),  false},
	{"order the same",           S("abc"),  S("abc"),  true},
	{"order nothing twice",      NOTHING,   S(""),     true},
};
/* clang-format on */

static void
assert_slice(struct bmx_slice got, struct bmx_slice want)
{
	assert_int_equal(got.len, want.len);
	assert_true(bmx_slice_equal(got, want));
}

static void
test_take(void **state)
{
	const struct take_case *tc = *state;
	struct bmx_slice rest = tc->text;

	assert_int_equal(bmx_slice_starts(tc->text, tc->prefix), tc->taken);
	assert_int_equal(bmx_slice_take(&rest, tc->prefix), tc->taken);
	assert_slice(rest, tc->rest);
}

static void
test_trim(void **state)
{
	const struct trim_case *tc = *state;
	struct bmx_slice rest = tc->text;

	bmx_slice_skip(&rest, tc->blanks);
	assert_slice(rest, tc->skipped);
	assert_slice(bmx_slice_trim(tc->text, tc->blanks), tc->trimmed);
}

static void
test_order(void **state)
{
	const struct order_case *tc = *state;
	const int forth = bmx_slice_order(tc->first, tc->second);
	const int back = bmx_slice_order(tc->second, tc->first);

	assert_true(tc->same ? forth == 0 : forth < 0);
	assert_true(tc->same ? back == 0 : back > 0);
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(take_cases) + COUNT(trim_cases) +
	                        COUNT(order_cases)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT(take_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = take_cases[i].name,
		                            .test_func = test_take,
		                            .initial_state = &take_cases[i]};
	for (size_t i = 0; i < COUNT(trim_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = trim_cases[i].name,
		                            .test_func = test_trim,
		                            .initial_state = &trim_cases[i]};
	for (size_t i = 0; i < COUNT(order_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = order_cases[i].name,
		                            .test_func = test_order,
		                            .initial_state = &order_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
