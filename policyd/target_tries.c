/* A walk over the addresses of a set. */
#include "target_set.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct bmx_target_tries {
	const struct bmx_target_set *set;
	size_t order[BMX_TARGET_HOSTS_MAX]; /* indices of hosts */
	size_t host;                        /* the next one, in order */
	size_t address;                     /* of it */
	struct bmx_target_try at;
};

/* splitmix64 (Steele, Lea, Flood 2014): which host comes first is no
 * secret. */
static uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Fisher and Yates. */
static void
shuffle(size_t *order, size_t count, uint64_t *state)
{
	for (size_t i = count; i > 1; i--) {
		const size_t other = (size_t)(random_next(state) % i);
		const size_t moved = order[i - 1];

		order[i - 1] = order[other];
		order[other] = moved;
	}
}

struct bmx_target_tries *
bmx_target_tries_new(const struct bmx_target_set *set, uint64_t seed)
{
	struct bmx_target_tries *tries = calloc(1, sizeof(*tries));
	size_t first = 0;

	if (!tries)
		return NULL;
	tries->set = bmx_target_set_ref(set);
	for (size_t i = 0; i < set->host_count; i++) {
		tries->order[i] = i;
		if (set->hosts[i].rank != set->hosts[first].rank) {
			shuffle(tries->order + first, i - first, &seed);
			first = i;
		}
	}
	shuffle(tries->order + first, set->host_count - first, &seed);
	return tries;
}

static socklen_t
write_sockaddr(const struct bmx_target_address *address, uint16_t port,
               struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (address->family == AF_INET) {
		struct sockaddr_in v4 = {.sin_family = AF_INET,
		                         .sin_port = htons(port)};

		memcpy(&v4.sin_addr, address->octets, sizeof(v4.sin_addr));
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	} else {
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
		                          .sin6_port = htons(port)};

		memcpy(&v6.sin6_addr, address->octets, sizeof(v6.sin6_addr));
		memcpy(out, &v6, sizeof(v6));
		return sizeof(v6);
	}
}

/* RFC 7672 section 3.1: usages 2 and 3; RFC 6698: selectors 0 and 1, matching
 * types 0 to 2. */
static bool
has_usable_tlsa(const struct bmx_target_host *host)
{
	for (size_t i = 0; i < host->tlsa_count; i++) {
		const struct bmx_tlsa *tlsa = &host->tlsa[i];

		if ((tlsa->usage == 2 || tlsa->usage == 3) &&
		    tlsa->selector <= 1 && tlsa->matching_type <= 2)
			return true;
	}
	return false;
}

static const struct bmx_target_host *
current(const struct bmx_target_tries *tries)
{
	if (tries->host == tries->set->host_count)
		return NULL;
	return &tries->set->hosts[tries->order[tries->host]];
}

const struct bmx_target_try *
bmx_target_tries_next(struct bmx_target_tries *tries)
{
	const struct bmx_target_host *host = current(tries);

	while (host && tries->address == host->address_count) {
		tries->host++;
		tries->address = 0;
		host = current(tries);
	}
	if (!host)
		return NULL;
	tries->at.address_len =
		write_sockaddr(&host->addresses[tries->address++], host->port,
	                       &tries->at.address);
	tries->at.host = host;
	tries->at.dane_ok =
		host->dane == BMX_TARGET_DANE_SECURE && has_usable_tlsa(host);
	return &tries->at;
}

void
bmx_target_tries_free(struct bmx_target_tries **tries)
{
	if (!*tries)
		return;
	bmx_target_set_unref(&(*tries)->set);
	free(*tries);
	*tries = NULL;
}
