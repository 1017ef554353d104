/*
 * own_addresses.h - the addresses of this machine's interfaces.
 */
#ifndef BACKUPMX_OWN_ADDRESSES_H
#define BACKUPMX_OWN_ADDRESSES_H

#include <stdbool.h>

#include <backupmx/target_spec.h>

struct bmx_own_addresses;

/** What the interfaces have now; the caller frees it. NULL when the system
 * does not say. */
struct bmx_own_addresses *bmx_own_addresses_new(void);

/** Is address one of theirs? ctx is a bmx_own_addresses, or NULL: none is. */
bool bmx_own_addresses_have(void *ctx,
                            const struct bmx_target_address *address);

/** Frees *addresses and sets it to NULL. NULL is fine. */
void bmx_own_addresses_free(struct bmx_own_addresses **addresses);

#endif
