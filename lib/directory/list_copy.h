/*
 * list_copy.h - the publisher's own copy of what it published last: a list
 * store in `published/` of the state directory. An aid: whatever goes wrong
 * with it, the list in Redis is read instead.
 */
#ifndef BACKUPMX_LIST_COPY_H
#define BACKUPMX_LIST_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/list_store.h>
#include <backupmx/publication.h>
#include <backupmx/slice.h>

#include "list_diff.h"

/** Opens the copy, making its folder (mode 0750) when write is set; NULL when
 * that cannot be done, or there is none. The caller frees it. */
struct bmx_list_store *bmx_list_copy_open(const char *state_dir, bool write);

/** The generation that was published last from here, or 0. *is_out: the copy
 * holds just what publication says (NULL: there is none). copy may be NULL. */
uint64_t bmx_list_copy_is(struct bmx_list_store *copy, struct bmx_slice domain,
                          const struct bmx_publication *publication,
                          bool *is_out);

/** Feeds the copy to diff as the old list. 0, or -1 with *err */
int bmx_list_copy_compare(struct bmx_list_store *copy, struct bmx_slice domain,
                          struct bmx_list_diff *diff, struct bmx_error *err);

/** What the copy becomes. */
struct bmx_list_copy_change {
	const struct bmx_list_entry *entries; /* the new list */
	size_t count;
	const struct bmx_list_diff *diff; /* leads to it; NULL: not known */
	bool case_sensitive;
	const struct bmx_publication *publication; /* of the new list */
	const char *source;
	int64_t now_ms;
};

/** Brings the copy up to date, or leaves it unusable. copy may be NULL. */
void bmx_list_copy_update(struct bmx_list_store *copy, struct bmx_slice domain,
                          const struct bmx_list_copy_change *change);

#endif
