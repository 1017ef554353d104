/* What of Postfix's settings is a finding: a good host, spoilt one setting at
 * a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <jansson.h>

#include "ctl/doctor/postfix_rows.h"
#include "ctl/postfix/postconf.h"
#include "tests/support/cmocka.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define POLICY                                                                 \
	"check_policy_service { unix:backupmx/policyd.sock, timeout=10s, "     \
	"{ default_action = DEFER_IF_PERMIT 4.3.0 later } }"
#define MILTER                                                                 \
	"{ unix:backupmx/milter.sock, command_timeout=25s, "                   \
	"content_timeout=70s, default_action=tempfail }"

/* What postconf says of a good backup: the lines that anybody looks at. */
static const char good_settings[] =
	"bounce_queue_lifetime = 1d\n"
	"compatibility_level = 3.6\n"
	"content_filter =\n"
	"defer_transports =\n"
	"disable_dns_lookups = no\n"
	"disable_vrfy_command = yes\n"
	"enable_long_queue_ids = yes\n"
	"fast_flush_domains = a.test b.test\n"
	"inet_interfaces = all\n"
	"internal_mail_filter_classes = bounce\n"
	"mail_version = 3.7.11\n"
	"maximal_queue_lifetime = 10d\n"
	"message_size_limit = 10240000\n"
	"milter_command_timeout = 30s\n"
	"milter_content_timeout = 300s\n"
	"milter_default_action = tempfail\n"
	"milter_protocol = 6\n"
	"mydestination = backup.test, localhost\n"
	"myhostname = backup.test\n"
	"mynetworks = 127.0.0.0/8 [::1]/128 10.0.0.0/8 [fe80::]/10\n"
	"non_smtpd_milters = " MILTER "\n"
	"notify_classes = resource, software\n"
	"parent_domain_matches_subdomains = relay_domains,fast_flush_domains\n"
	"queue_directory = /var/spool/postfix\n"
	"receive_override_options =\n"
	"relay_domains = a.test b.test\n"
	"relay_recipient_maps =\n"
	"relay_transport = relay\n"
	"relayhost =\n"
	"sender_canonical_maps =\n"
	"smtp_dns_support_level =\n"
	"smtp_send_xforward_command = yes\n"
	"smtp_tls_policy_maps =\n"
	"smtp_tls_security_level = may\n"
	"smtpd_authorized_xclient_hosts =\n"
	"smtpd_authorized_xforward_hosts =\n"
	"smtpd_client_restrictions =\n"
	"smtpd_delay_reject = yes\n"
	"smtpd_discard_ehlo_keywords = silent-discard, dsn\n"
	"smtpd_helo_restrictions =\n"
	"smtpd_milters = " MILTER "\n"
	"smtpd_policy_service_default_action = 451 4.3.5 broken\n"
	"smtpd_policy_service_timeout = 100s\n"
	"smtpd_recipient_restrictions = permit_mynetworks, "
	"reject_unauth_destination, " POLICY "\n"
	"smtpd_relay_restrictions = permit_mynetworks, "
	"reject_unauth_destination\n"
	"smtpd_sender_restrictions =\n"
	"soft_bounce = no\n"
	"unknown_local_recipient_reject_code = 550\n"
	"unknown_relay_recipient_reject_code = 550\n"
	"virtual_alias_domains =\n"
	"virtual_mailbox_domains =\n";

#define SERVICE(name, type, command)                                           \
	name "/" type "/service = " name "\n" name "/" type "/type = " type    \
	     "\n" name "/" type "/chroot = y\n" name "/" type                  \
	     "/command = " command "\n"
#define GOOD_SERVICES                                                          \
	SERVICE("smtp", "inet", "smtpd")                                       \
	SERVICE("relay", "unix", "smtp") SERVICE("smtp", "unix", "smtp")

static const char good_config[] =
	"hostname = \"backup.test\"\n"
	"domain \"a.test\" { primary = {\"mx\"} }\n"
	"domain \"b.test\" { primary = {\"[192.0.2.1]:25\", \"mx.b.test\"} }\n";

struct host_case {
	const char *name;
	const char *settings;  /* lines that come before the good ones */
	const char *overrides; /* of master.cf */
	const char *services;  /* NULL: the good ones */
	const char *config;    /* NULL: the good one */
	const char *want;      /* rows, without "postfix." */
};

/* clang-format off */
static struct host_case host_cases[] = {
	{"a good backup", "", "", NULL, NULL, ""},
	{"without a milter that nobody runs", "smtpd_milters =\nnon_smtpd_milters =\n", "", NULL, NULL, ""},
	{"policyd in the relay list instead", "smtpd_recipient_restrictions =\nsmtpd_relay_restrictions = reject_unauth_destination " POLICY "\n", "", NULL, NULL, ""},
	{"policyd by another spelling", "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service { unix:/backupmx/policyd.sock, timeout=10s }\n", "", NULL, NULL, ""},
	{"a submission service of its own", "", "submission/inet/smtpd_recipient_restrictions = permit_sasl_authenticated, reject\n", GOOD_SERVICES SERVICE("submission", "inet", "smtpd"), NULL, ""},
	{"a re-injection service on loopback", "", "127.0.0.1:10025/inet/smtpd_recipient_restrictions = permit_mynetworks\n127.0.0.1:10025/inet/smtpd_milters =\n", GOOD_SERVICES SERVICE("127.0.0.1:10025", "inet", "smtpd"), NULL, ""},
	{"postscreen on port 25", "", "", SERVICE("smtp", "inet", "postscreen") SERVICE("smtpd", "pass", "smtpd") SERVICE("relay", "unix", "smtp"), NULL, ""},

	{"Postfix 2", "mail_version = 2.11.1\n", "", NULL, NULL, "too-old"},
	{"another name", "myhostname = mail.test\n", "", NULL, NULL, "myhostname"},
	{"a name in capitals", "myhostname = BACKUP.test\n", "", NULL, NULL, ""},
	{"loopback only", "inet_interfaces = loopback-only\n", "", NULL, NULL, "loopback-only"},
	{"localhost and its number", "inet_interfaces = localhost, 127.0.0.2 [::1]\n", "", NULL, NULL, "loopback-only"},
	{"an own address as well", "inet_interfaces = localhost, 192.0.2.7\n", "", NULL, NULL, ""},
	{"loopback in general, an address in master.cf", "inet_interfaces = loopback-only\n", "", SERVICE("192.0.2.7:25", "inet", "smtpd") SERVICE("relay", "unix", "smtp"), NULL, ""},
	{"no smtp in master.cf", "", "", SERVICE("submission", "inet", "smtpd") SERVICE("relay", "unix", "smtp"), NULL, "loopback-only"},
	{"the world in mynetworks", "mynetworks = 127.0.0.0/8 0.0.0.0/0\n", "", NULL, NULL, "wide-mynetworks"},
	{"the IPv6 world in mynetworks", "mynetworks = [::]/0\n", "", NULL, NULL, "wide-mynetworks"},
	{"a /7", "mynetworks = 10.0.0.0/7\n", "", NULL, NULL, "wide-mynetworks"},
	{"tables and exclusions in mynetworks", "mynetworks = cidr:/etc/x, !192.0.2.1, /etc/y\n", "", NULL, NULL, ""},
	{"XCLIENT for all", "smtpd_authorized_xclient_hosts = 0.0.0.0/0\n", "", NULL, NULL, "wide-xclient"},
	{"XFORWARD for all", "smtpd_authorized_xforward_hosts = ::/0\n", "", NULL, NULL, "wide-xclient"},

	{"no policyd", "smtpd_recipient_restrictions = reject_unauth_destination\n", "", NULL, NULL, "policy-missing"},
	{"another policy service", "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:private/policyd-spf\n", "", NULL, NULL, "policy-missing"},
	{"policyd behind a bare permit", "smtpd_recipient_restrictions = reject_unauth_destination, permit, " POLICY "\n", "", NULL, NULL, "policy-bypassed"},
	{"policyd behind a table", "smtpd_recipient_restrictions = reject_unauth_destination, check_client_access hash:/etc/postfix/friends, " POLICY "\n", "", NULL, NULL, "policy-bypassed"},
	{"policyd behind a whitelist", "smtpd_recipient_restrictions = reject_unauth_destination permit_dnswl_client list.test " POLICY "\n", "", NULL, NULL, "policy-bypassed"},
	{"policyd behind DNS lists", "smtpd_recipient_restrictions = reject_unauth_destination reject_rbl_client bl.test, reject_unknown_sender_domain " POLICY "\n", "", NULL, NULL, ""},
	{"policyd behind reject", "smtpd_recipient_restrictions = reject_unauth_destination, reject, " POLICY "\n", "", NULL, NULL, "policy-bypassed"},
	{"policyd with warn_if_reject", "smtpd_recipient_restrictions = reject_unauth_destination, warn_if_reject " POLICY "\n", "", NULL, NULL, "policy-warn-only"},
	{"a timeout that is too short", "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service { unix:backupmx/policyd.sock, timeout=5s }\n", "", NULL, NULL, "policy-timeout"},
	{"Postfix's own timeout", "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:backupmx/policyd.sock\n", "", NULL, NULL, "policy-patience"},
	{"DUNNO while policyd is away", "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service { unix:backupmx/policyd.sock, timeout=10s, default_action=DUNNO }\n", "", NULL, NULL, "policy-default-action"},
	{"550 while policyd is away", "smtpd_policy_service_default_action = 550 no\nsmtpd_recipient_restrictions = reject_unauth_destination, check_policy_service { unix:backupmx/policyd.sock, timeout=10s }\n", "", NULL, NULL, "policy-default-action"},
	{"a path out of the chroot", "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service { unix:/var/spool/postfix/backupmx/policyd.sock, timeout=10s }\n", "", NULL, NULL, "policy-socket"},
	{"restrictions of a service", "", "smtp/inet/smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination\n", NULL, NULL, "policy-override"},
	{"permit_mx_backup", "smtpd_relay_restrictions = permit_mynetworks, permit_mx_backup, reject_unauth_destination\n", "", NULL, NULL, "permit-mx-backup"},
	{"reject_unverified_recipient", "smtpd_recipient_restrictions = reject_unauth_destination, reject_unverified_recipient, " POLICY "\n", "", NULL, NULL, "double-verification"},
	{"no guard at all", "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = " POLICY "\n", "", NULL, NULL, "open-relay"},

	{"a milter before ours", "smtpd_milters = inet:127.0.0.1:8891, " MILTER "\n", "", NULL, NULL, "milter-order"},
	{"accept while the milter is away", "smtpd_milters = { unix:backupmx/milter.sock, default_action=accept }\n", "", NULL, NULL, "milter-default-action"},
	{"accept in general, tempfail for ours", "milter_default_action = accept\n", "", NULL, NULL, ""},
	{"too short a command", "smtpd_milters = { unix:backupmx/milter.sock, command_timeout=10s }\n", "", NULL, NULL, "milter-timeout"},
	{"too short an end", "milter_content_timeout = 30s\nsmtpd_milters = unix:backupmx/milter.sock\n", "", NULL, NULL, "milter-timeout"},
	{"an old protocol", "milter_protocol = 2\n", "", NULL, NULL, "milter-protocol"},
	{"a milter's path out of the chroot", "smtpd_milters = unix:/var/spool/postfix/backupmx/milter.sock\n", "", NULL, NULL, "milter-socket"},
	{"a service without milters", "", "smtp/inet/smtpd_milters =\n", NULL, NULL, "milter-override"},
	{"a service with no_milters", "", "smtp/inet/receive_override_options = no_header_body_checks, no_milters\n", NULL, NULL, "milter-override"},
	{"bounces that pass unseen", "non_smtpd_milters =\n", "", NULL, NULL, "bounce-guard-unwired"},
	{"bounces of no class", "internal_mail_filter_classes = notify\n", "", NULL, NULL, "bounce-class"},
	{"no bounce guard, no bounces", "non_smtpd_milters =\ninternal_mail_filter_classes =\n", "", NULL, "hostname = \"backup.test\"\nmilter { bounce_guard = \"off\" }\ndomain \"a.test\" {}\ndomain \"b.test\" {}\n", ""},
	{"short queue ids", "enable_long_queue_ids = no\n", "", NULL, NULL, "short-queue-ids"},
	{"a content filter", "content_filter = scan:[127.0.0.1]:10024\n", "", NULL, NULL, "content-filter"},

	{"no delayed refusals", "smtpd_delay_reject = no\n", "", NULL, NULL, "delay-reject"},
	{"soft_bounce", "soft_bounce = yes\n", "", NULL, NULL, "soft-bounce"},
	{"450 for unknown users", "unknown_local_recipient_reject_code = 450\n", "", NULL, NULL, "unknown-code"},
	{"VRFY", "disable_vrfy_command = no\n", "", NULL, NULL, "vrfy"},
	{"delivery reports", "smtpd_discard_ehlo_keywords = chunking\n", "", NULL, NULL, "dsn"},
	{"a table of recipients", "relay_recipient_maps = hash:/etc/postfix/relay\n", "", NULL, NULL, "relay-recipient-maps"},
	{"a queue of two days", "maximal_queue_lifetime = 2d\n", "", NULL, NULL, "queue-lifetime"},
	{"a queue of 5 (days)", "maximal_queue_lifetime = 5\n", "", NULL, NULL, ""},
	{"a queue in hours", "maximal_queue_lifetime = 119h\n", "", NULL, NULL, "queue-lifetime"},
	{"bounces tried once", "bounce_queue_lifetime = 0\n", "", NULL, NULL, "bounce-lifetime"},
	{"copies of bounces", "notify_classes = bounce, resource, software\n", "", NULL, NULL, "notify-classes"},
	{"postsrsd", "sender_canonical_maps = tcp:localhost:10001\n", "", NULL, NULL, "srs"},
	{"postsrsd 2", "sender_canonical_maps = socketmap:unix:srs:forward\n", "", NULL, NULL, "srs"},
	{"another sender_canonical_maps", "sender_canonical_maps = hash:/etc/postfix/canonical\n", "", NULL, NULL, ""},
	{"no XFORWARD", "smtp_send_xforward_command = no\n", "", NULL, NULL, "xforward"},
	{"XFORWARD by the relay service", "smtp_send_xforward_command = no\n", "relay/unix/smtp_send_xforward_command = yes\n", NULL, NULL, ""},
	{"no TLS", "smtp_tls_security_level =\n", "", NULL, NULL, "tls-off"},
	{"no TLS for the relay service", "", "relay/unix/smtp_tls_security_level = none\n", NULL, NULL, "tls-off"},
	{"no TLS wanted", "smtp_tls_security_level =\n", "", NULL, "hostname = \"backup.test\"\ndomain \"a.test\" { tls = \"none\" }\ndomain \"b.test\" { tls = \"none\" }\n", ""},
	{"less than encrypt", "", "", NULL, "hostname = \"backup.test\"\ndomain \"a.test\" { tls = \"encrypt\" }\ndomain \"b.test\" {}\n", "tls-weaker"},
	{"less than verify", "smtp_tls_security_level = encrypt\n", "", NULL, "hostname = \"backup.test\"\ndomain \"a.test\" { tls = \"verify\" }\ndomain \"b.test\" {}\n", "tls-weaker"},
	{"a policy table may say more", "smtp_tls_policy_maps = hash:/x\n", "", NULL, "hostname = \"backup.test\"\ndomain \"a.test\" { tls = \"verify\" }\ndomain \"b.test\" {}\n", ""},
	{"dane without DNSSEC", "smtp_tls_security_level = dane\n", "", NULL, NULL, "tls-dane"},
	{"dane as it should be", "smtp_tls_security_level = dane\nsmtp_dns_support_level = dnssec\n", "", NULL, "hostname = \"backup.test\"\ndomain \"a.test\" { tls = \"dane\" }\ndomain \"b.test\" {}\n", ""},
	{"a relay service that is not there", "relay_transport = smtp-slow:[mx.test]\n", "", NULL, NULL, "relay-service"},
	{"deferred mail", "defer_transports = relay\n", "", NULL, NULL, "deferred-transport"},
	{"a domain that policyd does not know", "relay_domains = a.test, b.test, c.test, hash:/x, /etc/y, !d.test, .e.test\n", "", NULL, NULL, "relay-domain-unserved"},
	{"the same with a section for all", "relay_domains = a.test, b.test, c.test\n", "", NULL, "hostname = \"backup.test\"\ndomain \"*\" {}\n", ""},
};
/* clang-format on */

/* Exactly the rows named are found, in whatever order they come. */
static void
expect(struct bmxctl_findings *findings, const char *want)
{
	char got[1024] = "";
	json_t *root = bmxctl_findings_json(findings);
	const json_t *all = json_object_get(root, "findings");

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *one = json_array_get(all, i);
		const char *row =
			json_string_value(json_object_get(one, "row"));

		if (strcmp(json_string_value(json_object_get(one, "severity")),
		           "good") == 0)
			continue;
		(void)strcat(got, got[0] != '\0' ? " " : "");
		(void)strcat(got, row + strlen("postfix."));
	}
	assert_string_equal(got, want);
	json_decref(root);
	bmxctl_findings_free(&findings);
}

struct bench {
	struct bmx_config *config;
	struct bmxctl_postconf *postconf;
	struct bmx_arena *arena;
	struct bmxctl_postfix_facts facts;
};

static struct bmx_config *
load(const char *text)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	char path[] = "/tmp/postfix_rows_test.XXXXXX";
	const int fd = mkstemp(path);
	struct bmx_config *config;
	struct bmx_error err;

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	(void)close(fd);
	config = bmx_config_load(path, problems, &err);
	(void)unlink(path);
	assert_non_null(config);
	bmx_config_problems_free(&problems);
	return config;
}

static void
start(struct bench *bench, const char *config, const char *settings,
      const char *services, const char *overrides)
{
	char *all = malloc(strlen(settings) + sizeof(good_settings));
	struct bmx_error err;

	/* The first line of a name is the one that is found. */
	(void)strcat(strcpy(all, settings), good_settings);
	bench->config = load(config ? config : good_config);
	bench->postconf = bmxctl_postconf_parse(
		&(const struct bmxctl_postconf_text){
			all, all, all, services ? services : GOOD_SERVICES,
			overrides},
		&err);
	assert_non_null(bench->postconf);
	free(all);
	bench->arena = bmx_arena_new((size_t)16 * 1024 * 1024);
	bench->facts = (struct bmxctl_postfix_facts){
		.config = bench->config,
		.postconf = bench->postconf,
		.arena = bench->arena,
		.running = true,
		.policy_trouble = "",
		.milter_trouble = "",
		.queue_known = true,
		.queue_octets = UINT64_C(1) << 36,
		.queue_inodes = 1000000,
		.inodes_known = true,
	};
}

static void
stop(struct bench *bench)
{
	bmx_arena_free(&bench->arena);
	bmxctl_postconf_free(&bench->postconf);
	bmx_config_unref(&bench->config);
}

static void
judge(const struct bench *bench, const char *want)
{
	struct bmxctl_findings *findings = bmxctl_findings_new();

	bmxctl_postfix_judge_settings(&bench->facts, findings);
	bmxctl_postfix_judge_policy(&bench->facts, findings);
	bmxctl_postfix_judge_milter(&bench->facts, findings);
	expect(findings, want);
}

static void
test_host(void **state)
{
	const struct host_case *tc = *state;
	struct bench bench;

	start(&bench, tc->config, tc->settings, tc->services, tc->overrides);
	judge(&bench, tc->want);
	stop(&bench);
}

static void
test_surroundings(void **state)
{
	struct bench bench;

	(void)state;
	start(&bench, NULL, "", NULL, "");
	bench.facts.running = false;
	judge(&bench, "not-running");
	bench.facts.running = true;
	bench.facts.policy_trouble = "no";
	judge(&bench, "policy-socket");
	bench.facts.policy_trouble = "";
	bench.facts.milter_trouble = "no";
	judge(&bench, "milter-socket");
	bench.facts.milter_trouble = "";
	bench.facts.queue_octets = 15000000;
	judge(&bench, "queue-full");
	bench.facts.queue_octets = 500000000;
	judge(&bench, "queue-room");
	bench.facts.queue_octets = UINT64_C(1) << 36;
	bench.facts.queue_inodes = 10;
	judge(&bench, "queue-room");
	bench.facts.inodes_known = false;
	judge(&bench, "");
	bench.facts.queue_octets = 0;
	bench.facts.queue_known = false;
	judge(&bench, "");
	stop(&bench);
	start(&bench, NULL, "smtpd_milters =\n", NULL, "");
	bench.facts.milter_answers = true;
	judge(&bench, "milter-missing");
	stop(&bench);
}

/*
 * A domain.
 */

struct domain_case {
	const char *name;
	const char *settings;
	const char *domain;
	const char *transport; /* what the tables say */
	const char *want;
};

/* clang-format off */
static struct domain_case domain_cases[] = {
	{"as MX records say", "", "a.test", "", ""},
	{"not relayed", "relay_domains = b.test\n", "a.test", "", "relay-domains"},
	{"not relayed, flush as relayed", "relay_domains = b.test\nfast_flush_domains = b.test\n", "a.test", "", "relay-domains"},
	{"relayed by its parent", "relay_domains = test\n", "a.test", "", ""},
	{"capitals", "relay_domains = A.TEST, b.test\n", "a.test", "", ""},
	{"in mydestination", "mydestination = localhost, a.test\n", "a.test", "", "local-domain"},
	{"in virtual_mailbox_domains", "virtual_mailbox_domains = a.test\n", "a.test", "", "local-domain"},
	{"in virtual_alias_domains", "virtual_alias_domains = a.test\n", "a.test", "", "local-domain"},
	{"a transport with a host", "", "a.test", "relay:[mx.a.test]", ""},
	{"a transport without", "", "a.test", "smtp:", ""},
	{"thrown away", "", "a.test", "discard:", "transport"},
	{"an error", "", "a.test", "error:5.1.1 gone", "transport"},
	{"delivered here", "", "a.test", "local:", "transport"},
	{"to ourselves by name", "", "a.test", "relay:[backup.test]", "mail-loop"},
	{"to ourselves with a port", "", "a.test", ":[backup.test]:25", "mail-loop"},
	{"to a filter of ours", "", "a.test", "relay:[127.0.0.1]:10024", ""},
	{"to localhost", "", "a.test", "relay:localhost", "mail-loop"},
	{"the host that is named", "", "b.test", "relay:[192.0.2.1]:25", ""},
	{"the same by another port", "", "b.test", "relay:[192.0.2.1]:2525", ""},
	{"the other that is named", "", "b.test", "relay:MX.b.test", ""},
	{"a host that is not named", "", "b.test", "relay:[192.0.2.9]", "other-host"},
	{"a relayhost", "relayhost = [smart.test]:587\n", "a.test", "", "other-host"},
	{"a relayhost that is the primary", "relayhost = [192.0.2.1]\n", "b.test", "", ""},
	{"a relayhost, with a transport", "relayhost = [smart.test]\n", "a.test", "relay:[mx.a.test]", ""},
	{"a relayhost that is us", "relayhost = backup.test\n", "a.test", "", "mail-loop"},
	{"relay_transport with a host", "relay_transport = relay:[mx.a.test]\nrelayhost = [smart.test]\n", "a.test", "", ""},
	{"no DNS", "smtp_dns_support_level = disabled\n", "a.test", "", "no-mx-lookup"},
	{"no DNS and a fixed host", "smtp_dns_support_level = disabled\n", "a.test", "relay:[192.0.2.1]", ""},
	{"not to be flushed", "fast_flush_domains = b.test\n", "a.test", "", "fast-flush"},
	{"flushed by a table", "fast_flush_domains = hash:/x\n", "a.test", "", ""},
	{"an odd transport", "", "a.test", "[", ""},
	{"another", "", "a.test", "relay:[", ""},
	{"and another", "", "a.test", ":", ""},
};
/* clang-format on */

static void
test_domain(void **state)
{
	const struct domain_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_postfix_domain_facts facts = {.transport = tc->transport};
	struct bench bench;

	start(&bench, NULL, tc->settings, NULL, "");
	facts.domain =
		bmx_config_find_domain(bench.config, bmx_slice_of(tc->domain));
	bmxctl_postfix_judge_domain(&bench.facts, &facts, findings);
	expect(findings, tc->want);
	stop(&bench);
}

static void
test_tables(void **state)
{
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_postfix_domain_facts facts = {.relayed_by_table = true,
	                                            .transport = ""};
	struct bench bench;

	(void)state;
	start(&bench, NULL, "relay_domains = hash:/x\n", NULL, "");
	facts.domain = &bench.config->domains[0];
	bmxctl_postfix_judge_domain(&bench.facts, &facts, findings);
	expect(findings, "");
	facts.local_by_table = "virtual_alias_domains";
	findings = bmxctl_findings_new();
	bmxctl_postfix_judge_domain(&bench.facts, &facts, findings);
	expect(findings, "local-domain");
	stop(&bench);
}

static void
test_table_of_rows(void **state)
{
	const struct bmxctl_rows rows = bmxctl_doctor_postfix_rows();

	(void)state;
	assert_int_equal(rows.count, BMXCTL_POSTFIX_ROWS);
	for (size_t i = 0; i < rows.count; i++) {
		assert_non_null(rows.items[i].name);
		assert_int_equal(strncmp(rows.items[i].name, "postfix.", 8), 0);
		assert_true(rows.items[i].severity != BMXCTL_GOOD);
		assert_true(strlen(rows.items[i].why) > 20);
		assert_true(strlen(rows.items[i].advice) > 10);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(rows.items[i].name,
			                        rows.items[j].name);
	}
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(host_cases) + COUNT(domain_cases) + 3] = {
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_table_of_rows)};
	size_t n = 3;

	for (size_t i = 0; i < COUNT(host_cases); i++)
		tests[n++] =
			(struct CMUnitTest){.name = host_cases[i].name,
		                            .test_func = test_host,
		                            .initial_state = &host_cases[i]};
	for (size_t i = 0; i < COUNT(domain_cases); i++)
		tests[n++] =
			(struct CMUnitTest){.name = domain_cases[i].name,
		                            .test_func = test_domain,
		                            .initial_state = &domain_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
