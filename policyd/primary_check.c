#include "policyd/primary_check.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/text.h>

#include "policyd/probe_session.h"

struct bmx_primary_check {
	struct bmx_loop *loop;
	const char *hostname;
	struct bmx_target_tries *tries;
	struct bmx_probe_session *session;
	struct bmx_timer *timer; /* the end of all; or, at once, of an UNDONE */
	bmx_primary_check_cb *cb;
	void *ctx;
	struct bmx_smtp_keywords keywords; /* of the session under way */
	bool tried;                        /* an address was */
	bool refused;
	char now[BMX_PRIMARY_HOST_MAX];  /* the host of the session */
	char host[BMX_PRIMARY_HOST_MAX]; /* the one that text is of */
	char text[BMX_ERROR_TEXT_MAX];
};

static void
finish(struct bmx_primary_check *check, enum bmx_primary_check_end end)
{
	struct bmx_primary_check_result result = {.end = end,
	                                          .refused = check->refused,
	                                          .host = check->host,
	                                          .text = check->text};

	bmx_timer_cancel(check->loop, check->timer);
	bmx_probe_session_free(&check->session);
	bmx_target_tries_free(&check->tries);
	if (end == BMX_PRIMARY_CHECK_GOOD) {
		result.host = check->now;
		result.text = "";
		result.refused = false;
		result.keywords = check->keywords;
	}
	check->cb(check->ctx, &result); /* may free check */
}

static void
keep(char *to, size_t size, const char *from)
{
	struct bmx_text text;

	bmx_text_init(&text, to, size);
	bmx_text_append_string(&text, from);
}

/* The best host's trouble is told, unless another one has spoken to us: that
 * is about us, and no waiting will help. */
static void
note_failure(struct bmx_primary_check *check, bool refused, const char *text)
{
	if (check->text[0] != '\0' && (check->refused || !refused))
		return;
	check->refused = refused;
	keep(check->host, sizeof(check->host), check->now);
	keep(check->text, sizeof(check->text), text);
}

static void try_next(struct bmx_primary_check *check);

static void
on_keywords(void *ctx, const struct bmx_smtp_keywords *keywords)
{
	struct bmx_primary_check *check = ctx;

	check->keywords = *keywords;
}

/* A job is never given. */
static void
on_job(void *ctx, const struct bmx_probe_result *result)
{
	(void)ctx;
	(void)result;
}

static void
note_closed(struct bmx_primary_check *check,
            const struct bmx_probe_closed *closed)
{
	const struct bmx_smtp_reply *reply = &closed->reply;
	char buffer[BMX_ERROR_TEXT_MAX];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_printf(&text, "%s:", bmx_probe_why_name(closed->why));
	if (reply->code != 0)
		bmx_text_printf(&text, " %d", reply->code);
	if (reply->enhanced[0] != 0)
		bmx_text_printf(&text, " %d.%d.%d", reply->enhanced[0],
		                reply->enhanced[1], reply->enhanced[2]);
	bmx_text_printf(&text, " %s", reply->text);
	/* 4xx is about now, not about us. */
	note_failure(check,
	             bmx_probe_why_is_refusal(closed->why) &&
	                     reply->code / 100 != 4,
	             buffer);
}

static void
on_closed(void *ctx, const struct bmx_probe_closed *closed)
{
	struct bmx_primary_check *check = ctx;

	if (closed->accepted) {
		finish(check, BMX_PRIMARY_CHECK_GOOD);
		return;
	}
	note_closed(check, closed);
	if (closed->why == BMX_PROBE_NO_MEMORY) {
		finish(check, BMX_PRIMARY_CHECK_UNDONE);
		return;
	}
	bmx_probe_session_free(&check->session);
	try_next(check);
}

/* @return 0, or -1 with *err: our own trouble */
static int
start_session(struct bmx_primary_check *check, const struct bmx_target_try *at,
              struct bmx_error *err)
{
	const struct bmx_probe_session_parts parts = {
		.loop = check->loop,
		.address = (const struct sockaddr *)&at->address,
		.address_len = at->address_len,
		.dialogue = {.hostname = check->hostname,
	                     .sender = "",
	                     .tls = BMX_TLS_NONE,
	                     .check_only = true},
		.host = at->host->name,
		.callbacks = {.on_job = on_job,
	                      .on_keywords = on_keywords,
	                      .on_closed = on_closed,
	                      .ctx = check},
	};

	check->keywords = (struct bmx_smtp_keywords){0};
	check->session = bmx_probe_session_new(&parts, err);
	return check->session ? 0 : -1;
}

/* From the loop alone: what it finds out at once is told at once. */
static void
try_next(struct bmx_primary_check *check)
{
	const struct bmx_target_try *at = bmx_target_tries_next(check->tries);
	struct bmx_error err;
	struct bmx_text text;

	if (!at && !check->tried)
		note_failure(check, false, "no address to be asked");
	if (!at) {
		finish(check,
		       check->tried ? BMX_PRIMARY_CHECK_FAILED :
		                      BMX_PRIMARY_CHECK_UNDONE);
		return;
	}
	bmx_text_init(&text, check->now, sizeof(check->now));
	bmx_text_printf(&text, "%s:%u", at->host->name,
	                (unsigned)at->host->port);
	check->tried = true;
	if (start_session(check, at, &err) == 0)
		return;
	note_failure(check, false, err.text);
	finish(check, BMX_PRIMARY_CHECK_UNDONE);
}

static void
on_timer(void *ctx)
{
	struct bmx_primary_check *check = ctx;

	if (!check->tried) {
		bmx_timer_set(check->loop, check->timer,
		              BMX_PRIMARY_CHECK_MAX_MS);
		try_next(check);
		return;
	}
	note_failure(check, false, "the check took too long");
	finish(check, BMX_PRIMARY_CHECK_FAILED);
}

struct bmx_primary_check *
bmx_primary_check_new(struct bmx_loop *loop, const char *hostname,
                      struct bmx_target_tries *tries, bmx_primary_check_cb *cb,
                      void *ctx)
{
	struct bmx_primary_check *check = calloc(1, sizeof(*check));

	if (check)
		check->timer = bmx_timer_new(loop, on_timer, check);
	if (!check || !check->timer) {
		bmx_target_tries_free(&tries);
		free(check);
		return NULL;
	}
	check->loop = loop;
	check->hostname = hostname;
	check->tries = tries;
	check->cb = cb;
	check->ctx = ctx;
	bmx_timer_set(loop, check->timer, 0);
	return check;
}

void
bmx_primary_check_free(struct bmx_primary_check **check)
{
	struct bmx_primary_check *c = *check;

	if (!c)
		return;
	bmx_timer_free(c->loop, &c->timer);
	bmx_probe_session_free(&c->session);
	bmx_target_tries_free(&c->tries);
	free(c);
	*check = NULL;
}
