#define _GNU_SOURCE /* memrchr */

#include <backupmx/address.h>

int
bmx_address_split(struct bmx_slice text, struct bmx_slice *local_out,
                  struct bmx_slice *domain_out)
{
	const char *at;

	if (text.len == 0 || text.len > BMX_ADDRESS_MAX ||
	    memchr(text.data, '\0', text.len))
		return -1;
	at = memrchr(text.data, '@', text.len);
	if (!at)
		return -1;
	*local_out = (struct bmx_slice){text.data, (size_t)(at - text.data)};
	*domain_out = (struct bmx_slice){at + 1, text.len - local_out->len - 1};
	/*
	 * No domain holds a '"', so looking behind the '@' is enough. Pairing
	 * the quotes before it would be wrong: in Postfix's internal form a
	 * lone '"' may be part of the name, and the address must still be
	 * found to belong to its domain.
	 */
	if (domain_out->len > 0 &&
	    memchr(domain_out->data, '"', domain_out->len))
		return -1;
	return 0;
}
