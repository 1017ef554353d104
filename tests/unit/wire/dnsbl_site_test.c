/* Entries of a DNS block list setting. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/dnsbl_site.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define A10 "aaaaaaaaa."
#define A60 A10 A10 A10 A10 A10 A10

struct site_case {
	const char *name;
	const char *text;
	enum bmx_error_code code; /* or what is read: */
	const char *zone;
	int weight;
	uint8_t takes[4], leaves[4]; /* zeros: not looked at */
};

/* clang-format off */
static struct site_case cases[] = {
	{"a zone alone", "bl.example", 0, "bl.example", 1, {127, 0, 0, 2}, {0}},
	{"upper case and a final dot", "BL.Example.", 0, "bl.example", 1, {127, 0, 0, 2}, {0}},
	{"a weight", "bl.example*3", 0, "bl.example", 3, {127, 0, 0, 255}, {0}},
	{"an allow list", "wl.example*-2", 0, "wl.example", -2, {127, 0, 0, 1}, {0}},
	{"the largest weight", "bl.example*1000", 0, "bl.example", 1000, {0}, {0}},
	{"the smallest weight", "bl.example*-1000", 0, "bl.example", -1000, {0}, {0}},
	{"an address", "bl.example=127.0.0.2", 0, "bl.example", 1, {127, 0, 0, 2}, {127, 0, 0, 3}},
	{"a range", "bl.example=127.0.0.[2..11]*2", 0, "bl.example", 2, {127, 0, 0, 11}, {127, 0, 0, 12}},
	{"a range begins where it says", "bl.example=127.0.0.[2..11]", 0, "bl.example", 1, {127, 0, 0, 2}, {127, 0, 0, 1}},
	{"a list of both", "bl.example=127.0.[1;3].[4;6..8;255]", 0, "bl.example", 1, {127, 0, 3, 255}, {127, 0, 2, 4}},
	{"a list leaves what is between", "bl.example=127.0.0.[4;6..8]", 0, "bl.example", 1, {127, 0, 0, 6}, {127, 0, 0, 5}},
	{"a range of one", "bl.example=127.0.0.[2..2]", 0, "bl.example", 1, {127, 0, 0, 2}, {127, 0, 0, 3}},
	{"the whole octet", "bl.example=127.0.0.[0..255]", 0, "bl.example", 1, {127, 0, 0, 255}, {127, 0, 1, 0}},
	{"the longest zone", A60 A60 A60 "aaaaaaaaa", 0, A60 A60 A60 "aaaaaaaaa", 1, {0}, {0}},

	{"nothing", "", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"no zone", "=127.0.0.2", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"an empty label", "bl..example", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a blank", "bl.example *2", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a zone that is too long", A60 A60 A60 "aaaaaaa.aa", BMX_E_TOO_BIG, NULL, 0, {0}, {0}},
	{"an empty filter", "bl.example=", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"three octets", "bl.example=127.0.0", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"five octets", "bl.example=127.0.0.2.3", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a number over 255", "bl.example=127.0.0.256", BMX_E_RANGE, NULL, 0, {0}, {0}},
	{"four digits", "bl.example=127.0.0.0255", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a range over 255", "bl.example=127.0.0.[2..256]", BMX_E_RANGE, NULL, 0, {0}, {0}},
	{"a range that goes down", "bl.example=127.0.0.[11..2]", BMX_E_RANGE, NULL, 0, {0}, {0}},
	{"a range of one dot", "bl.example=127.0.0.[2.11]", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a range without end", "bl.example=127.0.0.[2..]", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a range without brackets", "bl.example=127.0.0.2..11", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"brackets with nothing in", "bl.example=127.0.0.[]", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"no closing bracket", "bl.example=127.0.0.[2", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a comma in the list", "bl.example=127.0.0.[2,3]", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"no weight behind the star", "bl.example*", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a weight of 0", "bl.example*0", BMX_E_RANGE, NULL, 0, {0}, {0}},
	{"a weight with a plus", "bl.example*+1", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"a weight past the largest", "bl.example*1001", BMX_E_RANGE, NULL, 0, {0}, {0}},
	{"a weight past 64 bits", "bl.example*99999999999999999999", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
	{"words behind", "bl.example*2 x", BMX_E_SYNTAX, NULL, 0, {0}, {0}},
};
/* clang-format on */

static void
test_site(void **state)
{
	static const uint8_t none[4] = {0};
	const struct site_case *tc = *state;
	struct bmx_dnsbl_site site;
	struct bmx_error err = {0};
	const int rc =
		bmx_dnsbl_site_parse(bmx_slice_of(tc->text), &site, &err);

	assert_int_equal(rc, tc->code ? -1 : 0);
	assert_int_equal(err.code, tc->code);
	if (tc->code)
		return;
	assert_string_equal(site.zone, tc->zone);
	assert_int_equal(site.weight, tc->weight);
	if (memcmp(tc->takes, none, 4) != 0)
		assert_true(bmx_dnsbl_site_takes(&site, tc->takes));
	if (memcmp(tc->leaves, none, 4) != 0)
		assert_false(bmx_dnsbl_site_takes(&site, tc->leaves));
}

/* Reading never looks behind the end. */
static void
test_cut_anywhere(void **state)
{
	static const char text[] = "bl.example=127.0.[1;3].[4;6..8]*-12";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len + (len == 0));
		struct bmx_dnsbl_site site;

		assert_non_null(copy);
		memcpy(copy, text, len);
		(void)bmx_dnsbl_site_parse((struct bmx_slice){copy, len}, &site,
		                           NULL);
		free(copy);
	}
}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(cases) + 1] = {0};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_site;
		tests[i].initial_state = &cases[i];
	}
	tests[LENGTH(cases)] =
		(struct CMUnitTest)cmocka_unit_test(test_cut_anywhere);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
