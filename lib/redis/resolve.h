/*
 * resolve.h - the addresses of a host, without blocking the loop.
 *
 * libevent's own resolver: it reads /etc/hosts and resolv.conf anew for each
 * look-up and asks for IPv4 and IPv6. nsswitch.conf is not looked at.
 */
#ifndef BACKUPMX_LIB_REDIS_RESOLVE_H
#define BACKUPMX_LIB_REDIS_RESOLVE_H

#include <sys/socket.h>

#include <backupmx/endpoint.h>
#include <backupmx/loop.h>

/** Most addresses of one name that are tried. */
#define BMX_RESOLVED_MAX ((size_t)8)

struct bmx_resolved {
	size_t count;
	struct {
		struct sockaddr_storage address;
		socklen_t len;
	} at[BMX_RESOLVED_MAX];
};

/** Fills *out of a unix socket or an address. @return 0, or -1 when the host
 * is a name, which must be looked up */
int bmx_resolve_literal(const struct bmx_endpoint *endpoint,
                        struct bmx_resolved *out);

struct bmx_resolve;

/** list is NULL when there is err: BMX_E_NOT_FOUND, BMX_E_TIMEOUT,
 * BMX_E_NOMEM. Both are borrowed for the call. */
typedef void bmx_resolve_cb(void *ctx, const struct bmx_resolved *list,
                            const struct bmx_error *err);

/**
 * Looks up the host of endpoint. cb is called once, from a later turn, at the
 * latest after timeout_ms; the look-up is then freed.
 * @return the look-up, or NULL with *err (BMX_E_NOMEM, BMX_E_IO)
 */
struct bmx_resolve *bmx_resolve_start(struct bmx_loop *loop,
                                      const struct bmx_endpoint *endpoint,
                                      int64_t timeout_ms, bmx_resolve_cb *cb,
                                      void *ctx, struct bmx_error *err);

/** cb of *resolve will not be called; sets it to NULL. NULL is fine. */
void bmx_resolve_cancel(struct bmx_resolve **resolve);

#endif
