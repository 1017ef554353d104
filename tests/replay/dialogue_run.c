#include "tests/replay/dialogue_run.h"

#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/fake_loop.h"

#define WALL_MS INT64_C(1767225600000)
/* Real time for what must come, in turns of 1 ms. */
#define TURNS 5000

void
run_fail(const struct run *r, const char *what, const char *got)
{
	(void)fprintf(stderr, "%s:%d: %s: got \"%s\"\n", r->path, r->line, what,
	              got);
	exit(1);
}

/* ---- what the session tells ---- */

static void
on_job(void *ctx, const struct bmx_probe_result *result)
{
	struct run *r = ctx;
	struct bmx_text text;

	if (r->result_count == RESULTS_MAX)
		run_fail(r, "too many results", "");
	bmx_text_init(&text, r->results[r->result_count], TEXT_MAX);
	bmx_text_append_string(&text, bmx_probe_outcome_name(result->outcome));
	if (result->why != BMX_PROBE_WHY_NONE)
		bmx_text_printf(&text, " %s", bmx_probe_why_name(result->why));
	if (result->random != BMX_PROBE_RANDOM_NOT_MADE)
		bmx_text_printf(&text, " random=%s",
		                bmx_probe_random_name(result->random));
	if (result->retry != BMX_PROBE_RETRY_NO)
		bmx_text_printf(&text, " retry=%s",
		                result->retry == BMX_PROBE_RETRY_NEW ? "new" :
		                                                       "clear");
	r->replies[r->result_count++] = result->reply;
}

static void
on_idle(void *ctx)
{
	struct run *r = ctx;

	r->idle_count++;
}

static void
on_keywords(void *ctx, const struct bmx_smtp_keywords *keywords)
{
	struct run *r = ctx;
	struct bmx_text text;

	bmx_text_init(&text, r->keywords, sizeof(r->keywords));
	if (!keywords->known)
		bmx_text_append_string(&text, "unknown ");
	if (keywords->has_size)
		bmx_text_printf(&text, "size=%lld ", (long long)keywords->size);
	if (keywords->smtputf8)
		bmx_text_append_string(&text, "smtputf8 ");
	if (keywords->starttls)
		bmx_text_append_string(&text, "starttls ");
	if (keywords->pipelining)
		bmx_text_append_string(&text, "pipelining ");
	if (keywords->eight_bit_mime)
		bmx_text_append_string(&text, "8bitmime ");
	if (text.len > 0)
		text.data[--text.len] = '\0';
}

static void
on_closed(void *ctx, const struct bmx_probe_closed *closed)
{
	struct run *r = ctx;
	struct bmx_text text;

	if (r->closed[0] != '\0')
		run_fail(r, "closed twice", r->closed);
	bmx_text_init(&text, r->closed, sizeof(r->closed));
	bmx_text_printf(&text, "%s %s%s%s", bmx_probe_why_name(closed->why),
	                bmx_dialogue_state_name(closed->at),
	                closed->retry_in_clear ? " clear" : "",
	                closed->refuses_null_sender ? " refuses-null" : "");
	bmx_probe_session_free(&r->session);
}

static void
on_trace(void *ctx, bool ours, struct bmx_slice line)
{
	struct run *r = ctx;

	(void)printf("%s:%d: %s %.*s\n", r->path, r->line, ours ? ">" : "<",
	             (int)line.len, line.data);
}

/* ---- time ---- */

/* Lets happen what happens without time passing, until it is so. */
bool
run_await(struct run *r, bool (*so)(struct run *))
{
	if (!r->tcp) {
		fake_loop_settle(r->loop);
		return so(r);
	}
	for (int i = 0; i < TURNS; i++) {
		if (bmx_loop_turn(r->loop, false) != 0)
			run_fail(r, "the loop failed", "");
		if (so(r))
			return true;
		(void)usleep(1000);
	}
	return false;
}

int64_t
run_number(const struct run *r, const char *text)
{
	char *end;
	const long long value = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || value < 0)
		run_fail(r, "no number", text);
	return value;
}

void
run_advance(struct run *r, int64_t ms)
{
	if (r->tcp)
		run_fail(r, "only for the fake clock", "");
	fake_loop_settle(r->loop);
	fake_loop_advance(r->loop, ms);
	fake_loop_settle(r->loop);
}

/* ---- the two ends ---- */

static void
connect_pair(struct run *r)
{
	struct bmx_error err;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
		run_fail(r, "socketpair", "an error");
	primary_init(&r->primary, pair[0]);
	r->session = bmx_probe_session_adopt(&r->parts, pair[1], &err);
}

static void
connect_tcp(struct run *r)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct bmx_error err;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) != 0)
		run_fail(r, "listen", "an error");
	r->parts.address = (struct sockaddr *)&address;
	r->parts.address_len = len;
	r->session = bmx_probe_session_new(&r->parts, &err);
	primary_init(&r->primary, accept(listener, NULL, NULL));
	(void)close(listener);
}

static void
prepare_tls(struct run *r)
{
	struct bmx_error err;

	if (!r->certificate)
		r->certificate =
			tls_certificate_new(r->authority, "DNS:" HOST, 10);
	r->server_ctx = tls_certificate_context(r->certificate);
	r->tls_context =
		bmx_tls_context_new(tls_authority_file(r->authority), &err);
	r->parts.tls_context = r->tls_context;
	if (r->parts.tlsa_count == 0)
		return;
	if (r->digest[0] == 0)
		tls_certificate_digest(r->certificate, r->digest);
	r->tlsa = (struct bmx_tlsa){3, 1, 1, r->digest, sizeof(r->digest)};
	r->parts.tlsa = &r->tlsa;
}

void
run_start(struct run *r)
{
	if (r->loop)
		return;
	r->loop = r->tcp ? bmx_loop_new() : fake_loop_new(WALL_MS);
	r->began_us = bmx_clock_mono_us(r->loop->clock);
	if (r->parts.dialogue.tls != BMX_TLS_NONE)
		prepare_tls(r);
	r->parts.loop = r->loop;
	r->parts.host = HOST;
	r->parts.dialogue.hostname = "backup.example.test";
	r->parts.dialogue.sender = r->sender;
	r->parts.callbacks = (struct bmx_probe_session_callbacks){
		on_job, on_idle, on_keywords, on_closed, on_trace, r};
	if (r->tcp)
		connect_tcp(r);
	else
		connect_pair(r);
	if (!r->session)
		run_fail(r, "no session", "an error");
}

void
run_end(struct run *r)
{
	primary_close(&r->primary);
	bmx_tls_context_free(&r->tls_context);
	SSL_CTX_free(r->server_ctx);
	if (r->certificate)
		tls_certificate_free(r->certificate);
	if (r->tcp)
		bmx_loop_free(&r->loop);
	else
		fake_loop_free(&r->loop);
}
