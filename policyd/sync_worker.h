/*
 * sync_worker.h - the child process that brings lists while policyd answers.
 *
 * The child is the program itself, started again with a hidden argument, so
 * that nothing of the daemon's memory, descriptors or LMDB environments is
 * shared with it. It takes jobs on a socket, does one after the other, and
 * ends when the socket is closed or its parent dies. A child that dies fails
 * its job only; the next job starts a new one.
 */
#ifndef BACKUPMX_POLICYD_SYNC_WORKER_H
#define BACKUPMX_POLICYD_SYNC_WORKER_H

#include <stdbool.h>

#include <backupmx/loop.h>

#include "policyd/sync.h"

/** The argument that makes the program a sync worker. */
#define BMX_SYNC_WORKER_ARGUMENT "--sync-worker"
/** The descriptor on which a worker is spoken to. */
#define BMX_SYNC_WORKER_FD 3

/** Was the program started as a sync worker? To be asked first in main. */
bool bmx_sync_worker_wanted(int argc, char *const *argv);

/**
 * The worker's whole life; main returns its value. Ends all but standard
 * error and BMX_SYNC_WORKER_FD of what it was started with.
 * @return a sysexits status
 */
int bmx_sync_worker_main(void);

/**
 * A worker that runs program (a path; NULL is the running program itself)
 * with BMX_SYNC_WORKER_ARGUMENT. No child is started before the first job.
 * @return a worker that the caller frees before the loop, or NULL when memory
 *         is short
 */
struct bmx_sync_worker *bmx_sync_worker_new(struct bmx_loop *loop,
                                            const char *program);

#endif
