/*
 * engine_report.c - what people and monitoring ask the engine.
 */
#include "policyd/engine_priv.h"

#include <backupmx/policy_reply.h>

static void
describe_list(struct bmx_engine *engine, struct served_domain *domain,
              struct bmx_engine_list *list_out)
{
	struct bmx_primary_view primary;

	engine->parts.primaries.view(engine->parts.primaries.ctx,
	                             domain->section, &primary);
	bmx_engine_refresh_list(engine, domain);
	*list_out = (struct bmx_engine_list){
		.known = domain->known,
		.present = domain->known && domain->present,
		.authority = bmx_engine_authority_of(engine, domain, &primary),
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
	describe_list(engine, &engine->setup->domains[domain_index], list_out);
	bmx_engine_end_turn(engine);
}

struct accepts_all {
	const struct bmx_verification_facts *facts;
	enum bmx_accepts_all answer;
};

static void
on_accepts_all(void *ctx, enum bmx_record_found found,
               const struct bmx_record *record)
{
	struct accepts_all *question = ctx;

	if (found == BMX_RECORD_FOUND)
		question->answer = bmx_verification_accepts_all(
			&record->as.verification, question->facts);
}

enum bmx_accepts_all
bmx_engine_accepts_all(struct bmx_engine *engine, size_t domain_index)
{
	const struct bmx_config_domain *section =
		engine->setup->domains[domain_index].section;
	const struct bmx_record_key key = {BMX_RECORD_VERIFICATION,
	                                   bmx_slice_of(section->name),
	                                   bmx_slice_of(BMX_LOCAL_WILDCARD)};
	struct bmx_record_store *records = engine->parts.records;
	struct bmx_primary_view primary;
	struct bmx_verification_facts facts = {
		.now_ms = bmx_clock_wall_ms(engine->parts.loop->clock)};
	struct accepts_all question = {&facts, BMX_ACCEPTS_ALL_UNKNOWN};
	struct bmx_record_get *get;

	engine->parts.primaries.view(engine->parts.primaries.ctx, section,
	                             &primary);
	facts.primary_down = primary.status == BMX_PRIMARY_DOWN;
	get = records->ops->get(records, &key, on_accepts_all, &question);
	if (get) /* not local: not worth waiting for */
		records->ops->cancel(get);
	return question.answer;
}

static void
explain_domain(struct bmx_engine_ask *ask, struct bmx_slice address)
{
	if (ask->domain.len == 0)
		bmx_engine_step(ask, "domain", "no address", address);
	else if (!ask->served)
		bmx_engine_step(ask, "domain",
		                ask->facts.any == BMX_ANY_FACT_MISSING ?
		                        "no section of its own" :
		                        "not served",
		                ask->domain);
	else
		bmx_engine_step(ask, "domain",
		                ask->served->section->from_any ?
		                        "served by \"*\"" :
		                        "served",
		                ask->domain);
}

/* What is looked up; nothing when there is no form to look up. */
static void
explain_form(struct bmx_engine_ask *ask, struct bmx_slice address,
             struct bmx_engine_lookup *lookup_out)
{
	struct bmx_text text;

	bmx_text_init(&text, lookup_out->normalised,
	              sizeof(lookup_out->normalised));
	switch (ask->facts.form) {
	case BMX_LOCAL_OK:
		bmx_text_append(&text, ask->local);
		bmx_text_append_char(&text, '@');
		bmx_text_append(&text, ask->domain);
		bmx_engine_step(ask, "address", "normalised",
		                bmx_text_slice(&text));
		break;
	case BMX_LOCAL_UNLISTABLE:
		bmx_engine_step(ask, "address", "not listable", address);
		break;
	case BMX_LOCAL_NOMEM:
		bmx_engine_step(ask, "address", "out of memory", address);
		break;
	}
}

static void
explain_address(struct bmx_engine_ask *ask, struct bmx_slice address,
                struct bmx_engine_lookup *lookup_out)
{
	explain_domain(ask, address);
	if (!ask->served)
		return;
	explain_form(ask, address, lookup_out);
	if (ask->facts.role)
		bmx_engine_step(ask, "role account", "always valid",
		                ask->local);
	bmx_engine_step(ask, "primary",
	                bmx_primary_status_name(ask->primary.status),
	                (struct bmx_slice){0});
}

static void
explain(struct bmx_engine_ask *ask, struct bmx_slice address,
        struct bmx_engine_lookup *lookup_out)
{
	bmx_engine_parse_recipient(ask, address, bmx_local_normalise);
	explain_address(ask, address, lookup_out);
	lookup_out->verdict = bmx_engine_decide_now(ask);
	lookup_out->pending = ask->facts.any == BMX_ANY_FACT_MISSING;
	if (ask->served) {
		lookup_out->domain = ask->served->section;
		lookup_out->primary = ask->primary;
		describe_list(ask->engine, ask->served, &lookup_out->list);
	}
	bmx_engine_step(ask, "verdict",
	                bmx_policy_reply_act(lookup_out->verdict.reply),
	                bmx_slice_of(bmx_why_name(lookup_out->verdict.why)));
}

void
bmx_engine_explain(struct bmx_engine *engine, struct bmx_slice address,
                   bmx_engine_step_cb *on_step, void *ctx,
                   struct bmx_engine_lookup *lookup_out)
{
	struct bmx_engine_ask *ask = bmx_engine_ask_new(engine);

	*lookup_out = (struct bmx_engine_lookup){0};
	if (!ask) {
		lookup_out->verdict = (struct bmx_verdict){
			BMX_REPLY_TROUBLE, BMX_WHY_NO_MEMORY, BMX_ORIGIN_NONE};
		return;
	}
	ask->on_step = on_step;
	ask->step_ctx = ctx;
	ask->facts.rcpt_stage = true;
	explain(ask, address, lookup_out);
	bmx_engine_ask_drop(ask);
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

static void
update_gauges_of(struct bmx_engine *engine, struct served_domain *domain)
{
	const char *name = domain->section->name;
	struct bmx_engine_list list;

	describe_list(engine, domain, &list);
	if (!list.known)
		return;
	set_authority(engine, name, list.authority);
	set_gauge(engine, "backupmx_list_entries",
	          "Entries of the list in force.", name,
	          (int64_t)list.meta.count);
	if (list.present)
		set_gauge(engine, "backupmx_list_age_seconds",
		          "Time since the last good sync of the list.", name,
		          list.age_ms / 1000);
}

void
bmx_engine_update_gauges(struct bmx_engine *engine)
{
	for (size_t i = 0; i < engine->setup->config->domain_count; i++)
		update_gauges_of(engine, &engine->setup->domains[i]);
	bmx_engine_end_turn(engine);
}

void
bmx_engine_update_list_gauges(struct bmx_engine *engine,
                              struct bmx_slice domain)
{
	const struct bmx_config_domain *section =
		bmx_config_find_domain(engine->setup->config, domain);

	if (section)
		update_gauges_of(engine,
		                 &engine->setup->domains[section->index]);
	bmx_engine_end_turn(engine);
}
