/*
 * reload.h - SIGUSR1 reads the configuration again.
 *
 * libmilter takes SIGHUP, SIGTERM and SIGINT for itself and stops on each, so
 * the reload has a signal and a thread of its own.
 */
#ifndef BACKUPMX_MILTER_RELOAD_H
#define BACKUPMX_MILTER_RELOAD_H

#include <backupmx/error.h>

#include "milter/milter.h"

/** Blocks SIGUSR1 and libmilter's SIGHUP, SIGTERM and SIGINT, and ignores
 * SIGPIPE, in the calling thread and in all that it makes; to be called before
 * the first thread is made. */
void bmx_reload_block_signals(void);

/**
 * Starts the thread, which lives as long as the process. milter and path, the
 * configuration's, are borrowed for that long.
 * @return 0, or -1 with *err
 */
int bmx_reload_start(struct bmx_milter *milter, const char *path,
                     struct bmx_error *err);

#endif
