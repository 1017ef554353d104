/*
 * store.h - opens the list store so that policyd can always start.
 */
#ifndef BACKUPMX_POLICYD_STORE_H
#define BACKUPMX_POLICYD_STORE_H

#include <backupmx/clock.h>
#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/log.h>

/**
 * Opens or makes the store. One that is not ours or is damaged is set aside
 * as "list.mdb.bad-TIME" with a log line and started anew: the sources fill
 * it again, and until then answers are 4xx.
 * @return the store, which the caller frees, or NULL with *err
 */
struct bmx_list_store *bmx_store_open(const char *state_dir,
                                      const struct bmx_clock *clock,
                                      struct bmx_log *log,
                                      struct bmx_error *err);

#endif
