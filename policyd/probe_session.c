#include "policyd/probe_session.h"

#include <assert.h>
#include <stdlib.h>

#include <unistd.h>

#include <backupmx/arena.h>
#include <backupmx/stream.h>

/* A host name and a handful of TLSA records. */
#define ARENA_MAX ((size_t)256 * 1024)
/* Octets of a line that are shown. */
#define TRACE_MAX ((size_t)512)

struct bmx_probe_session {
	struct bmx_loop *loop;
	struct bmx_arena *arena; /* holds host and tlsa */
	struct bmx_stream *stream;
	struct bmx_timer *timer;     /* of a reply, of QUIT, of idling */
	struct bmx_timer *job_timer; /* of the job under way */
	struct bmx_timer *kick;      /* a job was given: go on from the loop */
	struct bmx_dialogue dlg;
	struct bmx_smtp_reply_parser parser;
	struct bmx_tls_request tls;
	struct bmx_probe_session_callbacks callbacks;
	bool connected;
	bool idle_told; /* since the last job */
	bool running;   /* callbacks are on the stack: they need no kick */
	bool over;
};

/* ---- for people ---- */

static void
trace_line(const struct bmx_probe_session *s, bool ours, struct bmx_slice line)
{
	char buffer[TRACE_MAX + 1];
	struct bmx_text text;

	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_clean(&text, line, TRACE_MAX);
	s->callbacks.on_trace(s->callbacks.ctx, ours, bmx_text_slice(&text));
}

/* Tells each line of octets that go over the wire. */
static void
trace(const struct bmx_probe_session *s, bool ours, struct bmx_slice octets)
{
	if (!s->callbacks.on_trace)
		return;
	while (octets.len > 0) {
		const char *end = memchr(octets.data, '\n', octets.len);
		const size_t len =
			end ? (size_t)(end - octets.data) : octets.len;

		trace_line(s, ours, (struct bmx_slice){octets.data, len});
		octets.data += len + (end ? 1 : 0);
		octets.len -= len + (end ? 1 : 0);
	}
}

static void
trace_note(const struct bmx_probe_session *s, const char *note)
{
	char buffer[BMX_SMTP_TEXT_MAX + 2];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_printf(&text, "(%s)", note);
	trace(s, true, bmx_text_slice(&text));
}

/* ---- the end ---- */

static void
abort_because(struct bmx_probe_session *s, enum bmx_probe_why why,
              const char *text)
{
	trace_note(s, text);
	bmx_dialogue_abort(&s->dlg, why, text);
}

static void
abort_on_error(struct bmx_probe_session *s, const struct bmx_error *err)
{
	enum bmx_probe_why why = BMX_PROBE_TRANSPORT;

	if (err->code == BMX_E_TIMEOUT)
		why = BMX_PROBE_TIMEOUT;
	else if (err->code == BMX_E_CLOSED)
		why = BMX_PROBE_CLOSED;
	else if (err->code == BMX_E_REFUSED)
		why = BMX_PROBE_REFUSED_TLS;
	else if (err->code == BMX_E_SYNTAX || err->code == BMX_E_TOO_BIG)
		why = BMX_PROBE_PROTOCOL;
	else if (err->code == BMX_E_NOMEM)
		why = BMX_PROBE_NO_MEMORY;
	abort_because(s, why, err->text);
}

/* Tells the owner, who may free the session. */
static void
close_session(struct bmx_probe_session *s)
{
	const struct bmx_probe_closed closed = {
		.why = s->dlg.ended_why,
		.connected = s->connected,
		.accepted = s->dlg.accepted,
		.retry_in_clear = s->dlg.retry_in_clear,
		.refuses_null_sender = s->dlg.refuses_null_sender,
		.at = s->dlg.ended_at,
		.reply = s->dlg.ended_reply,
	};

	bmx_timer_cancel(s->loop, s->timer);
	bmx_timer_cancel(s->loop, s->job_timer);
	bmx_timer_cancel(s->loop, s->kick);
	bmx_stream_free(&s->stream);
	s->callbacks.on_closed(s->callbacks.ctx, &closed);
}

/* ---- what the dialogue wants ---- */

static void
send_commands(struct bmx_probe_session *s, const struct bmx_text *commands)
{
	const bool quits = bmx_dialogue_state(&s->dlg) == BMX_DLG_QUIT;
	struct bmx_error err;

	/* What is there cannot be the reply to what is not sent yet. */
	if (bmx_stream_input(s->stream).len > 0) {
		abort_because(s, BMX_PROBE_PROTOCOL,
		              "octets that were not asked for");
		return;
	}
	trace(s, true, bmx_text_slice(commands));
	if (bmx_stream_write(s->stream, bmx_text_slice(commands), &err) != 0) {
		abort_on_error(s, &err);
		return;
	}
	bmx_timer_set(s->loop, s->timer,
	              quits ? BMX_PROBE_QUIT_MS : BMX_PROBE_REPLY_MS);
}

static void
start_tls(struct bmx_probe_session *s)
{
	struct bmx_error err;

	bmx_timer_cancel(s->loop, s->timer); /* the stream has its own */
	if (bmx_stream_secure(s->stream, &s->tls, BMX_PROBE_REPLY_MS, &err) !=
	    0)
		abort_on_error(s, &err);
}

static void
tell_job(struct bmx_probe_session *s)
{
	bmx_timer_cancel(s->loop, s->job_timer);
	s->callbacks.on_job(s->callbacks.ctx, bmx_dialogue_result(&s->dlg));
}

/* Is there anything left to do after it? */
static bool
tell_idle(struct bmx_probe_session *s)
{
	if (s->idle_told)
		return false;
	s->idle_told = true;
	bmx_timer_set(s->loop, s->timer, BMX_PROBE_IDLE_MS);
	if (s->callbacks.on_idle)
		s->callbacks.on_idle(s->callbacks.ctx);
	return true;
}

/* Does one thing; false when there is none to do. */
static bool
step(struct bmx_probe_session *s)
{
	char buffer[BMX_DIALOGUE_OUTPUT_MAX];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	switch (bmx_dialogue_next(&s->dlg, &text)) {
	case BMX_DIALOGUE_SEND:
		send_commands(s, &text);
		return true;
	case BMX_DIALOGUE_START_TLS:
		start_tls(s);
		return true;
	case BMX_DIALOGUE_JOB_DONE:
		tell_job(s);
		return true;
	case BMX_DIALOGUE_IDLE:
		return tell_idle(s);
	case BMX_DIALOGUE_CLOSE:
		s->over = true;
		return false;
	case BMX_DIALOGUE_WAIT:
	case BMX_DIALOGUE_ACTS:
		break;
	}
	return false;
}

/* Does all there is to do. The session may be gone when this returns. */
static void
pump(struct bmx_probe_session *s)
{
	s->running = true;
	while (step(s))
		continue;
	s->running = false;
	if (s->over)
		close_session(s);
}

/* ---- what befalls it ---- */

static void
take_reply(struct bmx_probe_session *s, const struct bmx_smtp_reply *reply)
{
	const bool ehlo = bmx_dialogue_state(&s->dlg) == BMX_DLG_EHLO;

	bmx_dialogue_on_reply(&s->dlg, reply);
	if (bmx_dialogue_awaits(&s->dlg))
		bmx_timer_set(s->loop, s->timer, BMX_PROBE_REPLY_MS);
	if (ehlo && reply->code / 100 == 2 &&
	    s->dlg.ended_why != BMX_PROBE_LOOP && s->callbacks.on_keywords)
		s->callbacks.on_keywords(s->callbacks.ctx, &s->dlg.keywords);
}

/* Takes all whole replies that have arrived, also those that nobody asked
 * for: before a command is sent they are known to be none of its. */
static void
feed(struct bmx_probe_session *s)
{
	int got;

	s->running = true;
	do {
		const struct bmx_slice input = bmx_stream_input(s->stream);
		struct bmx_slice rest = input;
		struct bmx_smtp_reply reply;
		struct bmx_error err;

		got = bmx_smtp_reply_parser_next(&s->parser, &rest,
		                                 bmx_dialogue_on_line, &s->dlg,
		                                 &reply, &err);
		trace(s, false,
		      (struct bmx_slice){input.data, input.len - rest.len});
		bmx_stream_consume(s->stream, input.len - rest.len);
		if (got > 0)
			take_reply(s, &reply);
		else if (got < 0)
			abort_on_error(s, &err);
	} while (got > 0);
	s->running = false;
}

static void
on_secured(struct bmx_probe_session *s)
{
	trace_note(s, "TLS is up");
	bmx_smtp_reply_parser_reset(&s->parser);
	bmx_dialogue_secured(&s->dlg);
}

static void
on_stream(void *ctx, enum bmx_stream_event event, const struct bmx_error *err)
{
	struct bmx_probe_session *s = ctx;

	switch (event) {
	case BMX_STREAM_CONNECTED:
		s->connected = true;
		bmx_timer_set(s->loop, s->timer, BMX_PROBE_REPLY_MS);
		break;
	case BMX_STREAM_SECURED:
		on_secured(s);
		break;
	case BMX_STREAM_DATA:
		feed(s);
		break;
	case BMX_STREAM_DRAINED:
		return;
	case BMX_STREAM_CLOSED:
		feed(s);
		abort_because(s, BMX_PROBE_CLOSED, "the server closed");
		break;
	case BMX_STREAM_FAILED:
		abort_on_error(s, err);
		break;
	}
	pump(s);
}

static void
on_timer(void *ctx)
{
	struct bmx_probe_session *s = ctx;
	const enum bmx_dialogue_state at = bmx_dialogue_state(&s->dlg);
	char buffer[64];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	if (at == BMX_DLG_IDLE) {
		bmx_dialogue_quit(&s->dlg);
	} else {
		bmx_text_printf(&text, "no reply in time, at %s",
		                bmx_dialogue_state_name(at));
		abort_because(s, BMX_PROBE_TIMEOUT, buffer);
	}
	pump(s);
}

static void
on_job_timer(void *ctx)
{
	struct bmx_probe_session *s = ctx;
	char buffer[64];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_printf(&text, "the time for it is over, at %s",
	                bmx_dialogue_state_name(bmx_dialogue_state(&s->dlg)));
	abort_because(s, BMX_PROBE_TIMEOUT, buffer);
	pump(s);
}

static void
on_kick(void *ctx)
{
	pump(ctx);
}

/* ---- its owner ---- */

static enum bmx_tls_trust
trust_of(enum bmx_config_tls tls)
{
	if (tls == BMX_TLS_VERIFY)
		return BMX_TLS_TRUST_NAMES;
	return tls == BMX_TLS_DANE ? BMX_TLS_TRUST_DANE : BMX_TLS_TRUST_ANY;
}

static int
copy_tlsa(struct bmx_probe_session *s,
          const struct bmx_probe_session_parts *parts)
{
	const size_t count = parts->tlsa_count;
	struct bmx_tlsa *copies;

	if (count == 0)
		return 0;
	copies = bmx_arena_alloc(s->arena, count * sizeof(*copies));
	if (!copies)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct bmx_slice data = {
			(const char *)parts->tlsa[i].data, parts->tlsa[i].len};

		copies[i] = parts->tlsa[i];
		copies[i].data =
			(const uint8_t *)bmx_arena_copy(s->arena, data);
		if (!copies[i].data)
			return -1;
	}
	s->tls.tlsa = copies;
	s->tls.tlsa_count = count;
	return 0;
}

static int
copy_tls(struct bmx_probe_session *s,
         const struct bmx_probe_session_parts *parts)
{
	s->tls.context = parts->tls_context;
	s->tls.trust = trust_of(parts->dialogue.tls);
	s->tls.name = bmx_arena_copy(s->arena, bmx_slice_of(parts->host));
	return s->tls.name ? copy_tlsa(s, parts) : -1;
}

/* All but the stream. */
static struct bmx_probe_session *
session_new(const struct bmx_probe_session_parts *parts, struct bmx_error *err)
{
	struct bmx_probe_session *s = calloc(1, sizeof(*s));

	assert(parts->dialogue.tls == BMX_TLS_NONE || parts->tls_context);
	if (s) {
		s->loop = parts->loop;
		s->callbacks = parts->callbacks;
		s->arena = bmx_arena_new(ARENA_MAX);
		s->timer = bmx_timer_new(s->loop, on_timer, s);
		s->job_timer = bmx_timer_new(s->loop, on_job_timer, s);
		s->kick = bmx_timer_new(s->loop, on_kick, s);
		bmx_dialogue_init(&s->dlg, &parts->dialogue);
		if (s->arena && s->timer && s->job_timer && s->kick &&
		    copy_tls(s, parts) == 0)
			return s;
	}
	bmx_probe_session_free(&s);
	(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short for a session");
	return NULL;
}

struct bmx_probe_session *
bmx_probe_session_new(const struct bmx_probe_session_parts *parts,
                      struct bmx_error *err)
{
	struct bmx_probe_session *s = session_new(parts, err);

	if (!s)
		return NULL;
	s->stream = bmx_stream_connect(parts->loop, parts->address,
	                               parts->address_len, BMX_PROBE_CONNECT_MS,
	                               on_stream, s, err);
	if (!s->stream)
		bmx_probe_session_free(&s);
	return s;
}

struct bmx_probe_session *
bmx_probe_session_adopt(const struct bmx_probe_session_parts *parts, int fd,
                        struct bmx_error *err)
{
	struct bmx_probe_session *s = session_new(parts, err);

	if (!s) {
		(void)close(fd); /* nothing was written */
		return NULL;
	}
	s->stream = bmx_stream_adopt(parts->loop, fd, on_stream, s, err);
	if (!s->stream)
		bmx_probe_session_free(&s);
	return s;
}

void
bmx_probe_session_free(struct bmx_probe_session **session)
{
	struct bmx_probe_session *s = *session;

	if (!s)
		return;
	assert(!s->running);
	bmx_stream_free(&s->stream);
	bmx_timer_free(s->loop, &s->timer);
	bmx_timer_free(s->loop, &s->job_timer);
	bmx_timer_free(s->loop, &s->kick);
	bmx_arena_free(&s->arena);
	free(s);
	*session = NULL;
}

bool
bmx_probe_session_takes_job(const struct bmx_probe_session *session)
{
	return bmx_dialogue_takes_job(&session->dlg);
}

/* Goes on from the loop, so that the owner is never called back from within
 * his own call. */
static void
go_on(struct bmx_probe_session *s)
{
	if (!s->running)
		bmx_timer_set(s->loop, s->kick, 0);
}

void
bmx_probe_session_give(struct bmx_probe_session *session,
                       const struct bmx_probe_job *job, int64_t limit_ms)
{
	bmx_dialogue_give(&session->dlg, job);
	session->idle_told = false;
	bmx_timer_set(session->loop, session->job_timer, limit_ms);
	go_on(session);
}

void
bmx_probe_session_quit(struct bmx_probe_session *session)
{
	bmx_dialogue_quit(&session->dlg);
	go_on(session);
}
