/* How the link stands: for status, metrics and its owner. */
#include "link_priv.h"

#include <assert.h>

#include <backupmx/text.h>

/* The same error after such a silence is told again, ms. */
#define TOLD_AGAIN_MS 60000

static const char *const role_names[] = {
	[BMX_REDIS_ROLE_UNKNOWN] = "unknown",
	[BMX_REDIS_ROLE_MASTER] = "master",
	[BMX_REDIS_ROLE_REPLICA] = "replica",
};
static_assert(sizeof(role_names) / sizeof(role_names[0]) == BMX_REDIS_ROLES,
              "every role has a name");

static const char *const result_names[] = {
	[BMX_REDIS_RESULT_OK] = "ok",
	[BMX_REDIS_RESULT_ERROR] = "error",
	[BMX_REDIS_RESULT_LOST] = "lost",
	[BMX_REDIS_RESULT_REFUSED] = "refused",
};

const char *
bmx_redis_role_name(enum bmx_redis_role role)
{
	return role_names[role];
}

void
bmx_redis_state_init(struct bmx_redis *redis)
{
	struct bmx_metrics *metrics = redis->options.metrics;

	redis->since_ms = bmx_clock_wall_ms(redis->loop->clock);
	if (!metrics)
		return;
	redis->up_gauge =
		bmx_metrics_gauge(metrics, "backupmx_redis_up",
	                          "Is the link to Redis up?", NULL, 0);
	redis->losses = bmx_metrics_counter(
		metrics, "backupmx_redis_losses_total",
		"Connections to Redis that failed or were lost", NULL, 0);
	for (size_t i = 0; i < sizeof(result_names) / sizeof(*result_names);
	     i++) {
		const struct bmx_metrics_label label = {"result",
		                                        result_names[i]};

		redis->results[i] = bmx_metrics_counter(
			metrics, "backupmx_redis_requests_total",
			"Requests to Redis by how they ended", &label, 1);
	}
}

void
bmx_redis_state_count(struct bmx_redis *redis, enum bmx_redis_result_kind kind)
{
	if (kind == BMX_REDIS_RESULT_LOST)
		redis->lost++;
	if (redis->results[kind])
		bmx_metric_add(redis->results[kind], 1);
}

void
bmx_redis_state_changed(struct bmx_redis *redis)
{
	if (redis->options.on_state)
		redis->options.on_state(redis->options.ctx);
}

static void
note(struct bmx_redis *redis, const struct bmx_error *err, bool fault)
{
	redis->error = *err;
	redis->error_at_ms = bmx_clock_wall_ms(redis->loop->clock);
	redis->fault |= fault;
}

void
bmx_redis_state_error(struct bmx_redis *redis, const struct bmx_error *err,
                      bool fault)
{
	const int64_t silence_ms =
		bmx_clock_wall_ms(redis->loop->clock) - redis->error_at_ms;
	const bool news = redis->error.code != err->code ||
		fault != redis->fault || silence_ms > TOLD_AGAIN_MS;

	note(redis, err, fault);
	if (news)
		bmx_redis_state_changed(redis);
}

void
bmx_redis_state_heal(struct bmx_redis *redis)
{
	if (!redis->up || !redis->fault)
		return;
	redis->fault = false;
	bmx_redis_state_changed(redis);
}

static void
set_up(struct bmx_redis *redis, bool up)
{
	if (up != redis->up)
		redis->since_ms = bmx_clock_wall_ms(redis->loop->clock);
	redis->up = up;
	if (redis->up_gauge)
		bmx_metric_set(redis->up_gauge, up);
}

void
bmx_redis_state_up(struct bmx_redis *redis, struct bmx_redis_node *node)
{
	redis->latest = node;
	redis->fault = false;
	set_up(redis, true);
	bmx_redis_state_changed(redis);
}

void
bmx_redis_state_down(struct bmx_redis *redis, struct bmx_redis_node *node,
                     const struct bmx_redis_loss *loss)
{
	(void)node;
	if (redis->losses)
		bmx_metric_add(redis->losses, 1);
	note(redis, &loss->err, loss->fault);
	set_up(redis, redis->cluster ? bmx_redis_cluster_is_up(redis) : false);
	bmx_redis_state_changed(redis);
}

void
bmx_redis_state(const struct bmx_redis *redis,
                struct bmx_redis_state *state_out)
{
	const struct bmx_redis_node *node =
		redis->latest ? redis->latest : redis->home;
	const struct bmx_redis_conn *conn = bmx_redis_node_conn(node);
	struct bmx_text text;

	*state_out = (struct bmx_redis_state){
		.up = redis->up,
		.fault = redis->fault,
		.since_ms = redis->since_ms,
		.replica_lag_s = -1,
		.breaker = bmx_redis_node_breaker(node),
		.in_flight = redis->requests,
		.lost = redis->lost,
		.error_at_ms = redis->error_at_ms,
	};
	bmx_text_init(&text, state_out->server, sizeof(state_out->server));
	bmx_redis_server_append(&text, bmx_redis_node_server(node));
	memcpy(state_out->error, redis->error.text, sizeof(state_out->error));
	if (!conn)
		return;
	state_out->role = bmx_redis_conn_facts(conn)->role;
	state_out->replica_link_up =
		bmx_redis_conn_facts(conn)->replica_link_up;
	state_out->replica_lag_s = bmx_redis_conn_facts(conn)->replica_lag_s;
	memcpy(state_out->maxmemory_policy,
	       bmx_redis_conn_facts(conn)->maxmemory_policy,
	       sizeof(state_out->maxmemory_policy));
}
