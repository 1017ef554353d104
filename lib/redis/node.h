/*
 * node.h - keeps one connection up: picks a server, connects, and after a
 * loss rests and connects again; meanwhile asks wait, or fail at once where
 * that is in vain.
 *
 *	connecting --ready--> up --lost--> resting --> connecting
 *	     \--next server--/  \--no server left--/
 *
 * Servers are tried in order without a rest; a round in which none could be
 * used is one failure. With Sentinels a round begins with asking them, and
 * what they name must be a master.
 */
#ifndef BACKUPMX_LIB_REDIS_NODE_H
#define BACKUPMX_LIB_REDIS_NODE_H

#include "conn.h"
#include "discover.h"

/** Rounds that fail in a row until the breaker opens. */
#define BMX_REDIS_BREAKER_LIMIT 3
/** Rests between rounds. With Sentinels they stay short, since a failover is
 * over within seconds. */
#define BMX_REDIS_REST_FIRST_MS INT64_C(100)
#define BMX_REDIS_REST_MOST_MS INT64_C(5000)
#define BMX_REDIS_REST_SENTINEL_MS INT64_C(1000)
/** How often Sentinels are asked while all is well: a master that was cut off
 * from them does not know that another one took over. */
#define BMX_REDIS_RECHECK_MS INT64_C(10000)
/** Up for so long, the next rest is a short one again. */
#define BMX_REDIS_HEALTHY_MS INT64_C(10000)

struct bmx_redis_node;

/** Whom it tells, from the loop's turns. None may free the node. */
struct bmx_redis_node_owner {
	void *ctx;
	void (*up)(void *ctx, struct bmx_redis_node *node);
	void (*down)(void *ctx, struct bmx_redis_node *node,
	             const struct bmx_redis_loss *loss);
	void (*changed)(void *ctx, struct bmx_redis_node *node);
	void (*push)(void *ctx, struct bmx_redis_node *node,
	             const struct bmx_redis_reply *reply);
};

struct bmx_redis_node_setup {
	struct bmx_loop *loop;
	struct bmx_tls_context *tls;
	const struct bmx_config_redis *settings; /* borrowed */
	const char *client_name;
	const struct bmx_redis_server *servers; /* borrowed; or Sentinels */
	size_t count;
	bool sentinels;
	bool cluster;
	enum bmx_redis_purpose purpose;
};

/** Starts to connect in the loop's next turn. @return the node, which the
 * caller frees, or NULL with *err (BMX_E_NOMEM) */
struct bmx_redis_node *
bmx_redis_node_new(const struct bmx_redis_node_setup *setup,
                   const struct bmx_redis_node_owner *owner,
                   struct bmx_error *err);

/** Frees *node and sets it to NULL; its asks are freed without an answer. NULL
 * is fine. Not from within a callback. */
void bmx_redis_node_free(struct bmx_redis_node **node);

/**
 * Sends ask, or lets it wait for the connection until its deadline; done is
 * called from a later turn.
 * @return 0: it is taken over; -1 with *err (BMX_E_CLOSED: the breaker is
 *         open, its time ends before the next try, or ask->epoch is another
 *         connection): it stays the caller's
 */
int bmx_redis_node_send(struct bmx_redis_node *node, struct bmx_redis_ask *ask,
                        struct bmx_error *err);

/** Takes ask out of the row of those that wait. @return false when it is
 * sent already: it cannot be taken back */
bool bmx_redis_node_recall(struct bmx_redis_node *node,
                           struct bmx_redis_ask *ask);

/** A request was answered: the server does what it should. */
void bmx_redis_node_praise(struct bmx_redis_node *node);

/** Ends its connection from a later turn, if it has one. */
void bmx_redis_node_drop(struct bmx_redis_node *node,
                         const struct bmx_redis_loss *loss);

/** Its connection when it is ready, or NULL. */
struct bmx_redis_conn *bmx_redis_node_conn(const struct bmx_redis_node *node);

/** State of its breaker. */
enum bmx_circuit_state
bmx_redis_node_breaker(const struct bmx_redis_node *node);

/** The server that it is connected to, or tries. */
const struct bmx_redis_server *
bmx_redis_node_server(const struct bmx_redis_node *node);

/** Is nothing waiting or sent? */
bool bmx_redis_node_is_idle(const struct bmx_redis_node *node);

#endif
