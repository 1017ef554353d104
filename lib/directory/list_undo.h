/*
 * list_undo.h - the difference between two generations of a list, as it is
 * gathered, applied, stored for a rollback, and applied backwards.
 *
 * In memory and in the store it is one row of records in the order of the
 * list: what happened (1 octet), the state before, the state after, the length
 * of the local part, the local part.
 */
#ifndef BACKUPMX_LIST_UNDO_H
#define BACKUPMX_LIST_UNDO_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/list_store.h>

struct bmx_list_undo {
	uint8_t *data;
	size_t len;
	size_t size; /* allocated */
	uint64_t added;
	uint64_t removed;
	uint64_t changed;
};

/** One record; local borrows from the row. */
struct bmx_list_undo_step {
	enum bmx_list_change change;
	enum bmx_recipient_state before; /* means nothing when added */
	enum bmx_recipient_state after;  /* means nothing when removed */
	struct bmx_slice local;
};

/** Frees what the row holds and makes it empty. */
void bmx_list_undo_clear(struct bmx_list_undo *undo);

/**
 * Appends one record; its local part has 1 to BMX_LOCAL_MAX octets.
 * @return 0, or -1 with *err: BMX_E_NOMEM
 */
int bmx_list_undo_append(struct bmx_list_undo *undo,
                         const struct bmx_list_undo_step *step,
                         struct bmx_error *err);

/**
 * Appends octets that were stored.
 * @return 0, or -1 with *err: BMX_E_NOMEM
 */
int bmx_list_undo_append_raw(struct bmx_list_undo *undo, const void *data,
                             size_t len, struct bmx_error *err);

/**
 * Reads the record at *offset and moves *offset behind it.
 * @return 1 with *step_out, 0 at the end, -1 when the octets are no record
 */
int bmx_list_undo_next(const struct bmx_list_undo *undo, size_t *offset,
                       struct bmx_list_undo_step *step_out);

/** The step that takes back what step does. */
struct bmx_list_undo_step
bmx_list_undo_inverse(const struct bmx_list_undo_step *step);

#endif
