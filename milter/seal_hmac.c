#include "milter/seal_hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static int
sign(EVP_MD_CTX *ctx, EVP_PKEY *key, const struct bmx_slice parts[3],
     uint8_t *hmac_out)
{
	size_t len = BMX_SEAL_HMAC_OCTETS;

	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1)
		return -1;
	for (size_t i = 0; i < 3; i++)
		if (parts[i].len > 0 &&
		    EVP_DigestSignUpdate(ctx, parts[i].data, parts[i].len) != 1)
			return -1;
	return EVP_DigestSignFinal(ctx, hmac_out, &len) == 1 &&
			len == BMX_SEAL_HMAC_OCTETS ?
		0 :
		-1;
}

int
bmx_seal_hmac(const uint8_t *key, size_t key_len,
              const struct bmx_slice parts[3],
              uint8_t hmac_out[BMX_SEAL_HMAC_OCTETS])
{
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, key, key_len);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const int rc = pkey && ctx ? sign(ctx, pkey, parts, hmac_out) : -1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return rc;
}

bool
bmx_seal_same(const uint8_t *a, const uint8_t *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

int
bmx_seal_random(uint8_t *octets, size_t len)
{
	return RAND_bytes(octets, (int)len) == 1 ? 0 : -1;
}
