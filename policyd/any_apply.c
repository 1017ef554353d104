/* Brings what is served into the configuration, and tells who waits. */
#include <stdlib.h>
#include <string.h>

#include "policyd/any_domains_priv.h"

/* A change that could not be applied is tried again after so long. */
#define APPLY_RETRY_MS 1000
/* A change may take this part of the time. */
#define APPLY_SHARE 20

void
bmx_any_schedule_apply(struct bmx_any_domains *any)
{
	const int64_t wait_ms = any->apply_after_ms - bmx_any_now(any);

	bmx_metric_set(any->gauge, (int64_t)any->served.count);
	if (any->apply_set)
		return;
	any->apply_set = true;
	bmx_timer_set(any->parts.loop, any->apply, wait_ms > 0 ? wait_ms : 0);
}

void
bmx_any_on_apply(void *ctx)
{
	struct bmx_any_domains *any = ctx;
	const int64_t began_ms = bmx_any_now(any);
	int64_t pause_ms;

	any->apply_set = false;
	if (any->parts.apply(any->parts.ctx) != 0) {
		any->apply_after_ms = bmx_any_now(any) + APPLY_RETRY_MS;
		bmx_any_schedule_apply(any);
		return;
	}
	pause_ms = (bmx_any_now(any) - began_ms) * APPLY_SHARE;
	if (pause_ms < BMX_ANY_APPLY_MS)
		pause_ms = BMX_ANY_APPLY_MS;
	any->apply_after_ms = bmx_any_now(any) + pause_ms;
}

void
bmx_any_answer_waits(struct any_entry *entry, enum bmx_any_answer answer)
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
		bmx_any_now(entry->any) >= entry->settled_at_ms ||
		parts->is_settled(parts->ctx, bmx_slice_of(entry->name));
}

void
bmx_any_settle_later(struct any_entry *entry)
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

void
bmx_any_on_settle(void *ctx)
{
	struct bmx_any_domains *any = ctx;
	struct any_entry *entry = any->settling;

	any->settling = NULL;
	while (entry) {
		struct any_entry *next = entry->next_settling;

		entry->settling = false;
		if (entry->in_force && !entry->gone && !is_settled(entry)) {
			bmx_any_settle_later(entry);
		} else if (entry->in_force || entry->gone) {
			entry->settled_at_ms = 0;
			bmx_any_answer_waits(entry,
			                     entry->in_force ?
			                             BMX_ANY_SERVED :
			                             BMX_ANY_NOT_OURS);
		}
		bmx_any_table_release(entry);
		entry = next;
	}
	if (any->settling)
		bmx_timer_set(any->parts.loop, any->settle,
		              BMX_ANY_SETTLE_STEP_MS);
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
	(void)bmx_any_look_up(entry, entry->any->parts.max_lookups);
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
		bmx_any_settle_later(entry);
		bmx_any_table_drop(entry);
	} else if (entry->in_force && entry->waits) {
		bmx_any_settle_later(entry);
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
	const int64_t now_ms = bmx_any_now(any);

	any->loaded = bmx_config_ref(loaded);
	settle(&any->served, in_force, renew, now_ms);
	settle(&any->others, in_force, renew, now_ms);
	bmx_config_unref(&old);
	bmx_metric_set(any->gauge, (int64_t)any->served.count);
}
