#include "ctl/doctor/sts_rows.h"

enum row {
	RECORD,
	UNAVAILABLE,
	MALFORMED,
	NOT_US,
	OTHER_MX,
	TESTING,
	CERTIFICATE,
	ROWS
};

#define R(row, name, severity, why, advice)                                    \
	[row] = {"primary.sts-" name, BMXCTL_##severity, why, advice}

/* clang-format off */
static const struct bmxctl_row rows[ROWS] = {
	R(RECORD, "record", WARNING,
	  "Senders take a domain whose MTA-STS record is not exactly one, with an id, for one without a policy.",
	  "Publish one TXT record at _mta-sts: \"v=STSv1; id=20260101T000000\"."),
	R(UNAVAILABLE, "unavailable", WARNING,
	  "The record promises an MTA-STS policy that senders cannot get: they go by an old copy of it, or by none.",
	  "Serve the policy at that address with a certificate for the name, or remove the TXT record at _mta-sts."),
	R(MALFORMED, "malformed", WARNING,
	  "Senders drop an MTA-STS policy that they cannot read.",
	  "Correct the file at /.well-known/mta-sts.txt (RFC 8461 section 3.2)."),
	R(NOT_US, "not-us", ERROR,
	  "The MTA-STS policy says enforce and does not name this host: senders that heed it never deliver here, so that there is no backup for them.",
	  "Add a line `mx:` with this host's MX name to the policy, and change the id in the TXT record."),
	R(OTHER_MX, "other-mx", ERROR,
	  "The MTA-STS policy says enforce and does not name that MX host: senders that heed it never deliver there.",
	  "Add a line `mx:` with that name to the policy, and change the id in the TXT record."),
	R(TESTING, "testing", WARNING,
	  "The MTA-STS policy does not name every MX host; when it is changed from testing to enforce, mail to that host is refused by its senders.",
	  "Add a line `mx:` with that name to the policy, and change the id in the TXT record."),
	R(CERTIFICATE, "certificate", ERROR,
	  "The MTA-STS policy says enforce: senders that heed it deliver only over TLS with a valid certificate for the MX name.",
	  "Give that host a certificate of a public authority for its MX name (Postfix: smtpd_tls_chain_files), and let it offer STARTTLS."),
};
/* clang-format on */

struct bmxctl_rows
bmxctl_doctor_sts_rows(void)
{
	return (struct bmxctl_rows){rows, ROWS};
}

/* Is there a policy to go by? */
static bool
judge_publication(const struct bmxctl_sts_facts *facts,
                  struct bmxctl_findings *findings)
{
	if (facts->record_count == 0)
		return false;
	if (facts->record_count > 1)
		bmxctl_found(findings, &rows[RECORD], facts->domain,
		             "there are %zu MTA-STS records",
		             facts->record_count);
	else if (!facts->has_id)
		bmxctl_found(findings, &rows[RECORD], facts->domain,
		             "its MTA-STS record has no id of 1 to 32 letters "
		             "and digits");
	if (facts->fetch_error[0] != '\0') {
		bmxctl_found(findings, &rows[UNAVAILABLE], facts->domain,
		             "https://mta-sts.%s/.well-known/mta-sts.txt: %s",
		             facts->domain, facts->fetch_error);
		return false;
	}
	if (facts->parse_error[0] != '\0') {
		bmxctl_found(findings, &rows[MALFORMED], facts->domain,
		             "its MTA-STS policy cannot be read: %s",
		             facts->parse_error);
		return false;
	}
	return facts->policy->mode != BMXCTL_STS_NONE;
}

static bool
judge_name(const struct bmxctl_sts_facts *facts,
           const struct bmxctl_sts_host *host, struct bmxctl_findings *findings)
{
	const struct bmxctl_row *row = &rows[host->ours ? NOT_US : OTHER_MX];

	if (bmxctl_sts_matches(facts->policy, host->name))
		return true;
	if (facts->policy->mode == BMXCTL_STS_TESTING)
		row = &rows[TESTING];
	bmxctl_found(findings, row, facts->domain,
	             "no line `mx:` of its policy names %s", host->name);
	return false;
}

static void
judge_proof(const struct bmxctl_sts_facts *facts,
            const struct bmxctl_sts_host *host,
            struct bmxctl_findings *findings)
{
	if (host->proof == BMXCTL_STS_UNPROVEN &&
	    facts->policy->mode == BMXCTL_STS_ENFORCE)
		bmxctl_found(findings, &rows[CERTIFICATE], host->name, "%s",
		             host->error);
}

void
bmxctl_sts_judge(const struct bmxctl_sts_facts *facts,
                 struct bmxctl_findings *findings)
{
	bool all = true;

	if (!judge_publication(facts, findings))
		return;
	for (size_t i = 0; i < facts->host_count; i++) {
		all = judge_name(facts, &facts->hosts[i], findings) && all;
		judge_proof(facts, &facts->hosts[i], findings);
	}
	if (all)
		bmxctl_found_good(findings, rows[NOT_US].name, facts->domain,
		                  "its MTA-STS policy (%s) names all MX hosts",
		                  facts->policy->mode == BMXCTL_STS_ENFORCE ?
		                          "enforce" :
		                          "testing");
}
