#include "link_priv.h"

#include <assert.h>
#include <stdlib.h>

bool
bmx_redis_is_error(const struct bmx_redis_reply *reply, const char *class)
{
	const size_t len = strlen(class);

	return reply->type == BMX_REDIS_ERROR && reply->text.len >= len &&
		!memcmp(reply->text.data, class, len) &&
		(reply->text.len == len || reply->text.data[len] == ' ');
}

static void
on_up(void *ctx, struct bmx_redis_node *node)
{
	bmx_redis_state_up(ctx, node);
}

static void
on_down(void *ctx, struct bmx_redis_node *node,
        const struct bmx_redis_loss *loss)
{
	bmx_redis_state_down(ctx, node, loss);
}

static void
on_changed(void *ctx, struct bmx_redis_node *node)
{
	(void)node;
	bmx_redis_state_changed(ctx);
}

/* The texts of the configuration become servers. */
static int
read_servers(struct bmx_redis *redis, struct bmx_error *err)
{
	const struct bmx_config_redis *settings = redis->options.settings;
	const struct bmx_config_strings *texts;

	redis->sentinels = settings->sentinels.count > 0;
	texts = redis->sentinels ? &settings->sentinels : &settings->servers;
	if (texts->count == 0 || texts->count > BMX_REDIS_SERVERS_MAX)
		return bmx_error_set(err, BMX_E_RANGE,
		                     "redis: 1 to %zu servers can be named",
		                     BMX_REDIS_SERVERS_MAX);
	if (redis->sentinels && settings->master_name[0] == '\0')
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "redis: sentinels need a master_name");
	for (size_t i = 0; i < texts->count; i++) {
		struct bmx_error why;

		if (bmx_redis_server_parse(bmx_slice_of(texts->items[i]),
		                           redis->sentinels ?
		                                   BMX_REDIS_SENTINEL_PORT :
		                                   BMX_REDIS_PORT,
		                           &redis->servers[i], &why) != 0)
			return bmx_error_set(err, why.code, "redis \"%s\": %s",
			                     texts->items[i], why.text);
		redis->server_count++;
	}
	return 0;
}

static int
make_tls(struct bmx_redis *redis, struct bmx_error *err)
{
	bool wanted = false;

	for (size_t i = 0; i < redis->server_count; i++)
		wanted |= redis->servers[i].tls;
	if (!wanted)
		return 0;
	redis->tls =
		bmx_tls_context_new(redis->options.settings->tls_ca_file, err);
	return redis->tls ? 0 : -1;
}

struct bmx_redis_node_setup
bmx_redis_node_setup_of(const struct bmx_redis *redis)
{
	return (struct bmx_redis_node_setup){
		.loop = redis->loop,
		.tls = redis->tls,
		.settings = redis->options.settings,
		.client_name = redis->options.client_name,
		.servers = redis->servers,
		.count = redis->server_count,
		.sentinels = redis->sentinels,
		.cluster =
			redis->options.settings->cluster && !redis->sentinels,
		.purpose = BMX_REDIS_FOR_COMMANDS,
	};
}

static int
start(struct bmx_redis *redis, struct bmx_error *err)
{
	const struct bmx_redis_node_owner owner = {.ctx = redis,
	                                           .up = on_up,
	                                           .down = on_down,
	                                           .changed = on_changed};
	struct bmx_redis_node_setup setup;

	if (read_servers(redis, err) != 0 || make_tls(redis, err) != 0)
		return -1;
	setup = bmx_redis_node_setup_of(redis);
	if (setup.cluster)
		return bmx_redis_cluster_new(redis, err);
	redis->home = bmx_redis_node_new(&setup, &owner, err);
	return redis->home ? 0 : -1;
}

struct bmx_redis *
bmx_redis_new(struct bmx_loop *loop, const struct bmx_redis_options *options,
              struct bmx_error *err)
{
	struct bmx_redis *redis = calloc(1, sizeof(*redis));

	if (!redis) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for a link to Redis");
		return NULL;
	}
	redis->loop = loop;
	redis->options = *options;
	bmx_redis_state_init(redis);
	if (start(redis, err) != 0)
		bmx_redis_free(&redis);
	return redis;
}

void
bmx_redis_free(struct bmx_redis **redis)
{
	struct bmx_redis *it = *redis;

	*redis = NULL;
	if (!it)
		return;
	assert(it->depth == 0);
	bmx_redis_listen_free(it);
	if (it->cluster)
		bmx_redis_cluster_free(it);
	else
		bmx_redis_node_free(&it->home);
	bmx_tls_context_free(&it->tls);
	free(it);
}

/* The first reply that is an error with an effect on the link. */
static enum bmx_redis_effect
find_effect(const struct bmx_redis_reply *reply, size_t commands,
            const struct bmx_redis_standing *standing,
            struct bmx_slice *text_out)
{
	const size_t count = commands == 1 ? 1 : reply->count;

	for (size_t i = 0; i < count; i++) {
		const struct bmx_redis_reply *one =
			commands == 1 ? reply : &reply->element[i];
		enum bmx_redis_effect effect = BMX_REDIS_EFFECT_NONE;

		if (one->type == BMX_REDIS_ERROR)
			effect = bmx_redis_effect_of(one->text, standing);
		*text_out = one->text;
		if (effect != BMX_REDIS_EFFECT_NONE)
			return effect;
	}
	return BMX_REDIS_EFFECT_NONE;
}

/* What the owner of the link should know, or what ends the connection. */
static void
judge(struct bmx_redis *redis, struct bmx_redis_node *node,
      enum bmx_redis_effect effect, struct bmx_slice text)
{
	struct bmx_redis_loss loss = {
		.fault = effect == BMX_REDIS_EFFECT_FAULT,
		.next = effect == BMX_REDIS_EFFECT_NEXT,
	};
	struct bmx_text what;

	loss.err.code = loss.fault ? BMX_E_PERMISSION : BMX_E_CLOSED;
	bmx_text_init(&what, loss.err.text, sizeof(loss.err.text));
	bmx_text_append_string(&what, "Redis ");
	if (node)
		bmx_redis_server_append(&what, bmx_redis_node_server(node));
	bmx_text_append_string(&what, " answers: ");
	bmx_text_append_clean(&what, text, BMX_ERROR_TEXT_MAX);
	if (node && (loss.fault || loss.next))
		bmx_redis_node_drop(node, &loss);
	else
		bmx_redis_state_error(redis, &loss.err, false);
}

static enum bmx_redis_role
role_of(const struct bmx_redis_node *node)
{
	const struct bmx_redis_conn *conn =
		node ? bmx_redis_node_conn(node) : NULL;

	return conn ? bmx_redis_conn_facts(conn)->role : BMX_REDIS_ROLE_UNKNOWN;
}

/* @return true when ask is under way again. */
static bool
act_on(struct bmx_redis *redis, struct bmx_redis_ask *ask,
       const struct bmx_redis_answer *answer)
{
	struct bmx_redis_node *node = bmx_redis_link_node(redis, answer->epoch);
	const struct bmx_redis_standing standing = {
		.cluster = redis->cluster != NULL,
		.role = role_of(node),
	};
	struct bmx_slice text = {0};
	const enum bmx_redis_effect effect =
		find_effect(answer->reply, ask->count, &standing, &text);

	bmx_redis_state_count(redis,
	                      effect == BMX_REDIS_EFFECT_NONE ?
	                              BMX_REDIS_RESULT_OK :
	                              BMX_REDIS_RESULT_ERROR);
	if (effect == BMX_REDIS_EFFECT_NONE) {
		if (node)
			bmx_redis_node_praise(node);
		return false;
	}
	if (redis->cluster &&
	    bmx_redis_cluster_follow(redis, ask, effect, text, answer->epoch))
		return true;
	judge(redis, node, effect, text);
	return false;
}

void
bmx_redis_link_done(struct bmx_redis_ask *ask,
                    const struct bmx_redis_answer *answer)
{
	struct bmx_redis *redis = ask->owner;

	if (!answer->reply)
		bmx_redis_state_count(redis, BMX_REDIS_RESULT_LOST);
	else if (!ask->cancelled && act_on(redis, ask, answer))
		return;
	redis->requests--;
	redis->commands -= ask->count;
	redis->bytes -= ask->wire.len;
	redis->depth++;
	if (!ask->cancelled)
		ask->cb(ask->ctx, answer);
	redis->depth--;
	bmx_redis_ask_free(ask);
}

static int
check_caps(const struct bmx_redis *redis, const struct bmx_redis_ask *ask,
           struct bmx_error *err)
{
	if (redis->commands + ask->count <= BMX_REDIS_COMMANDS_MAX &&
	    redis->bytes + ask->wire.len <= BMX_REDIS_BYTES_MAX)
		return 0;
	return bmx_error_set(err, BMX_E_BUSY,
	                     "too many requests to Redis wait for an answer");
}

static int
submit(struct bmx_redis *redis, struct bmx_redis_ask *ask,
       struct bmx_error *err)
{
	if (check_caps(redis, ask, err) != 0)
		return -1;
	return redis->cluster ? bmx_redis_cluster_send(redis, ask, err) :
				bmx_redis_node_send(redis->home, ask, err);
}

struct bmx_redis_ask *
bmx_redis_send(struct bmx_redis *redis, const struct bmx_redis_request *request,
               bmx_redis_cb *cb, void *ctx, struct bmx_error *err)
{
	struct bmx_redis_ask *ask =
		bmx_redis_ask_new(request->commands, request->count, err);

	if (!ask) {
		bmx_redis_state_count(redis, BMX_REDIS_RESULT_REFUSED);
		return NULL;
	}
	ask->done = bmx_redis_link_done;
	ask->owner = redis;
	ask->cb = cb;
	ask->ctx = ctx;
	ask->epoch = request->epoch;
	ask->slot = bmx_redis_cluster_slot(request->key);
	ask->transaction = bmx_slice_equal_nocase(request->commands[0].argv[0],
	                                          BMX_SLICE("MULTI"));
	ask->deadline_ms = bmx_clock_mono_ms(redis->loop->clock) +
		(request->timeout_ms > 0 ? request->timeout_ms :
	                                   redis->options.settings->timeout_ms);
	if (submit(redis, ask, err) != 0) {
		bmx_redis_state_count(redis, BMX_REDIS_RESULT_REFUSED);
		bmx_redis_ask_free(ask);
		return NULL;
	}
	redis->requests++;
	redis->commands += ask->count;
	redis->bytes += ask->wire.len;
	return ask;
}

struct bmx_redis_ask *
bmx_redis_command(struct bmx_redis *redis, const struct bmx_slice *argv,
                  size_t argc, struct bmx_slice key, bmx_redis_cb *cb,
                  void *ctx, struct bmx_error *err)
{
	const struct bmx_redis_command command = {argv, argc};
	const struct bmx_redis_request request = {
		.commands = &command, .count = 1, .key = key};

	return bmx_redis_send(redis, &request, cb, ctx, err);
}

void
bmx_redis_cancel(struct bmx_redis_ask *ask)
{
	struct bmx_redis *redis = ask->owner;

	if ((ask->node && bmx_redis_node_recall(ask->node, ask)) ||
	    (redis->cluster && bmx_redis_cluster_recall(redis, ask))) {
		redis->requests--;
		redis->commands -= ask->count;
		redis->bytes -= ask->wire.len;
		bmx_redis_ask_free(ask);
		return;
	}
	ask->cancelled = true;
}
