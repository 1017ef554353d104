/*
 * health.h - how the URLs of scanners are doing, over all sessions, domains
 * and reloads: each has a circuit breaker. Any thread.
 *
 * Only who does not answer is left alone for a while. A wrong answer costs no
 * time, and a message that makes a scanner stumble must not take it away from
 * all others.
 */
#ifndef BACKUPMX_MILTER_SCANNERS_HEALTH_H
#define BACKUPMX_MILTER_SCANNERS_HEALTH_H

#include <stdbool.h>

#include <backupmx/clock.h>
#include <backupmx/error.h>
#include <backupmx/log.h>

/** URLs that are watched, over all reloads; further ones are asked always. */
#define BMX_SCAN_URLS_MAX ((size_t)256)
/** Failures in a row after which a URL is left alone. */
#define BMX_SCAN_FAILURES 3U
/** For how long. */
#define BMX_SCAN_REST_MS INT64_C(10000)
/** Least time between two log lines about a URL. */
#define BMX_SCAN_LOG_MS INT64_C(60000)

struct bmx_scan_health;

/** Returns the health of no URL yet, which the caller frees, or NULL when
 * memory is short. What it is given must outlive it. */
struct bmx_scan_health *bmx_scan_health_new(const struct bmx_clock *clock,
                                            struct bmx_log *log);

/** Frees *health and sets it to NULL. NULL is fine. */
void bmx_scan_health_free(struct bmx_scan_health **health);

/** May url be asked now? Each yes is followed by one report. */
bool bmx_scan_health_allows(struct bmx_scan_health *health, const char *url);

/** How that went: err is NULL for a verdict. Failures are logged, at most
 * every BMX_SCAN_LOG_MS for a URL, and so is the first verdict after them. */
void bmx_scan_health_report(struct bmx_scan_health *health, const char *url,
                            const struct bmx_error *err);

#endif
