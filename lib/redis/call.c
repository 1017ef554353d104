#include <backupmx/redis_call.h>

#include <assert.h>
#include <stdlib.h>

struct call {
	bool done;
	struct bmx_redis_result *result;
	struct bmx_error *err;
	int rc;
};

/* The free room of a copy. */
struct copy {
	struct bmx_redis_reply *nodes;
	char *octets;
};

static size_t
size_of(size_t count)
{
	return count * sizeof(struct bmx_redis_reply);
}

/* Counts the nodes of a reply and the octets of all texts. */
static void
measure(const struct bmx_redis_reply *reply, size_t *nodes, size_t *octets)
{
	const struct bmx_redis_reply *stack[BMX_REDIS_REPLY_DEPTH_MAX + 2];
	size_t at[BMX_REDIS_REPLY_DEPTH_MAX + 2] = {0};
	size_t depth = 1;

	stack[0] = reply;
	*nodes = 1;
	*octets = reply->text.len + 1;
	while (depth > 0) {
		const struct bmx_redis_reply *top = stack[depth - 1];
		const struct bmx_redis_reply *next;

		if (top->type != BMX_REDIS_ARRAY ||
		    at[depth - 1] == top->count) {
			depth--;
			continue;
		}
		next = &top->element[at[depth - 1]++];
		*nodes += 1;
		*octets += next->text.len + 1;
		/* The codec lets nothing deeper through. */
		assert(depth < sizeof(stack) / sizeof(stack[0]));
		stack[depth] = next;
		at[depth++] = 0;
	}
}

/* Makes node, a plain copy that points into the original, stand alone but for
 * its elements' own texts and elements. */
static void
detach(struct bmx_redis_reply *node, struct copy *copy)
{
	if (node->text.data) {
		memcpy(copy->octets, node->text.data, node->text.len);
		copy->octets[node->text.len] = '\0';
		node->text.data = copy->octets;
		copy->octets += node->text.len + 1;
	}
	if (node->type != BMX_REDIS_ARRAY)
		return;
	if (node->count > 0)
		memcpy(copy->nodes, node->element, size_of(node->count));
	node->element = copy->nodes;
	copy->nodes += node->count;
}

struct bmx_redis_reply *
bmx_redis_reply_copy(const struct bmx_redis_reply *reply)
{
	struct bmx_redis_reply *whole;
	struct copy copy;
	size_t nodes, octets;

	measure(reply, &nodes, &octets);
	whole = malloc(size_of(nodes) + octets);
	if (!whole)
		return NULL;
	*whole = *reply;
	copy.nodes = whole + 1;
	copy.octets = (char *)(whole + nodes);
	/* Rows are laid out in the order in which nodes are detached, so the
	 * next node always stands after those before it. */
	for (size_t i = 0; i < nodes; i++)
		detach(&whole[i], &copy);
	return whole;
}

void
bmx_redis_result_release(struct bmx_redis_result *result)
{
	free(result->reply);
	*result = (struct bmx_redis_result){0};
}

static void
on_answer(void *ctx, const struct bmx_redis_answer *answer)
{
	struct call *call = ctx;

	call->done = true;
	if (!answer->reply) {
		call->rc = bmx_error_set(call->err, answer->err->code, "%s",
		                         answer->err->text);
		return;
	}
	call->result->reply = bmx_redis_reply_copy(answer->reply);
	call->result->epoch = answer->epoch;
	if (!call->result->reply)
		call->rc = bmx_error_set(call->err, BMX_E_NOMEM,
		                         "no memory for a reply of Redis");
}

int
bmx_redis_call(struct bmx_redis *redis, struct bmx_loop *loop,
               const struct bmx_redis_request *request,
               struct bmx_redis_result *result_out, struct bmx_error *err)
{
	struct call call = {.result = result_out, .err = err};
	struct bmx_redis_ask *ask;

	*result_out = (struct bmx_redis_result){0};
	ask = bmx_redis_send(redis, request, on_answer, &call, err);
	if (!ask)
		return -1;
	while (!call.done)
		if (bmx_loop_turn(loop, true) != 0) {
			bmx_redis_cancel(ask);
			return bmx_error_set(err, BMX_E_IO,
			                     "the event loop cannot go on");
		}
	return call.rc;
}
