/*
 * list_publish.h - publishes a domain's list in Redis (publication.h).
 *
 * Blocking, and as long as source and Redis take: for backupmxctl. What was
 * published last is kept in `published/` of the state directory, so that the
 * next publication need not read it from Redis; without it all works as well,
 * only slower.
 */
#ifndef BACKUPMX_LIST_PUBLISH_H
#define BACKUPMX_LIST_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/list_sync.h>
#include <backupmx/publication.h>

/** Folder of the copies in the state directory. */
#define BMX_LIST_PUBLISHED_DIR "published"
/** How long a set lives on that is no longer named, or not yet, s. */
#define BMX_LIST_PUBLISH_EXPIRE_S 3600

struct bmx_list_publish_options {
	const char *state_dir;
	int64_t max_shrink; /* per cent */
	bool force;     /* no guard applies; what is the same is written anew */
	bool dry_run;   /* compare only, write nothing */
	int64_t now_ms; /* wall */
	bmx_list_change_cb *on_change; /* may be NULL; not called when the list
	                                  in force is not known */
	void *ctx;
};

struct bmx_list_publish_result {
	enum bmx_publish_act act; /* done, or with dry_run to be done */
	bool compared; /* the list in force was known: added, removed and
	                  changed say what differs from it */
	struct bmx_list_replace_result counts; /* the publisher's generation */
};

/**
 * Reads spec's source ("file:/path", or of list_fetch.h) and publishes what it
 * holds.
 * @return 0 with *result_out, or -1 with *err: as bmx_list_sync;
 *         BMX_E_REFUSED (a guard, nothing was written, *result_out filled);
 *         BMX_E_CORRUPT (something else stands in the place of the list);
 *         BMX_E_BUSY (another publisher was first); BMX_E_USAGE; and what
 *         Redis says: BMX_E_PERMISSION, BMX_E_FULL, BMX_E_TIMEOUT,
 *         BMX_E_CLOSED, BMX_E_IO. After an error other than BMX_E_TIMEOUT and
 *         BMX_E_CLOSED the old list is in force.
 */
int bmx_list_publish(const struct bmx_list_sync_spec *spec,
                     const struct bmx_list_publish_options *options,
                     struct bmx_list_publish_result *result_out,
                     struct bmx_error *err);

#endif
