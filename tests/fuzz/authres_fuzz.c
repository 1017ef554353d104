/*
 * Header handling: who an Authentication-Results field claims to be from, and
 * the fields that are built out of hostile values. The first line is the
 * authserv-id when it is not empty, all else the field's body.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter/headers.h"

#define US BMX_SLICE("backup.example.test")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool holds)
{
	if (!holds)
		abort();
}

/* A body that is ours as it stands, whatever follows it. */
static void
check_own_prefix(struct bmx_slice body)
{
	char buffer[BMX_HEADER_BUFFER];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append(&text, BMX_SLICE("\n\t(c)Backup.Example.TEST;"));
	bmx_text_append(&text, body);
	expect(bmx_headers_claims(bmx_text_slice(&text), US));
}

/* No octet of a peer starts a new field or leaves ASCII. */
static void
check_built(const struct bmx_text *text)
{
	for (size_t i = 0; i < text->len; i++) {
		const char c = text->data[i];

		expect((c >= ' ' && c < 0x7f) ||
		       (c == '\n' && text->data[i + 1] == '\t') ||
		       (c == '\t' && i > 0 && text->data[i - 1] == '\n'));
	}
}

static void
check_fields(struct bmx_slice value, enum bmx_spf_result result)
{
	const struct bmx_header_facts facts = {
		.authserv_id = US,
		.without_spf = value.len % 3 == 1,
		.iprev = (enum bmx_check_result)(value.len % BMX_CHECK_RESULTS),
		.result = result,
		.helo_identity = value.len % 2 == 1,
		.client = value,
		.sender = value,
		.helo = value,
		.problem = value,
	};
	char buffer[BMX_HEADER_BUFFER];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	if (bmx_headers_auth_results(&text, &facts) == 0) {
		check_built(&text);
		expect(bmx_headers_claims(bmx_text_slice(&text), US));
	}
	bmx_text_init(&text, buffer, sizeof(buffer));
	if (bmx_headers_received_spf(&text, &facts) == 0)
		check_built(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice all = {(const char *)data, size};
	const char *end = size > 0 ? memchr(data, '\n', size) : NULL;
	struct bmx_slice id = US, body = all;

	if (end && end > all.data) {
		id = (struct bmx_slice){all.data, (size_t)(end - all.data)};
		body = (struct bmx_slice){end + 1, size - id.len - 1};
	}
	(void)bmx_headers_claims(body, id);
	(void)bmx_headers_claims(all, US);
	(void)bmx_headers_is_auth_results(all);
	check_own_prefix(all);
	check_fields(all, (enum bmx_spf_result)(size % BMX_SPF_RESULTS));
	return 0;
}
