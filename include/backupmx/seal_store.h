/*
 * seal_store.h - seals.mdb: what the milter knew of each message that it took,
 * by queue id, for the bounces that do not bring the seal back; and the last
 * bounces that it judged, for `backupmxctl bounces`.
 *
 * Commits do not wait for the disk: what a crash of the machine loses is still
 * in the messages' headers. Any thread; one process writes, any may read.
 */
#ifndef BACKUPMX_SEAL_STORE_H
#define BACKUPMX_SEAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>

/** The file in state_dir. */
#define BMX_SEAL_STORE_NAME "seals.mdb"
/** Seals that are kept at most; the oldest make room. */
#define BMX_SEAL_STORE_MAX ((uint64_t)500000)
/** Bounces that are kept. */
#define BMX_SEAL_STORE_BOUNCES ((uint64_t)1000)
/** Octets of a queue id, and of what is kept of it. */
#define BMX_SEAL_STORE_ID_MAX ((size_t)64)
#define BMX_SEAL_STORE_VALUE_MAX ((size_t)512)
/** Octets of a bounce's note. */
#define BMX_SEAL_STORE_NOTE_MAX ((size_t)4096)

struct bmx_seal_store;

/**
 * Opens the file in state_dir, and makes it unless read_only.
 * @return the store, which the caller frees, or NULL with *err as
 *         bmx_list_store_open
 */
struct bmx_seal_store *bmx_seal_store_open(const char *state_dir,
                                           bool read_only,
                                           struct bmx_error *err);

/** Writes out, closes, frees *store and sets it to NULL. NULL is fine. */
void bmx_seal_store_free(struct bmx_seal_store **store);

/**
 * Keeps value under id, in place of an older one, and drops some that are
 * older than keep_ms. now_ms is wall time.
 * @return 0, or -1 with *err: BMX_E_TOO_BIG (id or value, or no id),
 *         BMX_E_FULL, BMX_E_IO
 */
int bmx_seal_store_put(struct bmx_seal_store *store, struct bmx_slice id,
                       struct bmx_slice value, int64_t now_ms, int64_t keep_ms,
                       struct bmx_error *err);

/**
 * Looks id up.
 * @return 1 with a terminated value in buffer and its length in *len_out; 0
 *         when there is none; -1 with *err
 */
int bmx_seal_store_get(struct bmx_seal_store *store, struct bmx_slice id,
                       char buffer[BMX_SEAL_STORE_VALUE_MAX + 1],
                       size_t *len_out, struct bmx_error *err);

/** Adds a bounce's note; the oldest one goes when there are too many.
 * @return 0, or -1 with *err as bmx_seal_store_put */
int bmx_seal_store_note(struct bmx_seal_store *store, struct bmx_slice note,
                        struct bmx_error *err);

/** Takes a note; borrowed for the call. 0 to go on. */
typedef int bmx_seal_store_cb(void *ctx, struct bmx_slice note);

/** Shows the notes, oldest first. @return 0, what cb returned, or -1 with
 * *err */
int bmx_seal_store_each(struct bmx_seal_store *store, bmx_seal_store_cb *cb,
                        void *ctx, struct bmx_error *err);

/** Seals that are kept now. */
uint64_t bmx_seal_store_count(struct bmx_seal_store *store);

#endif
