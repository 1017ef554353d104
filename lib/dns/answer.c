#include "answer.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* An answer, its records and their octets in one piece of memory. */
struct block {
	struct bmx_dns_answer
		answer;   /* first: an answer's address is its block's */
	atomic_uint refs; /* not used by the fixed ones */
	size_t bytes;     /* 0 for the fixed ones; the records follow */
};

const char *
bmx_dns_status_name(enum bmx_dns_status status)
{
	static const char *const names[] = {"ok", "nodata", "nxdomain",
	                                    "tempfail", "badname"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == BMX_DNS_STATUSES,
	               "one name a status");
	assert(status < BMX_DNS_STATUSES);
	return names[status];
}

const struct bmx_dns_answer *
bmx_dns_answer_fixed(enum bmx_dns_status status)
{
	static const struct block fixed[BMX_DNS_STATUSES] = {
		[BMX_DNS_OK] = {.answer = {.status = BMX_DNS_NODATA}},
		[BMX_DNS_NODATA] = {.answer = {.status = BMX_DNS_NODATA}},
		[BMX_DNS_NXDOMAIN] = {.answer = {.status = BMX_DNS_NXDOMAIN}},
		[BMX_DNS_TEMPFAIL] = {.answer = {.status = BMX_DNS_TEMPFAIL}},
		[BMX_DNS_BADNAME] = {.answer = {.status = BMX_DNS_BADNAME}},
	};

	assert(status < BMX_DNS_STATUSES);
	return &fixed[status].answer;
}

/* The count of references is the one thing in an answer that changes. */
static struct block *
block_of(const struct bmx_dns_answer *answer)
{
	return (struct block *)(uintptr_t)answer;
}

static size_t
octets_of(const struct bmx_dns_record *records, size_t count)
{
	size_t octets = 0;

	for (size_t i = 0; i < count; i++)
		octets += records[i].text.len;
	return octets;
}

static void
copy_records(struct bmx_dns_record *copies,
             const struct bmx_dns_record *records, size_t count)
{
	char *text = (char *)(copies + count);

	for (size_t i = 0; i < count; i++) {
		struct bmx_dns_record *record = &copies[i];

		*record = records[i];
		if (record->text.len > 0)
			memcpy(text, records[i].text.data, record->text.len);
		record->text.data = text;
		text += record->text.len;
	}
}

/* By insertion, so that equal preferences keep the order of DNS. */
static void
sort_mx(struct bmx_dns_record *records, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const struct bmx_dns_record moved = records[i];
		size_t at = i;

		while (at > 0 &&
		       records[at - 1].preference > moved.preference) {
			records[at] = records[at - 1];
			at--;
		}
		records[at] = moved;
	}
}

const struct bmx_dns_answer *
bmx_dns_answer_new(enum bmx_dns_status status, enum bmx_dns_type type,
                   uint32_t ttl_s, const struct bmx_dns_record *records,
                   size_t count)
{
	struct bmx_dns_record *copies;
	struct block *block;
	size_t bytes;

	if (count > BMX_DNS_RECORDS_MAX)
		count = BMX_DNS_RECORDS_MAX;
	if (status != BMX_DNS_OK)
		count = 0;
	else if (count == 0)
		status = BMX_DNS_NODATA;
	bytes = sizeof(*block) + count * sizeof(*records) +
		octets_of(records, count);
	block = malloc(bytes);
	if (!block)
		return bmx_dns_answer_fixed(BMX_DNS_TEMPFAIL);
	*block = (struct block){
		.answer = {.status = status, .ttl_s = ttl_s, .count = count},
		.bytes = bytes};
	atomic_init(&block->refs, 1);
	copies = (struct bmx_dns_record *)(block + 1);
	copy_records(copies, records, count);
	if (type == BMX_DNS_MX)
		sort_mx(copies, count);
	block->answer.records = copies;
	return &block->answer;
}

const struct bmx_dns_answer *
bmx_dns_answer_secured(const struct bmx_dns_answer *answer)
{
	struct block *block = block_of(answer);

	if (block->bytes > 0)
		block->answer.secure = true;
	return answer;
}

const struct bmx_dns_answer *
bmx_dns_answer_ref(const struct bmx_dns_answer *answer)
{
	struct block *block = block_of(answer);

	if (block->bytes > 0)
		atomic_fetch_add_explicit(&block->refs, 1,
		                          memory_order_relaxed);
	return answer;
}

void
bmx_dns_answer_unref(const struct bmx_dns_answer **answer)
{
	struct block *block = *answer ? block_of(*answer) : NULL;

	*answer = NULL;
	if (block && block->bytes > 0 &&
	    atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) ==
	            1)
		free(block);
}

size_t
bmx_dns_answer_bytes(const struct bmx_dns_answer *answer)
{
	return block_of(answer)->bytes;
}
