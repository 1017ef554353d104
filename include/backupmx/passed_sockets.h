/*
 * passed_sockets.h - listening sockets that the service manager has opened.
 *
 * systemd keeps such a socket while the daemon restarts, so that connections
 * wait in the kernel instead of being refused. A daemon takes those that its
 * configuration names and listens on the others itself.
 *
 * Source: sd_listen_fds(3), systemd.socket(5).
 */
#ifndef BACKUPMX_PASSED_SOCKETS_H
#define BACKUPMX_PASSED_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/endpoint.h>
#include <backupmx/error.h>
#include <backupmx/text.h>

/** Most sockets that may be passed. */
#define BMX_PASSED_MAX 32

struct bmx_passed_sockets {
	int fds[BMX_PASSED_MAX];
	size_t count;
};

/**
 * Finds what was passed to this process, close-on-exec from now on, and takes
 * it out of the environment, so that no child believes it is meant. None is
 * no error. To be called before a fork, as they are meant for one process id.
 * @return 0, or -1 with *err: BMX_E_SYNTAX (LISTEN_FDS or a descriptor is
 *         bad), BMX_E_TOO_BIG (more than BMX_PASSED_MAX)
 */
int bmx_passed_find(struct bmx_passed_sockets *passed_out,
                    struct bmx_error *err);

/**
 * Takes the passed socket that listens on endpoint; its mode, owner and
 * backlog are those of who made it. Blocks for name look-ups.
 * @return the descriptor, non-blocking, which the caller closes, or -1 when
 *         none was passed
 */
int bmx_passed_take(struct bmx_passed_sockets *passed,
                    const struct bmx_endpoint *endpoint);

/**
 * Takes the passed socket of endpoint or, when there is none, listens there:
 * bmx_endpoint_listen. *made_out tells which, since only the path of a socket
 * that was made here may be removed at the end.
 * @return as bmx_endpoint_listen
 */
int bmx_passed_or_listen(struct bmx_passed_sockets *passed,
                         const struct bmx_endpoint *endpoint,
                         const struct bmx_endpoint_owner *owner, bool *made_out,
                         struct bmx_error *err);

/**
 * Closes one that nobody has taken and appends to name where it listens.
 * @return false when none is left, name then unchanged
 */
bool bmx_passed_drop(struct bmx_passed_sockets *passed, struct bmx_text *name);

#endif
