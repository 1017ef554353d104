#include "milter/counters.h"

#include <assert.h>

#include <backupmx/text.h>

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

/*
 * Looked up each time, not kept: sections come and go with reloads, and
 * the look-up is nothing beside the round trip to policyd before it.
 */
void
bmx_milter_count_decision(const struct bmx_milter_counters *counters,
                          const char *domain, enum bmx_milter_act act,
                          enum bmx_verdict_why why)
{
	const struct bmx_metrics_label labels[] = {
		{"domain", domain},
		{"action", acts[act]},
		{"reason", bmx_verdict_why_name(why)},
	};

	bmx_metric_add(bmx_metrics_counter(
			       counters->metrics, "backupmx_decisions_total",
			       "Recipients decided.", labels, LENGTH(labels)),
	               1);
}

void
bmx_milter_count_check(const struct bmx_milter_counters *counters,
                       enum bmx_check check, enum bmx_check_result result)
{
	bmx_metric_add(check_counter(counters->metrics,
	                             bmx_check_row(check)->name,
	                             bmx_check_result_name(result)),
	               1);
}

void
bmx_milter_count_scan(const struct bmx_milter_counters *counters,
                      const char *name, const char *result)
{
	char check[80];
	struct bmx_text text;

	bmx_text_init(&text, check, sizeof(check));
	bmx_text_printf(&text, "scanner:%s", name);
	bmx_metric_add(check_counter(counters->metrics, check, result), 1);
}

void
bmx_milter_counters_init(struct bmx_milter_counters *counters,
                         struct bmx_metrics *metrics)
{
	/* So that its rates have a beginning; other checks may be off. */
	for (int i = 0; i < BMX_CHECK_RESULTS; i++)
		(void)check_counter(
			metrics, bmx_check_row(BMX_CHECK_SPF)->name,
			bmx_check_result_name((enum bmx_check_result)i));
	for (int i = 0; i < BMX_POLICY_OUTCOMES; i++)
		counters->policy[i] =
			check_counter(metrics, "policy", outcomes[i]);
	counters->metrics = metrics;
	counters->forged = bmx_metrics_counter(
		metrics, "backupmx_forged_headers_total",
		"Header fields taken out because they pretended to be ours.",
		NULL, 0);
	counters->sessions =
		bmx_metrics_gauge(metrics, "backupmx_milter_sessions",
	                          "SMTP sessions open now.", NULL, 0);
	counters->reply_seconds = bmx_metrics_histogram(
		metrics, "backupmx_reply_seconds", "Time to answer one RCPT.");
}
