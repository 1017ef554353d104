#include <string.h>

#include "eval.h"
#include "name.h"

bool
bmx_spf_network_matches(const struct bmx_spf_eval *eval,
                        const struct bmx_spf_term *term)
{
	const bool ip4 = term->kind == BMX_SPF_IP4;

	if (ip4 != (eval->address_len == 4))
		return false;
	return bmx_spf_address_in(eval->address, term->network,
	                          ip4 ? term->bits4 : term->bits6);
}

/* A failure ends the evaluation; a name that DNS cannot carry has nothing. */
static const struct bmx_dns_answer *
ask_counted(struct bmx_spf_eval *eval, struct bmx_slice name,
            enum bmx_dns_type type)
{
	const struct bmx_dns_answer *answer = bmx_spf_ask(eval, name, type);

	if (answer->status == BMX_DNS_TEMPFAIL)
		bmx_spf_stop(eval, BMX_SPF_STOP_TEMP, "DNS failed for", name);
	else
		(void)bmx_spf_count_void(eval, answer, name); /* may stop */
	return answer;
}

static bool
host_matches(struct bmx_spf_eval *eval, const struct bmx_spf_term *term,
             struct bmx_slice host)
{
	const bool ip4 = eval->address_len == 4;
	const struct bmx_dns_answer *answer =
		ask_counted(eval, host, ip4 ? BMX_DNS_A : BMX_DNS_AAAA);
	bool found = false;

	for (size_t i = 0; i < answer->count && !found; i++)
		found = bmx_spf_address_in(eval->address,
		                           answer->records[i].address,
		                           ip4 ? term->bits4 : term->bits6);
	bmx_dns_answer_unref(&answer);
	return found;
}

static bool
mx_matches(struct bmx_spf_eval *eval, const struct bmx_spf_term *term,
           struct bmx_slice name)
{
	const struct bmx_dns_answer *answer =
		ask_counted(eval, name, BMX_DNS_MX);
	bool found = false;

	if (answer->count > BMX_SPF_MX_MAX)
		bmx_spf_stop(eval, BMX_SPF_STOP_PERM, "more than 10 MX of",
		             name);
	for (size_t i = 0;
	     i < answer->count && !found && eval->stop == BMX_SPF_GOES_ON; i++)
		found = host_matches(eval, term, answer->records[i].text);
	bmx_dns_answer_unref(&answer);
	return found;
}

/* Always A, whatever the client has (section 5.7). */
static bool
exists(struct bmx_spf_eval *eval, struct bmx_slice name)
{
	const struct bmx_dns_answer *answer =
		ask_counted(eval, name, BMX_DNS_A);
	const bool found = answer->count > 0;

	bmx_dns_answer_unref(&answer);
	return found;
}

static bool
ptr_matches(struct bmx_spf_eval *eval, struct bmx_slice name)
{
	char buffer[BMX_DNS_NAME_MAX + 1];

	return bmx_spf_validated_name(eval, name, true, buffer).len > 0;
}

static bool
matches_name(struct bmx_spf_eval *eval, const struct bmx_spf_term *term,
             struct bmx_slice name)
{
	switch (term->kind) {
	case BMX_SPF_A:
		return host_matches(eval, term, name);
	case BMX_SPF_MX:
		return mx_matches(eval, term, name);
	case BMX_SPF_PTR:
		return ptr_matches(eval, name);
	case BMX_SPF_EXISTS:
		return exists(eval, name);
	case BMX_SPF_ALL:
	case BMX_SPF_INCLUDE:
	case BMX_SPF_IP4:
	case BMX_SPF_IP6:
	case BMX_SPF_REDIRECT:
	case BMX_SPF_EXP:
	case BMX_SPF_OTHER_MODIFIER:
		break; /* not asked about here */
	}
	return false;
}

bool
bmx_spf_term_matches(struct bmx_spf_eval *eval,
                     const struct bmx_spf_alias *alias)
{
	char buffer[BMX_SPF_NAME_BUFFER];
	struct bmx_slice name;
	bool found;

	if (eval->stop != BMX_SPF_GOES_ON ||
	    !bmx_spf_count_term(eval, alias->record->domain))
		return false;
	name = bmx_spf_expand_name(eval, alias->record, alias->term.spec,
	                           buffer);
	found = matches_name(eval, &alias->term, name);
	return found && eval->stop == BMX_SPF_GOES_ON;
}
