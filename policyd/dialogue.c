#include "policyd/dialogue.h"

#include <assert.h>
#include <stdio.h>

#include "policyd/dialogue_priv.h"
#include "policyd/smtp_path.h"

static const char *const names[] = {
	"greeting", "ehlo", "helo",   "starttls",   "tls",  "idle", "rset",
	"mail",     "rcpt", "random", "postmaster", "quit", "done",
};

static_assert(sizeof(names) / sizeof(names[0]) == BMX_DLG_STATES,
              "a name for each state");

const char *
bmx_dialogue_state_name(enum bmx_dialogue_state state)
{
	assert(state < BMX_DLG_STATES);
	return names[state];
}

enum bmx_dialogue_state
bmx_dialogue_state(const struct bmx_dialogue *dlg)
{
	return dlg->awaited_count > 0 ? dlg->awaited[0] : dlg->state;
}

bool
bmx_dialogue_awaits(const struct bmx_dialogue *dlg)
{
	return dlg->awaited_count > 0;
}

void
bmx_dialogue_await(struct bmx_dialogue *dlg, enum bmx_dialogue_state reply)
{
	assert(dlg->awaited_count <
	       sizeof(dlg->awaited) / sizeof(dlg->awaited[0]));
	dlg->awaited[dlg->awaited_count++] = reply;
}

/* What cannot be written as a path becomes the null sender: it does no harm. */
static void
write_sender(struct bmx_dialogue *dlg, const char *sender)
{
	struct bmx_slice local;
	struct bmx_slice domain;
	struct bmx_text text;
	bool utf8;

	bmx_text_init(&text, dlg->postmaster, sizeof(dlg->postmaster));
	(void)bmx_smtp_path_append(&text, BMX_SLICE("postmaster"),
	                           bmx_slice_of(dlg->hostname), &utf8);
	bmx_text_init(&text, dlg->sender, sizeof(dlg->sender));
	dlg->null_sender =
		bmx_address_split(bmx_slice_of(sender), &local, &domain) != 0 ||
		bmx_smtp_path_append(&text, local, domain, &utf8) != 0;
	if (dlg->null_sender)
		bmx_text_append_string(&text, "<>");
}

void
bmx_dialogue_init(struct bmx_dialogue *dlg,
                  const struct bmx_dialogue_config *config)
{
	struct bmx_text text;

	memset(dlg, 0, sizeof(*dlg));
	bmx_text_init(&text, dlg->hostname, sizeof(dlg->hostname));
	bmx_text_append_string(&text, config->hostname);
	dlg->tls = config->tls;
	dlg->check_only = config->check_only;
	dlg->refuses_null_sender = config->refuses_null_sender;
	dlg->use_postmaster = config->refuses_null_sender;
	write_sender(dlg, config->sender);
	dlg->state = BMX_DLG_GREETING;
	dlg->ended_at = BMX_DLG_QUIT;
	bmx_dialogue_await(dlg, BMX_DLG_GREETING);
}

/* ---- jobs ---- */

void
bmx_dialogue_finish(struct bmx_dialogue *dlg, enum bmx_probe_outcome outcome,
                    enum bmx_probe_why why)
{
	dlg->result.outcome = outcome;
	dlg->result.why = why;
	dlg->result_ready = true;
	dlg->has_job = false;
	if (dlg->jobs >= BMX_DIALOGUE_JOBS_MAX ||
	    dlg->refusals >= BMX_DIALOGUE_REFUSALS_MAX)
		dlg->quitting = true;
	/* Without EHLO there is nothing to be idle in, or to say QUIT to. */
	if (!dlg->accepted)
		return;
	dlg->used = true;
	dlg->state = dlg->quitting ? BMX_DLG_QUIT : BMX_DLG_IDLE;
}

/* May this befall a session that was good, while nobody used it? */
static bool
ended_meanwhile(enum bmx_probe_why why)
{
	return why == BMX_PROBE_CLOSED || why == BMX_PROBE_TRANSPORT ||
		why == BMX_PROBE_PROTOCOL;
}

/* An UNSURE of the job under way, if there is one. */
static void
fail_job(struct bmx_dialogue *dlg, enum bmx_probe_why why,
         const struct bmx_smtp_reply *reply)
{
	if (!dlg->has_job)
		return;
	dlg->result.reply = *reply;
	if (dlg->retry_in_clear)
		dlg->result.retry = BMX_PROBE_RETRY_IN_CLEAR;
	else if (dlg->used && !dlg->answered && ended_meanwhile(why))
		dlg->result.retry = BMX_PROBE_RETRY_NEW;
	bmx_dialogue_finish(dlg, BMX_PROBE_UNSURE, why);
}

/* EHLO was accepted and there is a job: its first command. */
void
bmx_dialogue_start_job(struct bmx_dialogue *dlg)
{
	static const struct bmx_smtp_reply none = {
		.text = "SMTPUTF8 is not offered"};

	dlg->jobs++;
	dlg->state = dlg->transaction ? BMX_DLG_RSET : BMX_DLG_MAIL;
	if (dlg->utf8 && !dlg->keywords.smtputf8)
		fail_job(dlg, BMX_PROBE_NO_SMTPUTF8, &none);
}

bool
bmx_dialogue_takes_job(const struct bmx_dialogue *dlg)
{
	return !dlg->has_job && !dlg->result_ready && !dlg->quitting &&
		!dlg->check_only && dlg->state != BMX_DLG_DONE;
}

static bool
write_path(char path[BMX_DIALOGUE_PATH_MAX], struct bmx_slice local,
           struct bmx_slice domain, bool *utf8_out)
{
	struct bmx_text text;

	bmx_text_init(&text, path, BMX_DIALOGUE_PATH_MAX);
	return bmx_smtp_path_append(&text, local, domain, utf8_out) == 0;
}

void
bmx_dialogue_give(struct bmx_dialogue *dlg, const struct bmx_probe_job *job)
{
	static const struct bmx_smtp_reply none = {
		.text = "the address cannot be written in SMTP"};
	bool ascii;
	bool good;

	assert(bmx_dialogue_takes_job(dlg));
	memset(&dlg->result, 0, sizeof(dlg->result));
	dlg->has_job = true;
	dlg->answered = false;
	dlg->confirm = job->confirm;
	good = write_path(dlg->path, job->local, job->domain, &dlg->utf8) &&
		write_path(dlg->postmaster_path, BMX_SLICE("postmaster"),
	                   job->domain, &ascii);
	dlg->has_random = job->random_local.len > 0 &&
		write_path(dlg->random_path, job->random_local, job->domain,
	                   &ascii);
	if (!good)
		fail_job(dlg, BMX_PROBE_BAD_ADDRESS, &none);
	else if (dlg->state == BMX_DLG_IDLE)
		bmx_dialogue_start_job(dlg);
}

const struct bmx_probe_result *
bmx_dialogue_result(const struct bmx_dialogue *dlg)
{
	return &dlg->result;
}

/* ---- the session's end ---- */

/* Why it ends, once. */
static void
note_end(struct bmx_dialogue *dlg, enum bmx_probe_why why,
         const struct bmx_smtp_reply *reply)
{
	if (dlg->ended_why != BMX_PROBE_WHY_NONE)
		return;
	dlg->ended_why = why;
	dlg->ended_at = dlg->state;
	dlg->ended_reply = *reply;
}

/* The connection is of no more use. */
void
bmx_dialogue_end(struct bmx_dialogue *dlg)
{
	dlg->quitting = true;
	dlg->state = BMX_DLG_DONE;
	dlg->awaited_count = 0;
}

/* A refusal before RCPT: it would meet the next job as well. */
void
bmx_dialogue_refuse(struct bmx_dialogue *dlg, enum bmx_probe_why why,
                    const struct bmx_smtp_reply *reply)
{
	note_end(dlg, why, reply);
	dlg->quitting = true;
	fail_job(dlg, why, reply);
	dlg->state = BMX_DLG_QUIT;
}

void
bmx_dialogue_quit(struct bmx_dialogue *dlg)
{
	dlg->quitting = true;
	if (dlg->state == BMX_DLG_IDLE)
		dlg->state = BMX_DLG_QUIT;
}

/* What a 421 means where it comes: the server closes. */
static enum bmx_probe_why
why_closing(const struct bmx_dialogue *dlg)
{
	switch (dlg->state) {
	case BMX_DLG_GREETING:
		return BMX_PROBE_REFUSED_GREETING;
	case BMX_DLG_EHLO:
	case BMX_DLG_HELO:
		return BMX_PROBE_REFUSED_HELO;
	case BMX_DLG_STARTTLS:
		return BMX_PROBE_REFUSED_TLS;
	case BMX_DLG_MAIL:
		/* It was said to the idle session, not to MAIL. */
		if (dlg->used && !dlg->answered)
			return BMX_PROBE_CLOSED;
		return BMX_PROBE_REFUSED_SENDER;
	case BMX_DLG_RCPT:
		return BMX_PROBE_RCPT_TEMPORARY;
	case BMX_DLG_POSTMASTER:
		return BMX_PROBE_NO_POSTMASTER;
	case BMX_DLG_TLS:
	case BMX_DLG_RSET:
	case BMX_DLG_RANDOM:
		return BMX_PROBE_CLOSED;
	case BMX_DLG_IDLE:
	case BMX_DLG_QUIT:
	case BMX_DLG_DONE:
	case BMX_DLG_STATES:
		break;
	}
	return BMX_PROBE_WHY_NONE;
}

/* Ends the job by what is known of it. That the recipient was accepted stays
 * true, whatever becomes of the random one. */
static void
cut_job(struct bmx_dialogue *dlg, enum bmx_probe_why why,
        const struct bmx_smtp_reply *reply)
{
	if (!dlg->has_job || dlg->state != BMX_DLG_RANDOM) {
		fail_job(dlg, why, reply);
		return;
	}
	dlg->result.random = BMX_PROBE_RANDOM_UNDECIDED;
	bmx_dialogue_finish(dlg, BMX_PROBE_VALID, BMX_PROBE_WHY_NONE);
}

void
bmx_dialogue_on_closing(struct bmx_dialogue *dlg,
                        const struct bmx_smtp_reply *reply)
{
	const enum bmx_probe_why why = why_closing(dlg);

	if (why == BMX_PROBE_REFUSED_TLS && dlg->tls == BMX_TLS_MAY)
		dlg->retry_in_clear = true;
	if (why != BMX_PROBE_WHY_NONE)
		note_end(dlg, why, reply);
	cut_job(dlg, why, reply);
	bmx_dialogue_end(dlg);
}

/* With a reply too many, who knows which of them was the recipient's? */
static void
doubt_result(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *none)
{
	if (!dlg->result_ready)
		return;
	dlg->result = (struct bmx_probe_result){
		.outcome = BMX_PROBE_UNSURE,
		.why = BMX_PROBE_PROTOCOL,
		.reply = *none,
	};
}

void
bmx_dialogue_abort(struct bmx_dialogue *dlg, enum bmx_probe_why why,
                   const char *text)
{
	const bool tls = dlg->state == BMX_DLG_TLS;
	const bool lost = why == BMX_PROBE_CLOSED || why == BMX_PROBE_TRANSPORT;
	struct bmx_smtp_reply none = {.code = 0};

	if (dlg->state == BMX_DLG_DONE)
		return;
	/* How servers end idle sessions, or answer QUIT. */
	if (dlg->state == BMX_DLG_QUIT ||
	    (dlg->state == BMX_DLG_IDLE && lost)) {
		bmx_dialogue_end(dlg);
		return;
	}
	if (tls && lost)
		why = BMX_PROBE_REFUSED_TLS;
	/* Octets out of turn are somebody's work: he is not to have clear
	 * text for it. */
	if ((tls || dlg->state == BMX_DLG_STARTTLS) &&
	    dlg->tls == BMX_TLS_MAY && why != BMX_PROBE_PROTOCOL)
		dlg->retry_in_clear = true;
	(void)snprintf(none.text, sizeof(none.text), "%s", text ? text : "");
	note_end(dlg, why, &none);
	if (why == BMX_PROBE_PROTOCOL)
		doubt_result(dlg, &none);
	cut_job(dlg, why, &none);
	bmx_dialogue_end(dlg);
}
