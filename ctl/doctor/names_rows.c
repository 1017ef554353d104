#include "ctl/doctor/names_rows.h"

#include <string.h>

enum row {
	HOSTNAME_NO_ADDRESS,
	HOSTNAME_ELSEWHERE,
	REVERSE_MISSING,
	REVERSE_MISMATCH,
	SPF_HOSTNAME,
	RESOLVER_PUBLIC,
	DNSBL_BLOCKED,
	DNSBL_DEAD,
	DNSBL_SILENT,
	DNSBL_LISTS_ALL,
	ROWS
};

#define R(row, name, severity, why, advice)                                    \
	[row] = {"dns." name, BMXCTL_##severity, why, advice}

/* clang-format off */
static const struct bmxctl_row rows[ROWS] = {
	R(HOSTNAME_NO_ADDRESS, "hostname-no-address", WARNING,
	  "We say this name in HELO; primaries that look it up defer or refuse what the backup hands on.",
	  "Publish A and AAAA records of it, or set `hostname` to a name that has them."),
	R(HOSTNAME_ELSEWHERE, "hostname-elsewhere", WARNING,
	  "We say in HELO that we are a host that we are not; some primaries count that as a forgery.",
	  "Set `hostname` to the name that leads to this machine (proxy_interfaces in main.cf if NAT is between)."),
	R(REVERSE_MISSING, "reverse-missing", WARNING,
	  "Many mail servers refuse or mistrust a client without a reverse name, the primary perhaps among them.",
	  "Have a PTR record made for the address, at whoever assigned it to you."),
	R(REVERSE_MISMATCH, "reverse-mismatch", WARNING,
	  "A reverse name that does not lead back counts as none.",
	  "Make the PTR record name a host whose A or AAAA record is that address."),
	R(SPF_HOSTNAME, "spf-hostname", WARNING,
	  "Bounces and probes have no sender: SPF is then asked of our HELO name, and its record refuses all hosts.",
	  "Publish `v=spf1 a -all` for that name instead."),
	R(RESOLVER_PUBLIC, "resolver-public", WARNING,
	  "DNS lists count questions by resolver and do not answer one that everybody asks: the lists then say nothing, or list nothing.",
	  "Run a resolver of your own (unbound on this machine) and name it in /etc/resolv.conf or in `resolver`."),
	R(DNSBL_BLOCKED, "dnsbl-blocked", WARNING,
	  "The list refuses to answer our resolver, so it protects nothing, and each message waits for it.",
	  "Run a resolver of your own; or register with the list; or take the zone out of `dnsbl`."),
	R(DNSBL_DEAD, "dnsbl-dead", WARNING,
	  "Every DNS list has 127.0.0.2 listed (RFC 5782); one that has not has ended, or its name is mistyped: it protects nothing.",
	  "Correct the zone's name in `dnsbl`, or take it out."),
	R(DNSBL_SILENT, "dnsbl-silent", WARNING,
	  "While a list does not answer it protects nothing, and each message waits for it.",
	  "Is the name right, and may this host ask it? Some lists answer registered resolvers alone."),
	R(DNSBL_LISTS_ALL, "dnsbl-lists-all", ERROR,
	  "No DNS list may have 127.0.0.1 listed (RFC 5782): this one lists everybody, as ended ones do, and good mail is refused.",
	  "Take the zone out of `dnsbl` now."),
};
/* clang-format on */

struct bmxctl_rows
bmxctl_doctor_names_rows(void)
{
	return (struct bmxctl_rows){rows, ROWS};
}

bool
bmxctl_is_public_resolver(struct bmx_slice address)
{
	static const char *const known[] = {
		"8.8.8.8",
		"8.8.4.4",
		"1.1.1.1",
		"1.0.0.1",
		"1.1.1.2",
		"1.1.1.3",
		"9.9.9.9",
		"9.9.9.10",
		"149.112.112.112",
		"208.67.222.222",
		"208.67.220.220",
		"64.6.64.6",
		"94.140.14.14",
		"2001:4860:4860::8888",
		"2001:4860:4860::8844",
		"2606:4700:4700::1111",
		"2606:4700:4700::1001",
		"2620:fe::fe",
		"2620:119:35::35",
	};
	const char *at =
		address.len > 0 ? memchr(address.data, '@', address.len) : NULL;

	if (at)
		address.len = (size_t)(at - address.data);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (bmx_slice_equal_nocase(address, bmx_slice_of(known[i])))
			return true;
	return false;
}

/* The next word of *text, empty at the end. */
static struct bmx_slice
next_word(struct bmx_slice *text)
{
	struct bmx_slice word;
	size_t len = 0;

	while (text->len > 0 && text->data[0] == ' ') {
		text->data++;
		text->len--;
	}
	while (len < text->len && text->data[len] != ' ')
		len++;
	word = (struct bmx_slice){text->data, len};
	text->data += len;
	text->len -= len;
	return word;
}

bool
bmxctl_spf_refuses_all(struct bmx_slice record)
{
	struct bmx_slice word = next_word(&record);
	bool refuses = false;

	if (!bmx_slice_equal_nocase(word, BMX_SLICE("v=spf1")))
		return false;
	for (word = next_word(&record); word.len > 0;
	     word = next_word(&record)) {
		const bool modifier = memchr(word.data, '=', word.len) != NULL;

		if (bmx_slice_equal_nocase(word, BMX_SLICE("-all")))
			refuses = true;
		else if (word.data[0] != '-' &&
		         !(modifier && word.data[0] == 'e'))
			return false; /* it may pass, or cannot be told */
	}
	return refuses;
}

static void
judge_hostname(const struct bmxctl_names_facts *facts,
               struct bmxctl_findings *findings)
{
	const struct bmxctl_host *host = facts->hostname;
	char address[BMXCTL_ADDRESS_TEXT];

	if (host->status == BMX_DNS_TEMPFAIL)
		return; /* that DNS does not answer is said elsewhere */
	if (host->address_count == 0) {
		bmxctl_found(findings, &rows[HOSTNAME_NO_ADDRESS], host->name,
		             "has neither A nor AAAA records");
		return;
	}
	if (!bmxctl_host_is_here(host) && !facts->only_private)
		bmxctl_found(findings, &rows[HOSTNAME_ELSEWHERE], host->name,
		             "leads to %s, which is not this machine's",
		             bmxctl_address_text(&host->addresses[0].address,
		                                 address));
	else
		bmxctl_found_good(findings, rows[HOSTNAME_NO_ADDRESS].name,
		                  host->name, "has an address");
	if (bmxctl_spf_refuses_all(facts->spf))
		bmxctl_found(findings, &rows[SPF_HOSTNAME], host->name, "%.*s",
		             (int)facts->spf.len, facts->spf.data);
}

static void
judge_reverse(const struct bmxctl_reverse *reverse,
              struct bmxctl_findings *findings)
{
	char address[BMXCTL_ADDRESS_TEXT];

	(void)bmxctl_address_text(&reverse->address, address);
	switch (reverse->status) {
	case BMX_DNS_OK:
		if (reverse->confirmed)
			bmxctl_found_good(findings, rows[REVERSE_MISSING].name,
			                  address, "is %s, and back",
			                  reverse->name);
		else
			bmxctl_found(findings, &rows[REVERSE_MISMATCH], address,
			             "its PTR names %s, which does not lead "
			             "back",
			             reverse->name);
		break;
	case BMX_DNS_NODATA:
	case BMX_DNS_NXDOMAIN:
	case BMX_DNS_BADNAME:
		bmxctl_found(findings, &rows[REVERSE_MISSING], address,
		             "has no PTR record");
		break;
	case BMX_DNS_TEMPFAIL:
	case BMX_DNS_STATUSES:
		break;
	}
}

/* 127.255.255.x: an answer to the resolver, not about the address. */
static bool
is_refusal(const uint8_t said[4])
{
	return said[0] == 127 && said[1] == 255 && said[2] == 255;
}

static bool
judge_refusal(const struct bmxctl_zone *zone, struct bmxctl_findings *findings)
{
	if (zone->listed != BMX_DNS_OK || !is_refusal(zone->said))
		return false;
	bmxctl_found(findings, &rows[DNSBL_BLOCKED], zone->name,
	             "answers 127.255.255.%u%s", (unsigned)zone->said[3],
	             zone->said[3] == 254 ?
	                     ": asked through a public resolver" :
	                     zone->said[3] == 255 ? ": asked too often" :
	                                            "");
	return true;
}

static void
judge_zone(const struct bmxctl_zone *zone, struct bmxctl_findings *findings)
{
	if (judge_refusal(zone, findings))
		return;
	if (zone->clean == BMX_DNS_OK && zone->blocks) {
		bmxctl_found(findings, &rows[DNSBL_LISTS_ALL], zone->name,
		             "127.0.0.1 is listed");
		return;
	}
	if (zone->listed == BMX_DNS_TEMPFAIL)
		bmxctl_found(findings, &rows[DNSBL_SILENT], zone->name,
		             "DNS gives no answer");
	else if (zone->listed != BMX_DNS_OK && zone->blocks)
		bmxctl_found(findings, &rows[DNSBL_DEAD], zone->name,
		             "127.0.0.2 is not listed");
	else
		bmxctl_found_good(findings, rows[DNSBL_DEAD].name, zone->name,
		                  "answers");
}

void
bmxctl_names_judge(const struct bmxctl_names_facts *facts,
                   struct bmxctl_findings *findings)
{
	judge_hostname(facts, findings);
	for (size_t i = 0; i < facts->reverse_count; i++)
		judge_reverse(&facts->reverses[i], findings);
	if (facts->public_resolver[0] != '\0' && facts->zone_count > 0)
		bmxctl_found(findings, &rows[RESOLVER_PUBLIC], "",
		             "DNS lists are asked through %s",
		             facts->public_resolver);
	for (size_t i = 0; i < facts->zone_count; i++)
		judge_zone(&facts->zones[i], findings);
}
