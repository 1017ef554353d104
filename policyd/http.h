/*
 * http.h - metrics and health over HTTP, on libevent's server.
 *
 *	GET /metrics   the registry in Prometheus' text format
 *	GET /healthz   200 "ok", or 503 and the reason
 *
 * Other paths are 404, other methods 405. At most BMX_HTTP_CONNECTIONS_MAX
 * connections; further ones wait to be accepted. For the loop of bmx_loop_new
 * only; one thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_HTTP_H
#define BACKUPMX_POLICYD_HTTP_H

#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>

/** Connections at a time. */
#define BMX_HTTP_CONNECTIONS_MAX 64
/** Most octets of a request's line and headers. */
#define BMX_HTTP_HEADERS_MAX 8192
/** A connection that says or takes nothing for so long is closed, s. */
#define BMX_HTTP_TIMEOUT_S 5

/** @return NULL when all is well, or why not: one line, borrowed for the
 * turn of the loop */
typedef const char *bmx_http_health_cb(void *ctx);

struct bmx_http;

/**
 * Serves listen_fd, which is non-blocking and is taken over, also when this
 * fails. metrics outlives the server.
 * @return a server the caller frees before the loop, or NULL with *err
 *         (BMX_E_NOMEM)
 */
struct bmx_http *bmx_http_new(struct bmx_loop *loop, int listen_fd,
                              struct bmx_metrics *metrics,
                              bmx_http_health_cb *health, void *ctx,
                              struct bmx_error *err);

/** Closes the listener and all connections, frees *http and sets it to NULL.
 * NULL is fine. */
void bmx_http_free(struct bmx_http **http);

#endif
