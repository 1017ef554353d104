#include <backupmx/own_addresses.h>

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct bmx_own_addresses {
	struct ifaddrs *list;
};

struct bmx_own_addresses *
bmx_own_addresses_new(void)
{
	struct bmx_own_addresses *addresses = calloc(1, sizeof(*addresses));

	if (addresses && getifaddrs(&addresses->list) != 0)
		bmx_own_addresses_free(&addresses);
	return addresses;
}

void
bmx_own_addresses_free(struct bmx_own_addresses **addresses)
{
	if (!*addresses)
		return;
	if ((*addresses)->list)
		freeifaddrs((*addresses)->list);
	free(*addresses);
	*addresses = NULL;
}

static bool
is_same(const struct sockaddr *own, sa_family_t family, const uint8_t *octets)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (!own || own->sa_family != family)
		return false;
	if (family == AF_INET) {
		memcpy(&v4, own, sizeof(v4));
		return memcmp(&v4.sin_addr, octets, sizeof(v4.sin_addr)) == 0;
	}
	if (family != AF_INET6)
		return false;
	memcpy(&v6, own, sizeof(v6));
	return memcmp(&v6.sin6_addr, octets, sizeof(v6.sin6_addr)) == 0;
}

bool
bmx_own_addresses_have(void *ctx, sa_family_t family, const uint8_t *octets)
{
	const struct bmx_own_addresses *addresses = ctx;
	const struct ifaddrs *at = addresses ? addresses->list : NULL;

	for (; at; at = at->ifa_next)
		if (is_same(at->ifa_addr, family, octets))
			return true;
	return false;
}
