/*
 * dead.h - which addresses took no connection in this run, so that the domains
 * that share a dead primary wait for it once; and which ones there is no way
 * to from here.
 */
#ifndef BACKUPMX_CTL_DOCTOR_DEAD_H
#define BACKUPMX_CTL_DOCTOR_DEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/target_spec.h>

/** Addresses that are remembered; further ones are tried again. */
#define BMXCTL_DEAD_MAX ((size_t)64)

/** Zeroed it is empty. */
struct bmxctl_dead {
	size_t count;
	struct {
		struct bmx_target_address address;
		uint16_t port;
		char why[BMX_ERROR_TEXT_MAX];
	} items[BMXCTL_DEAD_MAX];
};

/** Why that address took no connection, or NULL when nothing is known. */
const char *bmxctl_dead_why(const struct bmxctl_dead *dead,
                            const struct bmx_target_address *address,
                            uint16_t port);

/** Remembers it; why is copied. */
void bmxctl_dead_add(struct bmxctl_dead *dead,
                     const struct bmx_target_address *address, uint16_t port,
                     const char *why);

/** Has this machine a route to that address? Nothing is sent. When the system
 * does not say, it has. */
bool bmxctl_has_way(const struct bmx_target_address *address);

#endif
