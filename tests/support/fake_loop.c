#include "tests/support/fake_loop.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <poll.h>

/* Watches of one loop; a test has a handful, a crowd some thousands. */
#define WATCHES_MAX ((size_t)4096)

struct bmx_timer {
	struct fake_loop *loop;
	struct bmx_timer *next; /* while set: sorted by due_us, then by age */
	bool set;
	int64_t due_us;
	bmx_timer_cb *cb;
	void *ctx;
};

struct bmx_watch {
	struct fake_loop *loop;
	struct bmx_watch *next;
	uint64_t serial; /* finds it again when it may have been freed */
	int fd;
	unsigned events;
	bmx_watch_cb *cb;
	void *ctx;
};

struct fake_loop {
	struct bmx_loop head; /* first: the interface's view of it */
	struct bmx_clock clock;
	int64_t mono_us;
	int64_t wall_us;
	struct bmx_timer *timers;
	struct bmx_watch *watches;
	size_t timers_alive; /* set or not */
	uint64_t serial;
	struct pollfd ready[WATCHES_MAX];
	uint64_t ready_serial[WATCHES_MAX];
};

static void
die(const char *why)
{
	(void)fprintf(stderr, "fake_loop: %s\n", why);
	abort();
}

static struct fake_loop *
fake_of(struct bmx_loop *loop)
{
	return (struct fake_loop *)loop;
}

static const struct fake_loop *
fake_of_const(const struct bmx_loop *loop)
{
	return (const struct fake_loop *)loop;
}

static void *
must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		die("memory is short");
	return p;
}

static int64_t
clock_mono_us(void *ctx)
{
	const struct fake_loop *fake = ctx;

	return fake->mono_us;
}

static int64_t
clock_wall_ms(void *ctx)
{
	const struct fake_loop *fake = ctx;

	return fake->wall_us / 1000;
}

static struct bmx_timer *
timer_new(struct bmx_loop *loop, bmx_timer_cb *cb, void *ctx)
{
	struct bmx_timer *timer = must_alloc(sizeof(*timer));

	timer->loop = fake_of(loop);
	timer->cb = cb;
	timer->ctx = ctx;
	timer->loop->timers_alive++;
	return timer;
}

static void
timer_cancel(struct bmx_timer *timer)
{
	struct bmx_timer **at = &timer->loop->timers;

	if (!timer->set)
		return;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	timer->set = false;
}

static void
timer_set(struct bmx_timer *timer, int64_t delay_ms)
{
	struct bmx_timer **at = &timer->loop->timers;

	if (delay_ms < 0)
		die("a timer was set to the past");
	timer_cancel(timer);
	timer->due_us = timer->loop->mono_us + delay_ms * 1000;
	while (*at && (*at)->due_us <= timer->due_us)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
	timer->set = true;
}

static void
timer_free(struct bmx_timer *timer)
{
	timer_cancel(timer);
	timer->loop->timers_alive--;
	free(timer);
}

static struct bmx_watch *
watch_new(struct bmx_loop *loop, int fd, bmx_watch_cb *cb, void *ctx)
{
	struct fake_loop *fake = fake_of(loop);
	struct bmx_watch *watch = must_alloc(sizeof(*watch));

	watch->loop = fake;
	watch->serial = ++fake->serial;
	watch->fd = fd;
	watch->cb = cb;
	watch->ctx = ctx;
	watch->next = fake->watches;
	fake->watches = watch;
	return watch;
}

static int
watch_set(struct bmx_watch *watch, unsigned events)
{
	watch->events = events;
	return 0;
}

static void
watch_free(struct bmx_watch *watch)
{
	struct bmx_watch **at = &watch->loop->watches;

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	free(watch);
}

static const struct bmx_loop_ops fake_ops = {
	.timer_new = timer_new,
	.timer_set = timer_set,
	.timer_cancel = timer_cancel,
	.timer_free = timer_free,
	.watch_new = watch_new,
	.watch_set = watch_set,
	.watch_free = watch_free,
};

/* Runs what is ready on libevent's base, without waiting, until nothing is.
 * Returns whether anything was. */
static size_t
turn_base(struct fake_loop *fake)
{
	struct event_base *base = fake->head.base;
	const unsigned active = EVENT_BASE_COUNT_ACTIVE;
	int ran = event_base_get_num_events(base, active);

	(void)event_base_get_max_events(base, active, 1);
	if (event_base_loop(base, EVLOOP_NONBLOCK) < 0)
		die("the event base failed");
	ran += event_base_get_max_events(base, active, 1);
	return ran > 0;
}

struct bmx_loop *
fake_loop_new(int64_t wall_ms)
{
	struct fake_loop *fake = must_alloc(sizeof(*fake));

	fake->clock = (struct bmx_clock){clock_mono_us, clock_wall_ms, fake};
	fake->mono_us = INT64_C(1000000000);
	fake->wall_us = wall_ms * 1000;
	fake->head.ops = &fake_ops;
	fake->head.clock = &fake->clock;
	fake->head.base = event_base_new();
	if (!fake->head.base)
		die("no event base");
	return &fake->head;
}

void
fake_loop_free(struct bmx_loop **loop)
{
	if (!*loop)
		return;
	if (fake_of(*loop)->timers_alive > 0)
		die("a timer was not freed");
	if (fake_of(*loop)->watches)
		die("a watch was not freed");
	(void)turn_base(fake_of(*loop)); /* ends what was freed just now */
	if (event_base_get_num_events((*loop)->base, EVENT_BASE_COUNT_ADDED))
		die("a stream was not freed");
	event_base_free((*loop)->base);
	free(*loop);
	*loop = NULL;
}

static void
move_to(struct fake_loop *fake, int64_t mono_us)
{
	fake->wall_us += mono_us - fake->mono_us;
	fake->mono_us = mono_us;
}

void
fake_loop_advance(struct bmx_loop *loop, int64_t ms)
{
	struct fake_loop *fake = fake_of(loop);
	const int64_t until_us = fake->mono_us + ms * 1000;
	size_t runs = 0;

	while (fake->timers && fake->timers->due_us <= until_us) {
		struct bmx_timer *timer = fake->timers;

		if (++runs > FAKE_LOOP_SPIN_MAX)
			die("timers spin");
		timer_cancel(timer);
		if (timer->due_us > fake->mono_us)
			move_to(fake, timer->due_us);
		timer->cb(timer->ctx); /* may free it */
	}
	move_to(fake, until_us);
}

void
fake_loop_jump_wall(struct bmx_loop *loop, int64_t ms)
{
	fake_of(loop)->wall_us += ms * 1000;
}

int64_t
fake_loop_next_ms(const struct bmx_loop *loop)
{
	const struct fake_loop *fake = fake_of_const(loop);

	if (!fake->timers)
		return -1;
	return (fake->timers->due_us - fake->mono_us + 999) / 1000;
}

size_t
fake_loop_timers(const struct bmx_loop *loop)
{
	const struct bmx_timer *timer = fake_of_const(loop)->timers;
	size_t count = 0;

	for (; timer; timer = timer->next)
		count++;
	return count;
}

size_t
fake_loop_watches(const struct bmx_loop *loop)
{
	const struct bmx_watch *watch = fake_of_const(loop)->watches;
	size_t count = 0;

	for (; watch; watch = watch->next)
		count += watch->events != 0;
	return count;
}

/* Fills fake->ready with what the watches wait for. */
static size_t
collect(struct fake_loop *fake)
{
	size_t count = 0;

	for (const struct bmx_watch *w = fake->watches; w; w = w->next) {
		short events = 0;

		if (w->events == 0)
			continue;
		if (count == WATCHES_MAX)
			die("too many watches");
		if (w->events & BMX_WATCH_READ)
			events |= POLLIN;
		if (w->events & BMX_WATCH_WRITE)
			events |= POLLOUT;
		fake->ready[count] =
			(struct pollfd){.fd = w->fd, .events = events};
		fake->ready_serial[count++] = w->serial;
	}
	return count;
}

/* Calls the watch with that serial if it is still there and still waits. */
static size_t
dispatch(struct fake_loop *fake, uint64_t serial, short revents)
{
	const short gone = POLLHUP | POLLERR;
	unsigned events = 0;
	struct bmx_watch *watch = fake->watches;

	while (watch && watch->serial != serial)
		watch = watch->next;
	if (!watch)
		return 0;
	/* As epoll under libevent: a hang-up wakes who reads or writes. */
	if (revents & (POLLIN | gone))
		events |= BMX_WATCH_READ;
	if (revents & (POLLOUT | gone))
		events |= BMX_WATCH_WRITE;
	events &= watch->events;
	if (events == 0)
		return 0;
	watch->cb(watch->ctx, events); /* may free it */
	return 1;
}

/* As fake_loop_poll, for the watches alone. */
static size_t
poll_watches(struct fake_loop *fake, int wait_ms)
{
	const size_t count = collect(fake);
	size_t called = 0;

	if (poll(fake->ready, (nfds_t)count, wait_ms) <= 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (fake->ready[i].revents & POLLNVAL)
			die("a watch of a closed descriptor");
		if (fake->ready[i].revents != 0)
			called += dispatch(fake, fake->ready_serial[i],
			                   fake->ready[i].revents);
	}
	return called;
}

size_t
fake_loop_poll(struct bmx_loop *loop, int wait_ms)
{
	struct fake_loop *fake = fake_of(loop);
	size_t called;

	/* The base's descriptors cannot be polled with ours: turn about. */
	do {
		called = turn_base(fake);
		called += poll_watches(fake, called == 0 && wait_ms > 0);
	} while (called == 0 && --wait_ms > 0);
	return called;
}

void
fake_loop_settle(struct bmx_loop *loop)
{
	size_t runs = 0;

	do {
		fake_loop_advance(loop, 0);
		if (++runs > FAKE_LOOP_SPIN_MAX)
			die("watches spin");
	} while (fake_loop_poll(loop, 0) > 0 || fake_loop_next_ms(loop) == 0);
}
