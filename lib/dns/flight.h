/*
 * flight.h - questions that are open: each is sent once, however many wait.
 *
 *	join -> (waiters come and go) -> landed, or cancelled by the last one
 */
#ifndef BACKUPMX_LIB_DNS_FLIGHT_H
#define BACKUPMX_LIB_DNS_FLIGHT_H

#include <stdbool.h>

#include <backupmx/dns.h>

#include "cache.h"
#include "counters.h"
#include "upstream.h"

struct bmx_dns_flight;
struct bmx_dns_flights;

/** Who is to be told that a flight has landed; the owner's memory, zeroed
 * before use. */
struct bmx_dns_landing {
	bmx_dns_notify_cb *cb;
	void *ctx;
	struct bmx_dns_landing *next;
	struct bmx_dns_landing **at; /* what points to it; NULL: not watching */
};

/**
 * Makes the table of open questions, at most max_pending. Answers go into
 * cache; cache and metrics must outlive the table, upstream becomes its own.
 * @return the table, or NULL when memory is short; upstream is then the
 *         caller's
 */
struct bmx_dns_flights *
bmx_dns_flights_new(const struct bmx_dns_upstream *upstream,
                    struct bmx_dns_cache *cache,
                    struct bmx_dns_metrics *metrics, size_t max_pending);

/** Stops the upstream, frees *flights and sets it to NULL. NULL is fine. */
void bmx_dns_flights_free(struct bmx_dns_flights **flights);

/**
 * Joins the open question, or asks it. The caller is then one of its waiters
 * until it calls bmx_dns_flight_leave.
 * @return the flight, or NULL with an answer in *answer_out: it came from the
 *         cache in the meantime, or the question could not be sent
 */
struct bmx_dns_flight *
bmx_dns_flight_join(struct bmx_dns_flights *flights,
                    const struct bmx_dns_question *question,
                    const struct bmx_dns_answer **answer_out);

/** Has the answer come? */
bool bmx_dns_flight_landed(struct bmx_dns_flights *flights,
                           const struct bmx_dns_flight *flight);

/**
 * Has landing->cb called with the lock held when the flight lands.
 * @return false when it has landed already: landing is not used
 */
bool bmx_dns_flight_watch(struct bmx_dns_flights *flights,
                          struct bmx_dns_flight *flight,
                          struct bmx_dns_landing *landing);

/** After it returns, landing->cb is not running and will not be called. */
void bmx_dns_flight_unwatch(struct bmx_dns_flights *flights,
                            struct bmx_dns_landing *landing);

/** Waits until deadline_us; a reference to the answer, or NULL. */
const struct bmx_dns_answer *
bmx_dns_flight_wait(struct bmx_dns_flights *flights,
                    struct bmx_dns_flight *flight, int64_t deadline_us);

/** One waiter less; the last one cancels a question that is still open. */
void bmx_dns_flight_leave(struct bmx_dns_flights *flights,
                          struct bmx_dns_flight *flight);

#endif
