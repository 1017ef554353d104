/* Probes of call-ahead, and who waits for them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/call_ahead_priv.h"

/* The chain of an address. A NUL parts domain and local part: neither has
 * one. */
static size_t
chain_of(const struct bmx_call_ahead *ca, struct bmx_slice domain,
         struct bmx_slice local)
{
	char both[BMX_DOMAIN_BUFFER + BMX_LOCAL_BUFFER];
	struct bmx_text text;

	bmx_text_init(&text, both, sizeof(both));
	bmx_text_append(&text, domain);
	bmx_text_append_char(&text, '\0');
	bmx_text_append(&text, local);
	return (size_t)bmx_siphash24(ca->key, both, text.len) % BMX_CA_CHAINS;
}

struct bmx_ca_probe *
bmx_ca_probe_find(struct bmx_call_ahead *ca,
                  const struct bmx_call_ahead_request *request)
{
	const size_t chain = chain_of(ca, request->domain, request->local);
	struct bmx_ca_probe *probe;

	LIST_FOREACH(probe, &ca->table[chain], chain)
	{
		const struct bmx_slice domain = {probe->domain,
		                                 probe->domain_len};
		const struct bmx_slice local = {probe->local, probe->local_len};

		if (bmx_slice_equal(domain, request->domain) &&
		    bmx_slice_equal(local, request->local))
			return probe;
	}
	return NULL;
}

static void
set_wake(struct bmx_ca_probe *probe, int64_t wake_ms)
{
	const int64_t now_ms = bmx_ca_now(probe->ca);

	if (wake_ms >= probe->wake_ms)
		return;
	probe->wake_ms = wake_ms;
	bmx_timer_set(probe->ca->parts.loop, probe->timer,
	              wake_ms > now_ms ? wake_ms - now_ms : 0);
}

/* Of the probe itself and of all that wait. */
static void
set_next_wake(struct bmx_ca_probe *probe)
{
	struct bmx_call_ahead_wait *wait;
	int64_t wake_ms = probe->queued ? probe->ends_ms : INT64_MAX;

	TAILQ_FOREACH(wait, &probe->waits, link)
	if (wait->deadline_ms < wake_ms)
		wake_ms = wait->deadline_ms;
	probe->wake_ms = INT64_MAX;
	bmx_timer_cancel(probe->ca->parts.loop, probe->timer);
	set_wake(probe, wake_ms);
}

/* cb is called last: it may ask again, or leave for others. */
static void
tell(struct bmx_call_ahead_wait *wait,
     const struct bmx_call_ahead_answer *answer)
{
	bmx_call_ahead_cb *cb = wait->cb;
	void *ctx = wait->ctx;

	bmx_ca_report_answer(wait->probe->ca, answer->why);
	bmx_ca_wait_drop(wait);
	cb(ctx, answer);
}

static void
tell_late(struct bmx_ca_probe *probe)
{
	static const struct bmx_probe_result unsure = {
		.outcome = BMX_PROBE_UNSURE};
	const struct bmx_call_ahead_answer answer = {BMX_CALL_AHEAD_LATE,
	                                             &unsure};
	const int64_t now_ms = bmx_ca_now(probe->ca);
	struct bmx_call_ahead_wait *wait;

	/* From the start again after each: a callback may change the list. */
	do {
		TAILQ_FOREACH(wait, &probe->waits, link)
		if (wait->deadline_ms <= now_ms)
			break;
		if (wait)
			tell(wait, &answer);
	} while (wait);
}

static void
on_timer(void *ctx)
{
	struct bmx_ca_probe *probe = ctx;
	struct bmx_call_ahead *ca = probe->ca;
	const int64_t now_ms = bmx_ca_now(ca);

	probe->wake_ms = INT64_MAX;
	tell_late(probe);
	if (!probe->queued || now_ms < probe->ends_ms)
		set_next_wake(probe);
	else if (probe->tried)
		bmx_ca_probe_end(probe, BMX_CALL_AHEAD_ANSWERED);
	else if (!probe->paid &&
	         bmx_token_bucket_wait_ms(&ca->bucket, 0, false, now_ms) > 0)
		bmx_ca_probe_end(probe, BMX_CALL_AHEAD_RATE);
	else
		bmx_ca_probe_end(probe, BMX_CALL_AHEAD_BUSY);
}

static void
take_request(struct bmx_ca_probe *probe,
             const struct bmx_call_ahead_request *request)
{
	assert(request->domain.len < sizeof(probe->domain));
	assert(request->local.len < sizeof(probe->local));
	memcpy(probe->domain, request->domain.data, request->domain.len);
	memcpy(probe->local, request->local.data, request->local.len);
	probe->domain_len = request->domain.len;
	probe->local_len = request->local.len;
	probe->test_accept_all = request->test_accept_all;
	probe->had_valid = request->had_valid;
	probe->background = request->background;
}

struct bmx_ca_probe *
bmx_ca_probe_new(struct bmx_call_ahead *ca,
                 const struct bmx_call_ahead_request *request)
{
	struct bmx_ca_probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return NULL;
	probe->timer = bmx_timer_new(ca->parts.loop, on_timer, probe);
	if (!probe->timer) {
		free(probe);
		return NULL;
	}
	probe->ca = ca;
	take_request(probe, request);
	probe->trial = ca->breaker.state == BMX_CIRCUIT_HALF_OPEN;
	probe->last.outcome = BMX_PROBE_UNSURE;
	probe->began_ms = bmx_ca_now(ca);
	probe->ends_ms = probe->began_ms + BMX_CALL_AHEAD_PROBE_MS;
	probe->wake_ms = INT64_MAX;
	TAILQ_INIT(&probe->waits);
	LIST_INSERT_HEAD(
		&ca->table[chain_of(ca, request->domain, request->local)],
		probe, chain);
	ca->probe_count++;
	ca->started++;
	bmx_ca_probe_enqueue(probe, false);
	return probe;
}

struct bmx_call_ahead_wait *
bmx_ca_probe_join(struct bmx_ca_probe *probe, int64_t deadline_ms,
                  bmx_call_ahead_cb *cb, void *ctx)
{
	struct bmx_call_ahead_wait *wait = calloc(1, sizeof(*wait));

	if (!wait)
		return NULL;
	wait->probe = probe;
	wait->deadline_ms = deadline_ms;
	wait->cb = cb;
	wait->ctx = ctx;
	TAILQ_INSERT_TAIL(&probe->waits, wait, link);
	probe->ca->wait_count++;
	set_wake(probe, deadline_ms);
	return wait;
}

void
bmx_ca_wait_drop(struct bmx_call_ahead_wait *wait)
{
	TAILQ_REMOVE(&wait->probe->waits, wait, link);
	wait->probe->ca->wait_count--;
	free(wait);
}

void
bmx_ca_probe_enqueue(struct bmx_ca_probe *probe, bool front)
{
	struct bmx_call_ahead *ca = probe->ca;

	assert(!probe->queued);
	if (front)
		TAILQ_INSERT_HEAD(&ca->queue, probe, link);
	else
		TAILQ_INSERT_TAIL(&ca->queue, probe, link);
	probe->queued = true;
	ca->queue_count++;
	ca->unpaid_count += !probe->paid;
	set_wake(probe, probe->ends_ms);
	bmx_ca_pump_soon(ca);
}

void
bmx_ca_probe_dequeue(struct bmx_ca_probe *probe)
{
	struct bmx_call_ahead *ca = probe->ca;

	assert(probe->queued);
	TAILQ_REMOVE(&ca->queue, probe, link);
	probe->queued = false;
	ca->queue_count--;
	ca->unpaid_count -= !probe->paid;
}

/* Nothing finds it any more but those that wait for it. */
static void
detach(struct bmx_ca_probe *probe)
{
	if (probe->queued)
		bmx_ca_probe_dequeue(probe);
	if (probe->session)
		probe->session->probe = NULL;
	probe->session = NULL;
	LIST_REMOVE(probe, chain);
	probe->ca->probe_count--;
	bmx_timer_free(probe->ca->parts.loop, &probe->timer);
	bmx_target_tries_free(&probe->tries);
	probe->at = NULL;
}

static void
tell_result(const struct bmx_ca_probe *probe,
            const struct bmx_call_ahead_answer *answer)
{
	const struct bmx_call_ahead_parts *parts = &probe->ca->parts;
	const struct bmx_call_ahead_request request = {
		.domain = {probe->domain, probe->domain_len},
		.local = {probe->local, probe->local_len},
		.test_accept_all = probe->test_accept_all,
		.had_valid = probe->confirms,
		.background = probe->background};

	if (parts->on_result)
		parts->on_result(parts->ctx, &request, answer);
}

static void
tell_all(struct bmx_ca_probe *probe, const struct bmx_call_ahead_answer *answer)
{
	while (!TAILQ_EMPTY(&probe->waits))
		tell(TAILQ_FIRST(&probe->waits), answer);
}

void
bmx_ca_probe_end(struct bmx_ca_probe *probe, enum bmx_call_ahead_why why)
{
	static const struct bmx_probe_result unsure = {
		.outcome = BMX_PROBE_UNSURE};
	const struct bmx_call_ahead_answer answer = {
		why, why == BMX_CALL_AHEAD_ANSWERED ? &probe->last : &unsure};

	detach(probe);
	bmx_ca_report_end(probe, why);
	tell_result(probe, &answer);
	tell_all(probe, &answer);
	free(probe);
}

void
bmx_ca_probes_close(struct bmx_call_ahead *ca)
{
	static const struct bmx_probe_result unsure = {
		.outcome = BMX_PROBE_UNSURE};
	const struct bmx_call_ahead_answer answer = {BMX_CALL_AHEAD_CLOSED,
	                                             &unsure};

	for (size_t i = 0; i < BMX_CA_CHAINS; i++) {
		while (!LIST_EMPTY(&ca->table[i])) {
			struct bmx_ca_probe *probe = LIST_FIRST(&ca->table[i]);

			detach(probe);
			tell_all(probe, &answer);
			free(probe);
		}
	}
}
