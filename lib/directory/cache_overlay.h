/*
 * cache_overlay.h - changes to records that are not in the file yet, in
 * memory, in the order in which they came. Bounded; no allocation after new.
 */
#ifndef BACKUPMX_CACHE_OVERLAY_H
#define BACKUPMX_CACHE_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/record.h>

#include "cache_form.h"

/** Domains whose removal may wait. */
#define BMX_CACHE_DOMAINS_WAITING_MAX ((size_t)64)

struct bmx_cache_overlay;

/** One change. */
struct bmx_cache_change {
	struct bmx_cache_key key;
	bool removed; /* else put: what follows */
	int64_t expires_ms;
	struct bmx_record record;
};

/** An overlay for at most max changes, which the caller frees; NULL when
 * memory is short. */
struct bmx_cache_overlay *bmx_cache_overlay_new(size_t max);

/** Frees *overlay and sets it to NULL. NULL is fine. */
void bmx_cache_overlay_free(struct bmx_cache_overlay **overlay);

/** Changes that wait, removed domains included. */
size_t bmx_cache_overlay_count(const struct bmx_cache_overlay *overlay);

/** Is there no room for a change of another key? */
bool bmx_cache_overlay_is_full(const struct bmx_cache_overlay *overlay);

/** The change of that key, void at the next change of the overlay, or NULL. */
const struct bmx_cache_change *
bmx_cache_overlay_find(const struct bmx_cache_overlay *overlay,
                       const struct bmx_cache_key *key);

/** Notes a change, in place of an older one of the same key. The overlay must
 * have room. */
void bmx_cache_overlay_put(struct bmx_cache_overlay *overlay,
                           const struct bmx_cache_change *change);

/** Forgets the change of that key, if there is one. */
void bmx_cache_overlay_forget(struct bmx_cache_overlay *overlay,
                              const struct bmx_cache_key *key);

/** Forgets the change that came first, if there is one. */
void bmx_cache_overlay_forget_oldest(struct bmx_cache_overlay *overlay);

/** Forgets all changes of records of a domain; with noted, notes that the
 * domain's records are removed. @return 0, or -1 when too many are noted */
int bmx_cache_overlay_remove_domain(struct bmx_cache_overlay *overlay,
                                    const struct bmx_cache_key *prefix,
                                    bool noted);

/** Forgets all removals, those of domains too: what they hide is gone. */
void bmx_cache_overlay_forget_removals(struct bmx_cache_overlay *overlay);

/** Is it noted that this record's domain is removed? */
bool bmx_cache_overlay_hides(const struct bmx_cache_overlay *overlay,
                             const struct bmx_cache_key *key);

/** The noted domain with that number, or NULL. They come before all changes. */
const struct bmx_cache_key *
bmx_cache_overlay_domain(const struct bmx_cache_overlay *overlay,
                         size_t number);

/** The change that came first, or the one after; NULL at the end. */
const struct bmx_cache_change *
bmx_cache_overlay_first(const struct bmx_cache_overlay *overlay);
const struct bmx_cache_change *
bmx_cache_overlay_next(const struct bmx_cache_overlay *overlay,
                       const struct bmx_cache_change *change);

/** Forgets everything. */
void bmx_cache_overlay_clear(struct bmx_cache_overlay *overlay);

#endif
