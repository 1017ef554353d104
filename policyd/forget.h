/*
 * forget.h - drops and takes records at an administrator's word:
 * `backupmxctl forget` and `cache load`.
 */
#ifndef BACKUPMX_POLICYD_FORGET_H
#define BACKUPMX_POLICYD_FORGET_H

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/record_store.h>
#include <backupmx/slice.h>

/**
 * Drops what was verified of an address, or of a whole domain, with whether it
 * accepts all.
 * @return 0, or -1 with *err: BMX_E_NOT_FOUND (no section for the domain),
 *         BMX_E_SYNTAX (no address or domain that records are kept of)
 */
int bmx_forget(struct bmx_record_store *records,
               const struct bmx_config *config, struct bmx_slice what,
               struct bmx_error *err);

/**
 * Takes a record as a line of record_line.h, in place of the one that is kept.
 * @return 0, or -1 with *err: BMX_E_SYNTAX, BMX_E_NOT_FOUND (no section for
 *         its domain)
 */
int bmx_keep(struct bmx_record_store *records, const struct bmx_config *config,
             struct bmx_slice line, struct bmx_error *err);

#endif
