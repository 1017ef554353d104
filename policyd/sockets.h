/*
 * sockets.h - all sockets of policyd, made before root is given up.
 */
#ifndef BACKUPMX_POLICYD_SOCKETS_H
#define BACKUPMX_POLICYD_SOCKETS_H

#include <stddef.h>

#include <backupmx/config.h>
#include <backupmx/endpoint.h>
#include <backupmx/error.h>
#include <backupmx/passed_sockets.h>
#include <backupmx/privileges.h>

/** Most sockets on which Postfix may connect. */
#define BMX_SOCKETS_MAX 16

struct bmx_sockets {
	int policy[BMX_SOCKETS_MAX];
	size_t policy_count;
	int control; /* -1: off */
	int metrics; /* -1: off */
	/* Made here; the paths of passed ones are the service manager's. */
	struct bmx_endpoint made[BMX_SOCKETS_MAX + 2];
	size_t made_count;
};

/**
 * Listens on everything that config names: on what was passed, which is taken
 * out of passed, and on sockets of its own; unix sockets of its own belong to
 * identity.
 * @return 0; or -1 with *err, nothing left open and no path left behind
 */
int bmx_sockets_open(struct bmx_sockets *sockets,
                     const struct bmx_config *config,
                     const struct bmx_identity *identity,
                     struct bmx_passed_sockets *passed, struct bmx_error *err);

/** Closes what has not been handed to an owner, who sets it to -1 (or
 * policy_count to 0). */
void bmx_sockets_close(struct bmx_sockets *sockets);

/** Removes the paths of the unix sockets that were made, for the end of the
 * program. */
void bmx_sockets_unlink(struct bmx_sockets *sockets);

#endif
