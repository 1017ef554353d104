/* When a sync is asked for, by what Redis says of the generation. */
#include "policyd/redis_follow.h"

#include "tests/support/rows.h"

struct want_case {
	const char *name;
	struct bmx_redis_follow_facts facts; /* local, remote, asked, for */
	bool want;
};

static struct want_case cases[] = {
	{"the same generation", {7, 7, false, 0}, false},
	{"a later generation", {7, 8, false, 0}, true},
	{"a later generation, asked for", {7, 8, true, 8}, false},
	{"a later one than asked for", {7, 9, true, 8}, true},
	{"an older generation", {7, 6, false, 0}, true},
	{"an older generation, asked for", {7, 6, true, 6}, false},
	{"first list", {0, 1, false, 0}, true},
	{"nothing published yet", {0, 0, false, 0}, true},
	{"still nothing published", {0, 0, true, 0}, false},
	{"nothing published any more", {7, 0, false, 0}, true},
	{"still nothing any more", {7, 0, true, 0}, false},
	{"there again", {7, 7, true, 0}, false},
};

static void
test_wants(void **state)
{
	const struct want_case *tc = *state;

	assert_int_equal(bmx_redis_follow_wants(&tc->facts), tc->want);
}

int
main(void)
{
	ROWS_RUN(cases, test_wants);
}
