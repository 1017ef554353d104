#include "ctl/doctor/primary_tls.h"

#include <time.h>

#define DAY_S INT64_C(86400)

enum row {
	NO_STARTTLS,
	STARTTLS_FAILS,
	TLS_REQUIRED,
	EXPIRES,
	EXPIRED,
	CERTIFICATE,
	DANE_MISMATCH,
	DANE_UNSIGNED,
	DANE_MISSING,
	DANE_BACKUP,
	ROWS
};

#define R(row, name, severity, why, advice)                                    \
	[row] = {"primary." name, BMXCTL_##severity, why, advice}

/* clang-format off */
static const struct bmxctl_row rows[ROWS] = {
	R(NO_STARTTLS, "no-starttls", WARNING,
	  "Mail goes from here to the primary in clear.",
	  "Give the primary a certificate (Postfix: smtpd_tls_chain_files, smtpd_tls_security_level = may); if it has one, a firewall between takes STARTTLS out."),
	R(STARTTLS_FAILS, "starttls-fails", WARNING,
	  "The primary offers TLS and cannot do it: mail goes in clear after a failed try, or not at all.",
	  "Look at the certificate and the TLS versions of the primary, and at its log."),
	R(TLS_REQUIRED, "tls-required", ERROR,
	  "`tls` of the section asks for TLS that this primary does not do: it is never asked for recipients.",
	  "Mend TLS on the primary, or set tls = \"may\"."),
	R(EXPIRES, "certificate-expires", WARNING,
	  "Whoever checks certificates, and MTA-STS senders do, delivers nothing after that.",
	  "Renew the certificate on the primary, and look why that was not done by itself."),
	R(EXPIRED, "certificate-expired", WARNING,
	  "Whoever checks certificates, and MTA-STS senders do, delivers nothing.",
	  "Renew the certificate on the primary."),
	R(CERTIFICATE, "certificate", ERROR,
	  "tls = \"verify\" refuses this certificate: the primary is never asked for recipients.",
	  "Give the primary a certificate for its name, with the chain; or name its authority in `tls_ca_file`; or set tls = \"may\"."),
	R(DANE_MISMATCH, "dane-mismatch", ERROR,
	  "Whoever heeds DANE, Postfix here perhaps among them, delivers nothing to that host: mail stays queued.",
	  "Publish the TLSA record of the certificate in use; at a change of keys, the new record before the new key."),
	R(DANE_UNSIGNED, "dane-unsigned", WARNING,
	  "TLSA records that DNSSEC does not prove are heeded by nobody.",
	  "Sign the zone and have its DS record published, or remove the TLSA records."),
	R(DANE_MISSING, "dane-missing", ERROR,
	  "tls = \"dane\" needs signed TLSA records of this host: it is never asked for recipients.",
	  "Publish TLSA records in a signed zone, or set tls = \"may\" or \"verify\"."),
	R(DANE_BACKUP, "dane-backup", WARNING,
	  "The primary is protected by DANE and this host is not: an attacker who keeps senders off the primary gets them to deliver here without it.",
	  "Publish a TLSA record for this host's MX name too (3 1 1 of its certificate's key)."),
};
/* clang-format on */

struct bmxctl_rows
bmxctl_doctor_tls_rows(void)
{
	return (struct bmxctl_rows){rows, ROWS};
}

static bool
is_required(enum bmx_config_tls tls)
{
	return tls == BMX_TLS_ENCRYPT || tls == BMX_TLS_VERIFY ||
		tls == BMX_TLS_DANE;
}

/* Is TLS there, to say more of it? */
static bool
judge_starttls(const struct bmxctl_primary_facts *facts,
               const struct bmxctl_primary_host *host,
               struct bmxctl_findings *findings)
{
	const struct bmxctl_session *session = &host->session;
	const char *name = host->host->name;
	const bool required = is_required(facts->tls);

	if (!session->offers_starttls) {
		/* Without EHLO there is another row. */
		if (session->keywords.known &&
		    (required || facts->tls == BMX_TLS_MAY))
			bmxctl_found(
				findings,
				&rows[required ? TLS_REQUIRED : NO_STARTTLS],
				name, "does not offer STARTTLS");
		return false;
	}
	if (session->tls == BMXCTL_TLS_UP)
		return true;
	bmxctl_found(findings, &rows[required ? TLS_REQUIRED : STARTTLS_FAILS],
	             name, "offers STARTTLS, then: %s",
	             session->tls_error[0] != '\0' ? session->tls_error :
	                                             session->broken);
	return false;
}

static void
write_date(int64_t time_s, char out[16])
{
	const time_t time = (time_t)time_s;
	struct tm parts;

	if (!gmtime_r(&time, &parts) ||
	    strftime(out, 16, "%Y-%m-%d", &parts) == 0)
		out[0] = '\0';
}

static void
judge_expiry(const struct bmxctl_primary_facts *facts,
             const struct bmxctl_primary_host *host,
             struct bmxctl_findings *findings)
{
	const struct bmxctl_session *session = &host->session;
	const int64_t end_s = session->certificate.not_after_s;
	const char *name = host->host->name;
	char date[16];

	if (!session->has_certificate || end_s == 0)
		return;
	write_date(end_s, date);
	if (end_s <= facts->now_s)
		bmxctl_found(findings, &rows[EXPIRED], name,
		             "its certificate expired on %s", date);
	else if (end_s - facts->now_s < BMXCTL_EXPIRY_DAYS * DAY_S)
		bmxctl_found(findings, &rows[EXPIRES], name,
		             "its certificate expires in %lld days, on %s",
		             (long long)((end_s - facts->now_s) / DAY_S), date);
	else
		bmxctl_found_good(findings, rows[EXPIRES].name, name,
		                  "its certificate is good until %s", date);
}

/* Chain and name count where somebody checks them; for the others that is
 * said without blame. */
static void
judge_names(const struct bmxctl_primary_facts *facts,
            const struct bmxctl_primary_host *host,
            struct bmxctl_findings *findings)
{
	const char *name = host->host->name;

	switch (host->names) {
	case BMXCTL_CHECK_UNTRIED:
		break;
	case BMXCTL_CHECK_GOOD:
		bmxctl_found_good(findings, rows[CERTIFICATE].name, name,
		                  "its certificate is for this name and of a "
		                  "known authority");
		break;
	case BMXCTL_CHECK_BAD:
		if (facts->tls == BMX_TLS_VERIFY)
			bmxctl_found(findings, &rows[CERTIFICATE], name, "%s",
			             host->names_error);
		else
			bmxctl_found_good(findings, rows[CERTIFICATE].name,
			                  name, "%s, which nobody checks here",
			                  host->names_error);
		break;
	}
}

static void
judge_signed(const struct bmxctl_primary_facts *facts,
             const struct bmxctl_primary_host *host,
             struct bmxctl_findings *findings)
{
	const char *name = host->host->name;

	if (host->dane == BMXCTL_CHECK_BAD)
		bmxctl_found(findings, &rows[DANE_MISMATCH], name, "%s",
		             host->dane_error);
	if (host->dane != BMXCTL_CHECK_GOOD)
		return;
	bmxctl_found_good(findings, rows[DANE_MISMATCH].name, name,
	                  "a TLSA record matches its certificate");
	if (!facts->backup_has_tlsa)
		bmxctl_found(findings, &rows[DANE_BACKUP], facts->domain,
		             "%s has TLSA records, our MX name has none", name);
}

static void
judge_dane(const struct bmxctl_primary_facts *facts,
           const struct bmxctl_primary_host *host,
           struct bmxctl_findings *findings)
{
	const bool wanted = facts->tls == BMX_TLS_DANE;
	const char *name = host->host->name;

	switch (host->tlsa) {
	case BMXCTL_TLSA_NONE:
		if (wanted)
			bmxctl_found(findings, &rows[DANE_MISSING], name,
			             "has no TLSA record");
		break;
	case BMXCTL_TLSA_UNSIGNED:
		bmxctl_found(findings,
		             &rows[wanted ? DANE_MISSING : DANE_UNSIGNED], name,
		             "has TLSA records that are not signed");
		break;
	case BMXCTL_TLSA_FAILED:
		if (wanted)
			bmxctl_found(findings, &rows[DANE_MISSING], name,
			             "DNS does not answer about its TLSA "
			             "records");
		break;
	case BMXCTL_TLSA_UNKNOWN:
		break;
	case BMXCTL_TLSA_SIGNED:
		judge_signed(facts, host, findings);
		break;
	}
}

void
bmxctl_primary_judge_tls(const struct bmxctl_primary_facts *facts,
                         const struct bmxctl_primary_host *host,
                         struct bmxctl_findings *findings)
{
	judge_dane(facts, host, findings);
	if (!judge_starttls(facts, host, findings))
		return;
	judge_names(facts, host, findings);
	/* DANE takes a key for what it is, whatever the dates say. */
	if (host->dane != BMXCTL_CHECK_GOOD)
		judge_expiry(facts, host, findings);
}
