#include <tests/support/cmocka.h>

#include <stdio.h>
#include <string.h>

#include <backupmx/address.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8
#define S(literal)                                                             \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}

struct split_case {
	const char *name;
	struct bmx_slice text;
	int want;
	const char *local, *domain;
};

struct local_case {
	const char *name;
	struct bmx_slice text;
	bool case_sensitive;
	enum bmx_local_form want;
	const char *local; /* NULL: none */
	bool utf8;
};

struct cut_case {
	const char *name;
	const char *text, *delimiters;
	const char *steps; /* each result, with a ',' behind it */
};

struct role_case {
	const char *name;
	const char *text;
	bool want;
};

#define OK BMX_LOCAL_OK
#define NO BMX_LOCAL_UNLISTABLE

/* clang-format off */
static struct split_case splits[] = {
	{"split at the only @",              S("a@b.test"),          0, "a", "b.test"},
	{"split at the last @",              S("a@b@c.test"),        0, "a@b", "c.test"},
	{"split behind a quoted @",          S("\"a@b\"@c.test"),    0, "\"a@b\"", "c.test"},
	{"split an internal form with @",    S("a@b c@d.test"),      0, "a@b c", "d.test"},
	{"split behind a lone quote",        S("\"a@d.test"),        0, "\"a", "d.test"},
	{"split with empty local part",      S("@d.test"),           0, "", "d.test"},
	{"split with empty domain",          S("a@"),                0, "a", ""},
	{"no split inside quotes",           S("\"a@b\""),          -1, NULL, NULL},
	{"no split of a quoted domain",      S("a@\"b\""),          -1, NULL, NULL},
	{"no split without @",               S("postmaster"),       -1, NULL, NULL},
	{"no split of nothing",              S(""),                 -1, NULL, NULL},
	{"no split with NUL",                S("a\0@d.test"),       -1, NULL, NULL},
};

static struct local_case locals[] = {
	{"plain lower case is itself",       S("joe.doe"),     false, OK, "joe.doe", false},
	{"upper case is folded",             S("Joe"),         false, OK, "joe", false},
	{"case is kept where it counts",     S("Joe"),         true,  OK, "Joe", false},
	{"tag is kept",                      S("joe+Tag"),     false, OK, "joe+tag", false},
	{"blank of an internal form",        S("joe doe"),     false, OK, "joe doe", false},
	{"quotes are taken off",             S("\"Joe Doe\""), false, OK, "joe doe", false},
	{"quotes off, case kept",            S("\"Joe\""),     true,  OK, "Joe", false},
	{"quoted pair is taken off",         S("\"a\\\"\\\\b\""), false, OK, "a\"\\b", false},
	{"needless quoted pair",             S("\"\\j\\oe\""), false, OK, "joe", false},
	{"64 octets",                        S(X64),           false, OK, X64, false},
	{"64 octets in quotes",              S("\"" X64 "\""), false, OK, X64, false},
	{"U-umlaut is folded",               S("M\xc3\x9cller"), false, OK, "m\xc3\xbcller", true},
	{"U-umlaut is kept",                 S("M\xc3\x9cller"), true, OK, "M\xc3\x9cller", true},
	{"decomposed umlaut is composed",    S("mu\xcc\x88ller"), false, OK, "m\xc3\xbcller", true},
	{"composed even if case counts",     S("MU\xcc\x88"),  true,  OK, "M\xc3\x9c", true},
	{"quoted umlaut",                    S("\"\xc3\x9c b\""), false, OK, "\xc3\xbc b", true},
	{"kelvin sign becomes ASCII",        S("\xe2\x84\xaa"), false, OK, "k", false},
	{"63 octets and a kelvin sign",      S(X8 X8 X8 X8 X8 X8 X8 "xxxxxxx\xe2\x84\xaa"), false, OK,
	                                     X8 X8 X8 X8 X8 X8 X8 "xxxxxxxk", false},
	{"final sigma",                      S("\xce\xa3\xce\xa3"), false, OK, "\xcf\x83\xcf\x82", true},
	{"empty",                            S(""),            false, NO, NULL, false},
	{"empty quotes",                     S("\"\""),        false, NO, NULL, false},
	{"wildcard",                         S("*"),           false, NO, NULL, false},
	{"wildcard in quotes",               S("\"*\""),       false, NO, NULL, false},
	{"wildcard as quoted pair",          S("\"\\*\""),     false, NO, NULL, false},
	{"65 octets",                        S(X64 "x"),       false, NO, NULL, false},
	{"65 octets in quotes",              S("\"" X64 "x\""), false, NO, NULL, false},
	{"65 octets of UTF-8",               S(X8 X8 X8 X8 X8 X8 X8 "xxxxxxx\xc3\xbc"), false, NO, NULL, false},
	{"257 octets of UTF-8",              S(X64 X64 X64 X64 "\xc3"), false, NO, NULL, false},
	{"257 octets in quotes",             S("\"" X64 X64 X64 X64 "x\""), false, NO, NULL, false},
	{"per cent hack",                    S("a%b"),         false, NO, NULL, false},
	{"bang path",                        S("a!b"),         false, NO, NULL, false},
	{"second @",                         S("a@b"),         false, NO, NULL, false},
	{"second @ in quotes",               S("\"a@b\""),     false, NO, NULL, false},
	{"per cent in quotes",               S("\"a%b\""),     false, NO, NULL, false},
	{"bang as quoted pair",              S("\"a\\!b\""),   false, NO, NULL, false},
	{"per cent beside UTF-8",            S("\xc3\xbc%b"),  false, NO, NULL, false},
	{"newline",                          S("a\nb"),        false, NO, NULL, false},
	{"NUL",                              S("a\0b"),        false, NO, NULL, false},
	{"DEL",                              S("a\x7f"),       false, NO, NULL, false},
	{"C1 control",                       S("a\xc2\x9b"),   false, NO, NULL, false},
	{"Latin-1 octet",                    S("m\xfcller"),   false, NO, NULL, false},
	{"overlong UTF-8",                   S("\xc0\xaf"),    false, NO, NULL, false},
	{"cut UTF-8",                        S("a\xe2\x84"),   false, NO, NULL, false},
	{"surrogate",                        S("\xed\xa0\x80"), false, NO, NULL, false},
	{"quote left open",                  S("\"joe"),       false, NO, NULL, false},
	{"quote in the middle",              S("jo\"e"),       false, NO, NULL, false},
	{"quotes around a part",             S("\"a\"b\"c\""), false, NO, NULL, false},
	{"lone quote",                       S("\""),          false, NO, NULL, false},
	{"escaped closing quote",            S("\"a\\\""),     false, NO, NULL, false},
	{"backslash outside quotes",         S("a\\b"),        false, NO, NULL, false},
};

static struct local_case internals[] = {
	{"internal: quotes are part of it",  S("\"Joe\""),     false, OK, "\"joe\"", false},
	{"internal: lone quote",             S("jo\"e"),       false, OK, "jo\"e", false},
	{"internal: backslash",              S("a\\b"),        false, OK, "a\\b", false},
	{"internal: blank",                  S("joe doe"),     false, OK, "joe doe", false},
	{"internal: umlaut in quotes",       S("\"\xc3\x9c\""), false, OK, "\"\xc3\xbc\"", true},
	{"internal: second @",               S("a@b"),         false, NO, NULL, false},
	{"internal: wildcard",               S("*"),           false, NO, NULL, false},
	{"internal: empty",                  S(""),            false, NO, NULL, false},
};

static struct cut_case cuts[] = {
	{"cut each tag",                     "a+b+c", "+",  "a+b,a,"},
	{"cut nothing",                      "abc",   "+",  ""},
	{"cut never to nothing",             "+abc",  "+",  ""},
	{"cut an empty tag",                 "a+",    "+",  "a,"},
	{"cut doubled delimiters",           "a++b",  "+",  "a+,a,"},
	{"cut at any of a set",              "a-b+c", "+-", "a-b,a,"},
	{"cut without delimiters",           "a+b",   "",   ""},
	{"cut a lone delimiter",             "+",     "+",  ""},
	{"cut nothing from nothing",         "",      "+",  ""},
	{"cut never to the wildcard",        "*+a",   "+",  ""},
	{"cut to what only starts like it",  "*a+b",  "+",  "*a,"},
};

static struct role_case roles[] = {
	{"postmaster is a role",             "postmaster",  true},
	{"Postmaster is a role",             "PostMaster",  true},
	{"abuse is a role",                  "abuse",       true},
	{"abuser is none",                   "abuser",      false},
	{"nothing is no role",               "",            false},
};
/* clang-format on */

static void
assert_slice(struct bmx_slice got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	if (got.len > 0)
		assert_memory_equal(got.data, want, got.len);
}

static void
test_split(void **state)
{
	const struct split_case *tc = *state;
	struct bmx_slice local = {0}, domain = {0};

	assert_int_equal(bmx_address_split(tc->text, &local, &domain),
	                 tc->want);
	if (tc->want != 0)
		return;
	assert_slice(local, tc->local);
	assert_slice(domain, tc->domain);
}

static void
test_split_length(void **state)
{
	char text[BMX_ADDRESS_MAX + 1];
	struct bmx_slice local, domain;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[1] = '@';
	assert_int_equal(
		bmx_address_split((struct bmx_slice){text, BMX_ADDRESS_MAX},
	                          &local, &domain),
		0);
	assert_int_equal(
		bmx_address_split((struct bmx_slice){text, BMX_ADDRESS_MAX + 1},
	                          &local, &domain),
		-1);
}

static void
check_local(const struct local_case *tc, enum bmx_local_form form,
            struct bmx_slice got, bool utf8)
{
	assert_int_equal(form, tc->want);
	assert_slice(got, tc->local ? tc->local : "");
	assert_int_equal(utf8, tc->utf8);
}

static void
test_local(void **state)
{
	const struct local_case *tc = *state;
	char buffer[BMX_LOCAL_BUFFER];
	struct bmx_slice got = BMX_SLICE("unset");
	bool utf8 = !tc->utf8;
	const enum bmx_local_form form = bmx_local_normalise(
		tc->text, tc->case_sensitive, buffer, &got, &utf8);

	check_local(tc, form, got, utf8);
}

static void
test_internal(void **state)
{
	const struct local_case *tc = *state;
	char buffer[BMX_LOCAL_BUFFER];
	struct bmx_slice got = BMX_SLICE("unset");
	bool utf8 = !tc->utf8;
	const enum bmx_local_form form = bmx_local_normalise_internal(
		tc->text, tc->case_sensitive, buffer, &got, &utf8);

	check_local(tc, form, got, utf8);
}

static void
test_local_borrows(void **state)
{
	const struct bmx_slice text = BMX_SLICE("joe");
	char buffer[BMX_LOCAL_BUFFER];
	struct bmx_slice got;
	bool utf8;

	(void)state;
	assert_int_equal(bmx_local_normalise(text, false, buffer, &got, &utf8),
	                 BMX_LOCAL_OK);
	assert_ptr_equal(got.data, text.data);
}

static void
test_cut(void **state)
{
	const struct cut_case *tc = *state;
	struct bmx_slice local = bmx_slice_of(tc->text);
	char got[64] = "";

	while (bmx_local_cut(&local, bmx_slice_of(tc->delimiters))) {
		strncat(got, local.data, local.len);
		strncat(got, ",", 2);
	}
	assert_string_equal(got, tc->steps);
}

static void
test_role(void **state)
{
	const struct role_case *tc = *state;

	assert_int_equal(bmx_local_is_role(bmx_slice_of(tc->text)), tc->want);
}

#define ADD(rows, function)                                                    \
	for (size_t i = 0; i < COUNT(rows); i++)                               \
		tests[count++] = (struct CMUnitTest)                           \
		{                                                              \
			.name = (rows)[i].name, .test_func = (function),       \
			.initial_state = &(rows)[i]                            \
		}

int
main(void)
{
	struct CMUnitTest tests[COUNT(splits) + COUNT(locals) +
	                        COUNT(internals) + COUNT(cuts) + COUNT(roles) +
	                        2] = {cmocka_unit_test(test_split_length),
	                              cmocka_unit_test(test_local_borrows)};
	size_t count = 2;

	ADD(splits, test_split);
	ADD(locals, test_local);
	ADD(internals, test_internal);
	ADD(cuts, test_cut);
	ADD(roles, test_role);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
