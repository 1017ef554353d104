/*
 * today.h - what was decided since midnight, for `backupmxctl status`.
 *
 * Metrics count since the start of the daemon and leave days to Prometheus; a
 * person without one asks what happened today. Pure but for the time zone.
 * One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_TODAY_H
#define BACKUPMX_POLICYD_TODAY_H

#include <stdint.h>

#include "policyd/decision.h"

/** What a recipient got; the value of `act=` and of metrics. */
enum bmx_decided {
	BMX_DECIDED_ACCEPT,
	BMX_DECIDED_DEFER,
	BMX_DECIDED_REJECT,
	BMX_DECIDED_WARN, /* observed: would have been refused */
	BMX_DECIDEDS
};

/** "accept", "defer", "reject", "warn". */
const char *bmx_decided_name(enum bmx_decided decided);

/** What reply does in a domain that observes or does not. */
enum bmx_decided bmx_decided_of(enum bmx_policy_reply reply, bool observes);

/** All zero at first. */
struct bmx_today {
	int64_t since_ms; /* wall: what is counted began then */
	int64_t from_ms;  /* wall: the day's midnight, */
	int64_t until_ms; /* and the next one */
	uint64_t counts[BMX_DECIDEDS][BMX_WHYS];
};

/** Begins a new day if wall_ms is not of the one that is counted. */
void bmx_today_roll(struct bmx_today *today, int64_t wall_ms);

/** Counts one recipient at wall_ms. */
void bmx_today_count(struct bmx_today *today, int64_t wall_ms,
                     enum bmx_decided decided, enum bmx_why why);

#endif
