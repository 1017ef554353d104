/*
 * primary_fixture.h - what tests of primaries share: the fake loop, primaries
 * on loopback that answer from a script, a call-ahead that only takes notes,
 * and a record store in memory.
 *
 * The primaries run on the same loop, so that a test has no threads and no
 * waiting: pr_run lets time pass step by step and serves what is to be served
 * at each.
 */
#ifndef BACKUPMX_TESTS_PRIMARY_FIXTURE_H
#define BACKUPMX_TESTS_PRIMARY_FIXTURE_H

#include "tests/support/cmocka.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/call_ahead.h"
#include "tests/support/fake_loop.h"

#define PR_WALL_MS INT64_C(1790000000000)
#define PR_PEERS 512

/* How a primary behaves. */
enum pr_manner {
	PR_GOOD,
	PR_GOOD_HELO,    /* knows no EHLO */
	PR_REFUSES,      /* 554 instead of a greeting */
	PR_REFUSES_EHLO, /* 550 to EHLO and HELO */
	PR_BUSY,         /* 421 to everything */
	PR_SILENT,       /* takes connections and says nothing */
	PR_HANGS_UP,     /* closes each connection */
	PR_GARBAGE,
};

struct pr_server;

struct pr_peer {
	struct pr_server *server;
	int fd; /* -1: none */
	struct bmx_watch *watch;
	size_t len;
	char line[600];
};

struct pr_server {
	struct bmx_loop *loop;
	int fd;
	uint16_t port;
	struct bmx_watch *watch;
	enum pr_manner manner;
	const char *ehlo; /* reply to EHLO */
	unsigned accepted;
	char name[32]; /* "[127.0.0.1]:port" */
	struct pr_peer peers[PR_PEERS];
};

/* Connections to all servers of the test. */
static size_t pr_open;

static inline void
pr_say(struct pr_peer *peer, const char *text)
{
	(void)send(peer->fd, text, strlen(text), MSG_NOSIGNAL);
}

static inline void
pr_drop(struct pr_peer *peer)
{
	if (peer->fd < 0)
		return;
	bmx_watch_free(peer->server->loop, &peer->watch);
	(void)close(peer->fd);
	peer->fd = -1;
	pr_open--;
}

static inline void
pr_answer(struct pr_peer *peer)
{
	const struct pr_server *server = peer->server;

	if (strncmp(peer->line, "QUIT", 4) == 0) {
		pr_say(peer, "221 2.0.0 bye\r\n");
		pr_drop(peer);
	} else if (server->manner == PR_BUSY) {
		pr_say(peer, "421 4.3.2 busy\r\n");
	} else if (server->manner == PR_REFUSES_EHLO) {
		pr_say(peer, "550 5.7.1 not you\r\n");
	} else if (strncmp(peer->line, "EHLO ", 5) == 0) {
		pr_say(peer,
		       server->manner == PR_GOOD_HELO ? "502 5.5.1 what\r\n" :
		                                        server->ehlo);
	} else if (strncmp(peer->line, "HELO ", 5) == 0) {
		pr_say(peer, "250 primary.test\r\n");
	} else if (strncmp(peer->line, "RCPT TO:<unknown@", 17) == 0) {
		pr_say(peer, "550 5.1.1 no such user\r\n");
	} else if (strncmp(peer->line, "MAIL ", 5) == 0 ||
	           strncmp(peer->line, "RCPT ", 5) == 0 ||
	           strncmp(peer->line, "RSET", 4) == 0) {
		pr_say(peer, "250 2.0.0 ok\r\n");
	} else {
		pr_say(peer, "500 5.5.2 what\r\n");
	}
}

static inline void
pr_on_peer(void *ctx, unsigned events)
{
	struct pr_peer *peer = ctx;
	char octet;
	ssize_t got;

	(void)events;
	while (peer->fd >= 0 &&
	       (got = recv(peer->fd, &octet, 1, MSG_DONTWAIT)) >= 0) {
		if (got == 0) {
			pr_drop(peer);
			return;
		}
		assert_true(peer->len < sizeof(peer->line) - 1);
		peer->line[peer->len++] = octet;
		peer->line[peer->len] = '\0';
		if (octet != '\n')
			continue;
		peer->len = 0;
		if (peer->server->manner != PR_SILENT)
			pr_answer(peer);
	}
}

static inline void
pr_greet(struct pr_peer *peer)
{
	switch (peer->server->manner) {
	case PR_GOOD:
	case PR_GOOD_HELO:
	case PR_REFUSES_EHLO:
		pr_say(peer, "220 primary.test ESMTP\r\n");
		break;
	case PR_REFUSES:
		pr_say(peer, "554 5.7.1 no service for you\r\n");
		break;
	case PR_BUSY:
		pr_say(peer, "421 4.3.2 busy\r\n");
		break;
	case PR_GARBAGE:
		pr_say(peer, "HTTP/1.1 400 Bad Request\r\n\r\n");
		break;
	case PR_HANGS_UP:
		pr_drop(peer);
		break;
	case PR_SILENT:
		break;
	}
}

static inline void
pr_on_accept(void *ctx, unsigned events)
{
	struct pr_server *server = ctx;
	const int fd = accept(server->fd, NULL, NULL);

	(void)events;
	assert_true(fd >= 0);
	server->accepted++;
	for (size_t i = 0; i < PR_PEERS; i++) {
		struct pr_peer *peer = &server->peers[i];

		if (peer->fd >= 0)
			continue;
		*peer = (struct pr_peer){.server = server, .fd = fd};
		pr_open++;
		peer->watch = bmx_watch_new(server->loop, fd, pr_on_peer, peer);
		assert_int_equal(bmx_watch_set(server->loop, peer->watch,
		                               BMX_WATCH_READ),
		                 0);
		pr_greet(peer);
		return;
	}
	fail();
}

static inline void
pr_listen(struct pr_server *server, struct bmx_loop *loop)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);

	(void)signal(SIGPIPE, SIG_IGN);
	*server = (struct pr_server){.loop = loop,
	                             .ehlo = "250-primary.test\r\n"
	                                     "250-SIZE 1000\r\n"
	                                     "250 SMTPUTF8\r\n"};
	for (size_t i = 0; i < PR_PEERS; i++)
		server->peers[i].fd = -1;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(server->fd, PR_PEERS), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&in, &len),
	                 0);
	server->port = ntohs(in.sin_port);
	(void)snprintf(server->name, sizeof(server->name), "[127.0.0.1]:%u",
	               (unsigned)server->port);
	server->watch = bmx_watch_new(loop, server->fd, pr_on_accept, server);
	assert_int_equal(bmx_watch_set(loop, server->watch, BMX_WATCH_READ), 0);
}

static inline void
pr_close(struct pr_server *server)
{
	for (size_t i = 0; i < PR_PEERS; i++)
		pr_drop(&server->peers[i]);
	bmx_watch_free(server->loop, &server->watch);
	(void)close(server->fd);
}

/* Serves until nothing more comes. Loopback delivers at once, but for a
 * machine that is busy: while someone is connected it is waited for a bit. */
static inline void
pr_settle(struct bmx_loop *loop)
{
	do
		fake_loop_settle(loop);
	while (fake_loop_poll(loop, pr_open > 0 ? 1 : 0) > 0);
}

/* Lets ms pass, with all that is to be served on the way. */
static inline void
pr_run(struct bmx_loop *loop, int64_t ms)
{
	for (;;) {
		int64_t step;

		pr_settle(loop);
		step = fake_loop_next_ms(loop);
		if (step < 0 || step > ms)
			break;
		fake_loop_advance(loop, step);
		ms -= step;
	}
	fake_loop_advance(loop, ms);
	pr_settle(loop);
}

#ifndef PR_REAL_CALL_AHEAD
/* A call-ahead that takes notes, and whose contacts the test makes. A test of
 * the real one defines PR_REAL_CALL_AHEAD. */
struct bmx_call_ahead {
	struct bmx_call_ahead *next;
	struct bmx_call_ahead_parts parts;
	char hostname[64];
	unsigned retries;
};

/* All there are, the newest first. */
static struct bmx_call_ahead *pr_call_aheads;

struct bmx_call_ahead *
bmx_call_ahead_new(const struct bmx_call_ahead_parts *parts,
                   const struct bmx_call_ahead_settings *settings,
                   struct bmx_error *err)
{
	struct bmx_call_ahead *ca = calloc(1, sizeof(*ca));

	assert_non_null(ca);
	ca->parts = *parts;
	ca->next = pr_call_aheads;
	pr_call_aheads = ca;
	assert_int_equal(bmx_call_ahead_configure(ca, settings, err), 0);
	return ca;
}

void
bmx_call_ahead_free(struct bmx_call_ahead **ca)
{
	struct bmx_call_ahead **at = &pr_call_aheads;

	if (!*ca)
		return;
	while (*at != *ca)
		at = &(*at)->next;
	*at = (*ca)->next;
	free(*ca);
	*ca = NULL;
}

int
bmx_call_ahead_configure(struct bmx_call_ahead *ca,
                         const struct bmx_call_ahead_settings *settings,
                         struct bmx_error *err)
{
	(void)err;
	assert_int_equal(settings->tls == BMX_TLS_NONE,
	                 settings->tls_context == NULL);
	(void)snprintf(ca->hostname, sizeof(ca->hostname), "%s",
	               settings->hostname);
	return 0;
}

void
bmx_call_ahead_retry(struct bmx_call_ahead *ca)
{
	ca->retries++;
}

void
bmx_call_ahead_status(const struct bmx_call_ahead *ca,
                      struct bmx_call_ahead_status *status_out)
{
	*status_out = (struct bmx_call_ahead_status){.started = ca->retries,
	                                             .last_error = ""};
}

/* A contact that call-ahead had. */
static inline void
pr_contact(struct bmx_call_ahead *ca, bool good)
{
	static const struct bmx_smtp_keywords keywords = {.known = true,
	                                                  .smtputf8 = true};
	const struct bmx_call_ahead_contact contact = {
		.good = good,
		.host = "primary.test:25",
		.text = good ? "" : "connection refused",
		.keywords = good ? &keywords : NULL};

	ca->parts.on_contact(ca->parts.ctx, &contact);
}

#endif /* PR_REAL_CALL_AHEAD */

#endif
