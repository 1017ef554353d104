#include <backupmx/seal_store.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "lmdb_file.h"

/*
 * Three databases: the seals by queue id, each behind its time; which queue id
 * came when, by time and a number; the notes by number. Numbers are big-endian,
 * so that LMDB keeps their order.
 */
#define MAP_OCTETS ((size_t)512 << 20)
#define DATABASES 3
#define STAMP_OCTETS ((size_t)8)
#define ORDER_OCTETS (2 * STAMP_OCTETS)
/* Old seals that one new one removes at most: more than it adds. */
#define SWEEP_MAX 4

static const char *const names[DATABASES] = {"seals 1", "order 1", "notes 1"};

struct bmx_seal_store {
	struct bmx_lmdb_file file;
	pthread_mutex_t lock; /* of all below and of each transaction */
	MDB_dbi seals, order, notes;
	uint64_t last_order, last_note;
};

static int
failed(const struct bmx_seal_store *store, int rc, struct bmx_error *err)
{
	return bmx_lmdb_error(&store->file, rc, "seals", err);
}

static void
put_u64(uint8_t *octets, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		octets[i] = (uint8_t)value;
}

static uint64_t
get_u64(const uint8_t *octets)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | octets[i];
	return value;
}

/*
 * Opening.
 */

static int
last_number(MDB_txn *txn, MDB_dbi dbi, size_t at, uint64_t *number_out)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(txn, dbi, &cursor);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
	if (rc == 0 && key.mv_size == at + STAMP_OCTETS)
		*number_out = get_u64((const uint8_t *)key.mv_data + at);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
open_databases(struct bmx_seal_store *store, MDB_txn *txn)
{
	const unsigned flags = store->file.read_only ? 0 : MDB_CREATE;
	MDB_dbi *const handles[DATABASES] = {&store->seals, &store->order,
	                                     &store->notes};
	int rc = 0;

	for (int i = 0; i < DATABASES && rc == 0; i++)
		rc = mdb_dbi_open(txn, names[i], flags, handles[i]);
	if (rc == 0)
		rc = last_number(txn, store->order, STAMP_OCTETS,
		                 &store->last_order);
	if (rc == 0)
		rc = last_number(txn, store->notes, 0, &store->last_note);
	return rc;
}

static int
set_up(struct bmx_seal_store *store, struct bmx_error *err)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->file.env, NULL,
	                       store->file.read_only ? MDB_RDONLY : 0, &txn);

	if (rc != 0)
		return failed(store, rc, err);
	rc = open_databases(store, txn);
	if (rc != 0)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn); /* which also keeps the handles */
	return rc == 0 ? 0 : failed(store, rc, err);
}

struct bmx_seal_store *
bmx_seal_store_open(const char *state_dir, bool read_only,
                    struct bmx_error *err)
{
	const struct bmx_lmdb_options options = {
		.state_dir = state_dir,
		.name = BMX_SEAL_STORE_NAME,
		.content = "seal",
		.read_only = read_only,
		.databases = DATABASES,
		.map_octets = MAP_OCTETS,
	};
	struct bmx_seal_store *store = calloc(1, sizeof(*store));

	if (!store || pthread_mutex_init(&store->lock, NULL) != 0) {
		free(store);
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for seals");
		return NULL;
	}
	if (bmx_lmdb_open(&store->file, &options, err) != 0 ||
	    set_up(store, err) != 0)
		bmx_seal_store_free(&store);
	return store;
}

void
bmx_seal_store_free(struct bmx_seal_store **store)
{
	if (!*store)
		return;
	if ((*store)->file.env && !(*store)->file.read_only)
		(void)mdb_env_sync((*store)->file.env, 1); /* a courtesy */
	bmx_lmdb_close(&(*store)->file);
	(void)pthread_mutex_destroy(&(*store)->lock);
	free(*store);
	*store = NULL;
}

/*
 * Writing.
 */

/* A queue id that was used again since has another time in its seal. */
static int
drop_seal(struct bmx_seal_store *store, MDB_txn *txn, const MDB_val *order,
          MDB_val *id)
{
	MDB_val value;
	int rc = mdb_get(txn, store->seals, id, &value);

	if (rc == 0 &&
	    (value.mv_size < STAMP_OCTETS || order->mv_size < STAMP_OCTETS ||
	     memcmp(value.mv_data, order->mv_data, STAMP_OCTETS) == 0))
		rc = mdb_del(txn, store->seals, id, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
sweep_on(struct bmx_seal_store *store, MDB_txn *txn, MDB_cursor *cursor,
         int64_t until_ms)
{
	MDB_val order, id;
	MDB_stat stats;
	int rc = mdb_stat(txn, store->order, &stats);

	for (int i = 0; i < SWEEP_MAX && rc == 0; i++) {
		rc = mdb_cursor_get(cursor, &order, &id, MDB_FIRST);
		if (rc != 0)
			break;
		if (stats.ms_entries-- <= BMX_SEAL_STORE_MAX &&
		    order.mv_size == ORDER_OCTETS &&
		    (int64_t)get_u64(order.mv_data) >= until_ms)
			break;
		rc = drop_seal(store, txn, &order, &id);
		if (rc == 0)
			rc = mdb_cursor_del(cursor, 0);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
sweep(struct bmx_seal_store *store, MDB_txn *txn, int64_t until_ms)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, store->order, &cursor);

	if (rc != 0)
		return rc;
	rc = sweep_on(store, txn, cursor, until_ms);
	mdb_cursor_close(cursor);
	return rc;
}

static int
put_seal(struct bmx_seal_store *store, MDB_txn *txn, struct bmx_slice id,
         struct bmx_slice value, int64_t now_ms)
{
	uint8_t stored[STAMP_OCTETS + BMX_SEAL_STORE_VALUE_MAX];
	uint8_t order[ORDER_OCTETS];
	char name[BMX_SEAL_STORE_ID_MAX];
	MDB_val key = {id.len, name};
	MDB_val data = {STAMP_OCTETS + value.len, stored};
	MDB_val order_key = {sizeof(order), order};
	int rc;

	memcpy(name, id.data, id.len);
	put_u64(stored, (uint64_t)now_ms);
	memcpy(stored + STAMP_OCTETS, value.data, value.len);
	memcpy(order, stored, STAMP_OCTETS);
	put_u64(order + STAMP_OCTETS, store->last_order + 1);
	rc = mdb_put(txn, store->seals, &key, &data, 0);
	if (rc == 0)
		rc = mdb_put(txn, store->order, &order_key, &key, 0);
	return rc;
}

static int
put_note(struct bmx_seal_store *store, MDB_txn *txn, struct bmx_slice note)
{
	uint8_t number[STAMP_OCTETS], old[STAMP_OCTETS];
	char text[BMX_SEAL_STORE_NOTE_MAX];
	MDB_val key = {sizeof(number), number}, data = {note.len, text};
	MDB_val old_key = {sizeof(old), old};
	int rc;

	memcpy(text, note.data, note.len);
	put_u64(number, store->last_note + 1);
	rc = mdb_put(txn, store->notes, &key, &data, 0);
	if (rc != 0 || store->last_note < BMX_SEAL_STORE_BOUNCES)
		return rc;
	put_u64(old, store->last_note + 1 - BMX_SEAL_STORE_BOUNCES);
	rc = mdb_del(txn, store->notes, &old_key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
end(struct bmx_seal_store *store, MDB_txn *txn, int rc, struct bmx_error *err)
{
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return rc == 0 ? 0 : failed(store, rc, err);
}

int
bmx_seal_store_put(struct bmx_seal_store *store, struct bmx_slice id,
                   struct bmx_slice value, int64_t now_ms, int64_t keep_ms,
                   struct bmx_error *err)
{
	MDB_txn *txn;
	int rc;

	if (id.len == 0 || id.len > BMX_SEAL_STORE_ID_MAX || value.len == 0 ||
	    value.len > BMX_SEAL_STORE_VALUE_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a seal or its queue id is too long");
	(void)pthread_mutex_lock(&store->lock);
	rc = mdb_txn_begin(store->file.env, NULL, 0, &txn);
	if (rc != 0) {
		rc = failed(store, rc, err);
	} else {
		rc = sweep(store, txn, now_ms - keep_ms);
		if (rc == 0)
			rc = put_seal(store, txn, id, value, now_ms);
		rc = end(store, txn, rc, err);
	}
	if (rc == 0)
		store->last_order++;
	(void)pthread_mutex_unlock(&store->lock);
	return rc;
}

int
bmx_seal_store_note(struct bmx_seal_store *store, struct bmx_slice note,
                    struct bmx_error *err)
{
	MDB_txn *txn;
	int rc;

	if (note.len == 0 || note.len > BMX_SEAL_STORE_NOTE_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a bounce's note is too long");
	(void)pthread_mutex_lock(&store->lock);
	rc = mdb_txn_begin(store->file.env, NULL, 0, &txn);
	rc = rc != 0 ? failed(store, rc, err) :
		       end(store, txn, put_note(store, txn, note), err);
	if (rc == 0)
		store->last_note++;
	(void)pthread_mutex_unlock(&store->lock);
	return rc;
}

/*
 * Reading.
 */

static int
copy_value(const MDB_val *value, char *buffer, size_t *len_out)
{
	const char *octets = value->mv_data;

	if (value->mv_size < STAMP_OCTETS ||
	    value->mv_size > STAMP_OCTETS + BMX_SEAL_STORE_VALUE_MAX)
		return 0;
	*len_out = value->mv_size - STAMP_OCTETS;
	memcpy(buffer, octets + STAMP_OCTETS, *len_out);
	buffer[*len_out] = '\0';
	return 1;
}

int
bmx_seal_store_get(struct bmx_seal_store *store, struct bmx_slice id,
                   char buffer[BMX_SEAL_STORE_VALUE_MAX + 1], size_t *len_out,
                   struct bmx_error *err)
{
	char name[BMX_SEAL_STORE_ID_MAX];
	MDB_val key = {id.len, name}, value;
	MDB_txn *txn;
	int found = 0;
	int rc;

	if (id.len == 0 || id.len > sizeof(name))
		return 0;
	memcpy(name, id.data, id.len);
	(void)pthread_mutex_lock(&store->lock);
	rc = mdb_txn_begin(store->file.env, NULL, MDB_RDONLY, &txn);
	if (rc == 0) {
		rc = mdb_get(txn, store->seals, &key, &value);
		if (rc == 0)
			found = copy_value(&value, buffer, len_out);
		mdb_txn_abort(txn);
	}
	(void)pthread_mutex_unlock(&store->lock);
	return rc == 0 || rc == MDB_NOTFOUND ? found : failed(store, rc, err);
}

static int
show_all(struct bmx_seal_store *store, MDB_txn *txn, bmx_seal_store_cb *cb,
         void *ctx, struct bmx_error *err)
{
	MDB_val key, value;
	MDB_cursor *cursor;
	int stopped = 0;
	int rc = mdb_cursor_open(txn, store->notes, &cursor);

	if (rc != 0)
		return failed(store, rc, err);
	while (stopped == 0 &&
	       (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
		stopped = cb(ctx,
		             (struct bmx_slice){value.mv_data, value.mv_size});
	mdb_cursor_close(cursor);
	if (stopped == 0 && rc != MDB_NOTFOUND)
		return failed(store, rc, err);
	return stopped;
}

int
bmx_seal_store_each(struct bmx_seal_store *store, bmx_seal_store_cb *cb,
                    void *ctx, struct bmx_error *err)
{
	MDB_txn *txn;
	int rc;

	(void)pthread_mutex_lock(&store->lock);
	rc = mdb_txn_begin(store->file.env, NULL, MDB_RDONLY, &txn);
	if (rc != 0) {
		rc = failed(store, rc, err);
	} else {
		rc = show_all(store, txn, cb, ctx, err);
		mdb_txn_abort(txn);
	}
	(void)pthread_mutex_unlock(&store->lock);
	return rc;
}

uint64_t
bmx_seal_store_count(struct bmx_seal_store *store)
{
	uint64_t count = 0;
	MDB_stat stats;
	MDB_txn *txn;

	(void)pthread_mutex_lock(&store->lock);
	if (mdb_txn_begin(store->file.env, NULL, MDB_RDONLY, &txn) == 0) {
		if (mdb_stat(txn, store->seals, &stats) == 0)
			count = stats.ms_entries;
		mdb_txn_abort(txn);
	}
	(void)pthread_mutex_unlock(&store->lock);
	return count;
}
