/* One primary: when it is checked, what it learns, and whom it tells. */
#include "tests/unit/policyd/primary_fixture.h"

#include "policyd/primary.h"
#include "policyd/target_set.h"

#define UP BMX_PRIMARY_UP
#define DOWN BMX_PRIMARY_DOWN
#define SUSPECT BMX_PRIMARY_SUSPECT

#define INTERVAL INT64_C(30000)
/* With a tenth of jitter: no sooner, no later. */
#define SOONEST(ms) ((ms)*9 / 10)
#define LATEST(ms) ((ms)*11 / 10)

struct world {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct pr_server server;
	const struct bmx_target_set *set;
	struct bmx_primary *primary;
	bool no_tries;
	bool no_checks; /* on_due starts none */
	unsigned due;
	unsigned checked;
	unsigned changes;
	unsigned results;
	unsigned refusals; /* logged */
	enum bmx_primary_status before;
};

static struct bmx_target_tries *
tries(void *ctx)
{
	struct world *world = ctx;

	return world->no_tries ? NULL : bmx_target_tries_new(world->set, 1);
}

static void
on_due(void *ctx)
{
	struct world *world = ctx;

	world->due++;
	if (!world->no_checks)
		bmx_primary_check(world->primary);
}

static void
on_checked(void *ctx)
{
	struct world *world = ctx;

	world->checked++;
}

static void
on_change(void *ctx, enum bmx_primary_status before)
{
	struct world *world = ctx;

	world->changes++;
	world->before = before;
}

static void
on_result(void *ctx, const struct bmx_call_ahead_request *request,
          const struct bmx_call_ahead_answer *answer)
{
	struct world *world = ctx;

	(void)request;
	(void)answer;
	world->results++;
}

static void
on_log(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;

	(void)level;
	world->refusals += strncmp(line, "ev=primary-refuses ", 19) == 0;
}

static void
start_with(struct world *world, const struct bmx_primary_knowledge *from)
{
	const struct bmx_primary_parts parts = {world->loop,
	                                        world->log,
	                                        world->metrics,
	                                        {tries, on_due, on_checked,
	                                         on_change, on_result, world,
	                                         world}};
	const struct bmx_primary_settings settings = {
		.name = world->server.name,
		.hostname = "backup.test",
		.tls = BMX_TLS_NONE,
		.probe_sender = "",
		.probe_rate = 5,
		.probe_connections = 2,
		.check_interval_ms = INTERVAL};

	world->primary = bmx_primary_new(&parts, &settings, from, 0, NULL);
	assert_non_null(world->primary);
	assert_int_equal(world->due + world->changes, 0);
}

static struct bmx_primary_now
now_of(const struct world *world)
{
	return (struct bmx_primary_now){bmx_clock_wall_ms(world->loop->clock),
	                                bmx_clock_mono_ms(world->loop->clock)};
}

static void
start(struct world *world)
{
	const struct bmx_primary_now now = now_of(world);
	struct bmx_primary_knowledge from;

	bmx_primary_knowledge_init(&from, &now);
	start_with(world, &from);
}

static int
open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct bmx_target_plan plan = {.mx_state = BMX_TARGETS_READY,
	                               .count = 1};
	const struct bmx_target_answers answers = {NULL, NULL, NULL};
	const struct bmx_target_set_facts facts = {.plan = &plan,
	                                           .answers = &answers};

	assert_non_null(world);
	world->loop = fake_loop_new(PR_WALL_MS);
	world->log = bmx_log_new_capture(on_log, world, BMX_LOG_DEBUG);
	world->metrics = bmx_metrics_new();
	pr_listen(&world->server, world->loop);
	plan.hosts[0].address =
		(struct bmx_target_address){AF_INET, {127, 0, 0, 1}};
	plan.hosts[0].port = world->server.port;
	world->set = bmx_target_set_make(&facts);
	assert_non_null(world->set);
	*state = world;
	return 0;
}

static int
close_world(void **state)
{
	struct world *world = *state;

	bmx_primary_free(&world->primary);
	bmx_target_set_unref(&world->set);
	pr_close(&world->server);
	bmx_metrics_free(&world->metrics);
	bmx_log_free(&world->log);
	fake_loop_free(&world->loop);
	free(world);
	return 0;
}

static const struct bmx_primary_knowledge *
knows(const struct world *world)
{
	return bmx_primary_knows(world->primary);
}

static void
test_up_within_two_checks(void **state)
{
	struct world *world = *state;

	start(world);
	pr_run(world->loop, 0);
	assert_int_equal(world->checked, 1);
	assert_int_equal(knows(world)->state.status, SUSPECT);
	assert_true(knows(world)->keywords.known);
	assert_int_equal(world->changes, 1); /* the keywords */
	pr_run(world->loop, SOONEST(5000) - 1);
	assert_int_equal(world->checked, 1);
	pr_run(world->loop, LATEST(5000) - SOONEST(5000) + 1);
	assert_int_equal(world->checked, 2);
	assert_int_equal(knows(world)->state.status, UP);
	assert_int_equal(world->changes, 2);
	assert_int_equal(world->before, SUSPECT);
	pr_run(world->loop, SOONEST(INTERVAL) - LATEST(5000) - 1);
	assert_int_equal(world->checked, 2);
	/* From then on once an interval, and nothing changes. */
	pr_run(world->loop, 100 * INTERVAL);
	assert_in_range(world->checked, 90, 113);
	assert_int_equal(world->changes, 2);
	assert_int_equal(world->server.accepted, world->checked);
}

static void
test_down_after_three(void **state)
{
	struct world *world = *state;
	int64_t first;

	start(world);
	pr_run(world->loop, INTERVAL);
	assert_int_equal(knows(world)->state.status, UP);
	world->server.manner = PR_HANGS_UP;
	pr_run(world->loop, LATEST(INTERVAL) + 2 * LATEST(5000));
	assert_int_equal(knows(world)->state.status, DOWN);
	assert_int_equal(world->before, SUSPECT);
	first = knows(world)->state.since_ms;
	assert_true(first <= now_of(world).wall_ms - 2 * SOONEST(5000));
	assert_true(knows(world)->keywords.has_size); /* remembered */
	/* Back: off within an interval and a recheck. */
	world->server.manner = PR_GOOD;
	pr_run(world->loop, LATEST(INTERVAL) + LATEST(5000));
	assert_int_equal(knows(world)->state.status, UP);
	assert_int_equal(world->before, DOWN);
	assert_int_equal(pr_call_aheads->retries, 1);
}

static void
test_one_failure(void **state)
{
	struct world *world = *state;
	struct bmx_primary_trouble trouble;
	unsigned checked;

	start(world);
	pr_run(world->loop, INTERVAL);
	bmx_primary_trouble(world->primary, &trouble);
	assert_string_equal(trouble.last_error, "");
	world->server.manner = PR_HANGS_UP;
	checked = world->checked;
	while (world->checked == checked)
		pr_run(world->loop, 100);
	assert_int_equal(knows(world)->state.status, SUSPECT);
	world->server.manner = PR_GOOD;
	pr_run(world->loop, LATEST(5000));
	assert_int_equal(knows(world)->state.status, UP);
	bmx_primary_trouble(world->primary, &trouble);
	assert_non_null(strstr(trouble.last_error, "127.0.0.1:"));
	assert_false(trouble.refused_us);
	assert_true(trouble.at_ms > PR_WALL_MS);
	assert_int_equal(pr_call_aheads->retries, 0);
}

static void
test_refused(void **state)
{
	struct world *world = *state;
	struct bmx_primary_trouble trouble;

	world->server.manner = PR_REFUSES;
	start(world);
	pr_run(world->loop, 10 * INTERVAL);
	assert_int_equal(knows(world)->state.status, DOWN);
	bmx_primary_trouble(world->primary, &trouble);
	assert_true(trouble.refused_us);
	assert_int_equal(world->refusals, 1); /* said once */
	world->server.manner = PR_GOOD;
	pr_run(world->loop, 2 * INTERVAL);
	bmx_primary_trouble(world->primary, &trouble);
	assert_false(trouble.refused_us);
	world->server.manner = PR_REFUSES;
	pr_run(world->loop, 2 * INTERVAL);
	assert_int_equal(world->refusals, 2);
}

static void
test_contacts_count(void **state)
{
	struct world *world = *state;

	world->no_checks = true;
	start(world);
	pr_contact(pr_call_aheads, true);
	pr_run(world->loop, 1000);
	pr_contact(pr_call_aheads, true);
	assert_int_equal(knows(world)->state.status, UP);
	assert_true(knows(world)->keywords.smtputf8);
	for (int i = 0; i < 100; i++)
		pr_contact(pr_call_aheads, false);
	assert_int_equal(knows(world)->state.status, SUSPECT);
	pr_run(world->loop, 1000);
	pr_contact(pr_call_aheads, false);
	pr_run(world->loop, 1000);
	pr_contact(pr_call_aheads, false);
	assert_int_equal(knows(world)->state.status, DOWN);
}

/* A contact is as good as a check: the next one comes an interval later; a
 * failed one calls for a check soon. */
static void
test_contacts_move_checks(void **state)
{
	struct world *world = *state;
	unsigned checked;

	start(world);
	pr_run(world->loop, LATEST(5000));
	assert_int_equal(knows(world)->state.status, UP);
	checked = world->checked;
	pr_contact(pr_call_aheads, true);
	for (int i = 0; i < 20; i++) {
		pr_run(world->loop, SOONEST(INTERVAL) - 1);
		pr_contact(pr_call_aheads, true);
	}
	assert_int_equal(world->checked, checked);
	pr_contact(pr_call_aheads, false);
	assert_int_equal(knows(world)->state.status, SUSPECT);
	pr_run(world->loop, LATEST(5000));
	assert_int_equal(world->checked, checked + 1);
	assert_int_equal(knows(world)->state.status, UP);
}

/* After STARTTLS nothing offers STARTTLS: that is no news. */
static void
test_starttls_is_kept(void **state)
{
	struct world *world = *state;

	world->server.ehlo = "250-primary.test\r\n250-STARTTLS\r\n"
			     "250 SMTPUTF8\r\n";
	start(world);
	pr_run(world->loop, 0);
	assert_true(knows(world)->keywords.starttls);
	assert_int_equal(world->changes, 1);
	pr_contact(pr_call_aheads, true);
	assert_true(knows(world)->keywords.starttls);
	assert_int_equal(world->changes, 1);
	world->server.ehlo = "250-primary.test\r\n250 SMTPUTF8\r\n";
	pr_run(world->loop, LATEST(5000));
	assert_false(knows(world)->keywords.starttls);
}

static void
test_no_tries(void **state)
{
	struct world *world = *state;

	world->no_tries = true;
	start(world);
	pr_run(world->loop, 60000);
	assert_int_equal(world->checked, world->due);
	assert_in_range(world->checked, 10, 15);
	assert_int_equal(knows(world)->state.status, SUSPECT);
	assert_int_equal(knows(world)->state.checked_at_ms, 0);
}

static void
test_refuses_null_sender(void **state)
{
	struct world *world = *state;
	struct bmx_primary_record record;

	start(world);
	assert_false(pr_call_aheads->parts.refuses_null_sender);
	assert_false(bmx_primary_knowledge_record(knows(world), &record));
	pr_run(world->loop, 0);
	world->changes = 0;
	pr_call_aheads->parts.on_refuses_null_sender(pr_call_aheads->parts.ctx);
	assert_int_equal(world->changes, 1);
	assert_true(bmx_primary_knowledge_record(knows(world), &record));
	assert_true(record.refuses_null_sender);
	pr_call_aheads->parts.on_result(pr_call_aheads->parts.ctx, NULL, NULL);
	assert_int_equal(world->results, 1);
}

static void
test_resume(void **state)
{
	struct world *world = *state;
	const struct bmx_primary_now now = now_of(world);
	const struct bmx_primary_record record = {
		.status = DOWN,
		.since_ms = now.wall_ms - 86400000,
		.checked_at_ms = now.wall_ms - 3600000,
		.keywords = {.known = true, .has_size = true, .size = 77},
		.refuses_null_sender = true};
	struct bmx_primary_knowledge stored;

	bmx_primary_knowledge_resume(&stored, &record, INTERVAL, &now);
	start(world);
	bmx_primary_resume(world->primary, &stored);
	assert_int_equal(world->changes, 1);
	assert_int_equal(knows(world)->state.status, DOWN);
	assert_int_equal(knows(world)->state.since_ms, now.wall_ms - 86400000);
	assert_int_equal(knows(world)->keywords.size, 77);
	bmx_primary_free(&world->primary);

	/* What was learnt since is newer. */
	world->changes = 0;
	world->due = 0;
	start(world);
	pr_run(world->loop, 0);
	bmx_primary_resume(world->primary, &stored);
	assert_int_equal(knows(world)->state.status, SUSPECT);
	bmx_primary_free(&world->primary);

	/* Handed on. */
	world->changes = 0;
	world->due = 0;
	start_with(world, &stored);
	assert_int_equal(knows(world)->state.status, DOWN);
	stored.state.status = UP;
	bmx_primary_resume(world->primary, &stored); /* knows better */
	assert_int_equal(knows(world)->state.status, DOWN);
	assert_true(pr_call_aheads->parts.refuses_null_sender);
}

static void
test_hostname(void **state)
{
	struct world *world = *state;
	struct bmx_error err;
	char name[400];

	start(world);
	assert_int_equal(
		bmx_primary_set_hostname(world->primary, "other.test", &err),
		0);
	assert_string_equal(pr_call_aheads->hostname, "other.test");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(bmx_primary_set_hostname(world->primary, name, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
}

static void
test_freed_in_check(void **state)
{
	struct world *world = *state;

	world->server.manner = PR_SILENT;
	start(world);
	pr_run(world->loop, 100);
	assert_int_equal(world->server.accepted, 1);
	assert_int_equal(world->checked, 0);
	bmx_primary_check(world->primary); /* one is under way */
	bmx_primary_free(&world->primary);
	pr_run(world->loop, INTERVAL);
	assert_int_equal(world->checked, 0);
	assert_int_equal(world->server.accepted, 1);
}

/* Good for 5 s, bad for 5 s, for an hour: never long in a definite state that
 * is wrong, and never called down by less than three failures in a row. */
static void
test_flapping(void **state)
{
	struct world *world = *state;
	start(world);
	for (int i = 0; i < 720; i++) {
		world->server.manner = i % 2 == 0 ? PR_GOOD : PR_HANGS_UP;
		pr_run(world->loop, 5000);
	}
	assert_true(world->checked > 100);
	world->server.manner = PR_GOOD;
	pr_run(world->loop, LATEST(INTERVAL) + LATEST(5000));
	assert_int_equal(knows(world)->state.status, UP);
	world->server.manner = PR_HANGS_UP;
	pr_run(world->loop, LATEST(INTERVAL) + 2 * LATEST(5000));
	assert_int_equal(knows(world)->state.status, DOWN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_up_within_two_checks),
		TEST(test_down_after_three),
		TEST(test_one_failure),
		TEST(test_refused),
		TEST(test_contacts_count),
		TEST(test_contacts_move_checks),
		TEST(test_starttls_is_kept),
		TEST(test_no_tries),
		TEST(test_refuses_null_sender),
		TEST(test_resume),
		TEST(test_hostname),
		TEST(test_freed_in_check),
		TEST(test_flapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
