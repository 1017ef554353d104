/*
 * arena.h - memory that lives as long as one request or one snapshot and is
 * given back in one call. Not for several threads.
 */
#ifndef BACKUPMX_ARENA_H
#define BACKUPMX_ARENA_H

#include <stddef.h>

#include <backupmx/slice.h>

struct bmx_arena;

/**
 * Makes an arena that hands out at most max_bytes in all until it is reset.
 * @return the arena, which the caller frees, or NULL when memory is short
 */
struct bmx_arena *bmx_arena_new(size_t max_bytes);

/** Frees *arena and all it handed out, and sets it to NULL. NULL is fine. */
void bmx_arena_free(struct bmx_arena **arena);

/**
 * Hands out size zeroed octets, aligned for any type; valid until the arena
 * is reset or freed.
 * @return NULL when memory is short or max_bytes would be passed
 */
void *bmx_arena_alloc(struct bmx_arena *arena, size_t size);

/** A terminated copy of bytes, or NULL as bmx_arena_alloc. */
char *bmx_arena_copy(struct bmx_arena *arena, struct bmx_slice bytes);

/** Takes all back at once; what was handed out is void. */
void bmx_arena_reset(struct bmx_arena *arena);

#endif
