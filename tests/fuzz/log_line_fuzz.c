/* Any lines make a tally that can be printed. */
#include <stdint.h>
#include <string.h>

#include "ctl/report/tally.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmxctl_tally *tally = bmxctl_tally_new();
	struct bmx_slice rest = {(const char *)data, size};

	while (tally && rest.len > 0) {
		const char *end = memchr(rest.data, '\n', rest.len);
		const size_t len = end ? (size_t)(end - rest.data) : rest.len;
		struct bmxctl_log_line line;

		if (bmxctl_log_line_parse((struct bmx_slice){rest.data, len},
		                          &line))
			bmxctl_tally_take(tally, &line);
		rest.data += len + (end != NULL);
		rest.len -= len + (end != NULL);
	}
	if (tally)
		bmxctl_tally_end(tally);
	bmxctl_tally_free(&tally);
	return 0;
}
