/*
 * question.h - a name and a type in the form under which they are asked,
 * joined and kept.
 */
#ifndef BACKUPMX_LIB_DNS_QUESTION_H
#define BACKUPMX_LIB_DNS_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/dns.h>

/** Room for a name in which every octet is written as \DDD. */
#define BMX_DNS_ESCAPED_SIZE (4 * BMX_DNS_NAME_MAX + 1)

struct bmx_dns_question {
	enum bmx_dns_type type;
	size_t len;                  /* 1 to BMX_DNS_NAME_MAX */
	char name[BMX_DNS_NAME_MAX]; /* lower case, no final dot, any octets */
};

/**
 * Fills *question_out.
 * @return false when name is no name: empty, a label that is empty or over
 *         BMX_DNS_LABEL_MAX, or over BMX_DNS_NAME_MAX in all
 */
bool bmx_dns_question_make(struct bmx_dns_question *question_out,
                           struct bmx_slice name, enum bmx_dns_type type);

/** Same name and type? */
bool bmx_dns_question_equal(const struct bmx_dns_question *a,
                            const struct bmx_dns_question *b);

/** Hash for tables, keyed against names that a peer chooses. */
uint64_t bmx_dns_question_hash(const struct bmx_dns_question *question,
                               const uint8_t key[16]);

/**
 * The name as master files write it (RFC 1035 section 5.1): octets that are
 * not printable and the backslash become \DDD. Terminated.
 */
void bmx_dns_question_escape(const struct bmx_dns_question *question,
                             char text_out[BMX_DNS_ESCAPED_SIZE]);

#endif
