/* The gate: who is let in while the primary is up. */
#include "tests/support/rows.h"

#include <string.h>

#include "policyd/gate.h"

#define NOW INT64_C(1700000000000)
#define MINUTE INT64_C(60000)
#define DAY (1440 * MINUTE)

#define ACCEPT BMX_PRIMARY_UP_ACCEPT
#define DEFER BMX_PRIMARY_UP_DEFER
#define GATE BMX_PRIMARY_UP_GATE
#define IS_UP BMX_PRIMARY_UP
#define IS_DOWN BMX_PRIMARY_DOWN
#define IS_SUSPECT BMX_PRIMARY_SUSPECT

/* Who is there: an entry by its ages in minutes, tries and passing. */
struct entry_case {
	int64_t tries;          /* 0: no entry */
	int64_t first_min;      /* ago */
	int64_t last_min;       /* ago */
	int64_t passed_min_ago; /* -1: not passed */
};

#define NOBODY                                                                 \
	{                                                                      \
		0, 0, 0, -1                                                    \
	}

struct gate_case {
	const char *name;
	enum bmx_config_primary_up policy;
	enum bmx_primary_status primary;
	bool exempt;
	int64_t tries;
	struct entry_case stranger;
	struct entry_case client;
	bool want_pass;
	enum bmx_gate_why want;
	bool want_stranger; /* written */
	bool want_client;   /* written */
};

#define DAYS 1440

/* clang-format off */
static struct gate_case cases[] = {
	{"accept, primary up",                ACCEPT, IS_UP,      false, 2, NOBODY,             NOBODY,            true,  BMX_GATE_POLICY_ACCEPT, false, false},
	{"accept, primary down",              ACCEPT, IS_DOWN,    false, 2, NOBODY,             NOBODY,            true,  BMX_GATE_POLICY_ACCEPT, false, false},
	{"defer, primary up",                 DEFER,  IS_UP,      false, 2, NOBODY,             NOBODY,            false, BMX_GATE_POLICY_DEFER,  false, false},
	{"defer, even who is proven",         DEFER,  IS_UP,      false, 2, NOBODY,             {2, 20, 10, 10},   false, BMX_GATE_POLICY_DEFER,  false, false},
	{"defer, primary down",               DEFER,  IS_DOWN,    false, 2, NOBODY,             NOBODY,            true,  BMX_GATE_NOT_UP,        false, false},
	{"defer, primary suspect",            DEFER,  IS_SUSPECT, false, 2, NOBODY,             NOBODY,            true,  BMX_GATE_NOT_UP,        false, false},
	{"defer, exempt",                     DEFER,  IS_UP,      true,  2, NOBODY,             NOBODY,            true,  BMX_GATE_EXEMPT,        false, false},
	{"gate, primary down",                GATE,   IS_DOWN,    false, 2, NOBODY,             NOBODY,            true,  BMX_GATE_NOT_UP,        false, false},
	{"gate, primary suspect",             GATE,   IS_SUSPECT, false, 2, NOBODY,             NOBODY,            true,  BMX_GATE_NOT_UP,        false, false},
	{"gate, exempt",                      GATE,   IS_UP,      true,  2, NOBODY,             NOBODY,            true,  BMX_GATE_EXEMPT,        false, false},
	{"gate, a stranger",                  GATE,   IS_UP,      false, 2, NOBODY,             NOBODY,            false, BMX_GATE_STRANGER,      true,  false},
	{"again at once: one try",            GATE,   IS_UP,      false, 2, {1, 0, 0, -1},      NOBODY,            false, BMX_GATE_EARLY,         false, false},
	{"again, too soon",                   GATE,   IS_UP,      false, 2, {1, 9, 9, -1},      NOBODY,            false, BMX_GATE_EARLY,         true,  false},
	{"again, in time",                    GATE,   IS_UP,      false, 2, {1, 10, 10, -1},    NOBODY,            true,  BMX_GATE_PASSED,        true,  true},
	{"often, but too soon",               GATE,   IS_UP,      false, 2, {9, 9, 1, -1},      NOBODY,            false, BMX_GATE_EARLY,         true,  false},
	{"the third try, of three",           GATE,   IS_UP,      false, 3, {2, 20, 5, -1},     NOBODY,            true,  BMX_GATE_PASSED,        true,  true},
	{"the second try, of three",          GATE,   IS_UP,      false, 3, {1, 20, 5, -1},     NOBODY,            false, BMX_GATE_EARLY,         true,  false},
	{"the same try after the delay",      GATE,   IS_UP,      false, 3, {2, 20, 0, -1},     NOBODY,            false, BMX_GATE_EARLY,         false, false},
	{"enough tries, the same one",        GATE,   IS_UP,      false, 2, {2, 10, 0, -1},     NOBODY,            true,  BMX_GATE_PASSED,        true,  true},
	{"one try is enough, if told so",     GATE,   IS_UP,      false, 1, {1, 10, 10, -1},    NOBODY,            true,  BMX_GATE_PASSED,        true,  true},
	{"back after a queue's life",         GATE,   IS_UP,      false, 2, {1, 5 * DAYS, 5 * DAYS, -1}, NOBODY,   false, BMX_GATE_STRANGER,      true,  false},
	{"back just before it",               GATE,   IS_UP,      false, 2, {1, 5 * DAYS - 1, 5 * DAYS - 1, -1}, NOBODY, true, BMX_GATE_PASSED,   true,  true},
	{"first seen in the future",          GATE,   IS_UP,      false, 2, {1, -60, -60, -1},  NOBODY,            false, BMX_GATE_EARLY,         true,  false},
	{"proven just now",                   GATE,   IS_UP,      false, 2, NOBODY,             {2, 10, 0, 0},     true,  BMX_GATE_PROVEN,        false, false},
	{"proven yesterday: written anew",    GATE,   IS_UP,      false, 2, NOBODY,             {2, DAYS + 10, DAYS, DAYS}, true, BMX_GATE_PROVEN, false, true},
	{"proven, almost forgotten",          GATE,   IS_UP,      false, 2, NOBODY,             {2, 30 * DAYS, 30 * DAYS, 30 * DAYS - 1}, true, BMX_GATE_PROVEN, false, true},
	{"proven, forgotten",                 GATE,   IS_UP,      false, 2, NOBODY,             {2, 30 * DAYS, 30 * DAYS, 30 * DAYS}, false, BMX_GATE_STRANGER, true, false},
	{"a client that did not pass",        GATE,   IS_UP,      false, 2, NOBODY,             {2, 10, 0, -1},    false, BMX_GATE_STRANGER,      true,  false},
	{"passed, the client's entry is lost", GATE,  IS_UP,      false, 2, {2, 99, 60, 60},    NOBODY,            true,  BMX_GATE_PASSED,        true,  true},
	{"passed, in the store's future",     GATE,   IS_UP,      false, 2, {2, 10, 0, -5},     NOBODY,            true,  BMX_GATE_PASSED,        true,  true},
	{"passed too long ago",               GATE,   IS_UP,      false, 2, {2, 31 * DAYS, 31 * DAYS, 30 * DAYS}, NOBODY, false, BMX_GATE_STRANGER, true, false},
};
/* clang-format on */

static struct bmx_gate_entry
entry_of(const struct entry_case *from)
{
	struct bmx_gate_entry entry = {NOW - from->first_min * MINUTE,
	                               NOW - from->last_min * MINUTE,
	                               from->tries, 0};

	if (from->passed_min_ago != -1)
		entry.passed_at_ms = NOW - from->passed_min_ago * MINUTE;
	return entry;
}

static void
test_gate(void **state)
{
	const struct gate_case *tc = *state;
	const struct bmx_gate_facts facts = {
		.policy = tc->policy,
		.primary = tc->primary,
		.exempt = tc->exempt,
		.has_stranger = tc->stranger.tries > 0,
		.stranger = entry_of(&tc->stranger),
		.has_client = tc->client.tries > 0,
		.client = entry_of(&tc->client),
		.now_ms = NOW,
		.tries = tc->tries,
		.delay_ms = 10 * MINUTE,
		.memory_ms = 30 * DAY,
	};
	const struct bmx_gate_verdict got = bmx_gate_decide(&facts);

	assert_int_equal(got.pass, tc->want_pass);
	assert_string_equal(bmx_gate_why_name(got.why),
	                    bmx_gate_why_name(tc->want));
	assert_int_equal(got.write_stranger, tc->want_stranger);
	assert_int_equal(got.write_client, tc->want_client);
	if (got.write_stranger) {
		assert_int_equal(got.stranger.passed_at_ms, got.pass ? NOW : 0);
		assert_true(got.stranger.tries >= 1);
		assert_true(got.stranger.first_seen_ms <= NOW);
	}
	if (got.write_client)
		assert_int_equal(got.client.passed_at_ms, NOW);
	if (!bmx_gate_needs_records(tc->policy, tc->primary, tc->exempt))
		assert_false(got.write_stranger || got.write_client);
}

/* A stranger's mail queue over time: what comes when, and what is kept. */
struct visit {
	int64_t at_s;
	enum bmx_gate_why want;
	int64_t want_tries; /* of the entry that is kept */
};

static void
play_visits(const struct visit *visits, size_t count, int64_t tries,
            int64_t delay_ms)
{
	struct bmx_gate_facts facts = {.policy = GATE,
	                               .primary = IS_UP,
	                               .tries = tries,
	                               .delay_ms = delay_ms,
	                               .memory_ms = 30 * DAY};

	for (size_t i = 0; i < count; i++) {
		struct bmx_gate_verdict got;

		facts.now_ms = NOW + visits[i].at_s * 1000;
		got = bmx_gate_decide(&facts);
		assert_int_equal(got.why, visits[i].want);
		if (got.write_stranger) {
			facts.has_stranger = true;
			facts.stranger = got.stranger;
		}
		if (got.write_client) {
			facts.has_client = true;
			facts.client = got.client;
		}
		assert_int_equal(facts.stranger.tries, visits[i].want_tries);
	}
}

static void
test_queue(void **state)
{
	static const struct visit visits[] = {{0, BMX_GATE_STRANGER, 1},
	                                      {300, BMX_GATE_EARLY, 2},
	                                      {600, BMX_GATE_PASSED, 3},
	                                      {601, BMX_GATE_PROVEN, 3},
	                                      {90000, BMX_GATE_PROVEN, 3}};

	(void)state;
	play_visits(visits, sizeof(visits) / sizeof(visits[0]), 2, 10 * MINUTE);
}

/* Fifty recipients of one message are one try, and someone who comes every
 * five seconds is let in after all. */
static void
test_many_recipients(void **state)
{
	static const struct visit visits[] = {
		{0, BMX_GATE_STRANGER, 1}, {1, BMX_GATE_EARLY, 1},
		{29, BMX_GATE_EARLY, 1},   {30, BMX_GATE_EARLY, 2},
		{31, BMX_GATE_EARLY, 2},   {60, BMX_GATE_EARLY, 3},
		{599, BMX_GATE_EARLY, 4},  {600, BMX_GATE_EARLY, 4},
		{629, BMX_GATE_PASSED, 5}};

	(void)state;
	play_visits(visits, sizeof(visits) / sizeof(visits[0]), 5, 10 * MINUTE);
}

static void
test_short_delay(void **state)
{
	static const struct visit visits[] = {{0, BMX_GATE_STRANGER, 1},
	                                      {0, BMX_GATE_EARLY, 1},
	                                      {1, BMX_GATE_PASSED, 2}};

	(void)state;
	play_visits(visits, sizeof(visits) / sizeof(visits[0]), 2, 1000);
}

/* Random facts: never deferred unless up and gated, never an entry that is
 * not a record. */
static void
test_random_facts(void **state)
{
	uint32_t seed = 4711;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct bmx_gate_facts facts = {.now_ms = NOW};
		struct bmx_gate_verdict got;
		uint32_t r[8];

		for (size_t k = 0; k < 8; k++) {
			seed = seed * 1664525 + 1013904223;
			r[k] = seed >> 8;
		}
		facts.policy = (enum bmx_config_primary_up)(r[0] % 3);
		facts.primary = (enum bmx_primary_status)(r[0] / 3 % 3);
		facts.exempt = r[0] / 9 % 4 == 0;
		facts.has_stranger = r[1] % 4 != 0;
		facts.stranger = (struct bmx_gate_entry){
			NOW - (int64_t)r[2] * 100 + DAY, NOW - r[3] * 10,
			1 + r[4] % 9, r[4] % 5 == 0 ? NOW - r[5] : 0};
		facts.has_client = r[1] % 3 != 0;
		facts.client = (struct bmx_gate_entry){NOW - r[5], NOW - r[6],
		                                       1, NOW - r[7] * 200};
		facts.tries = 1 + r[6] % 5;
		facts.delay_ms = 1 + r[7] % 1000000;
		facts.memory_ms = 1 + (int64_t)r[3] * 200;
		got = bmx_gate_decide(&facts);
		if (!got.pass)
			assert_true(facts.primary == IS_UP && !facts.exempt &&
			            facts.policy != ACCEPT);
		if (got.write_stranger)
			assert_true(got.stranger.tries >= 1 &&
			            got.stranger.first_seen_ms <= NOW);
		if (got.write_client)
			assert_true(got.pass && got.client.passed_at_ms == NOW);
	}
}

static void
stranger(const char *ip, const char *sender, const char *domain, char out[17])
{
	const struct bmx_client_net net = bmx_client_net_of(bmx_slice_of(ip));

	bmx_gate_stranger_name(&net, bmx_slice_of(sender), bmx_slice_of(domain),
	                       out);
}

static void
test_names_equal(void **state)
{
	char a[17];
	char b[17];

	(void)state;
	stranger("192.0.2.1", "joe@Example.NET", "example.test", a);
	stranger("192.0.2.99", "joe@example.net", "example.test", b);
	assert_string_equal(a, b);
	stranger("::ffff:192.0.2.99", "joe@example.net", "example.test", b);
	assert_string_equal(a, b);
	/* Pinned: another backup, or a later release, must find it again. */
	assert_string_equal(a, "550e50f9bae9954d");
}

static void
test_names_differ(void **state)
{
	static const char *const rows[][3] = {
		{"192.0.2.1", "joe@example.net", "example.test"},
		{"192.0.3.1", "joe@example.net", "example.test"},
		{"192.0.2.1", "Joe@example.net", "example.test"},
		{"192.0.2.1", "joe@example.org", "example.test"},
		{"192.0.2.1", "joe@example.net", "example.com"},
		{"192.0.2.1", "", "example.test"},
		{"unknown", "joe@example.net", "example.test"},
		{"2001:db8::1", "joe@example.net", "example.test"},
		{"192.0.2.1", "t", "example.tes"},
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

	const struct bmx_client_net net =
		bmx_client_net_of(BMX_SLICE("192.0.2.1"));
	char names[ROWS + 1][17];

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		stranger(rows[i][0], rows[i][1], rows[i][2], names[i]);
	bmx_gate_client_name(&net, BMX_SLICE("example.test"), names[ROWS]);
	for (size_t i = 0; i <= ROWS; i++) {
		assert_int_equal(strlen(names[i]), 16);
		assert_int_equal(strspn(names[i], "0123456789abcdef"), 16);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(names[i], names[k]);
	}
}

static void
test_long_sender(void **state)
{
	char sender[5000];
	char name[17];

	(void)state;
	memset(sender, 'a', sizeof(sender) - 1);
	sender[sizeof(sender) - 1] = '\0';
	stranger("192.0.2.1", sender, "example.test", name);
	assert_int_equal(strlen(name), 16);
}

static const struct CMUnitTest singles[] = {
	cmocka_unit_test(test_queue),
	cmocka_unit_test(test_many_recipients),
	cmocka_unit_test(test_short_delay),
	cmocka_unit_test(test_random_facts),
	cmocka_unit_test(test_names_equal),
	cmocka_unit_test(test_names_differ),
	cmocka_unit_test(test_long_sender),
};

int
main(void)
{
	ROWS_RUN_WITH(cases, test_gate, singles);
}
