#include "policyd/reports.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <sysexits.h>
#include <unistd.h>

#include <backupmx/policy_reply.h>

#include "policyd/control.h"
#include "policyd/report_counts.h"

static const char *
mode_name(enum bmx_config_mode mode)
{
	return mode == BMX_MODE_OBSERVE ? "observe" : "enforce";
}

/* Paths and what is told of them are octets; jansson takes UTF-8 alone. */
static json_t *
text_of(const char *octets)
{
	return bmx_control_text(bmx_slice_of(octets));
}

static json_t *
list_object(const struct bmx_engine_list *list)
{
	char digest[17];

	if (!list->present)
		return json_null();
	(void)snprintf(digest, sizeof(digest), "%016" PRIx64,
	               list->meta.digest);
	return json_pack("{s:I, s:I, s:s, s:o, s:I, s:I, s:I}", "generation",
	                 (json_int_t)list->meta.generation, "entries",
	                 (json_int_t)list->meta.count, "digest", digest,
	                 "source", text_of(list->meta.source), "updated_at",
	                 (json_int_t)(list->meta.updated_at_ms / 1000),
	                 "synced_at",
	                 (json_int_t)(list->meta.synced_at_ms / 1000), "age_s",
	                 (json_int_t)(list->age_ms / 1000));
}

static json_t *
sync_object(const struct bmx_sync *sync, const char *domain)
{
	struct bmx_sync_status status;

	if (bmx_sync_status(sync, bmx_slice_of(domain), &status) == 0)
		return json_null();
	return json_pack("{s:s, s:o, s:I, s:I}", "state",
	                 bmx_sync_phase_name(status.phase), "last_error",
	                 text_of(status.last_error), "failing_since",
	                 (json_int_t)(status.failing_since_ms / 1000),
	                 "failures", (json_int_t)status.failures);
}

static json_t *
keywords_object(const struct bmx_smtp_keywords *keywords)
{
	if (!keywords->known)
		return json_null();
	return json_pack("{s:o, s:b, s:b, s:b, s:b}", "size",
	                 keywords->has_size ?
	                         json_integer((json_int_t)keywords->size) :
	                         json_null(),
	                 "smtputf8", keywords->smtputf8, "starttls",
	                 keywords->starttls, "pipelining", keywords->pipelining,
	                 "8bitmime", keywords->eight_bit_mime);
}

static json_t *
call_ahead_object(const struct bmx_primary_report *report)
{
	const struct bmx_call_ahead_status *ca = &report->call_ahead;
	json_t *outcomes;

	if (!report->has_call_ahead)
		return json_null();
	outcomes = json_object();
	for (int i = 0; i < BMX_PROBE_OUTCOMES; i++)
		(void)json_object_set_new(
			outcomes,
			bmx_probe_outcome_name((enum bmx_probe_outcome)i),
			json_integer((json_int_t)ca->outcomes[i]));
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "breaker",
	                 bmx_circuit_state_name(ca->breaker), "retry_in_ms",
	                 (json_int_t)ca->retry_in_ms, "sessions",
	                 (json_int_t)ca->sessions, "queue",
	                 (json_int_t)ca->queue, "waiting",
	                 (json_int_t)ca->waits, "probes",
	                 (json_int_t)ca->started, "outcomes", outcomes);
}

/* Members that say what an administrator may have to act on come last. */
static json_t *
primary_object(const struct bmx_report_parts *parts,
               const struct bmx_config_domain *domain)
{
	struct bmx_primary_report report;

	if (!bmx_primaries_report(parts->primaries, bmx_slice_of(domain->name),
	                          &report))
		return json_null();
	return json_pack(
		"{s:s, s:I, s:I, s:s, s:o, s:b, s:b, s:I, s:o, s:o, s:b, s:b, "
		"s:o, s:I, s:o}",
		"state", bmx_primary_status_name(report.status), "since",
		(json_int_t)(report.since_ms / 1000), "checked_at",
		(json_int_t)(report.checked_at_ms / 1000), "targets",
		bmx_target_state_name(report.targets), "hosts",
		text_of(report.hosts), "hosts_stale", report.hosts_stale,
		"not_in_mx", report.not_in_mx, "shared_by",
		(json_int_t)report.shared_by, "keywords",
		keywords_object(&report.keywords), "call_ahead",
		call_ahead_object(&report), "refuses_us", report.refused_us,
		"refuses_null_sender", report.refuses_null_sender, "last_error",
		text_of(report.last_error), "last_error_at",
		(json_int_t)(report.last_error_at_ms / 1000), "config_error",
		text_of(report.config_error));
}

/* The section "*" is no domain: it has domains. */
static json_t *
any_object(const struct bmx_report_parts *parts,
           const struct bmx_config_domain *section)
{
	return json_pack("{s:s, s:s, s:o, s:I}", "name", section->name, "mode",
	                 mode_name(section->mode), "source",
	                 text_of(section->recipients), "domains",
	                 (json_int_t)parts->any_count);
}

static json_t *
domain_object(const struct bmx_report_parts *parts,
              const struct bmx_config_domain *domain)
{
	struct bmx_engine_list list;

	if (strcmp(domain->name, "*") == 0)
		return any_object(parts, domain);
	bmx_engine_list(parts->engine, domain->index, &list);
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:I, s:s, s:o, s:o, s:s, s:o}", "name",
		domain->name, "served_by",
		domain->from_any ? "*" : domain->name, "mode",
		mode_name(domain->mode), "source", text_of(domain->recipients),
		"list_max_age_s", (json_int_t)(domain->list_max_age_ms / 1000),
		"authority",
		list.known ? bmx_authority_name(list.authority) : "unreadable",
		"list", list_object(&list), "sync",
		sync_object(parts->sync, domain->name), "accepts_all",
		bmx_accepts_all_name(
			bmx_engine_accepts_all(parts->engine, domain->index)),
		"primary", primary_object(parts, domain));
}

static json_t *
redis_object(const struct bmx_redis *redis)
{
	struct bmx_redis_state state;

	if (!redis)
		return json_null();
	bmx_redis_state(redis, &state);
	return json_pack(
		"{s:b, s:b, s:I, s:o, s:s, s:b, s:I, s:s, s:I, s:I, s:o, s:o, "
		"s:I}",
		"up", state.up, "fault", state.fault, "since",
		(json_int_t)(state.since_ms / 1000), "server",
		text_of(state.server), "role", bmx_redis_role_name(state.role),
		"replica_link_up", state.replica_link_up, "replica_lag_s",
		(json_int_t)state.replica_lag_s, "breaker",
		bmx_circuit_state_name(state.breaker), "in_flight",
		(json_int_t)state.in_flight, "lost", (json_int_t)state.lost,
		"maxmemory_policy", text_of(state.maxmemory_policy),
		"last_error", text_of(state.error), "last_error_at",
		(json_int_t)(state.error_at_ms / 1000));
}

/* For who wants to know whether the file has changed since it was read. */
static json_t *
config_digest(const struct bmx_config *config)
{
	struct bmx_error err;
	uint64_t digest;
	char text[17];

	if (bmx_config_digest(config, &digest, &err) != 0)
		return json_null();
	(void)snprintf(text, sizeof(text), "%016" PRIx64, digest);
	return json_string(text);
}

json_t *
bmx_report_status(const struct bmx_report_parts *parts)
{
	json_t *domains = json_array();

	for (size_t i = 0; i < parts->config->domain_count; i++)
		(void)json_array_append_new(
			domains,
			domain_object(parts, &parts->config->domains[i]));
	return json_pack(
		"{s:b, s:s, s:i, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}",
		"ok", 1, "version", BMX_VERSION, "pid", (int)getpid(),
		"uptime_s", (json_int_t)(parts->uptime_ms / 1000), "config",
		text_of(parts->config->path), "config_digest",
		config_digest(parts->config), "domains", domains, "connections",
		(json_int_t)parts->connections, "requests_total",
		(json_int_t)bmx_engine_requests(parts->engine), "redis",
		redis_object(parts->redis), "today",
		bmx_report_today(bmx_engine_today(parts->engine)), "feedback",
		bmx_report_feedback(parts->learner));
}

static void
on_step(void *ctx, const char *name, const char *result,
        struct bmx_slice detail)
{
	(void)json_array_append_new(ctx,
	                            json_pack("{s:s, s:s, s:o}", "step", name,
	                                      "result", result, "detail",
	                                      bmx_control_text(detail)));
}

struct outcome {
	const char *verdict;
	int exit;
};

/* What is refused or deferred though the recipient is known to exist: the
 * mailbox, the message or the client is why. */
static bool
is_known(enum bmx_why why)
{
	return why == BMX_WHY_FULL || why == BMX_WHY_DISABLED ||
		why == BMX_WHY_PRIMARY_UP || why == BMX_WHY_TOO_LARGE;
}

static struct outcome
outcome_of(const struct bmx_verdict *verdict)
{
	if (verdict->why == BMX_WHY_NOT_SERVED)
		return (struct outcome){"not served", EX_TEMPFAIL};
	if (is_known(verdict->why) ||
	    bmx_policy_reply_class(verdict->reply) == BMX_REPLY_PASSES)
		return (struct outcome){"valid", 0};
	if (bmx_policy_reply_class(verdict->reply) == BMX_REPLY_REJECTS)
		return (struct outcome){"unknown", 1};
	return (struct outcome){"unsure", EX_TEMPFAIL};
}

static void
add_domain(json_t *report, const struct bmx_engine_lookup *lookup)
{
	if (!lookup->domain)
		return;
	(void)json_object_set_new(report, "domain",
	                          json_string(lookup->domain->name));
	(void)json_object_set_new(report, "served_by",
	                          json_string(lookup->domain->from_any ?
	                                              "*" :
	                                              lookup->domain->name));
	(void)json_object_set_new(report, "mode",
	                          json_string(mode_name(lookup->domain->mode)));
	(void)json_object_set_new(
		report, "authority",
		json_string(lookup->list.known ?
	                            bmx_authority_name(lookup->list.authority) :
	                            "unreadable"));
	(void)json_object_set_new(report, "list", list_object(&lookup->list));
}

json_t *
bmx_report_lookup(struct bmx_engine *engine, struct bmx_slice address)
{
	json_t *steps = json_array();
	struct bmx_engine_lookup lookup;
	struct outcome outcome;
	json_t *report;

	bmx_engine_explain(engine, address, on_step, steps, &lookup);
	outcome = outcome_of(&lookup.verdict);
	report = json_pack(
		"{s:b, s:o, s:o, s:b, s:b, s:o, s:s, s:s, s:s, s:s, s:i}", "ok",
		1, "address", bmx_control_text(address), "normalised",
		bmx_control_text(bmx_slice_of(lookup.normalised)), "served",
		lookup.domain != NULL, "pending", lookup.pending, "steps",
		steps, "source", bmx_origin_name(lookup.verdict.origin), "why",
		bmx_why_name(lookup.verdict.why), "reply",
		bmx_policy_reply_action(lookup.verdict.reply), "verdict",
		outcome.verdict, "exit", outcome.exit);
	if (report)
		add_domain(report, &lookup);
	return report;
}
