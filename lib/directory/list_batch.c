#include "list_link.h"

#include <stdlib.h>
#include <string.h>

void
bmx_list_batch_clear(struct bmx_list_batch *batch)
{
	free(batch->args);
	free(batch->starts);
	memset(batch, 0, sizeof(*batch));
}

void
bmx_list_batch_reset(struct bmx_list_batch *batch)
{
	batch->arg_count = 0;
	batch->count = 0;
	batch->bytes = 0;
	batch->failed = false;
}

void
bmx_list_batch_add(struct bmx_list_batch *batch, struct bmx_slice arg)
{
	if (batch->arg_count == batch->arg_size) {
		const size_t size = batch->arg_size ? batch->arg_size * 2 : 256;
		struct bmx_slice *args =
			realloc(batch->args, size * sizeof(*args));

		if (!args) {
			batch->failed = true;
			return;
		}
		batch->args = args;
		batch->arg_size = size;
	}
	batch->args[batch->arg_count++] = arg;
	batch->bytes += arg.len;
}

void
bmx_list_batch_add_string(struct bmx_list_batch *batch, const char *arg)
{
	bmx_list_batch_add(batch, bmx_slice_of(arg));
}

void
bmx_list_batch_command(struct bmx_list_batch *batch, const char *name)
{
	if (batch->count == batch->size) {
		const size_t size = batch->size ? batch->size * 2 : 64;
		size_t *starts = realloc(batch->starts, size * sizeof(*starts));

		if (!starts) {
			batch->failed = true;
			return;
		}
		batch->starts = starts;
		batch->size = size;
	}
	batch->starts[batch->count++] = batch->arg_count;
	bmx_list_batch_add_string(batch, name);
}

static int
send_commands(const struct bmx_list_link *link,
              const struct bmx_list_batch *batch,
              struct bmx_redis_command *commands, bmx_redis_epoch epoch,
              int64_t timeout_ms, struct bmx_redis_result *result_out,
              struct bmx_error *err)
{
	const struct bmx_redis_request request = {
		.commands = commands,
		.count = batch->count,
		.key = bmx_slice_of(link->meta),
		.epoch = epoch,
		.timeout_ms = timeout_ms,
	};

	for (size_t i = 0; i < batch->count; i++) {
		const size_t end = i + 1 < batch->count ? batch->starts[i + 1] :
							  batch->arg_count;

		commands[i].argv = &batch->args[batch->starts[i]];
		commands[i].argc = end - batch->starts[i];
	}
	return bmx_redis_call(link->redis, link->loop, &request, result_out,
	                      err);
}

void
bmx_list_replies_release(struct bmx_list_replies *replies)
{
	bmx_redis_result_release(&replies->result);
	memset(replies, 0, sizeof(*replies));
}

int
bmx_list_link_call(const struct bmx_list_link *link,
                   const struct bmx_list_batch *batch, bmx_redis_epoch epoch,
                   int64_t timeout_ms, struct bmx_list_replies *replies_out,
                   struct bmx_error *err)
{
	struct bmx_list_replies *replies = replies_out;
	const struct bmx_redis_reply *reply;
	struct bmx_redis_command *commands;
	int rc;

	memset(replies, 0, sizeof(*replies));
	commands =
		batch->failed ? NULL : calloc(batch->count, sizeof(*commands));
	if (!commands)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for the commands to Redis");
	rc = send_commands(link, batch, commands, epoch, timeout_ms,
	                   &replies->result, err);
	free(commands);
	if (rc != 0)
		return -1;
	reply = replies->result.reply;
	/* Of one command the reply comes bare. */
	replies->at = batch->count == 1 ? reply : reply->element;
	replies->count = batch->count;
	if (batch->count == 1 ||
	    (reply->type == BMX_REDIS_ARRAY && reply->count == batch->count))
		return 0;
	(void)bmx_list_link_unexpected(reply, "Redis", err);
	bmx_list_replies_release(replies);
	return -1;
}
