/*
 * slots.h - Cluster: the slot of a key, redirections, the map. Pure.
 *
 * https://redis.io/docs/reference/cluster-spec/
 */
#ifndef BACKUPMX_LIB_REDIS_SLOTS_H
#define BACKUPMX_LIB_REDIS_SLOTS_H

#include <backupmx/redis.h>

#define BMX_REDIS_SLOTS 16384

/** The slot of a key: CRC16 of what stands between the first '{' and the next
 * '}', or of all of it when nothing does. */
int bmx_redis_slot_of(struct bmx_slice key);

/** Where a redirection points to; host borrows from the text and is empty
 * when it is the host that answered. */
struct bmx_redis_redirection {
	int slot;
	struct bmx_slice host;
	int64_t port;
};

/** Reads "MOVED 3999 192.0.2.1:6381" or "ASK ...". @return 0, or -1 */
int bmx_redis_redirection_parse(struct bmx_slice text,
                                struct bmx_redis_redirection *out);

/** A range of slots and its master; host as above. */
struct bmx_redis_range {
	int first;
	int last; /* included */
	struct bmx_slice host;
	int64_t port;
};

/** Reads one element of the reply to CLUSTER SLOTS. @return 0, or -1 */
int bmx_redis_range_read(const struct bmx_redis_reply *element,
                         struct bmx_redis_range *out);

#endif
