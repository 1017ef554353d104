/* Files and the problems they are expected to have. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <backupmx/config.h>
#include <backupmx/config_names.h>

static char path[64];

static struct bmx_config *
load(const char *text, struct bmx_config_problems **problems_out)
{
	struct bmx_error err;
	FILE *out;
	int fd;

	(void)strcpy(path, "/tmp/bmx-config-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	out = fdopen(fd, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	*problems_out = bmx_config_problems_new();
	return bmx_config_load(path, *problems_out, &err);
}

struct problem_case {
	const char *name;
	const char *text;
	int line; /* of the first problem; 0: there is none */
	bool warning;
	const char *want; /* in its text */
};

/* clang-format off */
static struct problem_case cases[] = {
	{"an empty file is fine", "", 0, false, ""},
	{"unknown key with the nearest name", "\nhostnam = \"x\"\n", 2, false, "\"hostname\""},
	{"unknown section with the nearest name", "polcyd { a = 1 }", 1, false, "\"policyd\""},
	{"key twice", "log = stderr\nlog = stderr", 2, false, "twice"},
	{"section twice", "policyd { }\npolicyd { }", 2, false, "twice"},
	{"domain twice after normalisation", "domain \"a.test\" { }\ndomain \"A.TEST\" { }", 2, false, "twice"},
	{"missing unit", "policyd {\n deadline = 5\n}", 2, false, "unit"},
	{"deadline at its least", "policyd { deadline = 100ms }", 0, false, ""},
	{"deadline below its least", "policyd { deadline = 99ms }", 1, false, "100ms to 30s"},
	{"deadline above its most", "policyd { deadline = 31s }", 1, false, "100ms to 30s"},
	{"zero shrink", "domain \"a.test\" { max_shrink = 0 }", 0, false, ""},
	{"shrink over 100", "domain \"a.test\" { max_shrink = 101 }", 1, false, "0 to 100"},
	{"wrong word", "milter { bounce_guard = \"on\" }", 1, false, "off quarantine discard"},
	{"bad endpoint", "policyd { metrics = \"foo\" }", 1, false, "unix:/path"},
	{"metrics off", "policyd { metrics = \"\" }", 0, false, ""},
	{"bad network on its own line", "milter { trusted = {\"::1\",\n\"10.0.0.1/8\"} }", 2, false, "prefix"},
	{"empty trusted", "milter { trusted = {} }", 0, false, ""},
	{"list for a scalar", "log = {\"stderr\"}", 1, false, "one value"},
	{"lines after a C comment", "/* a\n b */\nlog = x", 3, false, "stderr syslog"},
	{"string not closed", "log = stderr\nhostname = \"x", 2, false, "not closed"},
	{"section not closed", "\npolicyd {", 2, false, "not closed"},
	{"environment", "hostname = \"${HOME}\"", 1, false, "environment"},
	{"missing include", "\ninclude(\"bmx-none.conf\")", 2, false, "No such file"},
	{"glob without a match", "include(\"bmx-none-*.conf\")", 0, false, ""},
	{"a default that is said aloud", "domain \"a.test\" { call_ahead = yes }", 0, false, ""},
	{"a primary with a port", "domain \"a.test\" { primary = {\"m1.a.test:2525\", \"[192.0.2.1]:25\", \"[2001:db8::1]\", \"2001:db8::ab\", \"mx\"} }", 0, false, ""},
	{"a primary with port 0", "domain \"a.test\" { primary = {\"m1.a.test:0\"} }", 1, false, "[address]:port"},
	{"a primary with a port that is none", "domain \"a.test\" { primary = {\"[192.0.2.1]:smtp\"} }", 1, false, "[address]:port"},
	{"a primary with a bracket that is not closed", "domain \"a.test\" { primary = {\"[192.0.2.1\"} }", 1, false, "[address]:port"},
	{"a primary with a bracket that was not opened", "domain \"a.test\" { primary = {\"192.0.2.1]:25\"} }", 1, false, "[address]:port"},
	{"a primary with a bracket around nothing", "domain \"a.test\" { primary = {\"[]:25\"} }", 1, false, "[address]:port"},
	{"a primary with a bracket and more behind it", "domain \"a.test\" { primary = {\"[::1]x\"} }", 1, false, "[address]:port"},
	{"a primary with a bracket in brackets", "domain \"a.test\" { primary = {\"[[::1]]\"} }", 1, false, "[address]:port"},
	{"a primary with a bracket behind a name", "domain \"a.test\" { primary = {\"m1[::1]\"} }", 1, false, "[address]:port"},
	{"a primary with nothing in it", "domain \"a.test\" { primary = {\"\"} }", 1, false, "empty"},
	{"Redis servers as they may be written", "redis { servers = {\"unix:/run/r.sock\", \"r.test\", \"r.test:6380\", \"[2001:db8::1]:6379\", \"rediss://r.test:6379\"} }", 0, false, ""},
	{"a Redis server of another kind", "redis { servers = {\"http://r.test:80\"} }", 1, false, "rediss://"},
	{"a Redis server with a port that is none", "redis { servers = {\"r.test:none\"} }", 1, false, "host:port"},
	{"Sentinels without a name", "redis { sentinels = {\"s.test\"} }", 1, false, "master_name"},
	{"Sentinels of a Cluster", "redis { sentinels = {\"s.test\"} master_name = m cluster = true }", 1, false, "exclude"},
	{"a name in MX records that is none", "mx_names = {\"a b\"}", 1, false, "host name"},
	{"a probe sender", "domain \"a.test\" { probe_sender = \"probe@b.test\" }", 0, false, ""},
	{"a probe sender without domain", "domain \"a.test\" { probe_sender = \"probe\" }", 1, false, "an address"},
	{"a probe sender that would break out", "domain \"a.test\" { probe_sender = \"a> b@c.test\" }", 1, false, "an address"},
	{"a gate's memory at its most", "domain \"a.test\" { gate_memory = 31d }", 0, false, ""},
	{"a gate's memory above it", "domain \"a.test\" { gate_memory = 32d }", 1, false, "31d"},
	{"a gate", "domain \"a.test\" {\n primary_up = gate }", 0, false, ""},
	{"a default word", "domain \"a.test\" { primary_up = accept }", 0, false, ""},
	{"a list over https", "domain \"a.test\" { recipients = \"https://p.test/l\" }", 0, false, ""},
	{"a list over sftp", "domain \"a.test\" { recipients = \"sftp://u@p.test/l\" }", 0, false, ""},
	{"a list over LDAP", "domain \"a.test\" { recipients = \"ldaps://p.test/dc=a\" }", 0, false, ""},
	{"a list from a program", "domain \"a.test\" { recipients = \"exec:/bin/list -a\" }", 0, false, ""},
	{"a list in clear", "domain \"a.test\" {\n recipients = \"http://p.test/l\" }", 2, false, "without TLS"},
	{"https without a host", "domain \"a.test\" {\n recipients = \"https://\" }", 2, false, "https://..."},
	{"a secret whose file is not absolute", "domain \"a.test\" { fetch {\n token_file = \"token\" } }", 2, false, "absolute path"},
	{"a source that nobody plans", "domain \"a.test\" {\n recipients = \"fil:/x\" }", 2, false, "file:/path"},
	{"a file that is not absolute", "domain \"a.test\" { recipients = \"file:x\" }", 1, false, "file:/path"},
	{"a file without a name", "domain \"a.test\" { recipients = \"file:/\" }", 1, false, "file:/path"},
	{"no source", "domain \"a.test\" { recipients = \"\" }", 0, false, ""},
	{"dnsbl of defaults", "domain \"a.test\" { dnsbl { threshold = 1 } }", 0, false, ""},
	{"dnsbl with zones of every form", "domain \"a.test\" {\n dnsbl { zones = {\"a.test*2\", \"b.test=127.0.[0;1].[2..9]*-1\"} threshold = 2 } }", 0, false, ""},
	{"a zone that is none", "domain \"a.test\" { dnsbl { zones = {\"a.test\",\n \"b.test*0\"} } }", 2, false, "zone=127"},
	{"dnsbl given twice", "domain \"a.test\" { dnsbl { }\n dnsbl { } }", 2, false, "given twice"},
	{"helo given twice", "domain \"a.test\" { helo { }\n helo { } }", 2, false, "given twice"},
	{"helo in two domains", "domain \"a.test\" { helo { } } domain \"b.test\" { helo { } }", 0, false, ""},
	{"points", "domain \"a.test\" { helo { unknown = \"score=1000\" } spf { softfail = \"score=1\" } score_threshold = 3 }", 0, false, ""},
	{"no points", "domain \"a.test\" { helo { unknown = \"score=0\" } }", 1, false, "score=1 to score=1000"},
	{"too many points", "domain \"a.test\" { helo { unknown = \"score=1001\" } }", 1, false, "score=1 to"},
	{"points that are no number", "domain \"a.test\" { helo { unknown = \"score=x\" } }", 1, false, "score=1 to"},
	{"a failed look-up may defer", "domain \"a.test\" { reverse_dns { temperror = defer } }", 0, false, ""},
	{"a failed look-up may not reject", "domain \"a.test\" { reverse_dns { temperror = reject } }", 1, false, "allowed: ignore tag defer"},
	{"a failed look-up has no points", "domain \"a.test\" { dnsbl { temperror = \"score=1\" } }", 1, false, "allowed: ignore tag defer"},
	{"no limit of size", "domain \"a.test\" { size = 0 }", 0, false, ""},
	{"a limit of size", "domain \"a.test\" { size = 50M }", 0, false, ""},
	{"access files", "domain \"a.test\" { client_access = {\"cidr:/a\", \"hash:/b\", \"/c\"} sender_access = {\"texthash:/a\"} }", 0, false, ""},
	{"an access file that is not absolute", "domain \"a.test\" { client_access = {\"hash:a\"} }", 1, false, "cidr:/path"},
	{"an access file of another kind", "domain \"a.test\" { client_access = {\"regexp:/a\"} }", 1, false, "cidr:/path"},
	{"senders by network", "domain \"a.test\" { sender_access = {\"cidr:/a\"} }", 1, false, "hash:/path"},
	{"several delimiters", "domain \"a.test\" { recipient_delimiter = \"+-=\" }", 0, false, ""},
	{"no delimiter", "domain \"a.test\" { recipient_delimiter = \"\" }", 0, false, ""},
	{"a letter as delimiter", "domain \"a.test\" { recipient_delimiter = \"+x\" }", 1, false, "no letters"},
	{"a digit as delimiter", "domain \"a.test\" { recipient_delimiter = \"0\" }", 1, false, "no letters"},
	{"an at sign as delimiter", "domain \"a.test\" { recipient_delimiter = \"@\" }", 1, false, "no @"},
	{"a blank as delimiter", "domain \"a.test\" { recipient_delimiter = \" \" }", 1, false, "printable"},
	{"UTF-8 as delimiter", "domain \"a.test\" { recipient_delimiter = \"\xc2\xa7\" }", 1, false, "printable"},
	{"resolvers", "resolver = {\"127.0.0.1\", \"::1\", \"192.0.2.1@5353\", \"2001:db8::1@65535\"}", 0, false, ""},
	{"a resolver by name", "resolver = {\"127.0.0.1\",\n\"ns.test\"}", 2, false, "address@port"},
	{"a resolver as host:port", "resolver = {\"127.0.0.1:53\"}", 1, false, "address@port"},
	{"a resolver at port 0", "resolver = {\"127.0.0.1@0\"}", 1, false, "address@port"},
	{"a resolver at port 65536", "resolver = {\"127.0.0.1@65536\"}", 1, false, "address@port"},
	{"a resolver without a port", "resolver = {\"127.0.0.1@\"}", 1, false, "address@port"},
	{"a host name with a blank", "hostname = \"a b\"", 1, false, "host name"},
	{"a relative folder", "state_dir = \"state\"", 1, false, "absolute"},
	{"a relative certificate file", "domain \"a.test\" { tls_ca_file = \"ca.pem\" }", 1, false, "absolute"},
	{"primaries", "domain \"a.test\" { primary = {\"[192.0.2.10]:25\", \"mx1.test\", \"mx\"} }", 0, false, ""},
	{"a primary with a blank", "domain \"a.test\" { primary = {\"mx1.test 25\"} }", 1, false, "host name"},
	{"no primary", "domain \"a.test\" { primary = {} }", 1, false, "empty"},
	{"no call-ahead", "domain \"a.test\" { call_ahead = no }", 0, false, ""},
	{"a list from Redis", "domain \"a.test\" { recipients = \"redis:\" }\nredis { }", 0, false, ""},
	{"a list from Redis without Redis", "\ndomain \"a.test\" { recipients = \"redis:\" }", 2, false, "needs a section redis"},
	{"a list from some Redis", "domain \"a.test\" { recipients = \"redis:x\" }\nredis { }", 1, false, "file:/path"},
	{"bad domain", "domain \"a..test\" { }", 1, false, "no domain"},
};
/* clang-format on */

static void
test_problem(void **state)
{
	const struct problem_case *tc = *state;
	struct bmx_config_problems *problems;
	struct bmx_config *config = load(tc->text, &problems);
	const bool usable = tc->line == 0 || tc->warning;

	assert_int_equal(config != NULL, usable);
	assert_int_equal(bmx_config_problems_count(problems), tc->line != 0);
	if (tc->line) {
		const struct bmx_config_problem *got =
			bmx_config_problems_get(problems, 0);

		assert_int_equal(got->line, tc->line);
		assert_int_equal(got->warning, tc->warning);
		assert_non_null(strstr(got->text, tc->want));
		assert_string_equal(got->file, path);
	}
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	(void)unlink(path);
}

static void
test_all_in_one_run(void **state)
{
	struct bmx_config_problems *problems;
	struct bmx_config *config =
		load("a = 1\nb { c = 2 }\nlog = x\n", &problems);

	(void)state;
	assert_null(config);
	assert_int_equal(bmx_config_problems_count(problems), 3);
	bmx_config_problems_free(&problems);
	(void)unlink(path);
}

static void
test_scanner_type(void **state)
{
	struct bmx_config_problems *problems;
	struct bmx_config *config =
		load("domain \"a.test\" {\nscanner \"x\" {\ntype = foo } }",
	             &problems);

	(void)state;
	assert_null(config);
	assert_int_equal(bmx_config_problems_count(problems), 1);
	assert_int_equal(bmx_config_problems_get(problems, 0)->line, 3);
	assert_non_null(strstr(bmx_config_problems_get(problems, 0)->text,
	                       "allowed: rspamd spamd clamd"));
	bmx_config_problems_free(&problems);
	(void)unlink(path);
}

static void
test_defaults_and_dump(void **state)
{
	struct bmx_config_problems *problems, *more;
	struct bmx_config *config = load(
		"domain \"b.test\" { recipients = \"file:/x\" }", &problems);
	struct bmx_config *again;
	struct bmx_error err;
	const struct bmx_config_domain *domain;
	char *texts[2];
	size_t sizes[2];
	uint64_t digests[2];
	FILE *out = open_memstream(&texts[0], &sizes[0]);

	(void)state;
	assert_non_null(config);
	assert_int_equal(config->policyd.deadline_ms, 5000);
	assert_int_equal(config->policyd.socket_mode, 0660);
	assert_int_equal(config->milter.trusted_count, 2);
	domain = bmx_config_find_domain(config, BMX_SLICE("b.test"));
	assert_non_null(domain);
	assert_int_equal(domain->list_max_age_ms, 86400000);
	assert_true(domain->call_ahead);
	assert_int_equal(domain->spf.fail.action, BMX_ACTION_REJECT);
	assert_null(bmx_config_find_domain(config, BMX_SLICE("c.test")));
	assert_int_equal(bmx_config_dump(config, out, true, &err), 0);
	(void)fclose(out);
	(void)unlink(path);
	/* call_ahead and primary_up are now said aloud: warnings only. */
	again = load(texts[0], &more);
	assert_non_null(again);
	out = open_memstream(&texts[1], &sizes[1]);
	assert_int_equal(bmx_config_dump(again, out, true, &err), 0);
	(void)fclose(out);
	assert_string_equal(texts[0], texts[1]);
	assert_null(
		bmx_config_needs_restart(config, again, BMX_CONFIG_POLICYD));
	assert_int_equal(bmx_config_digest(config, &digests[0], &err), 0);
	assert_int_equal(bmx_config_digest(again, &digests[1], &err), 0);
	assert_true(digests[0] == digests[1]);
	assert_ptr_equal(bmx_config_ref(config), config);
	domain = NULL;
	{
		struct bmx_config *held = config;

		bmx_config_unref(&held);
		assert_null(held);
	}
	assert_int_equal(config->domain_count, 1);
	bmx_config_unref(&config);
	bmx_config_unref(&again);
	bmx_config_problems_free(&problems);
	bmx_config_problems_free(&more);
	free(texts[0]);
	free(texts[1]);
	(void)unlink(path);
}

#define CASES (sizeof(cases) / sizeof(cases[0]))

int
main(void)
{
	struct CMUnitTest tests[CASES + 3] = {
		cmocka_unit_test(test_all_in_one_run),
		cmocka_unit_test(test_scanner_type),
		cmocka_unit_test(test_defaults_and_dump),
	};

	for (size_t i = 0; i < CASES; i++) {
		tests[i + 3].name = cases[i].name;
		tests[i + 3].test_func = test_problem;
		tests[i + 3].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
