/*
 * list_publish_write.h - how a publication is written: everything that
 * followers see changes at one moment, or not at all.
 */
#ifndef BACKUPMX_LIST_PUBLISH_WRITE_H
#define BACKUPMX_LIST_PUBLISH_WRITE_H

#include <backupmx/list_sync.h>
#include <backupmx/publication.h>

#include "list_diff.h"
#include "list_link.h"

/** What is written. */
struct bmx_list_publish_write {
	const struct bmx_list_link *link;
	const struct bmx_list_remote *remote; /* as it was compared with */
	const struct bmx_list *list;          /* the new list */
	const struct bmx_list_diff *diff;     /* leads to it; for a delta */
	struct bmx_publication publication;   /* the new meta; a full load sets
	                                         its list */
};

/**
 * Changes the set in force, writes the log's entry and the new meta.
 * @return 0, or -1 with *err as bmx_list_publish
 */
int bmx_list_publish_delta(struct bmx_list_publish_write *write,
                           struct bmx_error *err);

/** Fills a new set and has the new meta name it. As bmx_list_publish_delta. */
int bmx_list_publish_full(struct bmx_list_publish_write *write,
                          struct bmx_error *err);

#endif
