/*
 * counters.h - what the milter counts, registered once at the start.
 */
#ifndef BACKUPMX_MILTER_COUNTERS_H
#define BACKUPMX_MILTER_COUNTERS_H

#include <backupmx/metrics.h>

#include "milter/spf/spf.h"
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
	struct bmx_metric *spf[BMX_SPF_RESULTS];
	struct bmx_metric *policy[BMX_POLICY_OUTCOMES];
	struct bmx_metrics *metrics; /* for what is counted per domain */
	struct bmx_metric *forged;   /* header fields taken out */
	struct bmx_metric *sessions; /* open now */
	struct bmx_histogram *reply_seconds; /* of one RCPT */
};

/** Registers all; the pointers hold as long as metrics. */
void bmx_milter_counters_init(struct bmx_milter_counters *counters,
                              struct bmx_metrics *metrics);

/** Counts a recipient of a served domain, by its section's name. Any thread. */
void bmx_milter_count_decision(const struct bmx_milter_counters *counters,
                               const char *domain, enum bmx_milter_act act,
                               enum bmx_verdict_why why);

#endif
