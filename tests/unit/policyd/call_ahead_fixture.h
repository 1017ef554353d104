/*
 * call_ahead_fixture.h - a call-ahead on the fake loop, and primaries that
 * play SMTP servers on loopback sockets in the same thread.
 */
#ifndef BACKUPMX_TESTS_CALL_AHEAD_FIXTURE_H
#define BACKUPMX_TESTS_CALL_AHEAD_FIXTURE_H

#include "tests/support/cmocka.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/call_ahead.h"
#include "policyd/probe_session.h"
#include "policyd/target_set.h"
#include "tests/support/fake_loop.h"

#define WALL_MS INT64_C(1790000000000)
#define DOMAIN "example.test"
#define PRIMARIES 2
#define CONNECTIONS 32
/* Turns of 1 ms of real time after which nothing more is expected; and turns
 * in which what must come may come, on a machine that is busy. */
#ifndef QUIET_TURNS
#define QUIET_TURNS 4
#endif
#define PATIENT_TURNS 2000

struct primary;

struct connection {
	struct primary *primary;
	int fd; /* -1: free */
	struct bmx_watch *watch;
	char input[4096];
	size_t len;
	bool owes_rcpt; /* a reply that is held */
};

/* A server. Zeroed it greets, takes "known*" and postmaster, and refuses all
 * others as 5.1.1. */
struct primary {
	struct bmx_loop *loop;
	int listening; /* -1: nobody listens at its port */
	uint16_t port;
	struct bmx_watch *watch;
	struct connection connections[CONNECTIONS];
	/* Its ways. */
	const char *greeting;   /* NULL: as usual */
	const char *keyword;    /* of EHLO, besides SIZE; NULL: none */
	const char *from_reply; /* to MAIL FROM:<>; NULL: accepted */
	bool accepts_all;
	bool refuses_all; /* postmaster too */
	bool silent;
	bool holds;     /* replies to RCPT until primary_release */
	unsigned drops; /* replies instead of which it closes */
	/* What it has seen. */
	unsigned accepted; /* connections */
	unsigned open;
	unsigned most_open;
	unsigned mails;
	unsigned rcpts; /* those of "bmx-*" and postmaster not counted */
	char hello[256];
};

struct asker {
	struct bmx_call_ahead_wait *wait;
	unsigned told;
	enum bmx_call_ahead_why why;
	struct bmx_probe_result result;
};

struct fixture {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_call_ahead *ca;
	struct bmx_call_ahead_settings settings;
	const struct bmx_target_set *set;
	struct primary primaries[PRIMARIES];
	/* What was told. */
	unsigned results;
	enum bmx_call_ahead_why result_why;
	struct bmx_probe_result result;
	char result_local[BMX_LOCAL_BUFFER];
	bool result_had_valid;
	unsigned good;
	unsigned failed;
	struct bmx_smtp_keywords keywords;
	char failure[BMX_ERROR_TEXT_MAX];
	bool failure_refused;
	unsigned learnt;
	char logged[4096];
};

static inline void
say(const struct connection *c, const char *text)
{
	(void)send(c->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static inline void
hang_up(struct connection *c)
{
	bmx_watch_free(c->primary->loop, &c->watch);
	(void)close(c->fd);
	c->fd = -1;
	c->primary->open--;
}

static inline void
answer_rcpt(struct connection *c, const char *line)
{
	const struct primary *p = c->primary;
	const bool known =
		strstr(line, "<known") || strstr(line, "<postmaster");

	if ((known || p->accepts_all) && !p->refuses_all)
		say(c, "250 2.1.5 ok\r\n");
	else
		say(c, "550 5.1.1 no such user\r\n");
}

static inline void
on_rcpt(struct connection *c, const char *line)
{
	struct primary *p = c->primary;

	if (!strstr(line, "<bmx-") && !strstr(line, "<postmaster"))
		p->rcpts++;
	if (p->holds)
		c->owes_rcpt = true;
	else
		answer_rcpt(c, line);
}

static inline void
on_line(struct connection *c, const char *line)
{
	struct primary *p = c->primary;

	if (p->drops > 0) {
		p->drops--;
		hang_up(c);
	} else if (strncmp(line, "EHLO", 4) == 0) {
		(void)snprintf(p->hello, sizeof(p->hello), "%.255s", line + 5);
		say(c, "250-mx.example.test\r\n");
		if (p->keyword) {
			say(c, "250-");
			say(c, p->keyword);
			say(c, "\r\n");
		}
		say(c, "250 SIZE 1000\r\n");
	} else if (strncmp(line, "MAIL", 4) == 0) {
		p->mails++;
		say(c,
		    p->from_reply && strstr(line, "<>") ? p->from_reply :
		                                          "250 ok\r\n");
	} else if (strncmp(line, "RCPT", 4) == 0) {
		on_rcpt(c, line);
	} else if (strncmp(line, "QUIT", 4) == 0) {
		say(c, "221 bye\r\n");
		hang_up(c);
	} else if (strncmp(line, "STARTTLS", 8) == 0) {
		say(c, "454 4.7.0 no TLS today\r\n");
	} else {
		say(c, "250 ok\r\n");
	}
}

static inline void
on_readable(void *ctx, unsigned events)
{
	struct connection *c = ctx;
	const ssize_t n = recv(c->fd, c->input + c->len,
	                       sizeof(c->input) - 1 - c->len, MSG_DONTWAIT);
	char *end;

	(void)events;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	c->len += (size_t)n;
	c->input[c->len] = '\0';
	while (c->fd >= 0 && (end = strstr(c->input, "\r\n")) != NULL) {
		char line[sizeof(c->input)];
		const size_t used = (size_t)(end - c->input) + 2;

		*end = '\0';
		memcpy(line, c->input, used);
		c->len -= used;
		memmove(c->input, c->input + used, c->len + 1);
		on_line(c, line);
	}
}

static inline void
on_acceptable(void *ctx, unsigned events)
{
	struct primary *p = ctx;
	struct connection *c = p->connections;
	const int one = 1;

	(void)events;
	while (c->fd >= 0)
		c++;
	assert_true(c < p->connections + CONNECTIONS);
	*c = (struct connection){.primary = p};
	c->fd = accept(p->listening, NULL, NULL);
	assert_true(c->fd >= 0);
	/* Else the kernel keeps the end of a reply back for 40 ms. */
	assert_int_equal(
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)),
		0);
	c->watch = bmx_watch_new(p->loop, c->fd, on_readable, c);
	assert_int_equal(bmx_watch_set(p->loop, c->watch, BMX_WATCH_READ), 0);
	p->accepted++;
	if (++p->open > p->most_open)
		p->most_open = p->open;
	if (!p->silent)
		say(c, p->greeting ? p->greeting : "220 mx ESMTP\r\n");
}

/* Binds a port; listens at it unless closed. */
static inline void
primary_start(struct primary *p, struct bmx_loop *loop)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);

	p->loop = loop;
	for (size_t i = 0; i < CONNECTIONS; i++)
		p->connections[i].fd = -1;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listening, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(p->listening, 64), 0);
	assert_int_equal(
		getsockname(p->listening, (struct sockaddr *)&in, &len), 0);
	p->port = ntohs(in.sin_port);
	p->watch = bmx_watch_new(loop, p->listening, on_acceptable, p);
	assert_int_equal(bmx_watch_set(loop, p->watch, BMX_WATCH_READ), 0);
}

/* Nobody listens at its port any more. */
static inline void
primary_stop(struct primary *p)
{
	if (p->listening < 0)
		return;
	bmx_watch_free(p->loop, &p->watch);
	(void)close(p->listening);
	p->listening = -1;
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (p->connections[i].fd >= 0)
			hang_up(&p->connections[i]);
}

/* Says 250 to all RCPT that were held. */
static inline void
primary_release(struct primary *p)
{
	p->holds = false;
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (p->connections[i].fd >= 0 && p->connections[i].owes_rcpt)
			say(&p->connections[i], "250 2.1.5 ok\r\n");
		p->connections[i].owes_rcpt = false;
	}
}

static inline struct bmx_target_tries *
tries(void *ctx)
{
	const struct fixture *fx = ctx;

	return bmx_target_tries_new(fx->set, 1);
}

static inline void
on_contact(void *ctx, const struct bmx_call_ahead_contact *contact)
{
	struct fixture *fx = ctx;

	fx->good += contact->good;
	fx->failed += !contact->good;
	assert_int_equal(contact->text[0] == '\0', contact->good);
	if (contact->good) {
		fx->keywords = *contact->keywords;
		return;
	}
	fx->failure_refused = contact->refused;
	(void)snprintf(fx->failure, sizeof(fx->failure), "%s", contact->text);
}

static inline void
on_result(void *ctx, const struct bmx_call_ahead_request *request,
          const struct bmx_call_ahead_answer *answer)
{
	struct fixture *fx = ctx;

	fx->results++;
	fx->result_why = answer->why;
	fx->result = *answer->probe;
	fx->result_had_valid = request->had_valid;
	assert_true(bmx_slice_equal(request->domain, BMX_SLICE(DOMAIN)));
	memcpy(fx->result_local, request->local.data, request->local.len);
	fx->result_local[request->local.len] = '\0';
}

static inline void
on_learnt(void *ctx)
{
	struct fixture *fx = ctx;

	fx->learnt++;
}

static inline void
on_log(void *ctx, enum bmx_log_level level, const char *line)
{
	struct fixture *fx = ctx;
	const size_t len = strlen(fx->logged);

	(void)level;
	(void)snprintf(fx->logged + len, sizeof(fx->logged) - len, "%s\n",
	               line);
}

/* The first count primaries are the targets, in order. */
static inline void
use_targets(struct fixture *fx, size_t count)
{
	struct bmx_target_spec specs[PRIMARIES];
	struct bmx_target_answers answers[PRIMARIES] = {{0}};
	struct bmx_target_plan plan;
	char text[64];
	struct bmx_error err;

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(text, sizeof(text), "[127.0.0.1]:%u",
		               (unsigned)fx->primaries[i].port);
		assert_int_equal(bmx_target_spec_parse(bmx_slice_of(text),
		                                       &specs[i], &err),
		                 0);
	}
	bmx_target_plan_make(
		&(struct bmx_target_facts){.domain = BMX_SLICE(DOMAIN),
	                                   .specs = specs,
	                                   .spec_count = count},
		&plan);
	bmx_target_set_unref(&fx->set);
	fx->set = bmx_target_set_make(&(struct bmx_target_set_facts){
		.plan = &plan, .answers = answers});
	assert_non_null(fx->set);
}

static inline int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct bmx_call_ahead_parts parts = {.name = "the-primary",
	                                     .tries = tries,
	                                     .on_contact = on_contact,
	                                     .on_result = on_result,
	                                     .on_refuses_null_sender =
	                                             on_learnt,
	                                     .ctx = fx};

	(void)signal(SIGPIPE, SIG_IGN);
	fx->loop = fake_loop_new(WALL_MS);
	fx->log = bmx_log_new_capture(on_log, fx, BMX_LOG_INFO);
	fx->metrics = bmx_metrics_new();
	for (size_t i = 0; i < PRIMARIES; i++)
		primary_start(&fx->primaries[i], fx->loop);
	use_targets(fx, 1);
	fx->settings = (struct bmx_call_ahead_settings){
		.hostname = "backup.example.test",
		.tls = BMX_TLS_NONE,
		.probe_sender = "",
		.probe_rate = 100,
		.probe_connections = 2};
	parts.loop = fx->loop;
	parts.log = fx->log;
	parts.metrics = fx->metrics;
	fx->ca = bmx_call_ahead_new(&parts, &fx->settings, NULL);
	assert_non_null(fx->ca);
	*state = fx;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct fixture *fx = *state;

	bmx_call_ahead_free(&fx->ca);
	for (size_t i = 0; i < PRIMARIES; i++)
		primary_stop(&fx->primaries[i]);
	bmx_target_set_unref(&fx->set);
	fake_loop_free(&fx->loop);
	bmx_metrics_free(&fx->metrics);
	bmx_log_free(&fx->log);
	free(fx);
	return 0;
}

static inline void
configure(struct fixture *fx)
{
	assert_int_equal(bmx_call_ahead_configure(fx->ca, &fx->settings, NULL),
	                 0);
}

/* Until nothing more happens at this time. */
static inline void
settle(struct fixture *fx)
{
	int quiet = 0;

	while (quiet < QUIET_TURNS) {
		fake_loop_settle(fx->loop);
		if (fake_loop_poll(fx->loop, 1) > 0)
			quiet = 0;
		else
			quiet++;
	}
}

/* Lets ms pass, in steps, so that sockets are looked at in between. */
static inline void
pass(struct fixture *fx, int64_t ms)
{
	while (ms > 0) {
		const int64_t step_ms = ms < 50 ? ms : 50;

		fake_loop_advance(fx->loop, step_ms);
		fake_loop_settle(fx->loop);
		ms -= step_ms;
	}
	settle(fx);
}

static inline void
on_answer(void *ctx, const struct bmx_call_ahead_answer *answer)
{
	struct asker *asker = ctx;

	asker->wait = NULL;
	asker->told++;
	asker->why = answer->why;
	asker->result = *answer->probe;
}

static inline void
ask_request(struct fixture *fx, struct asker *asker,
            const struct bmx_call_ahead_request *request, int64_t within_ms)
{
	const int64_t now_ms = bmx_clock_mono_ms(fx->loop->clock);

	*asker = (struct asker){0};
	asker->wait = bmx_call_ahead_ask(fx->ca, request, now_ms + within_ms,
	                                 on_answer, asker);
	assert_int_equal(asker->wait == NULL, asker->told);
}

static inline void
ask(struct fixture *fx, struct asker *asker, const char *local,
    int64_t within_ms)
{
	const struct bmx_call_ahead_request request = {
		.domain = BMX_SLICE(DOMAIN), .local = bmx_slice_of(local)};

	ask_request(fx, asker, &request, within_ms);
}

static inline void
await_answer(struct fixture *fx, const struct asker *asker)
{
	for (int i = 0; i < PATIENT_TURNS && asker->told == 0; i++)
		settle(fx);
	assert_int_equal(asker->told, 1);
}

/* Within this time of the fake loop. */
#define assert_answer(asker, want_why, want_outcome)                           \
	do {                                                                   \
		await_answer(fx, &(asker));                                    \
		assert_int_equal((asker).why, (want_why));                     \
		assert_int_equal((asker).result.outcome, (want_outcome));      \
	} while (0)

static inline struct bmx_call_ahead_status
status_of(const struct fixture *fx)
{
	struct bmx_call_ahead_status status;

	bmx_call_ahead_status(fx->ca, &status);
	return status;
}

#endif
