/*
 * ask.h - a request on its way: its octets, what has been answered of it, and
 * who waits for it.
 */
#ifndef BACKUPMX_LIB_REDIS_ASK_H
#define BACKUPMX_LIB_REDIS_ASK_H

#include <sys/queue.h>

#include "resp.h"

struct bmx_redis_node;

/** Who takes a finished ask: its answer is in it. It frees the ask. */
typedef void bmx_redis_done(struct bmx_redis_ask *ask,
                            const struct bmx_redis_answer *answer);

struct bmx_redis_ask {
	TAILQ_ENTRY(bmx_redis_ask) entry;
	struct bmx_resp_wire wire;
	size_t count;                /* commands */
	size_t answered;             /* of them */
	struct bmx_resp_root *roots; /* answers of several commands */
	struct bmx_resp_root one;    /* that of a single one */
	size_t reply_bytes;
	int64_t deadline_ms; /* monotonic: done is called by then */
	int64_t sent_ms;     /* monotonic */
	bmx_redis_done *done;
	void *owner; /* of done */
	/* What the link keeps of its owner's request. */
	struct bmx_redis_node *node; /* that has it in its queue; or NULL */
	bmx_redis_epoch epoch;       /* that it is bound to, or 0 */
	bmx_redis_cb *cb;
	void *ctx;
	bool cancelled;
	bool later;       /* in the row of those to be sent again */
	bool transaction; /* begins with MULTI */
	unsigned hops;    /* redirections followed */
	int slot;         /* of a Cluster; -1: any node */
};

TAILQ_HEAD(bmx_redis_queue, bmx_redis_ask);

/** An ask for the commands, or NULL with *err as bmx_resp_format. */
struct bmx_redis_ask *
bmx_redis_ask_new(const struct bmx_redis_command *commands, size_t count,
                  struct bmx_error *err);

/** Frees it; it must be in no queue. */
void bmx_redis_ask_free(struct bmx_redis_ask *ask);

/**
 * Takes one reply; *root is emptied.
 * @return 1: that was the last one; 0: more to come; -1 with *err
 *         (BMX_E_TOO_BIG: the replies together are over the cap)
 */
int bmx_redis_ask_take(struct bmx_redis_ask *ask, struct bmx_resp_root *root,
                       struct bmx_error *err);

/** Hands all replies to done, which frees the ask. */
void bmx_redis_ask_finish(struct bmx_redis_ask *ask, bmx_redis_epoch epoch);

/** Hands err to done, which frees the ask. */
void bmx_redis_ask_fail(struct bmx_redis_ask *ask, const struct bmx_error *err);

/** What stands in the row of sent commands for an ask that cannot wait any
 * longer: takes the replies, tells nobody. NULL when memory is short. */
struct bmx_redis_ask *bmx_redis_ask_ghost(const struct bmx_redis_ask *ask);

/** Makes it as it was before it was sent, to be sent again. */
void bmx_redis_ask_rewind(struct bmx_redis_ask *ask);

#endif
