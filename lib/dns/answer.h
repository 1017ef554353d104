/*
 * answer.h - what the floor itself needs to know of answers.
 */
#ifndef BACKUPMX_LIB_DNS_ANSWER_H
#define BACKUPMX_LIB_DNS_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/dns.h>

/** An answer without records that needs no memory and is never freed. */
const struct bmx_dns_answer *bmx_dns_answer_fixed(enum bmx_dns_status status);

/** Octets that the answer takes. */
size_t bmx_dns_answer_bytes(const struct bmx_dns_answer *answer);

/** One record's data as a server sent it, names not compressed. */
struct bmx_dns_rdata {
	const uint8_t *data;
	size_t len;
};

/**
 * Reads count records of one type. A record of the wrong length, or with a
 * host name that holds more than printable ASCII, is left out, as are those
 * past BMX_DNS_RECORDS_MAX.
 * @return an answer with one reference, never NULL
 */
const struct bmx_dns_answer *
bmx_dns_answer_read(enum bmx_dns_type type, uint32_t ttl_s,
                    const struct bmx_dns_rdata *rdata, size_t count);

#endif
