#include "question.h"

#include <string.h>

#include <backupmx/hash.h>

/* Copies name in lower case; false at the first label that is none. */
static bool
copy_labels(struct bmx_dns_question *question, struct bmx_slice name)
{
	size_t label = 0;

	for (size_t i = 0; i < name.len; i++) {
		const char c = bmx_ascii_lower(name.data[i]);

		if (c == '.' && label == 0)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > BMX_DNS_LABEL_MAX)
			return false;
		question->name[i] = c;
	}
	question->len = name.len;
	return label > 0;
}

bool
bmx_dns_question_make(struct bmx_dns_question *question_out,
                      struct bmx_slice name, enum bmx_dns_type type)
{
	if (name.len > 0 && name.data[name.len - 1] == '.')
		name.len--;
	if (name.len == 0 || name.len > BMX_DNS_NAME_MAX)
		return false;
	question_out->type = type;
	return copy_labels(question_out, name);
}

bool
bmx_dns_question_equal(const struct bmx_dns_question *a,
                       const struct bmx_dns_question *b)
{
	return a->type == b->type && a->len == b->len &&
		!memcmp(a->name, b->name, a->len);
}

uint64_t
bmx_dns_question_hash(const struct bmx_dns_question *question,
                      const uint8_t key[16])
{
	/* The types differ by small numbers: spread them over the hash. */
	return bmx_siphash24(key, question->name, question->len) ^
		(uint64_t)question->type * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t
escape_octet(char *out, unsigned char c)
{
	if (c > 0x20 && c < 0x7f && c != '\\') {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = (char)('0' + c / 100);
	out[2] = (char)('0' + c / 10 % 10);
	out[3] = (char)('0' + c % 10);
	return 4;
}

void
bmx_dns_question_escape(const struct bmx_dns_question *question,
                        char text_out[BMX_DNS_ESCAPED_SIZE])
{
	size_t len = 0;

	for (size_t i = 0; i < question->len; i++)
		len += escape_octet(text_out + len,
		                    (unsigned char)question->name[i]);
	text_out[len] = '\0';
}
