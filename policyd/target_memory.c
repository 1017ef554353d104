#include "policyd/target_memory.h"

#include <string.h>

bool
bmx_target_name_equal(const struct bmx_target_name *a,
                      const struct bmx_target_name *b)
{
	return a->len == b->len &&
		memcmp(&a->address, &b->address, a->len) == 0;
}

/* Its place, or BMX_TARGET_MEMORY_MAX. */
static size_t
find(const struct bmx_target_memory *memory, const struct bmx_target_name *name)
{
	size_t i = 0;

	while (i < BMX_TARGET_MEMORY_MAX &&
	       (memory->entries[i].until_ms == 0 ||
	        !bmx_target_name_equal(&memory->entries[i].name, name)))
		i++;
	return i;
}

/* The place whose time is over first; a free one before all. */
static size_t
oldest(const struct bmx_target_memory *memory)
{
	size_t found = 0;

	for (size_t i = 1; i < BMX_TARGET_MEMORY_MAX; i++)
		if (memory->entries[i].until_ms <
		    memory->entries[found].until_ms)
			found = i;
	return found;
}

void
bmx_target_memory_failed(struct bmx_target_memory *memory,
                         const struct bmx_target_name *name, int64_t now_ms)
{
	size_t at = find(memory, name);

	if (at == BMX_TARGET_MEMORY_MAX)
		at = oldest(memory);
	memory->entries[at].name = *name;
	memory->entries[at].until_ms = now_ms + BMX_TARGET_MEMORY_MS;
}

void
bmx_target_memory_works(struct bmx_target_memory *memory,
                        const struct bmx_target_name *name)
{
	const size_t at = find(memory, name);

	if (at < BMX_TARGET_MEMORY_MAX)
		memory->entries[at].until_ms = 0;
}

bool
bmx_target_memory_has(const struct bmx_target_memory *memory,
                      const struct bmx_target_name *name, int64_t now_ms)
{
	const size_t at = find(memory, name);

	return at < BMX_TARGET_MEMORY_MAX &&
		now_ms < memory->entries[at].until_ms;
}
