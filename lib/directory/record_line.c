#include <backupmx/record_line.h>

#include <backupmx/address.h>

#include "split.h"

#define GATE_NAME_LEN 16

static bool
breaks_line(unsigned char c)
{
	return c <= ' ' || c == '%' || c == '@' || c == 0x7f;
}

static void
append_name(struct bmx_text *text, struct bmx_slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		const unsigned char c = (unsigned char)name.data[i];

		if (breaks_line(c))
			bmx_text_printf(text, "%%%02X", c);
		else
			bmx_text_append_char(text, (char)c);
	}
}

void
bmx_record_line_append(struct bmx_text *text, const struct bmx_record_key *key,
                       const struct bmx_record *record)
{
	bmx_text_append_string(text, bmx_record_kind_name(key->kind));
	bmx_text_append_char(text, ' ');
	append_name(text, key->name);
	bmx_text_append_char(text, '@');
	bmx_text_append(text, key->domain);
	bmx_text_append_char(text, ' ');
	bmx_record_append(text, record);
}

static int
read_kind(struct bmx_slice word, enum bmx_record_kind *kind_out)
{
	for (int i = 0; i < BMX_RECORD_KINDS; i++) {
		const enum bmx_record_kind kind = (enum bmx_record_kind)i;

		if (bmx_slice_equal(word,
		                    bmx_slice_of(bmx_record_kind_name(kind)))) {
			*kind_out = kind;
			return 0;
		}
	}
	return -1;
}

/* The value of a hex digit, or -1. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Reads one octet, escaped or not. Returns how much text it took, 0: none. */
static size_t
read_octet(struct bmx_slice text, char *octet_out)
{
	int high, low;

	*octet_out = text.data[0];
	if (text.data[0] != '%')
		return breaks_line((unsigned char)text.data[0]) ? 0 : 1;
	if (text.len < 3)
		return 0;
	high = hex_value(text.data[1]);
	low = hex_value(text.data[2]);
	if (high < 0 || low < 0)
		return 0;
	*octet_out = (char)(unsigned char)(high * 16 + low);
	return 3;
}

static int
read_name(struct bmx_slice text, struct bmx_record_line *line)
{
	size_t len = 0;

	while (text.len > 0) {
		size_t taken;

		if (len == BMX_RECORD_NAME_MAX)
			return -1;
		taken = read_octet(text, &line->name[len]);
		if (taken == 0)
			return -1;
		text.data += taken;
		text.len -= taken;
		len++;
	}
	line->name[len] = '\0';
	line->key.name = (struct bmx_slice){line->name, len};
	return 0;
}

/* Is it a local part in the form in which it is looked up? */
static bool
is_local(struct bmx_slice name)
{
	char buffer[BMX_LOCAL_BUFFER];
	struct bmx_slice local;
	bool utf8;

	if (bmx_slice_equal(name, BMX_SLICE(BMX_LOCAL_WILDCARD)))
		return true;
	return bmx_local_normalise_internal(name, true, buffer, &local,
	                                    &utf8) == BMX_LOCAL_OK &&
		bmx_slice_equal(local, name);
}

static bool
is_gate_name(struct bmx_slice name)
{
	if (name.len != GATE_NAME_LEN)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (hex_value(name.data[i]) < 0 ||
		    bmx_ascii_lower(name.data[i]) != name.data[i])
			return false;
	return true;
}

static bool
is_name(const struct bmx_record_key *key)
{
	switch (key->kind) {
	case BMX_RECORD_VERIFICATION:
		return is_local(key->name);
	case BMX_RECORD_GATE:
		return is_gate_name(key->name);
	case BMX_RECORD_PRIMARY:
	case BMX_RECORD_KINDS:
		break;
	}
	return key->name.len == 0;
}

static int
read_domain(struct bmx_slice text, struct bmx_record_line *line)
{
	if (bmx_domain_normalise(text, line->domain, &line->key.domain) != 0 ||
	    !bmx_slice_equal(text, line->key.domain))
		return -1;
	return 0;
}

int
bmx_record_line_parse(struct bmx_slice text, struct bmx_record_line *line_out,
                      struct bmx_error *err)
{
	struct bmx_slice kind, name, domain;

	if (bmx_split_at(&text, ' ', &kind) != 0 ||
	    read_kind(kind, &line_out->key.kind) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "a record begins with \"verification \", "
		                     "\"gate \" or \"primary \"");
	if (bmx_split_at(&text, '@', &name) != 0 ||
	    bmx_split_at(&text, ' ', &domain) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "no NAME@DOMAIN after the record's kind");
	if (read_name(name, line_out) != 0 || !is_name(&line_out->key))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "not a name that a %s record can have",
		                     bmx_record_kind_name(line_out->key.kind));
	if (read_domain(domain, line_out) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "not a domain in lower-case A-labels");
	if (bmx_record_parse(line_out->key.kind, text, &line_out->record) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "a value is missing, doubled, or not of "
		                     "its form");
	return 0;
}
