/*
 * list_digest.h - the digest of a list (DESIGN.md section 6): the sum modulo
 * 2^64 of SipHash-2-4 of each member. A sum, so that it follows a change
 * without the whole list being read, in any order.
 */
#ifndef BACKUPMX_LIST_DIGEST_H
#define BACKUPMX_LIST_DIGEST_H

#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/hash.h>
#include <backupmx/slice.h>

struct bmx_list_digest {
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	uint64_t sum; /* of the members so far */
};

/**
 * Starts with the digest that sum is; 0 is the empty list's. The key is the
 * first 16 octets of SHA-256 of "backupmx list v1 DOMAIN".
 * @return 0, or -1 with *err (BMX_E_RANGE when domain is over-long,
 *         BMX_E_NOMEM)
 */
int bmx_list_digest_init(struct bmx_list_digest *digest,
                         struct bmx_slice domain, uint64_t sum,
                         struct bmx_error *err);

/** One more member. */
void bmx_list_digest_add(struct bmx_list_digest *digest,
                         struct bmx_slice local);

/** One member less. */
void bmx_list_digest_remove(struct bmx_list_digest *digest,
                            struct bmx_slice local);

#endif
