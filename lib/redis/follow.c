/* Redirections of a Cluster: MOVED, ASK, TRYAGAIN. */
#include "cluster_priv.h"

static void
resend(struct bmx_redis *redis, struct bmx_redis_ask *ask,
       struct bmx_redis_node *node)
{
	struct bmx_error err;

	if ((node ? bmx_redis_node_send(node, ask, &err) :
	            bmx_redis_cluster_send(redis, ask, &err)) != 0)
		bmx_redis_ask_fail(ask, &err);
}

void
bmx_redis_cluster_later(void *ctx)
{
	struct bmx_redis *redis = ctx;
	struct bmx_redis_queue ready = TAILQ_HEAD_INITIALIZER(ready);
	struct bmx_redis_ask *ask;

	TAILQ_CONCAT(&ready, &redis->cluster->later, entry);
	/* From here on a cancelled one is only marked. */
	for (ask = TAILQ_FIRST(&ready); ask; ask = TAILQ_NEXT(ask, entry))
		ask->later = false;
	while ((ask = TAILQ_FIRST(&ready)) != NULL) {
		TAILQ_REMOVE(&ready, ask, entry);
		resend(redis, ask, NULL);
	}
}

bool
bmx_redis_cluster_recall(struct bmx_redis *redis, struct bmx_redis_ask *ask)
{
	if (!ask->later)
		return false;
	TAILQ_REMOVE(&redis->cluster->later, ask, entry);
	return true;
}

static void
on_asking(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	(void)answer; /* the request after it fails by itself */
	bmx_redis_ask_free(ask);
}

/* ASKING goes before the request, on the same connection. */
static int
send_asking(struct bmx_redis *redis, struct bmx_redis_node *node,
            int64_t deadline_ms)
{
	const struct bmx_slice argv[] = {BMX_SLICE("ASKING")};
	const struct bmx_redis_command command = {argv, 1};
	struct bmx_redis_ask *ask = bmx_redis_ask_new(&command, 1, NULL);

	if (!ask)
		return -1;
	ask->done = on_asking;
	ask->owner = redis;
	ask->deadline_ms = deadline_ms;
	if (bmx_redis_node_send(node, ask, NULL) == 0)
		return 0;
	bmx_redis_ask_free(ask);
	return -1;
}

static bool
redirect(struct bmx_redis *redis, struct bmx_redis_ask *ask, bool asking,
         struct bmx_slice text, bmx_redis_epoch epoch)
{
	struct bmx_redis_cluster *cluster = redis->cluster;
	const struct bmx_redis_node *teller = bmx_redis_link_node(redis, epoch);
	struct bmx_redis_redirection to;
	int place;

	if (!teller || bmx_redis_redirection_parse(text, &to) != 0)
		return false;
	place = bmx_redis_cluster_place(redis, bmx_redis_node_server(teller),
	                                to.host, to.port);
	if (place < 0)
		return false;
	if (!asking) {
		cluster->slots[to.slot] = (uint8_t)(place + 1);
		bmx_redis_cluster_refresh(redis);
	} else if (send_asking(redis, cluster->nodes[place],
	                       ask->deadline_ms) != 0) {
		return false;
	}
	bmx_redis_ask_rewind(ask);
	resend(redis, ask, cluster->nodes[place]);
	return true;
}

/*
 * May it be sent again? A transaction was discarded whole; a single command
 * was not carried out. Of other batches a part may have been, and a batch
 * cannot be asked for with one ASKING.
 */
static bool
may_repeat(const struct bmx_redis_ask *ask, enum bmx_redis_effect effect)
{
	if (ask->epoch != 0 || ask->hops >= HOPS_MAX)
		return false;
	return ask->count == 1 ||
		(ask->transaction && effect == BMX_REDIS_EFFECT_MOVED);
}

static bool
repeat_later(struct bmx_redis *redis, struct bmx_redis_ask *ask)
{
	if (bmx_clock_mono_ms(redis->loop->clock) + LATER_MS >=
	    ask->deadline_ms)
		return false;
	bmx_redis_ask_rewind(ask);
	ask->later = true;
	TAILQ_INSERT_TAIL(&redis->cluster->later, ask, entry);
	bmx_timer_set(redis->loop, redis->cluster->later_timer, LATER_MS);
	return true;
}

bool
bmx_redis_cluster_follow(struct bmx_redis *redis, struct bmx_redis_ask *ask,
                         enum bmx_redis_effect effect, struct bmx_slice text,
                         bmx_redis_epoch epoch)
{
	const bool may = may_repeat(ask, effect);

	if (effect == BMX_REDIS_EFFECT_MOVED ||
	    effect == BMX_REDIS_EFFECT_REFRESH)
		bmx_redis_cluster_refresh(redis);
	if (!may)
		return false;
	ask->hops++;
	if (effect == BMX_REDIS_EFFECT_LATER)
		return repeat_later(redis, ask);
	if (effect == BMX_REDIS_EFFECT_MOVED || effect == BMX_REDIS_EFFECT_ASK)
		return redirect(redis, ask, effect == BMX_REDIS_EFFECT_ASK,
		                text, epoch);
	return false;
}
