/*
 * redis_store_priv.h - what the parts of the store share: redis_store.c reads
 * and writes records, redis_sweep.c removes those of a domain.
 */
#ifndef BACKUPMX_LIB_DIRECTORY_REDIS_STORE_PRIV_H
#define BACKUPMX_LIB_DIRECTORY_REDIS_STORE_PRIV_H

#include <sys/queue.h>

#include <backupmx/redis_store.h>

#include "redis_key.h"

/** How a read or write ended. */
enum { FOUND, ABSENT, BAD, UNAVAILABLE, WRITTEN, DROPPED, RESULTS };

/* A request under way: a read when cb is set, else a write. */
struct bmx_record_get {
	TAILQ_ENTRY(bmx_record_get) entry;
	struct redis_store *store;
	struct bmx_redis_ask *ask;
	enum bmx_record_kind kind;
	bmx_record_cb *cb;
	void *ctx;
};

/* All records of a kind of a domain are being removed. */
struct sweep {
	TAILQ_ENTRY(sweep) entry;
	char start[BMX_REDIS_KEY_MAX]; /* of their keys */
	char cursor[24];
};

struct redis_store {
	struct bmx_record_store head; /* first: the interface's view of it */
	struct bmx_redis *redis;
	char prefix[BMX_REDIS_PREFIX_MAX + 1];
	TAILQ_HEAD(, bmx_record_get) under_way;
	TAILQ_HEAD(, sweep) sweeps; /* the first one is under way */
	size_t sweep_count;
	struct bmx_redis_ask *sweep_ask;
	uint64_t counts[RESULTS];
	struct bmx_metric *metrics[RESULTS];
};

/** Counts one. */
void bmx_redis_store_tally(struct redis_store *store, int result);

/** Sends commands that write; how they end is counted. */
void bmx_redis_store_write(struct redis_store *store,
                           const struct bmx_redis_command *commands,
                           size_t command_count, struct bmx_slice key);

/** Removes all records of that kind of a domain, step by step. */
void bmx_redis_sweep_add(struct redis_store *store, enum bmx_record_kind kind,
                         struct bmx_slice domain);

/** Ends all removals; for freeing the store. */
void bmx_redis_sweep_end_all(struct redis_store *store);

#endif
