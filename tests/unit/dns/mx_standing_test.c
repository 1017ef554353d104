/* Are we a backup MX of a domain? Sets of MX and what their hosts' addresses
 * are; and what is remembered of it. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/mx_standing.h>

struct set_case {
	const char *name;
	const char *mx; /* "10 host 20 host", or a status */
	/* One letter a host in the order of bmx_mx_hosts: o ours, O ours over
	 * IPv6, x another's, f DNS fails, h DNS fails for AAAA alone, n no
	 * memory, - no address. */
	const char *addresses;
	enum bmx_mx_standing want;
	enum bmx_mx_standing first; /* before addresses; 0: OPEN */
};

#define IS(s) BMX_MX_##s

/* clang-format off */
static struct set_case set_cases[] = {
	{"behind a better host",                "10 p.test 20 us.test",          "x",   IS(BACKUP), 0},
	{"by our second name",                  "10 p.test 20 alias.test",       "x",   IS(BACKUP), 0},
	{"by our name in capitals",             "10 p.test 20 US.Test",          "x",   IS(BACKUP), 0},
	{"the best",                            "10 us.test 20 p.test",          "",    IS(BEST),   IS(BEST)},
	{"the only one",                        "10 us.test",                    "",    IS(BEST),   IS(BEST)},
	{"of equal preference is not behind",   "10 p.test 10 us.test",          "",    IS(BEST),   IS(BEST)},
	{"of equal preference, another order",  "10 us.test 10 p.test",          "",    IS(BEST),   IS(BEST)},
	{"equal, but both behind a third",      "5 p.test 10 q.test 10 us.test", "x",   IS(BACKUP), 0},
	{"named twice, the better place counts", "10 us.test 20 p.test 30 alias.test", "", IS(BEST), IS(BEST)},
	{"named twice behind",                  "5 p.test 10 us.test 30 alias.test", "x", IS(BACKUP), 0},
	{"not in the set",                      "10 p.test 20 q.test",           "xx",  IS(ABSENT), 0},
	{"a name that only begins like ours",   "10 p.test 20 us.test.evil.test", "xx", IS(ABSENT), 0},
	{"a name that only ends like ours",     "10 p.test 20 xus.test",         "xx",  IS(ABSENT), 0},
	{"by address under another name",       "10 p.test 20 other.test",       "xo",  IS(BACKUP), 0},
	{"by IPv6 address under another name",  "10 p.test 20 other.test",       "xO",  IS(BACKUP), 0},
	{"the best by address",                 "10 other.test 20 p.test",       "ox",  IS(BEST),   0},
	{"equal by address",                    "10 other.test 10 p.test",       "ox",  IS(BEST),   0},
	{"the better host is ourselves",        "10 other.test 20 us.test",      "o",   IS(BEST),   0},
	{"one of two better ones is ourselves", "5 p.test 10 other.test 20 us.test", "xo", IS(BACKUP), 0},
	{"ourselves above the better one",      "5 other.test 10 p.test 20 us.test", "ox", IS(BEST), 0},
	{"the better host's DNS fails",         "10 p.test 20 us.test",          "f",   IS(BACKUP), 0},
	{"no memory for the better host",       "10 p.test 20 us.test",          "n",   IS(BACKUP), 0},
	{"not named and DNS fails for a host",  "10 p.test 20 q.test",           "xf",  IS(FAILED), 0},
	{"not named and half of it fails",      "10 p.test 20 q.test",           "xh",  IS(FAILED), 0},
	{"by address though another fails",     "10 p.test 20 q.test",           "fo",  IS(BACKUP), 0},
	{"a host without address is none of ours", "10 p.test 20 q.test",        "x-",  IS(ABSENT), 0},
	{"a host that is there twice",          "10 p.test 20 P.test 30 us.test", "x",  IS(BACKUP), 0},
	{"null MX",                             "0 .",                           "",    IS(NULL),   IS(NULL)},
	{"null MX that is there twice",         "0 . 10 .",                      "",    IS(NULL),   IS(NULL)},
	{"null MX beside us counts nothing",    "0 . 10 us.test",                "",    IS(BEST),   IS(BEST)},
	{"null MX beside others counts nothing", "0 . 10 p.test 20 us.test",     "x",   IS(BACKUP), 0},
	{"no MX",                               "nodata",                        "",    IS(NONE),   IS(NONE)},
	{"no such domain",                      "nxdomain",                      "",    IS(NXDOMAIN), IS(NXDOMAIN)},
	{"no name for DNS",                     "badname",                       "",    IS(NXDOMAIN), IS(NXDOMAIN)},
	{"DNS fails",                           "tempfail",                      "",    IS(FAILED), IS(FAILED)},
	{"nothing was asked",                   "none",                          "",    IS(FAILED), IS(FAILED)},
};
/* clang-format on */

static const char *const our_names[] = {"us.test", "Alias.test.", ""};

static bool
is_ours(void *ctx, sa_family_t family, const uint8_t *octets)
{
	(void)ctx;
	return octets[0] == (family == AF_INET ? 10 : 0xfd);
}

static const struct bmx_dns_answer *
answer_of(const char *text, enum bmx_dns_type type, char *buffer)
{
	struct bmx_dns_record records[64];
	enum bmx_dns_status status = BMX_DNS_OK;
	size_t count = 0;
	char *rest = NULL;

	if (strcmp(text, "none") == 0)
		return NULL;
	for (int i = 0; i < BMX_DNS_STATUSES; i++)
		if (strcmp(bmx_dns_status_name((enum bmx_dns_status)i), text) ==
		    0)
			return bmx_dns_answer_new((enum bmx_dns_status)i, type,
			                          60, NULL, 0);
	for (char *word = strtok_r(buffer, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		const char *host = strtok_r(NULL, " ", &rest);

		memset(&records[count], 0, sizeof(records[count]));
		records[count].preference = (uint16_t)strtoul(word, NULL, 10);
		if (strcmp(host, ".") != 0)
			records[count].text = bmx_slice_of(host);
		count++;
	}
	return bmx_dns_answer_new(status, type, 60, records, count);
}

static const struct bmx_dns_answer *
address_of(char letter, bool v6)
{
	struct bmx_dns_record record = {.address = {0xcb}};
	const enum bmx_dns_type type = v6 ? BMX_DNS_AAAA : BMX_DNS_A;

	if (letter == 'n')
		return NULL;
	if (letter == 'f' || (letter == 'h' && v6))
		return bmx_dns_answer_new(BMX_DNS_TEMPFAIL, type, 0, NULL, 0);
	if (letter == '-')
		return bmx_dns_answer_new(BMX_DNS_NODATA, type, 60, NULL, 0);
	if (letter == 'o' && !v6)
		record.address[0] = 10;
	if (letter == 'O' && v6)
		record.address[0] = 0xfd;
	return bmx_dns_answer_new(BMX_DNS_OK, type, 60, &record, 1);
}

static void
test_set(void **state)
{
	const struct set_case *tc = *state;
	struct bmx_mx_addresses addresses[BMX_MX_HOSTS_MAX] = {{NULL, NULL}};
	struct bmx_slice hosts[BMX_MX_HOSTS_MAX];
	char buffer[256];
	struct bmx_mx_facts facts = {.our_names = our_names,
	                             .our_name_count = 3,
	                             .is_ours = is_ours};

	(void)snprintf(buffer, sizeof(buffer), "%s", tc->mx);
	facts.mx = answer_of(tc->mx, BMX_DNS_MX, buffer);
	assert_string_equal(bmx_mx_standing_name(bmx_mx_standing_of(&facts)),
	                    bmx_mx_standing_name(tc->first));
	assert_int_equal(bmx_mx_hosts(&facts, hosts), strlen(tc->addresses));
	for (size_t i = 0; tc->addresses[i]; i++) {
		addresses[i].a = address_of(tc->addresses[i], false);
		addresses[i].aaaa = address_of(tc->addresses[i], true);
	}
	facts.addresses = addresses;
	assert_string_equal(bmx_mx_standing_name(bmx_mx_standing_of(&facts)),
	                    bmx_mx_standing_name(tc->want));
	for (size_t i = 0; i < BMX_MX_HOSTS_MAX; i++) {
		bmx_dns_answer_unref(&addresses[i].a);
		bmx_dns_answer_unref(&addresses[i].aaaa);
	}
	bmx_dns_answer_unref(&facts.mx);
}

/* Which addresses are ours cannot be found out: the MX set alone says no more
 * than that it names us. */
static void
test_own_unknown(void **state)
{
	static const struct {
		const char *mx;
		enum bmx_mx_standing want;
	} rows[] = {
		{"10 p.test 20 q.test", BMX_MX_FAILED},
		{"10 p.test 20 us.test", BMX_MX_BACKUP},
		{"10 us.test 20 p.test", BMX_MX_BEST},
	};
	struct bmx_mx_addresses addresses[BMX_MX_HOSTS_MAX];
	char buffer[64];

	(void)state;
	for (size_t i = 0; i < BMX_MX_HOSTS_MAX; i++) {
		addresses[i].a = address_of('x', false);
		addresses[i].aaaa = address_of('x', true);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bmx_mx_facts facts = {.our_names = our_names,
		                             .our_name_count = 3,
		                             .addresses = addresses};

		(void)snprintf(buffer, sizeof(buffer), "%s", rows[i].mx);
		facts.mx = answer_of(rows[i].mx, BMX_DNS_MX, buffer);
		assert_int_equal(bmx_mx_standing_of(&facts), rows[i].want);
		bmx_dns_answer_unref(&facts.mx);
	}
	for (size_t i = 0; i < BMX_MX_HOSTS_MAX; i++) {
		bmx_dns_answer_unref(&addresses[i].a);
		bmx_dns_answer_unref(&addresses[i].aaaa);
	}
}

/* More hosts than are looked at: nobody says no who has not seen all. */
static void
test_many_hosts(void **state)
{
	struct bmx_dns_record records[BMX_MX_HOSTS_MAX + 2];
	char names[BMX_MX_HOSTS_MAX + 2][32];
	struct bmx_mx_addresses addresses[BMX_MX_HOSTS_MAX];
	struct bmx_slice hosts[BMX_MX_HOSTS_MAX];
	struct bmx_mx_facts facts = {.our_names = our_names,
	                             .our_name_count = 3,
	                             .addresses = addresses,
	                             .is_ours = is_ours};

	(void)state;
	memset(records, 0, sizeof(records));
	for (size_t i = 0; i < BMX_MX_HOSTS_MAX; i++) {
		addresses[i].a = address_of('x', false);
		addresses[i].aaaa = address_of('x', true);
	}
	for (size_t n = BMX_MX_HOSTS_MAX; n <= BMX_MX_HOSTS_MAX + 2; n++) {
		for (size_t i = 0; i < n; i++) {
			(void)snprintf(names[i], sizeof(names[i]), "m%zu.test",
			               i);
			records[i].text = bmx_slice_of(names[i]);
			records[i].preference = 10;
		}
		facts.mx = bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_MX, 60,
		                              records, n);
		assert_int_equal(bmx_mx_hosts(&facts, hosts), BMX_MX_HOSTS_MAX);
		assert_int_equal(bmx_mx_standing_of(&facts),
		                 n > BMX_MX_HOSTS_MAX ? BMX_MX_FAILED :
		                                        BMX_MX_ABSENT);
		bmx_dns_answer_unref(&facts.mx);
	}
	records[BMX_MX_HOSTS_MAX + 1].text = BMX_SLICE("us.test");
	records[BMX_MX_HOSTS_MAX + 1].preference = 20;
	facts.mx = bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_MX, 60, records,
	                              BMX_MX_HOSTS_MAX + 2);
	assert_int_equal(bmx_mx_standing_of(&facts), BMX_MX_BACKUP);
	bmx_dns_answer_unref(&facts.mx);
	for (size_t i = 0; i < BMX_MX_HOSTS_MAX; i++) {
		bmx_dns_answer_unref(&addresses[i].a);
		bmx_dns_answer_unref(&addresses[i].aaaa);
	}
}

/*
 * Random sets against what the words say: ours is the best host that has a
 * name or an address of ours, the best of the others is what it is compared
 * with, and a host that DNS cannot tell of is another's.
 */
#define HOSTS 5
#define SETS_TRIED 20000

struct host {
	unsigned preference;
	char kind; /* u: our name; others as in set_case.addresses */
};

static enum bmx_mx_standing
expected(const struct host *hosts, size_t count)
{
	unsigned ours = UINT16_MAX + 1U, others = UINT16_MAX + 1U;
	bool unsure = false;

	for (size_t i = 0; i < count; i++) {
		const char kind = hosts[i].kind;
		const bool is = kind == 'u' || kind == 'o' || kind == 'O';
		unsigned *best = is ? &ours : &others;

		if (hosts[i].preference < *best)
			*best = hosts[i].preference;
		unsure = unsure || kind == 'f' || kind == 'h' || kind == 'n';
	}
	if (ours > UINT16_MAX)
		return unsure ? BMX_MX_FAILED : BMX_MX_ABSENT;
	return others < ours ? BMX_MX_BACKUP : BMX_MX_BEST;
}

static unsigned
draw(unsigned *random, unsigned limit)
{
	*random = *random * 1103515245U + 12345U;
	return (*random >> 16) % limit;
}

static void
try_set(const struct host *hosts, size_t count)
{
	static const char *const host_names[HOSTS] = {
		"a.test", "b.test", "c.test", "d.test", "e.test"};
	struct bmx_mx_addresses addresses[BMX_MX_HOSTS_MAX] = {{NULL, NULL}};
	struct bmx_slice asked[BMX_MX_HOSTS_MAX];
	struct bmx_dns_record records[HOSTS];
	struct bmx_mx_facts facts = {.our_names = our_names,
	                             .our_name_count = 3,
	                             .addresses = addresses,
	                             .is_ours = is_ours};
	size_t wanted;

	memset(records, 0, sizeof(records));
	for (size_t i = 0; i < count; i++) {
		records[i].preference = (uint16_t)hosts[i].preference;
		records[i].text = bmx_slice_of(
			hosts[i].kind == 'u' ? "us.test" : host_names[i]);
	}
	facts.mx =
		bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_MX, 60, records, count);
	wanted = bmx_mx_hosts(&facts, asked);
	for (size_t i = 0; i < wanted; i++) {
		const char kind = hosts[asked[i].data[0] - 'a'].kind;

		addresses[i].a = address_of(kind, false);
		addresses[i].aaaa = address_of(kind, true);
	}
	assert_string_equal(bmx_mx_standing_name(bmx_mx_standing_of(&facts)),
	                    bmx_mx_standing_name(expected(hosts, count)));
	for (size_t i = 0; i < wanted; i++) {
		bmx_dns_answer_unref(&addresses[i].a);
		bmx_dns_answer_unref(&addresses[i].aaaa);
	}
	bmx_dns_answer_unref(&facts.mx);
}

static void
test_random_sets(void **state)
{
	static const char kinds[] = "uoOxxxfhn-";
	struct host hosts[HOSTS];
	unsigned random = 4711;

	(void)state;
	for (int n = 0; n < SETS_TRIED; n++) {
		const size_t count = 1 + draw(&random, HOSTS);

		for (size_t i = 0; i < count; i++)
			hosts[i] = (struct host){
				draw(&random, 4),
				kinds[draw(&random, sizeof(kinds) - 1)]};
		try_set(hosts, count);
	}
}

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* "+1000" advances by seconds; B backup, A absent, F failed; after each what
 * is said: y, n, u. */
struct memory_case {
	const char *name;
	const char *script;
};

static struct memory_case memory_cases[] = {
	{"nothing is known at first", "u"},
	{"a yes holds", "By +86400y +86400y"},
	{"a no holds for its time and no longer", "An +299n +1u"},
	{"a failure is no answer", "Fu +5u"},
	{"a yes outlives failures", "By +90000y Fy +999999y Fy"},
	{"a no does not outlive its time by failing", "An +300u Fu"},
	{"a no becomes a yes", "An By"},
	{"a yes that is no more is kept for a day",
         "By +60y Ay +86300y Ay +40n"},
	{"the day begins with the last yes", "By +80000y By +80000y Ay +7000n"},
	{"a failure in that day keeps it", "By +60y Ay +86400y Fy"},
	{"after that day it is a no like others", "By +86400y An +300u"},
};

static void
test_memory(void **state)
{
	const struct memory_case *tc = *state;
	struct bmx_mx_memory memory = {BMX_MX_SERVED_UNKNOWN, BMX_MX_OPEN, 0,
	                               0};
	int64_t now_ms = 17;
	char *end;

	for (const char *at = tc->script; *at; at++) {
		enum bmx_mx_served want;

		if (*at == ' ')
			continue;
		if (*at == '+') {
			now_ms += strtol(at + 1, &end, 10) * SECOND;
			at = end;
			/* A check that is due finds what it found before. */
			if (*at == 'n' && memory.served == BMX_MX_SERVED_YES)
				bmx_mx_memory_take(&memory, BMX_MX_ABSENT, 60,
				                   now_ms);
		} else if (*at == 'B' || *at == 'A' || *at == 'F') {
			bmx_mx_memory_take(&memory,
			                   *at == 'B'         ? BMX_MX_BACKUP :
			                           *at == 'A' ? BMX_MX_ABSENT :
			                                        BMX_MX_FAILED,
			                   60, now_ms);
			at++;
		}
		want = *at == 'y'  ? BMX_MX_SERVED_YES :
			*at == 'n' ? BMX_MX_SERVED_NO :
				     BMX_MX_SERVED_UNKNOWN;
		assert_int_equal(bmx_mx_memory_says(&memory, now_ms), want);
	}
}

static void
test_times(void **state)
{
	static const struct {
		enum bmx_mx_standing standing;
		uint32_t ttl_s;
		int64_t want_ms;
	} rows[] = {
		{BMX_MX_BACKUP, 0, MINUTE},
		{BMX_MX_BACKUP, 61, 61 * SECOND},
		{BMX_MX_BACKUP, 4294967295U, HOUR},
		{BMX_MX_ABSENT, 0, 5 * MINUTE},
		{BMX_MX_BEST, 301, 301 * SECOND},
		{BMX_MX_NULL, 86400, HOUR},
		{BMX_MX_FAILED, 86400, 5 * SECOND},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bmx_mx_memory memory = {BMX_MX_SERVED_UNKNOWN,
		                               BMX_MX_OPEN, 0, 0};

		bmx_mx_memory_take(&memory, rows[i].standing, rows[i].ttl_s,
		                   1000);
		assert_int_equal(memory.ask_again_ms, 1000 + rows[i].want_ms);
		assert_int_equal(memory.standing, rows[i].standing);
	}
}

#define SETS (sizeof(set_cases) / sizeof(set_cases[0]))
#define MEMORIES (sizeof(memory_cases) / sizeof(memory_cases[0]))

int
main(void)
{
	struct CMUnitTest tests[SETS + MEMORIES + 4] = {
		{"random sets", test_random_sets, NULL, NULL, NULL},
		{"more hosts than are looked at", test_many_hosts, NULL, NULL,
	         NULL},
		{"when it is asked again", test_times, NULL, NULL, NULL},
		{"our addresses cannot be had", test_own_unknown, NULL, NULL,
	         NULL},
	};

	for (size_t i = 0; i < SETS; i++)
		tests[4 + i] = (struct CMUnitTest){set_cases[i].name, test_set,
		                                   NULL, NULL, &set_cases[i]};
	for (size_t i = 0; i < MEMORIES; i++)
		tests[4 + SETS + i] =
			(struct CMUnitTest){memory_cases[i].name, test_memory,
		                            NULL, NULL, &memory_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
