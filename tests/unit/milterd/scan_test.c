/* Scanners before scripted servers that are slow, wrong, or not there. */
#define _GNU_SOURCE /* strcasestr */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milter/scanners/scan.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define REQUEST_MAX ((size_t)2 * 1024 * 1024)

#define HTTP_OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define NO_ACTION "{\"action\":\"no action\",\"score\":1}"
#define REJECT                                                                 \
	"{\"action\":\"reject\",\"score\":15,\"messages\":"                    \
	"{\"smtp_message\":\"Bad\"}}"

/* A server that answers every connection in one way. */
struct server {
	const char *reply; /* NULL: none, and it does not close either */
	bool endless;      /* repeats its reply until the peer goes */
	bool early;        /* answers before the request is whole */
	int listen_fd;
	int port;
	pthread_t thread;
	atomic_int connections;
	atomic_bool ending;
	char *request;
	size_t len;
};

static bool
read_some(struct server *server, int fd, int timeout_ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	ssize_t got;

	if (poll(&ready, 1, timeout_ms) <= 0)
		return false;
	got = read(fd, server->request + server->len,
	           REQUEST_MAX - 1 - server->len);
	if (got <= 0)
		return false;
	server->len += (size_t)got;
	server->request[server->len] = '\0';
	return true;
}

/* Whole by the length that it announces, or by clamd's last count. */
static bool
is_whole(const struct server *server)
{
	const char *length = strcasestr(server->request, "Content-length: ");
	const char *end = strstr(server->request, "\r\n\r\n");

	if (server->len > 10 && strcmp(server->request, "zINSTREAM") == 0)
		return memcmp(server->request + server->len - 4, "\0\0\0\0",
		              4) == 0;
	return length && end &&
		server->len >= (size_t)(end + 4 - server->request) +
			strtoul(length + 16, NULL, 10);
}

static void
answer(struct server *server, int fd)
{
	char octet;

	if (!server->reply) {
		while (!atomic_load(&server->ending) &&
		       recv(fd, &octet, 1, MSG_DONTWAIT) != 0)
			(void)usleep(5000);
		return;
	}
	do {
		const size_t len = strlen(server->reply);

		/* clamd's replies end in a NUL. */
		if (send(fd, server->reply,
		         len + (strncmp(server->reply, "stream", 6) == 0),
		         MSG_NOSIGNAL) < 0)
			return;
	} while (server->endless);
}

static void *
serve(void *ctx)
{
	struct server *server = ctx;

	for (;;) {
		const int fd = accept(server->listen_fd, NULL, NULL);

		if (fd < 0 || atomic_load(&server->ending)) {
			if (fd >= 0)
				(void)close(fd);
			return NULL;
		}
		atomic_fetch_add(&server->connections, 1);
		server->len = 0;
		server->request[0] = '\0';
		while (!server->early && !is_whole(server) &&
		       read_some(server, fd, 5000))
			;
		answer(server, fd);
		(void)shutdown(fd, SHUT_WR);
		while (server->early && read_some(server, fd, 1000))
			server->len = 0;
		(void)close(fd);
	}
}

static void
bind_server(struct server *server)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->listen_fd >= 0);
	assert_int_equal(
		bind(server->listen_fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(
		getsockname(server->listen_fd, (struct sockaddr *)&in, &len),
		0);
	server->port = ntohs(in.sin_port);
}

static void
start_server(struct server *server)
{
	bind_server(server);
	server->request = calloc(1, REQUEST_MAX);
	assert_non_null(server->request);
	assert_int_equal(listen(server->listen_fd, 16), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server),
	                 0);
}

static void
stop_server(struct server *server)
{
	if (server->request) {
		atomic_store(&server->ending, true);
		(void)shutdown(server->listen_fd, SHUT_RDWR);
		assert_int_equal(pthread_join(server->thread, NULL), 0);
	}
	(void)close(server->listen_fd);
	free(server->request);
}

#define SERVERS ((size_t)3)

struct world {
	struct server servers[SERVERS];
	char urls[SERVERS][64];
	const char *items[SERVERS];
	size_t count;
	struct bmx_config_scanner scanner;
	struct bmx_scan_health *health;
	struct bmx_log *log;
	struct bmx_spool *spool;
	struct bmx_arena *arena;
	struct bmx_scan_report report;
	struct bmx_slice recipients[2];
	int64_t took_ms;
	int progressed;
	int lines;
};

static void
count_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;

	(void)level;
	(void)line;
	world->lines++;
}

static void
set_up(struct world *world, enum bmx_config_scanner_type type)
{
	*world = (struct world){0};
	world->scanner = (struct bmx_config_scanner){
		.name = "test",
		.type = type,
		.action = BMX_ACTION_REJECT,
		.max_size = 1000000,
		.timeout_ms = 5000,
	};
	world->log = bmx_log_new_capture(count_line, world, BMX_LOG_INFO);
	world->health = bmx_scan_health_new(bmx_clock_system(), world->log);
	world->arena = bmx_arena_new((size_t)4 * 1024 * 1024);
	world->spool = bmx_spool_new(1000000);
	assert_non_null(world->health);
	bmx_spool_field(world->spool, BMX_SLICE("Subject"), BMX_SLICE("s"));
	bmx_spool_body(world->spool, BMX_SLICE("text\r\n"));
	world->recipients[0] = BMX_SLICE("a@b.test");
	world->recipients[1] = BMX_SLICE("c@d.test");
}

static void
tear_down(struct world *world)
{
	for (size_t i = 0; i < world->count; i++)
		stop_server(&world->servers[i]);
	bmx_spool_free(&world->spool);
	bmx_arena_free(&world->arena);
	bmx_scan_health_free(&world->health);
	bmx_log_free(&world->log);
}

/* A server with that reply; without `there` a port where nobody listens. */
static struct server *
add_server(struct world *world, const char *reply, bool there)
{
	struct server *server = &world->servers[world->count];

	server->reply = reply;
	if (there)
		start_server(server);
	else
		bind_server(server);
	(void)snprintf(world->urls[world->count], sizeof(world->urls[0]),
	               bmx_scan_is_http(world->scanner.type) ?
	                       "http://127.0.0.1:%d" :
	                       "inet:127.0.0.1:%d",
	               server->port);
	world->items[world->count] = world->urls[world->count];
	world->count++;
	world->scanner.urls =
		(struct bmx_config_strings){world->items, world->count};
	return server;
}

static void
progress(void *ctx)
{
	((struct world *)ctx)->progressed++;
}

static enum bmx_scan_result
run(struct world *world)
{
	const struct bmx_clock *clock = bmx_clock_system();
	const struct bmx_scan_message message = {
		.spool = world->spool,
		.arena = world->arena,
		.queue_id = BMX_SLICE("4ABC"),
		.client = BMX_SLICE("192.0.2.1"),
		.client_name = BMX_SLICE("client.test"),
		.helo = BMX_SLICE("he\r\nEvil: lo"),
		.sender = BMX_SLICE("sender@s.test"),
		.recipients = world->recipients,
		.recipient_count = 2,
		.hostname = "backup.test",
	};
	const int64_t now_us = bmx_clock_mono_us(clock);
	struct bmx_patience patience = {
		.clock = clock,
		.deadline_us = now_us + 10000000,
		.progress = progress,
		.ctx = world,
		.reported_us = now_us,
	};

	bmx_spool_end(world->spool);
	bmx_scan_run(world->health, &world->scanner, 1, &message, &patience,
	             &world->report);
	world->took_ms = (bmx_clock_mono_us(clock) - now_us) / 1000;
	return world->report.findings[0].result;
}

enum manner { PLAIN, ENDLESS, EARLY, ABSENT, SILENT };

struct fault {
	const char *name;
	enum bmx_config_scanner_type type;
	const char *reply; /* of the first server; the second one is sound */
	enum manner manner;
};

/* clang-format off */
static struct fault faults[] = {
	{"rspamd away", BMX_SCANNER_RSPAMD, NULL, ABSENT},
	{"rspamd silent", BMX_SCANNER_RSPAMD, NULL, SILENT},
	{"rspamd closes at once", BMX_SCANNER_RSPAMD, "", EARLY},
	{"rspamd says 500", BMX_SCANNER_RSPAMD, "HTTP/1.1 500 Error\r\nContent-Length: 32\r\n\r\n" NO_ACTION, PLAIN},
	{"rspamd says 302", BMX_SCANNER_RSPAMD, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", PLAIN},
	{"rspamd says garbage", BMX_SCANNER_RSPAMD, "\x01\x02\x03\x04 garbage\r\n\r\n", PLAIN},
	{"rspamd's JSON is garbage", BMX_SCANNER_RSPAMD, HTTP_OK "\r\n{\"action\": no action", PLAIN},
	{"rspamd's JSON is half", BMX_SCANNER_RSPAMD, HTTP_OK "Content-Length: 32\r\n\r\n{\"action\":\"no", PLAIN},
	{"rspamd's JSON is shorter than said", BMX_SCANNER_RSPAMD, HTTP_OK "Content-Length: 2147483648\r\n\r\n" NO_ACTION, PLAIN},
	{"rspamd says that it has 2 GB, and begins", BMX_SCANNER_RSPAMD, HTTP_OK "Content-Length: 2147483648\r\n\r\n", ENDLESS},
	{"rspamd's header does not end", BMX_SCANNER_RSPAMD, "HTTP/1.1 200 OK\r\nX: y\r\n", ENDLESS},
	{"rspamd's body does not end", BMX_SCANNER_RSPAMD, HTTP_OK "\r\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", ENDLESS},
	{"spamd away", BMX_SCANNER_SPAMD, NULL, ABSENT},
	{"spamd silent", BMX_SCANNER_SPAMD, NULL, SILENT},
	{"spamd closes at once", BMX_SCANNER_SPAMD, "", EARLY},
	{"spamd says half", BMX_SCANNER_SPAMD, "SPAMD/1.1 0 EX_OK\r\nSpam: Fal", PLAIN},
	{"spamd says garbage", BMX_SCANNER_SPAMD, "220 mail ESMTP\r\n", PLAIN},
	{"spamd does not end", BMX_SCANNER_SPAMD, "SPAMD/1.1 0 EX_OK\r\nX: y\r\n", ENDLESS},
	{"clamd away", BMX_SCANNER_CLAMD, NULL, ABSENT},
	{"clamd silent", BMX_SCANNER_CLAMD, NULL, SILENT},
	{"clamd closes at once", BMX_SCANNER_CLAMD, "", EARLY},
	{"clamd says half", BMX_SCANNER_CLAMD, "str", PLAIN},
	{"clamd says another thing", BMX_SCANNER_CLAMD, "stream: MAYBE", PLAIN},
	{"clamd does not end", BMX_SCANNER_CLAMD, "stream: OK", ENDLESS},
};
/* clang-format on */

static const char *
sound_reply(enum bmx_config_scanner_type type)
{
	switch (type) {
	case BMX_SCANNER_RSPAMD:
		return HTTP_OK "Content-Length: 64\r\n\r\n" REJECT;
	case BMX_SCANNER_SPAMD:
		return "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 9 / 5\r\n\r\n";
	case BMX_SCANNER_CLAMD:
		break;
	}
	return "stream: Virus FOUND";
}

/* Whatever the first one does: the second one's word counts, soon. */
static void
test_fault(void **state)
{
	const struct fault *tc = *state;
	struct server *first;
	struct world world;

	set_up(&world, tc->type);
	if (tc->manner == SILENT)
		world.scanner.timeout_ms = 200;
	first = &world.servers[0];
	first->endless = tc->manner == ENDLESS;
	first->early = tc->manner == EARLY;
	(void)add_server(&world, tc->reply, tc->manner != ABSENT);
	(void)add_server(&world, sound_reply(tc->type), true);
	assert_int_equal(run(&world), BMX_SCAN_REJECTED);
	assert_int_equal(world.report.say, BMX_SCAN_REJECT);
	assert_ptr_equal(world.report.findings[0].url, world.items[1]);
	assert_true(world.took_ms < 4000);
	assert_int_equal(world.lines, 1);
	tear_down(&world);
}

/* The same, and nobody else to ask. */
static void
test_alone(void **state)
{
	const struct fault *tc = *state;
	struct server *first;
	struct world world;

	set_up(&world, tc->type);
	if (tc->manner == SILENT)
		world.scanner.timeout_ms = 200;
	first = &world.servers[0];
	first->endless = tc->manner == ENDLESS;
	first->early = tc->manner == EARLY;
	(void)add_server(&world, tc->reply, tc->manner != ABSENT);
	assert_int_equal(run(&world), BMX_SCAN_AWAY);
	assert_int_equal(world.report.say, BMX_SCAN_DEFER);
	assert_true(world.report.unscanned);
	world.scanner.unavailable = BMX_UNAVAILABLE_ACCEPT;
	assert_int_equal(run(&world), BMX_SCAN_AWAY);
	assert_int_equal(world.report.say, BMX_SCAN_PASS);
	tear_down(&world);
}

static void
assert_asked(const struct server *server, const char *part)
{
	if (!strstr(server->request, part))
		fail_msg("no \"%s\" in \"%s\"", part, server->request);
}

static void
test_rspamd_request(void **state)
{
	static const char *const parts[] = {
		"POST /checkv2 HTTP/1.1\r\n",
		"\r\nIP: 192.0.2.1\r\n",
		"\r\nHelo: he??Evil: lo\r\n",
		"\r\nHostname: client.test\r\n",
		"\r\nFrom: <sender@s.test>\r\n",
		"\r\nRcpt: <a@b.test>\r\nRcpt: <c@d.test>\r\n",
		"\r\nQueue-Id: 4ABC\r\n",
		"\r\nMTA-Name: backup.test\r\n",
		"\r\nContent-Length: 20\r\n",
		"\r\n\r\nSubject: s\r\n\r\ntext\r\n",
	};
	struct world world;
	struct server *server;

	(void)state;
	set_up(&world, BMX_SCANNER_RSPAMD);
	server = add_server(&world, sound_reply(BMX_SCANNER_RSPAMD), true);
	assert_int_equal(run(&world), BMX_SCAN_REJECTED);
	for (size_t i = 0; i < LENGTH(parts); i++)
		assert_asked(server, parts[i]);
	assert_null(strstr(server->request, "Expect"));
	assert_string_equal(world.report.text, "Bad");
	tear_down(&world);
}

static void
test_spamd_request(void **state)
{
	struct world world;
	struct server *server;

	(void)state;
	set_up(&world, BMX_SCANNER_SPAMD);
	server = add_server(&world, sound_reply(BMX_SCANNER_SPAMD), true);
	assert_int_equal(run(&world), BMX_SCAN_REJECTED);
	assert_asked(server, "SYMBOLS SPAMC/1.5\r\nContent-length: ");
	assert_asked(server,
	             "\r\n\r\nReturn-Path: <sender@s.test>\r\n"
	             "Received: from he??Evil:?lo (client.test "
	             "[192.0.2.1])\r\n\tby backup.test (Postfix) with "
	             "ESMTP id 4ABC;\r\n\t");
	assert_asked(server, "+0000\r\nSubject: s\r\n\r\ntext\r\n");
	tear_down(&world);
}

static void
test_clamd_request(void **state)
{
	struct world world;
	struct server *server;

	(void)state;
	set_up(&world, BMX_SCANNER_CLAMD);
	server = add_server(&world, "stream: OK", true);
	assert_int_equal(run(&world), BMX_SCAN_PASSED);
	assert_int_equal(server->len, 10 + 4 + 20 + 4);
	assert_memory_equal(server->request,
	                    "zINSTREAM\0\0\0\0\x14"
	                    "Subject: s\r\n\r\ntext\r\n\0\0\0\0",
	                    38);
	tear_down(&world);
}

/* Through a file, and in more than one piece. */
static void
test_large(void **state)
{
	static char body[900000];
	static const enum bmx_config_scanner_type types[] = {
		BMX_SCANNER_RSPAMD, BMX_SCANNER_SPAMD, BMX_SCANNER_CLAMD};

	(void)state;
	memset(body, 'x', sizeof(body));
	for (size_t i = 0; i < LENGTH(types); i++) {
		struct world world;
		struct server *server;

		set_up(&world, types[i]);
		server = add_server(&world, sound_reply(types[i]), true);
		bmx_spool_body(world.spool,
		               (struct bmx_slice){body, sizeof(body)});
		assert_null(bmx_spool_memory(world.spool).data);
		assert_int_equal(run(&world), BMX_SCAN_REJECTED);
		assert_true(server->len > sizeof(body));
		tear_down(&world);
	}
}

/* More than anybody wants to see is not scanned, and nobody is asked. */
static void
test_skipped(void **state)
{
	struct world world;
	struct server *server;

	(void)state;
	set_up(&world, BMX_SCANNER_RSPAMD);
	server = add_server(&world, sound_reply(BMX_SCANNER_RSPAMD), true);
	world.scanner.max_size = 20;
	assert_int_equal(run(&world), BMX_SCAN_REJECTED);
	world.scanner.max_size = 19;
	assert_int_equal(run(&world), BMX_SCAN_SKIPPED);
	assert_int_equal(world.report.say, BMX_SCAN_PASS);
	assert_int_equal(atomic_load(&server->connections), 1);
	tear_down(&world);
}

/* Three times in vain, and it is left alone; the next one goes on. */
static void
test_breaker(void **state)
{
	struct world world;
	struct server *silent;

	(void)state;
	set_up(&world, BMX_SCANNER_RSPAMD);
	world.scanner.timeout_ms = 100;
	silent = add_server(&world, NULL, true);
	(void)add_server(&world, sound_reply(BMX_SCANNER_RSPAMD), true);
	for (int i = 0; i < 5; i++)
		assert_int_equal(run(&world), BMX_SCAN_REJECTED);
	assert_int_equal(atomic_load(&silent->connections), BMX_SCAN_FAILURES);
	assert_int_equal(world.lines, 1);
	tear_down(&world);
}

/* A wrong answer is an answer: one message must not silence a scanner. */
static void
test_wrong_answers(void **state)
{
	struct world world;
	struct server *wrong;

	(void)state;
	set_up(&world, BMX_SCANNER_CLAMD);
	wrong = add_server(&world, "stream: x ERROR", true);
	for (int i = 0; i < 6; i++)
		assert_int_equal(run(&world), BMX_SCAN_AWAY);
	assert_int_equal(atomic_load(&wrong->connections), 6);
	tear_down(&world);
}

struct action_case {
	const char *name;
	enum bmx_config_scanner_type type;
	enum bmx_config_action action;
	enum bmx_scan_say said;
	enum bmx_scan_say want;
};

static struct action_case actions[] = {
	{"reject", BMX_SCANNER_SPAMD, BMX_ACTION_REJECT, BMX_SCAN_REJECT,
         BMX_SCAN_REJECT},
	{"defer", BMX_SCANNER_CLAMD, BMX_ACTION_DEFER, BMX_SCAN_REJECT,
         BMX_SCAN_DEFER},
	{"tag", BMX_SCANNER_SPAMD, BMX_ACTION_TAG, BMX_SCAN_REJECT,
         BMX_SCAN_TAG},
	{"ignore", BMX_SCANNER_CLAMD, BMX_ACTION_IGNORE, BMX_SCAN_REJECT,
         BMX_SCAN_PASS},
	{"nothing found", BMX_SCANNER_CLAMD, BMX_ACTION_REJECT, BMX_SCAN_PASS,
         BMX_SCAN_PASS},
	{"rspamd says it itself", BMX_SCANNER_RSPAMD, BMX_ACTION_IGNORE,
         BMX_SCAN_REJECT, BMX_SCAN_REJECT},
	{"rspamd defers", BMX_SCANNER_RSPAMD, BMX_ACTION_REJECT, BMX_SCAN_DEFER,
         BMX_SCAN_DEFER},
	{"rspamd marks", BMX_SCANNER_RSPAMD, BMX_ACTION_REJECT, BMX_SCAN_TAG,
         BMX_SCAN_TAG},
};

static void
test_action(void **state)
{
	const struct action_case *tc = *state;
	const struct bmx_config_scanner scanner = {.type = tc->type,
	                                           .action = tc->action};

	assert_int_equal(
		bmx_scan_say_of(&scanner,
	                        bmx_scan_result_of(&scanner, tc->said)),
		tc->want);
}

/* One that is away first: the other one's refusal wins over a deferral, and a
 * refusal ends it. */
static void
test_several(void **state)
{
	struct bmx_config_scanner scanners[3];
	struct world world;
	struct bmx_scan_message message = {.hostname = "backup.test"};
	struct bmx_patience patience = {.clock = bmx_clock_system()};

	(void)state;
	set_up(&world, BMX_SCANNER_CLAMD);
	(void)add_server(&world, NULL, false);
	(void)add_server(&world, "stream: Virus FOUND", true);
	for (size_t i = 0; i < LENGTH(scanners); i++)
		scanners[i] = world.scanner;
	scanners[0].urls = (struct bmx_config_strings){world.items, 1};
	scanners[1].urls = (struct bmx_config_strings){world.items + 1, 1};
	message.spool = world.spool;
	message.arena = world.arena;
	bmx_spool_end(world.spool);
	patience.deadline_us = bmx_clock_mono_us(patience.clock) + 5000000;
	bmx_scan_run(world.health, scanners, LENGTH(scanners), &message,
	             &patience, &world.report);
	assert_int_equal(world.report.say, BMX_SCAN_REJECT);
	assert_false(world.report.unscanned);
	assert_string_equal(world.report.text, "Virus");
	assert_int_equal(world.report.findings[0].result, BMX_SCAN_AWAY);
	assert_int_equal(world.report.findings[1].result, BMX_SCAN_REJECTED);
	assert_int_equal(world.report.findings[2].result, BMX_SCAN_UNASKED);
	tear_down(&world);
}

/* Postfix hears of us while a scanner thinks; the whole deadline holds. */
static void
test_patience(void **state)
{
	struct world world = {0};
	struct bmx_patience patience = {.clock = bmx_clock_system(),
	                                .progress = progress,
	                                .ctx = &world};
	const int64_t now_us = bmx_clock_mono_us(patience.clock);

	(void)state;
	patience.deadline_us = now_us - 1;
	assert_int_equal(bmx_patience_left_ms(&patience), 0);
	patience.reported_us = now_us;
	bmx_patience_tick(&patience);
	assert_int_equal(world.progressed, 0);
	patience.reported_us = now_us - BMX_PATIENCE_REPORT_MS * 1000;
	bmx_patience_tick(&patience);
	bmx_patience_tick(&patience);
	assert_int_equal(world.progressed, 1);
}

int
main(void)
{
	static const struct CMUnitTest fixed[] = {
		cmocka_unit_test(test_rspamd_request),
		cmocka_unit_test(test_spamd_request),
		cmocka_unit_test(test_clamd_request),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_wrong_answers),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_patience),
	};
	struct CMUnitTest
		tests[2 * LENGTH(faults) + LENGTH(actions) + LENGTH(fixed)];
	size_t count = 0;

	assert_int_equal(bmx_scan_global_init(), 0);
	for (size_t i = 0; i < LENGTH(faults); i++) {
		tests[count++] = (struct CMUnitTest){faults[i].name, test_fault,
		                                     NULL, NULL, &faults[i]};
		tests[count++] = (struct CMUnitTest){faults[i].name, test_alone,
		                                     NULL, NULL, &faults[i]};
	}
	for (size_t i = 0; i < LENGTH(actions); i++)
		tests[count++] = (struct CMUnitTest){
			actions[i].name, test_action, NULL, NULL, &actions[i]};
	for (size_t i = 0; i < LENGTH(fixed); i++)
		tests[count++] = fixed[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
