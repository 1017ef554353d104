#include "cache_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "lmdb_file.h"

/* LMDB's own database of free pages. */
#define FREE_PAGES 0

/* The schema is part of the name: a later one is a database that is not
 * there, in a file that is not empty. */
static const char *const names[] = {
	[BMX_RECORD_VERIFICATION] = "verification 1",
	[BMX_RECORD_GATE] = "gate 1",
	[BMX_RECORD_PRIMARY] = "primary 1",
};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_RECORD_KINDS,
              "one database a kind");

struct bmx_cache_file {
	struct bmx_lmdb_file file;
	MDB_dbi records[BMX_RECORD_KINDS];
	MDB_txn *reading; /* reset but for the time of a read */
	size_t page_octets;
	size_t page_max; /* that it should have */
	size_t map_octets;
	uint64_t count[BMX_RECORD_KINDS]; /* as last committed by us */
	bool no_room;                     /* for the last write, in the map */
	bool stuck;                       /* nor can the map be made larger */
};

static int
failed(const struct bmx_cache_file *file, int rc, struct bmx_error *err)
{
	return bmx_lmdb_error(&file->file, rc, "cache", err);
}

/*
 * Opening.
 */

static int
open_databases(struct bmx_cache_file *file, MDB_txn *txn, unsigned flags)
{
	int rc = 0;

	for (int i = 0; i < BMX_RECORD_KINDS && rc == 0; i++)
		rc = mdb_dbi_open(txn, names[i], flags, &file->records[i]);
	return rc;
}

static int
count_records(struct bmx_cache_file *file, MDB_txn *txn)
{
	MDB_stat stats;
	int rc = 0;

	for (int i = 0; i < BMX_RECORD_KINDS && rc == 0; i++) {
		rc = mdb_stat(txn, file->records[i], &stats);
		if (rc == 0)
			file->count[i] = stats.ms_entries;
	}
	return rc;
}

/* A file that has other databases than ours is not ours. */
static int
check_empty(const struct bmx_cache_file *file, MDB_txn *txn,
            struct bmx_error *err)
{
	MDB_stat stats;
	MDB_dbi all;
	int rc = mdb_dbi_open(txn, NULL, 0, &all);

	if (rc == 0)
		rc = mdb_stat(txn, all, &stats);
	if (rc != 0)
		return failed(file, rc, err);
	if (stats.ms_entries > 0)
		return bmx_lmdb_corrupt(&file->file,
		                        "a database of something else, or of "
		                        "another release",
		                        err);
	return 0;
}

static int
set_up_databases(struct bmx_cache_file *file, MDB_txn *txn,
                 struct bmx_error *err)
{
	int rc = open_databases(file, txn, 0);

	if (rc == MDB_NOTFOUND) {
		if (check_empty(file, txn, err) != 0)
			return -1;
		if (file->file.read_only)
			return bmx_error_set(err, BMX_E_NOT_FOUND,
			                     "%s: it is empty",
			                     file->file.path);
		rc = open_databases(file, txn, MDB_CREATE);
	}
	if (rc == 0)
		rc = count_records(file, txn);
	return rc == 0 ? 0 : failed(file, rc, err);
}

static int
set_up(struct bmx_cache_file *file, struct bmx_error *err)
{
	const unsigned flags = file->file.read_only ? MDB_RDONLY : 0;
	MDB_envinfo info;
	MDB_stat stats;
	MDB_txn *txn;
	int rc;

	if ((rc = mdb_env_info(file->file.env, &info)) != 0 ||
	    (rc = mdb_env_stat(file->file.env, &stats)) != 0 ||
	    (rc = mdb_txn_begin(file->file.env, NULL, flags, &txn)) != 0)
		return failed(file, rc, err);
	file->page_octets = stats.ms_psize;
	file->page_max = info.me_mapsize / stats.ms_psize;
	file->map_octets = info.me_mapsize;
	if (set_up_databases(file, txn, err) != 0) {
		mdb_txn_abort(txn);
		return -1;
	}
	rc = mdb_txn_commit(txn); /* which also keeps the handles */
	if (rc == 0)
		rc = mdb_txn_begin(file->file.env, NULL, MDB_RDONLY,
		                   &file->reading);
	if (rc != 0)
		return failed(file, rc, err);
	mdb_txn_reset(file->reading);
	return 0;
}

struct bmx_cache_file *
bmx_cache_file_open(const char *state_dir, bool read_only, size_t octets,
                    struct bmx_error *err)
{
	const struct bmx_lmdb_options options = {
		.state_dir = state_dir,
		.name = BMX_CACHE_FILE_NAME,
		.content = "cache",
		.read_only = read_only,
		.databases = BMX_RECORD_KINDS,
		.map_octets = octets,
	};
	struct bmx_cache_file *file = calloc(1, sizeof(*file));

	if (!file) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for a cache");
		return NULL;
	}
	if (bmx_lmdb_open(&file->file, &options, err) != 0 ||
	    set_up(file, err) != 0)
		bmx_cache_file_free(&file);
	return file;
}

void
bmx_cache_file_free(struct bmx_cache_file **file)
{
	if (!*file)
		return;
	if ((*file)->reading)
		mdb_txn_abort((*file)->reading);
	if ((*file)->file.env && !(*file)->file.read_only)
		(void)mdb_env_sync((*file)->file.env, 1); /* a courtesy */
	bmx_lmdb_close(&(*file)->file);
	free(*file);
	*file = NULL;
}

uint64_t
bmx_cache_file_count(const struct bmx_cache_file *file,
                     enum bmx_record_kind kind)
{
	return file->count[kind];
}

/*
 * Reading.
 */

static MDB_val
val_of(const struct bmx_cache_key *key, uint8_t octets[BMX_CACHE_KEY_MAX])
{
	memcpy(octets, key->octets, key->len);
	return (MDB_val){key->len, octets};
}

/* The key as it stands in the file; -1 when it cannot be one of ours. */
static int
read_key(enum bmx_record_kind kind, const MDB_val *found,
         struct bmx_cache_key *key_out)
{
	struct bmx_record_key key;

	if (bmx_cache_key_read(kind, found->mv_data, found->mv_size, &key) != 0)
		return -1;
	return bmx_cache_key_make(&key, key_out);
}

int
bmx_cache_file_get(struct bmx_cache_file *file, const struct bmx_cache_key *key,
                   struct bmx_record *record_out, int64_t *expires_ms_out,
                   struct bmx_error *err)
{
	uint8_t octets[BMX_CACHE_KEY_MAX];
	MDB_val name = val_of(key, octets), value;
	int rc = mdb_txn_renew(file->reading);
	int found = 0;

	if (rc != 0)
		return failed(file, rc, err);
	rc = mdb_get(file->reading, file->records[key->kind], &name, &value);
	if (rc == 0 &&
	    bmx_cache_value_read(key, value.mv_data, value.mv_size, record_out,
	                         expires_ms_out) == 0)
		found = 1;
	mdb_txn_reset(file->reading);
	return rc == 0 || rc == MDB_NOTFOUND ? found : failed(file, rc, err);
}

struct walk {
	enum bmx_record_kind kind;
	bmx_cache_file_cb *cb;
	void *ctx;
};

static int
show(const struct walk *walk, const MDB_val *name, const MDB_val *value)
{
	struct bmx_cache_key key;
	struct bmx_record record;
	int64_t expires_ms;

	if (read_key(walk->kind, name, &key) != 0 ||
	    bmx_cache_value_read(&key, value->mv_data, value->mv_size, &record,
	                         &expires_ms) != 0)
		return 0;
	return walk->cb(walk->ctx, &key, &record, expires_ms);
}

static int
show_all(struct bmx_cache_file *file, const struct walk *walk,
         struct bmx_error *err)
{
	MDB_val name, value;
	MDB_cursor *cursor;
	int stopped = 0;
	int rc = mdb_cursor_open(file->reading, file->records[walk->kind],
	                         &cursor);

	if (rc != 0)
		return failed(file, rc, err);
	while (stopped == 0 &&
	       (rc = mdb_cursor_get(cursor, &name, &value, MDB_NEXT)) == 0)
		stopped = show(walk, &name, &value);
	mdb_cursor_close(cursor);
	if (stopped == 0 && rc != MDB_NOTFOUND)
		return failed(file, rc, err);
	return stopped;
}

int
bmx_cache_file_each(struct bmx_cache_file *file, enum bmx_record_kind kind,
                    bmx_cache_file_cb *cb, void *ctx, struct bmx_error *err)
{
	const struct walk walk = {kind, cb, ctx};
	int rc = mdb_txn_renew(file->reading);

	if (rc != 0)
		return failed(file, rc, err);
	rc = show_all(file, &walk, err);
	mdb_txn_reset(file->reading);
	return rc;
}

/*
 * Walking: each database from end to end. That its keys are in order and no
 * more than it says also ends a walk in a circle of pages.
 */

static int
compare(const MDB_val *a, const MDB_val *b)
{
	const size_t len = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
	const int order = memcmp(a->mv_data, b->mv_data, len);

	if (order != 0)
		return order;
	return (a->mv_size > b->mv_size) - (a->mv_size < b->mv_size);
}

static uint8_t
touch(const MDB_val *value)
{
	const uint8_t *octets = value->mv_data;
	uint8_t sum = 0;

	for (size_t i = 0; i < value->mv_size; i++)
		sum = (uint8_t)(sum ^ octets[i]);
	return sum;
}

static int
walk_cursor(struct bmx_cache_file *file, MDB_cursor *cursor, MDB_dbi dbi,
            struct bmx_error *err)
{
	volatile uint8_t sum = 0; /* so that the reads are made */
	MDB_val name, value, last = {0, NULL};
	size_t count = 0;
	MDB_stat stats;
	int rc = mdb_stat(file->reading, dbi, &stats);

	if (rc != 0)
		return failed(file, rc, err);
	while ((rc = mdb_cursor_get(cursor, &name, &value, MDB_NEXT)) == 0) {
		if (++count > stats.ms_entries ||
		    (dbi != FREE_PAGES && last.mv_data &&
		     compare(&last, &name) >= 0))
			return bmx_lmdb_corrupt(&file->file,
			                        "records out of order", err);
		sum = (uint8_t)(sum ^ touch(&name) ^ touch(&value));
		last = name;
	}
	if (rc != MDB_NOTFOUND)
		return failed(file, rc, err);
	if (count != stats.ms_entries)
		return bmx_lmdb_corrupt(&file->file, "records are missing",
		                        err);
	return 0;
}

static int
walk_database(struct bmx_cache_file *file, MDB_dbi dbi, struct bmx_error *err)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(file->reading, dbi, &cursor);

	if (rc != 0)
		return failed(file, rc, err);
	rc = walk_cursor(file, cursor, dbi, err);
	mdb_cursor_close(cursor);
	return rc;
}

int
bmx_cache_file_walk(struct bmx_cache_file *file, struct bmx_error *err)
{
	int rc = mdb_txn_renew(file->reading);

	if (rc != 0)
		return failed(file, rc, err);
	rc = walk_database(file, FREE_PAGES, err);
	for (int i = 0; i < BMX_RECORD_KINDS && rc == 0; i++)
		rc = walk_database(file, file->records[i], err);
	mdb_txn_reset(file->reading);
	return rc;
}

/*
 * Writing.
 */

struct write {
	struct bmx_cache_file *file;
	MDB_txn *txn;
	const struct bmx_cache_caps *caps;
	uint64_t lost;
};

static int
remove_one(const struct write *write, const struct bmx_cache_key *key)
{
	uint8_t octets[BMX_CACHE_KEY_MAX];
	MDB_val name = val_of(key, octets);
	const int rc = mdb_del(write->txn, write->file->records[key->kind],
	                       &name, NULL);

	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* *room_out: may a record of that key be written? A new one needs a place. */
static int
find_room(const struct write *write, const struct bmx_cache_key *key,
          bool *room_out)
{
	const MDB_dbi dbi = write->file->records[key->kind];
	uint8_t octets[BMX_CACHE_KEY_MAX];
	MDB_val name = val_of(key, octets), value;
	MDB_stat stats;
	int rc = mdb_stat(write->txn, dbi, &stats);

	*room_out = true;
	if (rc != 0 || stats.ms_entries < write->caps->records[key->kind])
		return rc;
	rc = mdb_get(write->txn, dbi, &name, &value);
	*room_out = rc == 0;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
put_one(struct write *write, const struct bmx_cache_change *change)
{
	uint8_t octets[BMX_CACHE_KEY_MAX], stored[BMX_CACHE_VALUE_MAX];
	MDB_val name = val_of(&change->key, octets), value = {0, stored};
	bool room;
	int rc = find_room(write, &change->key, &room);

	if (rc != 0)
		return rc;
	if (!room) {
		write->lost++;
		return 0;
	}
	value.mv_size = bmx_cache_value_make(&change->key, &change->record,
	                                     change->expires_ms, stored);
	return mdb_put(write->txn, write->file->records[change->key.kind],
	               &name, &value, 0);
}

static int
remove_each(MDB_cursor *cursor, const struct bmx_cache_key *prefix)
{
	uint8_t octets[BMX_CACHE_KEY_MAX];
	MDB_val name = val_of(prefix, octets), value;
	int rc = mdb_cursor_get(cursor, &name, &value, MDB_SET_RANGE);

	while (rc == 0 && name.mv_size >= prefix->len &&
	       memcmp(name.mv_data, prefix->octets, prefix->len) == 0) {
		rc = mdb_cursor_del(cursor, 0);
		/* The cursor then stands on the one that follows, if any is
		 * in its page: only NEXT finds that of the next page. */
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &name, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
remove_domain(const struct write *write, const struct bmx_cache_key *prefix)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(write->txn, write->file->records[prefix->kind],
	                         &cursor);

	if (rc != 0)
		return rc;
	rc = remove_each(cursor, prefix);
	mdb_cursor_close(cursor);
	return rc;
}

static int
write_all(struct write *write, const struct bmx_cache_overlay *overlay)
{
	const struct bmx_cache_change *change =
		bmx_cache_overlay_first(overlay);
	const struct bmx_cache_key *domain;
	int rc = 0;

	for (size_t i = 0;
	     rc == 0 && (domain = bmx_cache_overlay_domain(overlay, i)) != NULL;
	     i++)
		rc = remove_domain(write, domain);
	for (; change && rc == 0;
	     change = bmx_cache_overlay_next(overlay, change))
		rc = change->removed ? remove_one(write, &change->key) :
				       put_one(write, change);
	return rc;
}

/*
 * Removals need pages, too: those of the transaction before are free only
 * after the one that needs them. So a file that is full to the last page
 * would stay so; it is let grow, to twice what it should have at most.
 */
static void
grow(struct bmx_cache_file *file)
{
	const size_t octets =
		file->map_octets + (file->page_max / 8 + 1) * file->page_octets;

	file->no_room = true;
	file->stuck = octets / file->page_octets > 2 * file->page_max ||
		mdb_env_set_mapsize(file->file.env, octets) != 0;
	if (!file->stuck)
		file->map_octets = octets;
}

/* Commits when rc is 0. */
static int
end(struct bmx_cache_file *file, MDB_txn *txn, int rc, struct bmx_error *err)
{
	uint64_t was[BMX_RECORD_KINDS];

	memcpy(was, file->count, sizeof(was));
	if (rc == 0)
		rc = count_records(file, txn);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	file->no_room = false;
	if (rc == 0)
		return 0;
	memcpy(file->count, was, sizeof(was));
	if (rc == MDB_MAP_FULL)
		grow(file);
	return failed(file, rc, err);
}

int
bmx_cache_file_write(struct bmx_cache_file *file,
                     const struct bmx_cache_overlay *overlay,
                     const struct bmx_cache_caps *caps, uint64_t *lost_out,
                     struct bmx_error *err)
{
	struct write write = {.file = file, .caps = caps};
	int rc = mdb_txn_begin(file->file.env, NULL, 0, &write.txn);

	*lost_out = 0;
	if (rc != 0)
		return failed(file, rc, err);
	rc = write_all(&write, overlay);
	if (end(file, write.txn, rc, err) != 0)
		return -1;
	*lost_out = write.lost;
	return 0;
}

bool
bmx_cache_file_is_stuck(const struct bmx_cache_file *file)
{
	return file->stuck;
}

/* Pages that are free for the next transaction, or a lower number. */
static size_t
count_free_pages(struct bmx_cache_file *file)
{
	MDB_val id, pages;
	MDB_cursor *cursor;
	size_t free_pages = 0, count;

	if (mdb_cursor_open(file->reading, FREE_PAGES, &cursor) != 0)
		return 0;
	/* Each record begins with how many page numbers it has. */
	while (mdb_cursor_get(cursor, &id, &pages, MDB_NEXT) == 0 &&
	       pages.mv_size >= sizeof(count)) {
		memcpy(&count, pages.mv_data, sizeof(count));
		free_pages += count;
	}
	mdb_cursor_close(cursor);
	return free_pages;
}

bool
bmx_cache_file_is_full(struct bmx_cache_file *file)
{
	const size_t most = file->page_max - file->page_max / 10;
	MDB_envinfo info;
	size_t free_pages;

	if (file->no_room)
		return true;
	if (mdb_env_info(file->file.env, &info) != 0 ||
	    info.me_last_pgno < most || mdb_txn_renew(file->reading) != 0)
		return false;
	free_pages = count_free_pages(file);
	mdb_txn_reset(file->reading);
	return info.me_last_pgno >= most + free_pages;
}

/*
 * Sweeping.
 */

struct step {
	struct bmx_cache_sweep *sweep;
	int64_t until_ms;
	size_t looks_left, removes_left;
	size_t removed;
};

static void
stop_at(struct step *step, const MDB_val *name)
{
	step->sweep->key_len = name->mv_size;
	memcpy(step->sweep->key, name->mv_data, name->mv_size);
}

/* MDB_NOTFOUND at the end of the round, 0 when there is more. */
static int
sweep_on(MDB_cursor *cursor, struct step *step)
{
	MDB_val name = {step->sweep->key_len, step->sweep->key}, value;
	int rc = mdb_cursor_get(cursor, &name, &value,
	                        name.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);

	for (; rc == 0; rc = mdb_cursor_get(cursor, &name, &value, MDB_NEXT)) {
		if (step->looks_left-- == 0 || step->removes_left == 0) {
			stop_at(step, &name);
			return 0;
		}
		if (bmx_cache_value_expires_ms(value.mv_data, value.mv_size) >=
		    step->until_ms)
			continue;
		rc = mdb_cursor_del(cursor, 0);
		if (rc != 0)
			break;
		step->removes_left--;
		step->removed++;
	}
	return rc;
}

static int
sweep_database(MDB_txn *txn, MDB_dbi dbi, struct step *step)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, dbi, &cursor);

	if (rc != 0)
		return rc;
	rc = sweep_on(cursor, step);
	mdb_cursor_close(cursor);
	return rc;
}

int
bmx_cache_file_sweep(struct bmx_cache_file *file, enum bmx_record_kind kind,
                     struct bmx_cache_sweep *sweep, int64_t until_ms,
                     size_t looks_max, size_t removes_max, size_t *removed_out,
                     struct bmx_error *err)
{
	struct bmx_cache_sweep next = *sweep;
	struct step step = {&next, until_ms, looks_max, removes_max, 0};
	MDB_txn *txn;
	bool over;
	int rc;

	*removed_out = 0;
	/* A `cache dump` that was killed would keep what it saw for ever. */
	if (bmx_lmdb_forget_dead_readers(&file->file, err) != 0)
		return -1;
	rc = mdb_txn_begin(file->file.env, NULL, 0, &txn);
	if (rc != 0)
		return failed(file, rc, err);
	rc = sweep_database(txn, file->records[kind], &step);
	over = rc == MDB_NOTFOUND;
	if (end(file, txn, over ? 0 : rc, err) != 0)
		return -1;
	if (over)
		next.key_len = 0;
	*sweep = next;
	*removed_out = step.removed;
	return over;
}
