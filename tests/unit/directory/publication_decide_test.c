/* What a publisher and a follower do: facts in, act out, a row each. */
#include <backupmx/publication.h>

#include <string.h>

#include "tests/support/cmocka.h"

#define FOUND BMX_PUBLICATION_FOUND
#define ABSENT BMX_PUBLICATION_ABSENT
#define FOREIGN BMX_PUBLICATION_FOREIGN

/*
 * The publisher.
 */

struct publish_case {
	const char *name;
	enum bmx_publication_found found;
	uint64_t count, digest, members;
	bool compared;
	uint64_t added, removed, changed;
	size_t bytes;
	uint64_t new_count, new_digest;
	int64_t max_shrink;
	bool force;
	enum bmx_publish_act want;
	enum bmx_error_code code;
};

#define P(act) BMX_PUBLISH_##act

/* clang-format off */
static struct publish_case publish_cases[] = {
	/* found, count, digest, members, compared, added, removed, changed, bytes, new count, new digest */
	{"nothing there yet",          ABSENT,  0,   0, 0,   true,  10, 0, 0, 90,  10, 1, 20, false, P(FULL),    BMX_E_NONE},
	{"the same list",              FOUND,   100, 1, 100, true,  0,  0, 0, 0,   100, 1, 20, false, P(NOTHING), BMX_E_NONE},
	{"the same list, forced",      FOUND,   100, 1, 100, true,  0,  0, 0, 0,   100, 1, 20, true,  P(FULL),    BMX_E_NONE},
	{"the same, but evicted",      FOUND,   100, 1, 0,   false, 0,  0, 0, 0,   100, 1, 20, false, P(FULL),    BMX_E_NONE},
	{"the same, but one gone",     FOUND,   100, 1, 99,  false, 0,  0, 0, 0,   100, 1, 20, false, P(FULL),    BMX_E_NONE},
	{"the same, but gone back",    FOUND,   100, 1, 100, true,  0,  0, 0, 8,   100, 1, 20, false, P(FULL),    BMX_E_NONE},
	{"another digest alone",       FOUND,   100, 1, 100, true,  0,  0, 1, 20,  100, 2, 20, false, P(DELTA),   BMX_E_NONE},
	{"one more",                   FOUND,   100, 1, 100, true,  1,  0, 0, 10,  101, 2, 20, false, P(DELTA),   BMX_E_NONE},
	{"one less at 0 per cent",     FOUND,   100, 1, 100, true,  0,  1, 0, 10,  99,  2, 0,  false, P(DELTA),   BMX_E_NONE},
	{"20 per cent less",           FOUND,   100, 1, 100, true,  0, 20, 0, 200, 80,  2, 20, false, P(DELTA),   BMX_E_NONE},
	{"21 per cent less",           FOUND,   100, 1, 100, true,  0, 21, 0, 200, 79,  2, 20, false, P(REFUSE),  BMX_E_REFUSED},
	{"21 per cent less, forced",   FOUND,   100, 1, 100, true,  0, 21, 0, 200, 79,  2, 20, true,  P(DELTA),   BMX_E_NONE},
	{"exchanged",                  FOUND,   100, 1, 100, true, 30, 30, 0, 600, 100, 2, 20, false, P(REFUSE),  BMX_E_REFUSED},
	{"more than half is new",      FOUND,   100, 1, 100, true, 51,  0, 0, 500, 151, 2, 20, false, P(DELTA),   BMX_E_NONE},
	{"10,000 changes",             FOUND, 1000000, 1, 1000000, true, 10000, 0, 0, 99999, 1010000, 2, 20, false, P(DELTA), BMX_E_NONE},
	{"10,001 changes",             FOUND, 1000000, 1, 1000000, true, 10001, 0, 0, 99999, 1010001, 2, 20, false, P(FULL),  BMX_E_NONE},
	{"octets beyond an entry",     FOUND, 1000000, 1, 1000000, true, 9000, 0, 0, 262145, 1009000, 2, 20, false, P(FULL),  BMX_E_NONE},
	{"not compared",               FOUND,   100, 1, 100, false, 0,  0, 0, 0,   100, 2, 20, false, P(FULL),    BMX_E_NONE},
	{"not compared, 21 fewer",     FOUND,   100, 1, 100, false, 0,  0, 0, 0,   79,  2, 20, false, P(REFUSE),  BMX_E_REFUSED},
	{"an empty list",              FOUND,   100, 1, 100, true,  0, 100, 0, 1,  0,   0, 100, false, P(REFUSE), BMX_E_REFUSED},
	{"an empty list, forced",      FOUND,   100, 1, 100, true,  0, 100, 0, 1,  0,   0, 100, true,  P(REFUSE), BMX_E_REFUSED},
	{"an empty first list",        ABSENT,  0,   0, 0,   true,  0,  0, 0, 0,   0,   0, 20, false, P(REFUSE),  BMX_E_REFUSED},
	{"somebody else's key",        FOREIGN, 0,   0, 0,   false, 0,  0, 0, 0,   10,  1, 20, false, P(REFUSE),  BMX_E_CORRUPT},
	{"somebody else's key, forced",FOREIGN, 0,   0, 0,   false, 0,  0, 0, 0,   10,  1, 20, true,  P(FULL),    BMX_E_NONE},
};
/* clang-format on */

static void
test_publish(void **state)
{
	const struct publish_case *tc = *state;
	const struct bmx_publish_facts facts = {
		.found = tc->found,
		.generation = tc->found == FOUND ? 7 : 0,
		.published = strstr(tc->name, "gone back") ? 8 : 7,
		.count = tc->count,
		.digest = tc->digest,
		.members = tc->members,
		.compared = tc->compared,
		.added = tc->added,
		.removed = tc->removed,
		.changed = tc->changed,
		.delta_bytes = tc->bytes,
		.new_count = tc->new_count,
		.new_digest = tc->new_digest,
		.max_shrink = tc->max_shrink,
		.force = tc->force,
	};
	struct bmx_error err = {0};

	assert_string_equal(
		bmx_publish_act_name(bmx_publish_decide(&facts, &err)),
		bmx_publish_act_name(tc->want));
	assert_int_equal(err.code, tc->code);
}

/*
 * The follower: the local list is of generation 7, 100 entries, digest 1.
 */

enum local {
	NO_LIST,
	NO_ORIGIN, /* a list from elsewhere */
	INTACT,    /* as it was followed */
	MOVED,     /* changed since: not in force */
	SWAPPED,   /* in force by its record, but of another digest */
	HELD,      /* a rollback holds digest 2 back */
};

struct follow_case {
	const char *name;
	enum local local;
	enum bmx_publication_found found;
	uint64_t generation, count, digest;
	bool set_found;
	uint64_t members;
	int64_t max_shrink;
	bool force;
	enum bmx_follow_act want;
	enum bmx_error_code code;
	const char *text; /* part of the error */
};

#define F(act) BMX_FOLLOW_##act

/* clang-format off */
static struct follow_case follow_cases[] = {
	/* local, found, generation, count, digest, set, members, shrink, force */
	{"first list",               NO_LIST,   FOUND,   1, 9,   5, true, 9,   20, false, F(WHOLE),   BMX_E_NONE, ""},
	{"a list from elsewhere",    NO_ORIGIN, FOUND,   1, 100, 5, true, 100, 20, false, F(WHOLE),   BMX_E_NONE, ""},
	{"the same generation",      INTACT,    FOUND,   7, 100, 1, true, 100, 20, false, F(NOTHING), BMX_E_NONE, ""},
	{"the next generation",      INTACT,    FOUND,   8, 101, 2, true, 101, 20, false, F(DELTAS),  BMX_E_NONE, ""},
	{"a far generation",         INTACT,    FOUND, 900, 101, 2, true, 101, 20, false, F(DELTAS),  BMX_E_NONE, ""},
	{"changed here since",       MOVED,     FOUND,   8, 101, 2, true, 101, 20, false, F(WHOLE),   BMX_E_NONE, ""},
	{"changed here, same one",   MOVED,     FOUND,   7, 100, 1, true, 100, 20, false, F(WHOLE),   BMX_E_NONE, ""},
	{"digest does not fit here", SWAPPED,   FOUND,   8, 101, 2, true, 101, 20, false, F(WHOLE),   BMX_E_NONE, ""},
	{"an older generation",      INTACT,    FOUND,   6, 100, 2, true, 100, 20, false, F(REFUSE),  BMX_E_REFUSED, "older"},
	{"an older one, forced",     INTACT,    FOUND,   6, 100, 2, true, 100, 20, true,  F(WHOLE),   BMX_E_NONE, ""},
	{"older than was, moved",    MOVED,     FOUND,   6, 100, 2, true, 100, 20, false, F(REFUSE),  BMX_E_REFUSED, "older"},
	{"same number, other list",  INTACT,    FOUND,   7, 100, 2, true, 100, 20, false, F(REFUSE),  BMX_E_REFUSED, "not the one"},
	{"same number, other count", INTACT,    FOUND,   7, 99,  1, true, 99,  20, false, F(REFUSE),  BMX_E_REFUSED, "not the one"},
	{"no meta, first list",      NO_LIST,   ABSENT,  0, 0,   0, true, 0,   20, false, F(REFUSE),  BMX_E_NOT_FOUND, "no published list"},
	{"no meta any more",         INTACT,    ABSENT,  0, 0,   0, true, 0,   20, false, F(REFUSE),  BMX_E_NOT_FOUND, "any more"},
	{"no meta, forced",          INTACT,    ABSENT,  0, 0,   0, true, 0,   20, true,  F(REFUSE),  BMX_E_NOT_FOUND, "any more"},
	{"a foreign meta",           INTACT,    FOREIGN, 0, 0,   0, true, 0,   20, false, F(REFUSE),  BMX_E_CORRUPT, "is a string"},
	{"a foreign set",            INTACT,    FOUND,   8, 100, 2, false, 0,  20, false, F(REFUSE),  BMX_E_CORRUPT, "else than a set"},
	{"an evicted set",           INTACT,    FOUND,   7, 100, 1, true, 0,   20, false, F(REFUSE),  BMX_E_CORRUPT, "evicted"},
	{"an evicted set, forced",   INTACT,    FOUND,   7, 100, 1, true, 0,   20, true,  F(REFUSE),  BMX_E_CORRUPT, "evicted"},
	{"one member too many",      INTACT,    FOUND,   8, 100, 2, true, 101, 20, false, F(REFUSE),  BMX_E_CORRUPT, "damaged"},
	{"emptied by its publisher", INTACT,    FOUND,   8, 0,   0, true, 0,   20, false, F(REFUSE),  BMX_E_CORRUPT, "emptied"},
	{"20 per cent fewer",        INTACT,    FOUND,   8, 80,  2, true, 80,  20, false, F(DELTAS),  BMX_E_NONE, ""},
	{"21 per cent fewer",        INTACT,    FOUND,   8, 79,  2, true, 79,  20, false, F(REFUSE),  BMX_E_REFUSED, "max_shrink"},
	{"21 per cent, forced",      INTACT,    FOUND,   8, 79,  2, true, 79,  20, true,  F(DELTAS),  BMX_E_NONE, ""},
	{"far fewer than elsewhere", NO_ORIGIN, FOUND,   8, 9,   2, true, 9,   20, false, F(REFUSE),  BMX_E_REFUSED, "max_shrink"},
	{"what a rollback holds",    HELD,      FOUND,   8, 100, 2, true, 100, 20, false, F(REFUSE),  BMX_E_REFUSED, "rollback"},
	{"what a rollback held",     HELD,      FOUND,   9, 100, 3, true, 100, 20, false, F(WHOLE),   BMX_E_NONE, ""},
	{"rollback, forced",         HELD,      FOUND,   8, 100, 2, true, 100, 20, true,  F(WHOLE),   BMX_E_NONE, ""},
};
/* clang-format on */

static void
test_follow(void **state)
{
	const struct follow_case *tc = *state;
	struct bmx_follow_facts facts = {
		.has_list = tc->local != NO_LIST,
		.count = 100,
		.digest = tc->local == SWAPPED ? 9 : 1,
		.held = tc->local == HELD,
		.held_digest = 2,
		.has_origin = tc->local != NO_LIST && tc->local != NO_ORIGIN,
		.origin = {.generation = 7,
	                   .count = 100,
	                   .digest = 1,
	                   .in_force =
	                           tc->local == INTACT || tc->local == SWAPPED},
		.found = tc->found,
		.foreign = "it is a string",
		.set_found = tc->set_found,
		.members = tc->members,
		.max_shrink = tc->max_shrink,
		.force = tc->force,
	};
	struct bmx_error err = {0};

	facts.publication.generation = tc->generation;
	facts.publication.count = tc->count;
	facts.publication.digest = tc->digest;
	assert_string_equal(
		bmx_follow_act_name(bmx_follow_decide(&facts, &err)),
		bmx_follow_act_name(tc->want));
	assert_int_equal(err.code, tc->code);
	assert_non_null(strstr(err.text, tc->text));
}

#define ROWS(cases) (sizeof(cases) / sizeof((cases)[0]))

int
main(void)
{
	struct CMUnitTest tests[ROWS(publish_cases) + ROWS(follow_cases)] = {0};
	size_t count = 0;

	for (size_t i = 0; i < ROWS(publish_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = publish_cases[i].name,
		                            .test_func = test_publish,
		                            .initial_state = &publish_cases[i]};
	for (size_t i = 0; i < ROWS(follow_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = follow_cases[i].name,
		                            .test_func = test_follow,
		                            .initial_state = &follow_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
