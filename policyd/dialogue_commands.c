#include "policyd/dialogue_priv.h"

static void
put_mail(struct bmx_dialogue *dlg, struct bmx_text *text)
{
	const bool other = dlg->null_sender && dlg->use_postmaster;

	bmx_text_printf(text, "MAIL FROM:%s%s\r\n",
	                other ? dlg->postmaster : dlg->sender,
	                dlg->utf8 ? " SMTPUTF8" : "");
	dlg->transaction = true;
	bmx_dialogue_await(dlg, BMX_DLG_MAIL);
}

static void
put_rcpt(struct bmx_dialogue *dlg, struct bmx_text *text,
         enum bmx_dialogue_state which, const char *path)
{
	bmx_text_printf(text, "RCPT TO:%s\r\n", path);
	bmx_dialogue_await(dlg, which);
}

static void
put(struct bmx_dialogue *dlg, struct bmx_text *text, const char *command)
{
	bmx_text_printf(text, "%s\r\n", command);
	bmx_dialogue_await(dlg, dlg->state);
}

/* RSET, MAIL and RCPT go together if they may (RFC 2920 section 3.1). */
static void
put_job(struct bmx_dialogue *dlg, struct bmx_text *text)
{
	const bool together = dlg->keywords.pipelining;

	if (dlg->state == BMX_DLG_RSET)
		put(dlg, text, "RSET");
	if (dlg->state == BMX_DLG_MAIL || together)
		put_mail(dlg, text);
	if (together)
		put_rcpt(dlg, text, BMX_DLG_RCPT, dlg->path);
}

static enum bmx_dialogue_act
put_command(struct bmx_dialogue *dlg, struct bmx_text *text)
{
	switch (dlg->state) {
	case BMX_DLG_EHLO:
	case BMX_DLG_HELO:
		bmx_text_printf(text, "%s %s\r\n",
		                dlg->state == BMX_DLG_EHLO ? "EHLO" : "HELO",
		                dlg->hostname);
		bmx_dialogue_await(dlg, dlg->state);
		break;
	case BMX_DLG_STARTTLS:
		put(dlg, text, "STARTTLS");
		break;
	case BMX_DLG_RSET:
	case BMX_DLG_MAIL:
		put_job(dlg, text);
		break;
	case BMX_DLG_RCPT:
		put_rcpt(dlg, text, BMX_DLG_RCPT, dlg->path);
		break;
	case BMX_DLG_RANDOM:
		put_rcpt(dlg, text, BMX_DLG_RANDOM, dlg->random_path);
		break;
	case BMX_DLG_POSTMASTER:
		put_rcpt(dlg, text, BMX_DLG_POSTMASTER, dlg->postmaster_path);
		break;
	case BMX_DLG_QUIT:
		put(dlg, text, "QUIT");
		break;
	case BMX_DLG_GREETING:
	case BMX_DLG_TLS:
	case BMX_DLG_IDLE:
	case BMX_DLG_DONE:
	case BMX_DLG_STATES:
		return BMX_DIALOGUE_WAIT;
	}
	return BMX_DIALOGUE_SEND;
}

enum bmx_dialogue_act
bmx_dialogue_next(struct bmx_dialogue *dlg, struct bmx_text *text)
{
	if (dlg->result_ready) {
		dlg->result_ready = false;
		return BMX_DIALOGUE_JOB_DONE;
	}
	if (dlg->state == BMX_DLG_DONE)
		return BMX_DIALOGUE_CLOSE;
	if (dlg->awaited_count > 0 || dlg->making_tls)
		return BMX_DIALOGUE_WAIT;
	if (dlg->state == BMX_DLG_TLS) {
		dlg->making_tls = true;
		return BMX_DIALOGUE_START_TLS;
	}
	if (dlg->state == BMX_DLG_IDLE) {
		dlg->used = true;
		return BMX_DIALOGUE_IDLE;
	}
	return put_command(dlg, text);
}
