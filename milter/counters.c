#include "milter/counters.h"

#include <assert.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const outcomes[] = {"accept", "defer", "reject", "away"};
static_assert(LENGTH(outcomes) == BMX_POLICY_OUTCOMES, "one name each");

static const char *const acts[] = {"accept", "defer", "reject", "observe"};
static_assert(LENGTH(acts) == BMX_ACTS, "one name each");

const char *
bmx_milter_act_name(enum bmx_milter_act act)
{
	return acts[act];
}

static struct bmx_metric *
check_counter(struct bmx_metrics *metrics, const char *check,
              const char *result)
{
	const struct bmx_metrics_label labels[] = {{"check", check},
	                                           {"result", result}};

	return bmx_metrics_counter(metrics, "backupmx_check_total",
	                           "Checks of the milter by their result.",
	                           labels, LENGTH(labels));
}

static struct bmx_metric *
recipient_counter(struct bmx_metrics *metrics, const char *action,
                  const char *reason)
{
	const struct bmx_metrics_label labels[] = {{"action", action},
	                                           {"reason", reason}};

	return bmx_metrics_counter(metrics, "backupmx_milter_recipients_total",
	                           "Recipients by what the milter did.", labels,
	                           LENGTH(labels));
}

static void
init_recipients(struct bmx_milter_counters *counters,
                struct bmx_metrics *metrics)
{
	for (int act = 0; act < BMX_ACTS; act++)
		for (int why = 0; why < BMX_WHYS; why++)
			counters->recipients[act][why] = recipient_counter(
				metrics, acts[act],
				bmx_verdict_why_name(
					(enum bmx_verdict_why)why));
}

void
bmx_milter_counters_init(struct bmx_milter_counters *counters,
                         struct bmx_metrics *metrics)
{
	for (int i = 0; i < BMX_SPF_RESULTS; i++)
		counters->spf[i] = check_counter(
			metrics, "spf",
			bmx_spf_result_name((enum bmx_spf_result)i));
	for (int i = 0; i < BMX_POLICY_OUTCOMES; i++)
		counters->policy[i] =
			check_counter(metrics, "policy", outcomes[i]);
	init_recipients(counters, metrics);
	counters->forged = bmx_metrics_counter(
		metrics, "backupmx_forged_headers_total",
		"Header fields taken out because they claimed our name.", NULL,
		0);
	counters->sessions =
		bmx_metrics_gauge(metrics, "backupmx_milter_sessions",
	                          "SMTP sessions open now.", NULL, 0);
	counters->reply_seconds = bmx_metrics_histogram(
		metrics, "backupmx_reply_seconds", "Time to answer one RCPT.");
}
