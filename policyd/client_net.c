#include "policyd/client_net.h"

#include <string.h>

#include <arpa/inet.h>

#define IPV4_NET_OCTETS 3 /* /24 */
#define IPV6_NET_OCTETS 8 /* /64 */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0,    0,
                                          0, 0, 0, 0, 0xff, 0xff};

int
bmx_client_address_parse(struct bmx_slice text,
                         uint8_t address_out[BMX_CLIENT_ADDRESS_SIZE])
{
	char copy[INET6_ADDRSTRLEN];
	const char *zone =
		text.len > 0 ? memchr(text.data, '%', text.len) : NULL;

	if (zone)
		text.len = (size_t)(zone - text.data);
	if (text.len == 0 || text.len >= sizeof(copy) ||
	    memchr(text.data, '\0', text.len))
		return -1;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (memchr(copy, ':', text.len))
		return inet_pton(AF_INET6, copy, address_out) == 1 ? 0 : -1;
	memcpy(address_out, mapped_prefix, sizeof(mapped_prefix));
	return inet_pton(AF_INET, copy, address_out + sizeof(mapped_prefix)) ==
			1 ?
		0 :
		-1;
}

struct bmx_client_net
bmx_client_net_of(struct bmx_slice client_ip)
{
	struct bmx_client_net net = {{0}};
	uint8_t address[BMX_CLIENT_ADDRESS_SIZE];

	if (bmx_client_address_parse(client_ip, address) != 0)
		return net;
	if (memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		net.octets[0] = 4;
		memcpy(net.octets + 1, address + sizeof(mapped_prefix),
		       IPV4_NET_OCTETS);
	} else {
		net.octets[0] = 6;
		memcpy(net.octets + 1, address, IPV6_NET_OCTETS);
	}
	return net;
}

bool
bmx_client_net_equal(const struct bmx_client_net *a,
                     const struct bmx_client_net *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}
