#include "milter/checks/step.h"

#include <assert.h>
#include <string.h>

bool
bmx_check_ask(struct bmx_check_round *round, struct bmx_slice name,
              enum bmx_dns_type type)
{
	struct bmx_check_question *question;
	struct bmx_text text;

	if (name.len == 0 || name.len > BMX_DNS_NAME_MAX)
		return false;
	assert(round->count < BMX_CHECK_ROUND_MAX);
	question = &round->questions[round->count++];
	question->type = type;
	bmx_text_init(&text, question->name, sizeof(question->name));
	bmx_text_append(&text, name);
	return true;
}

enum bmx_dns_status
bmx_check_any_record(const struct bmx_check_answers *answers)
{
	enum bmx_dns_status status = BMX_DNS_NODATA;

	for (size_t i = 0; i < answers->count; i++) {
		if (answers->items[i]->status == BMX_DNS_OK)
			return BMX_DNS_OK;
		if (answers->items[i]->status == BMX_DNS_TEMPFAIL)
			status = BMX_DNS_TEMPFAIL;
	}
	return status;
}

size_t
bmx_check_family(const uint8_t address[16], const uint8_t **address_out)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0,    0,
	                                   0, 0, 0, 0, 0xff, 0xff};
	const bool v4 = memcmp(address, mapped, sizeof(mapped)) == 0;

	*address_out = v4 ? address + sizeof(mapped) : address;
	return v4 ? 4 : 16;
}
