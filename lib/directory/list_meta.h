/*
 * list_meta.h - how the records of the sub-database `meta` are stored: fixed
 * size, little-endian, so that a file may move between machines.
 */
#ifndef BACKUPMX_LIST_META_H
#define BACKUPMX_LIST_META_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/list_store.h>

/** Schema of the store that this release reads and writes. */
#define BMX_LIST_SCHEMA ((uint32_t)1)
/** Octets of a domain's record. */
#define BMX_LIST_META_SIZE ((size_t)56 + BMX_LIST_SOURCE_MAX)
/** Octets of the store's own record. */
#define BMX_LIST_HEAD_SIZE ((size_t)8)
/** Octets of a key of `recipients` before the local part. */
#define BMX_LIST_ID_SIZE ((size_t)4)

/** Octets of the record of where a list was published. */
#define BMX_LIST_ORIGIN_SIZE ((size_t)32)
/** Its key in `meta` is this and the domain: domain names hold no NUL, so
 * releases that do not know of it pass over it. */
#define BMX_LIST_ORIGIN_PREFIX BMX_SLICE("\0origin ")

/** Octets of the record of the text that a list was read from. */
#define BMX_LIST_MARK_SIZE ((size_t)24 + 2 * BMX_LIST_VALIDATOR_MAX)
/** Its key in `meta`, as with the origin. */
#define BMX_LIST_MARK_PREFIX BMX_SLICE("\0mark ")

/** The store's own record, under a key that no domain can have. */
struct bmx_list_head {
	uint32_t schema;
	uint32_t next_id; /* of the next new domain */
};

/** Writes record; what follows the source's end is zeroed. */
void bmx_list_meta_encode(const struct bmx_list_meta *meta,
                          uint8_t record[BMX_LIST_META_SIZE]);

/** Reads a record of len octets; -1 when it cannot be one of ours. */
int bmx_list_meta_decode(const uint8_t *record, size_t len,
                         struct bmx_list_meta *meta_out);

/** Writes record; generation is the store's, of the list that came from
 * origin. */
void bmx_list_origin_encode(const struct bmx_list_origin *origin,
                            uint64_t generation,
                            uint8_t record[BMX_LIST_ORIGIN_SIZE]);

/** Reads a record of len octets; -1 when it cannot be one of ours. */
int bmx_list_origin_decode(const uint8_t *record, size_t len,
                           struct bmx_list_origin *origin_out,
                           uint64_t *generation_out);

/** Writes record; generation is that of the list that was read. */
void bmx_list_mark_encode(const struct bmx_list_mark *mark, uint64_t generation,
                          uint8_t record[BMX_LIST_MARK_SIZE]);

/** Reads a record of len octets; -1 when it cannot be one of ours. */
int bmx_list_mark_decode(const uint8_t *record, size_t len,
                         struct bmx_list_mark *mark_out);

/** As bmx_list_meta_encode, for the store's own record. */
void bmx_list_head_encode(const struct bmx_list_head *head,
                          uint8_t record[BMX_LIST_HEAD_SIZE]);

/** As bmx_list_meta_decode, for the store's own record. */
int bmx_list_head_decode(const uint8_t *record, size_t len,
                         struct bmx_list_head *head_out);

/** Writes id big-endian, so that a domain's keys stand together. */
static inline void
bmx_list_put_id(uint8_t *to, uint32_t id)
{
	to[0] = (uint8_t)(id >> 24);
	to[1] = (uint8_t)(id >> 16);
	to[2] = (uint8_t)(id >> 8);
	to[3] = (uint8_t)id;
}

#endif
