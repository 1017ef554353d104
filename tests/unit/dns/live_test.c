/* The resolver against a real knotd on loopback. */
#include "tests/support/cmocka.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <backupmx/dns.h>

#define KNOTD "/usr/sbin/knotd"
#define PORT "53917"

static char directory[] = "/tmp/backupmx-dns-XXXXXX";
static pid_t knotd;
static struct bmx_dns *dns;

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static const struct bmx_dns_answer *
ask(const char *name, enum bmx_dns_type type)
{
	return bmx_dns_resolve(dns, bmx_slice_of(name), type,
	                       bmx_clock_mono_us(bmx_clock_system()) + 3000000);
}

static int
set_up(void **state)
{
	static const char *const resolvers[] = {"127.0.0.1@" PORT};
	const struct bmx_dns_options options = {.resolvers = resolvers,
	                                        .resolver_count = 1};
	char config[1024], path[256];

	(void)state;
	if (access(KNOTD, X_OK) != 0)
		return 0;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(config, sizeof(config),
	               "server:\n  listen: 127.0.0.1@" PORT "\n  rundir: %s\n"
	               "database:\n  storage: %s\n"
	               "template:\n  - id: default\n    storage: %s\n"
	               "zone:\n  - domain: unit.test\n    file: zone\n",
	               directory, directory, directory);
	write_file("knot.conf", config);
	write_file("zone",
	           "$ORIGIN unit.test.\n"
	           "@ 300 SOA ns h 1 3600 600 86400 120\n"
	           "@ 300 NS ns\nns 300 A 127.0.0.1\n"
	           "@ 300 MX 20 b\n@ 300 MX 10 a\n"
	           "@ 300 TXT \"v=spf1 \" \"-all\"\n"
	           "a 300 A 192.0.2.1\nb 300 AAAA 2001:db8::1\n"
	           "c 300 CNAME a\n");
	(void)snprintf(path, sizeof(path), "%s/knot.conf", directory);
	knotd = fork();
	if (knotd == 0) {
		(void)!freopen("/dev/null", "w", stderr);
		(void)!freopen("/dev/null", "w", stdout);
		(void)execl(KNOTD, KNOTD, "-c", path, (char *)NULL);
		_exit(127);
	}
	(void)sleep(1);
	dns = bmx_dns_new(&options, NULL);
	return dns ? 0 : -1;
}

static int
tear_down(void **state)
{
	char command[256];

	(void)state;
	bmx_dns_free(&dns);
	if (knotd > 0) {
		(void)kill(knotd, SIGTERM);
		(void)waitpid(knotd, NULL, 0);
		(void)snprintf(command, sizeof(command), "rm -rf %s",
		               directory);
		return system(command);
	}
	return 0;
}

struct live_case {
	const char *name;
	const char *question;
	enum bmx_dns_type type;
	enum bmx_dns_status status;
	size_t count;
	const char *text; /* of the first record */
	uint32_t ttl_s;
};

/* clang-format off */
static struct live_case cases[] = {
	{"MX come by preference",      "unit.test",      BMX_DNS_MX,   BMX_DNS_OK,       2, "a.unit.test", 300},
	{"TXT strings are joined",     "unit.test",      BMX_DNS_TXT,  BMX_DNS_OK,       1, "v=spf1 -all", 300},
	{"an address",                 "a.unit.test",    BMX_DNS_A,    BMX_DNS_OK,       1, "",            300},
	{"an IPv6 address",            "b.unit.test",    BMX_DNS_AAAA, BMX_DNS_OK,       1, "",            300},
	{"a CNAME is followed",        "c.unit.test",    BMX_DNS_A,    BMX_DNS_OK,       1, "",            300},
	{"no such type: SOA minimum",  "a.unit.test",    BMX_DNS_MX,   BMX_DNS_NODATA,   0, NULL,          120},
	{"no such name: SOA minimum",  "no.unit.test",   BMX_DNS_A,    BMX_DNS_NXDOMAIN, 0, NULL,          120},
	{"odd octets in a name",       "\\ \x01.unit.test", BMX_DNS_A, BMX_DNS_NXDOMAIN, 0, NULL,          120},
	{"a refused zone is failure",  "other.test",     BMX_DNS_A,    BMX_DNS_TEMPFAIL, 0, NULL,          5},
};
/* clang-format on */

static void
test_live(void **state)
{
	const struct live_case *tc = *state;
	const struct bmx_dns_answer *got;

	if (!dns)
		skip();
	got = ask(tc->question, tc->type);
	assert_int_equal(got->status, tc->status);
	assert_int_equal(got->count, tc->count);
	assert_int_equal(got->ttl_s, tc->ttl_s);
	if (tc->text)
		assert_true(bmx_slice_equal(got->records[0].text,
		                            bmx_slice_of(tc->text)));
	bmx_dns_answer_unref(&got);
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0])] = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tests[i] = (struct CMUnitTest){cases[i].name, test_live, NULL,
		                               NULL, &cases[i]};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
