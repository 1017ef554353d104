/*
 * fault_gauges.h - gauges of what may be wrong with a domain, for alerts.
 *
 * A series is made when its fault has first been there: thousands of domains
 * that are well take none of the registry's room. One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_FAULT_GAUGES_H
#define BACKUPMX_POLICYD_FAULT_GAUGES_H

#include <backupmx/config.h>
#include <backupmx/metrics.h>

#include "policyd/primaries.h"
#include "policyd/sync.h"

/** Sets the gauges of each domain of config to what is now. */
void bmx_fault_gauges_update(struct bmx_metrics *metrics,
                             const struct bmx_config *config,
                             const struct bmx_sync *sync,
                             const struct bmx_primaries *primaries);

/** Sets them to 0: config is about to be replaced, and may have domains that
 * the next one has not. */
void bmx_fault_gauges_clear(struct bmx_metrics *metrics,
                            const struct bmx_config *config);

#endif
