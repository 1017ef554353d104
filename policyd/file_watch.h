/*
 * file_watch.h - tells when the file of a domain's `file:` source changes.
 *
 * Watches the folders with inotify(7), as a file that is replaced by rename
 * has another inode each time. Counts a file written and closed, moved into
 * its place, or deleted; several changes within BMX_FILE_WATCH_DEBOUNCE_MS
 * are one. What happens behind a symbolic link or on another host's side of
 * a network file system is not seen: `refresh` finds it. One thread: that of
 * the loop.
 */
#ifndef BACKUPMX_POLICYD_FILE_WATCH_H
#define BACKUPMX_POLICYD_FILE_WATCH_H

#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/slice.h>

/** Time from a change to its callback, ms. */
#define BMX_FILE_WATCH_DEBOUNCE_MS ((int64_t)200)

/** The file of domain, which is borrowed for the call, has changed. It must
 * not configure or free the watch. */
typedef void bmx_file_watch_cb(void *ctx, struct bmx_slice domain);

struct bmx_file_watch;

/** Returns a watch of nothing, which the caller frees before loop and log, or
 * NULL when memory is short. */
struct bmx_file_watch *bmx_file_watch_new(struct bmx_loop *loop,
                                          struct bmx_log *log,
                                          bmx_file_watch_cb *cb, void *ctx);

/** Frees *watch and sets it to NULL. NULL is fine. */
void bmx_file_watch_free(struct bmx_file_watch **watch);

/**
 * Watches the `file:` sources of config from now on, and no others. Where
 * inotify does not work (limits of the system) or memory is short, that is
 * logged once and `refresh` alone remains.
 */
void bmx_file_watch_configure(struct bmx_file_watch *watch,
                              const struct bmx_config *config);

/**
 * Looks again for the folders that were not there, after each sync; a file
 * whose folder has appeared counts as changed.
 */
void bmx_file_watch_retry(struct bmx_file_watch *watch);

#endif
