#include <backupmx/text.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void
bmx_text_init(struct bmx_text *text, char *buffer, size_t size)
{
	assert(size > 0);
	*text = (struct bmx_text){.data = buffer, .size = size};
	buffer[0] = '\0';
}

void
bmx_text_append_string(struct bmx_text *text, const char *string)
{
	bmx_text_append(text, bmx_slice_of(string));
}

void
bmx_text_append_char(struct bmx_text *text, char c)
{
	bmx_text_append(text, (struct bmx_slice){&c, 1});
}

void
bmx_text_append_u64(struct bmx_text *text, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	bmx_text_append(text,
	                (struct bmx_slice){digits + at, sizeof(digits) - at});
}

void
bmx_text_printf(struct bmx_text *text, const char *format, ...)
{
	const size_t room = text->size - text->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->data + text->len, room, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room) {
		text->cut = true;
		text->len = len < 0 ? text->len : text->size - 1;
		text->data[text->len] = '\0';
		return;
	}
	text->len += (size_t)len;
}

/* Octets of the well-formed UTF-8 character at the start, or 0 (RFC 3629). */
static size_t
utf8_length(struct bmx_slice bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.data;
	size_t len;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > bytes.len)
		return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* C1 controls (U+0080..U+009F) move cursors on some terminals. */
	if (p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	return len;
}

/* Octets at the start that may be copied as they are; 0: replace one. */
static size_t
clean_length(struct bmx_slice bytes)
{
	size_t len = 0;

	while (len < bytes.len && bytes.data[len] >= ' ' &&
	       bytes.data[len] != 0x7f)
		len++;
	return len > 0 ? len : utf8_length(bytes);
}

void
bmx_text_append_clean(struct bmx_text *text, struct bmx_slice bytes, size_t max)
{
	const bool longer = bytes.len > max;

	if (longer)
		bytes.len = max > 3 ? max - 3 : 0;
	while (bytes.len > 0) {
		const size_t len = clean_length(bytes);

		if (len == 0)
			bmx_text_append_char(text, '?');
		else
			bmx_text_append(text,
			                (struct bmx_slice){bytes.data, len});
		bytes.data += len ? len : 1;
		bytes.len -= len ? len : 1;
	}
	if (longer)
		bmx_text_append_string(text, "...");
}
