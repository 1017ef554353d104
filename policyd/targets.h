/*
 * targets.h - the hosts of a domain's primary, kept fresh through DNS.
 *
 * Looked up once at the start and then whenever the least TTL is over, at
 * least 60 s and at most an hour later, plus up to a tenth. When DNS fails,
 * what was known stays in use and DNS is asked again every 30 s. An answer
 * that the domain or its MX are gone is an answer, and believed.
 *
 *	LOADING -> (first refresh) -> a set, replaced by each later one
 *
 * One thread: that of the loop. What is decided from the answers, and the
 * types: target_set.h.
 */
#ifndef BACKUPMX_POLICYD_TARGETS_H
#define BACKUPMX_POLICYD_TARGETS_H

#include <backupmx/dns_loop.h>
#include <backupmx/loop.h>

#include "target_set.h"

/** Least and most time between two refreshes, milliseconds. */
#define BMX_TARGETS_REFRESH_MIN_MS INT64_C(60000)
#define BMX_TARGETS_REFRESH_MAX_MS INT64_C(3600000)
/** Time until DNS is asked again after it failed. */
#define BMX_TARGETS_RETRY_MS INT64_C(30000)
/** Longest wait for one answer. */
#define BMX_TARGETS_ANSWER_MS INT64_C(10000)

struct bmx_targets;

/** The state or the canonical text of the set is another than before; the
 * first set is a change. May call any function of targets, also free. */
typedef void bmx_targets_changed_cb(void *ctx, struct bmx_targets *targets);

struct bmx_targets_options {
	struct bmx_slice domain;      /* normalised; copied */
	const char *const *primary;   /* the section's strings; copied */
	size_t primary_count;         /* at most BMX_TARGET_SPECS_MAX */
	const char *const *our_names; /* mx_names, or hostname; copied */
	size_t our_name_count;        /* at most 65 are looked at */
	bool wants_dane;              /* ask for TLSA records */
	struct bmx_loop *loop;        /* these two outlive the targets */
	struct bmx_dns_asker *asker;
	/* Which addresses are this machine's; NULL: those of its interfaces. */
	bmx_target_is_ours *is_ours;
	void *is_ours_ctx;
	bmx_targets_changed_cb *on_change; /* NULL: nobody is told */
	void *on_change_ctx;
};

/**
 * Starts to look up and to keep fresh. Never calls back itself.
 * @return the targets, which the caller frees, or NULL with *err:
 *         BMX_E_SYNTAX, BMX_E_RANGE (a string of primary), BMX_E_NOMEM
 */
struct bmx_targets *bmx_targets_new(const struct bmx_targets_options *options,
                                    struct bmx_error *err);

/** Frees *targets and sets it to NULL; look-ups under way are cancelled. NULL
 * is fine. Sets and tries that were taken stay good. */
void bmx_targets_free(struct bmx_targets **targets);

/** The set in force: never NULL; borrowed until the loop's next turn, take a
 * reference to keep it. */
const struct bmx_target_set *bmx_targets_get(const struct bmx_targets *targets);

/** A walk over the set in force, shuffled anew at each call; NULL when memory
 * is short. */
struct bmx_target_tries *bmx_targets_tries(struct bmx_targets *targets);

/** Looks up now, unless a look-up is under way: for a reload or a command.
 * What the resolver still keeps is taken from there (bmx_dns_flush). */
void bmx_targets_refresh(struct bmx_targets *targets);

/** Has the last refresh failed, so that what is in force is older than its
 * TTL? For status and doctor. */
bool bmx_targets_stale(const struct bmx_targets *targets);

#endif
