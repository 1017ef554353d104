/*
 * redis_follow.h - hears that a published list has changed (publication.h).
 *
 * Listens on PREFIX:changed, and as messages may be lost, also asks Redis for
 * the generation of each domain with `recipients = "redis:"` every
 * BMX_REDIS_FOLLOW_POLL_MS, the domains spread over that time. A domain whose
 * generation is not the one of the local list is to be synced; it is asked
 * for once, what fails then is tried again by the sync itself.
 *
 * One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_REDIS_FOLLOW_H
#define BACKUPMX_POLICYD_REDIS_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/redis.h>
#include <backupmx/slice.h>

/** How often each domain's generation is asked for, ms. */
#define BMX_REDIS_FOLLOW_POLL_MS ((int64_t)5000)

/** The generation that was followed last, of the local list's origin; 0:
 * none. domain is borrowed for the call. */
typedef uint64_t bmx_redis_follow_local_cb(void *ctx, struct bmx_slice domain);

/** domain, which is borrowed for the call, is to be synced. Neither configure
 * nor free from it. */
typedef void bmx_redis_follow_sync_cb(void *ctx, struct bmx_slice domain);

/** All of it outlives the module. */
struct bmx_redis_follow_options {
	struct bmx_loop *loop;
	struct bmx_redis *redis;
	const struct bmx_config_redis *settings;
	bmx_redis_follow_local_cb *local;
	bmx_redis_follow_sync_cb *sync;
	void *ctx; /* for both */
};

struct bmx_redis_follow;

/**
 * Subscribes to the channel; no domain is followed yet.
 * @return what the caller frees before redis and loop, or NULL with *err:
 *         BMX_E_NOMEM, BMX_E_TOO_BIG (bmx_redis_subscribe)
 */
struct bmx_redis_follow *
bmx_redis_follow_new(const struct bmx_redis_follow_options *options,
                     struct bmx_error *err);

/** Frees *follow and sets it to NULL. NULL is fine. */
void bmx_redis_follow_free(struct bmx_redis_follow **follow);

/**
 * Follows the domains of config whose source is "redis:", and no others.
 * @return 0, or -1 with *err (BMX_E_NOMEM): all stays as it was
 */
int bmx_redis_follow_configure(struct bmx_redis_follow *follow,
                               const struct bmx_config *config,
                               struct bmx_error *err);

/** What Redis said of a domain's generation. */
struct bmx_redis_follow_facts {
	uint64_t local;     /* followed last; 0: none */
	uint64_t remote;    /* published; 0: none, or not to be understood */
	bool asked;         /* a sync was asked for, */
	uint64_t asked_for; /* when Redis said that */
};

/** Is a sync to be asked for? Pure. */
bool bmx_redis_follow_wants(const struct bmx_redis_follow_facts *facts);

#endif
