/*
 * cache_store.h - records in LMDB: `cache.mdb` in the state directory.
 *
 * What is put or removed is in force at once, in memory, and written to the
 * file by a timer, so that no reply waits for a disk. The file is not synced:
 * after a crash of the system the last records may be missing, or the file may
 * be damaged. A file that cannot be used is set aside as `cache.mdb.bad` and
 * started anew; with no file at all the store keeps the newest records in
 * memory. What was removed or replaced never comes back: a file into which
 * removals cannot be written is given up.
 *
 * One process writes, others may read (bmx_cache_store_open_to_read). Threads:
 * that of the loop. Not to be used in a child after fork.
 */
#ifndef BACKUPMX_CACHE_STORE_H
#define BACKUPMX_CACHE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/record.h>
#include <backupmx/record_store.h>

/** Records of one kind that the file takes unless told otherwise. */
#define BMX_CACHE_RECORDS_DEFAULT ((uint64_t)1000000)
/** Octets that the file may grow to unless told otherwise. */
#define BMX_CACHE_OCTETS_DEFAULT ((size_t)2 << 30)
/** Records that wait in memory to be written; without a file, all there is. */
#define BMX_CACHE_WAITING_MAX ((size_t)4096)
/** How often what waits is written, and trouble told, ms. */
#define BMX_CACHE_WRITE_MS 1000
#define BMX_CACHE_TROUBLE_MS 60000
/** How often a step of the sweep for expired records is taken, ms. */
#define BMX_CACHE_SWEEP_MS 60000

struct bmx_cache_store;

/**
 * Something to be said to the administrator: at most once in
 * BMX_CACHE_TROUBLE_MS. lost is how many records were dropped for want of room
 * since the last call. The store must not be freed by it.
 */
typedef void bmx_cache_trouble_cb(void *ctx, const struct bmx_error *err,
                                  uint64_t lost);

struct bmx_cache_options {
	const char *state_dir;
	struct bmx_loop *loop; /* borrowed until the store is freed */
	uint64_t most_records; /* of each kind; 0: the default */
	/* Of the file, 0: the default. Beyond it old records make room for new
	 * ones; it may be exceeded while they do. */
	size_t most_octets;
	bmx_cache_trouble_cb *on_trouble; /* may be NULL */
	void *trouble_ctx;
};

/** What a store has done since it was opened, and what it holds. */
struct bmx_cache_counters {
	uint64_t hits;         /* reads that found a record */
	uint64_t misses;       /* reads that found none */
	uint64_t puts;         /* records taken */
	uint64_t lost;         /* records dropped because the store was full */
	uint64_t expired;      /* records that the sweep removed */
	uint64_t write_errors; /* transactions that failed */
	uint64_t waiting;      /* changes that are not in the file yet */
	uint64_t records[BMX_RECORD_KINDS]; /* in the file */
};

/**
 * Opens the store, or makes it. A file that is there is looked through by a
 * child process first, since LMDB ends the process that meets a damaged page:
 * call it before other threads are started.
 * @return the store, which the caller frees; NULL with *trouble_out only when
 *         memory is short. Otherwise trouble_out->code is BMX_E_NONE, or says
 *         what is worth a log line: BMX_E_CORRUPT (the file was set aside, a
 *         new one is in use), or why there is no file (then
 *         bmx_cache_store_has_file is false)
 */
struct bmx_cache_store *
bmx_cache_store_open(const struct bmx_cache_options *options,
                     struct bmx_error *trouble_out);

/**
 * Opens the file that is there, also one that a daemon has open, and neither
 * makes nor moves nor changes anything. Puts and removals are void. clock is
 * borrowed until the store is freed.
 * @return the store, which the caller frees, or NULL with *err:
 *         BMX_E_NOT_FOUND, BMX_E_PERMISSION, BMX_E_CORRUPT, BMX_E_IO,
 *         BMX_E_NOMEM
 */
struct bmx_cache_store *
bmx_cache_store_open_to_read(const char *state_dir,
                             const struct bmx_clock *clock,
                             struct bmx_error *err);

/** Writes what waits, closes *store and sets it to NULL. NULL is fine. */
void bmx_cache_store_free(struct bmx_cache_store **store);

/** The store as what record_store.h describes; valid as long as it. Reads are
 * answered before they return. */
struct bmx_record_store *bmx_cache_store_records(struct bmx_cache_store *store);

/** Does it keep records in a file? */
bool bmx_cache_store_has_file(const struct bmx_cache_store *store);

/** Writes what waits now. */
void bmx_cache_store_flush(struct bmx_cache_store *store);

/** Called for each record; key and record are borrowed for the call, which
 * must not change the store. Not 0 stops. */
typedef int bmx_cache_record_cb(void *ctx, const struct bmx_record_key *key,
                                const struct bmx_record *record);

/**
 * All records that are not expired, of one kind, or with BMX_RECORD_KINDS of
 * all; what waits comes first, then the file's by domain and name.
 * @return 0, the callback's value when it stopped, or -1 with *err
 */
int bmx_cache_store_each(struct bmx_cache_store *store,
                         enum bmx_record_kind kind, bmx_cache_record_cb *cb,
                         void *ctx, struct bmx_error *err);

/** Fills *counters_out. */
void bmx_cache_store_count(const struct bmx_cache_store *store,
                           struct bmx_cache_counters *counters_out);

#endif
