/* A session with servers that say what a script has, on real sockets. */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "ctl/doctor/hosts.h"
#include "ctl/doctor/session.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
/* Far more than anything here takes. */
#define SESSION_MS 20000

/* What a server does: sends its greeting, then for each line that begins with
 * a word of the script the reply behind it; to what is not there "250 ok". At
 * the reply "" it closes. */
struct script {
	const char *greeting;
	struct {
		const char *command;
		const char *reply;
	} lines[6];
};

struct server {
	const struct script *script;
	int listener;
	uint16_t port;
	pthread_t thread;
	char heard[1024]; /* the commands, in order */
};

static const char *
reply_to(const struct script *script, const char *line)
{
	for (size_t i = 0; i < 6 && script->lines[i].command; i++)
		if (strncmp(line, script->lines[i].command,
		            strlen(script->lines[i].command)) == 0)
			return script->lines[i].reply;
	return "250 ok\r\n";
}

static void
serve(struct server *server, FILE *in, int fd)
{
	const char *reply = server->script->greeting;
	char line[512];

	while (reply[0] != '\0' &&
	       write(fd, reply, strlen(reply)) == (ssize_t)strlen(reply) &&
	       fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\r\n")] = '\0';
		(void)strncat(server->heard, line,
		              sizeof(server->heard) - 2 -
		                      strlen(server->heard));
		(void)strcat(server->heard, "|");
		reply = reply_to(server->script, line);
	}
}

static void *
run(void *arg)
{
	struct server *server = arg;
	const int fd = accept(server->listener, NULL, NULL);
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (in) {
		serve(server, in, fd);
		(void)fclose(in); /* nothing was written through it */
	}
	return NULL;
}

static void
start(struct server *server, const struct script *script)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);

	*server = (struct server){.script = script};
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(
		bind(server->listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(server->listener, 1), 0);
	assert_int_equal(
		getsockname(server->listener, (struct sockaddr *)&in, &len), 0);
	server->port = ntohs(in.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
}

/* Runs a session with such a server. */
static void
converse(struct server *server, const struct script *script,
         struct bmxctl_session *session)
{
	const struct bmx_target_address address = {.family = AF_INET,
	                                           .octets = {127, 0, 0, 1}};
	const struct bmx_tls_request tls = {.name = "mx1.test"};
	const struct bmxctl_session_plan plan = {
		.hostname = "backup.test",
		.tls = &tls, /* never comes to be used here */
		.domain = "example.test",
		.spf_sender = "doctor@example.com",
	};
	struct bmx_loop *loop = bmx_loop_new();
	struct bmxctl_smtp *client;
	struct bmx_error err;

	start(server, script);
	client =
		bmxctl_smtp_new(loop, &address, server->port, SESSION_MS, &err);
	assert_non_null(client);
	bmxctl_session_run(session, client, &plan, bmxctl_deadline(SESSION_MS));
	bmxctl_smtp_free(&client);
	assert_null(client);
	(void)bmx_loop_turn(loop, false); /* closes the descriptor */
	bmx_loop_free(&loop);
	assert_int_equal(pthread_join(server->thread, NULL), 0);
	(void)close(server->listener);
}

struct session_case {
	const char *name;
	struct script script;
	const char *heard; /* "*" in place of what is made up */
	bool broken;
	int want[7]; /* greeting, EHLO, <>, postmaster, again, nobody, SPF */
};

#define GREETING "220 mx1.test ESMTP\r\n"
#define START "EHLO backup.test|MAIL FROM:<>|RCPT TO:<postmaster@example.test>|"
#define OURS                                                                   \
	"RSET|MAIL FROM:<postmaster@backup.test>|RCPT "                        \
	"TO:<postmaster@example.test>|"
#define NOBODY "RCPT TO:<nobody-*@example.test>|"
#define SPF                                                                    \
	"RSET|MAIL FROM:<doctor@example.com>|RCPT "                            \
	"TO:<postmaster@example.test>|"

/* clang-format off */
static struct session_case cases[] = {
	{"all goes well", {GREETING, {{"RCPT TO:<nobody", "550 5.1.1 unknown\r\n"}}},
	 START NOBODY SPF "QUIT|", false, {220, 250, 250, 250, 0, 550, 250}},
	{"a greeting of two lines", {"220-mx1.test wait\r\n220 mx1.test\r\n", {{NULL, NULL}}},
	 START NOBODY SPF "QUIT|", false, {220, 250, 250, 250, 0, 250, 250}},
	{"turned away", {"554 no\r\n", {{NULL, NULL}}}, "", false, {554, 0, 0, 0, 0, 0, 0}},
	{"closed at once", {"", {{NULL, NULL}}}, "", true, {0, 0, 0, 0, 0, 0, 0}},
	{"no SMTP at all", {"SSH-2.0-OpenSSH\r\n", {{NULL, NULL}}}, "", true, {0, 0, 0, 0, 0, 0, 0}},
	{"EHLO unknown", {GREETING, {{"EHLO", "502 what?\r\n"}}},
	 "EHLO backup.test|HELO backup.test|MAIL FROM:<>|RCPT TO:<postmaster@example.test>|" NOBODY SPF "QUIT|", false, {220, 502, 250, 250, 0, 250, 250}},
	{"EHLO and HELO refused", {GREETING, {{"EHLO", "550 no\r\n"}, {"HELO", "550 no\r\n"}}},
	 "EHLO backup.test|HELO backup.test|", false, {220, 550, 0, 0, 0, 0, 0}},
	{"STARTTLS offered and refused", {GREETING, {{"EHLO", "250-mx1.test\r\n250 STARTTLS\r\n"}, {"STARTTLS", "454 not now\r\n"}}},
	 "EHLO backup.test|STARTTLS|MAIL FROM:<>|RCPT TO:<postmaster@example.test>|" NOBODY SPF "QUIT|", false, {220, 250, 250, 250, 0, 250, 250}},
	{"<> refused at MAIL", {GREETING, {{"MAIL FROM:<>", "550 no\r\n"}}},
	 "EHLO backup.test|MAIL FROM:<>|" OURS NOBODY SPF "QUIT|", false, {220, 250, 550, 0, 250, 250, 250}},
	{"postmaster refused", {GREETING, {{"RCPT TO:<postmaster", "550 5.1.1 no\r\n"}}},
	 START OURS NOBODY SPF "QUIT|", false, {220, 250, 250, 550, 550, 250, 250}},
	{"no sender of ours either", {GREETING, {{"MAIL", "550 no\r\n"}}},
	 "EHLO backup.test|MAIL FROM:<>|RSET|MAIL FROM:<postmaster@backup.test>|QUIT|", false, {220, 250, 550, 0, 0, 0, 0}},
	{"closes at RCPT", {GREETING, {{"RCPT", ""}}}, START, true, {220, 250, 250, 0, 0, 0, 0}},
	{"the SPF sender is refused", {GREETING, {{"MAIL FROM:<doctor", "550 5.7.23 SPF\r\n"}}},
	 START NOBODY "RSET|MAIL FROM:<doctor@example.com>|QUIT|", false, {220, 250, 250, 250, 0, 250, 550}},
	{"closes at QUIT", {GREETING, {{"QUIT", ""}}}, START NOBODY SPF "QUIT|", false, {220, 250, 250, 250, 0, 250, 250}},
};
/* clang-format on */

/* The digits of nobody's address are made up: they become a "*". */
static void
hide_random(char *heard)
{
	char *at = strstr(heard, "nobody-");
	const char *end = at ? strchr(at, '@') : NULL;

	if (!end)
		return;
	at[7] = '*';
	memmove(at + 8, end, strlen(end) + 1);
}

static void
test_session(void **state)
{
	const struct session_case *tc = *state;
	struct bmxctl_session session;
	struct server server;
	const struct bmxctl_envelope *envelope = &session.envelope;

	converse(&server, &tc->script, &session);
	hide_random(server.heard);
	assert_string_equal(server.heard, tc->heard);
	assert_int_equal(session.broken[0] != '\0', tc->broken);
	assert_true(session.connected);
	assert_int_equal(session.greeting.code, tc->want[0]);
	assert_int_equal(session.ehlo_said.code, tc->want[1]);
	assert_int_equal(envelope->null_sender.code, tc->want[2]);
	assert_int_equal(envelope->postmaster.code, tc->want[3]);
	assert_int_equal(envelope->postmaster_again.code, tc->want[4]);
	assert_int_equal(envelope->nobody.code, tc->want[5]);
	assert_int_equal(envelope->spf_sender.code, tc->want[6]);
}

static void
test_details(void **state)
{
	static const struct script script = {
		"220-MX1.test\x01 hello\r\n220 and more\r\n",
		{{"EHLO",
	          "250-mx1.test SIZE 1\r\n250-size 5000\r\n250-8BITMIME\r\n"
	          "250 STARTTLS\r\n"},
	         {"STARTTLS", "454 4.7.0 not now\r\n"}}};
	struct bmxctl_session session;
	struct server server;

	(void)state;
	converse(&server, &script, &session);
	assert_string_equal(session.greeting_name, "MX1.test");
	assert_true(session.keywords.known);
	assert_true(session.keywords.has_size);
	assert_int_equal(session.keywords.size, 5000);
	assert_true(session.keywords.eight_bit_mime);
	assert_false(session.keywords.smtputf8);
	assert_true(session.offers_starttls);
	assert_int_equal(session.tls, BMXCTL_TLS_REFUSED);
	assert_string_equal(session.tls_error, "not now");
	assert_false(session.has_certificate);
}

/* A server that says nothing is waited for until the deadline. */
static void
test_deadline(void **state)
{
	const struct bmx_target_address address = {.family = AF_INET,
	                                           .octets = {127, 0, 0, 1}};
	const struct bmxctl_session_plan plan = {.hostname = "backup.test"};
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	struct bmx_loop *loop = bmx_loop_new();
	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct bmxctl_session session;
	struct bmxctl_smtp *client;
	struct bmx_error err;

	(void)state;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len),
	                 0);
	client = bmxctl_smtp_new(loop, &address, ntohs(in.sin_port), SESSION_MS,
	                         &err);
	assert_non_null(client);
	bmxctl_session_run(&session, client, &plan, bmxctl_deadline(50));
	assert_true(session.connected);
	assert_int_equal(session.greeting.code, 0);
	assert_string_equal(session.broken, "no answer within 1 s");
	bmxctl_smtp_free(&client);
	(void)bmx_loop_turn(loop, false);
	bmx_loop_free(&loop);
	(void)close(listener);
}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(cases) + 2] = {
		[LENGTH(cases)] = cmocka_unit_test(test_details),
		cmocka_unit_test(test_deadline),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < LENGTH(cases); i++)
		tests[i] = (struct CMUnitTest){cases[i].name, test_session,
		                               NULL, NULL, &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
