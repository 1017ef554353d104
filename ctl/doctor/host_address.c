/* Addresses of hosts: compared, told apart, written. Pure. */
#include "ctl/doctor/hosts.h"

#include <string.h>

#include <arpa/inet.h>

bool
bmxctl_same_address(const struct bmx_target_address *a,
                    const struct bmx_target_address *b)
{
	return a->family == b->family &&
		memcmp(a->octets, b->octets,
	               a->family == AF_INET ? 4 : sizeof(a->octets)) == 0;
}

bool
bmxctl_hosts_meet(const struct bmxctl_host *a, const struct bmxctl_host *b)
{
	for (size_t i = 0; i < a->address_count; i++)
		for (size_t j = 0; j < b->address_count; j++)
			if (bmxctl_same_address(&a->addresses[i].address,
			                        &b->addresses[j].address))
				return true;
	return false;
}

bool
bmxctl_host_is_here(const struct bmxctl_host *host)
{
	for (size_t i = 0; i < host->address_count; i++)
		if (host->addresses[i].here)
			return true;
	return false;
}

/* Does address begin with these bits? */
struct block {
	sa_family_t family;
	unsigned bits;
	uint8_t octets[2];
};

static bool
is_within(const struct bmx_target_address *address, const struct block *block)
{
	const unsigned rest = block->bits - 8;
	const uint8_t mask = (uint8_t)(0xff00U >> rest);

	return address->family == block->family &&
		address->octets[0] == block->octets[0] &&
		((address->octets[1] ^ block->octets[1]) & mask) == 0;
}

bool
bmxctl_address_is_private(const struct bmx_target_address *address)
{
	static const struct block blocks[] = {
		{AF_INET, 8, {10, 0}},        {AF_INET, 12, {172, 16}},
		{AF_INET, 16, {192, 168}},    {AF_INET, 10, {100, 64}},
		{AF_INET, 16, {169, 254}},    {AF_INET, 8, {127, 0}},
		{AF_INET6, 8, {0xfd, 0}},     {AF_INET6, 8, {0xfc, 0}},
		{AF_INET6, 10, {0xfe, 0x80}},
	};
	static const uint8_t loopback[16] = {[15] = 1};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (is_within(address, &blocks[i]))
			return true;
	return address->family == AF_INET6 &&
		memcmp(address->octets, loopback, sizeof(loopback)) == 0;
}

const char *
bmxctl_address_text(const struct bmx_target_address *address,
                    char buffer[BMXCTL_ADDRESS_TEXT])
{
	if (!inet_ntop(address->family, address->octets, buffer,
	               (socklen_t)BMXCTL_ADDRESS_TEXT))
		buffer[0] = '\0';
	return buffer;
}
