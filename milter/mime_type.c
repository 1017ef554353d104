#include "milter/mime_type.h"

#define SPACE BMX_SLICE(" \t\r\n")

/* All up to a ';', '=' or white space. */
static struct bmx_slice
take_token(struct bmx_slice *rest)
{
	struct bmx_slice token = {rest->data, 0};

	while (rest->len > 0 && !bmx_slice_has(SPACE, rest->data[0]) &&
	       rest->data[0] != ';' && rest->data[0] != '=') {
		rest->data++;
		rest->len--;
		token.len++;
	}
	return token;
}

bool
bmx_mime_type_is(struct bmx_slice body, struct bmx_slice type)
{
	bmx_slice_skip(&body, SPACE);
	return bmx_slice_equal_nocase(take_token(&body), type);
}

static void
take_quoted(struct bmx_slice *rest, struct bmx_text *value)
{
	size_t i = 1;

	while (i < rest->len && rest->data[i] != '"') {
		if (rest->data[i] == '\\' && i + 1 < rest->len)
			i++;
		if (value)
			bmx_text_append_char(value, rest->data[i]);
		i++;
	}
	if (i < rest->len)
		i++;
	rest->data += i;
	rest->len -= i;
}

/* A value's octets; value is NULL when it is another parameter's. A value that
 * is not quoted may hold '=' where it should not. */
static void
take_value(struct bmx_slice *rest, struct bmx_text *value)
{
	bmx_slice_skip(rest, SPACE);
	if (rest->len > 0 && rest->data[0] == '"') {
		take_quoted(rest, value);
		return;
	}
	while (rest->len > 0 && !bmx_slice_has(SPACE, rest->data[0]) &&
	       rest->data[0] != ';') {
		if (value)
			bmx_text_append_char(value, rest->data[0]);
		rest->data++;
		rest->len--;
	}
}

static void
skip_to_parameter(struct bmx_slice *rest)
{
	while (rest->len > 0 && rest->data[0] != ';') {
		if (rest->data[0] == '"') {
			take_quoted(rest, NULL);
			continue;
		}
		rest->data++;
		rest->len--;
	}
	if (rest->len > 0) {
		rest->data++;
		rest->len--;
	}
	bmx_slice_skip(rest, SPACE);
}

bool
bmx_mime_type_parameter(struct bmx_slice body, struct bmx_slice name,
                        struct bmx_text *value_out)
{
	struct bmx_slice token;

	for (skip_to_parameter(&body); body.len > 0; skip_to_parameter(&body)) {
		token = take_token(&body);
		bmx_slice_skip(&body, SPACE);
		if (body.len == 0 || body.data[0] != '=')
			continue;
		body.data++;
		body.len--;
		if (bmx_slice_equal_nocase(token, name)) {
			take_value(&body, value_out);
			return true;
		}
		take_value(&body, NULL);
	}
	return false;
}
