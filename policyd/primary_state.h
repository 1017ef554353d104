/*
 * primary_state.h - is a primary up? Hysteresis over checks and contacts.
 *
 * Pure: an event and the time in, a status out. DESIGN.md section 5,
 * "Primary state". n/m are failures and successes in a row:
 *
 *	SUSPECT (start) --2 good--> UP --1 failure--> SUSPECT (was up)
 *	   |                        ^ ^---1 good--------/      |
 *	   \--3 failures--> DOWN ---/ 2 good                   |
 *	                      ^------------3 failures----------/
 *
 * Neither UP nor DOWN is left for the other without SUSPECT or a run of
 * agreeing answers, so a primary that comes and goes is not called down by
 * one lost packet, nor up by one lucky one.
 */
#ifndef BACKUPMX_POLICYD_PRIMARY_STATE_H
#define BACKUPMX_POLICYD_PRIMARY_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/record.h>

/** Failures in a row after which it is DOWN; good ones after which it is UP. */
#define BMX_PRIMARY_DOWN_AFTER 3
#define BMX_PRIMARY_UP_AFTER 2
/**
 * Events of one kind within this time of the last one that counted are one
 * event, ms. A burst of probes that fail (or succeed) together has seen the
 * primary at one moment only: a hundred probes that one reset of a firewall
 * kills are not three checks.
 */
#define BMX_PRIMARY_COUNT_ONCE_MS 1000
/** The check after one that disagrees with the status comes so soon, ms, or
 * after the interval if that is less: hysteresis then settles quickly. */
#define BMX_PRIMARY_RECHECK_MS 5000
/** A stored UP that is older than so many check intervals is not believed. */
#define BMX_PRIMARY_RESUME_INTERVALS 2

/** What a check or a contact of call-ahead came to. */
enum bmx_primary_event { BMX_PRIMARY_GOOD, BMX_PRIMARY_FAILED };

/** The time of an event. */
struct bmx_primary_now {
	int64_t wall_ms;
	int64_t mono_ms;
};

struct bmx_primary_state {
	enum bmx_primary_status status;
	int64_t since_ms;      /* wall; of DOWN the first failure of its run */
	int64_t checked_at_ms; /* wall: the last event; 0: none yet */
	unsigned good;         /* in a row, at most BMX_PRIMARY_UP_AFTER */
	unsigned bad;          /* in a row, at most BMX_PRIMARY_DOWN_AFTER */
	bool was_up;           /* of SUSPECT: one good one is enough */
	int64_t run_since_ms;  /* wall: the first failure of the run */
	int64_t counted_at_ms; /* mono: the last event that counted */
};

/** Starts without knowledge: SUSPECT. */
void bmx_primary_state_init(struct bmx_primary_state *state,
                            const struct bmx_primary_now *now);

/**
 * Starts with what was stored: DOWN stays DOWN since then, whatever its age,
 * so that a frozen list survives a restart; UP only if it was checked within
 * BMX_PRIMARY_RESUME_INTERVALS of interval_ms; else as init. Times in the
 * future count as now.
 */
void bmx_primary_state_resume(struct bmx_primary_state *state,
                              const struct bmx_primary_record *record,
                              int64_t interval_ms,
                              const struct bmx_primary_now *now);

/** Takes an event. @return true when the status has changed */
bool bmx_primary_state_event(struct bmx_primary_state *state,
                             enum bmx_primary_event event,
                             const struct bmx_primary_now *now);

/** Does the last event speak against the status, so that the next check is
 * due soon? Also true before the first one. */
bool bmx_primary_state_unsettled(const struct bmx_primary_state *state);

/**
 * How long until the next check, ms: interval_ms, or BMX_PRIMARY_RECHECK_MS
 * if that is less and the state is unsettled; 10 % more or less by random, so
 * that many primaries, and many backups, do not check in step.
 */
int64_t bmx_primary_state_delay_ms(const struct bmx_primary_state *state,
                                   int64_t interval_ms, uint32_t random);

#endif
