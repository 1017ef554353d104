#include "tests/support/rows.h"

#include <string.h>

#include <backupmx/text.h>

#include "milter/spf/spf.h"
#include "tests/support/zone.h"

/* unit repeated count times between head and tail is the record. */
struct limits_case {
	const char *name;
	const char *head;
	const char *unit;
	unsigned count;
	const char *tail;
	enum bmx_spf_result want;
};

#define D "%{d}"

/* clang-format off */
static struct limits_case cases[] = {
	{"10 terms are evaluated",          "v=spf1 ", "a:x.test ",  10, "-all", BMX_SPF_FAIL},
	{"an 11th term is permerror",       "v=spf1 ", "a:x.test ",  11, "-all", BMX_SPF_PERMERROR},
	{"2 void look-ups are let pass",    "v=spf1 ", "a:no.test ", 2,  "-all", BMX_SPF_FAIL},
	{"a third void one is permerror",   "v=spf1 ", "a:no.test ", 3,  "-all", BMX_SPF_PERMERROR},
	{"-all past 511 octets counts",     "v=spf1 ", "ip6:2001:db8:1:2:3:4:5:6/64 ", 40, "-all", BMX_SPF_FAIL},
	{"a record of 8 KB is read",        "v=spf1 ", "ip4:192.0.2.1 ", 600, "-all", BMX_SPF_FAIL},
	{"127 macros make no crash",        "v=spf1 exists:", D, 127, " -all", BMX_SPF_FAIL},
	{"an include of itself ends",       "v=spf1 ", "include:d.test ", 10, "-all", BMX_SPF_PERMERROR},
	{"SERVFAIL is temperror",           "v=spf1 ", "a:fail.test ", 1, "-all", BMX_SPF_TEMPERROR},
	{"a match before SERVFAIL counts",  "v=spf1 +ip4:203.0.113.5 ", "a:fail.test ", 1, "-all", BMX_SPF_PASS},
	{"bad grammar after a match",       "v=spf1 +ip4:203.0.113.5 ", "foo ", 1, "-all", BMX_SPF_PERMERROR},
};
/* clang-format on */

static void
test_limits(void **state)
{
	const struct limits_case *tc = *state;
	static struct bmx_spf_verdict verdict;
	static char record[16384];
	struct bmx_spf_request request = {
		.client = {[10] = 0xff, 0xff, 203, 0, 113, 5},
		.helo = BMX_SLICE("mail.test"),
		.sender = BMX_SLICE("user@d.test"),
		.deadline_us = INT64_MAX,
	};
	struct bmx_spf *spf = bmx_spf_new(NULL);
	struct zone *zone = zone_new();
	struct bmx_text text;

	assert_non_null(spf);
	bmx_text_init(&text, record, sizeof(record));
	bmx_text_append_string(&text, tc->head);
	for (unsigned i = 0; i < tc->count; i++)
		bmx_text_append_string(&text, tc->unit);
	bmx_text_append_string(&text, tc->tail);
	assert_false(text.cut);
	zone_add(zone, "d.test", BMX_DNS_TXT, bmx_text_slice(&text));
	zone_add(zone, "x.test", BMX_DNS_A, BMX_SLICE("192.0.2.1"));
	zone_add_failure(zone, "fail.test");
	request.dns = zone_source(zone);
	bmx_spf_check(spf, &request, &verdict);
	assert_string_equal(bmx_spf_result_name(verdict.result),
	                    bmx_spf_result_name(tc->want));
	zone_free(&zone);
	bmx_spf_free(&spf);
}

int
main(void)
{
	ROWS_RUN(cases, test_limits);
}
