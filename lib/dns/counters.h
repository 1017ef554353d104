/*
 * counters.h - the resolver's counters, which are metrics at the same time.
 */
#ifndef BACKUPMX_LIB_DNS_COUNTERS_H
#define BACKUPMX_LIB_DNS_COUNTERS_H

#include <backupmx/metrics.h>

struct bmx_dns_metrics {
	struct bmx_metrics *own; /* when the owner gave none; else NULL */
	struct bmx_metric *lookups;
	struct bmx_metric *hits;
	struct bmx_metric *joined;
	struct bmx_metric *sent;
	struct bmx_metric *failed;
	struct bmx_metric *timeouts;
	struct bmx_metric *cancelled;
	struct bmx_metric *refused;
	struct bmx_metric
		*evicted; /* gauges from here: set when they are read */
	struct bmx_metric *entries;
	struct bmx_metric *bytes;
	struct bmx_metric *pending;
};

/**
 * Registers all of them in shared, or in a registry of their own if NULL.
 * @return 0, or -1 when memory is short
 */
int bmx_dns_metrics_init(struct bmx_dns_metrics *metrics,
                         struct bmx_metrics *shared);

/** Gives back what init took. */
void bmx_dns_metrics_clear(struct bmx_dns_metrics *metrics);

#endif
