/*
 * dnsbl.h - DNS block and allow lists: names to ask, answers to believe, and
 * what they amount to for a domain. Pure.
 *
 * A zone is asked once a connection, whoever wants it; each domain then counts
 * the answers with its own filters and weights.
 *
 * Sources: RFC 5782; Postfix postscreen_dnsbl_sites; Spamhaus's return codes
 * 127.255.255.x for queries that it does not answer.
 */
#ifndef BACKUPMX_MILTER_CHECKS_DNSBL_H
#define BACKUPMX_MILTER_CHECKS_DNSBL_H

#include <backupmx/dns.h>
#include <backupmx/dnsbl_site.h>

#include "milter/checks/check.h"

/** Most zones of all domains together; further ones are a mistake. */
#define BMX_DNSBL_ZONES_MAX ((size_t)64)
/** Most addresses of one zone's answer that are looked at. */
#define BMX_DNSBL_ADDRESSES_MAX ((size_t)16)

/** What a zone has said. */
enum bmx_dnsbl_word {
	BMX_DNSBL_UNASKED, /* left out: it failed too often */
	BMX_DNSBL_CLEAN,
	BMX_DNSBL_LISTED,
	BMX_DNSBL_FAILED,
	BMX_DNSBL_DISTRUSTED, /* an answer that no list gives; as failed */
	BMX_DNSBL_WORDS
};

/** "skipped", "clean", "listed", "failed", "distrusted". */
const char *bmx_dnsbl_word_name(enum bmx_dnsbl_word word);

struct bmx_dnsbl_answer {
	enum bmx_dnsbl_word word;
	size_t count; /* of addresses, when listed */
	uint8_t addresses[BMX_DNSBL_ADDRESSES_MAX][4];
};

/** Octets of a question's name, terminator included. */
#define BMX_DNSBL_NAME_SIZE (BMX_DNS_NAME_MAX + 1)

/** The name under which zone has address, 16 octets, IPv4 mapped: octets or
 * nibbles from the last to the first (RFC 5782 sections 2.1 and 2.4). */
struct bmx_slice bmx_dnsbl_name(const uint8_t address[16], const char *zone,
                                char buffer[BMX_DNSBL_NAME_SIZE]);

/**
 * Reads the answer to an A question. All of it is distrusted when any address
 * is outside 127.0.0.0/8, is 127.0.0.1, or is 127.255.255.x: a wildcard of a
 * dead zone, a resolver that lies, or a list that has refused to answer.
 */
struct bmx_dnsbl_answer bmx_dnsbl_read(const struct bmx_dns_answer *answer);

/** An entry of a domain with the place of its zone among the answers. */
struct bmx_dnsbl_entry {
	struct bmx_dnsbl_site site;
	size_t zone;
};

struct bmx_dnsbl_sum {
	enum bmx_finding found;
	int score; /* of the zones that answered */
	/* The entry that gave most to the score; NULL when none gave. */
	const struct bmx_dnsbl_entry *heaviest;
};

/**
 * Adds up what zones said, by place. Listed is who reaches threshold whatever
 * the failed zones would have said; when they could have tipped it, it is a
 * temporary error. Zones that were not asked count for nothing.
 */
struct bmx_dnsbl_sum bmx_dnsbl_judge(const struct bmx_dnsbl_entry *entries,
                                     size_t count,
                                     const struct bmx_dnsbl_answer *answers,
                                     int64_t threshold);

#endif
