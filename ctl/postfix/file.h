/*
 * file.h - main.cf and its backups as files: read whole, written whole.
 */
#ifndef BACKUPMX_CTL_POSTFIX_FILE_H
#define BACKUPMX_CTL_POSTFIX_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include <backupmx/error.h>

/** Largest file that is read. */
#define BMXCTL_FILE_MAX ((size_t)8 * 1024 * 1024)

struct bmxctl_file {
	char *data; /* terminated; of malloc */
	size_t len;
	struct stat stat;
};

/**
 * Reads path, which must be a regular file and no symbolic link.
 * @return 0 with *file_out, which the caller clears, or -1 with *err:
 *         BMX_E_NOT_FOUND, BMX_E_PERMISSION, BMX_E_REFUSED (a link or no
 *         regular file), BMX_E_TOO_BIG, BMX_E_NOMEM, BMX_E_IO
 */
int bmxctl_file_read(const char *path, struct bmxctl_file *file_out,
                     struct bmx_error *err);

/** Frees what was read. */
void bmxctl_file_clear(struct bmxctl_file *file);

/**
 * Makes a file at path, which must not exist, with the content, owner and mode
 * of file, and syncs it. Leaves nothing behind when it fails.
 * @return 0, or -1 with *err
 */
int bmxctl_file_create(const char *path, const struct bmxctl_file *file,
                       struct bmx_error *err);

/** As bmxctl_file_create, in place of what is at path, in one step: under
 * path and ".backupmx" first. */
int bmxctl_file_replace(const char *path, const struct bmxctl_file *file,
                        struct bmx_error *err);

/** A number that is another one when the content is; no proof against a
 * forger. */
uint64_t bmxctl_file_digest(const struct bmxctl_file *file);

#endif
