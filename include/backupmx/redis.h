/*
 * redis.h - a link to Redis on an event loop: commands in, answers out.
 *
 * One link serves a program, whatever stands behind it: servers tried in
 * order, the master that Sentinels name, or a Cluster. It connects by itself,
 * again and again (backoff with jitter, 100 ms to 5 s), identifies itself
 * (AUTH, CLIENT SETNAME, SELECT, ROLE), keeps the connection checked (PING)
 * and fails fast while the breaker is open. Every command has a deadline and
 * completes exactly once. It writes no log: its owner hears of changes.
 *
 * One thread: that of the loop. Callbacks come from the loop's turns, never
 * from within a call of the owner. In a callback everything is allowed but
 * to free the link. The process must ignore SIGPIPE.
 *
 * Wire format: RESP2, https://redis.io/docs/reference/protocol-spec/.
 */
#ifndef BACKUPMX_REDIS_H
#define BACKUPMX_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/circuit.h>
#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/slice.h>

/** Caps of one connection: commands and octets sent or waiting. */
#define BMX_REDIS_COMMANDS_MAX ((size_t)1000)
#define BMX_REDIS_BYTES_MAX ((size_t)1024 * 1024)

/** Caps of one reply: octets on the wire, elements of all its arrays, and
 * arrays within arrays. A larger reply ends the connection. */
#define BMX_REDIS_REPLY_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define BMX_REDIS_REPLY_ELEMENTS_MAX ((size_t)1024 * 1024)
#define BMX_REDIS_REPLY_DEPTH_MAX 7

enum bmx_redis_type {
	BMX_REDIS_STATUS,  /* text: "OK", "QUEUED", "PONG" */
	BMX_REDIS_ERROR,   /* text: "WRONGTYPE Operation against ..." */
	BMX_REDIS_INTEGER, /* integer */
	BMX_REDIS_STRING,  /* text: octets of any content */
	BMX_REDIS_NIL,     /* no such thing; EXEC: a watched key changed */
	BMX_REDIS_ARRAY,   /* element[0 .. count-1] */
};

/** A reply, or an element of one. Octets are the server's: hostile. */
struct bmx_redis_reply {
	enum bmx_redis_type type;
	int64_t integer;
	struct bmx_slice text; /* followed by a NUL that is not counted */
	const struct bmx_redis_reply *element;
	size_t count;
};

/** Is it an error whose first word is class ("WRONGTYPE")? */
bool bmx_redis_is_error(const struct bmx_redis_reply *reply, const char *class);

/** Which connection: a number that no other connection of this process has;
 * 0 is none. */
typedef uint64_t bmx_redis_epoch;

/** How a request ended; borrowed for the call, with all it points to. */
struct bmx_redis_answer {
	/* Of one command its reply, which may be BMX_REDIS_ERROR; of several
	 * a BMX_REDIS_ARRAY with one element for each command. NULL when
	 * there is none: see err. */
	const struct bmx_redis_reply *reply;
	/* NULL when there is a reply. BMX_E_TIMEOUT; BMX_E_CLOSED (breaker
	 * open, epoch gone, connection lost); of a connection that was lost
	 * also why: BMX_E_IO, BMX_E_CORRUPT (not the protocol), BMX_E_TOO_BIG
	 * (a cap of a reply), BMX_E_PERMISSION (NOAUTH), BMX_E_NOMEM. The
	 * commands may have been carried out all the same. */
	const struct bmx_error *err;
	bmx_redis_epoch epoch; /* the connection that answered, or 0 */
};

typedef void bmx_redis_cb(void *ctx, const struct bmx_redis_answer *answer);

/** One command: its name and arguments, octets of any content. */
struct bmx_redis_command {
	const struct bmx_slice *argv;
	size_t argc; /* at least 1 */
};

/** What is sent together, in order, with nothing in between (as MULTI, ...,
 * EXEC). Borrowed for the call. */
struct bmx_redis_request {
	const struct bmx_redis_command *commands;
	size_t count; /* 1 to BMX_REDIS_COMMANDS_MAX */
	/* A key of the commands: with a Cluster it picks the node. Empty: any
	 * node. All keys of a request must share its hash tag. */
	struct bmx_slice key;
	/* Only on this connection, else BMX_E_CLOSED: for EXEC after a WATCH.
	 * 0: whichever. WATCH belongs to the connection: only a link with a
	 * single user may use it. */
	bmx_redis_epoch epoch;
	int64_t timeout_ms; /* for all of it, from now; 0: the settings' */
};

struct bmx_redis;
struct bmx_redis_ask; /* a request under way */

/** What the link tells its owner. */
typedef void bmx_redis_state_cb(void *ctx);

struct bmx_redis_options {
	/* Borrowed until the link is freed. Password files are read at every
	 * connect, so that a new password needs no restart. */
	const struct bmx_config_redis *settings;
	const char *client_name;      /* for CLIENT SETNAME: a literal */
	bmx_redis_state_cb *on_state; /* or NULL: bmx_redis_state changed in
	                               * more than its counts */
	void *ctx;                    /* for on_state */
	struct bmx_metrics *metrics;  /* or NULL; must outlive the link */
};

/**
 * Makes a link and starts to connect in the loop's next turn.
 * @return the link, which the caller frees, or NULL with *err: BMX_E_SYNTAX
 *         (a server or Sentinel is not written as it should be),
 *         BMX_E_NOT_FOUND, BMX_E_PERMISSION, BMX_E_SYNTAX (tls_ca_file),
 *         BMX_E_NOMEM
 */
struct bmx_redis *bmx_redis_new(struct bmx_loop *loop,
                                const struct bmx_redis_options *options,
                                struct bmx_error *err);

/** Closes, frees *redis and sets it to NULL. What is under way is cancelled,
 * subscriptions end; their handles are void. NULL is fine. */
void bmx_redis_free(struct bmx_redis **redis);

/**
 * Sends request as soon as there is a connection. cb is called once, from a
 * later turn, at the latest after the request's time.
 * @return a handle until cb is called or it is cancelled, or NULL with *err,
 *         cb is then never called: BMX_E_BUSY (a cap is reached),
 *         BMX_E_CLOSED (breaker open, no connection within its time, or
 *         request->epoch is gone),
 *         BMX_E_TOO_BIG (the request alone is over a cap), BMX_E_NOMEM
 */
struct bmx_redis_ask *bmx_redis_send(struct bmx_redis *redis,
                                     const struct bmx_redis_request *request,
                                     bmx_redis_cb *cb, void *ctx,
                                     struct bmx_error *err);

/** bmx_redis_send of one command with the settings' timeout. */
struct bmx_redis_ask *bmx_redis_command(struct bmx_redis *redis,
                                        const struct bmx_slice *argv,
                                        size_t argc, struct bmx_slice key,
                                        bmx_redis_cb *cb, void *ctx,
                                        struct bmx_error *err);

/** cb of that request will not be called; what was sent may be carried out. */
void bmx_redis_cancel(struct bmx_redis_ask *ask);

enum bmx_redis_heard {
	BMX_REDIS_SUBSCRIBED, /* from now on messages come; what was published
	                       * since the link was made, or since
	                       * BMX_REDIS_DEAF, was lost */
	BMX_REDIS_MESSAGE,    /* payload */
	BMX_REDIS_DEAF,       /* connection lost: nothing comes until
	                       * BMX_REDIS_SUBSCRIBED */
};

/** payload is borrowed for the call; empty unless BMX_REDIS_MESSAGE. */
typedef void bmx_redis_heard_cb(void *ctx, enum bmx_redis_heard heard,
                                struct bmx_slice payload);

struct bmx_redis_subscription;

/**
 * Listens on a channel, over a connection that all subscriptions of the link
 * share and that is made anew whenever it is lost. Messages may be lost:
 * they are a hint, never the only signal.
 * @return the subscription, which the caller ends, or NULL with *err
 *         (BMX_E_NOMEM, BMX_E_TOO_BIG: BMX_REDIS_CHANNELS_MAX reached)
 */
struct bmx_redis_subscription *
bmx_redis_subscribe(struct bmx_redis *redis, struct bmx_slice channel,
                    bmx_redis_heard_cb *cb, void *ctx, struct bmx_error *err);

/** Most subscriptions of a link. */
#define BMX_REDIS_CHANNELS_MAX ((size_t)16)

/** Ends *subscription and sets it to NULL: cb is not called again. NULL is
 * fine. Void after the link was freed. */
void bmx_redis_unsubscribe(struct bmx_redis_subscription **subscription);

enum bmx_redis_role {
	BMX_REDIS_ROLE_UNKNOWN, /* not connected, or ROLE is not permitted */
	BMX_REDIS_ROLE_MASTER,
	BMX_REDIS_ROLE_REPLICA, /* answers reads; writes fail with READONLY */
	BMX_REDIS_ROLES
};

/** "unknown", "master", "replica". */
const char *bmx_redis_role_name(enum bmx_redis_role role);

/** For status, doctor and warnings. Of a Cluster: the node that most recently
 * connected, and up while any node is. */
struct bmx_redis_state {
	bool up;          /* connected and identified */
	bool fault;       /* a person must act: password, permissions,
	                         * TLS name, settings: see error */
	int64_t since_ms; /* wall: since when up has that value */
	char server[320]; /* as configured, or as it was found */
	enum bmx_redis_role role;
	bool replica_link_up;  /* of a replica: it hears its master */
	int64_t replica_lag_s; /* of a replica: silence of its master; -1
	                         * when not known */
	enum bmx_circuit_state breaker;
	size_t in_flight;          /* requests without an answer */
	int64_t lost;              /* requests that ended without a reply */
	char maxmemory_policy[32]; /* "" when not known */
	char error[BMX_ERROR_TEXT_MAX]; /* the last failure, or "" */
	int64_t error_at_ms;            /* wall */
};

/** Fills *state_out. */
void bmx_redis_state(const struct bmx_redis *redis,
                     struct bmx_redis_state *state_out);

#endif
