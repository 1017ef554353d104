#include <tests/support/cmocka.h>

#include <string.h>

#include <jansson.h>

#include "ctl/judge.h"

struct judge_case {
	const char *name;
	const char *check;
	const char *facts; /* of gather.h */
	enum bmxctl_state want;
	const char *text; /* in the first problem; NULL: there is none */
};

#define OK BMXCTL_STATE_OK
#define WARN BMXCTL_STATE_WARNING
#define CRIT BMXCTL_STATE_CRITICAL
#define UNKN BMXCTL_STATE_UNKNOWN
#define UP(more) "{'ok': true, 'time': 100000" more "}"
#define DOMAIN(members) UP(", 'domains': [{'name': 'a.test', " members "}]")
#define LIST(authority, age, more)                                             \
	DOMAIN("'source': 'file:/l', 'authority': '" authority "', "           \
	       "'list_max_age_s': 1000, 'list': {'age_s': " age "}" more)
#define PRIMARY(members) DOMAIN("'primary': {" members "}")
#define QUEUE(primary, came)                                                   \
	UP(", 'domains': [{'name': 'a.test', 'primary': {" primary "}}], "     \
	   "'queue': {'messages': 3, 'domains': [{'name': 'a.test', "          \
	   "'messages': 3, 'oldest_at': " came ", 'reason': 'no route'}]}")
#define AWAY "{'ok': false, 'error': 'nobody there', 'why': 'io', 'time': 5}"

/* clang-format off */
static struct judge_case cases[] = {
	{"policyd up, no milter", "service", UP(""), OK, NULL},
	{"policyd away", "service", AWAY, CRIT, "policyd is away: nobody there"},
	{"policyd may not be asked", "service", "{'ok': false, 'why': 'permission', 'error': 'x'}", UNKN,
	 "policyd cannot be asked: x"},
	{"milter away", "service", UP(", 'milter': {'up': false, 'expected': true, 'error': 'x'}"),
	 CRIT, "milter is away: x"},
	{"milter may not be asked", "service", UP(", 'milter': {'up': false, 'expected': true, 'error': 'x', "
	 "'why': 'permission'}"), UNKN, "milter cannot be asked: x"},
	{"no milter here", "service", UP(", 'milter': {'up': false, 'expected': false}"), OK, NULL},

	{"list fresh", "lists", LIST("fresh", "499", ""), OK, NULL},
	{"list half as old as it may be", "lists", LIST("fresh", "500", ""), WARN, "a.test: the list is fresh"},
	{"list as old as it may be", "lists", LIST("fresh", "1000", ""), CRIT, "ago"},
	{"list stale", "lists", LIST("stale", "1", ""), CRIT, "stale"},
	{"list frozen in an outage", "lists", LIST("frozen", "9999", ""), OK, NULL},
	{"list unreadable", "lists", DOMAIN("'source': 'x', 'authority': 'unreadable'"), CRIT, "cannot be read"},
	{"never a list", "lists", DOMAIN("'source': 'x', 'authority': 'absent', 'list': null, "
	 "'sync': {'last_error': 'no such file'}"), CRIT, "never had its list: no such file"},
	{"no list is meant", "lists", DOMAIN("'source': '', 'authority': 'absent', 'list': null"), OK, NULL},
	{"two syncs failed", "lists", LIST("fresh", "1", ", 'sync': {'failures': 2}"), OK, NULL},
	{"three syncs failed", "lists", LIST("fresh", "1", ", 'sync': {'failures': 3, "
	 "'failing_since': 99940, 'last_error': 'x|y\\nz'}"), WARN, "3 syncs of the list have failed in 1m0s: x/y?z"},
	{"policyd away, lists", "lists", AWAY, UNKN, "cannot be asked"},

	{"primary up", "primary", PRIMARY("'state': 'up', 'since': 5"), OK, NULL},
	{"primary down, not for long", "primary", PRIMARY("'state': 'down', 'since': 99401"), OK, NULL},
	{"primary down", "primary", PRIMARY("'state': 'down', 'since': 99400, 'last_error': 'timeout'"),
	 WARN, "down for 10m0s: timeout"},
	{"primary down for hours", "primary", PRIMARY("'state': 'down', 'since': 85600"), CRIT, "4h0m"},
	{"primary refuses us", "primary", PRIMARY("'state': 'up', 'refuses_us': true, 'last_error': '554'"),
	 CRIT, "refuses us: 554"},
	{"primary cannot be used", "primary", PRIMARY("'state': 'up', 'config_error': 'no CA'"), CRIT, "no CA"},
	{"primary accepts all", "primary", DOMAIN("'accepts_all': 'yes', 'list': null"), WARN, "give it a list"},
	{"accepts all, with a list", "primary", DOMAIN("'accepts_all': 'yes', 'list': {}"), OK, NULL},

	{"queue waits for a primary that is down", "queue", QUEUE("'state': 'down', 'since': 5", "10"), OK, NULL},
	{"queue waits, the primary is just back", "queue", QUEUE("'state': 'up', 'since': 99900", "10"), OK, NULL},
	{"queue waits, not for long", "queue", QUEUE("'state': 'up', 'since': 5", "98201"), OK, NULL},
	{"queue waits though it could go", "queue", QUEUE("'state': 'up', 'since': 5", "98200"),
	 WARN, "a.test: the primary is up, but 3 messages wait, for 30m0s: no route"},
	{"queue waits for hours", "queue", QUEUE("'state': 'up', 'since': 5", "10"), CRIT, "up, but"},
	{"queue is empty", "queue", QUEUE("'state': 'up', 'since': 5", "0"), OK, NULL},
	{"queue cannot be read", "queue", UP(", 'queue': {'error': 'mail system is down'}"), UNKN, "mail system"},

	{"no Redis", "redis", UP(", 'redis': null"), OK, NULL},
	{"Redis up", "redis", UP(", 'redis': {'up': true, 'maxmemory_policy': 'noeviction'}"), OK, NULL},
	{"Redis just gone", "redis", UP(", 'redis': {'up': false, 'since': 99941}"), OK, NULL},
	{"Redis gone", "redis", UP(", 'redis': {'up': false, 'since': 99940, 'last_error': 'refused'}"),
	 WARN, "down for 1m0s: refused"},
	{"Redis gone for long", "redis", UP(", 'redis': {'up': false, 'since': 10}"), CRIT, "down"},
	{"Redis evicts", "redis", UP(", 'redis': {'up': true, 'maxmemory_policy': 'allkeys-lru'}"), WARN, "noeviction"},
	{"a replica alone", "redis", UP(", 'redis': {'up': true, 'role': 'replica', 'replica_link_up': false}"),
	 WARN, "lost its master"},

	{"no bounces", "bounces", UP(", 'bounces': {'day': {}}"), OK, NULL},
	{"few bounces held", "bounces", UP(", 'bounces': {'day': {'quarantine': 19}}"), OK, NULL},
	{"bounces held", "bounces", UP(", 'bounces': {'day': {'quarantine': 20}}"), WARN, "20 were held"},
	{"many bounces held", "bounces", UP(", 'bounces': {'day': {'quarantine': 200}}"), CRIT, "200"},
	{"bounces cannot be read", "bounces", UP(", 'bounces': {'error': 'x'}"), UNKN, "x"},

	{"room", "disk", UP(", 'disk': [{'what': 'state', 'free_percent': 10, 'inodes_free_percent': 10}]"), OK, NULL},
	{"little room", "disk", UP(", 'disk': [{'what': 'state', 'path': '/v', 'free_percent': 9, "
	 "'inodes_free_percent': 50}]"), WARN, "9 % of the blocks are free in /v"},
	{"no inodes", "disk", UP(", 'disk': [{'what': 'queue', 'free_percent': 90, 'inodes_free_percent': 4}]"),
	 CRIT, "4 % of the inodes"},
	{"a disk that cannot be looked at", "disk", UP(", 'disk': [{'what': 'queue', 'error': 'x'}]"), UNKN, "disk: queue: x"},
};
/* clang-format on */
#define CASES (sizeof(cases) / sizeof(cases[0]))

/* The tables above are easier to read with '. */
static json_t *
facts_of(const char *text)
{
	char buffer[1024];
	json_t *facts;

	assert_true(strlen(text) < sizeof(buffer));
	for (size_t i = 0; i <= strlen(text); i++)
		buffer[i] = text[i] == '\'' ? '"' : text[i];
	facts = json_loads(buffer, 0, NULL);
	assert_non_null(facts);
	return facts;
}

static const struct bmxctl_check *
check_of(const char *name)
{
	size_t count;
	const struct bmxctl_check *checks = bmxctl_checks(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(checks[i].name, name) == 0)
			return &checks[i];
	return NULL;
}

static void
test_judge(void **state)
{
	const struct judge_case *tc = *state;
	const struct bmxctl_check *check = check_of(tc->check);
	json_t *facts = facts_of(tc->facts);
	struct bmxctl_verdict verdict;
	const char *text;

	assert_int_equal(bmxctl_verdict_init(&verdict), 0);
	assert_non_null(check);
	if (!check)
		return; /* for the compiler, which does not know of assert */
	check->judge(&verdict, facts, &check->limit);
	assert_int_equal(verdict.state, tc->want);
	assert_int_equal(json_array_size(verdict.problems), tc->text ? 1 : 0);
	text = json_string_value(
		json_object_get(json_array_get(verdict.problems, 0), "text"));
	if (tc->text && !strstr(text, tc->text))
		assert_string_equal(text, tc->text);
	bmxctl_verdict_clear(&verdict);
	json_decref(facts);
}

/* "*" is in the array beside its domains, and has no primary. */
static void
test_count_of_primaries(void **state)
{
	json_t *facts =
		facts_of(UP(", 'domains': [{'name': '*', 'domains': 1}, "
	                    "{'name': 'a.test', 'primary': {'state': 'up'}}]"));
	const struct bmxctl_check *check = check_of("primary");
	struct bmxctl_verdict verdict;

	(void)state;
	assert_int_equal(bmxctl_verdict_init(&verdict), 0);
	assert_non_null(check);
	if (!check)
		return; /* for the compiler, which does not know of assert */
	check->judge(&verdict, facts, &check->limit);
	assert_string_equal(verdict.good.data, "1 of 1 primaries up");
	bmxctl_verdict_clear(&verdict);
	json_decref(facts);
}

/* A limit of 0 is for mail that waits, not for an empty queue. */
static void
test_limit_of_nothing(void **state)
{
	static const struct bmxctl_limit none = {0, 0};
	static const struct {
		const char *facts;
		enum bmxctl_state want;
	} rows[] = {
		{QUEUE("'state': 'up', 'since': 5", "0"), OK},
		{QUEUE("'state': 'down', 'since': 5", "10"), OK},
		{QUEUE("'state': 'up', 'since': 100000", "100000"), CRIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *facts = facts_of(rows[i].facts);
		struct bmxctl_verdict verdict;

		assert_int_equal(bmxctl_verdict_init(&verdict), 0);
		bmxctl_judge_queue(&verdict, facts, &none);
		assert_int_equal(verdict.state, rows[i].want);
		bmxctl_verdict_clear(&verdict);
		json_decref(facts);
	}
}

/* Facts of any shape are no crash: parts that are missing, or something else
 * than they should be. */
static void
test_odd_facts(void **state)
{
	static const char *const odd[] = {
		"{}", "{'ok': true}",
		"{'ok': true, 'domains': 5, 'queue': 7, 'redis': [], "
		"'bounces': 'x', 'disk': {}, 'milter': 1}",
		"{'ok': true, 'domains': [1, {}], 'disk': [2, {}], 'queue': "
		"{'domains': [3, {}]}}"};
	size_t count;
	const struct bmxctl_check *checks = bmxctl_checks(&count);

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		json_t *facts = facts_of(odd[i]);
		struct bmxctl_verdict verdict;

		assert_int_equal(bmxctl_verdict_init(&verdict), 0);
		for (size_t j = 0; j < count; j++)
			checks[j].judge(&verdict, facts, &checks[j].limit);
		bmxctl_verdict_clear(&verdict);
		json_decref(facts);
	}
}

static void
test_worse(void **state)
{
	(void)state;
	assert_int_equal(bmxctl_state_worse(OK, UNKN), UNKN);
	assert_int_equal(bmxctl_state_worse(UNKN, WARN), WARN);
	assert_int_equal(bmxctl_state_worse(CRIT, WARN), CRIT);
	assert_int_equal(bmxctl_state_worse(WARN, CRIT), CRIT);
}

int
main(void)
{
	struct CMUnitTest tests[3 + CASES] = {
		cmocka_unit_test(test_count_of_primaries),
		cmocka_unit_test(test_limit_of_nothing),
		cmocka_unit_test(test_odd_facts),
		cmocka_unit_test(test_worse),
	};

	for (size_t i = 0; i < CASES; i++)
		tests[3 + i] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_judge,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
