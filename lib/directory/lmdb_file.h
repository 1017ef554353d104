/*
 * lmdb_file.h - opens a file of LMDB in the state directory so that nothing
 * in it or about it ends the process: what list.mdb and cache.mdb share.
 */
#ifndef BACKUPMX_LMDB_FILE_H
#define BACKUPMX_LMDB_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/error.h>

struct MDB_env;

/** An open file; zeroed, one that is not open. Must not move while open. */
struct bmx_lmdb_file {
	struct MDB_env *env;
	char *path; /* for messages */
	bool read_only;
};

struct bmx_lmdb_options {
	const char *state_dir;
	const char *name;    /* of the file in state_dir */
	const char *content; /* what a missing file would hold: "list" */
	bool read_only;
	bool synced;        /* a commit waits for the disk */
	unsigned databases; /* named ones */
	/* How far the file may grow; address space, of which less is taken
	 * where less is allowed. */
	size_t map_octets;
};

/**
 * Opens the file, which must be a regular one; makes it (mode 0640, for root
 * with the owner of the directory) unless read_only. A file that is shorter
 * than it says is corrupt. When LMDB later ends the process for a damaged
 * page, a file that is not read_only is renamed to NAME.bad before.
 * @return 0, or -1 with *err as bmx_list_store_open; file is then not open
 */
int bmx_lmdb_open(struct bmx_lmdb_file *file,
                  const struct bmx_lmdb_options *options,
                  struct bmx_error *err);

/** Closes the file; one that is not open is fine. */
void bmx_lmdb_close(struct bmx_lmdb_file *file);

/** Renames the file at path to NAME.bad, in place of an older one, and drops
 * its lock. @return 0, or -1 when it is not there or cannot be moved */
int bmx_lmdb_set_aside(const char *path);

/** Removes the file at path and its lock. */
void bmx_lmdb_unlink(const char *path);

/** Has another file taken its place? */
bool bmx_lmdb_is_replaced(const struct bmx_lmdb_file *file);

/** Makes new files in the directory survive a crash. 0, or -1 with *err. */
int bmx_lmdb_sync_directory(const char *state_dir, struct bmx_error *err);

/** Frees the slots of readers that were killed: the pages that they saw could
 * not be used again. Cheap. Returns 0, or -1 with *err. */
int bmx_lmdb_forget_dead_readers(const struct bmx_lmdb_file *file,
                                 struct bmx_error *err);

/** Says what LMDB's rc means; what is the act that failed. Returns -1. */
int bmx_lmdb_error(const struct bmx_lmdb_file *file, int rc, const char *what,
                   struct bmx_error *err);

/** BMX_E_CORRUPT with what does not fit. Returns -1. */
int bmx_lmdb_corrupt(const struct bmx_lmdb_file *file, const char *what,
                     struct bmx_error *err);

#endif
