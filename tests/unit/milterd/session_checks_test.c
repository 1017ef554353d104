/* The checks within a session: started early, decided for each domain, told in
 * header and log. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "milter/session.h"
#include "tests/unit/milterd/fake_dns.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct world {
	struct bmx_session_services services;
	struct bmx_milter_counters counters;
	struct bmx_metrics *metrics;
	struct bmx_log *log;
	struct bmx_rules *rules;
	struct bmx_session *session;
	struct bmx_zone_watch *watch;
	struct fake_dns dns;
	struct bmx_clock clock;
	int64_t now_us;
	enum bmx_spf_result spf;
	char lines[8][BMX_LOG_LINE_MAX]; /* the last ones */
	unsigned line_count;
	char folder[64];
};

/* FOLDER is put in. */
static const char config_text[] =
	"hostname = \"backup.test\"\n"
	"milter { policy = \"\" }\n"
	"domain \"list.test\" { dnsbl {\n"
	"  zones = {\"a.bl.test=127.0.0.[2..9]*2\", \"b.bl.test\", "
	"\"wl.test*-3\"} threshold = 2 } }\n"
	"domain \"mild.test\" { dnsbl { zones = {\"a.bl.test\"} "
	"action = \"tag\" } }\n"
	"domain \"hard.test\" { dnsbl { zones = {\"a.bl.test\"} "
	"temperror = \"defer\" } }\n"
	"domain \"name.test\" { helo { own = \"reject\" unknown = \"defer\" } "
	"reverse_dns { missing = \"reject\" unconfirmed = \"tag\" } "
	"sender_domain { null_mx = \"reject\" unknown = \"defer\" } }\n"
	"domain \"score.test\" { score_threshold = 5 "
	"helo { unknown = \"score=3\" } spf { softfail = \"score=2\" } }\n"
	"domain \"file.test\" { client_access = {\"cidr:FOLDER/cidr\", "
	"\"FOLDER/clients\"} sender_access = {\"hash:FOLDER/senders\"} "
	"sender_domain { unknown = \"reject\" } }\n"
	"domain \"small.test\" { size = 1K }\n"
	"domain \"small2.test\" { size = 1K }\n"
	"domain \"tiny.test\" { size = 64 }\n"
	"domain \"watch.test\" { mode = \"observe\" size = 64 }\n"
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
	const struct world *world = ctx;

	(void)request;
	*verdict_out = (struct bmx_spf_verdict){.result = world->spf};
}

static void
take_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;

	(void)level;
	(void)snprintf(world->lines[world->line_count++ % LENGTH(world->lines)],
	               sizeof(world->lines[0]), "%s", line);
}

static const char *
last_line(const struct world *world)
{
	assert_true(world->line_count > 0);
	return world->lines[(world->line_count - 1) % LENGTH(world->lines)];
}

static int64_t
mono(void *ctx)
{
	return *(const int64_t *)ctx;
}

static int64_t
wall(void *ctx)
{
	return *(const int64_t *)ctx / 1000;
}

static void
write_file(const struct world *world, const char *name, const char *text)
{
	char path[128];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", world->folder, name);
	out = fopen(path, "w");
	assert_non_null(out);
	for (; *text; text++) {
		if (strncmp(text, "FOLDER", 6) == 0) {
			(void)fputs(world->folder, out);
			text += 5;
		} else {
			(void)fputc(*text, out);
		}
	}
	assert_int_equal(fclose(out), 0);
}

static struct bmx_rules *
load_rules(const struct world *world, size_t *problems_out)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_config *config;
	struct bmx_rules *rules;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/conf", world->folder);
	config = bmx_config_load(path, problems, NULL);
	assert_non_null(config);
	rules = bmx_rules_new(config, problems, NULL);
	*problems_out = bmx_config_problems_count(problems);
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	return rules;
}

static void
make_files(struct world *world)
{
	size_t problems;

	(void)snprintf(world->folder, sizeof(world->folder),
	               "/tmp/bmx-checks-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	write_file(world, "conf", config_text);
	write_file(world, "cidr", "203.0.113.0/24 REJECT\n");
	write_file(world, "clients",
	           "good.test OK\nbad.test 550 5.7.9 100% bad\nunknown DUNNO\n"
	           "slow.test DEFER\n");
	write_file(world, "senders", "spam@ REJECT\nfriend@no.test OK\n");
	world->rules = load_rules(world, &problems);
	assert_non_null(world->rules);
	assert_int_equal(problems, 0);
}

static void
add(struct world *world, const char *name, enum bmx_dns_type type,
    const char *data)
{
	zone_add(world->dns.zone, name, type, bmx_slice_of(data));
}

static void
fill_zone(struct world *world)
{
	add(world, "1.2.0.192.a.bl.test", BMX_DNS_A, "127.0.0.2");
	add(world, "2.2.0.192.b.bl.test", BMX_DNS_A, "127.0.0.2");
	add(world, "3.2.0.192.a.bl.test", BMX_DNS_A, "127.0.0.2");
	add(world, "3.2.0.192.wl.test", BMX_DNS_A, "127.0.0.2");
	add(world, "4.2.0.192.a.bl.test", BMX_DNS_A, "192.0.2.99");
	add(world, "1.2.0.192.in-addr.arpa", BMX_DNS_PTR, "good.test");
	add(world, "good.test", BMX_DNS_A, "192.0.2.1");
	add(world, "2.2.0.192.in-addr.arpa", BMX_DNS_PTR, "good.test");
	add(world, "null.test", BMX_DNS_MX, "0 ");
}

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->now_us = 1000000;
	world->clock = (struct bmx_clock){mono, wall, &world->now_us};
	world->metrics = bmx_metrics_new();
	bmx_milter_counters_init(&world->counters, world->metrics);
	world->log = bmx_log_new_capture(take_line, world, BMX_LOG_INFO);
	world->watch =
		bmx_zone_watch_new(&world->clock, world->log, world->metrics);
	world->dns.zone = zone_new();
	fill_zone(world);
	world->services = (struct bmx_session_services){
		.clock = &world->clock,
		.log = world->log,
		.counters = &world->counters,
		.panel = {fake_dns_of(&world->dns), world->watch},
		.ctx = world,
		.ask_policy = no_policy,
		.check_spf = fake_spf,
	};
	make_files(world);
	world->session = bmx_session_new(&world->services, world->rules);
	world->spf = BMX_SPF_PASS;
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;
	static const char *const files[] = {"conf", "cidr", "clients",
	                                    "senders"};
	char path[128];

	bmx_session_free(&world->session);
	assert_int_equal(world->dns.open, 0);
	for (size_t i = 0; i < LENGTH(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", world->folder,
		               files[i]);
		(void)unlink(path);
	}
	(void)rmdir(world->folder);
	bmx_rules_unref(&world->rules);
	bmx_zone_watch_free(&world->watch);
	zone_free(&world->dns.zone);
	bmx_log_free(&world->log);
	bmx_metrics_free(&world->metrics);
	free(world);
	return 0;
}

static void
greet(struct world *world, uint8_t last, const char *name, const char *helo)
{
	const uint8_t client[16] = {0, 0, 0,    0,    0,   0, 0, 0,
	                            0, 0, 0xff, 0xff, 192, 0, 2, last};
	const uint8_t own[16] = {0, 0, 0,    0,    0,   0, 0, 0,
	                         0, 0, 0xff, 0xff, 192, 0, 2, 25};

	bmx_session_connect(world->session, bmx_slice_of(name), client, own);
	bmx_session_helo(world->session, bmx_slice_of(helo));
}

static void
mail(struct world *world, const char *sender)
{
	const struct bmx_session_mail words = {.sender = bmx_slice_of(sender)};

	bmx_session_mail(world->session, &words);
}

/* The reply, or "250". */
static const char *
rcpt(struct world *world, const char *recipient)
{
	static struct bmx_smtp_answer answer;
	static char text[2048];

	if (bmx_session_rcpt(world->session, bmx_slice_of(recipient),
	                     (struct bmx_slice){0},
	                     &answer) == BMX_SESSION_CONTINUE)
		return "250";
	(void)snprintf(text, sizeof(text), "%s %s %s", answer.code,
	               answer.enhanced, answer.text);
	return text;
}

static const char *
end(struct world *world, struct bmx_session_edits *edits)
{
	static struct bmx_smtp_answer answer;

	if (bmx_session_end(world->session, BMX_SLICE("4XYZ"), edits,
	                    &answer) == BMX_SESSION_CONTINUE)
		return "250";
	return answer.code;
}

static uint64_t
counted(const struct world *world, const char *check, const char *result)
{
	const struct bmx_metrics_label labels[] = {{"check", check},
	                                           {"result", result}};

	return (uint64_t)bmx_metric_value(bmx_metrics_counter(
		world->metrics, "backupmx_check_total",
		"Checks of the milter by their result.", labels, 2));
}

#define LISTED "550 5.7.1 Client host rejected: on a DNS block list"

static void
test_lists_decide_for_each_domain(void **state)
{
	struct world *world = *state;

	greet(world, 1, "good.test", "good.test");
	mail(world, "<>");
	assert_string_equal(rcpt(world, "<a@list.test>"), LISTED);
	assert_non_null(strstr(last_line(world), "why=dnsbl"));
	assert_non_null(strstr(last_line(world),
	                       "checks=dnsbl:fail:a.bl.test "
	                       "reply=\"550 5.7.1\""));
	assert_string_equal(rcpt(world, "<a@mild.test>"), "250");
	assert_string_equal(rcpt(world, "<a@off.test>"), "250");
	assert_int_equal(counted(world, "dnsbl", "fail"), 1);
	greet(world, 2, "x.test", "x.test");
	mail(world, "<>");
	assert_string_equal(rcpt(world, "<a@list.test>"), "250");
	greet(world, 3, "x.test", "x.test");
	mail(world, "<>");
	assert_string_equal(rcpt(world, "<a@list.test>"), "250");
	assert_string_equal(rcpt(world, "<a@hard.test>"), LISTED);
}

static void
test_all_starts_at_its_event(void **state)
{
	struct world *world = *state;
	unsigned started;

	world->dns.slow = true;
	bmx_session_connect(world->session, BMX_SLICE("x"), NULL, NULL);
	assert_int_equal(world->dns.started, 0);
	greet(world, 1, "x.test", "no.test");
	/* Three lists, a PTR; the A of HELO. */
	assert_int_equal(world->dns.started, 5);
	mail(world, "<a@b.test>");
	assert_int_equal(world->dns.started, 6);
	started = world->dns.started;
	assert_string_equal(rcpt(world, "<a@off.test>"), "250");
	assert_int_equal(world->dns.started, started);
	/* Another sender, another HELO, another client: the old are let go. */
	mail(world, "<a@c.test>");
	assert_int_equal(world->dns.open, 6);
	bmx_session_helo(world->session, BMX_SLICE("other.test"));
	assert_int_equal(world->dns.open, 6);
	greet(world, 2, "x.test", "no.test");
	assert_int_equal(world->dns.open, 5);
	bmx_session_clear(world->session);
	assert_int_equal(world->dns.open, 5);
}

/* Answers that come early let the second round start before RCPT. */
static void
test_second_round_starts_at_mail(void **state)
{
	struct world *world = *state;

	greet(world, 1, "x.test", "no.test");
	mail(world, "<>");
	/* Three lists, a PTR and its A, the A and then two more of HELO. */
	assert_int_equal(world->dns.started, 8);
}

static void
test_trusted_and_authenticated_start_nothing(void **state)
{
	static const uint8_t loopback[16] = {0, 0, 0,    0,    0,   0, 0, 0,
	                                     0, 0, 0xff, 0xff, 127, 0, 0, 1};
	const struct bmx_session_mail login = {
		.sender = BMX_SLICE("<a@b.test>"), .authenticated = true};
	struct world *world = *state;
	unsigned started;

	world->dns.slow = true;
	bmx_session_connect(world->session, BMX_SLICE("x"), loopback, NULL);
	bmx_session_helo(world->session, BMX_SLICE("x.test"));
	mail(world, "<a@b.test>");
	assert_int_equal(world->dns.started, 0);
	greet(world, 1, "x.test", "x.test");
	started = world->dns.started;
	bmx_session_mail(world->session, &login);
	/* No question about its sender. */
	assert_int_equal(world->dns.started, started);
	assert_string_equal(rcpt(world, "<a@list.test>"), "250");
}

static void
test_failures_refuse_nobody(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	world->dns.silent = true;
	greet(world, 1, "x.test", "no.test");
	mail(world, "<a@null.test>");
	assert_string_equal(rcpt(world, "<a@list.test>"), "250");
	assert_string_equal(rcpt(world, "<a@name.test>"), "250");
	assert_non_null(strstr(last_line(world),
	                       "checks=helo:temperror,reverse-dns:temperror,"
	                       "sender-domain:temperror,spf:pass "));
	assert_string_equal(rcpt(world, "<a@hard.test>"),
	                    "451 4.4.3 Temporary lookup failure");
	assert_string_equal(end(world, &edits), "250");
	assert_non_null(strstr(last_line(world),
	                       "ev=message client=192.0.2.1 "
	                       "sender=<a@null.test> act=accept count=2 "
	                       "check=spf result=pass "
	                       "checks=helo:temperror,reverse-dns:temperror,"
	                       "sender-domain:temperror,dnsbl:temperror,"
	                       "spf:pass"));
	assert_true(world->dns.latest_deadline_us <=
	            world->now_us + BMX_SESSION_COMMAND_MS * INT64_C(1000));
}

/* An answer that no list gives counts as a failure of it. */
static void
test_distrusted_answer(void **state)
{
	struct world *world = *state;

	greet(world, 4, "x.test", "no.test");
	mail(world, "<>");
	assert_string_equal(rcpt(world, "<a@list.test>"), "250");
	assert_string_equal(rcpt(world, "<a@hard.test>"),
	                    "451 4.4.3 Temporary lookup failure");
}

static void
test_dead_list_is_left_out(void **state)
{
	struct world *world = *state;
	unsigned before;

	zone_add_failure(world->dns.zone, "9.2.0.192.a.bl.test");
	for (int i = 0; i < 5; i++) {
		greet(world, 9, "x.test", "no.test");
		mail(world, "<>");
		assert_string_equal(rcpt(world, "<a@hard.test>"),
		                    "451 4.4.3 Temporary lookup failure");
	}
	before = world->line_count;
	greet(world, 9, "x.test", "no.test");
	mail(world, "<>");
	assert_string_equal(rcpt(world, "<a@hard.test>"), "250");
	assert_int_equal(world->line_count, before + 1); /* the decision */
	/* The warning stands before the decision in which it was noticed. */
	assert_non_null(
		strstr(world->lines[(before - 2) % LENGTH(world->lines)],
	               "ev=dnsbl-skipped domain=a.bl.test "
	               "result=failed"));
	/* After a rest one session tries; it works, so all do. */
	world->now_us += 61000000;
	greet(world, 1, "x.test", "no.test");
	mail(world, "<>");
	assert_string_equal(rcpt(world, "<a@hard.test>"), LISTED);
	greet(world, 1, "x.test", "no.test");
	mail(world, "<>");
	assert_string_equal(rcpt(world, "<a@hard.test>"), LISTED);
}

static void
test_names(void **state)
{
	struct world *world = *state;

	greet(world, 1, "good.test", "BACKUP.test");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"),
	                    "550 5.7.1 Helo command rejected: that is our "
	                    "name");
	assert_non_null(strstr(last_line(world), "checks=helo:fail:own "));
	greet(world, 1, "good.test", "[192.0.2.25]");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"),
	                    "550 5.7.1 Helo command rejected: that is our "
	                    "name");
	greet(world, 1, "good.test", "no.test");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"),
	                    "450 4.7.1 Helo command rejected: Host not found");
	greet(world, 9, "good.test", "good.test");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"),
	                    "550 5.7.25 Client host rejected: cannot find "
	                    "your reverse hostname");
	greet(world, 1, "good.test", "good.test");
	mail(world, "<a@null.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"),
	                    "550 5.7.27 Sender address has a null MX");
	mail(world, "<a@no.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"),
	                    "450 4.1.8 Sender address rejected: Domain not "
	                    "found");
}

static void
test_iprev_is_told(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world, 1, "good.test", "good.test");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"), "250");
	assert_string_equal(end(world, &edits), "250");
	assert_string_equal(edits.auth_results,
	                    "backup.test;\n\tspf=pass "
	                    "smtp.mailfrom=a@good.test;\n\tiprev=pass "
	                    "policy.iprev=192.0.2.1");
	assert_non_null(strstr(last_line(world),
	                       "checks=helo:pass,reverse-dns:pass,"
	                       "sender-domain:pass,spf:pass"));
	greet(world, 2, "good.test", "good.test");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"), "250");
	assert_string_equal(end(world, &edits), "250");
	assert_non_null(strstr(edits.auth_results, "iprev=fail "));
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@off.test>"), "250");
	assert_string_equal(end(world, &edits), "250");
	assert_null(strstr(edits.auth_results, "iprev"));
}

static void
test_points(void **state)
{
	struct world *world = *state;

	greet(world, 1, "good.test", "no.test");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@score.test>"), "250");
	world->spf = BMX_SPF_SOFTFAIL;
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@score.test>"),
	                    "550 5.7.1 Refused after several checks together");
	assert_non_null(strstr(last_line(world), "why=score"));
	greet(world, 1, "good.test", "good.test");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@score.test>"), "250");
}

struct access_case {
	const char *name;
	const char *client; /* its name */
	const char *sender;
	enum bmx_spf_result spf;
	const char *want;
	const char *checks; /* of the log line; or NULL */
};

/* clang-format off */
static struct access_case accesses[] = {
	{"a file's own words", "x.bad.test", "<a@good.test>", BMX_SPF_PASS, "550 5.7.9 100%% bad", "checks=client-access:fail "},
	{"a file that puts off", "slow.test", "<a@good.test>", BMX_SPF_PASS, "450 4.7.1 Access denied, try again later", "client-access:fail:later"},
	{"a client that is OK", "good.test", "<spam@no.test>", BMX_SPF_FAIL, "250", "client-access:pass"},
	{"DUNNO leads on", "unknown", "<spam@good.test>", BMX_SPF_PASS, "554 5.7.1 Access denied", "client-access:none,sender-access:fail"},
	{"an address in brackets is unknown", "[192.0.2.1]", "<spam@good.test>", BMX_SPF_PASS, "554 5.7.1 Access denied", NULL},
	{"a sender in quotes", "x.test", "<\"spam\"@good.test>", BMX_SPF_PASS, "554 5.7.1 Access denied", NULL},
	{"a sender that is OK", "x.test", "<friend@no.test>", BMX_SPF_PASS, "250", "sender-access:pass"},
	{"is not past SPF", "x.test", "<friend@no.test>", BMX_SPF_FAIL, "550 5.7.23 SPF validation failed", NULL},
	{"others are not past the rest", "x.test", "<foe@no.test>", BMX_SPF_PASS, "550 5.1.8 Sender address rejected: Domain not found", NULL},
};
/* clang-format on */

static const struct access_case *access_row;
static size_t next_access;

static void
test_access(void **state)
{
	struct world *world = *state;

	access_row = &accesses[next_access++];
	greet(world, 1, access_row->client, "good.test");
	world->spf = access_row->spf;
	mail(world, access_row->sender);
	assert_string_equal(rcpt(world, "<a@file.test>"), access_row->want);
	if (access_row->checks)
		assert_non_null(strstr(last_line(world), access_row->checks));
	/* What one domain's files say is nothing to another. */
	assert_string_equal(rcpt(world, "<a@list.test>"), LISTED);
	assert_null(strstr(last_line(world), "client-access"));
}

static void
test_networks(void **state)
{
	static const uint8_t client[16] = {0, 0, 0,    0,    0,   0, 0,   0,
	                                   0, 0, 0xff, 0xff, 203, 0, 113, 9};
	struct world *world = *state;

	bmx_session_connect(world->session, BMX_SLICE("good.test"), client,
	                    NULL);
	bmx_session_helo(world->session, BMX_SLICE("good.test"));
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@file.test>"),
	                    "554 5.7.1 Access denied");
}

static void
body(struct world *world, size_t octets)
{
	static const char text[2048];

	assert_true(octets <= sizeof(text));
	assert_true(bmx_session_body(world->session,
	                             (struct bmx_slice){text, octets}));
}

static void
test_size(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world, 1, "good.test", "good.test");
	assert_true(bmx_session_wants_body(world->session));
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@small.test>"), "250");
	bmx_session_header(world->session, BMX_SLICE("A"), BMX_SLICE("b"));
	body(world, 1000);
	body(world, 1024 - 1000 - 6);
	assert_string_equal(end(world, &edits), "250");
	assert_int_equal(counted(world, "size", "pass"), 1);
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@small.test>"), "250");
	bmx_session_header(world->session, BMX_SLICE("A"), BMX_SLICE("b"));
	body(world, 1024 - 5);
	assert_string_equal(end(world, &edits), "552");
	assert_non_null(strstr(last_line(world), "act=reject"));
	assert_non_null(strstr(last_line(world), "checks=size:fail,"));
	assert_int_equal(counted(world, "size", "fail"), 1);
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@watch.test>"), "250");
	body(world, 65);
	assert_string_equal(end(world, &edits), "250");
	assert_non_null(strstr(last_line(world), "act=observe"));
}

static void
test_announced_size(void **state)
{
	const struct bmx_session_mail words = {.sender = BMX_SLICE("<>"),
	                                       .size = BMX_SLICE("1025")};
	struct world *world = *state;

	greet(world, 1, "good.test", "good.test");
	bmx_session_mail(world->session, &words);
	assert_string_equal(rcpt(world, "<a@small.test>"),
	                    "552 5.3.4 Message size exceeds the limit of the "
	                    "primary MX");
	assert_string_equal(rcpt(world, "<a@off.test>"), "250");
}

#define OTHER "452 4.5.3 Too many recipients: send to this one separately"

static void
test_content_rules(void **state)
{
	struct world *world = *state;

	greet(world, 2, "good.test", "good.test");
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@small.test>"), "250");
	assert_string_equal(rcpt(world, "<b@small2.test>"), "250");
	assert_string_equal(rcpt(world, "<a@tiny.test>"), OTHER);
	assert_non_null(strstr(last_line(world), "why=other-rules"));
	assert_string_equal(rcpt(world, "<a@off.test>"), OTHER);
	assert_string_equal(rcpt(world, "<a@elsewhere.test>"), OTHER);
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@elsewhere.test>"), "250");
	assert_string_equal(rcpt(world, "<a@off.test>"), "250");
	assert_string_equal(rcpt(world, "<a@small.test>"), OTHER);
	/* One that was refused sets no rules. */
	mail(world, "<a@null.test>");
	assert_string_equal(rcpt(world, "<a@name.test>"),
	                    "550 5.7.27 Sender address has a null MX");
	assert_string_equal(rcpt(world, "<a@small.test>"), "250");
	/* The same limit, but only watched. */
	mail(world, "<a@good.test>");
	assert_string_equal(rcpt(world, "<a@tiny.test>"), "250");
	assert_string_equal(rcpt(world, "<a@watch.test>"), OTHER);
}

static void
test_bad_file_makes_no_rules(void **state)
{
	struct world *world = *state;
	struct bmx_rules *rules;
	size_t problems;

	write_file(world, "senders", "a OK\nb HOLD\nc HOLD\n");
	rules = load_rules(world, &problems);
	assert_null(rules);
	assert_int_equal(problems, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	struct CMUnitTest tests[LENGTH(accesses) + 15] = {
		TEST(test_lists_decide_for_each_domain),
		TEST(test_all_starts_at_its_event),
		TEST(test_second_round_starts_at_mail),
		TEST(test_trusted_and_authenticated_start_nothing),
		TEST(test_failures_refuse_nobody),
		TEST(test_distrusted_answer),
		TEST(test_dead_list_is_left_out),
		TEST(test_names),
		TEST(test_iprev_is_told),
		TEST(test_points),
		TEST(test_networks),
		TEST(test_size),
		TEST(test_announced_size),
		TEST(test_content_rules),
		TEST(test_bad_file_makes_no_rules),
	};
	size_t n = LENGTH(tests) - LENGTH(accesses);

	for (size_t i = 0; i < LENGTH(accesses); i++)
		tests[n++] = (struct CMUnitTest){accesses[i].name, test_access,
		                                 set_up, tear_down, NULL};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
