/*
 * redis_store.h - records in Redis, where all backups of a domain share them.
 *
 * Keys (DESIGN.md section 6), DOMAIN in braces so that a domain's keys stay
 * on one node of a Cluster:
 *
 *	PREFIX:{DOMAIN}:v:LOCALPART  string, a line of record.h, with a TTL
 *	PREFIX:{DOMAIN}:gate:HASH    hash of the record's fields, with a TTL
 *	PREFIX:{DOMAIN}:primary      hash of the record's fields, with a TTL
 *
 * In LOCALPART an octet that is not a graphic ASCII character, and '%', '{',
 * '}', '*', '?', '[', ']', '\', is written %XX (RFC 3986 section 2.1); the
 * name "*" stays "*". While the link is down reads are
 * BMX_RECORD_UNAVAILABLE; writes are then dropped and counted, and so they
 * are while it leads to a read-only replica.
 */
#ifndef BACKUPMX_REDIS_STORE_H
#define BACKUPMX_REDIS_STORE_H

#include <stdint.h>

#include <backupmx/metrics.h>
#include <backupmx/record_store.h>
#include <backupmx/redis.h>

/** What became of the records; each counts once. */
struct bmx_redis_store_counters {
	uint64_t found;
	uint64_t absent;
	uint64_t bad;         /* absent: of another type, or not a record */
	uint64_t unavailable; /* reads that the link could not answer */
	uint64_t written;     /* puts and removals that were carried out */
	uint64_t dropped;     /* puts and removals that were not */
};

/**
 * A store over redis, which it borrows and which must outlive it, as must
 * metrics (may be NULL). prefix is copied.
 * @return the store, which the caller frees with bmx_redis_store_free, or
 *         NULL with *err (BMX_E_NOMEM, BMX_E_TOO_BIG: prefix over 64 octets)
 */
struct bmx_record_store *bmx_redis_store_new(struct bmx_redis *redis,
                                             const char *prefix,
                                             struct bmx_metrics *metrics,
                                             struct bmx_error *err);

/** Frees *store and sets it to NULL; reads under way are cancelled. NULL is
 * fine. For bmx_redis_store_new's only. */
void bmx_redis_store_free(struct bmx_record_store **store);

/** Fills *counters_out. */
void bmx_redis_store_count(const struct bmx_record_store *store,
                           struct bmx_redis_store_counters *counters_out);

#endif
