/* How a primary's targets are kept fresh: on the fake loop, from a zone in
 * memory. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/targets.h"
#include "tests/support/fake_dns.h"
#include "tests/support/fake_loop.h"
#include "tests/support/zone_text.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
/* zone.c answers with a TTL of 60 s; a tenth is jitter. */
#define REFRESHED (66 * SECOND)
#define RETRIED (33 * SECOND)

#define MX1 "d.test MX 10 m1.test;m1.test A 192.0.2.1;"
#define MX2 "d.test MX 20 m2.test;m2.test A 192.0.2.2;"

struct world {
	struct bmx_loop *loop;
	struct zone *zone;
	struct fake_dns *dns;
	struct bmx_targets *targets;
	unsigned changes;
	bool frees;
};

static void
on_change(void *ctx, struct bmx_targets *targets)
{
	struct world *world = ctx;

	assert_ptr_equal(targets, world->targets);
	world->changes++;
	if (world->frees)
		bmx_targets_free(&world->targets);
}

static bool
never_ours(void *ctx, const struct bmx_target_address *address)
{
	(void)ctx;
	(void)address;
	return false;
}

static void
start(struct world *world, const char *primary, const char *text,
      bool wants_dane)
{
	static const char *const names[] = {"us.test", "not a name"};
	const struct bmx_targets_options options = {
		.domain = BMX_SLICE("d.test"),
		.primary = &primary,
		.primary_count = 1,
		.our_names = names,
		.our_name_count = 2,
		.wants_dane = wants_dane,
		.loop = world->loop,
		.asker = fake_dns_asker(world->dns),
		.is_ours = never_ours,
		.on_change = on_change,
		.on_change_ctx = world};
	struct zone *zone = zone_of_text(text);

	zone_free(&world->zone);
	world->zone = zone;
	fake_dns_set_zone(world->dns, zone);
	world->targets = bmx_targets_new(&options, NULL);
	assert_non_null(world->targets);
	assert_int_equal(world->changes, 0);
	assert_int_equal(bmx_targets_get(world->targets)->state,
	                 BMX_TARGETS_LOADING);
}

static void
set_zone(struct world *world, const char *text)
{
	zone_free(&world->zone);
	world->zone = zone_of_text(text);
	fake_dns_set_zone(world->dns, world->zone);
}

static int
open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->loop = fake_loop_new(0);
	world->zone = zone_new();
	world->dns = fake_dns_new(world->zone, world->loop);
	*state = world;
	return 0;
}

static int
close_world(void **state)
{
	struct world *world = *state;

	bmx_targets_free(&world->targets);
	assert_int_equal(fake_dns_open(world->dns), 0);
	fake_dns_free(&world->dns);
	zone_free(&world->zone);
	fake_loop_free(&world->loop);
	free(world);
	return 0;
}

static void
assert_set(const struct world *world, enum bmx_target_state state,
           const char *text, unsigned changes)
{
	const struct bmx_target_set *set = bmx_targets_get(world->targets);

	assert_string_equal(bmx_target_state_name(set->state),
	                    bmx_target_state_name(state));
	assert_string_equal(set->text, text);
	assert_int_equal(world->changes, changes);
}

static void
test_first(void **state)
{
	struct world *world = *state;

	start(world, "mx", MX1, false);
	fake_loop_advance(world->loop, 0);
	assert_set(world, BMX_TARGETS_READY, "m1.test:25", 1);
	assert_int_equal(fake_dns_asked(world->dns), 3); /* no TLSA */
	assert_false(bmx_targets_stale(world->targets));
}

static void
test_refresh(void **state)
{
	struct world *world = *state;

	start(world, "mx", MX1, false);
	fake_loop_advance(world->loop, 0);
	set_zone(world, MX1 MX2);
	fake_loop_advance(world->loop, MINUTE - 1);
	assert_set(world, BMX_TARGETS_READY, "m1.test:25", 1);
	fake_loop_advance(world->loop, REFRESHED - MINUTE + 1);
	assert_set(world, BMX_TARGETS_READY, "m1.test:25 m2.test:25", 2);
	fake_loop_advance(world->loop, 10 * MINUTE);
	assert_int_equal(world->changes, 2); /* the same is no change */
}

static void
test_refresh_now(void **state)
{
	struct world *world = *state;

	start(world, "mx", MX1, false);
	fake_loop_advance(world->loop, 0);
	set_zone(world, MX1 MX2);
	fake_dns_delay(world->dns, SECOND);
	bmx_targets_refresh(world->targets);
	fake_loop_advance(world->loop, 0);
	bmx_targets_refresh(world->targets); /* one is under way */
	fake_loop_advance(world->loop, 2 * SECOND);
	assert_set(world, BMX_TARGETS_READY, "m1.test:25 m2.test:25", 2);
	assert_int_equal(fake_dns_asked(world->dns), 3 + 5);
}

static void
test_kept_through_failure(void **state)
{
	struct world *world = *state;
	size_t asked;

	start(world, "mx", MX1, false);
	fake_loop_advance(world->loop, 0);
	fake_dns_fail(world->dns, true);
	fake_loop_advance(world->loop, REFRESHED);
	assert_set(world, BMX_TARGETS_READY, "m1.test:25", 1);
	assert_true(bmx_targets_stale(world->targets));
	asked = fake_dns_asked(world->dns);
	fake_loop_advance(world->loop, 10 * RETRIED);
	assert_in_range(fake_dns_asked(world->dns) - asked, 10, 11);
	set_zone(world, MX2);
	fake_dns_fail(world->dns, false);
	fake_loop_advance(world->loop, RETRIED);
	assert_set(world, BMX_TARGETS_READY, "m2.test:25", 2);
	assert_false(bmx_targets_stale(world->targets));
}

static void
test_failure_first(void **state)
{
	struct world *world = *state;

	start(world, "mx", MX1, false);
	fake_dns_delay(world->dns, -1);
	fake_loop_advance(world->loop, BMX_TARGETS_ANSWER_MS - 1);
	assert_set(world, BMX_TARGETS_LOADING, "", 0);
	fake_loop_advance(world->loop, 1);
	assert_set(world, BMX_TARGETS_FAILED, "", 1);
	fake_loop_advance(world->loop, 10 * MINUTE);
	assert_int_equal(world->changes, 1); /* still the same */
	fake_dns_delay(world->dns, 0);
	fake_loop_advance(world->loop, MINUTE);
	assert_set(world, BMX_TARGETS_READY, "m1.test:25", 2);
}

static void
test_gone(void **state)
{
	struct world *world = *state;

	start(world, "mx", MX1, false);
	fake_loop_advance(world->loop, 0);
	set_zone(world, "e.test MX 10 m1.test");
	fake_loop_advance(world->loop, REFRESHED);
	assert_set(world, BMX_TARGETS_NXDOMAIN, "", 2);
	assert_false(bmx_targets_stale(world->targets));
}

static void
test_partial(void **state)
{
	struct world *world = *state;

	start(world, "mx", MX1 MX2, false);
	fake_loop_advance(world->loop, 0);
	set_zone(world, MX1 "d.test MX 20 m2.test;m2.test FAIL");
	fake_loop_advance(world->loop, REFRESHED);
	assert_set(world, BMX_TARGETS_READY, "m1.test:25 m2.test:25", 1);
	assert_true(bmx_targets_stale(world->targets));
	assert_int_equal(
		bmx_targets_get(world->targets)->hosts[1].address_count, 1);
	set_zone(world, MX1);
	fake_loop_advance(world->loop, RETRIED);
	assert_set(world, BMX_TARGETS_READY, "m1.test:25", 2);
}

static void
test_literal(void **state)
{
	struct world *world = *state;

	start(world, "[192.0.2.10]:2525", "", true);
	fake_loop_advance(world->loop, 0);
	assert_set(world, BMX_TARGETS_READY, "[192.0.2.10]:2525", 1);
	assert_int_equal(fake_dns_asked(world->dns), 0);
	/* Nothing has a TTL: the longest time. */
	assert_in_range(fake_loop_next_ms(world->loop), 60 * MINUTE,
	                66 * MINUTE);
}

static void
test_dane(void **state)
{
	struct world *world = *state;
	struct bmx_target_tries *tries;

	fake_dns_sign(world->dns, true, "");
	start(world, "mx", MX1 "_25._tcp.m1.test TLSA 3 1 1 abc", true);
	fake_loop_advance(world->loop, 0);
	assert_int_equal(fake_dns_asked(world->dns), 4);
	tries = bmx_targets_tries(world->targets);
	assert_true(bmx_target_tries_next(tries)->dane_ok);
	bmx_target_tries_free(&tries);
}

static void
test_dane_unsigned(void **state)
{
	struct world *world = *state;
	struct bmx_target_tries *tries;

	start(world, "mx", MX1 "_25._tcp.m1.test TLSA 3 1 1 abc", true);
	fake_loop_advance(world->loop, 0);
	assert_int_equal(fake_dns_asked(world->dns), 3); /* of no use */
	tries = bmx_targets_tries(world->targets);
	assert_false(bmx_target_tries_next(tries)->dane_ok);
	bmx_target_tries_free(&tries);
}

static void
test_free_under_way(void **state)
{
	struct world *world = *state;

	fake_dns_delay(world->dns, SECOND);
	start(world, "mx", MX1, false);
	fake_loop_advance(world->loop, SECOND);
	assert_int_equal(fake_dns_open(world->dns), 2);
	bmx_targets_free(&world->targets);
	assert_int_equal(fake_dns_open(world->dns), 0);
	fake_loop_advance(world->loop, MINUTE);
	assert_int_equal(world->changes, 0);
}

static void
test_free_in_callback(void **state)
{
	struct world *world = *state;
	const struct bmx_target_set *set;

	start(world, "mx", MX1, false);
	set = bmx_target_set_ref(bmx_targets_get(world->targets));
	world->frees = true;
	fake_loop_advance(world->loop, MINUTE);
	assert_int_equal(world->changes, 1);
	assert_null(world->targets);
	bmx_target_set_unref(&set);
}

static void
test_bad_primary(void **state)
{
	struct world *world = *state;
	const char *const primary[] = {"mx", "m1.test:0"};
	const struct bmx_targets_options options = {
		.domain = BMX_SLICE("d.test"),
		.primary = primary,
		.primary_count = 2,
		.loop = world->loop,
		.asker = fake_dns_asker(world->dns)};
	struct bmx_error err;

	assert_null(bmx_targets_new(&options, &err));
	assert_int_equal(err.code, BMX_E_RANGE);
	assert_non_null(strstr(err.text, "m1.test:0"));
}

#define ROW(text, function)                                                    \
	{                                                                      \
		text, function, open_world, close_world, NULL                  \
	}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ROW("looked up at the start", test_first),
		ROW("looked up again after the TTL", test_refresh),
		ROW("looked up at once when told", test_refresh_now),
		ROW("kept while DNS fails", test_kept_through_failure),
		ROW("DNS fails from the start", test_failure_first),
		ROW("a domain that is gone is gone", test_gone),
		ROW("a host whose DNS fails is kept", test_partial),
		ROW("a literal asks nothing", test_literal),
		ROW("TLSA are asked for", test_dane),
		ROW("TLSA of no use are not", test_dane_unsigned),
		ROW("freed while DNS is asked", test_free_under_way),
		ROW("freed when told", test_free_in_callback),
		ROW("a primary that is none", test_bad_primary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
