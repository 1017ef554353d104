/*
 * clients.h - the connections of Postfix's smtpd processes.
 *
 * Each holds a parser and answers its requests one by one. A request that is
 * not complete within BMX_CLIENT_REQUEST_MS, and an answer that is not taken
 * within it, end the connection; an idle connection is kept for
 * BMX_CLIENT_IDLE_MS, above the 1,000 s for which Postfix uses one
 * (SMTPD_POLICY_README, smtpd_policy_service_max_ttl): a closed one costs the
 * next recipient a second.
 *
 *	idle --first octets--> reading --empty line--> answering --> idle
 *	                                                   \--> writing --> idle
 *
 * A client whose answer has to wait is not read meanwhile.
 */
#ifndef BACKUPMX_POLICYD_CLIENTS_H
#define BACKUPMX_POLICYD_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/policy_request.h>
#include <backupmx/slice.h>

#include "policyd/engine.h"

/** How long one request may take to arrive, or one answer to be taken. */
#define BMX_CLIENT_REQUEST_MS 30000
/** How long a connection without a request is kept. */
#define BMX_CLIENT_IDLE_MS (INT64_C(1200) * 1000)
/** An idle connection this old may be closed when there are too many. */
#define BMX_CLIENT_SPARE_MS 5000

struct bmx_clients;

/** As bmx_engine_ask: the answer comes through answered, with client. */
typedef struct bmx_engine_ask *
bmx_clients_ask_cb(void *ctx, const struct bmx_policy_request *request,
                   int64_t began_us, bmx_engine_answered_cb *answered,
                   void *client);

/** As bmx_engine_forget. */
typedef void bmx_clients_forget_cb(void *ctx, struct bmx_engine_ask **ask);

/** There is room for a connection again. */
typedef void bmx_clients_room_cb(void *ctx);

struct bmx_clients_parts {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	size_t max; /* connections at once */
	bmx_clients_ask_cb *ask;
	bmx_clients_forget_cb *forget;
	bmx_clients_room_cb *on_room;
	void *ctx; /* for all */
};

/** Returns an empty set the caller frees, or NULL when memory is short. */
struct bmx_clients *bmx_clients_new(const struct bmx_clients_parts *parts);

/** Closes all connections, frees *clients and sets it to NULL. */
void bmx_clients_free(struct bmx_clients **clients);

/** Is there room for one more, if need be in place of one that has been idle
 * for BMX_CLIENT_SPARE_MS? When not, on_room is called once there is. */
bool bmx_clients_make_room(struct bmx_clients *clients);

/** Takes over a connected, non-blocking descriptor; closes it when it cannot
 * be served. */
void bmx_clients_add(struct bmx_clients *clients, int fd);

/** Answers what has arrived and closes every connection without a request
 * under way: for the end of the program. */
void bmx_clients_drain(struct bmx_clients *clients);

/** Connections now. */
size_t bmx_clients_count(const struct bmx_clients *clients);

#endif
