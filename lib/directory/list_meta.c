#include "list_meta.h"

#include <string.h>

#define FLAG_WILDCARD 1U
#define FLAG_HELD 2U

static uint8_t *
put_le(uint8_t *to, uint64_t value, unsigned octets)
{
	for (unsigned i = 0; i < octets; i++)
		*to++ = (uint8_t)(value >> (8 * i));
	return to;
}

static uint64_t
get_le(const uint8_t **from, unsigned octets)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < octets; i++)
		value |= (uint64_t)(*from)[i] << (8 * i);
	*from += octets;
	return value;
}

void
bmx_list_meta_encode(const struct bmx_list_meta *meta,
                     uint8_t record[BMX_LIST_META_SIZE])
{
	uint8_t *at = record;

	at = put_le(at, meta->id, 4);
	at = put_le(at,
	            (meta->has_wildcard ? FLAG_WILDCARD : 0) |
	                    (meta->held ? FLAG_HELD : 0),
	            4);
	at = put_le(at, meta->generation, 8);
	at = put_le(at, meta->count, 8);
	at = put_le(at, meta->digest, 8);
	at = put_le(at, (uint64_t)meta->updated_at_ms, 8);
	at = put_le(at, (uint64_t)meta->synced_at_ms, 8);
	at = put_le(at, meta->held_digest, 8);
	memset(at, 0, BMX_LIST_SOURCE_MAX);
	memcpy(at, meta->source,
	       strnlen(meta->source, BMX_LIST_SOURCE_MAX - 1));
}

int
bmx_list_meta_decode(const uint8_t *record, size_t len,
                     struct bmx_list_meta *meta_out)
{
	const uint8_t *at = record;
	uint64_t flags;

	if (len != BMX_LIST_META_SIZE || record[len - 1] != 0)
		return -1;
	memset(meta_out, 0, sizeof(*meta_out));
	meta_out->id = (uint32_t)get_le(&at, 4);
	flags = get_le(&at, 4);
	if (flags & ~(uint64_t)(FLAG_WILDCARD | FLAG_HELD))
		return -1;
	meta_out->has_wildcard = (flags & FLAG_WILDCARD) != 0;
	meta_out->held = (flags & FLAG_HELD) != 0;
	meta_out->generation = get_le(&at, 8);
	meta_out->count = get_le(&at, 8);
	meta_out->digest = get_le(&at, 8);
	meta_out->updated_at_ms = (int64_t)get_le(&at, 8);
	meta_out->synced_at_ms = (int64_t)get_le(&at, 8);
	meta_out->held_digest = get_le(&at, 8);
	memcpy(meta_out->source, at, BMX_LIST_SOURCE_MAX);
	return 0;
}

void
bmx_list_origin_encode(const struct bmx_list_origin *origin,
                       uint64_t generation,
                       uint8_t record[BMX_LIST_ORIGIN_SIZE])
{
	uint8_t *at = record;

	at = put_le(at, origin->generation, 8);
	at = put_le(at, origin->count, 8);
	at = put_le(at, origin->digest, 8);
	(void)put_le(at, generation, 8);
}

int
bmx_list_origin_decode(const uint8_t *record, size_t len,
                       struct bmx_list_origin *origin_out,
                       uint64_t *generation_out)
{
	const uint8_t *at = record;

	if (len != BMX_LIST_ORIGIN_SIZE)
		return -1;
	memset(origin_out, 0, sizeof(*origin_out));
	origin_out->generation = get_le(&at, 8);
	origin_out->count = get_le(&at, 8);
	origin_out->digest = get_le(&at, 8);
	*generation_out = get_le(&at, 8);
	return 0;
}

void
bmx_list_mark_encode(const struct bmx_list_mark *mark, uint64_t generation,
                     uint8_t record[BMX_LIST_MARK_SIZE])
{
	const struct bmx_list_validator *validator = &mark->validator;
	uint8_t *at = record;

	memset(record, 0, BMX_LIST_MARK_SIZE);
	at = put_le(at, generation, 8);
	at = put_le(at, mark->rules, 8);
	at = put_le(at, (uint64_t)mark->read_at_ms, 8);
	memcpy(at, validator->etag,
	       strnlen(validator->etag, BMX_LIST_VALIDATOR_MAX - 1));
	at += BMX_LIST_VALIDATOR_MAX;
	memcpy(at, validator->last_modified,
	       strnlen(validator->last_modified, BMX_LIST_VALIDATOR_MAX - 1));
}

int
bmx_list_mark_decode(const uint8_t *record, size_t len,
                     struct bmx_list_mark *mark_out)
{
	const uint8_t *at = record;

	if (len != BMX_LIST_MARK_SIZE ||
	    record[24 + BMX_LIST_VALIDATOR_MAX - 1] != 0 ||
	    record[BMX_LIST_MARK_SIZE - 1] != 0)
		return -1;
	memset(mark_out, 0, sizeof(*mark_out));
	mark_out->generation = get_le(&at, 8);
	mark_out->rules = get_le(&at, 8);
	mark_out->read_at_ms = (int64_t)get_le(&at, 8);
	memcpy(mark_out->validator.etag, at, BMX_LIST_VALIDATOR_MAX);
	at += BMX_LIST_VALIDATOR_MAX;
	memcpy(mark_out->validator.last_modified, at, BMX_LIST_VALIDATOR_MAX);
	return 0;
}

void
bmx_list_head_encode(const struct bmx_list_head *head,
                     uint8_t record[BMX_LIST_HEAD_SIZE])
{
	(void)put_le(put_le(record, head->schema, 4), head->next_id, 4);
}

int
bmx_list_head_decode(const uint8_t *record, size_t len,
                     struct bmx_list_head *head_out)
{
	const uint8_t *at = record;

	if (len != BMX_LIST_HEAD_SIZE)
		return -1;
	head_out->schema = (uint32_t)get_le(&at, 4);
	head_out->next_id = (uint32_t)get_le(&at, 4);
	return 0;
}
