/*
 * Octets of a server, in pieces whose sizes are the input's own: the reader
 * takes them or refuses them, and what reads replies survives each one.
 */
#include <stdint.h>
#include <stdlib.h>

#include <backupmx/redis_call.h>

#include "lib/redis/effect.h"
#include "lib/redis/facts.h"
#include "lib/redis/resp.h"
#include "lib/redis/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use(const struct bmx_redis_reply *reply)
{
	const struct bmx_redis_standing standing = {.cluster = true};
	struct bmx_redis_facts facts = {0};
	struct bmx_redis_redirection to;
	struct bmx_redis_range range;

	free(bmx_redis_reply_copy(reply));
	bmx_redis_facts_take_role(&facts, reply);
	bmx_redis_facts_take_replication(&facts, reply);
	(void)bmx_redis_facts_take_policy(&facts, reply);
	(void)bmx_redis_range_read(reply, &range);
	(void)bmx_redis_slot_of(reply->text);
	if (reply->type == BMX_REDIS_ERROR) {
		(void)bmx_redis_effect_of(reply->text, &standing);
		(void)bmx_redis_redirection_parse(reply->text, &to);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmx_resp_reader *reader = bmx_resp_reader_new();
	const size_t step = size > 0 ? (size_t)data[0] + 1 : 1;
	struct bmx_resp_root root = {0};
	int rc = 0;

	if (!reader)
		return 0;
	for (size_t at = 1; at < size && rc >= 0; at += step) {
		const size_t len = size - at < step ? size - at : step;

		rc = bmx_resp_reader_feed(
			reader,
			(struct bmx_slice){(const char *)data + at, len}, NULL);
		while (rc >= 0 &&
		       (rc = bmx_resp_reader_next(reader, &root, NULL)) > 0) {
			use(root.reply);
			bmx_resp_root_release(&root);
		}
	}
	bmx_resp_reader_free(&reader);
	return 0;
}
