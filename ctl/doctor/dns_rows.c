#include "ctl/doctor/dns_rows.h"

#include <string.h>

#include <backupmx/text.h>

/* Octets of a list of hosts in a message. */
#define LIST_MAX 200

enum row {
	NO_ANSWER,
	NO_DOMAIN,
	MX_MISSING,
	MX_NULL,
	MX_NULL_MIXED,
	MX_NOT_LISTED,
	MX_BEST,
	MX_EQUAL,
	MX_ALIAS,
	MX_ADDRESS,
	MX_NO_ADDRESS,
	MX_UNANSWERED,
	OUR_NO_ADDRESS,
	NOT_HERE,
	BEHIND_NAT,
	BEST_NO_ADDRESS,
	BEST_IS_US,
	TTL_SHORT,
	TTL_LONG,
	PRIMARY_NOT_MX,
	NAME_SERVERS,
	NO_ANCHOR,
	DANE_UNSIGNED,
	ROWS
};

#define R(row, name, severity, why, advice)                                    \
	[row] = {"dns." name, BMXCTL_##severity, why, advice}

/* clang-format off */
static const struct bmxctl_row rows[ROWS] = {
	R(NO_ANSWER, "no-answer", ERROR,
	  "Without DNS the backup finds no primary and checks no client.",
	  "Look at /etc/resolv.conf, or at `resolver` in the configuration: is the resolver running, and does `dig MX` of the domain get an answer from it?"),
	R(NO_DOMAIN, "no-domain", ERROR,
	  "No sender can find a mail host of a domain that does not exist.",
	  "Is the name of the section right? If it is, the domain's registration or delegation has gone."),
	R(MX_MISSING, "mx-missing", ERROR,
	  "Without MX records senders go to the domain's own address alone, and never to a backup.",
	  "Publish an MX record of the primary, and one of this host with a higher number."),
	R(MX_NULL, "mx-null", ERROR,
	  "The domain says that it takes no mail at all (RFC 7505): senders give up at once.",
	  "Remove the record `MX 0 .` from the zone, or the section from the configuration."),
	R(MX_NULL_MIXED, "mx-null-mixed", WARNING,
	  "A null MX has to be the only one (RFC 7505); senders differ in what they make of this.",
	  "Remove the record whose host is a dot."),
	R(MX_NOT_LISTED, "mx-not-listed", ERROR,
	  "Senders never come here: when the primary is away, mail waits at the senders.",
	  "Publish an MX record of this host with a higher number than the primary's; or, if it has another name there, say so in `mx_names`."),
	R(MX_BEST, "mx-best", ERROR,
	  "The lowest number comes first: all mail comes here, and for us there is no host to hand it on to.",
	  "Give this host a higher MX number than the primary; or name the primary in the section, if this is meant to be a gateway: primary = {\"[192.0.2.10]:25\"}."),
	R(MX_EQUAL, "mx-equal", ERROR,
	  "With equal numbers senders choose either host, and `mx` in `primary` finds none that is better than ours.",
	  "Give this host a higher MX number; or, if the pair is meant, name the other host in the section: primary = {\"mx1.example.test\"}."),
	R(MX_ALIAS, "mx-alias", WARNING,
	  "An MX has to name a host that has addresses itself (RFC 2181 section 10.3); some senders refuse an alias, and a host behind one does not know itself.",
	  "Put the name that the alias stands for into the MX record."),
	R(MX_ADDRESS, "mx-address", ERROR,
	  "An MX holds a host's name, never an address; senders look for a host of that name and find none.",
	  "Publish a name with an A record for that address, and put the name into the MX record."),
	R(MX_NO_ADDRESS, "mx-no-address", WARNING,
	  "Senders lose time with it, and some give up.",
	  "Publish A or AAAA records of that name, or take it out of the MX set."),
	R(MX_UNANSWERED, "mx-unanswered", WARNING,
	  "While DNS cannot say where that host is, no sender finds it.",
	  "Look at the name servers of that host's zone; then run this again."),
	R(OUR_NO_ADDRESS, "our-no-address", ERROR,
	  "Senders are told to come to this name and find no address of it.",
	  "Publish A and AAAA records of this host's name."),
	R(NOT_HERE, "not-here", ERROR,
	  "Mail for our MX name goes to another machine, which may not be protected.",
	  "Correct the A and AAAA records of the name, or `mx_names`. If an address is led here by NAT or a load balancer, Postfix has to know: proxy_interfaces in main.cf."),
	R(BEHIND_NAT, "behind-nat", WARNING,
	  "This machine has private addresses alone and cannot see that the public one leads to it; Postfix cannot either, and does not recognise itself in an MX set.",
	  "Put the public address into proxy_interfaces in main.cf."),
	R(BEST_NO_ADDRESS, "best-no-address", ERROR,
	  "No host that is better than ours has an address: nobody can be asked, and what is queued stays queued.",
	  "Publish A or AAAA records of the primary's name."),
	R(BEST_IS_US, "best-is-us", ERROR,
	  "A host that is to be the primary has this machine's address: mail would be handed to ourselves (a loop).",
	  "Correct the address of that host, or put its name into `mx_names` if it is this machine's."),
	R(TTL_SHORT, "ttl-short", WARNING,
	  "Senders forget the MX set that soon; while the name servers are away, they find neither primary nor backup.",
	  "Raise the TTL of the MX records to an hour or more."),
	R(TTL_LONG, "ttl-long", WARNING,
	  "When the primary moves, senders go on to the old place for that long.",
	  "Lower the TTL of the MX records to a day or less."),
	R(PRIMARY_NOT_MX, "primary-not-mx", WARNING,
	  "Recipients are asked for at another host than the one that senders deliver to: what that one does not know would be refused.",
	  "Is `primary` in the section still right? It should name the hosts before us in the MX set, or be \"mx\"."),
	R(NAME_SERVERS, "name-servers", WARNING,
	  "When the primary's machine or site is away, so is the domain's DNS, and no sender finds the backup.",
	  "Have a second name server for the domain at another place."),
	R(NO_ANCHOR, "no-trust-anchor", ERROR,
	  "tls = \"dane\" needs DNSSEC, which needs the root zone's key; without it no primary is ever asked.",
	  "Install the package dns-root-data, or set `trust_anchor`."),
	R(DANE_UNSIGNED, "dane-unsigned", ERROR,
	  "tls = \"dane\" needs an MX set that is signed; without that no primary is ever asked, and Postfix falls back to plain opportunistic TLS.",
	  "Sign the domain's zone and have its DS record published; or use tls = \"verify\" or \"may\"."),
};
/* clang-format on */

struct bmxctl_rows
bmxctl_doctor_dns_rows(void)
{
	return (struct bmxctl_rows){rows, ROWS};
}

struct bmxctl_dns_place
bmxctl_dns_place_of(const struct bmxctl_dns_facts *facts)
{
	struct bmxctl_dns_place place = {0};

	for (size_t i = 0; i < facts->mx_count && !place.listed; i++)
		if (facts->mx[i].ours) {
			place.listed = true;
			place.ours = facts->mx[i].preference;
		}
	for (size_t i = 0; i < facts->mx_count; i++) {
		const struct bmxctl_host *mx = &facts->mx[i];

		if (mx->ours)
			continue;
		if (!place.listed || mx->preference < place.ours)
			place.better++;
		else if (mx->preference == place.ours)
			place.equal++;
		else
			place.behind++;
	}
	return place;
}

/* "10 mx1.example.test, 20 backup.example.test (we)". */
static void
list_set(const struct bmxctl_dns_facts *facts, char buffer[LIST_MAX])
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, LIST_MAX);
	for (size_t i = 0; i < facts->mx_count; i++)
		bmx_text_printf(&text, "%s%u %s%s", i > 0 ? ", " : "",
		                (unsigned)facts->mx[i].preference,
		                facts->mx[i].kind == BMXCTL_HOST_ROOT ?
		                        "." :
		                        facts->mx[i].name,
		                facts->mx[i].ours ? " (we)" : "");
}

/* Is there a set that can be judged? */
static bool
judge_answer(const struct bmxctl_dns_facts *facts,
             struct bmxctl_findings *findings)
{
	const char *domain = facts->domain;

	switch (facts->mx_status) {
	case BMX_DNS_OK:
		return true;
	case BMX_DNS_NODATA:
		bmxctl_found(findings, &rows[MX_MISSING], domain,
		             "there is no MX record");
		break;
	case BMX_DNS_NXDOMAIN:
	case BMX_DNS_BADNAME:
		bmxctl_found(findings, &rows[NO_DOMAIN], domain,
		             "DNS says that there is no such name");
		break;
	case BMX_DNS_TEMPFAIL:
	case BMX_DNS_STATUSES:
		bmxctl_found(findings, &rows[NO_ANSWER], domain,
		             "no answer about its MX records");
		break;
	}
	return false;
}

static bool
judge_null(const struct bmxctl_dns_facts *facts,
           struct bmxctl_findings *findings)
{
	size_t roots = 0;

	for (size_t i = 0; i < facts->mx_count; i++)
		roots += facts->mx[i].kind == BMXCTL_HOST_ROOT;
	if (roots == 0)
		return true;
	bmxctl_found(findings,
	             &rows[roots == facts->mx_count ? MX_NULL : MX_NULL_MIXED],
	             facts->domain,
	             "there is an MX record whose host is \".\"");
	return roots != facts->mx_count;
}

/* Is a host of `primary` in the MX set, by name or by an address? */
static bool
is_in_set(const struct bmxctl_dns_facts *facts,
          const struct bmxctl_host *primary)
{
	for (size_t i = 0; i < facts->mx_count; i++)
		if (strcmp(facts->mx[i].name, primary->name) == 0 ||
		    bmxctl_hosts_meet(&facts->mx[i], primary))
			return true;
	return false;
}

static bool
has_primary_in_set(const struct bmxctl_dns_facts *facts)
{
	for (size_t i = 0; i < facts->primary_count; i++)
		if (is_in_set(facts, &facts->primaries[i]))
			return true;
	return false;
}

/* No host is before us. With a primary that is named and is not in the set
 * this is a gateway, and with one of equal preference a pair: both are meant.
 */
static void
judge_no_better(const struct bmxctl_dns_facts *facts,
                const struct bmxctl_dns_place *place,
                struct bmxctl_findings *findings)
{
	char set[LIST_MAX];

	list_set(facts, set);
	if (facts->primary_count > 0 &&
	    (place->equal > 0 || !has_primary_in_set(facts)))
		bmxctl_found_good(findings, rows[MX_BEST].name, facts->domain,
		                  "%s: no host is before us, and the primary "
		                  "is named in the section",
		                  set);
	else
		bmxctl_found(findings,
		             &rows[place->equal > 0 ? MX_EQUAL : MX_BEST],
		             facts->domain, "%s", set);
}

static void
judge_place(const struct bmxctl_dns_facts *facts,
            struct bmxctl_findings *findings)
{
	const struct bmxctl_dns_place place = bmxctl_dns_place_of(facts);
	char set[LIST_MAX];

	list_set(facts, set);
	if (!place.listed) {
		bmxctl_found(findings, &rows[MX_NOT_LISTED], facts->domain,
		             "%s: %s is not among them", set, facts->our_name);
		return;
	}
	if (place.better == 0) {
		judge_no_better(facts, &place, findings);
		return;
	}
	bmxctl_found_good(findings, rows[MX_NOT_LISTED].name, facts->domain,
	                  "%s; TTL %lu s", set, (unsigned long)facts->ttl_s);
}

/* Of a name in the set that leads nowhere here. */
static void
judge_our_addresses(const struct bmxctl_host *mx, bool is_private,
                    struct bmxctl_findings *findings)
{
	char address[BMXCTL_ADDRESS_TEXT];

	(void)bmxctl_address_text(&mx->addresses[0].address, address);
	if (bmxctl_host_is_here(mx))
		bmxctl_found_good(findings, rows[NOT_HERE].name, mx->name,
		                  "leads to this machine");
	else
		bmxctl_found(
			findings, &rows[is_private ? BEHIND_NAT : NOT_HERE],
			mx->name, "leads to %s, which is not this machine's",
			address);
}

static void
judge_no_address(const struct bmxctl_host *mx, struct bmxctl_findings *findings)
{
	if (mx->status == BMX_DNS_TEMPFAIL)
		bmxctl_found(findings, &rows[MX_UNANSWERED], mx->name,
		             "DNS does not answer about its addresses");
	else
		bmxctl_found(findings,
		             &rows[mx->ours ? OUR_NO_ADDRESS : MX_NO_ADDRESS],
		             mx->name, "%s",
		             mx->status == BMX_DNS_NXDOMAIN ?
		                     "there is no such name" :
		                     "has neither A nor AAAA records");
}

static void
judge_host(const struct bmxctl_dns_facts *facts, const struct bmxctl_host *mx,
           struct bmxctl_findings *findings)
{
	if (mx->kind == BMXCTL_HOST_ROOT)
		return;
	if (mx->kind == BMXCTL_HOST_ADDRESS) {
		bmxctl_found(findings, &rows[MX_ADDRESS], facts->domain,
		             "MX %u holds the address %s",
		             (unsigned)mx->preference, mx->name);
		return;
	}
	if (mx->alias[0] != '\0')
		bmxctl_found(findings, &rows[MX_ALIAS], mx->name,
		             "is an alias of %s", mx->alias);
	if (mx->address_count == 0)
		judge_no_address(mx, findings);
	else if (mx->ours)
		judge_our_addresses(mx, facts->only_private, findings);
}

static void
judge_better(const struct bmxctl_dns_facts *facts,
             struct bmxctl_findings *findings)
{
	const struct bmxctl_dns_place place = bmxctl_dns_place_of(facts);
	size_t without = 0, before = 0;

	for (size_t i = 0; i < facts->mx_count; i++) {
		const struct bmxctl_host *mx = &facts->mx[i];

		if (mx->ours || (place.listed && mx->preference >= place.ours))
			continue;
		before++;
		/* "Cannot say" is no proof that there is none. */
		without += mx->address_count == 0 &&
			mx->status != BMX_DNS_TEMPFAIL;
		if (bmxctl_host_is_here(mx))
			bmxctl_found(findings, &rows[BEST_IS_US], mx->name,
			             "comes before us, and has an address of "
			             "this machine");
	}
	if (before > 0 && without == before && facts->wants_mx)
		bmxctl_found(findings, &rows[BEST_NO_ADDRESS], facts->domain,
		             "none of the %zu hosts before us has an address",
		             before);
}

/* A primary at a private address is reached by a way of its own. */
static bool
is_private(const struct bmxctl_host *host)
{
	for (size_t i = 0; i < host->address_count; i++)
		if (!bmxctl_address_is_private(&host->addresses[i].address))
			return false;
	return host->address_count > 0;
}

static void
judge_primaries(const struct bmxctl_dns_facts *facts,
                struct bmxctl_findings *findings)
{
	const struct bmxctl_dns_place place = bmxctl_dns_place_of(facts);

	if (facts->wants_mx || facts->primary_count == 0 || place.better == 0 ||
	    has_primary_in_set(facts))
		return;
	for (size_t i = 0; i < facts->primary_count; i++)
		if (is_private(&facts->primaries[i]) ||
		    facts->primaries[i].address_count == 0)
			return;
	bmxctl_found(findings, &rows[PRIMARY_NOT_MX], facts->domain,
	             "%s in `primary` is none of the MX hosts",
	             facts->primaries[0].name);
}

static void
judge_ttl(const struct bmxctl_dns_facts *facts,
          struct bmxctl_findings *findings)
{
	if (facts->ttl_known && facts->ttl_s < BMXCTL_TTL_SHORT_S)
		bmxctl_found(findings, &rows[TTL_SHORT], facts->domain,
		             "the TTL of its MX records is %lu s",
		             (unsigned long)facts->ttl_s);
	else if (facts->ttl_s > BMXCTL_TTL_LONG_S)
		bmxctl_found(findings, &rows[TTL_LONG], facts->domain,
		             "the TTL of its MX records is %lu days",
		             (unsigned long)facts->ttl_s / 86400);
}

/* Are all addresses of a name server those of hosts before us? */
static bool
is_at_primary(const struct bmxctl_dns_facts *facts,
              const struct bmxctl_host *server)
{
	const struct bmxctl_dns_place place = bmxctl_dns_place_of(facts);

	for (size_t i = 0; i < facts->mx_count; i++)
		if (!facts->mx[i].ours &&
		    (!place.listed || facts->mx[i].preference < place.ours) &&
		    bmxctl_hosts_meet(&facts->mx[i], server))
			return true;
	return false;
}

static void
judge_servers(const struct bmxctl_dns_facts *facts,
              struct bmxctl_findings *findings)
{
	for (size_t i = 0; i < facts->server_count; i++)
		if (facts->servers[i].address_count == 0 ||
		    !is_at_primary(facts, &facts->servers[i]))
			return;
	if (facts->server_count > 0)
		bmxctl_found(findings, &rows[NAME_SERVERS], facts->domain,
		             "all its name servers (%s%s) are on the primary's "
		             "machine",
		             facts->servers[0].name,
		             facts->server_count > 1 ? " and others" : "");
}

static void
judge_dnssec(const struct bmxctl_dns_facts *facts,
             struct bmxctl_findings *findings)
{
	if (!facts->wants_dane)
		return;
	if (!facts->has_anchor)
		bmxctl_found(findings, &rows[NO_ANCHOR], "",
		             "there is no DNSSEC trust anchor here");
	else if (facts->wants_mx && !facts->mx_secure)
		bmxctl_found(findings, &rows[DANE_UNSIGNED], facts->domain,
		             "its MX records are not signed, or not validly");
	else
		bmxctl_found_good(findings, rows[DANE_UNSIGNED].name,
		                  facts->domain, "its MX records are signed");
}

void
bmxctl_dns_judge(const struct bmxctl_dns_facts *facts,
                 struct bmxctl_findings *findings)
{
	if (!judge_answer(facts, findings) || !judge_null(facts, findings))
		return;
	judge_place(facts, findings);
	for (size_t i = 0; i < facts->mx_count; i++)
		judge_host(facts, &facts->mx[i], findings);
	judge_better(facts, findings);
	judge_primaries(facts, findings);
	judge_ttl(facts, findings);
	judge_servers(facts, findings);
	judge_dnssec(facts, findings);
}
