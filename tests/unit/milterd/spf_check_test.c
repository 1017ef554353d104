/* What the suite of RFC 7208 has no test for. */
#include "tests/support/rows.h"

#include <string.h>

#include <backupmx/text.h>

#include "milter/spf/spf.h"
#include "tests/support/zone.h"

/* octet repeated count times stands before the rest of a name. */
struct name_of {
	char octet;
	unsigned count;
	const char *rest;
};

struct check_case {
	const char *name;
	const char *record; /* of d.test */
	struct name_of sender;
	struct name_of helo;
	enum bmx_spf_result want;
};

#define USER                                                                   \
	{                                                                      \
		'x', 1, "@d.test"                                              \
	}
#define HELO                                                                   \
	{                                                                      \
		'm', 1, ".test"                                                \
	}

/* clang-format off */
static struct check_case cases[] = {
	{"a long local part is checked",     "v=spf1 -all",         {'x', 1100, "@d.test"}, HELO, BMX_SPF_FAIL},
	{"of a long one the first octets",   "v=spf1 exists:%{l1r-}.y.test -all", {'x', 1100, "@d.test"}, HELO, BMX_SPF_FAIL},
	{"a long HELO changes no result",    "v=spf1 -all",         USER, {'h', 1100, ".test"}, BMX_SPF_FAIL},
	{"of a long HELO the last labels",   "v=spf1 exists:%{h1}.y.test -all", USER, {'h', 1100, ".test"}, BMX_SPF_PASS},
	{"<> with a long HELO has no domain","v=spf1 -all",         {'x', 0, ""}, {'h', 1100, ".d.test"}, BMX_SPF_NONE},
	{"two @: the last one ends it",      "v=spf1 -all",         {'@', 3, "d.test"}, HELO, BMX_SPF_FAIL},
	{"a final dot is no label",          "v=spf1 -all",         {'x', 1, "@d.test."}, HELO, BMX_SPF_FAIL},
	{"two final dots are one label",     "v=spf1 -all",         {'x', 1, "@d.test.."}, HELO, BMX_SPF_NONE},
	{"two final dots of an include",     "v=spf1 include:%{h}", USER, {'d', 1, ".test.."}, BMX_SPF_PERMERROR},
	{"an include of no name",            "v=spf1 include:%{h}", USER, {'d', 0, ""}, BMX_SPF_PERMERROR},
	{"exists of no name does not match", "v=spf1 exists:%{h} -all", USER, {'d', 0, ""}, BMX_SPF_FAIL},
	{"an unknown modifier twice",        "v=spf1 x=1 x=2 -all", USER, HELO, BMX_SPF_FAIL},
	{"Redirect twice, in another case",  "v=spf1 redirect=d.test Redirect=d.test", USER, HELO, BMX_SPF_PERMERROR},
	{"an include of itself, unreached",  "v=spf1 -all include:d.test", USER, HELO, BMX_SPF_FAIL},
	{"%{c} in an unknown modifier",      "v=spf1 x=%{c} -all",  USER, HELO, BMX_SPF_FAIL},
	{"%{c} in a name",                   "v=spf1 a:%{c}.test -all", USER, HELO, BMX_SPF_PERMERROR},
	{"a macro without its end",          "v=spf1 x=%{d -all",   USER, HELO, BMX_SPF_PERMERROR},
	{"0 parts",                          "v=spf1 x=%{d00} -all", USER, HELO, BMX_SPF_PERMERROR},
	{"a tab between terms",              "v=spf1 a\tmx -all",   USER, HELO, BMX_SPF_PERMERROR},
	{"a line end behind the version",    "v=spf1\n",            USER, HELO, BMX_SPF_NONE},
	{"joined with dots, whatever it was","v=spf1 exists:%{h-}.y.test -all", USER, {'a', 1, "-b"}, BMX_SPF_PASS},
};
/* clang-format on */

static struct bmx_slice
build(const struct name_of *name, struct bmx_text *text)
{
	for (unsigned i = 0; i < name->count; i++)
		bmx_text_append_char(text, name->octet);
	bmx_text_append_string(text, name->rest);
	assert_false(text->cut);
	return bmx_text_slice(text);
}

static void
test_check(void **state)
{
	const struct check_case *tc = *state;
	static struct bmx_spf_verdict verdict;
	static char sender[2048], helo[2048];
	struct bmx_text sender_text, helo_text;
	struct bmx_spf *spf = bmx_spf_new(NULL);
	struct zone *zone = zone_new();
	struct bmx_spf_request request = {
		.dns = zone_source(zone),
		.client = {[10] = 0xff, 0xff, 203, 0, 113, 5},
		.deadline_us = INT64_MAX,
	};

	assert_non_null(spf);
	bmx_text_init(&sender_text, sender, sizeof(sender));
	bmx_text_init(&helo_text, helo, sizeof(helo));
	request.sender = build(&tc->sender, &sender_text);
	request.helo = build(&tc->helo, &helo_text);
	zone_add(zone, "d.test", BMX_DNS_TXT, bmx_slice_of(tc->record));
	zone_add(zone, "test.y.test", BMX_DNS_A, BMX_SLICE("192.0.2.1"));
	zone_add(zone, "a.b.y.test", BMX_DNS_A, BMX_SLICE("192.0.2.1"));
	bmx_spf_check(spf, &request, &verdict);
	assert_string_equal(bmx_spf_result_name(verdict.result),
	                    bmx_spf_result_name(tc->want));
	zone_free(&zone);
	bmx_spf_free(&spf);
}

int
main(void)
{
	ROWS_RUN(cases, test_check);
}
