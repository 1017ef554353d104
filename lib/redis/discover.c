#include "discover.h"

#include <assert.h>
#include <stdlib.h>

#include <backupmx/units.h>

struct bmx_redis_discover {
	struct bmx_redis_discover_setup setup;
	bmx_redis_discovered *cb;
	void *ctx;
	size_t first; /* the Sentinel that answered last */
	size_t tried;
	bool busy;
	bool fault;
	struct bmx_redis_conn *conn;
};

static void try_next(struct bmx_redis_discover *discover,
                     const struct bmx_redis_loss *last);

static size_t
current(const struct bmx_redis_discover *discover)
{
	return (discover->first + discover->tried - 1) % discover->setup.count;
}

static void
finish(struct bmx_redis_discover *discover,
       const struct bmx_redis_server *master, const struct bmx_redis_loss *loss)
{
	bmx_redis_conn_free(&discover->conn);
	discover->busy = false;
	discover->cb(discover->ctx, master, loss);
}

static void
on_lost(void *ctx, const struct bmx_redis_loss *loss)
{
	struct bmx_redis_discover *discover = ctx;

	bmx_redis_conn_free(&discover->conn);
	discover->fault |= loss->fault;
	try_next(discover, loss);
}

/* The reply is a host and a port, or nil: no master of that name here. */
static int
read_master(const struct bmx_redis_reply *reply, bool tls,
            struct bmx_redis_server *master_out)
{
	int64_t port = 0;

	if (reply->type != BMX_REDIS_ARRAY || reply->count != 2 ||
	    reply->element[0].type != BMX_REDIS_STRING ||
	    reply->element[1].type != BMX_REDIS_STRING ||
	    reply->element[1].text.len == 0 || reply->element[1].text.len > 5 ||
	    bmx_units_parse_number(reply->element[1].text, &port) != 0)
		return -1;
	return bmx_redis_server_from(reply->element[0].text, port, tls,
	                             master_out);
}

static void
describe(struct bmx_redis_discover *discover,
         const struct bmx_redis_reply *reply, struct bmx_redis_loss *loss_out)
{
	const char *name = discover->setup.settings->master_name;
	struct bmx_text text;

	*loss_out = (struct bmx_redis_loss){.err.code = BMX_E_NOT_FOUND};
	bmx_text_init(&text, loss_out->err.text, sizeof(loss_out->err.text));
	bmx_text_append_string(&text, "Sentinel ");
	bmx_redis_server_append(&text,
	                        &discover->setup.sentinels[current(discover)]);
	if (reply->type == BMX_REDIS_NIL) {
		bmx_text_append_string(&text, " knows no master_name ");
		bmx_text_append_clean(&text, bmx_slice_of(name), 64);
		return;
	}
	bmx_text_append_string(&text, " does not tell the master");
	if (reply->type != BMX_REDIS_ERROR)
		return;
	bmx_text_append_string(&text, ": ");
	bmx_text_append_clean(&text, reply->text, 200);
}

static void
on_answer(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	struct bmx_redis_discover *discover = ask->owner;
	struct bmx_redis_server master;
	struct bmx_redis_loss loss;
	size_t i;

	if (!answer->reply || !discover->conn) {
		bmx_redis_ask_free(ask); /* on_lost goes on */
		return;
	}
	i = current(discover);
	if (read_master(answer->reply, discover->setup.sentinels[i].tls,
	                &master) == 0) {
		discover->first = i;
		discover->tried = 1;
		finish(discover, &master, NULL);
	} else {
		describe(discover, answer->reply, &loss);
		on_lost(discover, &loss);
	}
	bmx_redis_ask_free(ask);
}

static void
on_ready(void *ctx)
{
	struct bmx_redis_discover *discover = ctx;
	const struct bmx_slice argv[] = {
		BMX_SLICE("SENTINEL"), BMX_SLICE("GET-MASTER-ADDR-BY-NAME"),
		bmx_slice_of(discover->setup.settings->master_name)};
	const struct bmx_redis_command command = {argv, 3};
	struct bmx_redis_loss loss = {0};
	struct bmx_redis_ask *ask = bmx_redis_ask_new(&command, 1, &loss.err);

	if (!ask) {
		bmx_redis_conn_drop(discover->conn, &loss);
		return;
	}
	ask->done = on_answer;
	ask->owner = discover;
	ask->deadline_ms = bmx_clock_mono_ms(discover->setup.loop->clock) +
		discover->setup.settings->timeout_ms;
	bmx_redis_conn_send(discover->conn, ask, false);
}

static int
connect_next(struct bmx_redis_discover *discover, struct bmx_error *err)
{
	const struct bmx_config_redis *settings = discover->setup.settings;
	const struct bmx_redis_conn_owner owner = {
		.ctx = discover, .ready = on_ready, .lost = on_lost};
	struct bmx_redis_conn_setup setup = {
		.loop = discover->setup.loop,
		.tls = discover->setup.tls,
		.purpose = BMX_REDIS_FOR_SENTINEL,
		.username = settings->sentinel_username,
		.password_file = settings->sentinel_password_file,
		.client_name = discover->setup.client_name,
		.timeout_ms = settings->timeout_ms,
	};

	discover->tried++;
	setup.server = &discover->setup.sentinels[current(discover)];
	discover->conn = bmx_redis_conn_new(&setup, &owner, err);
	return discover->conn ? 0 : -1;
}

static void
try_next(struct bmx_redis_discover *discover, const struct bmx_redis_loss *last)
{
	struct bmx_redis_loss loss = *last;

	if (discover->tried < discover->setup.count &&
	    connect_next(discover, &loss.err) == 0)
		return;
	loss.fault = discover->fault;
	finish(discover, NULL, &loss);
}

struct bmx_redis_discover *
bmx_redis_discover_new(const struct bmx_redis_discover_setup *setup,
                       bmx_redis_discovered *cb, void *ctx,
                       struct bmx_error *err)
{
	struct bmx_redis_discover *discover = calloc(1, sizeof(*discover));

	assert(setup->count > 0);
	if (!discover) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory to ask Sentinels");
		return NULL;
	}
	discover->setup = *setup;
	discover->cb = cb;
	discover->ctx = ctx;
	return discover;
}

void
bmx_redis_discover_free(struct bmx_redis_discover **discover)
{
	if (!*discover)
		return;
	bmx_redis_conn_free(&(*discover)->conn);
	free(*discover);
	*discover = NULL;
}

int
bmx_redis_discover_start(struct bmx_redis_discover *discover,
                         struct bmx_error *err)
{
	assert(!discover->busy);
	discover->fault = false;
	discover->tried = 0;
	if (connect_next(discover, err) != 0)
		return -1;
	discover->busy = true;
	return 0;
}

bool
bmx_redis_discover_is_busy(const struct bmx_redis_discover *discover)
{
	return discover->busy;
}
