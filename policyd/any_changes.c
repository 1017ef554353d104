/* What DNS says of domains, when it is asked again, and what follows. */
#include "policyd/any_domains_priv.h"

/* Least time between two looks at which of the served are due. */
#define RECHECK_MS 1000

static void
log_change(const struct any_entry *entry, const char *act)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, entry->any->parts.log, BMX_LOG_INFO, "any-domain");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, entry->name);
	bmx_log_add_string(&line, BMX_KEY_ACT, act);
	bmx_log_add_string(&line, BMX_KEY_WHY,
	                   bmx_mx_standing_name(entry->memory.standing));
	bmx_log_add_u64(&line, BMX_KEY_COUNT, entry->any->served.count);
	bmx_log_end(&line);
}

static void
raise_alarm(struct any_entry *entry)
{
	struct bmx_any_domains *any = entry->any;
	struct bmx_log_line line;
	uint64_t suppressed;

	if (!bmx_log_throttle_pass(&any->alarm, any->parts.loop->clock,
	                           &suppressed))
		return;
	bmx_log_begin(&line, any->parts.log, BMX_LOG_ERROR, "any-domains-full");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, entry->name);
	bmx_log_add_u64(&line, BMX_KEY_COUNT, any->served.count);
	bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "its recipients are deferred; give domains sections "
	                   "of their own");
	bmx_log_end(&line);
}

/* DNS says that it is ours. */
static void
take_up(struct any_entry *entry, int64_t now_ms)
{
	struct bmx_any_domains *any = entry->any;
	struct any_entry *idle;

	if (any->served.count >= any->parts.max) {
		idle = bmx_any_table_idle(any, now_ms);
		entry->full = !idle;
		if (!idle) {
			entry->memory.served = BMX_MX_SERVED_UNKNOWN;
			entry->memory.ask_again_ms =
				now_ms + BMX_MX_YES_RETRY_MS;
			raise_alarm(entry);
			return;
		}
		log_change(idle, "drop");
		bmx_any_table_drop(idle);
	}
	entry->full = false;
	bmx_any_table_move(entry, true);
	log_change(entry, "serve");
	bmx_timer_set(any->parts.loop, any->recheck, RECHECK_MS);
	bmx_any_schedule_apply(any);
}

static void
let_go(struct any_entry *entry)
{
	bmx_any_table_move(entry, false);
	log_change(entry, "drop");
	bmx_any_schedule_apply(entry->any);
}

static void
count_lookup(const struct bmx_any_domains *any, enum bmx_mx_standing standing)
{
	const struct bmx_metrics_label label = {"result",
	                                        bmx_mx_standing_name(standing)};

	bmx_metric_add(bmx_metrics_counter(any->parts.metrics,
	                                   "backupmx_any_lookups_total",
	                                   "Look-ups whether a domain is one "
	                                   "of \"*\".",
	                                   &label, 1),
	               1);
}

static void
on_looked_up(void *ctx, enum bmx_mx_standing standing, uint32_t ttl_s)
{
	struct any_entry *entry = ctx;
	const int64_t now_ms = bmx_any_now(entry->any);

	entry->lookup = NULL;
	entry->any->lookups--;
	entry->full = false;
	count_lookup(entry->any, standing);
	bmx_mx_memory_take(&entry->memory, standing, ttl_s, now_ms);
	if (entry->memory.served == BMX_MX_SERVED_YES && !entry->served)
		take_up(entry, now_ms);
	else if (entry->memory.served != BMX_MX_SERVED_YES && entry->served)
		let_go(entry);
	switch (entry->memory.served) {
	case BMX_MX_SERVED_YES:
		if (entry->in_force)
			bmx_any_settle_later(entry);
		break; /* or when it is applied */
	case BMX_MX_SERVED_NO:
		bmx_any_answer_waits(entry, BMX_ANY_NOT_OURS);
		break;
	case BMX_MX_SERVED_UNKNOWN:
		bmx_any_answer_waits(
			entry, entry->full ? BMX_ANY_FULL : BMX_ANY_FAILED);
		break;
	}
}

bool
bmx_any_look_up(struct any_entry *entry, size_t max)
{
	struct bmx_any_domains *any = entry->any;
	const struct bmx_any_lookup_options options = {
		.domain = bmx_slice_of(entry->name),
		.config = any->loaded,
		.asker = any->parts.asker,
		.answer_ms = BMX_ANY_ANSWER_MS,
		.is_ours = any->parts.is_ours,
		.is_ours_ctx = any->parts.is_ours_ctx,
		.cb = on_looked_up,
		.ctx = entry,
	};

	if (entry->lookup)
		return true;
	if (any->lookups >= max)
		return false;
	entry->lookup = bmx_any_lookup_new(&options);
	any->lookups += entry->lookup != NULL;
	return entry->lookup != NULL;
}

/* Looks at those of a bucket that are due. @return when the next one is */
static int64_t
recheck_bucket(struct any_entry *entry, int64_t now_ms, int64_t next_ms)
{
	for (; entry; entry = entry->next_in_bucket) {
		if (!entry->served || entry->lookup)
			continue;
		if (now_ms >= entry->memory.ask_again_ms)
			(void)bmx_any_look_up(entry, BMX_ANY_RECHECKS_MAX);
		else if (entry->memory.ask_again_ms < next_ms)
			next_ms = entry->memory.ask_again_ms;
	}
	return next_ms;
}

/* A walk over the table from where the last one ended for want of room. */
void
bmx_any_on_recheck(void *ctx)
{
	struct bmx_any_domains *any = ctx;
	const int64_t now_ms = bmx_any_now(any);
	int64_t next_ms = now_ms + BMX_MX_YES_MIN_MS;
	size_t n;

	for (n = 0; n < ANY_BUCKETS && any->lookups < BMX_ANY_RECHECKS_MAX;
	     n++) {
		next_ms = recheck_bucket(any->buckets[any->recheck_next],
		                         now_ms, next_ms);
		any->recheck_next = (any->recheck_next + 1) % ANY_BUCKETS;
	}
	if (n < ANY_BUCKETS || next_ms < now_ms + RECHECK_MS)
		next_ms = now_ms + RECHECK_MS;
	if (any->served.count > 0)
		bmx_timer_set(any->parts.loop, any->recheck, next_ms - now_ms);
}
