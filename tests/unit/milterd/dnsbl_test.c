/* DNS block lists: names, answers that are believed, sums, and the breaker. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "milter/checks/breaker.h"
#include "milter/checks/dnsbl.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define IS(word) BMX_DNSBL_##word
#define FOUND(what) BMX_FOUND_##what
#define ZONES 4

struct answer_case {
	const char *name;
	enum bmx_dns_status status;
	size_t count;
	uint8_t addresses[3][4];
	enum bmx_dnsbl_word want;
};

struct sum_case {
	const char *name;
	const char *sites[ZONES]; /* the zone's place is its letter */
	struct {
		enum bmx_dnsbl_word word;
		uint8_t last; /* of 127.0.0.last, when listed */
	} said[ZONES];
	int64_t threshold;
	enum bmx_finding want;
	int score;
	int heaviest; /* place in sites; -1: none */
};

/* clang-format off */
static struct answer_case answers[] = {
	{"not there", BMX_DNS_NXDOMAIN, 0, {{0}}, IS(CLEAN)},
	{"there without an A", BMX_DNS_NODATA, 0, {{0}}, IS(CLEAN)},
	{"no name that DNS carries", BMX_DNS_BADNAME, 0, {{0}}, IS(CLEAN)},
	{"listed", BMX_DNS_OK, 1, {{127, 0, 0, 2}}, IS(LISTED)},
	{"listed twice", BMX_DNS_OK, 2, {{127, 0, 0, 2}, {127, 0, 0, 10}}, IS(LISTED)},
	{"DNS fails", BMX_DNS_TEMPFAIL, 0, {{0}}, IS(FAILED)},
	{"an address of the Internet", BMX_DNS_OK, 1, {{192, 0, 2, 1}}, IS(DISTRUSTED)},
	{"just outside 127/8", BMX_DNS_OK, 1, {{128, 0, 0, 2}}, IS(DISTRUSTED)},
	{"127.0.0.1 says that nothing works", BMX_DNS_OK, 1, {{127, 0, 0, 1}}, IS(DISTRUSTED)},
	{"127.255.255.254 is an error code", BMX_DNS_OK, 1, {{127, 255, 255, 254}}, IS(DISTRUSTED)},
	{"127.255.254.254 is none", BMX_DNS_OK, 1, {{127, 255, 254, 254}}, IS(LISTED)},
	{"127.0.1.1 is a listing", BMX_DNS_OK, 1, {{127, 0, 1, 1}}, IS(LISTED)},
	{"one bad address spoils the answer", BMX_DNS_OK, 3, {{127, 0, 0, 2}, {127, 0, 0, 3}, {10, 0, 0, 1}}, IS(DISTRUSTED)},
};

static struct sum_case sums[] = {
	{"no list says a thing", {"a.x"}, {{IS(CLEAN), 0}}, 1, FOUND(GOOD), 0, -1},
	{"one list", {"a.x"}, {{IS(LISTED), 2}}, 1, FOUND(DNSBL_LISTED), 1, 0},
	{"below the threshold", {"a.x"}, {{IS(LISTED), 2}}, 2, FOUND(GOOD), 1, 0},
	{"two lists reach it", {"a.x", "b.x*2"}, {{IS(LISTED), 2}, {IS(LISTED), 2}}, 3, FOUND(DNSBL_LISTED), 3, 1},
	{"an allow list takes it back", {"a.x*2", "b.x*-1"}, {{IS(LISTED), 2}, {IS(LISTED), 2}}, 2, FOUND(GOOD), 1, 0},
	{"an allow list alone", {"a.x*-5"}, {{IS(LISTED), 2}}, 1, FOUND(GOOD), -5, -1},
	{"a filter that takes it", {"a.x=127.0.0.[2..11]"}, {{IS(LISTED), 11}}, 1, FOUND(DNSBL_LISTED), 1, 0},
	{"a filter that leaves it", {"a.x=127.0.0.[2..11]"}, {{IS(LISTED), 12}}, 1, FOUND(GOOD), 0, -1},
	{"two filters of a zone", {"a.x=127.0.0.2*3", "a.x=127.0.0.[2;3]*1"}, {{IS(LISTED), 2}}, 4, FOUND(DNSBL_LISTED), 4, 0},
	{"a failed list could tip it", {"a.x"}, {{IS(FAILED), 0}}, 1, FOUND(DNSBL_TEMPERROR), 0, -1},
	{"a distrusted one as well", {"a.x"}, {{IS(DISTRUSTED), 0}}, 1, FOUND(DNSBL_TEMPERROR), 0, -1},
	{"a failed list could not tip it", {"a.x"}, {{IS(FAILED), 0}}, 2, FOUND(GOOD), 0, -1},
	{"enough without the failed one", {"a.x", "b.x"}, {{IS(LISTED), 2}, {IS(FAILED), 0}}, 1, FOUND(DNSBL_LISTED), 1, 0},
	{"a failed allow list could save it", {"a.x", "b.x*-1"}, {{IS(LISTED), 2}, {IS(FAILED), 0}}, 1, FOUND(DNSBL_TEMPERROR), 1, 0},
	{"a failed allow list could not", {"a.x*3", "b.x*-1"}, {{IS(LISTED), 2}, {IS(FAILED), 0}}, 2, FOUND(DNSBL_LISTED), 3, 0},
	{"a skipped list counts for nothing", {"a.x", "b.x"}, {{IS(UNASKED), 0}, {IS(CLEAN), 0}}, 1, FOUND(GOOD), 0, -1},
	{"a skipped allow list, too", {"a.x", "b.x*-1"}, {{IS(LISTED), 2}, {IS(UNASKED), 0}}, 1, FOUND(DNSBL_LISTED), 1, 0},
	{"all that can be is fine", {"a.x*-1", "b.x", "c.x", "d.x"}, {{IS(FAILED), 0}, {IS(FAILED), 0}, {IS(FAILED), 0}, {IS(FAILED), 0}}, 4, FOUND(GOOD), 0, -1},
};
/* clang-format on */

static void
test_answer(void **state)
{
	const struct answer_case *tc = *state;
	struct bmx_dns_record records[3] = {0};
	const struct bmx_dns_answer *answer;
	struct bmx_dnsbl_answer got;

	for (size_t i = 0; i < tc->count; i++)
		memcpy(records[i].address, tc->addresses[i], 4);
	answer = bmx_dns_answer_new(tc->status, BMX_DNS_A, 60, records,
	                            tc->count);
	got = bmx_dnsbl_read(answer);
	assert_int_equal(got.word, tc->want);
	if (tc->want == IS(LISTED))
		assert_memory_equal(got.addresses, tc->addresses,
		                    4 * tc->count);
	bmx_dns_answer_unref(&answer);
}

static void
test_sum(void **state)
{
	const struct sum_case *tc = *state;
	struct bmx_dnsbl_entry entries[ZONES];
	struct bmx_dnsbl_answer said[ZONES] = {0};
	struct bmx_dnsbl_sum sum;
	size_t count = 0;

	for (; count < ZONES && tc->sites[count]; count++) {
		assert_int_equal(
			bmx_dnsbl_site_parse(bmx_slice_of(tc->sites[count]),
		                             &entries[count].site, NULL),
			0);
		entries[count].zone = (size_t)(tc->sites[count][0] - 'a');
	}
	for (size_t i = 0; i < ZONES; i++) {
		const uint8_t address[4] = {127, 0, 0, tc->said[i].last};

		said[i].word = tc->said[i].word;
		said[i].count = said[i].word == IS(LISTED);
		memcpy(said[i].addresses[0], address, 4);
	}
	sum = bmx_dnsbl_judge(entries, count, said, tc->threshold);
	assert_int_equal(sum.found, tc->want);
	assert_int_equal(sum.score, tc->score);
	assert_int_equal(sum.heaviest ? sum.heaviest - entries : -1,
	                 tc->heaviest);
}

static void
test_names(void **state)
{
	static const uint8_t v4[16] = {0, 0, 0,    0,    0,   0, 0, 0,
	                               0, 0, 0xff, 0xff, 192, 0, 2, 1};
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
	                               0,    0,    0,    0,    0, 0, 0, 0xab};
	char buffer[BMX_DNSBL_NAME_SIZE];
	char zone[BMX_DNSBL_ZONE_MAX + 1];

	(void)state;
	(void)bmx_dnsbl_name(v4, "bl.example", buffer);
	assert_string_equal(buffer, "1.2.0.192.bl.example");
	(void)bmx_dnsbl_name(v6, "bl.example", buffer);
	assert_string_equal(buffer,
	                    "b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	                    "8.b.d.0.1.0.0.2.bl.example");
	memset(zone, 'z', BMX_DNSBL_ZONE_MAX);
	zone[BMX_DNSBL_ZONE_MAX] = '\0';
	assert_int_equal(bmx_dnsbl_name(v6, zone, buffer).len,
	                 BMX_DNS_NAME_MAX);
}

/* More addresses than are kept do not pass the end. */
static void
test_many_addresses(void **state)
{
	struct bmx_dns_record records[BMX_DNSBL_ADDRESSES_MAX + 1] = {0};
	const struct bmx_dns_answer *answer;
	struct bmx_dnsbl_answer got;

	(void)state;
	for (size_t i = 0; i < LENGTH(records); i++) {
		records[i].address[0] = 127;
		records[i].address[3] = (uint8_t)(i + 2);
	}
	answer = bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_A, 60, records,
	                            LENGTH(records));
	got = bmx_dnsbl_read(answer);
	assert_int_equal(got.word, IS(LISTED));
	assert_int_equal(got.count, BMX_DNSBL_ADDRESSES_MAX);
	bmx_dns_answer_unref(&answer);
}

static void
fail_times(struct bmx_breaker *breaker, int times, int64_t now)
{
	for (int i = 0; i < times; i++)
		assert_int_equal(bmx_breaker_report(breaker, false, now),
		                 BMX_BREAKER_SAME);
}

static void
test_breaker(void **state)
{
	struct bmx_breaker breaker = {0};
	const int64_t rest = BMX_BREAKER_REST_MS;

	(void)state;
	fail_times(&breaker, BMX_BREAKER_FAILURES - 1, 10);
	assert_true(bmx_breaker_allows(&breaker, 10));
	/* One that works begins the count anew. */
	assert_int_equal(bmx_breaker_report(&breaker, true, 10),
	                 BMX_BREAKER_SAME);
	fail_times(&breaker, BMX_BREAKER_FAILURES - 1, 10);
	assert_int_equal(bmx_breaker_report(&breaker, false, 10),
	                 BMX_BREAKER_OPENED);
	assert_false(bmx_breaker_allows(&breaker, 10));
	assert_false(bmx_breaker_allows(&breaker, 10 + rest - 1));
	/* One try a rest, whether it reports or not. */
	assert_true(bmx_breaker_allows(&breaker, 10 + rest));
	assert_false(bmx_breaker_allows(&breaker, 10 + rest));
	assert_true(bmx_breaker_allows(&breaker, 10 + 2 * rest));
	fail_times(&breaker, 1, 10 + 2 * rest + 5);
	assert_false(bmx_breaker_allows(&breaker, 10 + 3 * rest));
	assert_true(bmx_breaker_allows(&breaker, 15 + 3 * rest));
	assert_int_equal(bmx_breaker_report(&breaker, true, 15 + 3 * rest),
	                 BMX_BREAKER_CLOSED);
	assert_true(bmx_breaker_allows(&breaker, 15 + 3 * rest));
}

#define FIXED 3

int
main(void)
{
	struct CMUnitTest tests[LENGTH(answers) + LENGTH(sums) + FIXED] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_many_addresses),
		cmocka_unit_test(test_breaker),
	};
	size_t n = FIXED;

	for (size_t i = 0; i < LENGTH(answers); i++)
		tests[n++] = (struct CMUnitTest){answers[i].name, test_answer,
		                                 NULL, NULL, &answers[i]};
	for (size_t i = 0; i < LENGTH(sums); i++)
		tests[n++] = (struct CMUnitTest){sums[i].name, test_sum, NULL,
		                                 NULL, &sums[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
