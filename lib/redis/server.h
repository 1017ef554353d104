/*
 * server.h - how a Redis server is written in the configuration. Pure.
 *
 *	unix:/path  host:port  [v6]:port  host  redis://host:port
 *	rediss://host:port (TLS; the certificate must have the host's name)
 */
#ifndef BACKUPMX_LIB_REDIS_SERVER_H
#define BACKUPMX_LIB_REDIS_SERVER_H

#include <backupmx/endpoint.h>

/** The ports that are meant when none is written. */
#define BMX_REDIS_PORT 6379
#define BMX_REDIS_SENTINEL_PORT 26379

struct bmx_redis_server {
	struct bmx_endpoint endpoint;
	bool tls;
};

/** @return 0, or -1 with *err (BMX_E_SYNTAX, BMX_E_RANGE, BMX_E_TOO_BIG) */
int bmx_redis_server_parse(struct bmx_slice text, uint16_t default_port,
                           struct bmx_redis_server *server_out,
                           struct bmx_error *err);

/** A host and port that a Sentinel or Cluster node told, hostile octets.
 * @return 0, or -1 when that is no host or no port */
int bmx_redis_server_from(struct bmx_slice host, int64_t port, bool tls,
                          struct bmx_redis_server *server_out);

/** Appends it as it would be configured. */
void bmx_redis_server_append(struct bmx_text *text,
                             const struct bmx_redis_server *server);

/** The same place? */
bool bmx_redis_server_equal(const struct bmx_redis_server *a,
                            const struct bmx_redis_server *b);

#endif
