/*
 * nudge.h - keeps libmilter's worker pool awake while callbacks wait.
 *
 * Debian's libmilter (8.17, _FFR_WORKERS_POOL) keeps two worker threads and
 * starts another only when an event arrives while all are busy: sessions
 * that become ready while callbacks block stay unserved until one of those
 * ends. The nudge is a connection of the milter to itself: it sends one
 * SMFIC_ABORT, which needs no answer, each BMX_NUDGE_EVERY_MS while any
 * callback has been running for more than BMX_NUDGE_AFTER_MS, so that there
 * is always such an event. When nothing runs it sleeps without a timer.
 */
#ifndef BACKUPMX_MILTER_NUDGE_H
#define BACKUPMX_MILTER_NUDGE_H

#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/endpoint.h>

/** A callback that runs for longer is worth a nudge. */
#define BMX_NUDGE_AFTER_MS 10
/** Time between two nudges. */
#define BMX_NUDGE_EVERY_MS 20

struct bmx_nudge;

/** A callback that is running; lives on its stack. */
struct bmx_nudge_mark {
	struct bmx_nudge_mark *older, *newer;
	int64_t since_us;
};

/**
 * Makes a nudge for the milter that listens on endpoint (copied) and starts
 * its thread. It connects when it is first needed, and again when the
 * connection is lost.
 * @return the nudge, which the caller frees, or NULL when there is no memory
 *         or thread
 */
struct bmx_nudge *bmx_nudge_new(const struct bmx_endpoint *endpoint);

/** Ends the thread, frees *nudge and sets it to NULL. NULL is fine. No
 * callback may be marked. */
void bmx_nudge_free(struct bmx_nudge **nudge);

/** A callback begins; *mark is the nudge's until bmx_nudge_leave. */
void bmx_nudge_enter(struct bmx_nudge *nudge, struct bmx_nudge_mark *mark);

/** It ends. */
void bmx_nudge_leave(struct bmx_nudge *nudge, struct bmx_nudge_mark *mark);

/** How often its thread woke up, for tests and the bench. */
uint64_t bmx_nudge_wakeups(const struct bmx_nudge *nudge);

/** How many nudges were sent. */
uint64_t bmx_nudge_sent(const struct bmx_nudge *nudge);

#endif
