/*
 * list_file.h - reads a list's file into memory, whole.
 *
 * Read rather than mapped: a mapped file that another process cuts short ends
 * the reader with SIGBUS.
 */
#ifndef BACKUPMX_LIST_FILE_H
#define BACKUPMX_LIST_FILE_H

#include <stddef.h>

#include <backupmx/error.h>

/**
 * Reads the regular file at path. A file that changes meanwhile is read anew,
 * up to three times in all.
 * @return 0 with *data_out, which the caller frees and which is not
 *         terminated, or -1 with *err: BMX_E_NOT_FOUND, BMX_E_PERMISSION,
 *         BMX_E_IO (also no regular file, and one that keeps changing),
 *         BMX_E_TOO_BIG past BMX_LIST_FILE_MAX, BMX_E_NOMEM
 */
int bmx_list_file_read(const char *path, char **data_out, size_t *len_out,
                       struct bmx_error *err);

#endif
