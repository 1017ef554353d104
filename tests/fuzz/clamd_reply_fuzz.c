/* Replies of clamd: a verdict comes from a whole reply alone, and what is kept of
 * it is clean. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter/scanners/reply.h"

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
check_clean(const char *text, bool blanks)
{
	for (; *text; text++)
		require(*text <= '~' && *text >= (blanks ? ' ' : '!'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice bytes = {(const char *)data, size};
	struct bmx_scan_reply reply;

	if (bmx_clamd_reply_parse(bytes, &reply, NULL) != 0)
		return 0;
	require(size > 0 && data[size - 1] == 0);
	require(reply.say == BMX_SCAN_PASS || reply.say == BMX_SCAN_REJECT);
	require(reply.edits.added_count == 0);
	check_clean(reply.detail, false);
	check_clean(reply.text, true);
	return 0;
}
