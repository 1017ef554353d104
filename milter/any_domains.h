/*
 * any_domains.h - is a domain without a section one of "*"? Asks DNS, as
 * policyd does (mx_standing.h), and remembers what it said: a yes as long as
 * DNS fails.
 *
 * Bounded: BMX_MILTER_ANY_MAX domains; of those that compete for a place the
 * one that is not served, or was longest unused, makes room, and DNS is asked
 * anew. Any thread.
 */
#ifndef BACKUPMX_MILTER_ANY_DOMAINS_H
#define BACKUPMX_MILTER_ANY_DOMAINS_H

#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/config.h>
#include <backupmx/mx_standing.h>
#include <backupmx/slice.h>

#include "milter/checks/lookups.h"

/** Domains that are remembered. */
#define BMX_MILTER_ANY_MAX ((size_t)16384)
/** Longest wait for DNS when a domain that was served is looked at again. */
#define BMX_MILTER_ANY_RECHECK_US ((int64_t)1000 * 1000)

struct bmx_milter_any;

struct bmx_milter_any_parts {
	const struct bmx_clock *clock; /* CLOCK_MONOTONIC in the daemon */
	struct bmx_check_dns dns;
	/* Which addresses are this machine's; NULL: those of its interfaces. */
	bmx_mx_is_ours *is_ours;
	void *is_ours_ctx;
};

/** Returns a memory of nothing that the caller frees, or NULL when memory is
 * short. What parts points to outlives it. */
struct bmx_milter_any *
bmx_milter_any_new(const struct bmx_milter_any_parts *parts);

/** Frees *any and sets it to NULL. NULL is fine. No thread may be asking. */
void bmx_milter_any_free(struct bmx_milter_any **any);

/** What DNS has said is asked again: names of ours may have changed. */
void bmx_milter_any_renew(struct bmx_milter_any *any);

/**
 * Is domain, A-labels in lower case, one of config's "*"? Waits for DNS until
 * deadline_us on the clock, unless it is remembered.
 * @return UNKNOWN when DNS cannot say
 */
enum bmx_mx_served bmx_milter_any_serves(struct bmx_milter_any *any,
                                         const struct bmx_config *config,
                                         struct bmx_slice domain,
                                         int64_t deadline_us);

#endif
