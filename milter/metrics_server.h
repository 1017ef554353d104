/*
 * metrics_server.h - GET /metrics and GET /healthz on one thread.
 *
 * For the monitoring on the same host or network: one connection at a time,
 * each with a short deadline of its own, answered and closed. It needs
 * nothing of HTTP but the request line.
 *
 * Source: RFC 9112 section 3, Prometheus text format 0.0.4.
 */
#ifndef BACKUPMX_MILTER_METRICS_SERVER_H
#define BACKUPMX_MILTER_METRICS_SERVER_H

#include <backupmx/error.h>
#include <backupmx/metrics.h>

/** Octets of a request that are read; a longer head is refused. */
#define BMX_METRICS_REQUEST_MAX ((size_t)8192)
/** Longest time for one connection. */
#define BMX_METRICS_CONNECTION_MS 2000

struct bmx_metrics_server;

/**
 * Starts the thread on listen_fd, a listening socket that is the server's
 * from now on, even when this fails. metrics is borrowed.
 * @return the server, which the caller frees, or NULL with *err
 */
struct bmx_metrics_server *bmx_metrics_server_new(int listen_fd,
                                                  struct bmx_metrics *metrics,
                                                  struct bmx_error *err);

/** Ends the thread, closes the socket, frees *server and sets it to NULL.
 * NULL is fine. */
void bmx_metrics_server_free(struct bmx_metrics_server **server);

#endif
