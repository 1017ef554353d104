/*
 * notify.h - what systemd and the daemon tell each other; nothing where there
 * is no systemd.
 */
#ifndef BACKUPMX_NOTIFY_H
#define BACKUPMX_NOTIFY_H

#include <stdint.h>

/** READY=1. */
void bmx_notify_ready(void);

/** RELOADING=1 with the monotonic time; bmx_notify_ready ends it. */
void bmx_notify_reloading(void);

/** STOPPING=1. */
void bmx_notify_stopping(void);

/** Half the watchdog interval in ms, or 0 when no watchdog is set. */
int64_t bmx_notify_watchdog_ms(void);

/** WATCHDOG=1. */
void bmx_notify_watchdog(void);

/**
 * How many descriptors were passed to this process, the first of which is
 * *first_out; close-on-exec from now on, and no longer in the environment.
 * @return the count, or -errno when LISTEN_FDS or a descriptor is bad
 */
int bmx_notify_passed(int *first_out);

#endif
