#include "milter/callbacks.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include "milter/edits.h"

/* libmilter hands no context of ours to its callbacks; set once, before it
 * starts its threads. */
static struct bmx_milter *milter;

/*
 * Steps that are not used, and answers that would all be "continue". A trusted
 * client could be let go at CONNECT; but then smtpd would have to wait for an
 * answer there in every session of everybody.
 */
#define STEPS_AWAY                                                             \
	(SMFIP_NOEOH | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_CONN |        \
	 SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_HDR | SMFIP_NR_BODY)
#define ACTIONS (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE)

/* Seconds that libmilter waits for Postfix: as long as it keeps a session
 * open itself, so that it is never we who break one. */
#define PEER_TIMEOUT_S 7210

/*
 * What hangs on a connection. Answers that were negotiated away must not be
 * sent, and an MTA that does not offer that waits for them.
 */
struct connection {
	struct bmx_session *session;
	unsigned long steps; /* as negotiated */
};

struct macro_list {
	int stage;
	const char *names;
};

/*
 * Macros that are not asked for here do not come (Postfix 3.7), but an empty
 * list would get the stage's default ones. Each stage that has macros costs a
 * message of its own, so where none is needed one is asked for that has no
 * value yet.
 */
#define NO_MACRO "{auth_authen}"
static const struct macro_list macro_lists[] = {
	{SMFIM_CONNECT, "{daemon_addr}"},
	{SMFIM_HELO, NO_MACRO},
	{SMFIM_ENVFROM, "{auth_authen}"},
	{SMFIM_ENVRCPT, "i"},
	{SMFIM_EOM, "i"},
};

static struct bmx_slice
macro(SMFICTX *ctx, const char *name)
{
	char buffer[32];

	/* smfi_getsymval wants a char * and only reads it. */
	(void)snprintf(buffer, sizeof(buffer), "%s", name);
	return bmx_slice_of(smfi_getsymval(ctx, buffer));
}

static struct bmx_session *
session_of(SMFICTX *ctx)
{
	struct connection *connection = smfi_getpriv(ctx);

	return connection ? connection->session : NULL;
}

/* The result of a step that never refuses. */
static sfsistat
silent(SMFICTX *ctx, unsigned long no_reply)
{
	const struct connection *connection = smfi_getpriv(ctx);

	return connection && (connection->steps & no_reply) ? SMFIS_NOREPLY :
							      SMFIS_CONTINUE;
}

static void
warn(const char *event, const char *what)
{
	bmx_log_error(bmx_milter_log(milter), BMX_LOG_WARN, event, what, NULL);
}

/* The one place where an answer becomes a callback's result. */
static sfsistat
answer_with(SMFICTX *ctx, struct bmx_smtp_answer *answer)
{
	if (smfi_setreply(ctx, answer->code, answer->enhanced, answer->text) !=
	    MI_SUCCESS) {
		warn("reply-refused", answer->text);
		return SMFIS_TEMPFAIL;
	}
	return answer->permanent ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

static sfsistat
result_of(SMFICTX *ctx, enum bmx_session_next next,
          struct bmx_smtp_answer *answer)
{
	switch (next) {
	case BMX_SESSION_CONTINUE:
		return SMFIS_CONTINUE;
	case BMX_SESSION_DISCARD:
		return SMFIS_DISCARD;
	case BMX_SESSION_REFUSE:
		break;
	}
	return answer_with(ctx, answer);
}

static void
close_connection(SMFICTX *ctx)
{
	struct connection *connection = smfi_getpriv(ctx);

	if (!connection)
		return;
	bmx_session_free(&connection->session);
	free(connection);
	(void)smfi_setpriv(ctx, NULL);
}

/*
 * A body costs a message a chunk: only for who counts it. Which message is a
 * bounce is not known yet; the others' bodies are then cut short by the answer
 * to their first chunk, so there must be one.
 */
static unsigned long
body_steps(const struct bmx_session *session, unsigned long steps)
{
	const unsigned long agreed = steps & STEPS_AWAY;

	if (bmx_session_wants_body(session))
		return agreed;
	if (!bmx_session_may_want_body(session))
		return agreed | (steps & SMFIP_NOBODY);
	return (agreed & ~(unsigned long)SMFIP_NR_BODY) | (steps & SMFIP_SKIP);
}

static struct connection *
open_connection(SMFICTX *ctx, unsigned long steps)
{
	struct connection *connection;

	/* libmilter negotiates once a connection; a peer might not. */
	close_connection(ctx);
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	connection->session = bmx_milter_session(milter);
	if (!connection->session ||
	    smfi_setpriv(ctx, connection) != MI_SUCCESS) {
		bmx_session_free(&connection->session);
		free(connection);
		return NULL;
	}
	connection->steps = body_steps(connection->session, steps);
	return connection;
}

static int
ask_for_macros(SMFICTX *ctx)
{
	char names[128];

	for (size_t i = 0; i < sizeof(macro_lists) / sizeof(macro_lists[0]);
	     i++) {
		(void)snprintf(names, sizeof(names), "%s",
		               macro_lists[i].names);
		if (smfi_setsymlist(ctx, macro_lists[i].stage, names) !=
		    MI_SUCCESS)
			return -1;
	}
	return 0;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
             unsigned long unused2, unsigned long unused3,
             unsigned long *actions_out, unsigned long *steps_out,
             unsigned long *out2, unsigned long *out3)
{
	const struct connection *connection;

	(void)unused2;
	(void)unused3;
	*actions_out = ACTIONS;
	*steps_out = 0;
	*out2 = 0;
	*out3 = 0;
	if ((actions & ACTIONS) != ACTIONS) {
		warn("negotiation-failed",
		     "the MTA does not let header fields be changed and "
		     "messages be held");
		return SMFIS_REJECT;
	}
	if ((actions & SMFIF_SETSYMLIST) && ask_for_macros(ctx) != 0) {
		warn("negotiation-failed", "macros cannot be asked for");
		return SMFIS_REJECT;
	}
	connection = open_connection(ctx, steps);
	if (!connection)
		return SMFIS_REJECT;
	*steps_out = connection->steps;
	return SMFIS_CONTINUE;
}

/* 16 octets, IPv4 mapped; false when it is no address of the Internet. */
static bool
take_address(const struct sockaddr *sa, uint8_t address[16])
{
	if (sa && sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		memset(address, 0, 10);
		memset(address + 10, 0xff, 2);
		memcpy(address + 12, &in.sin_addr, 4);
		return true;
	}
	if (sa && sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		memcpy(address, &in6.sin6_addr, 16);
		return true;
	}
	return false;
}

/* As the macro has it: "192.0.2.1" or "IPv6:2001:db8::1". */
static bool
read_address(struct bmx_slice text, uint8_t address[16])
{
	const struct bmx_slice tag = BMX_SLICE("IPv6:");
	char buffer[INET6_ADDRSTRLEN];
	struct bmx_text copy;

	if (text.len > tag.len &&
	    bmx_slice_equal_nocase((struct bmx_slice){text.data, tag.len}, tag))
		text = (struct bmx_slice){text.data + tag.len,
		                          text.len - tag.len};
	bmx_text_init(&copy, buffer, sizeof(buffer));
	bmx_text_append(&copy, text);
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	return !copy.cut &&
		(inet_pton(AF_INET, buffer, address + 12) == 1 ||
	         inet_pton(AF_INET6, buffer, address) == 1);
}

/*
 * Mail that came over no network: Postfix's cleanup, which shows it, calls the
 * client localhost at 127.0.0.1 with port 0, which no SMTP client has (Postfix
 * 3.7, cleanup_milter.c; {daemon_addr} is 127.0.0.1 there, too).
 */
static bool
is_internal(const struct sockaddr *sa)
{
	struct sockaddr_in in;

	if (!sa || sa->sa_family != AF_INET)
		return false;
	memcpy(&in, sa, sizeof(in));
	return in.sin_port == 0 && in.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, struct sockaddr *sa)
{
	struct bmx_session *session = session_of(ctx);
	uint8_t address[16], own[16];
	const bool known = take_address(sa, address);
	const bool own_known = read_address(macro(ctx, "{daemon_addr}"), own);

	if (session)
		bmx_session_connect(session, bmx_slice_of(name),
		                    known ? address : NULL,
		                    own_known ? own : NULL);
	if (session && is_internal(sa))
		bmx_session_internal(session);
	return silent(ctx, SMFIP_NR_CONN);
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	struct bmx_session *session = session_of(ctx);

	if (session)
		bmx_session_helo(session, bmx_slice_of(name));
	return silent(ctx, SMFIP_NR_HELO);
}

/* The number of a SIZE=number among the words behind the address. */
static struct bmx_slice
find_size(char **words)
{
	for (; *words; words++) {
		const struct bmx_slice word = bmx_slice_of(*words);

		if (word.len > 5 &&
		    bmx_slice_equal_nocase((struct bmx_slice){word.data, 5},
		                           BMX_SLICE("SIZE=")))
			return (struct bmx_slice){word.data + 5, word.len - 5};
	}
	return (struct bmx_slice){0};
}

static sfsistat
on_mail(SMFICTX *ctx, char **words)
{
	struct bmx_session *session = session_of(ctx);
	const struct bmx_session_mail mail = {
		.sender = bmx_slice_of(words[0]),
		.size = find_size(words + 1),
		.authenticated = macro(ctx, "{auth_authen}").len > 0,
	};

	if (session)
		bmx_session_mail(session, &mail);
	return silent(ctx, SMFIP_NR_MAIL);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **words)
{
	struct bmx_session *session = session_of(ctx);
	struct bmx_nudge_mark mark;
	struct bmx_smtp_answer answer;
	enum bmx_session_next next;

	if (!session)
		return SMFIS_TEMPFAIL;
	/* This callback and the last one are those that wait. */
	bmx_nudge_enter(bmx_milter_nudge(milter), &mark);
	next = bmx_session_rcpt(session, bmx_slice_of(words[0]),
	                        macro(ctx, "i"), &answer);
	bmx_nudge_leave(bmx_milter_nudge(milter), &mark);
	return result_of(ctx, next, &answer);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *body)
{
	struct bmx_session *session = session_of(ctx);

	if (session)
		bmx_session_header(session, bmx_slice_of(name),
		                   bmx_slice_of(body));
	return silent(ctx, SMFIP_NR_HDR);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	const struct connection *connection = smfi_getpriv(ctx);
	const struct bmx_slice octets = {(const char *)chunk, len};

	if (connection && !bmx_session_body(connection->session, octets) &&
	    (connection->steps & SMFIP_SKIP))
		return SMFIS_SKIP;
	return silent(ctx, SMFIP_NR_BODY);
}

static void
tell_progress(void *ctx)
{
	(void)smfi_progress(ctx);
}

static sfsistat
on_end(SMFICTX *ctx)
{
	struct bmx_session *session = session_of(ctx);
	struct bmx_nudge_mark mark;
	struct bmx_smtp_answer answer;
	struct bmx_session_edits edits;
	enum bmx_session_next next;
	sfsistat result;

	if (!session)
		return SMFIS_TEMPFAIL;
	bmx_session_set_progress(session, tell_progress, ctx);
	bmx_nudge_enter(bmx_milter_nudge(milter), &mark);
	next = bmx_session_end(session, macro(ctx, "i"), &edits, &answer);
	bmx_nudge_leave(bmx_milter_nudge(milter), &mark);
	result = result_of(ctx, next, &answer);
	/* A message whose forged fields stay in would be believed. */
	if (next == BMX_SESSION_CONTINUE && bmx_edits_apply(ctx, &edits) != 0) {
		warn("header-edit-failed", "the message is deferred");
		result = SMFIS_TEMPFAIL;
	}
	bmx_session_clear(session);
	return result;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct bmx_session *session = session_of(ctx);

	if (session)
		bmx_session_clear(session);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	close_connection(ctx);
	return SMFIS_CONTINUE;
}

static int
register_callbacks(int listen_fd)
{
	static char name[] = "backupmx-milter";
	const struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = ACTIONS,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_body = on_body,
		.xxfi_eom = on_end,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate,
	};
	char where[32];

	(void)snprintf(where, sizeof(where), "fd:%d", listen_fd);
	if (smfi_register(description) != MI_SUCCESS ||
	    smfi_settimeout(PEER_TIMEOUT_S) != MI_SUCCESS ||
	    smfi_setbacklog(BMX_ENDPOINT_BACKLOG) != MI_SUCCESS)
		return -1;
	return smfi_setconn(where) == MI_SUCCESS ? 0 : -1;
}

int
bmx_callbacks_serve(struct bmx_milter *shared, int listen_fd,
                    struct bmx_error *err)
{
	assert(!milter);
	milter = shared;
	if (register_callbacks(listen_fd) != 0)
		return bmx_error_set(err, BMX_E_IO,
		                     "libmilter does not take the socket");
	if (smfi_main() != MI_SUCCESS)
		return bmx_error_set(err, BMX_E_IO,
		                     "libmilter gave up serving");
	return 0;
}
