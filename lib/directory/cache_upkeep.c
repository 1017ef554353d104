#include "cache_store_priv.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cache_check.h"
#include "lmdb_file.h"

/* One step of a sweep: some milliseconds. */
#define SWEEP_LOOKS 20000
#define SWEEP_REMOVES 2000
/* How much sooner records go when a round did not make room enough: those
 * that expire first go first, more or less. */
#define HORIZON_STEP_MS (INT64_C(12) * 3600 * 1000)
/* Of a kind's cap, what leaves room enough. */
#define ENOUGH_ROOM(cap) ((cap) - (cap) / 10)

static void
file_path(const struct bmx_cache_store *store, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s", store->state_dir,
	               BMX_CACHE_FILE_NAME);
}

/*
 * Trouble.
 */

void
bmx_cache_tell(struct bmx_cache_store *store, const struct bmx_error *err)
{
	const int64_t now_ms = bmx_clock_mono_ms(store->clock);
	const uint64_t lost = store->lost_untold;

	if (now_ms < store->next_trouble_ms || !store->on_trouble)
		return;
	store->next_trouble_ms = now_ms + BMX_CACHE_TROUBLE_MS;
	store->lost_untold = 0;
	store->on_trouble(store->trouble_ctx, err, lost);
}

static void
lose(struct bmx_cache_store *store, uint64_t lost)
{
	store->counters.lost += lost;
	store->lost_untold += lost;
}

static void
tell_full(struct bmx_cache_store *store)
{
	struct bmx_error err;

	(void)bmx_error_set(&err, BMX_E_FULL,
	                    "%s/" BMX_CACHE_FILE_NAME
	                    ": full, new records are dropped",
	                    store->state_dir);
	bmx_cache_tell(store, &err);
}

/*
 * The file: opened, given up, made anew.
 */

static void
open_file(struct bmx_cache_store *store, struct bmx_error *err)
{
	store->file = bmx_cache_file_open(store->state_dir, false,
	                                  store->octets, err);
}

static int
set_aside(const struct bmx_cache_store *store, struct bmx_error *err)
{
	const struct bmx_error why = *err;
	char path[PATH_MAX];

	file_path(store, path);
	if (bmx_lmdb_set_aside(path) != 0)
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "%s; it cannot be set aside", why.text);
	return bmx_error_set(err, BMX_E_CORRUPT,
	                     "%s; set aside as " BMX_CACHE_FILE_NAME ".bad",
	                     why.text);
}

/* *err keeps the first trouble: that there was another file. */
void
bmx_cache_open_first(struct bmx_cache_store *store, struct bmx_error *err)
{
	struct bmx_error next = {.code = BMX_E_NONE};

	err->code = BMX_E_NONE;
	if (bmx_cache_check(store->state_dir, err) != 0)
		(void)set_aside(store, err);
	open_file(store, &next);
	if (!store->file && next.code == BMX_E_CORRUPT) {
		*err = next;
		(void)set_aside(store, err);
		open_file(store, &next);
	}
	if (!store->file)
		*err = next;
}

/* What must not come back from the old file is gone with it. */
void
bmx_cache_start_anew(struct bmx_cache_store *store, const struct bmx_error *why)
{
	struct bmx_error err = *why;
	char path[PATH_MAX];

	bmx_cache_file_free(&store->file);
	file_path(store, path);
	if (why->code == BMX_E_CORRUPT)
		(void)set_aside(store, &err);
	else
		bmx_lmdb_unlink(path);
	bmx_cache_overlay_forget_removals(store->overlay);
	memset(store->upkeep, 0, sizeof(store->upkeep));
	for (int i = 0; i < BMX_RECORD_KINDS; i++)
		store->caps.records[i] = store->most_records;
	store->next_trouble_ms = 0; /* worth a line of its own */
	bmx_cache_tell(store, &err);
	open_file(store, &err);
}

void
bmx_cache_start_anew_stuck(struct bmx_cache_store *store)
{
	struct bmx_error err;

	(void)bmx_error_set(&err, BMX_E_FULL,
	                    "%s/" BMX_CACHE_FILE_NAME
	                    ": removals cannot be written, it is made anew",
	                    store->state_dir);
	bmx_cache_start_anew(store, &err);
}

/*
 * Writing.
 */

void
bmx_cache_write_later(struct bmx_cache_store *store)
{
	if (!store->file || store->write_due)
		return;
	store->write_due = true;
	bmx_timer_set(store->loop, store->write_timer, BMX_CACHE_WRITE_MS);
}

static void
press(struct bmx_cache_store *store)
{
	for (int i = 0; i < BMX_RECORD_KINDS; i++) {
		struct bmx_cache_upkeep *upkeep = &store->upkeep[i];
		const uint64_t count = bmx_cache_file_count(
			store->file, (enum bmx_record_kind)i);

		if (upkeep->pressed || count < store->caps.records[i])
			continue;
		upkeep->pressed = true;
		bmx_timer_set(store->loop, store->sweep_timer,
		              BMX_CACHE_WRITE_MS);
	}
}

/* The file takes fewer octets than its records would need: their caps go down
 * until the next start, each when it has come down to the one before. */
static void
lower_caps(struct bmx_cache_store *store)
{
	for (int i = 0; i < BMX_RECORD_KINDS; i++) {
		const uint64_t count = bmx_cache_file_count(
			store->file, (enum bmx_record_kind)i);

		if (count > 0 && count <= store->caps.records[i])
			store->caps.records[i] = count - count / 10;
	}
}

static void
write_failed(struct bmx_cache_store *store, const struct bmx_error *err)
{
	store->counters.write_errors++;
	if (err->code == BMX_E_CORRUPT)
		bmx_cache_start_anew(store, err);
	else if (bmx_cache_file_is_stuck(store->file))
		bmx_cache_start_anew_stuck(store);
	else
		bmx_cache_tell(store, err);
	bmx_cache_write_later(store);
}

void
bmx_cache_store_flush(struct bmx_cache_store *store)
{
	struct bmx_error err;
	uint64_t lost;

	if (!store->file || bmx_cache_overlay_count(store->overlay) == 0)
		return;
	bmx_timer_cancel(store->loop, store->write_timer);
	store->write_due = false;
	if (bmx_cache_file_is_full(store->file))
		lower_caps(store);
	if (bmx_cache_file_write(store->file, store->overlay, &store->caps,
	                         &lost, &err) != 0) {
		write_failed(store, &err);
		return;
	}
	bmx_cache_overlay_clear(store->overlay);
	lose(store, lost);
	if (lost > 0)
		tell_full(store);
	press(store);
}

void
bmx_cache_on_write(void *ctx)
{
	struct bmx_cache_store *store = ctx;

	store->write_due = false;
	bmx_cache_store_flush(store);
}

/* May a change that waits be dropped, because what the file has instead is
 * nothing, or as good? */
static bool
is_spare(struct bmx_cache_store *store, const struct bmx_cache_change *change)
{
	const struct bmx_verification *new = &change->record.as.verification;
	struct bmx_record old;
	int64_t expires_ms;
	const int found = bmx_cache_file_get(store->file, &change->key, &old,
	                                     &expires_ms, NULL);

	if (change->removed || found < 0)
		return false;
	if (found == 0)
		return true;
	switch (change->key.kind) {
	case BMX_RECORD_VERIFICATION:
		return new->result == old.as.verification.result &&new->state ==
			old.as.verification.state;
	case BMX_RECORD_GATE:
		return true;
	case BMX_RECORD_PRIMARY:
	case BMX_RECORD_KINDS:
		break;
	}
	return false;
}

/* While the disk is full nothing can be written; what is in the file is worth
 * more than what is new. */
static void
shed(struct bmx_cache_store *store)
{
	const struct bmx_cache_change *change =
		bmx_cache_overlay_first(store->overlay);

	while (change) {
		const struct bmx_cache_change *next =
			bmx_cache_overlay_next(store->overlay, change);

		if (is_spare(store, change)) {
			bmx_cache_overlay_forget(store->overlay, &change->key);
			lose(store, 1);
		}
		change = next;
	}
}

void
bmx_cache_make_room(struct bmx_cache_store *store,
                    const struct bmx_cache_key *key)
{
	if (!bmx_cache_overlay_is_full(store->overlay) ||
	    bmx_cache_overlay_find(store->overlay, key))
		return;
	bmx_cache_store_flush(store);
	if (store->file && bmx_cache_overlay_is_full(store->overlay))
		shed(store);
	if (store->file && bmx_cache_overlay_is_full(store->overlay)) {
		bmx_cache_start_anew_stuck(store);
		bmx_cache_store_flush(store);
	}
	if (bmx_cache_overlay_is_full(store->overlay)) {
		bmx_cache_overlay_forget_oldest(store->overlay);
		lose(store, 1);
	}
}

/*
 * Sweeping.
 */

/* How many records a step may remove: those before their time only as long as
 * there is not room enough. */
static size_t
removes_of(const struct bmx_cache_store *store, enum bmx_record_kind kind)
{
	const uint64_t count = bmx_cache_file_count(store->file, kind);
	const uint64_t enough = ENOUGH_ROOM(store->caps.records[kind]);

	if (store->upkeep[kind].horizon_ms == 0 ||
	    count > enough + SWEEP_REMOVES)
		return SWEEP_REMOVES;
	return count > enough ? (size_t)(count - enough) : 0;
}

static void
sweep_kind(struct bmx_cache_store *store, enum bmx_record_kind kind)
{
	struct bmx_cache_upkeep *upkeep = &store->upkeep[kind];
	const int64_t until_ms =
		bmx_clock_wall_ms(store->clock) + upkeep->horizon_ms;
	struct bmx_error err;
	size_t removed;
	const int rc = bmx_cache_file_sweep(
		store->file, kind, &upkeep->sweep, until_ms, SWEEP_LOOKS,
		removes_of(store, kind), &removed, &err);

	store->counters.expired += removed;
	if (rc < 0) {
		write_failed(store, &err);
		return;
	}
	if (bmx_cache_file_count(store->file, kind) <=
	    ENOUGH_ROOM(store->caps.records[kind])) {
		upkeep->pressed = false;
		upkeep->horizon_ms = 0;
	} else if (rc == 1 && upkeep->pressed) {
		upkeep->horizon_ms += HORIZON_STEP_MS;
	}
}

/* A file whose place is free again, as after a full disk. */
static void
try_file(struct bmx_cache_store *store)
{
	struct bmx_error err;
	char path[PATH_MAX];

	file_path(store, path);
	if (access(path, F_OK) == 0)
		return;
	open_file(store, &err);
	if (bmx_cache_overlay_count(store->overlay) > 0)
		bmx_cache_write_later(store);
}

void
bmx_cache_on_sweep(void *ctx)
{
	struct bmx_cache_store *store = ctx;
	bool pressed = false;

	for (int i = 0; i < BMX_RECORD_KINDS && store->file; i++) {
		sweep_kind(store, (enum bmx_record_kind)i);
		pressed = pressed || store->upkeep[i].pressed;
	}
	if (!store->file)
		try_file(store);
	bmx_timer_set(store->loop, store->sweep_timer,
	              pressed ? BMX_CACHE_WRITE_MS : BMX_CACHE_SWEEP_MS);
}
