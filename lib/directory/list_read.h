/*
 * list_read.h - reads the list of a source that holds addresses as text.
 */
#ifndef BACKUPMX_LIST_READ_H
#define BACKUPMX_LIST_READ_H

#include <backupmx/list_sync.h>

/**
 * Reads spec's source ("file:/PATH"). An empty list, too, is refused here
 * rather than by the store, to say what is in the source.
 * @return 0 with *list_out, which the caller clears, or -1 with *err, as
 *         bmx_list_sync
 */
int bmx_list_read(const struct bmx_list_sync_spec *spec,
                  struct bmx_list *list_out, struct bmx_error *err);

#endif
