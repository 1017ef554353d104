#include "policyd/any_lookup.h"

#include <stdlib.h>

#include <backupmx/own_addresses.h>

#define PER_HOST 2

/* One question. */
struct question {
	struct bmx_any_lookup *lookup;
	struct bmx_dns_ask *ask;              /* NULL: not open */
	const struct bmx_dns_answer **answer; /* where it goes */
};

struct bmx_any_lookup {
	struct bmx_any_lookup_options options; /* the domain: not used */
	size_t pending;
	const struct bmx_dns_answer *mx;
	struct bmx_mx_addresses addresses[BMX_MX_HOSTS_MAX];
	size_t count;
	struct question questions[1 + PER_HOST * BMX_MX_HOSTS_MAX];
};

void
bmx_any_lookup_free(struct bmx_any_lookup **lookup)
{
	struct bmx_any_lookup *old = *lookup;

	*lookup = NULL;
	if (!old)
		return;
	for (size_t i = 0; i < old->count; i++)
		if (old->questions[i].ask)
			old->options.asker->cancel(old->questions[i].ask);
	for (size_t i = 0; i < BMX_MX_HOSTS_MAX; i++) {
		bmx_dns_answer_unref(&old->addresses[i].a);
		bmx_dns_answer_unref(&old->addresses[i].aaaa);
	}
	bmx_dns_answer_unref(&old->mx);
	bmx_config_unref(&old->options.config);
	free(old);
}

static void on_answer(void *ctx, const struct bmx_dns_answer *answer);

/* A question that memory is too short for stays without answer, which counts
 * as a failure of DNS. */
static void
ask(struct bmx_any_lookup *lookup, struct bmx_slice name,
    enum bmx_dns_type type, const struct bmx_dns_answer **answer_out)
{
	struct bmx_dns_asker *asker = lookup->options.asker;
	struct question *question = &lookup->questions[lookup->count++];

	*question = (struct question){.lookup = lookup, .answer = answer_out};
	question->ask = asker->ask(asker, name, type, lookup->options.answer_ms,
	                           on_answer, question);
	lookup->pending += question->ask != NULL;
}

static struct bmx_mx_facts
facts_of(const struct bmx_any_lookup *lookup)
{
	const struct bmx_config_strings names =
		bmx_config_our_names(lookup->options.config);

	return (struct bmx_mx_facts){
		.our_names = names.items,
		.our_name_count = names.count,
		.mx = lookup->mx,
		.is_ours = lookup->options.is_ours,
		.is_ours_ctx = lookup->options.is_ours_ctx,
	};
}

static uint32_t
least_ttl(uint32_t ttl_s, const struct bmx_dns_answer *answer)
{
	return answer && answer->ttl_s < ttl_s ? answer->ttl_s : ttl_s;
}

static void
finish(struct bmx_any_lookup *lookup, enum bmx_mx_standing standing)
{
	bmx_any_lookup_cb *cb = lookup->options.cb;
	void *ctx = lookup->options.ctx;
	uint32_t ttl_s = least_ttl(UINT32_MAX, lookup->mx);

	for (size_t i = 0; i < BMX_MX_HOSTS_MAX; i++) {
		ttl_s = least_ttl(ttl_s, lookup->addresses[i].a);
		ttl_s = least_ttl(ttl_s, lookup->addresses[i].aaaa);
	}
	bmx_any_lookup_free(&lookup);
	cb(ctx, standing, ttl_s);
}

static void
complete(struct bmx_any_lookup *lookup)
{
	struct bmx_own_addresses *own = NULL;
	struct bmx_mx_facts facts = facts_of(lookup);
	enum bmx_mx_standing standing;

	facts.addresses = lookup->addresses;
	if (!facts.is_ours) {
		own = bmx_own_addresses_new();
		facts.is_ours = own ? bmx_own_addresses_have : NULL;
		facts.is_ours_ctx = own;
	}
	standing = bmx_mx_standing_of(&facts);
	bmx_own_addresses_free(&own);
	finish(lookup, standing);
}

static void
ask_hosts(struct bmx_any_lookup *lookup, const struct bmx_mx_facts *facts)
{
	struct bmx_slice hosts[BMX_MX_HOSTS_MAX];
	const size_t count = bmx_mx_hosts(facts, hosts);

	for (size_t i = 0; i < count; i++) {
		ask(lookup, hosts[i], BMX_DNS_A, &lookup->addresses[i].a);
		ask(lookup, hosts[i], BMX_DNS_AAAA, &lookup->addresses[i].aaaa);
	}
	if (lookup->pending == 0)
		complete(lookup);
}

static void
on_answer(void *ctx, const struct bmx_dns_answer *answer)
{
	struct question *question = ctx;
	struct bmx_any_lookup *lookup = question->lookup;
	const bool is_mx = question->answer == &lookup->mx;
	enum bmx_mx_standing standing;
	struct bmx_mx_facts facts;

	question->ask = NULL;
	*question->answer = bmx_dns_answer_ref(answer);
	if (--lookup->pending > 0)
		return;
	if (!is_mx) {
		complete(lookup);
		return;
	}
	facts = facts_of(lookup);
	standing = bmx_mx_standing_of(&facts);
	if (standing == BMX_MX_OPEN)
		ask_hosts(lookup, &facts);
	else
		finish(lookup, standing);
}

struct bmx_any_lookup *
bmx_any_lookup_new(const struct bmx_any_lookup_options *options)
{
	struct bmx_any_lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup)
		return NULL;
	lookup->options = *options;
	lookup->options.config = bmx_config_ref(options->config);
	ask(lookup, options->domain, BMX_DNS_MX, &lookup->mx);
	if (lookup->pending == 0)
		bmx_any_lookup_free(&lookup);
	return lookup;
}
