/* Entries of a DNS block list setting: what is read holds what it promises. */
#include <stdlib.h>
#include <string.h>

#include <backupmx/dnsbl_site.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t answer[4] = {127, 0, 0, 2};
	const struct bmx_slice text = {(const char *)data, size};
	struct bmx_dnsbl_site site;

	if (bmx_dnsbl_site_parse(text, &site, NULL) != 0)
		return 0;
	if (site.weight == 0 || site.weight > BMX_DNSBL_WEIGHT_MAX ||
	    site.weight < -BMX_DNSBL_WEIGHT_MAX || site.zone[0] == '\0')
		abort();
	if (!memchr(text.data, '=', size) &&
	    !bmx_dnsbl_site_takes(&site, answer))
		abort();
	return 0;
}
