#include "answer.h"

#include <stdlib.h>
#include <string.h>

/* Where texts of records are put while an answer is made. */
struct scratch {
	char *data; /* as long as all rdata: no text is longer than its rdata */
	size_t len;
};

static bool
is_host_octet(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != '.' && c != '\\';
}

/* Appends one label with a dot before all but the first. */
static bool
read_label(struct scratch *scratch, size_t start, const uint8_t *data,
           size_t len)
{
	if (scratch->len > start)
		scratch->data[scratch->len++] = '.';
	for (size_t i = 0; i < len; i++) {
		if (!is_host_octet(data[i]))
			return false;
		scratch->data[scratch->len++] = (char)data[i];
	}
	return true;
}

/* A name of RFC 1035 section 3.1 that fills the rdata, as text. */
static bool
read_name(struct scratch *scratch, struct bmx_dns_rdata rdata,
          struct bmx_slice *text_out)
{
	const size_t start = scratch->len;
	size_t at = 0;

	while (at < rdata.len && rdata.data[at] != 0) {
		const size_t len = rdata.data[at++];

		if (len > BMX_DNS_LABEL_MAX || len > rdata.len - at ||
		    !read_label(scratch, start, rdata.data + at, len))
			return false;
		at += len;
	}
	*text_out =
		(struct bmx_slice){scratch->data + start, scratch->len - start};
	return at + 1 == rdata.len && text_out->len <= BMX_DNS_NAME_MAX;
}

static bool
read_mx(struct scratch *scratch, struct bmx_dns_rdata rdata,
        struct bmx_dns_record *record)
{
	if (rdata.len < 3)
		return false;
	record->preference =
		(uint16_t)((unsigned)rdata.data[0] << 8 | rdata.data[1]);
	return read_name(scratch,
	                 (struct bmx_dns_rdata){rdata.data + 2, rdata.len - 2},
	                 &record->text);
}

/* RFC 7208 section 3.3: the strings are joined without adding blanks. */
static bool
read_txt(struct scratch *scratch, struct bmx_dns_rdata rdata,
         struct bmx_dns_record *record)
{
	const size_t start = scratch->len;
	size_t at = 0;

	while (at < rdata.len) {
		const size_t len = rdata.data[at++];

		if (len > rdata.len - at)
			return false;
		memcpy(scratch->data + scratch->len, rdata.data + at, len);
		scratch->len += len;
		at += len;
	}
	record->text =
		(struct bmx_slice){scratch->data + start, scratch->len - start};
	record->has_nul = record->text.len > 0 &&
		memchr(record->text.data, 0, record->text.len);
	return true;
}

/* RFC 6698 section 2.1. */
static bool
read_tlsa(struct scratch *scratch, struct bmx_dns_rdata rdata,
          struct bmx_dns_record *record)
{
	if (rdata.len < 4)
		return false;
	record->usage = rdata.data[0];
	record->selector = rdata.data[1];
	record->matching_type = rdata.data[2];
	record->text =
		(struct bmx_slice){scratch->data + scratch->len, rdata.len - 3};
	memcpy(scratch->data + scratch->len, rdata.data + 3, rdata.len - 3);
	scratch->len += rdata.len - 3;
	return true;
}

static bool
read_address(struct bmx_dns_rdata rdata, size_t want,
             struct bmx_dns_record *record)
{
	if (rdata.len != want)
		return false;
	memcpy(record->address, rdata.data, want);
	return true;
}

static bool
read_record(struct scratch *scratch, enum bmx_dns_type type,
            struct bmx_dns_rdata rdata, struct bmx_dns_record *record)
{
	const size_t start = scratch->len;
	bool good = false;

	*record = (struct bmx_dns_record){0};
	switch (type) {
	case BMX_DNS_A:
		good = read_address(rdata, 4, record);
		break;
	case BMX_DNS_AAAA:
		good = read_address(rdata, 16, record);
		break;
	case BMX_DNS_MX:
		good = read_mx(scratch, rdata, record);
		break;
	case BMX_DNS_PTR:
	case BMX_DNS_NS:
	case BMX_DNS_CNAME:
		good = read_name(scratch, rdata, &record->text);
		break;
	case BMX_DNS_TXT:
		good = read_txt(scratch, rdata, record);
		break;
	case BMX_DNS_TLSA:
		good = read_tlsa(scratch, rdata, record);
		break;
	}
	if (!good)
		scratch->len = start;
	return good;
}

static const struct bmx_dns_answer *
read_all(enum bmx_dns_type type, uint32_t ttl_s,
         const struct bmx_dns_rdata *rdata, size_t count,
         struct scratch *scratch, struct bmx_dns_record *records)
{
	size_t good = 0;

	for (size_t i = 0; i < count && good < BMX_DNS_RECORDS_MAX; i++)
		if (read_record(scratch, type, rdata[i], &records[good]))
			good++;
	return bmx_dns_answer_new(BMX_DNS_OK, type, ttl_s, records, good);
}

const struct bmx_dns_answer *
bmx_dns_answer_read(enum bmx_dns_type type, uint32_t ttl_s,
                    const struct bmx_dns_rdata *rdata, size_t count)
{
	const struct bmx_dns_answer *answer;
	struct bmx_dns_record *records;
	struct scratch scratch = {0};
	size_t octets = 1;

	for (size_t i = 0; i < count; i++)
		octets += rdata[i].len;
	records = calloc(BMX_DNS_RECORDS_MAX, sizeof(*records));
	scratch.data = malloc(octets);
	if (records && scratch.data)
		answer = read_all(type, ttl_s, rdata, count, &scratch, records);
	else
		answer = bmx_dns_answer_fixed(BMX_DNS_TEMPFAIL);
	free(records);
	free(scratch.data);
	return answer;
}
