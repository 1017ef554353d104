/*
 * Commands out, replies in, in the same order. RESP2 has no numbers that tie
 * a reply to its command: once one is late or too many, none can be trusted.
 */
#include "conn_priv.h"

#include <assert.h>
#include <stdlib.h>

static int64_t
now_ms(const struct bmx_redis_conn *conn)
{
	return bmx_clock_mono_ms(conn->setup.loop->clock);
}

static void
watch_deadline(struct bmx_redis_conn *conn, int64_t deadline_ms)
{
	const int64_t left = deadline_ms - now_ms(conn);

	if (conn->deadline_ms > 0 && conn->deadline_ms <= deadline_ms)
		return; /* it goes off early enough and then looks again */
	conn->deadline_ms = deadline_ms;
	bmx_timer_set(conn->setup.loop, conn->deadline, left > 0 ? left : 0);
}

/*
 * How long a reply may be waited for: a whole timeout from when its command
 * was sent. Its asker may have less time, when it had to wait for the
 * connection, and that says nothing against the server.
 */
static int64_t
limit_of(const struct bmx_redis_conn *conn, const struct bmx_redis_ask *ask)
{
	const int64_t fair_ms = ask->sent_ms + conn->setup.timeout_ms;

	return ask->deadline_ms > fair_ms ? ask->deadline_ms : fair_ms;
}

/* The asker goes, a ghost takes its place in the row. */
static void
let_go(struct bmx_redis_conn *conn, struct bmx_redis_ask *ask)
{
	struct bmx_redis_ask *ghost = bmx_redis_ask_ghost(ask);
	struct bmx_redis_loss loss = {0};
	struct bmx_error err;

	(void)bmx_error_set(&err, BMX_E_TIMEOUT,
	                    "no answer of Redis in the time that was left");
	if (!ghost) {
		(void)bmx_error_set(&loss.err, BMX_E_NOMEM,
		                    "no memory for a late reply of Redis");
		bmx_redis_conn_lose(conn, &loss);
		return;
	}
	ghost->deadline_ms = limit_of(conn, ask);
	TAILQ_INSERT_BEFORE(ask, ghost, entry);
	TAILQ_REMOVE(&conn->flights, ask, entry);
	bmx_redis_ask_fail(ask, &err);
}

/* The first flight that is late, if any; *first_out: when the next one is. */
static struct bmx_redis_ask *
find_late(const struct bmx_redis_conn *conn, int64_t *first_out)
{
	const int64_t now = now_ms(conn);
	struct bmx_redis_ask *ask;

	*first_out = 0;
	for (ask = TAILQ_FIRST(&conn->flights); ask;
	     ask = TAILQ_NEXT(ask, entry)) {
		if (ask->deadline_ms <= now)
			return ask;
		if (*first_out == 0 || ask->deadline_ms < *first_out)
			*first_out = ask->deadline_ms;
	}
	return NULL;
}

void
bmx_redis_conn_check_deadlines(void *ctx)
{
	struct bmx_redis_conn *conn = ctx;
	struct bmx_redis_ask *late;
	int64_t first = 0;

	bmx_redis_conn_enter(conn);
	conn->deadline_ms = 0;
	while (conn->state != BMX_REDIS_CONN_LOST && !conn->doomed &&
	       (late = find_late(conn, &first)) != NULL) {
		if (limit_of(conn, late) <= now_ms(conn))
			bmx_redis_conn_fail(conn, BMX_E_TIMEOUT, false,
			                    "no answer in time");
		else
			let_go(conn, late);
	}
	if (conn->state != BMX_REDIS_CONN_LOST && !conn->doomed && first > 0)
		watch_deadline(conn, first);
	bmx_redis_conn_leave(conn);
}

static void
write_or_drop(struct bmx_redis_conn *conn, const struct bmx_resp_wire *wire)
{
	struct bmx_redis_loss loss = {0};

	if (bmx_stream_write(conn->stream,
	                     (struct bmx_slice){wire->data, wire->len},
	                     &loss.err) != 0)
		bmx_redis_conn_drop(conn, &loss);
}

void
bmx_redis_conn_transmit(struct bmx_redis_conn *conn, struct bmx_redis_ask *ask,
                        bool keep_wire)
{
	TAILQ_INSERT_TAIL(&conn->flights, ask, entry);
	ask->sent_ms = now_ms(conn);
	watch_deadline(conn, ask->deadline_ms);
	write_or_drop(conn, &ask->wire);
	if (keep_wire)
		return;
	free(ask->wire.data);
	ask->wire.data = NULL;
}

void
bmx_redis_conn_send(struct bmx_redis_conn *conn, struct bmx_redis_ask *ask,
                    bool keep_wire)
{
	assert(bmx_redis_conn_is_ready(conn));
	bmx_redis_conn_transmit(conn, ask, keep_wire);
}

void
bmx_redis_conn_post(struct bmx_redis_conn *conn, const struct bmx_slice *argv,
                    size_t argc)
{
	const struct bmx_redis_command command = {argv, argc};
	struct bmx_redis_loss loss = {0};
	struct bmx_resp_wire wire;

	assert(conn->setup.purpose == BMX_REDIS_FOR_LISTENING);
	if (bmx_resp_format(&command, 1, &wire, &loss.err) != 0) {
		bmx_redis_conn_drop(conn, &loss);
		return;
	}
	write_or_drop(conn, &wire);
	free(wire.data);
}

/* An error that nobody's command caused, as "max number of clients". */
static void
on_unasked(struct bmx_redis_conn *conn, const struct bmx_redis_reply *reply)
{
	const struct bmx_redis_standing standing = {0};

	if (reply->type == BMX_REDIS_ERROR)
		bmx_redis_conn_lose_by_reply(
			conn, "unasked", reply->text,
			bmx_redis_effect_of(reply->text, &standing));
	else
		bmx_redis_conn_fail(conn, BMX_E_CORRUPT, false,
		                    "a reply that belongs to no command");
}

static bool
is_listening(const struct bmx_redis_conn *conn)
{
	return conn->setup.purpose == BMX_REDIS_FOR_LISTENING &&
		conn->state == BMX_REDIS_CONN_READY;
}

static void
on_reply(struct bmx_redis_conn *conn, struct bmx_resp_root *root)
{
	struct bmx_redis_ask *ask = TAILQ_FIRST(&conn->flights);
	struct bmx_error err;
	int rc;

	if (!ask && is_listening(conn)) {
		if (conn->owner.push)
			conn->owner.push(conn->owner.ctx, root->reply);
		return;
	}
	if (!ask) {
		on_unasked(conn, root->reply);
		return;
	}
	rc = bmx_redis_ask_take(ask, root, &err);
	if (rc < 0)
		bmx_redis_conn_fail(conn, err.code, false, err.text);
	if (rc <= 0)
		return;
	TAILQ_REMOVE(&conn->flights, ask, entry);
	bmx_redis_ask_finish(ask, conn->epoch);
}

/* Octets of the stream become octets of the reader. */
static int
take_input(struct bmx_redis_conn *conn)
{
	const struct bmx_slice input = bmx_stream_input(conn->stream);
	struct bmx_error err;

	if (input.len == 0)
		return 0;
	conn->missed = 0;
	if (bmx_resp_reader_feed(conn->reader, input, &err) != 0) {
		bmx_redis_conn_fail(conn, err.code, false, err.text);
		return -1;
	}
	bmx_stream_consume(conn->stream, input.len);
	return 0;
}

void
bmx_redis_conn_read(struct bmx_redis_conn *conn)
{
	struct bmx_resp_root root = {0};
	struct bmx_error err;
	int rc = 1;

	bmx_redis_conn_enter(conn);
	if (conn->state != BMX_REDIS_CONN_LOST && take_input(conn) != 0)
		rc = 0;
	/* What a callback may do: end the connection, or free it. */
	while (rc > 0 && conn->state != BMX_REDIS_CONN_LOST && !conn->doomed) {
		rc = bmx_resp_reader_next(conn->reader, &root, &err);
		if (rc > 0)
			on_reply(conn, &root);
		else if (rc < 0)
			bmx_redis_conn_fail(conn, err.code, false, err.text);
		bmx_resp_root_release(&root);
	}
	bmx_redis_conn_leave(conn);
}
