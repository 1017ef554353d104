/*
 * Answers of a policy server: what is read as a reply is exactly what one of
 * the table's rows writes, and no shorter piece of it is.
 */
#include <backupmx/policy_reply.h>

#include <stdint.h>
#include <stdlib.h>

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static bool
is_observed(struct bmx_slice answer)
{
	for (int i = 0; i < BMX_REPLIES; i++)
		if (bmx_slice_equal(answer,
		                    bmx_policy_reply_encode(
					    (enum bmx_policy_reply)i, true)))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice answer = {(const char *)data, size};
	enum bmx_policy_reply reply = BMX_REPLIES;
	const int got = bmx_policy_reply_decode(answer, &reply);

	if (got != 1)
		return 0;
	require(reply < BMX_REPLIES);
	require(bmx_slice_equal(answer,
	                        bmx_policy_reply_encode(reply, false)) ||
	        (reply == BMX_REPLY_DUNNO && is_observed(answer)));
	for (size_t len = 0; len < size; len++)
		require(bmx_policy_reply_decode(
				(struct bmx_slice){answer.data, len}, &reply) ==
		        0);
	return 0;
}
