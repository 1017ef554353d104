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

/** Sets to 0 those of domains that config has and next, which is about to
 * replace it, has not. The others stay as they are, lest a fault seems to come
 * and go: the next update is for them. */
void bmx_fault_gauges_clear(struct bmx_metrics *metrics,
                            const struct bmx_config *config,
                            const struct bmx_config *next);

#endif
