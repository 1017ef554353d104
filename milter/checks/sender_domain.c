/*
 * Whether the sender's domain takes mail: what would a bounce be sent to (RFC
 * 5321 section 5.1, RFC 7505)?
 */
#include <string.h>

#include "milter/checks/step.h"

/* The domain of the sender as DNS has it, in buffer. */
static enum bmx_finding
read_domain(struct bmx_slice sender, char buffer[BMX_DOMAIN_BUFFER],
            struct bmx_slice *domain_out)
{
	struct bmx_slice local, domain;

	/* What is too long to be read is not called malformed for it. */
	if (sender.len == 0 || sender.len > BMX_ADDRESS_MAX)
		return BMX_FOUND_NOTHING;
	if (bmx_address_split(sender, &local, &domain) != 0 || domain.len == 0)
		return BMX_FOUND_SENDER_UNQUALIFIED;
	if (domain.data[0] == '[')
		return BMX_FOUND_SENDER_LITERAL;
	/* What cannot be a name has no records. */
	if (bmx_domain_normalise(domain, buffer, domain_out) != 0)
		return BMX_FOUND_SENDER_UNKNOWN;
	if (!memchr(domain_out->data, '.', domain_out->len))
		return BMX_FOUND_SENDER_UNQUALIFIED;
	return BMX_FOUND_UNDECIDED;
}

static enum bmx_finding
ask_mx(const struct bmx_check_facts *facts, struct bmx_check_round *next_out)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice domain;
	const enum bmx_finding found =
		read_domain(facts->sender, buffer, &domain);

	if (found == BMX_FOUND_UNDECIDED)
		(void)bmx_check_ask(next_out, domain, BMX_DNS_MX);
	return found;
}

/* Without MX the addresses of the name itself count. That the name does not
 * exist is not believed of one answer: servers that say so of every MX have
 * been seen. */
static enum bmx_finding
judge_mx(const struct bmx_check_facts *facts, const struct bmx_dns_answer *mx,
         struct bmx_check_round *next_out)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice domain;

	if (mx->status == BMX_DNS_TEMPFAIL)
		return BMX_FOUND_SENDER_TEMPERROR;
	if (mx->status == BMX_DNS_OK)
		return mx->count == 1 && mx->records[0].text.len == 0 ?
			BMX_FOUND_SENDER_NULL_MX :
			BMX_FOUND_GOOD;
	if (read_domain(facts->sender, buffer, &domain) != BMX_FOUND_UNDECIDED)
		return BMX_FOUND_SENDER_UNKNOWN;
	(void)bmx_check_ask(next_out, domain, BMX_DNS_A);
	(void)bmx_check_ask(next_out, domain, BMX_DNS_AAAA);
	return BMX_FOUND_UNDECIDED;
}

static enum bmx_finding
judge_addresses(const struct bmx_check_answers *answers)
{
	switch (bmx_check_any_record(answers)) {
	case BMX_DNS_OK:
		return BMX_FOUND_GOOD;
	case BMX_DNS_TEMPFAIL:
		return BMX_FOUND_SENDER_TEMPERROR;
	case BMX_DNS_NODATA:
	case BMX_DNS_NXDOMAIN:
	case BMX_DNS_BADNAME:
	case BMX_DNS_STATUSES:
		break;
	}
	return BMX_FOUND_SENDER_UNKNOWN;
}

enum bmx_finding
bmx_sender_domain_step(const struct bmx_check_facts *facts,
                       const struct bmx_check_answers *answers,
                       struct bmx_check_round *next_out)
{
	if (answers->rounds == 0)
		return ask_mx(facts, next_out);
	if (answers->rounds == 1)
		return judge_mx(facts, answers->items[0], next_out);
	return judge_addresses(answers);
}
