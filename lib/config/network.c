/* Address blocks: from text, and what lies within. */
#include <arpa/inet.h>

#include <backupmx/units.h>

#include "config_priv.h"

/* Returns the bits of the address, 0 when it is none. */
static unsigned
parse_address(const char *text, uint8_t network[16])
{
	if (inet_pton(AF_INET6, text, network) == 1)
		return 128;
	memset(network, 0, 16);
	network[10] = 0xff;
	network[11] = 0xff;
	return inet_pton(AF_INET, text, network + 12) == 1 ? 32 : 0;
}

const char *
bmx_config_network_read(const char *text, struct bmx_config_network *out)
{
	const char *slash = strchr(text, '/');
	const size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char address[64];
	int64_t length;
	unsigned bits;

	if (len >= sizeof(address))
		return "expected a network, as 192.0.2.0/24 or 2001:db8::/32";
	memcpy(address, text, len);
	address[len] = '\0';
	bits = parse_address(address, out->network);
	length = bits;
	if (bits == 0 ||
	    (slash &&
	     bmx_units_parse_number(bmx_slice_of(slash + 1), &length) != 0))
		return "expected a network, as 192.0.2.0/24 or 2001:db8::/32";
	if (length > (int64_t)bits)
		return "the prefix is longer than the address";
	out->prefix_length = (unsigned)length + (128 - bits);
	for (unsigned bit = out->prefix_length; bit < 128; bit++)
		if (out->network[bit / 8] & (0x80U >> (bit % 8)))
			return "the address has bits set behind the prefix";
	return NULL;
}

bool
bmx_config_network_holds(const struct bmx_config_network *network,
                         const uint8_t address[16])
{
	const unsigned whole = network->prefix_length / 8;
	const unsigned bits = network->prefix_length % 8;
	const uint8_t mask = (uint8_t)(0xff00u >> bits);

	if (memcmp(address, network->network, whole) != 0)
		return false;
	return bits == 0 ||
		((address[whole] ^ network->network[whole]) & mask) == 0;
}

bool
bmx_config_networks_hold(const struct bmx_config_network *networks,
                         size_t count, const uint8_t address[16])
{
	for (size_t i = 0; i < count; i++)
		if (bmx_config_network_holds(&networks[i], address))
			return true;
	return false;
}
