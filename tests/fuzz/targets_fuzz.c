/* Random record sets and configurations: what comes out holds together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/target_set.h"

#define SPECS_MAX 4
#define RECORDS_MAX 40

struct input {
	const uint8_t *data;
	size_t len;
};

static uint8_t
octet(struct input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->data++;
}

/* Either octets of the input, or one of a few names that meet each other. */
static struct bmx_slice
name(struct input *in)
{
	static const char *const known[] = {"m1.test", "M1.TEST.", "us.test",
	                                    "d.test", ""};
	const uint8_t choice = octet(in);
	struct bmx_slice text;

	if (choice < 5)
		return bmx_slice_of(known[choice]);
	text = (struct bmx_slice){(const char *)in->data, choice % 70};
	if (text.len > in->len)
		text.len = in->len;
	in->data += text.len;
	in->len -= text.len;
	return text;
}

static void
record_of(struct input *in, enum bmx_dns_type type,
          struct bmx_dns_record *record)
{
	*record = (struct bmx_dns_record){0};
	if (type == BMX_DNS_MX || type == BMX_DNS_TLSA)
		record->text = name(in);
	record->preference = octet(in);
	record->usage = octet(in) % 5;
	record->selector = record->usage % 3;
	record->matching_type = record->usage % 4;
	if (type == BMX_DNS_A || type == BMX_DNS_AAAA)
		for (size_t i = 0; i < (type == BMX_DNS_A ? 4 : 16); i += 2)
			record->address[i] = octet(in);
}

static const struct bmx_dns_answer *
answer_of(struct input *in, enum bmx_dns_type type)
{
	struct bmx_dns_record records[RECORDS_MAX];
	const uint8_t head = octet(in);
	const size_t count = head % RECORDS_MAX;
	const struct bmx_dns_answer *answer;

	if (head >= 240)
		return NULL;
	if (head >= 200)
		answer = bmx_dns_answer_new(head % BMX_DNS_STATUSES, type, head,
		                            NULL, 0);
	else {
		for (size_t i = 0; i < count; i++)
			record_of(in, type, &records[i]);
		answer = bmx_dns_answer_new(BMX_DNS_OK, type, head, records,
		                            count);
	}
	return head % 2 ? bmx_dns_answer_secured(answer) : answer;
}

static bool
is_ours(void *ctx, const struct bmx_target_address *address)
{
	(void)ctx;
	return address->octets[0] == 10;
}

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
check_host(const struct bmx_target_host *host)
{
	require(host->address_count <= BMX_TARGET_ADDRESSES_MAX);
	require(host->tlsa_count <= BMX_TARGET_TLSA_MAX);
	require(host->tlsa_count == 0 || host->dane == BMX_TARGET_DANE_SECURE);
	require(host->port != 0 && strlen(host->name) <= BMX_DOMAIN_MAX);
	for (size_t i = 0; i < host->tlsa_count; i++)
		require(host->tlsa[i].len == 0 || host->tlsa[i].data);
}

static void
check_set(const struct bmx_target_set *set)
{
	struct bmx_target_tries *tries = bmx_target_tries_new(set, set->ttl_s);
	size_t addresses = 0, walked = 0;

	require(tries != NULL);
	require(set->host_count <= BMX_TARGET_HOSTS_MAX);
	require(set->state != BMX_TARGETS_LOADING &&
	        set->state != BMX_TARGETS_FAILED);
	require((set->text[0] == '\0') == (set->host_count == 0));
	for (size_t i = 0; i < set->host_count; i++) {
		check_host(&set->hosts[i]);
		addresses += set->hosts[i].address_count;
		require(i == 0 || set->hosts[i - 1].rank <= set->hosts[i].rank);
	}
	require((addresses > 0) == (set->state == BMX_TARGETS_READY));
	while (bmx_target_tries_next(tries))
		walked++;
	require(walked == addresses);
	bmx_target_tries_free(&tries);
}

static const struct bmx_target_set *
make(struct input *in, const struct bmx_target_facts *base,
     const struct bmx_target_set *old)
{
	struct bmx_target_plan *plan = calloc(1, sizeof(*plan));
	struct bmx_target_answers answers[BMX_TARGET_HOSTS_MAX] = {{0}};
	struct bmx_target_facts facts = *base;
	const struct bmx_target_set *set;

	require(plan != NULL);
	facts.mx = answer_of(in, BMX_DNS_MX);
	bmx_target_plan_make(&facts, plan);
	for (size_t i = 0; i < plan->count; i++) {
		answers[i].a = answer_of(in, BMX_DNS_A);
		answers[i].aaaa = answer_of(in, BMX_DNS_AAAA);
		answers[i].tlsa = answer_of(in, BMX_DNS_TLSA);
	}
	set = bmx_target_set_make(
		&(struct bmx_target_set_facts){.plan = plan,
	                                       .answers = answers,
	                                       .mx = facts.mx,
	                                       .wants_dane = octet(in) % 2,
	                                       .is_ours = is_ours,
	                                       .old = old});
	for (size_t i = 0; i < plan->count; i++) {
		bmx_dns_answer_unref(&answers[i].a);
		bmx_dns_answer_unref(&answers[i].aaaa);
		bmx_dns_answer_unref(&answers[i].tlsa);
	}
	bmx_dns_answer_unref(&facts.mx);
	free(plan);
	return set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const ours[] = {"us.test", "b.test."};
	struct input in = {data, size};
	struct bmx_target_spec specs[SPECS_MAX];
	struct bmx_target_facts facts = {.domain = BMX_SLICE("d.test"),
	                                 .specs = specs,
	                                 .our_names = ours,
	                                 .our_name_count = 2};
	const struct bmx_target_set *old, *set;

	for (size_t i = octet(&in) % SPECS_MAX; i > 0; i--)
		if (bmx_target_spec_parse(name(&in), &specs[facts.spec_count],
		                          NULL) == 0)
			facts.spec_count++;
	specs[facts.spec_count++] = (struct bmx_target_spec){
		.kind = BMX_TARGET_MX, .port = BMX_TARGET_PORT};
	old = make(&in, &facts, NULL);
	if (old)
		check_set(old);
	set = make(&in, &facts, old);
	if (set)
		check_set(set);
	bmx_target_set_unref(&old);
	bmx_target_set_unref(&set);
	return 0;
}
