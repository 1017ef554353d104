/* What call-ahead tells of itself: names, metrics, log, status, contacts. */
#include <assert.h>

#include "policyd/call_ahead_priv.h"
#include "policyd/probe_next.h"

static const char *const why_names[] = {
	[BMX_CALL_AHEAD_ANSWERED] = "answered",
	[BMX_CALL_AHEAD_LATE] = "late",
	[BMX_CALL_AHEAD_NO_TARGET] = "no-target",
	[BMX_CALL_AHEAD_RATE] = "rate",
	[BMX_CALL_AHEAD_BUSY] = "busy",
	[BMX_CALL_AHEAD_BREAKER] = "breaker",
	[BMX_CALL_AHEAD_NO_MEMORY] = "no-memory",
	[BMX_CALL_AHEAD_CLOSED] = "closed",
};
static_assert(sizeof(why_names) / sizeof(why_names[0]) == BMX_CALL_AHEAD_WHYS,
              "each why has a name");

const char *
bmx_call_ahead_why_name(enum bmx_call_ahead_why why)
{
	return why_names[why];
}

static struct bmx_metric *
counter(struct bmx_metrics *registry, const char *result)
{
	const struct bmx_metrics_label label = {"result", result};

	return bmx_metrics_counter(registry, "backupmx_call_ahead_total",
	                           "Probes of primaries, by result", &label, 1);
}

void
bmx_ca_metrics_init(struct bmx_ca_metrics *metrics,
                    struct bmx_metrics *registry)
{
	for (int i = 0; i < BMX_CALL_AHEAD_WHYS; i++)
		if (i != BMX_CALL_AHEAD_ANSWERED && i != BMX_CALL_AHEAD_LATE)
			metrics->why[i] = counter(registry, why_names[i]);
	for (int i = 0; i < BMX_PROBE_OUTCOMES; i++)
		if (i != BMX_PROBE_UNSURE)
			metrics->outcome[i] =
				counter(registry,
			                bmx_probe_outcome_name(
						(enum bmx_probe_outcome)i));
	for (int i = 0; i < BMX_PROBE_WHYS; i++)
		if (i != BMX_PROBE_WHY_NONE)
			metrics->unsure[i] = counter(
				registry,
				bmx_probe_why_name((enum bmx_probe_why)i));
	metrics->late = bmx_metrics_counter(
		registry, "backupmx_call_ahead_late_total",
		"Recipients that could not wait for their probe", NULL, 0);
}

void
bmx_ca_report_answer(struct bmx_call_ahead *ca, enum bmx_call_ahead_why why)
{
	ca->answers[why]++;
	if (why == BMX_CALL_AHEAD_LATE)
		bmx_metric_add(ca->metrics.late, 1);
}

void
bmx_ca_report_refused(struct bmx_call_ahead *ca, enum bmx_call_ahead_why why)
{
	bmx_metric_add(ca->metrics.why[why], 1);
}

static void
log_breaker(struct bmx_call_ahead *ca, enum bmx_circuit_state before)
{
	const bool opened = ca->breaker.state == BMX_CIRCUIT_OPEN;
	struct bmx_log_line line;

	/* From open to half open and back is no news. */
	if (opened ? before != BMX_CIRCUIT_CLOSED :
	             ca->breaker.state != BMX_CIRCUIT_CLOSED ||
	                    before == BMX_CIRCUIT_CLOSED)
		return;
	bmx_log_begin(&line, ca->parts.log,
	              opened ? BMX_LOG_WARN : BMX_LOG_INFO,
	              opened ? "call-ahead-paused" : "call-ahead-resumed");
	bmx_log_add_string(&line, BMX_KEY_PRIMARY, ca->name);
	if (opened)
		bmx_log_add_string(&line, BMX_KEY_ERR, ca->last_error);
	bmx_log_end(&line);
}

/* What had passed before it opened says nothing new. */
static void
count_failure(struct bmx_call_ahead *ca, int64_t now_ms)
{
	int64_t rest_ms = 0;

	if (ca->breaker.state == BMX_CIRCUIT_OPEN)
		return;
	if (bmx_circuit_would_open(&ca->breaker))
		rest_ms =
			bmx_backoff_next_about(&ca->backoff, bmx_ca_random(ca));
	bmx_circuit_failure(&ca->breaker, now_ms, rest_ms);
}

/* An own trouble says nothing of the primary; so does a probe that was given
 * up before it had a session. */
static void
tell_breaker(const struct bmx_ca_probe *probe, enum bmx_call_ahead_why why)
{
	struct bmx_call_ahead *ca = probe->ca;
	const enum bmx_circuit_state before = ca->breaker.state;
	const int64_t now_ms = bmx_ca_now(ca);
	enum bmx_probe_says says = BMX_PROBE_SAYS_NOTHING;

	if (why == BMX_CALL_AHEAD_ANSWERED && probe->contacted)
		says = bmx_probe_says(&probe->last);
	switch (says) {
	case BMX_PROBE_SAYS_WORKS:
		bmx_call_ahead_retry(ca);
		break;
	case BMX_PROBE_SAYS_FAILS:
		count_failure(ca, now_ms);
		break;
	case BMX_PROBE_SAYS_NOTHING:
		if (probe->trial)
			bmx_circuit_return(&ca->breaker, now_ms);
		break;
	}
	log_breaker(ca, before);
}

static void
log_end(const struct bmx_ca_probe *probe, enum bmx_call_ahead_why why)
{
	const struct bmx_call_ahead *ca = probe->ca;
	const struct bmx_probe_result *last = &probe->last;
	struct bmx_log_line line;

	if (!bmx_log_enabled(ca->parts.log, BMX_LOG_DEBUG))
		return;
	bmx_log_begin(&line, ca->parts.log, BMX_LOG_DEBUG, "probe");
	bmx_log_add_string(&line, BMX_KEY_PRIMARY, ca->name);
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, probe->domain);
	bmx_log_add_address(&line, BMX_KEY_RCPT,
	                    (struct bmx_slice){probe->local, probe->local_len});
	if (why != BMX_CALL_AHEAD_ANSWERED) {
		bmx_log_add_string(&line, BMX_KEY_WHY, why_names[why]);
	} else {
		bmx_log_add_string(&line, BMX_KEY_RESULT,
		                   bmx_probe_outcome_name(last->outcome));
		bmx_log_add_string(&line, BMX_KEY_WHY,
		                   bmx_probe_why_name(last->why));
		bmx_log_add_u64(&line, BMX_KEY_REPLY,
		                (uint64_t)last->reply.code);
		bmx_log_add_string(&line, BMX_KEY_ERR, last->reply.text);
	}
	bmx_log_add_ms(&line, (bmx_ca_now(ca) - probe->began_ms) * 1000);
	bmx_log_end(&line);
}

void
bmx_ca_report_end(const struct bmx_ca_probe *probe, enum bmx_call_ahead_why why)
{
	struct bmx_call_ahead *ca = probe->ca;
	const struct bmx_probe_result *last = &probe->last;

	if (why != BMX_CALL_AHEAD_ANSWERED)
		bmx_metric_add(ca->metrics.why[why], 1);
	else if (last->outcome != BMX_PROBE_UNSURE)
		bmx_metric_add(ca->metrics.outcome[last->outcome], 1);
	else if (last->why != BMX_PROBE_WHY_NONE)
		bmx_metric_add(ca->metrics.unsure[last->why], 1);
	ca->outcomes[why == BMX_CALL_AHEAD_ANSWERED ? last->outcome :
	                                              BMX_PROBE_UNSURE]++;
	tell_breaker(probe, why);
	log_end(probe, why);
}

static void
append_reply(struct bmx_text *text, const struct bmx_smtp_reply *reply)
{
	if (reply->code != 0)
		bmx_text_printf(text, "%d ", reply->code);
	if (reply->code != 0 && reply->enhanced[0] != 0)
		bmx_text_printf(text, "%d.%d.%d ", reply->enhanced[0],
		                reply->enhanced[1], reply->enhanced[2]);
	bmx_text_append_clean(text, bmx_slice_of(reply->text),
	                      BMX_SMTP_TEXT_MAX);
}

/* A primary that does not greet us is told of by its owner (on_contact), one
 * that has lost its users by the learner. */
static bool
is_told_here(enum bmx_probe_why why)
{
	return bmx_probe_why_is_refusal(why) &&
		why != BMX_PROBE_REFUSED_GREETING &&
		why != BMX_PROBE_REFUSED_HELO;
}

void
bmx_ca_report_try(struct bmx_call_ahead *ca, const char *host,
                  const struct bmx_probe_result *result)
{
	char buffer[BMX_SMTP_TEXT_MAX + 32];
	struct bmx_text text;
	struct bmx_log_line line;
	uint64_t suppressed;

	if (!is_told_here(result->why) ||
	    !bmx_log_throttle_pass(&ca->refused_log, ca->parts.loop->clock,
	                           &suppressed))
		return;
	bmx_text_init(&text, buffer, sizeof(buffer));
	append_reply(&text, &result->reply);
	bmx_log_begin(&line, ca->parts.log, BMX_LOG_WARN, "primary-refuses");
	bmx_log_add_string(&line, BMX_KEY_PRIMARY, host);
	bmx_log_add_string(&line, BMX_KEY_WHY, bmx_probe_why_name(result->why));
	bmx_log_add(&line, BMX_KEY_ERR, bmx_text_slice(&text));
	if (suppressed > 0)
		bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_end(&line);
}

static void
remember_error(struct bmx_call_ahead *ca, const char *host,
               const struct bmx_smtp_reply *reply)
{
	struct bmx_text text;

	bmx_text_init(&text, ca->last_error, sizeof(ca->last_error));
	bmx_text_printf(&text, "%s: ", host);
	append_reply(&text, reply);
	ca->last_error_at_ms = bmx_clock_wall_ms(ca->parts.loop->clock);
}

void
bmx_ca_report_contact(struct bmx_ca_session *session,
                      const struct bmx_probe_closed *closed)
{
	struct bmx_call_ahead *ca = session->ca;
	/* Without TLS that we insist on it serves us not, but it is up. */
	const bool good = session->accepted || (closed && closed->accepted);
	struct bmx_call_ahead_contact contact = {.good = good,
	                                         .host = session->host,
	                                         .text = "",
	                                         .keywords =
	                                                 &session->keywords};

	if (closed && closed->why != BMX_PROBE_WHY_NONE)
		remember_error(ca, session->host, &closed->reply);
	/* One that we ended before it got there has told nothing. */
	if (session->told || (!good && closed->why == BMX_PROBE_WHY_NONE))
		return;
	session->told = true;
	if (!good) {
		contact.refused = closed->connected &&
			bmx_probe_why_is_refusal(closed->why);
		contact.text = ca->last_error;
	}
	if (ca->parts.on_contact)
		ca->parts.on_contact(ca->parts.ctx, &contact);
}
