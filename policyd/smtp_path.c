#include "policyd/smtp_path.h"

#include <stddef.h>

static bool
is_alnum(char c)
{
	c = bmx_ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_high(char c)
{
	return (unsigned char)c > 127;
}

/* atext of RFC 5322, with the octets that RFC 6531 adds. */
static bool
is_atext(char c)
{
	return is_alnum(c) || is_high(c) ||
		(c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool
has_control(struct bmx_slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if ((unsigned char)bytes.data[i] < ' ' || bytes.data[i] == 0x7f)
			return true;
	return false;
}

/* Atoms with single dots between them. */
static bool
is_dot_string(struct bmx_slice local)
{
	char before = '.';

	for (size_t i = 0; i < local.len; i++) {
		const char c = local.data[i];

		if (c == '.' ? before == '.' : !is_atext(c))
			return false;
		before = c;
	}
	return before != '.';
}

/* A name, or an address literal. */
static bool
is_domain(struct bmx_slice domain)
{
	const bool literal = domain.len > 2 && domain.data[0] == '[' &&
		domain.data[domain.len - 1] == ']';
	const size_t edge = literal ? 1 : 0;

	if (domain.len == 0)
		return false;
	for (size_t i = edge; i < domain.len - edge; i++) {
		const char c = domain.data[i];

		if (!is_alnum(c) && c != '-' && c != '.' && c != '_' &&
		    !(literal && c == ':'))
			return false;
	}
	return true;
}

static void
append_quoted(struct bmx_text *text, struct bmx_slice local)
{
	bmx_text_append_char(text, '"');
	for (size_t i = 0; i < local.len; i++) {
		if (local.data[i] == '"' || local.data[i] == '\\')
			bmx_text_append_char(text, '\\');
		bmx_text_append_char(text, local.data[i]);
	}
	bmx_text_append_char(text, '"');
}

int
bmx_smtp_path_append(struct bmx_text *text, struct bmx_slice local,
                     struct bmx_slice domain, bool *utf8_out)
{
	const struct bmx_text before = *text;

	*utf8_out = false;
	for (size_t i = 0; i < local.len; i++)
		*utf8_out = *utf8_out || is_high(local.data[i]);
	if (local.len == 0 || has_control(local) || !is_domain(domain))
		return -1;
	text->cut = false;
	bmx_text_append_char(text, '<');
	if (is_dot_string(local))
		bmx_text_append(text, local);
	else
		append_quoted(text, local);
	bmx_text_append_char(text, '@');
	bmx_text_append(text, domain);
	bmx_text_append_char(text, '>');
	if (text->cut) {
		*text = before;
		text->data[text->len] = '\0';
		return -1;
	}
	text->cut = before.cut;
	return 0;
}
