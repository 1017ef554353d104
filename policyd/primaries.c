#include "policyd/primaries_priv.h"

#include <stdlib.h>
#include <string.h>

static void on_starter(void *ctx);

uint64_t
bmx_primaries_random(struct bmx_primaries *registry)
{
	const uint64_t draw = ++registry->randoms;

	return bmx_siphash24(registry->key, &draw, sizeof(draw));
}

struct bmx_primaries *
bmx_primaries_new(const struct bmx_primaries_parts *parts)
{
	struct bmx_primaries *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return NULL;
	registry->parts = *parts;
	registry->queue_end = &registry->queue;
	bmx_siphash_random_key(registry->key);
	registry->starter = bmx_timer_new(parts->loop, on_starter, registry);
	registry->writer =
		bmx_timer_new(parts->loop, bmx_primaries_on_writer, registry);
	if (!registry->starter || !registry->writer)
		bmx_primaries_free(&registry);
	return registry;
}

/* Hosts are not known, though they may be: what was known holds on. */
static bool
may_return(const struct primary_domain *domain)
{
	if (!domain->targets)
		return !domain->error;
	switch (bmx_targets_get(domain->targets)->state) {
	case BMX_TARGETS_LOADING:
	case BMX_TARGETS_FAILED:
	case BMX_TARGETS_NO_ADDRESS:
	case BMX_TARGETS_READY: /* no memory for its primary */
		return true;
	case BMX_TARGETS_WE_ARE_BEST:
	case BMX_TARGETS_NULL_MX:
	case BMX_TARGETS_NXDOMAIN:
	case BMX_TARGETS_STATES:
		break;
	}
	return false;
}

const struct bmx_primary_knowledge *
bmx_primary_domain_knows(const struct primary_domain *domain)
{
	return domain->shared ? bmx_primary_knows(domain->shared->primary) :
				&domain->carried;
}

enum bmx_primary_status
bmx_primary_domain_status(const struct primary_domain *domain)
{
	const enum bmx_primary_status known =
		bmx_primary_domain_knows(domain)->state.status;

	if (domain->shared)
		return known;
	return known == BMX_PRIMARY_DOWN && may_return(domain) ?
		BMX_PRIMARY_DOWN :
		BMX_PRIMARY_SUSPECT;
}

static void
set_gauges(struct primary_domain *domain, enum bmx_primary_status status)
{
	bmx_metric_set(domain->up, status == BMX_PRIMARY_UP);
	bmx_metric_set(domain->suspect, status == BMX_PRIMARY_SUSPECT);
}

void
bmx_primary_domain_update(struct primary_domain *domain)
{
	const struct bmx_primaries_parts *parts = &domain->registry->parts;
	const enum bmx_primary_status before = domain->told;
	const enum bmx_primary_status status =
		bmx_primary_domain_status(domain);
	const struct bmx_slice name = bmx_slice_of(domain->section->name);

	if (status == before)
		return;
	domain->told = status;
	set_gauges(domain, status);
	if (parts->recovery && before == BMX_PRIMARY_DOWN &&
	    status == BMX_PRIMARY_UP)
		bmx_recovery_request(parts->recovery, name);
	if (parts->on_status)
		parts->on_status(parts->ctx, name, before, status);
}

static void
on_targets(void *ctx, struct bmx_targets *targets)
{
	struct primary_domain *domain = ctx;

	(void)targets;
	bmx_primary_domain_settle(domain);
	bmx_primary_domain_update(domain); /* also when it had none before */
}

static void
log_bad_targets(const struct primary_domain *domain)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, domain->registry->parts.log, BMX_LOG_ERROR,
	              "primary-config");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, domain->section->name);
	bmx_log_add_string(&line, BMX_KEY_ERR, domain->error);
	bmx_log_end(&line);
}

static void
start_targets(struct primary_domain *domain)
{
	struct bmx_primaries *registry = domain->registry;
	const struct bmx_config_domain *section = domain->section;
	const struct bmx_config_strings names =
		bmx_config_our_names(registry->config);
	const struct bmx_targets_options options = {
		.domain = bmx_slice_of(section->name),
		.primary = section->primary.items,
		.primary_count = section->primary.count,
		.our_names = names.items,
		.our_name_count = names.count,
		.wants_dane = section->tls == BMX_TLS_DANE,
		.loop = registry->parts.loop,
		.asker = registry->parts.asker,
		.is_ours = registry->parts.is_ours,
		.is_ours_ctx = registry->parts.is_ours_ctx,
		.on_change = on_targets,
		.on_change_ctx = domain,
	};
	struct bmx_error err;

	domain->starting = false;
	free(domain->error);
	domain->error = NULL;
	domain->targets = bmx_targets_new(&options, &err);
	if (domain->targets) {
		bmx_primary_domain_settle(domain);
		return;
	}
	domain->error = strdup(err.text);
	log_bad_targets(domain);
}

static void
on_starter(void *ctx)
{
	struct bmx_primaries *registry = ctx;
	size_t left = BMX_PRIMARIES_START_BATCH;

	while (registry->start_next < registry->domain_count && left > 0) {
		struct primary_domain *domain =
			registry->domains[registry->start_next++];

		if (domain->starting) {
			start_targets(domain);
			left--;
		}
	}
	if (registry->start_next < registry->domain_count)
		bmx_timer_set(registry->parts.loop, registry->starter,
		              BMX_PRIMARIES_START_MS);
}

size_t
bmx_primaries_bucket(const struct bmx_primaries *registry,
                     struct bmx_slice name)
{
	return bmx_siphash24(registry->key, name.data, name.len) &
		(registry->bucket_count - 1);
}

struct primary_domain *
bmx_primaries_find(const struct bmx_primaries *registry, struct bmx_slice name)
{
	struct primary_domain *domain = NULL;

	if (registry->bucket_count > 0)
		domain =
			registry->buckets[bmx_primaries_bucket(registry, name)];
	while (domain &&
	       !bmx_slice_equal(bmx_slice_of(domain->section->name), name))
		domain = domain->next_in_bucket;
	return domain;
}

static struct bmx_metric *
gauge(struct bmx_primaries *registry, const char *name, const char *help,
      const char *domain)
{
	const struct bmx_metrics_label label = {"domain", domain};

	return bmx_metrics_gauge(registry->parts.metrics, name, help, &label,
	                         1);
}

struct primary_domain *
bmx_primary_domain_new(struct bmx_primaries *registry,
                       const struct bmx_config_domain *section)
{
	const struct bmx_clock *clock = registry->parts.loop->clock;
	const struct bmx_primary_now now = {bmx_clock_wall_ms(clock),
	                                    bmx_clock_mono_ms(clock)};
	struct primary_domain *domain = calloc(1, sizeof(*domain));

	if (!domain)
		return NULL;
	domain->registry = registry;
	domain->section = section;
	domain->starting = true;
	domain->told = BMX_PRIMARY_SUSPECT;
	bmx_primary_knowledge_init(&domain->carried, &now);
	return domain;
}

/* A new domain becomes one of ours. */
void
bmx_primary_domain_begin(struct primary_domain *domain)
{
	const char *name = domain->section->name;

	domain->up = gauge(domain->registry, "backupmx_primary_up",
	                   "1 while the domain's primary is up.", name);
	domain->suspect =
		gauge(domain->registry, "backupmx_primary_suspect",
	              "1 while nobody can say whether the domain's primary is "
	              "up.",
	              name);
	set_gauges(domain, domain->told);
	bmx_primary_domain_read(domain);
}

/* Its section may belong to a configuration that is about to go. */
void
bmx_primary_domain_end(struct primary_domain *domain)
{
	struct bmx_record_store *records = domain->registry->parts.records;

	if (domain->get)
		records->ops->cancel(domain->get);
	bmx_metric_set(domain->up, 0);
	bmx_metric_set(domain->suspect, 0);
	bmx_primary_domain_detach(domain);
	bmx_targets_free(&domain->targets);
	free(domain->error);
	free(domain);
}

void
bmx_primaries_free(struct bmx_primaries **primaries)
{
	struct bmx_primaries *registry = *primaries;

	if (!registry)
		return;
	/* A write of each: what was checked since the last one is not lost. */
	for (size_t i = 0; i < registry->domain_count; i++)
		bmx_primary_domain_write(registry->domains[i]);
	registry->dispatching = true; /* no more checks */
	/* Askers that are called back find no domain any more. */
	registry->bucket_count = 0;
	for (size_t i = 0; i < registry->domain_count; i++)
		bmx_primary_domain_end(registry->domains[i]);
	bmx_timer_free(registry->parts.loop, &registry->starter);
	bmx_timer_free(registry->parts.loop, &registry->writer);
	free(registry->domains);
	free(registry->buckets);
	if (registry->config)
		bmx_config_unref(&registry->config);
	free(registry);
	*primaries = NULL; /* last: askers may look into it */
}
