/*
 * conn.h - one connection to one server: address, connect, TLS, who we are,
 * then commands in order.
 *
 *	resolving -> connecting -> securing -> identifying -> ready
 *	     \____________\____________\____________\____________\---> lost
 *
 * It does not connect again: its owner makes another one. After a lost answer
 * it is closed, since from then on replies would be taken for those of other
 * commands.
 */
#ifndef BACKUPMX_LIB_REDIS_CONN_H
#define BACKUPMX_LIB_REDIS_CONN_H

#include <backupmx/loop.h>
#include <backupmx/tls_client.h>

#include "ask.h"
#include "effect.h"
#include "server.h"

/** How often a connection is checked. */
#define BMX_REDIS_CHECK_MS INT64_C(2000)
/** The longest wait for connect, and again for TLS. */
#define BMX_REDIS_CONNECT_MS INT64_C(500)

enum bmx_redis_purpose {
	BMX_REDIS_FOR_COMMANDS,
	BMX_REDIS_FOR_LISTENING, /* replies are pushes, given to owner.push */
	BMX_REDIS_FOR_SENTINEL,  /* as commands; no SELECT, no ROLE, no check */
};

/** Why a connection ended. */
struct bmx_redis_loss {
	struct bmx_error err; /* begins with the server */
	bool fault;           /* a person must act */
	bool next;            /* this server cannot be used now */
};

/** Whom it tells; each from the loop's turns. All may free the connection. */
struct bmx_redis_conn_owner {
	void *ctx;
	void (*ready)(void *ctx);
	/* Told once; afterwards come the failures of what was in flight. */
	void (*lost)(void *ctx, const struct bmx_redis_loss *loss);
	/* Role, lag or policy changed. */
	void (*changed)(void *ctx);
	/* For listening alone: one message, borrowed. */
	void (*push)(void *ctx, const struct bmx_redis_reply *reply);
};

/** Borrowed while the connection lives, but for server. */
struct bmx_redis_conn_setup {
	struct bmx_loop *loop;
	const struct bmx_redis_server *server; /* copied */
	struct bmx_tls_context *tls;           /* for server->tls */
	enum bmx_redis_purpose purpose;
	const char *username;
	const char *password_file;
	const char *client_name;
	int64_t database;
	int64_t timeout_ms;
	bool cluster;
};

/** What the server said of itself. */
struct bmx_redis_facts {
	enum bmx_redis_role role;
	bool replica_link_up;
	int64_t replica_lag_s;
	char maxmemory_policy[32];
};

struct bmx_redis_conn;

/** Starts to connect. @return the connection, which the caller frees, or NULL
 * with *err (BMX_E_NOMEM) */
struct bmx_redis_conn *
bmx_redis_conn_new(const struct bmx_redis_conn_setup *setup,
                   const struct bmx_redis_conn_owner *owner,
                   struct bmx_error *err);

/** Closes, frees *conn and sets it to NULL; nothing is told, what is in flight
 * is freed without an answer. NULL is fine. */
void bmx_redis_conn_free(struct bmx_redis_conn **conn);

/** Its number; never 0. */
bmx_redis_epoch bmx_redis_conn_epoch(const struct bmx_redis_conn *conn);

/** Ready for commands? */
bool bmx_redis_conn_is_ready(const struct bmx_redis_conn *conn);

/** Is no answer awaited? */
bool bmx_redis_conn_is_idle(const struct bmx_redis_conn *conn);

/** Sends ask, which it takes over; done is called from a later turn. The
 * connection must be ready. keep_wire: its octets are needed again. */
void bmx_redis_conn_send(struct bmx_redis_conn *conn, struct bmx_redis_ask *ask,
                         bool keep_wire);

/** Sends one command whose replies are pushes. For listening alone. */
void bmx_redis_conn_post(struct bmx_redis_conn *conn,
                         const struct bmx_slice *argv, size_t argc);

/** Ends it from a later turn, as if it had failed with that loss. */
void bmx_redis_conn_drop(struct bmx_redis_conn *conn,
                         const struct bmx_redis_loss *loss);

/** What is known of the server. */
const struct bmx_redis_facts *
bmx_redis_conn_facts(const struct bmx_redis_conn *conn);

/** The server, as it was given. */
const struct bmx_redis_server *
bmx_redis_conn_server(const struct bmx_redis_conn *conn);

#endif
