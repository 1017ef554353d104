/*
 * any_domains.h - the domains of the section "*": found out through DNS when
 * they are first asked about, kept, and looked at again.
 *
 *	               /-> NO, kept for 5 min to 1 h
 *	asked -> DNS --+-> cannot say: kept for 5 s, then asked again
 *	               \-> YES -> taken into the configuration -> served
 *	                          ^ looked at again by TTL  | no for a day
 *	                          \-------------------------+--------> NO
 *
 * A domain that is served is a section of the configuration in force, made
 * from "*" (bmx_config_with_domains): lists, cache, primaries and gate know it
 * as any other. Changes are collected and applied together. What is to us a
 * domain is decided in mx_standing.h; while DNS fails a yes stays a yes.
 *
 * Bounds: BMX_ANY_DOMAINS_MAX served, as many others, BMX_ANY_LOOKUPS_MAX
 * look-ups at a time. Of the served the one that was longest unused makes
 * room, unless it was used in the last BMX_ANY_IN_USE_MS: then nothing new is
 * served, and an alarm raised. What there is no room for is never NOT_OURS.
 *
 * Log: `ev=any-domain domain=D act=serve|drop why=STANDING count=N`;
 * `ev=any-domains-full`. Metrics: backupmx_any_domains,
 * backupmx_any_lookups_total{result}.
 *
 * One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_ANY_DOMAINS_H
#define BACKUPMX_POLICYD_ANY_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/dns_loop.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/mx_standing.h>

#include "policyd/any_source.h"

/** Domains of "*" that are served, and others that are remembered. */
#define BMX_ANY_DOMAINS_MAX ((size_t)10000)
/** Look-ups at one time; further domains are FAILED at once. */
#define BMX_ANY_LOOKUPS_MAX ((size_t)256)
/** Look-ups that are not for anybody who waits: fewer. */
#define BMX_ANY_RECHECKS_MAX ((size_t)32)
/** Used so recently a domain does not make room, ms. */
#define BMX_ANY_IN_USE_MS ((int64_t)3600 * 1000)
/** Longest wait for one answer of DNS, ms. */
#define BMX_ANY_ANSWER_MS ((int64_t)10000)
/** A domain that has just been taken up is answered about when its primary's
 * hosts are known, at the latest after so long, ms; looked for so often. */
#define BMX_ANY_SETTLE_MS ((int64_t)1000)
#define BMX_ANY_SETTLE_STEP_MS ((int64_t)10)
/** Least time between two changes of the configuration, ms; longer when a
 * change takes long, so that they take a twentieth of the time at most. */
#define BMX_ANY_APPLY_MS ((int64_t)50)

struct bmx_any_domains;

struct bmx_any_domains_parts {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_dns_asker *asker;
	/**
	 * What is served has changed: the owner makes the configuration with
	 * bmx_any_domains_expand, brings it into force and calls
	 * bmx_any_domains_in_force. From the loop, never from within a call.
	 * @return 0, or -1: tried again in a second
	 */
	int (*apply)(void *ctx);
	/** May recipients of a domain that is in force be decided about, or is
	 * that too early? NULL: always. */
	bool (*is_settled)(void *ctx, struct bmx_slice domain);
	void *ctx;
	/* Which addresses are this machine's; NULL: those of its interfaces. */
	bmx_mx_is_ours *is_ours;
	void *is_ours_ctx;
	size_t max;         /* 0: BMX_ANY_DOMAINS_MAX */
	size_t max_lookups; /* 0: BMX_ANY_LOOKUPS_MAX */
};

/** Returns a registry that knows nothing, which the caller frees, or NULL when
 * memory is short. Everything in parts outlives it. */
struct bmx_any_domains *
bmx_any_domains_new(const struct bmx_any_domains_parts *parts);

/** Frees *any and sets it to NULL; NULL is fine. Look-ups are cancelled; who
 * waits is not called back. */
void bmx_any_domains_free(struct bmx_any_domains **any);

/**
 * loaded, as it came from its file, with a section for each domain that is
 * served and has none there. Changes nothing.
 * @return a snapshot with one reference, loaded itself when there is nothing
 *         to add; NULL with *err (BMX_E_NOMEM)
 */
struct bmx_config *bmx_any_domains_expand(const struct bmx_any_domains *any,
                                          struct bmx_config *loaded,
                                          struct bmx_error *err);

/**
 * What bmx_any_domains_expand made of loaded is in force: at the start, at a
 * reload, and after each apply. Domains that have a section of their own now,
 * or no "*" any more, are forgotten; names of ours that have changed have all
 * looked at again. Who waited is called back, in a later turn of the loop.
 */
void bmx_any_domains_in_force(struct bmx_any_domains *any,
                              struct bmx_config *loaded,
                              const struct bmx_config *in_force);

/** The registry as the engine sees it. */
struct bmx_any_source bmx_any_domains_source(struct bmx_any_domains *any);

/** What is known of a domain: for people. */
struct bmx_any_report {
	enum bmx_mx_served served;
	enum bmx_mx_standing standing; /* the last that DNS said */
	bool looking;                  /* DNS is being asked */
};

/** @return true with *report_out, or false when nothing is known of it */
bool bmx_any_domains_report(const struct bmx_any_domains *any,
                            struct bmx_slice domain,
                            struct bmx_any_report *report_out);

/** Looks at it again now, as far as there is room: for a command. */
void bmx_any_domains_check_now(struct bmx_any_domains *any,
                               struct bmx_slice domain);

/** Domains that are served. */
size_t bmx_any_domains_count(const struct bmx_any_domains *any);

#endif
