/*
 * notify.h - tells systemd how the daemon does; nothing where there is none.
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

/** STATUS=text, one line. */
void bmx_notify_status(const char *text);

/** Half the watchdog interval in ms, or 0 when no watchdog is set. */
int64_t bmx_notify_watchdog_ms(void);

/** WATCHDOG=1. */
void bmx_notify_watchdog(void);

#endif
