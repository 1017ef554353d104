#include "redis_key.h"

#include <string.h>

static const char *const kind_parts[] = {
	[BMX_RECORD_VERIFICATION] = "v:",
	[BMX_RECORD_GATE] = "gate:",
	[BMX_RECORD_PRIMARY] = "primary",
};
_Static_assert(sizeof(kind_parts) / sizeof(kind_parts[0]) == BMX_RECORD_KINDS,
               "every kind has its keys");

/* What may stand in a key as it is. Braces would be a hash tag; the others
 * mean something in patterns and in lines that people copy. */
static bool
is_plain(char c)
{
	return c > ' ' && c < 0x7f && !strchr("%{}*?[]\\", c);
}

static void
append_name(struct bmx_text *text, struct bmx_slice name)
{
	/* The record of a whole domain. */
	if (bmx_slice_equal(name, BMX_SLICE("*"))) {
		bmx_text_append(text, name);
		return;
	}
	for (size_t i = 0; i < name.len; i++) {
		if (is_plain(name.data[i]))
			bmx_text_append_char(text, name.data[i]);
		else
			bmx_text_printf(text, "%%%02X",
			                (unsigned)(unsigned char)name.data[i]);
	}
}

void
bmx_redis_key_append_start(struct bmx_text *text, struct bmx_slice prefix,
                           enum bmx_record_kind kind, struct bmx_slice domain)
{
	bmx_text_append(text, prefix);
	bmx_text_append_string(text, ":{");
	append_name(text, domain); /* A-labels: nothing is changed */
	bmx_text_append_string(text, "}:");
	bmx_text_append_string(text, kind_parts[kind]);
}

void
bmx_redis_key_append(struct bmx_text *text, struct bmx_slice prefix,
                     const struct bmx_record_key *key)
{
	bmx_redis_key_append_start(text, prefix, key->kind, key->domain);
	append_name(text, key->name);
}

void
bmx_redis_key_append_pattern(struct bmx_text *text, struct bmx_slice start)
{
	for (size_t i = 0; i < start.len; i++) {
		if (strchr("*?[]\\", start.data[i]))
			bmx_text_append_char(text, '\\');
		bmx_text_append_char(text, start.data[i]);
	}
	bmx_text_append_char(text, '*');
}
