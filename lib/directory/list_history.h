/*
 * list_history.h - the changes that led to a list, as the store keeps them for
 * rollbacks: the newest BMX_LIST_UNDO_MAX of each list.
 */
#ifndef BACKUPMX_LIST_HISTORY_H
#define BACKUPMX_LIST_HISTORY_H

#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>

#include "list_undo.h"

struct MDB_txn;

/** Whose changes, within a transaction that may write; all borrowed. */
struct bmx_list_history {
	const struct bmx_list_store *store;
	struct MDB_txn *txn;
	uint32_t id; /* of the list */
	struct bmx_slice domain;
};

/**
 * Keeps the change that led to generation, and drops the oldest of too many.
 * @return 0, or -1 with *err
 */
int bmx_list_history_keep(const struct bmx_list_history *history,
                          uint64_t generation,
                          const struct bmx_list_undo *change,
                          struct bmx_error *err);

/**
 * Takes the newest change out: what takes it back goes into *inverse_out, an
 * empty row, which the caller clears also after a failure.
 * @return 0, or -1 with *err: BMX_E_NOT_FOUND when none is kept, and others
 */
int bmx_list_history_take(const struct bmx_list_history *history,
                          struct bmx_list_undo *inverse_out,
                          struct bmx_error *err);

#endif
