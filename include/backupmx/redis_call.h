/*
 * redis_call.h - Redis for programs that wait: sends and runs the link's loop
 * until the answer is there.
 *
 * For commands and worker processes, whose loop serves this link alone; never
 * for a daemon's loop. The process must ignore SIGPIPE.
 */
#ifndef BACKUPMX_REDIS_CALL_H
#define BACKUPMX_REDIS_CALL_H

#include <backupmx/redis.h>

/** A reply that its holder owns. */
struct bmx_redis_result {
	struct bmx_redis_reply *reply; /* as bmx_redis_answer.reply */
	bmx_redis_epoch epoch;         /* the connection that answered */
};

/**
 * Sends request and waits for its answer, at most its time (connecting
 * included). While the breaker is open it fails at once.
 * @return 0 with *result_out, which the caller releases; its reply may be
 *         BMX_REDIS_ERROR. -1 with *err: as bmx_redis_send and
 *         bmx_redis_answer.err; BMX_E_IO when the loop cannot go on. The text
 *         names the server and its last failure.
 */
int bmx_redis_call(struct bmx_redis *redis, struct bmx_loop *loop,
                   const struct bmx_redis_request *request,
                   struct bmx_redis_result *result_out, struct bmx_error *err);

/** Frees the reply; result may then be used again. An empty one is fine. */
void bmx_redis_result_release(struct bmx_redis_result *result);

/** A copy of reply with all its elements, in one piece that the caller frees
 * with free(); NULL when memory is short. */
struct bmx_redis_reply *
bmx_redis_reply_copy(const struct bmx_redis_reply *reply);

#endif
