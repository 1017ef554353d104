#include <backupmx/dns.h>

#include <stdlib.h>

#include "answer.h"
#include "cache.h"
#include "counters.h"
#include "flight.h"
#include "upstream.h"

#define DEFAULT_MAX_ENTRIES ((size_t)65536)
#define DEFAULT_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define DEFAULT_MAX_PENDING ((size_t)4096)

struct bmx_dns {
	struct bmx_dns_cache *cache;
	struct bmx_dns_flights *flights;
	struct bmx_dns_metrics metrics;
};

/* Either the answer is there, or a flight is joined; never both. */
struct lookup {
	const struct bmx_dns_answer *answer;
	struct bmx_dns_flight *flight;
};

struct bmx_dns_query {
	struct bmx_dns *dns;
	struct lookup lookup;
	struct bmx_dns_landing landing; /* cb NULL: nobody is to be told */
};

static size_t
or_default(size_t value, size_t fallback)
{
	return value > 0 ? value : fallback;
}

struct bmx_dns *
bmx_dns_new_over(const struct bmx_dns_options *options,
                 const struct bmx_dns_upstream *upstream, struct bmx_error *err)
{
	struct bmx_dns *dns = calloc(1, sizeof(*dns));

	if (!dns || bmx_dns_metrics_init(&dns->metrics, options->metrics) != 0)
		goto fail;
	dns->cache = bmx_dns_cache_new(
		or_default(options->max_entries, DEFAULT_MAX_ENTRIES),
		or_default(options->max_bytes, DEFAULT_MAX_BYTES),
		options->clock ? options->clock : bmx_clock_system());
	if (!dns->cache)
		goto fail;
	dns->flights = bmx_dns_flights_new(
		upstream, dns->cache, &dns->metrics,
		or_default(options->max_pending, DEFAULT_MAX_PENDING));
	if (!dns->flights)
		goto fail;
	return dns;
fail:
	(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for DNS");
	upstream->free(upstream->ctx);
	bmx_dns_free(&dns);
	return NULL;
}

struct bmx_dns *
bmx_dns_new(const struct bmx_dns_options *options, struct bmx_error *err)
{
	struct bmx_dns_upstream upstream;

	if (bmx_dns_unbound_new(&upstream, options, err) != 0)
		return NULL;
	return bmx_dns_new_over(options, &upstream, err);
}

void
bmx_dns_free(struct bmx_dns **dns)
{
	if (!*dns)
		return;
	bmx_dns_flights_free(&(*dns)->flights);
	bmx_dns_cache_free(&(*dns)->cache);
	bmx_dns_metrics_clear(&(*dns)->metrics);
	free(*dns);
	*dns = NULL;
}

static struct lookup
start(struct bmx_dns *dns, struct bmx_slice name, enum bmx_dns_type type)
{
	struct bmx_dns_question question;
	struct lookup lookup = {0};

	bmx_metric_add(dns->metrics.lookups, 1);
	if (!bmx_dns_question_make(&question, name, type)) {
		lookup.answer = bmx_dns_answer_fixed(BMX_DNS_BADNAME);
		return lookup;
	}
	lookup.answer = bmx_dns_cache_get(dns->cache, &question);
	if (lookup.answer)
		bmx_metric_add(dns->metrics.hits, 1);
	else
		lookup.flight = bmx_dns_flight_join(dns->flights, &question,
		                                    &lookup.answer);
	return lookup;
}

static const struct bmx_dns_answer *
finish(struct bmx_dns *dns, struct lookup *lookup, int64_t deadline_us)
{
	if (!lookup->flight)
		return lookup->answer;
	lookup->answer =
		bmx_dns_flight_wait(dns->flights, lookup->flight, deadline_us);
	bmx_dns_flight_leave(dns->flights, lookup->flight);
	if (lookup->answer)
		return lookup->answer;
	bmx_metric_add(dns->metrics.timeouts, 1);
	return bmx_dns_answer_fixed(BMX_DNS_TEMPFAIL);
}

static void
abandon(struct bmx_dns *dns, struct lookup *lookup)
{
	if (lookup->flight)
		bmx_dns_flight_leave(dns->flights, lookup->flight);
	else
		bmx_dns_answer_unref(&lookup->answer);
}

struct bmx_dns_query *
bmx_dns_start(struct bmx_dns *dns, struct bmx_slice name,
              enum bmx_dns_type type)
{
	struct bmx_dns_query *query = malloc(sizeof(*query));

	if (query)
		*query = (struct bmx_dns_query){
			.dns = dns, .lookup = start(dns, name, type)};
	return query;
}

bool
bmx_dns_done(const struct bmx_dns_query *query)
{
	return !query || !query->lookup.flight ||
		bmx_dns_flight_landed(query->dns->flights,
	                              query->lookup.flight);
}

bool
bmx_dns_notify(struct bmx_dns_query *query, bmx_dns_notify_cb *cb, void *ctx)
{
	if (!query || !query->lookup.flight)
		return false;
	query->landing = (struct bmx_dns_landing){.cb = cb, .ctx = ctx};
	return bmx_dns_flight_watch(query->dns->flights, query->lookup.flight,
	                            &query->landing);
}

static void
stop_notifying(struct bmx_dns_query *query)
{
	if (query->landing.cb)
		bmx_dns_flight_unwatch(query->dns->flights, &query->landing);
}

const struct bmx_dns_answer *
bmx_dns_wait(struct bmx_dns_query **query, int64_t deadline_us)
{
	const struct bmx_dns_answer *answer;

	if (!*query)
		return bmx_dns_answer_fixed(BMX_DNS_TEMPFAIL);
	stop_notifying(*query);
	answer = finish((*query)->dns, &(*query)->lookup, deadline_us);
	free(*query);
	*query = NULL;
	return answer;
}

void
bmx_dns_cancel(struct bmx_dns_query **query)
{
	if (!*query)
		return;
	stop_notifying(*query);
	abandon((*query)->dns, &(*query)->lookup);
	free(*query);
	*query = NULL;
}

const struct bmx_dns_answer *
bmx_dns_resolve(struct bmx_dns *dns, struct bmx_slice name,
                enum bmx_dns_type type, int64_t deadline_us)
{
	struct lookup lookup = start(dns, name, type);

	return finish(dns, &lookup, deadline_us);
}

static const struct bmx_dns_answer *
resolve_cb(void *ctx, struct bmx_slice name, enum bmx_dns_type type,
           int64_t deadline_us)
{
	return bmx_dns_resolve(ctx, name, type, deadline_us);
}

struct bmx_dns_source
bmx_dns_as_source(struct bmx_dns *dns)
{
	return (struct bmx_dns_source){resolve_cb, dns};
}

static uint64_t
value(const struct bmx_metric *metric)
{
	return (uint64_t)bmx_metric_value(metric);
}

void
bmx_dns_count(struct bmx_dns *dns, struct bmx_dns_counters *counters_out)
{
	const struct bmx_dns_cache_stats kept = bmx_dns_cache_stats(dns->cache);
	const struct bmx_dns_metrics *metrics = &dns->metrics;

	bmx_metric_set(metrics->evicted, (int64_t)kept.evicted);
	bmx_metric_set(metrics->entries, (int64_t)kept.entries);
	bmx_metric_set(metrics->bytes, (int64_t)kept.bytes);
	*counters_out = (struct bmx_dns_counters){
		.lookups = value(metrics->lookups),
		.hits = value(metrics->hits),
		.joined = value(metrics->joined),
		.sent = value(metrics->sent),
		.failed = value(metrics->failed),
		.timeouts = value(metrics->timeouts),
		.cancelled = value(metrics->cancelled),
		.refused = value(metrics->refused),
		.evicted = kept.evicted,
		.entries = kept.entries,
		.bytes = kept.bytes,
		.pending = value(metrics->pending),
	};
}

void
bmx_dns_flush(struct bmx_dns *dns)
{
	bmx_dns_cache_flush(dns->cache);
}
