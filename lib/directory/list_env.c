#include "list_store_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <lmdb.h>

#include <backupmx/privileges.h>

/* Address space, not memory or disk: the file grows as it is filled. */
#define MAP_SIZE_MAX ((size_t)32 << 30)
#define MAP_SIZE_MIN ((size_t)64 << 20)
#define READERS_MAX 254U
#define FILE_MODE 0640
/* How far the file may end before the last page that LMDB has counted: it
 * does not write pages at the end that one transaction took and gave back. */
#define SHORT_PAGES_MAX 256
/* Octets free under which a failed write was for want of room. */
#define DISK_FULL_BELOW 65536

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

static enum bmx_error_code
code_of(int rc)
{
	switch (rc) {
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return BMX_E_FULL;
	case MDB_READERS_FULL:
		return BMX_E_BUSY;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_VALSIZE:
		return BMX_E_CORRUPT;
	default:
		return BMX_E_IO;
	}
}

/* LMDB turns a write that the disk took only in part, which is how a disk
 * becomes full, into EIO. */
static bool
is_disk_full(const struct bmx_list_store *store)
{
	struct statvfs fs;

	return statvfs(store->path, &fs) == 0 &&
		fs.f_bavail * fs.f_frsize < (fsblkcnt_t)DISK_FULL_BELOW;
}

int
bmx_list_lmdb_error(const struct bmx_list_store *store, int rc,
                    const char *what, struct bmx_error *err)
{
	if (rc == EIO && is_disk_full(store))
		rc = ENOSPC;
	if (rc > 0)
		return bmx_error_set_errno(err, rc, "%s: %s", store->path,
		                           what);
	return bmx_error_set(err, code_of(rc), "%s: %s: %s", store->path, what,
	                     mdb_strerror(rc));
}

int
bmx_list_corrupt(const struct bmx_list_store *store, const char *what,
                 struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_CORRUPT, "%s: %s", store->path, what);
}

int
bmx_list_forget_dead_readers(const struct bmx_list_store *store,
                             struct bmx_error *err)
{
	const int rc = mdb_reader_check(store->env, NULL);

	return rc == 0 ? 0 : bmx_list_lmdb_error(store, rc, "lock file", err);
}

/*
 * Opening.
 */

/* LMDB creates with the process's ids. When an administrator (root) was first,
 * the daemon, which is not root, could not open the files. Only files of root
 * without another name are given away: the directory is not root's. */
static int
give_to_owner(const char *path, const struct stat *dir, struct bmx_error *err)
{
	struct stat file;

	if (lstat(path, &file) != 0)
		return bmx_error_set_errno(err, errno, "%s", path);
	if (file.st_uid != 0 || dir->st_uid == 0 || file.st_nlink != 1 ||
	    !S_ISREG(file.st_mode))
		return 0;
	if (lchown(path, dir->st_uid, dir->st_gid) != 0)
		return bmx_error_set_errno(err, errno,
		                           "%s: cannot give it to the owner "
		                           "of the directory",
		                           path);
	return 0;
}

static int
give_both_to_owner(const struct bmx_list_store *store, const char *lock,
                   const char *state_dir, struct bmx_error *err)
{
	struct stat dir;

	if (geteuid() != 0)
		return 0;
	if (stat(state_dir, &dir) != 0)
		return bmx_error_set_errno(err, errno, "%s", state_dir);
	if (give_to_owner(store->path, &dir, err) != 0)
		return -1;
	return give_to_owner(lock, &dir, err);
}

/* A new file survives a crash only when its directory was synced too. */
static int
sync_directory(const char *state_dir, struct bmx_error *err)
{
	const int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	/* Some file systems cannot sync a directory: EINVAL. */
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		rc = bmx_error_set_errno(err, errno, "%s: cannot sync",
		                         state_dir);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* Is the file at the store's path the one that is open? */
static bool
is_at_its_path(const struct bmx_list_store *store)
{
	struct stat open_file, there;
	int fd;

	return mdb_env_get_fd(store->env, &fd) == 0 &&
		fstat(fd, &open_file) == 0 && stat(store->path, &there) == 0 &&
		open_file.st_ino == there.st_ino &&
		open_file.st_dev == there.st_dev;
}

/*
 * LMDB ends the process when a page makes no sense. The next one would end
 * at the same page: the file is set aside, so that it makes a new one, which
 * the sources fill. The lock goes first: it must not serve another file.
 */
static void
on_assert(MDB_env *env, const char *message)
{
	const struct bmx_list_store *store = mdb_env_get_userctx(env);
	char lock[PATH_MAX], aside[PATH_MAX];

	(void)message; /* LMDB writes it to standard error */
	if (store->read_only || !is_at_its_path(store))
		return;
	(void)snprintf(lock, sizeof(lock), "%s-lock", store->path);
	(void)snprintf(aside, sizeof(aside), "%s.bad", store->path);
	(void)unlink(lock);
	(void)rename(store->path, aside);
}

static int
open_env(struct bmx_list_store *store, size_t map_size)
{
	const unsigned flags =
		MDB_NOSUBDIR | MDB_NOTLS | (store->read_only ? MDB_RDONLY : 0);
	int rc = mdb_env_create(&store->env);

	if (rc != 0)
		return rc;
	if ((rc = mdb_env_set_userctx(store->env, store)) == 0 &&
	    (rc = mdb_env_set_assert(store->env, on_assert)) == 0 &&
	    (rc = mdb_env_set_maxdbs(store->env, 3)) == 0 &&
	    (rc = mdb_env_set_maxreaders(store->env, READERS_MAX)) == 0 &&
	    (rc = mdb_env_set_mapsize(store->env, map_size)) == 0)
		rc = mdb_env_open(store->env, store->path, flags, FILE_MODE);
	if (rc != 0) {
		mdb_env_close(store->env);
		store->env = NULL;
	}
	return rc;
}

static int
open_error(const struct bmx_list_store *store, const char *state_dir, int rc,
           struct bmx_error *err)
{
	if (rc == ENOENT && access(state_dir, F_OK) == 0)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "%s: there is no list yet", store->path);
	if (rc == ENOENT)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "no directory %s (state_dir): make it "
		                     "with \"install -d -o %s -m 0750 %s\"",
		                     state_dir, BMX_PRIVILEGES_USER, state_dir);
	if (rc == EACCES || rc == EROFS)
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "%s: this user may not read and write "
		                     "it: give state_dir and its files to the "
		                     "daemon's user",
		                     store->path);
	return bmx_list_lmdb_error(store, rc, "cannot open", err);
}

/* A limit on address space (ulimit -v) may refuse the usual map. */
static int
open_env_as_large_as_allowed(struct bmx_list_store *store,
                             const char *state_dir, struct bmx_error *err)
{
	int rc = ENOMEM;

	for (size_t size = MAP_SIZE_MAX; rc == ENOMEM && size >= MAP_SIZE_MIN;
	     size /= 2)
		rc = open_env(store, size);
	return rc == 0 ? 0 : open_error(store, state_dir, rc, err);
}

/*
 * A file that was cut short would end the process with SIGBUS at the first
 * look at a lost page. A few pages may be missing rightly; they are made up
 * with zeros, which LMDB knows as no page of its own. posix_fallocate never
 * shortens, so a writer that grows the file meanwhile is not disturbed.
 */
static int
check_file_size(const struct bmx_list_store *store, struct bmx_error *err)
{
	MDB_envinfo info;
	MDB_stat stats;
	struct stat file;
	off_t want;
	int fd, rc;

	if ((rc = mdb_env_info(store->env, &info)) != 0 ||
	    (rc = mdb_env_stat(store->env, &stats)) != 0 ||
	    (rc = mdb_env_get_fd(store->env, &fd)) != 0)
		return bmx_list_lmdb_error(store, rc, "cannot read", err);
	if (fstat(fd, &file) != 0)
		return bmx_error_set_errno(err, errno, "%s", store->path);
	if (info.me_last_pgno >= (size_t)INT64_MAX / stats.ms_psize)
		return bmx_list_corrupt(store, "impossible page count", err);
	want = (off_t)((info.me_last_pgno + 1) * stats.ms_psize);
	if (file.st_size >= want)
		return 0;
	if (want - file.st_size > (off_t)stats.ms_psize * SHORT_PAGES_MAX)
		return bmx_list_corrupt(store, "the file was cut short", err);
	fd = open(store->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s", store->path);
	rc = posix_fallocate(fd, want - 1, 1);
	(void)close(fd);
	/* A full disk must not keep the list from being read: whoever filled
	 * it is likelier than whoever cut the file. */
	if (rc != 0 && rc != ENOSPC && rc != EDQUOT)
		return bmx_error_set_errno(err, rc, "%s", store->path);
	return 0;
}

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
	int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);

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
	int rc = mdb_txn_begin(store->env, NULL, 0, &txn);

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
	return sync_directory(state_dir, err);
}

/* A link would have root write where it leads. */
static int
check_kind(const char *path, struct bmx_error *err)
{
	struct stat file;

	if (lstat(path, &file) == 0 && !S_ISREG(file.st_mode))
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "%s: not a regular file", path);
	return 0;
}

static int
open_files(struct bmx_list_store *store, const char *lock,
           const char *state_dir, struct bmx_error *err)
{
	if (check_kind(store->path, err) != 0 || check_kind(lock, err) != 0 ||
	    open_env_as_large_as_allowed(store, state_dir, err) != 0)
		return -1;
	/* Reading makes the lock file, too. */
	return give_both_to_owner(store, lock, state_dir, err);
}

static int
open_store(struct bmx_list_store *store, const char *state_dir,
           struct bmx_error *err)
{
	const size_t len = strlen(store->path);
	char *lock = malloc(len + sizeof("-lock"));
	int rc;

	if (!lock)
		return bmx_error_set(err, BMX_E_NOMEM, "no memory for a path");
	memcpy(lock, store->path, len);
	memcpy(lock + len, "-lock", sizeof("-lock"));
	rc = open_files(store, lock, state_dir, err);
	free(lock);
	if (rc != 0 || bmx_list_forget_dead_readers(store, err) != 0 ||
	    check_file_size(store, err) != 0)
		return -1;
	rc = find_databases(store, err);
	if (rc != 0)
		return rc > 0 ? 0 : -1;
	if (store->read_only)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "%s: there is no list yet", store->path);
	return make_databases(store, state_dir, err);
}

struct bmx_list_store *
bmx_list_store_open(const char *state_dir, enum bmx_list_access access,
                    struct bmx_error *err)
{
	static const char name[] = "/list.mdb";
	struct bmx_list_store *store = calloc(1, sizeof(*store));
	const size_t len = strlen(state_dir);

	if (store)
		store->path = malloc(len + sizeof(name));
	if (!store || !store->path) {
		free(store);
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for a store");
		return NULL;
	}
	memcpy(store->path, state_dir, len);
	memcpy(store->path + len, name, sizeof(name));
	store->read_only = access == BMX_LIST_READ_ONLY;
	if (open_store(store, state_dir, err) != 0)
		bmx_list_store_free(&store);
	return store;
}

bool
bmx_list_store_is_replaced(const struct bmx_list_store *store)
{
	return access(store->path, F_OK) == 0 && !is_at_its_path(store);
}

void
bmx_list_store_free(struct bmx_list_store **store)
{
	if (!*store)
		return;
	if ((*store)->env)
		mdb_env_close((*store)->env);
	free((*store)->path);
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
		                     store->path, (unsigned)head_out->schema,
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
	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &reader->txn);
	if (rc == MDB_READERS_FULL &&
	    bmx_list_forget_dead_readers(store, err) == 0)
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &reader->txn);
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
