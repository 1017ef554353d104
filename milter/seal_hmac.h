/*
 * seal_hmac.h - the cryptography of seals.
 */
#ifndef BACKUPMX_MILTER_SEAL_HMAC_H
#define BACKUPMX_MILTER_SEAL_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/slice.h>

/** Octets of an HMAC-SHA-256. */
#define BMX_SEAL_HMAC_OCTETS ((size_t)32)

/** HMAC-SHA-256 over head, middle and tail. 0, or -1 when memory is short. */
int bmx_seal_hmac(const uint8_t *key, size_t key_len,
                  const struct bmx_slice parts[3],
                  uint8_t hmac_out[BMX_SEAL_HMAC_OCTETS]);

/** Same octets? Takes the same time whatever they are. */
bool bmx_seal_same(const uint8_t *a, const uint8_t *b, size_t len);

/** Random octets for a key. 0, or -1 when there are none. */
int bmx_seal_random(uint8_t *octets, size_t len);

#endif
