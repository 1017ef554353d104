/* The checks that ask DNS, step by step, against a zone in memory. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "milter/checks/size.h"
#include "milter/checks/step.h"
#include "tests/support/zone.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define FOUND(what) BMX_FOUND_##what
#define LONG_LOCAL                                                             \
	"a123456789012345678901234567890123456789012345678901234567890123456"

#define V4(a, b, c, d)                                                         \
	{                                                                      \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d           \
	}
#define V6(last)                                                               \
	{                                                                      \
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last  \
	}

static const uint8_t own[16] = V4(192, 0, 2, 25);

struct step_case {
	const char *name;
	const char *text; /* HELO name or sender */
	enum bmx_finding want;
	unsigned questions; /* asked in all */
};

/* clang-format off */
static struct step_case helos[] = {
	{"no HELO", "", FOUND(NOTHING), 0},
	{"a name with an A", "a.test", FOUND(GOOD), 1},
	{"a name in upper case with a final dot", "A.Test.", FOUND(GOOD), 1},
	{"a name with an AAAA", "aaaa.test", FOUND(GOOD), 3},
	{"a name with an MX", "mx.test", FOUND(GOOD), 3},
	{"a name in UTF-8", "b\xc3\xbc" "cher.test", FOUND(GOOD), 1},
	{"a name that does not exist", "no.test", FOUND(HELO_UNKNOWN), 3},
	{"a name with other records", "txt.test", FOUND(HELO_UNKNOWN), 3},
	{"a name that DNS fails for", "fails.test", FOUND(HELO_TEMPERROR), 1},
	{"a name whose MX fails", "half.test", FOUND(GOOD), 1},
	{"one label", "localhost", FOUND(HELO_UNQUALIFIED), 0},
	{"one label and a dot", "localhost.", FOUND(HELO_UNQUALIFIED), 0},
	{"our name", "backup.test", FOUND(HELO_OWN), 0},
	{"our name in another case", "BACKUP.Test.", FOUND(HELO_OWN), 0},
	{"another name of ours", "mx2.example.test", FOUND(HELO_OWN), 0},
	{"a name below ours", "x.backup.test", FOUND(HELO_UNKNOWN), 3},
	{"our address as literal", "[192.0.2.25]", FOUND(HELO_OWN), 0},
	{"our address without brackets", "192.0.2.25", FOUND(HELO_OWN), 0},
	{"our address as IPv6", "[IPv6:::ffff:192.0.2.25]", FOUND(HELO_OWN), 0},
	{"a literal", "[192.0.2.1]", FOUND(GOOD), 0},
	{"a literal of IPv6", "[ipv6:2001:db8::1]", FOUND(GOOD), 0},
	{"a literal of IPv6 without its tag", "[2001:db8::1]", FOUND(HELO_INVALID), 0},
	{"a literal of IPv4 with the tag", "[IPv6:192.0.2.1]", FOUND(HELO_INVALID), 0},
	{"a literal that is no address", "[192.0.2.256]", FOUND(HELO_INVALID), 0},
	{"an open literal", "[192.0.2.1", FOUND(HELO_INVALID), 0},
	{"an empty literal", "[]", FOUND(HELO_INVALID), 0},
	{"an address without brackets", "192.0.2.1", FOUND(HELO_INVALID), 0},
	{"an IPv6 address without brackets", "2001:db8::1", FOUND(HELO_INVALID), 0},
	{"digits alone", "12345", FOUND(HELO_INVALID), 0},
	{"a blank", "a b.test", FOUND(HELO_INVALID), 0},
	{"an empty label", "a..test", FOUND(HELO_INVALID), 0},
	{"a dot", ".", FOUND(HELO_INVALID), 0},
	{"an underscore is seen in the wild", "a_b.test", FOUND(HELO_UNKNOWN), 3},
	{"a label of 64", LONG_LOCAL ".test", FOUND(HELO_INVALID), 0},
};

static struct step_case senders[] = {
	{"the null sender", "", FOUND(NOTHING), 0},
	{"a domain with MX", "a@mx.test", FOUND(GOOD), 1},
	{"a domain with a null MX", "a@null.test", FOUND(SENDER_NULL_MX), 1},
	{"a root MX among others is none", "a@nullish.test", FOUND(GOOD), 1},
	{"a domain with an A alone", "a@a.test", FOUND(GOOD), 3},
	{"a domain with an AAAA alone", "a@aaaa.test", FOUND(GOOD), 3},
	{"a domain in UTF-8", "a@b\xc3\xbc" "cher.test", FOUND(GOOD), 3},
	{"a domain without any", "a@txt.test", FOUND(SENDER_UNKNOWN), 3},
	{"a domain that does not exist", "a@no.test", FOUND(SENDER_UNKNOWN), 3},
	{"a domain that DNS fails for", "a@fails.test", FOUND(SENDER_TEMPERROR), 1},
	{"a name that cannot be one", "a@a..test", FOUND(SENDER_UNKNOWN), 0},
	{"no domain", "joe", FOUND(SENDER_UNQUALIFIED), 0},
	{"nothing behind the at sign", "joe@", FOUND(SENDER_UNQUALIFIED), 0},
	{"one label", "joe@localhost", FOUND(SENDER_UNQUALIFIED), 0},
	{"a literal", "joe@[192.0.2.1]", FOUND(SENDER_LITERAL), 0},
	{"an at sign in quotes", "\"a@b\"@mx.test", FOUND(GOOD), 1},
};

static struct {
	struct step_case step;
	uint8_t address[16];
} clients[] = {
	{{"a name that leads back", NULL, FOUND(GOOD), 2}, V4(192, 0, 2, 1)},
	{{"IPv6 that leads back", NULL, FOUND(GOOD), 2}, V6(1)},
	{{"no PTR", NULL, FOUND(REVERSE_MISSING), 1}, V4(192, 0, 2, 2)},
	{{"a PTR to the root", NULL, FOUND(REVERSE_MISSING), 1}, V4(192, 0, 2, 8)},
	{{"a name that leads elsewhere", NULL, FOUND(REVERSE_UNCONFIRMED), 2}, V4(192, 0, 2, 3)},
	{{"a name that leads nowhere", NULL, FOUND(REVERSE_UNCONFIRMED), 2}, V4(192, 0, 2, 4)},
	{{"DNS fails for the PTR", NULL, FOUND(REVERSE_TEMPERROR), 1}, V4(192, 0, 2, 5)},
	{{"DNS fails for the name", NULL, FOUND(REVERSE_TEMPERROR), 2}, V4(192, 0, 2, 6)},
	{{"one of two names leads back", NULL, FOUND(GOOD), 3}, V4(192, 0, 2, 7)},
	{{"names past the tenth are not asked", NULL, FOUND(REVERSE_UNCONFIRMED), 11}, V4(192, 0, 2, 9)},
};

struct size_case {
	const char *name;
	int64_t limit;
	uint64_t octets;
	enum bmx_finding want;
};

static struct size_case sizes[] = {
	{"no limit", 0, 100, FOUND(NOTHING)},
	{"not known", 100, 0, FOUND(NOTHING)},
	{"as large as may be", 100, 100, FOUND(GOOD)},
	{"an octet more", 100, 101, FOUND(TOO_LARGE)},
	{"past 63 bits", 100, UINT64_MAX, FOUND(TOO_LARGE)},
};
/* clang-format on */

static struct zone *zone;

static void
add(const char *name, enum bmx_dns_type type, const char *data)
{
	zone_add(zone, name, type, bmx_slice_of(data));
}

static int
make_zone(void **state)
{
	static const char tenth[] = "9.2.0.192.in-addr.arpa";
	char name[] = "a.many.test";

	(void)state;
	zone = zone_new();
	add("a.test", BMX_DNS_A, "192.0.2.1");
	add("aaaa.test", BMX_DNS_AAAA, "2001:db8::1");
	add("mx.test", BMX_DNS_MX, "10 a.test");
	add("null.test", BMX_DNS_MX, "0 ");
	add("nullish.test", BMX_DNS_MX, "0 ");
	add("nullish.test", BMX_DNS_MX, "10 a.test");
	add("xn--bcher-kva.test", BMX_DNS_A, "192.0.2.1");
	add("txt.test", BMX_DNS_TXT, "x");
	add("half.test", BMX_DNS_A, "192.0.2.1");
	zone_add_failure(zone, "half.test");
	zone_add_failure(zone, "fails.test");
	add("1.2.0.192.in-addr.arpa", BMX_DNS_PTR, "a.test");
	add("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
	    "ip6.arpa",
	    BMX_DNS_PTR, "aaaa.test");
	add("3.2.0.192.in-addr.arpa", BMX_DNS_PTR, "a.test");
	add("4.2.0.192.in-addr.arpa", BMX_DNS_PTR, "no.test");
	zone_add_failure(zone, "5.2.0.192.in-addr.arpa");
	add("6.2.0.192.in-addr.arpa", BMX_DNS_PTR, "fails.test");
	add("7.2.0.192.in-addr.arpa", BMX_DNS_PTR, "no.test");
	add("7.2.0.192.in-addr.arpa", BMX_DNS_PTR, "seven.test");
	add("seven.test", BMX_DNS_A, "192.0.2.7");
	add("8.2.0.192.in-addr.arpa", BMX_DNS_PTR, "");
	for (; name[0] < 'k'; name[0]++)
		add(tenth, BMX_DNS_PTR, name);
	add(tenth, BMX_DNS_PTR, "nine.test");
	add("nine.test", BMX_DNS_A, "192.0.2.9");
	return 0;
}

static int
free_zone(void **state)
{
	(void)state;
	zone_free(&zone);
	return 0;
}

static void
forget(struct bmx_check_answers *answers)
{
	for (size_t i = 0; i < answers->count; i++)
		bmx_dns_answer_unref(&answers->items[i]);
	answers->count = 0;
}

static void
check(bmx_check_step *step, const struct bmx_check_facts *facts,
      const struct step_case *tc)
{
	const struct bmx_dns_source dns = zone_source(zone);
	struct bmx_check_answers answers = {0};
	struct bmx_check_round round;
	enum bmx_finding found;
	unsigned questions = 0;

	for (;;) {
		round.count = 0;
		found = step(facts, &answers, &round);
		forget(&answers);
		if (found != BMX_FOUND_UNDECIDED)
			break;
		assert_in_range(round.count, 1, BMX_CHECK_ROUND_MAX);
		assert_true(++answers.rounds <= 3);
		for (size_t i = 0; i < round.count; i++)
			answers.items[i] = dns.resolve(
				dns.ctx, bmx_slice_of(round.questions[i].name),
				round.questions[i].type, 0);
		answers.count = round.count;
		questions += (unsigned)round.count;
	}
	assert_int_equal(found, tc->want);
	assert_int_equal(questions, tc->questions);
}

static void
test_helo(void **state)
{
	static const char *const names[] = {"mx2.example.test"};
	static const uint8_t client[16] = V4(192, 0, 2, 1);
	const struct step_case *tc = *state;
	const struct bmx_check_facts facts = {
		.address = client,
		.own_address = own,
		.helo = bmx_slice_of(tc->text),
		.hostname = BMX_SLICE("backup.test"),
		.mx_names = {names, LENGTH(names)},
	};

	check(bmx_helo_step, &facts, tc);
}

/* This host may go by its own name. */
static void
test_helo_of_ourselves(void **state)
{
	const struct bmx_check_facts facts = {
		.address = own,
		.own_address = own,
		.helo = BMX_SLICE("[192.0.2.25]"),
		.hostname = BMX_SLICE("a.test"),
	};
	struct bmx_check_facts by_name = facts;

	(void)state;
	check(bmx_helo_step, &facts, &(struct step_case){.want = FOUND(GOOD)});
	by_name.helo = BMX_SLICE("a.test");
	check(bmx_helo_step, &by_name,
	      &(struct step_case){.want = FOUND(GOOD), .questions = 1});
}

static void
test_sender(void **state)
{
	const struct step_case *tc = *state;
	const struct bmx_check_facts facts = {.sender = bmx_slice_of(tc->text)};

	check(bmx_sender_domain_step, &facts, tc);
}

static void
test_sender_that_is_too_long(void **state)
{
	char sender[BMX_ADDRESS_MAX + 1];
	const struct bmx_check_facts facts = {
		.sender = {sender, sizeof(sender)}};

	(void)state;
	memset(sender, 'a', sizeof(sender));
	check(bmx_sender_domain_step, &facts,
	      &(struct step_case){.want = FOUND(NOTHING)});
}

static void
test_client(void **state)
{
	const size_t row = (size_t)*state;
	const struct bmx_check_facts facts = {.address = clients[row].address};

	check(bmx_reverse_dns_step, &facts, &clients[row].step);
}

static void
test_client_without_address(void **state)
{
	const struct bmx_check_facts facts = {.address = NULL};

	(void)state;
	check(bmx_reverse_dns_step, &facts,
	      &(struct step_case){.want = FOUND(NOTHING)});
}

static void
test_size(void **state)
{
	const struct size_case *tc = *state;

	assert_int_equal(bmx_size_check(tc->limit, tc->octets), tc->want);
}

static void
test_size_of_field(void **state)
{
	(void)state;
	assert_int_equal(bmx_size_of_field(BMX_SLICE("A"), BMX_SLICE("b")),
	                 sizeof("A: b\r\n") - 1);
	assert_int_equal(bmx_size_of_field(BMX_SLICE("A"), BMX_SLICE("b\n\tc")),
	                 sizeof("A: b\r\n\tc\r\n") - 1);
	assert_int_equal(
		bmx_size_of_field(BMX_SLICE("A"), BMX_SLICE("b\r\n\tc")),
		sizeof("A: b\r\n\tc\r\n") - 1);
}

static void
test_size_announced(void **state)
{
	(void)state;
	assert_int_equal(bmx_size_announced(BMX_SLICE("1024")), 1024);
	assert_int_equal(bmx_size_announced(BMX_SLICE("")), 0);
	assert_int_equal(bmx_size_announced(BMX_SLICE("-1")), 0);
	assert_int_equal(bmx_size_announced(BMX_SLICE("9999999999999999999")),
	                 0);
}

#define FIXED 5

int
main(void)
{
	struct CMUnitTest tests[LENGTH(helos) + LENGTH(senders) +
	                        LENGTH(clients) + LENGTH(sizes) + FIXED] = {
		cmocka_unit_test(test_helo_of_ourselves),
		cmocka_unit_test(test_sender_that_is_too_long),
		cmocka_unit_test(test_client_without_address),
		cmocka_unit_test(test_size_of_field),
		cmocka_unit_test(test_size_announced),
	};
	size_t n = FIXED;

	for (size_t i = 0; i < LENGTH(helos); i++)
		tests[n++] = (struct CMUnitTest){helos[i].name, test_helo, NULL,
		                                 NULL, &helos[i]};
	for (size_t i = 0; i < LENGTH(senders); i++)
		tests[n++] = (struct CMUnitTest){senders[i].name, test_sender,
		                                 NULL, NULL, &senders[i]};
	for (size_t i = 0; i < LENGTH(clients); i++)
		tests[n++] =
			(struct CMUnitTest){clients[i].step.name, test_client,
		                            NULL, NULL, (void *)i};
	for (size_t i = 0; i < LENGTH(sizes); i++)
		tests[n++] = (struct CMUnitTest){sizes[i].name, test_size, NULL,
		                                 NULL, &sizes[i]};
	return _cmocka_run_group_tests("check_steps", tests, n, make_zone,
	                               free_zone);
}
