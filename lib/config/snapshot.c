/* The snapshot: its memory, its references, and the table of domains. */
#include <stdlib.h>

#include "config_priv.h"

struct config_snapshot *
config_snapshot_new(void)
{
	struct bmx_arena *arena = bmx_arena_new(CONFIG_ARENA_MAX);
	struct config_snapshot *snapshot = NULL;

	if (arena)
		snapshot = bmx_arena_alloc(arena, sizeof(*snapshot));
	if (!snapshot) {
		bmx_arena_free(&arena);
		return NULL;
	}
	snapshot->arena = arena;
	atomic_init(&snapshot->references, 1U);
	bmx_siphash_random_key(snapshot->hash_key);
	return snapshot;
}

struct bmx_config *
bmx_config_ref(struct bmx_config *config)
{
	struct config_snapshot *snapshot = (struct config_snapshot *)config;

	(void)atomic_fetch_add_explicit(&snapshot->references, 1U,
	                                memory_order_relaxed);
	return config;
}

void
bmx_config_unref(struct bmx_config **config)
{
	struct config_snapshot *snapshot = (struct config_snapshot *)*config;
	struct bmx_arena *arena;
	struct bmx_config *base;

	*config = NULL;
	if (!snapshot ||
	    atomic_fetch_sub_explicit(&snapshot->references, 1U,
	                              memory_order_acq_rel) != 1U)
		return;
	arena = snapshot->arena; /* the snapshot is in it */
	base = snapshot->base;
	bmx_arena_free(&arena);
	if (base) /* a file's own snapshot: it has none */
		bmx_config_unref(&base);
}

/* The slot of domain, or the free one where it belongs. */
static size_t
find_slot(const struct config_snapshot *snapshot, struct bmx_slice domain)
{
	const size_t mask = snapshot->slot_count - 1;
	size_t slot = (size_t)bmx_siphash24(snapshot->hash_key, domain.data,
	                                    domain.len) &
		mask;

	while (snapshot->slots[slot] != 0) {
		const size_t index = snapshot->slots[slot] - 1;
		const char *name = snapshot->config.domains[index].name;

		if (bmx_slice_equal(bmx_slice_of(name), domain))
			break;
		slot = (slot + 1) & mask;
	}
	return slot;
}

int
config_snapshot_index(struct config_snapshot *snapshot)
{
	const struct bmx_config *config = &snapshot->config;

	snapshot->slot_count = 8;
	while (snapshot->slot_count < config->domain_count * 2)
		snapshot->slot_count *= 2;
	snapshot->slots = bmx_arena_alloc(snapshot->arena,
	                                  snapshot->slot_count *
	                                          sizeof(*snapshot->slots));
	if (!snapshot->slots)
		return -1;
	for (size_t i = 0; i < config->domain_count; i++) {
		const char *name = config->domains[i].name;

		const size_t slot = find_slot(snapshot, bmx_slice_of(name));

		/* The first of a name stays; the loader reports the others. */
		if (snapshot->slots[slot] == 0)
			snapshot->slots[slot] = i + 1;
		if (!snapshot->any && strcmp(name, "*") == 0)
			snapshot->any = &config->domains[i];
	}
	return 0;
}

const struct bmx_config_domain *
bmx_config_find_domain(const struct bmx_config *config, struct bmx_slice domain)
{
	const struct config_snapshot *snapshot =
		(const struct config_snapshot *)config;
	const size_t slot = find_slot(snapshot, domain);
	const size_t index = snapshot->slots[slot];

	if (index == 0 || bmx_slice_equal(domain, BMX_SLICE("*")))
		return NULL;
	return &config->domains[index - 1];
}

const struct bmx_config_domain *
bmx_config_any_domain(const struct bmx_config *config)
{
	return ((const struct config_snapshot *)config)->any;
}
