#include <string.h>

#include "eval.h"
#include "name.h"

static bool
has_client(const struct bmx_spf_eval *eval,
           const struct bmx_dns_answer *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (!memcmp(addresses->records[i].address, eval->address,
		            eval->address_len))
			return true;
	return false;
}

/* An error is only "no match" here (section 5.5). */
static bool
leads_back(struct bmx_spf_eval *eval, struct bmx_slice host)
{
	const struct bmx_dns_answer *addresses = bmx_spf_ask(
		eval, host, eval->address_len == 4 ? BMX_DNS_A : BMX_DNS_AAAA);
	const bool found = has_client(eval, addresses);

	bmx_dns_answer_unref(&addresses);
	return found;
}

/* Looks at the names in their order, but only at such as are closer than the
 * best so far: a look-up less for each other. */
static struct bmx_slice
closest(struct bmx_spf_eval *eval, const struct bmx_dns_answer *names,
        struct bmx_slice domain, bool below_only)
{
	struct bmx_slice best = {0};
	int best_closeness = below_only ? 0 : -1;

	for (size_t i = 0; i < names->count && i < BMX_SPF_PTR_MAX; i++) {
		const struct bmx_slice host = names->records[i].text;
		const int closeness = bmx_spf_name_closeness(host, domain);

		if (closeness > best_closeness && leads_back(eval, host)) {
			best = host;
			best_closeness = closeness;
		}
	}
	return best;
}

struct bmx_slice
bmx_spf_validated_name(struct bmx_spf_eval *eval, struct bmx_slice domain,
                       bool below_only, char buffer[BMX_DNS_NAME_MAX + 1])
{
	char reverse[BMX_SPF_REVERSE_SIZE];
	const struct bmx_slice name =
		bmx_spf_name_reverse(eval->address, eval->address_len, reverse);
	const struct bmx_dns_answer *names =
		bmx_spf_ask(eval, name, BMX_DNS_PTR);
	struct bmx_slice best = {0};

	/* Of %{p} no void look-ups are counted: it is no term. */
	if (!below_only || bmx_spf_count_void(eval, names, name))
		best = closest(eval, names, domain, below_only);
	if (best.len > BMX_DNS_NAME_MAX)
		best.len = 0;
	if (best.len > 0)
		memcpy(buffer, best.data, best.len);
	buffer[best.len] = '\0';
	bmx_dns_answer_unref(&names);
	return (struct bmx_slice){buffer, best.len};
}
