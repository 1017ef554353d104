/* Replies of clamd: a verdict comes from a whole reply alone, and what is kept of
 * it is clean. */
#include <stdint.h>

#include "tests/fuzz/scan_reply_check.h"

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice bytes = {(const char *)data, size};
	struct bmx_scan_reply reply;

	if (bmx_clamd_reply_parse(bytes, &reply, NULL) != 0)
		return 0;
	require(size > 0 && data[size - 1] == 0);
	check_scan_reply(&reply);
	return 0;
}
