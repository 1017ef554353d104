/* Records as servers send them. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "lib/dns/answer.h"

struct tlsa_case {
	const char *name;
	const char *rdata;
	size_t len;
	bool good;
};

#define DATA(literal) literal, sizeof(literal) - 1

/* clang-format off */
static struct tlsa_case tlsa_cases[] = {
	{"3 1 1 with a digest",        DATA("\3\1\1" "0123456789abcdef0123456789abcdef"), true},
	{"one octet of data",          DATA("\2\0\1x"),  true},
	{"NULs in the data",           DATA("\3\1\0\0\0\0"), true},
	{"numbers that nobody knows",  DATA("\377\377\377x"), true},
	{"no data",                    DATA("\3\1\1"),   false},
	{"cut in the numbers",         DATA("\3\1"),     false},
	{"one octet",                  DATA("\3"),       false},
	{"empty",                      DATA(""),         false},
};
/* clang-format on */

static void
test_tlsa(void **state)
{
	const struct tlsa_case *tc = *state;
	const struct bmx_dns_rdata rdata = {(const uint8_t *)tc->rdata,
	                                    tc->len};
	const struct bmx_dns_answer *got =
		bmx_dns_answer_read(BMX_DNS_TLSA, 60, &rdata, 1);

	assert_false(got->secure);
	assert_int_equal(got->status, tc->good ? BMX_DNS_OK : BMX_DNS_NODATA);
	if (tc->good) {
		const struct bmx_dns_record *record = &got->records[0];

		assert_int_equal(record->usage, rdata.data[0]);
		assert_int_equal(record->selector, rdata.data[1]);
		assert_int_equal(record->matching_type, rdata.data[2]);
		assert_int_equal(record->text.len, tc->len - 3);
		assert_memory_equal(record->text.data, tc->rdata + 3,
		                    tc->len - 3);
	}
	bmx_dns_answer_unref(&got);
}

/* A name may be a record's whole data, whatever the type. */
static void
test_names(void **state)
{
	static const enum bmx_dns_type types[] = {BMX_DNS_PTR, BMX_DNS_NS,
	                                          BMX_DNS_CNAME};
	const struct bmx_dns_rdata rdata = {(const uint8_t *)"\2mx\4test", 9};
	const struct bmx_dns_answer *got;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		got = bmx_dns_answer_read(types[i], 60, &rdata, 1);
		assert_int_equal(got->count, 1);
		assert_true(bmx_slice_equal(got->records[0].text,
		                            BMX_SLICE("mx.test")));
		bmx_dns_answer_unref(&got);
	}
}

static void
test_bad_among_good(void **state)
{
	static const uint8_t good[] = {3, 1, 1, 7}, bad[] = {3, 1, 1};
	const struct bmx_dns_rdata rdata[] = {{bad, 3}, {good, 4}, {bad, 3}};
	const struct bmx_dns_answer *got =
		bmx_dns_answer_read(BMX_DNS_TLSA, 60, rdata, 3);

	(void)state;
	assert_int_equal(got->count, 1);
	assert_int_equal(got->records[0].text.data[0], 7);
	bmx_dns_answer_unref(&got);
}

static void
test_secured(void **state)
{
	const struct bmx_dns_answer *none =
		bmx_dns_answer_new(BMX_DNS_NODATA, BMX_DNS_TLSA, 60, NULL, 0);

	(void)state;
	assert_false(none->secure);
	none = bmx_dns_answer_secured(none);
	assert_true(none->secure);
	bmx_dns_answer_unref(&none);
	none = bmx_dns_answer_secured(bmx_dns_answer_fixed(BMX_DNS_TEMPFAIL));
	assert_false(none->secure);
}

int
main(void)
{
	enum { ROWS = sizeof(tlsa_cases) / sizeof(tlsa_cases[0]) };
	struct CMUnitTest tests[ROWS + 3] = {
		[ROWS] = cmocka_unit_test(test_bad_among_good),
		cmocka_unit_test(test_secured),
		cmocka_unit_test(test_names),
	};

	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){tlsa_cases[i].name, test_tlsa,
		                               NULL, NULL, &tlsa_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
