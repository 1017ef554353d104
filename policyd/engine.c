#include "policyd/engine_priv.h"

#include <stdlib.h>

#include <backupmx/policy_reply.h>

/* Store trouble is said once a minute: each RCPT would repeat it. */
#define TROUBLE_INTERVAL_MS 60000

static struct served_domain *
new_domains(const struct bmx_config *config)
{
	struct served_domain *domains =
		calloc(config->domain_count ? config->domain_count : 1,
	               sizeof(*domains));

	for (size_t i = 0; domains && i < config->domain_count; i++)
		domains[i].section = &config->domains[i];
	return domains;
}

struct bmx_engine *
bmx_engine_new(const struct bmx_engine_parts *parts, struct bmx_config *config)
{
	struct bmx_engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->parts = *parts;
	engine->trouble.interval_ms = TROUBLE_INTERVAL_MS;
	engine->reply_seconds = bmx_metrics_histogram(
		parts->metrics, "backupmx_reply_seconds",
		"Time from a request's first octet to its answer.");
	if (bmx_engine_configure(engine, config, NULL) != 0)
		bmx_engine_free(&engine);
	return engine;
}

void
bmx_engine_free(struct bmx_engine **engine)
{
	if (!*engine)
		return;
	bmx_engine_end_turn(*engine);
	bmx_config_unref(&(*engine)->config);
	free((*engine)->domains);
	free(*engine);
	*engine = NULL;
}

int
bmx_engine_configure(struct bmx_engine *engine, struct bmx_config *config,
                     struct bmx_error *err)
{
	struct served_domain *domains = new_domains(config);

	if (!domains)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	free(engine->domains);
	bmx_config_unref(&engine->config);
	engine->domains = domains;
	engine->config = bmx_config_ref(config);
	return 0;
}

void
bmx_engine_set_list(struct bmx_engine *engine,
                    const struct bmx_list_source *list)
{
	bmx_engine_end_turn(engine);
	engine->parts.list = *list;
	/* Its versions are no continuation of the other's. */
	for (size_t i = 0; i < engine->config->domain_count; i++)
		engine->domains[i].cached = false;
}

static void
log_trouble(struct bmx_engine *engine, const struct bmx_error *err)
{
	struct bmx_log_line line;
	uint64_t suppressed;

	if (!bmx_log_throttle_pass(&engine->trouble, engine->parts.clock,
	                           &suppressed))
		return;
	bmx_log_begin(&line, engine->parts.log, BMX_LOG_ERROR, "store-failed");
	bmx_log_add_string(&line, BMX_KEY_ERR, err->text);
	bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_end(&line);
}

static int
begin_reading(struct bmx_engine *engine)
{
	struct bmx_list_source *list = &engine->parts.list;
	struct bmx_error err;

	if (engine->reading)
		return 0;
	if (list->begin(list->ctx, &err) != 0) {
		log_trouble(engine, &err);
		return -1;
	}
	engine->reading = true;
	engine->wall_ms = bmx_clock_wall_ms(engine->parts.clock);
	return 0;
}

void
bmx_engine_end_turn(struct bmx_engine *engine)
{
	if (!engine->reading)
		return;
	engine->parts.list.end(engine->parts.list.ctx);
	engine->reading = false;
}

void
bmx_engine_refresh_list(struct bmx_engine *engine, struct served_domain *domain)
{
	struct bmx_list_source *list = &engine->parts.list;
	struct bmx_error err;
	uint64_t version;
	int rc;

	domain->known = begin_reading(engine) == 0;
	if (!domain->known) {
		domain->cached = false;
		return;
	}
	version = list->version(list->ctx);
	if (domain->cached && domain->version == version)
		return;
	rc = list->meta(list->ctx, bmx_slice_of(domain->section->name),
	                &domain->meta, &err);
	if (rc < 0)
		log_trouble(engine, &err);
	domain->known = domain->cached = rc >= 0;
	domain->present = rc > 0;
	domain->version = version;
}

int64_t
bmx_engine_age_of(const struct bmx_engine *engine,
                  const struct served_domain *domain)
{
	const int64_t age_ms = engine->wall_ms - domain->meta.synced_at_ms;

	return age_ms > 0 ? age_ms : 0;
}

enum bmx_authority
bmx_engine_authority_of(const struct bmx_engine *engine,
                        const struct served_domain *domain)
{
	const struct bmx_authority_facts facts = {
		.has_list = domain->present,
		.age_ms =
			domain->present ? bmx_engine_age_of(engine, domain) : 0,
		.max_age_ms = domain->section->list_max_age_ms,
	};

	return bmx_authority_decide(&facts);
}

void
bmx_engine_step(struct question *question, const char *name, const char *result,
                struct bmx_slice detail)
{
	if (question->on_step)
		question->on_step(question->step_ctx, name, result, detail);
}

/* @return as bmx_list_source.find, store trouble logged */
static int
find(struct bmx_engine *engine, struct question *question,
     struct bmx_slice local)
{
	struct bmx_list_source *list = &engine->parts.list;
	struct bmx_error err;
	int rc = list->find(list->ctx, question->served->meta.id, local,
	                    &question->facts.state, &err);

	if (rc < 0)
		log_trouble(engine, &err);
	bmx_engine_step(
		question, "list",
		rc > 0 ? bmx_recipient_state_name(question->facts.state) :
			rc == 0 ? "not listed" :
				  "store failed",
		local);
	return rc;
}

/* The forms in order: exact, each cut, the wildcard (DESIGN.md section 5). */
static enum bmx_list_answer
search_list(struct bmx_engine *engine, struct question *question)
{
	const struct served_domain *domain = question->served;
	const struct bmx_slice delimiters =
		bmx_slice_of(domain->section->recipient_delimiter);
	struct bmx_slice local = question->local;
	int rc;

	do {
		rc = find(engine, question, local);
		if (rc != 0)
			return rc > 0 ? BMX_LIST_HAS : BMX_LIST_FAILED;
	} while (bmx_local_cut(&local, delimiters));
	if (!domain->meta.has_wildcard)
		return BMX_LIST_HAS_NOT;
	rc = find(engine, question, bmx_slice_of(BMX_LOCAL_WILDCARD));
	if (rc < 0)
		return BMX_LIST_FAILED;
	return rc > 0 ? BMX_LIST_HAS_WILDCARD : BMX_LIST_HAS_NOT;
}

static void
fetch_list(struct bmx_engine *engine, struct question *question)
{
	struct bmx_facts *facts = &question->facts;
	struct served_domain *domain = question->served;

	bmx_engine_refresh_list(engine, domain);
	facts->authority = bmx_engine_authority_of(engine, domain);
	if (!domain->known)
		facts->list = BMX_LIST_FAILED;
	else if (!domain->present || facts->form != BMX_LOCAL_OK)
		facts->list = BMX_LIST_HAS_NOT;
	else
		facts->list = search_list(engine, question);
}

void
bmx_engine_parse_recipient(struct bmx_engine *engine, struct question *question,
                           struct bmx_slice recipient,
                           bmx_engine_normalise *normalise)
{
	const struct bmx_config_domain *section;
	struct bmx_slice local, domain;

	if (bmx_address_split(recipient, &local, &domain) != 0 ||
	    bmx_domain_normalise(domain, question->domain_buffer,
	                         &question->domain) != 0) {
		question->domain = (struct bmx_slice){0};
		return;
	}
	section = bmx_config_find_domain(engine->config, question->domain);
	if (!section)
		return;
	question->served = &engine->domains[section->index];
	question->facts.served = true;
	question->facts.form = normalise(local, section->case_sensitive,
	                                 question->local_buffer,
	                                 &question->local, &question->utf8);
	question->facts.role = question->facts.form == BMX_LOCAL_OK &&
		bmx_local_is_role(question->local);
}

struct bmx_verdict
bmx_engine_decide(struct bmx_engine *engine, struct question *question)
{
	struct bmx_verdict verdict;

	while (bmx_decide(&question->facts, &verdict) != BMX_NEED_NOTHING)
		fetch_list(engine, question);
	return verdict;
}

static bool
observes(const struct question *question)
{
	return question->served &&
		question->served->section->mode == BMX_MODE_OBSERVE;
}

static const char *
act_name(const struct question *question, const struct bmx_verdict *verdict)
{
	if (observes(question) &&
	    bmx_policy_reply_class(verdict->reply) != BMX_REPLY_PASSES)
		return "warn";
	return bmx_policy_reply_act(verdict->reply);
}

static void
count(struct bmx_engine *engine, const struct question *question,
      const struct bmx_verdict *verdict)
{
	struct served_domain *domain = question->served;
	struct bmx_metric **metric;

	engine->requests++;
	if (!domain)
		return;
	metric = &domain->decisions[verdict->why];
	if (!*metric) {
		const struct bmx_metrics_label labels[] = {
			{"domain", domain->section->name},
			{"action", act_name(question, verdict)},
			{"reason", bmx_why_name(verdict->why)},
		};

		*metric = bmx_metrics_counter(engine->parts.metrics,
		                              "backupmx_decisions_total",
		                              "Recipients decided.", labels, 3);
	}
	bmx_metric_add(*metric, 1);
}

static void
add_age(struct bmx_log_line *line, int64_t age_ms)
{
	char buffer[32];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_u64(&text, (uint64_t)(age_ms / 1000));
	bmx_text_append_char(&text, 's');
	bmx_log_add(line, BMX_KEY_AGE, bmx_text_slice(&text));
}

/* What other software must decide is no decision of ours: debug only. */
static enum bmx_log_level
level_of(const struct question *question)
{
	return question->served && question->facts.rcpt_stage ? BMX_LOG_INFO :
								BMX_LOG_DEBUG;
}

static void
log_decision(struct bmx_engine *engine,
             const struct bmx_policy_request *request,
             const struct question *question, const struct bmx_verdict *verdict,
             int64_t us)
{
	const enum bmx_log_level level = level_of(question);
	struct bmx_log_line line;

	if (!bmx_log_enabled(engine->parts.log, level))
		return;
	bmx_log_begin_id(&line, engine->parts.log, level, request->instance,
	                 "decision");
	bmx_log_add(&line, BMX_KEY_CLIENT, request->client_address);
	bmx_log_add_address(&line, BMX_KEY_SENDER, request->sender);
	bmx_log_add_address(&line, BMX_KEY_RCPT, request->recipient);
	bmx_log_add_string(&line, BMX_KEY_ACT, act_name(question, verdict));
	bmx_log_add_string(&line, BMX_KEY_WHY, bmx_why_name(verdict->why));
	if (question->facts.list != BMX_LIST_NOT_ASKED) {
		bmx_log_add_string(&line, BMX_KEY_SRC,
		                   bmx_origin_name(verdict->origin));
		bmx_log_add_string(
			&line, BMX_KEY_AUTHORITY,
			bmx_authority_name(question->facts.authority));
		if (question->served->known && question->served->present)
			add_age(&line,
			        bmx_engine_age_of(engine, question->served));
	}
	bmx_log_add_ms(&line, us);
	bmx_log_end(&line);
}

void
bmx_engine_start_question(struct question *question)
{
	question->local = question->domain = (struct bmx_slice){0};
	question->served = NULL;
	question->facts = (struct bmx_facts){.list = BMX_LIST_NOT_ASKED};
	question->on_step = NULL;
}

struct bmx_slice
bmx_engine_answer(struct bmx_engine *engine,
                  const struct bmx_policy_request *request, int64_t began_us)
{
	struct question question;
	struct bmx_verdict verdict;
	int64_t us;

	bmx_engine_start_question(&question);
	question.facts.rcpt_stage =
		bmx_slice_equal(request->protocol_state, BMX_SLICE("RCPT")) &&
		bmx_slice_equal(request->request,
	                        BMX_SLICE("smtpd_access_policy"));
	if (question.facts.rcpt_stage)
		bmx_engine_parse_recipient(engine, &question,
		                           request->recipient,
		                           bmx_local_normalise_internal);
	verdict = bmx_engine_decide(engine, &question);
	us = bmx_clock_mono_us(engine->parts.clock) - began_us;
	bmx_histogram_observe(engine->reply_seconds, us);
	count(engine, &question, &verdict);
	log_decision(engine, request, &question, &verdict, us);
	return bmx_policy_reply_encode(verdict.reply, observes(&question));
}

uint64_t
bmx_engine_requests(const struct bmx_engine *engine)
{
	return engine->requests;
}
