/*
 * list_diff.h - what leads from one list to another, as members that go and
 * come: what a log entry holds, and what SREM and SADD take. Pure.
 */
#ifndef BACKUPMX_LIST_DIFF_H
#define BACKUPMX_LIST_DIFF_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/slice.h>

/** Members, each with a line feed behind it. */
struct bmx_list_members {
	char *data;
	size_t len;
	size_t size;
};

/** A comparison: begin, each entry of the old list in order, end. */
struct bmx_list_diff {
	const struct bmx_list_entry *entries; /* the new list */
	size_t count;
	size_t at;
	bmx_list_change_cb *on_change; /* may be NULL */
	void *ctx;
	uint64_t before; /* entries of the old list */
	uint64_t added;
	uint64_t removed;
	uint64_t changed;
	struct bmx_list_members gone;
	struct bmx_list_members come;
};

/** Starts; entries are sorted, unique and borrowed until clear. */
void bmx_list_diff_begin(struct bmx_list_diff *diff,
                         const struct bmx_list_entry *entries, size_t count,
                         bmx_list_change_cb *on_change, void *ctx);

/** The next entry of the old list; sorted. 0, or -1 with *err: BMX_E_NOMEM */
int bmx_list_diff_old(struct bmx_list_diff *diff,
                      const struct bmx_list_entry *entry,
                      struct bmx_error *err);

/** The old list is at its end. 0, or -1 with *err: BMX_E_NOMEM */
int bmx_list_diff_end(struct bmx_list_diff *diff, struct bmx_error *err);

/** Frees what diff holds. */
void bmx_list_diff_clear(struct bmx_list_diff *diff);

#endif
