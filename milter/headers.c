#include "milter/headers.h"

#include <string.h>

#include <backupmx/address.h>

#define FOLD "\n\t"

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_blank(char c)
{
	return is_one_of(c, " \t\r\n");
}

static bool
is_visible(char c)
{
	return c > ' ' && c < 0x7f;
}

/* RFC 5322 section 3.2.3; the rest of the visible characters end an atom. */
static bool
is_atext(char c)
{
	return is_visible(c) && !is_one_of(c, "()<>[]:;@\\,.\"");
}

/* RFC 2045 section 5.1: what a token may hold. */
static bool
is_token_char(char c)
{
	return is_visible(c) && !is_one_of(c, "()<>@,;:\\\"/[]?=");
}

static bool
is_dot_atom(struct bmx_slice text)
{
	if (text.len == 0 || text.len > BMX_HEADER_VALUE_MAX ||
	    text.data[0] == '.' || text.data[text.len - 1] == '.')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const bool dots =
			text.data[i] == '.' && text.data[i - 1] == '.';

		if (dots || (!is_atext(text.data[i]) && text.data[i] != '.'))
			return false;
	}
	return true;
}

/*
 * As a quoted string. What no field may hold becomes '?'; so do octets above
 * 126, because a field body is ASCII unless the message is SMTPUTF8.
 */
static void
append_quoted(struct bmx_text *text, struct bmx_slice value)
{
	if (value.len > BMX_HEADER_VALUE_MAX)
		value.len = BMX_HEADER_VALUE_MAX;
	bmx_text_append_char(text, '"');
	for (size_t i = 0; i < value.len; i++) {
		const char c = value.data[i];

		if (c == '"' || c == '\\')
			bmx_text_append_char(text, '\\');
		bmx_text_append_char(text, c == ' ' || is_visible(c) ? c : '?');
	}
	bmx_text_append_char(text, '"');
}

static void
append_value(struct bmx_text *text, struct bmx_slice value)
{
	if (is_dot_atom(value))
		bmx_text_append(text, value);
	else
		append_quoted(text, value);
}

static void
append_pair(struct bmx_text *text, const char *key, struct bmx_slice value)
{
	bmx_text_append_string(text, FOLD);
	bmx_text_append_string(text, key);
	bmx_text_append_char(text, '=');
	append_value(text, value);
	bmx_text_append_char(text, ';');
}

/* What the comment says; words of ours alone, so nothing to escape. */
static const char *
describe(enum bmx_spf_result result)
{
	switch (result) {
	case BMX_SPF_PASS:
		return "the domain designates the client as permitted sender";
	case BMX_SPF_FAIL:
		return "the domain does not designate the client as permitted "
		       "sender";
	case BMX_SPF_SOFTFAIL:
		return "the client is probably no permitted sender of the "
		       "domain";
	case BMX_SPF_NEUTRAL:
		return "the domain does not say whether the client may send";
	case BMX_SPF_NONE:
		return "the domain publishes no SPF record";
	case BMX_SPF_TEMPERROR:
		return "the domain's SPF record could not be looked up";
	case BMX_SPF_PERMERROR:
		return "the domain's SPF record is in error";
	case BMX_SPF_RESULTS:
		break;
	}
	return "";
}

int
bmx_headers_received_spf(struct bmx_text *text,
                         const struct bmx_header_facts *facts)
{
	bmx_text_append_string(text, bmx_spf_result_name(facts->result));
	bmx_text_append_string(text, " (");
	bmx_text_append(text, facts->authserv_id);
	bmx_text_append_string(text, ":" FOLD);
	bmx_text_append_string(text, describe(facts->result));
	bmx_text_append_string(text, ")");
	append_pair(text, "client-ip", facts->client);
	append_pair(text, "envelope-from", facts->sender);
	append_pair(text, "helo", facts->helo);
	append_pair(text, "identity",
	            facts->helo_identity ? BMX_SLICE("helo") :
	                                   BMX_SLICE("mailfrom"));
	append_pair(text, "receiver", facts->authserv_id);
	if (facts->problem.len > 0)
		append_pair(text, "problem", facts->problem);
	/* The last pair may have its ';' (RFC 7208 section 9.1). */
	return text->cut ? -1 : 0;
}

/*
 * A property's value (RFC 8601 section 2.2 pvalue): [local-part "@"] domain
 * as it is when both are plain, else a quoted string.
 */
static void
append_pvalue(struct bmx_text *text, struct bmx_slice address)
{
	struct bmx_slice local, domain;

	if (bmx_address_split(address, &local, &domain) == 0 &&
	    is_dot_atom(local) && is_dot_atom(domain))
		bmx_text_append(text, address);
	else
		append_value(text, address);
}

static void
append_spf(struct bmx_text *text, const struct bmx_header_facts *facts)
{
	bmx_text_append_string(text, ";" FOLD "spf=");
	bmx_text_append_string(text, bmx_spf_result_name(facts->result));
	if (facts->helo_identity) {
		bmx_text_append_string(text, " smtp.helo=");
		append_value(text, facts->helo);
	} else {
		bmx_text_append_string(text, " smtp.mailfrom=");
		append_pvalue(text, facts->sender);
	}
}

int
bmx_headers_auth_results(struct bmx_text *text,
                         const struct bmx_header_facts *facts)
{
	append_value(text, facts->authserv_id);
	if (!facts->without_spf)
		append_spf(text, facts);
	if (facts->iprev != BMX_RESULT_NONE) {
		bmx_text_append_string(text, ";" FOLD "iprev=");
		bmx_text_append_string(text,
		                       bmx_check_result_name(facts->iprev));
		bmx_text_append_string(text, " policy.iprev=");
		append_value(text, facts->client);
	}
	return text->cut ? -1 : 0;
}

bool
bmx_headers_is_auth_results(struct bmx_slice name)
{
	while (name.len > 0 && is_blank(name.data[name.len - 1]))
		name.len--;
	return bmx_slice_equal_nocase(name, BMX_SLICE(BMX_HEADER_AUTH_RESULTS));
}

/* A place in a field body. */
struct cursor {
	const char *at;
	const char *end;
};

static bool
more(const struct cursor *in)
{
	return in->at < in->end;
}

/* Steps over one octet, or two when the first is a backslash. */
static void
step(struct cursor *in)
{
	in->at += *in->at == '\\' && in->end - in->at > 1 ? 2 : 1;
}

/* Skips a comment; comments nest. */
static bool
skip_comment(struct cursor *in)
{
	size_t depth = 0;

	do {
		if (*in->at == '(')
			depth++;
		else if (*in->at == ')')
			depth--;
		step(in);
	} while (depth > 0 && more(in));
	return depth == 0;
}

/* Skips blanks, line ends and comments. */
static bool
skip_cfws(struct cursor *in)
{
	while (more(in)) {
		if (is_blank(*in->at))
			in->at++;
		else if (*in->at != '(')
			break;
		else if (!skip_comment(in))
			return false;
	}
	return true;
}

static void
take_token(struct cursor *in, struct bmx_text *name)
{
	while (more(in) && is_token_char(*in->at))
		bmx_text_append_char(name, *in->at++);
}

static bool
take_quoted(struct cursor *in, struct bmx_text *name)
{
	in->at++;
	while (more(in) && *in->at != '"') {
		if (*in->at == '\\' && in->end - in->at > 1)
			in->at++;
		if (!is_blank(*in->at))
			bmx_text_append_char(name, *in->at);
		in->at++;
	}
	if (!more(in))
		return false;
	in->at++;
	return true;
}

/* Does the name go on here? Around its dots a comment may stand (RFC 5322
 * section 4.4, obs-domain), and some readers skip it. */
static bool
goes_on(const struct cursor *in, const struct bmx_text *name)
{
	if (!more(in))
		return false;
	if (*in->at == '.')
		return true;
	return name->len > 0 && name->data[name->len - 1] == '.' &&
		is_token_char(*in->at);
}

/* The authserv-id at the start of a body; false when there is none to read. */
static bool
take_authserv_id(struct cursor *in, struct bmx_text *name)
{
	if (!skip_cfws(in) || !more(in))
		return false;
	if (*in->at == '"') {
		if (!take_quoted(in, name))
			return false;
	} else {
		take_token(in, name);
		if (!skip_cfws(in))
			return false;
		while (goes_on(in, name)) {
			take_token(in, name);
			if (!skip_cfws(in))
				return false;
		}
	}
	return name->len > 0;
}

static struct bmx_slice
without_final_dots(struct bmx_slice name)
{
	while (name.len > 0 && name.data[name.len - 1] == '.')
		name.len--;
	return name;
}

/* Is needle at the start of hay, blanks in hay not counted? */
static bool
starts_with(struct cursor hay, struct bmx_slice needle)
{
	size_t i = 0;

	for (; i < needle.len && more(&hay); hay.at++) {
		if (is_blank(*hay.at))
			continue;
		if (bmx_ascii_lower(*hay.at) != bmx_ascii_lower(needle.data[i]))
			return false;
		i++;
	}
	return i == needle.len;
}

/*
 * Does needle stand anywhere in hay? Quadratic, so only in the first octets:
 * a reader that finds an authserv-id behind a kilobyte of rubbish is not
 * known.
 */
static bool
mentions(struct bmx_slice hay, struct bmx_slice needle)
{
	struct cursor in = {hay.data, hay.data + hay.len};

	if (hay.len > BMX_HEADER_BUFFER)
		in.end = in.at + BMX_HEADER_BUFFER;
	for (; more(&in); in.at++)
		if (starts_with(in, needle))
			return true;
	return false;
}

bool
bmx_headers_claims(struct bmx_slice body, struct bmx_slice authserv_id)
{
	struct cursor in = {body.data, body.data + body.len};
	char buffer[BMX_DOMAIN_BUFFER + 16];
	struct bmx_text name;

	authserv_id = without_final_dots(authserv_id);
	if (body.len == 0 || authserv_id.len == 0)
		return false;
	bmx_text_init(&name, buffer, sizeof(buffer));
	if (!take_authserv_id(&in, &name))
		return mentions(body, authserv_id);
	return !name.cut &&
		bmx_slice_equal_nocase(
			without_final_dots(bmx_text_slice(&name)), authserv_id);
}
