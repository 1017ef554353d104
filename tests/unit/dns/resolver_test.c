#include "tests/support/cmocka.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "lib/dns/upstream.h"

/* An upstream that answers when the test says so. */
struct fake {
	bmx_dns_upstream_cb *done;
	void *flight;
	unsigned started;
	unsigned cancelled;
};

struct world {
	struct fake fake;
	int64_t now_us;
	struct bmx_clock clock;
	struct bmx_dns *dns;
};

static int
fake_start(void *ctx, const struct bmx_dns_question *question,
           bmx_dns_upstream_cb *done, void *flight, void **handle_out)
{
	struct fake *fake = ctx;

	(void)question;
	fake->done = done;
	fake->flight = flight;
	fake->started++;
	*handle_out = fake;
	return 0;
}

static bool
fake_cancel(void *ctx, void *handle)
{
	struct fake *fake = ctx;

	assert_ptr_equal(handle, fake);
	fake->cancelled++;
	return true;
}

static void
fake_free(void *ctx)
{
	(void)ctx;
}

static int64_t
fake_now(void *ctx)
{
	return ((struct world *)ctx)->now_us;
}

static void
open_world(struct world *world, size_t max_entries)
{
	struct bmx_dns_options options = {.max_entries = max_entries,
	                                  .max_pending = 2};
	struct bmx_dns_upstream upstream = {fake_start, fake_cancel, fake_free,
	                                    &world->fake};

	*world = (struct world){.clock = {fake_now, fake_now, world}};
	options.clock = &world->clock;
	world->dns = bmx_dns_new_over(&options, &upstream, NULL);
	assert_non_null(world->dns);
}

static void
answer(struct world *world, enum bmx_dns_status status, uint32_t ttl_s)
{
	const struct bmx_dns_record record = {.address = {192, 0, 2, 1}};

	world->fake.done(
		world->fake.flight,
		bmx_dns_answer_new(status, BMX_DNS_A, ttl_s, &record, 1));
}

/* Looks name up and answers if it is asked; true when it was asked. */
static bool
look_up(struct world *world, const char *name, enum bmx_dns_status status,
        uint32_t ttl_s)
{
	const unsigned before = world->fake.started;
	struct bmx_dns_query *query =
		bmx_dns_start(world->dns, bmx_slice_of(name), BMX_DNS_A);
	const bool asked = world->fake.started > before;
	const struct bmx_dns_answer *got;

	if (asked)
		answer(world, status, ttl_s);
	assert_true(bmx_dns_done(query));
	got = bmx_dns_wait(&query, 0);
	assert_int_equal(got->status, status);
	bmx_dns_answer_unref(&got);
	return asked;
}

struct keep_case {
	const char *name;
	enum bmx_dns_status status;
	uint32_t ttl_s;
	int64_t kept_s;
};

/* clang-format off */
static struct keep_case keep_cases[] = {
	{"an answer is kept for its TTL",         BMX_DNS_OK,       30,      30},
	{"an answer is kept for a day at most",   BMX_DNS_OK,       900000,  86400},
	{"TTL 0 is not kept",                     BMX_DNS_OK,       0,       0},
	{"NXDOMAIN is kept for its TTL",          BMX_DNS_NXDOMAIN, 60,      60},
	{"NODATA is kept for 15 min at most",     BMX_DNS_NODATA,   86400,   900},
	{"a failure is kept for 5 s at most",     BMX_DNS_TEMPFAIL, 60,      5},
};
/* clang-format on */

static void
test_keep(void **state)
{
	const struct keep_case *tc = *state;
	struct world world;

	open_world(&world, 10);
	assert_true(look_up(&world, "a.test", tc->status, tc->ttl_s));
	if (tc->kept_s > 0) {
		world.now_us = tc->kept_s * 1000000 - 1;
		assert_false(look_up(&world, "A.test.", tc->status, 0));
	}
	world.now_us = tc->kept_s * 1000000;
	assert_true(look_up(&world, "a.test", tc->status, tc->ttl_s));
	bmx_dns_free(&world.dns);
}

static void
test_cap(void **state)
{
	struct bmx_dns_counters counters;
	struct world world;

	(void)state;
	open_world(&world, 2);
	assert_true(look_up(&world, "a.test", BMX_DNS_OK, 60));
	assert_true(look_up(&world, "b.test", BMX_DNS_OK, 60));
	assert_false(look_up(&world, "a.test", BMX_DNS_OK, 60));
	assert_true(look_up(&world, "c.test", BMX_DNS_OK, 60));
	assert_false(look_up(&world, "a.test", BMX_DNS_OK, 60));
	assert_true(look_up(&world, "b.test", BMX_DNS_OK, 60));
	bmx_dns_count(world.dns, &counters);
	assert_int_equal(counters.entries, 2);
	assert_int_equal(counters.evicted, 2);
	bmx_dns_free(&world.dns);
}

static void
test_single_flight(void **state)
{
	struct bmx_dns_query *first, *second;
	const struct bmx_dns_answer *a, *b;
	struct world world;

	(void)state;
	open_world(&world, 10);
	first = bmx_dns_start(world.dns, BMX_SLICE("a.test"), BMX_DNS_A);
	second = bmx_dns_start(world.dns, BMX_SLICE("A.TEST"), BMX_DNS_A);
	assert_int_equal(world.fake.started, 1);
	bmx_dns_cancel(&first); /* another one still waits */
	assert_int_equal(world.fake.cancelled, 0);
	first = bmx_dns_start(world.dns, BMX_SLICE("a.test"), BMX_DNS_A);
	answer(&world, BMX_DNS_OK, 60);
	a = bmx_dns_wait(&first, 0);
	b = bmx_dns_wait(&second, 0);
	assert_ptr_equal(a, b);
	assert_int_equal(a->records[0].address[0], 192);
	bmx_dns_answer_unref(&a);
	bmx_dns_answer_unref(&b);
	bmx_dns_free(&world.dns);
}

static void
test_deadline_cancels(void **state)
{
	const struct bmx_dns_answer *got;
	struct world world;

	(void)state;
	open_world(&world, 10);
	got = bmx_dns_resolve(world.dns, BMX_SLICE("a.test"), BMX_DNS_A,
	                      bmx_clock_mono_us(bmx_clock_system()) + 20000);
	assert_int_equal(got->status, BMX_DNS_TEMPFAIL);
	assert_int_equal(world.fake.cancelled, 1);
	bmx_dns_answer_unref(&got);
	assert_true(look_up(&world, "a.test", BMX_DNS_OK, 60));
	bmx_dns_free(&world.dns);
}

static void
test_pending_cap(void **state)
{
	struct bmx_dns_query *queries[3];
	struct world world;

	(void)state;
	open_world(&world, 10);
	queries[0] = bmx_dns_start(world.dns, BMX_SLICE("a.test"), BMX_DNS_A);
	queries[1] = bmx_dns_start(world.dns, BMX_SLICE("b.test"), BMX_DNS_A);
	queries[2] = bmx_dns_start(world.dns, BMX_SLICE("c.test"), BMX_DNS_A);
	assert_int_equal(world.fake.started, 2);
	assert_true(bmx_dns_done(queries[2]));
	for (size_t i = 0; i < 3; i++)
		bmx_dns_cancel(&queries[i]);
	assert_int_equal(world.fake.cancelled, 2);
	bmx_dns_free(&world.dns);
}

static void
test_bad_name(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, 10);
	assert_false(look_up(&world, "a..test", BMX_DNS_BADNAME, 0));
	assert_false(look_up(&world, "", BMX_DNS_BADNAME, 0));
	bmx_dns_free(&world.dns);
}

int
main(void)
{
	enum { KEEP = sizeof(keep_cases) / sizeof(keep_cases[0]) };
	struct CMUnitTest tests[KEEP + 5] = {
		[KEEP] = cmocka_unit_test(test_cap),
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_deadline_cancels),
		cmocka_unit_test(test_pending_cap),
		cmocka_unit_test(test_bad_name),
	};

	for (size_t i = 0; i < KEEP; i++)
		tests[i] = (struct CMUnitTest){keep_cases[i].name, test_keep,
		                               NULL, NULL, &keep_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
