/*
 * The name of the client's address, and whether it leads back (RFC 8601
 * section 3): address -> PTR -> A or AAAA -> the same address.
 */
#include <string.h>

#include "milter/checks/step.h"
#include "milter/spf/name.h"

static enum bmx_finding
ask_names(const struct bmx_check_facts *facts, struct bmx_check_round *next_out)
{
	char buffer[BMX_SPF_REVERSE_SIZE];
	const uint8_t *address;
	size_t len;

	if (!facts->address)
		return BMX_FOUND_NOTHING;
	len = bmx_check_family(facts->address, &address);
	(void)bmx_check_ask(next_out,
	                    bmx_spf_name_reverse(address, len, buffer),
	                    BMX_DNS_PTR);
	return BMX_FOUND_UNDECIDED;
}

/* Names past the first ones are not looked at: whoever has the reverse zone
 * could make us ask hundreds. */
static enum bmx_finding
ask_addresses(const struct bmx_check_facts *facts,
              const struct bmx_dns_answer *names,
              struct bmx_check_round *next_out)
{
	const uint8_t *address;
	const enum bmx_dns_type type =
		bmx_check_family(facts->address, &address) == 4 ? BMX_DNS_A :
								  BMX_DNS_AAAA;

	if (names->status == BMX_DNS_TEMPFAIL)
		return BMX_FOUND_REVERSE_TEMPERROR;
	for (size_t i = 0;
	     i < names->count && next_out->count < BMX_CHECK_ROUND_MAX; i++)
		(void)bmx_check_ask(next_out, names->records[i].text, type);
	return next_out->count > 0 ? BMX_FOUND_UNDECIDED :
				     BMX_FOUND_REVERSE_MISSING;
}

static bool
leads_back(const struct bmx_check_facts *facts,
           const struct bmx_dns_answer *found)
{
	const uint8_t *address;
	const size_t len = bmx_check_family(facts->address, &address);

	for (size_t i = 0; i < found->count; i++)
		if (memcmp(found->records[i].address, address, len) == 0)
			return true;
	return false;
}

/* One name that leads back is enough; one that could not be looked up might
 * have. */
static enum bmx_finding
judge_addresses(const struct bmx_check_facts *facts,
                const struct bmx_check_answers *answers)
{
	bool failed = false;

	for (size_t i = 0; i < answers->count; i++) {
		if (leads_back(facts, answers->items[i]))
			return BMX_FOUND_GOOD;
		failed |= answers->items[i]->status == BMX_DNS_TEMPFAIL;
	}
	return failed ? BMX_FOUND_REVERSE_TEMPERROR :
			BMX_FOUND_REVERSE_UNCONFIRMED;
}

enum bmx_finding
bmx_reverse_dns_step(const struct bmx_check_facts *facts,
                     const struct bmx_check_answers *answers,
                     struct bmx_check_round *next_out)
{
	if (answers->rounds == 0)
		return ask_names(facts, next_out);
	if (answers->rounds == 1)
		return ask_addresses(facts, answers->items[0], next_out);
	return judge_addresses(facts, answers);
}
