#include "node_priv.h"

#include <assert.h>
#include <stdlib.h>

static void begin_round(void *ctx);

static uint64_t
random_number(struct bmx_redis_node *node)
{
	node->random_count++;
	return bmx_siphash24(node->random_key, &node->random_count,
	                     sizeof(node->random_count));
}

/* Rests; then comes another round. */
static void
rest(struct bmx_redis_node *node)
{
	int64_t pause;

	if (node->fault)
		bmx_backoff_exhaust(&node->backoff);
	pause = bmx_backoff_next(&node->backoff, random_number(node));
	bmx_circuit_failure(&node->circuit, bmx_redis_node_now_ms(node), pause);
	/* What needs a person will not be well at the next two tries. */
	while (node->fault && node->circuit.state != BMX_CIRCUIT_OPEN)
		bmx_circuit_failure(&node->circuit, bmx_redis_node_now_ms(node),
		                    pause);
	node->tried = 0;
	node->fault = false;
	node->retry_at_ms = bmx_redis_node_now_ms(node) + pause;
	bmx_timer_set(node->setup.loop, node->retry, pause);
	bmx_redis_wait_fail_vain(node);
}

static size_t
current(const struct bmx_redis_node *node)
{
	return (node->first + node->tried - 1) % node->setup.count;
}

/* An attempt came to nothing, or what was up is gone. */
static void
on_lost(void *ctx, const struct bmx_redis_loss *loss)
{
	struct bmx_redis_node *node = ctx;
	const bool was_up = node->up;

	bmx_redis_conn_free(&node->conn);
	node->last = loss->err;
	node->fault |= loss->fault;
	node->up = false;
	if (was_up) {
		if (bmx_redis_node_now_ms(node) - node->up_since_ms >=
		    BMX_REDIS_HEALTHY_MS)
			bmx_backoff_reset(&node->backoff);
		/* The order of servers is that of preference, but one that
		 * says that it cannot serve is not the next to be asked. */
		node->first = loss->next && node->tried > 0 ?
			(current(node) + 1) % node->setup.count :
			0;
		node->tried = node->setup.count;
	}
	if (node->owner.down)
		node->owner.down(node->owner.ctx, node, loss);
	if (node->tried < node->setup.count && !node->setup.sentinels)
		bmx_timer_set(node->setup.loop, node->retry, 0);
	else
		rest(node);
}

/* A Sentinel may name what was demoted meanwhile: it must say so itself. */
static bool
is_wanted(struct bmx_redis_node *node)
{
	const struct bmx_redis_facts *facts = bmx_redis_conn_facts(node->conn);
	struct bmx_redis_loss loss = {.next = true};

	if (!node->setup.sentinels || facts->role == BMX_REDIS_ROLE_MASTER)
		return true;
	(void)bmx_error_set(&loss.err, BMX_E_CLOSED,
	                    "Sentinels name a master that is none: its role is "
	                    "%s",
	                    bmx_redis_role_name(facts->role));
	bmx_redis_conn_drop(node->conn, &loss);
	return false;
}

static void
on_ready(void *ctx)
{
	struct bmx_redis_node *node = ctx;

	if (!is_wanted(node))
		return;
	node->up = true;
	node->fault = false;
	node->up_since_ms = bmx_redis_node_now_ms(node);
	node->last = (struct bmx_error){0};
	if (node->setup.sentinels)
		bmx_timer_set(node->setup.loop, node->retry,
		              BMX_REDIS_RECHECK_MS);
	if (node->circuit.state != BMX_CIRCUIT_CLOSED)
		bmx_circuit_success(&node->circuit);
	bmx_redis_wait_send(node);
	if (node->owner.up)
		node->owner.up(node->owner.ctx, node);
}

static void
on_changed(void *ctx)
{
	struct bmx_redis_node *node = ctx;

	if (node->conn && is_wanted(node) && node->owner.changed)
		node->owner.changed(node->owner.ctx, node);
}

static void
on_push(void *ctx, const struct bmx_redis_reply *reply)
{
	struct bmx_redis_node *node = ctx;

	if (node->owner.push)
		node->owner.push(node->owner.ctx, node, reply);
}

static void
connect_to(struct bmx_redis_node *node, const struct bmx_redis_server *server)
{
	const struct bmx_config_redis *settings = node->setup.settings;
	const struct bmx_redis_conn_owner owner = {.ctx = node,
	                                           .ready = on_ready,
	                                           .lost = on_lost,
	                                           .changed = on_changed,
	                                           .push = on_push};
	const struct bmx_redis_conn_setup setup = {
		.loop = node->setup.loop,
		.server = server,
		.tls = node->setup.tls,
		.purpose = node->setup.purpose,
		.username = settings->username,
		.password_file = settings->password_file,
		.client_name = node->setup.client_name,
		.database = node->setup.cluster ? 0 : settings->database,
		.timeout_ms = settings->timeout_ms,
		.cluster = node->setup.cluster,
	};
	struct bmx_redis_loss loss = {0};

	node->conn = bmx_redis_conn_new(&setup, &owner, &loss.err);
	if (!node->conn)
		on_lost(node, &loss);
}

/* Asked while all is well: is it still the master? No answer means nothing. */
static void
compare(struct bmx_redis_node *node, const struct bmx_redis_server *master)
{
	struct bmx_redis_loss loss = {.next = true};

	bmx_timer_set(node->setup.loop, node->retry, BMX_REDIS_RECHECK_MS);
	if (!master ||
	    bmx_redis_server_equal(bmx_redis_conn_server(node->conn), master))
		return;
	(void)bmx_error_set(&loss.err, BMX_E_CLOSED,
	                    "Sentinels name another master");
	bmx_redis_conn_drop(node->conn, &loss);
}

static void
on_discovered(void *ctx, const struct bmx_redis_server *master,
              const struct bmx_redis_loss *loss)
{
	struct bmx_redis_node *node = ctx;

	if (node->up) {
		compare(node, master);
		return;
	}
	if (node->retry_at_ms > 0)
		return; /* lost meanwhile: the next round asks again */
	if (!master) {
		on_lost(node, loss);
		return;
	}
	connect_to(node, master);
}

/* Asks the Sentinels, unless an earlier question is still open: its answer
 * will do. */
static void
discover(struct bmx_redis_node *node)
{
	struct bmx_redis_loss loss = {0};

	if (bmx_redis_discover_is_busy(node->discover) ||
	    bmx_redis_discover_start(node->discover, &loss.err) == 0)
		return;
	if (!node->up)
		on_lost(node, &loss);
}

static void
begin_round(void *ctx)
{
	struct bmx_redis_node *node = ctx;

	if (node->up) {
		discover(node);
		return;
	}
	/* Between two servers of a round nothing is asked of the breaker. */
	if (node->tried == 0 &&
	    !bmx_circuit_admit(&node->circuit, bmx_redis_node_now_ms(node))) {
		bmx_timer_set(node->setup.loop, node->retry,
		              BMX_REDIS_REST_FIRST_MS);
		return;
	}
	node->tried++;
	node->retry_at_ms = 0;
	if (!node->setup.sentinels)
		connect_to(node, &node->setup.servers[current(node)]);
	else
		discover(node);
}

static int
make_discover(struct bmx_redis_node *node, struct bmx_error *err)
{
	const struct bmx_redis_discover_setup setup = {
		.loop = node->setup.loop,
		.tls = node->setup.tls,
		.sentinels = node->setup.servers,
		.count = node->setup.count,
		.settings = node->setup.settings,
		.client_name = node->setup.client_name,
	};

	node->discover =
		bmx_redis_discover_new(&setup, on_discovered, node, err);
	return node->discover ? 0 : -1;
}

static void
init(struct bmx_redis_node *node, const struct bmx_redis_node_setup *setup,
     const struct bmx_redis_node_owner *owner)
{
	node->setup = *setup;
	node->owner = *owner;
	if (setup->count == 1 && !setup->sentinels) {
		/* Of a Cluster's node the caller has no lasting copy. */
		node->own = setup->servers[0];
		node->setup.servers = &node->own;
	}
	TAILQ_INIT(&node->waiting);
	bmx_circuit_init(&node->circuit, BMX_REDIS_BREAKER_LIMIT);
	bmx_backoff_init(&node->backoff, BMX_REDIS_REST_FIRST_MS,
	                 setup->sentinels ? BMX_REDIS_REST_SENTINEL_MS :
	                                    BMX_REDIS_REST_MOST_MS);
	bmx_siphash_random_key(node->random_key);
}

struct bmx_redis_node *
bmx_redis_node_new(const struct bmx_redis_node_setup *setup,
                   const struct bmx_redis_node_owner *owner,
                   struct bmx_error *err)
{
	struct bmx_redis_node *node = calloc(1, sizeof(*node));

	assert(setup->count > 0);
	if (node) {
		init(node, setup, owner);
		node->retry = bmx_timer_new(setup->loop, begin_round, node);
		node->expiry =
			bmx_timer_new(setup->loop, bmx_redis_wait_expire, node);
	}
	if (!node || !node->retry || !node->expiry ||
	    (setup->sentinels && make_discover(node, err) != 0)) {
		bmx_redis_node_free(&node);
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for a link to Redis");
		return NULL;
	}
	bmx_timer_set(setup->loop, node->retry, 0);
	return node;
}

void
bmx_redis_node_free(struct bmx_redis_node **node)
{
	struct bmx_redis_node *it = *node;
	struct bmx_redis_ask *ask;

	*node = NULL;
	if (!it)
		return;
	bmx_redis_discover_free(&it->discover);
	bmx_redis_conn_free(&it->conn);
	bmx_timer_free(it->setup.loop, &it->retry);
	bmx_timer_free(it->setup.loop, &it->expiry);
	while ((ask = TAILQ_FIRST(&it->waiting)) != NULL) {
		TAILQ_REMOVE(&it->waiting, ask, entry);
		bmx_redis_ask_free(ask);
	}
	free(it);
}

int
bmx_redis_node_send(struct bmx_redis_node *node, struct bmx_redis_ask *ask,
                    struct bmx_error *err)
{
	struct bmx_redis_conn *conn = bmx_redis_node_conn(node);

	if (ask->epoch != 0 &&
	    (!conn || bmx_redis_conn_epoch(conn) != ask->epoch))
		return bmx_error_set(err, BMX_E_CLOSED,
		                     "the connection to Redis is another one "
		                     "by now");
	if (conn) {
		bmx_redis_conn_send(conn, ask, node->setup.cluster);
		return 0;
	}
	if (bmx_redis_wait_is_vain(node, ask))
		return bmx_error_set(err, BMX_E_CLOSED, "%s",
		                     node->last.text[0] ?
		                             node->last.text :
		                             "Redis cannot be reached");
	bmx_redis_wait_add(node, ask);
	return 0;
}

void
bmx_redis_node_praise(struct bmx_redis_node *node)
{
	if (node->up)
		bmx_circuit_success(&node->circuit);
}

void
bmx_redis_node_drop(struct bmx_redis_node *node,
                    const struct bmx_redis_loss *loss)
{
	if (node->conn)
		bmx_redis_conn_drop(node->conn, loss);
}

struct bmx_redis_conn *
bmx_redis_node_conn(const struct bmx_redis_node *node)
{
	return node->up && node->conn && bmx_redis_conn_is_ready(node->conn) ?
		node->conn :
		NULL;
}

enum bmx_circuit_state
bmx_redis_node_breaker(const struct bmx_redis_node *node)
{
	return node->circuit.state;
}

const struct bmx_redis_server *
bmx_redis_node_server(const struct bmx_redis_node *node)
{
	if (node->conn)
		return bmx_redis_conn_server(node->conn);
	return &node->setup
			.servers[node->tried > 0 ? current(node) : node->first];
}

bool
bmx_redis_node_is_idle(const struct bmx_redis_node *node)
{
	return TAILQ_EMPTY(&node->waiting) &&
		(!node->conn || bmx_redis_conn_is_idle(node->conn));
}
