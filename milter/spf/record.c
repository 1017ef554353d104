#include "record.h"

#include <arpa/inet.h>
#include <string.h>

#include "macro.h"

#define VERSION BMX_SLICE("v=spf1")

static bool
is_alpha(char c)
{
	const char l = bmx_ascii_lower(c);

	return l >= 'a' && l <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct bmx_slice
after(struct bmx_slice text, size_t count)
{
	return (struct bmx_slice){text.data + count, text.len - count};
}

static struct bmx_slice
first(struct bmx_slice text, size_t count)
{
	return (struct bmx_slice){text.data, count};
}

bool
bmx_spf_record_is(struct bmx_slice text)
{
	const size_t len = VERSION.len;

	return text.len >= len &&
		bmx_slice_equal_nocase(first(text, len), VERSION) &&
		(text.len == len || text.data[len] == ' ');
}

struct bmx_slice
bmx_spf_record_terms(struct bmx_slice text)
{
	return after(text, VERSION.len);
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ); 0 when there is none. */
static size_t
name_length(struct bmx_slice text)
{
	size_t len = 0;

	if (text.len == 0 || !is_alpha(text.data[0]))
		return 0;
	while (len < text.len &&
	       (is_alpha(text.data[len]) || is_digit(text.data[len]) ||
	        text.data[len] == '-' || text.data[len] == '_' ||
	        text.data[len] == '.'))
		len++;
	return len;
}

/* "0" / %x31-39 0*2DIGIT, at most max. */
static bool
read_prefix(struct bmx_slice text, unsigned max, unsigned *bits_out)
{
	unsigned bits = 0;

	if (text.len == 0 || text.len > 3 ||
	    (text.len > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.data[i]))
			return false;
		bits = bits * 10 + (unsigned)(text.data[i] - '0');
	}
	*bits_out = bits;
	return bits <= max;
}

/* Where the digits at the end begin. */
static size_t
digits_from(struct bmx_slice text)
{
	size_t at = text.len;

	while (at > 0 && is_digit(text.data[at - 1]))
		at--;
	return at;
}

/*
 * Takes [ "/" ip4-prefix ] [ "//" ip6-prefix ] off the end: a domain-spec may
 * itself hold slashes, so it can only be read from behind.
 */
static bool
take_dual_prefix(struct bmx_slice *text, struct bmx_spf_term *term)
{
	size_t at = digits_from(*text);

	if (at < text->len && at >= 2 && text->data[at - 1] == '/' &&
	    text->data[at - 2] == '/') {
		if (!read_prefix(after(*text, at), 128, &term->bits6))
			return false;
		text->len = at - 2;
		at = digits_from(*text);
	}
	if (at < text->len && at >= 1 && text->data[at - 1] == '/') {
		if (!read_prefix(after(*text, at), 32, &term->bits4))
			return false;
		text->len = at - 1;
	}
	return true;
}

/* [ ":" domain-spec ], or with must_have without the brackets. */
static bool
read_spec(struct bmx_slice text, bool must_have, struct bmx_spf_term *term)
{
	if (text.len == 0)
		return !must_have;
	if (text.data[0] != ':')
		return false;
	term->spec = after(text, 1);
	return bmx_spf_macro_is_domain_spec(term->spec);
}

/* ":" ip-network [ "/" prefix ] */
static bool
read_network(struct bmx_slice text, int family, unsigned max,
             uint8_t network[16], unsigned *bits)
{
	char address[INET6_ADDRSTRLEN + 1];
	const char *slash;

	if (text.len < 2 || text.data[0] != ':')
		return false;
	text = after(text, 1);
	slash = memchr(text.data, '/', text.len);
	if (slash) {
		const size_t len = (size_t)(slash - text.data);

		if (!read_prefix(after(text, len + 1), max, bits))
			return false;
		text.len = len;
	}
	if (text.len >= sizeof(address) || memchr(text.data, 0, text.len))
		return false;
	memcpy(address, text.data, text.len);
	address[text.len] = '\0';
	return inet_pton(family, address, network) == 1;
}

static bool
read_arguments(struct bmx_slice text, struct bmx_spf_term *term)
{
	switch (term->kind) {
	case BMX_SPF_ALL:
		return text.len == 0;
	case BMX_SPF_INCLUDE:
	case BMX_SPF_EXISTS:
		return read_spec(text, true, term);
	case BMX_SPF_A:
	case BMX_SPF_MX:
		return take_dual_prefix(&text, term) &&
			read_spec(text, false, term);
	case BMX_SPF_PTR:
		return read_spec(text, false, term);
	case BMX_SPF_IP4:
		return read_network(text, AF_INET, 32, term->network,
		                    &term->bits4);
	case BMX_SPF_IP6:
		return read_network(text, AF_INET6, 128, term->network,
		                    &term->bits6);
	case BMX_SPF_REDIRECT:
	case BMX_SPF_EXP:
		term->spec = text;
		return bmx_spf_macro_is_domain_spec(text);
	case BMX_SPF_OTHER_MODIFIER:
		return bmx_spf_macro_is_string(text);
	}
	return false;
}

static bool
find_kind(struct bmx_slice name, bool modifier, struct bmx_spf_term *term)
{
	static const struct {
		const char *name;
		enum bmx_spf_kind kind;
		bool modifier;
	} kinds[] = {
		{"all", BMX_SPF_ALL, false},
		{"include", BMX_SPF_INCLUDE, false},
		{"a", BMX_SPF_A, false},
		{"mx", BMX_SPF_MX, false},
		{"ptr", BMX_SPF_PTR, false},
		{"ip4", BMX_SPF_IP4, false},
		{"ip6", BMX_SPF_IP6, false},
		{"exists", BMX_SPF_EXISTS, false},
		{"redirect", BMX_SPF_REDIRECT, true},
		{"exp", BMX_SPF_EXP, true},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].modifier == modifier &&
		    bmx_slice_equal_nocase(name, bmx_slice_of(kinds[i].name))) {
			term->kind = kinds[i].kind;
			return true;
		}
	}
	term->kind = BMX_SPF_OTHER_MODIFIER;
	return modifier;
}

static bool
is_qualifier(char c)
{
	return c == '+' || c == '-' || c == '~' || c == '?';
}

/* modifier / directive; one with "=" after its name is a modifier. */
static bool
read_term(struct bmx_slice text, struct bmx_spf_term *term)
{
	size_t len = name_length(text);

	*term = (struct bmx_spf_term){
		.qualifier = '+', .bits4 = 32, .bits6 = 128};
	if (len > 0 && len < text.len && text.data[len] == '=')
		return find_kind(first(text, len), true, term) &&
			read_arguments(after(text, len + 1), term);
	if (is_qualifier(text.data[0])) {
		term->qualifier = text.data[0];
		text = after(text, 1);
		len = name_length(text);
	}
	return find_kind(first(text, len), false, term) &&
		read_arguments(after(text, len), term);
}

int
bmx_spf_record_next(struct bmx_slice *rest, struct bmx_spf_term *term_out,
                    struct bmx_slice *term_text_out)
{
	struct bmx_slice text;
	const char *end;

	while (rest->len > 0 && rest->data[0] == ' ')
		*rest = after(*rest, 1);
	if (rest->len == 0)
		return 0;
	end = memchr(rest->data, ' ', rest->len);
	text = first(*rest, end ? (size_t)(end - rest->data) : rest->len);
	*rest = after(*rest, text.len);
	*term_text_out = text;
	return read_term(text, term_out) ? 1 : -1;
}

/* Notes what is not a mechanism; false for a modifier given twice. */
static bool
note(struct bmx_spf_outline *outline, const struct bmx_spf_term *term)
{
	bool *seen;
	struct bmx_slice *spec;

	if (term->kind == BMX_SPF_ALL)
		outline->has_all = true;
	if (term->kind != BMX_SPF_REDIRECT && term->kind != BMX_SPF_EXP)
		return true;
	seen = term->kind == BMX_SPF_EXP ? &outline->has_exp :
					   &outline->has_redirect;
	spec = term->kind == BMX_SPF_EXP ? &outline->exp : &outline->redirect;
	if (*seen)
		return false;
	*seen = true;
	*spec = term->spec;
	return true;
}

int
bmx_spf_record_check(struct bmx_slice text, struct bmx_spf_outline *outline_out,
                     struct bmx_slice *bad_out)
{
	struct bmx_slice rest = bmx_spf_record_terms(text);
	struct bmx_spf_term term;
	int more;

	*outline_out = (struct bmx_spf_outline){0};
	while ((more = bmx_spf_record_next(&rest, &term, bad_out)) > 0)
		if (!note(outline_out, &term))
			return -1;
	return more;
}
