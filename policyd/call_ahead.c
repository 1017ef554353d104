#include "policyd/call_ahead_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What a probe takes once it has its token, ms, if all goes well: who has less
 * time left is told at once, and does not use up a token in vain. */
#define ANSWER_MS 500
/* How often the same warning is written. */
#define WARN_MS INT64_C(60000)

int64_t
bmx_ca_now(const struct bmx_call_ahead *ca)
{
	return bmx_clock_mono_ms(ca->parts.loop->clock);
}

uint64_t
bmx_ca_random(struct bmx_call_ahead *ca)
{
	ca->randoms++;
	return bmx_siphash24(ca->key, &ca->randoms, sizeof(ca->randoms));
}

static int
copy_string(char *buffer, size_t size, const char *string,
            struct bmx_error *err)
{
	const size_t len = strlen(string);

	if (len >= size)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "longer than %zu octets: %.60s...",
		                     size - 1, string);
	memcpy(buffer, string, len + 1);
	return 0;
}

static int
take_settings(struct bmx_ca_settings *settings_out,
              const struct bmx_call_ahead_settings *from, struct bmx_error *err)
{
	struct bmx_ca_settings settings = {
		.tls = from->tls,
		.tls_context = from->tls_context,
		.rate = from->probe_rate,
		.connections = (size_t)from->probe_connections};

	assert(from->probe_rate >= 1 && from->probe_connections >= 1);
	assert(from->tls == BMX_TLS_NONE || from->tls_context);
	if (copy_string(settings.hostname, sizeof(settings.hostname),
	                from->hostname, err) != 0 ||
	    copy_string(settings.sender, sizeof(settings.sender),
	                from->probe_sender, err) != 0)
		return -1;
	*settings_out = settings;
	return 0;
}

static void
init(struct bmx_call_ahead *ca, const struct bmx_call_ahead_parts *parts)
{
	ca->parts = *parts;
	ca->refuses_null_sender = parts->refuses_null_sender;
	ca->refused_log.interval_ms = WARN_MS;
	for (size_t i = 0; i < BMX_CA_CHAINS; i++)
		LIST_INIT(&ca->table[i]);
	TAILQ_INIT(&ca->queue);
	TAILQ_INIT(&ca->sessions);
	bmx_siphash_random_key(ca->key);
	bmx_ca_metrics_init(&ca->metrics, parts->metrics);
}

struct bmx_call_ahead *
bmx_call_ahead_new(const struct bmx_call_ahead_parts *parts,
                   const struct bmx_call_ahead_settings *settings,
                   struct bmx_error *err)
{
	struct bmx_call_ahead *ca = calloc(1, sizeof(*ca));

	if (!ca) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
		return NULL;
	}
	init(ca, parts);
	if (take_settings(&ca->settings, settings, err) != 0) {
		bmx_call_ahead_free(&ca);
		return NULL;
	}
	bmx_circuit_init(&ca->breaker, BMX_CALL_AHEAD_FAILURES);
	bmx_backoff_init(&ca->backoff, BMX_CALL_AHEAD_REST_FIRST_MS,
	                 BMX_CALL_AHEAD_REST_MOST_MS);
	bmx_token_bucket_init(&ca->bucket, ca->settings.rate, bmx_ca_now(ca));
	ca->name = strdup(parts->name);
	ca->pump = bmx_timer_new(parts->loop, bmx_ca_on_pump, ca);
	if (!ca->name || !ca->pump) {
		bmx_call_ahead_free(&ca);
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	}
	return ca;
}

void
bmx_call_ahead_free(struct bmx_call_ahead **ca)
{
	struct bmx_call_ahead *c = *ca;

	if (!c)
		return;
	*ca = NULL;
	c->closing = true;
	bmx_ca_sessions_close(c);
	bmx_ca_probes_close(c);
	bmx_timer_free(c->parts.loop, &c->pump);
	free(c->name);
	free(c);
}

int
bmx_call_ahead_configure(struct bmx_call_ahead *ca,
                         const struct bmx_call_ahead_settings *settings,
                         struct bmx_error *err)
{
	if (take_settings(&ca->settings, settings, err) != 0)
		return -1;
	bmx_token_bucket_set_rate(&ca->bucket, ca->settings.rate,
	                          bmx_ca_now(ca));
	bmx_ca_sessions_close(ca);
	bmx_ca_pump_soon(ca);
	return 0;
}

void
bmx_call_ahead_retry(struct bmx_call_ahead *ca)
{
	bmx_circuit_success(&ca->breaker);
	bmx_backoff_reset(&ca->backoff);
}

void
bmx_call_ahead_renew(struct bmx_call_ahead *ca)
{
	struct bmx_ca_session *session;

	TAILQ_FOREACH(session, &ca->sessions, link)
	bmx_probe_session_quit(session->session);
}

/* Is a token due in time for an answer? Spare work does not wait for one. */
static bool
rate_allows(const struct bmx_call_ahead *ca,
            const struct bmx_call_ahead_request *request, int64_t deadline_ms)
{
	const int64_t now_ms = bmx_ca_now(ca);
	const int64_t wait_ms = bmx_token_bucket_wait_ms(
		&ca->bucket, ca->unpaid_count, request->background, now_ms);

	if (request->background)
		return wait_ms == 0;
	return wait_ms == 0 ||
		(wait_ms < BMX_CALL_AHEAD_PROBE_MS &&
	         now_ms + wait_ms + ANSWER_MS <= deadline_ms);
}

/* Starts a probe. BMX_CALL_AHEAD_ANSWERED: *probe_out is there; otherwise why
 * not. */
static enum bmx_call_ahead_why
start(struct bmx_call_ahead *ca, const struct bmx_call_ahead_request *request,
      int64_t deadline_ms, struct bmx_ca_probe **probe_out)
{
	const int64_t now_ms = bmx_ca_now(ca);
	enum bmx_call_ahead_why why = BMX_CALL_AHEAD_ANSWERED;

	if (ca->queue_count >= BMX_CALL_AHEAD_QUEUE_MAX)
		return BMX_CALL_AHEAD_BUSY;
	if (!bmx_circuit_admit(&ca->breaker, now_ms))
		return BMX_CALL_AHEAD_BREAKER;
	if (!rate_allows(ca, request, deadline_ms)) {
		why = BMX_CALL_AHEAD_RATE;
	} else {
		*probe_out = bmx_ca_probe_new(ca, request);
		if (!*probe_out)
			why = BMX_CALL_AHEAD_NO_MEMORY;
	}
	if (why != BMX_CALL_AHEAD_ANSWERED)
		bmx_circuit_return(&ca->breaker, now_ms);
	return why;
}

static enum bmx_call_ahead_why
find_or_start(struct bmx_call_ahead *ca,
              const struct bmx_call_ahead_request *request, int64_t deadline_ms,
              struct bmx_ca_probe **probe_out)
{
	if (ca->closing)
		return BMX_CALL_AHEAD_CLOSED;
	if (ca->wait_count >= BMX_CALL_AHEAD_WAITS_MAX)
		return BMX_CALL_AHEAD_BUSY;
	*probe_out = bmx_ca_probe_find(ca, request);
	if (!*probe_out)
		return start(ca, request, deadline_ms, probe_out);
	(*probe_out)->test_accept_all |= request->test_accept_all;
	(*probe_out)->had_valid |= request->had_valid;
	return BMX_CALL_AHEAD_ANSWERED;
}

struct bmx_call_ahead_wait *
bmx_call_ahead_ask(struct bmx_call_ahead *ca,
                   const struct bmx_call_ahead_request *request,
                   int64_t deadline_ms, bmx_call_ahead_cb *cb, void *ctx)
{
	static const struct bmx_probe_result unsure = {
		.outcome = BMX_PROBE_UNSURE};
	struct bmx_call_ahead_answer answer = {.probe = &unsure};
	struct bmx_call_ahead_wait *wait = NULL;
	struct bmx_ca_probe *probe = NULL;

	answer.why = find_or_start(ca, request, deadline_ms, &probe);
	if (answer.why == BMX_CALL_AHEAD_ANSWERED) {
		if (!cb)
			return NULL;
		wait = bmx_ca_probe_join(probe, deadline_ms, cb, ctx);
		if (wait)
			return wait;
		answer.why = BMX_CALL_AHEAD_NO_MEMORY;
	}
	bmx_ca_report_refused(ca, answer.why);
	if (cb) {
		bmx_ca_report_answer(ca, answer.why);
		cb(ctx, &answer);
	}
	return NULL;
}

void
bmx_call_ahead_leave(struct bmx_call_ahead_wait **wait)
{
	if (*wait)
		bmx_ca_wait_drop(*wait);
	*wait = NULL;
}

void
bmx_call_ahead_status(const struct bmx_call_ahead *ca,
                      struct bmx_call_ahead_status *status_out)
{
	*status_out = (struct bmx_call_ahead_status){
		.breaker = ca->breaker.state,
		.retry_in_ms =
			bmx_circuit_rest_ms(&ca->breaker, bmx_ca_now(ca)),
		.sessions = ca->session_count,
		.queue = ca->queue_count,
		.probes = ca->probe_count,
		.waits = ca->wait_count,
		.started = ca->started,
		.refuses_null_sender = ca->refuses_null_sender,
		.last_error = ca->last_error,
		.last_error_at_ms = ca->last_error_at_ms};
	memcpy(status_out->answers, ca->answers, sizeof(ca->answers));
	memcpy(status_out->outcomes, ca->outcomes, sizeof(ca->outcomes));
}

void
bmx_call_ahead_settings_of(const struct bmx_call_ahead *ca,
                           struct bmx_call_ahead_settings *settings_out)
{
	*settings_out = (struct bmx_call_ahead_settings){
		.hostname = ca->settings.hostname,
		.tls = ca->settings.tls,
		.tls_context = ca->settings.tls_context,
		.probe_sender = ca->settings.sender,
		.probe_rate = ca->settings.rate,
		.probe_connections = (int64_t)ca->settings.connections,
	};
}

struct bmx_target_tries *
bmx_call_ahead_tries(struct bmx_call_ahead *ca)
{
	return ca->parts.tries(ca->parts.ctx);
}
