#include "policyd/fault_gauges.h"

#include <assert.h>

enum fault { FAULT_SYNC, FAULT_REFUSED, FAULT_BREAKER, FAULTS };

static const struct {
	const char *name;
	const char *help;
} rows[] = {
	{"backupmx_list_sync_failures",
         "Syncs of the domain's list that failed in a row; there once one "
         "has."},
	{"backupmx_primary_refuses",
         "1 while the primary refuses us; there once it has."},
	{"backupmx_call_ahead_breaker_open",
         "1 while the primary is not asked because it failed; there once it "
         "was."},
};
static_assert(sizeof(rows) / sizeof(rows[0]) == FAULTS, "one row each");

static void
set(struct bmx_metrics *metrics, enum fault fault, const char *domain,
    int64_t value)
{
	const struct bmx_metrics_label label = {"domain", domain};
	struct bmx_metric *metric = value != 0 ?
		bmx_metrics_gauge(metrics, rows[fault].name, rows[fault].help,
	                          &label, 1) :
		bmx_metrics_find(metrics, rows[fault].name, &label, 1);

	if (metric)
		bmx_metric_set(metric, value);
}

static void
update_sync(struct bmx_metrics *metrics, const char *domain,
            const struct bmx_sync *sync)
{
	struct bmx_sync_status status;

	if (bmx_sync_status(sync, bmx_slice_of(domain), &status) == 0)
		status.failures = 0;
	set(metrics, FAULT_SYNC, domain, (int64_t)status.failures);
}

static void
update_primary(struct bmx_metrics *metrics, const char *domain,
               const struct bmx_primaries *primaries)
{
	struct bmx_primary_report report;
	bool there =
		bmx_primaries_report(primaries, bmx_slice_of(domain), &report);

	set(metrics, FAULT_REFUSED, domain, there && report.refused_us);
	set(metrics, FAULT_BREAKER, domain,
	    there && report.has_call_ahead &&
	            report.call_ahead.breaker != BMX_CIRCUIT_CLOSED);
}

void
bmx_fault_gauges_update(struct bmx_metrics *metrics,
                        const struct bmx_config *config,
                        const struct bmx_sync *sync,
                        const struct bmx_primaries *primaries)
{
	for (size_t i = 0; i < config->domain_count; i++) {
		update_sync(metrics, config->domains[i].name, sync);
		update_primary(metrics, config->domains[i].name, primaries);
	}
}

void
bmx_fault_gauges_clear(struct bmx_metrics *metrics,
                       const struct bmx_config *config,
                       const struct bmx_config *next)
{
	for (size_t i = 0; i < config->domain_count; i++) {
		const char *domain = config->domains[i].name;

		if (bmx_config_find_domain(next, bmx_slice_of(domain)))
			continue;
		for (int fault = 0; fault < FAULTS; fault++)
			set(metrics, (enum fault)fault, domain, 0);
	}
}
