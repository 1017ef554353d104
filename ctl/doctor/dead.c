#include "ctl/doctor/dead.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/doctor/hosts.h"

const char *
bmxctl_dead_why(const struct bmxctl_dead *dead,
                const struct bmx_target_address *address, uint16_t port)
{
	for (size_t i = 0; i < dead->count; i++)
		if (dead->items[i].port == port &&
		    bmxctl_same_address(&dead->items[i].address, address))
			return dead->items[i].why;
	return NULL;
}

void
bmxctl_dead_add(struct bmxctl_dead *dead,
                const struct bmx_target_address *address, uint16_t port,
                const char *why)
{
	if (dead->count == BMXCTL_DEAD_MAX)
		return;
	dead->items[dead->count].address = *address;
	dead->items[dead->count].port = port;
	(void)snprintf(dead->items[dead->count].why, sizeof(dead->items[0].why),
	               "%s", why);
	dead->count++;
}

/* To connect a datagram socket only looks for a route. */
static int
find_route(int fd, const struct bmx_target_address *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(25)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
	                          .sin6_port = htons(25)};

	if (address->family == AF_INET) {
		memcpy(&v4.sin_addr, address->octets, sizeof(v4.sin_addr));
		return connect(fd, (const struct sockaddr *)&v4, sizeof(v4));
	}
	memcpy(&v6.sin6_addr, address->octets, sizeof(v6.sin6_addr));
	return connect(fd, (const struct sockaddr *)&v6, sizeof(v6));
}

bool
bmxctl_has_way(const struct bmx_target_address *address)
{
	const int fd = socket(address->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool way = true;

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	if (find_route(fd, address) != 0)
		way = errno != ENETUNREACH && errno != EADDRNOTAVAIL &&
			errno != EHOSTUNREACH;
	(void)close(fd); /* nothing was written */
	return way;
}
