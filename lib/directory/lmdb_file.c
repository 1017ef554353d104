#include "lmdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <lmdb.h>

#include <backupmx/privileges.h>

/* A map that is refused for want of address space is tried smaller. */
#define MAP_OCTETS_MIN ((size_t)64 << 20)
#define READERS_MAX 254U
#define FILE_MODE 0640
/* How far the file may end before the last page that LMDB has counted: it
 * does not write pages at the end that one transaction took and gave back. */
#define SHORT_PAGES_MAX 256
/* Octets free under which a failed write was for want of room. */
#define DISK_FULL_BELOW 65536

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
is_disk_full(const struct bmx_lmdb_file *file)
{
	struct statvfs fs;

	return statvfs(file->path, &fs) == 0 &&
		fs.f_bavail * fs.f_frsize < (fsblkcnt_t)DISK_FULL_BELOW;
}

int
bmx_lmdb_error(const struct bmx_lmdb_file *file, int rc, const char *what,
               struct bmx_error *err)
{
	if (rc == EIO && is_disk_full(file))
		rc = ENOSPC;
	if (rc > 0)
		return bmx_error_set_errno(err, rc, "%s: %s", file->path, what);
	return bmx_error_set(err, code_of(rc), "%s: %s: %s", file->path, what,
	                     mdb_strerror(rc));
}

int
bmx_lmdb_corrupt(const struct bmx_lmdb_file *file, const char *what,
                 struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_CORRUPT, "%s: %s", file->path, what);
}

int
bmx_lmdb_forget_dead_readers(const struct bmx_lmdb_file *file,
                             struct bmx_error *err)
{
	const int rc = mdb_reader_check(file->env, NULL);

	return rc == 0 ? 0 : bmx_lmdb_error(file, rc, "lock file", err);
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
give_both_to_owner(const struct bmx_lmdb_file *file, const char *lock,
                   const char *state_dir, struct bmx_error *err)
{
	struct stat dir;

	if (geteuid() != 0)
		return 0;
	if (stat(state_dir, &dir) != 0)
		return bmx_error_set_errno(err, errno, "%s", state_dir);
	if (give_to_owner(file->path, &dir, err) != 0)
		return -1;
	return give_to_owner(lock, &dir, err);
}

/* A new file survives a crash only when its directory was synced too. */
int
bmx_lmdb_sync_directory(const char *state_dir, struct bmx_error *err)
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
is_at_its_path(const struct bmx_lmdb_file *file)
{
	struct stat open_file, there;
	int fd;

	return mdb_env_get_fd(file->env, &fd) == 0 &&
		fstat(fd, &open_file) == 0 && stat(file->path, &there) == 0 &&
		open_file.st_ino == there.st_ino &&
		open_file.st_dev == there.st_dev;
}

void
bmx_lmdb_unlink(const char *path)
{
	char lock[PATH_MAX];

	/* The lock goes first: it must not serve another file. */
	(void)snprintf(lock, sizeof(lock), "%s-lock", path);
	(void)unlink(lock);
	(void)unlink(path);
}

int
bmx_lmdb_set_aside(const char *path)
{
	char lock[PATH_MAX], aside[PATH_MAX];

	(void)snprintf(lock, sizeof(lock), "%s-lock", path);
	(void)snprintf(aside, sizeof(aside), "%s.bad", path);
	(void)unlink(lock);
	return rename(path, aside);
}

/*
 * LMDB ends the process when a page makes no sense. The next one would end
 * at the same page: the file is set aside, so that it makes a new one, which
 * the sources fill.
 */
static void
on_assert(MDB_env *env, const char *message)
{
	const struct bmx_lmdb_file *file = mdb_env_get_userctx(env);

	(void)message; /* LMDB writes it to standard error */
	if (!file->read_only && is_at_its_path(file))
		(void)bmx_lmdb_set_aside(file->path);
}

static int
open_env(struct bmx_lmdb_file *file, const struct bmx_lmdb_options *options,
         size_t map_octets)
{
	const unsigned flags = MDB_NOSUBDIR | MDB_NOTLS |
		(options->synced ? 0 : MDB_NOSYNC) |
		(file->read_only ? MDB_RDONLY : 0);
	int rc = mdb_env_create(&file->env);

	if (rc != 0)
		return rc;
	if ((rc = mdb_env_set_userctx(file->env, file)) == 0 &&
	    (rc = mdb_env_set_assert(file->env, on_assert)) == 0 &&
	    (rc = mdb_env_set_maxdbs(file->env, options->databases)) == 0 &&
	    (rc = mdb_env_set_maxreaders(file->env, READERS_MAX)) == 0 &&
	    (rc = mdb_env_set_mapsize(file->env, map_octets)) == 0)
		rc = mdb_env_open(file->env, file->path, flags, FILE_MODE);
	if (rc != 0) {
		mdb_env_close(file->env);
		file->env = NULL;
	}
	return rc;
}

static int
open_error(const struct bmx_lmdb_file *file,
           const struct bmx_lmdb_options *options, int rc,
           struct bmx_error *err)
{
	if (rc == ENOENT && access(options->state_dir, F_OK) == 0)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "%s: there is no %s yet", file->path,
		                     options->content);
	if (rc == ENOENT)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "no directory %s (state_dir): make it "
		                     "with \"install -d -o %s -m 0750 %s\"",
		                     options->state_dir, BMX_PRIVILEGES_USER,
		                     options->state_dir);
	if (rc == EACCES || rc == EROFS)
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "%s: this user may not read and write "
		                     "it: give state_dir and its files to the "
		                     "daemon's user",
		                     file->path);
	return bmx_lmdb_error(file, rc, "cannot open", err);
}

/* A limit on address space (ulimit -v) may refuse the usual map. */
static int
open_env_as_large_as_allowed(struct bmx_lmdb_file *file,
                             const struct bmx_lmdb_options *options,
                             struct bmx_error *err)
{
	size_t octets = options->map_octets;
	int rc = open_env(file, options, octets);

	for (; rc == ENOMEM && octets >= 2 * MAP_OCTETS_MIN; octets /= 2)
		rc = open_env(file, options, octets / 2);
	return rc == 0 ? 0 : open_error(file, options, rc, err);
}

/*
 * A file that was cut short would end the process with SIGBUS at the first
 * look at a lost page. A few pages may be missing rightly; they are made up
 * with zeros, which LMDB knows as no page of its own. posix_fallocate never
 * shortens, so a writer that grows the file meanwhile is not disturbed.
 */
static int
check_file_size(const struct bmx_lmdb_file *file, struct bmx_error *err)
{
	MDB_envinfo info;
	MDB_stat stats;
	struct stat now;
	off_t want;
	int fd, rc;

	if ((rc = mdb_env_info(file->env, &info)) != 0 ||
	    (rc = mdb_env_stat(file->env, &stats)) != 0 ||
	    (rc = mdb_env_get_fd(file->env, &fd)) != 0)
		return bmx_lmdb_error(file, rc, "cannot read", err);
	if (fstat(fd, &now) != 0)
		return bmx_error_set_errno(err, errno, "%s", file->path);
	if (info.me_last_pgno >= (size_t)INT64_MAX / stats.ms_psize)
		return bmx_lmdb_corrupt(file, "impossible page count", err);
	want = (off_t)((info.me_last_pgno + 1) * stats.ms_psize);
	if (now.st_size >= want)
		return 0;
	if (want - now.st_size > (off_t)stats.ms_psize * SHORT_PAGES_MAX)
		return bmx_lmdb_corrupt(file, "the file was cut short", err);
	fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s", file->path);
	rc = posix_fallocate(fd, want - 1, 1);
	(void)close(fd);
	/* A full disk must not keep the list from being read: whoever filled
	 * it is likelier than whoever cut the file. */
	if (rc != 0 && rc != ENOSPC && rc != EDQUOT)
		return bmx_error_set_errno(err, rc, "%s", file->path);
	return 0;
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
open_both(struct bmx_lmdb_file *file, const char *lock,
          const struct bmx_lmdb_options *options, struct bmx_error *err)
{
	if (check_kind(file->path, err) != 0 || check_kind(lock, err) != 0 ||
	    open_env_as_large_as_allowed(file, options, err) != 0)
		return -1;
	/* Reading makes the lock file, too. */
	return give_both_to_owner(file, lock, options->state_dir, err);
}

/* state_dir/name and suffix, which the caller frees, or NULL. */
static char *
join(const struct bmx_lmdb_options *options, const char *suffix)
{
	const size_t size = strlen(options->state_dir) + 1 +
		strlen(options->name) + strlen(suffix) + 1;
	char *path = malloc(size);

	if (path)
		(void)snprintf(path, size, "%s/%s%s", options->state_dir,
		               options->name, suffix);
	return path;
}

int
bmx_lmdb_open(struct bmx_lmdb_file *file,
              const struct bmx_lmdb_options *options, struct bmx_error *err)
{
	char *lock = join(options, "-lock");
	int rc;

	file->env = NULL;
	file->read_only = options->read_only;
	file->path = join(options, "");
	if (!lock || !file->path)
		rc = bmx_error_set(err, BMX_E_NOMEM, "no memory for a path");
	else
		rc = open_both(file, lock, options, err);
	free(lock);
	if (rc == 0 &&
	    (bmx_lmdb_forget_dead_readers(file, err) != 0 ||
	     check_file_size(file, err) != 0))
		rc = -1;
	if (rc != 0)
		bmx_lmdb_close(file);
	return rc;
}

void
bmx_lmdb_close(struct bmx_lmdb_file *file)
{
	if (file->env)
		mdb_env_close(file->env);
	file->env = NULL;
	free(file->path);
	file->path = NULL;
}

bool
bmx_lmdb_is_replaced(const struct bmx_lmdb_file *file)
{
	return access(file->path, F_OK) == 0 && !is_at_its_path(file);
}
