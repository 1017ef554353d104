/*
 * Bounces: the first octet is the size of the pieces, the first line the
 * Content-Type. In pieces or whole, the same is read.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter/bounce_report.h"

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static struct bmx_bounce_report *
read_bounce(struct bmx_slice type, struct bmx_slice body, size_t piece)
{
	struct bmx_bounce_report *report = malloc(sizeof(*report));

	require(report != NULL);
	bmx_bounce_report_init(report);
	bmx_bounce_report_header(report, BMX_SLICE("Content-Type"), type);
	for (size_t i = 0; i < body.len; i += piece)
		bmx_bounce_report_body(report,
		                       (struct bmx_slice){body.data + i,
		                                          body.len - i < piece ?
		                                                  body.len - i :
		                                                  piece});
	bmx_bounce_report_end(report);
	return report;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmx_slice type = {(const char *)data + 1, size - 1};
	struct bmx_bounce_report *a, *b;
	struct bmx_slice body;
	const char *end;

	if (size < 2)
		return 0;
	end = memchr(type.data, '\n', type.len);
	if (!end)
		return 0;
	body = (struct bmx_slice){end + 1,
	                          type.len - (size_t)(end + 1 - type.data)};
	type.len = (size_t)(end - type.data);
	a = read_bounce(type, body, 1 + (size_t)data[0]);
	b = read_bounce(type, body, body.len + 1);
	require(memcmp(&a->facts, &b->facts, sizeof(a->facts)) == 0);
	require(a->facts.gone_count <= a->facts.recipients);
	require(a->facts.gone_count <= BMX_REPORT_GONE_MAX);
	require(strlen(a->facts.seal) < sizeof(a->facts.seal));
	require(strlen(a->facts.sender) < sizeof(a->facts.sender));
	free(a);
	free(b);
	return 0;
}
