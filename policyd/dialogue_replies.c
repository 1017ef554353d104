#include "policyd/dialogue_priv.h"

#include <stdio.h>

#include <backupmx/ehlo_line.h>

/* A refusal that is our own conclusion, not a reply. */
static void
refuse_ourselves(struct bmx_dialogue *dlg, enum bmx_probe_why why,
                 const char *text)
{
	struct bmx_smtp_reply none = {.code = 0};

	(void)snprintf(none.text, sizeof(none.text), "%s", text);
	bmx_dialogue_refuse(dlg, why, &none);
}

static bool
is_good(const struct bmx_smtp_reply *reply)
{
	return reply->code / 100 == 2;
}

static void
on_greeting(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	if (dlg->says_our_name)
		bmx_dialogue_refuse(dlg, BMX_PROBE_LOOP, reply);
	else if (!is_good(reply))
		bmx_dialogue_refuse(dlg, BMX_PROBE_REFUSED_GREETING, reply);
	else
		dlg->state = BMX_DLG_EHLO;
}

/* EHLO or HELO was accepted, and TLS is as it is to be. */
static void
accept(struct bmx_dialogue *dlg)
{
	dlg->accepted = true;
	dlg->state = BMX_DLG_IDLE;
	if (dlg->check_only || (dlg->quitting && !dlg->has_job))
		dlg->state = BMX_DLG_QUIT;
	else if (dlg->has_job)
		bmx_dialogue_start_job(dlg);
}

static void
on_ehlo_good(struct bmx_dialogue *dlg)
{
	const bool wants_tls =
		dlg->tls != BMX_TLS_NONE && !dlg->secured && !dlg->check_only;
	const bool had_starttls = dlg->keywords.starttls;

	dlg->keywords = dlg->offered;
	dlg->keywords.known = true;
	/* Not offered again under TLS (RFC 3207 section 4.2). */
	if (dlg->secured)
		dlg->keywords.starttls = had_starttls;
	if (wants_tls && dlg->keywords.starttls)
		dlg->state = BMX_DLG_STARTTLS;
	else if (wants_tls && dlg->tls != BMX_TLS_MAY)
		refuse_ourselves(dlg, BMX_PROBE_REFUSED_TLS,
		                 "STARTTLS is not offered");
	else
		accept(dlg);
}

static void
on_ehlo(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	if (dlg->says_our_name && is_good(reply))
		bmx_dialogue_refuse(dlg, BMX_PROBE_LOOP, reply);
	else if (is_good(reply))
		on_ehlo_good(dlg);
	else if (reply->code >= 500 && reply->code <= 504)
		dlg->state = BMX_DLG_HELO; /* RFC 5321 section 3.2 */
	else
		bmx_dialogue_refuse(dlg, BMX_PROBE_REFUSED_HELO, reply);
}

static void
on_helo(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	const bool must_tls = dlg->tls != BMX_TLS_NONE &&
		dlg->tls != BMX_TLS_MAY && !dlg->secured && !dlg->check_only;

	if (dlg->says_our_name && is_good(reply))
		bmx_dialogue_refuse(dlg, BMX_PROBE_LOOP, reply);
	else if (!is_good(reply))
		bmx_dialogue_refuse(dlg, BMX_PROBE_REFUSED_HELO, reply);
	else if (must_tls)
		refuse_ourselves(dlg, BMX_PROBE_REFUSED_TLS,
		                 "EHLO is not known, so no STARTTLS");
	else {
		/* Not what was offered before TLS. */
		memset(&dlg->keywords, 0, sizeof(dlg->keywords));
		accept(dlg);
	}
}

static void
on_starttls(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	if (is_good(reply)) {
		dlg->state = BMX_DLG_TLS;
		return;
	}
	dlg->retry_in_clear = dlg->tls == BMX_TLS_MAY;
	bmx_dialogue_refuse(dlg, BMX_PROBE_REFUSED_TLS, reply);
}

void
bmx_dialogue_secured(struct bmx_dialogue *dlg)
{
	if (dlg->state != BMX_DLG_TLS)
		return;
	dlg->secured = true;
	dlg->making_tls = false;
	dlg->state = BMX_DLG_EHLO;
}

static void
on_rset(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	if (is_good(reply))
		dlg->state = BMX_DLG_MAIL;
	else
		bmx_dialogue_refuse(dlg, BMX_PROBE_PROTOCOL, reply);
}

/*
 * Some refuse <>, and some postmaster@ that once took it: the other one is
 * tried, once a session. What works is remembered.
 */
static void
on_mail(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	dlg->answered = true;
	if (is_good(reply)) {
		if (dlg->tried_both)
			dlg->refuses_null_sender = dlg->use_postmaster;
		dlg->state = BMX_DLG_RCPT;
	} else if (reply->code / 100 == 5 && dlg->null_sender &&
	           !dlg->tried_both) {
		dlg->tried_both = true;
		dlg->use_postmaster = !dlg->use_postmaster;
	} else {
		bmx_dialogue_refuse(dlg, BMX_PROBE_REFUSED_SENDER, reply);
	}
}

/* Why a reply to RCPT leaves it UNSURE. */
static enum bmx_probe_why
why_unsure(enum bmx_rcpt_class rcpt_class)
{
	switch (rcpt_class) {
	case BMX_RCPT_UNSURE_TEMPORARY:
		return BMX_PROBE_RCPT_TEMPORARY;
	case BMX_RCPT_UNSURE_SENDER:
		return BMX_PROBE_RCPT_SENDER;
	case BMX_RCPT_UNSURE_POLICY:
		return BMX_PROBE_RCPT_POLICY;
	case BMX_RCPT_VALID:
	case BMX_RCPT_VALID_DISABLED:
	case BMX_RCPT_VALID_FULL:
	case BMX_RCPT_UNKNOWN:
	case BMX_RCPT_UNKNOWN_IF_POSTMASTER:
	case BMX_RCPT_UNSURE_OTHER:
	case BMX_RCPT_CLASSES:
		break;
	}
	return BMX_PROBE_RCPT_OTHER;
}

static void
count_refusal(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	if (reply->code / 100 == 5)
		dlg->refusals++;
}

static void
on_rcpt(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	const enum bmx_rcpt_class rcpt_class = bmx_rcpt_classify(reply);

	dlg->result.reply = *reply;
	count_refusal(dlg, reply);
	switch (rcpt_class) {
	case BMX_RCPT_VALID:
		if (dlg->has_random)
			dlg->state = BMX_DLG_RANDOM;
		else
			bmx_dialogue_finish(dlg, BMX_PROBE_VALID,
			                    BMX_PROBE_WHY_NONE);
		break;
	case BMX_RCPT_VALID_DISABLED:
		bmx_dialogue_finish(dlg, BMX_PROBE_VALID_DISABLED,
		                    BMX_PROBE_WHY_NONE);
		break;
	case BMX_RCPT_VALID_FULL:
		bmx_dialogue_finish(dlg, BMX_PROBE_VALID_FULL,
		                    BMX_PROBE_WHY_NONE);
		break;
	case BMX_RCPT_UNKNOWN:
		if (dlg->confirm)
			dlg->state = BMX_DLG_POSTMASTER;
		else
			bmx_dialogue_finish(dlg, BMX_PROBE_UNKNOWN,
			                    BMX_PROBE_WHY_NONE);
		break;
	case BMX_RCPT_UNKNOWN_IF_POSTMASTER:
		dlg->state = BMX_DLG_POSTMASTER;
		break;
	case BMX_RCPT_UNSURE_TEMPORARY:
	case BMX_RCPT_UNSURE_SENDER:
	case BMX_RCPT_UNSURE_POLICY:
	case BMX_RCPT_UNSURE_OTHER:
	case BMX_RCPT_CLASSES:
		bmx_dialogue_finish(dlg, BMX_PROBE_UNSURE,
		                    why_unsure(rcpt_class));
		break;
	}
}

static void
on_random(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	const enum bmx_rcpt_class rcpt_class = bmx_rcpt_classify(reply);
	enum bmx_probe_outcome outcome = BMX_PROBE_VALID;

	count_refusal(dlg, reply);
	dlg->result.random = BMX_PROBE_RANDOM_UNDECIDED;
	if (rcpt_class == BMX_RCPT_VALID) {
		dlg->result.random = BMX_PROBE_RANDOM_ACCEPTED;
		outcome = BMX_PROBE_ACCEPTS_ALL;
	} else if (bmx_rcpt_class_is_unknown(rcpt_class)) {
		dlg->result.random = BMX_PROBE_RANDOM_REFUSED;
	}
	bmx_dialogue_finish(dlg, outcome, BMX_PROBE_WHY_NONE);
}

/* A primary that takes nobody, not even postmaster, does not know the
 * recipient's lot: it blocks us, or it has lost its user table. */
static void
on_postmaster(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	const enum bmx_rcpt_class rcpt_class = bmx_rcpt_classify(reply);
	enum bmx_probe_why why = BMX_PROBE_NO_POSTMASTER;

	count_refusal(dlg, reply);
	if (rcpt_class == BMX_RCPT_VALID) {
		bmx_dialogue_finish(dlg, BMX_PROBE_UNKNOWN, BMX_PROBE_WHY_NONE);
		return;
	}
	if (dlg->confirm && bmx_rcpt_class_is_unknown(rcpt_class))
		why = BMX_PROBE_LOST_USERS;
	dlg->result.reply = *reply;
	bmx_dialogue_finish(dlg, BMX_PROBE_UNSURE, why);
}

/* A reply to the command of the state. */
static void
dispatch(struct bmx_dialogue *dlg, const struct bmx_smtp_reply *reply)
{
	switch (dlg->state) {
	case BMX_DLG_GREETING:
		on_greeting(dlg, reply);
		break;
	case BMX_DLG_EHLO:
		on_ehlo(dlg, reply);
		break;
	case BMX_DLG_HELO:
		on_helo(dlg, reply);
		break;
	case BMX_DLG_STARTTLS:
		on_starttls(dlg, reply);
		break;
	case BMX_DLG_RSET:
		on_rset(dlg, reply);
		break;
	case BMX_DLG_MAIL:
		on_mail(dlg, reply);
		break;
	case BMX_DLG_RCPT:
		on_rcpt(dlg, reply);
		break;
	case BMX_DLG_RANDOM:
		on_random(dlg, reply);
		break;
	case BMX_DLG_POSTMASTER:
		on_postmaster(dlg, reply);
		break;
	case BMX_DLG_QUIT:
		bmx_dialogue_end(dlg);
		break;
	case BMX_DLG_TLS:
	case BMX_DLG_IDLE:
	case BMX_DLG_DONE:
	case BMX_DLG_STATES:
		break; /* no reply is awaited in these */
	}
}

static enum bmx_dialogue_state
take_awaited(struct bmx_dialogue *dlg)
{
	const enum bmx_dialogue_state first = dlg->awaited[0];

	dlg->awaited_count--;
	memmove(dlg->awaited, dlg->awaited + 1,
	        dlg->awaited_count * sizeof(dlg->awaited[0]));
	return first;
}

void
bmx_dialogue_on_reply(struct bmx_dialogue *dlg,
                      const struct bmx_smtp_reply *reply)
{
	enum bmx_dialogue_state replied;

	if (dlg->state == BMX_DLG_DONE)
		return;
	if (dlg->awaited_count == 0) {
		if (reply->code == 421)
			bmx_dialogue_on_closing(dlg, reply);
		else
			bmx_dialogue_abort(dlg, BMX_PROBE_PROTOCOL,
			                   "a reply that was not asked for");
		return;
	}
	replied = take_awaited(dlg);
	if (reply->code == 421)
		bmx_dialogue_on_closing(
			dlg, reply); /* whatever was asked: RFC 5321 3.8 */
	else if (replied == dlg->state)
		dispatch(dlg, reply);
	/* Else it was pipelined behind a command that was refused: what is
	 * said to it says nothing about the recipient. */
	dlg->says_our_name = false;
	memset(&dlg->offered, 0, sizeof(dlg->offered));
}

void
bmx_dialogue_on_line(void *ctx, int code, size_t index, struct bmx_slice text)
{
	struct bmx_dialogue *dlg = ctx;
	const enum bmx_dialogue_state at = bmx_dialogue_state(dlg);

	(void)code; /* the last line's counts, and comes with the reply */
	if (at != BMX_DLG_GREETING && at != BMX_DLG_EHLO && at != BMX_DLG_HELO)
		return;
	if (index == 0)
		dlg->says_our_name =
			bmx_ehlo_first_word_is(text, dlg->hostname);
	else if (at == BMX_DLG_EHLO)
		bmx_ehlo_line(text, &dlg->offered);
}
