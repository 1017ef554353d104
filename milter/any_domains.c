#include "milter/any_domains.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/address.h>
#include <backupmx/hash.h>
#include <backupmx/own_addresses.h>

/* Places in which a domain may stand; its hash says which. */
#define WAYS ((size_t)8)
#define SETS (BMX_MILTER_ANY_MAX / WAYS)

struct place {
	struct bmx_mx_memory memory;
	int64_t used_ms;
	char name[BMX_DOMAIN_BUFFER]; /* "": free */
};

struct bmx_milter_any {
	struct bmx_milter_any_parts parts;
	pthread_mutex_t lock; /* places */
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	struct place places[SETS][WAYS];
};

struct bmx_milter_any *
bmx_milter_any_new(const struct bmx_milter_any_parts *parts)
{
	struct bmx_milter_any *any = calloc(1, sizeof(*any));

	if (!any || pthread_mutex_init(&any->lock, NULL) != 0) {
		free(any);
		return NULL;
	}
	any->parts = *parts;
	bmx_siphash_random_key(any->key);
	return any;
}

void
bmx_milter_any_free(struct bmx_milter_any **any)
{
	if (!*any)
		return;
	(void)pthread_mutex_destroy(&(*any)->lock);
	free(*any);
	*any = NULL;
}

static int64_t
now_ms_of(const struct bmx_milter_any *any)
{
	return bmx_clock_mono_ms(any->parts.clock);
}

void
bmx_milter_any_renew(struct bmx_milter_any *any)
{
	const int64_t now_ms = now_ms_of(any);

	(void)pthread_mutex_lock(&any->lock);
	for (size_t i = 0; i < SETS; i++)
		for (size_t k = 0; k < WAYS; k++)
			if (any->places[i][k].name[0] != '\0')
				any->places[i][k].memory.ask_again_ms = now_ms;
	(void)pthread_mutex_unlock(&any->lock);
}

static bool
is_better_to_lose(const struct place *a, const struct place *b)
{
	const bool a_yes = a->memory.served == BMX_MX_SERVED_YES;
	const bool b_yes = b->memory.served == BMX_MX_SERVED_YES;

	return a_yes != b_yes ? b_yes : a->used_ms < b->used_ms;
}

/* The domain's place, or an empty one that another has left for it. With the
 * lock held. */
static struct place *
place_of(struct bmx_milter_any *any, struct bmx_slice domain)
{
	struct place *set =
		any->places[bmx_siphash24(any->key, domain.data, domain.len) %
	                    SETS];
	struct place *worst = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (bmx_slice_equal(bmx_slice_of(set[i].name), domain))
			return &set[i];
		if (is_better_to_lose(&set[i], worst))
			worst = &set[i];
	}
	memset(worst, 0, sizeof(*worst));
	memcpy(worst->name, domain.data, domain.len);
	return worst;
}

/* What is remembered; *due_out: DNS is to be asked, by this thread. */
static enum bmx_mx_served
recall(struct bmx_milter_any *any, struct bmx_slice domain, bool *due_out)
{
	const int64_t now_ms = now_ms_of(any);
	enum bmx_mx_served served;
	struct place *place;

	(void)pthread_mutex_lock(&any->lock);
	place = place_of(any, domain);
	place->used_ms = now_ms;
	served = bmx_mx_memory_says(&place->memory, now_ms);
	*due_out = now_ms >= place->memory.ask_again_ms;
	/* One thread looks at it again, the others go by what was. */
	if (*due_out && served == BMX_MX_SERVED_YES)
		place->memory.ask_again_ms = now_ms + BMX_MX_YES_RETRY_MS;
	(void)pthread_mutex_unlock(&any->lock);
	return served;
}

static enum bmx_mx_served
remember(struct bmx_milter_any *any, struct bmx_slice domain,
         enum bmx_mx_standing standing, uint32_t ttl_s)
{
	const int64_t now_ms = now_ms_of(any);
	enum bmx_mx_served served;
	struct place *place;

	(void)pthread_mutex_lock(&any->lock);
	place = place_of(any, domain);
	place->used_ms = now_ms;
	bmx_mx_memory_take(&place->memory, standing, ttl_s, now_ms);
	served = place->memory.served;
	(void)pthread_mutex_unlock(&any->lock);
	return served;
}

static const struct bmx_dns_answer *
wait_for(const struct bmx_check_dns *dns, struct bmx_dns_query *query,
         int64_t deadline_us, uint32_t *ttl_s)
{
	const struct bmx_dns_answer *answer = dns->wait(&query, deadline_us);

	if (answer->ttl_s < *ttl_s)
		*ttl_s = answer->ttl_s;
	return answer;
}

/* All hosts at once. */
static enum bmx_mx_standing
ask_hosts(const struct bmx_milter_any *any, struct bmx_mx_facts *facts,
          int64_t deadline_us, uint32_t *ttl_s)
{
	const struct bmx_check_dns *dns = &any->parts.dns;
	struct bmx_mx_addresses addresses[BMX_MX_HOSTS_MAX] = {{NULL, NULL}};
	struct bmx_dns_query *queries[BMX_MX_HOSTS_MAX][2];
	struct bmx_slice hosts[BMX_MX_HOSTS_MAX];
	const size_t count = bmx_mx_hosts(facts, hosts);
	enum bmx_mx_standing standing;

	for (size_t i = 0; i < count; i++) {
		queries[i][0] = dns->start(dns->ctx, hosts[i], BMX_DNS_A);
		queries[i][1] = dns->start(dns->ctx, hosts[i], BMX_DNS_AAAA);
	}
	for (size_t i = 0; i < count; i++) {
		addresses[i].a =
			wait_for(dns, queries[i][0], deadline_us, ttl_s);
		addresses[i].aaaa =
			wait_for(dns, queries[i][1], deadline_us, ttl_s);
	}
	facts->addresses = addresses;
	standing = bmx_mx_standing_of(facts);
	for (size_t i = 0; i < count; i++) {
		bmx_dns_answer_unref(&addresses[i].a);
		bmx_dns_answer_unref(&addresses[i].aaaa);
	}
	return standing;
}

static enum bmx_mx_standing
ask_dns(const struct bmx_milter_any *any, const struct bmx_config *config,
        struct bmx_slice domain, int64_t deadline_us, uint32_t *ttl_s)
{
	const struct bmx_check_dns *dns = &any->parts.dns;
	const struct bmx_config_strings names = bmx_config_our_names(config);
	struct bmx_own_addresses *own = NULL;
	struct bmx_mx_facts facts = {
		.our_names = names.items,
		.our_name_count = names.count,
		.is_ours = any->parts.is_ours,
		.is_ours_ctx = any->parts.is_ours_ctx,
	};
	enum bmx_mx_standing standing;

	*ttl_s = UINT32_MAX;
	facts.mx = wait_for(dns, dns->start(dns->ctx, domain, BMX_DNS_MX),
	                    deadline_us, ttl_s);
	standing = bmx_mx_standing_of(&facts);
	if (standing == BMX_MX_OPEN) {
		if (!facts.is_ours) {
			own = bmx_own_addresses_new();
			facts.is_ours = own ? bmx_own_addresses_have : NULL;
			facts.is_ours_ctx = own;
		}
		standing = ask_hosts(any, &facts, deadline_us, ttl_s);
		bmx_own_addresses_free(&own);
	}
	bmx_dns_answer_unref(&facts.mx);
	return standing;
}

enum bmx_mx_served
bmx_milter_any_serves(struct bmx_milter_any *any,
                      const struct bmx_config *config, struct bmx_slice domain,
                      int64_t deadline_us)
{
	const int64_t now_us = bmx_clock_mono_us(any->parts.clock);
	enum bmx_mx_standing standing;
	enum bmx_mx_served served;
	uint32_t ttl_s;
	bool due;

	if (domain.len == 0 || domain.len > BMX_DOMAIN_MAX)
		return BMX_MX_SERVED_NO; /* nobody's */
	served = recall(any, domain, &due);
	if (!due)
		return served;
	if (served == BMX_MX_SERVED_YES &&
	    deadline_us > now_us + BMX_MILTER_ANY_RECHECK_US)
		deadline_us = now_us + BMX_MILTER_ANY_RECHECK_US;
	standing = ask_dns(any, config, domain, deadline_us, &ttl_s);
	return remember(any, domain, standing, ttl_s);
}
