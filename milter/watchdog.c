#include "milter/watchdog.h"

#include <pthread.h>
#include <stdint.h>

#include <poll.h>

#include <backupmx/notify.h>

#include "milter/own_session.h"

/* However long the watchdog waits. */
#define LONGEST_MS 60000

/* The thread's own; it lives as long as the process. */
static struct {
	struct bmx_endpoint endpoint;
	int half_ms; /* of the time that the watchdog has */
} job;

/*
 * An answer may take half of the watchdog's time, the next try begins a
 * quarter after the last one: who serves, however slowly, is told of in time.
 * A try that failed at once must not spin.
 */
static void *
run(void *ctx)
{
	(void)ctx;
	for (;;) {
		if (bmx_own_session_answers(&job.endpoint, job.half_ms)) {
			bmx_notify_watchdog();
			(void)poll(NULL, 0, job.half_ms / 2);
		} else {
			(void)poll(NULL, 0, job.half_ms / 8);
		}
	}
	return NULL;
}

int
bmx_watchdog_start(const struct bmx_endpoint *endpoint, struct bmx_error *err)
{
	const int64_t half_ms = bmx_notify_watchdog_ms();
	pthread_t thread;
	int rc;

	if (half_ms <= 0)
		return 0;
	job.endpoint = *endpoint;
	job.half_ms = half_ms > LONGEST_MS ? LONGEST_MS : (int)half_ms;
	rc = pthread_create(&thread, NULL, run, NULL);
	if (rc != 0)
		return bmx_error_set_errno(err, rc,
		                           "cannot start the watchdog thread");
	(void)pthread_detach(thread);
	return 0;
}
