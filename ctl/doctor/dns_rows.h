/*
 * dns_rows.h - what may be wrong with the MX set of a domain that this machine
 * is to be a backup of.
 *
 * Pure: facts in, findings out; no I/O, no clock.
 *
 * Sources: RFC 5321 section 5.1 (order, ourselves in the set), RFC 2181
 * section 10.3 (no alias), RFC 7505 (null MX), RFC 7672 section 2.2 (DANE).
 */
#ifndef BACKUPMX_CTL_DOCTOR_DNS_ROWS_H
#define BACKUPMX_CTL_DOCTOR_DNS_ROWS_H

#include "ctl/doctor/doctor.h"
#include "ctl/doctor/hosts.h"

/** TTL of an MX set that is rather short, or rather long, seconds. */
#define BMXCTL_TTL_SHORT_S UINT32_C(300)
#define BMXCTL_TTL_LONG_S UINT32_C(604800)

struct bmxctl_dns_facts {
	const char *domain;
	const char *our_name; /* how we ought to be called in the set */
	enum bmx_dns_status mx_status;
	bool mx_secure;
	bool ttl_known; /* the TTL is the zone's own, not what a cache has left */
	uint32_t ttl_s;
	/* By preference; more than BMXCTL_HOSTS_MAX are not looked at. */
	const struct bmxctl_host *mx;
	size_t mx_count;
	/* What the option `primary` names other than "mx". */
	const struct bmxctl_host *primaries;
	size_t primary_count;
	bool wants_mx; /* "mx" is in it */
	bool wants_dane;
	bool has_anchor;   /* there is a DNSSEC trust anchor here */
	bool only_private; /* this machine has no public address */
	/* Hosts of the NS set; none when the domain is no zone of its own. */
	const struct bmxctl_host *servers;
	size_t server_count;
};

/** Reports what is wrong with the MX set. */
void bmxctl_dns_judge(const struct bmxctl_dns_facts *facts,
                      struct bmxctl_findings *findings);

/** Where the MX set says that we are; for the judges. */
struct bmxctl_dns_place {
	bool listed;   /* one of our names is in the set */
	uint16_t ours; /* our best preference, when listed */
	size_t better; /* hosts before us; all, when not listed */
	size_t equal;  /* others of our preference */
	size_t behind; /* hosts after us, not ours */
};

/** Finds our place in the set. */
struct bmxctl_dns_place
bmxctl_dns_place_of(const struct bmxctl_dns_facts *facts);

#endif
