/*
 * assemble_primaries.c - makes what asks and remembers the primaries: the
 * cache, DNS, the registry, the learner; and shows them to the engine.
 */
#include "policyd/daemon_priv.h"

#include <backupmx/dns_loop.h>

static void
on_cache_trouble(void *ctx, const struct bmx_error *err, uint64_t lost)
{
	struct bmx_daemon *d = ctx;
	struct bmx_log_line line;

	bmx_log_begin(&line, d->log, BMX_LOG_ERROR, "cache-failed");
	bmx_log_add_string(&line, BMX_KEY_ERR, err->text);
	bmx_log_add_u64(&line, BMX_KEY_COUNT, lost);
	bmx_log_end(&line);
}

static int
open_cache(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_cache_options options = {
		.state_dir = d->config->state_dir,
		.loop = d->loop,
		.on_trouble = on_cache_trouble,
		.trouble_ctx = d,
	};
	struct bmx_error trouble;

	d->cache = bmx_cache_store_open(&options, &trouble);
	if (!d->cache)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	if (trouble.code != BMX_E_NONE)
		bmx_log_error(d->log, BMX_LOG_WARN, "cache-failed",
		              trouble.text, NULL);
	d->records = bmx_cache_store_records(d->cache);
	return 0;
}

static int
make_dns(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_dns_options options = {
		.resolvers = d->config->resolver.items,
		.resolver_count = d->config->resolver.count,
		.trust_anchor_file =
			bmx_dns_trust_anchor(d->config->trust_anchor),
		.metrics = d->metrics,
	};

	d->dns = bmx_dns_new(&options, err);
	if (!d->dns)
		return -1;
	d->asker = bmx_dns_loop_new(d->dns, d->loop, err);
	return d->asker ? 0 : -1;
}

static int
make_learner(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_learner_parts parts = {
		.loop = d->loop,
		.log = d->log,
		.metrics = d->metrics,
		.records = d->records,
	};

	d->learner = bmx_learner_new(&parts, d->config);
	if (!d->learner)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	return 0;
}

static int
make_recovery(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_recovery_options options = {
		.loop = d->loop, .log = d->log, .metrics = d->metrics};

	d->recovery = bmx_recovery_new(&options);
	if (!d->recovery)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	return bmx_recovery_configure(d->recovery,
	                              &d->config->policyd.on_recovery, err);
}

static int
make_registry(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_primaries_parts parts = {
		.loop = d->loop,
		.log = d->log,
		.metrics = d->metrics,
		.asker = d->asker,
		.records = d->records,
		.recovery = d->recovery,
		.on_result = bmx_learner_take,
		.ctx = d->learner,
	};

	d->primaries = bmx_primaries_new(&parts);
	if (!d->primaries)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	return bmx_primaries_configure(d->primaries, d->config, err);
}

/* Its primary's hosts are looked up anew, from answers that DNS has just
 * given: without them a first recipient would be deferred. */
static bool
is_settled(void *ctx, struct bmx_slice domain)
{
	const struct bmx_daemon *d = ctx;
	struct bmx_primary_report report;

	return !bmx_primaries_report(d->primaries, domain, &report) ||
		report.targets != BMX_TARGETS_LOADING;
}

static int
make_any(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_any_domains_parts parts = {
		.loop = d->loop,
		.log = d->log,
		.metrics = d->metrics,
		.asker = d->asker,
		.apply = bmx_daemon_apply_domains,
		.is_settled = is_settled,
		.ctx = d,
	};

	d->any = bmx_any_domains_new(&parts);
	if (!d->any)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	d->loaded = bmx_config_ref(d->config);
	bmx_any_domains_in_force(d->any, d->loaded, d->config);
	return 0;
}

int
bmx_daemon_make_primaries(struct bmx_daemon *d, struct bmx_error *err)
{
	/* The cache first: it forks a child, which must be before DNS has
	 * threads. */
	if (open_cache(d, err) != 0 || bmx_daemon_make_redis(d, err) != 0 ||
	    make_dns(d, err) != 0 || make_learner(d, err) != 0 ||
	    make_recovery(d, err) != 0 || make_any(d, err) != 0)
		return -1;
	return make_registry(d, err);
}

void
bmx_daemon_free_primaries(struct bmx_daemon *d)
{
	bmx_any_domains_free(&d->any);
	bmx_primaries_free(&d->primaries);
	bmx_recovery_free(&d->recovery);
	bmx_learner_free(&d->learner);
	bmx_dns_loop_free(&d->asker);
	bmx_dns_free(&d->dns);
	bmx_daemon_free_redis(d);
	bmx_cache_store_free(&d->cache);
}

int
bmx_daemon_configure_primaries(struct bmx_daemon *d, struct bmx_config *config,
                               struct bmx_error *err)
{
	if (bmx_learner_configure(d->learner, config, err) != 0 ||
	    bmx_recovery_configure(d->recovery, &config->policyd.on_recovery,
	                           err) != 0)
		return -1;
	return bmx_primaries_configure(d->primaries, config, err);
}

static void
view(void *ctx, const struct bmx_config_domain *section,
     struct bmx_primary_view *view_out)
{
	const struct bmx_daemon *d = ctx;

	bmx_primaries_view(d->primaries, bmx_slice_of(section->name), view_out);
}

static bool
is_own_address(void *ctx, const struct bmx_config_domain *section,
               struct bmx_slice client_ip)
{
	const struct bmx_daemon *d = ctx;

	return bmx_primaries_is_own_address(
		d->primaries, bmx_slice_of(section->name), client_ip);
}

static struct bmx_call_ahead_wait *
ask(void *ctx, const struct bmx_config_domain *section,
    const struct bmx_call_ahead_request *request, int64_t deadline_ms,
    bmx_call_ahead_cb *cb, void *cb_ctx)
{
	static const struct bmx_probe_result unsure = {
		.outcome = BMX_PROBE_UNSURE};
	static const struct bmx_call_ahead_answer nobody = {
		BMX_CALL_AHEAD_NO_TARGET, &unsure};
	const struct bmx_daemon *d = ctx;
	struct bmx_call_ahead *ca = bmx_primaries_call_ahead(
		d->primaries, bmx_slice_of(section->name));

	if (ca)
		return bmx_call_ahead_ask(ca, request, deadline_ms, cb, cb_ctx);
	if (cb)
		cb(cb_ctx, &nobody);
	return NULL;
}

static void
leave(void *ctx, struct bmx_call_ahead_wait **wait)
{
	(void)ctx; /* a wait knows whose it is */
	bmx_call_ahead_leave(wait);
}

struct bmx_primary_source
bmx_daemon_primary_source(struct bmx_daemon *d)
{
	return (struct bmx_primary_source){
		.view = view,
		.is_own_address = is_own_address,
		.ask = ask,
		.leave = leave,
		.ctx = d,
	};
}
