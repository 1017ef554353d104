#include "cache_overlay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>

/* A slot is in one chain of the table and in the list by age, or free. The
 * list's ends are linked to slot `max`, which holds no change. */
struct slot {
	struct bmx_cache_change change; /* first: a change is its slot */
	size_t chain;                   /* next of the same bucket, or max */
	size_t newer, older;
};

struct bmx_cache_overlay {
	size_t max;
	size_t count;
	size_t free; /* first free slot, by `chain`; max: none */
	struct slot *slots;
	size_t *buckets; /* max of them: max is none */
	uint8_t hash_key[BMX_SIPHASH_KEY_SIZE];
	size_t domain_count;
	struct bmx_cache_key domains[BMX_CACHE_DOMAINS_WAITING_MAX];
};

struct bmx_cache_overlay *
bmx_cache_overlay_new(size_t max)
{
	struct bmx_cache_overlay *overlay = calloc(1, sizeof(*overlay));

	assert(max > 0);
	if (!overlay)
		return NULL;
	overlay->max = max;
	overlay->slots = calloc(max + 1, sizeof(*overlay->slots));
	overlay->buckets = calloc(max, sizeof(*overlay->buckets));
	if (!overlay->slots || !overlay->buckets) {
		bmx_cache_overlay_free(&overlay);
		return NULL;
	}
	bmx_siphash_random_key(overlay->hash_key);
	bmx_cache_overlay_clear(overlay);
	return overlay;
}

void
bmx_cache_overlay_free(struct bmx_cache_overlay **overlay)
{
	if (!*overlay)
		return;
	free((*overlay)->slots);
	free((*overlay)->buckets);
	free(*overlay);
	*overlay = NULL;
}

void
bmx_cache_overlay_clear(struct bmx_cache_overlay *overlay)
{
	const size_t max = overlay->max;

	for (size_t i = 0; i < max; i++) {
		overlay->buckets[i] = max;
		overlay->slots[i].chain = i + 1;
	}
	overlay->slots[max].newer = overlay->slots[max].older = max;
	overlay->free = 0;
	overlay->count = 0;
	overlay->domain_count = 0;
}

size_t
bmx_cache_overlay_count(const struct bmx_cache_overlay *overlay)
{
	return overlay->count + overlay->domain_count;
}

bool
bmx_cache_overlay_is_full(const struct bmx_cache_overlay *overlay)
{
	return overlay->count == overlay->max;
}

static size_t *
bucket_of(const struct bmx_cache_overlay *overlay,
          const struct bmx_cache_key *key)
{
	const uint64_t hash =
		bmx_siphash24(overlay->hash_key, key->octets, key->len) +
		(uint64_t)key->kind;

	return &overlay->buckets[hash % overlay->max];
}

static size_t
find_slot(const struct bmx_cache_overlay *overlay,
          const struct bmx_cache_key *key)
{
	size_t at = *bucket_of(overlay, key);

	while (at != overlay->max &&
	       !bmx_cache_key_equal(&overlay->slots[at].change.key, key))
		at = overlay->slots[at].chain;
	return at;
}

const struct bmx_cache_change *
bmx_cache_overlay_find(const struct bmx_cache_overlay *overlay,
                       const struct bmx_cache_key *key)
{
	const size_t at = find_slot(overlay, key);

	return at == overlay->max ? NULL : &overlay->slots[at].change;
}

static void
link_newest(struct bmx_cache_overlay *overlay, size_t at)
{
	struct slot *slots = overlay->slots;
	const size_t ends = overlay->max;

	slots[at].newer = ends;
	slots[at].older = slots[ends].older;
	slots[slots[ends].older].newer = at;
	slots[ends].older = at;
}

static void
unlink_age(struct bmx_cache_overlay *overlay, size_t at)
{
	struct slot *slots = overlay->slots;

	slots[slots[at].older].newer = slots[at].newer;
	slots[slots[at].newer].older = slots[at].older;
}

void
bmx_cache_overlay_put(struct bmx_cache_overlay *overlay,
                      const struct bmx_cache_change *change)
{
	size_t at = find_slot(overlay, &change->key);
	size_t *bucket;

	if (at != overlay->max) {
		unlink_age(overlay, at);
	} else {
		at = overlay->free;
		assert(at != overlay->max);
		overlay->free = overlay->slots[at].chain;
		bucket = bucket_of(overlay, &change->key);
		overlay->slots[at].chain = *bucket;
		*bucket = at;
		overlay->count++;
	}
	overlay->slots[at].change = *change;
	link_newest(overlay, at);
}

static void
forget_slot(struct bmx_cache_overlay *overlay, size_t at)
{
	size_t *from = bucket_of(overlay, &overlay->slots[at].change.key);

	while (*from != at)
		from = &overlay->slots[*from].chain;
	*from = overlay->slots[at].chain;
	unlink_age(overlay, at);
	overlay->slots[at].chain = overlay->free;
	overlay->free = at;
	overlay->count--;
}

void
bmx_cache_overlay_forget(struct bmx_cache_overlay *overlay,
                         const struct bmx_cache_key *key)
{
	const size_t at = find_slot(overlay, key);

	if (at != overlay->max)
		forget_slot(overlay, at);
}

void
bmx_cache_overlay_forget_oldest(struct bmx_cache_overlay *overlay)
{
	if (overlay->count > 0)
		forget_slot(overlay, overlay->slots[overlay->max].newer);
}

bool
bmx_cache_overlay_hides(const struct bmx_cache_overlay *overlay,
                        const struct bmx_cache_key *key)
{
	for (size_t i = 0; i < overlay->domain_count; i++)
		if (bmx_cache_key_has_prefix(key, &overlay->domains[i]))
			return true;
	return false;
}

int
bmx_cache_overlay_remove_domain(struct bmx_cache_overlay *overlay,
                                const struct bmx_cache_key *prefix, bool noted)
{
	size_t at = overlay->slots[overlay->max].newer;

	while (at != overlay->max) {
		const size_t next = overlay->slots[at].newer;

		if (bmx_cache_key_has_prefix(&overlay->slots[at].change.key,
		                             prefix))
			forget_slot(overlay, at);
		at = next;
	}
	if (!noted || bmx_cache_overlay_hides(overlay, prefix))
		return 0;
	if (overlay->domain_count == BMX_CACHE_DOMAINS_WAITING_MAX)
		return -1;
	overlay->domains[overlay->domain_count++] = *prefix;
	return 0;
}

void
bmx_cache_overlay_forget_removals(struct bmx_cache_overlay *overlay)
{
	size_t at = overlay->slots[overlay->max].newer;

	while (at != overlay->max) {
		const size_t next = overlay->slots[at].newer;

		if (overlay->slots[at].change.removed)
			forget_slot(overlay, at);
		at = next;
	}
	overlay->domain_count = 0;
}

const struct bmx_cache_key *
bmx_cache_overlay_domain(const struct bmx_cache_overlay *overlay, size_t number)
{
	return number < overlay->domain_count ? &overlay->domains[number] :
						NULL;
}

static const struct bmx_cache_change *
change_at(const struct bmx_cache_overlay *overlay, size_t at)
{
	return at == overlay->max ? NULL : &overlay->slots[at].change;
}

const struct bmx_cache_change *
bmx_cache_overlay_first(const struct bmx_cache_overlay *overlay)
{
	return change_at(overlay, overlay->slots[overlay->max].newer);
}

const struct bmx_cache_change *
bmx_cache_overlay_next(const struct bmx_cache_overlay *overlay,
                       const struct bmx_cache_change *change)
{
	const struct slot *slot = (const struct slot *)change;

	return change_at(overlay, slot->newer);
}
