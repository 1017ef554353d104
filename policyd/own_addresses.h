/*
 * own_addresses.h - the addresses of this machine's interfaces.
 */
#ifndef BACKUPMX_POLICYD_OWN_ADDRESSES_H
#define BACKUPMX_POLICYD_OWN_ADDRESSES_H

#include "target_set.h"

struct bmx_own_addresses;

/** What the interfaces have now; the caller frees it. NULL when the system
 * does not say. */
struct bmx_own_addresses *bmx_own_addresses_new(void);

/** A bmx_target_is_ours: ctx is a bmx_own_addresses, or NULL: none is. */
bool bmx_own_addresses_have(void *ctx,
                            const struct bmx_target_address *address);

/** Frees *addresses and sets it to NULL. NULL is fine. */
void bmx_own_addresses_free(struct bmx_own_addresses **addresses);

#endif
