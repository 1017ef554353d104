/* Macros alone: what the grammar takes must expand within its buffers. */
#include <stdlib.h>
#include <string.h>

#include <backupmx/text.h>

#include "milter/spf/macro.h"

static struct bmx_slice
validated(void *ctx)
{
	(void)ctx;
	return BMX_SLICE("mail.example.com");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t address[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	const struct bmx_slice text = {(const char *)data, size};
	const size_t half = size / 2;
	struct bmx_spf_macro_values values = {
		.sender = {text.data, half},
		.local = {text.data, half / 2},
		.origin = BMX_SLICE("example.com"),
		.domain = BMX_SLICE("a.b.example.com"),
		.helo = {text.data + half, size - half},
		.receiver = BMX_SLICE("mx.example.org"),
		.address = address,
		.address_len = size % 2 ? 4 : 16,
		.time_s = 1,
		.validated = validated,
	};
	char name[BMX_SPF_NAME_BUFFER], explanation[512];
	struct bmx_text out;

	if (size == 0)
		return 0;
	if (bmx_spf_macro_is_domain_spec(text) &&
	    bmx_spf_macro_name(text, &values, name).len >= sizeof(name))
		abort();
	if (!bmx_spf_macro_is_explanation(text))
		return 0;
	bmx_text_init(&out, explanation, sizeof(explanation));
	bmx_spf_macro_explanation(text, &values, &out);
	for (size_t i = 0; i < out.len; i++)
		if (explanation[i] < 0x20 || explanation[i] > 0x7e)
			abort();
	return 0;
}
