/*
 * engine_log.c - counts what was decided and writes its line.
 */
#include "policyd/engine_priv.h"

#include <backupmx/policy_reply.h>

static enum bmx_decided
decided(const struct bmx_engine_ask *ask, const struct bmx_verdict *verdict)
{
	return bmx_decided_of(verdict->reply, bmx_engine_observes(ask));
}

static const char *
act_name(const struct bmx_engine_ask *ask, const struct bmx_verdict *verdict)
{
	return bmx_decided_name(decided(ask, verdict));
}

/* Whose decision it is: that of "*" when nobody can say whether the domain is
 * one of it; NULL: nobody's. */
static struct served_domain *
decider_of(const struct bmx_engine_ask *ask)
{
	switch (ask->facts.any) {
	case BMX_ANY_FACT_NONE:
	case BMX_ANY_FACT_NOT_OURS:
		return ask->served;
	case BMX_ANY_FACT_MISSING:
	case BMX_ANY_FACT_FAILED:
	case BMX_ANY_FACT_FULL:
		break;
	}
	return ask->served ?
		ask->served :
		&ask->setup->domains[bmx_config_any_domain(ask->setup->config)
	                                     ->index];
}

static void
count(struct bmx_engine_ask *ask, const struct bmx_verdict *verdict)
{
	struct bmx_engine *engine = ask->engine;
	struct served_domain *domain = decider_of(ask);
	struct bmx_metric **metric;

	engine->requests++;
	if (!domain)
		return;
	bmx_today_count(&engine->today, bmx_engine_wall_ms(ask),
	                decided(ask, verdict), verdict->why);
	metric = &domain->decisions[verdict->why];
	if (!*metric) {
		const struct bmx_metrics_label labels[] = {
			{"domain", domain->section->name},
			{"action", act_name(ask, verdict)},
			{"reason", bmx_why_name(verdict->why)},
		};

		*metric = bmx_metrics_counter(engine->parts.metrics,
		                              "backupmx_decisions_total",
		                              "Recipients decided.", labels, 3);
	}
	bmx_metric_add(*metric, 1);
}

static void
count_gate(struct bmx_engine_ask *ask)
{
	const struct bmx_metrics_label label = {
		"result", bmx_gate_why_name(ask->facts.gate.why)};

	bmx_metric_add(bmx_metrics_counter(ask->engine->parts.metrics,
	                                   "backupmx_gate_total",
	                                   "Valid recipients at the gate.",
	                                   &label, 1),
	               1);
}

static void
add_age(struct bmx_log_line *line, int64_t age_ms)
{
	char buffer[32];
	struct bmx_text text;

	if (age_ms < 0)
		return;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_u64(&text, (uint64_t)(age_ms / 1000));
	bmx_text_append_char(&text, 's');
	bmx_log_add(line, BMX_KEY_AGE, bmx_text_slice(&text));
}

/* Of the evidence that decided. */
static int64_t
age_of(const struct bmx_engine_ask *ask, const struct bmx_verdict *verdict)
{
	switch (verdict->origin) {
	case BMX_ORIGIN_CACHE:
		return ask->record_age_ms;
	case BMX_ORIGIN_LIST:
	case BMX_ORIGIN_NONE:
		return ask->list_age_ms;
	case BMX_ORIGIN_CALL_AHEAD:
	case BMX_ORIGIN_PRIMARY:
	case BMX_ORIGINS:
		break;
	}
	return -1;
}

static void
add_evidence(struct bmx_log_line *line, const struct bmx_engine_ask *ask,
             const struct bmx_verdict *verdict)
{
	if (ask->facts.list == BMX_LIST_NOT_ASKED)
		return;
	bmx_log_add_string(line, BMX_KEY_SRC, bmx_origin_name(verdict->origin));
	bmx_log_add_string(line, BMX_KEY_AUTHORITY,
	                   bmx_authority_name(ask->facts.authority));
	add_age(line, age_of(ask, verdict));
}

/* Why the primary did not decide, and what the gate said. */
static void
add_details(struct bmx_log_line *line, const struct bmx_engine_ask *ask)
{
	if (ask->facts.probe_fact == BMX_FACT_KNOWN &&
	    ask->facts.probe == BMX_PROBE_UNSURE)
		bmx_log_add_string(line, BMX_KEY_PROBE, ask->probe_why);
	if (ask->facts.gate_fact == BMX_FACT_KNOWN)
		bmx_log_add_string(line, BMX_KEY_GATE,
		                   bmx_gate_why_name(ask->facts.gate.why));
}

/* What other software must decide is no decision of ours: debug only. */
static enum bmx_log_level
level_of(const struct bmx_engine_ask *ask)
{
	return decider_of(ask) && ask->facts.rcpt_stage ? BMX_LOG_INFO :
							  BMX_LOG_DEBUG;
}

static void
log_decision(const struct bmx_engine_ask *ask,
             const struct bmx_verdict *verdict, int64_t us)
{
	const enum bmx_log_level level = level_of(ask);
	struct bmx_log *log = ask->engine->parts.log;
	struct bmx_log_line line;

	if (!bmx_log_enabled(log, level))
		return;
	bmx_log_begin_id(&line, log, level, ask->request.instance, "decision");
	bmx_log_add(&line, BMX_KEY_CLIENT, ask->request.client_address);
	bmx_log_add_address(&line, BMX_KEY_SENDER, ask->request.sender);
	bmx_log_add_address(&line, BMX_KEY_RCPT, ask->request.recipient);
	bmx_log_add_string(&line, BMX_KEY_ACT, act_name(ask, verdict));
	bmx_log_add_string(&line, BMX_KEY_WHY, bmx_why_name(verdict->why));
	add_evidence(&line, ask, verdict);
	add_details(&line, ask);
	bmx_log_add_ms(&line, us);
	bmx_log_end(&line);
}

void
bmx_engine_record(struct bmx_engine_ask *ask, const struct bmx_verdict *verdict,
                  int64_t us)
{
	bmx_histogram_observe(ask->engine->reply_seconds, us);
	count(ask, verdict);
	if (ask->facts.gate_fact == BMX_FACT_KNOWN)
		count_gate(ask);
	log_decision(ask, verdict, us);
}
