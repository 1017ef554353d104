#include "cache_store_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Of address space: more than a daemon's file may have. */
#define READ_OCTETS (BMX_CACHE_OCTETS_DEFAULT << 4)

static struct bmx_cache_store *
store_of(struct bmx_record_store *records)
{
	return (struct bmx_cache_store *)records;
}

/* 1 with *record_out, 0 when there is none, -1 with *err. */
static int
find(struct bmx_cache_store *store, const struct bmx_cache_key *key,
     struct bmx_record *record_out, struct bmx_error *err)
{
	const struct bmx_cache_change *change =
		bmx_cache_overlay_find(store->overlay, key);
	int64_t expires_ms;
	int rc = 1;

	if (change) {
		if (change->removed)
			return 0;
		*record_out = change->record;
		expires_ms = change->expires_ms;
	} else {
		if (!store->file ||
		    bmx_cache_overlay_hides(store->overlay, key))
			return 0;
		rc = bmx_cache_file_get(store->file, key, record_out,
		                        &expires_ms, err);
		if (rc != 1)
			return rc;
	}
	return expires_ms > bmx_clock_wall_ms(store->clock);
}

static struct bmx_record_get *
get(struct bmx_record_store *records, const struct bmx_record_key *name,
    bmx_record_cb *cb, void *ctx)
{
	struct bmx_cache_store *store = store_of(records);
	struct bmx_cache_key key;
	struct bmx_record record;
	struct bmx_error err;
	int rc = 0;

	if (bmx_cache_key_make(name, &key) == 0)
		rc = find(store, &key, &record, &err);
	if (rc < 0 && store->loop && err.code == BMX_E_CORRUPT)
		bmx_cache_start_anew(store, &err);
	else if (rc < 0)
		bmx_cache_tell(store, &err);
	if (rc == 1)
		store->counters.hits++;
	else
		store->counters.misses++;
	cb(ctx, rc == 1 ? BMX_RECORD_FOUND : BMX_RECORD_ABSENT,
	   rc == 1 ? &record : NULL);
	return NULL;
}

/* No read is under way when get has returned. */
static void
cancel(struct bmx_record_get *read)
{
	(void)read;
}

static void
put(struct bmx_record_store *records, const struct bmx_record_key *name,
    const struct bmx_record *record)
{
	struct bmx_cache_store *store = store_of(records);
	struct bmx_cache_change change = {.record = *record};

	assert(name->kind == record->kind);
	if (!store->loop || bmx_cache_key_make(name, &change.key) != 0)
		return;
	change.expires_ms =
		bmx_clock_wall_ms(store->clock) + bmx_record_keep_ms(record);
	bmx_cache_make_room(store, &change.key);
	bmx_cache_overlay_put(store->overlay, &change);
	store->counters.puts++;
	bmx_cache_write_later(store);
}

static void
remove_record(struct bmx_record_store *records,
              const struct bmx_record_key *name)
{
	struct bmx_cache_store *store = store_of(records);
	struct bmx_cache_change change = {.removed = true};

	if (!store->loop || bmx_cache_key_make(name, &change.key) != 0)
		return;
	if (store->file)
		bmx_cache_make_room(store, &change.key);
	if (!store->file) {
		bmx_cache_overlay_forget(store->overlay, &change.key);
		return;
	}
	bmx_cache_overlay_put(store->overlay, &change);
	bmx_cache_write_later(store);
}

static bool
note_domain(struct bmx_cache_store *store, const struct bmx_cache_key *prefix)
{
	return bmx_cache_overlay_remove_domain(store->overlay, prefix,
	                                       store->file != NULL) == 0;
}

static void
remove_domain(struct bmx_record_store *records, enum bmx_record_kind kind,
              struct bmx_slice domain)
{
	struct bmx_cache_store *store = store_of(records);
	struct bmx_cache_key prefix;

	if (!store->loop || bmx_cache_key_prefix(kind, domain, &prefix) != 0)
		return;
	if (!note_domain(store, &prefix)) {
		bmx_cache_store_flush(store);
		if (!note_domain(store, &prefix))
			bmx_cache_start_anew_stuck(store);
	}
	bmx_cache_write_later(store);
}

static const struct bmx_record_store_ops ops = {
	.get = get,
	.cancel = cancel,
	.put = put,
	.remove = remove_record,
	.remove_domain = remove_domain,
};

/*
 * Opening and closing.
 */

static void
release(struct bmx_cache_store *store)
{
	if (store->loop) {
		bmx_timer_free(store->loop, &store->write_timer);
		bmx_timer_free(store->loop, &store->sweep_timer);
	}
	bmx_cache_file_free(&store->file);
	bmx_cache_overlay_free(&store->overlay);
	free(store->state_dir);
	free(store);
}

static struct bmx_cache_store *
new_store(const char *state_dir, size_t waiting_max)
{
	struct bmx_cache_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->head.ops = &ops;
	store->state_dir = strdup(state_dir);
	store->overlay = bmx_cache_overlay_new(waiting_max);
	if (store->state_dir && store->overlay)
		return store;
	release(store);
	return NULL;
}

static int
set_timers(struct bmx_cache_store *store)
{
	store->write_timer =
		bmx_timer_new(store->loop, bmx_cache_on_write, store);
	store->sweep_timer =
		bmx_timer_new(store->loop, bmx_cache_on_sweep, store);
	if (!store->write_timer || !store->sweep_timer)
		return -1;
	bmx_timer_set(store->loop, store->sweep_timer, BMX_CACHE_SWEEP_MS);
	return 0;
}

struct bmx_cache_store *
bmx_cache_store_open(const struct bmx_cache_options *options,
                     struct bmx_error *trouble_out)
{
	struct bmx_cache_store *store =
		new_store(options->state_dir, BMX_CACHE_WAITING_MAX);

	if (store) {
		store->loop = options->loop;
		store->clock = options->loop->clock;
	}
	if (!store || set_timers(store) != 0) {
		if (store)
			release(store);
		(void)bmx_error_set(trouble_out, BMX_E_NOMEM,
		                    "no memory for a cache");
		return NULL;
	}
	store->octets = options->most_octets ? options->most_octets :
					       BMX_CACHE_OCTETS_DEFAULT;
	store->most_records = options->most_records ? options->most_records :
						      BMX_CACHE_RECORDS_DEFAULT;
	for (int i = 0; i < BMX_RECORD_KINDS; i++)
		store->caps.records[i] = store->most_records;
	store->on_trouble = options->on_trouble;
	store->trouble_ctx = options->trouble_ctx;
	bmx_cache_open_first(store, trouble_out);
	return store;
}

struct bmx_cache_store *
bmx_cache_store_open_to_read(const char *state_dir,
                             const struct bmx_clock *clock,
                             struct bmx_error *err)
{
	struct bmx_cache_store *store = new_store(state_dir, 1);

	if (!store) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for a cache");
		return NULL;
	}
	store->clock = clock;
	store->file = bmx_cache_file_open(state_dir, true, READ_OCTETS, err);
	if (!store->file) {
		release(store);
		return NULL;
	}
	return store;
}

void
bmx_cache_store_free(struct bmx_cache_store **store)
{
	if (!*store)
		return;
	bmx_cache_store_flush(*store);
	release(*store);
	*store = NULL;
}

struct bmx_record_store *
bmx_cache_store_records(struct bmx_cache_store *store)
{
	return &store->head;
}

bool
bmx_cache_store_has_file(const struct bmx_cache_store *store)
{
	return store->file != NULL;
}

/*
 * All records.
 */

struct each {
	struct bmx_cache_store *store;
	int64_t now_ms;
	bmx_cache_record_cb *cb;
	void *ctx;
};

static int
show(const struct each *each, const struct bmx_cache_key *key,
     const struct bmx_record *record, int64_t expires_ms)
{
	struct bmx_record_key name;

	if (expires_ms <= each->now_ms ||
	    bmx_cache_key_read(key->kind, key->octets, key->len, &name) != 0)
		return 0;
	return each->cb(each->ctx, &name, record);
}

static int
show_waiting(const struct each *each, enum bmx_record_kind kind)
{
	const struct bmx_cache_overlay *overlay = each->store->overlay;
	const struct bmx_cache_change *change =
		bmx_cache_overlay_first(overlay);
	int stopped = 0;

	for (; change && stopped == 0;
	     change = bmx_cache_overlay_next(overlay, change))
		if (!change->removed && change->key.kind == kind)
			stopped = show(each, &change->key, &change->record,
			               change->expires_ms);
	return stopped;
}

static int
show_stored(void *ctx, const struct bmx_cache_key *key,
            const struct bmx_record *record, int64_t expires_ms)
{
	const struct each *each = ctx;

	if (bmx_cache_overlay_find(each->store->overlay, key) ||
	    bmx_cache_overlay_hides(each->store->overlay, key))
		return 0;
	return show(each, key, record, expires_ms);
}

int
bmx_cache_store_each(struct bmx_cache_store *store, enum bmx_record_kind kind,
                     bmx_cache_record_cb *cb, void *ctx, struct bmx_error *err)
{
	struct each each = {store, bmx_clock_wall_ms(store->clock), cb, ctx};
	int rc = 0;

	for (int i = 0; i < BMX_RECORD_KINDS && rc == 0; i++) {
		const enum bmx_record_kind one = (enum bmx_record_kind)i;

		if (kind != BMX_RECORD_KINDS && kind != one)
			continue;
		rc = show_waiting(&each, one);
		if (rc == 0 && store->file)
			rc = bmx_cache_file_each(store->file, one, show_stored,
			                         &each, err);
	}
	return rc;
}

void
bmx_cache_store_count(const struct bmx_cache_store *store,
                      struct bmx_cache_counters *counters_out)
{
	*counters_out = store->counters;
	counters_out->waiting = bmx_cache_overlay_count(store->overlay);
	for (int i = 0; i < BMX_RECORD_KINDS && store->file; i++)
		counters_out->records[i] = bmx_cache_file_count(
			store->file, (enum bmx_record_kind)i);
}
