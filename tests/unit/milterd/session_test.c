/* Sessions with a policyd and an SPF evaluator that say what a row says. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "milter/session.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The daemon around a session. */
struct world {
	struct bmx_session_services services;
	struct bmx_milter_counters counters;
	struct bmx_metrics *metrics;
	struct bmx_log *log;
	struct bmx_rules *rules;
	struct bmx_session *session;
	bool away;
	enum bmx_policy_reply policy;
	enum bmx_spf_result spf;
	int asked, checked;
	char asked_rcpt[256], asked_sender[256], asked_helo[256];
	char checked_sender[1024];
	uint8_t checked_client[16];
	char last_log[BMX_LOG_LINE_MAX];
};

static const char config_text[] =
	"hostname = \"backup.example.test\"\n"
	"milter { trusted = {\"127.0.0.0/8\", \"2001:db8:1::/48\"} }\n"
	"domain \"example.test\" { mode = \"enforce\" }\n"
	"domain \"soft.test\" { spf { fail = \"tag\" softfail = \"reject\" } "
	"}\n"
	"domain \"quiet.test\" { spf { fail = \"ignore\" } }\n"
	"domain \"watch.test\" { mode = \"observe\" }\n";

static int
fake_policy(void *ctx, const struct bmx_policy_request *request,
            int64_t deadline_us, enum bmx_policy_reply *reply_out,
            struct bmx_error *err)
{
	struct world *world = ctx;

	assert_true(deadline_us > bmx_clock_mono_us(world->services.clock));
	world->asked++;
	(void)snprintf(world->asked_rcpt, sizeof(world->asked_rcpt), "%.*s",
	               (int)request->recipient.len, request->recipient.data);
	(void)snprintf(world->asked_sender, sizeof(world->asked_sender), "%.*s",
	               (int)request->sender.len, request->sender.data);
	(void)snprintf(world->asked_helo, sizeof(world->asked_helo), "%.*s",
	               (int)request->helo_name.len, request->helo_name.data);
	if (world->away)
		return bmx_error_set(err, BMX_E_CLOSED, "gone");
	*reply_out = world->policy;
	return 0;
}

static void
fake_spf(void *ctx, const struct bmx_spf_request *request,
         struct bmx_spf_verdict *verdict_out)
{
	struct world *world = ctx;

	world->checked++;
	memcpy(world->checked_client, request->client, 16);
	(void)snprintf(world->checked_sender, sizeof(world->checked_sender),
	               "%.*s", (int)request->sender.len, request->sender.data);
	*verdict_out = (struct bmx_spf_verdict){
		.result = world->spf,
		.identity = request->sender.len > 0 ? BMX_SPF_MAILFROM :
						      BMX_SPF_HELO,
	};
	if (world->spf == BMX_SPF_FAIL)
		(void)snprintf(verdict_out->explanation,
		               sizeof(verdict_out->explanation), "go away");
}

static void
take_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;

	(void)level;
	(void)snprintf(world->last_log, sizeof(world->last_log), "%s", line);
}

static struct bmx_rules *
load_rules(const char *text)
{
	char path[] = "/tmp/bmx-session-test-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	const int fd = mkstemp(path);
	struct bmx_config *config;
	struct bmx_rules *rules;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	config = bmx_config_load(path, problems, NULL);
	assert_non_null(config);
	rules = bmx_rules_new(config, problems, NULL);
	assert_non_null(rules);
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	(void)unlink(path);
	return rules;
}

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->metrics = bmx_metrics_new();
	bmx_milter_counters_init(&world->counters, world->metrics);
	world->log = bmx_log_new_capture(take_line, world, BMX_LOG_INFO);
	world->services = (struct bmx_session_services){
		.clock = bmx_clock_system(),
		.log = world->log,
		.counters = &world->counters,
		.ctx = world,
		.ask_policy = fake_policy,
		.check_spf = fake_spf,
	};
	world->rules = load_rules(config_text);
	world->session = bmx_session_new(&world->services, world->rules);
	world->spf = BMX_SPF_PASS;
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	bmx_session_free(&world->session);
	assert_int_equal(bmx_metric_value(world->counters.sessions), 0);
	bmx_rules_unref(&world->rules);
	bmx_log_free(&world->log);
	bmx_metrics_free(&world->metrics);
	free(world);
	return 0;
}

static const uint8_t stranger[16] = {0, 0, 0,    0,    0,   0, 0, 0,
                                     0, 0, 0xff, 0xff, 192, 0, 2, 1};
static const uint8_t loopback[16] = {0, 0, 0,    0,    0,   0, 0, 0,
                                     0, 0, 0xff, 0xff, 127, 9, 9, 9};
static const uint8_t outside[16] = {0, 0, 0,    0,    0,   0, 0, 0,
                                    0, 0, 0xff, 0xff, 128, 0, 0, 1};
static const uint8_t inside6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0,
                                    0,    0,    0,    0,    0, 0, 0, 1};
static const uint8_t outside6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0,
                                     0,    0,    0,    0,    0, 0, 0, 1};

static void
greet(struct world *world)
{
	bmx_session_connect(world->session, BMX_SLICE("client.test"), stranger,
	                    NULL);
	bmx_session_helo(world->session, BMX_SLICE("helo.test"));
}

static void
mail(struct world *world, const char *sender)
{
	const struct bmx_session_mail words = {.sender = bmx_slice_of(sender)};

	bmx_session_mail(world->session, &words);
}

/* The reply code to a recipient, or "250". */
static const char *
rcpt(struct world *world, const char *recipient)
{
	static struct bmx_smtp_answer answer;

	if (bmx_session_rcpt(world->session, bmx_slice_of(recipient),
	                     (struct bmx_slice){0},
	                     &answer) == BMX_SESSION_CONTINUE)
		return "250";
	return answer.code;
}

static void
header(struct world *world, const char *name, const char *body)
{
	bmx_session_header(world->session, bmx_slice_of(name),
	                   bmx_slice_of(body));
}

static enum bmx_session_next
end(struct world *world, struct bmx_session_edits *edits)
{
	struct bmx_smtp_answer answer;
	const enum bmx_session_next next = bmx_session_end(
		world->session, BMX_SLICE("4XYZ"), edits, &answer);

	if (next == BMX_SESSION_REFUSE)
		assert_string_equal(answer.code, "550");
	return next;
}

struct trust_case {
	const char *name;
	const uint8_t *address;
	bool want; /* is it checked? */
};

static struct trust_case trusts[] = {
	{"a stranger is checked", stranger, true},
	{"127.9.9.9 is in 127.0.0.0/8", loopback, false},
	{"128.0.0.1 is not", outside, true},
	{"2001:db8:1::1 is in its /48", inside6, false},
	{"2001:db8:2::1 is not", outside6, true},
	{"no address is no trust", NULL, true},
};

static struct trust_case *trust;
static size_t next_trust;

static void
test_trust(void **state)
{
	struct world *world = *state;

	struct bmx_session_edits edits;

	trust = &trusts[next_trust++];
	bmx_session_connect(world->session, BMX_SLICE("c"), trust->address,
	                    NULL);
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	header(world, "Authentication-Results", "backup.example.test; x");
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_int_equal(world->asked, trust->want);
	assert_int_equal(edits.removal_count, trust->want);
	assert_int_equal(world->last_log[0] != '\0', trust->want);
}

static void
test_accepts(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world);
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@Example.Test>"), "250");
	assert_string_equal(world->asked_rcpt, "user@Example.Test");
	assert_string_equal(world->asked_sender, "a@b.test");
	assert_string_equal(world->asked_helo, "helo.test");
	assert_string_equal(world->checked_sender, "a@b.test");
	assert_memory_equal(world->checked_client, stranger, 16);
	assert_non_null(strstr(world->last_log,
	                       " ev=decision client=192.0.2.1 "
	                       "sender=<a@b.test> "
	                       "rcpt=<user@Example.Test> "
	                       "act=accept why=clean "
	                       "check=spf result=pass checks=spf:pass ms="));
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_string_equal(edits.auth_results,
	                    "backup.example.test;\n\tspf=pass "
	                    "smtp.mailfrom=a@b.test");
	assert_non_null(strstr(edits.received_spf, "client-ip=192.0.2.1;"));
	assert_non_null(strstr(world->last_log, "id=4XYZ ev=message"));
}

static void
test_spf_is_evaluated_once(void **state)
{
	struct world *world = *state;

	greet(world);
	mail(world, "<a@b.test>");
	for (int i = 0; i < 3; i++)
		assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	assert_int_equal(world->asked, 3);
	assert_int_equal(world->checked, 1);
	mail(world, "<c@d.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	assert_int_equal(world->checked, 2);
}

/* One sender, and each recipient's domain decides for itself. */
static void
test_actions_are_the_domains_own(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world);
	world->spf = BMX_SPF_FAIL;
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "550");
	assert_non_null(strstr(world->last_log, "act=reject why=spf"));
	assert_non_null(strstr(world->last_log, "reply=\"550 5.7.23\""));
	assert_string_equal(rcpt(world, "<user@soft.test>"), "250");
	assert_string_equal(rcpt(world, "<user@elsewhere.test>"), "250");
	assert_int_equal(world->checked, 1);
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_non_null(edits.auth_results);
}

static void
test_ignored_is_not_told(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world);
	world->spf = BMX_SPF_FAIL;
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@quiet.test>"), "250");
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_null(edits.auth_results);
	assert_null(edits.received_spf);
}

static void
test_observe_refuses_nothing(void **state)
{
	struct world *world = *state;

	greet(world);
	world->spf = BMX_SPF_FAIL;
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@watch.test>"), "250");
	assert_non_null(strstr(world->last_log, "act=observe why=spf"));
	assert_non_null(strstr(world->last_log, "reply=\"550 5.7.23\""));
}

static void
test_policyd_decides(void **state)
{
	struct world *world = *state;

	greet(world);
	mail(world, "<a@b.test>");
	world->policy = BMX_REPLY_USER_UNKNOWN;
	assert_string_equal(rcpt(world, "<no@example.test>"), "550");
	assert_int_equal(world->checked, 0);
	world->policy = BMX_REPLY_UNVERIFIED;
	assert_string_equal(rcpt(world, "<new@example.test>"), "450");
	world->away = true;
	assert_string_equal(rcpt(world, "<user@example.test>"), "451");
	assert_non_null(strstr(world->last_log, "act=defer why=policy-away"));
	assert_int_equal(world->asked, 3);
	/* Not served: nobody is asked, so nobody's absence matters. */
	assert_string_equal(rcpt(world, "<user@elsewhere.test>"), "250");
	assert_int_equal(world->asked, 3);
	world->away = false;
	world->policy = BMX_REPLY_DUNNO;
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
}

struct form_case {
	const char *name;
	const char *external;
	const char *want; /* what policyd is asked about */
};

/* clang-format off */
static struct form_case forms[] = {
	{"plain",                       "<joe@example.test>",             "joe@example.test"},
	{"needless quotes",             "<\"joe\"@example.test>",         "joe@example.test"},
	{"a blank",                     "<\"joe s\"@example.test>",       "joe s@example.test"},
	{"quotes within quotes",        "<\"\\\"joe\\\"\"@example.test>", "\"joe\"@example.test"},
	{"a backslash",                 "<\"a\\\\b\"@example.test>",      "a\\b@example.test"},
	{"an at sign",                  "<\"a@b\"@example.test>",         "a@b@example.test"},
	{"a backslash without quotes",  "<j\\oe@example.test>",          "joe@example.test"},
	{"a backslash before the at",   "<joe\\@example.test>",          "joe@example.test"},
	{"nothing between the quotes",  "<\"\"@example.test>",            "@example.test"},
	{"a closing quote is missing",  "<\"joe@example.test>",           "joe@example.test"},
};
/* clang-format on */

static struct form_case *form;
static size_t next_form;

static void
test_policyd_gets_the_internal_form(void **state)
{
	struct world *world = *state;

	form = &forms[next_form++];
	greet(world);
	mail(world, form->external);
	assert_string_equal(rcpt(world, form->external), "250");
	assert_string_equal(world->asked_rcpt, form->want);
	assert_string_equal(world->asked_sender, form->want);
}

/* No policy request holds these: deferred, never unknown. */
static void
test_address_that_policyd_cannot_be_asked_about(void **state)
{
	struct world *world = *state;

	greet(world);
	mail(world, "<a@b.test>");
	world->policy = BMX_REPLY_DUNNO;
	world->away = true; /* as the client says of a line feed */
	assert_string_equal(rcpt(world, "<\"a\nb\"@example.test>"), "451");
}

static void
test_decisions_are_counted_by_domain(void **state)
{
	struct world *world = *state;
	char *text;
	size_t len;

	greet(world);
	world->spf = BMX_SPF_FAIL;
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "550");
	assert_string_equal(rcpt(world, "<user@watch.test>"), "250");
	assert_string_equal(rcpt(world, "<user@elsewhere.test>"), "250");
	text = bmx_metrics_render(world->metrics, &len);
	assert_non_null(strstr(text,
	                       "backupmx_decisions_total{domain=\"example."
	                       "test\",action=\"reject\",reason=\"spf\"} 1\n"));
	assert_non_null(strstr(text,
	                       "backupmx_decisions_total{domain=\"watch.test\","
	                       "action=\"observe\",reason=\"spf\"} 1\n"));
	assert_null(strstr(text, "elsewhere"));
	assert_non_null(strstr(
		text,
		"backupmx_check_total{check=\"spf\",result=\"fail\"} 1\n"));
	free(text);
}

static void
test_null_sender_is_the_helo_identity(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world);
	mail(world, "<>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	assert_string_equal(world->checked_sender, "");
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_non_null(strstr(edits.auth_results, "smtp.helo=helo.test"));
	assert_non_null(strstr(edits.received_spf, "identity=helo;"));
}

static void
test_sender_domain_becomes_a_labels(void **state)
{
	struct world *world = *state;

	greet(world);
	mail(world,
	     "<a@B\xc3\xbc"
	     "cher.Test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	assert_string_equal(world->checked_sender, "a@xn--bcher-kva.test");
}

static void
test_authenticated(void **state)
{
	struct world *world = *state;
	const struct bmx_session_mail words = {
		.sender = BMX_SLICE("<a@b.test>"), .authenticated = true};
	struct bmx_session_edits edits;

	greet(world);
	bmx_session_mail(world->session, &words);
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	assert_int_equal(world->asked + world->checked, 0);
	header(world, "Authentication-Results",
	       "backup.example.test; spf=pass");
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_int_equal(edits.removal_count, 1);
	assert_null(edits.auth_results);
}

static void
test_probe_passes_but_carries_no_message(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world);
	world->spf = BMX_SPF_FAIL;
	mail(world, "<Double-Bounce@backup.example.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	assert_int_equal(world->asked + world->checked, 0);
	assert_int_equal(end(world, &edits), BMX_SESSION_REFUSE);
	mail(world, "<double-bounce@elsewhere.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "550");
}

static void
test_forged_fields_by_index(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world);
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	header(world, "Authentication-Results", "other.test; spf=pass");
	header(world, "AUTHENTICATION-results",
	       "Backup.Example.Test; spf=pass");
	header(world, "Subject", "backup.example.test; spf=pass");
	header(world, "Authentication-Results", "third.test; spf=pass");
	header(world, "Authentication-Results ", "\n\tbackup.example.test; x");
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_int_equal(edits.removal_count, 2);
	assert_int_equal(edits.removals[0].which, 4);
	assert_int_equal(edits.removals[1].which, 2);
	assert_string_equal(edits.removals[0].name, "Authentication-Results");
	assert_int_equal(bmx_metric_value(world->counters.forged), 2);
}

static void
send_forged(struct world *world, size_t count)
{
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	for (size_t i = 0; i < count; i++)
		header(world, "Authentication-Results", "backup.example.test;");
}

static void
test_flood_of_forged_fields(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world);
	send_forged(world, BMX_SESSION_FORGED_MAX);
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_int_equal(edits.removal_count, BMX_SESSION_FORGED_MAX);
	bmx_session_clear(world->session);
	send_forged(world, BMX_SESSION_FORGED_MAX + 1);
	assert_int_equal(end(world, &edits), BMX_SESSION_REFUSE);
}

static void
test_clear_leaves_nothing(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	greet(world);
	send_forged(world, 1);
	bmx_session_clear(world->session);
	bmx_session_clear(world->session);
	/* A RCPT without MAIL would be libmilter's mistake: not accepted. */
	assert_string_equal(rcpt(world, "<user@example.test>"), "451");
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	assert_int_equal(world->checked, 2);
	assert_int_equal(end(world, &edits), BMX_SESSION_CONTINUE);
	assert_int_equal(edits.removal_count, 0);
	bmx_session_clear(world->session);
}

static void
test_close_in_every_state(void **state)
{
	struct world *world = *state;
	struct bmx_session_edits edits;

	for (int until = 0; until < 6; until++) {
		bmx_session_free(&world->session);
		world->session =
			bmx_session_new(&world->services, world->rules);
		if (until > 0)
			greet(world);
		if (until > 1)
			mail(world, "<a@b.test>");
		if (until > 2)
			(void)rcpt(world, "<user@example.test>");
		if (until > 3)
			header(world, "Authentication-Results",
			       "backup.example.test; x");
		if (until > 4)
			(void)end(world, &edits);
	}
}

static void
test_second_connect_forgets_the_first(void **state)
{
	struct world *world = *state;

	bmx_session_connect(world->session, BMX_SLICE("c"), loopback, NULL);
	greet(world);
	world->policy = BMX_REPLY_USER_UNKNOWN;
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "550");
}

static void
test_client_without_address(void **state)
{
	struct world *world = *state;

	(void)bmx_session_connect(world->session, BMX_SLICE("unknown"), NULL,
	                          NULL);
	mail(world, "<a@b.test>");
	assert_string_equal(rcpt(world, "<user@example.test>"), "250");
	assert_int_equal(world->asked, 1);
	assert_int_equal(world->checked, 0);
}

/* A sender too long to keep is not taken for the null sender. */
static void
test_huge_sender(void **state)
{
	struct world *world = *state;
	const size_t len = BMX_SESSION_MESSAGE_MAX + 1;
	char *sender = malloc(len + 1);

	memset(sender, 'a', len);
	sender[len] = '\0';
	greet(world);
	mail(world, sender);
	assert_string_equal(rcpt(world, "<user@example.test>"), "451");
	free(sender);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	struct CMUnitTest tests[19 + LENGTH(trusts) + LENGTH(forms)] = {
		TEST(test_accepts),
		TEST(test_spf_is_evaluated_once),
		TEST(test_actions_are_the_domains_own),
		TEST(test_ignored_is_not_told),
		TEST(test_observe_refuses_nothing),
		TEST(test_policyd_decides),
		TEST(test_null_sender_is_the_helo_identity),
		TEST(test_sender_domain_becomes_a_labels),
		TEST(test_authenticated),
		TEST(test_probe_passes_but_carries_no_message),
		TEST(test_forged_fields_by_index),
		TEST(test_flood_of_forged_fields),
		TEST(test_clear_leaves_nothing),
		TEST(test_close_in_every_state),
		TEST(test_second_connect_forgets_the_first),
		TEST(test_client_without_address),
		TEST(test_huge_sender),
		TEST(test_address_that_policyd_cannot_be_asked_about),
		TEST(test_decisions_are_counted_by_domain),
	};

	for (size_t i = 0; i < LENGTH(trusts); i++)
		tests[19 + i] = (struct CMUnitTest){
			.name = trusts[i].name,
			.test_func = test_trust,
			.setup_func = set_up,
			.teardown_func = tear_down,
		};
	for (size_t i = 0; i < LENGTH(forms); i++)
		tests[19 + LENGTH(trusts) + i] = (struct CMUnitTest){
			.name = forms[i].name,
			.test_func = test_policyd_gets_the_internal_form,
			.setup_func = set_up,
			.teardown_func = tear_down,
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
