/*
 * redis_key.h - the keys of records in Redis: see redis_store.h. Pure.
 */
#ifndef BACKUPMX_LIB_DIRECTORY_REDIS_KEY_H
#define BACKUPMX_LIB_DIRECTORY_REDIS_KEY_H

#include <backupmx/record.h>
#include <backupmx/text.h>

/** Most octets of a prefix. */
#define BMX_REDIS_PREFIX_MAX ((size_t)64)

/** Octets that hold every key, and every pattern, terminator included. */
#define BMX_REDIS_KEY_MAX                                                      \
	(2 * BMX_REDIS_PREFIX_MAX + 2 * BMX_DOMAIN_BUFFER +                    \
	 3 * BMX_RECORD_NAME_MAX + 16)

/** Appends the key of a record. */
void bmx_redis_key_append(struct bmx_text *text, struct bmx_slice prefix,
                          const struct bmx_record_key *key);

/** Appends what all keys of that kind of a domain begin with; of a primary
 * the whole key. */
void bmx_redis_key_append_start(struct bmx_text *text, struct bmx_slice prefix,
                                enum bmx_record_kind kind,
                                struct bmx_slice domain);

/** Appends the pattern for SCAN ... MATCH of what begins so. */
void bmx_redis_key_append_pattern(struct bmx_text *text,
                                  struct bmx_slice start);

#endif
