#include <backupmx/hash.h>

#include <errno.h>
#include <string.h>

#include <sys/random.h>

static uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t
load_le64(const uint8_t *p)
{
	uint64_t x = 0;

	for (unsigned i = 0; i < 8; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t
bmx_siphash24(const uint8_t key[BMX_SIPHASH_KEY_SIZE], const void *data,
              size_t len)
{
	const uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
	uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575),
	                 k1 ^ UINT64_C(0x646f72616e646f6d),
	                 k0 ^ UINT64_C(0x6c7967656e657261),
	                 k1 ^ UINT64_C(0x7465646279746573)};
	const uint8_t *p = data;
	uint8_t last[8] = {0};
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8) {
		const uint64_t m = load_le64(p);

		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	if (left > 0)
		memcpy(last, p, left);
	last[7] = (uint8_t)len;
	v[3] ^= load_le64(last);
	sip_round(v);
	sip_round(v);
	v[0] ^= load_le64(last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
bmx_siphash_random_key(uint8_t key[BMX_SIPHASH_KEY_SIZE])
{
	if (getrandom(key, BMX_SIPHASH_KEY_SIZE, GRND_NONBLOCK) < 0)
		errno = 0;
}
