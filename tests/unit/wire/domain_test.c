#include <tests/support/cmocka.h>

#include <string.h>

#include <backupmx/address.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define X9 "xxxxxxxxx"
#define LABEL63 X9 X9 X9 X9 X9 X9 X9
#define NAME253 LABEL63 "." LABEL63 "." LABEL63 "." X9 X9 X9 X9 X9 X9 "xxxxxxx"
#define S(literal)                                                             \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}

struct domain_case {
	const char *name;
	struct bmx_slice text;
	const char *want; /* NULL: no domain name */
};

/* clang-format off */
static struct domain_case cases[] = {
	{"plain name",                 S("example.test"),          "example.test"},
	{"upper case is folded",       S("Example.TEST"),          "example.test"},
	{"final dot is taken off",     S("example.test."),         "example.test"},
	{"one label",                  S("localhost"),             "localhost"},
	{"underscore",                 S("_dmarc.example.test"),   "_dmarc.example.test"},
	{"digits and hyphens",         S("a--b-1.9.test"),         "a--b-1.9.test"},
	{"label of 63",                S(LABEL63 ".test"),         LABEL63 ".test"},
	{"name of 253",                S(NAME253),                 NAME253},
	{"name of 253 and a dot",      S(NAME253 "."),             NAME253},
	{"U-label",                    S("b\xc3\xbc" "cher.test"), "xn--bcher-kva.test"},
	{"U-label in upper case",      S("B\xc3\x9c" "CHER.Test"), "xn--bcher-kva.test"},
	{"decomposed U-label",         S("bu\xcc\x88" "cher.test"), "xn--bcher-kva.test"},
	{"sharp s is its own letter",  S("stra\xc3\x9f" "e.test"), "xn--strae-oqa.test"},
	{"U-label beside underscore",  S("_a.b\xc3\xbc" "cher.test"), "_a.xn--bcher-kva.test"},
	{"U-label with final dot",     S("b\xc3\xbc" "cher.test."), "xn--bcher-kva.test"},
	{"ideographic full stop",      S("a\xe3\x80\x82test"),     "a.test"},
	{"A-label",                    S("xn--bcher-kva.test"),    "xn--bcher-kva.test"},
	{"A-label in upper case",      S("XN--BCHER-KVA.test"),    "xn--bcher-kva.test"},
	{"A-label as second label",    S("mx.xn--bcher-kva.test"), "mx.xn--bcher-kva.test"},
	{"xn-- inside a label",        S("axn--b.test"),           "axn--b.test"},
	{"empty",                      S(""),                      NULL},
	{"a dot alone",                S("."),                     NULL},
	{"empty first label",          S(".test"),                 NULL},
	{"empty label",                S("a..test"),               NULL},
	{"two final dots",             S("a.test.."),              NULL},
	{"empty label beside a U-label", S("\xc3\xbc..test"),      NULL},
	{"label of 64",                S(LABEL63 "x.test"),        NULL},
	{"name of 254",                S(NAME253 "x"),             NULL},
	{"U-label too long",           S(LABEL63 "\xc3\xbc.test"), NULL},
	{"blank",                      S("exa mple.test"),         NULL},
	{"blank beside a U-label",     S("b\xc3\xbc" "cher.te st"), NULL},
	{"address literal",            S("[192.0.2.1]"),           NULL},
	{"quote",                      S("a\"b.test"),             NULL},
	{"NUL",                        S("a\0b.test"),             NULL},
	{"NUL beside a U-label",       S("\xc3\xbc\0.test"),       NULL},
	{"newline",                    S("a.test\n"),              NULL},
	{"Latin-1 octet",              S("b\xfc" "cher.test"),     NULL},
	{"xn-- that is no A-label",    S("xn--.test"),             NULL},
	{"A-label that decodes wrong", S("xn--a.test"),            NULL},
	{"sign that IDNA refuses",     S("\xe2\x98\x83\xe2\x80\x8e.test"), NULL},
};
/* clang-format on */

static void
test_domain(void **state)
{
	const struct domain_case *tc = *state;
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice got = {0};
	const int rc = bmx_domain_normalise(tc->text, buffer, &got);

	assert_int_equal(rc, tc->want ? 0 : -1);
	if (!tc->want)
		return;
	assert_string_equal(buffer, tc->want);
	assert_ptr_equal(got.data, buffer);
	assert_int_equal(got.len, strlen(tc->want));
}

/* Cut at every offset: either no domain, or its own normal form. */
static void
test_domain_cut(void **state)
{
	const struct domain_case *tc = *state;
	char once[BMX_DOMAIN_BUFFER], twice[BMX_DOMAIN_BUFFER];
	struct bmx_slice got;

	for (size_t len = 0; len < tc->text.len; len++) {
		const struct bmx_slice cut = {tc->text.data, len};

		if (bmx_domain_normalise(cut, once, &got) != 0)
			continue;
		assert_int_equal(bmx_domain_normalise(got, twice, &got), 0);
		assert_string_equal(once, twice);
	}
}

int
main(void)
{
	struct CMUnitTest tests[2 * COUNT(cases)] = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		tests[2 * i] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_domain,
		                                   .initial_state = &cases[i]};
		tests[2 * i + 1] = tests[2 * i];
		tests[2 * i + 1].test_func = test_domain_cut;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
