#include "policyd/engine_priv.h"

#include <stdlib.h>

#include <backupmx/policy_reply.h>
#include <backupmx/units.h>

/* Store trouble is said once a minute: each RCPT would repeat it. */
#define TROUBLE_INTERVAL_MS 60000
/* Asks that are kept for the next requests. */
#define SPARE_MAX ((size_t)64)
/* An answer is sent so long before policyd.deadline, to be there in time. */
#define ANSWER_MARGIN_MS 50

static void on_deadline(void *ctx);

static struct engine_setup *
setup_new(struct bmx_config *config)
{
	const size_t count = config->domain_count ? config->domain_count : 1;
	struct engine_setup *setup = calloc(1, sizeof(*setup));

	if (!setup)
		return NULL;
	setup->domains = calloc(count, sizeof(*setup->domains));
	if (!setup->domains) {
		free(setup);
		return NULL;
	}
	for (size_t i = 0; i < config->domain_count; i++)
		setup->domains[i].section = &config->domains[i];
	setup->refs = 1;
	setup->config = bmx_config_ref(config);
	return setup;
}

static void
setup_unref(struct engine_setup **setup)
{
	struct engine_setup *s = *setup;

	*setup = NULL;
	if (!s || --s->refs > 0)
		return;
	bmx_config_unref(&s->config);
	free(s->domains);
	free(s);
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
	engine->waiting_gauge = bmx_metrics_gauge(
		parts->metrics, "backupmx_requests_waiting",
		"Requests that wait for the primary or for Redis.", NULL, 0);
	bmx_today_roll(&engine->today, bmx_clock_wall_ms(parts->loop->clock));
	engine->harvest = bmx_harvest_new();
	engine->deadline = bmx_timer_new(parts->loop, on_deadline, engine);
	if (!engine->harvest || !engine->deadline ||
	    bmx_engine_configure(engine, config, NULL) != 0)
		bmx_engine_free(&engine);
	return engine;
}

void
bmx_engine_free(struct bmx_engine **engine)
{
	struct bmx_engine *e = *engine;

	if (!e)
		return;
	while (e->first)
		bmx_engine_ask_drop(e->first);
	while (e->spare) {
		struct bmx_engine_ask *ask = e->spare;

		e->spare = ask->next;
		free(ask);
	}
	bmx_engine_end_turn(e);
	bmx_timer_free(e->parts.loop, &e->deadline);
	bmx_harvest_free(&e->harvest);
	setup_unref(&e->setup);
	free(e);
	*engine = NULL;
}

int
bmx_engine_configure(struct bmx_engine *engine, struct bmx_config *config,
                     struct bmx_error *err)
{
	struct engine_setup *setup = setup_new(config);

	if (!setup)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	setup_unref(&engine->setup);
	engine->setup = setup;
	return 0;
}

void
bmx_engine_set_list(struct bmx_engine *engine,
                    const struct bmx_list_source *list)
{
	bmx_engine_end_turn(engine);
	engine->parts.list = *list;
	/* Its versions are no continuation of the other's. */
	for (size_t i = 0; i < engine->setup->config->domain_count; i++)
		engine->setup->domains[i].cached = false;
}

void
bmx_engine_log_trouble(struct bmx_engine *engine, const struct bmx_error *err)
{
	struct bmx_log_line line;
	uint64_t suppressed;

	if (!bmx_log_throttle_pass(&engine->trouble, engine->parts.loop->clock,
	                           &suppressed))
		return;
	bmx_log_begin(&line, engine->parts.log, BMX_LOG_ERROR, "store-failed");
	bmx_log_add_string(&line, BMX_KEY_ERR, err->text);
	bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_end(&line);
}

struct bmx_engine_ask *
bmx_engine_ask_new(struct bmx_engine *engine)
{
	struct bmx_engine_ask *ask = engine->spare;

	if (ask) {
		engine->spare = ask->next;
		engine->spare_count--;
		/* The buffers behind the last field need no zeroes. */
		memset(ask, 0, offsetof(struct bmx_engine_ask, local_buffer));
	} else {
		ask = calloc(1, sizeof(*ask));
	}
	if (!ask)
		return NULL;
	ask->engine = engine;
	ask->setup = engine->setup;
	ask->setup->refs++;
	ask->list_age_ms = ask->record_age_ms = -1;
	return ask;
}

/* Of the first that waits. */
static void
arm_deadline(struct bmx_engine *engine)
{
	const int64_t now_ms = bmx_clock_mono_ms(engine->parts.loop->clock);
	int64_t left_ms;

	if (!engine->first) {
		bmx_timer_cancel(engine->parts.loop, engine->deadline);
		return;
	}
	left_ms = engine->first->deadline_ms - now_ms;
	bmx_timer_set(engine->parts.loop, engine->deadline,
	              left_ms > 0 ? left_ms : 0);
}

/* In order of deadlines: nearly always the last, but not when a request came
 * slowly, or a reload has made policyd.deadline shorter. */
static void
link_waiting(struct bmx_engine_ask *ask)
{
	struct bmx_engine *engine = ask->engine;
	struct bmx_engine_ask *before = engine->last;

	while (before && before->deadline_ms > ask->deadline_ms)
		before = before->previous;
	ask->waits = true;
	ask->previous = before;
	ask->next = before ? before->next : engine->first;
	if (ask->next)
		ask->next->previous = ask;
	else
		engine->last = ask;
	if (before)
		before->next = ask;
	else
		engine->first = ask;
	engine->waiting++;
	bmx_metric_set(engine->waiting_gauge, (int64_t)engine->waiting);
	if (engine->first == ask)
		arm_deadline(engine);
}

static void
unlink_waiting(struct bmx_engine_ask *ask)
{
	struct bmx_engine *engine = ask->engine;
	const bool was_first = engine->first == ask;

	if (ask->previous)
		ask->previous->next = ask->next;
	else
		engine->first = ask->next;
	if (ask->next)
		ask->next->previous = ask->previous;
	else
		engine->last = ask->previous;
	ask->waits = false;
	engine->waiting--;
	bmx_metric_set(engine->waiting_gauge, (int64_t)engine->waiting);
	if (was_first)
		arm_deadline(engine);
}

/* Leaves what is under way. */
static void
stop_fetching(struct bmx_engine_ask *ask)
{
	const struct bmx_engine_parts *parts = &ask->engine->parts;

	if (ask->get)
		parts->records->ops->cancel(ask->get);
	ask->get = NULL;
	if (ask->wait)
		parts->primaries.leave(parts->primaries.ctx, &ask->wait);
	if (ask->any_wait)
		parts->any.leave(parts->any.ctx, &ask->any_wait);
}

void
bmx_engine_ask_drop(struct bmx_engine_ask *ask)
{
	struct bmx_engine *engine = ask->engine;

	stop_fetching(ask);
	if (ask->waits)
		unlink_waiting(ask);
	setup_unref(&ask->setup);
	if (engine->spare_count == SPARE_MAX) {
		free(ask);
		return;
	}
	ask->next = engine->spare;
	engine->spare = ask;
	engine->spare_count++;
}

void
bmx_engine_forget(struct bmx_engine_ask **ask)
{
	if (*ask)
		bmx_engine_ask_drop(*ask);
	*ask = NULL;
}

/* What the section says, and what is known of its primary without asking. */
static void
fill_facts(struct bmx_engine_ask *ask)
{
	const struct bmx_config_domain *section = ask->served->section;
	const struct bmx_engine_parts *parts = &ask->engine->parts;
	struct bmx_facts *facts = &ask->facts;

	parts->primaries.view(parts->primaries.ctx, section, &ask->primary);
	facts->primary = ask->primary.status;
	facts->keywords = ask->primary.keywords;
	facts->call_ahead = section->call_ahead;
	facts->accept_all = section->accept_all;
	facts->primary_up = section->primary_up;
	if (bmx_units_parse_number(ask->request.size, &facts->size) != 0)
		facts->size = 0;
	facts->stress = bmx_slice_equal(ask->request.stress, BMX_SLICE("yes"));
}

void
bmx_engine_parse_recipient(struct bmx_engine_ask *ask,
                           struct bmx_slice recipient,
                           bmx_engine_normalise *normalise)
{
	const struct bmx_config_domain *section;
	struct bmx_slice local, domain;

	if (bmx_address_split(recipient, &local, &domain) != 0 ||
	    bmx_domain_normalise(domain, ask->domain_buffer, &ask->domain) !=
	            0) {
		ask->domain = (struct bmx_slice){0};
		return;
	}
	section = bmx_config_find_domain(ask->setup->config, ask->domain);
	if (!section) {
		bmx_engine_begin_any(ask);
		return;
	}
	if (section->from_any && !bmx_engine_explains(ask))
		ask->engine->parts.any.used(ask->engine->parts.any.ctx,
		                            ask->domain);
	ask->served = &ask->setup->domains[section->index];
	ask->facts.served = true;
	ask->facts.form =
		normalise(local, section->case_sensitive, ask->local_buffer,
	                  &ask->local, &ask->facts.utf8);
	ask->facts.role = ask->facts.form == BMX_LOCAL_OK &&
		bmx_local_is_role(ask->local);
	fill_facts(ask);
}

/* Whoever may be one of "*" is not refused either while that observes. */
bool
bmx_engine_observes(const struct bmx_engine_ask *ask)
{
	const struct bmx_config_domain *section = ask->served ?
		ask->served->section :
		bmx_config_any_domain(ask->setup->config);

	return section && section->mode == BMX_MODE_OBSERVE;
}

void
bmx_engine_renew_setup(struct bmx_engine_ask *ask)
{
	setup_unref(&ask->setup);
	ask->setup = ask->engine->setup;
	ask->setup->refs++;
}

static void
finish(struct bmx_engine_ask *ask, const struct bmx_verdict *verdict)
{
	struct bmx_engine *engine = ask->engine;
	const struct bmx_slice answer = bmx_policy_reply_encode(
		verdict->reply, bmx_engine_observes(ask));
	const int64_t now_us = bmx_clock_mono_us(engine->parts.loop->clock);
	bmx_engine_answered_cb *answered = ask->answered;
	void *ctx = ask->ctx;

	if (verdict->reply == BMX_REPLY_USER_UNKNOWN &&
	    !bmx_engine_is_exempt(ask))
		bmx_harvest_count(engine->harvest, bmx_engine_net(ask),
		                  now_us / 1000);
	bmx_engine_record(ask, verdict, now_us - ask->began_us);
	bmx_engine_ask_drop(ask);
	answered(ctx, answer);
}

/* @return true when the ask is finished, and gone */
static bool
carry_on(struct bmx_engine_ask *ask)
{
	struct bmx_verdict verdict;
	enum bmx_need need;

	while ((need = bmx_decide(&ask->facts, &verdict)) != BMX_NEED_NOTHING)
		if (!bmx_engine_fetch(ask, need))
			return false;
	finish(ask, &verdict);
	return true;
}

void
bmx_engine_go_on(struct bmx_engine_ask *ask)
{
	(void)carry_on(ask); /* else it waits on, in its place */
}

struct bmx_verdict
bmx_engine_decide_now(struct bmx_engine_ask *ask)
{
	struct bmx_verdict verdict;
	enum bmx_need need;

	while ((need = bmx_decide(&ask->facts, &verdict)) != BMX_NEED_NOTHING)
		(void)bmx_engine_fetch(ask,
		                       need); /* an explanation is at once */
	return verdict;
}

static void
on_deadline(void *ctx)
{
	struct bmx_engine *engine = ctx;
	const int64_t now_ms = bmx_clock_mono_ms(engine->parts.loop->clock);

	while (engine->first && engine->first->deadline_ms <= now_ms) {
		struct bmx_engine_ask *ask = engine->first;

		stop_fetching(ask);
		ask->facts.late = true;
		(void)carry_on(ask); /* late facts make an end */
	}
	arm_deadline(engine);
}

/* Memory is short before the question was even read. */
static void
answer_trouble(struct bmx_engine *engine, bmx_engine_answered_cb *answered,
               void *ctx)
{
	static const struct bmx_error err = {.code = BMX_E_NOMEM,
	                                     .text = "out of memory"};

	bmx_engine_log_trouble(engine, &err);
	answered(ctx, bmx_policy_reply_encode(BMX_REPLY_TROUBLE, false));
}

static void
read_request(struct bmx_engine_ask *ask,
             const struct bmx_policy_request *request)
{
	ask->request = *request;
	ask->facts.rcpt_stage =
		bmx_slice_equal(request->protocol_state, BMX_SLICE("RCPT")) &&
		bmx_slice_equal(request->request,
	                        BMX_SLICE("smtpd_access_policy"));
	if (!ask->facts.rcpt_stage)
		return;
	bmx_engine_parse_recipient(ask, request->recipient,
	                           bmx_local_normalise_internal);
}

struct bmx_engine_ask *
bmx_engine_ask(struct bmx_engine *engine,
               const struct bmx_policy_request *request, int64_t began_us,
               bmx_engine_answered_cb *answered, void *ctx)
{
	struct bmx_engine_ask *ask = bmx_engine_ask_new(engine);

	if (!ask) {
		answer_trouble(engine, answered, ctx);
		return NULL;
	}
	ask->answered = answered;
	ask->ctx = ctx;
	ask->began_us = began_us;
	ask->deadline_ms = began_us / 1000 - ANSWER_MARGIN_MS +
		engine->setup->config->policyd.deadline_ms;
	read_request(ask, request);
	if (carry_on(ask))
		return NULL;
	link_waiting(ask);
	return ask;
}

size_t
bmx_engine_waiting(const struct bmx_engine *engine)
{
	return engine->waiting;
}

const struct bmx_today *
bmx_engine_today(struct bmx_engine *engine)
{
	bmx_today_roll(&engine->today,
	               bmx_clock_wall_ms(engine->parts.loop->clock));
	return &engine->today;
}

uint64_t
bmx_engine_requests(const struct bmx_engine *engine)
{
	return engine->requests;
}
