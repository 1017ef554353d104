#include "flight.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <backupmx/hash.h>

#include "answer.h"

#define BUCKETS ((size_t)1024)

struct bmx_dns_flight {
	struct bmx_dns_flights *flights;
	struct bmx_dns_flight *next; /* in its bucket, while it is open */
	pthread_cond_t landed;
	const struct bmx_dns_answer *answer; /* NULL while it is open */
	void *handle;                        /* the upstream's */
	struct bmx_dns_landing *landings;
	size_t waiters;
	bool upstream_has_it; /* its callback is still to come */
	struct bmx_dns_question question;
};

struct bmx_dns_flights {
	struct bmx_dns_upstream upstream;
	struct bmx_dns_cache *cache;
	struct bmx_dns_metrics *metrics;
	size_t max_pending;
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	pthread_mutex_t lock; /* guards all below and every flight */
	size_t pending;
	struct bmx_dns_flight *buckets[BUCKETS];
};

struct bmx_dns_flights *
bmx_dns_flights_new(const struct bmx_dns_upstream *upstream,
                    struct bmx_dns_cache *cache,
                    struct bmx_dns_metrics *metrics, size_t max_pending)
{
	struct bmx_dns_flights *flights = calloc(1, sizeof(*flights));

	if (!flights)
		return NULL;
	flights->upstream = *upstream;
	flights->cache = cache;
	flights->metrics = metrics;
	flights->max_pending = max_pending;
	bmx_siphash_random_key(flights->key);
	(void)pthread_mutex_init(&flights->lock, NULL); /* cannot fail */
	return flights;
}

void
bmx_dns_flights_free(struct bmx_dns_flights **flights)
{
	if (!*flights)
		return;
	(*flights)->upstream.free((*flights)->upstream.ctx);
	(void)pthread_mutex_destroy(&(*flights)->lock);
	free(*flights);
	*flights = NULL;
}

/* Where in its bucket's chain the flight of that question is, or the end. */
static struct bmx_dns_flight **
find(struct bmx_dns_flights *flights, const struct bmx_dns_question *question)
{
	const uint64_t hash = bmx_dns_question_hash(question, flights->key);
	struct bmx_dns_flight **at = &flights->buckets[hash % BUCKETS];

	while (*at && !bmx_dns_question_equal(&(*at)->question, question))
		at = &(*at)->next;
	return at;
}

static struct bmx_dns_flight *
new_flight(struct bmx_dns_flights *flights,
           const struct bmx_dns_question *question)
{
	struct bmx_dns_flight *flight = calloc(1, sizeof(*flight));
	pthread_condattr_t attributes;

	if (!flight)
		return NULL;
	flight->flights = flights;
	flight->question = *question;
	/* None of these three fails on Linux. */
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&flight->landed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return flight;
}

static void
free_flight(struct bmx_dns_flight *flight)
{
	bmx_dns_answer_unref(&flight->answer);
	(void)pthread_cond_destroy(&flight->landed);
	free(flight);
}

/* Takes the flight out of the table: later askers ask anew. */
static void
close_flight(struct bmx_dns_flights *flights, struct bmx_dns_flight *flight)
{
	struct bmx_dns_flight **at = find(flights, &flight->question);

	*at = flight->next;
	flight->next = NULL;
	flights->pending--;
	bmx_metric_set(flights->metrics->pending, (int64_t)flights->pending);
}

/* With the lock held. */
static void
forget_landing(struct bmx_dns_landing *landing)
{
	if (!landing->at)
		return;
	*landing->at = landing->next;
	if (landing->next)
		landing->next->at = landing->at;
	landing->next = NULL;
	landing->at = NULL;
}

static void
tell_landings(struct bmx_dns_flight *flight)
{
	while (flight->landings) {
		struct bmx_dns_landing *landing = flight->landings;

		forget_landing(landing);
		landing->cb(landing->ctx);
	}
}

/* With the lock held; takes the answer's reference. */
static void
land(struct bmx_dns_flights *flights, struct bmx_dns_flight *flight,
     const struct bmx_dns_answer *answer)
{
	close_flight(flights, flight);
	flight->answer = answer;
	if (answer->status == BMX_DNS_TEMPFAIL)
		bmx_metric_add(flights->metrics->failed, 1);
	(void)pthread_cond_broadcast(&flight->landed);
	tell_landings(flight);
}

/*
 * The upstream's callback. The cache has the answer before the table loses the
 * question, so that no one in between finds neither.
 */
static void
on_answer(void *arg, const struct bmx_dns_answer *answer)
{
	struct bmx_dns_flight *flight = arg;
	struct bmx_dns_flights *flights = flight->flights;
	bool abandoned;

	bmx_dns_cache_put(flights->cache, &flight->question, answer);
	(void)pthread_mutex_lock(&flights->lock);
	flight->upstream_has_it = false;
	abandoned = flight->waiters == 0;
	if (abandoned)
		bmx_dns_answer_unref(&answer); /* left the table already */
	else
		land(flights, flight, answer);
	(void)pthread_mutex_unlock(&flights->lock);
	if (abandoned)
		free_flight(flight);
}

/* With the lock held: the open flight, or a new one that is to be sent. */
static struct bmx_dns_flight *
find_or_open(struct bmx_dns_flights *flights,
             const struct bmx_dns_question *question, bool *new_out)
{
	struct bmx_dns_flight **at = find(flights, question);
	struct bmx_dns_flight *flight = *at;

	*new_out = false;
	if (flight) {
		bmx_metric_add(flights->metrics->joined, 1);
	} else if (flights->pending >= flights->max_pending) {
		bmx_metric_add(flights->metrics->refused, 1);
	} else if ((flight = new_flight(flights, question)) != NULL) {
		*new_out = true;
		*at = flight;
		flight->upstream_has_it = true;
		flights->pending++;
		bmx_metric_set(flights->metrics->pending,
		               (int64_t)flights->pending);
		bmx_metric_add(flights->metrics->sent, 1);
	}
	if (flight)
		flight->waiters++;
	return flight;
}

/* Without the lock: libunbound may wait for its pipe. The caller is a waiter,
 * so no one cancels before the handle is known. */
static void
send_flight(struct bmx_dns_flights *flights, struct bmx_dns_flight *flight)
{
	void *handle = NULL;
	const int error = flights->upstream.start(flights->upstream.ctx,
	                                          &flight->question, on_answer,
	                                          flight, &handle);

	(void)pthread_mutex_lock(&flights->lock);
	flight->handle = handle;
	if (error) {
		flight->upstream_has_it = false;
		land(flights, flight, bmx_dns_answer_fixed(BMX_DNS_TEMPFAIL));
	}
	(void)pthread_mutex_unlock(&flights->lock);
}

struct bmx_dns_flight *
bmx_dns_flight_join(struct bmx_dns_flights *flights,
                    const struct bmx_dns_question *question,
                    const struct bmx_dns_answer **answer_out)
{
	struct bmx_dns_flight *flight = NULL;
	bool is_new = false;

	(void)pthread_mutex_lock(&flights->lock);
	/* It may have landed since the caller looked into the cache. */
	*answer_out = bmx_dns_cache_get(flights->cache, question);
	if (!*answer_out)
		flight = find_or_open(flights, question, &is_new);
	(void)pthread_mutex_unlock(&flights->lock);
	if (!*answer_out && !flight) {
		bmx_metric_add(flights->metrics->failed, 1);
		*answer_out = bmx_dns_answer_fixed(BMX_DNS_TEMPFAIL);
	}
	if (is_new)
		send_flight(flights, flight);
	return flight;
}

bool
bmx_dns_flight_landed(struct bmx_dns_flights *flights,
                      const struct bmx_dns_flight *flight)
{
	bool landed;

	(void)pthread_mutex_lock(&flights->lock);
	landed = flight->answer != NULL;
	(void)pthread_mutex_unlock(&flights->lock);
	return landed;
}

bool
bmx_dns_flight_watch(struct bmx_dns_flights *flights,
                     struct bmx_dns_flight *flight,
                     struct bmx_dns_landing *landing)
{
	bool open;

	(void)pthread_mutex_lock(&flights->lock);
	open = !flight->answer;
	if (open) {
		landing->next = flight->landings;
		if (landing->next)
			landing->next->at = &landing->next;
		landing->at = &flight->landings;
		flight->landings = landing;
	}
	(void)pthread_mutex_unlock(&flights->lock);
	return open;
}

void
bmx_dns_flight_unwatch(struct bmx_dns_flights *flights,
                       struct bmx_dns_landing *landing)
{
	(void)pthread_mutex_lock(&flights->lock);
	forget_landing(landing);
	(void)pthread_mutex_unlock(&flights->lock);
}

const struct bmx_dns_answer *
bmx_dns_flight_wait(struct bmx_dns_flights *flights,
                    struct bmx_dns_flight *flight, int64_t deadline_us)
{
	const int64_t until_us = deadline_us > 0 ? deadline_us : 0;
	const struct timespec until = {
		.tv_sec = (time_t)(until_us / 1000000),
		.tv_nsec = (long)(until_us % 1000000) * 1000,
	};
	const struct bmx_dns_answer *answer = NULL;
	int error = 0;

	(void)pthread_mutex_lock(&flights->lock);
	while (!flight->answer && error == 0)
		error = pthread_cond_timedwait(&flight->landed, &flights->lock,
		                               &until);
	if (flight->answer)
		answer = bmx_dns_answer_ref(flight->answer);
	(void)pthread_mutex_unlock(&flights->lock);
	return answer;
}

void
bmx_dns_flight_leave(struct bmx_dns_flights *flights,
                     struct bmx_dns_flight *flight)
{
	bool last;

	(void)pthread_mutex_lock(&flights->lock);
	last = --flight->waiters == 0;
	if (last && !flight->answer) {
		close_flight(flights, flight);
		bmx_metric_add(flights->metrics->cancelled, 1);
		if (flights->upstream.cancel(flights->upstream.ctx,
		                             flight->handle))
			flight->upstream_has_it = false;
	}
	last = last && !flight->upstream_has_it;
	(void)pthread_mutex_unlock(&flights->lock);
	if (last)
		free_flight(flight);
}
