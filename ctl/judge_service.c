/* judge.h: the daemons, Redis, bounces and disks. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "ctl/judge_priv.h"

void
bmxctl_verdict_good(struct bmxctl_verdict *verdict, const char *format, ...)
{
	char said[BMXCTL_PROBLEM_TEXT];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	if (verdict->good.len > 0)
		bmx_text_append_string(&verdict->good, ", ");
	bmx_text_append_string(&verdict->good, said);
}

void
bmxctl_verdict_figure(struct bmxctl_verdict *verdict, const char *name,
                      long long value, const char *unit,
                      const struct bmxctl_limit *limit)
{
	if (verdict->figures.len > 0)
		bmx_text_append_char(&verdict->figures, ' ');
	bmx_text_printf(&verdict->figures, "%s=%lld%s;", name, value, unit);
	if (limit)
		bmx_text_printf(&verdict->figures, "%lld;%lld;0",
		                limit->warning, limit->critical);
	else
		bmx_text_append_string(&verdict->figures, ";;0");
}

enum bmxctl_state
bmxctl_state_above(long long value, const struct bmxctl_limit *limit)
{
	if (value >= limit->critical)
		return BMXCTL_STATE_CRITICAL;
	return value >= limit->warning ? BMXCTL_STATE_WARNING : BMXCTL_STATE_OK;
}

long long
bmxctl_since(const json_t *facts, long long at)
{
	const long long now = bmxctl_number(facts, "time");

	return at > 0 && at < now ? now - at : 0;
}

bool
bmxctl_policyd_said(struct bmxctl_verdict *verdict, const json_t *facts,
                    const char *check)
{
	if (json_is_true(json_object_get(facts, "ok")))
		return true;
	if (!verdict->away_said)
		bmxctl_verdict_add(verdict, BMXCTL_STATE_UNKNOWN, check,
		                   "policyd cannot be asked: %s",
		                   bmxctl_string(facts, "error"));
	verdict->away_said = true;
	return false;
}

/* What may not be looked at is not known to be away. */
static enum bmxctl_state
state_of_silence(const json_t *facts)
{
	return strcmp(bmxctl_string(facts, "why"), "permission") == 0 ?
		BMXCTL_STATE_UNKNOWN :
		BMXCTL_STATE_CRITICAL;
}

static const char *
words_of_silence(const json_t *facts)
{
	return state_of_silence(facts) == BMXCTL_STATE_UNKNOWN ?
		"cannot be asked" :
		"is away";
}

void
bmxctl_judge_service(struct bmxctl_verdict *verdict, const json_t *facts,
                     const struct bmxctl_limit *limit)
{
	const json_t *milter = json_object_get(facts, "milter");
	char age[BMXCTL_AGE_SIZE];

	(void)limit;
	if (json_is_true(json_object_get(facts, "ok"))) {
		bmxctl_verdict_good(
			verdict, "policyd up %s",
			bmxctl_age(age, bmxctl_number(facts, "uptime_s")));
		bmxctl_verdict_figure(verdict, "uptime",
		                      bmxctl_number(facts, "uptime_s"), "s",
		                      NULL);
		bmxctl_verdict_figure(verdict, "connections",
		                      bmxctl_number(facts, "connections"), "",
		                      NULL);
	} else {
		bmxctl_verdict_add(verdict, state_of_silence(facts), "service",
		                   "policyd %s: %s", words_of_silence(facts),
		                   bmxctl_string(facts, "error"));
		verdict->away_said = true;
	}
	if (json_is_true(json_object_get(milter, "up")))
		bmxctl_verdict_good(verdict, "milter up");
	else if (json_is_true(json_object_get(milter, "expected")))
		bmxctl_verdict_add(verdict, state_of_silence(milter), "service",
		                   "milter %s: %s", words_of_silence(milter),
		                   bmxctl_string(milter, "error"));
}

static void
judge_redis_fitness(struct bmxctl_verdict *verdict, const json_t *redis)
{
	const char *policy = bmxctl_string(redis, "maxmemory_policy");

	if (strcmp(bmxctl_string(redis, "role"), "replica") == 0 &&
	    !json_is_true(json_object_get(redis, "replica_link_up")))
		bmxctl_verdict_add(verdict, BMXCTL_STATE_WARNING, "redis",
		                   "redis: the replica has lost its master, "
		                   "lists may be old");
	if (policy[0] != '\0' && strcmp(policy, "noeviction") != 0)
		bmxctl_verdict_add(verdict, BMXCTL_STATE_WARNING, "redis",
		                   "redis: maxmemory-policy is %s, it may "
		                   "evict lists: set noeviction",
		                   policy);
}

void
bmxctl_judge_redis(struct bmxctl_verdict *verdict, const json_t *facts,
                   const struct bmxctl_limit *limit)
{
	const json_t *redis = json_object_get(facts, "redis");
	char age[BMXCTL_AGE_SIZE];
	long long down_s;

	if (!bmxctl_policyd_said(verdict, facts, "redis") ||
	    !json_is_object(redis))
		return;
	if (json_is_true(json_object_get(redis, "up"))) {
		bmxctl_verdict_good(verdict, "redis up");
		bmxctl_verdict_figure(verdict, "redis_down", 0, "s", limit);
		judge_redis_fitness(verdict, redis);
		return;
	}
	down_s = bmxctl_since(facts, bmxctl_number(redis, "since"));
	bmxctl_verdict_figure(verdict, "redis_down", down_s, "s", limit);
	if (bmxctl_state_above(down_s, limit) == BMXCTL_STATE_OK)
		bmxctl_verdict_good(verdict, "redis down for %s",
		                    bmxctl_age(age, down_s));
	else
		bmxctl_verdict_add(verdict, bmxctl_state_above(down_s, limit),
		                   "redis", "redis: down for %s: %s",
		                   bmxctl_age(age, down_s),
		                   bmxctl_string(redis, "last_error"));
}

void
bmxctl_judge_bounces(struct bmxctl_verdict *verdict, const json_t *facts,
                     const struct bmxctl_limit *limit)
{
	const json_t *bounces = json_object_get(facts, "bounces");
	const char *error = bmxctl_string(bounces, "error");
	long long held;

	if (error[0] != '\0') {
		bmxctl_verdict_add(verdict, BMXCTL_STATE_UNKNOWN, "bounces",
		                   "bounces: %s", error);
		return;
	}
	held = bmxctl_number(json_object_get(bounces, "day"), "quarantine");
	bmxctl_verdict_figure(verdict, "held", held, "", limit);
	if (bmxctl_state_above(held, limit) == BMXCTL_STATE_OK)
		bmxctl_verdict_good(verdict, "%lld bounces held in a day",
		                    held);
	else
		bmxctl_verdict_add(verdict, bmxctl_state_above(held, limit),
		                   "bounces",
		                   "bounces: %lld were held within a day; see "
		                   "backupmxctl bounces",
		                   held);
}

static void
judge_space(struct bmxctl_verdict *verdict, const json_t *disk, const char *key,
            const char *of, const struct bmxctl_limit *limit)
{
	const long long free_percent = bmxctl_number(disk, key);
	const char *what = bmxctl_string(disk, "what");
	char name[64];
	struct bmx_text text;
	enum bmxctl_state state = BMXCTL_STATE_OK;

	bmx_text_init(&text, name, sizeof(name));
	bmx_text_printf(&text, "%s_%s_free", what, of);
	if (verdict->figures.len > 0)
		bmx_text_append_char(&verdict->figures, ' ');
	bmx_text_printf(&verdict->figures, "%s=%lld%%;%lld:;%lld:;0;100", name,
	                free_percent, limit->warning, limit->critical);
	if (free_percent < limit->critical)
		state = BMXCTL_STATE_CRITICAL;
	else if (free_percent < limit->warning)
		state = BMXCTL_STATE_WARNING;
	if (state != BMXCTL_STATE_OK)
		bmxctl_verdict_add(verdict, state, "disk",
		                   "disk: %lld %% of the %s are free in %s",
		                   free_percent, of,
		                   bmxctl_string(disk, "path"));
}

void
bmxctl_judge_disk(struct bmxctl_verdict *verdict, const json_t *facts,
                  const struct bmxctl_limit *limit)
{
	const json_t *disks = json_object_get(facts, "disk");
	long long least = 100;

	for (size_t i = 0; i < json_array_size(disks); i++) {
		const json_t *disk = json_array_get(disks, i);
		const char *error = bmxctl_string(disk, "error");
		const char *path = bmxctl_string(disk, "path");

		if (error[0] != '\0') {
			bmxctl_verdict_add(
				verdict, BMXCTL_STATE_UNKNOWN, "disk",
				"disk: %s%s%s: %s", bmxctl_string(disk, "what"),
				path[0] != '\0' ? " " : "", path, error);
			continue;
		}
		judge_space(verdict, disk, "free_percent", "blocks", limit);
		judge_space(verdict, disk, "inodes_free_percent", "inodes",
		            limit);
		if (bmxctl_number(disk, "free_percent") < least)
			least = bmxctl_number(disk, "free_percent");
	}
	bmxctl_verdict_good(verdict, "%lld %% of the disk free", least);
}
