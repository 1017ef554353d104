#define _GNU_SOURCE /* memrchr */

#include "milter/internal_form.h"

#include <stdbool.h>
#include <string.h>

static bool
is_quoted(struct bmx_slice address)
{
	return address.len > 0 &&
		(memchr(address.data, '"', address.len) ||
	         memchr(address.data, '\\', address.len));
}

/* Octets of the local part: to the last '@', as Postfix looks for it. */
static size_t
local_length(struct bmx_slice address)
{
	const char *at = memrchr(address.data, '@', address.len);

	return at ? (size_t)(at - address.data) : address.len;
}

struct bmx_slice
bmx_internal_form(struct bmx_slice address, char *buffer)
{
	size_t local, len = 0;

	if (!is_quoted(address))
		return address;
	local = local_length(address);
	for (size_t i = 0; i < local; i++) {
		if (address.data[i] == '"')
			continue;
		if (address.data[i] == '\\' && ++i == local)
			break;
		buffer[len++] = address.data[i];
	}
	memcpy(buffer + len, address.data + local, address.len - local);
	return (struct bmx_slice){buffer, len + address.len - local};
}
