/*
 * authority.h - may a domain's list still say that a recipient is unknown?
 *
 * Pure: facts in, answer out. DESIGN.md section 5, "List authority".
 *
 *	            no list  ->  absent
 *	primary down         ->  frozen, when the list was fresh as it went
 *	                         down, for at most BMX_AUTHORITY_FROZEN_MAX_MS
 *	younger than max age ->  fresh
 *	else                 ->  stale
 */
#ifndef BACKUPMX_POLICYD_AUTHORITY_H
#define BACKUPMX_POLICYD_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

/** An outage that is longer ends a list's authority all the same. */
#define BMX_AUTHORITY_FROZEN_MAX_MS (INT64_C(30) * 24 * 3600 * 1000)

enum bmx_authority {
	BMX_AUTHORITY_ABSENT, /* there never was a list */
	BMX_AUTHORITY_STALE,  /* too old to refuse */
	BMX_AUTHORITY_FROZEN, /* as old as when the primary went down */
	BMX_AUTHORITY_FRESH,
	BMX_AUTHORITIES
};

struct bmx_authority_facts {
	bool has_list;
	int64_t age_ms;     /* since the last good sync; below 0 counts as 0 */
	int64_t max_age_ms; /* list_max_age */
	bool primary_down;
	int64_t down_for_ms; /* when primary_down: since when */
};

/** "absent", "stale", "frozen", "fresh". */
const char *bmx_authority_name(enum bmx_authority authority);

/** The list's authority. */
enum bmx_authority
bmx_authority_decide(const struct bmx_authority_facts *facts);

#endif
