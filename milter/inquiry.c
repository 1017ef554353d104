/* One recipient: its rules, policyd's word, the checks, and the answer. */
#include "milter/checks/size.h"
#include "milter/internal_form.h"
#include "milter/session_priv.h"

static int64_t
policy_deadline(const struct bmx_session *session, int64_t started_us)
{
	int64_t wait_ms = session->config->policyd.deadline_ms +
		BMX_SESSION_POLICY_GRACE_MS;

	if (wait_ms > BMX_SESSION_COMMAND_MS)
		wait_ms = BMX_SESSION_COMMAND_MS;
	return started_us + wait_ms * 1000;
}

/* Clients that nothing is asked about are not to wait for DNS either. */
static bool
is_let_through(const struct bmx_session *session)
{
	return session->message.authenticated || session->message.probe;
}

/* A domain without a section: whose "*" is meant for it, DNS knows. */
static void
find_any_rules(const struct bmx_session *session, struct bmx_inquiry *inquiry,
               struct bmx_slice domain)
{
	const struct bmx_session_services *services = session->services;
	const struct bmx_domain_rules *any = bmx_rules_any(session->rules);

	if (!any || is_let_through(session))
		return;
	switch (services->serves(
		services->ctx, session->config, domain,
		policy_deadline(session, inquiry->started_us))) {
	case BMX_MX_SERVED_YES:
		inquiry->rules = any;
		break;
	case BMX_MX_SERVED_NO:
		break;
	case BMX_MX_SERVED_UNKNOWN:
		inquiry->facts.doubtful = any->section;
		break;
	}
}

static void
find_rules(const struct bmx_session *session, struct bmx_inquiry *inquiry)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice local, domain;

	if (bmx_address_split(inquiry->recipient, &local, &domain) != 0 ||
	    bmx_domain_normalise(domain, buffer, &domain) != 0)
		return;
	inquiry->rules = bmx_rules_find(session->rules, domain);
	if (!inquiry->rules)
		find_any_rules(session, inquiry, domain);
}

static void
know(struct bmx_inquiry *inquiry, enum bmx_check check, enum bmx_finding found)
{
	inquiry->facts.known |= BMX_CHECK_BIT(check);
	inquiry->facts.found[check] = found;
}

static void
gather_facts(const struct bmx_session *session, struct bmx_inquiry *inquiry)
{
	const struct bmx_message *message = &session->message;
	struct bmx_verdict_facts *facts = &inquiry->facts;

	facts->trusted = session->trusted;
	facts->authenticated = message->authenticated;
	facts->probe = message->probe;
	facts->policy_on = session->config->milter.policy_on;
	facts->wanted = BMX_CHECK_BIT(BMX_CHECK_SPF);
	if (inquiry->rules) {
		facts->section = inquiry->rules->section;
		facts->wanted = inquiry->rules->wanted;
	}
	facts->other_rules = message->accepted > 0 &&
		!bmx_rules_same_content(message->content, inquiry->rules);
	if (message->spf)
		know(inquiry, BMX_CHECK_SPF,
		     bmx_finding_of_spf(message->spf->result));
}

static enum bmx_policy_outcome
outcome_of(enum bmx_policy_reply reply)
{
	switch (bmx_policy_reply_class(reply)) {
	case BMX_REPLY_PASSES:
		return BMX_POLICY_OUTCOME_ACCEPT;
	case BMX_REPLY_DEFERS:
		return BMX_POLICY_OUTCOME_DEFER;
	case BMX_REPLY_REJECTS:
		break;
	}
	return BMX_POLICY_OUTCOME_REJECT;
}

static void
ask_policy(struct bmx_session *session, struct bmx_inquiry *inquiry)
{
	const struct bmx_session_services *services = session->services;
	/* It has a section, so it was short enough to be split. */
	char recipient[BMX_ADDRESS_MAX];
	const struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.instance = bmx_slice_of(session->id),
		.queue_id = inquiry->queue_id,
		.client_address = bmx_slice_of(session->address_text),
		.client_name = bmx_slice_of(session->client_name),
		.helo_name = bmx_slice_of(session->helo),
		.sender = session->message.internal_sender,
		.recipient = bmx_internal_form(inquiry->recipient, recipient),
		.size = session->message.size,
	};
	struct bmx_verdict_facts *facts = &inquiry->facts;
	enum bmx_policy_outcome outcome = BMX_POLICY_OUTCOME_AWAY;
	struct bmx_error err = {0};

	if (services->ask_policy(services->ctx, &request,
	                         policy_deadline(session, inquiry->started_us),
	                         &facts->policy_reply, &err) == 0) {
		facts->policy = BMX_POLICY_ANSWERED;
		outcome = outcome_of(facts->policy_reply);
	} else {
		facts->policy = BMX_POLICY_AWAY;
		bmx_session_log_policy_away(session, &err);
	}
	bmx_metric_add(services->counters->policy[outcome], 1);
}

/* The sender with its domain as A-labels, as the evaluator wants it; as it is
 * when there is no domain to be had. */
static struct bmx_slice
sender_for_spf(struct bmx_message *message)
{
	char domain_buffer[BMX_DOMAIN_BUFFER];
	char buffer[BMX_ADDRESS_MAX + BMX_DOMAIN_BUFFER];
	struct bmx_slice local, domain, copy;
	struct bmx_text text;

	if (bmx_address_split(message->sender, &local, &domain) != 0 ||
	    bmx_domain_normalise(domain, domain_buffer, &domain) != 0)
		return message->sender;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append(&text, local);
	bmx_text_append_char(&text, '@');
	bmx_text_append(&text, domain);
	copy = bmx_message_keep(message, bmx_text_slice(&text));
	return copy.data ? copy : message->sender;
}

static void
evaluate_spf(struct bmx_session *session, struct bmx_inquiry *inquiry,
             struct bmx_spf_verdict *verdict)
{
	const struct bmx_session_services *services = session->services;
	struct bmx_spf_request request = {
		.helo = bmx_slice_of(session->helo),
		.sender = sender_for_spf(&session->message),
		.receiver = session->config->hostname,
		.deadline_us = inquiry->started_us +
			BMX_SESSION_COMMAND_MS * INT64_C(1000),
		.clock = services->clock,
	};

	memcpy(request.client, session->address, sizeof(request.client));
	services->check_spf(services->ctx, &request, verdict);
	session->message.spf = verdict;
}

static struct bmx_check_outcome
check_spf(struct bmx_session *session, struct bmx_inquiry *inquiry)
{
	struct bmx_check_outcome outcome = {.found = BMX_FOUND_NOTHING};
	struct bmx_spf_verdict *verdict;

	/* A client without an address cannot be judged by it. */
	if (!session->has_address)
		return outcome;
	verdict = bmx_arena_alloc(session->message.arena, sizeof(*verdict));
	outcome.found = BMX_FOUND_SPF_TEMPERROR;
	if (verdict) {
		evaluate_spf(session, inquiry, verdict);
		outcome.found = bmx_finding_of_spf(verdict->result);
	}
	return outcome;
}

void
bmx_inquiry_note(struct bmx_session *session, enum bmx_check check,
                 struct bmx_check_outcome outcome)
{
	struct bmx_message *message = &session->message;

	message->outcomes[check] = outcome;
	if (message->counted & BMX_CHECK_BIT(check))
		return;
	message->counted |= BMX_CHECK_BIT(check);
	bmx_milter_count_check(session->services->counters, check,
	                       bmx_finding_result(outcome.found));
}

static void
run_check(struct bmx_session *session, struct bmx_inquiry *inquiry)
{
	const enum bmx_check check = inquiry->verdict.check;
	struct bmx_check_outcome outcome;

	if (check == BMX_CHECK_SPF)
		outcome = check_spf(session, inquiry);
	else if (check == BMX_CHECK_SIZE)
		outcome = (struct bmx_check_outcome){
			.found = bmx_size_check(
				inquiry->rules->section->size,
				bmx_size_announced(session->message.size))};
	else
		outcome =
			bmx_panel_collect(&session->panel, check,
		                          inquiry->rules, inquiry->started_us);
	know(inquiry, check, outcome.found);
	/* The size counts when it has been counted. */
	if (check != BMX_CHECK_SIZE || outcome.found == BMX_FOUND_TOO_LARGE)
		bmx_inquiry_note(session, check, outcome);
}

/* The text of the line in an access file that the verdict is about. */
static const struct bmx_access_action *
action_behind(const struct bmx_session *session,
              const struct bmx_verdict *verdict)
{
	static const enum bmx_check checks[] = {BMX_CHECK_CLIENT_ACCESS,
	                                        BMX_CHECK_SENDER_ACCESS};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (bmx_verdict_is_about(verdict, checks[i]))
			return session->message.outcomes[checks[i]].action;
	return NULL;
}

static void
build_answer(struct bmx_session *session, struct bmx_inquiry *inquiry)
{
	const struct bmx_verdict *verdict = &inquiry->verdict;
	const enum bmx_milter_reply say = verdict->say != BMX_SAY_NOTHING ?
		verdict->say :
		verdict->observed;
	const struct bmx_spf_verdict *spf = session->message.spf;
	const struct bmx_access_action *action =
		action_behind(session, verdict);

	if (say == BMX_SAY_NOTHING) {
		inquiry->answer = NULL;
		return;
	}
	/* What a file says has been made into an answer when it was read. */
	if (action && action->code[0] != '\0' &&
	    bmx_smtp_answer_make(action->code, action->enhanced,
	                         bmx_slice_of(action->text), inquiry->answer,
	                         NULL) == 0)
		return;
	bmx_milter_reply_build(say, bmx_slice_of(spf ? spf->explanation : NULL),
	                       inquiry->answer);
}

void
bmx_inquiry_decide(struct bmx_session *session, struct bmx_inquiry *inquiry)
{
	enum bmx_verdict_step step;

	find_rules(session, inquiry);
	gather_facts(session, inquiry);
	do {
		step = bmx_verdict_next(&inquiry->facts, &inquiry->verdict);
		switch (step) {
		case BMX_VERDICT_NEEDS_POLICY:
			ask_policy(session, inquiry);
			break;
		case BMX_VERDICT_NEEDS_CHECK:
			run_check(session, inquiry);
			break;
		case BMX_VERDICT_DONE:
			break;
		}
	} while (step != BMX_VERDICT_DONE);
	build_answer(session, inquiry);
}
