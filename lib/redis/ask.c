#include "ask.h"

#include <assert.h>
#include <stdlib.h>

struct bmx_redis_ask *
bmx_redis_ask_new(const struct bmx_redis_command *commands, size_t count,
                  struct bmx_error *err)
{
	struct bmx_redis_ask *ask = calloc(1, sizeof(*ask));

	if (ask && count > 1)
		ask->roots = calloc(count, sizeof(*ask->roots));
	if (!ask || (count > 1 && !ask->roots)) {
		free(ask);
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for a request to Redis");
		return NULL;
	}
	ask->count = count;
	ask->slot = -1;
	if (bmx_resp_format(commands, count, &ask->wire, err) != 0) {
		bmx_redis_ask_free(ask);
		return NULL;
	}
	return ask;
}

static void
forget(struct bmx_redis_ask *ask, const struct bmx_redis_answer *answer)
{
	(void)answer;
	bmx_redis_ask_free(ask);
}

struct bmx_redis_ask *
bmx_redis_ask_ghost(const struct bmx_redis_ask *ask)
{
	struct bmx_redis_ask *ghost = calloc(1, sizeof(*ghost));

	if (!ghost)
		return NULL;
	/* Only those that are still to come. */
	ghost->count = ask->count - ask->answered;
	if (ghost->count > 1)
		ghost->roots = calloc(ghost->count, sizeof(*ghost->roots));
	if (ghost->count > 1 && !ghost->roots) {
		free(ghost);
		return NULL;
	}
	ghost->slot = -1;
	ghost->done = forget;
	ghost->sent_ms = ask->sent_ms;
	return ghost;
}

static struct bmx_resp_root *
roots_of(struct bmx_redis_ask *ask)
{
	return ask->roots ? ask->roots : &ask->one;
}

void
bmx_redis_ask_rewind(struct bmx_redis_ask *ask)
{
	for (size_t i = 0; i < ask->answered; i++)
		bmx_resp_root_release(&roots_of(ask)[i]);
	ask->answered = 0;
	ask->reply_bytes = 0;
}

void
bmx_redis_ask_free(struct bmx_redis_ask *ask)
{
	bmx_redis_ask_rewind(ask);
	free(ask->roots);
	free(ask->wire.data);
	free(ask);
}

int
bmx_redis_ask_take(struct bmx_redis_ask *ask, struct bmx_resp_root *root,
                   struct bmx_error *err)
{
	assert(ask->answered < ask->count);
	ask->reply_bytes += root->wire_bytes;
	roots_of(ask)[ask->answered++] = *root;
	*root = (struct bmx_resp_root){0};
	if (ask->reply_bytes > BMX_REDIS_REPLY_BYTES_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the replies to a request have over %zu "
		                     "octets",
		                     BMX_REDIS_REPLY_BYTES_MAX);
	return ask->answered == ask->count;
}

void
bmx_redis_ask_fail(struct bmx_redis_ask *ask, const struct bmx_error *err)
{
	const struct bmx_redis_answer answer = {.err = err};

	ask->done(ask, &answer);
}

void
bmx_redis_ask_finish(struct bmx_redis_ask *ask, bmx_redis_epoch epoch)
{
	struct bmx_redis_reply all = {.type = BMX_REDIS_ARRAY};
	struct bmx_redis_answer answer = {.reply = &all, .epoch = epoch};
	struct bmx_redis_reply *row;
	struct bmx_error err;

	assert(ask->answered == ask->count);
	if (!ask->roots) {
		answer.reply = ask->one.reply;
		ask->done(ask, &answer);
		return;
	}
	row = calloc(ask->count, sizeof(*row));
	if (!row) {
		(void)bmx_error_set(&err, BMX_E_NOMEM,
		                    "no memory for the replies of Redis");
		bmx_redis_ask_fail(ask, &err);
		return;
	}
	for (size_t i = 0; i < ask->count; i++)
		row[i] = *ask->roots[i].reply;
	all.element = row;
	all.count = ask->count;
	ask->done(ask, &answer);
	free(row);
}
