/* Recipients of domains without a section where there is "*": whose rules. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "milter/session.h"
#include "tests/unit/milterd/fake_dns.h"

struct world {
	struct bmx_session_services services;
	struct bmx_milter_counters counters;
	struct bmx_metrics *metrics;
	struct bmx_log *log;
	struct bmx_rules *rules;
	struct bmx_session *session;
	struct fake_dns dns;
	struct bmx_zone_watch *watch;
	struct bmx_clock clock;
	int64_t now_us;
	enum bmx_mx_served served;
	unsigned asked;
	char line[BMX_LOG_LINE_MAX];
};

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

static enum bmx_mx_served
serves(void *ctx, const struct bmx_config *config, struct bmx_slice domain,
       int64_t deadline_us)
{
	struct world *world = ctx;

	assert_ptr_equal(config, world->rules->config);
	assert_true(bmx_slice_equal(domain, BMX_SLICE("a.test")));
	assert_true(deadline_us > world->now_us);
	assert_true(deadline_us <=
	            world->now_us + BMX_SESSION_COMMAND_MS * INT64_C(1000));
	world->asked++;
	return world->served;
}

static void
spf_fails(void *ctx, const struct bmx_spf_request *request,
          struct bmx_spf_verdict *verdict_out)
{
	(void)ctx;
	(void)request;
	*verdict_out = (struct bmx_spf_verdict){.result = BMX_SPF_FAIL};
}

static void
take_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;

	(void)level;
	(void)snprintf(world->line, sizeof(world->line), "%s", line);
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

static struct bmx_rules *
rules_of(const char *text)
{
	char path[] = "/tmp/backupmx-any-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	const int fd = mkstemp(path);
	struct bmx_config *config;
	struct bmx_rules *rules;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	config = bmx_config_load(path, problems, NULL);
	(void)unlink(path);
	assert_non_null(config);
	rules = bmx_rules_new(config, problems, NULL);
	assert_non_null(rules);
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	return rules;
}

static int
set_up_with(void **state, const char *text)
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
	world->services = (struct bmx_session_services){
		.clock = &world->clock,
		.log = world->log,
		.counters = &world->counters,
		.panel = {fake_dns_of(&world->dns), world->watch},
		.ctx = world,
		.ask_policy = no_policy,
		.serves = serves,
		.check_spf = spf_fails,
	};
	world->rules = rules_of(text);
	world->session = bmx_session_new(&world->services, world->rules);
	*state = world;
	return 0;
}

static int
set_up(void **state)
{
	return set_up_with(state,
	                   "hostname = \"us.test\"\n"
	                   "milter { policy = \"\" }\n"
	                   "domain \"*\" { }\n"
	                   "domain \"own.test\" { spf { fail = \"tag\" } "
	                   "}\n");
}

static int
set_up_observing(void **state)
{
	return set_up_with(state,
	                   "hostname = \"us.test\"\n"
	                   "milter { policy = \"\" }\n"
	                   "domain \"*\" { mode = observe }\n");
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	bmx_session_free(&world->session);
	bmx_rules_unref(&world->rules);
	bmx_zone_watch_free(&world->watch);
	zone_free(&world->dns.zone);
	bmx_log_free(&world->log);
	bmx_metrics_free(&world->metrics);
	free(world);
	return 0;
}

static enum bmx_session_next
rcpt(struct world *world, const char *recipient, bool authenticated,
     struct bmx_smtp_answer *answer)
{
	static const uint8_t client[16] = {[10] = 0xff, 0xff, 192, 0, 2, 9};
	const struct bmx_session_mail mail = {
		.sender = BMX_SLICE("<from@sender.test>"),
		.authenticated = authenticated,
	};

	bmx_session_connect(world->session, BMX_SLICE("client.test"), client,
	                    NULL);
	bmx_session_helo(world->session, BMX_SLICE("client.test"));
	bmx_session_mail(world->session, &mail);
	return bmx_session_rcpt(world->session, bmx_slice_of(recipient),
	                        (struct bmx_slice){0}, answer);
}

static void
test_served(void **state)
{
	struct world *world = *state;
	struct bmx_smtp_answer answer;

	world->served = BMX_MX_SERVED_YES;
	assert_int_equal(rcpt(world, "<bob@A.test>", false, &answer),
	                 BMX_SESSION_REFUSE);
	assert_string_equal(answer.enhanced, "5.7.23");
}

static void
test_not_ours(void **state)
{
	struct world *world = *state;
	struct bmx_smtp_answer answer;

	world->served = BMX_MX_SERVED_NO;
	assert_int_equal(rcpt(world, "<bob@a.test>", false, &answer),
	                 BMX_SESSION_CONTINUE);
	assert_int_equal(world->asked, 1);
}

static void
test_in_doubt(void **state)
{
	struct world *world = *state;
	struct bmx_smtp_answer answer;

	world->served = BMX_MX_SERVED_UNKNOWN;
	assert_int_equal(rcpt(world, "<bob@a.test>", false, &answer),
	                 BMX_SESSION_REFUSE);
	assert_string_equal(answer.code, "451");
	assert_string_equal(answer.enhanced, "4.4.3");
	assert_non_null(strstr(world->line, "why=dns-failed"));
}

static void
test_spared(void **state)
{
	struct world *world = *state;
	struct bmx_smtp_answer answer;

	world->served = BMX_MX_SERVED_UNKNOWN;
	assert_int_equal(rcpt(world, "<bob@a.test>", true, &answer),
	                 BMX_SESSION_CONTINUE);
	assert_int_equal(rcpt(world, "<bob@own.test>", false, &answer),
	                 BMX_SESSION_CONTINUE);
	assert_int_equal(rcpt(world, "<bob>", false, &answer),
	                 BMX_SESSION_CONTINUE);
	assert_int_equal(world->asked, 0);
}

static void
test_observed(void **state)
{
	struct world *world = *state;
	struct bmx_smtp_answer answer;

	world->served = BMX_MX_SERVED_UNKNOWN;
	assert_int_equal(rcpt(world, "<bob@a.test>", false, &answer),
	                 BMX_SESSION_CONTINUE);
	assert_non_null(strstr(world->line, "why=dns-failed"));
}

#define ROW(text, function)                                                    \
	{                                                                      \
		text, function, set_up, tear_down, NULL                        \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("served: the rules of \"*\"", test_served),
		ROW("not ours: no rules", test_not_ours),
		ROW("DNS cannot say: later", test_in_doubt),
		ROW("nobody asks where it does not matter", test_spared),
		{"\"*\" observes", test_observed, set_up_observing, tear_down,
	         NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
