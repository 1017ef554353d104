/* What main.cf needs, for the main.cf's that one meets. */
#include <tests/support/cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/postfix/wanted.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WANTS 6
#define TEXT_MAX 65536

#define SOCKET "unix:backupmx/policyd.sock"
#define ACTION                                                                 \
	"{ default_action = DEFER_IF_PERMIT 4.3.0 Temporary recipient lookup " \
	"failure }"
#define POLICY "check_policy_service { " SOCKET ", timeout=10s, " ACTION " }"
#define MILTER_SETTINGS                                                        \
	"connect_timeout=3s, command_timeout=25s, content_timeout=70s, "       \
	"default_action=tempfail }"
#define MILTER "{ unix:backupmx/milter.sock, " MILTER_SETTINGS
#define RCPT "smtpd_recipient_restrictions"
#define RELAY "smtpd_relay_restrictions"

/* Of Postfix 3.7. */
static const char *const defaults[][2] = {
	{"bounce_queue_lifetime", "5d"},
	{"bounce_size_limit", "50000"},
	{"compatibility_level", "3.6"},
	{"content_filter", ""},
	{"disable_vrfy_command", "no"},
	{"enable_long_queue_ids", "no"},
	{"internal_mail_filter_classes", ""},
	{"mail_version", "3.7.11"},
	{"maximal_queue_lifetime", "5d"},
	{"milter_command_timeout", "30s"},
	{"milter_content_timeout", "300s"},
	{"milter_default_action", "tempfail"},
	{"milter_protocol", "6"},
	{"mydestination", "backup.example.test, localhost"},
	{"non_smtpd_milters", ""},
	{"parent_domain_matches_subdomains", "mynetworks,relay_domains"},
	{"queue_directory", "/var/spool/postfix"},
	{"receive_override_options", ""},
	{"relay_domains", "${{$compatibility_level} <level {2} ? {x} : {}}"},
	{"relay_recipient_maps", ""},
	{"smtp_enforce_tls", "no"},
	{"smtp_send_xforward_command", "no"},
	{"smtp_tls_security_level", ""},
	{"smtp_use_tls", "no"},
	{"smtpd_client_restrictions", ""},
	{"smtpd_delay_reject", "yes"},
	{"smtpd_discard_ehlo_keywords", ""},
	{"smtpd_helo_restrictions", ""},
	{"smtpd_milters", ""},
	{"smtpd_policy_service_default_action",
         "451 4.3.5 Server configuration problem"},
	{"smtpd_policy_service_timeout", "100s"},
	{RCPT, ""},
	{RELAY,
         "permit_mynetworks, permit_sasl_authenticated, "
         "defer_unauth_destination"},
	{"smtpd_sender_restrictions", ""},
	{"soft_bounce", "no"},
	{"virtual_alias_domains", ""},
	{"virtual_mailbox_domains", ""},
};

/* A master.cf service is "NAME TYPE CHROOT COMMAND"; below it "-o NAME=VALUE".
 * A value of main.cf that is "$NAME" as a whole word is expanded. */
struct wanted_case {
	const char *name;
	const char *main_cf; /* lines "NAME = VALUE" */
	const char *master_cf;
	struct {
		const char *name;
		const char *value; /* NULL: it is to be left */
	} wants[WANTS];
	const char *note; /* part of a note; NULL: there is none */
	bool no_milter, inet, guard_off, any, outside, by_table, no_tls;
};

#define SMTP "smtp inet y smtpd\n"
#define SUBMISSION "submission inet y smtpd\n"
#define NOT(name)                                                              \
	{                                                                      \
		name, NULL                                                     \
	}

/* clang-format off */
static struct wanted_case cases[] = {
	{"an empty main.cf", "", SMTP,
	 {{"relay_domains", "example.test"}, {RCPT, POLICY}, {"smtpd_milters", MILTER},
	  {"non_smtpd_milters", MILTER}, {"internal_mail_filter_classes", "bounce"},
	  {"enable_long_queue_ids", "yes"}}, .note = NULL},
	{"an empty main.cf, the plain settings", "", SMTP,
	 {{"disable_vrfy_command", "yes"}, {"smtpd_discard_ehlo_keywords", "silent-discard, dsn"},
	  {"maximal_queue_lifetime", "10d"}, {"bounce_queue_lifetime", "1d"},
	  {"smtp_tls_security_level", "may"}, {"smtp_send_xforward_command", "yes"}}, .note = NULL},
	{"defaults that are good stay", "", SMTP,
	 {NOT("smtpd_delay_reject"), NOT("soft_bounce"), NOT("milter_protocol"), NOT(RELAY),
	  NOT("relay_recipient_maps"), NOT("milter_default_action")}, .note = NULL},
	{"Debian's default", "myhostname = backup.example.test\n"
	 RELAY " = permit_mynetworks permit_sasl_authenticated defer_unauth_destination\n"
	 "mydestination = $myhostname, localhost\nsmtp_tls_security_level = may\n", SMTP,
	 {{RCPT, POLICY}, NOT("smtp_tls_security_level"), NOT("mydestination")}, .note = NULL},
	{"without the milter", "", SMTP,
	 {NOT("smtpd_milters"), NOT("non_smtpd_milters"), NOT("internal_mail_filter_classes"),
	  NOT("enable_long_queue_ids"), NOT("bounce_size_limit"), {RCPT, POLICY}}, .no_milter = true},
	{"without the bounce guard", "", SMTP,
	 {{"smtpd_milters", MILTER}, NOT("non_smtpd_milters"), NOT("internal_mail_filter_classes"),
	  NOT("enable_long_queue_ids"), NOT("bounce_size_limit")}, .guard_off = true},
	{"behind reject_unauth_destination", RCPT " = permit_mynetworks, reject_unauth_destination\n", SMTP,
	 {{RCPT, "permit_mynetworks, reject_unauth_destination, " POLICY}}, .note = NULL},
	{"before greylisting", RCPT " = permit_mynetworks permit_sasl_authenticated\n"
	 , SMTP, {{RCPT, "permit_mynetworks, permit_sasl_authenticated, " POLICY}}, .note = NULL},
	{"before postgrey", RCPT " = permit_mynetworks, reject_unauth_destination, check_policy_service inet:127.0.0.1:10023\n", SMTP,
	 {{RCPT, "permit_mynetworks, reject_unauth_destination, " POLICY ", check_policy_service inet:127.0.0.1:10023"}}, .note = NULL},
	{"before an allow list, even one before reject_unauth_destination",
	 RCPT " = permit_mynetworks, check_client_access hash:/etc/postfix/allow, reject_unauth_destination, reject_rbl_client zen.test\n", SMTP,
	 {{RCPT, "permit_mynetworks, " POLICY ", check_client_access hash:/etc/postfix/allow, reject_unauth_destination, reject_rbl_client zen.test"}}, .note = NULL},
	{"before permit_auth_destination", RCPT " = permit_mynetworks, permit_auth_destination, reject\n", SMTP,
	 {{RCPT, "permit_mynetworks, " POLICY ", permit_auth_destination, reject"}}, .note = NULL},
	{"before permit_dnswl_client", RCPT " = reject_unknown_sender_domain, permit_dnswl_client list.test, reject_rbl_client zen.test\n", SMTP,
	 {{RCPT, "reject_unknown_sender_domain, " POLICY ", permit_dnswl_client list.test, reject_rbl_client zen.test"}}, .note = NULL},
	{"before a final reject", RCPT " = permit_mynetworks, reject\n", SMTP,
	 {{RCPT, "permit_mynetworks, " POLICY ", reject"}}, .note = NULL},
	{"a list of rejections only: at its end", RCPT " = reject_non_fqdn_recipient, reject_rbl_client zen.test\n", SMTP,
	 {{RCPT, "reject_non_fqdn_recipient, reject_rbl_client zen.test, " POLICY}}, .note = NULL},
	{"warn_if_reject stays with its restriction", RCPT " = warn_if_reject reject_rbl_client zen.test, reject_unauth_destination, permit\n", SMTP,
	 {{RCPT, "warn_if_reject reject_rbl_client zen.test, reject_unauth_destination, " POLICY ", permit"}}, .note = NULL},
	{"a warned reject_unauth_destination guards nothing", RCPT " = warn_if_reject reject_unauth_destination, reject_rbl_client zen.test, permit\n", SMTP,
	 {{RCPT, "warn_if_reject reject_unauth_destination, reject_rbl_client zen.test, " POLICY ", permit"}}, .note = NULL},
	{"a list that ends too early", RCPT " = reject_unknown_sender_domain, reject_rbl_client\n", SMTP,
	 {{RCPT, "reject_unknown_sender_domain, " POLICY ", reject_rbl_client"}}, .note = NULL},
	{"upper case", RCPT " = PERMIT_MYNETWORKS, Reject_Unauth_Destination, Permit\n", SMTP,
	 {{RCPT, "PERMIT_MYNETWORKS, Reject_Unauth_Destination, " POLICY ", Permit"}}, .note = NULL},
	{"a restriction class may permit", "smtpd_restriction_classes = mine\nmine = permit\n" RCPT " = mine, reject_unauth_destination\n", SMTP,
	 {{RCPT, POLICY ", mine, reject_unauth_destination"}}, .note = NULL},
	{"a table alone may permit", RCPT " = hash:/etc/postfix/access, reject_unauth_destination\n", SMTP,
	 {{RCPT, POLICY ", hash:/etc/postfix/access, reject_unauth_destination"}}, .note = NULL},
	{"a parameter that trusts and guards", "common = permit_mynetworks, reject_unauth_destination\n" RCPT " = $common, permit\n", SMTP,
	 {{RCPT, "$common, " POLICY ", permit"}}, .note = NULL},
	{"a parameter that permits", "common = check_client_access hash:/a\n" RCPT " = $common, reject_unauth_destination\n", SMTP,
	 {{RCPT, POLICY ", $common, reject_unauth_destination"}}, .note = NULL},
	{"a parameter that is not there", RCPT " = reject_non_fqdn_recipient, $nothing\n", SMTP,
	 {{RCPT, "reject_non_fqdn_recipient, $nothing, " POLICY}}, .note = NULL},
	{"neither list guards the relay: one is made", RELAY " =\n" RCPT " =\n", SMTP,
	 {{RCPT, "permit_mynetworks, reject_unauth_destination, " POLICY}}, .note = NULL},
	{"neither list guards the relay, one has something", RELAY " =\n" RCPT " = permit_mynetworks\n", SMTP,
	 {{RCPT, "permit_mynetworks, reject_unauth_destination, " POLICY}}, .note = NULL},
	{"an old list that guards itself", RELAY " =\n" RCPT " = permit_mynetworks, reject_unauth_destination\n", SMTP,
	 {{RCPT, "permit_mynetworks, reject_unauth_destination, " POLICY}, NOT(RELAY)}, .note = NULL},
	{"wired", RCPT " = permit_mynetworks, reject_unauth_destination, " POLICY "\n", SMTP, {NOT(RCPT)}, .note = NULL},
	{"wired, a rejection before it", RCPT " = reject_unauth_destination, reject_rbl_client zen.test, " POLICY ", permit\n", SMTP, {NOT(RCPT)}, .note = NULL},
	{"wired in smtpd_relay_restrictions", RELAY " = permit_mynetworks, reject_unauth_destination, " POLICY "\n", SMTP, {NOT(RCPT), NOT(RELAY)}, .note = NULL},
	{"wired by inet", RCPT " = reject_unauth_destination, check_policy_service { inet:127.0.0.1:9516, timeout=10s }\n", SMTP, {NOT(RCPT)}, .inet = true},
	{"wired by inet, another name of this host", RCPT " = reject_unauth_destination, check_policy_service { inet:localhost:9516, timeout=10s }\n", SMTP, {NOT(RCPT)}, .inet = true},
	{"another port is another service", RCPT " = reject_unauth_destination, check_policy_service inet:127.0.0.1:9999\n", SMTP,
	 {{RCPT, "reject_unauth_destination, check_policy_service { inet:127.0.0.1:9516, timeout=10s, " ACTION " }, check_policy_service inet:127.0.0.1:9999"}}, .inet = true},
	{"wired by the path in the chroot", RCPT " = reject_unauth_destination, check_policy_service { unix:/backupmx/policyd.sock, timeout=8s }\n", SMTP, {NOT(RCPT)}, .note = NULL},
	{"wired by the whole path", RCPT " = reject_unauth_destination, check_policy_service { unix:/var/spool/postfix/backupmx/policyd.sock, timeout=8s }\n", "smtp inet n smtpd\n", {NOT(RCPT)}, .note = NULL},
	{"wired through a parameter", "ours = " POLICY "\n" RCPT " = reject_unauth_destination, $ours\n", SMTP, {NOT(RCPT)}, .note = NULL},
	{"wired, waits for minutes", RCPT " = reject_unauth_destination, check_policy_service " SOCKET "\n", SMTP,
	 {{RCPT, "reject_unauth_destination, check_policy_service { " SOCKET ", timeout=10s }"}}, .note = NULL},
	{"wired, a good time for all services", "smtpd_policy_service_timeout = 20s\n" RCPT " = reject_unauth_destination, check_policy_service " SOCKET "\n", SMTP, {NOT(RCPT)}, .note = NULL},
	{"wired, gives up before policyd does", RCPT " = reject_unauth_destination, check_policy_service { " SOCKET ", timeout=5, try_limit=1 }\n", SMTP,
	 {{RCPT, "reject_unauth_destination, check_policy_service { " SOCKET ", try_limit=1, timeout=10s }"}}, .note = NULL},
	{"wired, lets all in while policyd is away", RCPT " = reject_unauth_destination, check_policy_service { " SOCKET ", timeout=10s, default_action=DUNNO }\n", SMTP,
	 {{RCPT, "reject_unauth_destination, check_policy_service { " SOCKET ", timeout=10s, " ACTION " }"}}, .note = NULL},
	{"wired, refuses while policyd is away", "smtpd_policy_service_default_action = REJECT\n" RCPT " = reject_unauth_destination, check_policy_service { " SOCKET ", timeout=10s }\n", SMTP,
	 {{RCPT, "reject_unauth_destination, check_policy_service { " SOCKET ", timeout=10s, " ACTION " }"}}, .note = NULL},
	{"wired behind what permits: moved", RCPT " = permit_mynetworks, check_recipient_access hash:/a, reject_unauth_destination, check_policy_service " SOCKET ", permit\n", SMTP,
	 {{RCPT, "permit_mynetworks, " POLICY ", check_recipient_access hash:/a, reject_unauth_destination, permit"}}, .note = NULL},
	{"wired behind the end: moved", RCPT " = reject_unauth_destination, reject, check_policy_service " SOCKET "\n", SMTP,
	 {{RCPT, "reject_unauth_destination, " POLICY ", reject"}}, .note = NULL},
	{"wired as a warning", RCPT " = reject_unauth_destination, warn_if_reject " POLICY "\n", SMTP,
	 {{RCPT, "reject_unauth_destination, " POLICY}}, .note = NULL},
	{"a socket that Postfix cannot reach", "", SMTP, {NOT(RCPT)}, .note = "chroot", .outside = true},
	{"a socket outside without a chroot", "", "smtp inet n smtpd\n",
	 {{RCPT, "check_policy_service { unix:/run/backupmx/policyd.sock, timeout=10s, " ACTION " }"}}, .outside = true},
	{"before other milters", "smtpd_milters = inet:127.0.0.1:11332, unix:opendkim/opendkim.sock\n", SMTP,
	 {{"smtpd_milters", MILTER ", inet:127.0.0.1:11332, unix:opendkim/opendkim.sock"}}, .note = NULL},
	{"non_smtpd_milters follows smtpd_milters", "smtpd_milters = inet:127.0.0.1:11332\nnon_smtpd_milters = $smtpd_milters\n", SMTP,
	 {{"smtpd_milters", MILTER ", inet:127.0.0.1:11332"}, NOT("non_smtpd_milters")}, .note = NULL},
	{"non_smtpd_milters of its own", "non_smtpd_milters = inet:127.0.0.1:8891\n", SMTP,
	 {{"non_smtpd_milters", MILTER ", inet:127.0.0.1:8891"}}, .note = NULL},
	{"milter wired, bare", "smtpd_milters = unix:backupmx/milter.sock, inet:127.0.0.1:11332\n", SMTP, {NOT("smtpd_milters")}, .note = NULL},
	{"milter wired, behind others", "smtpd_milters = inet:127.0.0.1:1, inet:127.0.0.1:2, unix:backupmx/milter.sock, inet:127.0.0.1:3\n", SMTP,
	 {{"smtpd_milters", "unix:backupmx/milter.sock, inet:127.0.0.1:1, inet:127.0.0.1:2, inet:127.0.0.1:3"}}, .note = NULL},
	{"milter wired for bounces, behind others", "non_smtpd_milters = inet:127.0.0.1:1, unix:backupmx/milter.sock\n", SMTP, {NOT("non_smtpd_milters")}, .note = NULL},
	{"milter wired, lets mail pass unseen", "milter_default_action = accept\nsmtpd_milters = unix:backupmx/milter.sock\n", SMTP,
	 {{"smtpd_milters", "{ unix:backupmx/milter.sock, default_action=tempfail }"}, NOT("milter_default_action")}, .note = NULL},
	{"milter wired, too impatient", "smtpd_milters = { unix:backupmx/milter.sock, command_timeout=5s, content_timeout=60s }\n", SMTP,
	 {{"smtpd_milters", "{ unix:backupmx/milter.sock, content_timeout=60s, command_timeout=25s }"}}, .note = NULL},
	{"an old milter protocol", "milter_protocol = 2\n", SMTP, {{"milter_protocol", "6"}}, .note = NULL},
	{"filter classes are added to", "internal_mail_filter_classes = notify\n", SMTP, {{"internal_mail_filter_classes", "notify, bounce"}}, .note = NULL},
	{"keywords are added to", "smtpd_discard_ehlo_keywords = chunking, silent-discard\n", SMTP, {{"smtpd_discard_ehlo_keywords", "chunking, silent-discard, dsn"}}, .note = NULL},
	{"judged before RCPT", "smtpd_delay_reject = no\nsoft_bounce = yes\n", SMTP, {{"smtpd_delay_reject", "yes"}, {"soft_bounce", "no"}}, .note = NULL},
	{"a lifetime of one's own", "maximal_queue_lifetime = 30d\nbounce_queue_lifetime = 2d\nbounce_size_limit = 1\n", SMTP,
	 {NOT("maximal_queue_lifetime"), NOT("bounce_queue_lifetime"), NOT("bounce_size_limit")}, .note = NULL},
	{"a lifetime that is short", "maximal_queue_lifetime = 1d\n", SMTP, {{"maximal_queue_lifetime", "10d"}}, .note = NULL},
	{"a lifetime of five days in hours", "maximal_queue_lifetime = 120h\n", SMTP, {NOT("maximal_queue_lifetime")}, .note = NULL},
	{"TLS by the old name", "smtp_use_tls = yes\n", SMTP, {NOT("smtp_tls_security_level")}, .note = NULL},
	{"TLS switched off by the administrator", "smtp_tls_security_level =\n", SMTP, {NOT("smtp_tls_security_level")}, .note = NULL},
	{"TLS that no domain asks for", "", SMTP, {NOT("smtp_tls_security_level")}, .no_tls = true},
	{"other relay domains stay", "relay_domains = a.test b.test\n", SMTP, {{"relay_domains", "a.test, b.test, example.test"}}, .note = NULL},
	{"a relay domain in another case", "relay_domains = EXAMPLE.test\n", SMTP, {NOT("relay_domains")}, .note = NULL},
	{"a parent is a relay domain", "relay_domains = test\n", SMTP, {NOT("relay_domains")}, .note = NULL},
	{"a parent holds nothing below it", "parent_domain_matches_subdomains =\nrelay_domains = test\n", SMTP, {{"relay_domains", "test, example.test"}}, .note = NULL},
	{"a dot holds what is below", "parent_domain_matches_subdomains =\nrelay_domains = .test\n", SMTP, {NOT("relay_domains")}, .note = NULL},
	{"the end of a name is no parent", "relay_domains = ample.test\n", SMTP, {{"relay_domains", "ample.test, example.test"}}, .note = NULL},
	{"relay domains in a table", "relay_domains = hash:/etc/postfix/relay\n", SMTP, {NOT("relay_domains")}, .by_table = true},
	{"a table without the domain", "relay_domains = hash:/etc/postfix/relay\n", SMTP, {{"relay_domains", "hash:/etc/postfix/relay, example.test"}}, .note = NULL},
	{"relay domains through a parameter", "mine = example.test\nrelay_domains = $mine\n", SMTP, {NOT("relay_domains")}, .note = NULL},
	{"a domain that is delivered here", "mydestination = localhost, example.test\n", SMTP, {NOT("relay_domains")}, .note = "example.test is in it"},
	{"a domain that is a virtual one", "virtual_mailbox_domains = example.test\n", SMTP, {NOT("relay_domains")}, .note = "example.test is in it"},
	{"the section for every domain", "", SMTP, {NOT("relay_domains")}, .note = "section \"*\"", .any = true},
	{"postscreen", "", "smtp inet y postscreen\nsmtpd pass y smtpd\n", {{RCPT, POLICY}}, .note = NULL},
	{"submission that is closed to strangers", "", SMTP SUBMISSION "-o " RCPT "=permit_sasl_authenticated,reject\n-o smtpd_milters=\n", {{RCPT, POLICY}}, .note = NULL},
	{"a public service with restrictions of its own", "", SMTP "-o " RCPT "=permit_mynetworks,reject_unauth_destination\n", {{RCPT, POLICY}}, .note = "replaces the list of main.cf"},
	{"a public service that is wired by itself", "", SMTP "-o " RCPT "=reject_unauth_destination," POLICY "\n", {{RCPT, POLICY}}, .note = NULL},
	{"a public service without milters", "", SMTP "-o smtpd_milters=\n", {{"smtpd_milters", MILTER}}, .note = "replaces the milters"},
	{"a public service with no_milters", "", SMTP "-o receive_override_options=no_milters\n", {{"smtpd_milters", MILTER}}, .note = "does not see"},
	{"postscreen's smtpd with restrictions of its own", "", "smtp inet y postscreen\nsmtpd pass y smtpd\n-o " RCPT "=permit\n", {{RCPT, POLICY}}, .note = "replaces the list"},
	{"amavis behind, its way back without milters", "content_filter = amavis:[127.0.0.1]:10024\n", SMTP "127.0.0.1:10025 inet y smtpd\n-o smtpd_milters=\n-o content_filter=\n", {{RCPT, POLICY}}, .note = "another queue id"},
	{"a filter's way back through the milter", "", SMTP "127.0.0.1:10025 inet y smtpd\n-o content_filter=\n", {{RCPT, POLICY}}, .note = "trusted client"},
	{"permit_mx_backup", RELAY " = permit_mynetworks, permit_mx_backup, reject_unauth_destination\n", SMTP, {{RCPT, POLICY}}, .note = "permit_mx_backup relays"},
	{"a table of recipients beside policyd", "relay_recipient_maps = hash:/etc/postfix/users\n", SMTP, {NOT("relay_recipient_maps")}, .note = "is refused whatever policyd"},
};
/* clang-format on */

struct texts {
	char all[TEXT_MAX], expanded[TEXT_MAX], set[TEXT_MAX];
	char services[TEXT_MAX], overrides[TEXT_MAX];
};

static void
append(char *text, const char *name, const char *value)
{
	const size_t len = strlen(text);

	(void)snprintf(text + len, TEXT_MAX - len, "%s =%s%s\n", name,
	               value[0] ? " " : "", value);
}

/* The value of a line "NAME = VALUE" in text, of malloc, or NULL. */
static char *
value_of(const char *text, const char *name)
{
	const size_t len = strlen(name);

	for (; *text; text += strcspn(text, "\n") + 1) {
		const char *value = text + len + 2;

		if (strncmp(text, name, len) != 0 ||
		    strncmp(text + len, " =", 2) != 0)
			continue;
		value += *value == ' ';
		return strndup(value, strcspn(value, "\n"));
	}
	return NULL;
}

/* As postconf -x, one level, for words "$NAME". */
static void
append_expanded(struct texts *texts, const char *name, const char *value)
{
	char out[TEXT_MAX] = "";

	while (*value) {
		const size_t blank = strspn(value, ", ");
		const size_t word = strcspn(value + blank, ", ");
		const size_t len = strlen(out);
		char *macro = NULL, *text = NULL;

		if (value[blank] == '$' && value[blank + 1] != '{') {
			macro = strndup(value + blank + 1, word - 1);
			text = value_of(texts->all, macro);
		}
		(void)snprintf(out + len, sizeof(out) - len, "%.*s%.*s",
		               (int)blank, value,
		               text          ? (int)strlen(text) :
		                       macro ? 0 :
		                               (int)word,
		               text ? text : value + blank);
		free(macro);
		free(text);
		value += blank + word;
	}
	append(texts->expanded, name, strncmp(out, "${", 2) == 0 ? "" : out);
}

static void
make_main(struct texts *texts, const char *main_cf)
{
	const char *line;

	(void)snprintf(texts->set, TEXT_MAX, "%s", main_cf);
	(void)snprintf(texts->all, TEXT_MAX, "%s", main_cf);
	for (size_t i = 0; i < COUNT(defaults); i++) {
		char *own = value_of(main_cf, defaults[i][0]);

		if (!own)
			append(texts->all, defaults[i][0], defaults[i][1]);
		free(own);
	}
	for (line = texts->all; *line; line += strcspn(line, "\n") + 1) {
		char *name = strndup(line, strcspn(line, " "));
		char *value = value_of(line, name);

		append_expanded(texts, name, value);
		free(name);
		free(value);
	}
}

static void
make_service(struct texts *texts, const char *service, const char *type,
             const char *chroot, const char *command)
{
	const char *const fields[][2] = {{"service", service},
	                                 {"type", type},
	                                 {"chroot", chroot},
	                                 {"command", command}};

	for (size_t i = 0; i < COUNT(fields); i++) {
		char name[128];

		(void)snprintf(name, sizeof(name), "%s/%s/%s", service, type,
		               fields[i][0]);
		append(texts->services, name, fields[i][1]);
	}
}

static void
make_master(struct texts *texts, const char *master_cf)
{
	char service[64] = "", type[64] = "", chroot[8], command[64];

	for (; *master_cf; master_cf += strcspn(master_cf, "\n") + 1) {
		char name[256], parameter[100];
		char *value;

		if (strncmp(master_cf, "-o ", 3) != 0) {
			assert_int_equal(sscanf(master_cf, "%63s %63s %7s %63s",
			                        service, type, chroot, command),
			                 4);
			make_service(texts, service, type, chroot, command);
			continue;
		}
		assert_int_equal(sscanf(master_cf + 3, "%99[^=]", parameter),
		                 1);
		(void)snprintf(name, sizeof(name), "%s/%s/%s", service, type,
		               parameter);
		value = strndup(strchr(master_cf, '=') + 1,
		                strcspn(strchr(master_cf, '=') + 1, "\n"));
		append(texts->overrides, name, value);
		free(value);
	}
}

static struct bmxctl_postconf *
make_postconf(const struct wanted_case *tc)
{
	struct texts *texts = calloc(1, sizeof(*texts));
	struct bmxctl_postconf_text text;
	struct bmxctl_postconf *postconf;
	struct bmx_error err;

	assert_non_null(texts);
	make_main(texts, tc->main_cf);
	make_master(texts, tc->master_cf);
	text = (struct bmxctl_postconf_text){texts->all, texts->expanded,
	                                     texts->set, texts->services,
	                                     texts->overrides};
	postconf = bmxctl_postconf_parse(&text, &err);
	if (!postconf)
		fail_msg("%s", err.text);
	free(texts);
	return postconf;
}

static struct bmx_endpoint
make_socket(const struct wanted_case *tc, const char *name)
{
	struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_UNIX};

	if (tc->inet)
		return (struct bmx_endpoint){.kind = BMX_ENDPOINT_INET,
		                             .host = "127.0.0.1",
		                             .port = 9516};
	(void)snprintf(endpoint.path, sizeof(endpoint.path), "%s/%s.sock",
	               tc->outside ? "/run/backupmx" :
	                             "/var/spool/postfix/backupmx",
	               name);
	return endpoint;
}

static struct bmxctl_wanted_list *
find(const struct wanted_case *tc)
{
	const struct bmx_config_domain domain = {
		.name = tc->any ? "*" : "example.test",
		.tls = tc->no_tls ? BMX_TLS_NONE : BMX_TLS_MAY};
	const struct bmx_endpoint policyd = make_socket(tc, "policyd");
	const struct bmx_config config = {
		.policyd = {.listen = &policyd,
	                    .listen_count = 1,
	                    .deadline_ms = 5000},
		.milter = {.listen = make_socket(tc, "milter"),
	                   .bounce_guard = tc->guard_off ?
	                           BMX_BOUNCE_GUARD_OFF :
	                           BMX_BOUNCE_GUARD_QUARANTINE},
		.domains = &domain,
		.domain_count = 1,
	};
	struct bmxctl_postconf *postconf = make_postconf(tc);
	const struct bmxctl_wiring wiring = {&config, postconf, tc->no_milter,
	                                     &tc->by_table};
	struct bmx_error err;
	struct bmxctl_wanted_list *list = bmxctl_wanted_find(&wiring, &err);

	bmxctl_postconf_free(&postconf);
	if (!list)
		fail_msg("%s", err.text);
	return list;
}

static void
check_notes(const struct bmxctl_wanted_list *list, const char *part)
{
	bool found = false;

	for (size_t i = 0; i < bmxctl_wanted_note_count(list); i++) {
		const struct bmxctl_wiring_note *note =
			bmxctl_wanted_note(list, i);

		if (!part)
			fail_msg("note: %s: %s", note->subject, note->text);
		found = found || strstr(note->text, part);
	}
	if (part && !found)
		fail_msg("no note says \"%s\"", part);
}

static void
test_wanted(void **state)
{
	const struct wanted_case *tc = *state;
	struct bmxctl_wanted_list *list = find(tc);

	for (size_t i = 0; i < WANTS && tc->wants[i].name; i++) {
		const struct bmxctl_wanted *wanted =
			bmxctl_wanted_find_name(list, tc->wants[i].name);

		if (tc->wants[i].value && !wanted)
			fail_msg("%s is not wanted", tc->wants[i].name);
		if (!tc->wants[i].value && wanted)
			fail_msg("%s is wanted: %s", wanted->name,
			         wanted->value);
		if (wanted) {
			assert_string_equal(wanted->value, tc->wants[i].value);
			assert_true(wanted->why[0] != '\0');
		}
	}
	check_notes(list, tc->note);
	bmxctl_wanted_free(&list);
	assert_null(list);
}

/* What was wanted is put into main.cf: then nothing is wanted any more. */
static void
test_twice(void **state)
{
	struct wanted_case again = *(const struct wanted_case *)*state;
	struct bmxctl_wanted_list *list = find(&again);
	char main_cf[TEXT_MAX] = "";

	for (size_t i = 0; i < bmxctl_wanted_count(list); i++)
		append(main_cf, bmxctl_wanted_get(list, i)->name,
		       bmxctl_wanted_get(list, i)->value);
	for (const char *line = again.main_cf; *line;
	     line += strcspn(line, "\n") + 1) {
		char *name = strndup(line, strcspn(line, " "));
		char *value = value_of(line, name);

		if (!bmxctl_wanted_find_name(list, name))
			append(main_cf, name, value);
		free(name);
		free(value);
	}
	bmxctl_wanted_free(&list);
	again.main_cf = main_cf;
	list = find(&again);
	for (size_t i = 0; i < bmxctl_wanted_count(list); i++)
		fail_msg("still wanted: %s = %s",
		         bmxctl_wanted_get(list, i)->name,
		         bmxctl_wanted_get(list, i)->value);
	bmxctl_wanted_free(&list);
}

static void
expect_error(const char *main_cf, enum bmx_error_code code)
{
	const struct wanted_case tc = {.main_cf = main_cf, .master_cf = SMTP};
	const struct bmx_config config = {.hostname = "backup.example.test"};
	struct bmxctl_postconf *postconf = make_postconf(&tc);
	const struct bmxctl_wiring wiring = {.config = &config,
	                                     .postconf = postconf};
	struct bmx_error err = {.code = BMX_E_NONE};

	assert_null(bmxctl_wanted_find(&wiring, &err));
	assert_int_equal(err.code, code);
	bmxctl_postconf_free(&postconf);
}

static void
test_old_postfix(void **state)
{
	(void)state;
	expect_error("mail_version = 2.11.0\n", BMX_E_RANGE);
}

static void
test_braces(void **state)
{
	(void)state;
	expect_error("smtpd_discard_ehlo_keywords = { dsn\n", BMX_E_SYNTAX);
	expect_error("relay_domains = a.test }\n", BMX_E_SYNTAX);
}

int
main(void)
{
	struct CMUnitTest tests[2 * COUNT(cases) + 2] = {0};
	size_t count = 0;

	for (size_t i = 0; i < COUNT(cases); i++) {
		tests[count++] =
			(struct CMUnitTest){.name = cases[i].name,
		                            .test_func = test_wanted,
		                            .initial_state = &cases[i]};
		tests[count++] =
			(struct CMUnitTest){.name = cases[i].name,
		                            .test_func = test_twice,
		                            .initial_state = &cases[i]};
	}
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_old_postfix);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_braces);
	return _cmocka_run_group_tests("wanted", tests, count, NULL, NULL);
}
