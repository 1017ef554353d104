/*
 * counters.h - what the milter counts, registered once at the start.
 */
#ifndef BACKUPMX_MILTER_COUNTERS_H
#define BACKUPMX_MILTER_COUNTERS_H

#include <backupmx/metrics.h>

#include "milter/checks/check.h"
#include "milter/verdict.h"

/** How a recipient question to policyd ended. */
enum bmx_policy_outcome {
	BMX_POLICY_OUTCOME_ACCEPT,
	BMX_POLICY_OUTCOME_DEFER,
	BMX_POLICY_OUTCOME_REJECT,
	BMX_POLICY_OUTCOME_AWAY,
	BMX_POLICY_OUTCOMES
};

/** What was done with a recipient. */
enum bmx_milter_act {
	BMX_ACT_ACCEPT,
	BMX_ACT_DEFER,
	BMX_ACT_REJECT,
	BMX_ACT_OBSERVE, /* accepted, and would have been refused */
	BMX_ACTS
};

/** "accept", "defer", "reject", "observe". */
const char *bmx_milter_act_name(enum bmx_milter_act act);

struct bmx_milter_counters {
	struct bmx_metric *policy[BMX_POLICY_OUTCOMES];
	struct bmx_metrics *metrics; /* for what is counted per domain */
	struct bmx_metric *forged;   /* header fields taken out */
	struct bmx_metric *sessions; /* open now */
	struct bmx_histogram *reply_seconds; /* of one RCPT */
};

/** Registers all; the pointers hold as long as metrics. */
void bmx_milter_counters_init(struct bmx_milter_counters *counters,
                              struct bmx_metrics *metrics);

/** Counts a check of a message by its result. Any thread. */
void bmx_milter_count_check(const struct bmx_milter_counters *counters,
                            enum bmx_check check, enum bmx_check_result result);

/** Counts a message by what a scanner came to; name is the section's title.
 * Any thread. */
void bmx_milter_count_scan(const struct bmx_milter_counters *counters,
                           const char *name, const char *result);

/** Counts a recipient of a served domain, by its section's name. Any thread. */
void bmx_milter_count_decision(const struct bmx_milter_counters *counters,
                               const char *domain, enum bmx_milter_act act,
                               enum bmx_verdict_why why);

#endif
