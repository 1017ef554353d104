/*
 * learn.h - what call-ahead found out goes into the verification cache.
 *
 * Every probe that was decided is taken, whether or not anybody still waits
 * for it. UNSURE overwrites nothing. DESIGN.md section 5, "Verification
 * cache". One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_LEARN_H
#define BACKUPMX_POLICYD_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/record_store.h>

#include "policyd/call_ahead.h"

struct bmx_learner;

/** All must outlive it. */
struct bmx_learner_parts {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_record_store *records;
};

/** Returns a learner for config that the caller frees, or NULL when memory is
 * short. */
struct bmx_learner *bmx_learner_new(const struct bmx_learner_parts *parts,
                                    struct bmx_config *config);

/** Frees *learner and sets it to NULL; reads under way are dropped. NULL is
 * fine. */
void bmx_learner_free(struct bmx_learner **learner);

/** Takes over another configuration; the old one stays when memory is short.
 * @return 0, or -1 with *err (BMX_E_NOMEM) */
int bmx_learner_configure(struct bmx_learner *learner,
                          struct bmx_config *config, struct bmx_error *err);

/** Takes the result of a probe; a bmx_call_ahead_result_cb whose ctx is the
 * learner. */
void bmx_learner_take(void *learner,
                      const struct bmx_call_ahead_request *request,
                      const struct bmx_call_ahead_answer *answer);

/** What a refused delivery amounts to. */
enum bmx_gone {
	BMX_GONE_EVICTED, /* what was verified of the address is no more */
	BMX_GONE_NOTED,   /* a list holds it: counted */
	BMX_GONE_HOLD,    /* the primary seems to have lost its users */
	BMX_GONE_WORDS
};

/** "evicted", "noted", "hold". */
const char *bmx_gone_name(enum bmx_gone gone);

/**
 * The primary refused a delivery to a recipient as unknown. domain is served,
 * local in look-up form; listed: its list holds it. One address counts once in
 * BMX_EVICTION_WINDOW_MS, so that many messages to one user are no lost table.
 */
enum bmx_gone bmx_learner_gone(struct bmx_learner *learner,
                               struct bmx_slice domain, struct bmx_slice local,
                               bool listed);

/** What was unlearnt since the start. */
struct bmx_learner_counts {
	uint64_t evicted; /* known users that the primary no longer knows */
	uint64_t lost;    /* such refusals that were not believed */
	uint64_t gone[BMX_GONE_WORDS]; /* what bounces said of recipients */
};

/** Fills *counts_out. */
void bmx_learner_counts(const struct bmx_learner *learner,
                        struct bmx_learner_counts *counts_out);

/** Does the primary of section seem to have lost its users, so that a refusal
 * of one that it accepted before is not to be believed? */
bool bmx_learner_holds(const struct bmx_learner *learner,
                       const struct bmx_config_domain *section);

#endif
