/*
 * The whole evaluator over a resolver made from the input: each line of it is
 * the answer to one question, whatever the name; the first octet says how it
 * turns out.
 */
#include <stdlib.h>
#include <string.h>

#include "milter/spf/spf.h"

struct script {
	struct bmx_slice rest;
	unsigned questions;
};

static struct bmx_slice
next_line(struct script *script)
{
	struct bmx_slice line = script->rest;
	const char *end =
		line.len > 0 ? memchr(line.data, '\n', line.len) : NULL;

	line.len = end ? (size_t)(end - line.data) : line.len;
	script->rest.data += line.len + (end != NULL);
	script->rest.len -= line.len + (end != NULL);
	return line;
}

static const struct bmx_dns_answer *
resolve(void *ctx, struct bmx_slice name, enum bmx_dns_type type,
        int64_t deadline_us)
{
	struct script *script = ctx;
	struct bmx_dns_record records[12] = {0};
	struct bmx_slice line = next_line(script);
	enum bmx_dns_status status = BMX_DNS_OK;
	size_t count = 1;

	(void)deadline_us;
	if (++script->questions > 1000)
		abort(); /* 11 records, 100 hosts of MX, 11 x 11 of PTR */
	if (name.len > 2 * BMX_DNS_NAME_MAX + 600)
		abort();
	if (line.len > 0 && line.data[0] >= '1' && line.data[0] <= '4')
		status = (enum bmx_dns_status)(line.data[0] - '0');
	if (line.len > 0 && line.data[0] == '9')
		count = 12;
	for (size_t i = 0; i < count; i++) {
		records[i].text = line;
		memcpy(records[i].address, line.data,
		       line.len < 16 ? line.len : 16);
	}
	if (type != BMX_DNS_TXT)
		for (size_t i = 0; i < count; i++)
			records[i].text.len = line.len < BMX_DNS_NAME_MAX ?
				line.len :
				BMX_DNS_NAME_MAX;
	return bmx_dns_answer_new(status, type, 60, records, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bmx_spf *spf;
	static struct bmx_spf_verdict verdict;
	struct script script = {{(const char *)data, size}, 0};
	struct bmx_spf_request request = {
		.dns = {resolve, &script},
		.client = {[10] = 0xff, 0xff, 'v', '=', 's', 'p'},
		.explanation = "default",
		.deadline_us = INT64_MAX,
	};

	if (!spf && !(spf = bmx_spf_new(NULL)))
		abort();
	if (size == 0)
		return 0;
	if (data[0] & 1)
		request.client[0] = 0x20;
	request.helo = next_line(&script);
	request.sender = next_line(&script);
	bmx_spf_check(spf, &request, &verdict);
	if (verdict.terms > BMX_SPF_TERMS_MAX ||
	    verdict.voids > BMX_SPF_VOIDS_MAX ||
	    !strncmp(verdict.problem, "libspf2", 7))
		abort();
	if (verdict.result != BMX_SPF_FAIL && verdict.explanation[0])
		abort();
	for (const char *at = verdict.explanation; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			abort();
	return 0;
}
