#include "slots.h"

#include <backupmx/units.h>

/* CRC-16/XMODEM: polynomial 0x1021, from 0, most significant bit first. */
static uint16_t
crc16(struct bmx_slice octets)
{
	unsigned crc = 0;

	for (size_t i = 0; i < octets.len; i++) {
		crc ^= (unsigned)(unsigned char)octets.data[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
		crc &= 0xffff;
	}
	return (uint16_t)crc;
}

static struct bmx_slice
hash_tag(struct bmx_slice key)
{
	const char *open = key.len > 0 ? memchr(key.data, '{', key.len) : NULL;
	const char *close;
	size_t rest;

	if (!open)
		return key;
	rest = key.len - (size_t)(open + 1 - key.data);
	close = memchr(open + 1, '}', rest);
	if (!close || close == open + 1)
		return key;
	return (struct bmx_slice){open + 1, (size_t)(close - open - 1)};
}

int
bmx_redis_slot_of(struct bmx_slice key)
{
	return crc16(hash_tag(key)) % BMX_REDIS_SLOTS;
}

/* Takes the text up to the next mark, which is dropped. */
static struct bmx_slice
take_until(struct bmx_slice *text, char mark)
{
	const char *end =
		text->len > 0 ? memchr(text->data, mark, text->len) : NULL;
	const size_t len = end ? (size_t)(end - text->data) : text->len;
	const struct bmx_slice taken = {text->data, len};

	text->data += end ? len + 1 : len;
	text->len -= end ? len + 1 : len;
	return taken;
}

static int
read_small(struct bmx_slice text, int64_t most, int64_t *value_out)
{
	if (text.len == 0 || text.len > 5 ||
	    bmx_units_parse_number(text, value_out) != 0 || *value_out > most)
		return -1;
	return 0;
}

/* The port stands after the last colon; an IPv6 address has more of them. */
static int
split_address(struct bmx_slice text, struct bmx_slice *host_out,
              int64_t *port_out)
{
	size_t colon = text.len;

	while (colon > 0 && text.data[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return -1;
	*host_out = (struct bmx_slice){text.data, colon - 1};
	return read_small(
		(struct bmx_slice){text.data + colon, text.len - colon},
		UINT16_MAX, port_out);
}

int
bmx_redis_redirection_parse(struct bmx_slice text,
                            struct bmx_redis_redirection *out)
{
	int64_t slot = 0;

	(void)take_until(&text, ' '); /* MOVED or ASK */
	if (read_small(take_until(&text, ' '), BMX_REDIS_SLOTS - 1, &slot) != 0)
		return -1;
	out->slot = (int)slot;
	if (split_address(take_until(&text, ' '), &out->host, &out->port) != 0)
		return -1;
	return out->port > 0 ? 0 : -1;
}

static bool
is_slot(const struct bmx_redis_reply *reply)
{
	return reply->type == BMX_REDIS_INTEGER && reply->integer >= 0 &&
		reply->integer < BMX_REDIS_SLOTS;
}

int
bmx_redis_range_read(const struct bmx_redis_reply *element,
                     struct bmx_redis_range *out)
{
	const struct bmx_redis_reply *part = element->element;
	const struct bmx_redis_reply *master;

	if (element->type != BMX_REDIS_ARRAY || element->count < 3 ||
	    !is_slot(&part[0]) || !is_slot(&part[1]) ||
	    part[0].integer > part[1].integer ||
	    part[2].type != BMX_REDIS_ARRAY || part[2].count < 2)
		return -1;
	master = part[2].element;
	if (master[1].type != BMX_REDIS_INTEGER || master[1].integer < 1 ||
	    master[1].integer > UINT16_MAX)
		return -1;
	out->first = (int)part[0].integer;
	out->last = (int)part[1].integer;
	out->port = master[1].integer;
	out->host = (struct bmx_slice){0};
	if (master[0].type == BMX_REDIS_STRING)
		out->host = master[0].text;
	/* What Redis says for a host name that is not set. */
	if (bmx_slice_equal(out->host, BMX_SLICE("?")))
		out->host = (struct bmx_slice){0};
	return 0;
}
