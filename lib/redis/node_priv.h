/*
 * node_priv.h - what the parts of a node share: node.c connects and rests,
 * wait.c keeps the asks that wait for it.
 */
#ifndef BACKUPMX_LIB_REDIS_NODE_PRIV_H
#define BACKUPMX_LIB_REDIS_NODE_PRIV_H

#include <backupmx/circuit.h>
#include <backupmx/hash.h>

#include "node.h"

struct bmx_redis_node {
	struct bmx_redis_node_setup setup;
	struct bmx_redis_node_owner owner;
	struct bmx_redis_server own; /* of a single server: a copy */
	struct bmx_redis_discover *discover;
	struct bmx_redis_conn *conn;
	bool up;             /* conn is ready */
	int64_t up_since_ms; /* monotonic */
	size_t first;        /* server at which a round begins */
	size_t tried;        /* in this round */
	bool fault;          /* in this round: a person must act */
	struct bmx_circuit circuit;
	struct bmx_backoff backoff;
	uint8_t random_key[BMX_SIPHASH_KEY_SIZE];
	uint64_t random_count;
	struct bmx_timer *retry; /* the next round; up: the next recheck */
	int64_t retry_at_ms; /* monotonic; when it begins; 0: is under way */
	struct bmx_redis_queue waiting;
	struct bmx_timer *expiry; /* of the first that waits */
	int64_t expiry_ms;        /* 0: is not set */
	struct bmx_error last;    /* why it is not up */
};

static inline int64_t
bmx_redis_node_now_ms(const struct bmx_redis_node *node)
{
	return bmx_clock_mono_ms(node->setup.loop->clock);
}

/** Can ask not be sent before its time is over? */
bool bmx_redis_wait_is_vain(const struct bmx_redis_node *node,
                            const struct bmx_redis_ask *ask);

/** Puts ask into the row of those that wait. */
void bmx_redis_wait_add(struct bmx_redis_node *node, struct bmx_redis_ask *ask);

/** What waits in vain is told why nobody will take it. */
void bmx_redis_wait_fail_vain(struct bmx_redis_node *node);

/** Sends what waits; the node is up. */
void bmx_redis_wait_send(struct bmx_redis_node *node);

/** Fails what has waited for too long: the expiry timer's callback. */
void bmx_redis_wait_expire(void *ctx);

#endif
