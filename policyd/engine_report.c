/*
 * engine_report.c - what people and monitoring ask the engine.
 */
#include "policyd/engine_priv.h"

#include <backupmx/policy_reply.h>

static void
describe_list(struct bmx_engine *engine, struct served_domain *domain,
              struct bmx_engine_list *list_out)
{
	bmx_engine_refresh_list(engine, domain);
	*list_out = (struct bmx_engine_list){
		.known = domain->known,
		.present = domain->known && domain->present,
		.authority = bmx_engine_authority_of(engine, domain),
	};
	if (list_out->present) {
		list_out->meta = domain->meta;
		list_out->age_ms = bmx_engine_age_of(engine, domain);
	}
}

void
bmx_engine_list(struct bmx_engine *engine, size_t domain_index,
                struct bmx_engine_list *list_out)
{
	describe_list(engine, &engine->domains[domain_index], list_out);
	bmx_engine_end_turn(engine);
}

static void
explain_domain(struct question *question, struct bmx_slice address)
{
	if (question->domain.len == 0)
		bmx_engine_step(question, "domain", "no address", address);
	else
		bmx_engine_step(question, "domain",
		                question->served ? "served" : "not served",
		                question->domain);
}

/* What is looked up; nothing when there is no form to look up. */
static void
explain_form(struct question *question, struct bmx_slice address,
             struct bmx_engine_lookup *lookup_out)
{
	struct bmx_text text;

	bmx_text_init(&text, lookup_out->normalised,
	              sizeof(lookup_out->normalised));
	switch (question->facts.form) {
	case BMX_LOCAL_OK:
		bmx_text_append(&text, question->local);
		bmx_text_append_char(&text, '@');
		bmx_text_append(&text, question->domain);
		bmx_engine_step(question, "address", "normalised",
		                bmx_text_slice(&text));
		break;
	case BMX_LOCAL_UNLISTABLE:
		bmx_engine_step(question, "address", "not listable", address);
		break;
	case BMX_LOCAL_NOMEM:
		bmx_engine_step(question, "address", "out of memory", address);
		break;
	}
}

static void
explain_address(struct question *question, struct bmx_slice address,
                struct bmx_engine_lookup *lookup_out)
{
	explain_domain(question, address);
	if (!question->served)
		return;
	explain_form(question, address, lookup_out);
	if (question->facts.role)
		bmx_engine_step(question, "role account", "always valid",
		                question->local);
}

void
bmx_engine_explain(struct bmx_engine *engine, struct bmx_slice address,
                   bmx_engine_step_cb *on_step, void *ctx,
                   struct bmx_engine_lookup *lookup_out)
{
	struct question question;

	bmx_engine_start_question(&question);
	question.on_step = on_step;
	question.step_ctx = ctx;
	question.facts.rcpt_stage = true;
	*lookup_out = (struct bmx_engine_lookup){0};
	bmx_engine_parse_recipient(engine, &question, address,
	                           bmx_local_normalise);
	explain_address(&question, address, lookup_out);
	lookup_out->verdict = bmx_engine_decide(engine, &question);
	if (question.served) {
		lookup_out->domain = question.served->section;
		describe_list(engine, question.served, &lookup_out->list);
	}
	bmx_engine_step(&question, "verdict",
	                bmx_policy_reply_act(lookup_out->verdict.reply),
	                bmx_slice_of(bmx_why_name(lookup_out->verdict.why)));
	bmx_engine_end_turn(engine);
}

static void
set_gauge(struct bmx_engine *engine, const char *name, const char *help,
          const char *domain, int64_t value)
{
	const struct bmx_metrics_label label = {"domain", domain};

	bmx_metric_set(
		bmx_metrics_gauge(engine->parts.metrics, name, help, &label, 1),
		value);
}

static void
set_authority(struct bmx_engine *engine, const char *domain,
              enum bmx_authority authority)
{
	for (int i = 0; i < BMX_AUTHORITIES; i++) {
		const struct bmx_metrics_label labels[] = {
			{"domain", domain},
			{"authority",
		         bmx_authority_name((enum bmx_authority)i)},
		};

		bmx_metric_set(
			bmx_metrics_gauge(
				engine->parts.metrics,
				"backupmx_list_authority",
				"1 for the authority that the list has now.",
				labels, 2),
			authority == (enum bmx_authority)i);
	}
}

void
bmx_engine_update_gauges(struct bmx_engine *engine)
{
	struct bmx_engine_list list;

	for (size_t i = 0; i < engine->config->domain_count; i++) {
		const char *name = engine->config->domains[i].name;

		describe_list(engine, &engine->domains[i], &list);
		if (!list.known)
			continue;
		set_authority(engine, name, list.authority);
		set_gauge(engine, "backupmx_list_entries",
		          "Entries of the list in force.", name,
		          (int64_t)list.meta.count);
		if (list.present)
			set_gauge(engine, "backupmx_list_age_seconds",
			          "Time since the last good sync of the list.",
			          name, list.age_ms / 1000);
	}
	bmx_engine_end_turn(engine);
}
