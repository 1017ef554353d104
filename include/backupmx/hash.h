/*
 * hash.h - SipHash-2-4 (Aumasson, Bernstein 2012), for hash tables whose keys
 * peers choose and for the list digest.
 */
#ifndef BACKUPMX_HASH_H
#define BACKUPMX_HASH_H

#include <stddef.h>
#include <stdint.h>

/** Octets of a SipHash key. */
#define BMX_SIPHASH_KEY_SIZE ((size_t)16)

/** SipHash-2-4 of len octets at data. Any thread. */
uint64_t bmx_siphash24(const uint8_t key[BMX_SIPHASH_KEY_SIZE],
                       const void *data, size_t len);

/** Fills key with the system's random octets. Where it has none yet (early at
 * boot), the key stays as it was: a table is then only easier to attack. */
void bmx_siphash_random_key(uint8_t key[BMX_SIPHASH_KEY_SIZE]);

#endif
