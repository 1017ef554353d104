#include "milter/milter.h"

#include <pthread.h>
#include <stdlib.h>

#include <backupmx/dns.h>

#include "milter/any_domains.h"
#include "milter/policy_client.h"
#include "milter/scanners/health.h"

struct bmx_milter {
	struct bmx_session_services services;
	struct bmx_milter_counters counters;
	struct bmx_policy_client *policy;
	struct bmx_dns *dns;
	struct bmx_spf *spf;
	struct bmx_nudge *nudge;
	struct bmx_guard *guard;
	struct bmx_zone_watch *watch;
	struct bmx_milter_any *any;
	pthread_mutex_t lock; /* rules */
	struct bmx_rules *rules;
};

static int
ask_policy(void *ctx, const struct bmx_policy_request *request,
           int64_t deadline_us, enum bmx_policy_reply *reply_out,
           struct bmx_error *err)
{
	struct bmx_milter *milter = ctx;

	return bmx_policy_client_ask(milter->policy, request, deadline_us,
	                             reply_out, err);
}

static enum bmx_mx_served
serves(void *ctx, const struct bmx_config *config, struct bmx_slice domain,
       int64_t deadline_us)
{
	struct bmx_milter *milter = ctx;

	return bmx_milter_any_serves(milter->any, config, domain, deadline_us);
}

static void
check_spf(void *ctx, const struct bmx_spf_request *request,
          struct bmx_spf_verdict *verdict_out)
{
	struct bmx_milter *milter = ctx;
	struct bmx_spf_request whole = *request;

	whole.dns = bmx_dns_as_source(milter->dns);
	bmx_spf_check(milter->spf, &whole, verdict_out);
}

static int
start_dns(struct bmx_milter *milter, struct bmx_metrics *metrics,
          struct bmx_error *err)
{
	const struct bmx_dns_options options = {
		.resolvers = milter->rules->config->resolver.items,
		.resolver_count = milter->rules->config->resolver.count,
		.metrics = metrics,
	};

	milter->dns = bmx_dns_new(&options, err);
	if (!milter->dns)
		return -1;
	milter->services.panel.dns = bmx_check_dns_of(milter->dns);
	milter->spf = bmx_spf_new(err);
	return milter->spf ? 0 : -1;
}

static int
start_any(struct bmx_milter *milter, struct bmx_error *err)
{
	const struct bmx_milter_any_parts parts = {
		.clock = milter->services.clock,
		.dns = milter->services.panel.dns,
	};

	milter->any = bmx_milter_any_new(&parts);
	return milter->any ? 0 :
			     bmx_error_set(err, BMX_E_NOMEM, "out of memory");
}

static int
start_guard(struct bmx_milter *milter, struct bmx_metrics *metrics,
            struct bmx_error *err)
{
	const struct bmx_guard_parts parts = {
		.clock = milter->services.clock,
		.log = milter->services.log,
		.metrics = metrics,
	};

	milter->guard = bmx_guard_new(&parts, milter->rules->config, err);
	milter->services.guard = milter->guard;
	return milter->guard ? 0 : -1;
}

static int
start(struct bmx_milter *milter, struct bmx_metrics *metrics,
      struct bmx_error *err)
{
	const struct bmx_config_milter *config = &milter->rules->config->milter;

	bmx_milter_counters_init(&milter->counters, metrics);
	if (start_guard(milter, metrics, err) != 0)
		return -1;
	if (bmx_scan_global_init() != 0)
		return bmx_error_set(err, BMX_E_IO, "libcurl does not start");
	if (start_dns(milter, metrics, err) != 0 || start_any(milter, err) != 0)
		return -1;
	milter->policy =
		bmx_policy_client_new(&config->policy, milter->services.clock);
	milter->nudge = bmx_nudge_new(&config->listen);
	milter->watch = bmx_zone_watch_new(milter->services.clock,
	                                   milter->services.log, metrics);
	milter->services.panel.watch = milter->watch;
	milter->services.scan_health = bmx_scan_health_new(
		milter->services.clock, milter->services.log);
	if (!milter->policy || !milter->nudge || !milter->watch ||
	    !milter->services.scan_health)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory or thread to start with");
	return 0;
}

struct bmx_milter *
bmx_milter_new(struct bmx_rules *rules, struct bmx_log *log,
               struct bmx_metrics *metrics, struct bmx_error *err)
{
	struct bmx_milter *milter = calloc(1, sizeof(*milter));

	if (!milter || pthread_mutex_init(&milter->lock, NULL) != 0) {
		free(milter);
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
		return NULL;
	}
	milter->rules = bmx_rules_ref(rules);
	milter->services = (struct bmx_session_services){
		.clock = bmx_clock_system(),
		.log = log,
		.counters = &milter->counters,
		.ctx = milter,
		.ask_policy = ask_policy,
		.serves = serves,
		.check_spf = check_spf,
	};
	if (start(milter, metrics, err) != 0)
		bmx_milter_free(&milter);
	return milter;
}

void
bmx_milter_free(struct bmx_milter **milter)
{
	if (!*milter)
		return;
	bmx_nudge_free(&(*milter)->nudge);
	bmx_policy_client_free(&(*milter)->policy);
	bmx_spf_free(&(*milter)->spf);
	bmx_milter_any_free(&(*milter)->any);
	bmx_dns_free(&(*milter)->dns);
	bmx_zone_watch_free(&(*milter)->watch);
	bmx_guard_free(&(*milter)->guard);
	bmx_scan_health_free(&(*milter)->services.scan_health);
	bmx_rules_unref(&(*milter)->rules);
	(void)pthread_mutex_destroy(&(*milter)->lock);
	free(*milter);
	*milter = NULL;
}

void
bmx_milter_set_rules(struct bmx_milter *milter, struct bmx_rules *rules)
{
	struct bmx_rules *old;

	(void)pthread_mutex_lock(&milter->lock);
	old = milter->rules;
	milter->rules = bmx_rules_ref(rules);
	(void)pthread_mutex_unlock(&milter->lock);
	bmx_policy_client_set_endpoint(milter->policy,
	                               &rules->config->milter.policy);
	bmx_guard_configure(milter->guard, rules->config);
	bmx_milter_any_renew(milter->any);
	bmx_rules_unref(&old);
}

struct bmx_rules *
bmx_milter_rules(struct bmx_milter *milter)
{
	struct bmx_rules *rules;

	(void)pthread_mutex_lock(&milter->lock);
	rules = bmx_rules_ref(milter->rules);
	(void)pthread_mutex_unlock(&milter->lock);
	return rules;
}

struct bmx_session *
bmx_milter_session(struct bmx_milter *milter)
{
	struct bmx_rules *rules = bmx_milter_rules(milter);
	struct bmx_session *session = bmx_session_new(&milter->services, rules);

	bmx_rules_unref(&rules);
	return session;
}

struct bmx_nudge *
bmx_milter_nudge(struct bmx_milter *milter)
{
	return milter->nudge;
}

struct bmx_log *
bmx_milter_log(struct bmx_milter *milter)
{
	return milter->services.log;
}
