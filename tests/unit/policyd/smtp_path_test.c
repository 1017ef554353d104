#include "policyd/smtp_path.h"

#include "tests/support/cmocka.h"

#define L64 "0123456789012345678901234567890123456789012345678901234567890123"

struct path_case {
	const char *name;
	struct bmx_slice local;
	struct bmx_slice domain;
	const char *want; /* NULL: refused */
	bool utf8;
};

#define IN(text)                                                               \
	{                                                                      \
		(text), sizeof(text) - 1                                       \
	}

/* clang-format off */
static struct path_case cases[] = {
	{"plain", IN("joe"), IN("d.test"), "<joe@d.test>", false},
	{"all of atext", IN("!#$%&'*+-/=?^_`{|}~09azAZ"), IN("d"), "<!#$%&'*+-/=?^_`{|}~09azAZ@d>", false},
	{"dots", IN("a.b.c"), IN("d"), "<a.b.c@d>", false},
	{"a dot in front", IN(".a"), IN("d"), "<\".a\"@d>", false},
	{"a dot at the end", IN("a."), IN("d"), "<\"a.\"@d>", false},
	{"two dots", IN("a..b"), IN("d"), "<\"a..b\"@d>", false},
	{"a dot alone", IN("."), IN("d"), "<\".\"@d>", false},
	{"a space", IN("a b"), IN("d"), "<\"a b\"@d>", false},
	{"an at sign", IN("a@b"), IN("d"), "<\"a@b\"@d>", false},
	{"angle brackets", IN("a>b<"), IN("d"), "<\"a>b<\"@d>", false},
	{"a quote and a backslash", IN("a\"b\\"), IN("d"), "<\"a\\\"b\\\\\"@d>", false},
	{"UTF-8", IN("j\xc3\xb6"), IN("d"), "<j\xc3\xb6@d>", true},
	{"UTF-8 quoted", IN("j \xc3\xb6"), IN("d"), "<\"j \xc3\xb6\"@d>", true},
	{"64 octets", IN(L64), IN("d"), "<" L64 "@d>", false},
	{"an IPv4 literal", IN("a"), IN("[192.0.2.1]"), "<a@[192.0.2.1]>", false},
	{"an IPv6 literal", IN("a"), IN("[IPv6:2001:db8::1]"), "<a@[IPv6:2001:db8::1]>", false},
	{"a domain with underscore and hyphen", IN("a"), IN("_x.y-z"), "<a@_x.y-z>", false},
	{"no local part", IN(""), IN("d"), NULL, false},
	{"no domain", IN("a"), IN(""), NULL, false},
	{"a line end", IN("a\r\nQUIT"), IN("d"), NULL, false},
	{"a NUL", IN("a\0b"), IN("d"), NULL, false},
	{"a DEL", IN("a\x7f"), IN("d"), NULL, false},
	{"a tab", IN("a\tb"), IN("d"), NULL, false},
	{"a line end in the domain", IN("a"), IN("d\r\n"), NULL, false},
	{"a space in the domain", IN("a"), IN("d e"), NULL, false},
	{"a bracket in the domain", IN("a"), IN("d>"), NULL, false},
	{"UTF-8 in the domain", IN("a"), IN("\xc3\xb6"), NULL, false},
	{"a colon in a name", IN("a"), IN("d:e"), NULL, false},
	{"brackets alone", IN("a"), IN("[]"), NULL, false},
	{"one bracket", IN("a"), IN("[d"), NULL, false},
};
/* clang-format on */

static void
test_row(void **state)
{
	const struct path_case *tc = *state;
	char buffer[128];
	struct bmx_text text;
	bool utf8;
	int got;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_string(&text, "TO:");
	got = bmx_smtp_path_append(&text, tc->local, tc->domain, &utf8);
	assert_int_equal(got, tc->want ? 0 : -1);
	assert_string_equal(buffer + 3, tc->want ? tc->want : "");
	if (tc->want)
		assert_int_equal(utf8, tc->utf8);
	assert_false(text.cut);
}

/* A path is written whole or not at all. */
static void
test_room(void **state)
{
	const char *whole = "<\"a b\"@d.test>";

	(void)state;
	for (size_t size = 1; size < 20; size++) {
		char buffer[20];
		struct bmx_text text;
		bool utf8;
		int got;

		bmx_text_init(&text, buffer, size);
		got = bmx_smtp_path_append(&text, BMX_SLICE("a b"),
		                           BMX_SLICE("d.test"), &utf8);
		assert_int_equal(got, size > strlen(whole) ? 0 : -1);
		assert_string_equal(buffer, got == 0 ? whole : "");
		assert_int_equal(text.len, strlen(buffer));
	}
}

int
main(void)
{
	enum { ROWS = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[ROWS + 1] = {
		{"room", test_room, 0, 0, 0},
	};

	for (size_t i = 0; i < ROWS; i++)
		tests[i + 1] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_row,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
