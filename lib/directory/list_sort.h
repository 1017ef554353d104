/*
 * list_sort.h - brings entries into the order of a list. Pure.
 */
#ifndef BACKUPMX_LIST_SORT_H
#define BACKUPMX_LIST_SORT_H

#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/list_store.h>

/**
 * Sorts by local part; those of the same one keep their order. No local part
 * holds a NUL.
 * @return 0, or -1 with *err: BMX_E_NOMEM, BMX_E_TOO_BIG past UINT32_MAX;
 *         the entries are then as they were
 */
int bmx_list_sort(struct bmx_list_entry *entries, size_t count,
                  struct bmx_error *err);

#endif
