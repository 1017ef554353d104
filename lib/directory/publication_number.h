/*
 * publication_number.h - numbers as they stand in the records of publication.h.
 */
#ifndef BACKUPMX_PUBLICATION_NUMBER_H
#define BACKUPMX_PUBLICATION_NUMBER_H

#include <stdint.h>

#include <backupmx/slice.h>

/** Decimal up to INT64_MAX, without sign and leading zeros. 0 or -1. */
int bmx_publication_read_number(struct bmx_slice text, uint64_t *value_out);

/** 16 hex digits in lower case. 0 or -1. */
int bmx_publication_read_digest(struct bmx_slice text, uint64_t *digest_out);

#endif
