/*
 * Subscriptions: a connection of their own, since a subscriber's takes no
 * other commands in RESP2.
 */
#include "link_priv.h"

#include <stdlib.h>

struct bmx_redis_subscription {
	struct bmx_redis *redis;
	bool active; /* the server has confirmed it */
	bmx_redis_heard_cb *cb;
	void *ctx;
	size_t len;
	char channel[];
};

struct bmx_redis_listen {
	struct bmx_redis_node *node;
	struct bmx_redis_subscription *subscriptions[BMX_REDIS_CHANNELS_MAX];
};

static struct bmx_slice
channel_of(const struct bmx_redis_subscription *subscription)
{
	return (struct bmx_slice){subscription->channel, subscription->len};
}

static void
post(struct bmx_redis *redis, struct bmx_slice verb, struct bmx_slice channel)
{
	struct bmx_redis_conn *conn = bmx_redis_node_conn(redis->listen->node);
	const struct bmx_slice argv[] = {verb, channel};

	if (conn)
		bmx_redis_conn_post(conn, argv, 2);
}

static void
on_up(void *ctx, struct bmx_redis_node *node)
{
	struct bmx_redis *redis = ctx;

	(void)node;
	bmx_redis_state_heal(redis);
	for (size_t i = 0; i < BMX_REDIS_CHANNELS_MAX; i++)
		if (redis->listen->subscriptions[i])
			post(redis, BMX_SLICE("SUBSCRIBE"),
			     channel_of(redis->listen->subscriptions[i]));
}

/* A callback may end any subscription, its own included: what is at i is read
 * anew each time, and not touched after the call. */
static void
tell(struct bmx_redis *redis, size_t i, enum bmx_redis_heard heard,
     struct bmx_slice payload)
{
	struct bmx_redis_subscription *subscription =
		redis->listen->subscriptions[i];

	redis->depth++;
	subscription->cb(subscription->ctx, heard, payload);
	redis->depth--;
}

static void
on_down(void *ctx, struct bmx_redis_node *node,
        const struct bmx_redis_loss *loss)
{
	struct bmx_redis *redis = ctx;

	(void)node;
	bmx_redis_state_error(redis, &loss->err, loss->fault);
	for (size_t i = 0; i < BMX_REDIS_CHANNELS_MAX; i++) {
		struct bmx_redis_subscription *subscription =
			redis->listen->subscriptions[i];

		if (!subscription || !subscription->active)
			continue;
		subscription->active = false;
		tell(redis, i, BMX_REDIS_DEAF, (struct bmx_slice){0});
	}
}

/* Confirmed: told to those on the channel that were not told yet. */
static void
confirm(struct bmx_redis *redis, struct bmx_slice channel)
{
	for (size_t i = 0; i < BMX_REDIS_CHANNELS_MAX; i++) {
		struct bmx_redis_subscription *subscription =
			redis->listen->subscriptions[i];

		if (!subscription || subscription->active ||
		    !bmx_slice_equal(channel_of(subscription), channel))
			continue;
		subscription->active = true;
		tell(redis, i, BMX_REDIS_SUBSCRIBED, (struct bmx_slice){0});
	}
}

static void
deliver(struct bmx_redis *redis, struct bmx_slice channel,
        struct bmx_slice payload)
{
	for (size_t i = 0; i < BMX_REDIS_CHANNELS_MAX; i++) {
		const struct bmx_redis_subscription *subscription =
			redis->listen->subscriptions[i];

		if (subscription && subscription->active &&
		    bmx_slice_equal(channel_of(subscription), channel))
			tell(redis, i, BMX_REDIS_MESSAGE, payload);
	}
}

/* A refused SUBSCRIBE: the channel may be forbidden, the others go on. */
static void
on_error(struct bmx_redis *redis, struct bmx_slice text)
{
	const struct bmx_redis_standing standing = {0};
	const enum bmx_redis_effect effect =
		bmx_redis_effect_of(text, &standing);
	struct bmx_redis_loss loss = {
		.fault = effect == BMX_REDIS_EFFECT_FAULT,
		.next = effect == BMX_REDIS_EFFECT_NEXT,
	};
	char said[BMX_ERROR_TEXT_MAX];
	struct bmx_text clean;

	bmx_text_init(&clean, said, sizeof(said));
	bmx_text_append_clean(&clean, text, sizeof(said) - 1);
	(void)bmx_error_set(&loss.err, BMX_E_PERMISSION,
	                    "Redis answers SUBSCRIBE: %s", said);
	if (loss.fault || loss.next)
		bmx_redis_node_drop(redis->listen->node, &loss);
	else
		bmx_redis_state_error(redis, &loss.err, true);
}

static bool
is_text(const struct bmx_redis_reply *reply)
{
	return reply->type == BMX_REDIS_STRING;
}

static void
on_push(void *ctx, struct bmx_redis_node *node,
        const struct bmx_redis_reply *reply)
{
	struct bmx_redis *redis = ctx;
	const struct bmx_redis_reply *part = reply->element;

	(void)node;
	if (reply->type == BMX_REDIS_ERROR) {
		on_error(redis, reply->text);
		return;
	}
	if (reply->type != BMX_REDIS_ARRAY || reply->count != 3 ||
	    !is_text(&part[0]) || !is_text(&part[1]))
		return; /* the answer to PING, or what we did not ask for */
	if (bmx_slice_equal(part[0].text, BMX_SLICE("subscribe")))
		confirm(redis, part[1].text);
	else if (bmx_slice_equal(part[0].text, BMX_SLICE("message")) &&
	         is_text(&part[2]))
		deliver(redis, part[1].text, part[2].text);
}

static int
make_listen(struct bmx_redis *redis, struct bmx_error *err)
{
	const struct bmx_redis_node_owner owner = {
		.ctx = redis, .up = on_up, .down = on_down, .push = on_push};
	struct bmx_redis_node_setup setup = bmx_redis_node_setup_of(redis);

	if (redis->listen)
		return 0;
	setup.purpose = BMX_REDIS_FOR_LISTENING;
	redis->listen = calloc(1, sizeof(*redis->listen));
	if (!redis->listen)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for a subscription");
	redis->listen->node = bmx_redis_node_new(&setup, &owner, err);
	if (redis->listen->node)
		return 0;
	free(redis->listen);
	redis->listen = NULL;
	return -1;
}

static struct bmx_redis_subscription *
make_subscription(struct bmx_redis *redis, struct bmx_slice channel,
                  bmx_redis_heard_cb *cb, void *ctx)
{
	struct bmx_redis_subscription *subscription =
		calloc(1, sizeof(*subscription) + channel.len + 1);

	if (!subscription)
		return NULL;
	subscription->redis = redis;
	subscription->cb = cb;
	subscription->ctx = ctx;
	subscription->len = channel.len;
	if (channel.len > 0)
		memcpy(subscription->channel, channel.data, channel.len);
	return subscription;
}

struct bmx_redis_subscription *
bmx_redis_subscribe(struct bmx_redis *redis, struct bmx_slice channel,
                    bmx_redis_heard_cb *cb, void *ctx, struct bmx_error *err)
{
	struct bmx_redis_subscription *subscription;
	size_t i = 0;

	if (make_listen(redis, err) != 0)
		return NULL;
	while (i < BMX_REDIS_CHANNELS_MAX && redis->listen->subscriptions[i])
		i++;
	if (i == BMX_REDIS_CHANNELS_MAX) {
		(void)bmx_error_set(err, BMX_E_TOO_BIG,
		                    "over %zu subscriptions",
		                    BMX_REDIS_CHANNELS_MAX);
		return NULL;
	}
	subscription = make_subscription(redis, channel, cb, ctx);
	if (!subscription) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for a subscription");
		return NULL;
	}
	redis->listen->subscriptions[i] = subscription;
	post(redis, BMX_SLICE("SUBSCRIBE"), channel);
	return subscription;
}

void
bmx_redis_unsubscribe(struct bmx_redis_subscription **subscription)
{
	struct bmx_redis_subscription *it = *subscription;
	struct bmx_redis_listen *listen = it ? it->redis->listen : NULL;
	bool shared = false;

	*subscription = NULL;
	for (size_t i = 0; listen && i < BMX_REDIS_CHANNELS_MAX; i++) {
		const struct bmx_redis_subscription *other =
			listen->subscriptions[i];

		if (other == it)
			listen->subscriptions[i] = NULL;
		else if (other &&
		         bmx_slice_equal(channel_of(other), channel_of(it)))
			shared = true;
	}
	if (it && !shared)
		post(it->redis, BMX_SLICE("UNSUBSCRIBE"), channel_of(it));
	free(it);
}

void
bmx_redis_listen_free(struct bmx_redis *redis)
{
	if (!redis->listen)
		return;
	bmx_redis_node_free(&redis->listen->node);
	for (size_t i = 0; i < BMX_REDIS_CHANNELS_MAX; i++)
		free(redis->listen->subscriptions[i]);
	free(redis->listen);
	redis->listen = NULL;
}
