/*
 * watchdog.h - tells systemd's watchdog that the milter serves.
 *
 * Not that the process is there: each time a session with ourselves must have
 * been answered, or nothing is told. The unit's WatchdogSec is then the time
 * after which a milter that takes connections and serves none is replaced.
 */
#ifndef BACKUPMX_MILTER_WATCHDOG_H
#define BACKUPMX_MILTER_WATCHDOG_H

#include <backupmx/endpoint.h>
#include <backupmx/error.h>

/**
 * Starts its thread, which lives as long as the process, when there is a
 * watchdog to tell. endpoint, on which the milter listens, is copied.
 * @return 0, or -1 with *err
 */
int bmx_watchdog_start(const struct bmx_endpoint *endpoint,
                       struct bmx_error *err);

#endif
