/*
 * The name of HELO or EHLO (RFC 5321 sections 2.3.5, 4.1.1.1, 4.1.3).
 *
 * Only names are looked up. That a name exists says nothing about the client,
 * but one that does not exist is not the client's either.
 */
#include <arpa/inet.h>
#include <string.h>

#include <backupmx/text.h>

#include "milter/checks/step.h"

/* Room for an address literal without its brackets. */
#define LITERAL_MAX ((size_t)64)

static bool
is_mapped(struct bmx_slice text, uint8_t address[16])
{
	char buffer[LITERAL_MAX];
	struct bmx_text copy;

	bmx_text_init(&copy, buffer, sizeof(buffer));
	bmx_text_append(&copy, text);
	if (copy.cut || memchr(buffer, '\0', copy.len))
		return false;
	if (inet_pton(AF_INET6, buffer, address) == 1)
		return true;
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	return inet_pton(AF_INET, buffer, address + 12) == 1;
}

/* The address of "[192.0.2.1]" or "[IPv6:2001:db8::1]". */
static bool
read_literal(struct bmx_slice helo, uint8_t address[16])
{
	const struct bmx_slice tag = BMX_SLICE("IPv6:");
	struct bmx_slice inner;
	bool v6;

	if (helo.len < 3 || helo.data[0] != '[' ||
	    helo.data[helo.len - 1] != ']')
		return false;
	inner = (struct bmx_slice){helo.data + 1, helo.len - 2};
	v6 = inner.len > tag.len &&
		bmx_slice_equal_nocase((struct bmx_slice){inner.data, tag.len},
	                               tag);
	if (v6) {
		inner.data += tag.len;
		inner.len -= tag.len;
	}
	return v6 == (memchr(inner.data, ':', inner.len) != NULL) &&
		is_mapped(inner, address);
}

/* Digits and dots alone are an address that lacks its brackets. */
static bool
is_numeric(struct bmx_slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] != '.' &&
		    (name.data[i] < '0' || name.data[i] > '9'))
			return false;
	return true;
}

static bool
is_same_name(struct bmx_slice name, struct bmx_slice ours)
{
	if (ours.len > 0 && ours.data[ours.len - 1] == '.')
		ours.len--;
	return bmx_slice_equal_nocase(name, ours);
}

static bool
is_our_name(const struct bmx_check_facts *facts, struct bmx_slice name)
{
	if (is_same_name(name, facts->hostname))
		return true;
	for (size_t i = 0; i < facts->mx_names.count; i++)
		if (is_same_name(name, bmx_slice_of(facts->mx_names.items[i])))
			return true;
	return false;
}

/* Mail from this host to itself goes by its own name rightly. */
static bool
is_stranger(const struct bmx_check_facts *facts)
{
	return !facts->address || !facts->own_address ||
		memcmp(facts->address, facts->own_address, 16) != 0;
}

static bool
is_our_address(const struct bmx_check_facts *facts, const uint8_t address[16])
{
	return facts->own_address &&
		memcmp(address, facts->own_address, 16) == 0;
}

static enum bmx_finding
judge_name(const struct bmx_check_facts *facts,
           struct bmx_check_round *next_out)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice name;

	if (bmx_domain_normalise(facts->helo, buffer, &name) != 0 ||
	    is_numeric(name))
		return BMX_FOUND_HELO_INVALID;
	if (is_our_name(facts, name) && is_stranger(facts))
		return BMX_FOUND_HELO_OWN;
	if (!memchr(name.data, '.', name.len))
		return BMX_FOUND_HELO_UNQUALIFIED;
	(void)bmx_check_ask(next_out, name, BMX_DNS_A);
	return BMX_FOUND_UNDECIDED;
}

static enum bmx_finding
judge_form(const struct bmx_check_facts *facts,
           struct bmx_check_round *next_out)
{
	uint8_t address[16];
	bool literal;

	if (facts->helo.len == 0)
		return BMX_FOUND_NOTHING;
	literal = read_literal(facts->helo, address);
	if ((literal || is_mapped(facts->helo, address)) &&
	    is_our_address(facts, address) && is_stranger(facts))
		return BMX_FOUND_HELO_OWN;
	return literal ? BMX_FOUND_GOOD : judge_name(facts, next_out);
}

/* Most names have an A: the other types are asked only without one. */
static void
ask_further(const struct bmx_check_facts *facts,
            struct bmx_check_round *next_out)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice name;

	if (bmx_domain_normalise(facts->helo, buffer, &name) != 0)
		return;
	(void)bmx_check_ask(next_out, name, BMX_DNS_AAAA);
	(void)bmx_check_ask(next_out, name, BMX_DNS_MX);
}

enum bmx_finding
bmx_helo_step(const struct bmx_check_facts *facts,
              const struct bmx_check_answers *answers,
              struct bmx_check_round *next_out)
{
	const enum bmx_dns_status status = bmx_check_any_record(answers);

	if (answers->rounds == 0)
		return judge_form(facts, next_out);
	if (status == BMX_DNS_OK)
		return BMX_FOUND_GOOD;
	if (answers->rounds == 1 && status != BMX_DNS_TEMPFAIL) {
		ask_further(facts, next_out);
		return BMX_FOUND_UNDECIDED;
	}
	return status == BMX_DNS_TEMPFAIL ? BMX_FOUND_HELO_TEMPERROR :
					    BMX_FOUND_HELO_UNKNOWN;
}
