/*
 * Seals and files of keys. No text is a good seal of a key that nobody knows;
 * what is sealed for a sender and queue id of any octets is either refused or
 * verifies.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter/seal.h"

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
seal_and_verify(struct bmx_slice octets, const struct bmx_seal_keys *keys)
{
	const size_t half = octets.len / 2;
	const struct bmx_seal seal = {
		.queue_id = {octets.data, half},
		.sender = {octets.data + half, octets.len - half},
		.at_s = 1700000000,
		.result = BMX_SEALED_NONE,
	};
	char buffer[BMX_SEAL_TEXT_MAX];
	struct bmx_seal again;
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	if (bmx_seal_append(&text, &seal, keys) != 0)
		return;
	require(bmx_seal_verify(bmx_text_slice(&text), seal.queue_id,
	                        seal.sender, keys, &again) == BMX_SEAL_GOOD);
	require(again.result == BMX_SEALED_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bmx_seal_keys keys = {
		.keys = {{.id = "a", .octets = {1, 2, 3}}}, .count = 1};
	const struct bmx_slice text = {(const char *)data, size};
	struct bmx_seal_keys read;
	struct bmx_seal seal;

	require(bmx_seal_verify(text, BMX_SLICE("4XyZ"),
	                        BMX_SLICE("joe@example.test"), &keys,
	                        &seal) != BMX_SEAL_GOOD);
	if (bmx_seal_keys_parse(text, "f", &read, NULL) == 0)
		require(read.count > 0 && read.count <= BMX_SEAL_KEYS_MAX);
	if (size > 0)
		seal_and_verify(text, &keys);
	return 0;
}
