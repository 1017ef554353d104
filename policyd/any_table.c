#include <stdlib.h>
#include <string.h>

#include "policyd/any_domains_priv.h"

static struct any_entry **
bucket_of(struct bmx_any_domains *any, struct bmx_slice name)
{
	return &any->buckets[bmx_siphash24(any->key, name.data, name.len) &
	                     (ANY_BUCKETS - 1)];
}

struct any_entry *
bmx_any_table_find(const struct bmx_any_domains *any, struct bmx_slice name)
{
	struct any_entry *entry =
		any->buckets[bmx_siphash24(any->key, name.data, name.len) &
	                     (ANY_BUCKETS - 1)];

	while (entry && !bmx_slice_equal(bmx_slice_of(entry->name), name))
		entry = entry->next_in_bucket;
	return entry;
}

static struct any_list *
list_of(struct any_entry *entry)
{
	return entry->served ? &entry->any->served : &entry->any->others;
}

static void
take_out(struct any_entry *entry)
{
	struct any_list *list = list_of(entry);

	*(entry->newer ? &entry->newer->older : &list->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &list->oldest) = entry->newer;
	entry->newer = entry->older = NULL;
	list->count--;
}

static void
put_first(struct any_entry *entry)
{
	struct any_list *list = list_of(entry);

	entry->older = list->newest;
	*(list->newest ? &list->newest->newer : &list->oldest) = entry;
	list->newest = entry;
	list->count++;
}

void
bmx_any_table_touch(struct any_entry *entry, int64_t now_ms)
{
	entry->used_ms = now_ms;
	if (!entry->newer)
		return;
	take_out(entry);
	put_first(entry);
}

void
bmx_any_table_move(struct any_entry *entry, bool served)
{
	take_out(entry);
	entry->served = served;
	put_first(entry);
}

static bool
is_idle(const struct any_entry *entry)
{
	return entry->busy == 0 && !entry->waits && !entry->lookup;
}

/* At most as many as there may be look-ups are passed over. */
static bool
make_room(struct bmx_any_domains *any)
{
	struct any_entry *entry = any->others.oldest;

	if (any->others.count < any->parts.max)
		return true;
	while (entry && !is_idle(entry))
		entry = entry->newer;
	if (!entry)
		return false;
	bmx_any_table_drop(entry);
	return true;
}

struct any_entry *
bmx_any_table_enter(struct bmx_any_domains *any, struct bmx_slice name,
                    int64_t now_ms)
{
	struct any_entry **bucket = bucket_of(any, name);
	struct any_entry *entry;

	if (name.len >= sizeof(entry->name) || !make_room(any))
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->any = any;
	entry->used_ms = now_ms;
	memcpy(entry->name, name.data, name.len);
	entry->next_in_bucket = *bucket;
	*bucket = entry;
	put_first(entry);
	return entry;
}

/* A list by use: if the oldest is in use, all are. */
struct any_entry *
bmx_any_table_idle(struct bmx_any_domains *any, int64_t now_ms)
{
	struct any_entry *entry = any->served.oldest;

	while (entry && !is_idle(entry))
		entry = entry->newer;
	return entry && now_ms - entry->used_ms >= BMX_ANY_IN_USE_MS ? entry :
								       NULL;
}

void
bmx_any_table_drop(struct any_entry *entry)
{
	struct any_entry **at =
		bucket_of(entry->any, bmx_slice_of(entry->name));

	while (*at != entry)
		at = &(*at)->next_in_bucket;
	*at = entry->next_in_bucket;
	take_out(entry);
	entry->gone = true;
	if (entry->lookup) {
		bmx_any_lookup_free(&entry->lookup);
		entry->any->lookups--;
	}
	if (entry->busy == 0)
		free(entry);
}

void
bmx_any_table_release(struct any_entry *entry)
{
	if (--entry->busy == 0 && entry->gone)
		free(entry);
}
