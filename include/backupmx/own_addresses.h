/*
 * own_addresses.h - the addresses of this machine's interfaces.
 */
#ifndef BACKUPMX_OWN_ADDRESSES_H
#define BACKUPMX_OWN_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/socket.h>

struct bmx_own_addresses;

/** What the interfaces have now; the caller frees it. NULL when the system
 * does not say. */
struct bmx_own_addresses *bmx_own_addresses_new(void);

/**
 * Is that one of them? ctx is a bmx_own_addresses, or NULL: none is. octets
 * are 4 of AF_INET or 16 of AF_INET6, in network order.
 */
bool bmx_own_addresses_have(void *ctx, sa_family_t family,
                            const uint8_t *octets);

/** Frees *addresses and sets it to NULL. NULL is fine. */
void bmx_own_addresses_free(struct bmx_own_addresses **addresses);

#endif
