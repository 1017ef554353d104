/*
 * link_priv.h - what the parts of a link share: link.c takes requests and
 * gives answers, cluster.c finds the node of a key, listen.c subscribes,
 * state.c tells how it stands.
 */
#ifndef BACKUPMX_LIB_REDIS_LINK_PRIV_H
#define BACKUPMX_LIB_REDIS_LINK_PRIV_H

#include "node.h"

/** Most servers or Sentinels that can be configured. */
#define BMX_REDIS_SERVERS_MAX ((size_t)64)

struct bmx_redis_cluster;
struct bmx_redis_listen;

struct bmx_redis {
	struct bmx_loop *loop;
	struct bmx_redis_options options;
	struct bmx_tls_context *tls; /* NULL: nobody wants TLS */
	struct bmx_redis_server servers[BMX_REDIS_SERVERS_MAX];
	size_t server_count;
	bool sentinels;
	struct bmx_redis_node *home;       /* the one; of a Cluster: any */
	struct bmx_redis_cluster *cluster; /* NULL: is none */
	struct bmx_redis_listen *listen;   /* NULL: nobody has subscribed */
	size_t requests;                   /* without an answer */
	size_t commands;
	size_t bytes;
	unsigned depth; /* callbacks of ours on the stack */
	/* What state.c keeps. */
	struct bmx_redis_node *latest; /* that became ready last */
	bool up;
	bool fault;
	int64_t since_ms;
	int64_t lost;
	struct bmx_error error;
	int64_t error_at_ms;
	struct bmx_metric *up_gauge;
	struct bmx_metric *results[4];
	struct bmx_metric *losses;
};

/** How a request ended, for metrics. */
enum bmx_redis_result_kind {
	BMX_REDIS_RESULT_OK,
	BMX_REDIS_RESULT_ERROR,
	BMX_REDIS_RESULT_LOST,
	BMX_REDIS_RESULT_REFUSED,
};

/** Starts the books of a new link. */
void bmx_redis_state_init(struct bmx_redis *redis);

/** Counts a request. */
void bmx_redis_state_count(struct bmx_redis *redis,
                           enum bmx_redis_result_kind kind);

/** Something that a person should know; fault: must act on. */
void bmx_redis_state_error(struct bmx_redis *redis, const struct bmx_error *err,
                           bool fault);

/** A connection beside the node's works: a fault of it is over. */
void bmx_redis_state_heal(struct bmx_redis *redis);

/** A node came up, went down, or changed. */
void bmx_redis_state_up(struct bmx_redis *redis, struct bmx_redis_node *node);
void bmx_redis_state_down(struct bmx_redis *redis, struct bmx_redis_node *node,
                          const struct bmx_redis_loss *loss);
void bmx_redis_state_changed(struct bmx_redis *redis);

/** What every node of this link begins with. */
struct bmx_redis_node_setup
bmx_redis_node_setup_of(const struct bmx_redis *redis);

/** Takes an answer to a request; ask->done of all requests. */
void bmx_redis_link_done(struct bmx_redis_ask *ask,
                         const struct bmx_redis_answer *answer);

/** Makes the parts of a Cluster. @return 0, or -1 with *err (BMX_E_NOMEM) */
int bmx_redis_cluster_new(struct bmx_redis *redis, struct bmx_error *err);

/** Frees them; NULL is fine. */
void bmx_redis_cluster_free(struct bmx_redis *redis);

/** Sends ask to the node of its slot. As bmx_redis_node_send. */
int bmx_redis_cluster_send(struct bmx_redis *redis, struct bmx_redis_ask *ask,
                           struct bmx_error *err);

/**
 * Follows a redirection that ask was answered with.
 * @return true: ask is under way again; false: the answer stands
 */
bool bmx_redis_cluster_follow(struct bmx_redis *redis,
                              struct bmx_redis_ask *ask,
                              enum bmx_redis_effect effect,
                              struct bmx_slice text, bmx_redis_epoch epoch);

/** The node whose connection has that number, or NULL. */
struct bmx_redis_node *bmx_redis_link_node(const struct bmx_redis *redis,
                                           bmx_redis_epoch epoch);

/** The slot of a key, or -1 for the empty one. */
int bmx_redis_cluster_slot(struct bmx_slice key);

/** The map of slots may be old. */
void bmx_redis_cluster_refresh(struct bmx_redis *redis);

/** Takes ask out of the row of those that are to be sent again later.
 * @return false when it is not there */
bool bmx_redis_cluster_recall(struct bmx_redis *redis,
                              struct bmx_redis_ask *ask);

/** Is any node up? */
bool bmx_redis_cluster_is_up(const struct bmx_redis *redis);

/** Ends all subscriptions; NULL is fine. */
void bmx_redis_listen_free(struct bmx_redis *redis);

#endif
