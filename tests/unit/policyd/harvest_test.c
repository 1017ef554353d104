/* How many unknown users a client network may ask for, and for how long. */
#include "tests/support/rows.h"

#include <stdio.h>

#include "policyd/harvest.h"

#define START INT64_C(1000000)
#define WINDOW BMX_HARVEST_WINDOW_MS

struct harvest_case {
	const char *name;
	int count;        /* unknown users */
	int64_t every_ms; /* one after the other */
	int64_t later_ms; /* after the last one, the answer is looked at */
	enum bmx_harvest_answer want;
};

/* clang-format off */
static struct harvest_case cases[] = {
	{"none",                                0, 0,            0,              BMX_HARVEST_NONE},
	{"one below the brake",                 9, 0,            0,              BMX_HARVEST_NONE},
	{"the brake",                          10, 0,            0,              BMX_HARVEST_BRAKED},
	{"one below too many",                 29, 0,            0,              BMX_HARVEST_BRAKED},
	{"too many",                           30, 0,            0,              BMX_HARVEST_OVER},
	{"far too many",                      999, 0,            0,              BMX_HARVEST_OVER},
	{"the window is about to end",         30, 0,            WINDOW - 1000,  BMX_HARVEST_OVER},
	{"the window has ended",               30, 0,            WINDOW,         BMX_HARVEST_NONE},
	{"one a minute, the tenth in time",    10, 60000,        0,              BMX_HARVEST_BRAKED},
	{"the first of ten is over",           10, 60000,        60000,          BMX_HARVEST_NONE},
	{"eleven, the first is over",          11, 60000,        0,              BMX_HARVEST_BRAKED},
	{"too slow to be counted together",   500, 70000,        0,              BMX_HARVEST_NONE},
	{"thirty in time",                     30, 20000,        0,              BMX_HARVEST_OVER},
	{"thirty, too slow for the last step", 30, 21000,        0,              BMX_HARVEST_BRAKED},
};
/* clang-format on */

static struct bmx_client_net
net(unsigned a, unsigned b)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "2001:db8:%x:%x::1", a, b);
	return bmx_client_net_of(bmx_slice_of(text));
}

static void
test_count(void **state)
{
	const struct harvest_case *tc = *state;
	const struct bmx_client_net client = net(1, 1);
	const struct bmx_client_net other = net(1, 2);
	struct bmx_harvest *harvest = bmx_harvest_new();
	int64_t now = START;

	assert_non_null(harvest);
	for (int i = 0; i < tc->count; i++) {
		if (i > 0)
			now += tc->every_ms;
		bmx_harvest_count(harvest, &client, now);
	}
	assert_int_equal(bmx_harvest_look(harvest, &client, now + tc->later_ms),
	                 tc->want);
	assert_int_equal(bmx_harvest_look(harvest, &other, now + tc->later_ms),
	                 BMX_HARVEST_NONE);
	assert_int_equal(bmx_harvest_displaced(harvest), 0);
	bmx_harvest_free(&harvest);
	assert_null(harvest);
}

/* Who goes on is not forgotten while a crowd of others passes once. */
static void
test_crowd(void **state)
{
	const struct bmx_client_net client = net(0xffff, 1);
	struct bmx_harvest *harvest = bmx_harvest_new();
	int64_t now = START;

	(void)state;
	assert_non_null(harvest);
	for (unsigned i = 0; i < 100000; i++) {
		const struct bmx_client_net one = net(i >> 16, i & 0xffff);

		bmx_harvest_count(harvest, &one, now);
		if (i % 1000 == 0) {
			now += 1000;
			bmx_harvest_count(harvest, &client, now);
		}
	}
	assert_int_equal(bmx_harvest_look(harvest, &client, now),
	                 BMX_HARVEST_OVER);
	assert_true(bmx_harvest_displaced(harvest) > 0);
	assert_true(bmx_harvest_displaced(harvest) < 100000);
	bmx_harvest_free(&harvest);
}

/* A table that is full of networks whose time is over loses nothing. */
static void
test_expired_give_way(void **state)
{
	struct bmx_harvest *harvest = bmx_harvest_new();

	(void)state;
	assert_non_null(harvest);
	for (unsigned i = 0; i < 30000; i++) {
		const struct bmx_client_net one = net(i >> 16, i & 0xffff);

		bmx_harvest_count(harvest, &one, START + i * WINDOW);
	}
	assert_int_equal(bmx_harvest_displaced(harvest), 0);
	bmx_harvest_free(&harvest);
}

/* Against a plain list of times, for random pauses. */
static void
test_like_a_list(void **state)
{
	enum { EVENTS = 2000 };

	static int64_t at[EVENTS];
	const struct bmx_client_net client = net(3, 3);
	struct bmx_harvest *harvest = bmx_harvest_new();
	uint32_t seed = 12345;
	int64_t now = START;

	(void)state;
	assert_non_null(harvest);
	for (int i = 0; i < EVENTS; i++) {
		int within = 0;
		enum bmx_harvest_answer want = BMX_HARVEST_NONE;

		seed = seed * 1103515245 + 12345;
		now += 1000 * (int64_t)((seed >> 16) % ((uint32_t)i % 200 + 1));
		at[i] = now;
		bmx_harvest_count(harvest, &client, now);
		for (int k = 0; k <= i; k++)
			within += now - at[k] < WINDOW;
		if (within >= BMX_HARVEST_NO_PROBES)
			want = BMX_HARVEST_BRAKED;
		if (within >= BMX_HARVEST_TOO_MANY)
			want = BMX_HARVEST_OVER;
		assert_int_equal(bmx_harvest_look(harvest, &client, now), want);
	}
	bmx_harvest_free(&harvest);
}

static void
test_start_of_time(void **state)
{
	const struct bmx_client_net client = net(4, 4);
	struct bmx_harvest *harvest = bmx_harvest_new();

	(void)state;
	assert_non_null(harvest);
	assert_int_equal(bmx_harvest_look(harvest, &client, 0),
	                 BMX_HARVEST_NONE);
	for (int i = 0; i < BMX_HARVEST_NO_PROBES; i++)
		bmx_harvest_count(harvest, &client, 0);
	assert_int_equal(bmx_harvest_look(harvest, &client, 0),
	                 BMX_HARVEST_BRAKED);
	bmx_harvest_free(&harvest);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(bmx_harvest_answer_name(BMX_HARVEST_NONE), "none");
	assert_string_equal(bmx_harvest_answer_name(BMX_HARVEST_BRAKED),
	                    "no-probes");
	assert_string_equal(bmx_harvest_answer_name(BMX_HARVEST_OVER),
	                    "too-many");
}

static const struct CMUnitTest singles[] = {
	cmocka_unit_test(test_crowd),
	cmocka_unit_test(test_expired_give_way),
	cmocka_unit_test(test_like_a_list),
	cmocka_unit_test(test_start_of_time),
	cmocka_unit_test(test_names),
};

int
main(void)
{
	ROWS_RUN_WITH(cases, test_count, singles);
}
