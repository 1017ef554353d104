#include "ldap_value.h"

#include <backupmx/address.h>

static bool
begins_nocase(struct bmx_slice text, struct bmx_slice with)
{
	return text.len >= with.len &&
		bmx_slice_equal_nocase((struct bmx_slice){text.data, with.len},
	                               with);
}

static struct bmx_slice
without_first(struct bmx_slice text, size_t count)
{
	return (struct bmx_slice){text.data + count, text.len - count};
}

/* No address has any. Looked for apart from its rules, because the form of the
 * list hangs on it: a line feed would be another entry. */
static bool
has_control(struct bmx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.data[i];

		if (c < ' ' || c == 127)
			return true;
	}
	return false;
}

/* Is there a "word:" before the address, as of "X500:/o=..." and of
 * "SIP:joe@example.test"? A local part holds no ':' outside quotes. */
static bool
has_prefix(struct bmx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == ':')
			return i > 0;
		if (text.data[i] == '@' || text.data[i] == '"')
			return false;
	}
	return false;
}

/* Can it be on a list, whether or not the domain's list knows case? When
 * memory is too short to tell, the list's parser is the one to fail: a value
 * that is left out here is one that is missing. */
static bool
is_listable(struct bmx_slice local)
{
	char buffer[BMX_LOCAL_BUFFER];
	struct bmx_slice normal;
	bool utf8;

	if (local.len == 0)
		return true;
	return bmx_local_normalise(local, false, buffer, &normal, &utf8) !=
		BMX_LOCAL_UNLISTABLE &&
		bmx_local_normalise(local, true, buffer, &normal, &utf8) !=
		BMX_LOCAL_UNLISTABLE;
}

/* Blanks outside a quoted string would be the end of a line's address. */
static bool
has_bare_blank(struct bmx_slice local)
{
	return local.len > 0 && local.data[0] != '"' &&
		memchr(local.data, ' ', local.len) != NULL;
}

enum ldap_value_kind
ldap_value_read(struct bmx_slice value, struct ldap_address *address_out)
{
	const struct bmx_slice smtp = BMX_SLICE("smtp:");
	struct bmx_slice text = bmx_slice_trim(value, BMX_SLICE(" ")), local,
			 domain, normal;
	char buffer[BMX_DOMAIN_BUFFER];

	memset(address_out, 0, sizeof(*address_out));
	if (begins_nocase(text, smtp))
		text = bmx_slice_trim(without_first(text, smtp.len),
		                      BMX_SLICE(" "));
	else if (has_prefix(text))
		return LDAP_VALUE_OTHER;
	if (has_control(text) || bmx_address_split(text, &local, &domain) != 0)
		return LDAP_VALUE_ODD;
	if (bmx_domain_normalise(domain, buffer, &normal) != 0)
		return LDAP_VALUE_ODD;
	if (!is_listable(local) || has_bare_blank(local))
		return LDAP_VALUE_ODD;
	address_out->local = local;
	address_out->domain = domain;
	/* At the start of a line it would begin a comment. */
	address_out->quote = local.len > 0 && local.data[0] == '#';
	return LDAP_VALUE_ADDRESS;
}

bool
ldap_value_is_part(struct bmx_slice description)
{
	const struct bmx_slice range = BMX_SLICE(";range=");

	for (size_t i = 0; i < description.len; i++)
		if (begins_nocase(without_first(description, i), range))
			return true;
	return false;
}

bool
ldap_referral_is_harmless(struct bmx_slice url)
{
	static const char *const bases[] = {
		"CN=Configuration,",
		"DC=ForestDnsZones,",
		"DC=DomainDnsZones,",
	};
	size_t slashes = 0;

	/* scheme://host/BASE */
	while (url.len > 0 && slashes < 3) {
		slashes += url.data[0] == '/';
		url = without_first(url, 1);
	}
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		if (begins_nocase(url, bmx_slice_of(bases[i])))
			return true;
	return false;
}
