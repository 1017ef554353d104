#include "redis_fixture.h"

#include <backupmx/redis_call.h>

static int
setup(void **state)
{
	*state = world_new();
	return 0;
}

static int
teardown(void **state)
{
	world_free(*state);
	return 0;
}

static void
test_identifies_itself(void **state)
{
	struct world *world = *state;
	struct bmx_redis_state got;

	world->settings.database = 3;
	world_link(world);
	got = state_of(world);
	assert_false(got.up);
	assert_int_equal(got.role, BMX_REDIS_ROLE_UNKNOWN);
	pump(world);
	assert_string_equal(world->servers[0].seen,
	                    "CLIENT SETNAME test|SELECT 3|ROLE|"
	                    "CONFIG GET maxmemory-policy|");
	got = state_of(world);
	assert_true(got.up);
	assert_int_equal(got.role, BMX_REDIS_ROLE_MASTER);
	assert_string_equal(got.maxmemory_policy, "noeviction");
	assert_int_equal(got.breaker, BMX_CIRCUIT_CLOSED);
	assert_string_equal(got.server, world->server_texts[0]);
	assert_true(world->state_changes > 0);
}

static void
test_password(void **state)
{
	struct world *world = *state;
	char path[80];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/password", world->directory);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs("sesame\n", file);
	(void)fclose(file);
	world->settings.username = "bmx";
	world->settings.password_file = path;
	server_rule(&world->servers[0], "AUTH",
	            "-WRONGPASS invalid username-password pair\r\n");
	world_link(world);
	pump(world);
	assert_non_null(strstr(world->servers[0].seen, "AUTH bmx sesame|"));
	assert_false(state_of(world).up);
	assert_true(state_of(world).fault);
	assert_int_equal(state_of(world).breaker, BMX_CIRCUIT_OPEN);
	assert_non_null(strstr(state_of(world).error, "WRONGPASS"));
	assert_null(strstr(state_of(world).error, "sesame"));
	/* A person must act: no hammering, then the new password is used. */
	pass(world, 4900);
	assert_int_equal(world->servers[0].count, 1);
	server_rule(&world->servers[0], "AUTH", "+OK\r\n");
	pass(world, 200);
	assert_true(state_of(world).up);
	assert_false(state_of(world).fault);
	(void)unlink(path);
}

static void
test_commands_in_order(void **state)
{
	struct world *world = *state;
	struct answer first, second, third;

	server_rule(&world->servers[0], "GET a", "$1\r\n1\r\n");
	server_rule(&world->servers[0], "GET b", "-WRONGTYPE Operation\r\n");
	server_rule(&world->servers[0], "GET c", "$-1\r\n");
	world_link(world);
	/* Before there is a connection: they wait for it. */
	assert_non_null(ask_words(world, "GET a", &first, NULL));
	assert_non_null(ask_words(world, "GET b", &second, NULL));
	pump(world);
	assert_non_null(ask_words(world, "GET c", &third, NULL));
	assert_false(third.called);
	assert_int_equal(state_of(world).in_flight, 1);
	pump(world);
	assert_string_equal(first.text, "1");
	assert_string_equal(second.text, "-WRONGTYPE Operation");
	assert_string_equal(third.text, "nil");
	assert_true(first.epoch != 0);
	assert_int_equal(first.epoch, third.epoch);
	assert_int_equal(state_of(world).in_flight, 0);
	assert_true(state_of(world).up);
}

static void
test_batch(void **state)
{
	struct world *world = *state;
	const struct bmx_slice multi[] = {BMX_SLICE("MULTI")};
	const struct bmx_slice set[] = {BMX_SLICE("SET"), BMX_SLICE("k"),
	                                BMX_SLICE("v")};
	const struct bmx_slice exec[] = {BMX_SLICE("EXEC")};
	const struct bmx_redis_command commands[] = {
		{multi, 1}, {set, 3}, {exec, 1}};
	struct bmx_redis_request request = {.commands = commands, .count = 3};
	struct answer got = {0}, late = {0};
	struct bmx_error err;

	server_rule(&world->servers[0], "MULTI", "+OK\r\n");
	server_rule(&world->servers[0], "SET", "+QUEUED\r\n");
	server_rule(&world->servers[0], "EXEC", "*1\r\n+OK\r\n");
	world_link(world);
	assert_non_null(bmx_redis_send(world->redis, &request, take_answer,
	                               &got, NULL));
	pump(world);
	assert_string_equal(got.text, "[+OK +QUEUED [+OK]]");
	/* On the same connection: yes; on another one: no. */
	request.epoch = got.epoch;
	memset(&got, 0, sizeof(got));
	assert_non_null(bmx_redis_send(world->redis, &request, take_answer,
	                               &got, NULL));
	pump(world);
	assert_true(got.called);
	peer_close(&world->servers[0], 0);
	pass(world, 300);
	assert_true(state_of(world).up);
	assert_null(bmx_redis_send(world->redis, &request, take_answer, &late,
	                           &err));
	assert_int_equal(err.code, BMX_E_CLOSED);
	assert_false(late.called);
}

static void
test_timeout_ends_the_connection(void **state)
{
	struct world *world = *state;
	struct answer slow, behind;

	server_rule(&world->servers[0], "GET fast", "$1\r\n1\r\n");
	world_link(world);
	pump(world);
	(void)ask_words(world, "GET slow", &slow, NULL);
	(void)ask_words(world, "GET fast", &behind, NULL);
	pump(world);
	/* The reply to the second one is taken for that of the first: that is
	 * why nothing may be read after a late one. */
	pass(world, 240);
	assert_true(slow.called);
	assert_false(behind.called);
	pass(world, 10);
	assert_true(behind.called);
	assert_int_equal(behind.err, BMX_E_TIMEOUT);
	assert_int_equal(state_of(world).lost, 1);
	assert_null(world->servers[0].peers[0]);
	pass(world, 100);
	assert_true(state_of(world).up);
	assert_int_equal(world->servers[0].count, 2);
}

static void
test_waits_no_longer_than_it_may(void **state)
{
	struct world *world = *state;
	struct answer got;

	server_stop(&world->servers[0]);
	server_start(world, 0);
	server_rule(&world->servers[0], "ROLE", NULL);
	world_link(world);
	(void)ask_words(world, "GET a", &got, NULL);
	pass(world, 240);
	assert_false(got.called);
	pass(world, 10);
	assert_true(got.called);
	assert_int_equal(got.err, BMX_E_TIMEOUT);
}

/* One that waited for the connection has less time than a whole timeout; that
 * it is late says nothing against the server. */
static void
test_late_asker_keeps_the_connection(void **state)
{
	struct world *world = *state;
	struct answer first, second;

	server_rule(&world->servers[0], "ROLE", NULL);
	world_link(world);
	(void)ask_words(world, "GET a", &first, NULL);
	pass(world, 200);
	server_say(&world->servers[0], 0, "+OK\r\n", 5);
	pump(world);
	assert_true(state_of(world).up);
	pass(world, 60);
	assert_int_equal(first.err, BMX_E_TIMEOUT);
	assert_true(state_of(world).up);
	(void)ask_words(world, "GET b", &second, NULL);
	pump(world);
	/* CONFIG's answer is there; now the late one, and the next. */
	server_say(&world->servers[0], 0, "$1\r\na\r\n$1\r\nb\r\n", 14);
	pump(world);
	assert_string_equal(second.text, "b");
}

static void
test_breaker(void **state)
{
	struct world *world = *state;
	struct answer got, refused;
	struct bmx_error err;

	server_stop(&world->servers[0]);
	world->settings.timeout_ms = 5000;
	world_link(world);
	(void)ask_words(world, "GET a", &got, NULL);
	pass(world, 1000); /* pauses of at most 100 and 200 ms */
	assert_true(got.called);
	assert_int_equal(got.err, BMX_E_CLOSED);
	assert_int_equal(state_of(world).breaker, BMX_CIRCUIT_OPEN);
	assert_null(ask_words(world, "GET b", &refused, &err));
	assert_int_equal(err.code, BMX_E_CLOSED);
	assert_non_null(strstr(err.text, world->servers[0].path));
	server_start(world, 0);
	pass(world, 5000);
	assert_true(state_of(world).up);
	assert_int_equal(state_of(world).breaker, BMX_CIRCUIT_CLOSED);
	assert_non_null(ask_words(world, "PING", &got, &err));
	pump(world);
	assert_string_equal(got.text, "+PONG");
}

static void
test_next_server(void **state)
{
	struct world *world = *state;
	struct answer got;

	world->settings.servers.count = 2;
	server_stop(&world->servers[0]);
	world_link(world);
	(void)ask_words(world, "PING", &got, NULL);
	pump(world);
	assert_string_equal(got.text, "+PONG");
	assert_string_equal(state_of(world).server, world->server_texts[1]);
	/* It stays there while that works, and goes back when it is lost. */
	server_start(world, 0);
	pass(world, 3000);
	assert_string_equal(state_of(world).server, world->server_texts[1]);
	server_stop(&world->servers[1]);
	pass(world, 300);
	assert_string_equal(state_of(world).server, world->server_texts[0]);
	assert_true(state_of(world).up);
}

/* A server that answers so is left for the next one in the row. */
struct leave_case {
	const char *name;
	const char *command;
	const char *reply;
	bool leaves;
};

/* clang-format off */
static struct leave_case leave_cases[] = {
	{"identifying: loading",      "ROLE",       "-LOADING Redis is loading\r\n",            true},
	{"identifying: full",         "CLIENT",     "-ERR max number of clients reached\r\n",   true},
	{"identifying: role refused", "ROLE",       "-NOPERM no permissions\r\n",               false},
	{"identifying: old server",   "CLIENT",     "-ERR unknown subcommand\r\n",              false},
	{"loading",                   "GET",        "-LOADING Redis is loading\r\n",            true},
	{"its master is down",        "GET",        "-MASTERDOWN Link with MASTER is down\r\n", true},
	{"busy with a script",        "GET",        "-BUSY Redis is busy\r\n",                  true},
	{"demoted",                   "GET",        "-READONLY You can't write\r\n",            true},
	{"wrong type",                "GET",        "-WRONGTYPE Operation against\r\n",         false},
	{"memory is full",            "GET",        "-OOM command not allowed\r\n",             false},
	{"cannot save",               "GET",        "-MISCONF Redis is configured\r\n",         false},
	{"may not",                   "GET",        "-NOPERM this user\r\n",                    false},
	{"a RESP3 push",              "GET",        ">2\r\n+a\r\n+b\r\n",                       true},
	{"another protocol",          "GET",        "HTTP/1.1 400 Bad Request\r\n\r\n",         true},
	{"closes",                    "GET",        "!",                                        true},
};
/* clang-format on */

static void
test_leave(void **state)
{
	const struct leave_case *tc = *state;
	struct world *world = world_new();
	struct answer got;

	world->settings.servers.count = 2;
	server_rule(&world->servers[0], tc->command, tc->reply);
	server_rule(&world->servers[1], "GET", "+second\r\n");
	world_link(world);
	pump(world);
	(void)ask_words(world, "GET a", &got, NULL);
	pass(world, 110);
	assert_true(got.called || !strcmp(tc->command, "ROLE") ||
	            !strcmp(tc->command, "CLIENT"));
	assert_true(state_of(world).up);
	if (got.called && !strcmp(tc->command, "GET") && tc->reply[0] == '-')
		assert_int_equal(got.text[0], '-'); /* the asker hears it */
	/* A protocol error may go back to the first one; what says that it
	 * cannot serve must not. */
	if (!tc->leaves)
		assert_int_equal(world->servers[1].count, 0);
	else if (tc->reply[0] == '-')
		assert_int_equal(world->servers[1].count, 1);
	else
		assert_int_equal(world->servers[0].count, 2);
	world_free(world);
}

static void
test_unasked_reply(void **state)
{
	struct world *world = *state;

	world_link(world);
	pump(world);
	server_say(&world->servers[0], 0, "+OK\r\n", 5);
	pump(world);
	assert_non_null(strstr(state_of(world).error, "belongs to no command"));
	pass(world, 100);
	assert_true(state_of(world).up);
	assert_int_equal(world->servers[0].count, 2);
}

static void
test_caps(void **state)
{
	static char big[BMX_REDIS_BYTES_MAX / 2];
	struct world *world = *state;
	struct answer *answers =
		calloc(BMX_REDIS_COMMANDS_MAX, sizeof(*answers));
	struct bmx_slice argv[] = {BMX_SLICE("GET"), {big, sizeof(big)}};
	struct answer got = {0}, other = {0};
	struct bmx_error err;

	assert_non_null(answers);
	server_rule(&world->servers[0], "PING", "+PONG\r\n");
	world_link(world);
	for (size_t i = 0; i < BMX_REDIS_COMMANDS_MAX; i++)
		assert_non_null(ask_words(world, "PING", &answers[i], NULL));
	assert_null(ask_words(world, "PING", &got, &err));
	assert_int_equal(err.code, BMX_E_BUSY);
	pump(world);
	for (size_t i = 0; i < BMX_REDIS_COMMANDS_MAX; i++)
		assert_string_equal(answers[i].text, "+PONG");
	free(answers);
	assert_int_equal(state_of(world).in_flight, 0);
	/* Octets: one of half a cap fits, two with their frames do not. */
	memset(big, 'x', sizeof(big));
	assert_non_null(bmx_redis_command(world->redis, argv, 2, argv[1],
	                                  take_answer, &other, &err));
	assert_null(bmx_redis_command(world->redis, argv, 2, argv[1],
	                              take_answer, &got, &err));
	assert_int_equal(err.code, BMX_E_BUSY);
	assert_false(got.called);
}

static void
test_cancelled_ones_give_room_back(void **state)
{
	static char big[BMX_REDIS_BYTES_MAX / 4];
	struct world *world = *state;
	struct bmx_slice argv[] = {BMX_SLICE("GET"), {big, sizeof(big)}};
	struct bmx_redis_ask *ask;

	memset(big, 'x', sizeof(big));
	world_link(world);
	for (int i = 0; i < 20; i++) {
		struct answer got = {0};

		ask = bmx_redis_command(world->redis, argv, 2, BMX_SLICE(""),
		                        take_answer, &got, NULL);
		assert_non_null(ask);
		bmx_redis_cancel(ask);
	}
}

/* Octets that were answered make room for others. */
static void
test_answers_give_room_back(void **state)
{
	struct world *world = *state;
	struct answer got;
	char words[600] = "GET ";

	memset(words + 4, 'x', sizeof(words) - 5);
	server_rule(&world->servers[0], "GET", "$-1\r\n");
	world_link(world);
	for (size_t i = 0; i < 2 * BMX_REDIS_BYTES_MAX / sizeof(words); i++) {
		assert_non_null(ask_words(world, words, &got, NULL));
		pump(world);
		assert_true(got.called);
	}
}

/* The breaker is closed, but the next try comes too late for the asker. */
static void
test_no_wait_in_vain(void **state)
{
	struct world *world = *state;
	struct answer got;
	struct bmx_error err = {0};
	bool refused = false;

	world->settings.timeout_ms = 10;
	world_link(world);
	pump(world);
	for (int i = 0; i < 200 && !refused; i++) {
		/* Up for a moment each time, so the breaker stays closed. */
		(void)ask_words(world, "PING", &got, NULL);
		pump(world);
		peer_close(&world->servers[0], 0);
		pump(world);
		if (state_of(world).breaker == BMX_CIRCUIT_CLOSED)
			refused = !ask_words(world, "PING", &got, &err);
		pass(world, 5000);
	}
	assert_true(refused);
	assert_int_equal(err.code, BMX_E_CLOSED);
}

static void
test_cancel(void **state)
{
	struct world *world = *state;
	struct answer waiting, sent, next;

	server_rule(&world->servers[0], "GET a", "+a\r\n");
	server_rule(&world->servers[0], "GET b", "+b\r\n");
	server_rule(&world->servers[0], "GET c", "+c\r\n");
	world_link(world);
	bmx_redis_cancel(ask_words(world, "GET a", &waiting, NULL));
	assert_int_equal(state_of(world).in_flight, 0);
	pump(world);
	assert_null(strstr(world->servers[0].seen, "GET a"));
	bmx_redis_cancel(ask_words(world, "GET b", &sent, NULL));
	(void)ask_words(world, "GET c", &next, NULL);
	pump(world);
	assert_false(waiting.called);
	assert_false(sent.called);
	assert_string_equal(next.text, "+c");
	assert_int_equal(state_of(world).in_flight, 0);
}

static void
test_free_with_requests(void **state)
{
	struct world *world = *state;
	struct answer waiting, sent;

	server_rule(&world->servers[0], "GET", NULL);
	world_link(world);
	(void)ask_words(world, "GET a", &waiting, NULL);
	bmx_redis_free(&world->redis);
	world_link(world);
	pump(world);
	(void)ask_words(world, "GET a", &sent, NULL);
	pump(world);
	bmx_redis_free(&world->redis);
	pump(world);
	assert_false(waiting.called);
	assert_false(sent.called);
}

static void
test_check_finds_the_dead(void **state)
{
	struct world *world = *state;

	world_link(world);
	pump(world);
	server_rule(&world->servers[0], "ROLE", NULL);
	pass(world, 2000 + 240);
	assert_true(state_of(world).up);
	pass(world, 20);
	assert_false(state_of(world).up);
}

static void
test_pings_without_role(void **state)
{
	struct world *world = *state;

	server_rule(&world->servers[0], "ROLE", "-NOPERM no\r\n");
	world_link(world);
	pass(world, 4100);
	assert_true(state_of(world).up);
	assert_int_equal(state_of(world).role, BMX_REDIS_ROLE_UNKNOWN);
	assert_non_null(strstr(world->servers[0].seen, "PING|PING|"));
}

static void
test_replica(void **state)
{
	struct world *world = *state;
	struct answer got;

	server_rule(&world->servers[0], "ROLE",
	            "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n"
	            ":7\r\n");
	server_rule(&world->servers[0], "INFO replication",
	            "$53\r\n# Replication\r\nmaster_last_io_seconds_ago:42\r\n"
	            "x:y\r\n\r\n\r\n");
	server_rule(&world->servers[0], "SET", "-READONLY You can't\r\n");
	world_link(world);
	pump(world);
	assert_int_equal(state_of(world).role, BMX_REDIS_ROLE_REPLICA);
	assert_true(state_of(world).replica_link_up);
	assert_int_equal(state_of(world).replica_lag_s, -1);
	/* That it cannot write is no news, and no reason to leave it. */
	(void)ask_words(world, "SET a b", &got, NULL);
	pass(world, 2100);
	assert_int_equal(got.text[0], '-');
	assert_int_equal(world->servers[0].count, 1);
	assert_int_equal(state_of(world).replica_lag_s, 42);
	server_rule(&world->servers[0], "ROLE",
	            "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
	pass(world, 2000);
	assert_int_equal(state_of(world).role, BMX_REDIS_ROLE_MASTER);
	assert_int_equal(state_of(world).replica_lag_s, -1);
}

static void
test_policy_by_info(void **state)
{
	struct world *world = *state;

	server_rule(&world->servers[0], "CONFIG", "-NOPERM no\r\n");
	server_rule(&world->servers[0], "INFO memory",
	            "$47\r\n# Memory\r\nmaxmemory_policy:allkeys-lru\r\nabcde:f"
	            "\r\n");
	world_link(world);
	pump(world);
	assert_true(state_of(world).up);
	assert_string_equal(state_of(world).maxmemory_policy, "allkeys-lru");
}

static void
test_bad_settings(void **state)
{
	struct world *world = *state;
	struct bmx_error err;

	world->server_texts[0] = "nonsense:port";
	assert_null(bmx_redis_new(world->loop, &world->options, &err));
	assert_int_equal(err.code, BMX_E_SYNTAX);
	world->settings.sentinels.count = 1;
	assert_null(bmx_redis_new(world->loop, &world->options, &err));
	assert_int_equal(err.code, BMX_E_SYNTAX); /* no master_name */
	world->settings.sentinels.count = 0;
	world->server_texts[0] = "rediss://127.0.0.1";
	world->settings.tls_ca_file = "/nonexistent/ca.pem";
	assert_null(bmx_redis_new(world->loop, &world->options, &err));
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
}

/* The deepest reply, within the row of a batch's replies, copied. */
static void
test_call_copies_the_deepest(void **state)
{
	struct bmx_redis_reply row[BMX_REDIS_REPLY_DEPTH_MAX + 2] = {0};
	const struct bmx_redis_reply *at;
	struct bmx_redis_reply *copy;

	(void)state;
	for (size_t i = 0; i < BMX_REDIS_REPLY_DEPTH_MAX + 1; i++) {
		row[i].type = BMX_REDIS_ARRAY;
		row[i].element = &row[i + 1];
		row[i].count = 1;
	}
	row[BMX_REDIS_REPLY_DEPTH_MAX + 1].type = BMX_REDIS_INTEGER;
	row[BMX_REDIS_REPLY_DEPTH_MAX + 1].integer = 7;
	copy = bmx_redis_reply_copy(row);
	assert_non_null(copy);
	at = copy;
	while (at->type == BMX_REDIS_ARRAY)
		at = at->element;
	assert_int_equal(at->integer, 7);
	free(copy);
}

/* A caller that asks again in its callback, and cancels another. */
struct chain {
	struct world *world;
	struct answer next;
	struct bmx_redis_ask *victim;
	bool refused;
};

static void
ask_again(void *ctx, const struct bmx_redis_answer *answer)
{
	struct chain *chain = ctx;

	(void)answer;
	if (chain->victim)
		bmx_redis_cancel(chain->victim);
	chain->refused = !ask_words(chain->world, "PING", &chain->next, NULL);
}

static void
test_asks_in_a_callback(void **state)
{
	struct world *world = *state;
	const struct bmx_slice argv[] = {BMX_SLICE("GET"), BMX_SLICE("a")};
	struct chain chain = {.world = world};
	struct answer victim;

	server_rule(&world->servers[0], "GET", "!");
	world_link(world);
	pump(world);
	(void)bmx_redis_command(world->redis, argv, 2, argv[1], ask_again,
	                        &chain, NULL);
	chain.victim = ask_words(world, "GET b", &victim, NULL);
	pass(world, 110);
	assert_false(chain.refused); /* one failure does not open the breaker */
	assert_string_equal(chain.next.text, "+PONG");
	assert_false(victim.called);
	assert_int_equal(state_of(world).in_flight, 0);
}

/* The server's octets, cut in two at each place. */
static void
test_replies_cut_anywhere(void **state)
{
	static const char octets[] = "*2\r\n$3\r\na\r\n\r\n:7\r\n$-1\r\n";
	struct world *world = *state;

	world_link(world);
	pump(world);
	for (size_t cut = 0; cut < sizeof(octets) - 1; cut++) {
		struct answer first, second;

		(void)ask_words(world, "GET a", &first, NULL);
		(void)ask_words(world, "GET b", &second, NULL);
		pump(world);
		if (cut > 0)
			server_say(&world->servers[0], 0, octets, cut);
		pump(world);
		server_say(&world->servers[0], 0, octets + cut,
		           sizeof(octets) - 1 - cut);
		pump(world);
		assert_string_equal(first.text, "[a\r\n :7]");
		assert_string_equal(second.text, "nil");
	}
	assert_int_equal(world->servers[0].count, 1);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define CASES (sizeof(leave_cases) / sizeof(leave_cases[0]))

int
main(void)
{
	static const struct CMUnitTest stories[] = {
		WITH_WORLD(test_identifies_itself),
		WITH_WORLD(test_password),
		WITH_WORLD(test_commands_in_order),
		WITH_WORLD(test_batch),
		WITH_WORLD(test_timeout_ends_the_connection),
		WITH_WORLD(test_waits_no_longer_than_it_may),
		WITH_WORLD(test_late_asker_keeps_the_connection),
		WITH_WORLD(test_breaker),
		WITH_WORLD(test_next_server),
		WITH_WORLD(test_unasked_reply),
		WITH_WORLD(test_caps),
		WITH_WORLD(test_cancelled_ones_give_room_back),
		WITH_WORLD(test_answers_give_room_back),
		WITH_WORLD(test_no_wait_in_vain),
		WITH_WORLD(test_cancel),
		WITH_WORLD(test_free_with_requests),
		WITH_WORLD(test_check_finds_the_dead),
		WITH_WORLD(test_pings_without_role),
		WITH_WORLD(test_replica),
		WITH_WORLD(test_policy_by_info),
		WITH_WORLD(test_bad_settings),
		cmocka_unit_test(test_call_copies_the_deepest),
		WITH_WORLD(test_asks_in_a_callback),
		WITH_WORLD(test_replies_cut_anywhere),
	};
	struct CMUnitTest rows[CASES] = {0};
	int failed = cmocka_run_group_tests(stories, NULL, NULL);

	for (size_t i = 0; i < CASES; i++) {
		rows[i].name = leave_cases[i].name;
		rows[i].test_func = test_leave;
		rows[i].initial_state = &leave_cases[i];
	}
	failed += cmocka_run_group_tests(rows, NULL, NULL);
	return failed;
}
