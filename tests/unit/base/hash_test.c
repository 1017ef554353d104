#include "tests/support/rows.h"

#include <backupmx/hash.h>

/* The reference vectors: key 00..0f, message 00, 01, ... of that length. */
struct hash_case {
	const char *name;
	size_t len;
	uint64_t want;
};

static struct hash_case cases[] = {
	{"no octet", 0, UINT64_C(0x726fdb47dd0e0e31)},
	{"one octet", 1, UINT64_C(0x74f839c593dc67fd)},
	{"seven octets", 7, UINT64_C(0xab0200f58b01d137)},
	{"one block", 8, UINT64_C(0x93f5f5799a932462)},
	{"fifteen octets, as in the paper", 15, UINT64_C(0xa129ca6149be45e5)},
};

static void
test_hash(void **state)
{
	const struct hash_case *tc = *state;
	uint8_t key[BMX_SIPHASH_KEY_SIZE], message[16];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = message[i] = i;
	assert_true(bmx_siphash24(key, message, tc->len) == tc->want);
}

int
main(void)
{
	ROWS_RUN(cases, test_hash);
}
