#include "milter/nudge.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <sys/socket.h>
#include <unistd.h>

#include "milter/own_session.h"

/* Milliseconds: to a socket of our own, so it is there or it is not. */
#define CONNECT_MS 100

struct bmx_nudge {
	struct bmx_endpoint endpoint;
	pthread_t thread;
	pthread_mutex_t lock; /* all below but the counters and fd */
	pthread_cond_t work;
	struct bmx_nudge_mark *oldest, *newest;
	bool asleep; /* waits without a timer */
	bool ending;
	atomic_uint_fast64_t wakeups, sent;
	int fd; /* the thread's own; -1: not connected */
};

static const unsigned char abort_command[] = {0, 0, 0, 1, 'A'};

static bool
send_whole(int fd, const void *data, size_t len)
{
	const ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return sent == (ssize_t)len;
}

/* The answer to the negotiation, and the end of the connection. */
static bool
drain(int fd)
{
	char bytes[256];
	ssize_t len;

	do
		len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	while (len > 0);
	return len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void
hang_up(struct bmx_nudge *nudge)
{
	if (nudge->fd >= 0)
		(void)close(nudge->fd);
	nudge->fd = -1;
}

/* A lost connection shows at the next nudge, and is made anew there. */
static void
send_nudge(struct bmx_nudge *nudge)
{
	if (nudge->fd >= 0 && !drain(nudge->fd))
		hang_up(nudge);
	if (nudge->fd < 0)
		nudge->fd = bmx_own_session_open(&nudge->endpoint, CONNECT_MS);
	if (nudge->fd < 0)
		return;
	if (send_whole(nudge->fd, abort_command, sizeof(abort_command)))
		atomic_fetch_add(&nudge->sent, 1);
	else
		hang_up(nudge);
}

static struct timespec
timespec_of(int64_t us)
{
	return (struct timespec){.tv_sec = (time_t)(us / 1000000),
	                         .tv_nsec = (long)(us % 1000000) * 1000};
}

/*
 * Waits until the oldest callback has run for long enough, or for work. Under
 * load callbacks come and go: the thread then looks again at most once in
 * BMX_NUDGE_AFTER_MS, and a callback that begins finds it awake and pays no
 * signal.
 */
static void
wait_for_work(struct bmx_nudge *nudge, int64_t now_us, bool *was_busy)
{
	struct timespec until;

	if (!nudge->oldest && !*was_busy) {
		nudge->asleep = true;
		(void)pthread_cond_wait(&nudge->work, &nudge->lock);
		nudge->asleep = false;
		*was_busy = true;
	} else {
		*was_busy = nudge->oldest != NULL;
		until = timespec_of(now_us + BMX_NUDGE_AFTER_MS * 1000);
		(void)pthread_cond_timedwait(&nudge->work, &nudge->lock,
		                             &until);
	}
	atomic_fetch_add(&nudge->wakeups, 1);
}

static void *
run(void *ctx)
{
	struct bmx_nudge *nudge = ctx;
	const struct bmx_clock *clock = bmx_clock_system();
	int64_t next_us = 0;
	bool was_busy = false;

	(void)pthread_mutex_lock(&nudge->lock);
	while (!nudge->ending) {
		const int64_t now_us = bmx_clock_mono_us(clock);
		const struct bmx_nudge_mark *mark = nudge->oldest;

		if (mark && now_us >= next_us &&
		    now_us - mark->since_us > BMX_NUDGE_AFTER_MS * 1000) {
			(void)pthread_mutex_unlock(&nudge->lock);
			send_nudge(nudge);
			(void)pthread_mutex_lock(&nudge->lock);
			next_us = now_us + BMX_NUDGE_EVERY_MS * 1000;
			continue;
		}
		wait_for_work(nudge, now_us, &was_busy);
	}
	(void)pthread_mutex_unlock(&nudge->lock);
	hang_up(nudge);
	return NULL;
}

static int
init_locks(struct bmx_nudge *nudge)
{
	pthread_condattr_t attr;
	int rc = -1;

	if (pthread_condattr_init(&attr) != 0)
		return -1;
	if (pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	    pthread_cond_init(&nudge->work, &attr) == 0) {
		rc = pthread_mutex_init(&nudge->lock, NULL);
		if (rc != 0)
			(void)pthread_cond_destroy(&nudge->work);
	}
	(void)pthread_condattr_destroy(&attr);
	return rc;
}

static void
destroy(struct bmx_nudge *nudge)
{
	(void)pthread_mutex_destroy(&nudge->lock);
	(void)pthread_cond_destroy(&nudge->work);
	free(nudge);
}

struct bmx_nudge *
bmx_nudge_new(const struct bmx_endpoint *endpoint)
{
	struct bmx_nudge *nudge = calloc(1, sizeof(*nudge));

	if (!nudge)
		return NULL;
	nudge->endpoint = *endpoint;
	nudge->fd = -1;
	if (init_locks(nudge) != 0) {
		free(nudge);
		return NULL;
	}
	if (pthread_create(&nudge->thread, NULL, run, nudge) != 0) {
		destroy(nudge);
		return NULL;
	}
	return nudge;
}

void
bmx_nudge_free(struct bmx_nudge **nudge)
{
	if (!*nudge)
		return;
	(void)pthread_mutex_lock(&(*nudge)->lock);
	(*nudge)->ending = true;
	(void)pthread_cond_signal(&(*nudge)->work);
	(void)pthread_mutex_unlock(&(*nudge)->lock);
	(void)pthread_join((*nudge)->thread, NULL);
	destroy(*nudge);
	*nudge = NULL;
}

void
bmx_nudge_enter(struct bmx_nudge *nudge, struct bmx_nudge_mark *mark)
{
	mark->newer = NULL;
	(void)pthread_mutex_lock(&nudge->lock);
	mark->since_us = bmx_clock_mono_us(bmx_clock_system());
	mark->older = nudge->newest;
	if (nudge->newest)
		nudge->newest->newer = mark;
	else
		nudge->oldest = mark;
	nudge->newest = mark;
	if (nudge->asleep)
		(void)pthread_cond_signal(&nudge->work);
	(void)pthread_mutex_unlock(&nudge->lock);
}

void
bmx_nudge_leave(struct bmx_nudge *nudge, struct bmx_nudge_mark *mark)
{
	(void)pthread_mutex_lock(&nudge->lock);
	if (mark->newer)
		mark->newer->older = mark->older;
	else
		nudge->newest = mark->older;
	if (mark->older)
		mark->older->newer = mark->newer;
	else
		nudge->oldest = mark->newer;
	(void)pthread_mutex_unlock(&nudge->lock);
}

uint64_t
bmx_nudge_wakeups(const struct bmx_nudge *nudge)
{
	return atomic_load(&nudge->wakeups);
}

uint64_t
bmx_nudge_sent(const struct bmx_nudge *nudge)
{
	return atomic_load(&nudge->sent);
}
