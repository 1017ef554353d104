/*
 * list_changes.h - members that came and went, in the order of time, settled
 * into what is to be done to a list.
 *
 * Both the steps of a log and a whole set with the steps that were logged
 * while it was read are gathered here: what is said last of a member holds.
 */
#ifndef BACKUPMX_LIST_CHANGES_H
#define BACKUPMX_LIST_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/list_sync.h>
#include <backupmx/slice.h>

struct bmx_list_changes;

/** Returns an empty row of steps, which the caller frees, or NULL. */
struct bmx_list_changes *bmx_list_changes_new(bool case_sensitive);

/** Frees *changes and sets it to NULL. NULL is fine. */
void bmx_list_changes_free(struct bmx_list_changes **changes);

/**
 * The next step: member is on the list from now on (present), or no longer.
 * member is copied.
 * @return 0, or -1 with *err: BMX_E_CORRUPT (bmx_list_member_read),
 *         BMX_E_TOO_BIG past BMX_LIST_CHANGES_MAX, BMX_E_NOMEM
 */
int bmx_list_changes_add(struct bmx_list_changes *changes, bool present,
                         struct bmx_slice member, struct bmx_error *err);

/** Most steps of a row: more is no list of ours. */
#define BMX_LIST_CHANGES_MAX ((size_t)200 * 1000 * 1000)

/** Steps so far. */
size_t bmx_list_changes_count(const struct bmx_list_changes *changes);

/**
 * What remains of all steps: one delta for each local part, sorted by its
 * octets, borrowed until changes is freed. No step may be added after it.
 * @return 0 with *deltas_out and *count_out, or -1 with *err: BMX_E_CORRUPT
 *         (a local part in two states), BMX_E_NOMEM
 */
int bmx_list_changes_settle(struct bmx_list_changes *changes,
                            const struct bmx_list_delta **deltas_out,
                            size_t *count_out, struct bmx_error *err);

/**
 * Settles the steps of a whole list, which is what none of them removes.
 * @return 0 with its entries in *entries_out, which the caller frees and whose
 *         texts changes holds; or -1 with *err as of bmx_list_changes_settle
 */
int bmx_list_changes_whole(struct bmx_list_changes *changes,
                           struct bmx_list_entry **entries_out,
                           size_t *count_out, struct bmx_error *err);

#endif
