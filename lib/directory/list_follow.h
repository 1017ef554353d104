/*
 * list_follow.h - brings a published list from Redis into the store.
 */
#ifndef BACKUPMX_LIST_FOLLOW_H
#define BACKUPMX_LIST_FOLLOW_H

#include <backupmx/list_sync.h>

/** bmx_list_sync of the source "redis:"; options->origin is set here. */
int bmx_list_follow(struct bmx_list_store *store,
                    const struct bmx_list_sync_spec *spec,
                    const struct bmx_list_replace_options *options,
                    struct bmx_list_replace_result *result_out,
                    struct bmx_error *err);

#endif
