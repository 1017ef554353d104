/* The queue of call-ahead, the targets it is served from, and the sessions. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/call_ahead_priv.h"
#include "policyd/probe_next.h"

void
bmx_ca_pump_soon(struct bmx_call_ahead *ca)
{
	if (!ca->closing)
		bmx_timer_set(ca->parts.loop, ca->pump, 0);
}

/* dane means refused, never in clear, where there is nothing to check. */
static void
refuse_target(struct bmx_ca_probe *probe, const struct bmx_target_try *at)
{
	struct bmx_text text;

	probe->tried = true;
	probe->last = (struct bmx_probe_result){.outcome = BMX_PROBE_UNSURE,
	                                        .why = BMX_PROBE_REFUSED_TLS};
	bmx_text_init(&text, probe->last.reply.text,
	              sizeof(probe->last.reply.text));
	bmx_text_printf(&text, "no TLSA records to check %s with",
	                at->host->name);
}

static struct bmx_target_name
name_of(const struct bmx_target_try *at)
{
	struct bmx_target_name name = {.len = at->address_len};

	memcpy(&name.address, &at->address, at->address_len);
	return name;
}

static bool
has_failed(const struct bmx_ca_probe *probe, const struct bmx_target_name *name)
{
	for (size_t i = 0; i < probe->failed_count; i++)
		if (bmx_target_name_equal(&probe->failed[i], name))
			return true;
	return false;
}

static bool
is_wanted(struct bmx_ca_probe *probe, const struct bmx_target_try *at)
{
	struct bmx_call_ahead *ca = probe->ca;
	const struct bmx_target_name name = name_of(at);

	if (has_failed(probe, &name))
		return false;
	if (bmx_target_memory_has(&ca->memory, &name, bmx_ca_now(ca)) !=
	    probe->second_walk)
		return false;
	if (ca->settings.tls != BMX_TLS_DANE || at->dane_ok)
		return true;
	refuse_target(probe, at);
	return false;
}

/*
 * The next target, in two walks: those that have failed just before come
 * last. false with probe->at NULL: there is none left.
 */
static bool
next_target(struct bmx_ca_probe *probe)
{
	struct bmx_call_ahead *ca = probe->ca;

	probe->at = NULL;
	if (probe->failed_count == BMX_CA_TRIES_MAX)
		return false;
	for (;;) {
		if (!probe->tries)
			probe->tries = ca->parts.tries(ca->parts.ctx);
		if (!probe->tries)
			return false;
		do
			probe->at = bmx_target_tries_next(probe->tries);
		while (probe->at && !is_wanted(probe, probe->at));
		if (probe->at || probe->second_walk)
			return probe->at != NULL;
		probe->second_walk = true;
		bmx_target_tries_free(&probe->tries);
	}
}

/* Notes it for this probe, and for those to come. */
static void
target_failed(struct bmx_ca_probe *probe, const struct bmx_ca_session *session)
{
	struct bmx_call_ahead *ca = probe->ca;

	bmx_target_memory_failed(&ca->memory, &session->target, bmx_ca_now(ca));
	if (probe->failed_count < BMX_CA_TRIES_MAX)
		probe->failed[probe->failed_count++] = session->target;
}

static void
on_result(struct bmx_ca_probe *probe, const struct bmx_ca_session *session,
          const struct bmx_probe_result *result)
{
	const struct bmx_probe_next_facts facts = {
		.result = result,
		.left_ms = probe->ends_ms - bmx_ca_now(probe->ca),
		.was_in_clear = probe->in_clear,
		.was_again = probe->again};

	probe->last = *result;
	probe->tried = true;
	switch (bmx_probe_next(&facts)) {
	case BMX_PROBE_NEXT_IN_CLEAR:
		probe->in_clear = true;
		break;
	case BMX_PROBE_NEXT_AGAIN: /* other used ones may be as dead */
		probe->again = true;
		probe->wants_new = true;
		break;
	case BMX_PROBE_NEXT_TARGET:
		probe->in_clear = false;
		target_failed(probe, session);
		if (next_target(probe))
			break;
		bmx_ca_probe_end(probe, BMX_CALL_AHEAD_ANSWERED);
		return;
	case BMX_PROBE_NEXT_END:
		bmx_ca_probe_end(probe, BMX_CALL_AHEAD_ANSWERED);
		return;
	}
	/* Ahead of all that have had no try. */
	bmx_ca_probe_enqueue(probe, true);
}

static void
on_job(void *ctx, const struct bmx_probe_result *result)
{
	struct bmx_ca_session *session = ctx;
	struct bmx_call_ahead *ca = session->ca;
	struct bmx_ca_probe *probe = session->probe;

	assert(probe);
	session->probe = NULL;
	probe->session = NULL;
	if (bmx_probe_says(result) == BMX_PROBE_SAYS_WORKS) {
		session->accepted = true;
		bmx_target_memory_works(&ca->memory, &session->target);
	}
	if (session->accepted)
		bmx_ca_report_contact(session, NULL);
	bmx_ca_report_try(ca, session->host, result);
	on_result(probe, session, result);
	bmx_ca_pump_soon(ca);
}

static void
on_idle(void *ctx)
{
	struct bmx_ca_session *session = ctx;

	session->accepted = true;
	bmx_ca_report_contact(session, NULL);
	bmx_ca_pump_soon(session->ca);
}

static void
on_keywords(void *ctx, const struct bmx_smtp_keywords *keywords)
{
	struct bmx_ca_session *session = ctx;

	session->accepted = true;
	session->keywords = *keywords;
}

static void
forget_session(struct bmx_ca_session *session)
{
	TAILQ_REMOVE(&session->ca->sessions, session, link);
	session->ca->session_count--;
	bmx_probe_session_free(&session->session);
	free(session);
}

static void
on_closed(void *ctx, const struct bmx_probe_closed *closed)
{
	struct bmx_ca_session *session = ctx;
	struct bmx_call_ahead *ca = session->ca;

	assert(!session->probe);
	bmx_ca_report_contact(session, closed);
	if (closed->refuses_null_sender && !ca->refuses_null_sender) {
		ca->refuses_null_sender = true;
		if (ca->parts.on_refuses_null_sender)
			ca->parts.on_refuses_null_sender(ca->parts.ctx);
	}
	forget_session(session);
	bmx_ca_pump_soon(ca);
}

static void
connect_session(struct bmx_ca_session *session,
                const struct bmx_ca_probe *probe)
{
	const struct bmx_call_ahead *ca = session->ca;
	const struct bmx_target_host *host = probe->at->host;
	const struct bmx_ca_settings *settings = &ca->settings;
	const bool clear = probe->in_clear || settings->tls == BMX_TLS_NONE;
	const struct bmx_probe_session_parts parts = {
		.loop = ca->parts.loop,
		.address = (const struct sockaddr *)&session->target.address,
		.address_len = session->target.len,
		.dialogue = {.hostname = settings->hostname,
	                     .sender = settings->sender,
	                     .refuses_null_sender = ca->refuses_null_sender,
	                     .tls = clear ? BMX_TLS_NONE : settings->tls},
		.host = host->name,
		.tls_context = clear ? NULL : settings->tls_context,
		.tlsa = host->tlsa,
		.tlsa_count = host->tlsa_count,
		.callbacks = {.on_job = on_job,
	                      .on_idle = on_idle,
	                      .on_keywords = on_keywords,
	                      .on_closed = on_closed,
	                      .ctx = session},
	};

	session->session = bmx_probe_session_new(&parts, NULL);
}

/* A new session to the probe's target; NULL when memory or descriptors are
 * short. */
static struct bmx_ca_session *
open_session(struct bmx_ca_probe *probe)
{
	struct bmx_ca_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->ca = probe->ca;
	session->began_ms = bmx_ca_now(probe->ca);
	session->target = name_of(probe->at);
	(void)snprintf(session->host, sizeof(session->host),
	               strchr(probe->at->host->name, ':') ? "[%s]:%u" : "%s:%u",
	               probe->at->host->name, (unsigned)probe->at->host->port);
	connect_session(session, probe);
	if (!session->session) {
		free(session);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&probe->ca->sessions, session, link);
	probe->ca->session_count++;
	return session;
}

static bool
takes_job(const struct bmx_ca_session *session)
{
	return bmx_probe_session_takes_job(session->session) &&
		bmx_ca_now(session->ca) - session->began_ms <
		BMX_CALL_AHEAD_SESSION_MS;
}

static struct bmx_ca_session *
free_session(const struct bmx_call_ahead *ca)
{
	struct bmx_ca_session *session;

	TAILQ_FOREACH(session, &ca->sessions, link)
	if (takes_job(session))
		break;
	return session;
}

/* Idle ones that are too old make room. */
static void
quit_old_sessions(struct bmx_call_ahead *ca)
{
	struct bmx_ca_session *session;

	TAILQ_FOREACH(session, &ca->sessions, link)
	if (bmx_probe_session_takes_job(session->session) &&
	    !takes_job(session))
		bmx_probe_session_quit(session->session);
}

static bool
pay(struct bmx_call_ahead *ca, struct bmx_ca_probe *probe)
{
	const int64_t now_ms = bmx_ca_now(ca);

	if (probe->paid)
		return true;
	if (!bmx_token_bucket_take(&ca->bucket, false, now_ms)) {
		bmx_timer_set(ca->parts.loop, ca->pump,
		              bmx_token_bucket_wait_ms(&ca->bucket, 0, false,
		                                       now_ms));
		return false;
	}
	probe->paid = true;
	ca->unpaid_count--;
	return true;
}

/* May end the probe, at once or within. */
static void
give(struct bmx_ca_session *session, struct bmx_ca_probe *probe)
{
	const int64_t left_ms = probe->ends_ms - bmx_ca_now(probe->ca);
	char random[BMX_PROBE_RANDOM_LOCAL_BUFFER];
	struct bmx_probe_job job = {
		.local = {probe->local, probe->local_len},
		.domain = {probe->domain, probe->domain_len},
		.confirm = probe->had_valid};

	if (probe->test_accept_all) {
		bmx_probe_random_local(bmx_ca_random(probe->ca), random);
		job.random_local = bmx_slice_of(random);
	}
	session->probe = probe;
	probe->session = session;
	probe->confirms = probe->had_valid;
	probe->wants_new = false;
	probe->contacted = true;
	bmx_probe_session_give(session->session, &job,
	                       left_ms > 0 ? left_ms : 1);
}

/* A session for the probe, old or new. NULL: the probe has been ended. */
static struct bmx_ca_session *
session_for(struct bmx_ca_probe *probe)
{
	struct bmx_ca_session *session =
		probe->wants_new ? NULL : free_session(probe->ca);

	if (session)
		return session;
	if (!probe->at && !next_target(probe)) {
		bmx_ca_probe_end(probe,
		                 probe->tried ? BMX_CALL_AHEAD_ANSWERED :
		                                BMX_CALL_AHEAD_NO_TARGET);
		return NULL;
	}
	session = open_session(probe);
	if (!session)
		bmx_ca_probe_end(probe, BMX_CALL_AHEAD_NO_MEMORY);
	return session;
}

/* Is there a session for the probe, or room for one? */
static bool
has_room(const struct bmx_call_ahead *ca, const struct bmx_ca_probe *probe)
{
	return ca->session_count < ca->settings.connections ||
		(!probe->wants_new && free_session(ca));
}

/* What waits shares the fate of what is asked now. */
static void
refuse_queue(struct bmx_call_ahead *ca)
{
	struct bmx_ca_probe *probe, *next;

	for (probe = TAILQ_FIRST(&ca->queue); probe; probe = next) {
		next = TAILQ_NEXT(probe, link);
		if (!probe->trial)
			bmx_ca_probe_end(probe, BMX_CALL_AHEAD_BREAKER);
	}
}

void
bmx_ca_on_pump(void *ctx)
{
	struct bmx_call_ahead *ca = ctx;
	struct bmx_ca_probe *probe;
	struct bmx_ca_session *session;

	if (ca->breaker.state != BMX_CIRCUIT_CLOSED)
		refuse_queue(ca);
	quit_old_sessions(ca);
	while ((probe = TAILQ_FIRST(&ca->queue)) != NULL) {
		if (!has_room(ca, probe) || !pay(ca, probe))
			return;
		bmx_ca_probe_dequeue(probe);
		session = session_for(probe);
		if (session)
			give(session, probe);
	}
}

void
bmx_ca_sessions_close(struct bmx_call_ahead *ca)
{
	while (!TAILQ_EMPTY(&ca->sessions)) {
		struct bmx_ca_session *session = TAILQ_FIRST(&ca->sessions);
		struct bmx_ca_probe *probe = session->probe;

		forget_session(session);
		if (!probe)
			continue;
		probe->session = NULL;
		bmx_target_tries_free(&probe->tries);
		probe->at = NULL;
		probe->second_walk = false;
		probe->in_clear = false;
		bmx_ca_probe_enqueue(probe, true);
	}
}
