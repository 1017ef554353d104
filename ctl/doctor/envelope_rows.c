#include "ctl/doctor/envelope_rows.h"

#include <stddef.h>

enum row {
	NULL_SENDER,
	POSTMASTER,
	ACCEPT_ALL,
	UNKNOWN_UNCLEAR,
	GREYLISTS,
	RATE_LIMITS,
	BLOCKLISTS,
	SPF_APPLIES,
	NOT_ITS_DOMAIN,
	DEFERS,
	REFUSES,
	ROWS
};

#define R(row, name, severity, why, advice)                                    \
	[row] = {"primary." name, BMXCTL_##severity, why, advice}

#define TRUST                                                                  \
	"/usr/share/doc/backupmx/postfix-examples/primary-trust shows how "    \
	"for Postfix, rspamd and "                                             \
	"SpamAssassin."

/* clang-format off */
static const struct bmxctl_row rows[ROWS] = {
	R(NULL_SENDER, "null-sender-refused", WARNING,
	  "Bounces and receipts have the sender <>, and have to be taken (RFC 5321 section 4.5.5); recipients can then be asked for under a substitute sender only.",
	  "Let the primary take MAIL FROM:<>, at least from this host."),
	R(POSTMASTER, "postmaster-refused", WARNING,
	  "The backup takes mail to postmaster of every domain, as RFC 5321 asks; this primary refuses it, so that it ends in a bounce. Call-ahead also trusts an unclear refusal only where postmaster is accepted.",
	  "Have an alias postmaster at the domain, on the primary."),
	R(ACCEPT_ALL, "accept-all", WARNING,
	  "Where every local part is accepted at RCPT, asking the primary cannot tell who exists: the backup takes everything and the primary's later refusals become bounces.",
	  "Give the backup a list: `recipients` in the section; or let the primary refuse unknown recipients at RCPT."),
	R(UNKNOWN_UNCLEAR, "unknown-unclear", WARNING,
	  "Call-ahead learns that a mailbox does not exist from 5.1.1 and its like alone; from this answer it learns nothing, and unknown recipients are deferred for ever.",
	  "Let the primary answer 550 5.1.1 for unknown recipients, or give the backup a list: `recipients`."),
	R(GREYLISTS, "greylisted", WARNING,
	  "The backup's mail waits at the primary a second time, and recipients cannot be asked for.",
	  "Exempt this host's addresses from greylisting on the primary. " TRUST),
	R(RATE_LIMITS, "rate-limited", WARNING,
	  "After an outage the backup brings the mail of hours at once; a limit made for strangers holds it back for days.",
	  "Exempt this host's addresses on the primary (Postfix: smtpd_client_event_limit_exceptions). " TRUST),
	R(BLOCKLISTS, "blocklisted", ERROR,
	  "What the backup hands on is refused for who it is, and bounces.",
	  "Have this host taken off the list, and exempt its addresses from DNS lists on the primary. " TRUST),
	R(SPF_APPLIES, "spf-not-exempt", ERROR,
	  "The backup hands on other people's mail: their SPF never names it. The primary refuses all mail of senders with -all that comes this way.",
	  "Exempt this host's addresses from SPF on the primary, which then relies on the Received-SPF of the backup. " TRUST),
	R(NOT_ITS_DOMAIN, "not-its-domain", ERROR,
	  "That host does not take the domain's mail: what is queued for it here bounces.",
	  "Is `primary` right, and does the primary have the domain among its own?"),
	R(DEFERS, "defers-us", WARNING,
	  "While it defers, nothing can be handed on, and recipients cannot be asked for.",
	  "The primary's own log says why; exempt this host's addresses there. " TRUST),
	R(REFUSES, "refuses-us", ERROR,
	  "What the backup hands on is refused, and bounces.",
	  "The primary's own log says why; exempt this host's addresses there. " TRUST),
};
/* clang-format on */

struct bmxctl_rows
bmxctl_doctor_envelope_rows(void)
{
	return (struct bmxctl_rows){rows, ROWS};
}

/* The row of a refusal that is about us, whatever was asked. */
static const struct bmxctl_row *
row_about_us(enum bmxctl_meaning meaning)
{
	switch (meaning) {
	case BMXCTL_MEANS_GREYLIST:
		return &rows[GREYLISTS];
	case BMXCTL_MEANS_RATE:
		return &rows[RATE_LIMITS];
	case BMXCTL_MEANS_BLOCKLIST:
		return &rows[BLOCKLISTS];
	case BMXCTL_MEANS_SPF:
		return &rows[SPF_APPLIES];
	case BMXCTL_MEANS_RELAY:
		return &rows[NOT_ITS_DOMAIN];
	case BMXCTL_MEANS_NOTHING:
	case BMXCTL_MEANS_YES:
	case BMXCTL_MEANS_UNKNOWN:
	case BMXCTL_MEANS_LATER:
	case BMXCTL_MEANS_NO:
	case BMXCTL_MEANINGS:
		break;
	}
	return NULL;
}

static void
found(const struct bmxctl_envelope_facts *facts, const struct bmxctl_row *row,
      const char *command, const struct bmxctl_said *said,
      struct bmxctl_findings *findings)
{
	if (said->enhanced[0] != 0)
		bmxctl_found(findings, row, facts->host,
		             "answers %d %d.%d.%d %s to %s", said->code,
		             said->enhanced[0], said->enhanced[1],
		             said->enhanced[2], said->text, command);
	else
		bmxctl_found(findings, row, facts->host, "answers %d %s to %s",
		             said->code, said->text, command);
}

/* A refusal that a sender of ours does not get is about <>. */
static bool
is_about_sender(const struct bmxctl_envelope *envelope)
{
	return bmxctl_meaning_of(&envelope->postmaster_again) ==
		BMXCTL_MEANS_YES;
}

/* Of a refusal of <>, at MAIL or at RCPT. */
static void
judge_sender(const struct bmxctl_envelope_facts *facts,
             const struct bmxctl_said *said, struct bmxctl_findings *findings)
{
	const bool mail = said == &facts->envelope->null_sender;
	const enum bmxctl_meaning meaning = bmxctl_meaning_of(said);
	const struct bmxctl_row *row = row_about_us(meaning);

	if (!row && (mail || is_about_sender(facts->envelope)))
		row = &rows[NULL_SENDER];
	if (!row && meaning == BMXCTL_MEANS_UNKNOWN)
		row = &rows[POSTMASTER];
	if (!row)
		row = &rows[meaning == BMXCTL_MEANS_LATER ? DEFERS : REFUSES];
	found(facts, row, mail ? "MAIL FROM:<>" : "RCPT of postmaster, from <>",
	      said, findings);
}

/* Is it worth going on? */
static bool
judge_postmaster(const struct bmxctl_envelope_facts *facts,
                 struct bmxctl_findings *findings)
{
	const struct bmxctl_envelope *envelope = facts->envelope;
	const bool at_mail =
		bmxctl_meaning_of(&envelope->null_sender) != BMXCTL_MEANS_YES;
	const struct bmxctl_said *said =
		at_mail ? &envelope->null_sender : &envelope->postmaster;
	const enum bmxctl_meaning meaning = bmxctl_meaning_of(said);

	if (meaning == BMXCTL_MEANS_NOTHING)
		return false;
	if (meaning == BMXCTL_MEANS_YES) {
		bmxctl_found_good(findings, rows[POSTMASTER].name, facts->host,
		                  "accepts <> and postmaster@%s from us",
		                  facts->domain);
		return true;
	}
	judge_sender(facts, said, findings);
	return meaning == BMXCTL_MEANS_UNKNOWN || is_about_sender(envelope);
}

/* 252 is "cannot say": only a plain yes is one. */
static bool
is_yes(const struct bmxctl_said *said)
{
	return said->code == 250 || said->code == 251;
}

static void
judge_nobody(const struct bmxctl_envelope_facts *facts,
             struct bmxctl_findings *findings)
{
	const struct bmxctl_said *said = &facts->envelope->nobody;
	const enum bmxctl_meaning meaning = bmxctl_meaning_of(said);
	const struct bmxctl_row *row = row_about_us(meaning);

	if (meaning == BMXCTL_MEANS_NOTHING)
		return;
	if (meaning == BMXCTL_MEANS_UNKNOWN) {
		bmxctl_found_good(findings, rows[ACCEPT_ALL].name, facts->host,
		                  "refuses an unknown recipient of %s: %d %s",
		                  facts->domain, said->code, said->text);
		return;
	}
	if (facts->has_list || !facts->call_ahead)
		bmxctl_found_good(findings, rows[ACCEPT_ALL].name, facts->host,
		                  "answers %d to an unknown recipient; %s",
		                  said->code,
		                  facts->has_list ? "the list decides" :
		                                    "it is never asked");
	else if (is_yes(said))
		found(facts, &rows[ACCEPT_ALL], "RCPT of a made-up recipient",
		      said, findings);
	else if (row && row != &rows[NOT_ITS_DOMAIN])
		found(facts, row, "RCPT of a made-up recipient", said,
		      findings);
	else
		found(facts, &rows[UNKNOWN_UNCLEAR],
		      "RCPT of a made-up recipient", said, findings);
}

/* Of a sender whose SPF fails here, and who is refused where <> is not. */
static void
judge_spf(const struct bmxctl_envelope_facts *facts,
          struct bmxctl_findings *findings)
{
	const struct bmxctl_envelope *envelope = facts->envelope;
	const bool mail = envelope->spf_rcpt.code == 0;
	const struct bmxctl_said *said =
		mail ? &envelope->spf_sender : &envelope->spf_rcpt;

	switch (bmxctl_meaning_of(said)) {
	case BMXCTL_MEANS_NOTHING:
		break;
	case BMXCTL_MEANS_SPF:
		found(facts, &rows[SPF_APPLIES],
		      mail ? "a sender whose SPF fails" :
		             "RCPT of postmaster, from a sender whose SPF "
		             "fails",
		      said, findings);
		break;
	case BMXCTL_MEANS_YES:
		bmxctl_found_good(findings, rows[SPF_APPLIES].name, facts->host,
		                  "accepts %s at RCPT, whose SPF fails here; "
		                  "what is checked after DATA is not seen",
		                  facts->spf_sender);
		break;
	case BMXCTL_MEANS_UNKNOWN:
	case BMXCTL_MEANS_GREYLIST:
	case BMXCTL_MEANS_RATE:
	case BMXCTL_MEANS_BLOCKLIST:
	case BMXCTL_MEANS_RELAY:
	case BMXCTL_MEANS_LATER:
	case BMXCTL_MEANS_NO:
	case BMXCTL_MEANINGS:
		/* It may be the sender's domain that displeases. */
		bmxctl_found_good(findings, rows[SPF_APPLIES].name, facts->host,
		                  "cannot be told: %d %s to the sender %s",
		                  said->code, said->text, facts->spf_sender);
		break;
	}
}

void
bmxctl_envelope_judge(const struct bmxctl_envelope_facts *facts,
                      struct bmxctl_findings *findings)
{
	if (!facts->envelope->tried || !judge_postmaster(facts, findings))
		return;
	judge_nobody(facts, findings);
	judge_spf(facts, findings);
}
