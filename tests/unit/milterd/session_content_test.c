/* Messages of a session on their way to a scanner, and what it changes. */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milter/session.h"
#include "tests/unit/milterd/fake_dns.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define OTHER "452 4.5.3 Too many recipients: send to this one separately"

struct world {
	struct bmx_session_services services;
	struct bmx_milter_counters counters;
	struct bmx_metrics *metrics;
	struct bmx_log *log;
	struct bmx_rules *rules;
	struct bmx_session *session;
	struct bmx_zone_watch *watch;
	struct bmx_scan_health *health;
	struct fake_dns dns;
	char line[BMX_LOG_LINE_MAX]; /* the last one */
	char reply[BMX_SMTP_TEXT_MAX + 32];
	struct bmx_session_edits edits;
	/* A scanner that answers one question. */
	int listen_fd;
	int port;
	const char *json;
	pthread_t thread;
	char request[8192];
};

/* PORT is put in. */
static const char config_text[] =
	"hostname = \"backup.test\"\n"
	"milter { policy = \"\" }\n"
	"domain \"scan.test\" { scanner \"r\" {\n"
	"  urls = {\"http://127.0.0.1:PORT\"} } }\n"
	"domain \"same.test\" { scanner \"other name\" {\n"
	"  urls = {\"http://127.0.0.1:PORT\"} } }\n"
	"domain \"pass.test\" { scanner \"r\" {\n"
	"  urls = {\"http://127.0.0.1:PORT\"} unavailable = \"accept\" } }\n"
	"domain \"watch.test\" { mode = \"observe\" scanner \"r\" {\n"
	"  urls = {\"http://127.0.0.1:PORT\"} } }\n"
	"domain \"small.test\" { scanner \"r\" { max_size = 10\n"
	"  urls = {\"http://127.0.0.1:PORT\"} } }\n"
	"domain \"off.test\" { }\n";

static int
no_policy(void *ctx, const struct bmx_policy_request *request,
          int64_t deadline_us, enum bmx_policy_reply *reply_out,
          struct bmx_error *err)
{
	(void)ctx;
	(void)request;
	(void)deadline_us;
	(void)reply_out;
	return bmx_error_set(err, BMX_E_CLOSED, "nobody is asked here");
}

static void
fake_spf(void *ctx, const struct bmx_spf_request *request,
         struct bmx_spf_verdict *verdict_out)
{
	(void)ctx;
	(void)request;
	*verdict_out = (struct bmx_spf_verdict){.result = BMX_SPF_PASS};
}

static void
take_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;

	(void)level;
	if (strstr(line, "ev=message"))
		(void)snprintf(world->line, sizeof(world->line), "%s", line);
}

static void
bind_scanner(struct world *world)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);

	world->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(world->listen_fd >= 0);
	assert_int_equal(
		bind(world->listen_fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(
		getsockname(world->listen_fd, (struct sockaddr *)&in, &len), 0);
	world->port = ntohs(in.sin_port);
}

static void *
answer_once(void *ctx)
{
	struct world *world = ctx;
	const int fd = accept(world->listen_fd, NULL, NULL);
	char head[128];
	size_t len = 0;
	ssize_t got;

	if (fd < 0)
		return NULL;
	/* Every message here ends in this line. */
	while (!strstr(world->request, "the end\r\n") &&
	       (got = read(fd, world->request + len,
	                   sizeof(world->request) - 1 - len)) > 0) {
		len += (size_t)got;
		world->request[len] = '\0';
	}
	(void)snprintf(head, sizeof(head),
	               "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
	               strlen(world->json));
	(void)send(fd, head, strlen(head), MSG_NOSIGNAL);
	(void)send(fd, world->json, strlen(world->json), MSG_NOSIGNAL);
	(void)close(fd);
	return NULL;
}

static struct bmx_rules *
load_rules(const char *text, int port, size_t *problems_out)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	char path[] = "/tmp/bmx-content-XXXXXX";
	const int fd = mkstemp(path);
	FILE *out = fdopen(fd, "w");
	struct bmx_config *config;
	struct bmx_rules *rules;

	assert_non_null(out);
	for (; *text; text++) {
		if (strncmp(text, "PORT", 4) == 0) {
			(void)fprintf(out, "%d", port);
			text += 3;
		} else {
			(void)fputc(*text, out);
		}
	}
	assert_int_equal(fclose(out), 0);
	config = bmx_config_load(path, problems, NULL);
	(void)unlink(path);
	assert_non_null(config);
	rules = bmx_rules_new(config, problems, NULL);
	*problems_out = bmx_config_problems_count(problems);
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	return rules;
}

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const uint8_t client[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
	size_t problems;

	assert_non_null(world);
	bind_scanner(world);
	world->metrics = bmx_metrics_new();
	bmx_milter_counters_init(&world->counters, world->metrics);
	world->log = bmx_log_new_capture(take_line, world, BMX_LOG_INFO);
	world->watch = bmx_zone_watch_new(bmx_clock_system(), world->log,
	                                  world->metrics);
	world->health = bmx_scan_health_new(bmx_clock_system(), world->log);
	world->dns.zone = zone_new();
	world->services = (struct bmx_session_services){
		.clock = bmx_clock_system(),
		.log = world->log,
		.counters = &world->counters,
		.panel = {fake_dns_of(&world->dns), world->watch},
		.scan_health = world->health,
		.ctx = world,
		.ask_policy = no_policy,
		.check_spf = fake_spf,
	};
	world->rules = load_rules(config_text, world->port, &problems);
	assert_non_null(world->rules);
	assert_int_equal(problems, 0);
	world->session = bmx_session_new(&world->services, world->rules);
	bmx_session_connect(world->session, BMX_SLICE("unknown"), client, NULL);
	bmx_session_helo(world->session, BMX_SLICE("helo.test"));
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	bmx_session_free(&world->session);
	bmx_rules_unref(&world->rules);
	bmx_scan_health_free(&world->health);
	bmx_zone_watch_free(&world->watch);
	zone_free(&world->dns.zone);
	bmx_log_free(&world->log);
	bmx_metrics_free(&world->metrics);
	(void)close(world->listen_fd);
	free(world);
	return 0;
}

static void
mail(struct world *world, bool authenticated)
{
	const struct bmx_session_mail words = {
		.sender = BMX_SLICE("<a@sender.test>"),
		.authenticated = authenticated};

	bmx_session_mail(world->session, &words);
}

static const char *
say(struct world *world, enum bmx_session_next next,
    const struct bmx_smtp_answer *answer)
{
	if (next == BMX_SESSION_CONTINUE)
		return "250";
	(void)snprintf(world->reply, sizeof(world->reply), "%s %s %s",
	               answer->code, answer->enhanced, answer->text);
	return world->reply;
}

static const char *
rcpt(struct world *world, const char *recipient)
{
	struct bmx_smtp_answer answer;
	const enum bmx_session_next next =
		bmx_session_rcpt(world->session, bmx_slice_of(recipient),
	                         (struct bmx_slice){0}, &answer);

	return say(world, next, &answer);
}

static void
field(struct world *world, const char *name, const char *body)
{
	bmx_session_header(world->session, bmx_slice_of(name),
	                   bmx_slice_of(body));
}

static const char *
end(struct world *world)
{
	struct bmx_smtp_answer answer;
	enum bmx_session_next next;

	(void)bmx_session_body(world->session, BMX_SLICE("the end\r\n"));
	next = bmx_session_end(world->session, BMX_SLICE("4XYZ"), &world->edits,
	                       &answer);
	return say(world, next, &answer);
}

/* To a message that has the usual fields. */
static const char *
judged(struct world *world, const char *recipient, const char *json)
{
	const char *reply;

	world->json = json;
	assert_int_equal(listen(world->listen_fd, 1), 0);
	assert_int_equal(
		pthread_create(&world->thread, NULL, answer_once, world), 0);
	mail(world, false);
	assert_string_equal(rcpt(world, recipient), "250");
	field(world, "Authentication-Results", "backup.test; spf=pass");
	field(world, "x-backupmx-SEAL", "forged");
	field(world, "X-Spam", "a");
	field(world, "authentication-results", "else.test; spf=pass");
	field(world, "X-Spam", "b");
	field(world, "X-Spam", "c");
	reply = end(world);
	assert_int_equal(pthread_join(world->thread, NULL), 0);
	return reply;
}

static void
test_refused(void **state)
{
	struct world *world = *state;

	assert_true(bmx_session_wants_body(world->session));
	assert_string_equal(
		judged(world, "<a@scan.test>",
	               "{\"action\":\"reject\",\"score\":20,\"messages\":"
	               "{\"smtp_message\":\"100% bad\"}}"),
		"550 5.7.1 Message content rejected: 100%% bad");
	assert_non_null(strstr(world->line, "act=reject"));
	assert_non_null(strstr(world->line, "scanner:r:reject:reject/20.00"));
	assert_non_null(strstr(world->request, "\r\nRcpt: <a@scan.test>\r\n"));
	assert_non_null(strstr(world->request, "\r\nQueue-Id: 4XYZ\r\n"));
	assert_null(strstr(world->request, "Hostname:"));
	assert_non_null(strstr(world->request, "\r\n\r\nthe end\r\n"));
}

static void
test_deferred(void **state)
{
	assert_string_equal(
		judged(*state, "<a@scan.test>", "{\"action\":\"soft reject\"}"),
		"451 4.7.1 Message content deferred");
}

static void
test_observed(void **state)
{
	struct world *world = *state;

	assert_string_equal(
		judged(world, "<a@watch.test>", "{\"action\":\"reject\"}"),
		"250");
	assert_non_null(strstr(world->line, "act=observe"));
}

struct edit_case {
	const char *name;
	const char *milter;
	const char *want;
};

/* clang-format off */
static struct edit_case edits[] = {
	{"the forged fields alone", "", "-Authentication-Results@1;-X-Backupmx-Seal@1;"},
	{"all of a name, the last one first", "\"remove_headers\":{\"X-SPAM\":0}", "-X-SPAM@3;-X-SPAM@2;-Authentication-Results@1;-X-Backupmx-Seal@1;-X-SPAM@1;"},
	{"one of a name", "\"remove_headers\":{\"X-Spam\":2}", "-X-Spam@2;-Authentication-Results@1;-X-Backupmx-Seal@1;"},
	{"one from the end", "\"remove_headers\":{\"X-Spam\":-1}", "-X-Spam@3;-Authentication-Results@1;-X-Backupmx-Seal@1;"},
	{"one that is not there", "\"remove_headers\":{\"X-Spam\":4,\"X-Else\":1}", "-Authentication-Results@1;-X-Backupmx-Seal@1;"},
	{"one before the first", "\"remove_headers\":{\"X-Spam\":-4}", "-Authentication-Results@1;-X-Backupmx-Seal@1;"},
	{"the forged one once", "\"remove_headers\":{\"Authentication-Results\":0}", "-Authentication-Results@2;-Authentication-Results@1;-X-Backupmx-Seal@1;"},
	{"nothing of ours", "\"remove_headers\":{\"X-Backupmx-Seal\":0},\"add_headers\":{\"X-Backupmx-Seal\":\"b\"}", "-Authentication-Results@1;-X-Backupmx-Seal@1;"},
	{"added", "\"add_headers\":{\"X-A\":\"b\",\"X-C\":{\"value\":\"d\",\"order\":1}}", "-Authentication-Results@1;-X-Backupmx-Seal@1;+X-A@-1=b;+X-C@1=d;"},
};
/* clang-format on */

static void
test_edits(void **state)
{
	const struct edit_case *tc = *state;
	char json[512], got[512];
	struct world *world;
	FILE *out = fmemopen(got, sizeof(got), "w");
	void *fresh;

	assert_non_null(out);
	(void)set_up(&fresh);
	world = fresh;
	(void)snprintf(json, sizeof(json),
	               "{\"action\":\"no action\",\"milter\":{%s}}",
	               tc->milter);
	assert_string_equal(judged(world, "<a@scan.test>", json), "250");
	for (size_t i = 0; i < world->edits.removal_count; i++)
		(void)fprintf(out, "-%s@%u;", world->edits.removals[i].name,
		              world->edits.removals[i].which);
	for (size_t i = 0; i < world->edits.added_count; i++)
		(void)fprintf(out, "+%s@%d=%s;", world->edits.added[i].name,
		              world->edits.added[i].place,
		              world->edits.added[i].body);
	(void)fputc('\0', out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(got, tc->want);
	(void)tear_down(&fresh);
}

/* Nobody listens there. */
static void
test_away(void **state)
{
	struct world *world = *state;

	mail(world, false);
	assert_string_equal(rcpt(world, "<a@scan.test>"), "250");
	assert_string_equal(end(world),
	                    "451 4.7.1 Message content cannot be checked now, "
	                    "try again later");
	assert_non_null(strstr(world->line, "act=defer"));
	assert_non_null(strstr(world->line, "scanner:r:away"));
	mail(world, false);
	assert_string_equal(rcpt(world, "<a@pass.test>"), "250");
	assert_string_equal(end(world), "250");
	assert_non_null(strstr(world->line, "scanner:r:away"));
	mail(world, false);
	assert_string_equal(rcpt(world, "<a@watch.test>"), "250");
	assert_string_equal(end(world), "250");
	assert_non_null(strstr(world->line, "act=observe"));
}

static void
test_not_scanned(void **state)
{
	struct world *world = *state;

	mail(world, true);
	assert_string_equal(rcpt(world, "<a@scan.test>"), "250");
	assert_string_equal(end(world), "250");
	assert_null(strstr(world->line, "scanner"));
	mail(world, false);
	assert_string_equal(rcpt(world, "<a@off.test>"), "250");
	assert_string_equal(end(world), "250");
	assert_null(strstr(world->line, "scanner"));
	mail(world, false);
	assert_string_equal(rcpt(world, "<a@small.test>"), "250");
	assert_string_equal(end(world), "250");
	assert_non_null(strstr(world->line, "scanner:r:skipped"));
}

static void
test_rules(void **state)
{
	struct world *world = *state;

	mail(world, false);
	assert_string_equal(rcpt(world, "<a@scan.test>"), "250");
	assert_string_equal(rcpt(world, "<a@same.test>"), "250");
	assert_string_equal(rcpt(world, "<a@pass.test>"), OTHER);
	assert_string_equal(rcpt(world, "<a@watch.test>"), OTHER);
	assert_string_equal(rcpt(world, "<a@small.test>"), OTHER);
	assert_string_equal(rcpt(world, "<a@off.test>"), OTHER);
	mail(world, false);
	assert_string_equal(rcpt(world, "<a@off.test>"), "250");
	assert_string_equal(rcpt(world, "<a@scan.test>"), OTHER);
}

struct mistake {
	const char *name;
	const char *text;
};

static struct mistake mistakes[] = {
	{"no urls", "scanner \"a\" { }"},
	{"rspamd at a socket", "scanner \"a\" { urls = {\"inet:h:1\"} }"},
	{"spamd over HTTP",
         "scanner \"a\" { type = \"spamd\" urls = {\"http://h:1\"} }"},
	{"clamd by name",
         "scanner \"a\" { type = \"clamd\" urls = {\"inet:h.test:1\"} }"},
	{"clamd, the second one",
         "scanner \"a\" { type = \"clamd\" urls = {\"unix:/s\", "
         "\"https://h:1\"} }"},
	{"nine of them",
         "scanner \"1\" { urls = {\"http://h\"} } "
         "scanner \"2\" { urls = {\"http://h\"} } "
         "scanner \"3\" { urls = {\"http://h\"} } "
         "scanner \"4\" { urls = {\"http://h\"} } "
         "scanner \"5\" { urls = {\"http://h\"} } "
         "scanner \"6\" { urls = {\"http://h\"} } "
         "scanner \"7\" { urls = {\"http://h\"} } "
         "scanner \"8\" { urls = {\"http://h\"} } "
         "scanner \"9\" { urls = {\"http://h\"} }"},
};

static void
test_mistake(void **state)
{
	const struct mistake *tc = *state;
	char text[1024];
	size_t problems;

	(void)snprintf(text, sizeof(text),
	               "hostname = \"h.test\"\ndomain \"d.test\" { %s }\n",
	               tc->text);
	assert_null(load_rules(text, 1, &problems));
	assert_int_equal(problems, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest fixed[] = {
		TEST(test_refused), TEST(test_deferred),    TEST(test_observed),
		TEST(test_away),    TEST(test_not_scanned), TEST(test_rules),
	};
	struct CMUnitTest
		tests[LENGTH(edits) + LENGTH(mistakes) + LENGTH(fixed)];
	size_t count = 0;

	assert_int_equal(bmx_scan_global_init(), 0);
	for (size_t i = 0; i < LENGTH(edits); i++)
		tests[count++] = (struct CMUnitTest){edits[i].name, test_edits,
		                                     NULL, NULL, &edits[i]};
	for (size_t i = 0; i < LENGTH(mistakes); i++)
		tests[count++] =
			(struct CMUnitTest){mistakes[i].name, test_mistake,
		                            NULL, NULL, &mistakes[i]};
	for (size_t i = 0; i < LENGTH(fixed); i++)
		tests[count++] = fixed[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
