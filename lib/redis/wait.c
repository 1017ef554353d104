/* Asks that wait for a connection, each until its own deadline. */
#include "node_priv.h"

bool
bmx_redis_wait_is_vain(const struct bmx_redis_node *node,
                       const struct bmx_redis_ask *ask)
{
	return node->circuit.state != BMX_CIRCUIT_CLOSED ||
		(node->retry_at_ms > 0 &&
	         ask->deadline_ms <= node->retry_at_ms);
}

void
bmx_redis_wait_fail_vain(struct bmx_redis_node *node)
{
	struct bmx_redis_queue failed = TAILQ_HEAD_INITIALIZER(failed);
	struct bmx_error err = node->last;
	struct bmx_redis_ask *ask = TAILQ_FIRST(&node->waiting);

	err.code = BMX_E_CLOSED;
	while (ask) {
		struct bmx_redis_ask *next = TAILQ_NEXT(ask, entry);

		if (bmx_redis_wait_is_vain(node, ask)) {
			TAILQ_REMOVE(&node->waiting, ask, entry);
			TAILQ_INSERT_TAIL(&failed, ask, entry);
			ask->node = NULL;
		}
		ask = next;
	}
	while ((ask = TAILQ_FIRST(&failed)) != NULL) {
		TAILQ_REMOVE(&failed, ask, entry);
		bmx_redis_ask_fail(ask, &err);
	}
}

static void
watch_expiry(struct bmx_redis_node *node, int64_t deadline_ms)
{
	const int64_t left = deadline_ms - bmx_redis_node_now_ms(node);

	if (node->expiry_ms > 0 && node->expiry_ms <= deadline_ms)
		return; /* it goes off early enough and then looks again */
	node->expiry_ms = deadline_ms;
	bmx_timer_set(node->setup.loop, node->expiry, left > 0 ? left : 0);
}

/* The first one that has waited for too long; the others' next expiry is
 * watched for. */
static struct bmx_redis_ask *
find_expired(struct bmx_redis_node *node)
{
	const int64_t now = bmx_redis_node_now_ms(node);
	struct bmx_redis_ask *ask;
	int64_t first = 0;

	for (ask = TAILQ_FIRST(&node->waiting); ask;
	     ask = TAILQ_NEXT(ask, entry)) {
		if (ask->deadline_ms <= now)
			return ask;
		if (first == 0 || ask->deadline_ms < first)
			first = ask->deadline_ms;
	}
	if (first > 0)
		watch_expiry(node, first);
	return NULL;
}

void
bmx_redis_wait_expire(void *ctx)
{
	struct bmx_redis_node *node = ctx;
	struct bmx_redis_ask *ask;
	struct bmx_error err;

	node->expiry_ms = 0;
	while ((ask = find_expired(node)) != NULL) {
		TAILQ_REMOVE(&node->waiting, ask, entry);
		ask->node = NULL;
		(void)bmx_error_set(&err, BMX_E_TIMEOUT,
		                    "no connection to Redis in time%s%s",
		                    node->last.text[0] ? ": " : "",
		                    node->last.text);
		bmx_redis_ask_fail(ask, &err);
	}
}

void
bmx_redis_wait_send(struct bmx_redis_node *node)
{
	struct bmx_redis_ask *ask;

	while ((ask = TAILQ_FIRST(&node->waiting)) != NULL &&
	       bmx_redis_node_conn(node)) {
		TAILQ_REMOVE(&node->waiting, ask, entry);
		ask->node = NULL;
		bmx_redis_conn_send(node->conn, ask, node->setup.cluster);
	}
}

bool
bmx_redis_node_recall(struct bmx_redis_node *node, struct bmx_redis_ask *ask)
{
	if (ask->node != node)
		return false;
	TAILQ_REMOVE(&node->waiting, ask, entry);
	ask->node = NULL;
	return true;
}

void
bmx_redis_wait_add(struct bmx_redis_node *node, struct bmx_redis_ask *ask)
{
	TAILQ_INSERT_TAIL(&node->waiting, ask, entry);
	ask->node = node;
	watch_expiry(node, ask->deadline_ms);
}
