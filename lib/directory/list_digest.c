#include "list_digest.h"

#include <string.h>

#include <openssl/evp.h>

#include <backupmx/address.h>
#include <backupmx/text.h>

#define DIGEST_PREFIX "backupmx list v1 "

int
bmx_list_digest_init(struct bmx_list_digest *digest, struct bmx_slice domain,
                     uint64_t sum, struct bmx_error *err)
{
	char seed[sizeof(DIGEST_PREFIX) + BMX_DOMAIN_MAX];
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned hash_len = 0;
	struct bmx_text text;

	bmx_text_init(&text, seed, sizeof(seed));
	bmx_text_append_string(&text, DIGEST_PREFIX);
	bmx_text_append(&text, domain);
	if (text.cut)
		return bmx_error_set(err, BMX_E_RANGE,
		                     "the domain's name is too long");
	if (EVP_Digest(seed, text.len, hash, &hash_len, EVP_sha256(), NULL) !=
	            1 ||
	    hash_len < BMX_SIPHASH_KEY_SIZE)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "cannot compute SHA-256");
	memcpy(digest->key, hash, BMX_SIPHASH_KEY_SIZE);
	digest->sum = sum;
	return 0;
}

void
bmx_list_digest_add(struct bmx_list_digest *digest, struct bmx_slice local)
{
	digest->sum += bmx_siphash24(digest->key, local.data, local.len);
}

void
bmx_list_digest_remove(struct bmx_list_digest *digest, struct bmx_slice local)
{
	digest->sum -= bmx_siphash24(digest->key, local.data, local.len);
}
