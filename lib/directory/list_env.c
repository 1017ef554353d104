#include "list_store_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

/* Address space, not memory or disk: the file grows as it is filled. */
#define MAP_SIZE_MAX ((size_t)32 << 30)

struct bmx_list_reader {
	const struct bmx_list_store *store;
	MDB_txn *txn;
	bool begun;
};

static const char *const state_names[] = {
	[BMX_RECIPIENT_ACTIVE] = "active",
	[BMX_RECIPIENT_DISABLED] = "disabled",
	[BMX_RECIPIENT_FULL] = "full",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) ==
                      BMX_RECIPIENT_FULL + 1,
              "one name a state");

const char *
bmx_recipient_state_name(enum bmx_recipient_state state)
{
	return state_names[state];
}

int
bmx_list_lmdb_error(const struct bmx_list_store *store, int rc,
                    const char *what, struct bmx_error *err)
{
	return bmx_lmdb_error(&store->file, rc, what, err);
}

int
bmx_list_corrupt(const struct bmx_list_store *store, const char *what,
                 struct bmx_error *err)
{
	return bmx_lmdb_corrupt(&store->file, what, err);
}

int
bmx_list_forget_dead_readers(const struct bmx_list_store *store,
                             struct bmx_error *err)
{
	return bmx_lmdb_forget_dead_readers(&store->file, err);
}

/*
 * Opening.
 */

static int
open_databases(struct bmx_list_store *store, MDB_txn *txn, unsigned flags)
{
	int rc;

	if ((rc = mdb_dbi_open(txn, "meta", flags, &store->meta)) == 0 &&
	    (rc = mdb_dbi_open(txn, "recipients", flags, &store->recipients)) ==
	            0)
		rc = mdb_dbi_open(txn, "undo", flags, &store->undo);
	return rc;
}

/* 1 when all is there, 0 when the file is new, -1. */
static int
find_databases(struct bmx_list_store *store, struct bmx_error *err)
{
	struct bmx_list_head head;
	MDB_stat stats;
	MDB_txn *txn;
	MDB_dbi names; /* the database of the databases' names */
	int rc = mdb_txn_begin(store->file.env, NULL, MDB_RDONLY, &txn);

	if (rc != 0)
		return bmx_list_lmdb_error(store, rc, "cannot read", err);
	rc = open_databases(store, txn, 0);
	if (rc == MDB_NOTFOUND) {
		if ((rc = mdb_dbi_open(txn, NULL, 0, &names)) == 0)
			rc = mdb_stat(txn, names, &stats);
		mdb_txn_abort(txn);
		if (rc == 0 && stats.ms_entries == 0)
			return 0;
		return bmx_list_corrupt(store, "a database of something else",
		                        err);
	}
	if (rc != 0) {
		mdb_txn_abort(txn);
		return bmx_list_lmdb_error(store, rc, "cannot open", err);
	}
	if (bmx_list_read_head(store, txn, &head, err) != 0) {
		mdb_txn_abort(txn);
		return -1;
	}
	/* Only a commit keeps the handles. */
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 1 : bmx_list_lmdb_error(store, rc, "cannot read", err);
}

static int
put_new_head(const struct bmx_list_store *store, MDB_txn *txn)
{
	const struct bmx_list_head head = {BMX_LIST_SCHEMA, 1};
	uint8_t record[BMX_LIST_HEAD_SIZE];
	char name[] = "\0store";
	MDB_val key = {BMX_LIST_HEAD_KEY.len, name};
	MDB_val value = {sizeof(record), record};
	int rc;

	bmx_list_head_encode(&head, record);
	rc = mdb_put(txn, store->meta, &key, &value, MDB_NOOVERWRITE);
	/* Another process was first. */
	return rc == MDB_KEYEXIST ? 0 : rc;
}

static int
make_databases(struct bmx_list_store *store, const char *state_dir,
               struct bmx_error *err)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->file.env, NULL, 0, &txn);

	if (rc != 0)
		return bmx_list_lmdb_error(store, rc, "cannot write", err);
	if ((rc = open_databases(store, txn, MDB_CREATE)) != 0 ||
	    (rc = put_new_head(store, txn)) != 0) {
		mdb_txn_abort(txn);
		return bmx_list_lmdb_error(store, rc, "cannot write", err);
	}
	rc = mdb_txn_commit(txn);
	if (rc != 0)
		return bmx_list_lmdb_error(store, rc, "cannot write", err);
	return bmx_lmdb_sync_directory(state_dir, err);
}

static int
open_store(struct bmx_list_store *store, const char *state_dir,
           struct bmx_error *err)
{
	const struct bmx_lmdb_options options = {
		.state_dir = state_dir,
		.name = "list.mdb",
		.content = "list",
		.read_only = store->file.read_only,
		.synced = true,
		.databases = 3,
		.map_octets = MAP_SIZE_MAX,
	};
	int rc = bmx_lmdb_open(&store->file, &options, err);

	if (rc == 0)
		rc = find_databases(store, err);
	if (rc != 0)
		return rc > 0 ? 0 : -1;
	if (store->file.read_only)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "%s: there is no list yet",
		                     store->file.path);
	return make_databases(store, state_dir, err);
}

struct bmx_list_store *
bmx_list_store_open(const char *state_dir, enum bmx_list_access access,
                    struct bmx_error *err)
{
	struct bmx_list_store *store = calloc(1, sizeof(*store));

	if (!store) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for a store");
		return NULL;
	}
	store->file.read_only = access == BMX_LIST_READ_ONLY;
	if (open_store(store, state_dir, err) != 0)
		bmx_list_store_free(&store);
	return store;
}

bool
bmx_list_store_is_replaced(const struct bmx_list_store *store)
{
	return bmx_lmdb_is_replaced(&store->file);
}

void
bmx_list_store_free(struct bmx_list_store **store)
{
	if (!*store)
		return;
	bmx_lmdb_close(&(*store)->file);
	free(*store);
	*store = NULL;
}

/*
 * Records.
 */

int
bmx_list_read_head(const struct bmx_list_store *store, struct MDB_txn *txn,
                   struct bmx_list_head *head_out, struct bmx_error *err)
{
	char name[] = "\0store";
	MDB_val key = {BMX_LIST_HEAD_KEY.len, name}, value;
	const int rc = mdb_get(txn, store->meta, &key, &value);

	if (rc == MDB_NOTFOUND)
		return bmx_list_corrupt(store, "a database of something else",
		                        err);
	if (rc != 0)
		return bmx_list_lmdb_error(store, rc, "cannot read", err);
	if (bmx_list_head_decode(value.mv_data, value.mv_size, head_out) != 0)
		return bmx_list_corrupt(store, "damaged schema record", err);
	if (head_out->schema != BMX_LIST_SCHEMA)
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "%s: schema %u, this release knows %u",
		                     store->file.path,
		                     (unsigned)head_out->schema,
		                     (unsigned)BMX_LIST_SCHEMA);
	return 0;
}

int
bmx_list_read_meta(const struct bmx_list_store *store, struct MDB_txn *txn,
                   struct bmx_slice domain, struct bmx_list_meta *meta_out,
                   struct bmx_error *err)
{
	char name[BMX_DOMAIN_MAX];
	MDB_val key = {domain.len, name}, value;
	int rc;

	if (domain.len == 0 || domain.len > sizeof(name))
		return 0;
	memcpy(name, domain.data, domain.len);
	rc = mdb_get(txn, store->meta, &key, &value);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return bmx_list_lmdb_error(store, rc, "cannot read", err);
	if (bmx_list_meta_decode(value.mv_data, value.mv_size, meta_out) != 0)
		return bmx_list_corrupt(store, "damaged record of a domain",
		                        err);
	return 1;
}

size_t
bmx_list_side_key(char *key, struct bmx_slice prefix, struct bmx_slice domain)
{
	assert(domain.len <= BMX_DOMAIN_MAX);
	memcpy(key, prefix.data, prefix.len);
	if (domain.len > 0)
		memcpy(key + prefix.len, domain.data, domain.len);
	return prefix.len + domain.len;
}

size_t
bmx_list_make_key(uint8_t key[BMX_LIST_KEY_MAX], uint32_t id,
                  struct bmx_slice local)
{
	assert(local.len <= BMX_LOCAL_MAX);
	bmx_list_put_id(key, id);
	if (local.len > 0)
		memcpy(key + BMX_LIST_ID_SIZE, local.data, local.len);
	return BMX_LIST_ID_SIZE + local.len;
}

int
bmx_list_decode_entry(uint32_t id, const void *key, size_t key_len,
                      const void *value, size_t value_len,
                      struct bmx_list_entry *entry_out)
{
	uint8_t prefix[BMX_LIST_ID_SIZE];

	bmx_list_put_id(prefix, id);
	if (key_len < sizeof(prefix))
		return -1;
	if (memcmp(key, prefix, sizeof(prefix)) != 0)
		return 0;
	if (key_len == sizeof(prefix) || key_len > BMX_LIST_KEY_MAX ||
	    value_len != 1 || *(const uint8_t *)value > BMX_RECIPIENT_FULL)
		return -1;
	entry_out->local.data = (const char *)key + sizeof(prefix);
	entry_out->local.len = key_len - sizeof(prefix);
	entry_out->state = (enum bmx_recipient_state) * (const uint8_t *)value;
	return 1;
}

/*
 * Reading.
 */

struct bmx_list_reader *
bmx_list_reader_new(struct bmx_list_store *store, struct bmx_error *err)
{
	struct bmx_list_reader *reader = calloc(1, sizeof(*reader));
	int rc;

	if (!reader) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for a reader");
		return NULL;
	}
	reader->store = store;
	rc = mdb_txn_begin(store->file.env, NULL, MDB_RDONLY, &reader->txn);
	if (rc == MDB_READERS_FULL &&
	    bmx_list_forget_dead_readers(store, err) == 0)
		rc = mdb_txn_begin(store->file.env, NULL, MDB_RDONLY,
		                   &reader->txn);
	if (rc != 0) {
		(void)bmx_list_lmdb_error(store, rc, "cannot read", err);
		free(reader);
		return NULL;
	}
	mdb_txn_reset(reader->txn);
	return reader;
}

void
bmx_list_reader_free(struct bmx_list_reader **reader)
{
	if (!*reader)
		return;
	mdb_txn_abort((*reader)->txn);
	free(*reader);
	*reader = NULL;
}

int
bmx_list_reader_begin(struct bmx_list_reader *reader, struct bmx_error *err)
{
	int rc;

	assert(!reader->begun);
	rc = mdb_txn_renew(reader->txn);
	if (rc != 0)
		return bmx_list_lmdb_error(reader->store, rc, "cannot read",
		                           err);
	reader->begun = true;
	return 0;
}

void
bmx_list_reader_end(struct bmx_list_reader *reader)
{
	assert(reader->begun);
	reader->begun = false;
	mdb_txn_reset(reader->txn);
}

uint64_t
bmx_list_reader_version(const struct bmx_list_reader *reader)
{
	assert(reader->begun);
	return mdb_txn_id(reader->txn);
}

int
bmx_list_reader_meta(struct bmx_list_reader *reader, struct bmx_slice domain,
                     struct bmx_list_meta *meta_out, struct bmx_error *err)
{
	assert(reader->begun);
	return bmx_list_read_meta(reader->store, reader->txn, domain, meta_out,
	                          err);
}

/* domain's meta and the record beside it whose key begins with prefix; value
 * is the store's. @return 1, 0 when either is not there, or -1 */
static int
read_side(struct bmx_list_reader *reader, struct bmx_slice prefix,
          struct bmx_slice domain, struct bmx_list_meta *meta, MDB_val *value,
          struct bmx_error *err)
{
	char name[BMX_LIST_SIDE_KEY_MAX];
	MDB_val key = {0, name};
	int rc = bmx_list_reader_meta(reader, domain, meta, err);

	if (rc <= 0)
		return rc;
	key.mv_size = bmx_list_side_key(name, prefix, domain);
	rc = mdb_get(reader->txn, reader->store->meta, &key, value);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return bmx_list_lmdb_error(reader->store, rc, "cannot read",
		                           err);
	return 1;
}

int
bmx_list_reader_origin(struct bmx_list_reader *reader, struct bmx_slice domain,
                       struct bmx_list_origin *origin_out,
                       struct bmx_error *err)
{
	struct bmx_list_meta meta;
	uint64_t generation;
	MDB_val value;
	int rc = read_side(reader, BMX_LIST_ORIGIN_PREFIX, domain, &meta,
	                   &value, err);

	if (rc <= 0)
		return rc;
	if (bmx_list_origin_decode(value.mv_data, value.mv_size, origin_out,
	                           &generation) != 0)
		return bmx_list_corrupt(reader->store,
		                        "damaged record of a domain", err);
	origin_out->in_force = generation == meta.generation;
	return 1;
}

int
bmx_list_reader_mark(struct bmx_list_reader *reader, struct bmx_slice domain,
                     struct bmx_list_mark *mark_out, struct bmx_error *err)
{
	struct bmx_list_meta meta;
	MDB_val value;
	int rc = read_side(reader, BMX_LIST_MARK_PREFIX, domain, &meta, &value,
	                   err);

	if (rc <= 0)
		return rc;
	if (bmx_list_mark_decode(value.mv_data, value.mv_size, mark_out) != 0)
		return bmx_list_corrupt(reader->store,
		                        "damaged record of a domain", err);
	return mark_out->generation == meta.generation && !meta.held;
}

int
bmx_list_reader_find(struct bmx_list_reader *reader, uint32_t domain_id,
                     struct bmx_slice local,
                     enum bmx_recipient_state *state_out, struct bmx_error *err)
{
	uint8_t octets[BMX_LIST_KEY_MAX];
	MDB_val key = {0, octets}, value;
	int rc;

	assert(reader->begun);
	if (local.len == 0 || local.len > BMX_LOCAL_MAX)
		return 0;
	key.mv_size = bmx_list_make_key(octets, domain_id, local);
	rc = mdb_get(reader->txn, reader->store->recipients, &key, &value);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return bmx_list_lmdb_error(reader->store, rc, "cannot read",
		                           err);
	if (value.mv_size != 1 ||
	    *(const uint8_t *)value.mv_data > BMX_RECIPIENT_FULL)
		return bmx_list_corrupt(reader->store, "damaged entry", err);
	*state_out =
		(enum bmx_recipient_state) * (const uint8_t *)value.mv_data;
	return 1;
}

int
bmx_list_reader_each(struct bmx_list_reader *reader, uint32_t domain_id,
                     bmx_list_entry_cb *cb, void *ctx, struct bmx_error *err)
{
	const struct bmx_list_store *store = reader->store;
	uint8_t octets[BMX_LIST_KEY_MAX];
	struct bmx_list_entry entry;
	MDB_cursor *cursor;
	MDB_val key = {0, octets}, value;
	int rc, stop = 0;

	assert(reader->begun);
	rc = mdb_cursor_open(reader->txn, store->recipients, &cursor);
	if (rc != 0)
		return bmx_list_lmdb_error(store, rc, "cannot read", err);
	key.mv_size = bmx_list_make_key(octets, domain_id, BMX_SLICE(""));
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (rc == 0 && stop == 0) {
		const int is = bmx_list_decode_entry(domain_id, key.mv_data,
		                                     key.mv_size, value.mv_data,
		                                     value.mv_size, &entry);

		if (is < 0)
			stop = bmx_list_corrupt(store, "damaged entry", err);
		if (is <= 0)
			break;
		stop = cb(ctx, &entry);
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	if (stop == 0 && rc != 0 && rc != MDB_NOTFOUND)
		return bmx_list_lmdb_error(store, rc, "cannot read", err);
	return stop;
}

int
bmx_list_reader_domains(struct bmx_list_reader *reader, bmx_list_domain_cb *cb,
                        void *ctx, struct bmx_error *err)
{
	const struct bmx_list_store *store = reader->store;
	struct bmx_list_meta meta;
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc, stop = 0;

	assert(reader->begun);
	rc = mdb_cursor_open(reader->txn, store->meta, &cursor);
	if (rc != 0)
		return bmx_list_lmdb_error(store, rc, "cannot read", err);
	while (stop == 0 &&
	       (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		if (*(const char *)key.mv_data == '\0')
			continue; /* the store's own record */
		if (bmx_list_meta_decode(value.mv_data, value.mv_size, &meta) !=
		    0)
			stop = bmx_list_corrupt(
				store, "damaged record of a domain", err);
		else
			stop = cb(ctx,
			          (struct bmx_slice){key.mv_data, key.mv_size},
			          &meta);
	}
	mdb_cursor_close(cursor);
	if (stop == 0 && rc != MDB_NOTFOUND)
		return bmx_list_lmdb_error(store, rc, "cannot read", err);
	return stop;
}
