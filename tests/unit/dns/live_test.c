/* The resolver against a real knotd on loopback. */
#include "tests/support/cmocka.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <backupmx/dns.h>

#define KNOTD "/usr/sbin/knotd"
#define KEYMGR "/usr/sbin/keymgr"

static char directory[] = "/tmp/backupmx-dns-XXXXXX";
static pid_t knotd;
static struct bmx_dns *dns;        /* without trust anchors */
static struct bmx_dns *validating; /* with those of signed.test, and with a
                                    * wrong one of unit.test */

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

/* A port that nobody has; another one may take it before knotd does. */
static unsigned
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

static const struct bmx_dns_answer *
ask(struct bmx_dns *from, const char *name, enum bmx_dns_type type)
{
	return bmx_dns_resolve(from, bmx_slice_of(name), type,
	                       bmx_clock_mono_us(bmx_clock_system()) + 5000000);
}

static void
write_zones(unsigned port)
{
	char config[1024];

	(void)snprintf(config, sizeof(config),
	               "server:\n  listen: 127.0.0.1@%u\n  rundir: %s\n"
	               "database:\n  storage: %s\n"
	               "template:\n  - id: default\n    storage: %s\n"
	               "zone:\n  - domain: unit.test\n    file: zone\n"
	               "  - domain: signed.test\n    file: signed\n"
	               "    dnssec-signing: on\n    zonefile-sync: -1\n"
	               "    zonefile-load: difference\n",
	               port, directory, directory, directory);
	write_file("knot.conf", config);
	write_file("zone",
	           "$ORIGIN unit.test.\n"
	           "@ 300 SOA ns h 1 3600 600 86400 120\n"
	           "@ 300 NS ns\nns 300 A 127.0.0.1\n"
	           "@ 300 MX 20 b\n@ 300 MX 10 a\n"
	           "@ 300 TXT \"v=spf1 \" \"-all\"\n"
	           "a 300 A 192.0.2.1\nb 300 AAAA 2001:db8::1\n"
	           "c 300 CNAME a\n");
	write_file("signed",
	           "$ORIGIN signed.test.\n"
	           "@ 300 SOA ns h 1 3600 600 86400 120\n"
	           "@ 300 NS ns\nns 300 A 127.0.0.1\n@ 300 MX 10 a\n"
	           "a 300 A 192.0.2.1\nc 300 CNAME a\n"
	           "out 300 CNAME a.unit.test.\n"
	           "_25._tcp.a 300 TLSA 3 1 1 616263\n");
}

static void
start_knotd(void)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/knot.conf", directory);
	knotd = fork();
	if (knotd == 0) {
		(void)!freopen("/dev/null", "w", stderr);
		(void)!freopen("/dev/null", "w", stdout);
		(void)execl(KNOTD, KNOTD, "-c", path, (char *)NULL);
		_exit(127);
	}
}

/* The key of signed.test, and the same as if it were unit.test's. */
static bool
write_anchors(void)
{
	char command[1024];

	(void)snprintf(command, sizeof(command),
	               "cd %s && " KEYMGR " -c knot.conf signed.test ds >ds "
	               "2>/dev/null && test -s ds && "
	               "{ cat ds; sed 's/^signed/unit/' ds; } >anchors",
	               directory);
	return system(command) == 0;
}

/* Does it listen? libunbound must not ask before: it leaves a server alone for
 * a while that did not answer. */
static bool
listens(unsigned port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	const bool up = fd >= 0 &&
		connect(fd, (const struct sockaddr *)&address,
	                sizeof(address)) == 0;

	if (fd >= 0)
		(void)close(fd);
	return up;
}

/* Until it listens and has made its key. @return false when it has ended:
 * another one took its port */
static bool
wait_for_knotd(unsigned port)
{
	for (int i = 0; i < 600; i++) {
		if (waitpid(knotd, NULL, WNOHANG) == knotd)
			return false;
		if (listens(port) && write_anchors())
			return true;
		(void)usleep(50000);
	}
	fail_msg("knotd does not listen");
	return false;
}

/* Until it has loaded its zones. */
static void
wait_for_zones(void)
{
	for (int i = 0; i < 100; i++) {
		const struct bmx_dns_answer *got =
			ask(dns, "unit.test", BMX_DNS_MX);
		const bool up = got->status == BMX_DNS_OK;

		bmx_dns_answer_unref(&got);
		bmx_dns_flush(dns);
		if (up)
			return;
		(void)usleep(50000);
	}
	fail_msg("knotd does not answer");
}

/* @return the port */
static unsigned
serve(void)
{
	for (int i = 0; i < 5; i++) {
		const unsigned port = free_port();

		write_zones(port);
		start_knotd();
		if (wait_for_knotd(port))
			return port;
	}
	fail_msg("knotd ends at once");
	return 0;
}

static int
set_up(void **state)
{
	char resolver[64], anchors[256];
	const char *const resolvers[] = {resolver};
	struct bmx_dns_options options = {.resolvers = resolvers,
	                                  .resolver_count = 1};

	(void)state;
	if (access(KNOTD, X_OK) != 0 || access(KEYMGR, X_OK) != 0)
		return 0;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(resolver, sizeof(resolver), "127.0.0.1@%u", serve());
	dns = bmx_dns_new(&options, NULL);
	assert_non_null(dns);
	wait_for_zones();
	(void)snprintf(anchors, sizeof(anchors), "%s/anchors", directory);
	options.trust_anchor_file = anchors;
	validating = bmx_dns_new(&options, NULL);
	return validating ? 0 : -1;
}

static int
tear_down(void **state)
{
	char command[256];

	(void)state;
	bmx_dns_free(&dns);
	bmx_dns_free(&validating);
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
	got = ask(dns, tc->question, tc->type);
	assert_int_equal(got->status, tc->status);
	assert_int_equal(got->count, tc->count);
	assert_int_equal(got->ttl_s, tc->ttl_s);
	assert_false(got->secure);
	if (tc->text)
		assert_true(bmx_slice_equal(got->records[0].text,
		                            bmx_slice_of(tc->text)));
	bmx_dns_answer_unref(&got);
}

struct signed_case {
	const char *name;
	const char *question;
	enum bmx_dns_type type;
	enum bmx_dns_status status;
	bool secure;
};

/* clang-format off */
static struct signed_case signed_cases[] = {
	{"signed MX",                    "signed.test",            BMX_DNS_MX,   BMX_DNS_OK,       true},
	{"signed address",               "a.signed.test",          BMX_DNS_A,    BMX_DNS_OK,       true},
	{"signed TLSA",                  "_25._tcp.a.signed.test", BMX_DNS_TLSA, BMX_DNS_OK,       true},
	{"a signed alias",               "c.signed.test",          BMX_DNS_A,    BMX_DNS_OK,       true},
	{"proven: no such type",         "a.signed.test",          BMX_DNS_AAAA, BMX_DNS_NODATA,   true},
	{"proven: no such name",         "x.signed.test",          BMX_DNS_TLSA, BMX_DNS_NXDOMAIN, true},
	{"an alias out of the zone",     "out.signed.test",        BMX_DNS_A,    BMX_DNS_OK,       false},
	{"fails validation: unsigned",   "unit.test",              BMX_DNS_MX,   BMX_DNS_OK,       false},
	{"no name where it fails",       "x.unit.test",            BMX_DNS_A,    BMX_DNS_NXDOMAIN, false},
};
/* clang-format on */

static void
test_signed(void **state)
{
	const struct signed_case *tc = *state;
	const struct bmx_dns_answer *got;

	if (!validating)
		skip();
	got = ask(validating, tc->question, tc->type);
	assert_string_equal(bmx_dns_status_name(got->status),
	                    bmx_dns_status_name(tc->status));
	assert_int_equal(got->secure, tc->secure);
	if (tc->type == BMX_DNS_TLSA && got->count > 0) {
		assert_int_equal(got->records[0].usage, 3);
		assert_true(bmx_slice_equal(got->records[0].text,
		                            BMX_SLICE("abc")));
	}
	bmx_dns_answer_unref(&got);
}

static void
test_bad_anchors(void **state)
{
	struct bmx_dns_options options = {.trust_anchor_file =
	                                          "/nonexistent/anchors"};
	struct bmx_error err;
	char path[256];

	(void)state;
	assert_null(bmx_dns_new(&options, &err));
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	if (!validating)
		skip();
	write_file("bad", "this is no key\n");
	(void)snprintf(path, sizeof(path), "%s/bad", directory);
	options.trust_anchor_file = path;
	assert_null(bmx_dns_new(&options, &err));
	assert_int_equal(err.code, BMX_E_SYNTAX);
	assert_string_equal(bmx_dns_trust_anchor(path), path);
}

int
main(void)
{
	enum {
		ROWS = sizeof(cases) / sizeof(cases[0]),
		SIGNED = sizeof(signed_cases) / sizeof(signed_cases[0])
	};
	struct CMUnitTest tests[ROWS + SIGNED + 1] = {
		[ROWS + SIGNED] = cmocka_unit_test(test_bad_anchors)};

	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){cases[i].name, test_live, NULL,
		                               NULL, &cases[i]};
	for (size_t i = 0; i < SIGNED; i++)
		tests[ROWS + i] =
			(struct CMUnitTest){signed_cases[i].name, test_signed,
		                            NULL, NULL, &signed_cases[i]};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
