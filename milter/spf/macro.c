#include "macro.h"

#include <arpa/inet.h>
#include <string.h>

#include <backupmx/dns.h>

#include "name.h"

/* Parts past this are more than any value has. */
#define PARTS_MAX 100000u
/* Room for a value that is made, not borrowed: 32 nibbles and 31 dots. */
#define VALUE_SIZE ((size_t)80)

/* One macro-expand. */
struct macro {
	char letter;   /* lower case; '%', '_' and '-' for %%, %_ and %- */
	bool url;      /* the letter was upper case */
	unsigned keep; /* parts from the right; 0: all */
	bool reverse;
	struct bmx_slice delimiters; /* empty: "." */
	size_t length;               /* octets of its text */
};

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

/* transformers = *DIGIT [ "r" ]; a number must not be 0 (section 7.1). */
static bool
read_transformers(struct bmx_slice text, struct macro *macro, size_t *at)
{
	const size_t start = *at;

	while (*at < text.len && text.data[*at] >= '0' &&
	       text.data[*at] <= '9') {
		if (macro->keep < PARTS_MAX)
			macro->keep = macro->keep * 10 +
				(unsigned)(text.data[*at] - '0');
		++*at;
	}
	if (*at > start && macro->keep == 0)
		return false;
	if (*at < text.len && bmx_ascii_lower(text.data[*at]) == 'r') {
		macro->reverse = true;
		++*at;
	}
	return true;
}

/* "{" macro-letter transformers *delimiter "}" */
static bool
read_braces(struct bmx_slice text, bool exp_letters, struct macro *macro)
{
	size_t at = 3, start;

	if (text.len < 4)
		return false;
	macro->letter = bmx_ascii_lower(text.data[2]);
	macro->url = macro->letter != text.data[2];
	if (!is_one_of(macro->letter, exp_letters ? "slodiphcrtv" : "slodiphv"))
		return false;
	if (!read_transformers(text, macro, &at))
		return false;
	start = at;
	while (at < text.len && is_one_of(text.data[at], ".-+,/_="))
		at++;
	macro->delimiters = (struct bmx_slice){text.data + start, at - start};
	macro->length = at + 1;
	return at < text.len && text.data[at] == '}';
}

/* Reads the macro-expand with which text begins. */
static bool
read_macro(struct bmx_slice text, bool exp_letters, struct macro *macro)
{
	*macro = (struct macro){0};
	if (text.len < 2 || text.data[0] != '%')
		return false;
	if (text.data[1] == '{')
		return read_braces(text, exp_letters, macro);
	macro->letter = text.data[1];
	macro->length = 2;
	return is_one_of(macro->letter, "%_-");
}

static struct bmx_slice
after(struct bmx_slice text, size_t count)
{
	return (struct bmx_slice){text.data + count, text.len - count};
}

/* *tail_out: the literal text behind the last macro. */
static bool
check_string(struct bmx_slice text, bool exp_letters, bool blanks,
             struct bmx_slice *tail_out)
{
	struct macro macro;

	*tail_out = text;
	while (text.len > 0) {
		const char c = text.data[0];

		if (c == '%') {
			if (!read_macro(text, exp_letters, &macro))
				return false;
			text = after(text, macro.length);
			*tail_out = text;
			continue;
		}
		if ((c < 0x21 || c > 0x7e) && !(blanks && c == ' '))
			return false;
		text = after(text, 1);
	}
	return true;
}

bool
bmx_spf_macro_is_string(struct bmx_slice text)
{
	struct bmx_slice tail;

	return check_string(text, true, false, &tail);
}

bool
bmx_spf_macro_is_explanation(struct bmx_slice text)
{
	struct bmx_slice tail;

	return check_string(text, true, true, &tail);
}

/*
 * toplabel = ( *alphanum ALPHA *alphanum ) /
 *            ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
 */
static bool
is_top_label(struct bmx_slice label)
{
	bool not_number = false;

	if (label.len == 0 || label.data[0] == '-' ||
	    label.data[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		const char c = bmx_ascii_lower(label.data[i]);
		const bool digit = c >= '0' && c <= '9';

		if (!digit && c != '-' && (c < 'a' || c > 'z'))
			return false;
		not_number = not_number || !digit;
	}
	return not_number;
}

/* "." toplabel [ "." ] at the end of what stands behind the last macro. */
static bool
ends_in_top_label(struct bmx_slice tail)
{
	size_t start;

	tail = bmx_spf_name_trim(tail);
	for (start = tail.len; start > 0; start--)
		if (tail.data[start - 1] == '.')
			return is_top_label(after(tail, start));
	return false;
}

bool
bmx_spf_macro_is_domain_spec(struct bmx_slice text)
{
	struct bmx_slice tail;

	if (text.len == 0 || !check_string(text, false, false, &tail))
		return false;
	return tail.len == 0 || ends_in_top_label(tail);
}

/* Where expanded octets go. */
struct sink {
	struct bmx_text *text;
	bool is_name; /* keep the right-hand end; else what does not fit is cut */
};

/* Of a name only the last 253 octets can matter. */
static void
keep_tail(struct bmx_text *text)
{
	const size_t keep = text->size / 2;

	memmove(text->data, text->data + (text->len - keep), keep);
	text->len = keep;
}

static void
put(const struct sink *sink, char c)
{
	if (sink->is_name && sink->text->len + 1 >= sink->text->size)
		keep_tail(sink->text);
	if (!sink->is_name && (c < 0x20 || c > 0x7e))
		c = '?';
	bmx_text_append_char(sink->text, c);
}

static bool
is_unreserved(char c)
{
	const char l = bmx_ascii_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
		is_one_of(c, "-._~");
}

/* RFC 3986 section 2.1 for upper-case letters. */
static void
put_value(const struct sink *sink, char c, bool url)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char octet = (unsigned char)c;

	if (!url || is_unreserved(c)) {
		put(sink, c);
		return;
	}
	put(sink, '%');
	put(sink, digits[octet >> 4]);
	put(sink, digits[octet & 15]);
}

static bool
is_delimiter(const struct macro *macro, char c)
{
	if (macro->delimiters.len == 0)
		return c == '.';
	return memchr(macro->delimiters.data, c, macro->delimiters.len);
}

/* The rightmost macro->keep parts, joined with dots. */
static void
put_forward(const struct sink *sink, const struct macro *macro,
            struct bmx_slice value)
{
	unsigned parts = 0;
	size_t start = value.len;

	while (start > 0) {
		if (is_delimiter(macro, value.data[start - 1]) &&
		    ++parts == macro->keep)
			break;
		start--;
	}
	for (size_t i = start; i < value.len; i++) {
		if (is_delimiter(macro, value.data[i]))
			put(sink, '.');
		else
			put_value(sink, value.data[i], macro->url);
	}
}

/*
 * Reversed, the rightmost parts are the leftmost of the value: the first
 * macro->keep of them from the last to the first.
 */
static void
put_reverse(const struct sink *sink, const struct macro *macro,
            struct bmx_slice value)
{
	unsigned parts = 0;
	size_t end = 0;

	while (end < value.len) {
		if (is_delimiter(macro, value.data[end]) &&
		    ++parts == macro->keep)
			break;
		end++;
	}
	for (;;) {
		size_t start = end;

		while (start > 0 && !is_delimiter(macro, value.data[start - 1]))
			start--;
		for (size_t i = start; i < end; i++)
			put_value(sink, value.data[i], macro->url);
		if (start == 0)
			break;
		put(sink, '.');
		end = start - 1;
	}
}

/* An address as 4 decimal parts or 32 nibbles, the highest first. */
static struct bmx_slice
address_dotted(const struct bmx_spf_macro_values *values,
               char buffer[VALUE_SIZE])
{
	static const char digits[] = "0123456789ABCDEF";
	struct bmx_text text;

	bmx_text_init(&text, buffer, VALUE_SIZE);
	for (size_t i = 0; i < values->address_len; i++) {
		const uint8_t octet = values->address[i];

		if (i > 0)
			bmx_text_append_char(&text, '.');
		if (values->address_len == 4) {
			bmx_text_append_u64(&text, octet);
			continue;
		}
		bmx_text_append_char(&text, digits[octet >> 4]);
		bmx_text_append_char(&text, '.');
		bmx_text_append_char(&text, digits[octet & 15]);
	}
	return bmx_text_slice(&text);
}

static struct bmx_slice
address_readable(const struct bmx_spf_macro_values *values,
                 char buffer[VALUE_SIZE])
{
	/* Cannot fail: the family is known and the buffer large enough. */
	(void)inet_ntop(values->address_len == 4 ? AF_INET : AF_INET6,
	                values->address, buffer, VALUE_SIZE);
	return bmx_slice_of(buffer);
}

static struct bmx_slice
time_text(const struct bmx_spf_macro_values *values, char buffer[VALUE_SIZE])
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, VALUE_SIZE);
	bmx_text_append_u64(&text, (uint64_t)values->time_s);
	return bmx_text_slice(&text);
}

static struct bmx_slice
value_of(char letter, const struct bmx_spf_macro_values *values,
         char buffer[VALUE_SIZE])
{
	switch (letter) {
	case 's':
		return values->sender;
	case 'l':
		return values->local;
	case 'o':
		return values->origin;
	case 'd':
		return values->domain;
	case 'h':
		return values->helo;
	case 'r':
		return values->receiver;
	case 'i':
		return address_dotted(values, buffer);
	case 'c':
		return address_readable(values, buffer);
	case 't':
		return time_text(values, buffer);
	case 'v':
		return values->address_len == 4 ? BMX_SLICE("in-addr") :
						  BMX_SLICE("ip6");
	default: /* read_macro lets no other letter through */
		return values->validated(values->ctx);
	}
}

static void
put_literal(const struct sink *sink, const char *literal)
{
	for (; *literal; literal++)
		put(sink, *literal);
}

static void
put_macro(const struct sink *sink, const struct macro *macro,
          const struct bmx_spf_macro_values *values)
{
	char buffer[VALUE_SIZE];
	struct bmx_slice value;

	if (is_one_of(macro->letter, "%_-")) {
		put_literal(sink,
		            macro->letter == '%'         ? "%" :
		                    macro->letter == '_' ? " " :
		                                           "%20");
		return;
	}
	value = value_of(macro->letter, values, buffer);
	if (macro->reverse)
		put_reverse(sink, macro, value);
	else
		put_forward(sink, macro, value);
}

static void
expand(const struct sink *sink, struct bmx_slice text,
       const struct bmx_spf_macro_values *values)
{
	struct macro macro;

	/* Of a name the end counts, of a text that does not fit nothing. */
	while (text.len > 0 && (sink->is_name || !sink->text->cut)) {
		if (read_macro(text, true, &macro)) {
			put_macro(sink, &macro, values);
			text = after(text, macro.length);
		} else {
			put(sink, text.data[0]);
			text = after(text, 1);
		}
	}
}

struct bmx_slice
bmx_spf_macro_name(struct bmx_slice spec,
                   const struct bmx_spf_macro_values *values,
                   char buffer[BMX_SPF_NAME_BUFFER])
{
	struct bmx_text text;
	const struct sink sink = {&text, true};

	bmx_text_init(&text, buffer, BMX_SPF_NAME_BUFFER);
	expand(&sink, spec, values);
	return bmx_spf_name_fit(bmx_text_slice(&text));
}

void
bmx_spf_macro_explanation(struct bmx_slice explanation,
                          const struct bmx_spf_macro_values *values,
                          struct bmx_text *text)
{
	const struct sink sink = {text, false};

	expand(&sink, explanation, values);
}
