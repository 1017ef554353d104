#include <tests/support/cmocka.h>

#include <string.h>

#include <backupmx/text.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S(literal)                                                             \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}

struct clean_case {
	const char *name;
	struct bmx_slice in;
	size_t max;
	const char *want;
};

/* clang-format off */
static struct clean_case cases[] = {
	{"plain text",                S("a b=\"c\""),        99, "a b=\"c\""},
	{"controls",                  S("a\r\n\tb\x1b[0m"),  99, "a???b?[0m"},
	{"NUL",                       S("a\0b"),             99, "a?b"},
	{"DEL",                       S("a\x7f" "b"),        99, "a?b"},
	{"two octets of UTF-8",       S("\xc3\xbc"),         99, "\xc3\xbc"},
	{"three octets of UTF-8",     S("\xe2\x82\xac"),     99, "\xe2\x82\xac"},
	{"four octets of UTF-8",      S("\xf0\x9f\x93\xa7"), 99, "\xf0\x9f\x93\xa7"},
	{"last code point",           S("\xf4\x8f\xbf\xbf"), 99, "\xf4\x8f\xbf\xbf"},
	{"past the last code point",  S("\xf4\x90\x80\x80"), 99, "????"},
	{"C1 control",                S("a\xc2\x9b" "b"),    99, "a??b"},
	{"first after C1",            S("\xc2\xa0"),         99, "\xc2\xa0"},
	{"Latin-1 octet",             S("m\xfcller"),        99, "m?ller"},
	{"overlong",                  S("\xc0\xaf"),         99, "??"},
	{"overlong in three",         S("\xe0\x9f\xbf"),     99, "???"},
	{"overlong in four",          S("\xf0\x8f\xbf\xbf"), 99, "????"},
	{"surrogate",                 S("\xed\xa0\x80"),     99, "???"},
	{"lone continuation",         S("\x80"),             99, "?"},
	{"cut character",             S("a\xe2\x82"),        99, "a??"},
	{"exactly as long as may be", S("abcde"),             5, "abcde"},
	{"longer than may be",        S("abcdef"),            5, "ab..."},
	{"nothing",                   S(""),                  5, ""},
};
/* clang-format on */

static void
test_clean(void **state)
{
	const struct clean_case *tc = *state;
	char buffer[128];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_clean(&text, tc->in, tc->max);
	assert_string_equal(buffer, tc->want);
	assert_int_equal(text.len, strlen(tc->want));
	assert_false(text.cut);
}

static void
test_full(void **state)
{
	char buffer[4];
	struct bmx_text text;

	(void)state;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_string(&text, "abc");
	assert_false(text.cut);
	bmx_text_append_char(&text, 'd');
	assert_true(text.cut);
	assert_string_equal(buffer, "abc");
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_printf(&text, "%d", 12345);
	assert_true(text.cut);
	assert_int_equal(text.len, 3);
	assert_string_equal(buffer, "123");
}

static void
test_u64(void **state)
{
	char buffer[64];
	struct bmx_text text;

	(void)state;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_u64(&text, 0);
	bmx_text_append_u64(&text, UINT64_MAX);
	assert_string_equal(buffer, "018446744073709551615");
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(cases) + 2] = {
		cmocka_unit_test(test_full), cmocka_unit_test(test_u64)};

	for (size_t i = 0; i < COUNT(cases); i++)
		tests[i + 2] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_clean,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
