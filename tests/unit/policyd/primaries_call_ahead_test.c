/* The registry with the real call-ahead: contacts that count, and who waits
 * while the configuration changes. */
#define PR_REAL_CALL_AHEAD

#include "tests/unit/policyd/primary_fixture.h"

#include "policyd/primaries.h"
#include "tests/support/fake_dns.h"

#define HOST "hostname = \"backup.test\"\n"
#define A "domain \"a.test\" { primary = {\"%s\"} tls = \"none\" }\n"
#define A_OTHER                                                                \
	"domain \"a.test\" { primary = {\"%s\"} tls = \"none\" "               \
	"probe_rate = 9 }\n"

struct world {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct zone *zone;
	struct fake_dns *dns;
	struct pr_server server;
	struct bmx_primaries *primaries;
	struct bmx_config *config;
	unsigned answers;
	unsigned results;
	bool ask_again; /* from within an answer */
	enum bmx_call_ahead_why why;
	enum bmx_probe_outcome outcome;
};

static struct bmx_record_get *
no_get(struct bmx_record_store *store, const struct bmx_record_key *key,
       bmx_record_cb *cb, void *ctx)
{
	(void)store;
	(void)key;
	cb(ctx, BMX_RECORD_UNAVAILABLE, NULL);
	return NULL;
}

static void
no_put(struct bmx_record_store *store, const struct bmx_record_key *key,
       const struct bmx_record *record)
{
	(void)store;
	(void)key;
	(void)record;
}

static const struct bmx_record_store_ops no_ops = {.get = no_get,
                                                   .put = no_put};
static struct bmx_record_store no_store = {&no_ops};

static void
on_log(void *ctx, enum bmx_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void
on_result(void *ctx, const struct bmx_call_ahead_request *request,
          const struct bmx_call_ahead_answer *answer)
{
	struct world *world = ctx;

	(void)answer;
	assert_true(bmx_slice_equal(request->domain, BMX_SLICE("a.test")));
	world->results++;
}

static void
configure(struct world *world, const char *format)
{
	char path[] = "/tmp/backupmx-primaries-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_error err;
	const int fd = mkstemp(path);
	char text[512];

	assert_true(fd >= 0);
	(void)snprintf(text, sizeof(text), HOST "%s", "");
	if (strcmp(format, A) == 0)
		(void)snprintf(text, sizeof(text), HOST A, world->server.name);
	if (strcmp(format, A_OTHER) == 0)
		(void)snprintf(text, sizeof(text), HOST A_OTHER,
		               world->server.name);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	if (world->config)
		bmx_config_unref(&world->config);
	world->config = bmx_config_load(path, problems, &err);
	(void)unlink(path);
	bmx_config_problems_free(&problems);
	assert_non_null(world->config);
	assert_int_equal(
		bmx_primaries_configure(world->primaries, world->config, &err),
		0);
}

static int
open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct bmx_primaries_parts parts = {.records = &no_store,
	                                    .on_result = on_result};

	assert_non_null(world);
	parts.loop = world->loop = fake_loop_new(PR_WALL_MS);
	parts.log = world->log =
		bmx_log_new_capture(on_log, world, BMX_LOG_DEBUG);
	parts.metrics = world->metrics = bmx_metrics_new();
	world->zone = zone_new();
	world->dns = fake_dns_new(world->zone, world->loop);
	parts.asker = fake_dns_asker(world->dns);
	parts.ctx = world;
	pr_listen(&world->server, world->loop);
	world->primaries = bmx_primaries_new(&parts);
	assert_non_null(world->primaries);
	*state = world;
	return 0;
}

static int
close_world(void **state)
{
	struct world *world = *state;

	bmx_primaries_free(&world->primaries);
	fake_dns_free(&world->dns);
	zone_free(&world->zone);
	pr_close(&world->server);
	bmx_metrics_free(&world->metrics);
	bmx_log_free(&world->log);
	if (world->config)
		bmx_config_unref(&world->config);
	fake_loop_free(&world->loop);
	free(world);
	return 0;
}

static void ask(struct world *world, const char *local);

static void
on_answer(void *ctx, const struct bmx_call_ahead_answer *answer)
{
	struct world *world = ctx;
	struct bmx_primary_view view;

	world->answers++;
	world->why = answer->why;
	world->outcome = answer->probe->outcome;
	bmx_primaries_view(world->primaries, BMX_SLICE("a.test"), &view);
	if (world->ask_again) {
		world->ask_again = false;
		ask(world, "again");
	}
}

/* @return true when there was somebody to be asked */
static bool
may_ask(struct world *world, const char *local)
{
	struct bmx_call_ahead *ca =
		bmx_primaries_call_ahead(world->primaries, BMX_SLICE("a.test"));
	const struct bmx_call_ahead_request request = {
		.domain = BMX_SLICE("a.test"), .local = bmx_slice_of(local)};

	if (!ca)
		return false;
	(void)bmx_call_ahead_ask(ca, &request,
	                         bmx_clock_mono_ms(world->loop->clock) + 5000,
	                         on_answer, world);
	return true;
}

static void
ask(struct world *world, const char *local)
{
	(void)may_ask(world, local);
}

static enum bmx_primary_status
status(const struct world *world)
{
	struct bmx_primary_view view;

	bmx_primaries_view(world->primaries, BMX_SLICE("a.test"), &view);
	return view.status;
}

static void
test_answers(void **state)
{
	struct world *world = *state;

	configure(world, A);
	pr_run(world->loop, 10);
	assert_true(may_ask(world, "unknown"));
	pr_run(world->loop, 100);
	assert_int_equal(world->answers, 1);
	assert_int_equal(world->why, BMX_CALL_AHEAD_ANSWERED);
	assert_int_equal(world->results, 1);
	assert_true(world->server.accepted >= 2);
}

/* A check and a contact of call-ahead, a second later: two that are good. */
static void
test_contact_is_a_check(void **state)
{
	struct world *world = *state;

	configure(world, A);
	pr_run(world->loop, 1000);
	assert_int_equal(status(world), BMX_PRIMARY_SUSPECT);
	ask(world, "joe");
	pr_run(world->loop, 100);
	assert_int_equal(status(world), BMX_PRIMARY_UP);
}

static void
wait_for_silent(struct world *world)
{
	configure(world, A);
	pr_run(world->loop, 10000);
	assert_int_equal(status(world), BMX_PRIMARY_UP);
	world->server.manner = PR_SILENT;
	assert_true(may_ask(world, "joe"));
	pr_run(world->loop, 100);
	assert_int_equal(world->answers, 0);
	world->ask_again = true;
}

static void
test_removed_while_waiting(void **state)
{
	struct world *world = *state;

	wait_for_silent(world);
	configure(world, "");
	assert_int_equal(world->answers, 1);
	assert_int_equal(world->why, BMX_CALL_AHEAD_CLOSED);
	assert_false(may_ask(world, "joe"));
	pr_run(world->loop, 10000);
	assert_int_equal(world->answers, 1);
}

/* Whoever is sent away from the former primary finds the new one. */
static void
test_replaced_while_waiting(void **state)
{
	struct world *world = *state;

	wait_for_silent(world);
	world->server.manner = PR_GOOD;
	configure(world, A_OTHER);
	assert_int_equal(world->answers, 1);
	assert_int_equal(world->why, BMX_CALL_AHEAD_CLOSED);
	assert_int_equal(status(world), BMX_PRIMARY_UP);
	pr_run(world->loop, 100);
	assert_int_equal(world->answers, 2);
	assert_int_equal(world->why, BMX_CALL_AHEAD_ANSWERED);
}

static void
test_freed_while_waiting(void **state)
{
	struct world *world = *state;

	wait_for_silent(world);
	bmx_primaries_free(&world->primaries);
	assert_int_equal(world->answers, 1);
	assert_int_equal(world->why, BMX_CALL_AHEAD_CLOSED);
}

/* The black hole: everyone is answered, and it is down within a minute. */
static void
test_silent_goes_down(void **state)
{
	struct world *world = *state;

	wait_for_silent(world);
	world->ask_again = false;
	for (int i = 0; i < 60; i++) {
		ask(world, "jim");
		pr_run(world->loop, 1000);
	}
	assert_int_equal(status(world), BMX_PRIMARY_DOWN);
	pr_run(world->loop, 5000);
	assert_int_equal(world->answers, 61);
	world->server.manner = PR_GOOD;
	pr_run(world->loop, 40000);
	assert_int_equal(status(world), BMX_PRIMARY_UP);
	ask(world, "jane"); /* the breaker knows */
	pr_run(world->loop, 100);
	assert_int_equal(world->why, BMX_CALL_AHEAD_ANSWERED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_contact_is_a_check),
		TEST(test_removed_while_waiting),
		TEST(test_replaced_while_waiting),
		TEST(test_freed_while_waiting),
		TEST(test_silent_goes_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
