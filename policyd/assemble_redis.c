/*
 * assemble_redis.c - makes the link to Redis and what goes over it: the shared
 * records and the published lists. Without a section redis there is none, and
 * everything stays in LMDB.
 */
#include "policyd/daemon_priv.h"

#include <string.h>

#include <backupmx/redis_store.h>

/* Errors of a link that stays up are told again after this time, ms. */
#define TOLD_AGAIN_MS 60000

static void
add_error(struct bmx_log_line *line, const struct bmx_redis_state *state,
          const char *hint)
{
	bmx_log_add_string(line, BMX_KEY_ERR, state->error);
	bmx_log_add_string(line, BMX_KEY_HINT, hint);
}

/* The link has come up or gone down, or stays down for another reason. */
static void
log_link(struct bmx_daemon *d, const struct bmx_redis_state *state)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, d->log, state->up ? BMX_LOG_INFO : BMX_LOG_WARN,
	              state->up ? "redis-up" : "redis-down");
	bmx_log_add_string(&line, BMX_KEY_PEER, state->server);
	if (!state->up)
		add_error(&line, state,
		          state->fault ? "see password_file, ACL and TLS "
		                         "settings; local data goes on" :
		                         "local data goes on");
	bmx_log_end(&line);
}

/* The server answers, but not as it should: it is full, or a right is
 * missing. */
static void
log_refusal(struct bmx_daemon *d, const struct bmx_redis_state *state)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, d->log, BMX_LOG_WARN, "redis-refuses");
	bmx_log_add_string(&line, BMX_KEY_PEER, state->server);
	add_error(&line, state, "local data goes on");
	bmx_log_end(&line);
}

/* A server that evicts keys forgets lists and results when it is full. It is
 * asked about that when the link is up already. */
static void
warn_of_eviction(struct bmx_daemon *d, const struct bmx_redis_state *state)
{
	if (state->maxmemory_policy[0] == '\0' ||
	    strcmp(state->maxmemory_policy, d->redis_said_policy) == 0)
		return;
	memcpy(d->redis_said_policy, state->maxmemory_policy,
	       sizeof(d->redis_said_policy));
	if (strcmp(state->maxmemory_policy, "noeviction") != 0)
		bmx_log_error(d->log, BMX_LOG_WARN, "redis-evicts",
		              state->maxmemory_policy,
		              "set maxmemory-policy noeviction in redis.conf");
}

static void
set_gauges(struct bmx_daemon *d, const struct bmx_redis_state *state)
{
	bmx_metric_set(
		bmx_metrics_gauge(d->metrics, "backupmx_redis_noeviction",
	                          "0 when Redis may evict keys, or was not "
	                          "asked.",
	                          NULL, 0),
		strcmp(state->maxmemory_policy, "noeviction") == 0);
}

enum news { NO_NEWS, NEWS_OF_LINK, NEWS_OF_REFUSAL };

/* What can change without a line: role, lag, counts. */
static enum news
news_in(const struct bmx_daemon *d, const struct bmx_redis_state *state)
{
	const bool other = strcmp(d->redis_said_error, state->error) != 0;

	if (!state->up && state->error[0] == '\0')
		return NO_NEWS; /* still connecting for the first time */
	if (!d->redis_said || d->redis_said_up != state->up)
		return NEWS_OF_LINK;
	if (!state->up)
		return other ? NEWS_OF_LINK : NO_NEWS;
	if (state->error_at_ms <= d->redis_said_error_at_ms)
		return NO_NEWS;
	return other ||
			state->error_at_ms - d->redis_said_error_at_ms >
				TOLD_AGAIN_MS ?
		NEWS_OF_REFUSAL :
		NO_NEWS;
}

/* Only that it went up or down is told each time. */
static bool
may_tell(struct bmx_daemon *d, const struct bmx_redis_state *state)
{
	uint64_t suppressed;

	if (!d->redis_said || d->redis_said_up != state->up)
		return true;
	return bmx_log_throttle_pass(state->up ? &d->redis_refusals :
	                                         &d->redis_news,
	                             d->loop->clock, &suppressed);
}

static void
on_redis_state(void *ctx)
{
	struct bmx_daemon *d = ctx;
	struct bmx_redis_state state;
	enum news news;

	if (!d->redis)
		return; /* while it is being made */
	bmx_redis_state(d->redis, &state);
	set_gauges(d, &state);
	warn_of_eviction(d, &state);
	news = news_in(d, &state);
	if (news == NO_NEWS || !may_tell(d, &state))
		return;
	if (news == NEWS_OF_LINK)
		log_link(d, &state);
	else
		log_refusal(d, &state);
	d->redis_said = true;
	d->redis_said_up = state.up;
	d->redis_said_error_at_ms = state.error_at_ms;
	memcpy(d->redis_said_error, state.error, sizeof(d->redis_said_error));
}

/* The generation of the local list's origin, 0 when it came from elsewhere. */
static uint64_t
on_local_generation(void *ctx, struct bmx_slice domain)
{
	struct bmx_daemon *d = ctx;
	struct bmx_list_origin origin = {0};
	struct bmx_error err;
	uint64_t generation = 0;

	bmx_engine_end_turn(d->engine); /* it uses the same reader */
	if (bmx_list_reader_begin(d->reader, &err) != 0)
		return 0;
	if (bmx_list_reader_origin(d->reader, domain, &origin, &err) > 0)
		generation = origin.generation;
	bmx_list_reader_end(d->reader);
	return generation;
}

static void
on_published(void *ctx, struct bmx_slice domain)
{
	struct bmx_daemon *d = ctx;

	/* Fails only for a domain that a reload has just taken away. */
	(void)bmx_sync_request(d->sync, domain, NULL);
}

int
bmx_daemon_make_redis(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_redis_options options = {
		.settings = &d->config->redis,
		.client_name = "backupmx-policyd",
		.on_state = on_redis_state,
		.ctx = d,
		.metrics = d->metrics,
	};

	if (!d->config->redis.present)
		return 0;
	/* The link borrows the settings, which a reload does not change. */
	d->redis_config = bmx_config_ref(d->config);
	d->redis_news.interval_ms = TOLD_AGAIN_MS;
	d->redis_refusals.interval_ms = TOLD_AGAIN_MS;
	d->redis = bmx_redis_new(d->loop, &options, err);
	if (!d->redis)
		return -1;
	d->shared = bmx_redis_store_new(d->redis, d->config->redis.prefix,
	                                d->metrics, err);
	if (!d->shared)
		return -1;
	d->pair = bmx_record_pair_new(d->records, d->shared);
	if (!d->pair)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	d->records = bmx_record_pair_records(d->pair);
	return 0;
}

int
bmx_daemon_make_follow(struct bmx_daemon *d, struct bmx_error *err)
{
	struct bmx_redis_follow_options options = {
		.loop = d->loop,
		.redis = d->redis,
		.local = on_local_generation,
		.sync = on_published,
		.ctx = d,
	};

	if (!d->redis)
		return 0;
	options.settings = &d->redis_config->redis;
	d->follow = bmx_redis_follow_new(&options, err);
	if (!d->follow)
		return -1;
	return bmx_redis_follow_configure(d->follow, d->config, err);
}

void
bmx_daemon_free_redis(struct bmx_daemon *d)
{
	bmx_record_pair_free(&d->pair);
	bmx_redis_store_free(&d->shared);
	bmx_redis_free(&d->redis);
	bmx_config_unref(&d->redis_config);
}
