/*
 * Who we are, and who the server is: AUTH, CLIENT SETNAME, SELECT, ROLE, all
 * sent at once. AUTH and SELECT must succeed; the others only tell: a strict
 * ACL or a provider may not permit them.
 */
#include "conn_priv.h"

#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "password.h"

/* Sends one command of our own; done gets the answer. */
static void
ask_own(struct bmx_redis_conn *conn, const struct bmx_slice *argv, size_t argc,
        bmx_redis_done *done)
{
	const struct bmx_redis_command command = {argv, argc};
	struct bmx_redis_loss loss = {0};
	struct bmx_redis_ask *ask = bmx_redis_ask_new(&command, 1, &loss.err);

	if (!ask) {
		bmx_redis_conn_drop(conn, &loss);
		return;
	}
	ask->done = done;
	ask->owner = conn;
	ask->deadline_ms = bmx_clock_mono_ms(conn->setup.loop->clock) +
		conn->setup.timeout_ms;
	bmx_redis_conn_transmit(conn, ask, false);
}

#define ASK_OWN(conn, done, ...)                                               \
	ask_own((conn), (const struct bmx_slice[]){__VA_ARGS__},               \
	        sizeof((const struct bmx_slice[]){__VA_ARGS__}) /              \
	                sizeof(struct bmx_slice),                              \
	        (done))

/*
 * Judges the answer to a command of our own: true when it may be used. An
 * answer without a reply needs nothing: the connection is lost already.
 */
static bool
accept_reply(struct bmx_redis_conn *conn, const struct bmx_redis_answer *answer,
             const char *command, bool needed)
{
	const struct bmx_redis_standing standing = {
		.identifying = needed,
		.cluster = conn->setup.cluster,
		.role = conn->facts.role,
	};
	enum bmx_redis_effect effect;

	if (!answer->reply || conn->doomed)
		return false;
	if (answer->reply->type != BMX_REDIS_ERROR)
		return true;
	effect = bmx_redis_effect_of(answer->reply->text, &standing);
	if (needed || effect == BMX_REDIS_EFFECT_NEXT ||
	    effect == BMX_REDIS_EFFECT_FAULT)
		bmx_redis_conn_lose_by_reply(conn, command, answer->reply->text,
		                             effect);
	return false;
}

static void
on_auth(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	(void)accept_reply(ask->owner, answer, "AUTH", true);
	bmx_redis_ask_free(ask);
}

static void
on_set_name(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	(void)accept_reply(ask->owner, answer, "CLIENT SETNAME", false);
	bmx_redis_ask_free(ask);
}

static void
on_select(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	(void)accept_reply(ask->owner, answer, "SELECT", true);
	bmx_redis_ask_free(ask);
}

static void
tell_changed(struct bmx_redis_conn *conn)
{
	if (conn->owner.changed)
		conn->owner.changed(conn->owner.ctx);
}

static void
on_info_policy(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	struct bmx_redis_conn *conn = ask->owner;

	if (accept_reply(conn, answer, "INFO", false) &&
	    bmx_redis_facts_take_policy(&conn->facts, answer->reply))
		tell_changed(conn);
	bmx_redis_ask_free(ask);
}

static void
on_config_policy(struct bmx_redis_ask *ask,
                 const struct bmx_redis_answer *answer)
{
	struct bmx_redis_conn *conn = ask->owner;

	if (accept_reply(conn, answer, "CONFIG GET", false) &&
	    bmx_redis_facts_take_policy(&conn->facts, answer->reply))
		tell_changed(conn);
	else if (conn->state == BMX_REDIS_CONN_READY && !conn->dropping)
		ASK_OWN(conn, on_info_policy, BMX_SLICE("INFO"),
		        BMX_SLICE("memory"));
	bmx_redis_ask_free(ask);
}

static void
become_ready(struct bmx_redis_conn *conn)
{
	conn->state = BMX_REDIS_CONN_READY;
	if (conn->setup.purpose == BMX_REDIS_FOR_COMMANDS)
		ASK_OWN(conn, on_config_policy, BMX_SLICE("CONFIG"),
		        BMX_SLICE("GET"), BMX_SLICE("maxmemory-policy"));
	if (conn->setup.purpose != BMX_REDIS_FOR_SENTINEL)
		bmx_timer_set(conn->setup.loop, conn->check,
		              BMX_REDIS_CHECK_MS);
	if (conn->owner.ready)
		conn->owner.ready(conn->owner.ctx);
}

/* The last command of identifying. */
static void
on_first_role(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	struct bmx_redis_conn *conn = ask->owner;

	if (accept_reply(conn, answer, "ROLE", false))
		bmx_redis_facts_take_role(&conn->facts, answer->reply);
	else
		conn->role_refused = true;
	if (conn->state == BMX_REDIS_CONN_IDENTIFYING && !conn->doomed)
		become_ready(conn);
	bmx_redis_ask_free(ask);
}

/* 0, or -1 when the connection has ended. */
static int
authenticate(struct bmx_redis_conn *conn)
{
	char password[BMX_REDIS_PASSWORD_MAX];
	struct bmx_slice argv[3] = {BMX_SLICE("AUTH")};
	struct bmx_error err;
	size_t argc = 1;

	if (bmx_redis_password_read(conn->setup.password_file, password,
	                            &err) != 0) {
		bmx_redis_conn_fail(conn, err.code, true, err.text);
		return -1;
	}
	if (password[0] == '\0')
		return 0;
	if (conn->setup.username[0] != '\0')
		argv[argc++] = bmx_slice_of(conn->setup.username);
	argv[argc++] = bmx_slice_of(password);
	ask_own(conn, argv, argc, on_auth);
	explicit_bzero(password, sizeof(password));
	return 0;
}

void
bmx_redis_conn_identify(struct bmx_redis_conn *conn)
{
	const bool is_redis = conn->setup.purpose != BMX_REDIS_FOR_SENTINEL;
	char number[24];
	struct bmx_text text;

	if (authenticate(conn) != 0)
		return;
	ASK_OWN(conn, on_set_name, BMX_SLICE("CLIENT"), BMX_SLICE("SETNAME"),
	        bmx_slice_of(conn->setup.client_name));
	bmx_text_init(&text, number, sizeof(number));
	bmx_text_append_u64(&text, (uint64_t)conn->setup.database);
	if (conn->setup.database > 0 && is_redis)
		ASK_OWN(conn, on_select, BMX_SLICE("SELECT"),
		        bmx_text_slice(&text));
	/* A Sentinel knows ROLE, too: "sentinel", and the masters it watches. */
	ASK_OWN(conn, on_first_role, BMX_SLICE("ROLE"));
}

static void
on_ping(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	(void)accept_reply(ask->owner, answer, "PING", false);
	bmx_redis_ask_free(ask);
}

static void
on_replication(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	struct bmx_redis_conn *conn = ask->owner;

	if (conn->facts.role != BMX_REDIS_ROLE_REPLICA) {
		bmx_redis_ask_free(ask); /* it was promoted meanwhile */
		return;
	}
	if (accept_reply(conn, answer, "INFO", false)) {
		bmx_redis_facts_take_replication(&conn->facts, answer->reply);
		tell_changed(conn);
	} else {
		conn->replication_refused = true;
	}
	bmx_redis_ask_free(ask);
}

static void
on_role(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	struct bmx_redis_conn *conn = ask->owner;
	const enum bmx_redis_role before = conn->facts.role;
	const bool linked = conn->facts.replica_link_up;

	if (accept_reply(conn, answer, "ROLE", false)) {
		bmx_redis_facts_take_role(&conn->facts, answer->reply);
		if (conn->facts.role != before ||
		    conn->facts.replica_link_up != linked)
			tell_changed(conn);
	}
	bmx_redis_ask_free(ask);
}

/* A subscriber's PING is answered as a push: any octet counts. */
static void
check_listener(struct bmx_redis_conn *conn)
{
	const struct bmx_slice ping[] = {BMX_SLICE("PING")};

	if (conn->missed >= 2) {
		bmx_redis_conn_fail(conn, BMX_E_TIMEOUT, false,
		                    "no sign of life");
		return;
	}
	conn->missed++;
	bmx_redis_conn_post(conn, ping, 1);
}

static void
check_commander(struct bmx_redis_conn *conn)
{
	if (conn->role_refused)
		ASK_OWN(conn, on_ping, BMX_SLICE("PING"));
	else
		ASK_OWN(conn, on_role, BMX_SLICE("ROLE"));
	if (conn->facts.role == BMX_REDIS_ROLE_REPLICA &&
	    !conn->replication_refused)
		ASK_OWN(conn, on_replication, BMX_SLICE("INFO"),
		        BMX_SLICE("replication"));
}

void
bmx_redis_conn_check(void *ctx)
{
	struct bmx_redis_conn *conn = ctx;

	if (conn->state != BMX_REDIS_CONN_READY || conn->dropping)
		return;
	bmx_timer_set(conn->setup.loop, conn->check, BMX_REDIS_CHECK_MS);
	if (conn->setup.purpose == BMX_REDIS_FOR_LISTENING)
		check_listener(conn);
	else
		check_commander(conn);
}
