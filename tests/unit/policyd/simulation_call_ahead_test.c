/*
 * A random life of the engine where no list tells - a primary that changes its
 * users, its mind and its state, answers late or too late, clocks that move,
 * reloads, a gate - against a model of a few lines. BMX_SEED=N runs schedule N
 * alone; a failure says its number.
 */
#include <backupmx/policy_reply.h>

#include "tests/unit/policyd/engine_fixture.h"

#define SCHEDULES 1500
#define STEPS 40
#define USERS 5
#define NETS 3
#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* No loss of users is too large here: the learner's own test has that. */
/* clang-format off */
static const char config_text[] =
	"domain \"a.test\" { max_shrink = 100 }\n"
	"domain \"g.test\" { primary_up = \"gate\" list_max_age = 300d }\n"
	"domain \"z.test\" { }\n";
/* clang-format on */

/* What the model has learnt of a user. */
struct learnt {
	bool any;
	bool valid;
	int64_t at_ms; /* wall */
};

/* And of a client's network at the gate. */
struct stranger {
	int64_t first_ms; /* 0: never */
	int64_t last_ms;
	int tries;
	int64_t passed_ms; /* 0: never */
};

struct world {
	struct fixture fixture;
	uint64_t random;                     /* splitmix64 */
	enum bmx_probe_outcome truth[USERS]; /* what the primary would say */
	struct learnt learnt[USERS];
	struct stranger strangers[NETS];
	unsigned clients; /* a new network each: nobody is a harvester */
};

static uint64_t
below(struct world *world, uint64_t limit)
{
	uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % limit;
}

static void
learn(struct world *world, size_t user)
{
	const enum bmx_probe_outcome truth = world->truth[user];

	if (truth == BMX_PROBE_VALID || truth == BMX_PROBE_UNKNOWN)
		world->learnt[user] =
			(struct learnt){true, truth == BMX_PROBE_VALID,
		                        fixture_wall_ms(&world->fixture)};
}

static enum bmx_policy_reply
reply_of(bool valid)
{
	return valid ? BMX_REPLY_DUNNO : BMX_REPLY_USER_UNKNOWN;
}

/* What is kept answers, if it is not older than its time. */
static bool
remembered(const struct world *world, size_t user, int64_t valid_ms,
           int64_t unknown_ms, enum bmx_policy_reply *want_out)
{
	const struct learnt *learnt = &world->learnt[user];
	const int64_t age_ms = fixture_wall_ms(&world->fixture) - learnt->at_ms;

	*want_out = reply_of(learnt->valid);
	return learnt->any && age_ms < (learnt->valid ? valid_ms : unknown_ms);
}

static bool
is_down(const struct world *world)
{
	return world->fixture.primary.view.status == BMX_PRIMARY_DOWN;
}

/* The answer of the model, as far as nobody has to be asked. */
static bool
expected(const struct world *world, size_t user, enum bmx_policy_reply *want)
{
	if (remembered(world, user, DAY, HOUR / 2, want))
		return true;
	if (is_down(world) && remembered(world, user, 14 * DAY, 3 * DAY, want))
		return true;
	*want = BMX_REPLY_UNVERIFIED;
	return is_down(world);
}

static void
assert_answer(const struct world *world, enum bmx_policy_reply want)
{
	const struct bmx_slice got = world->fixture.answer;

	if (!bmx_slice_equal(got, bmx_policy_reply_encode(want, false)))
		fail_msg("want \"%s\", got \"%.*s\": %s",
		         bmx_policy_reply_action(want), (int)got.len, got.data,
		         world->fixture.last_log);
}

/* The primary's word is in time, too late, or never comes. */
static void
hear(struct world *world, size_t user)
{
	struct fixture *f = &world->fixture;
	const bool late = below(world, 3) == 0;

	fake_loop_advance(f->loop, late ? 5000 : (int64_t)below(world, 4900));
	if (late)
		assert_answer(world, BMX_REPLY_UNVERIFIED);
	f->primary.probe.outcome = world->truth[user];
	learn(world, user);
	scripted_answer(&f->primary);
	if (late)
		return;
	if (world->truth[user] == BMX_PROBE_UNSURE)
		assert_answer(world, BMX_REPLY_UNVERIFIED);
	else
		assert_answer(world,
		              reply_of(world->truth[user] == BMX_PROBE_VALID));
}

static void
ask(struct world *world)
{
	struct fixture *f = &world->fixture;
	const size_t user = below(world, USERS);
	const size_t asked = f->primary.asked;
	const size_t answers = f->answers;
	enum bmx_policy_reply want;
	const bool known = expected(world, user, &want);
	char recipient[16], client[24];
	struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.sender = BMX_SLICE("from@sender.test"),
	};

	(void)snprintf(recipient, sizeof(recipient), "u%zu@a.test", user);
	(void)snprintf(client, sizeof(client), "10.%u.%u.1",
	               world->clients / 256 % 256, world->clients % 256);
	world->clients++;
	request.recipient = bmx_slice_of(recipient);
	request.client_address = bmx_slice_of(client);
	f->primary.later = true;
	assert_int_equal(fixture_request(f, &request) == NULL, known);
	if (!known) {
		assert_int_equal(f->primary.asked, asked + 1);
		hear(world, user);
	} else {
		assert_answer(world, want);
		/* Only what is fresh and valid is asked about ahead. */
		if (f->primary.asked != asked) {
			assert_true(f->primary.last.background);
			assert_true(world->learnt[user].valid &&
			            !is_down(world));
			f->primary.probe.outcome = world->truth[user];
			learn(world, user);
			scripted_answer(&f->primary);
		}
	}
	assert_int_equal(f->answers, answers + 1);
	assert_int_equal(bmx_engine_waiting(f->engine), 0);
}

/* Two tries, ten minutes apart, each within five days of the last; then thirty
 * days from the last time that it was let through. */
static bool
gate_passes(const struct world *world, struct stranger *s)
{
	const int64_t now_ms = fixture_wall_ms(&world->fixture);

	if (world->fixture.primary.view.status != BMX_PRIMARY_UP)
		return true;
	if (s->passed_ms == 0 || now_ms - s->passed_ms >= 30 * DAY) {
		s->passed_ms = 0;
		if (s->first_ms == 0 || now_ms - s->last_ms >= 5 * DAY)
			*s = (struct stranger){.first_ms = now_ms,
			                       .last_ms = now_ms,
			                       .tries = 1};
		else if (now_ms - s->last_ms >= 30000) {
			s->last_ms = now_ms;
			s->tries++;
		}
		if (s->tries < 2 || now_ms - s->first_ms < 10 * MINUTE)
			return false;
		s->passed_ms = now_ms;
	}
	/* Being let through counts, but is written once a day. */
	if (now_ms - s->passed_ms >= DAY)
		s->passed_ms = now_ms;
	return true;
}

static void
knock(struct world *world)
{
	struct fixture *f = &world->fixture;
	const size_t net = below(world, NETS);
	char client[24];
	struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.sender = BMX_SLICE("from@sender.test"),
		.recipient = BMX_SLICE("u@g.test"),
	};

	(void)snprintf(client, sizeof(client), "192.0.%zu.%d", net,
	               (int)below(world, 255));
	request.client_address = bmx_slice_of(client);
	assert_null(fixture_request(f, &request));
	assert_answer(world,
	              gate_passes(world, &world->strangers[net]) ?
	                      BMX_REPLY_DUNNO :
	                      BMX_REPLY_PRIMARY_UP);
}

static void
pass_time(struct world *world)
{
	static const int64_t times_ms[] = {1000,     40000,    11 * MINUTE,
	                                   HOUR / 2, 7 * HOUR, DAY,
	                                   3 * DAY,  14 * DAY};

	fake_loop_advance(world->fixture.loop, times_ms[below(world, 8)]);
}

static void
forget(struct world *world, size_t user)
{
	char local[8];
	struct bmx_record_key key = {.kind = BMX_RECORD_VERIFICATION,
	                             .domain = BMX_SLICE("a.test")};
	struct bmx_record_store *records = world->fixture.records;

	(void)snprintf(local, sizeof(local), "u%zu", user);
	key.name = bmx_slice_of(local);
	records->ops->remove(records, &key);
	world->learnt[user].any = false;
}

/* What happens between two turns of the loop. */
static void
happen(struct world *world)
{
	static const enum bmx_probe_outcome truths[] = {
		BMX_PROBE_VALID, BMX_PROBE_UNKNOWN, BMX_PROBE_UNSURE};
	struct fixture *f = &world->fixture;

	bmx_engine_end_turn(f->engine);
	switch (below(world, 6)) {
	case 0:
		world->truth[below(world, USERS)] = truths[below(world, 3)];
		break;
	case 1:
		f->primary.view.status = (enum bmx_primary_status)below(
			world, BMX_PRIMARY_DOWN + 1);
		f->primary.view.since_ms = fixture_wall_ms(f);
		break;
	case 2:
		forget(world, below(world, USERS));
		break;
	case 3:
		assert_int_equal(
			bmx_engine_configure(f->engine, f->config, NULL), 0);
		assert_int_equal(
			bmx_learner_configure(f->learner, f->config, NULL), 0);
		break;
	default:
		pass_time(world);
	}
}

static void
live(struct world *world, uint64_t seed)
{
	struct fixture *f = &world->fixture;

	world->random = seed;
	for (size_t i = 0; i < USERS; i++) {
		forget(world, i);
		world->truth[i] = BMX_PROBE_VALID;
	}
	/* Nobody at the gate is remembered from the life before. */
	memset(world->strangers, 0, sizeof(world->strangers));
	fake_loop_advance(f->loop, 40 * DAY);
	f->lists[1].meta.synced_at_ms = fixture_wall_ms(f);
	f->version++;
	for (int i = 0; i < STEPS; i++) {
		happen(world);
		for (uint64_t n = below(world, 4); n > 0; n--)
			ask(world);
		if (below(world, 2))
			knock(world);
	}
	bmx_engine_end_turn(f->engine);
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
	for (size_t i = 0; i < FIXTURE_DOMAINS; i++)
		world->fixture.lists[i].domain =
			world->fixture.config->domains[i].name;
	world->fixture.lists[1].present = true;
	world->fixture.lists[1].entries[0] =
		(struct fixture_entry){"u", BMX_RECIPIENT_ACTIVE};
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
		"1,500 random schedules answer as the model",
		test_schedules,
		start,
		say_seed,
		NULL,
	}};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
