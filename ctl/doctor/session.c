#include "ctl/doctor/session.h"

#include <string.h>

#include <sys/random.h>

#include <backupmx/clock.h>
#include <backupmx/text.h>

/* A command line: two addresses and some words. */
#define LINE_MAX_SIZE 1200
/* A local part that nobody has. */
#define NOBODY_SIZE 40

/* A session that is running. */
struct run {
	struct bmxctl_session *session;
	struct bmxctl_smtp *client;
	const struct bmxctl_session_plan *plan;
	int64_t deadline_us;
};

static int64_t
now_us(void)
{
	return bmx_clock_mono_us(bmx_clock_system());
}

static int
broken(struct run *run, const struct bmx_error *err)
{
	memcpy(run->session->broken, err->text, sizeof(err->text));
	return -1;
}

/* Until when this reply may be waited for. */
static int64_t
reply_deadline(const struct run *run)
{
	const int64_t most = now_us() + BMXCTL_REPLY_MS * INT64_C(1000);

	return most < run->deadline_us ? most : run->deadline_us;
}

static int
read_reply(struct run *run, bmx_smtp_line_cb *on_line, void *ctx,
           struct bmxctl_said *said)
{
	const int64_t from_us = now_us();
	struct bmx_smtp_reply reply;
	struct bmx_error err;
	int64_t took_ms;

	if (bmxctl_smtp_reply(run->client, reply_deadline(run), on_line, ctx,
	                      &reply, &err) != 0)
		return broken(run, &err);
	took_ms = (now_us() - from_us) / 1000;
	if (took_ms > run->session->slowest_ms)
		run->session->slowest_ms = took_ms;
	said->code = reply.code;
	memcpy(said->enhanced, reply.enhanced, sizeof(said->enhanced));
	memcpy(said->text, reply.text, sizeof(said->text));
	return 0;
}

/* Sends a line and reads the reply to it. */
static int
ask(struct run *run, const char *line, struct bmxctl_said *said)
{
	struct bmx_error err;

	if (bmxctl_smtp_send(run->client, line, &err) != 0)
		return broken(run, &err);
	return read_reply(run, NULL, NULL, said);
}

/* As ask, of a command with something in it. */
static int
ask_with(struct run *run, const char *before, const char *local,
         const char *domain, struct bmxctl_said *said)
{
	char line[LINE_MAX_SIZE];
	struct bmx_text text;

	bmx_text_init(&text, line, sizeof(line));
	bmx_text_printf(&text, "%s<%s%s%s>", before, local,
	                domain[0] != '\0' ? "@" : "", domain);
	return ask(run, line, said);
}

static bool
is_good(const struct bmxctl_said *said)
{
	return said->code >= 200 && said->code < 300;
}

static void
on_greeting_line(void *ctx, int code, size_t index, struct bmx_slice text)
{
	struct bmxctl_session *session = ctx;
	size_t len = 0;

	(void)code;
	if (index > 0)
		return;
	while (len < text.len && len < BMX_DOMAIN_MAX && text.data[len] > ' ' &&
	       text.data[len] < 0x7f)
		len++;
	memcpy(session->greeting_name, text.data, len);
	session->greeting_name[len] = '\0';
}

static int
greet(struct run *run)
{
	struct bmx_error err;

	if (bmxctl_smtp_wait_connected(run->client, reply_deadline(run),
	                               &err) != 0)
		return broken(run, &err);
	run->session->connected = true;
	if (read_reply(run, on_greeting_line, run->session,
	               &run->session->greeting) != 0)
		return -1;
	return is_good(&run->session->greeting) ? 0 : -1;
}

static void
on_ehlo_line(void *ctx, int code, size_t index, struct bmx_slice text)
{
	/* The first line is a greeting, RFC 5321 section 4.1.1.1. */
	if (code >= 200 && code < 300 && index > 0)
		bmx_ehlo_line(text, ctx);
}

static int
say_ehlo(struct run *run)
{
	struct bmxctl_session *session = run->session;
	struct bmxctl_said helo;
	char line[LINE_MAX_SIZE];
	struct bmx_error err;
	struct bmx_text text;

	session->keywords = (struct bmx_smtp_keywords){0};
	bmx_text_init(&text, line, sizeof(line));
	bmx_text_printf(&text, "EHLO %s", run->plan->hostname);
	if (bmxctl_smtp_send(run->client, line, &err) != 0)
		return broken(run, &err);
	if (read_reply(run, on_ehlo_line, &session->keywords,
	               &session->ehlo_said) != 0)
		return -1;
	session->keywords.known = is_good(&session->ehlo_said);
	if (session->keywords.known)
		return 0;
	bmx_text_init(&text, line, sizeof(line));
	bmx_text_printf(&text, "HELO %s", run->plan->hostname);
	if (ask(run, line, &helo) != 0)
		return -1;
	session->helo_only = is_good(&helo);
	return session->helo_only ? 0 : -1;
}

static int
start_tls(struct run *run)
{
	struct bmxctl_session *session = run->session;
	struct bmxctl_said said = {0};
	struct bmx_error err;

	session->offers_starttls = session->keywords.starttls;
	if (!session->keywords.starttls || !run->plan->tls)
		return 0;
	if (ask(run, "STARTTLS", &said) != 0) {
		session->tls = BMXCTL_TLS_REFUSED;
		return -1;
	}
	if (said.code != 220) {
		session->tls = BMXCTL_TLS_REFUSED;
		memcpy(session->tls_error, said.text, sizeof(said.text));
		return 0;
	}
	if (bmxctl_smtp_secure(run->client, run->plan->tls, reply_deadline(run),
	                       &err) != 0) {
		session->tls = BMXCTL_TLS_FAILED;
		memcpy(session->tls_error, err.text, sizeof(err.text));
		return -1;
	}
	session->tls = BMXCTL_TLS_UP;
	session->has_certificate =
		bmxctl_smtp_certificate(run->client, &session->certificate);
	return say_ehlo(run);
}

/* "nobody-0123456789abcdef": no address of anybody's. */
static void
make_nobody(char out[NOBODY_SIZE])
{
	uint64_t random = 0;
	struct bmx_text text;

	/* Without it the local part is one that nobody has all the same. */
	(void)!getrandom(&random, sizeof(random), 0);
	bmx_text_init(&text, out, NOBODY_SIZE);
	bmx_text_printf(&text, "nobody-%016llx", (unsigned long long)random);
}

/*
 * Postmaster from <>, and from us ourselves where that is refused: whether at
 * MAIL or, as servers that wait with their refusals do it, at RCPT.
 */
static int
try_postmaster(struct run *run)
{
	struct bmxctl_envelope *envelope = &run->session->envelope;
	struct bmxctl_said said = {0};

	if (ask_with(run, "MAIL FROM:", "", "", &envelope->null_sender) != 0)
		return -1;
	if (is_good(&envelope->null_sender)) {
		if (ask_with(run, "RCPT TO:", "postmaster", run->plan->domain,
		             &envelope->postmaster) != 0)
			return -1;
		if (is_good(&envelope->postmaster))
			return 0;
	}
	if (ask(run, "RSET", &said) != 0 ||
	    ask_with(run, "MAIL FROM:", "postmaster", run->plan->hostname,
	             &said) != 0 ||
	    !is_good(&said))
		return -1;
	return ask_with(run, "RCPT TO:", "postmaster", run->plan->domain,
	                &envelope->postmaster_again);
}

static void
try_envelopes(struct run *run)
{
	struct bmxctl_envelope *envelope = &run->session->envelope;
	const struct bmxctl_session_plan *plan = run->plan;
	struct bmxctl_said said;
	char nobody[NOBODY_SIZE];

	make_nobody(nobody);
	envelope->tried = true;
	if (try_postmaster(run) != 0 ||
	    ask_with(run, "RCPT TO:", nobody, plan->domain,
	             &envelope->nobody) != 0)
		return;
	if (!plan->spf_sender || ask(run, "RSET", &said) != 0 ||
	    ask_with(run, "MAIL FROM:", plan->spf_sender, "",
	             &envelope->spf_sender) != 0)
		return;
	if (is_good(&envelope->spf_sender))
		(void)ask_with(run, "RCPT TO:", "postmaster", plan->domain,
		               &envelope->spf_rcpt);
}

void
bmxctl_session_run(struct bmxctl_session *session, struct bmxctl_smtp *client,
                   const struct bmxctl_session_plan *plan, int64_t deadline_us)
{
	struct run run = {session, client, plan, deadline_us};
	struct bmxctl_said said;

	*session = (struct bmxctl_session){0};
	if (greet(&run) != 0 || say_ehlo(&run) != 0 || start_tls(&run) != 0)
		return;
	if (plan->domain)
		try_envelopes(&run);
	if (session->broken[0] != '\0')
		return;
	/* What it answers changes nothing. */
	if (ask(&run, "QUIT", &said) != 0)
		session->broken[0] = '\0';
}
