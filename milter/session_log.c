/* What a session logs and counts. */
#include "milter/session_priv.h"

void
bmx_session_log_policy_away(const struct bmx_session *session,
                            const struct bmx_error *err)
{
	struct bmx_log_line line;

	bmx_log_begin_id(&line, session->services->log, BMX_LOG_WARN,
	                 bmx_slice_of(session->id), "policy-away");
	bmx_log_add_string(&line, BMX_KEY_ERR, err->text);
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "is backupmx-policyd running, and milter.policy one "
	                   "of its sockets?");
	bmx_log_end(&line);
}

static enum bmx_milter_act
act_of(const struct bmx_verdict *verdict)
{
	if (verdict->observed != BMX_SAY_NOTHING)
		return BMX_ACT_OBSERVE;
	if (verdict->say == BMX_SAY_NOTHING)
		return BMX_ACT_ACCEPT;
	return bmx_milter_reply_permanent(verdict->say) ? BMX_ACT_REJECT :
							  BMX_ACT_DEFER;
}

static void
log_envelope(struct bmx_log_line *line, const struct bmx_session *session)
{
	bmx_log_add_string(line, BMX_KEY_CLIENT, session->address_text);
	bmx_log_add_address(line, BMX_KEY_SENDER, session->message.sender);
}

static void
log_spf(struct bmx_log_line *line, const struct bmx_spf_verdict *spf)
{
	bmx_log_add_string(line, BMX_KEY_CHECK, "spf");
	bmx_log_add_string(line, BMX_KEY_RESULT,
	                   bmx_spf_result_name(spf->result));
	if (spf->domain[0] != '\0')
		bmx_log_add_string(line, BMX_KEY_DOMAIN, spf->domain);
	if (spf->problem[0] != '\0')
		bmx_log_add_string(line, BMX_KEY_ERR, spf->problem);
}

/* "helo:fail:own,dnsbl:fail:bl.example,spf:pass": what was collected of a set
 * of checks. */
static void
log_checks(struct bmx_log_line *line, const struct bmx_message *message,
           uint32_t set)
{
	char buffer[BMX_LOG_VALUE_MAX];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	for (int i = 0; i < BMX_CHECKS; i++) {
		const struct bmx_check_outcome *outcome = &message->outcomes[i];
		const char *word = bmx_finding_word(outcome->found);

		if (outcome->found == BMX_FOUND_UNDECIDED ||
		    !(set & BMX_CHECK_BIT(i)))
			continue;
		bmx_text_printf(&text, "%s%s:%s", text.len > 0 ? "," : "",
		                bmx_check_row((enum bmx_check)i)->name,
		                bmx_check_result_name(
					bmx_finding_result(outcome->found)));
		if (outcome->detail)
			word = outcome->detail;
		if (word[0] != '\0')
			bmx_text_printf(&text, ":%s", word);
	}
	bmx_content_describe(&message->scan, &text);
	if (text.len > 0)
		bmx_log_add(line, BMX_KEY_CHECKS, bmx_text_slice(&text));
}

static struct bmx_slice
id_of(const struct bmx_session *session, struct bmx_slice queue_id)
{
	return queue_id.len > 0 ? queue_id : bmx_slice_of(session->id);
}

static void
log_reply(struct bmx_log_line *line, const struct bmx_smtp_answer *answer)
{
	char codes[sizeof(answer->code) + sizeof(answer->enhanced)];
	struct bmx_text text;

	bmx_text_init(&text, codes, sizeof(codes));
	bmx_text_printf(&text, "%s %s", answer->code, answer->enhanced);
	bmx_log_add(line, BMX_KEY_REPLY, bmx_text_slice(&text));
}

static void
log_decision(const struct bmx_session *session,
             const struct bmx_inquiry *inquiry, int64_t took_us)
{
	const struct bmx_verdict *verdict = &inquiry->verdict;
	struct bmx_log_line line;

	bmx_log_begin_id(&line, session->services->log, BMX_LOG_INFO,
	                 id_of(session, inquiry->queue_id), "decision");
	log_envelope(&line, session);
	bmx_log_add_address(&line, BMX_KEY_RCPT, inquiry->recipient);
	bmx_log_add_string(&line, BMX_KEY_ACT,
	                   bmx_milter_act_name(act_of(verdict)));
	bmx_log_add_string(&line, BMX_KEY_WHY,
	                   bmx_verdict_why_name(verdict->why));
	if (session->message.spf)
		log_spf(&line, session->message.spf);
	log_checks(&line, &session->message, inquiry->facts.known);
	if (inquiry->answer)
		log_reply(&line, inquiry->answer);
	bmx_log_add_ms(&line, took_us);
	bmx_log_end(&line);
}

void
bmx_session_account(const struct bmx_session *session,
                    const struct bmx_inquiry *inquiry)
{
	const struct bmx_session_services *services = session->services;
	const int64_t took_us =
		bmx_clock_mono_us(services->clock) - inquiry->started_us;
	const enum bmx_milter_act act = act_of(&inquiry->verdict);

	/* What other software must decide is no decision of ours. */
	if (inquiry->rules)
		bmx_milter_count_decision(services->counters,
		                          inquiry->rules->section->name, act,
		                          inquiry->verdict.why);
	bmx_histogram_observe(services->counters->reply_seconds, took_us);
	log_decision(session, inquiry, took_us);
}

void
bmx_session_log_message(const struct bmx_session *session,
                        struct bmx_slice queue_id, const char *act)
{
	const struct bmx_message *message = &session->message;
	struct bmx_log_line line;

	bmx_log_begin_id(&line, session->services->log, BMX_LOG_INFO,
	                 id_of(session, queue_id), "message");
	log_envelope(&line, session);
	bmx_log_add_string(&line, BMX_KEY_ACT, act);
	bmx_log_add_u64(&line, BMX_KEY_COUNT, message->accepted);
	if (message->spf)
		log_spf(&line, message->spf);
	log_checks(&line, message, UINT32_MAX);
	if (message->forged_count > 0)
		bmx_log_add_u64(&line, BMX_KEY_REMOVED, message->forged_count);
	bmx_log_end(&line);
}
