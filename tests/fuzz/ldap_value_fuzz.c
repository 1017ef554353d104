/* Whatever a directory holds: what is taken as an address is a line that the
 * list's parser takes, as one entry. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <backupmx/address.h>
#include <backupmx/list_sync.h>

#include "lib/fetch/ldap_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_line(const struct ldap_address *address, bool case_sensitive)
{
	static char line[4096];
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice domain;
	struct bmx_list list;
	const char *quote = address->quote ? "\"" : "";
	const int len =
		snprintf(line, sizeof(line), "# from LDAP\n%s%.*s%s@%.*s\n",
	                 quote, (int)address->local.len, address->local.data,
	                 quote, (int)address->domain.len, address->domain.data);

	assert(len > 0 && (size_t)len < sizeof(line));
	if (bmx_domain_normalise(address->domain, buffer, &domain) != 0)
		abort();
	if (bmx_list_parse((struct bmx_slice){line, (size_t)len}, domain,
	                   case_sensitive, &list, NULL) != 0)
		abort();
	if (list.count != 1 || list.skipped != 0)
		abort();
	bmx_list_clear(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice text = {(const char *)data, size};
	struct ldap_address address;

	if (ldap_value_read(text, &address) == LDAP_VALUE_ADDRESS) {
		check_line(&address, false);
		check_line(&address, true);
	}
	(void)ldap_value_is_part(text);
	(void)ldap_referral_is_harmless(text);
	return 0;
}
