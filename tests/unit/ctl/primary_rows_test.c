/* What is said of a primary's hosts: one mistake, one row. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "ctl/doctor/primary_rows.h"
#include "tests/unit/ctl/rows_check.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define NOW_S INT64_C(1800000000)
#define DAY_S INT64_C(86400)

/* Changes a good host and good facts. */
typedef void spoil(struct bmxctl_primary_host *host,
                   struct bmxctl_primary_facts *facts);

struct host_case {
	const char *name;
	spoil *spoil;
	const char *want;
};

#define SPOIL(title)                                                           \
	static void title(struct bmxctl_primary_host *host,                    \
	                  struct bmxctl_primary_facts *facts)
#define BOTH (void)host, (void)facts

SPOIL(nothing)
{
	BOTH;
}

SPOIL(out_of_time)
{
	BOTH;
	host->tried = false;
}

SPOIL(dead)
{
	BOTH;
	host->reached = 0;
	(void)snprintf(host->unreached, sizeof(host->unreached), "192.0.2.1");
}

SPOIL(half_dead)
{
	BOTH;
	host->address_count = 2;
	(void)snprintf(host->unreached, sizeof(host->unreached), "192.0.2.2");
}

SPOIL(mute)
{
	BOTH;
	host->session = (struct bmxctl_session){.connected = true};
}

SPOIL(turns_away)
{
	BOTH;
	host->session.greeting.code = 554;
}

SPOIL(defers)
{
	BOTH;
	host->session.greeting.code = 421;
}

SPOIL(is_us)
{
	BOTH;
	(void)snprintf(host->session.greeting_name,
	               sizeof(host->session.greeting_name), "BACKUP.test");
}

SPOIL(slow)
{
	BOTH;
	host->session.slowest_ms = BMXCTL_SLOW_MS + 1;
}

SPOIL(slow_but_not_asked)
{
	slow(host, facts);
	facts->call_ahead = false;
}

SPOIL(just_not_slow)
{
	BOTH;
	host->session.slowest_ms = BMXCTL_SLOW_MS;
}

/* A session that got as far as EHLO in clear. */
static void
end_at_ehlo(struct bmxctl_session *session, int code)
{
	session->keywords = (struct bmx_smtp_keywords){0};
	session->ehlo_said.code = code;
	session->offers_starttls = false;
	session->tls = BMXCTL_TLS_UNTRIED;
	session->has_certificate = false;
}

SPOIL(no_ehlo)
{
	BOTH;
	end_at_ehlo(&host->session, 502);
	host->session.helo_only = true;
}

SPOIL(no_helo)
{
	BOTH;
	end_at_ehlo(&host->session, 550);
}

SPOIL(hangs_up_at_ehlo)
{
	BOTH;
	end_at_ehlo(&host->session, 0);
}

SPOIL(in_clear)
{
	BOTH;
	host->session.offers_starttls = false;
	host->session.tls = BMXCTL_TLS_UNTRIED;
	host->session.has_certificate = false;
}

SPOIL(in_clear_as_told)
{
	in_clear(host, facts);
	facts->tls = BMX_TLS_NONE;
}

SPOIL(in_clear_but_encrypt)
{
	in_clear(host, facts);
	facts->tls = BMX_TLS_ENCRYPT;
}

SPOIL(broken_tls)
{
	BOTH;
	host->session.tls = BMXCTL_TLS_FAILED;
	host->session.has_certificate = false;
}

SPOIL(broken_tls_but_verify)
{
	broken_tls(host, facts);
	facts->tls = BMX_TLS_VERIFY;
}

SPOIL(expired)
{
	BOTH;
	host->session.certificate.not_after_s = NOW_S;
}

SPOIL(expires)
{
	BOTH;
	host->session.certificate.not_after_s =
		NOW_S + BMXCTL_EXPIRY_DAYS * DAY_S - 1;
}

SPOIL(expires_later)
{
	BOTH;
	host->session.certificate.not_after_s =
		NOW_S + BMXCTL_EXPIRY_DAYS * DAY_S;
}

SPOIL(other_name)
{
	BOTH;
	host->names = BMXCTL_CHECK_BAD;
}

SPOIL(other_name_but_verify)
{
	BOTH;
	host->names = BMXCTL_CHECK_BAD;
	facts->tls = BMX_TLS_VERIFY;
}

SPOIL(dane)
{
	BOTH;
	host->tlsa = BMXCTL_TLSA_SIGNED;
	host->dane = BMXCTL_CHECK_GOOD;
}

SPOIL(dane_expired)
{
	dane(host, facts);
	expired(host, facts);
}

SPOIL(dane_alone)
{
	dane(host, facts);
	facts->backup_has_tlsa = false;
}

SPOIL(dane_mismatch)
{
	BOTH;
	host->tlsa = BMXCTL_TLSA_SIGNED;
	host->dane = BMXCTL_CHECK_BAD;
}

SPOIL(dane_unsigned)
{
	BOTH;
	host->tlsa = BMXCTL_TLSA_UNSIGNED;
}

SPOIL(dane_wanted)
{
	BOTH;
	facts->tls = BMX_TLS_DANE;
}

SPOIL(dane_wanted_unsigned)
{
	dane_unsigned(host, facts);
	facts->tls = BMX_TLS_DANE;
}

SPOIL(dane_without_anchor)
{
	BOTH;
	host->tlsa = BMXCTL_TLSA_UNKNOWN;
	facts->tls = BMX_TLS_DANE;
}

SPOIL(dane_not_answered)
{
	BOTH;
	host->tlsa = BMXCTL_TLSA_FAILED;
}

SPOIL(smaller)
{
	BOTH;
	facts->here_size = 10000001;
}

SPOIL(unlimited_here)
{
	BOTH;
	facts->here_size = 0;
}

SPOIL(larger)
{
	BOTH;
	facts->here_size = 9999999;
}

SPOIL(size_not_said)
{
	BOTH;
	host->session.keywords.has_size = false;
}

SPOIL(size_without_number)
{
	BOTH;
	host->session.keywords.size = 0;
}

SPOIL(no_postfix)
{
	BOTH;
	facts->here_size = -1;
	facts->here_smtputf8 = false;
}

SPOIL(other_setting)
{
	BOTH;
	facts->configured_size = 5000000;
}

SPOIL(no_smtputf8)
{
	BOTH;
	host->session.keywords.smtputf8 = false;
}

SPOIL(no_smtputf8_on_both)
{
	no_smtputf8(host, facts);
	facts->here_smtputf8 = false;
}

SPOIL(no_8bit)
{
	BOTH;
	host->session.keywords.eight_bit_mime = false;
}

SPOIL(breaks_off_later)
{
	BOTH;
	host->session.envelope.postmaster.code = 250;
	(void)snprintf(host->session.broken, sizeof(host->session.broken),
	               "closed");
}

SPOIL(breaks_off)
{
	BOTH;
	(void)snprintf(host->session.broken, sizeof(host->session.broken),
	               "closed");
}

/* clang-format off */
static struct host_case cases[] = {
	{"good", nothing, ""},
	{"not looked at", out_of_time, "primary.not-looked-at"},
	{"no connection", dead, "primary.unreachable"},
	{"no connection to one of two addresses", half_dead, "primary.address-unreachable"},
	{"says nothing", mute, "primary.session-broken"},
	{"greets with 554", turns_away, "primary.refuses-connection"},
	{"greets with 421", defers, "primary.refuses-connection"},
	{"greets as us", is_us, "primary.loop"},
	{"slow", slow, "primary.slow"},
	{"slow, and is not asked", slow_but_not_asked, ""},
	{"just not slow", just_not_slow, ""},
	{"EHLO unknown", no_ehlo, "primary.no-ehlo"},
	{"EHLO refused", no_helo, "primary.ehlo-refused"},
	{"closes at EHLO", hangs_up_at_ehlo, "primary.session-broken"},
	{"in clear", in_clear, "primary.no-starttls"},
	{"in clear, as it is told", in_clear_as_told, ""},
	{"in clear, where TLS is required", in_clear_but_encrypt, "primary.tls-required"},
	{"TLS fails", broken_tls, "primary.starttls-fails"},
	{"TLS fails, where it is required", broken_tls_but_verify, "primary.tls-required"},
	{"expired now", expired, "primary.certificate-expired"},
	{"expires within 14 days", expires, "primary.certificate-expires"},
	{"expires in 14 days", expires_later, ""},
	{"another name, and nobody checks", other_name, ""},
	{"another name, and we check", other_name_but_verify, "primary.certificate"},
	{"DANE", dane, ""},
	{"DANE with an expired certificate", dane_expired, ""},
	{"DANE at the primary alone", dane_alone, "primary.dane-backup"},
	{"DANE of another key", dane_mismatch, "primary.dane-mismatch"},
	{"DANE unsigned", dane_unsigned, "primary.dane-unsigned"},
	{"DANE wanted and not there", dane_wanted, "primary.dane-missing"},
	{"DANE wanted and unsigned", dane_wanted_unsigned, "primary.dane-missing"},
	{"DANE wanted without an anchor", dane_without_anchor, ""},
	{"DANE that DNS cannot tell", dane_not_answered, ""},
	{"SIZE is smaller", smaller, "primary.size-smaller"},
	{"SIZE here without limit", unlimited_here, "primary.size-smaller"},
	{"SIZE is larger", larger, "primary.size-larger"},
	{"SIZE not said", size_not_said, ""},
	{"SIZE without a number", size_without_number, ""},
	{"no Postfix here", no_postfix, ""},
	{"size is set otherwise", other_setting, "primary.size-setting"},
	{"no SMTPUTF8", no_smtputf8, "primary.no-smtputf8"},
	{"no SMTPUTF8 on both sides", no_smtputf8_on_both, ""},
	{"no 8BITMIME", no_8bit, "primary.no-8bitmime"},
	{"breaks off", breaks_off, "primary.session-broken"},
	{"closes when it has had enough", breaks_off_later, ""},
};
/* clang-format on */

static const struct bmxctl_host mx1 = {.name = "mx1.test", .port = 25};

static void
make_good(struct bmxctl_primary_host *host)
{
	struct bmxctl_session *session = &host->session;

	*host = (struct bmxctl_primary_host){
		.host = &mx1,
		.tried = true,
		.address_count = 1,
		.reached = 1,
		.address = "192.0.2.1",
		.names = BMXCTL_CHECK_GOOD,
	};
	session->connected = true;
	session->greeting.code = 220;
	(void)snprintf(session->greeting_name, sizeof(session->greeting_name),
	               "mx1.test");
	session->ehlo_said.code = 250;
	session->keywords = (struct bmx_smtp_keywords){.known = true,
	                                               .has_size = true,
	                                               .size = 10000000,
	                                               .smtputf8 = true,
	                                               .eight_bit_mime = true};
	session->offers_starttls = true;
	session->tls = BMXCTL_TLS_UP;
	session->has_certificate = true;
	session->certificate.not_after_s = NOW_S + 90 * DAY_S;
}

static const char *const our_names[] = {"other.test", "backup.test"};

static struct bmxctl_primary_facts
good_facts(const struct bmxctl_primary_host *host)
{
	return (struct bmxctl_primary_facts){
		.domain = "example.test",
		.our_names = our_names,
		.our_name_count = 2,
		.tls = BMX_TLS_MAY,
		.call_ahead = true,
		.here_size = 10000000,
		.here_smtputf8 = true,
		.now_s = NOW_S,
		.backup_has_tlsa = true,
		.hosts = host,
		.host_count = 1,
	};
}

static void
test_case(void **state)
{
	const struct host_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_primary_host host;
	struct bmxctl_primary_facts facts;

	make_good(&host);
	facts = good_facts(&host);
	tc->spoil(&host, &facts);
	bmxctl_primary_judge(&facts, findings);
	check_rows(findings, tc->want);
}

static void
test_no_host(void **state)
{
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_primary_facts facts = good_facts(NULL);

	(void)state;
	facts.host_count = 0;
	bmxctl_primary_judge(&facts, findings);
	check_rows(findings, "primary.no-host");
}

static void
test_left_out(void **state)
{
	struct bmxctl_findings *findings = bmxctl_findings_new();

	(void)state;
	bmxctl_primary_left_out("example.test", findings);
	check_rows(findings, "primary.not-looked-at");
}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(cases) + 2] = {
		[LENGTH(cases)] = cmocka_unit_test(test_no_host),
		cmocka_unit_test(test_left_out),
	};

	for (size_t i = 0; i < LENGTH(cases); i++)
		tests[i] = (struct CMUnitTest){cases[i].name, test_case, NULL,
		                               NULL, &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
