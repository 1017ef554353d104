#include <stdlib.h>

#include "policyd/any_domains_priv.h"

#define ALARM_MS 60000

int64_t
bmx_any_now(const struct bmx_any_domains *any)
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
	any->apply = bmx_timer_new(parts->loop, bmx_any_on_apply, any);
	any->recheck = bmx_timer_new(parts->loop, bmx_any_on_recheck, any);
	any->settle = bmx_timer_new(parts->loop, bmx_any_on_settle, any);
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
	return !bmx_any_look_up(entry, entry->any->parts.max_lookups);
}

static struct bmx_any_wait *
ask(void *ctx, struct bmx_slice domain, bmx_any_cb *cb, void *cb_ctx)
{
	struct bmx_any_domains *any = ctx;
	const int64_t now_ms = bmx_any_now(any);
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
		bmx_any_table_touch(entry, bmx_any_now(any));
}

struct bmx_any_source
bmx_any_domains_source(struct bmx_any_domains *any)
{
	return (struct bmx_any_source){
		.ask = ask, .leave = leave, .used = used, .ctx = any};
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
		.served = bmx_mx_memory_says(&entry->memory, bmx_any_now(any)),
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
	entry->memory.ask_again_ms = bmx_any_now(any);
	(void)bmx_any_look_up(entry, any->parts.max_lookups);
}
