/*
 * cache.h - answers kept for their TTL, within a cap of entries and octets.
 *
 * Sharded: each shard has its lock, its table and its list in order of use,
 * and drops what was used longest ago. Any thread.
 */
#ifndef BACKUPMX_LIB_DNS_CACHE_H
#define BACKUPMX_LIB_DNS_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/dns.h>

#include "question.h"

/** Longest time an answer is kept, seconds. */
#define BMX_DNS_KEEP_MAX_S 86400
/** Longest time that something is known not to exist. */
#define BMX_DNS_KEEP_NEGATIVE_MAX_S 900
/** Longest time that a failure is answered without asking again. */
#define BMX_DNS_KEEP_FAILURE_MAX_S 5

struct bmx_dns_cache;

struct bmx_dns_cache_stats {
	uint64_t entries;
	uint64_t bytes;
	uint64_t evicted; /* for the caps, since the start */
};

/**
 * Makes a cache for at most max_entries answers of at most max_bytes octets,
 * both rounded down to a multiple of the number of shards (1 or 16).
 * @return the cache, which the caller frees, or NULL when memory is short
 */
struct bmx_dns_cache *bmx_dns_cache_new(size_t max_entries, size_t max_bytes,
                                        const struct bmx_clock *clock);

/** Frees *cache and sets it to NULL. NULL is fine. */
void bmx_dns_cache_free(struct bmx_dns_cache **cache);

/** A reference to the answer kept, or NULL when there is none in force. */
const struct bmx_dns_answer *
bmx_dns_cache_get(struct bmx_dns_cache *cache,
                  const struct bmx_dns_question *question);

/**
 * Keeps the answer, with a reference of its own, in place of an older one. One
 * with TTL 0 and one that no shard could hold are not kept.
 */
void bmx_dns_cache_put(struct bmx_dns_cache *cache,
                       const struct bmx_dns_question *question,
                       const struct bmx_dns_answer *answer);

/** Drops everything. */
void bmx_dns_cache_flush(struct bmx_dns_cache *cache);

/** What is in it now. */
struct bmx_dns_cache_stats bmx_dns_cache_stats(struct bmx_dns_cache *cache);

#endif
