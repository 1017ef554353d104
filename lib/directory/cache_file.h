/*
 * cache_file.h - cache.mdb: what of the cache store speaks to LMDB. No timers,
 * no policy; the one thread of its store.
 */
#ifndef BACKUPMX_CACHE_FILE_H
#define BACKUPMX_CACHE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/record.h>

#include "cache_form.h"
#include "cache_overlay.h"

/** The file's name in the state directory. */
#define BMX_CACHE_FILE_NAME "cache.mdb"

struct bmx_cache_file;

/**
 * Opens the file; makes it unless read_only. octets is how far it may grow.
 * Not to be opened twice by one process.
 * @return the file, which the caller frees, or NULL with *err as
 *         bmx_lmdb_open; BMX_E_CORRUPT also for a database of something else
 *         or of a later release
 */
struct bmx_cache_file *bmx_cache_file_open(const char *state_dir,
                                           bool read_only, size_t octets,
                                           struct bmx_error *err);

/** Writes to the disk what the system still holds, closes *file and sets it to
 * NULL. NULL is fine. */
void bmx_cache_file_free(struct bmx_cache_file **file);

/** Records of that kind. */
uint64_t bmx_cache_file_count(const struct bmx_cache_file *file,
                              enum bmx_record_kind kind);

/**
 * Reads a record, expired or not.
 * @return 1 with *record_out and *expires_ms_out; 0 when there is none, or a
 *         damaged one; -1 with *err
 */
int bmx_cache_file_get(struct bmx_cache_file *file,
                       const struct bmx_cache_key *key,
                       struct bmx_record *record_out, int64_t *expires_ms_out,
                       struct bmx_error *err);

/** How many records of each kind the file may have. */
struct bmx_cache_caps {
	uint64_t records[BMX_RECORD_KINDS];
};

/**
 * Writes all changes of overlay, in one transaction; the overlay stays as it
 * is. Of a kind that is at its cap only those are written that take the place
 * of an older record; *lost_out is how many were not.
 * @return 0, or -1 with *err: nothing was written
 */
int bmx_cache_file_write(struct bmx_cache_file *file,
                         const struct bmx_cache_overlay *overlay,
                         const struct bmx_cache_caps *caps, uint64_t *lost_out,
                         struct bmx_error *err);

/** Is less than a tenth free of the octets that the file may have, or did the
 * last write find no room? The tenth is for removals, which need room, too.
 * A full disk is something else. */
bool bmx_cache_file_is_full(struct bmx_cache_file *file);

/** Is it so full that nothing can be removed any more? */
bool bmx_cache_file_is_stuck(const struct bmx_cache_file *file);

/** Where a sweep is; zeroed: at the start of a round. */
struct bmx_cache_sweep {
	size_t key_len;
	uint8_t key[BMX_CACHE_KEY_MAX]; /* the next one to look at */
};

/**
 * Removes records that expire before until_ms, a step of a round: looks at no
 * more than looks_max and removes no more than removes_max.
 * @return 1 when the round is over, 0 when it goes on, -1 with *err; how many
 *         it removed in *removed_out
 */
int bmx_cache_file_sweep(struct bmx_cache_file *file, enum bmx_record_kind kind,
                         struct bmx_cache_sweep *sweep, int64_t until_ms,
                         size_t looks_max, size_t removes_max,
                         size_t *removed_out, struct bmx_error *err);

/** Called for each record, damaged ones left out; not 0 stops. */
typedef int bmx_cache_file_cb(void *ctx, const struct bmx_cache_key *key,
                              const struct bmx_record *record,
                              int64_t expires_ms);

/** All records of a kind, by key.
 * @return 0, the callback's value when it stopped, or -1 with *err */
int bmx_cache_file_each(struct bmx_cache_file *file, enum bmx_record_kind kind,
                        bmx_cache_file_cb *cb, void *ctx,
                        struct bmx_error *err);

/** Reads all pages that a later read may meet, so that a damaged one is met
 * here; see cache_check.h. @return 0, or -1 with *err */
int bmx_cache_file_walk(struct bmx_cache_file *file, struct bmx_error *err);

#endif
