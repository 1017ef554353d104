/*
 * Cluster: a connection for each node that has keys of ours. The map of slots
 * is asked for at the start and whenever a redirection or a loss shows that
 * it is old; a slot that is not in it is asked at any node, which redirects.
 */
#include "cluster_priv.h"

#include <stdlib.h>

static void
on_up(void *ctx, struct bmx_redis_node *node)
{
	struct bmx_redis *redis = ctx;

	bmx_redis_state_up(redis, node);
	if (node == redis->home)
		bmx_redis_cluster_refresh(redis);
}

static void
on_down(void *ctx, struct bmx_redis_node *node,
        const struct bmx_redis_loss *loss)
{
	struct bmx_redis *redis = ctx;

	bmx_redis_state_down(redis, node, loss);
	bmx_redis_cluster_refresh(redis); /* a replica may have taken over */
}

static void
on_changed(void *ctx, struct bmx_redis_node *node)
{
	(void)node;
	bmx_redis_state_changed(ctx);
}

static struct bmx_redis_node *
make_node(struct bmx_redis *redis, const struct bmx_redis_server *server,
          struct bmx_error *err)
{
	const struct bmx_redis_node_owner owner = {.ctx = redis,
	                                           .up = on_up,
	                                           .down = on_down,
	                                           .changed = on_changed};
	struct bmx_redis_node_setup setup = bmx_redis_node_setup_of(redis);

	if (server) {
		setup.servers = server;
		setup.count = 1;
	}
	return bmx_redis_node_new(&setup, &owner, err);
}

/* The place of the node at server, made when it is new; -1 when that cannot
 * be. */
static int
place_of(struct bmx_redis *redis, const struct bmx_redis_server *server)
{
	struct bmx_redis_cluster *cluster = redis->cluster;
	size_t hole = cluster->count;

	for (size_t i = 0; i < cluster->count; i++) {
		if (!cluster->nodes[i])
			hole = i;
		else if (bmx_redis_server_equal(
				 bmx_redis_node_server(cluster->nodes[i]),
				 server))
			return (int)i;
	}
	if (hole == NODES_MAX)
		return -1;
	cluster->nodes[hole] = make_node(redis, server, NULL);
	if (!cluster->nodes[hole])
		return -1;
	if (hole == cluster->count)
		cluster->count++;
	return (int)hole;
}

int
bmx_redis_cluster_place(struct bmx_redis *redis,
                        const struct bmx_redis_server *teller,
                        struct bmx_slice host, int64_t port)
{
	struct bmx_redis_server server;

	if (host.len == 0)
		host = bmx_slice_of(teller->endpoint.host);
	if (bmx_redis_server_from(host, port, teller->tls, &server) != 0)
		return -1;
	return place_of(redis, &server);
}

struct bmx_redis_node *
bmx_redis_link_node(const struct bmx_redis *redis, bmx_redis_epoch epoch)
{
	const struct bmx_redis_conn *conn = bmx_redis_node_conn(redis->home);

	if (conn && bmx_redis_conn_epoch(conn) == epoch)
		return redis->home;
	for (size_t i = 0; redis->cluster && i < redis->cluster->count; i++) {
		struct bmx_redis_node *node = redis->cluster->nodes[i];

		conn = node ? bmx_redis_node_conn(node) : NULL;
		if (conn && bmx_redis_conn_epoch(conn) == epoch)
			return node;
	}
	return NULL;
}

/* Nodes that the map no longer names go, unless something is under way. */
static void
sweep(struct bmx_redis *redis)
{
	struct bmx_redis_cluster *cluster = redis->cluster;
	bool named[NODES_MAX] = {false};

	for (size_t i = 0; i < BMX_REDIS_SLOTS; i++)
		if (cluster->slots[i] > 0)
			named[cluster->slots[i] - 1] = true;
	for (size_t i = 0; i < cluster->count; i++) {
		struct bmx_redis_node *node = cluster->nodes[i];

		if (!node || named[i] || !bmx_redis_node_is_idle(node))
			continue;
		if (redis->latest == node)
			redis->latest = NULL;
		bmx_redis_node_free(&cluster->nodes[i]);
	}
}

static void
read_map(struct bmx_redis *redis, const struct bmx_redis_reply *reply,
         const struct bmx_redis_server *teller)
{
	struct bmx_redis_cluster *cluster = redis->cluster;
	struct bmx_redis_range range;

	if (reply->type != BMX_REDIS_ARRAY || reply->count == 0)
		return;
	memset(cluster->slots, 0, sizeof(cluster->slots));
	for (size_t i = 0; i < reply->count; i++) {
		int place;

		if (bmx_redis_range_read(&reply->element[i], &range) != 0)
			continue;
		place = bmx_redis_cluster_place(redis, teller, range.host,
		                                range.port);
		if (place < 0)
			continue;
		memset(cluster->slots + range.first, place + 1,
		       (size_t)(range.last - range.first + 1));
	}
}

static void
on_map(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	struct bmx_redis *redis = ask->owner;
	struct bmx_redis_node *node = bmx_redis_link_node(redis, answer->epoch);

	redis->cluster->refreshing = false;
	if (answer->reply && node)
		read_map(redis, answer->reply, bmx_redis_node_server(node));
	bmx_redis_ask_free(ask);
}

/* Any node that is up can tell the map. */
static struct bmx_redis_node *
any_node(const struct bmx_redis *redis)
{
	if (bmx_redis_node_conn(redis->home))
		return redis->home;
	for (size_t i = 0; i < redis->cluster->count; i++) {
		struct bmx_redis_node *node = redis->cluster->nodes[i];

		if (node && bmx_redis_node_conn(node))
			return node;
	}
	return redis->home;
}

static void
ask_for_map(void *ctx)
{
	struct bmx_redis *redis = ctx;
	const struct bmx_slice argv[] = {BMX_SLICE("CLUSTER"),
	                                 BMX_SLICE("SLOTS")};
	const struct bmx_redis_command command = {argv, 2};
	struct bmx_redis_ask *ask = bmx_redis_ask_new(&command, 1, NULL);
	const int64_t now = bmx_clock_mono_ms(redis->loop->clock);

	redis->cluster->refreshed_ms = now;
	redis->cluster->refreshing = ask != NULL;
	if (!ask)
		return;
	sweep(redis); /* here, where no node is on the stack */
	ask->done = on_map;
	ask->owner = redis;
	ask->deadline_ms = now + redis->options.settings->timeout_ms;
	if (bmx_redis_node_send(any_node(redis), ask, NULL) == 0)
		return;
	redis->cluster->refreshing = false;
	bmx_redis_ask_free(ask);
}

void
bmx_redis_cluster_refresh(struct bmx_redis *redis)
{
	struct bmx_redis_cluster *cluster = redis->cluster;
	const int64_t now = bmx_clock_mono_ms(redis->loop->clock);
	const int64_t due = cluster->refreshed_ms + REFRESH_MS;

	if (cluster->refreshing)
		return;
	cluster->refreshing = true;
	bmx_timer_set(redis->loop, cluster->refresh,
	              cluster->refreshed_ms == 0 || due <= now ? 0 : due - now);
}

int
bmx_redis_cluster_slot(struct bmx_slice key)
{
	return key.len > 0 ? bmx_redis_slot_of(key) : -1;
}

int
bmx_redis_cluster_send(struct bmx_redis *redis, struct bmx_redis_ask *ask,
                       struct bmx_error *err)
{
	const uint8_t place =
		ask->slot >= 0 ? redis->cluster->slots[ask->slot] : 0;
	struct bmx_redis_node *node =
		place > 0 ? redis->cluster->nodes[place - 1] : NULL;

	/* A connection that a WATCH was sent on, wherever its slot is now. */
	if (ask->epoch != 0)
		node = bmx_redis_link_node(redis, ask->epoch);
	return bmx_redis_node_send(node ? node : redis->home, ask, err);
}

bool
bmx_redis_cluster_is_up(const struct bmx_redis *redis)
{
	return bmx_redis_node_conn(any_node(redis)) != NULL;
}

int
bmx_redis_cluster_new(struct bmx_redis *redis, struct bmx_error *err)
{
	struct bmx_redis_cluster *cluster = calloc(1, sizeof(*cluster));

	redis->cluster = cluster;
	if (cluster) {
		TAILQ_INIT(&cluster->later);
		cluster->refresh =
			bmx_timer_new(redis->loop, ask_for_map, redis);
		cluster->later_timer = bmx_timer_new(
			redis->loop, bmx_redis_cluster_later, redis);
		redis->home = make_node(redis, NULL, err);
	}
	if (!cluster || !cluster->refresh || !cluster->later_timer ||
	    !redis->home)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for a link to Redis");
	return 0;
}

void
bmx_redis_cluster_free(struct bmx_redis *redis)
{
	struct bmx_redis_cluster *cluster = redis->cluster;
	struct bmx_redis_ask *ask;

	if (!cluster)
		return;
	bmx_redis_node_free(&redis->home);
	for (size_t i = 0; i < cluster->count; i++)
		bmx_redis_node_free(&cluster->nodes[i]);
	while ((ask = TAILQ_FIRST(&cluster->later)) != NULL) {
		TAILQ_REMOVE(&cluster->later, ask, entry);
		bmx_redis_ask_free(ask);
	}
	bmx_timer_free(redis->loop, &cluster->refresh);
	bmx_timer_free(redis->loop, &cluster->later_timer);
	free(cluster);
	redis->cluster = NULL;
}
