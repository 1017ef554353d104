#include "cache_form.h"

#include <assert.h>
#include <string.h>

#include <backupmx/hash.h>
#include <backupmx/text.h>

#define HEAD ((size_t)16)
#define LMDB_KEY_MAX 511

static_assert(BMX_CACHE_KEY_MAX <= LMDB_KEY_MAX, "every key fits");

static void
put_le64(uint8_t *to, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t
get_le64(const uint8_t *from)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)from[i] << (8 * i);
	return value;
}

int
bmx_cache_key_prefix(enum bmx_record_kind kind, struct bmx_slice domain,
                     struct bmx_cache_key *key_out)
{
	if (domain.len == 0 || domain.len > BMX_DOMAIN_MAX ||
	    memchr(domain.data, '\0', domain.len))
		return -1;
	key_out->kind = kind;
	key_out->domain_len = (uint16_t)domain.len;
	memcpy(key_out->octets, domain.data, domain.len);
	key_out->octets[domain.len] = '\0';
	key_out->len = (uint16_t)(domain.len + 1);
	return 0;
}

int
bmx_cache_key_make(const struct bmx_record_key *key,
                   struct bmx_cache_key *key_out)
{
	if (key->name.len > BMX_RECORD_NAME_MAX ||
	    bmx_cache_key_prefix(key->kind, key->domain, key_out) != 0)
		return -1;
	if (key->name.len > 0)
		memcpy(key_out->octets + key_out->len, key->name.data,
		       key->name.len);
	key_out->len = (uint16_t)(key_out->len + key->name.len);
	return 0;
}

int
bmx_cache_key_read(enum bmx_record_kind kind, const void *octets, size_t len,
                   struct bmx_record_key *key_out)
{
	const char *start = octets;
	const char *end = len ? memchr(start, '\0', len) : NULL;

	if (!end)
		return -1;
	key_out->kind = kind;
	key_out->domain = (struct bmx_slice){start, (size_t)(end - start)};
	key_out->name =
		(struct bmx_slice){end + 1, len - key_out->domain.len - 1};
	if (key_out->domain.len == 0 || key_out->domain.len > BMX_DOMAIN_MAX ||
	    key_out->name.len > BMX_RECORD_NAME_MAX)
		return -1;
	return 0;
}

bool
bmx_cache_key_equal(const struct bmx_cache_key *a,
                    const struct bmx_cache_key *b)
{
	return a->kind == b->kind && a->len == b->len &&
		memcmp(a->octets, b->octets, a->len) == 0;
}

bool
bmx_cache_key_has_prefix(const struct bmx_cache_key *key,
                         const struct bmx_cache_key *prefix)
{
	return key->kind == prefix->kind && key->len >= prefix->len &&
		memcmp(key->octets, prefix->octets, prefix->len) == 0;
}

/* Over all that was stored, in one piece: kind, key, expiry, line. Not
 * against forgers, so the key of the hash is no secret. */
static uint64_t
sum_of(const struct bmx_cache_key *key, const uint8_t *value, size_t len)
{
	static const uint8_t hash_key[BMX_SIPHASH_KEY_SIZE] = "cache.mdb sum 1";
	uint8_t all[2 + BMX_CACHE_KEY_MAX + BMX_CACHE_VALUE_MAX];
	size_t at = 0;

	all[at++] = (uint8_t)key->kind;
	memcpy(all + at, key->octets, key->len);
	at += key->len;
	all[at++] = '\0';
	memcpy(all + at, value, 8);
	at += 8;
	memcpy(all + at, value + HEAD, len - HEAD);
	at += len - HEAD;
	return bmx_siphash24(hash_key, all, at);
}

size_t
bmx_cache_value_make(const struct bmx_cache_key *key,
                     const struct bmx_record *record, int64_t expires_ms,
                     uint8_t value[BMX_CACHE_VALUE_MAX])
{
	char line[BMX_RECORD_LINE_MAX];
	struct bmx_text text;

	bmx_text_init(&text, line, sizeof(line));
	bmx_record_append(&text, record);
	assert(!text.cut);
	put_le64(value, (uint64_t)expires_ms);
	memcpy(value + HEAD, line, text.len);
	put_le64(value + 8, sum_of(key, value, HEAD + text.len));
	return HEAD + text.len;
}

int
bmx_cache_value_read(const struct bmx_cache_key *key, const void *value,
                     size_t len, struct bmx_record *record_out,
                     int64_t *expires_ms_out)
{
	const uint8_t *octets = value;
	struct bmx_slice line;

	if (len < HEAD || len > BMX_CACHE_VALUE_MAX ||
	    get_le64(octets + 8) != sum_of(key, octets, len))
		return -1;
	line = (struct bmx_slice){(const char *)octets + HEAD, len - HEAD};
	*expires_ms_out = (int64_t)get_le64(octets);
	return bmx_record_parse(key->kind, line, record_out);
}

int64_t
bmx_cache_value_expires_ms(const void *value, size_t len)
{
	return len < HEAD ? 0 : (int64_t)get_le64(value);
}
