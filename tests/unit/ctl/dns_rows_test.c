/* What is said of an MX set: one mistake, one row. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "ctl/doctor/dns_rows.h"
#include "tests/unit/ctl/rows_check.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define HOSTS 6

/* Hosts as "PREFERENCE NAME FLAGS ADDRESS", ';' between; the address may be
 * left out. Flags: o ours, h leads here, a alias, t DNS does not answer, x no
 * such name; - for none. */
struct set_case {
	const char *name;
	const char *mx;
	const char *primaries; /* "" for "mx" alone */
	const char *want;
};

#define GOOD "10 mx1.test - 192.0.2.1;20 backup.test oh 192.0.2.9"

/* clang-format off */
static struct set_case sets[] = {
	{"good", GOOD, "", ""},
	{"good, and a host behind us", GOOD ";30 third.test - 192.0.2.3", "", ""},
	{"good, with a primary that is named", GOOD, "0 mx1.test - 192.0.2.1", ""},
	{"good, with a primary by its address", GOOD, "0 192.0.2.1 - 192.0.2.1", ""},
	{"good, with a primary within the site", GOOD, "0 10.0.0.1 - 10.0.0.1", ""},
	{"good, with a primary whose address is not known", GOOD, "0 inner.test x", ""},
	{"two names of ours", GOOD ";30 too.test oh 192.0.2.9", "", ""},
	{"two backups of equal preference", GOOD ";20 other.test - 192.0.2.3", "", ""},
	{"a null MX", "0 . -", "", "dns.mx-null"},
	{"a null MX beside others", "0 . -;" GOOD, "", "dns.mx-null-mixed"},
	{"not in the set", "10 mx1.test - 192.0.2.1", "", "dns.mx-not-listed"},
	{"alone in the set", "10 backup.test oh 192.0.2.9", "", "dns.mx-best"},
	{"the best", "10 backup.test oh 192.0.2.9;20 mx1.test - 192.0.2.1", "", "dns.mx-best"},
	{"the best, the primary behind us", "10 backup.test oh 192.0.2.9;20 mx1.test - 192.0.2.1", "0 mx1.test - 192.0.2.1", "dns.mx-best"},
	{"equal to the best", "10 backup.test oh 192.0.2.9;10 mx1.test - 192.0.2.1", "", "dns.mx-equal"},
	{"equal to the best, as configured", "10 backup.test oh 192.0.2.9;10 mx1.test - 192.0.2.1", "0 mx1.test - 192.0.2.1", ""},
	{"a gateway", "10 backup.test oh 192.0.2.9", "0 mx1.test - 192.0.2.1", ""},
	{"an alias", "10 mx1.test a 192.0.2.1;20 backup.test oh 192.0.2.9", "", "dns.mx-alias"},
	{"our name is an alias", "10 mx1.test - 192.0.2.1;20 backup.test oha 192.0.2.9", "", "dns.mx-alias"},
	{"an address in place of a name", "5 192.0.2.7 -;" GOOD, "", "dns.mx-address"},
	{"a host without address", "5 nowhere.test -;" GOOD, "", "dns.mx-no-address"},
	{"a host that does not exist", "5 nowhere.test x;" GOOD, "", "dns.mx-no-address"},
	{"a host of which DNS cannot say", "10 mx1.test t;20 backup.test oh 192.0.2.9", "", "dns.mx-unanswered"},
	{"no host before us has an address", "10 mx1.test x;20 backup.test oh 192.0.2.9", "", "dns.mx-no-address dns.best-no-address"},
	{"our name has no address", "10 mx1.test - 192.0.2.1;20 backup.test o", "", "dns.our-no-address"},
	{"our name leads to another machine", "10 mx1.test - 192.0.2.1;20 backup.test o 192.0.2.8", "", "dns.not-here"},
	{"we under another name before us", "10 mx1.test h 192.0.2.9;20 backup.test oh 192.0.2.9", "", "dns.best-is-us"},
	{"another primary than the MX", GOOD, "0 192.0.2.7 - 192.0.2.7", "dns.primary-not-mx"},
	{"one of two primaries is the MX", GOOD, "0 192.0.2.7 - 192.0.2.7;0 mx1.test - 192.0.2.1", ""},
};
/* clang-format on */

static void
read_address(struct bmxctl_host *host, const char *text, bool here)
{
	struct bmx_target_address address = {.family = AF_INET};

	assert_int_equal(inet_pton(AF_INET, text, address.octets), 1);
	host->addresses[host->address_count++] =
		(struct bmxctl_host_address){address, here};
	host->status = BMX_DNS_OK;
}

static void
read_host(struct bmxctl_host *host, const char *text)
{
	char name[64] = "", flags[8] = "", address[32] = "";
	unsigned preference = 0;

	assert_true(sscanf(text, "%u %63s %7s %31[^;]", &preference, name,
	                   flags, address) >= 3);
	*host = (struct bmxctl_host){.preference = (uint16_t)preference,
	                             .status = BMX_DNS_NODATA,
	                             .ours = strchr(flags, 'o') != NULL};
	(void)snprintf(host->name, sizeof(host->name), "%s", name);
	if (strcmp(name, ".") == 0) {
		host->name[0] = '\0';
		host->kind = BMXCTL_HOST_ROOT;
	} else if (strspn(name, "0123456789.") == strlen(name)) {
		host->kind = BMXCTL_HOST_ADDRESS;
	}
	if (strchr(flags, 'a'))
		(void)snprintf(host->alias, sizeof(host->alias), "real.test");
	if (strchr(flags, 't'))
		host->status = BMX_DNS_TEMPFAIL;
	if (strchr(flags, 'x'))
		host->status = BMX_DNS_NXDOMAIN;
	if (address[0] != '\0')
		read_address(host, address, strchr(flags, 'h') != NULL);
}

static size_t
read_hosts(struct bmxctl_host *hosts, const char *text)
{
	char copy[512];
	size_t count = 0;
	char *rest = copy;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *item = strsep(&rest, ";"); item && *item;
	     item = strsep(&rest, ";"))
		read_host(&hosts[count++], item);
	assert_true(count <= HOSTS);
	return count;
}

static void
test_set(void **state)
{
	const struct set_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_host mx[HOSTS], primaries[HOSTS];
	const struct bmxctl_dns_facts facts = {
		.domain = "example.test",
		.our_name = "backup.test",
		.mx_status = BMX_DNS_OK,
		.ttl_s = 3600,
		.mx = mx,
		.mx_count = read_hosts(mx, tc->mx),
		.primaries = primaries,
		.primary_count = read_hosts(primaries, tc->primaries),
		.wants_mx = tc->primaries[0] == '\0',
	};

	bmxctl_dns_judge(&facts, findings);
	check_rows(findings, tc->want);
}

struct fact_case {
	const char *name;
	struct bmxctl_dns_facts facts; /* beside the good set */
	const char *server;            /* a host of the NS set, as above */
	const char *want;
};

#define OK .mx_status = BMX_DNS_OK, .wants_mx = true

/* clang-format off */
static struct fact_case fact_cases[] = {
	{"DNS is silent", {.mx_status = BMX_DNS_TEMPFAIL}, "", "dns.no-answer"},
	{"no such domain", {.mx_status = BMX_DNS_NXDOMAIN}, "", "dns.no-domain"},
	{"no domain at all", {.mx_status = BMX_DNS_BADNAME}, "", "dns.no-domain"},
	{"no MX", {.mx_status = BMX_DNS_NODATA}, "", "dns.mx-missing"},
	{"a TTL that a cache has left", {OK, .ttl_s = 3}, "", ""},
	{"a TTL just short", {OK, .ttl_known = true, .ttl_s = 299}, "", "dns.ttl-short"},
	{"a TTL just not short", {OK, .ttl_known = true, .ttl_s = 300}, "", ""},
	{"a TTL of a week", {OK, .ttl_known = true, .ttl_s = 604800}, "", ""},
	{"a TTL of more", {OK, .ttl_known = true, .ttl_s = 604801}, "", "dns.ttl-long"},
	{"DANE in a signed zone", {OK, .wants_dane = true, .has_anchor = true, .mx_secure = true}, "", ""},
	{"DANE in an unsigned zone", {OK, .wants_dane = true, .has_anchor = true}, "", "dns.dane-unsigned"},
	{"DANE without an anchor", {OK, .wants_dane = true}, "", "dns.no-trust-anchor"},
	{"DANE with a host that is named", {.mx_status = BMX_DNS_OK, .wants_dane = true, .has_anchor = true}, "", ""},
	{"a name server of its own", {OK}, "0 ns.test - 192.0.2.53", ""},
	{"the primary is the name server", {OK}, "0 ns.test - 192.0.2.1", "dns.name-servers"},
	{"one of two name servers", {OK}, "0 ns.test - 192.0.2.1;0 ns2.test - 192.0.2.53", ""},
	{"a name server whose place is not known", {OK}, "0 ns.test - 192.0.2.1;0 ns2.test t", ""},
};
/* clang-format on */

static void
test_fact(void **state)
{
	const struct fact_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_dns_facts facts = tc->facts;
	struct bmxctl_host mx[HOSTS], servers[HOSTS];

	facts.domain = "example.test";
	facts.our_name = "backup.test";
	facts.mx = mx;
	facts.mx_count = read_hosts(mx, GOOD);
	facts.servers = servers;
	facts.server_count = read_hosts(servers, tc->server);
	bmxctl_dns_judge(&facts, findings);
	check_rows(findings, tc->want);
}

/* A machine with private addresses alone cannot know. */
static void
test_nat(void **state)
{
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_host mx[HOSTS];
	const struct bmxctl_dns_facts facts = {
		.domain = "example.test",
		.our_name = "backup.test",
		.mx_status = BMX_DNS_OK,
		.mx = mx,
		.mx_count = read_hosts(mx,
	                               "10 mx1.test - 192.0.2.1;"
	                               "20 backup.test o 192.0.2.8"),
		.wants_mx = true,
		.only_private = true,
	};

	(void)state;
	bmxctl_dns_judge(&facts, findings);
	check_rows(findings, "dns.behind-nat");
}

struct private_case {
	const char *name;
	int family;
	const char *address;
	bool want;
};

/* clang-format off */
static struct private_case privates[] = {
	{"10.0.0.1", AF_INET, "10.0.0.1", true},
	{"11.0.0.1", AF_INET, "11.0.0.1", false},
	{"172.15.255.255", AF_INET, "172.15.255.255", false},
	{"172.16.0.1", AF_INET, "172.16.0.1", true},
	{"172.31.255.255", AF_INET, "172.31.255.255", true},
	{"172.32.0.1", AF_INET, "172.32.0.1", false},
	{"192.168.1.1", AF_INET, "192.168.1.1", true},
	{"192.169.1.1", AF_INET, "192.169.1.1", false},
	{"100.63.0.1", AF_INET, "100.63.0.1", false},
	{"100.127.0.1", AF_INET, "100.127.0.1", true},
	{"100.128.0.1", AF_INET, "100.128.0.1", false},
	{"169.254.1.1", AF_INET, "169.254.1.1", true},
	{"127.0.0.1", AF_INET, "127.0.0.1", true},
	{"192.0.2.1", AF_INET, "192.0.2.1", false},
	{"::1", AF_INET6, "::1", true},
	{"fd00::1", AF_INET6, "fd00::1", true},
	{"fe80::1", AF_INET6, "fe80::1", true},
	{"fec0::1", AF_INET6, "fec0::1", false},
	{"2001:db8::1", AF_INET6, "2001:db8::1", false},
};
/* clang-format on */

static void
test_private(void **state)
{
	const struct private_case *tc = *state;
	struct bmx_target_address address = {.family = (sa_family_t)tc->family};
	char text[BMXCTL_ADDRESS_TEXT];

	assert_int_equal(inet_pton(tc->family, tc->address, address.octets), 1);
	assert_int_equal(bmxctl_address_is_private(&address), tc->want);
	assert_string_equal(bmxctl_address_text(&address, text), tc->address);
}

int
main(void)
{
	struct CMUnitTest
		tests[LENGTH(sets) + LENGTH(fact_cases) + LENGTH(privates) + 1];
	size_t n = 0;

	for (size_t i = 0; i < LENGTH(sets); i++)
		tests[n++] = (struct CMUnitTest){sets[i].name, test_set, NULL,
		                                 NULL, &sets[i]};
	for (size_t i = 0; i < LENGTH(fact_cases); i++)
		tests[n++] = (struct CMUnitTest){fact_cases[i].name, test_fact,
		                                 NULL, NULL, &fact_cases[i]};
	for (size_t i = 0; i < LENGTH(privates); i++)
		tests[n++] = (struct CMUnitTest){privates[i].name, test_private,
		                                 NULL, NULL, &privates[i]};
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_nat);
	assert_true(n == LENGTH(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
