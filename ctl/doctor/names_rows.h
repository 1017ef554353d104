/*
 * names_rows.h - what may be wrong with this machine's own names and with the
 * resolver that it asks.
 *
 * Pure: facts in, findings out; no I/O, no clock.
 *
 * Sources: RFC 5321 section 4.1.4 (HELO name), RFC 1912 section 2.1 (PTR and A
 * agree), RFC 5782 section 5 (test entries of DNS lists), RFC 7208 section 2.4
 * (SPF of a HELO name).
 */
#ifndef BACKUPMX_CTL_DOCTOR_NAMES_ROWS_H
#define BACKUPMX_CTL_DOCTOR_NAMES_ROWS_H

#include "ctl/doctor/doctor.h"
#include "ctl/doctor/hosts.h"

/** What an address's reverse look-up says. */
struct bmxctl_reverse {
	struct bmx_target_address address;
	enum bmx_dns_status status;   /* of the PTR */
	char name[BMX_DOMAIN_BUFFER]; /* the first one */
	bool confirmed; /* it leads back to the address; or DNS fails, which
	                 * proves nothing */
};

/** What a DNS list says of its own test entries. */
struct bmxctl_zone {
	char name[BMX_DOMAIN_BUFFER];
	bool blocks;                /* its weight is above 0 */
	enum bmx_dns_status listed; /* 127.0.0.2, which has to be on it */
	uint8_t said[4];            /* its first answer, when listed is OK */
	enum bmx_dns_status clean;  /* 127.0.0.1, which must not be */
};

struct bmxctl_names_facts {
	const struct bmxctl_host *hostname;
	bool only_private; /* this machine has no public address */
	const struct bmxctl_reverse *reverses;
	size_t reverse_count;
	const struct bmxctl_zone *zones;
	size_t zone_count;
	/* A resolver that is asked and that everybody may ask; "" for none. */
	const char *public_resolver;
	/* The SPF record of the hostname, "" when it has none. */
	struct bmx_slice spf;
};

/** Reports what is wrong with names, resolver and DNS lists. */
void bmxctl_names_judge(const struct bmxctl_names_facts *facts,
                        struct bmxctl_findings *findings);

/** Is that a resolver open to everybody, such as 8.8.8.8? address is text,
 * with "@port" or without. */
bool bmxctl_is_public_resolver(struct bmx_slice address);

/** Does an SPF record have nothing but terms that refuse? Such a record
 * refuses whatever comes from the name. */
bool bmxctl_spf_refuses_all(struct bmx_slice record);

#endif
