/*
 * top.h - counts keys in bounded memory: the most frequent ones are right.
 *
 * Up to its capacity a table is exact. When a further key comes to a full
 * table all counts go down by one and those at zero make room (Misra and
 * Gries, 1982): then counts are too low by at most bmxctl_top_missing, and a
 * key that came more often than that is in the table. Not for several threads.
 */
#ifndef BACKUPMX_CTL_REPORT_TOP_H
#define BACKUPMX_CTL_REPORT_TOP_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/slice.h>

/** Octets of a key that are kept, terminator included; longer ones are cut. */
#define BMXCTL_TOP_KEY ((size_t)200)

struct bmxctl_top;

/** Returns a table of capacity keys, at least 1, that the caller frees, or
 * NULL when memory is short. */
struct bmxctl_top *bmxctl_top_new(size_t capacity);

/** Frees *top and sets it to NULL. NULL is fine. */
void bmxctl_top_free(struct bmxctl_top **top);

/** Counts key once; control characters in it become '?'. */
void bmxctl_top_add(struct bmxctl_top *top, struct bmx_slice key);

/** All that was counted. */
uint64_t bmxctl_top_total(const struct bmxctl_top *top);

/** By how much counts may be too low. */
uint64_t bmxctl_top_missing(const struct bmxctl_top *top);

/** Sorts: the greatest count first, then by key. After that nothing more is
 * added. */
void bmxctl_top_sort(struct bmxctl_top *top);

/** Keys. */
size_t bmxctl_top_count(const struct bmxctl_top *top);

/** The key of that place, less than bmxctl_top_count, and its count; borrowed
 * from top. */
const char *bmxctl_top_key(const struct bmxctl_top *top, size_t place,
                           uint64_t *count_out);

#endif
