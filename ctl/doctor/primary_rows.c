#include "ctl/doctor/primary_rows.h"

#include <string.h>

#include "ctl/doctor/primary_tls.h"

enum row {
	NOBODY,
	UNREACHABLE,
	ADDRESS_UNREACHABLE,
	LEFT_OUT,
	LOOP,
	TURNED_AWAY,
	BROKEN,
	SLOW,
	EHLO_REFUSED,
	NO_EHLO,
	SIZE_SMALLER,
	SIZE_LARGER,
	SIZE_SETTING,
	NO_SMTPUTF8,
	NO_8BITMIME,
	ROWS
};

#define R(row, name, severity, why, advice)                                    \
	[row] = {"primary." name, BMXCTL_##severity, why, advice}

/* clang-format off */
static const struct bmxctl_row rows[ROWS] = {
	R(NOBODY, "no-host", ERROR,
	  "There is no host to which mail could be handed on, and none that could be asked for recipients.",
	  "Mend what is said of the MX set, or name the primary in the section: primary = {\"mx1.example.test\"}."),
	R(UNREACHABLE, "unreachable", ERROR,
	  "Mail waits in the queue here, and nothing else about the primary can be checked.",
	  "If the primary is not just down: does its firewall let this host in at that port, and does our provider let port 25 out?"),
	R(ADDRESS_UNREACHABLE, "address-unreachable", WARNING,
	  "Each delivery first tries the dead address; senders that try no second one give up.",
	  "Let the mail server listen on that address too, open the firewall for it, or take it out of DNS."),
	R(LEFT_OUT, "not-looked-at", WARNING,
	  "The hosts before it took all the time there was; nothing is known of it.",
	  "Run this again when they answer, or for that domain alone."),
	R(LOOP, "loop", ERROR,
	  "The host that is to be the primary says that it is us: mail would be handed to ourselves.",
	  "Correct the address in DNS or in `primary`; behind NAT, make sure that the way to the primary does not lead back here."),
	R(TURNED_AWAY, "refuses-connection", ERROR,
	  "The primary does not talk to us at all: what is queued stays queued.",
	  "The primary's own log says why. Exempt this host's addresses from its block lists and connection limits; /usr/share/doc/backupmx/postfix-examples/primary-trust shows how."),
	R(BROKEN, "session-broken", ERROR,
	  "A session that ends too early hands on no mail: what is queued stays queued.",
	  "Look at the primary's log, and at firewalls between that inspect SMTP."),
	R(SLOW, "slow", WARNING,
	  "Call-ahead waits 3 s for a reply: recipients that are asked for are deferred.",
	  "Exempt this host from delays (greet pause, tarpit, DNS checks) on the primary, or give the backup a list: `recipients`."),
	R(EHLO_REFUSED, "ehlo-refused", ERROR,
	  "The primary does not take our HELO name: what is queued stays queued, or bounces.",
	  "Give `hostname`, and myhostname of Postfix, a name with address and reverse record; or exempt this host on the primary."),
	R(NO_EHLO, "no-ehlo", WARNING,
	  "Without EHLO there is neither TLS nor a size that is known beforehand.",
	  "A firewall between may be rewriting SMTP (Cisco fixup): switch that off."),
	R(SIZE_SMALLER, "size-smaller", WARNING,
	  "The backup takes messages that the primary will refuse; they end in a bounce.",
	  "postconf -e message_size_limit=LIMIT with what the primary takes, or raise the primary's."),
	R(SIZE_LARGER, "size-larger", WARNING,
	  "The backup refuses messages for good that the primary would take.",
	  "postconf -e message_size_limit=LIMIT with what the primary takes."),
	R(SIZE_SETTING, "size-setting", WARNING,
	  "The section's `size` and what the primary says differ: what is between is refused wrongly, or bounces.",
	  "Set `size` to what the primary takes, or remove it: while the primary is up its own word is used."),
	R(NO_SMTPUTF8, "no-smtputf8", WARNING,
	  "The backup offers SMTPUTF8: it takes messages with non-ASCII addresses that the primary cannot be given, and they bounce.",
	  "postconf -e smtpd_discard_ehlo_keywords=smtputf8 here, or switch it on at the primary."),
	R(NO_8BITMIME, "no-8bitmime", WARNING,
	  "Messages in 8 bits are recoded on the way to the primary, which breaks their DKIM signatures.",
	  "Switch 8BITMIME on at the primary; if it has it, a firewall between takes it out."),
};
/* clang-format on */

struct bmxctl_rows
bmxctl_doctor_primary_rows(void)
{
	return (struct bmxctl_rows){rows, ROWS};
}

static bool
is_our_name(const struct bmxctl_primary_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->our_name_count; i++)
		if (name[0] != '\0' &&
		    bmx_slice_equal_nocase(bmx_slice_of(name),
		                           bmx_slice_of(facts->our_names[i])))
			return true;
	return false;
}

/* Is there a session to go by? */
static bool
judge_reach(const struct bmxctl_primary_host *host,
            struct bmxctl_findings *findings)
{
	const char *name = host->host->name;

	if (!host->tried) {
		bmxctl_found(findings, &rows[LEFT_OUT], name,
		             "not looked at: the time was up");
		return false;
	}
	if (host->reached == 0) {
		bmxctl_found(findings, &rows[UNREACHABLE], name,
		             "no connection to port %u of %s%s: %s",
		             (unsigned)host->host->port, host->unreached,
		             host->address_count > 1 ? " and its other "
		                                       "addresses" :
		                                       "",
		             host->unreached_why);
		return false;
	}
	if (host->unreached[0] != '\0')
		bmxctl_found(findings, &rows[ADDRESS_UNREACHABLE], name,
		             "no connection to port %u of %s: %s",
		             (unsigned)host->host->port, host->unreached,
		             host->unreached_why);
	else
		bmxctl_found_good(findings, rows[UNREACHABLE].name, name,
		                  "accepts connections at port %u",
		                  (unsigned)host->host->port);
	return true;
}

static bool
judge_greeting(const struct bmxctl_primary_facts *facts,
               const struct bmxctl_primary_host *host,
               struct bmxctl_findings *findings)
{
	const struct bmxctl_session *session = &host->session;
	const char *name = host->host->name;

	if (session->greeting.code == 0) {
		bmxctl_found(findings, &rows[BROKEN], name,
		             "no greeting at %s: %s", host->address,
		             session->broken);
		return false;
	}
	if (session->greeting.code >= 300) {
		bmxctl_found(findings, &rows[TURNED_AWAY], name,
		             "greets us with %d %s", session->greeting.code,
		             session->greeting.text);
		return false;
	}
	if (is_our_name(facts, session->greeting_name)) {
		bmxctl_found(findings, &rows[LOOP], name,
		             "%s greets as %s, which is this host's name",
		             host->address, session->greeting_name);
		return false;
	}
	return true;
}

static bool
judge_ehlo(const struct bmxctl_primary_host *host,
           struct bmxctl_findings *findings)
{
	const struct bmxctl_session *session = &host->session;
	const char *name = host->host->name;

	if (session->ehlo_said.code == 0) {
		bmxctl_found(findings, &rows[BROKEN], name,
		             "no answer to EHLO: %s", session->broken);
		return false;
	}
	if (session->keywords.known)
		return true;
	if (session->helo_only)
		bmxctl_found(findings, &rows[NO_EHLO], name,
		             "answers %d %s to EHLO, and takes HELO",
		             session->ehlo_said.code, session->ehlo_said.text);
	else if (session->tls != BMXCTL_TLS_UP)
		bmxctl_found(findings, &rows[EHLO_REFUSED], name,
		             "answers %d %s to EHLO", session->ehlo_said.code,
		             session->ehlo_said.text);
	else
		bmxctl_found(findings, &rows[BROKEN], name,
		             "no second EHLO under TLS: %s", session->broken);
	return false;
}

/* Is a limit more than another? 0 is none at all. */
static bool
is_more(int64_t limit, int64_t than)
{
	return than != 0 && (limit == 0 || limit > than);
}

static void
judge_size(const struct bmxctl_primary_facts *facts,
           const struct bmxctl_primary_host *host,
           struct bmxctl_findings *findings)
{
	const struct bmx_smtp_keywords *keywords = &host->session.keywords;
	const long long there = (long long)keywords->size;

	if (!keywords->has_size)
		return;
	if (facts->here_size >= 0 && is_more(facts->here_size, there))
		bmxctl_found(findings, &rows[SIZE_SMALLER], host->host->name,
		             "takes %lld octets, message_size_limit here is "
		             "%lld",
		             there, (long long)facts->here_size);
	/* Of a size without a number nothing is known: 0 may be any limit. */
	else if (facts->here_size > 0 && there > facts->here_size)
		bmxctl_found(findings, &rows[SIZE_LARGER], host->host->name,
		             "takes %lld octets, message_size_limit here is "
		             "%lld",
		             there, (long long)facts->here_size);
	else if (facts->here_size >= 0 && there > 0)
		bmxctl_found_good(findings, rows[SIZE_SMALLER].name,
		                  host->host->name,
		                  "takes %lld octets, as Postfix here", there);
	if (facts->configured_size > 0 && there > 0 &&
	    facts->configured_size != there)
		bmxctl_found(findings, &rows[SIZE_SETTING], host->host->name,
		             "takes %lld octets, `size` is %lld", there,
		             (long long)facts->configured_size);
}

static void
judge_keywords(const struct bmxctl_primary_facts *facts,
               const struct bmxctl_primary_host *host,
               struct bmxctl_findings *findings)
{
	const struct bmx_smtp_keywords *keywords = &host->session.keywords;
	const char *name = host->host->name;

	judge_size(facts, host, findings);
	if (!keywords->smtputf8 && facts->here_smtputf8)
		bmxctl_found(findings, &rows[NO_SMTPUTF8], name,
		             "does not offer SMTPUTF8, Postfix here does");
	if (!keywords->eight_bit_mime)
		bmxctl_found(findings, &rows[NO_8BITMIME], name,
		             "does not offer 8BITMIME");
}

static void
judge_host(const struct bmxctl_primary_facts *facts,
           const struct bmxctl_primary_host *host,
           struct bmxctl_findings *findings)
{
	const struct bmxctl_session *session = &host->session;

	if (!judge_reach(host, findings) ||
	    !judge_greeting(facts, host, findings))
		return;
	if (facts->call_ahead && session->slowest_ms > BMXCTL_SLOW_MS)
		bmxctl_found(findings, &rows[SLOW], host->host->name,
		             "a reply took %lld ms",
		             (long long)session->slowest_ms);
	bmxctl_primary_judge_tls(facts, host, findings);
	if (!judge_ehlo(host, findings))
		return;
	judge_keywords(facts, host, findings);
	/* Once postmaster is answered, a server that has had enough of our
	 * questions may close. */
	if (session->broken[0] != '\0' &&
	    session->envelope.postmaster.code == 0)
		bmxctl_found(findings, &rows[BROKEN], host->host->name, "%s",
		             session->broken);
}

void
bmxctl_primary_judge(const struct bmxctl_primary_facts *facts,
                     struct bmxctl_findings *findings)
{
	if (facts->host_count == 0)
		bmxctl_found(findings, &rows[NOBODY], facts->domain,
		             "its primary has no host that could be asked");
	for (size_t i = 0; i < facts->host_count; i++)
		judge_host(facts, &facts->hosts[i], findings);
}

void
bmxctl_primary_left_out(const char *domain, struct bmxctl_findings *findings)
{
	bmxctl_found(findings, &rows[LEFT_OUT], domain,
	             "its primary was not looked at: the time was up");
}
