/*
 * list_read.h - reads the list of a source that holds addresses as text.
 */
#ifndef BACKUPMX_LIST_READ_H
#define BACKUPMX_LIST_READ_H

#include <backupmx/list_fetch.h>
#include <backupmx/list_sync.h>

/** What reading gave. */
struct bmx_list_text {
	bool unchanged; /* the server says so; there is no list */
	struct bmx_list list;
	struct bmx_list_validator validator;
};

/** Is the source one of list_fetch.h? */
bool bmx_list_is_fetched(const char *source);

/**
 * Reads spec's source ("file:/PATH", or of list_fetch.h); known is of the list
 * in force, or NULL. An empty list, too, is refused here rather than by the
 * store, to say what is in the source.
 * @return 0 with *text_out, whose list the caller clears, or -1 with *err, as
 *         bmx_list_sync
 */
int bmx_list_read(const struct bmx_list_sync_spec *spec,
                  const struct bmx_list_validator *known,
                  struct bmx_list_text *text_out, struct bmx_error *err);

#endif
