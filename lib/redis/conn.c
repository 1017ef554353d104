#include "conn_priv.h"

#include <assert.h>
#include <stdlib.h>

/* Every connection of a process has a number of its own. Threads make links
 * of their own, hence the atomic. */
static bmx_redis_epoch
next_epoch(void)
{
	static _Atomic bmx_redis_epoch last;

	return ++last;
}

static void
destroy(struct bmx_redis_conn *conn)
{
	struct bmx_redis_ask *ask;

	while ((ask = TAILQ_FIRST(&conn->flights)) != NULL) {
		TAILQ_REMOVE(&conn->flights, ask, entry);
		bmx_redis_ask_free(ask);
	}
	bmx_resolve_cancel(&conn->resolve);
	bmx_stream_free(&conn->stream);
	bmx_resp_reader_free(&conn->reader);
	bmx_timer_free(conn->setup.loop, &conn->deadline);
	bmx_timer_free(conn->setup.loop, &conn->check);
	bmx_timer_free(conn->setup.loop, &conn->drop);
	free(conn);
}

void
bmx_redis_conn_leave(struct bmx_redis_conn *conn)
{
	assert(conn->depth > 0);
	if (--conn->depth == 0 && conn->doomed)
		destroy(conn);
}

void
bmx_redis_conn_free(struct bmx_redis_conn **conn)
{
	struct bmx_redis_conn *it = *conn;

	*conn = NULL;
	if (!it)
		return;
	it->owner = (struct bmx_redis_conn_owner){0};
	it->doomed = true;
	if (it->depth == 0)
		destroy(it);
}

/*
 * The owner hears of the loss first, so that what the failed askers ask next
 * already meets the new state.
 */
void
bmx_redis_conn_lose(struct bmx_redis_conn *conn,
                    const struct bmx_redis_loss *loss)
{
	struct bmx_redis_queue failed = TAILQ_HEAD_INITIALIZER(failed);
	const struct bmx_redis_loss told = *loss; /* may be pending_loss */
	struct bmx_redis_ask *ask;

	if (conn->state == BMX_REDIS_CONN_LOST)
		return;
	bmx_redis_conn_enter(conn);
	conn->state = BMX_REDIS_CONN_LOST;
	bmx_timer_cancel(conn->setup.loop, conn->deadline);
	bmx_timer_cancel(conn->setup.loop, conn->check);
	bmx_timer_cancel(conn->setup.loop, conn->drop);
	bmx_resolve_cancel(&conn->resolve);
	bmx_stream_free(&conn->stream);
	TAILQ_CONCAT(&failed, &conn->flights, entry);
	if (conn->owner.lost)
		conn->owner.lost(conn->owner.ctx, &told);
	while ((ask = TAILQ_FIRST(&failed)) != NULL) {
		TAILQ_REMOVE(&failed, ask, entry);
		bmx_redis_ask_fail(ask, &told.err);
	}
	bmx_redis_conn_leave(conn);
}

static void
name_server(const struct bmx_redis_conn *conn, struct bmx_text *text)
{
	bmx_text_append_string(text,
	                       conn->setup.purpose == BMX_REDIS_FOR_SENTINEL ?
	                               "Sentinel " :
	                               "Redis ");
	bmx_redis_server_append(text, &conn->server);
}

void
bmx_redis_conn_fail(struct bmx_redis_conn *conn, enum bmx_error_code code,
                    bool fault, const char *what)
{
	struct bmx_redis_loss loss = {.fault = fault};
	struct bmx_text text;

	loss.err.code = code;
	bmx_text_init(&text, loss.err.text, sizeof(loss.err.text));
	name_server(conn, &text);
	bmx_text_append_string(&text, ": ");
	bmx_text_append_clean(&text, bmx_slice_of(what), BMX_ERROR_TEXT_MAX);
	bmx_redis_conn_lose(conn, &loss);
}

void
bmx_redis_conn_lose_by_reply(struct bmx_redis_conn *conn, const char *doing,
                             struct bmx_slice said,
                             enum bmx_redis_effect effect)
{
	struct bmx_redis_loss loss = {
		.err.code = BMX_E_CLOSED,
		.fault = effect == BMX_REDIS_EFFECT_FAULT,
		.next = effect == BMX_REDIS_EFFECT_NEXT,
	};
	struct bmx_text text;

	if (loss.fault)
		loss.err.code = BMX_E_PERMISSION;
	bmx_text_init(&text, loss.err.text, sizeof(loss.err.text));
	name_server(conn, &text);
	bmx_text_printf(&text, " answers %s: ", doing);
	bmx_text_append_clean(&text, said, BMX_ERROR_TEXT_MAX);
	bmx_redis_conn_lose(conn, &loss);
}

static void
on_drop(void *ctx)
{
	struct bmx_redis_conn *conn = ctx;

	bmx_redis_conn_lose(conn, &conn->pending_loss);
}

void
bmx_redis_conn_drop(struct bmx_redis_conn *conn,
                    const struct bmx_redis_loss *loss)
{
	if (conn->dropping || conn->state == BMX_REDIS_CONN_LOST)
		return;
	conn->dropping = true;
	conn->pending_loss = *loss;
	bmx_timer_set(conn->setup.loop, conn->drop, 0);
}

static void try_next_address(struct bmx_redis_conn *conn,
                             const struct bmx_error *last);

/* Plain or, after the connect, secured: now commands may be sent. */
static void
begin_session(struct bmx_redis_conn *conn)
{
	conn->state = BMX_REDIS_CONN_IDENTIFYING;
	bmx_redis_conn_identify(conn);
}

static void
begin_tls(struct bmx_redis_conn *conn)
{
	const struct bmx_tls_request request = {
		.context = conn->setup.tls,
		.trust = BMX_TLS_TRUST_NAMES,
		.name = conn->server.endpoint.host,
	};
	struct bmx_error err;

	conn->state = BMX_REDIS_CONN_SECURING;
	if (bmx_stream_secure(conn->stream, &request, BMX_REDIS_CONNECT_MS,
	                      &err) != 0)
		bmx_redis_conn_fail(conn, err.code, err.code == BMX_E_REFUSED,
		                    err.text);
}

static void
on_connected(struct bmx_redis_conn *conn)
{
	if (conn->server.tls)
		begin_tls(conn);
	else
		begin_session(conn);
}

static void
on_failed(struct bmx_redis_conn *conn, const struct bmx_error *err)
{
	if (conn->state == BMX_REDIS_CONN_CONNECTING)
		try_next_address(conn, err);
	else
		bmx_redis_conn_fail(conn, err->code,
		                    conn->state == BMX_REDIS_CONN_SECURING &&
		                            err->code == BMX_E_REFUSED,
		                    err->text);
}

/* What was sent before the end may say why: "-ERR max number of clients". */
static void
on_closed(struct bmx_redis_conn *conn)
{
	bmx_redis_conn_read(conn);
	bmx_redis_conn_fail(conn, BMX_E_CLOSED, false,
	                    "the server closed the connection");
}

static void
on_stream(void *ctx, enum bmx_stream_event event, const struct bmx_error *err)
{
	struct bmx_redis_conn *conn = ctx;

	bmx_redis_conn_enter(conn);
	switch (event) {
	case BMX_STREAM_CONNECTED:
		on_connected(conn);
		break;
	case BMX_STREAM_SECURED:
		begin_session(conn);
		break;
	case BMX_STREAM_DATA:
		bmx_redis_conn_read(conn);
		break;
	case BMX_STREAM_DRAINED:
		break;
	case BMX_STREAM_CLOSED:
		on_closed(conn);
		break;
	case BMX_STREAM_FAILED:
		on_failed(conn, err);
		break;
	}
	bmx_redis_conn_leave(conn);
}

static void
try_next_address(struct bmx_redis_conn *conn, const struct bmx_error *last)
{
	struct bmx_error err = *last;

	bmx_stream_free(&conn->stream);
	conn->state = BMX_REDIS_CONN_CONNECTING;
	while (!conn->stream && conn->next_address < conn->addresses.count) {
		const size_t i = conn->next_address++;

		conn->stream = bmx_stream_connect(
			conn->setup.loop,
			(struct sockaddr *)&conn->addresses.at[i].address,
			conn->addresses.at[i].len, BMX_REDIS_CONNECT_MS,
			on_stream, conn, &err);
	}
	if (!conn->stream)
		bmx_redis_conn_fail(conn, err.code, false, err.text);
}

static void
on_resolved(void *ctx, const struct bmx_resolved *list,
            const struct bmx_error *err)
{
	static const struct bmx_error none = {BMX_E_NOT_FOUND,
	                                      "the name has no address"};
	struct bmx_redis_conn *conn = ctx;

	conn->resolve = NULL;
	bmx_redis_conn_enter(conn);
	if (list) {
		conn->addresses = *list;
		try_next_address(conn, &none);
	} else {
		bmx_redis_conn_fail(conn, err->code, false, err->text);
	}
	bmx_redis_conn_leave(conn);
}

/* Everything begins in a turn of the loop, so that the owner is never called
 * back from within bmx_redis_conn_new. */
static void
on_start(void *ctx)
{
	static const struct bmx_error none = {BMX_E_NOT_FOUND, "no address"};
	struct bmx_redis_conn *conn = ctx;
	struct bmx_error err;

	bmx_redis_conn_enter(conn);
	if (bmx_resolve_literal(&conn->server.endpoint, &conn->addresses) ==
	    0) {
		try_next_address(conn, &none);
	} else {
		conn->resolve = bmx_resolve_start(
			conn->setup.loop, &conn->server.endpoint,
			BMX_REDIS_CONNECT_MS, on_resolved, conn, &err);
		if (!conn->resolve)
			bmx_redis_conn_fail(conn, err.code, false, err.text);
	}
	bmx_redis_conn_leave(conn);
}

/* One timer serves for the start, and once ready for the checks. */
static void
on_check(void *ctx)
{
	struct bmx_redis_conn *conn = ctx;

	bmx_redis_conn_enter(conn);
	if (conn->state == BMX_REDIS_CONN_RESOLVING)
		on_start(conn);
	else
		bmx_redis_conn_check(conn);
	bmx_redis_conn_leave(conn);
}

struct bmx_redis_conn *
bmx_redis_conn_new(const struct bmx_redis_conn_setup *setup,
                   const struct bmx_redis_conn_owner *owner,
                   struct bmx_error *err)
{
	struct bmx_redis_conn *conn = calloc(1, sizeof(*conn));

	if (conn) {
		conn->setup = *setup;
		conn->owner = *owner;
		conn->server = *setup->server;
		conn->setup.server = &conn->server;
		conn->epoch = next_epoch();
		conn->facts.replica_lag_s = -1;
		TAILQ_INIT(&conn->flights);
		conn->reader = bmx_resp_reader_new();
		conn->deadline = bmx_timer_new(
			setup->loop, bmx_redis_conn_check_deadlines, conn);
		conn->check = bmx_timer_new(setup->loop, on_check, conn);
		conn->drop = bmx_timer_new(setup->loop, on_drop, conn);
	}
	if (!conn || !conn->reader || !conn->deadline || !conn->check ||
	    !conn->drop) {
		if (conn)
			destroy(conn);
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for a connection to Redis");
		return NULL;
	}
	bmx_timer_set(setup->loop, conn->check, 0);
	return conn;
}

bmx_redis_epoch
bmx_redis_conn_epoch(const struct bmx_redis_conn *conn)
{
	return conn->epoch;
}

bool
bmx_redis_conn_is_ready(const struct bmx_redis_conn *conn)
{
	return conn->state == BMX_REDIS_CONN_READY && !conn->dropping;
}

bool
bmx_redis_conn_is_idle(const struct bmx_redis_conn *conn)
{
	return TAILQ_EMPTY(&conn->flights);
}

const struct bmx_redis_facts *
bmx_redis_conn_facts(const struct bmx_redis_conn *conn)
{
	return &conn->facts;
}

const struct bmx_redis_server *
bmx_redis_conn_server(const struct bmx_redis_conn *conn)
{
	return &conn->server;
}
