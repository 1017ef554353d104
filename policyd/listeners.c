#define _GNU_SOURCE /* accept4 */

#include "policyd/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <unistd.h>

/* Connections taken from one socket before others get their turn. */
#define ACCEPT_MAX 64
/* How long to wait when descriptors or memory have run out. */
#define PAUSE_MS 200

struct listener {
	struct bmx_listeners *owner;
	int fd;
	struct bmx_watch *watch;
};

struct bmx_listeners {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_clients *clients;
	struct bmx_timer *pause;
	struct bmx_log_throttle shortage;
	size_t count;
	struct listener items[];
};

static void
set_all(struct bmx_listeners *listeners, unsigned events)
{
	for (size_t i = 0; i < listeners->count; i++)
		if (bmx_watch_set(listeners->loop, listeners->items[i].watch,
		                  events) != 0)
			bmx_timer_set(listeners->loop, listeners->pause,
			              PAUSE_MS);
}

static void
log_shortage(struct bmx_listeners *listeners, const char *what)
{
	struct bmx_log_line line;
	uint64_t suppressed;

	if (!bmx_log_throttle_pass(&listeners->shortage, listeners->loop->clock,
	                           &suppressed))
		return;
	bmx_log_begin(&line, listeners->log, BMX_LOG_WARN, "accept-paused");
	bmx_log_add_string(&line, BMX_KEY_ERR, what);
	bmx_log_add_u64(&line, BMX_KEY_COUNT,
	                bmx_clients_count(listeners->clients));
	bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "raise the limit of open files (LimitNOFILE=)");
	bmx_log_end(&line);
}

static void
on_pause_over(void *ctx)
{
	bmx_listeners_resume(ctx);
}

static void
pause_all(struct bmx_listeners *listeners, int errnum)
{
	log_shortage(listeners, strerror(errnum));
	set_all(listeners, 0);
	bmx_timer_set(listeners->loop, listeners->pause, PAUSE_MS);
}

/* @return 0 to go on, -1 when this turn's accepting is over */
static int
accept_one(struct listener *listener)
{
	struct bmx_listeners *owner = listener->owner;
	int fd;

	if (!bmx_clients_make_room(owner->clients)) {
		log_shortage(owner, "as many connections as may be open");
		set_all(owner, 0);
		return -1;
	}
	fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		bmx_clients_add(owner->clients, fd);
		return 0;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return 0;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		pause_all(owner, errno);
	return -1;
}

static void
on_acceptable(void *ctx, unsigned events)
{
	(void)events;
	for (int i = 0; i < ACCEPT_MAX; i++)
		if (accept_one(ctx) != 0)
			return;
}

static struct bmx_listeners *
allocate(const int *fds, size_t count)
{
	struct bmx_listeners *listeners =
		calloc(1, sizeof(*listeners) + count * sizeof(struct listener));

	if (!listeners) {
		for (size_t i = 0; i < count; i++)
			(void)close(fds[i]);
		return NULL;
	}
	listeners->count = count;
	listeners->shortage.interval_ms = 60000;
	for (size_t i = 0; i < count; i++)
		listeners->items[i] =
			(struct listener){.owner = listeners, .fd = fds[i]};
	return listeners;
}

struct bmx_listeners *
bmx_listeners_new(struct bmx_loop *loop, struct bmx_log *log, const int *fds,
                  size_t count, struct bmx_clients *clients,
                  struct bmx_error *err)
{
	struct bmx_listeners *listeners = allocate(fds, count);
	bool good = listeners != NULL;

	if (good) {
		listeners->loop = loop;
		listeners->log = log;
		listeners->clients = clients;
		listeners->pause =
			bmx_timer_new(loop, on_pause_over, listeners);
		good = listeners->pause != NULL;
	}
	for (size_t i = 0; good && i < count; i++) {
		struct listener *item = &listeners->items[i];

		item->watch =
			bmx_watch_new(loop, item->fd, on_acceptable, item);
		good = item->watch &&
			bmx_watch_set(loop, item->watch, BMX_WATCH_READ) == 0;
	}
	if (!good) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
		bmx_listeners_free(&listeners);
	}
	return listeners;
}

void
bmx_listeners_free(struct bmx_listeners **listeners)
{
	struct bmx_listeners *set = *listeners;

	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++) {
		bmx_watch_free(set->loop, &set->items[i].watch);
		(void)close(set->items[i].fd);
	}
	bmx_timer_free(set->loop, &set->pause);
	free(set);
	*listeners = NULL;
}

void
bmx_listeners_resume(struct bmx_listeners *listeners)
{
	bmx_timer_cancel(listeners->loop, listeners->pause);
	set_all(listeners, BMX_WATCH_READ);
}
