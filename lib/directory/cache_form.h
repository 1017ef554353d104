/*
 * cache_form.h - how a record is stored in cache.mdb.
 *
 * A key is DOMAIN NUL NAME, in the kind's own database, so that a domain's
 * records stand together. A value is when it expires (ms, wall), a check sum
 * of the whole, both little-endian, and the record's line.
 */
#ifndef BACKUPMX_CACHE_FORM_H
#define BACKUPMX_CACHE_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/address.h>
#include <backupmx/record.h>

/** Most octets of a key; LMDB takes 511. */
#define BMX_CACHE_KEY_MAX (BMX_DOMAIN_MAX + 1 + BMX_RECORD_NAME_MAX)
/** Most octets of a value. */
#define BMX_CACHE_VALUE_MAX (16 + BMX_RECORD_LINE_MAX)

struct bmx_cache_key {
	enum bmx_record_kind kind;
	uint16_t len;
	uint16_t domain_len; /* octets before the NUL */
	uint8_t octets[BMX_CACHE_KEY_MAX];
};

/** Makes a stored key. @return 0, or -1 when the domain or the name is too
 * long, or the domain empty or with a NUL: such a record is not stored */
int bmx_cache_key_make(const struct bmx_record_key *key,
                       struct bmx_cache_key *key_out);

/** Makes the start of all keys of a domain, its NUL included, as above. */
int bmx_cache_key_prefix(enum bmx_record_kind kind, struct bmx_slice domain,
                         struct bmx_cache_key *key_out);

/** Reads a stored key. @return 0 with *key_out, which borrows from octets, or
 * -1 when it cannot be one of ours */
int bmx_cache_key_read(enum bmx_record_kind kind, const void *octets,
                       size_t len, struct bmx_record_key *key_out);

/** Same kind, same octets? */
bool bmx_cache_key_equal(const struct bmx_cache_key *a,
                         const struct bmx_cache_key *b);

/** Is it a key of the domain that prefix was made for? */
bool bmx_cache_key_has_prefix(const struct bmx_cache_key *key,
                              const struct bmx_cache_key *prefix);

/** Writes the value of record under key; returns its length. */
size_t bmx_cache_value_make(const struct bmx_cache_key *key,
                            const struct bmx_record *record, int64_t expires_ms,
                            uint8_t value[BMX_CACHE_VALUE_MAX]);

/** Reads a value that was found under key. @return 0, or -1 when it is damaged
 * or of a later release: it then counts as absent */
int bmx_cache_value_read(const struct bmx_cache_key *key, const void *value,
                         size_t len, struct bmx_record *record_out,
                         int64_t *expires_ms_out);

/** When a value says that it expires, unchecked; 0 when it is too short. */
int64_t bmx_cache_value_expires_ms(const void *value, size_t len);

#endif
