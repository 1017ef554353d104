#include <backupmx/address.h>

#include <idn2.h>

/* Octets of a label (RFC 1035 section 2.3.4). */
#define LABEL_MAX ((size_t)63)

enum scan {
	SCAN_INVALID, /* no domain name */
	SCAN_PLAIN,   /* written out as it is to be */
	SCAN_A_LABEL, /* the same, but with an "xn--" that may be none */
	SCAN_HIGH,    /* an octet above 127; nothing written */
};

/* The octet in lower case, or 0 when host names do not have it. */
static char
host_octet(char c)
{
	c = bmx_ascii_lower(c);
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_')
		return c;
	return '\0';
}

/* Is the label in lower case that ends here, len octets long, an A-label? */
static bool
is_a_label(const char *end, size_t len)
{
	return len >= 4 && memcmp(end - len, "xn--", 4) == 0;
}

/*
 * Copies an ASCII name in lower case, without final dot. It stops at the
 * first octet above 127, so the usual name costs one pass and no memory.
 */
static enum scan
scan_ascii(struct bmx_slice domain, char buffer[BMX_DOMAIN_BUFFER])
{
	size_t label = 0;
	bool a_label = false;

	if (domain.len > BMX_DOMAIN_MAX)
		return SCAN_INVALID;
	for (size_t i = 0; i < domain.len; i++) {
		const char c = domain.data[i];

		if ((unsigned char)c > 127)
			return SCAN_HIGH;
		buffer[i] = c == '.' ? c : host_octet(c);
		if (buffer[i] == '\0')
			return SCAN_INVALID;
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (label == 0 && i == 0) ||
		    (label == 0 && buffer[i - 1] == '.'))
			return SCAN_INVALID;
		a_label = a_label ||
			(label == 4 && is_a_label(buffer + i + 1, label));
	}
	if (label == 0)
		return SCAN_INVALID;
	buffer[domain.len] = '\0';
	return a_label ? SCAN_A_LABEL : SCAN_PLAIN;
}

/*
 * The A-labels of a name, which the caller frees with idn2_free, or NULL.
 * Non-transitional: "ss" and the German sharp s are two names, as registries
 * and browsers have it.
 */
static char *
to_a_labels(struct bmx_slice domain)
{
	char name[BMX_ADDRESS_MAX + 1];
	uint8_t *result = NULL;

	if (domain.len == 0 || domain.len >= sizeof(name) ||
	    memchr(domain.data, '\0', domain.len))
		return NULL;
	memcpy(name, domain.data, domain.len);
	name[domain.len] = '\0';
	if (idn2_lookup_u8((const uint8_t *)name, &result,
	                   IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return NULL;
	return (char *)result;
}

static struct bmx_slice
without_final_dot(struct bmx_slice domain)
{
	if (domain.len > 1 && domain.data[domain.len - 1] == '.')
		domain.len--;
	return domain;
}

/* As scan_ascii, for a name that libidn2 has to turn into A-labels first. */
static enum scan
scan_idna(struct bmx_slice *domain, char buffer[BMX_DOMAIN_BUFFER])
{
	char *name = to_a_labels(*domain);
	enum scan scan;

	if (!name)
		return SCAN_INVALID;
	/* It lets blanks and empty labels through. */
	*domain = without_final_dot(bmx_slice_of(name));
	scan = scan_ascii(*domain, buffer);
	idn2_free(name);
	return scan == SCAN_HIGH ? SCAN_INVALID : scan;
}

int
bmx_domain_normalise(struct bmx_slice domain, char buffer[BMX_DOMAIN_BUFFER],
                     struct bmx_slice *domain_out)
{
	enum scan scan = SCAN_HIGH;

	domain = without_final_dot(domain);
	/* In UTF-8 a name may have more octets than in A-labels. */
	if (domain.len <= BMX_DOMAIN_MAX)
		scan = scan_ascii(domain, buffer);
	if (scan == SCAN_HIGH || scan == SCAN_A_LABEL)
		scan = scan_idna(&domain, buffer);
	if (scan == SCAN_INVALID)
		return -1;
	*domain_out = (struct bmx_slice){buffer, domain.len};
	return 0;
}
