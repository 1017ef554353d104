/* What is said of our own names, the resolver and DNS lists. */
#include "tests/support/cmocka.h"

#include <string.h>

#include <arpa/inet.h>

#include "ctl/doctor/names_rows.h"
#include "tests/unit/ctl/rows_check.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define S(status) BMX_DNS_##status

struct host_case {
	const char *name;
	enum bmx_dns_status status;
	bool here;
	bool only_private;
	const char *spf;
	enum bmx_dns_status reverse; /* STATUSES: not looked at */
	bool confirmed;
	const char *want;
};

struct zone_case {
	const char *name;
	bool blocks;
	enum bmx_dns_status listed;
	uint8_t said[4];
	enum bmx_dns_status clean;
	const char *resolver;
	const char *want;
};

struct spf_case {
	const char *record;
	bool want;
};

struct resolver_case {
	const char *address;
	bool want;
};

/* clang-format off */
static struct host_case hosts[] = {
	{"good", S(OK), true, false, "v=spf1 a -all", S(OK), true, ""},
	{"without SPF", S(OK), true, false, "", S(OK), true, ""},
	{"behind NAT", S(OK), false, true, "", S(STATUSES), false, ""},
	{"no address", S(NXDOMAIN), false, false, "", S(STATUSES), false, "dns.hostname-no-address"},
	{"DNS cannot say", S(TEMPFAIL), false, false, "", S(STATUSES), false, ""},
	{"another host's", S(OK), false, false, "", S(OK), true, "dns.hostname-elsewhere"},
	{"no reverse name", S(OK), true, false, "", S(NXDOMAIN), false, "dns.reverse-missing"},
	{"a reverse name without record", S(OK), true, false, "", S(NODATA), false, "dns.reverse-missing"},
	{"a reverse name that leads elsewhere", S(OK), true, false, "", S(OK), false, "dns.reverse-mismatch"},
	{"a reverse name that DNS cannot tell", S(OK), true, false, "", S(TEMPFAIL), false, ""},
	{"SPF that refuses all", S(OK), true, false, "v=spf1 -all", S(OK), true, "dns.spf-hostname"},
};

static struct zone_case zones[] = {
	{"good", true, S(OK), {127, 0, 0, 2}, S(NXDOMAIN), "", ""},
	{"an allow list without test entry", false, S(NXDOMAIN), {0}, S(NXDOMAIN), "", ""},
	{"ended", true, S(NXDOMAIN), {0}, S(NXDOMAIN), "", "dns.dnsbl-dead"},
	{"ended with a wildcard", true, S(OK), {127, 0, 0, 2}, S(OK), "", "dns.dnsbl-lists-all"},
	{"an allow list that lists all", false, S(OK), {127, 0, 0, 2}, S(OK), "", ""},
	{"does not answer", true, S(TEMPFAIL), {0}, S(TEMPFAIL), "", "dns.dnsbl-silent"},
	{"refuses a public resolver", true, S(OK), {127, 255, 255, 254}, S(OK), "", "dns.dnsbl-blocked"},
	{"refuses who asks too often", true, S(OK), {127, 255, 255, 255}, S(NXDOMAIN), "", "dns.dnsbl-blocked"},
	{"refuses an allow list, too", false, S(OK), {127, 255, 255, 252}, S(OK), "", "dns.dnsbl-blocked"},
	{"127.255.254.1 is no refusal", true, S(OK), {127, 255, 254, 1}, S(NXDOMAIN), "", ""},
	{"asked through a public resolver", true, S(OK), {127, 0, 0, 2}, S(NXDOMAIN), "8.8.8.8", "dns.resolver-public"},
};

static struct spf_case spf[] = {
	{"v=spf1 -all", true},
	{"V=SPF1  -ALL ", true},
	{"v=spf1 -ip4:192.0.2.1 -all", true},
	{"v=spf1 exp=why.test -all", true},
	{"v=spf1 a -all", false},
	{"v=spf1 ip4:192.0.2.1 -all", false},
	{"v=spf1 include:a.test -all", false},
	{"v=spf1 redirect=a.test", false},
	{"v=spf1 ~all", false},
	{"v=spf1 ?all", false},
	{"v=spf1", false},
	{"v=spf10 -all", false},
	{"", false},
	{"-all", false},
};

static struct resolver_case resolvers[] = {
	{"8.8.8.8", true},
	{"8.8.8.8@53", true},
	{"1.1.1.1@5353", true},
	{"2001:4860:4860::8888", true},
	{"127.0.0.1", false},
	{"8.8.8.80", false},
	{"18.8.8.8", false},
	{"@53", false},
	{"", false},
};
/* clang-format on */

static void
test_host(void **state)
{
	const struct host_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_host host = {.name = "backup.test",
	                           .status = tc->status,
	                           .address_count = tc->status == S(OK)};
	struct bmxctl_reverse reverse = {.address = {.family = AF_INET},
	                                 .status = tc->reverse,
	                                 .name = "other.test",
	                                 .confirmed = tc->confirmed};
	const struct bmxctl_names_facts facts = {
		.hostname = &host,
		.only_private = tc->only_private,
		.reverses = &reverse,
		.reverse_count = tc->reverse != S(STATUSES),
		.public_resolver = "8.8.8.8", /* no list is asked there */
		.spf = bmx_slice_of(tc->spf),
	};

	host.addresses[0].address.family = AF_INET;
	host.addresses[0].here = tc->here;
	bmxctl_names_judge(&facts, findings);
	check_rows(findings, tc->want);
}

static void
test_zone(void **state)
{
	const struct zone_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	const struct bmxctl_host host = {.status = S(TEMPFAIL)};
	struct bmxctl_zone zone = {.name = "bl.test",
	                           .blocks = tc->blocks,
	                           .listed = tc->listed,
	                           .clean = tc->clean};
	const struct bmxctl_names_facts facts = {
		.hostname = &host,
		.zones = &zone,
		.zone_count = 1,
		.public_resolver = tc->resolver,
	};

	memcpy(zone.said, tc->said, sizeof(zone.said));
	bmxctl_names_judge(&facts, findings);
	check_rows(findings, tc->want);
}

static void
test_spf(void **state)
{
	const struct spf_case *tc = *state;

	assert_int_equal(bmxctl_spf_refuses_all(bmx_slice_of(tc->record)),
	                 tc->want);
}

static void
test_resolver(void **state)
{
	const struct resolver_case *tc = *state;

	assert_int_equal(bmxctl_is_public_resolver(bmx_slice_of(tc->address)),
	                 tc->want);
}

#define ADD(table, title, test)                                                \
	for (size_t i = 0; i < LENGTH(table); i++)                             \
		tests[n++] = (struct CMUnitTest)                               \
		{                                                              \
			table[i].title, test, NULL, NULL, &table[i]            \
		}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(hosts) + LENGTH(zones) + LENGTH(spf) +
	                        LENGTH(resolvers)];
	size_t n = 0;

	ADD(hosts, name, test_host);
	ADD(zones, name, test_zone);
	ADD(spf, record, test_spf);
	ADD(resolvers, address, test_resolver);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
