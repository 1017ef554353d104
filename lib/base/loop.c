#include <backupmx/loop.h>

#include <stddef.h>
#include <stdlib.h>

#include <event2/event.h>

struct bmx_timer {
	struct event *event;
	bmx_timer_cb *cb;
	void *ctx;
};

struct bmx_watch {
	struct event *event;
	struct event_base *base;
	int fd;
	unsigned events;
	bmx_watch_cb *cb;
	void *ctx;
};

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct bmx_timer *timer = arg;

	(void)fd;
	(void)what;
	timer->cb(timer->ctx);
}

static struct bmx_timer *
timer_new(struct bmx_loop *loop, bmx_timer_cb *cb, void *ctx)
{
	struct bmx_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->cb = cb;
	timer->ctx = ctx;
	timer->event = evtimer_new(loop->base, on_timer, timer);
	if (!timer->event) {
		free(timer);
		return NULL;
	}
	return timer;
}

static void
timer_set(struct bmx_timer *timer, int64_t delay_ms)
{
	const struct timeval delay = {.tv_sec = (time_t)(delay_ms / 1000),
	                              .tv_usec = (delay_ms % 1000) * 1000};

	/* Fails only where libevent cannot grow its heap; the next set of a
	 * timer that matters comes with the next event. */
	(void)evtimer_add(timer->event, &delay);
}

static void
timer_cancel(struct bmx_timer *timer)
{
	(void)evtimer_del(timer->event); /* fails for foreign events only */
}

static void
timer_free(struct bmx_timer *timer)
{
	event_free(timer->event);
	free(timer);
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct bmx_watch *watch = arg;
	unsigned events = 0;

	(void)fd;
	if (what & EV_READ)
		events |= BMX_WATCH_READ;
	if (what & EV_WRITE)
		events |= BMX_WATCH_WRITE;
	watch->cb(watch->ctx, events);
}

static struct bmx_watch *
watch_new(struct bmx_loop *loop, int fd, bmx_watch_cb *cb, void *ctx)
{
	struct bmx_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->base = loop->base;
	watch->fd = fd;
	watch->cb = cb;
	watch->ctx = ctx;
	watch->event = event_new(watch->base, fd, EV_PERSIST, on_watch, watch);
	if (!watch->event) {
		free(watch);
		return NULL;
	}
	return watch;
}

static int
watch_set(struct bmx_watch *watch, unsigned events)
{
	short what = EV_PERSIST;

	if (events == watch->events)
		return 0;
	(void)event_del(watch->event); /* fails for foreign events only */
	watch->events = 0;
	if (events == 0)
		return 0;
	if (events & BMX_WATCH_READ)
		what |= EV_READ;
	if (events & BMX_WATCH_WRITE)
		what |= EV_WRITE;
	if (event_assign(watch->event, watch->base, watch->fd, what, on_watch,
	                 watch) != 0 ||
	    event_add(watch->event, NULL) != 0)
		return -1;
	watch->events = events;
	return 0;
}

static void
watch_free(struct bmx_watch *watch)
{
	event_free(watch->event);
	free(watch);
}

static const struct bmx_loop_ops event_ops = {
	.timer_new = timer_new,
	.timer_set = timer_set,
	.timer_cancel = timer_cancel,
	.timer_free = timer_free,
	.watch_new = watch_new,
	.watch_set = watch_set,
	.watch_free = watch_free,
};

struct bmx_loop *
bmx_loop_new(void)
{
	struct bmx_loop *loop = calloc(1, sizeof(*loop));
	struct event_config *config = loop ? event_config_new() : NULL;

	if (config) {
		/* One thread: no locks; one process: epoll's change list. */
		(void)event_config_set_flag(
			config,
			EVENT_BASE_FLAG_NOLOCK |
				EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
		loop->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (!loop || !loop->base) {
		free(loop);
		return NULL;
	}
	loop->ops = &event_ops;
	loop->clock = bmx_clock_system();
	return loop;
}

void
bmx_loop_free(struct bmx_loop **loop)
{
	if (!*loop)
		return;
	event_base_free((*loop)->base);
	free(*loop);
	*loop = NULL;
}

int
bmx_loop_turn(struct bmx_loop *loop, bool wait)
{
	const int flags = wait ? EVLOOP_ONCE : EVLOOP_NONBLOCK;

	return event_base_loop(loop->base, flags) < 0 ? -1 : 0;
}

struct event_base *
bmx_loop_event_base(struct bmx_loop *loop)
{
	return loop->base;
}
