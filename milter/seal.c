#include "milter/seal.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "milter/seal_hmac.h"

static const char *const names[] = {
	[BMX_SEALED_NONE] = "none",
	[BMX_SEALED_SPF] = "spf",
	[BMX_SEALED_AUTH] = "auth",
	[BMX_SEALED_TRUSTED] = "trusted",
};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_SEALED_RESULTS,
              "one name a result");

#define HMAC_TAG BMX_SLICE(" h=")
#define SENDER_TAG BMX_SLICE(" s=")
#define CLIENT_MAX ((size_t)64)

const char *
bmx_seal_result_name(enum bmx_seal_result result)
{
	assert((size_t)result < BMX_SEALED_RESULTS);
	return names[result];
}

static bool
is_word(struct bmx_slice text, size_t max)
{
	if (text.len == 0 || text.len > max)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
			return false;
	return true;
}

static int
sign(const struct bmx_seal_key *key, struct bmx_slice head,
     struct bmx_slice sender, uint8_t hmac_out[BMX_SEAL_HMAC_OCTETS])
{
	const struct bmx_slice parts[3] = {head, SENDER_TAG, sender};

	return bmx_seal_hmac(key->octets, sizeof(key->octets), parts, hmac_out);
}

int
bmx_seal_append(struct bmx_text *text, const struct bmx_seal *seal,
                const struct bmx_seal_keys *keys)
{
	const struct bmx_slice client =
		seal->client.len > 0 ? seal->client : BMX_SLICE("-");
	const size_t start = text->len;
	uint8_t hmac[BMX_SEAL_HMAC_OCTETS];
	struct bmx_slice head;

	if (keys->count == 0 || seal->at_s < 0 ||
	    !is_word(seal->queue_id, BMX_SEAL_QUEUE_ID_MAX) ||
	    !is_word(client, CLIENT_MAX))
		return -1;
	bmx_text_printf(text, "v=1 k=%s t=%lld i=", keys->keys[0].id,
	                (long long)seal->at_s);
	bmx_text_append(text, seal->queue_id);
	bmx_text_append_string(text, " c=");
	bmx_text_append(text, client);
	bmx_text_printf(text, " r=%s", bmx_seal_result_name(seal->result));
	head = (struct bmx_slice){text->data + start, text->len - start};
	if (text->cut || sign(&keys->keys[0], head, seal->sender, hmac) != 0)
		return -1;
	bmx_text_append(text, HMAC_TAG);
	for (size_t i = 0; i < sizeof(hmac); i++)
		bmx_text_printf(text, "%02x", hmac[i]);
	return text->cut ? -1 : 0;
}

/*
 * Reading. A seal is six words with their tags, in their order, with one blank
 * between: whatever else there is was not made by us.
 */

/* The value of the next word, which must have that tag; no data otherwise. */
static struct bmx_slice
take(struct bmx_slice *rest, char tag)
{
	const char *end =
		rest->len > 0 ? memchr(rest->data, ' ', rest->len) : NULL;
	struct bmx_slice word = *rest;

	if (end)
		word.len = (size_t)(end - rest->data);
	rest->data += word.len + (end ? 1 : 0);
	rest->len -= word.len + (end ? 1 : 0);
	if (word.len < 3 || word.data[0] != tag || word.data[1] != '=')
		return (struct bmx_slice){0};
	return (struct bmx_slice){word.data + 2, word.len - 2};
}

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_hex(struct bmx_slice text, uint8_t *octets_out, size_t len)
{
	if (text.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		const int high = digit_of(text.data[2 * i]);
		const int low = digit_of(text.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		octets_out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
read_time(struct bmx_slice text, int64_t *at_s_out)
{
	int64_t at_s = 0;

	if (text.len == 0 || text.len > 15)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		at_s = at_s * 10 + (text.data[i] - '0');
	}
	*at_s_out = at_s;
	return true;
}

static bool
read_result(struct bmx_slice text, enum bmx_seal_result *result_out)
{
	for (int i = 0; i < BMX_SEALED_RESULTS; i++) {
		if (!bmx_slice_equal(text, bmx_slice_of(names[i])))
			continue;
		*result_out = (enum bmx_seal_result)i;
		return true;
	}
	return false;
}

struct parsed {
	struct bmx_slice head; /* what the HMAC is over, but for the sender */
	struct bmx_slice key_id;
	uint8_t hmac[BMX_SEAL_HMAC_OCTETS];
	struct bmx_seal seal;
};

static bool
parse(struct bmx_slice text, struct parsed *out)
{
	struct bmx_slice rest = text;
	struct bmx_slice hmac;

	if (!bmx_slice_equal(take(&rest, 'v'), BMX_SLICE("1")))
		return false;
	out->key_id = take(&rest, 'k');
	if (!read_time(take(&rest, 't'), &out->seal.at_s))
		return false;
	out->seal.queue_id = take(&rest, 'i');
	out->seal.client = take(&rest, 'c');
	if (!read_result(take(&rest, 'r'), &out->seal.result))
		return false;
	if (!out->key_id.data || !out->seal.queue_id.data ||
	    !out->seal.client.data)
		return false;
	hmac = take(&rest, 'h');
	if (rest.len > 0 || !read_hex(hmac, out->hmac, sizeof(out->hmac)))
		return false;
	out->head = (struct bmx_slice){
		text.data, (size_t)(hmac.data - text.data) - HMAC_TAG.len};
	return true;
}

static enum bmx_seal_word
check_hmac(const struct parsed *parsed, struct bmx_slice sender,
           const struct bmx_seal_keys *keys)
{
	uint8_t hmac[BMX_SEAL_HMAC_OCTETS];
	enum bmx_seal_word word = BMX_SEAL_UNKNOWN_KEY;

	for (size_t i = 0; i < keys->count; i++) {
		if (!bmx_slice_equal(parsed->key_id,
		                     bmx_slice_of(keys->keys[i].id)))
			continue;
		if (sign(&keys->keys[i], parsed->head, sender, hmac) == 0 &&
		    bmx_seal_same(hmac, parsed->hmac, sizeof(hmac)))
			return BMX_SEAL_GOOD;
		word = BMX_SEAL_FORGED;
	}
	return word;
}

enum bmx_seal_word
bmx_seal_verify(struct bmx_slice text, struct bmx_slice queue_id,
                struct bmx_slice sender, const struct bmx_seal_keys *keys,
                struct bmx_seal *seal_out)
{
	struct parsed parsed;
	enum bmx_seal_word word;

	if (!parse(bmx_slice_trim(text, BMX_SLICE(" \t\r\n")), &parsed))
		return BMX_SEAL_MALFORMED;
	if (!bmx_slice_equal(parsed.seal.queue_id, queue_id))
		return BMX_SEAL_OTHER;
	word = check_hmac(&parsed, sender, keys);
	if (word != BMX_SEAL_GOOD)
		return word;
	*seal_out = parsed.seal;
	seal_out->sender = sender;
	if (bmx_slice_equal(seal_out->client, BMX_SLICE("-")))
		seal_out->client = (struct bmx_slice){0};
	return BMX_SEAL_GOOD;
}
