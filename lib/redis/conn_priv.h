/*
 * conn_priv.h - what the parts of a connection share: conn.c brings it about,
 * pipe.c carries commands and replies, identify.c says who we are and checks.
 */
#ifndef BACKUPMX_LIB_REDIS_CONN_PRIV_H
#define BACKUPMX_LIB_REDIS_CONN_PRIV_H

#include <backupmx/stream.h>

#include "conn.h"
#include "resolve.h"

enum bmx_redis_conn_state {
	BMX_REDIS_CONN_RESOLVING,
	BMX_REDIS_CONN_CONNECTING,
	BMX_REDIS_CONN_SECURING,
	BMX_REDIS_CONN_IDENTIFYING,
	BMX_REDIS_CONN_READY,
	BMX_REDIS_CONN_LOST,
};

struct bmx_redis_conn {
	struct bmx_redis_conn_setup setup;
	struct bmx_redis_conn_owner owner;
	struct bmx_redis_server server;
	bmx_redis_epoch epoch;
	enum bmx_redis_conn_state state;
	struct bmx_resolve *resolve;
	struct bmx_resolved addresses;
	size_t next_address;
	struct bmx_stream *stream;
	struct bmx_resp_reader *reader;
	struct bmx_redis_queue flights; /* sent, in order */
	struct bmx_timer *deadline;     /* of the first flight that is due */
	int64_t deadline_ms;            /* when it goes off; 0: is not set */
	struct bmx_timer *check;
	struct bmx_timer *drop; /* set: pending_loss is to be told */
	struct bmx_redis_loss pending_loss;
	bool dropping;
	unsigned missed;          /* listening: checks without an octet since */
	bool role_refused;        /* ROLE is not permitted: PING */
	bool replication_refused; /* INFO is not permitted */
	struct bmx_redis_facts facts;
	unsigned depth; /* callbacks of ours on the stack */
	bool doomed;    /* to be freed when depth is 0 */
};

/** Ends it now: tells the owner, then fails what is in flight. From a turn
 * of the loop only. */
void bmx_redis_conn_lose(struct bmx_redis_conn *conn,
                         const struct bmx_redis_loss *loss);

/** As bmx_redis_conn_lose, with a text after the server's name. */
void bmx_redis_conn_fail(struct bmx_redis_conn *conn, enum bmx_error_code code,
                         bool fault, const char *text);

/** As bmx_redis_conn_lose, with the text of an error reply. */
void bmx_redis_conn_lose_by_reply(struct bmx_redis_conn *conn,
                                  const char *doing, struct bmx_slice text,
                                  enum bmx_redis_effect effect);

/** Reads what the stream has and hands out replies. */
void bmx_redis_conn_read(struct bmx_redis_conn *conn);

/** Sends, in any state in which the stream is open. */
void bmx_redis_conn_transmit(struct bmx_redis_conn *conn,
                             struct bmx_redis_ask *ask, bool keep_wire);

/** A flight was not answered in time? Ends the connection then, else waits
 * for the next one. */
void bmx_redis_conn_check_deadlines(void *ctx);

/** Begins to identify; ends in ready or lost. */
void bmx_redis_conn_identify(struct bmx_redis_conn *conn);

/** Is it alive? Asks again after BMX_REDIS_CHECK_MS. */
void bmx_redis_conn_check(void *ctx);

/** A callback of ours begins. */
static inline void
bmx_redis_conn_enter(struct bmx_redis_conn *conn)
{
	conn->depth++;
}

/** It ends: frees conn when the owner said so meanwhile. */
void bmx_redis_conn_leave(struct bmx_redis_conn *conn);

#endif
