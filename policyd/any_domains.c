#include <stdlib.h>
#include <string.h>

#include "policyd/any_domains_priv.h"

/* Least time between two looks at which of the served are due. */
#define RECHECK_MS 1000
/* A change that could not be applied is tried again after so long. */
#define APPLY_RETRY_MS 1000
/* A change may take this part of the time. */
#define APPLY_SHARE 20
#define ALARM_MS 60000

static void on_apply(void *ctx);
static void on_recheck(void *ctx);
static void on_settle(void *ctx);

static int64_t
now_of(const struct bmx_any_domains *any)
{
	return bmx_clock_mono_ms(any->parts.loop->clock);
}

struct bmx_any_domains *
bmx_any_domains_new(const struct bmx_any_domains_parts *parts)
{
	struct bmx_any_domains *any = calloc(1, sizeof(*any));

	if (!any)
		return NULL;
	any->parts = *parts;
	if (any->parts.max == 0)
		any->parts.max = BMX_ANY_DOMAINS_MAX;
	if (any->parts.max_lookups == 0)
		any->parts.max_lookups = BMX_ANY_LOOKUPS_MAX;
	any->alarm.interval_ms = ALARM_MS;
	bmx_siphash_random_key(any->key);
	any->gauge = bmx_metrics_gauge(parts->metrics, "backupmx_any_domains",
	                               "Domains that are served by section "
	                               "\"*\".",
	                               NULL, 0);
	any->apply = bmx_timer_new(parts->loop, on_apply, any);
	any->recheck = bmx_timer_new(parts->loop, on_recheck, any);
	any->settle = bmx_timer_new(parts->loop, on_settle, any);
	if (!any->apply || !any->recheck || !any->settle)
		bmx_any_domains_free(&any);
	return any;
}

static void
drop_waits(struct any_entry *entry)
{
	while (entry->waits) {
		struct bmx_any_wait *wait = entry->waits;

		entry->waits = wait->next;
		free(wait);
	}
}

static void
free_list(struct any_list *list)
{
	while (list->newest) {
		drop_waits(list->newest);
		bmx_any_table_drop(list->newest);
	}
}

void
bmx_any_domains_free(struct bmx_any_domains **any)
{
	struct bmx_any_domains *old = *any;

	*any = NULL;
	if (!old)
		return;
	while (old->settling) {
		struct any_entry *entry = old->settling;

		old->settling = entry->next_settling;
		drop_waits(entry);
		bmx_any_table_release(entry);
	}
	free_list(&old->served);
	free_list(&old->others);
	bmx_timer_free(old->parts.loop, &old->apply);
	bmx_timer_free(old->parts.loop, &old->recheck);
	bmx_timer_free(old->parts.loop, &old->settle);
	bmx_config_unref(&old->loaded);
	free(old);
}

size_t
bmx_any_domains_count(const struct bmx_any_domains *any)
{
	return any->served.count;
}

static void
schedule_apply(struct bmx_any_domains *any)
{
	const int64_t wait_ms = any->apply_after_ms - now_of(any);

	bmx_metric_set(any->gauge, (int64_t)any->served.count);
	if (any->apply_set)
		return;
	any->apply_set = true;
	bmx_timer_set(any->parts.loop, any->apply, wait_ms > 0 ? wait_ms : 0);
}

static void
on_apply(void *ctx)
{
	struct bmx_any_domains *any = ctx;
	const int64_t began_ms = now_of(any);
	int64_t pause_ms;

	any->apply_set = false;
	if (any->parts.apply(any->parts.ctx) != 0) {
		any->apply_after_ms = now_of(any) + APPLY_RETRY_MS;
		schedule_apply(any);
		return;
	}
	pause_ms = (now_of(any) - began_ms) * APPLY_SHARE;
	if (pause_ms < BMX_ANY_APPLY_MS)
		pause_ms = BMX_ANY_APPLY_MS;
	any->apply_after_ms = now_of(any) + pause_ms;
}

/* May free an entry that has been dropped. */
static void
answer_waits(struct any_entry *entry, enum bmx_any_answer answer)
{
	entry->busy++;
	while (entry->waits) {
		struct bmx_any_wait *wait = entry->waits;
		bmx_any_cb *cb = wait->cb;
		void *ctx = wait->ctx;

		entry->waits = wait->next;
		if (wait->next)
			wait->next->previous = NULL;
		free(wait);
		cb(ctx, answer);
	}
	bmx_any_table_release(entry);
}

static bool
is_settled(const struct any_entry *entry)
{
	const struct bmx_any_domains_parts *parts = &entry->any->parts;

	return !parts->is_settled ||
		now_of(entry->any) >= entry->settled_at_ms ||
		parts->is_settled(parts->ctx, bmx_slice_of(entry->name));
}

/* In force: who waits is told, once its primary can be asked. */
static void
settle_later(struct any_entry *entry)
{
	struct bmx_any_domains *any = entry->any;

	if (entry->settling)
		return;
	entry->settling = true;
	entry->busy++;
	entry->next_settling = any->settling;
	any->settling = entry;
	bmx_timer_set(any->parts.loop, any->settle, 0);
}

static void
on_settle(void *ctx)
{
	struct bmx_any_domains *any = ctx;
	struct any_entry *entry = any->settling;

	any->settling = NULL;
	while (entry) {
		struct any_entry *next = entry->next_settling;

		entry->settling = false;
		if (entry->in_force && !entry->gone && !is_settled(entry)) {
			settle_later(entry);
		} else if (entry->in_force || entry->gone) {
			entry->settled_at_ms = 0;
			answer_waits(entry,
			             entry->in_force ? BMX_ANY_SERVED :
			                               BMX_ANY_NOT_OURS);
		}
		bmx_any_table_release(entry);
		entry = next;
	}
	if (any->settling)
		bmx_timer_set(any->parts.loop, any->settle,
		              BMX_ANY_SETTLE_STEP_MS);
}

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
	schedule_apply(any);
}

static void
let_go(struct any_entry *entry)
{
	bmx_any_table_move(entry, false);
	log_change(entry, "drop");
	schedule_apply(entry->any);
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
	const int64_t now_ms = now_of(entry->any);

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
			settle_later(entry);
		break; /* or when it is applied */
	case BMX_MX_SERVED_NO:
		answer_waits(entry, BMX_ANY_NOT_OURS);
		break;
	case BMX_MX_SERVED_UNKNOWN:
		answer_waits(entry,
		             entry->full ? BMX_ANY_FULL : BMX_ANY_FAILED);
		break;
	}
}

/* @return false when there is no room or memory for another one */
static bool
look_up(struct any_entry *entry, size_t max)
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
			(void)look_up(entry, BMX_ANY_RECHECKS_MAX);
		else if (entry->memory.ask_again_ms < next_ms)
			next_ms = entry->memory.ask_again_ms;
	}
	return next_ms;
}

/* A walk over the table from where the last one ended for want of room. */
static void
on_recheck(void *ctx)
{
	struct bmx_any_domains *any = ctx;
	const int64_t now_ms = now_of(any);
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

static struct bmx_any_wait *
wait_for(struct any_entry *entry, bmx_any_cb *cb, void *ctx)
{
	struct bmx_any_wait *wait = calloc(1, sizeof(*wait));

	if (!wait) {
		cb(ctx, BMX_ANY_FAILED);
		return NULL;
	}
	*wait = (struct bmx_any_wait){
		.entry = entry, .next = entry->waits, .cb = cb, .ctx = ctx};
	if (wait->next)
		wait->next->previous = wait;
	entry->waits = wait;
	return wait;
}

/* What can be said of it now.
 * @return false when it has to be waited for */
static bool
says(struct any_entry *entry, int64_t now_ms, enum bmx_any_answer *answer_out)
{
	*answer_out = BMX_ANY_FAILED;
	switch (bmx_mx_memory_says(&entry->memory, now_ms)) {
	case BMX_MX_SERVED_YES:
		*answer_out = BMX_ANY_SERVED;
		return entry->in_force && !entry->settling;
	case BMX_MX_SERVED_NO:
		*answer_out = BMX_ANY_NOT_OURS;
		return true;
	case BMX_MX_SERVED_UNKNOWN:
		break;
	}
	if (entry->lookup)
		return false;
	if (entry->memory.served == BMX_MX_SERVED_UNKNOWN &&
	    now_ms < entry->memory.ask_again_ms) {
		*answer_out = entry->full ? BMX_ANY_FULL : BMX_ANY_FAILED;
		return true; /* so it was a moment ago */
	}
	return !look_up(entry, entry->any->parts.max_lookups);
}

static struct bmx_any_wait *
ask(void *ctx, struct bmx_slice domain, bmx_any_cb *cb, void *cb_ctx)
{
	struct bmx_any_domains *any = ctx;
	const int64_t now_ms = now_of(any);
	struct any_entry *entry = bmx_any_table_find(any, domain);
	enum bmx_any_answer answer = BMX_ANY_FAILED;

	if (entry)
		bmx_any_table_touch(entry, now_ms);
	else if (any->lookups < any->parts.max_lookups)
		entry = bmx_any_table_enter(any, domain, now_ms);
	if (entry && !says(entry, now_ms, &answer))
		return wait_for(entry, cb, cb_ctx);
	cb(cb_ctx, answer);
	return NULL;
}

static void
leave(void *ctx, struct bmx_any_wait **wait)
{
	struct bmx_any_wait *old = *wait;

	(void)ctx; /* a wait knows whose it is */
	*wait = NULL;
	*(old->previous ? &old->previous->next : &old->entry->waits) =
		old->next;
	if (old->next)
		old->next->previous = old->previous;
	free(old);
}

static void
used(void *ctx, struct bmx_slice domain)
{
	struct bmx_any_domains *any = ctx;
	struct any_entry *entry = bmx_any_table_find(any, domain);

	if (entry)
		bmx_any_table_touch(entry, now_of(any));
}

struct bmx_any_source
bmx_any_domains_source(struct bmx_any_domains *any)
{
	return (struct bmx_any_source){
		.ask = ask, .leave = leave, .used = used, .ctx = any};
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of their names, so that status shows the same twice. */
struct bmx_config *
bmx_any_domains_expand(const struct bmx_any_domains *any,
                       struct bmx_config *loaded, struct bmx_error *err)
{
	const char **names;
	struct bmx_config *config;
	size_t count = 0;

	if (any->served.count == 0 || !bmx_config_any_domain(loaded))
		return bmx_config_ref(loaded);
	names = calloc(any->served.count, sizeof(*names));
	if (!names) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
		return NULL;
	}
	for (const struct any_entry *entry = any->served.oldest; entry;
	     entry = entry->newer)
		names[count++] = entry->name;
	qsort(names, count, sizeof(*names), compare_names);
	config = bmx_config_with_domains(loaded, names, count, err);
	free(names);
	return config;
}

static bool
same_names(const struct bmx_config *a, const struct bmx_config *b)
{
	const struct bmx_config_strings one = bmx_config_our_names(a);
	const struct bmx_config_strings other = bmx_config_our_names(b);

	if (one.count != other.count)
		return false;
	for (size_t i = 0; i < one.count; i++)
		if (strcmp(one.items[i], other.items[i]) != 0)
			return false;
	return true;
}

/* Under other names of ours all may be otherwise; an answer that is under way
 * would be about the old ones. */
static void
look_anew(struct any_entry *entry, int64_t now_ms)
{
	entry->memory.ask_again_ms = now_ms;
	if (!entry->lookup)
		return;
	bmx_any_lookup_free(&entry->lookup);
	entry->any->lookups--;
	(void)look_up(entry, entry->any->parts.max_lookups);
}

/* What comes of an entry: those that the file has taken over, or that "*" is
 * gone for, are forgotten. Nobody is called back before the owner is done. */
static void
settle_entry(struct any_entry *entry, const struct bmx_config *in_force,
             bool renew, int64_t now_ms)
{
	const struct bmx_config *loaded = entry->any->loaded;
	const struct bmx_slice name = bmx_slice_of(entry->name);
	const bool was_in_force = entry->in_force;

	entry->in_force = bmx_config_find_domain(in_force, name) != NULL;
	if (entry->in_force && !was_in_force)
		entry->settled_at_ms = now_ms + BMX_ANY_SETTLE_MS;
	if (renew)
		look_anew(entry, now_ms);
	entry->busy++;
	if (!bmx_config_any_domain(loaded) ||
	    bmx_config_find_domain(loaded, name)) {
		settle_later(entry);
		bmx_any_table_drop(entry);
	} else if (entry->in_force && entry->waits) {
		settle_later(entry);
	}
	bmx_any_table_release(entry);
}

static void
settle(struct any_list *list, const struct bmx_config *in_force, bool renew,
       int64_t now_ms)
{
	struct any_entry *next;

	for (struct any_entry *entry = list->newest; entry; entry = next) {
		next = entry->older;
		settle_entry(entry, in_force, renew, now_ms);
	}
}

void
bmx_any_domains_in_force(struct bmx_any_domains *any, struct bmx_config *loaded,
                         const struct bmx_config *in_force)
{
	struct bmx_config *old = any->loaded;
	const bool renew = old && !same_names(old, loaded);
	const int64_t now_ms = now_of(any);

	any->loaded = bmx_config_ref(loaded);
	settle(&any->served, in_force, renew, now_ms);
	settle(&any->others, in_force, renew, now_ms);
	bmx_config_unref(&old);
	bmx_metric_set(any->gauge, (int64_t)any->served.count);
}

bool
bmx_any_domains_report(const struct bmx_any_domains *any,
                       struct bmx_slice domain,
                       struct bmx_any_report *report_out)
{
	const struct any_entry *entry = bmx_any_table_find(any, domain);

	if (!entry)
		return false;
	*report_out = (struct bmx_any_report){
		.served = bmx_mx_memory_says(&entry->memory, now_of(any)),
		.standing = entry->memory.standing,
		.looking = entry->lookup != NULL,
	};
	return true;
}

void
bmx_any_domains_check_now(struct bmx_any_domains *any, struct bmx_slice domain)
{
	struct any_entry *entry = bmx_any_table_find(any, domain);

	if (!entry)
		return;
	/* A no is not believed any longer; a yes is until DNS says no. */
	entry->memory.ask_again_ms = now_of(any);
	(void)look_up(entry, any->parts.max_lookups);
}
