/* Takes over a configuration: domains that stay, come and go. All memory is
 * had before anything is changed. */
#include "policyd/primaries_priv.h"

#include <stdlib.h>
#include <string.h>

static bool
same_strings(const struct bmx_config_strings *a,
             const struct bmx_config_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

/* Would the domain's hosts be looked up as before? */
static bool
same_targets(const struct bmx_config_domain *a,
             const struct bmx_config_domain *b)
{
	return same_strings(&a->primary, &b->primary) &&
		(a->tls == BMX_TLS_DANE) == (b->tls == BMX_TLS_DANE);
}

/* The domains of a new configuration, those that are there already and new
 * ones, before anything is changed. */
struct plan {
	struct primary_domain **domains;
	size_t domain_count;
	size_t new_count;
	struct primary_domain **fresh; /* the new ones among them */
	struct primary_domain **buckets;
	size_t bucket_count;
};

static void
plan_drop(struct plan *plan)
{
	for (size_t i = 0; i < plan->new_count; i++)
		free(plan->fresh[i]);
	free(plan->domains);
	free(plan->fresh);
	free(plan->buckets);
}

static int
plan_add(struct bmx_primaries *registry, struct plan *plan,
         const struct bmx_config_domain *section)
{
	struct primary_domain *domain =
		bmx_primaries_find(registry, bmx_slice_of(section->name));

	if (!domain) {
		domain = bmx_primary_domain_new(registry, section);
		if (!domain)
			return -1;
		plan->fresh[plan->new_count++] = domain;
	}
	plan->domains[plan->domain_count++] = domain;
	return 0;
}

static int
plan_make(struct bmx_primaries *registry, const struct bmx_config *config,
          struct plan *plan)
{
	const size_t count = config->domain_count;

	*plan = (struct plan){.bucket_count = 16};
	while (plan->bucket_count < count)
		plan->bucket_count *= 2;
	plan->domains = calloc(count + 1, sizeof(*plan->domains));
	plan->fresh = calloc(count + 1, sizeof(*plan->fresh));
	plan->buckets = calloc(plan->bucket_count, sizeof(*plan->buckets));
	if (!plan->domains || !plan->fresh || !plan->buckets)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (strcmp(config->domains[i].name, "*") != 0 &&
		    plan_add(registry, plan, &config->domains[i]) != 0)
			return -1;
	return 0;
}

static void
enter_all(struct bmx_primaries *registry)
{
	for (size_t i = 0; i < registry->domain_count; i++) {
		struct primary_domain *domain = registry->domains[i];
		struct primary_domain **bucket =
			&registry->buckets[bmx_primaries_bucket(
				registry, bmx_slice_of(domain->section->name))];

		domain->next_in_bucket = *bucket;
		*bucket = domain;
	}
}

/* Points the domains that stay to their new sections. Hosts that are to be
 * looked up otherwise are forgotten. */
static void
take_sections(struct bmx_primaries *registry, const struct bmx_config *config,
              bool same_names)
{
	size_t at = 0;

	for (size_t i = 0; i < config->domain_count; i++) {
		const struct bmx_config_domain *section = &config->domains[i];
		struct primary_domain *domain;

		if (strcmp(section->name, "*") == 0)
			continue;
		domain = registry->domains[at++];
		domain->in_new_config = true;
		if (!same_names || !same_targets(domain->section, section)) {
			bmx_targets_free(&domain->targets);
			domain->starting = true;
		}
		domain->section = section;
	}
}

/* A file that was wrong may be right now: such primaries are made anew. */
static void
detach_broken(struct bmx_primaries *registry)
{
	for (size_t i = 0; i < registry->domain_count; i++) {
		struct primary_domain *domain = registry->domains[i];

		domain->in_new_config = false;
		if (domain->shared && domain->shared->tls_error)
			bmx_primary_domain_detach(domain);
	}
}

/* Brings the domains to what their sections say. */
static void
settle_all(struct bmx_primaries *registry)
{
	struct bmx_error err;

	detach_broken(registry);
	for (size_t i = 0; i < registry->domain_count; i++) {
		struct primary_domain *domain = registry->domains[i];

		bmx_primary_domain_settle(domain);
		if (domain->shared &&
		    bmx_primary_set_hostname(domain->shared->primary,
		                             registry->config->hostname,
		                             &err) != 0)
			bmx_log_error(registry->parts.log, BMX_LOG_ERROR,
			              "primary-failed", err.text, NULL);
	}
}

int
bmx_primaries_configure(struct bmx_primaries *registry,
                        struct bmx_config *config, struct bmx_error *err)
{
	struct bmx_config *old_config = registry->config;
	struct primary_domain **old = registry->domains;
	const size_t old_count = registry->domain_count;
	struct bmx_config_strings names[2] = {bmx_config_our_names(config),
	                                      {NULL, 0}};
	struct plan plan;

	if (plan_make(registry, config, &plan) != 0) {
		plan_drop(&plan);
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for the domains' primaries");
	}
	if (old_config)
		names[1] = bmx_config_our_names(old_config);
	free(registry->buckets);
	registry->config = bmx_config_ref(config);
	registry->domains = plan.domains;
	registry->domain_count = plan.domain_count;
	registry->buckets = plan.buckets;
	registry->bucket_count = plan.bucket_count;
	registry->start_next = 0;
	registry->write_next = 0;
	take_sections(registry, config, same_strings(&names[0], &names[1]));
	enter_all(registry);
	for (size_t i = 0; i < plan.new_count; i++)
		bmx_primary_domain_begin(plan.fresh[i]);
	for (size_t i = 0; i < old_count; i++)
		if (!old[i]->in_new_config)
			bmx_primary_domain_end(old[i]);
	settle_all(registry);
	free(old);
	free(plan.fresh);
	if (old_config)
		bmx_config_unref(&old_config);
	bmx_timer_set(registry->parts.loop, registry->starter, 0);
	return 0;
}
