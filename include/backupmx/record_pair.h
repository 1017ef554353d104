/*
 * record_pair.h - two stores as one: a local one (cache_store.h) and a remote
 * one that other backups share (Redis).
 *
 * Both are written. Reads ask the local one; the remote one only when the
 * local one has nothing, and what is found there is put into the local one. A
 * remote store that cannot say counts as one that has nothing: the local
 * answer stands. What is put or removed while a read asks the remote store is
 * newer than its answer. A removal that the remote store did not take may be
 * undone by it later. One thread: that of the loop.
 */
#ifndef BACKUPMX_RECORD_PAIR_H
#define BACKUPMX_RECORD_PAIR_H

#include <stdint.h>

#include <backupmx/record_store.h>

struct bmx_record_pair;

/** What a pair's reads came to. */
struct bmx_record_pair_counters {
	uint64_t local;       /* the local store had it */
	uint64_t remote;      /* only the remote one had it */
	uint64_t absent;      /* none had it */
	uint64_t unavailable; /* the remote one could not say */
};

/** A pair, which the caller frees before both stores; NULL when memory is
 * short. */
struct bmx_record_pair *bmx_record_pair_new(struct bmx_record_store *local,
                                            struct bmx_record_store *remote);

/** Frees *pair and sets it to NULL. NULL is fine. Its reads must be over or
 * cancelled. */
void bmx_record_pair_free(struct bmx_record_pair **pair);

/** The pair as what record_store.h describes; valid as long as it. */
struct bmx_record_store *bmx_record_pair_records(struct bmx_record_pair *pair);

/** Fills *counters_out. */
void bmx_record_pair_count(const struct bmx_record_pair *pair,
                           struct bmx_record_pair_counters *counters_out);

#endif
