/*
 * A random life of the engine - lists that change, come and go, a store that
 * fails, clocks that move and jump, reloads - against a model of a few lines.
 * BMX_SEED=N runs schedule N alone; a failure says its number.
 */
#include <backupmx/policy_reply.h>

#include "tests/unit/policyd/engine_fixture.h"

#define SCHEDULES 10000
#define STEPS 24
#define HOUR INT64_C(3600000)

/* clang-format off */
static const char config_text[] =
	"domain \"a.test\" { call_ahead = false }\n"
	"domain \"b.test\" { call_ahead = false list_max_age = 1h recipient_delimiter = \"\" }\n"
	"domain \"c.test\" { call_ahead = false mode = \"observe\" recipient_delimiter = \"+-\" }\n";
/* clang-format on */

static const struct {
	const char *name;
	int64_t max_age_ms;
	const char *delimiters;
	bool observe;
} domains[FIXTURE_DOMAINS] = {
	{"a.test", 24 * HOUR, "+", false},
	{"b.test", HOUR, "", false},
	{"c.test", 24 * HOUR, "+-", true},
};

static const char *const locals[FIXTURE_ENTRIES] = {
	"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7+x", "u7-y", "*",
};

/* What is asked: local part as sent and its forms in order. */
static const struct {
	const char *sent;
	const char *exact; /* NULL: no list can hold it */
	const char *cut;   /* with the delimiter behind it */
	char delimiter;    /* 0: nothing to cut */
} questions[] = {
	{"u0", "u0", NULL, 0},
	{"U1", "u1", NULL, 0},
	{"u2+tag", "u2+tag", "u2", '+'},
	{"u3-tag", "u3-tag", "u3", '-'},
	{"u7+x", "u7+x", "u7", '+'},
	{"u7-y", "u7-y", "u7", '-'},
	{"nobody", "nobody", NULL, 0},
	{"u0%u1", NULL, NULL, 0},
	{"*", NULL, NULL, 0},
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

struct world {
	struct fixture fixture;
	uint64_t random; /* splitmix64 */
};

static uint64_t
below(struct world *world, uint64_t limit)
{
	uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % limit;
}

static const struct fixture_entry *
entry_of(const struct fixture_list *list, const char *local)
{
	for (size_t i = 0; local && i < FIXTURE_ENTRIES; i++)
		if (list->entries[i].local &&
		    strcmp(list->entries[i].local, local) == 0)
			return &list->entries[i];
	return NULL;
}

static bool
is_fresh(const struct world *world, size_t domain)
{
	const struct fixture_list *list = &world->fixture.lists[domain];

	return list->present &&
		fixture_wall_ms(&world->fixture) - list->meta.synced_at_ms <
		domains[domain].max_age_ms;
}

/* The answer of the model when the store works. */
static enum bmx_policy_reply
expected(const struct world *world, size_t domain, size_t question)
{
	const struct fixture_list *list = &world->fixture.lists[domain];
	const char delimiter = questions[question].delimiter;
	const struct fixture_entry *entry =
		entry_of(list, questions[question].exact);

	if (!entry && delimiter &&
	    strchr(domains[domain].delimiters, delimiter))
		entry = entry_of(list, questions[question].cut);
	if (!entry && questions[question].exact)
		entry = entry_of(list, "*");
	if (!list->present)
		return BMX_REPLY_UNVERIFIED;
	if (!entry)
		return is_fresh(world, domain) ? BMX_REPLY_USER_UNKNOWN :
						 BMX_REPLY_UNVERIFIED;
	if (strcmp(entry->local, "*") == 0 ||
	    entry->state == BMX_RECIPIENT_ACTIVE)
		return BMX_REPLY_DUNNO;
	return entry->state == BMX_RECIPIENT_FULL ? BMX_REPLY_MAILBOX_FULL :
						    BMX_REPLY_DISABLED;
}

/* A store that fails may only turn an answer into "own trouble". */
static void
check(const struct world *world, enum bmx_policy_reply want,
      struct bmx_slice got, bool observe)
{
	const struct fixture *fixture = &world->fixture;

	if ((fixture->begin_fails || fixture->meta_fails ||
	     fixture->find_fails) &&
	    bmx_slice_equal(
		    got, bmx_policy_reply_encode(BMX_REPLY_TROUBLE, observe)))
		return;
	assert_false(fixture->begin_fails);
	if (!bmx_slice_equal(got, bmx_policy_reply_encode(want, observe)))
		fail_msg("want \"%s\", got \"%.*s\"",
		         bmx_policy_reply_action(want), (int)got.len, got.data);
}

static void
ask(struct world *world)
{
	const size_t d = below(world, FIXTURE_DOMAINS);
	const size_t q = below(world, QUESTIONS);
	const enum bmx_policy_reply want = expected(world, d, q);
	struct bmx_engine_lookup lookup;
	char address[64];

	(void)snprintf(address, sizeof(address), "%s@%s", questions[q].sent,
	               domains[d].name);
	check(world, want, fixture_ask(&world->fixture, address),
	      domains[d].observe);
	if (below(world, 2)) /* else the batch goes on */
		bmx_engine_end_turn(world->fixture.engine);
	if (world->fixture.reading || below(world, 4))
		return;
	bmx_engine_explain(world->fixture.engine, bmx_slice_of(address), NULL,
	                   NULL, &lookup);
	check(world, want, bmx_policy_reply_encode(lookup.verdict.reply, false),
	      false);
}

static void
ask_beside(struct world *world)
{
	static const char *const passed[] = {
		"postmaster@a.test", "Abuse@B.test", "u0@other.test", "u0", ""};
	const char *address = passed[below(world, 5)];

	assert_true(bmx_slice_equal(fixture_ask(&world->fixture, address),
	                            BMX_SLICE("action=DUNNO\n\n")));
}

static void
new_list(struct world *world)
{
	const size_t d = below(world, FIXTURE_DOMAINS);
	struct fixture_list *list = &world->fixture.lists[d];

	list->domain = domains[d].name;
	list->present = below(world, 8) != 0;
	list->meta.synced_at_ms = fixture_wall_ms(&world->fixture);
	for (size_t i = 0; i < FIXTURE_ENTRIES; i++) {
		list->entries[i].local = below(world, 2) ? locals[i] : NULL;
		list->entries[i].state = (enum bmx_recipient_state)below(
			world, BMX_RECIPIENT_FULL + 1);
	}
	list->meta.has_wildcard =
		list->entries[FIXTURE_ENTRIES - 1].local != NULL;
	list->meta.generation++;
	world->fixture.version++;
}

/* What happens between two turns of the loop. */
static void
happen(struct world *world)
{
	struct fixture *fixture = &world->fixture;

	bmx_engine_end_turn(fixture->engine);
	switch (below(world, 6)) {
	case 0:
		new_list(world);
		break;
	case 1: /* about the times at which lists become stale */
		fake_loop_advance(fixture->loop,
		                  (int64_t)below(world, 50) * HOUR / 2);
		break;
	case 2:
		fake_loop_jump_wall(fixture->loop,
		                    ((int64_t)below(world, 9) - 4) * HOUR);
		break;
	case 3:
		fixture->begin_fails = below(world, 8) == 0;
		fixture->meta_fails = below(world, 8) == 0;
		fixture->find_fails = below(world, 8) == 0;
		break;
	case 4:
		assert_int_equal(bmx_engine_configure(fixture->engine,
		                                      fixture->config, NULL),
		                 0);
		break;
	default:
		bmx_engine_update_gauges(fixture->engine);
	}
}

static void
live(struct world *world, uint64_t seed)
{
	struct fixture *fixture = &world->fixture;

	world->random = seed;
	memset(fixture->lists, 0, sizeof(fixture->lists));
	for (size_t i = 0; i < FIXTURE_DOMAINS; i++)
		fixture->lists[i].domain = domains[i].name;
	fixture->version++;
	fixture->begin_fails = fixture->meta_fails = fixture->find_fails =
		false;
	for (int i = 0; i < STEPS; i++) {
		happen(world);
		for (uint64_t n = below(world, 5); n > 0; n--)
			ask(world);
		if (below(world, 4) == 0)
			ask_beside(world);
	}
	bmx_engine_end_turn(fixture->engine);
}

static uint64_t running; /* for the one line that a failure needs */

static int
say_seed(void **state)
{
	struct world *world = *state;

	if (running < SCHEDULES)
		print_message("schedule %llu failed: BMX_SEED=%llu\n",
		              (unsigned long long)running,
		              (unsigned long long)running);
	else
		fixture_stop(&world->fixture);
	free(world);
	return 0;
}

static int
start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	fixture_start(&world->fixture, config_text);
	*state = world;
	return 0;
}

static void
test_schedules(void **state)
{
	const char *one = getenv("BMX_SEED");

	if (one) {
		running = strtoull(one, NULL, 10);
		live(*state, running);
	} else {
		for (running = 0; running < SCHEDULES; running++)
			live(*state, running);
	}
	running = SCHEDULES;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {{
		"10,000 random schedules answer as the model",
		test_schedules,
		start,
		say_seed,
		NULL,
	}};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
