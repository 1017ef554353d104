/* Sessions with a guard: what is sealed, and what becomes of its bounce. */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "milter/gone.h"
#include "milter/session.h"

struct world {
	char dir[64];
	struct bmx_session_services services;
	struct bmx_milter_counters counters;
	struct bmx_metrics *metrics;
	struct bmx_log *log;
	struct bmx_rules *rules;
	struct bmx_guard *guard;
	struct bmx_scan_health *health;
	const char *more; /* behind the configuration */
	struct bmx_session *session;
	struct bmx_spf_verdict spf;
	char last_log[BMX_LOG_LINE_MAX];
	char seal[BMX_SEAL_TEXT_MAX]; /* of the last message */
};

static const uint8_t stranger[16] = {0, 0, 0,    0,    0,   0, 0, 0,
                                     0, 0, 0xff, 0xff, 192, 0, 2, 1};
static const uint8_t loopback[16] = {0, 0, 0,    0,    0,   0, 0, 0,
                                     0, 0, 0xff, 0xff, 127, 0, 0, 1};

static int
fake_policy(void *ctx, const struct bmx_policy_request *request,
            int64_t deadline_us, enum bmx_policy_reply *reply_out,
            struct bmx_error *err)
{
	(void)ctx;
	(void)request;
	(void)deadline_us;
	(void)err;
	*reply_out = BMX_REPLY_DUNNO;
	return 0;
}

static void
fake_spf(void *ctx, const struct bmx_spf_request *request,
         struct bmx_spf_verdict *verdict_out)
{
	const struct world *world = ctx;

	(void)request;
	*verdict_out = world->spf;
}

static void
take_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;

	(void)level;
	(void)snprintf(world->last_log, sizeof(world->last_log), "%s", line);
}

static struct bmx_rules *
load_rules(const struct world *world, const char *milter)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	char path[128], text[1024];
	struct bmx_config *config;
	struct bmx_rules *rules;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/conf", world->dir);
	(void)snprintf(text, sizeof(text),
	               "hostname = \"backup.example.test\"\n"
	               "state_dir = \"%s\"\n"
	               "policyd { control = \"unix:%s/control\" }\n"
	               "milter { trusted = {\"127.0.0.0/8\"} %s }\n"
	               "domain \"example.test\" { spf { fail = \"tag\" } }\n%s",
	               world->dir, world->dir, milter,
	               world->more ? world->more : "");
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	config = bmx_config_load(path, problems, NULL);
	assert_non_null(config);
	rules = bmx_rules_new(config, problems, NULL);
	assert_non_null(rules);
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	(void)unlink(path);
	return rules;
}

static void
start(struct world *world, const char *milter)
{
	const struct bmx_guard_parts parts = {.clock = bmx_clock_system(),
	                                      .log = world->log,
	                                      .metrics = world->metrics};
	struct bmx_error err;

	world->rules = load_rules(world, milter);
	world->guard = bmx_guard_new(&parts, world->rules->config, &err);
	if (!world->guard)
		fail_msg("%s", err.text);
	world->services.guard = world->guard;
	world->session = bmx_session_new(&world->services, world->rules);
	assert_non_null(world->session);
}

static void
stop(struct world *world)
{
	bmx_session_free(&world->session);
	bmx_guard_free(&world->guard);
	bmx_rules_unref(&world->rules);
}

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	(void)snprintf(world->dir, sizeof(world->dir),
	               "/tmp/bmx-guard-test-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	world->metrics = bmx_metrics_new();
	bmx_milter_counters_init(&world->counters, world->metrics);
	world->log = bmx_log_new_capture(take_line, world, BMX_LOG_INFO);
	world->health = bmx_scan_health_new(bmx_clock_system(), world->log);
	world->services = (struct bmx_session_services){
		.clock = bmx_clock_system(),
		.log = world->log,
		.counters = &world->counters,
		.scan_health = world->health,
		.ctx = world,
		.ask_policy = fake_policy,
		.check_spf = fake_spf,
	};
	world->spf = (struct bmx_spf_verdict){.result = BMX_SPF_PASS,
	                                      .identity = BMX_SPF_MAILFROM};
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {"seals.mdb", "seals.mdb-lock",
	                                    "seal.key", "control"};
	struct world *world = *state;
	char path[128];

	stop(world);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", world->dir,
		               names[i]);
		(void)unlink(path);
		(void)rmdir(path);
	}
	assert_int_equal(rmdir(world->dir), 0);
	bmx_scan_health_free(&world->health);
	bmx_log_free(&world->log);
	bmx_metrics_free(&world->metrics);
	free(world);
	return 0;
}

struct letter {
	const uint8_t *client;
	const char *sender, *recipient;
	bool login;
};

/* It gets queue id 4XyZ; its seal is kept. */
static enum bmx_session_next
deliver(struct world *world, const struct letter *letter,
        struct bmx_session_edits *edits)
{
	const struct bmx_session_mail words = {
		.sender = bmx_slice_of(letter->sender),
		.authenticated = letter->login};
	struct bmx_smtp_answer answer;
	enum bmx_session_next next;

	bmx_session_connect(world->session, BMX_SLICE("client.test"),
	                    letter->client, loopback);
	bmx_session_helo(world->session, BMX_SLICE("helo.test"));
	bmx_session_mail(world->session, &words);
	assert_int_equal(bmx_session_rcpt(world->session,
	                                  bmx_slice_of(letter->recipient),
	                                  (struct bmx_slice){0}, &answer),
	                 BMX_SESSION_CONTINUE);
	bmx_session_header(world->session, BMX_SLICE("x-BACKUPMX-seal"),
	                   BMX_SLICE("forged"));
	bmx_session_header(world->session, BMX_SLICE("Subject"),
	                   BMX_SLICE("hi"));
	bmx_session_header(world->session, BMX_SLICE("X-Backupmx-Seal"),
	                   BMX_SLICE("forged"));
	assert_int_equal(
		bmx_session_body(world->session, BMX_SLICE("text\r\n")),
		bmx_session_wants_body(world->session));
	next = bmx_session_end(world->session, BMX_SLICE("4XyZ"), edits,
	                       &answer);
	(void)snprintf(world->seal, sizeof(world->seal), "%s",
	               edits->seal ? edits->seal : "");
	assert_null(edits->quarantine);
	bmx_session_clear(world->session);
	return next;
}

static void
give(struct world *world, const uint8_t *client, const char *sender, bool login,
     struct bmx_session_edits *edits)
{
	const struct letter letter = {client, sender, "<alice@example.test>",
	                              login};

	assert_int_equal(deliver(world, &letter, edits), BMX_SESSION_CONTINUE);
}

struct bounce {
	const char *queue_id, *sender, *seal, *status;
};

/* What Postfix shows of it. */
static enum bmx_session_next
bounce(struct world *world, const struct bounce *what,
       struct bmx_session_edits *edits)
{
	const struct bmx_session_mail words = {.sender = BMX_SLICE("")};
	struct bmx_smtp_answer answer;
	enum bmx_session_next next;
	char text[2048];

	bmx_session_connect(world->session, BMX_SLICE("localhost"), loopback,
	                    loopback);
	bmx_session_internal(world->session);
	bmx_session_mail(world->session, &words);
	assert_int_equal(bmx_session_rcpt(world->session,
	                                  bmx_slice_of(what->sender),
	                                  (struct bmx_slice){0}, &answer),
	                 BMX_SESSION_CONTINUE);
	bmx_session_header(
		world->session, BMX_SLICE("Content-Type"),
		BMX_SLICE("multipart/report; "
	                  "report-type=delivery-status;\n\tboundary=\"b\""));
	(void)snprintf(
		text, sizeof(text),
		"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
		"X-Postfix-Queue-ID: %s\r\nX-Postfix-Sender: rfc822; %s\r\n"
		"\r\nFinal-Recipient: rfc822; alice@example.test\r\n"
		"Action: failed\r\nStatus: %s\r\n\r\n"
		"--b\r\nContent-Type: message/rfc822\r\n\r\n"
		"%s%s\r\nSubject: hi\r\n\r\ntext\r\n--b--\r\n",
		what->queue_id, what->sender,
		what->status ? what->status : "5.7.1",
		what->seal ? BMX_SEAL_HEADER ": " : "X-Other: ",
		what->seal ? what->seal : "x");
	assert_true(bmx_session_body(world->session, bmx_slice_of(text)));
	next = bmx_session_end(world->session, BMX_SLICE("4XyB"), edits,
	                       &answer);
	bmx_session_clear(world->session);
	return next;
}

/* "pass", "quarantine" or "discard", and why, as the log has it. */
static void
check_bounce(struct world *world, const struct bounce *what, const char *want)
{
	struct bmx_session_edits edits;
	const enum bmx_session_next next = bounce(world, what, &edits);

	if (!strstr(world->last_log, want))
		fail_msg("got %s, want %s", world->last_log, want);
	assert_non_null(strstr(world->last_log, "ev=bounce original="));
	assert_int_equal(next == BMX_SESSION_DISCARD,
	                 strstr(want, "act=discard") != NULL);
	assert_int_equal(edits.quarantine != NULL,
	                 strstr(want, "act=quarantine") != NULL);
	assert_null(edits.seal);
}

#define JOE "joe@pass.test"

static void
test_spf(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bounce good = {"4XyZ", JOE, NULL, NULL};
	const struct bounce other_case = {"4XyZ", "joe@PASS.test", NULL, NULL};
	const struct bounce other = {"4XyZ", "eve@pass.test", NULL, NULL};
	const struct bounce reused = {"4XyY", JOE, NULL, NULL};

	start(world, "");
	give(world, stranger, "<" JOE ">", false, &edits);
	assert_non_null(strstr(world->seal, " i=4XyZ c=192.0.2.1 r=spf h="));
	assert_int_equal(edits.removal_count, 2);
	check_bounce(world, &good, "act=pass why=spf");
	check_bounce(world, &other_case, "act=pass why=spf");
	check_bounce(world, &other, "act=quarantine why=unsealed");
	check_bounce(world, &reused, "act=quarantine why=unsealed");
}

static void
test_quoted_sender(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bounce good = {"4XyZ", "\"joe smith\"@pass.test", NULL,
	                            NULL};

	start(world, "");
	give(world, stranger, "<\"joe smith\"@pass.test>", false, &edits);
	check_bounce(world, &good, "act=pass why=spf");
}

static void
test_results(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bounce sent = {"4XyZ", JOE, NULL, NULL};

	start(world, "");
	give(world, loopback, "<" JOE ">", false, &edits);
	assert_int_equal(edits.removal_count, 2);
	check_bounce(world, &sent, "act=pass why=trusted");
	give(world, stranger, "<" JOE ">", true, &edits);
	check_bounce(world, &sent, "act=pass why=auth");
	world->spf.identity = BMX_SPF_HELO;
	give(world, stranger, "<" JOE ">", false, &edits);
	check_bounce(world, &sent, "act=quarantine why=unproven");
	world->spf.identity = BMX_SPF_MAILFROM;
	for (int i = 0; i <= BMX_SPF_PERMERROR; i++) {
		world->spf.result = (enum bmx_spf_result)i;
		give(world, stranger, "<" JOE ">", false, &edits);
		check_bounce(world, &sent,
		             i == BMX_SPF_PASS ? "act=pass why=spf" :
		                                 "act=quarantine why=unproven");
	}
}

/* All seals that came go, up to what a message may have; one too many refuses
 * a stranger's, and stays in that of a trusted client, below ours. */
static void
test_many_seals(void **state)
{
	struct world *world = *state;
	const uint8_t *const clients[] = {stranger, loopback};
	const struct bmx_session_mail words = {.sender = BMX_SLICE(JOE)};
	struct bmx_session_edits edits;
	struct bmx_smtp_answer answer;

	start(world, "");
	for (size_t i = 0; i < 2; i++) {
		bmx_session_connect(world->session, BMX_SLICE("client.test"),
		                    clients[i], loopback);
		bmx_session_mail(world->session, &words);
		for (size_t j = 0; j <= BMX_SESSION_FORGED_MAX; j++)
			bmx_session_header(world->session,
			                   BMX_SLICE(BMX_SEAL_HEADER),
			                   BMX_SLICE("forged"));
		assert_int_equal(
			bmx_session_end(world->session, BMX_SLICE("4XyZ"),
		                        &edits, &answer),
			i == 0 ? BMX_SESSION_REFUSE : BMX_SESSION_CONTINUE);
	}
	assert_non_null(edits.seal);
	assert_int_equal(edits.removal_count, BMX_SESSION_FORGED_MAX);
	assert_int_equal(edits.removals[0].which, BMX_SESSION_FORGED_MAX);
	bmx_session_clear(world->session);
}

/* Its scanner is away: who is scanned is deferred, and not sealed. */
static void
test_scanner(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const char *const rcpt = "<alice@scan.test>";
	const struct letter scanned = {stranger, "<" JOE ">", rcpt, false};
	const struct letter trusted = {loopback, "<" JOE ">", rcpt, false};
	const struct letter login = {stranger, "<" JOE ">", rcpt, true};
	const struct bounce good = {"4XyZ", "alice@scan.test", NULL, NULL};
	const struct bounce sent = {"4XyZ", JOE, NULL, NULL};

	world->more = "domain \"scan.test\" { scanner \"c\" { type = "
		      "\"clamd\" urls = {\"unix:/nonexistent/clamd\"} } }\n";
	start(world, "");
	assert_true(bmx_session_wants_body(world->session));
	assert_int_equal(deliver(world, &scanned, &edits), BMX_SESSION_REFUSE);
	assert_string_equal(world->seal, "");
	check_bounce(world, &sent, "act=quarantine why=unsealed");
	assert_int_equal(deliver(world, &trusted, &edits),
	                 BMX_SESSION_CONTINUE);
	check_bounce(world, &sent, "act=pass why=trusted");
	assert_int_equal(deliver(world, &login, &edits), BMX_SESSION_CONTINUE);
	check_bounce(world, &sent, "act=pass why=auth");
	give(world, stranger, "<alice@scan.test>", false, &edits);
	check_bounce(world, &good, "act=pass why=spf");
}

/* Nothing bounces to <>, so it is not sealed; a report that says so is held. */
static void
test_null_sender(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bounce sent = {"4XyZ", "", NULL, NULL};

	start(world, "");
	give(world, stranger, "<>", false, &edits);
	assert_string_equal(world->seal, "");
	assert_int_equal(edits.removal_count, 2);
	check_bounce(world, &sent, "act=quarantine why=null-sender");
}

static void
test_discard(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bounce sent = {"4XyZ", JOE, NULL, NULL};
	const struct bounce forged = {"4XyY", "eve@x.test",
	                              "v=1 k=a t=1 i=4XyY c=- r=spf h=0", NULL};

	start(world, "bounce_guard = \"discard\"");
	world->spf.result = BMX_SPF_NONE;
	give(world, stranger, "<" JOE ">", false, &edits);
	check_bounce(world, &sent, "act=discard why=unproven");
	check_bounce(world, &forged, "act=discard why=unsealed");
}

static void
test_off(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bmx_session_mail words = {.sender = BMX_SLICE("")};
	struct bmx_smtp_answer answer;

	start(world, "bounce_guard = \"off\"");
	give(world, stranger, "<" JOE ">", false, &edits);
	assert_string_equal(world->seal, "");
	assert_false(bmx_session_may_want_body(world->session));
	bmx_session_connect(world->session, BMX_SLICE("localhost"), loopback,
	                    loopback);
	bmx_session_internal(world->session);
	bmx_session_mail(world->session, &words);
	assert_int_equal(bmx_session_end(world->session, BMX_SLICE("4XyB"),
	                                 &edits, &answer),
	                 BMX_SESSION_CONTINUE);
	assert_null(edits.quarantine);
}

/* A null sender over the network is no bounce of ours, whatever it looks like;
 * nor is mail of this host from somebody. */
static void
test_no_bounce(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bmx_session_mail words = {.sender = BMX_SLICE("root@x")};

	start(world, "");
	give(world, loopback, "<>", false, &edits);
	bmx_session_internal(world->session);
	bmx_session_mail(world->session, &words);
	assert_false(bmx_session_body(world->session, BMX_SLICE("text")));
}

/* A null sender on this host that is no report: a vacation notice. */
static void
test_no_report(void **state)
{
	struct world *world = *state;
	const struct bmx_session_mail words = {.sender = BMX_SLICE("")};
	struct bmx_session_edits edits;
	struct bmx_smtp_answer answer;

	start(world, "");
	bmx_session_connect(world->session, BMX_SLICE("localhost"), loopback,
	                    loopback);
	bmx_session_internal(world->session);
	bmx_session_mail(world->session, &words);
	bmx_session_header(world->session, BMX_SLICE("Content-Type"),
	                   BMX_SLICE("text/plain"));
	assert_int_equal(bmx_session_end(world->session, BMX_SLICE("4XyB"),
	                                 &edits, &answer),
	                 BMX_SESSION_CONTINUE);
	assert_null(edits.quarantine);
	assert_non_null(strstr(world->last_log, "act=pass why=no-report"));
}

/* A folder in its place: the header alone decides. */
static void
test_no_store(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	struct bounce sent = {"4XyZ", JOE, world->seal, NULL};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/seals.mdb", world->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	start(world, "bounce_guard = \"discard\"");
	assert_non_null(strstr(world->last_log, "ev=no-seal-store"));
	give(world, stranger, "<" JOE ">", false, &edits);
	check_bounce(world, &sent, "act=pass why=spf");
	sent.seal = NULL;
	check_bounce(world, &sent, "act=quarantine why=trouble");
	world->spf.result = BMX_SPF_NONE;
	give(world, stranger, "<" JOE ">", false, &edits);
	sent.seal = world->seal;
	check_bounce(world, &sent, "act=discard why=unproven");
}

static void
write_keys(const struct world *world, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/seal.key", world->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
test_rotation(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bounce sent = {"4XyZ", JOE, NULL, NULL};

	write_keys(world, "one " HEX "\n");
	start(world, "");
	give(world, stranger, "<" JOE ">", false, &edits);
	assert_non_null(strstr(world->seal, "k=one "));
	write_keys(world, "two " HEX "\none " HEX "\n");
	bmx_guard_configure(world->guard, world->rules->config);
	check_bounce(world, &sent, "act=pass why=spf");
	write_keys(world, "bad\n");
	bmx_guard_configure(world->guard, world->rules->config);
	assert_non_null(strstr(world->last_log, "ev=bad-seal-keys"));
	assert_non_null(strstr(world->last_log, "seal.key:1: "));
	check_bounce(world, &sent, "act=pass why=spf");
	write_keys(world, "two " HEX "\n");
	bmx_guard_configure(world->guard, world->rules->config);
	check_bounce(world, &sent, "act=quarantine why=unsealed");
	give(world, stranger, "<" JOE ">", false, &edits);
	assert_non_null(strstr(world->seal, "k=two "));
}

static void
test_bad_keys(void **state)
{
	struct world *world = *state;
	const struct bmx_guard_parts parts = {.clock = bmx_clock_system(),
	                                      .log = world->log,
	                                      .metrics = world->metrics};
	struct bmx_error err;

	write_keys(world, "# keys\nbad\n");
	world->rules = load_rules(world, "");
	assert_null(bmx_guard_new(&parts, world->rules->config, &err));
	assert_non_null(strstr(err.text, "seal.key:2: expected \"ID KEY\""));
}

/*
 * Policyd's control socket: says what it is told to, or nothing.
 */

struct control {
	int listen_fd;
	const char *answer; /* NULL: takes the connection and is silent */
	pthread_t thread;
	char asked[128];
};

static void *
serve(void *ctx)
{
	struct control *control = ctx;
	const int fd = accept(control->listen_fd, NULL, NULL);
	ssize_t len = 0;

	if (fd < 0)
		return NULL;
	len = recv(fd, control->asked, sizeof(control->asked) - 1, 0);
	control->asked[len > 0 ? len : 0] = '\0';
	if (control->answer)
		(void)send(fd, control->answer, strlen(control->answer),
		           MSG_NOSIGNAL);
	else /* until the other side has had enough */
		(void)recv(fd, control->asked + 100, 1, 0);
	(void)close(fd);
	return NULL;
}

static void
listen_at(const struct world *world, struct control *control)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/control",
	               world->dir);
	control->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(control->listen_fd,
	                      (const struct sockaddr *)&address,
	                      sizeof(address)),
	                 0);
	assert_int_equal(listen(control->listen_fd, 4), 0);
	assert_int_equal(pthread_create(&control->thread, NULL, serve, control),
	                 0);
}

static void
end_control(struct control *control)
{
	assert_int_equal(pthread_join(control->thread, NULL), 0);
	(void)close(control->listen_fd);
}

static void
check_gone(struct world *world, const char *answer, const char *want)
{
	struct control control = {.answer = answer};
	struct bmx_session_edits edits;
	const struct bounce sent = {"4XyZ", JOE, NULL, "5.1.1"};

	start(world, "bounce_guard = \"discard\"");
	give(world, stranger, "<" JOE ">", false, &edits);
	listen_at(world, &control);
	check_bounce(world, &sent, want);
	end_control(&control);
	assert_string_equal(control.asked, "gone alice@example.test\n");
}

static void
test_gone_evicted(void **state)
{
	check_gone(*state, "{\"ok\": true, \"gone\": \"evicted\"}\n",
	           "act=pass why=spf");
}

static void
test_gone_hold(void **state)
{
	check_gone(*state, "{\"ok\": true, \"gone\": \"hold\"}\n",
	           "act=quarantine why=lost-users");
}

static void
test_gone_silent(void **state)
{
	const struct bmx_clock *clock = bmx_clock_system();
	const int64_t start_ms = bmx_clock_mono_ms(clock);

	check_gone(*state, NULL, "act=pass why=spf");
	assert_true(bmx_clock_mono_ms(clock) - start_ms >=
	            BMX_GUARD_TELL_MS - 1);
}

static void
test_gone_away(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;
	const struct bounce sent = {"4XyZ", JOE, NULL, "5.1.1"};

	start(world, "");
	give(world, stranger, "<" JOE ">", false, &edits);
	check_bounce(world, &sent, "act=pass why=spf");
}

struct answer_case {
	const char *text;
	bool want;
};

static const struct answer_case answers[] = {
	{"{\"ok\": true, \"gone\": \"hold\"}", true},
	{"{\"ok\": true, \"gone\": \"noted\"}", false},
	{"{\"ok\": false, \"error\": \"hold\"}", false},
	{"{\"ok\": true, \"gone\": [\"hold\"]}", false},
	{"\"hold\"", false},
	{"{\"gone\": \"hold\"", false},
	{"", false},
	{"\xff\x00", false},
};

static void
test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(bmx_gone_holds(bmx_slice_of(answers[i].text)),
		                 answers[i].want);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spf),       TEST(test_quoted_sender),
		TEST(test_results),   TEST(test_null_sender),
		TEST(test_discard),   TEST(test_off),
		TEST(test_no_bounce), TEST(test_no_report),
		TEST(test_no_store),  TEST(test_rotation),
		TEST(test_bad_keys),  TEST(test_gone_evicted),
		TEST(test_gone_hold), TEST(test_gone_silent),
		TEST(test_gone_away), TEST(test_many_seals),
		TEST(test_scanner),   cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
