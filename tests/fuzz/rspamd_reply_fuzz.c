/* Replies of rspamd: what is kept of one is bounded, and clean wherever it goes
 * next. */
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

/* Nothing in a body may end the field, or the header. */
static void
check_body(const char *body)
{
	require(strlen(body) <= BMX_SCAN_FIELD_MAX * 2);
	for (; *body; body++) {
		require(*body != '\r');
		if (*body == '\n')
			require(body[1] == ' ' || body[1] == '\t');
	}
}

static void
check_edits(const struct bmx_scan_edits *edits)
{
	require(edits->added_count <= BMX_SCAN_FIELDS_MAX);
	require(edits->removed_count <= BMX_SCAN_FIELDS_MAX);
	for (size_t i = 0; i < edits->added_count; i++) {
		require(bmx_scan_may_edit(bmx_slice_of(edits->added[i].name)));
		require(edits->added[i].place >= -1);
		check_body(edits->added[i].body);
	}
	for (size_t i = 0; i < edits->removed_count; i++)
		require(bmx_scan_may_edit(
			bmx_slice_of(edits->removed[i].name)));
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
	struct bmx_arena *arena = bmx_arena_new((size_t)1024 * 1024);
	struct bmx_scan_reply reply;

	if (arena &&
	    bmx_rspamd_reply_parse((struct bmx_slice){(const char *)data, size},
	                           arena, &reply, NULL) == 0) {
		check_edits(&reply.edits);
		check_clean(reply.detail, false);
		check_clean(reply.text, true);
	}
	bmx_arena_free(&arena);
	return 0;
}
