/*
 * zone_watch.h - how the zones of DNS block lists are doing, over all sessions
 * and reloads: each has a breaker and counters. Any thread.
 *
 * A zone that fails again and again is left alone for a while, so that a dead
 * list costs nobody time; that is logged once an interval.
 */
#ifndef BACKUPMX_MILTER_CHECKS_ZONE_WATCH_H
#define BACKUPMX_MILTER_CHECKS_ZONE_WATCH_H

#include <backupmx/clock.h>
#include <backupmx/log.h>
#include <backupmx/metrics.h>

#include "milter/checks/dnsbl.h"

/** Zones that are watched, over all reloads; further ones are asked always. */
#define BMX_ZONE_WATCH_MAX ((size_t)256)
/** Least time between two log lines about a zone. */
#define BMX_ZONE_WATCH_LOG_MS INT64_C(600000)

struct bmx_zone_watch;

/** Returns a watch the caller frees, or NULL when memory is short. What it is
 * given must outlive it. */
struct bmx_zone_watch *bmx_zone_watch_new(const struct bmx_clock *clock,
                                          struct bmx_log *log,
                                          struct bmx_metrics *metrics);

/** Frees *watch and sets it to NULL. NULL is fine. */
void bmx_zone_watch_free(struct bmx_zone_watch **watch);

/** May zone be asked now? A no is counted as "skipped". */
bool bmx_zone_watch_allows(struct bmx_zone_watch *watch, const char *zone);

/** What zone has said to a question that was allowed. */
void bmx_zone_watch_report(struct bmx_zone_watch *watch, const char *zone,
                           enum bmx_dnsbl_word word);

#endif
