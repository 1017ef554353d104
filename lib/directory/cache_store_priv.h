/*
 * cache_store_priv.h - what the two files of the cache store share:
 * cache_store.c (the interface) and cache_upkeep.c (the file's upkeep).
 */
#ifndef BACKUPMX_CACHE_STORE_PRIV_H
#define BACKUPMX_CACHE_STORE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/cache_store.h>

#include "cache_file.h"
#include "cache_form.h"
#include "cache_overlay.h"

/* Of each kind. A kind that has reached its cap is pressed until a tenth of
 * the cap is free. */
struct bmx_cache_upkeep {
	struct bmx_cache_sweep sweep;
	bool pressed;
	int64_t horizon_ms;
};

struct bmx_cache_store {
	struct bmx_record_store head; /* first: the interface's view */
	const struct bmx_clock *clock;
	struct bmx_loop *loop; /* NULL: opened to read */
	struct bmx_timer *write_timer;
	struct bmx_timer *sweep_timer;
	bool write_due;              /* write_timer is set */
	struct bmx_cache_file *file; /* NULL: memory alone */
	struct bmx_cache_overlay *overlay;
	char *state_dir;
	size_t octets;
	uint64_t most_records;
	struct bmx_cache_caps caps; /* most_records, or lower */
	struct bmx_cache_upkeep upkeep[BMX_RECORD_KINDS];
	bmx_cache_trouble_cb *on_trouble;
	void *trouble_ctx;
	int64_t next_trouble_ms; /* monotonic */
	uint64_t lost_untold;
	struct bmx_cache_counters counters;
};

/** Opens the file, or makes it, for the first time; a damaged one is set aside.
 * *err as bmx_cache_store_open's trouble. */
void bmx_cache_open_first(struct bmx_cache_store *store, struct bmx_error *err);

/** Gives the file up for that reason and makes a new one: a corrupt one is set
 * aside, another removed. What must not come back from it is gone with it. */
void bmx_cache_start_anew(struct bmx_cache_store *store,
                          const struct bmx_error *why);

/** As bmx_cache_start_anew, for a file into which removals cannot go. */
void bmx_cache_start_anew_stuck(struct bmx_cache_store *store);

/** Tells the owner of the store, at most once an interval. */
void bmx_cache_tell(struct bmx_cache_store *store, const struct bmx_error *err);

/** Makes room for a change of that key in the overlay. */
void bmx_cache_make_room(struct bmx_cache_store *store,
                         const struct bmx_cache_key *key);

/** Has what waits written within BMX_CACHE_WRITE_MS. */
void bmx_cache_write_later(struct bmx_cache_store *store);

/** The callbacks of the two timers. */
void bmx_cache_on_write(void *ctx);
void bmx_cache_on_sweep(void *ctx);

#endif
