#include <backupmx/arena.h>

#include <stdalign.h>
#include <stdlib.h>

/* Octets of an ordinary block; larger pieces get a block of their own. */
#define BLOCK_SIZE ((size_t)4096)

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char bytes[];
};

struct bmx_arena {
	struct block *blocks; /* the first is the one that is filled */
	size_t max_bytes;
	size_t total;
};

struct bmx_arena *
bmx_arena_new(size_t max_bytes)
{
	struct bmx_arena *arena = calloc(1, sizeof(*arena));

	if (arena)
		arena->max_bytes = max_bytes;
	return arena;
}

static void
free_blocks(struct block *block)
{
	while (block) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
}

void
bmx_arena_free(struct bmx_arena **arena)
{
	if (!*arena)
		return;
	free_blocks((*arena)->blocks);
	free(*arena);
	*arena = NULL;
}

static struct block *
add_block(struct bmx_arena *arena, size_t need)
{
	const size_t size = need > BLOCK_SIZE ? need : BLOCK_SIZE;
	struct block *block = malloc(sizeof(*block) + size);

	if (!block)
		return NULL;
	*block = (struct block){.next = arena->blocks, .size = size};
	arena->blocks = block;
	return block;
}

void *
bmx_arena_alloc(struct bmx_arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct block *block = arena->blocks;
	size_t need;
	void *piece;

	if (size > arena->max_bytes - arena->total)
		return NULL;
	need = size > 0 ? (size + align - 1) / align * align : align;
	if (!block || need > block->size - block->used)
		block = add_block(arena, need);
	if (!block)
		return NULL;
	piece = block->bytes + block->used;
	block->used += need;
	arena->total += size;
	return memset(piece, 0, need);
}

char *
bmx_arena_copy(struct bmx_arena *arena, struct bmx_slice bytes)
{
	char *copy = bytes.len < (size_t)-1 ?
		bmx_arena_alloc(arena, bytes.len + 1) :
		NULL;

	if (copy && bytes.len > 0)
		memcpy(copy, bytes.data, bytes.len);
	return copy;
}

void
bmx_arena_reset(struct bmx_arena *arena)
{
	struct block *keep = arena->blocks;

	if (keep) {
		free_blocks(keep->next);
		keep->next = NULL;
		keep->used = 0;
	}
	arena->total = 0;
}
