#include "policyd/primary.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>

#include "policyd/primary_check.h"

struct bmx_primary {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_primary_callbacks callbacks;
	char *name;
	char *probe_sender;
	char hostname[BMX_DOMAIN_BUFFER];
	struct bmx_primary_settings settings; /* its strings are ours */
	struct bmx_primary_knowledge knows;
	bool learnt; /* an event came: what a store says is older */
	struct bmx_call_ahead *call_ahead;
	struct bmx_primary_check *check; /* under way */
	struct bmx_timer *timer;         /* the next check is due */
	struct bmx_metric *checks[BMX_PRIMARY_CHECK_UNDONE + 1];
	uint8_t random_key[BMX_SIPHASH_KEY_SIZE];
	uint64_t randoms; /* drawn */
	bool refused_us;
	char last_error[BMX_ERROR_TEXT_MAX];
	int64_t last_error_at_ms;
};

static const char *const check_names[] = {"good", "failed", "undone"};
static_assert(sizeof(check_names) / sizeof(check_names[0]) ==
                      BMX_PRIMARY_CHECK_UNDONE + 1,
              "one name a way to end");

static struct bmx_primary_now
now_of(const struct bmx_primary *primary)
{
	return (struct bmx_primary_now){
		bmx_clock_wall_ms(primary->loop->clock),
		bmx_clock_mono_ms(primary->loop->clock)};
}

void
bmx_primary_knowledge_init(struct bmx_primary_knowledge *knowledge,
                           const struct bmx_primary_now *now)
{
	*knowledge = (struct bmx_primary_knowledge){0};
	bmx_primary_state_init(&knowledge->state, now);
}

void
bmx_primary_knowledge_resume(struct bmx_primary_knowledge *knowledge,
                             const struct bmx_primary_record *record,
                             int64_t interval_ms,
                             const struct bmx_primary_now *now)
{
	bmx_primary_state_resume(&knowledge->state, record, interval_ms, now);
	knowledge->keywords = record->keywords;
	knowledge->refuses_null_sender = record->refuses_null_sender;
}

bool
bmx_primary_knowledge_record(const struct bmx_primary_knowledge *knowledge,
                             struct bmx_primary_record *record_out)
{
	*record_out = (struct bmx_primary_record){
		.status = knowledge->state.status,
		.since_ms = knowledge->state.since_ms,
		.checked_at_ms = knowledge->state.checked_at_ms,
		.keywords = knowledge->keywords,
		.refuses_null_sender = knowledge->refuses_null_sender};
	return knowledge->state.checked_at_ms > 0;
}

static void
set_timer(struct bmx_primary *primary)
{
	const uint64_t draw = ++primary->randoms;

	bmx_timer_set(primary->loop, primary->timer,
	              bmx_primary_state_delay_ms(
			      &primary->knows.state,
			      primary->settings.check_interval_ms,
			      (uint32_t)bmx_siphash24(primary->random_key,
	                                              &draw, sizeof(draw))));
}

static bool
same_keywords(const struct bmx_smtp_keywords *a,
              const struct bmx_smtp_keywords *b)
{
	return a->known == b->known && a->has_size == b->has_size &&
		a->size == b->size && a->smtputf8 == b->smtputf8 &&
		a->starttls == b->starttls && a->pipelining == b->pipelining &&
		a->eight_bit_mime == b->eight_bit_mime;
}

/* @return true when they are new */
static bool
take_keywords(struct bmx_primary *primary,
              const struct bmx_smtp_keywords *keywords)
{
	if (!keywords->known ||
	    same_keywords(keywords, &primary->knows.keywords))
		return false;
	primary->knows.keywords = *keywords;
	return true;
}

static void
log_refusal(struct bmx_primary *primary, const char *host, const char *text)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, primary->log, BMX_LOG_WARN, "primary-refuses");
	bmx_log_add_string(&line, BMX_KEY_PRIMARY, host);
	bmx_log_add_string(&line, BMX_KEY_ERR, text);
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "ask its administrator to let this host relay to "
	                   "it; what is queued cannot be delivered");
	bmx_log_end(&line);
}

static void
note_failure(struct bmx_primary *primary, bool refused, const char *host,
             const char *text)
{
	struct bmx_text error;

	bmx_text_init(&error, primary->last_error, sizeof(primary->last_error));
	if (host[0] != '\0')
		bmx_text_printf(&error, "%s: ", host);
	bmx_text_append_string(&error, text);
	primary->last_error_at_ms = bmx_clock_wall_ms(primary->loop->clock);
	if (refused && !primary->refused_us)
		log_refusal(primary, host, text);
	if (refused)
		primary->refused_us = true;
}

/* Takes an event of a check or a contact; the owner is told last. */
static void
take_event(struct bmx_primary *primary, enum bmx_primary_event event, bool news)
{
	const struct bmx_primary_now now = now_of(primary);
	const enum bmx_primary_status before = primary->knows.state.status;

	primary->learnt = true;
	if (bmx_primary_state_event(&primary->knows.state, event, &now))
		news = true;
	if (event == BMX_PRIMARY_GOOD)
		primary->refused_us = false;
	/* Whoever waits for it to come back need not wait for the breaker. */
	if (primary->call_ahead && before == BMX_PRIMARY_DOWN &&
	    primary->knows.state.status == BMX_PRIMARY_UP)
		bmx_call_ahead_retry(primary->call_ahead);
	/* A contact is as good as a check: the next one is due from now. */
	if (!primary->check)
		set_timer(primary);
	if (news)
		primary->callbacks.on_change(primary->callbacks.ctx, before);
}

static void
on_contact(void *ctx, const struct bmx_call_ahead_contact *contact)
{
	struct bmx_primary *primary = ctx;
	bool news = false;

	if (!contact->good)
		note_failure(primary, contact->refused, contact->host,
		             contact->text);
	else if (contact->keywords) {
		struct bmx_smtp_keywords keywords = *contact->keywords;

		/* Not offered any more once TLS is up. */
		keywords.starttls |= primary->knows.keywords.starttls;
		news = take_keywords(primary, &keywords);
	}
	take_event(primary,
	           contact->good ? BMX_PRIMARY_GOOD : BMX_PRIMARY_FAILED, news);
}

static void
on_refuses_null_sender(void *ctx)
{
	struct bmx_primary *primary = ctx;

	primary->knows.refuses_null_sender = true;
	primary->callbacks.on_change(primary->callbacks.ctx,
	                             primary->knows.state.status);
}

static void
on_result(void *ctx, const struct bmx_call_ahead_request *request,
          const struct bmx_call_ahead_answer *answer)
{
	struct bmx_primary *primary = ctx;

	if (primary->callbacks.on_result)
		primary->callbacks.on_result(primary->callbacks.result_ctx,
		                             request, answer);
}

static struct bmx_target_tries *
make_tries(void *ctx)
{
	struct bmx_primary *primary = ctx;

	return primary->callbacks.tries(primary->callbacks.ctx);
}

static void
on_check(void *ctx, const struct bmx_primary_check_result *result)
{
	struct bmx_primary *primary = ctx;
	bool news = false;

	bmx_metric_add(primary->checks[result->end], 1);
	switch (result->end) {
	case BMX_PRIMARY_CHECK_GOOD:
		news = take_keywords(primary, &result->keywords);
		take_event(primary, BMX_PRIMARY_GOOD, news);
		break;
	case BMX_PRIMARY_CHECK_FAILED:
		note_failure(primary, result->refused, result->host,
		             result->text);
		take_event(primary, BMX_PRIMARY_FAILED, false);
		break;
	case BMX_PRIMARY_CHECK_UNDONE:
		/* Says nothing of the primary. */
		note_failure(primary, false, result->host, result->text);
		break;
	}
	bmx_primary_check_free(&primary->check);
	set_timer(primary);
	primary->callbacks.on_checked(primary->callbacks.ctx);
}

void
bmx_primary_check(struct bmx_primary *primary)
{
	struct bmx_target_tries *tries;

	if (primary->check)
		return;
	bmx_timer_cancel(primary->loop, primary->timer);
	tries = make_tries(primary);
	if (tries)
		primary->check =
			bmx_primary_check_new(primary->loop, primary->hostname,
		                              tries, on_check, primary);
	if (primary->check)
		return;
	set_timer(primary);
	primary->callbacks.on_checked(primary->callbacks.ctx);
}

static void
on_timer(void *ctx)
{
	struct bmx_primary *primary = ctx;

	primary->callbacks.on_due(primary->callbacks.ctx);
}

static struct bmx_call_ahead_settings
call_ahead_settings(const struct bmx_primary *primary)
{
	return (struct bmx_call_ahead_settings){
		.hostname = primary->hostname,
		.tls = primary->settings.tls,
		.tls_context = primary->settings.tls_context,
		.probe_sender = primary->settings.probe_sender,
		.probe_rate = primary->settings.probe_rate,
		.probe_connections = primary->settings.probe_connections};
}

static int
start_call_ahead(struct bmx_primary *primary,
                 const struct bmx_primary_parts *parts, struct bmx_error *err)
{
	const struct bmx_call_ahead_settings settings =
		call_ahead_settings(primary);
	const struct bmx_call_ahead_parts ca = {
		.loop = parts->loop,
		.log = parts->log,
		.metrics = parts->metrics,
		.name = primary->name,
		.refuses_null_sender = primary->knows.refuses_null_sender,
		.tries = make_tries,
		.on_contact = on_contact,
		.on_result = on_result,
		.on_refuses_null_sender = on_refuses_null_sender,
		.ctx = primary};

	if (settings.tls != BMX_TLS_NONE && !settings.tls_context)
		return 0;
	primary->call_ahead = bmx_call_ahead_new(&ca, &settings, err);
	return primary->call_ahead ? 0 : -1;
}

static int
copy_hostname(struct bmx_primary *primary, const char *hostname,
              struct bmx_error *err)
{
	const size_t len = strlen(hostname);

	if (len > BMX_DOMAIN_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "hostname is too long");
	memcpy(primary->hostname, hostname, len + 1);
	return 0;
}

static int
set_up(struct bmx_primary *primary, const struct bmx_primary_parts *parts,
       const struct bmx_primary_settings *settings, struct bmx_error *err)
{
	primary->settings = *settings;
	primary->name = strdup(settings->name);
	primary->probe_sender = strdup(settings->probe_sender);
	primary->timer = bmx_timer_new(parts->loop, on_timer, primary);
	if (!primary->name || !primary->probe_sender || !primary->timer)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for a primary");
	primary->settings.name = primary->name;
	primary->settings.probe_sender = primary->probe_sender;
	primary->settings.hostname = primary->hostname;
	if (copy_hostname(primary, settings->hostname, err) != 0)
		return -1;
	return start_call_ahead(primary, parts, err);
}

struct bmx_primary *
bmx_primary_new(const struct bmx_primary_parts *parts,
                const struct bmx_primary_settings *settings,
                const struct bmx_primary_knowledge *from,
                int64_t first_check_ms, struct bmx_error *err)
{
	struct bmx_primary *primary = calloc(1, sizeof(*primary));

	if (!primary) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for a primary");
		return NULL;
	}
	primary->loop = parts->loop;
	primary->log = parts->log;
	primary->callbacks = parts->callbacks;
	primary->knows = *from;
	primary->learnt = from->state.checked_at_ms > 0;
	bmx_siphash_random_key(primary->random_key);
	for (size_t i = 0; i < sizeof(check_names) / sizeof(*check_names); i++)
		primary->checks[i] = bmx_metrics_counter(
			parts->metrics, "backupmx_primary_checks_total",
			"Checks of primaries, by result.",
			&(struct bmx_metrics_label){"result", check_names[i]},
			1);
	if (set_up(primary, parts, settings, err) != 0) {
		bmx_primary_free(&primary);
		return NULL;
	}
	bmx_timer_set(primary->loop, primary->timer, first_check_ms);
	return primary;
}

void
bmx_primary_free(struct bmx_primary **primary)
{
	struct bmx_primary *p = *primary;

	if (!p)
		return;
	*primary = NULL;
	bmx_primary_check_free(&p->check);
	bmx_call_ahead_free(&p->call_ahead);
	bmx_timer_free(p->loop, &p->timer);
	free(p->name);
	free(p->probe_sender);
	free(p);
}

int
bmx_primary_set_hostname(struct bmx_primary *primary, const char *hostname,
                         struct bmx_error *err)
{
	struct bmx_call_ahead_settings settings = call_ahead_settings(primary);

	if (strcmp(hostname, primary->hostname) == 0)
		return 0;
	settings.hostname = hostname;
	if (primary->call_ahead &&
	    bmx_call_ahead_configure(primary->call_ahead, &settings, err) != 0)
		return -1;
	return copy_hostname(primary, hostname, err);
}

void
bmx_primary_resume(struct bmx_primary *primary,
                   const struct bmx_primary_knowledge *stored)
{
	const enum bmx_primary_status before = primary->knows.state.status;

	if (primary->learnt)
		return;
	primary->learnt = true;
	primary->knows = *stored;
	primary->callbacks.on_change(primary->callbacks.ctx, before);
}

const char *
bmx_primary_name(const struct bmx_primary *primary)
{
	return primary->name;
}

const struct bmx_primary_knowledge *
bmx_primary_knows(const struct bmx_primary *primary)
{
	return &primary->knows;
}

struct bmx_call_ahead *
bmx_primary_call_ahead(const struct bmx_primary *primary)
{
	return primary->call_ahead;
}

void
bmx_primary_trouble(const struct bmx_primary *primary,
                    struct bmx_primary_trouble *trouble_out)
{
	*trouble_out = (struct bmx_primary_trouble){primary->refused_us,
	                                            primary->last_error,
	                                            primary->last_error_at_ms};
}
