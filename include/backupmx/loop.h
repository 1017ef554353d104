/*
 * loop.h - timers and descriptors of an event loop, as an interface.
 *
 * The daemons run on libevent (bmx_loop_new); scenario tests bring a loop and
 * a clock of their own. One thread. A callback may set, cancel or free any
 * timer or watch, its own included; what is freed never calls back.
 */
#ifndef BACKUPMX_LOOP_H
#define BACKUPMX_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/clock.h>

struct bmx_loop;
struct bmx_timer;
struct bmx_watch;
struct event_base;

typedef void bmx_timer_cb(void *ctx);

/** What a descriptor is ready for. */
enum bmx_watch_events {
	BMX_WATCH_READ = 1,
	BMX_WATCH_WRITE = 2,
};

/** events: BMX_WATCH_READ, BMX_WATCH_WRITE or both. */
typedef void bmx_watch_cb(void *ctx, unsigned events);

/** What a loop brings; timers and watches are the implementation's own. */
struct bmx_loop_ops {
	struct bmx_timer *(*timer_new)(struct bmx_loop *, bmx_timer_cb *,
	                               void *ctx);
	void (*timer_set)(struct bmx_timer *, int64_t delay_ms);
	void (*timer_cancel)(struct bmx_timer *);
	void (*timer_free)(struct bmx_timer *);
	struct bmx_watch *(*watch_new)(struct bmx_loop *, int fd,
	                               bmx_watch_cb *, void *ctx);
	int (*watch_set)(struct bmx_watch *, unsigned events);
	void (*watch_free)(struct bmx_watch *);
};

/** The head of every loop; implementations put it first. */
struct bmx_loop {
	const struct bmx_loop_ops *ops;
	const struct bmx_clock *clock;
	struct event_base *base; /* libevent's, for streams and evhttp */
};

/** Returns a timer that is not set, or NULL when memory is short. The caller
 * frees it before the loop. */
static inline struct bmx_timer *
bmx_timer_new(struct bmx_loop *loop, bmx_timer_cb *cb, void *ctx)
{
	return loop->ops->timer_new(loop, cb, ctx);
}

/** Calls back once, delay_ms (0 or more) from now; an earlier setting is
 * replaced. */
static inline void
bmx_timer_set(struct bmx_loop *loop, struct bmx_timer *timer, int64_t delay_ms)
{
	loop->ops->timer_set(timer, delay_ms);
}

/** It will not call back until it is set again. */
static inline void
bmx_timer_cancel(struct bmx_loop *loop, struct bmx_timer *timer)
{
	loop->ops->timer_cancel(timer);
}

/** Frees *timer and sets it to NULL. NULL is fine. */
static inline void
bmx_timer_free(struct bmx_loop *loop, struct bmx_timer **timer)
{
	if (*timer)
		loop->ops->timer_free(*timer);
	*timer = (struct bmx_timer *)0;
}

/** Returns a watch of fd that waits for nothing yet, or NULL when memory is
 * short. fd stays the caller's; free the watch before closing it. */
static inline struct bmx_watch *
bmx_watch_new(struct bmx_loop *loop, int fd, bmx_watch_cb *cb, void *ctx)
{
	return loop->ops->watch_new(loop, fd, cb, ctx);
}

/** Calls back whenever fd is ready for one of events, until set otherwise; 0
 * pauses. @return 0, or -1 when the system refuses (memory, kernel limits) */
static inline int
bmx_watch_set(struct bmx_loop *loop, struct bmx_watch *watch, unsigned events)
{
	return loop->ops->watch_set(watch, events);
}

/** Frees *watch and sets it to NULL. NULL is fine. */
static inline void
bmx_watch_free(struct bmx_loop *loop, struct bmx_watch **watch)
{
	if (*watch)
		loop->ops->watch_free(*watch);
	*watch = (struct bmx_watch *)0;
}

/** A loop on libevent and the system's clocks, or NULL when memory is short.
 * The caller frees it last. */
struct bmx_loop *bmx_loop_new(void);

/** Frees *loop and sets it to NULL. NULL is fine. For bmx_loop_new's only. */
void bmx_loop_free(struct bmx_loop **loop);

/** Runs the callbacks of what is ready, once around; with wait, waits until
 * something is. @return 0, or -1 when the loop cannot go on */
int bmx_loop_turn(struct bmx_loop *loop, bool wait);

/** libevent's base, for bufferevents and evhttp; of a fake loop as well. What
 * is made on it goes by real descriptors; its time is not the loop's. */
struct event_base *bmx_loop_event_base(struct bmx_loop *loop);

#endif
