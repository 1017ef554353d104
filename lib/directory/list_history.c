#include "list_history.h"

#include <string.h>

#include <lmdb.h>

#include "list_store_priv.h"

/* A key of `undo`: id, generation, number of the piece, all big-endian. A
 * change is stored in pieces so that LMDB need not find one long run of free
 * pages; 16 pages less their header are one piece. */
#define UNDO_KEY_SIZE ((size_t)16)
#define UNDO_PIECE_MAX ((size_t)65536 - 16)

static int
store_error(const struct bmx_list_history *history, int rc,
            struct bmx_error *err)
{
	return bmx_list_lmdb_error(history->store, rc, "cannot write", err);
}

static void
make_key(uint8_t key[UNDO_KEY_SIZE], uint32_t id, uint64_t generation,
         uint32_t piece)
{
	bmx_list_put_id(key, id);
	bmx_list_put_id(key + 4, (uint32_t)(generation >> 32));
	bmx_list_put_id(key + 8, (uint32_t)generation);
	bmx_list_put_id(key + 12, piece);
}

static uint64_t
generation_of(const uint8_t *key)
{
	uint64_t generation = 0;

	for (unsigned i = 4; i < 12; i++)
		generation = generation << 8 | key[i];
	return generation;
}

static int
put_change(const struct bmx_list_history *history, uint64_t generation,
           const struct bmx_list_undo *change, struct bmx_error *err)
{
	uint8_t octets[UNDO_KEY_SIZE];
	uint32_t piece = 0;

	for (size_t at = 0; at < change->len; at += UNDO_PIECE_MAX) {
		const size_t left = change->len - at;
		MDB_val key = {sizeof(octets), octets};
		MDB_val value = {left < UNDO_PIECE_MAX ? left : UNDO_PIECE_MAX,
		                 change->data + at};
		int rc;

		make_key(octets, history->id, generation, piece++);
		rc = mdb_put(history->txn, history->store->undo, &key, &value,
		             0);
		if (rc != 0)
			return store_error(history, rc, err);
	}
	return 0;
}

/* The highest generation below *generation whose change is kept: 1 and it in
 * *generation, 0 when there is none, or -1. */
static int
find_below(const struct bmx_list_history *history, MDB_cursor *cursor,
           uint64_t *generation, struct bmx_error *err)
{
	uint8_t octets[UNDO_KEY_SIZE];
	MDB_val key = {sizeof(octets), octets}, value;
	int rc;

	make_key(octets, history->id, *generation, 0);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	rc = mdb_cursor_get(cursor, &key, &value,
	                    rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return bmx_list_lmdb_error(history->store, rc, "cannot read",
		                           err);
	if (key.mv_size != UNDO_KEY_SIZE)
		return bmx_list_corrupt(history->store, "damaged change", err);
	if (memcmp(key.mv_data, octets, BMX_LIST_ID_SIZE) != 0)
		return 0;
	*generation = generation_of(key.mv_data);
	return 1;
}

/* Loads the pieces of that change into *change_out (unless it is NULL) and
 * deletes them. */
static int
take_change(const struct bmx_list_history *history, MDB_cursor *cursor,
            uint64_t generation, struct bmx_list_undo *change_out,
            struct bmx_error *err)
{
	uint8_t octets[UNDO_KEY_SIZE];
	int rc = 0;

	for (uint32_t piece = 0; rc == 0; piece++) {
		MDB_val key = {sizeof(octets), octets}, value;

		make_key(octets, history->id, generation, piece);
		rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);
		if (rc == 0 && change_out &&
		    bmx_list_undo_append_raw(change_out, value.mv_data,
		                             value.mv_size, err) != 0)
			return -1;
		if (rc == 0)
			rc = mdb_cursor_del(cursor, 0);
	}
	return rc == MDB_NOTFOUND ? 0 : store_error(history, rc, err);
}

static int
drop_old_at(const struct bmx_list_history *history, MDB_cursor *cursor,
            struct bmx_error *err)
{
	uint64_t generation = UINT64_MAX;
	int found = 1;

	for (unsigned kept = 0; found > 0 && kept < BMX_LIST_UNDO_MAX; kept++)
		found = find_below(history, cursor, &generation, err);
	while (found > 0) {
		found = find_below(history, cursor, &generation, err);
		if (found > 0 &&
		    take_change(history, cursor, generation, NULL, err) != 0)
			return -1;
	}
	return found;
}

static int
drop_old(const struct bmx_list_history *history, struct bmx_error *err)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(history->txn, history->store->undo, &cursor);

	if (rc != 0)
		return store_error(history, rc, err);
	rc = drop_old_at(history, cursor, err);
	mdb_cursor_close(cursor);
	return rc;
}

static int
take_last(const struct bmx_list_history *history,
          struct bmx_list_undo *change_out, struct bmx_error *err)
{
	uint64_t generation = UINT64_MAX;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(history->txn, history->store->undo, &cursor);

	if (rc != 0)
		return store_error(history, rc, err);
	rc = find_below(history, cursor, &generation, err);
	if (rc > 0)
		rc = take_change(history, cursor, generation, change_out, err);
	else if (rc == 0)
		rc = bmx_error_set(err, BMX_E_NOT_FOUND,
		                   "%.*s has no earlier list to go back to",
		                   (int)history->domain.len,
		                   history->domain.data);
	mdb_cursor_close(cursor);
	return rc;
}

/* What takes change back. */
static int
invert(const struct bmx_list_history *history,
       const struct bmx_list_undo *change, struct bmx_list_undo *inverse_out,
       struct bmx_error *err)
{
	struct bmx_list_undo_step step;
	size_t offset = 0;
	int rc;

	while ((rc = bmx_list_undo_next(change, &offset, &step)) > 0) {
		step = bmx_list_undo_inverse(&step);
		if (bmx_list_undo_append(inverse_out, &step, err) != 0)
			return -1;
	}
	if (rc < 0)
		return bmx_list_corrupt(history->store, "damaged change", err);
	return 0;
}

int
bmx_list_history_keep(const struct bmx_list_history *history,
                      uint64_t generation, const struct bmx_list_undo *change,
                      struct bmx_error *err)
{
	if (put_change(history, generation, change, err) != 0)
		return -1;
	return drop_old(history, err);
}

int
bmx_list_history_take(const struct bmx_list_history *history,
                      struct bmx_list_undo *inverse_out, struct bmx_error *err)
{
	struct bmx_list_undo change = {0};
	int rc = take_last(history, &change, err);

	if (rc == 0)
		rc = invert(history, &change, inverse_out, err);
	bmx_list_undo_clear(&change);
	return rc;
}
