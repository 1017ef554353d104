/*
 * eviction_guard.h - is a primary refusing users that it accepted before, as
 * one that came back without its user table does?
 *
 * Single users go: that is believed. When many of those that are asked about
 * again within the window are refused as unknown, the evidence is held: they
 * are deferred, and an administrator is told. Such a primary may well accept
 * postmaster, which is often no user but an alias. DESIGN.md section 5,
 * "Call-ahead replies". Pure: the caller brings the time.
 */
#ifndef BACKUPMX_POLICYD_EVICTION_GUARD_H
#define BACKUPMX_POLICYD_EVICTION_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/** How long a refusal or a confirmation counts, ms: whole windows. */
#define BMX_EVICTION_WINDOW_MS (INT64_C(10) * 60 * 1000)
/** Fewer lost users than this are never a loss of the table. */
#define BMX_EVICTION_MIN 3

/** One domain's count; zeroed at first. */
struct bmx_eviction_guard {
	int64_t since_ms; /* monotonic: when this window began; 0: never */
	uint64_t lost;    /* had been accepted, now refused as unknown */
	uint64_t kept;    /* had been accepted, and still are */
	bool holds;
};

/**
 * Counts one user that had been accepted before. max_shrink: per cent of
 * users asked about again that may be lost.
 * @return true when the loss is not to be believed
 */
bool bmx_eviction_guard_count(struct bmx_eviction_guard *guard, bool lost,
                              int64_t max_shrink, int64_t now_ms);

/** Does it hold now, what it said last? */
bool bmx_eviction_guard_holds(const struct bmx_eviction_guard *guard,
                              int64_t now_ms);

#endif
