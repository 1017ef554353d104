/*
 * discover.h - asks Sentinels, one after the other, where the master is.
 *
 * https://redis.io/docs/reference/sentinel-clients/
 */
#ifndef BACKUPMX_LIB_REDIS_DISCOVER_H
#define BACKUPMX_LIB_REDIS_DISCOVER_H

#include "conn.h"

struct bmx_redis_discover;

/** master is NULL when no Sentinel could tell: see loss. Borrowed. */
typedef void bmx_redis_discovered(void *ctx,
                                  const struct bmx_redis_server *master,
                                  const struct bmx_redis_loss *loss);

struct bmx_redis_discover_setup {
	struct bmx_loop *loop;
	struct bmx_tls_context *tls;
	const struct bmx_redis_server *sentinels; /* borrowed */
	size_t count;
	const struct bmx_config_redis *settings; /* borrowed */
	const char *client_name;
};

/** One that is idle, or NULL with *err (BMX_E_NOMEM). The caller frees it. */
struct bmx_redis_discover *
bmx_redis_discover_new(const struct bmx_redis_discover_setup *setup,
                       bmx_redis_discovered *cb, void *ctx,
                       struct bmx_error *err);

/** Frees *discover and sets it to NULL; cb is not called. NULL is fine. Not
 * from within cb. */
void bmx_redis_discover_free(struct bmx_redis_discover **discover);

/** Starts; cb is called once, from a later turn. It must be idle. The Sentinel
 * that answered last is asked first. @return 0, or -1 with *err (BMX_E_NOMEM):
 * it is then still idle */
int bmx_redis_discover_start(struct bmx_redis_discover *discover,
                             struct bmx_error *err);

/** Started, and cb not yet called? */
bool bmx_redis_discover_is_busy(const struct bmx_redis_discover *discover);

#endif
