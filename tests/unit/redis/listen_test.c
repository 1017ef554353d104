#include "redis_fixture.h"

/* What a subscription heard: S subscribed, D deaf, or a message's payload,
 * each followed by '|'. */
struct heard {
	char text[512];
	struct bmx_redis_subscription **end; /* ended at the next message */
	struct bmx_redis_subscription *own;
};

static void
hear(void *ctx, enum bmx_redis_heard what, struct bmx_slice payload)
{
	struct heard *heard = ctx;

	if (what == BMX_REDIS_SUBSCRIBED)
		(void)strcat(heard->text, "S");
	else if (what == BMX_REDIS_DEAF)
		(void)strcat(heard->text, "D");
	else
		(void)strncat(heard->text, payload.data, payload.len);
	(void)strcat(heard->text, "|");
	if (what == BMX_REDIS_MESSAGE && heard->end)
		bmx_redis_unsubscribe(heard->end);
}

static int
setup(void **state)
{
	struct world *world = world_new();

	server_rule(&world->servers[0], "SUBSCRIBE one",
	            "*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n");
	server_rule(&world->servers[0], "SUBSCRIBE two",
	            "*3\r\n$9\r\nsubscribe\r\n$3\r\ntwo\r\n:2\r\n");
	server_rule(&world->servers[0], "PING",
	            "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	world_link(world);
	*state = world;
	return 0;
}

static int
teardown(void **state)
{
	world_free(*state);
	return 0;
}

#define ONE "*3\r\n$7\r\nmessage\r\n$3\r\none\r\n$1\r\n1\r\n"
#define TWO "*3\r\n$7\r\nmessage\r\n$3\r\ntwo\r\n$1\r\n2\r\n"

/* Octets on the connection that listens: the second one. */
static void
say(struct world *world, const char *octets)
{
	server_say(&world->servers[0], 1, octets, strlen(octets));
	pump(world);
}

static struct bmx_redis_subscription *
listen_to(struct world *world, const char *channel, struct heard *heard)
{
	struct bmx_error err;

	return bmx_redis_subscribe(world->redis, bmx_slice_of(channel), hear,
	                           heard, &err);
}

static void
test_messages(void **state)
{
	struct world *world = *state;
	struct heard one = {0}, two = {0};

	assert_non_null(listen_to(world, "one", &one));
	pump(world);
	assert_non_null(listen_to(world, "two", &two));
	assert_string_equal(two.text, "");
	pump(world);
	say(world, ONE TWO ONE);
	assert_string_equal(one.text, "S|1|1|");
	assert_string_equal(two.text, "S|2|");
	assert_int_equal(world->servers[0].count, 2);
}

static void
test_lost_and_again(void **state)
{
	struct world *world = *state;
	struct heard one = {0};

	assert_non_null(listen_to(world, "one", &one));
	pump(world);
	peer_close(&world->servers[0], 1);
	pump(world);
	assert_string_equal(one.text, "S|D|");
	pass(world, 110);
	say(world, ONE);
	assert_string_equal(one.text, "S|D|S|1|");
}

static void
test_silence_is_death(void **state)
{
	struct world *world = *state;
	struct heard one = {0};

	assert_non_null(listen_to(world, "one", &one));
	pass(world, 30000);
	assert_string_equal(one.text, "S|");
	server_rule(&world->servers[0], "PING", NULL);
	pass(world, 7000);
	assert_non_null(strstr(one.text, "S|D|S|"));
}

static void
test_end(void **state)
{
	struct world *world = *state;
	struct heard one = {0}, same = {0};
	struct bmx_redis_subscription *first = listen_to(world, "one", &one);
	struct bmx_redis_subscription *second = listen_to(world, "one", &same);

	pump(world);
	bmx_redis_unsubscribe(&first);
	assert_null(first);
	pump(world);
	assert_null(strstr(world->servers[0].seen, "UNSUBSCRIBE"));
	say(world, ONE);
	assert_string_equal(one.text, "S|");
	assert_string_equal(same.text, "S|1|");
	bmx_redis_unsubscribe(&second);
	bmx_redis_unsubscribe(&second);
	pump(world);
	assert_non_null(strstr(world->servers[0].seen, "UNSUBSCRIBE one|"));
	say(world, ONE);
	assert_string_equal(same.text, "S|1|");
}

/* Each ends the other's at its message: only the first one hears it. */
static void
test_end_in_a_callback(void **state)
{
	struct world *world = *state;
	struct heard one = {0}, two = {0};

	one.own = listen_to(world, "one", &one);
	two.own = listen_to(world, "one", &two);
	one.end = &two.own;
	two.end = &one.own;
	pump(world);
	say(world, ONE ONE);
	assert_string_equal(one.text, "S|1|1|");
	assert_string_equal(two.text, "S|");
	one.end = &one.own;
	say(world, ONE ONE);
	assert_string_equal(one.text, "S|1|1|1|");
}

static void
test_forbidden(void **state)
{
	struct world *world = *state;
	struct heard one = {0}, three = {0};

	server_rule(&world->servers[0], "SUBSCRIBE three",
	            "-NOPERM this user has no permissions to access one of the "
	            "channels\r\n");
	assert_non_null(listen_to(world, "three", &three));
	assert_non_null(listen_to(world, "one", &one));
	pump(world);
	assert_string_equal(three.text, "");
	assert_string_equal(one.text, "S|");
	assert_true(state_of(world).fault);
	assert_non_null(strstr(state_of(world).error, "NOPERM"));
}

static void
test_too_many(void **state)
{
	struct world *world = *state;
	struct heard heard = {0};

	for (size_t i = 0; i < BMX_REDIS_CHANNELS_MAX; i++)
		assert_non_null(listen_to(world, "two", &heard));
	assert_null(listen_to(world, "two", &heard));
}

/* What a listener gets that it did not ask for, or that is no message. */
static void
test_odd_pushes(void **state)
{
	static const char *const odd[] = {
		"*0\r\n",
		"+OK\r\n",
		"$-1\r\n",
		"*3\r\n:1\r\n:2\r\n:3\r\n",
		"*3\r\n$7\r\nmessage\r\n$3\r\none\r\n*1\r\n:1\r\n",
		"*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$1\r\n1\r\n",
		"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$3\r\none\r\n$1\r\n1\r\n",
		"*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\n1\r\n",
	};
	struct world *world = *state;
	struct heard one = {0};

	assert_non_null(listen_to(world, "one", &one));
	pump(world);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		say(world, odd[i]);
	say(world, ONE);
	assert_string_equal(one.text, "S|1|");
	say(world, "garbage\r\n");
	assert_string_equal(one.text, "S|1|D|");
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_WORLD(test_messages),
		WITH_WORLD(test_lost_and_again),
		WITH_WORLD(test_silence_is_death),
		WITH_WORLD(test_end),
		WITH_WORLD(test_end_in_a_callback),
		WITH_WORLD(test_forbidden),
		WITH_WORLD(test_too_many),
		WITH_WORLD(test_odd_pushes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
