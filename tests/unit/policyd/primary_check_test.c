/* One check of a primary, against servers on loopback. */
#include "tests/unit/policyd/primary_fixture.h"

#include "policyd/primary_check.h"

#define GOOD BMX_PRIMARY_CHECK_GOOD
#define FAILED BMX_PRIMARY_CHECK_FAILED
#define UNDONE BMX_PRIMARY_CHECK_UNDONE

/* Two hosts, the first one better; -1: there is no second one. */
struct check_case {
	const char *name;
	int first;
	int second;
	enum bmx_primary_check_end want;
	bool want_refused;
	int want_host; /* 0 or 1 */
	const char *want_text;
	int64_t run_ms; /* until it is over */
};

/* clang-format off */
static struct check_case cases[] = {
	{"a good primary",             PR_GOOD,         -1,      GOOD,   false, 0, "", 0},
	{"one that knows no EHLO",     PR_GOOD_HELO,    -1,      GOOD,   false, 0, "", 0},
	{"refused at the greeting",    PR_REFUSES,      -1,      FAILED, true,  0, "greeting: 554 5.7.1 no service for you", 0},
	{"refused at EHLO",            PR_REFUSES_EHLO, -1,      FAILED, true,  0, "refused-helo: 550 5.7.1 not you", 0},
	{"421 to everything",          PR_BUSY,         -1,      FAILED, false, 0, ": 421 4.3.2 busy", 0},
	{"it hangs up",                PR_HANGS_UP,     -1,      FAILED, false, 0, ": ", 0},
	{"it says nothing",            PR_SILENT,       -1,      FAILED, false, 0, ": ", 3000},
	{"it is no SMTP server",       PR_GARBAGE,      -1,      FAILED, false, 0, ": ", 0},
	{"the second host is good",    PR_HANGS_UP,     PR_GOOD, GOOD,   false, 1, "", 0},
	{"silent, the second is good", PR_SILENT,       PR_GOOD, GOOD,   false, 1, "", 3000},
	{"both are bad, the best is told", PR_HANGS_UP, PR_GARBAGE, FAILED, false, 0, ": ", 0},
	{"a refusal is told first",    PR_HANGS_UP,     PR_REFUSES, FAILED, true, 1, "greeting: 554 5.7.1 no service for you", 0},
	{"the first refusal is kept",  PR_REFUSES,      PR_REFUSES_EHLO, FAILED, true, 0, "refused-greeting: 554", 0},
};
/* clang-format on */

struct world {
	struct bmx_loop *loop;
	struct pr_server servers[2];
	struct bmx_primary_check *check;
	unsigned ends;
	enum bmx_primary_check_end end;
	bool refused;
	char host[BMX_PRIMARY_HOST_MAX];
	char text[BMX_ERROR_TEXT_MAX];
	struct bmx_smtp_keywords keywords;
};

static void
on_end(void *ctx, const struct bmx_primary_check_result *result)
{
	struct world *world = ctx;

	world->ends++;
	world->end = result->end;
	world->refused = result->refused;
	world->keywords = result->keywords;
	(void)snprintf(world->host, sizeof(world->host), "%s", result->host);
	(void)snprintf(world->text, sizeof(world->text), "%s", result->text);
	bmx_primary_check_free(&world->check);
}

/* Hosts in the order of the servers, by rank. */
static const struct bmx_target_set *
set_of(const struct world *world, size_t count)
{
	struct bmx_target_plan plan = {.mx_state = BMX_TARGETS_READY,
	                               .count = count};
	const struct bmx_target_answers answers[2] = {{NULL, NULL, NULL},
	                                              {NULL, NULL, NULL}};
	const struct bmx_target_set_facts facts = {.plan = &plan,
	                                           .answers = answers};
	const struct bmx_target_set *set;

	for (size_t i = 0; i < count; i++) {
		plan.hosts[i].address =
			(struct bmx_target_address){AF_INET, {127, 0, 0, 1}};
		plan.hosts[i].port = world->servers[i].port;
		plan.hosts[i].rank = (uint32_t)i;
	}
	set = bmx_target_set_make(&facts);
	assert_non_null(set);
	return set;
}

static void
open_world(struct world *world)
{
	*world = (struct world){.loop = fake_loop_new(PR_WALL_MS)};
	pr_listen(&world->servers[0], world->loop);
	pr_listen(&world->servers[1], world->loop);
}

static void
close_world(struct world *world)
{
	bmx_primary_check_free(&world->check);
	pr_close(&world->servers[0]);
	pr_close(&world->servers[1]);
	fake_loop_free(&world->loop);
}

static void
start(struct world *world, size_t hosts)
{
	const struct bmx_target_set *set = set_of(world, hosts);
	struct bmx_target_tries *tries = bmx_target_tries_new(set, 1);

	assert_non_null(tries);
	bmx_target_set_unref(&set);
	world->check = bmx_primary_check_new(world->loop, "backup.test", tries,
	                                     on_end, world);
	assert_non_null(world->check);
	assert_int_equal(world->ends, 0); /* never from within */
}

static void
test_check(void **state)
{
	const struct check_case *tc = *state;
	struct world world;
	char host[64];

	open_world(&world);
	world.servers[0].manner = (enum pr_manner)tc->first;
	if (tc->second >= 0)
		world.servers[1].manner = (enum pr_manner)tc->second;
	start(&world, tc->second >= 0 ? 2 : 1);
	if (tc->run_ms > 0) {
		pr_run(world.loop, tc->run_ms - 1);
		assert_int_equal(world.ends, 0);
		pr_run(world.loop, 1);
	} else {
		pr_run(world.loop, 0);
	}
	/* After QUIT it waits for a reply, which may be none. */
	pr_run(world.loop, 1000);
	assert_int_equal(world.ends, 1);
	assert_int_equal(world.end, tc->want);
	assert_int_equal(world.refused, tc->want_refused);
	(void)snprintf(host, sizeof(host), "127.0.0.1:%u",
	               (unsigned)world.servers[tc->want_host].port);
	assert_string_equal(world.host, host);
	if (tc->want_text[0] == '\0')
		assert_string_equal(world.text, "");
	else
		assert_non_null(strstr(world.text, tc->want_text));
	assert_int_equal(world.keywords.known,
	                 tc->want == GOOD && tc->first != PR_GOOD_HELO);
	close_world(&world);
}

static void
test_keywords(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	start(&world, 1);
	pr_run(world.loop, 0);
	assert_int_equal(world.end, GOOD);
	assert_true(world.keywords.has_size);
	assert_int_equal(world.keywords.size, 1000);
	assert_true(world.keywords.smtputf8);
	assert_false(world.keywords.starttls);
	close_world(&world);
}

static void
test_nobody(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	start(&world, 0);
	pr_run(world.loop, 0);
	assert_int_equal(world.ends, 1);
	assert_int_equal(world.end, UNDONE);
	assert_string_equal(world.text, "no address to be asked");
	close_world(&world);
}

static void
test_refused_connection(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	pr_close(&world.servers[0]);
	start(&world, 1);
	pr_run(world.loop, 1000);
	assert_int_equal(world.ends, 1);
	assert_int_equal(world.end, FAILED);
	assert_false(world.refused);
	bmx_primary_check_free(&world.check);
	pr_close(&world.servers[1]);
	fake_loop_free(&world.loop);
}

/* Whenever it is freed, nothing calls back. */
static void
test_freed(void **state)
{
	(void)state;
	for (int turns = 0; turns < 12; turns++) {
		struct world world;

		open_world(&world);
		start(&world, 1);
		for (int i = 0; i < turns; i++) {
			fake_loop_advance(world.loop, 0);
			(void)fake_loop_poll(world.loop, 0);
		}
		if (world.ends == 0) {
			bmx_primary_check_free(&world.check);
			pr_run(world.loop, 30000);
			assert_int_equal(world.ends, 0);
		}
		close_world(&world);
	}
}

static void
test_takes_too_long(void **state)
{
	struct bmx_target_plan plan = {.mx_state = BMX_TARGETS_READY,
	                               .count = 10};
	struct bmx_target_answers answers[10] = {{NULL, NULL, NULL}};
	const struct bmx_target_set_facts facts = {.plan = &plan,
	                                           .answers = answers};
	const struct bmx_target_set *set;
	struct world world;

	(void)state;
	open_world(&world);
	world.servers[0].manner = PR_SILENT;
	for (uint8_t i = 0; i < 10; i++) {
		plan.hosts[i].address =
			(struct bmx_target_address){AF_INET, {127, 0, 0, 1}};
		plan.hosts[i].port = world.servers[0].port;
		plan.hosts[i].rank = i;
	}
	set = bmx_target_set_make(&facts);
	world.check = bmx_primary_check_new(world.loop, "backup.test",
	                                    bmx_target_tries_new(set, 1),
	                                    on_end, &world);
	bmx_target_set_unref(&set);
	pr_run(world.loop, BMX_PRIMARY_CHECK_MAX_MS - 1);
	assert_int_equal(world.ends, 0);
	pr_run(world.loop, 1);
	assert_int_equal(world.ends, 1);
	assert_int_equal(world.end, FAILED);
	close_world(&world);
}

static const struct CMUnitTest singles[] = {
	cmocka_unit_test(test_keywords),
	cmocka_unit_test(test_nobody),
	cmocka_unit_test(test_refused_connection),
	cmocka_unit_test(test_freed),
	cmocka_unit_test(test_takes_too_long),
};

int
main(void)
{
	const size_t rows = sizeof(cases) / sizeof(cases[0]);
	const size_t more = sizeof(singles) / sizeof(singles[0]);
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0]) +
	                        sizeof(singles) / sizeof(singles[0])] = {0};

	for (size_t i = 0; i < rows; i++)
		tests[i] = (struct CMUnitTest){.name = cases[i].name,
		                               .test_func = test_check,
		                               .initial_state = &cases[i]};
	for (size_t i = 0; i < more; i++)
		tests[rows + i] = singles[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
