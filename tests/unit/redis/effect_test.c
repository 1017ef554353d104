#include "tests/support/cmocka.h"

#include "lib/redis/effect.h"

struct effect_case {
	const char *name;
	const char *text;
	struct bmx_redis_standing standing;
	enum bmx_redis_effect want;
};

#define TO(e) BMX_REDIS_EFFECT_##e
#define HELLO .standing = {.identifying = true}
#define MASTER .standing = {.role = BMX_REDIS_ROLE_MASTER}
#define REPLICA .standing = {.role = BMX_REDIS_ROLE_REPLICA}
#define CLUSTER .standing = {.cluster = true, .role = BMX_REDIS_ROLE_MASTER}

/* clang-format off */
static struct effect_case cases[] = {
	{"a dataset is being loaded",       "LOADING Redis is loading the dataset in memory", MASTER, .want = TO(NEXT)},
	{"that while identifying",          "LOADING Redis is loading the dataset in memory", HELLO, .want = TO(NEXT)},
	{"a replica without its master",    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", REPLICA, .want = TO(NEXT)},
	{"a script runs for too long",      "BUSY Redis is busy running a script.", MASTER, .want = TO(NEXT)},
	{"BUSYGROUP is something else",     "BUSYGROUP Consumer Group name already exists", MASTER, .want = TO(NONE)},
	{"no room for a client",            "ERR max number of clients reached", HELLO, .want = TO(NEXT)},
	{"a master was demoted",            "READONLY You can't write against a read only replica.", MASTER, .want = TO(NEXT)},
	{"a replica is what it was",        "READONLY You can't write against a read only replica.", REPLICA, .want = TO(NONE)},
	{"a role that is not known",        "READONLY You can't write against a read only replica.", .standing = {0}, .want = TO(NONE)},
	{"a Cluster's master was demoted",  "READONLY You can't write against a read only replica.", CLUSTER, .want = TO(REFRESH)},
	{"cannot save, does not write",     "MISCONF Redis is configured to save RDB snapshots, but it's ...", MASTER, .want = TO(TELL)},
	{"memory is full",                  "OOM command not allowed when used memory > 'maxmemory'.", MASTER, .want = TO(TELL)},
	{"too few replicas",                "NOREPLICAS Not enough good replicas to write.", MASTER, .want = TO(TELL)},
	{"a password is asked for",         "NOAUTH Authentication required.", HELLO, .want = TO(FAULT)},
	{"a password was set meanwhile",    "NOAUTH Authentication required.", MASTER, .want = TO(FAULT)},
	{"the password is wrong",           "WRONGPASS invalid username-password pair or user is disabled.", HELLO, .want = TO(FAULT)},
	{"an old server's wrong password",  "ERR invalid password", HELLO, .want = TO(FAULT)},
	{"no password is set",              "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?", HELLO, .want = TO(FAULT)},
	{"an old server without password",  "ERR Client sent AUTH, but no password is set", HELLO, .want = TO(FAULT)},
	{"protected mode",                  "DENIED Redis is running in protected mode because ...", HELLO, .want = TO(FAULT)},
	{"may not do that command",         "NOPERM this user has no permissions to run the 'keys' command", MASTER, .want = TO(TELL)},
	{"may not even identify",           "NOPERM this user has no permissions to run the 'select' command", HELLO, .want = TO(FAULT)},
	{"no such database",                "ERR DB index is out of range", HELLO, .want = TO(FAULT)},
	{"no databases in a Cluster",       "ERR SELECT is not allowed in cluster mode", HELLO, .want = TO(FAULT)},
	{"the wrong type",                  "WRONGTYPE Operation against a key holding the wrong kind of value", MASTER, .want = TO(NONE)},
	{"a transaction that fell through", "EXECABORT Transaction discarded because of previous errors.", MASTER, .want = TO(NONE)},
	{"an unknown class",                "WHATEVER", MASTER, .want = TO(NONE)},
	{"an unknown one, identifying",     "WHATEVER", HELLO, .want = TO(FAULT)},
	{"an empty error",                  "", MASTER, .want = TO(NONE)},
	{"a slot has moved",                "MOVED 3999 127.0.0.1:6381", CLUSTER, .want = TO(MOVED)},
	{"a slot moved, no Cluster is set", "MOVED 3999 127.0.0.1:6381", MASTER, .want = TO(TELL)},
	{"a key has moved",                 "ASK 3999 127.0.0.1:6381", CLUSTER, .want = TO(ASK)},
	{"a slot under way",                "TRYAGAIN Multiple keys request during rehashing of slot", CLUSTER, .want = TO(LATER)},
	{"a Cluster that is down",          "CLUSTERDOWN The cluster is down", CLUSTER, .want = TO(REFRESH)},
	{"the same, no Cluster is set",     "CLUSTERDOWN Hash slot not served", MASTER, .want = TO(NEXT)},
};
/* clang-format on */

static void
test_effect(void **state)
{
	const struct effect_case *tc = *state;

	assert_int_equal(
		bmx_redis_effect_of(bmx_slice_of(tc->text), &tc->standing),
		tc->want);
}

#define CASES (sizeof(cases) / sizeof(cases[0]))

int
main(void)
{
	struct CMUnitTest tests[CASES] = {0};

	for (size_t i = 0; i < CASES; i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_effect;
		tests[i].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
