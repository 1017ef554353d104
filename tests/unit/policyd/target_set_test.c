/* Which hosts a primary is: zone and configuration in, walk out. */
#include "tests/support/cmocka.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/text.h>

#include "policyd/target_set.h"
#include "tests/support/zone_text.h"

#define PARTS_MAX 8

enum flag {
	NOT_IN_MX = 1,
	PARTIAL = 2,
	NO_SET = 4, /* nothing can be said */
};

struct set_case {
	const char *name;
	const char *primary; /* parts are separated by blanks */
	const char *zone;
	enum bmx_target_state state;
	const char *text;
	const char *walk; /* addresses in order; equal ranks by name */
	unsigned flags;
};

#define S(state) BMX_TARGETS_##state
#define A1 "m1.test A 192.0.2.1"
#define A2 "m2.test A 192.0.2.2"
#define US "us.test A 198.51.100.1"

/* Our names are us.test and BACKUP.test., our address is 198.51.100.1. */
/* clang-format off */
static struct set_case cases[] = {
	{"better than ours",          "mx", "d.test MX 10 m1.test;d.test MX 20 us.test;" A1 ";" US, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"worse than ours is none",   "mx", "d.test MX 10 m1.test;d.test MX 20 us.test;d.test MX 30 m2.test;" A1 ";" A2, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"same as ours is none",      "mx", "d.test MX 10 m1.test;d.test MX 20 us.test;d.test MX 20 m2.test;" A1 ";" A2, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"two better, in order",      "mx", "d.test MX 15 m1.test;d.test MX 10 m2.test;d.test MX 20 us.test;" A1 ";" A2, S(READY), "m2.test:25 m1.test:25", "192.0.2.2 192.0.2.1", 0},
	{"ours in upper case",        "mx", "d.test MX 10 m1.test;d.test MX 20 US.Test;" A1, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"our second name, with dot", "mx", "d.test MX 10 m1.test;d.test MX 20 backup.test;d.test MX 30 m2.test;" A1 ";" A2, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"ours twice: the better",    "mx", "d.test MX 10 m1.test;d.test MX 20 us.test;d.test MX 15 backup.test;d.test MX 17 m2.test;" A1 ";" A2, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"we are the best",           "mx", "d.test MX 10 us.test;d.test MX 20 m1.test;" A1, S(WE_ARE_BEST), "", "", 0},
	{"we are the only one",       "mx", "d.test MX 10 us.test", S(WE_ARE_BEST), "", "", 0},
	{"a tie for the best",        "mx", "d.test MX 10 us.test;d.test MX 10 m1.test;" A1, S(WE_ARE_BEST), "", "", 0},
	{"preferences 0 and 65535",   "mx", "d.test MX 0 m1.test;d.test MX 65535 us.test;" A1, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"65535 without ours",        "mx", "d.test MX 65535 m1.test;" A1, S(READY), "m1.test:25", "192.0.2.1", NOT_IN_MX},
	{"ours absent: all of them",  "mx", "d.test MX 10 m1.test;d.test MX 20 m2.test;" A1 ";" A2, S(READY), "m1.test:25 m2.test:25", "192.0.2.1 192.0.2.2", NOT_IN_MX},
	{"names are in lower case",   "mx", "d.test MX 10 M1.Test;" A1, S(READY), "m1.test:25", "192.0.2.1", NOT_IN_MX},
	{"a name twice",              "mx", "d.test MX 10 m1.test;d.test MX 15 M1.test;" A1, S(READY), "m1.test:25", "192.0.2.1", NOT_IN_MX},
	{"a part of our name",        "mx", "d.test MX 10 s.test;d.test MX 20 aus.test;s.test A 192.0.2.1", S(READY), "s.test:25 aus.test:25", "192.0.2.1", NOT_IN_MX},
	{"null MX",                   "mx", "d.test MX 0 ", S(NULL_MX), "", "", 0},
	{"a root among others",       "mx", "d.test MX 0 ;d.test MX 10 m1.test;" A1, S(READY), "m1.test:25", "192.0.2.1", NOT_IN_MX},
	{"no such domain",            "mx", A1, S(NXDOMAIN), "", "", 0},
	{"DNS fails",                 "mx", "d.test FAIL", S(FAILED), "", "", NO_SET},
	{"no MX: the domain",         "mx", "d.test A 192.0.2.9", S(READY), "d.test:25", "192.0.2.9", 0},
	{"no MX: IPv6 of the domain", "mx", "d.test AAAA 2001:db8::9", S(READY), "d.test:25", "2001:db8::9", 0},
	{"no MX, no address",         "mx", "d.test TXT x", S(NO_ADDRESS), "d.test:25", "", 0},
	{"an alias of nothing",       "mx", "d.test CNAME e.test", S(NXDOMAIN), "", "", 0},
	{"no MX: the domain is us",   "mx", "d.test A 198.51.100.1", S(WE_ARE_BEST), "", "", 0},
	{"garbage names are left",    "mx", "d.test MX 5 a_b..test;d.test MX 6 -(x);d.test MX 10 m1.test;" A1, S(READY), "m1.test:25", "192.0.2.1", NOT_IN_MX},
	{"an address as a name",      "mx", "d.test MX 10 192.0.2.1", S(NO_ADDRESS), "", "", NOT_IN_MX},
	{"a number as a name",        "mx", "d.test MX 10 25", S(NO_ADDRESS), "", "", NOT_IN_MX},
	{"a label that ends in 1",    "mx", "d.test MX 10 m.t1;m.t1 A 192.0.2.1", S(READY), "m.t1:25", "192.0.2.1", NOT_IN_MX},
	{"an MX that is an alias",    "mx", "d.test MX 10 a.test;a.test CNAME m1.test;" A1, S(READY), "a.test:25", "192.0.2.1", NOT_IN_MX},
	{"a host without address",    "mx", "d.test MX 10 m1.test;d.test MX 20 m2.test;" A2, S(READY), "m1.test:25 m2.test:25", "192.0.2.2", NOT_IN_MX},
	{"no host has an address",    "mx", "d.test MX 10 m1.test", S(NO_ADDRESS), "m1.test:25", "", NOT_IN_MX},
	{"IPv6 alone",                "mx", "d.test MX 10 m1.test;m1.test AAAA 2001:db8::1", S(READY), "m1.test:25", "2001:db8::1", NOT_IN_MX},
	{"both families in turn",     "mx", "d.test MX 10 m1.test;" A1 ";m1.test A 192.0.2.3;m1.test AAAA 2001:db8::1;m1.test AAAA 2001:db8::2", S(READY), "m1.test:25", "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.3", NOT_IN_MX},
	{"the longer family's rest",  "mx", "d.test MX 10 m1.test;" A1 ";m1.test A 192.0.2.3;m1.test AAAA 2001:db8::1", S(READY), "m1.test:25", "2001:db8::1 192.0.2.1 192.0.2.3", NOT_IN_MX},
	{"an address twice",          "mx", "d.test MX 10 m1.test;" A1 ";" A1, S(READY), "m1.test:25", "192.0.2.1", NOT_IN_MX},
	{"private addresses count",   "mx", "d.test MX 10 m1.test;m1.test A 10.1.2.3;m1.test AAAA fd00::1", S(READY), "m1.test:25", "fd00::1 10.1.2.3", NOT_IN_MX},
	{"no host has these",         "mx", "d.test MX 10 m1.test;m1.test A 0.0.0.0;m1.test A 224.0.0.1;m1.test A 255.255.255.255;m1.test AAAA ::;m1.test AAAA ff02::1;m1.test AAAA ::ffff:192.0.2.1", S(NO_ADDRESS), "m1.test:25", "", NOT_IN_MX},
	{"17 addresses: 16 of them",  "mx", "d.test MX 10 m;m A 192.0.2.1;m A 192.0.2.2;m A 192.0.2.3;m A 192.0.2.4;m A 192.0.2.5;m A 192.0.2.6;m A 192.0.2.7;m A 192.0.2.8;m A 192.0.2.9;m A 192.0.2.10;m A 192.0.2.11;m A 192.0.2.12;m A 192.0.2.13;m A 192.0.2.14;m A 192.0.2.15;m A 192.0.2.16;m A 192.0.2.17", S(READY), "m:25", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8 192.0.2.9 192.0.2.10 192.0.2.11 192.0.2.12 192.0.2.13 192.0.2.14 192.0.2.15 192.0.2.16", NOT_IN_MX},
	{"our address, other name",   "mx", "d.test MX 10 m1.test;d.test MX 20 x.test;d.test MX 30 m2.test;" A1 ";" A2 ";x.test A 198.51.100.1", S(READY), "m1.test:25", "192.0.2.1", 0},
	{"our address is the best",   "mx", "d.test MX 10 x.test;d.test MX 20 m1.test;" A1 ";x.test A 198.51.100.1", S(WE_ARE_BEST), "", "", 0},
	{"ours at another port",      "mx:2525", "d.test MX 10 x.test;x.test A 198.51.100.1", S(READY), "x.test:2525", "198.51.100.1", NOT_IN_MX},
	{"ours, but configured",      "[198.51.100.1]", "", S(READY), "[198.51.100.1]:25", "198.51.100.1", 0},
	{"a host's DNS fails",        "mx", "d.test MX 10 m1.test;d.test MX 20 m2.test;m1.test FAIL;" A2, S(READY), "m1.test:25 m2.test:25", "192.0.2.2", NOT_IN_MX | PARTIAL},
	{"one family fails",          "mx", "d.test MX 10 m1.test;m1.test FAIL;" A1, S(READY), "m1.test:25", "192.0.2.1", NOT_IN_MX | PARTIAL},
	{"every host's DNS fails",    "mx", "d.test MX 10 m1.test;m1.test FAIL", S(FAILED), "", "", NO_SET},
	{"a literal",                 "[192.0.2.10]:2525", "", S(READY), "[192.0.2.10]:2525", "192.0.2.10", 0},
	{"an IPv6 literal",           "[2001:DB8::1]:25", "", S(READY), "[2001:db8::1]:25", "2001:db8::1", 0},
	{"a fixed host, no MX asked", "m1.test", "d.test FAIL;m1.test MX 10 m2.test;" A1 ";" A2, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"fixed hosts as written",    "m2.test m1.test:26", A1 ";" A2, S(READY), "m2.test:25 m1.test:26", "192.0.2.2 192.0.2.1", 0},
	{"one host, two ports",       "m1.test:26 m1.test", A1, S(READY), "m1.test:26 m1.test:25", "192.0.2.1 192.0.2.1", 0},
	{"a fixed host that is ours", "us.test", US, S(READY), "us.test:25", "198.51.100.1", 0},
	{"MX first, then a host",     "mx m2.test", "d.test MX 10 m1.test;" A1 ";" A2, S(READY), "m1.test:25 m2.test:25", "192.0.2.1 192.0.2.2", NOT_IN_MX},
	{"a host first, then MX",     "m2.test mx", "d.test MX 10 m1.test;" A1 ";" A2, S(READY), "m2.test:25 m1.test:25", "192.0.2.2 192.0.2.1", NOT_IN_MX},
	{"the host is an MX, too",    "m1.test mx", "d.test MX 10 m1.test;" A1, S(READY), "m1.test:25", "192.0.2.1", NOT_IN_MX},
	{"null MX, but a host",       "mx m1.test", "d.test MX 0 ;" A1, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"no domain, but a host",     "mx m1.test", A1, S(READY), "m1.test:25", "192.0.2.1", 0},
	{"MX fail, but a host",       "mx m1.test", "d.test FAIL;" A1, S(READY), "m1.test:25", "192.0.2.1", PARTIAL},
	{"null MX, host unknown",     "mx m1.test", "d.test MX 0 ", S(NULL_MX), "m1.test:25", "", 0},
};
/* clang-format on */

static const char *const our_names[] = {"us.test", "BACKUP.test."};

static bool
is_ours(void *ctx, const struct bmx_target_address *address)
{
	static const uint8_t own[4] = {198, 51, 100, 1};

	(void)ctx;
	return address->family == AF_INET &&
		memcmp(address->octets, own, sizeof(own)) == 0;
}

static size_t
parse_specs(const char *primary, struct bmx_target_spec *specs)
{
	size_t count = 0;

	while (*primary != '\0') {
		const size_t len = strcspn(primary, " ");

		assert_true(count < PARTS_MAX);
		assert_int_equal(
			bmx_target_spec_parse((struct bmx_slice){primary, len},
		                              &specs[count++], NULL),
			0);
		primary += len + (primary[len] == ' ');
	}
	return count;
}

/* What one look-up sees: signed but for names that end in unsigned_below;
 * NULL: nothing is signed. */
struct view {
	struct bmx_dns_source source;
	const char *unsigned_below;
};

static const struct bmx_dns_answer *
look_up(const struct view *view, const char *name, enum bmx_dns_type type)
{
	const struct bmx_dns_answer *answer = view->source.resolve(
		view->source.ctx, bmx_slice_of(name), type, 0);
	const char *end = view->unsigned_below;
	bool is_unsigned = !end;

	if (end && *end != '\0')
		is_unsigned = strlen(name) >= strlen(end) &&
			strcmp(name + strlen(name) - strlen(end), end) == 0;
	return is_unsigned ? answer : bmx_dns_answer_secured(answer);
}

struct inputs {
	struct bmx_target_plan plan;
	struct bmx_target_answers answers[BMX_TARGET_HOSTS_MAX];
	const struct bmx_dns_answer *mx;
};

static void
look_up_host(const struct view *view, const struct bmx_target_plan_host *host,
             struct bmx_target_answers *answers)
{
	char name[BMX_DOMAIN_BUFFER + 16];

	if (host->name[0] == '\0')
		return;
	answers->a = look_up(view, host->name, BMX_DNS_A);
	answers->aaaa = look_up(view, host->name, BMX_DNS_AAAA);
	(void)snprintf(name, sizeof(name), "_%u._tcp.%s", (unsigned)host->port,
	               host->name);
	answers->tlsa = look_up(view, name, BMX_DNS_TLSA);
}

static const struct bmx_target_set *
make(const struct view *view, const char *primary, bool wants_dane,
     const struct bmx_target_set *old)
{
	struct bmx_target_spec specs[PARTS_MAX];
	struct inputs *in = calloc(1, sizeof(*in));
	struct bmx_target_facts facts = {.domain = BMX_SLICE("d.test"),
	                                 .specs = specs,
	                                 .our_names = our_names,
	                                 .our_name_count = 2};
	const struct bmx_target_set *set;

	assert_non_null(in);
	facts.spec_count = parse_specs(primary, specs);
	if (bmx_target_wants_mx(specs, facts.spec_count))
		in->mx = look_up(view, "d.test", BMX_DNS_MX);
	facts.mx = in->mx;
	bmx_target_plan_make(&facts, &in->plan);
	for (size_t i = 0; i < in->plan.count; i++)
		look_up_host(view, &in->plan.hosts[i], &in->answers[i]);
	set = bmx_target_set_make(
		&(struct bmx_target_set_facts){.plan = &in->plan,
	                                       .answers = in->answers,
	                                       .mx = in->mx,
	                                       .wants_dane = wants_dane,
	                                       .is_ours = is_ours,
	                                       .old = old});
	for (size_t i = 0; i < in->plan.count; i++) {
		bmx_dns_answer_unref(&in->answers[i].a);
		bmx_dns_answer_unref(&in->answers[i].aaaa);
		bmx_dns_answer_unref(&in->answers[i].tlsa);
	}
	bmx_dns_answer_unref(&in->mx);
	free(in);
	return set;
}

static void
append_try(struct bmx_text *text, const struct bmx_target_try *try)
{
	char address[INET6_ADDRSTRLEN];
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	in_port_t port;

	if (try->address.ss_family == AF_INET) {
		memcpy(&v4, &try->address, sizeof(v4));
		assert_int_equal(try->address_len, sizeof(v4));
		port = v4.sin_port;
		assert_non_null(inet_ntop(AF_INET, &v4.sin_addr, address,
		                          sizeof(address)));
	} else {
		memcpy(&v6, &try->address, sizeof(v6));
		assert_int_equal(try->address_len, sizeof(v6));
		port = v6.sin6_port;
		assert_non_null(inet_ntop(AF_INET6, &v6.sin6_addr, address,
		                          sizeof(address)));
	}
	assert_int_equal(ntohs(port), try->host->port);
	bmx_text_printf(text, "%s%s", text->len > 0 ? " " : "", address);
}

static void
assert_walk(const struct bmx_target_set *set, const char *want)
{
	struct bmx_target_tries *tries = bmx_target_tries_new(set, 1);
	const struct bmx_target_try *try;
	char buffer[1024];
	struct bmx_text got;

	bmx_text_init(&got, buffer, sizeof(buffer));
	assert_non_null(tries);
	while ((try = bmx_target_tries_next(tries)) != NULL)
		append_try(&got, try);
	assert_null(bmx_target_tries_next(tries));
	assert_string_equal(buffer, want);
	bmx_target_tries_free(&tries);
}

static void
test_set(void **state)
{
	const struct set_case *tc = *state;
	struct zone *zone = zone_of_text(tc->zone);
	const struct view view = {zone_source(zone), NULL};
	const struct bmx_target_set *set =
		make(&view, tc->primary, false, NULL);

	zone_free(&zone);
	assert_int_equal(set == NULL, (tc->flags & NO_SET) != 0);
	if (!set)
		return;
	assert_string_equal(bmx_target_state_name(set->state),
	                    bmx_target_state_name(tc->state));
	assert_string_equal(set->text, tc->text);
	assert_int_equal(set->not_in_mx, (tc->flags & NOT_IN_MX) != 0);
	assert_int_equal(set->partial, (tc->flags & PARTIAL) != 0);
	assert_walk(set, tc->walk);
	bmx_target_set_unref(&set);
	assert_null(set);
}

struct dane_case {
	const char *name;
	const char *primary;
	const char *zone;
	const char *unsigned_below;
	enum bmx_target_dane dane;
	size_t records;
	bool ok;
};

#define D(dane) BMX_TARGET_DANE_##dane
#define MX "d.test MX 10 m1.x.test;m1.x.test A 192.0.2.1;"
#define TLSA "_25._tcp.m1.x.test TLSA "

/* clang-format off */
static struct dane_case dane_cases[] = {
	{"DANE-EE, all signed",            "mx", MX TLSA "3 1 1 abc", "",     D(SECURE),   1, true},
	{"DANE-TA",                        "mx", MX TLSA "2 0 2 abc", "",     D(SECURE),   1, true},
	{"two records",                    "mx", MX TLSA "3 1 1 abc;" TLSA "3 1 1 def", "", D(SECURE), 2, true},
	{"usages of the web",              "mx", MX TLSA "0 0 1 abc;" TLSA "1 1 1 abc", "", D(SECURE), 2, false},
	{"a selector that nobody knows",   "mx", MX TLSA "3 2 1 abc", "",     D(SECURE),   1, false},
	{"a matching type nobody knows",   "mx", MX TLSA "3 1 3 abc", "",     D(SECURE),   1, false},
	{"one of two can be used",         "mx", MX TLSA "1 1 1 abc;" TLSA "3 0 0 abc", "", D(SECURE), 2, true},
	{"proven: none",                   "mx", MX, "",                      D(NONE),     0, false},
	{"nothing is signed",              "mx", MX TLSA "3 1 1 abc", NULL,   D(INSECURE), 0, false},
	{"MX are not signed",              "mx", MX TLSA "3 1 1 abc", "d.test", D(INSECURE), 0, false},
	{"the host is not signed",         "mx", MX TLSA "3 1 1 abc", "m1.x.test", D(INSECURE), 0, false},
	{"TLSA are not signed",            "mx", MX TLSA "3 1 1 abc", "_25._tcp.m1.x.test", D(INSECURE), 0, false},
	{"TLSA fail",                      "mx", MX "_25._tcp.m1.x.test FAIL", "", D(FAILED), 0, false},
	{"TLSA of another port",           "mx:26", MX TLSA "3 1 1 abc", "",  D(NONE),     0, false},
	{"a fixed host needs no MX",       "m1.x.test", MX TLSA "3 1 1 abc", "d.test", D(SECURE), 1, true},
	{"no MX: the domain's own",        "mx", "d.test A 192.0.2.1;_25._tcp.d.test TLSA 3 1 1 a", "", D(SECURE), 1, true},
	{"a literal has no name",          "[192.0.2.1]", "", "",             D(INSECURE), 0, false},
};
/* clang-format on */

static void
test_dane(void **state)
{
	const struct dane_case *tc = *state;
	struct zone *zone = zone_of_text(tc->zone);
	const struct view view = {zone_source(zone), tc->unsigned_below};
	const struct bmx_target_set *set = make(&view, tc->primary, true, NULL);
	struct bmx_target_tries *tries;
	const struct bmx_target_try *try;

	zone_free(&zone);
	assert_non_null(set);
	tries = bmx_target_tries_new(set, 1);
	try = bmx_target_tries_next(tries);
	assert_non_null(try);
	assert_string_equal(bmx_target_dane_name(try->host->dane),
	                    bmx_target_dane_name(tc->dane));
	assert_int_equal(try->host->tlsa_count, tc->records);
	assert_int_equal(try->dane_ok, tc->ok);
	bmx_target_set_unref(&set); /* the walk keeps it */
	if (tc->records > 0)
		assert_memory_equal(try->host->tlsa[0].data, "a", 1);
	bmx_target_tries_free(&tries);
}

struct spec_case {
	const char *name;
	const char *text;
	enum bmx_error_code error;
	enum bmx_target_kind kind;
	uint16_t port;
	const char *host;
};

#define K(kind) BMX_TARGET_##kind

/* clang-format off */
static struct spec_case spec_cases[] = {
	{"mx",                   "mx",                 BMX_E_NONE, K(MX), 25, ""},
	{"MX",                   "MX",                 BMX_E_NONE, K(MX), 25, ""},
	{"mx with a port",       "mx:2525",            BMX_E_NONE, K(MX), 2525, ""},
	{"a host called mx",     "[mx]:2525",          BMX_E_NONE, K(HOST), 2525, "mx"},
	{"a host",               "Mx1.Example.Test",   BMX_E_NONE, K(HOST), 25, "mx1.example.test"},
	{"a final dot",          "mx1.test.",          BMX_E_NONE, K(HOST), 25, "mx1.test"},
	{"a host in brackets",   "[mx1.test]",         BMX_E_NONE, K(HOST), 25, "mx1.test"},
	{"host and port",        "mx1.test:65535",     BMX_E_NONE, K(HOST), 65535, "mx1.test"},
	{"IPv4",                 "192.0.2.1",          BMX_E_NONE, K(LITERAL), 25, ""},
	{"IPv4 and port",        "192.0.2.1:26",       BMX_E_NONE, K(LITERAL), 26, ""},
	{"IPv4 in brackets",     "[192.0.2.1]:26",     BMX_E_NONE, K(LITERAL), 26, ""},
	{"IPv6 bare",            "2001:db8::1",        BMX_E_NONE, K(LITERAL), 25, ""},
	{"IPv6 in brackets",     "[2001:db8::1]",      BMX_E_NONE, K(LITERAL), 25, ""},
	{"IPv6 and port",        "[2001:db8::1]:1",    BMX_E_NONE, K(LITERAL), 1, ""},
	{"IPv6 as in SMTP",      "[IPv6:2001:db8::1]", BMX_E_NONE, K(LITERAL), 25, ""},
	{"nothing",              "",                   BMX_E_SYNTAX, K(MX), 0, ""},
	{"a port alone",         ":25",                BMX_E_SYNTAX, K(MX), 0, ""},
	{"empty brackets",       "[]:25",              BMX_E_SYNTAX, K(MX), 0, ""},
	{"open bracket",         "[192.0.2.1",         BMX_E_SYNTAX, K(MX), 0, ""},
	{"no colon after it",    "[192.0.2.1]25",      BMX_E_SYNTAX, K(MX), 0, ""},
	{"a colon without port", "mx1.test:",          BMX_E_SYNTAX, K(MX), 0, ""},
	{"a port that is none",  "mx1.test:smtp",      BMX_E_SYNTAX, K(MX), 0, ""},
	{"port 0",               "mx1.test:0",         BMX_E_RANGE, K(MX), 0, ""},
	{"port 65536",           "mx1.test:65536",     BMX_E_RANGE, K(MX), 0, ""},
	{"a mistyped address",   "192.0.2.300",        BMX_E_SYNTAX, K(MX), 0, ""},
	{"an empty label",       "mx1..test",          BMX_E_SYNTAX, K(MX), 0, ""},
	{"a blank",              "mx1 .test",          BMX_E_SYNTAX, K(MX), 0, ""},
	{"two ports",            "mx1.test:25:26",     BMX_E_SYNTAX, K(MX), 0, ""},
};
/* clang-format on */

static void
test_spec(void **state)
{
	const struct spec_case *tc = *state;
	struct bmx_target_spec spec;
	struct bmx_error err = {0};
	const int got =
		bmx_target_spec_parse(bmx_slice_of(tc->text), &spec, &err);

	assert_int_equal(err.code, tc->error);
	assert_int_equal(got, tc->error == BMX_E_NONE ? 0 : -1);
	if (got != 0)
		return;
	assert_int_equal(spec.kind, tc->kind);
	assert_int_equal(spec.port, tc->port);
	assert_string_equal(spec.name, tc->host);
}

/* 256 MX of one preference: 32 of them, and each comes first some time. */
static void
test_many(void **state)
{
	struct bmx_dns_record records[256];
	char names[256][16];
	struct bmx_target_spec spec = {.kind = BMX_TARGET_MX, .port = 25};
	struct bmx_target_plan *plan = calloc(1, sizeof(*plan));
	struct bmx_target_facts facts = {
		.domain = BMX_SLICE("d.test"), .specs = &spec, .spec_count = 1};

	(void)state;
	assert_non_null(plan);
	for (size_t i = 0; i < 256; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "m%zu.test", i);
		records[i] = (struct bmx_dns_record){
			.text = bmx_slice_of(names[i]),
			.preference = (uint16_t)(i < 10 ? 20 : 10)};
	}
	facts.mx = bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_MX, 60, records, 256);
	bmx_target_plan_make(&facts, plan);
	assert_int_equal(plan->count, BMX_TARGET_HOSTS_MAX);
	assert_string_equal(plan->hosts[0].name, "m10.test");
	assert_true(plan->not_in_mx);
	bmx_dns_answer_unref(&facts.mx);
	free(plan);
}

static void
test_shuffle(void **state)
{
	struct zone *zone = zone_of_text(
		"d.test MX 10 m1.test;d.test MX 10 m2.test;d.test MX 10 "
		"m3.test;d.test MX 20 m4.test;" A1 ";" A2
		";m3.test A 192.0.2.3;m4.test A 192.0.2.4");
	const struct view view = {zone_source(zone), NULL};
	const struct bmx_target_set *set = make(&view, "mx", false, NULL);
	unsigned first[5] = {0};

	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct bmx_target_tries *tries =
			bmx_target_tries_new(set, seed);
		const struct bmx_target_try *try = bmx_target_tries_next(tries);

		first[try->host->name[1] - '0']++;
		(void)bmx_target_tries_next(tries);
		(void)bmx_target_tries_next(tries);
		try = bmx_target_tries_next(tries);
		assert_string_equal(try->host->name, "m4.test");
		assert_null(bmx_target_tries_next(tries));
		bmx_target_tries_free(&tries);
	}
	for (size_t i = 1; i <= 3; i++)
		assert_in_range(first[i], 60, 140);
	assert_int_equal(first[4], 0);
	bmx_target_set_unref(&set);
	zone_free(&zone);
}

struct keep_case {
	const char *name;
	const char *before;
	const char *after;
	const char *text; /* NULL: no new set */
	const char *walk;
	enum bmx_target_dane dane;
};

#define MX1 "d.test MX 10 m1.test;"
#define T1 "_25._tcp.m1.test TLSA 3 1 1 a;"

/* clang-format off */
static struct keep_case keep_cases[] = {
	{"MX fail",                 MX1 T1 A1, "d.test FAIL", NULL, NULL, D(NONE)},
	{"the host fails",          MX1 T1 A1, MX1 T1 "m1.test FAIL", "m1.test:25", "192.0.2.1", D(SECURE)},
	{"one family fails",        MX1 T1 A1 ";m1.test AAAA 2001:db8::1", MX1 T1 "m1.test FAIL;m1.test A 192.0.2.7", "m1.test:25", "2001:db8::1 192.0.2.7", D(SECURE)},
	{"TLSA fail",               MX1 T1 A1, MX1 A1 ";_25._tcp.m1.test FAIL", "m1.test:25", "192.0.2.1", D(SECURE)},
	{"TLSA fail, never known",  MX1 A1, MX1 A1 ";_25._tcp.m1.test FAIL", "m1.test:25", "192.0.2.1", D(FAILED)},
	{"TLSA are gone",           MX1 T1 A1, MX1 A1, "m1.test:25", "192.0.2.1", D(NONE)},
	{"another host, unknown",   MX1 T1 A1, "d.test MX 10 m2.test;m2.test FAIL", NULL, NULL, D(NONE)},
	{"the address is gone",     MX1 T1 A1, MX1, "m1.test:25", "", D(NONE)},
};
/* clang-format on */

static void
test_keep(void **state)
{
	const struct keep_case *tc = *state;
	struct zone *before = zone_of_text(tc->before);
	struct zone *after = zone_of_text(tc->after);
	struct view view = {zone_source(before), ""};
	const struct bmx_target_set *old = make(&view, "mx", true, NULL);
	const struct bmx_target_set *set;

	view.source = zone_source(after);
	set = make(&view, "mx", true, old);
	bmx_target_set_unref(&old);
	zone_free(&before);
	zone_free(&after);
	assert_int_equal(set != NULL, tc->text != NULL);
	if (!set)
		return;
	assert_string_equal(set->text, tc->text);
	assert_walk(set, tc->walk);
	assert_int_equal(set->hosts[0].dane, tc->dane);
	bmx_target_set_unref(&set);
}

static void
test_ttl(void **state)
{
	static const uint8_t v4[16] = {192, 0, 2, 1};
	struct bmx_dns_record record = {.text = BMX_SLICE("m1.test")};
	struct bmx_target_plan plan = {.mx_state = BMX_TARGETS_READY,
	                               .count = 1};
	struct bmx_target_answers answers = {
		.aaaa = bmx_dns_answer_new(BMX_DNS_NODATA, BMX_DNS_AAAA, 70,
	                                   NULL, 0)};
	const struct bmx_dns_answer *mx =
		bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_MX, 90, &record, 1);
	const struct bmx_target_set *set;

	(void)state;
	memcpy(record.address, v4, sizeof(v4));
	memcpy(plan.hosts[0].name, "m1.test", sizeof("m1.test"));
	answers.a = bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_A, 80, &record, 1);
	set = bmx_target_set_make(&(struct bmx_target_set_facts){
		.plan = &plan, .answers = &answers, .mx = mx});
	assert_int_equal(set->ttl_s, 70);
	bmx_target_set_unref(&set);
	bmx_dns_answer_unref(&mx);
	bmx_dns_answer_unref(&answers.a);
	bmx_dns_answer_unref(&answers.aaaa);
}

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	struct CMUnitTest tests[ROWS(cases) + ROWS(dane_cases) +
	                        ROWS(spec_cases) + ROWS(keep_cases) + 3];
	size_t n = 0;

	for (size_t i = 0; i < ROWS(cases); i++)
		tests[n++] = (struct CMUnitTest){cases[i].name, test_set, NULL,
		                                 NULL, &cases[i]};
	for (size_t i = 0; i < ROWS(dane_cases); i++)
		tests[n++] = (struct CMUnitTest){dane_cases[i].name, test_dane,
		                                 NULL, NULL, &dane_cases[i]};
	for (size_t i = 0; i < ROWS(spec_cases); i++)
		tests[n++] = (struct CMUnitTest){spec_cases[i].name, test_spec,
		                                 NULL, NULL, &spec_cases[i]};
	for (size_t i = 0; i < ROWS(keep_cases); i++)
		tests[n++] = (struct CMUnitTest){keep_cases[i].name, test_keep,
		                                 NULL, NULL, &keep_cases[i]};
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_many);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_shuffle);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ttl);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
