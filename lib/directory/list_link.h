/*
 * list_link.h - a domain's published list, read from Redis: what publisher and
 * follower share.
 *
 * Blocking: for commands and worker processes. One thread.
 */
#ifndef BACKUPMX_LIST_LINK_H
#define BACKUPMX_LIST_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/publication.h>
#include <backupmx/redis_call.h>
#include <backupmx/slice.h>

#include "list_changes.h"

/** Longest wait for the answer to a bulky request, connecting included, ms. */
#define BMX_LIST_LINK_BULK_MS ((int64_t)30 * 1000)

/** Commands that are sent together; arguments are borrowed until then. */
struct bmx_list_batch {
	struct bmx_slice *args;
	size_t arg_count;
	size_t arg_size;
	size_t *starts; /* of each command, in args */
	size_t count;
	size_t size;
	size_t bytes; /* of the arguments */
	bool failed;  /* memory was short */
};

/** Frees what batch holds and makes it empty. */
void bmx_list_batch_clear(struct bmx_list_batch *batch);

/** Makes batch empty, keeping its memory. */
void bmx_list_batch_reset(struct bmx_list_batch *batch);

/** Starts a command by its name, a literal. */
void bmx_list_batch_command(struct bmx_list_batch *batch, const char *name);

/** One argument of the command started last. */
void bmx_list_batch_add(struct bmx_list_batch *batch, struct bmx_slice arg);

/** As bmx_list_batch_add, of a terminated string. */
void bmx_list_batch_add_string(struct bmx_list_batch *batch, const char *arg);

/** A link to one domain's keys. */
struct bmx_list_link {
	const struct bmx_config_redis *settings;
	struct bmx_slice domain;
	struct bmx_loop *loop;
	struct bmx_redis *redis;
	char meta[BMX_PUBLICATION_KEY_MAX];
	char list[BMX_PUBLICATION_KEY_MAX]; /* beginning of every set's key */
	char log[BMX_PUBLICATION_KEY_MAX];
};

/**
 * Starts to connect. settings and domain are borrowed until it is closed.
 * @return 0, or -1 with *err as bmx_redis_new; the link is then closed
 */
int bmx_list_link_open(struct bmx_list_link *link,
                       const struct bmx_config_redis *settings,
                       struct bmx_slice domain, const char *client_name,
                       struct bmx_error *err);

/** Frees what the link holds. A closed one is fine. */
void bmx_list_link_close(struct bmx_list_link *link);

/** The replies to a batch; at[i] is that to command i. */
struct bmx_list_replies {
	const struct bmx_redis_reply *at;
	size_t count;
	struct bmx_redis_result result; /* what holds them */
};

/** Frees what replies holds; it may then be used again. */
void bmx_list_replies_release(struct bmx_list_replies *replies);

/**
 * Sends batch and waits for the replies.
 * @return 0 with *replies_out, which the caller releases, or -1 with *err, as
 *         bmx_redis_call
 */
int bmx_list_link_call(const struct bmx_list_link *link,
                       const struct bmx_list_batch *batch,
                       bmx_redis_epoch epoch, int64_t timeout_ms,
                       struct bmx_list_replies *replies_out,
                       struct bmx_error *err);

/** Says what a reply of another kind than expected means: of an error its
 * class, else BMX_E_CORRUPT. what is the act that failed. Returns -1. */
int bmx_list_link_unexpected(const struct bmx_redis_reply *reply,
                             const char *what, struct bmx_error *err);

/** What stands in Redis. */
struct bmx_list_remote {
	enum bmx_publication_found found;
	struct bmx_error foreign;           /* of FOREIGN: why it is */
	struct bmx_publication publication; /* when found */
	bool set_found; /* its key holds a set, or nothing */
	uint64_t members;
	bmx_redis_epoch epoch; /* the connection that said so */
};

/** How the meta is read. */
enum bmx_list_watch {
	BMX_LIST_NO_WATCH,
	BMX_LIST_WATCH, /* WATCH the meta and the set on remote->epoch */
};

/**
 * Reads meta and the number of members as they are at one moment.
 * @return 0 with *remote_out, or -1 with *err: Redis cannot say
 */
int bmx_list_link_read_meta(const struct bmx_list_link *link,
                            enum bmx_list_watch watch,
                            struct bmx_list_remote *remote_out,
                            struct bmx_error *err);

/**
 * Adds the steps of the log from generation after (exclusive) to upto.
 * @return 1, 0 when the log does not reach (steps may have been added all the
 *         same), -1 with *err
 */
int bmx_list_link_read_log(const struct bmx_list_link *link, uint64_t after,
                           uint64_t upto, struct bmx_list_changes *changes,
                           struct bmx_error *err);

/**
 * Reads all members of the set that *remote names. What changes meanwhile is
 * followed, and *remote is then what was published last.
 * @return 0 with *changes_out, which the caller frees, or -1 with *err, also
 *         BMX_E_CORRUPT when meta or set are not there any more, BMX_E_BUSY
 *         when they change faster than they can be read
 */
int bmx_list_link_read_whole(const struct bmx_list_link *link,
                             bool case_sensitive,
                             struct bmx_list_remote *remote,
                             struct bmx_list_changes **changes_out,
                             struct bmx_error *err);

#endif
