/*
 * cluster_priv.h - what the parts of a Cluster share: cluster.c keeps nodes
 * and map, follow.c follows redirections.
 */
#ifndef BACKUPMX_LIB_REDIS_CLUSTER_PRIV_H
#define BACKUPMX_LIB_REDIS_CLUSTER_PRIV_H

#include "link_priv.h"
#include "slots.h"

/** Nodes that keys are sent to; those of further ones go to any node. */
#define NODES_MAX 64
/** Redirections that one request follows: MOVED, ASK, and what TRYAGAIN
 * takes. */
#define HOPS_MAX 5
/** The pause that TRYAGAIN asks for, and the least one between two looks at
 * the map. */
#define LATER_MS 50
#define REFRESH_MS 1000

struct bmx_redis_cluster {
	struct bmx_redis_node *nodes[NODES_MAX];
	size_t count;
	/* The node of a slot: its place in nodes, plus 1; 0 is not known. */
	uint8_t slots[BMX_REDIS_SLOTS];
	struct bmx_timer *refresh;
	int64_t refreshed_ms; /* monotonic; when the map was last asked for */
	bool refreshing;      /* asked for, or the timer is set */
	struct bmx_redis_queue later;
	struct bmx_timer *later_timer;
};

_Static_assert(NODES_MAX < UINT8_MAX, "a slot names any node");

/** The place in nodes of the one at a host and port that teller, a node of the
 * Cluster, told; made when it is new. -1 when that cannot be. */
int bmx_redis_cluster_place(struct bmx_redis *redis,
                            const struct bmx_redis_server *teller,
                            struct bmx_slice host, int64_t port);

/** Sends again what was to be sent later: the later timer's callback. */
void bmx_redis_cluster_later(void *ctx);

#endif
