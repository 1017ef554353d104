#include <backupmx/address.h>

#include <stdlib.h>

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

/* What the octets of a local part ask for. */
enum octet_class {
	OCTET_UPPER = 1, /* differs from its lower case */
	OCTET_BAD = 2,   /* cannot be on a list */
	OCTET_QUOTE = 4, /* '"' or '\\': only in a quoted string */
	OCTET_HIGH = 8,  /* above 127 */
};

static unsigned
class_of(char c)
{
	const unsigned char octet = (unsigned char)c;

	if (octet >= 0x80)
		return OCTET_HIGH;
	if (octet >= 'A' && octet <= 'Z')
		return OCTET_UPPER;
	if (octet < 0x20 || octet == 0x7f || octet == '%' || octet == '!' ||
	    octet == '@')
		return OCTET_BAD;
	return octet == '"' || octet == '\\' ? OCTET_QUOTE : 0;
}

/* All classes that occur; the loop has no branch on the result, so that it
 * costs the same for any input. */
static unsigned
classes(struct bmx_slice local)
{
	unsigned found = 0;

	for (size_t i = 0; i < local.len; i++)
		found |= class_of(local.data[i]);
	return found;
}

static bool
is_wildcard(struct bmx_slice local)
{
	return local.len == 1 && local.data[0] == BMX_LOCAL_WILDCARD[0];
}

static enum bmx_local_form
normalise_ascii(struct bmx_slice local, bool lower,
                char buffer[BMX_LOCAL_BUFFER], struct bmx_slice *local_out)
{
	if (local.len == 0 || local.len > BMX_LOCAL_MAX || is_wildcard(local))
		return BMX_LOCAL_UNLISTABLE;
	*local_out = local;
	if (!lower)
		return BMX_LOCAL_OK;
	for (size_t i = 0; i < local.len; i++)
		buffer[i] = bmx_ascii_lower(local.data[i]);
	local_out->data = buffer;
	return BMX_LOCAL_OK;
}

/* C1 controls (U+0080 to U+009F) are controls as much as those below 32. */
static bool
has_c1(const uint8_t *text, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (text[i - 1] == 0xc2 && text[i] < 0xa0)
			return true;
	return false;
}

/* NFC, then lower case and NFC again: the case of some letters is decomposed.
 * The result is the caller's to free; NULL when memory is short. */
static uint8_t *
fold(const uint8_t *text, size_t len, bool case_sensitive, size_t *len_out)
{
	uint8_t *nfc, *lower;

	nfc = u8_normalize(UNINORM_NFC, text, len, NULL, len_out);
	if (!nfc || case_sensitive)
		return nfc;
	/* No language: the same list must mean the same on every host. */
	lower = u8_tolower(nfc, *len_out, NULL, UNINORM_NFC, NULL, len_out);
	free(nfc);
	return lower;
}

static enum bmx_local_form
normalise_utf8(struct bmx_slice local, bool case_sensitive,
               char buffer[BMX_LOCAL_BUFFER], struct bmx_slice *local_out,
               bool *utf8_out)
{
	const uint8_t *text = (const uint8_t *)local.data;
	uint8_t *folded;
	size_t len = 0;

	/* The cap keeps hostile input cheap: no form of 64 octets comes from
	 * more than three times as many. */
	if (local.len > BMX_LOCAL_BUFFER || u8_check(text, local.len) ||
	    has_c1(text, local.len))
		return BMX_LOCAL_UNLISTABLE;
	folded = fold(text, local.len, case_sensitive, &len);
	if (!folded)
		return BMX_LOCAL_NOMEM;
	if (len > BMX_LOCAL_MAX) {
		free(folded);
		return BMX_LOCAL_UNLISTABLE;
	}
	memcpy(buffer, folded, len);
	free(folded);
	*local_out = (struct bmx_slice){buffer, len};
	/* A few signs turn into ASCII, as KELVIN SIGN does. */
	*utf8_out = (classes(*local_out) & OCTET_HIGH) != 0;
	return BMX_LOCAL_OK;
}

/* local has no quoting, found are its classes; it may stand in buffer. */
static enum bmx_local_form
normalise(struct bmx_slice local, unsigned found, bool case_sensitive,
          char buffer[BMX_LOCAL_BUFFER], struct bmx_slice *local_out,
          bool *utf8_out)
{
	const bool lower = (found & OCTET_UPPER) && !case_sensitive;

	*local_out = (struct bmx_slice){0};
	*utf8_out = false;
	if (found & OCTET_BAD)
		return BMX_LOCAL_UNLISTABLE;
	if (found & OCTET_HIGH)
		return normalise_utf8(local, case_sensitive, buffer, local_out,
		                      utf8_out);
	return normalise_ascii(local, lower, buffer, local_out);
}

/*
 * Takes the quoting of a Quoted-string (RFC 5321 section 4.1.2) off, into
 * buffer.
 */
static int
unquote(struct bmx_slice local, char buffer[BMX_LOCAL_BUFFER],
        struct bmx_slice *bare_out)
{
	const size_t end = local.len - 1; /* of the closing quote */
	size_t len = 0;

	if (local.len < 2 || local.data[0] != '"' || local.data[end] != '"')
		return -1;
	for (size_t i = 1; i < end; i++) {
		if (local.data[i] == '"')
			return -1;
		if (local.data[i] == '\\' && ++i == end)
			return -1;
		if (len == BMX_LOCAL_BUFFER)
			return -1;
		buffer[len++] = local.data[i];
	}
	*bare_out = (struct bmx_slice){buffer, len};
	return 0;
}

enum bmx_local_form
bmx_local_normalise(struct bmx_slice local, bool case_sensitive,
                    char buffer[BMX_LOCAL_BUFFER], struct bmx_slice *local_out,
                    bool *utf8_out)
{
	unsigned found = classes(local);

	if (found & OCTET_QUOTE) {
		*local_out = (struct bmx_slice){0};
		*utf8_out = false;
		if (unquote(local, buffer, &local) != 0)
			return BMX_LOCAL_UNLISTABLE;
		found = classes(local);
	}
	return normalise(local, found, case_sensitive, buffer, local_out,
	                 utf8_out);
}

enum bmx_local_form
bmx_local_normalise_internal(struct bmx_slice local, bool case_sensitive,
                             char buffer[BMX_LOCAL_BUFFER],
                             struct bmx_slice *local_out, bool *utf8_out)
{
	return normalise(local, classes(local), case_sensitive, buffer,
	                 local_out, utf8_out);
}

bool
bmx_local_cut(struct bmx_slice *local, struct bmx_slice delimiters)
{
	if (delimiters.len == 0 || local->len < 2)
		return false;
	for (size_t at = local->len - 1; at > 0; at--) {
		const struct bmx_slice cut = {local->data, at};

		if (!memchr(delimiters.data, local->data[at], delimiters.len))
			continue;
		if (is_wildcard(cut))
			return false;
		*local = cut;
		return true;
	}
	return false;
}

bool
bmx_local_is_role(struct bmx_slice local)
{
	return bmx_slice_equal_nocase(local, BMX_SLICE("postmaster")) ||
		bmx_slice_equal_nocase(local, BMX_SLICE("abuse"));
}
