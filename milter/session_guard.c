#include <stdlib.h>

#include "milter/session_priv.h"

void
bmx_session_internal(struct bmx_session *session)
{
	session->internal = true;
}

void
bmx_session_begin_bounce(struct bmx_session *session)
{
	struct bmx_message *message = &session->message;

	if (!session->internal || message->sender.len > 0 ||
	    !bmx_session_may_want_body(session))
		return;
	message->is_bounce = true;
	message->bounce = malloc(sizeof(*message->bounce));
	if (message->bounce)
		bmx_bounce_report_init(message->bounce);
}

/* Postfix logs the reason. */
static const char *
reason_for(enum bmx_guard_why why)
{
	switch (why) {
	case BMX_GUARD_HELD:
		return "the primary seems to have lost its users";
	case BMX_GUARD_UNREADABLE:
	case BMX_GUARD_TROUBLE:
		return "bounce that cannot be judged";
	case BMX_GUARD_OFF:
	case BMX_GUARD_NO_REPORT:
	case BMX_GUARD_NULL_SENDER:
	case BMX_GUARD_SPF:
	case BMX_GUARD_AUTH:
	case BMX_GUARD_TRUSTED:
	case BMX_GUARD_UNPROVEN:
	case BMX_GUARD_FORGED:
	case BMX_GUARD_UNSEALED:
	case BMX_GUARD_WHYS:
		break;
	}
	return "bounce to a sender that is not authenticated";
}

enum bmx_session_next
bmx_session_end_bounce(struct bmx_session *session, struct bmx_slice queue_id,
                       struct bmx_session_edits *edits)
{
	struct bmx_bounce_report *bounce = session->message.bounce;
	struct bmx_guard_verdict verdict;

	if (bounce)
		bmx_bounce_report_end(bounce);
	verdict = bmx_guard_judge(session->services->guard,
	                          bounce ? &bounce->facts : NULL,
	                          session->config, queue_id);
	if (verdict.act == BMX_GUARD_DISCARD)
		return BMX_SESSION_DISCARD;
	if (verdict.act == BMX_GUARD_QUARANTINE)
		edits->quarantine = reason_for(verdict.why);
	return BMX_SESSION_CONTINUE;
}

static enum bmx_seal_result
result_of(const struct bmx_session *session)
{
	const struct bmx_message *message = &session->message;

	if (session->trusted)
		return BMX_SEALED_TRUSTED;
	if (message->authenticated)
		return BMX_SEALED_AUTH;
	/* A pass of the HELO name says nothing about a sender. */
	if (message->spf && message->spf->result == BMX_SPF_PASS &&
	    message->spf->identity == BMX_SPF_MAILFROM)
		return BMX_SEALED_SPF;
	return BMX_SEALED_NONE;
}

void
bmx_session_seal(struct bmx_session *session, struct bmx_slice queue_id,
                 struct bmx_session_edits *edits)
{
	struct bmx_message *message = &session->message;
	const struct bmx_seal seal = {
		.queue_id = queue_id,
		.sender = message->sender,
		.client = bmx_slice_of(session->address_text),
		.result = result_of(session),
	};
	char *buffer;

	/* Nothing bounces to the null sender. */
	if (!bmx_session_may_want_body(session) || !message->open ||
	    message->sender.len == 0)
		return;
	buffer = bmx_arena_alloc(message->arena, BMX_SEAL_TEXT_MAX);
	if (buffer &&
	    bmx_guard_seal(session->services->guard, &seal, session->config,
	                   buffer))
		edits->seal = buffer;
}
