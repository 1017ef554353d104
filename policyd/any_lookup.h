/*
 * any_lookup.h - asks DNS whether we are a backup MX of one domain: the MX
 * set, then the addresses of its hosts where names do not tell. What is
 * decided from the answers: mx_standing.h.
 *
 * One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_ANY_LOOKUP_H
#define BACKUPMX_POLICYD_ANY_LOOKUP_H

#include <backupmx/config.h>
#include <backupmx/dns_loop.h>
#include <backupmx/mx_standing.h>

struct bmx_any_lookup;

/** Takes the standing, never BMX_MX_OPEN, and the least TTL of what led to it.
 * The look-up is gone. */
typedef void bmx_any_lookup_cb(void *ctx, enum bmx_mx_standing standing,
                               uint32_t ttl_s);

struct bmx_any_lookup_options {
	struct bmx_slice domain;   /* used during the call only */
	struct bmx_config *config; /* whose names are ours; referenced */
	struct bmx_dns_asker *asker;
	int64_t answer_ms;       /* longest wait for one answer */
	bmx_mx_is_ours *is_ours; /* NULL: the interfaces' addresses */
	void *is_ours_ctx;
	bmx_any_lookup_cb *cb; /* once, from a later turn of the loop */
	void *ctx;
};

/** Starts. Returns NULL when memory is short: cb is then never called. */
struct bmx_any_lookup *
bmx_any_lookup_new(const struct bmx_any_lookup_options *options);

/** Ends it without a call and sets *lookup to NULL. NULL is fine. */
void bmx_any_lookup_free(struct bmx_any_lookup **lookup);

#endif
