/*
 * endpoint.h - sockets as Postfix writes them: `unix:/path`, `inet:host:port`.
 */
#ifndef BACKUPMX_ENDPOINT_H
#define BACKUPMX_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>
#include <backupmx/text.h>

/** Connections that may wait to be accepted (as libmilter and systemd). */
#define BMX_ENDPOINT_BACKLOG 4096

enum bmx_endpoint_kind { BMX_ENDPOINT_UNIX, BMX_ENDPOINT_INET };

struct bmx_endpoint {
	enum bmx_endpoint_kind kind;
	char path[108]; /* unix: absolute path, terminated */
	char host[256]; /* inet: name or address without brackets; "" is any */
	uint16_t port;  /* inet: 1 to 65535 */
};

/**
 * Reads `unix:/path` or `inet:host:port` (`inet:[::1]:9517` for IPv6).
 * @return 0, or -1 with *err: BMX_E_SYNTAX, BMX_E_RANGE (port), BMX_E_TOO_BIG
 *         (path or host); the text says what was expected
 */
int bmx_endpoint_parse(struct bmx_slice text, struct bmx_endpoint *endpoint_out,
                       struct bmx_error *err);

/** Appends the endpoint as it is written in the configuration. */
void bmx_endpoint_append(struct bmx_text *text,
                         const struct bmx_endpoint *endpoint);

/** How a unix socket is made; ignored for inet. */
struct bmx_endpoint_owner {
	mode_t mode;       /* as 0660 */
	const char *group; /* "" keeps the process's own */
	uid_t uid;         /* owner when the process is root; (uid_t)-1 keeps */
};

/**
 * Listens on endpoint: non-blocking, close-on-exec, backlog
 * BMX_ENDPOINT_BACKLOG. A unix socket that is left over is removed only after
 * a connect proves that nobody answers; what is no socket is never removed.
 * The new socket is bound under a temporary name and renamed, so that no one
 * meets it before it has its mode and group. Blocks for name look-ups: for
 * start-up only.
 * @return the descriptor, which the caller closes, or -1 with *err:
 *         BMX_E_BUSY when another process listens there, BMX_E_NOT_FOUND
 *         (directory, group, host), BMX_E_PERMISSION, BMX_E_TOO_BIG (no room
 *         for the temporary name), BMX_E_REFUSED (the path is no socket),
 *         BMX_E_IO; the text names the path or address and what to do
 */
int bmx_endpoint_listen(const struct bmx_endpoint *endpoint,
                        const struct bmx_endpoint_owner *owner,
                        struct bmx_error *err);

/** Removes the socket of a unix endpoint, no other kind of file; nothing for
 * inet. */
void bmx_endpoint_unlink(const struct bmx_endpoint *endpoint);

/**
 * Connects, waiting at most timeout_ms, name look-ups not counted; the descriptor is blocking and
 * close-on-exec. For commands and worker threads, never for an event loop.
 * @return the descriptor, or -1 with *err (BMX_E_TIMEOUT, BMX_E_NOT_FOUND,
 *         BMX_E_PERMISSION, BMX_E_IO)
 */
int bmx_endpoint_connect(const struct bmx_endpoint *endpoint, int timeout_ms,
                         struct bmx_error *err);

#endif
