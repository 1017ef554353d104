/*
 * record.h - what was changed in main.cf, kept beside it, for --undo.
 *
 * main.cf.backupmx-STAMP is the file as it was, main.cf.backupmx-STAMP.json
 * says what was changed: a digest of the file after the change, and for each
 * setting what it was and what it became, as postconf tells it.
 */
#ifndef BACKUPMX_CTL_POSTFIX_RECORD_H
#define BACKUPMX_CTL_POSTFIX_RECORD_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

#include <backupmx/error.h>

#include "ctl/postfix/postconf.h"
#include "ctl/postfix/wanted.h"

struct json_t; /* jansson's */

/** The files of one change. */
struct bmxctl_change_paths {
	char main_cf[PATH_MAX];
	char backup[PATH_MAX];
	char record[PATH_MAX];
};

/**
 * Names the files of a change at a time, in the directory of main.cf.
 * @return 0, or -1 with *err: BMX_E_TOO_BIG, BMX_E_RANGE (no such time)
 */
int bmxctl_change_paths_at(const char *directory, time_t at,
                           struct bmxctl_change_paths *paths_out,
                           struct bmx_error *err);

/**
 * Finds the files of the last change that was not undone.
 * @return 0, or -1 with *err: BMX_E_NOT_FOUND (none), BMX_E_TOO_BIG,
 *         BMX_E_PERMISSION, BMX_E_IO
 */
int bmxctl_change_paths_last(const char *directory,
                             struct bmxctl_change_paths *paths_out,
                             struct bmx_error *err);

/** A record of the changes of list, with the values that Postfix now tells;
 * after NULL the wanted ones. The caller drops the reference; NULL without
 * memory. */
struct json_t *bmxctl_record_new(const struct bmxctl_wanted_list *list,
                                 const struct bmxctl_postconf *after,
                                 uint64_t digest);

/** Writes record in place of what is at path. @return 0, or -1 with *err */
int bmxctl_record_write(const char *path, const struct json_t *record,
                        struct bmx_error *err);

/**
 * Reads a record and checks its form.
 * @return it, the caller drops the reference; NULL with *err: as
 *         bmxctl_file_read, BMX_E_CORRUPT
 */
struct json_t *bmxctl_record_read(const char *path, struct bmx_error *err);

/** The digest in it. */
uint64_t bmxctl_record_digest(const struct json_t *record);

#endif
