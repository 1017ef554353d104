/*
 * dnsbl_site.h - one entry of a DNS block list setting, as text and as read.
 *
 *	site   = zone [ "=" filter ] [ "*" weight ]
 *	filter = octet "." octet "." octet "." octet
 *	octet  = number | "[" range { ";" range } "]"
 *	range  = number [ ".." number ]
 *
 * "zen.example=127.0.0.[2..11]*2" counts 2 when the zone answers with one of
 * 127.0.0.2 to 127.0.0.11. A negative weight makes an allow list. Source:
 * Postfix postscreen_dnsbl_sites. Any thread.
 */
#ifndef BACKUPMX_DNSBL_SITE_H
#define BACKUPMX_DNSBL_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>

/** Octets of a zone's name: 32 nibbles and their dots stand before it. */
#define BMX_DNSBL_ZONE_MAX ((size_t)189)
/** Largest weight, whatever its sign. */
#define BMX_DNSBL_WEIGHT_MAX 1000
/** Octets of the text of one entry. */
#define BMX_DNSBL_SITE_MAX ((size_t)512)

struct bmx_dnsbl_site {
	char zone[BMX_DNSBL_ZONE_MAX + 1]; /* A-labels, lower case */
	int weight;                        /* never 0 */
	uint8_t octets[4][32]; /* a bit for each value an octet may have;
	                        * without a filter all are set */
};

/**
 * Reads one entry.
 * @return 0 with *site_out filled, or -1 with *err: BMX_E_SYNTAX (not of this
 *         form, or the zone is no domain name), BMX_E_RANGE (a number over
 *         255, a range that goes down, a weight of 0 or past the largest),
 *         BMX_E_TOO_BIG (past BMX_DNSBL_SITE_MAX or BMX_DNSBL_ZONE_MAX)
 */
int bmx_dnsbl_site_parse(struct bmx_slice text, struct bmx_dnsbl_site *site_out,
                         struct bmx_error *err);

/** Does the filter take an answer of the zone, four octets? */
bool bmx_dnsbl_site_takes(const struct bmx_dnsbl_site *site,
                          const uint8_t answer[4]);

#endif
