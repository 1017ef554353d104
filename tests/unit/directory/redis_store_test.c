#include "tests/unit/redis/redis_fixture.h"

#include <backupmx/redis_store.h>

#include "lib/directory/redis_key.h"

#define DOMAIN BMX_SLICE("example.test")

struct key_case {
	const char *name;
	enum bmx_record_kind kind;
	struct bmx_slice local;
	const char *want;
};

#define OCTETS(literal)                                                        \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}
#define V BMX_RECORD_VERIFICATION

/* clang-format off */
static struct key_case key_cases[] = {
	{"a local part",        V, OCTETS("joe"),              "bmx:{example.test}:v:joe"},
	{"a domain that takes all", V, OCTETS("*"),            "bmx:{example.test}:v:*"},
	{"a local part with a star", V, OCTETS("a*"),          "bmx:{example.test}:v:a%2A"},
	{"atext stays",         V, OCTETS("a!#$&'+-/=^_`|~.b"), "bmx:{example.test}:v:a!#$&'+-/=^_`|~.b"},
	{"braces, a hash tag",  V, OCTETS("{x}"),              "bmx:{example.test}:v:%7Bx%7D"},
	{"a blank and an at",   V, OCTETS("a b@c"),            "bmx:{example.test}:v:a%20b@c"},
	{"a per cent sign",     V, OCTETS("a%41"),             "bmx:{example.test}:v:a%2541"},
	{"controls and DEL",    V, OCTETS("\r\n\0\x7f"),       "bmx:{example.test}:v:%0D%0A%00%7F"},
	{"UTF-8",               V, OCTETS("j\xc3\xb6"),        "bmx:{example.test}:v:j%C3%B6"},
	{"pattern characters",  V, OCTETS("?[]\\"),            "bmx:{example.test}:v:%3F%5B%5D%5C"},
	{"the gate",            BMX_RECORD_GATE, OCTETS("0123456789abcdef"), "bmx:{example.test}:gate:0123456789abcdef"},
	{"the primary",         BMX_RECORD_PRIMARY, OCTETS(""), "bmx:{example.test}:primary"},
};
/* clang-format on */

static void
test_key(void **state)
{
	const struct key_case *tc = *state;
	const struct bmx_record_key key = {tc->kind, DOMAIN, tc->local};
	char got[BMX_REDIS_KEY_MAX];
	struct bmx_text text;

	bmx_text_init(&text, got, sizeof(got));
	bmx_redis_key_append(&text, BMX_SLICE("bmx"), &key);
	assert_string_equal(got, tc->want);
}

static void
test_longest_key_and_pattern(void **state)
{
	static char name[BMX_RECORD_NAME_MAX - 1],
		domain[BMX_DOMAIN_BUFFER - 1], prefix[BMX_REDIS_PREFIX_MAX];
	const struct bmx_record_key key = {BMX_RECORD_GATE,
	                                   {domain, sizeof(domain)},
	                                   {name, sizeof(name)}};
	char got[BMX_REDIS_KEY_MAX], pattern[BMX_REDIS_KEY_MAX];
	struct bmx_text text;

	(void)state;
	memset(name, 0xff, sizeof(name));
	memset(domain, 'd', sizeof(domain));
	memset(prefix, '*', sizeof(prefix));
	bmx_text_init(&text, got, sizeof(got));
	bmx_redis_key_append(&text, (struct bmx_slice){prefix, sizeof(prefix)},
	                     &key);
	assert_false(text.cut);
	bmx_text_init(&text, got, sizeof(got));
	bmx_redis_key_append_start(&text,
	                           (struct bmx_slice){prefix, sizeof(prefix)},
	                           BMX_RECORD_GATE, key.domain);
	bmx_text_init(&text, pattern, sizeof(pattern));
	bmx_redis_key_append_pattern(&text, bmx_slice_of(got));
	assert_false(text.cut);
	assert_memory_equal(pattern, "\\*\\*", 4);
}

/* What a read came to. */
struct read {
	int calls;
	enum bmx_record_found found;
	struct bmx_record record;
};

static void
on_read(void *ctx, enum bmx_record_found found, const struct bmx_record *record)
{
	struct read *read = ctx;

	read->calls++;
	read->found = found;
	assert_int_equal(found == BMX_RECORD_FOUND, record != NULL);
	if (record)
		read->record = *record;
}

struct fixture {
	struct world *world;
	struct bmx_record_store *store;
};

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	fx->world = world_new();
	world_link(fx->world);
	fx->store = bmx_redis_store_new(fx->world->redis, "bmx", NULL, NULL);
	assert_non_null(fx->store);
	pump(fx->world);
	fx->world->servers[0].seen[0] = '\0';
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;

	bmx_redis_store_free(&fx->store);
	world_free(fx->world);
	free(fx);
	return 0;
}

static struct bmx_redis_store_counters
counters(const struct fixture *fx)
{
	struct bmx_redis_store_counters got;

	bmx_redis_store_count(fx->store, &got);
	return got;
}

static const struct bmx_record_key joe = {V, {"example.test", 12}, {"joe", 3}};
static const struct bmx_record_key gate = {
	BMX_RECORD_GATE, {"example.test", 12}, {"0123456789abcdef", 16}};
static const struct bmx_record_key primary = {
	BMX_RECORD_PRIMARY, {"example.test", 12}, {"", 0}};

static struct bmx_record
some_record(enum bmx_record_kind kind)
{
	struct bmx_record record = {.kind = kind};

	if (kind == V)
		record.as.verification = (struct bmx_verification){
			.result = BMX_VERIFIED_VALID,
			.checked_at_ms = 1700000000000};
	else if (kind == BMX_RECORD_GATE)
		record.as.gate =
			(struct bmx_gate_entry){.first_seen_ms = 1700000000000,
		                                .last_seen_ms = 1700000000000,
		                                .tries = 1};
	else
		record.as.primary = (struct bmx_primary_record){
			.status = BMX_PRIMARY_DOWN,
			.since_ms = 1700000000000,
			.checked_at_ms = 1700000000000};
	return record;
}

static struct bmx_record_get *
get(struct fixture *fx, const struct bmx_record_key *key, struct read *read)
{
	memset(read, 0, sizeof(*read));
	return fx->store->ops->get(fx->store, key, on_read, read);
}

/* The reply to GET or HGETALL that a record is kept as. */
static void
reply_of(const struct bmx_record *record, char *buffer, size_t size)
{
	char line[BMX_RECORD_LINE_MAX];
	struct bmx_record_fields fields;
	struct bmx_text text, reply;

	bmx_text_init(&reply, buffer, size);
	if (record->kind == V) {
		bmx_text_init(&text, line, sizeof(line));
		bmx_record_append(&text, record);
		bmx_text_printf(&reply, "$%zu\r\n%s\r\n", text.len, line);
		return;
	}
	bmx_record_to_fields(record, &fields);
	bmx_text_printf(&reply, "*%zu\r\n", 2 * fields.count);
	for (size_t i = 0; i < fields.count; i++)
		bmx_text_printf(
			&reply, "$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
			strlen(fields.field[i].name), fields.field[i].name,
			strlen(fields.field[i].value), fields.field[i].value);
}

static void
test_found(void **state)
{
	static const struct bmx_record_key *const keys[] = {&joe, &gate,
	                                                    &primary};
	struct fixture *fx = *state;
	char reply[1024];
	struct read read;

	for (size_t i = 0; i < 3; i++) {
		const struct bmx_record record = some_record(keys[i]->kind);

		reply_of(&record, reply, sizeof(reply));
		server_rule(&fx->world->servers[0],
		            keys[i]->kind == V ? "GET" : "HGETALL", reply);
		assert_non_null(get(fx, keys[i], &read));
		pump(fx->world);
		assert_int_equal(read.calls, 1);
		assert_int_equal(read.found, BMX_RECORD_FOUND);
		assert_int_equal(read.record.kind, keys[i]->kind);
	}
	assert_int_equal(read.record.as.primary.status, BMX_PRIMARY_DOWN);
	assert_string_equal(fx->world->servers[0].seen,
	                    "GET bmx:{example.test}:v:joe|"
	                    "HGETALL bmx:{example.test}:gate:0123456789abcdef|"
	                    "HGETALL bmx:{example.test}:primary|");
	assert_int_equal(counters(fx).found, 3);
}

/* What else a server may answer to GET or HGETALL. */
struct odd_case {
	const char *name;
	const char *reply;
	enum bmx_record_found want;
	bool bad;
};

#define NOT(what) BMX_RECORD_##what

/* clang-format off */
static struct odd_case odd_cases[] = {
	{"nil",                     "$-1\r\n",                         NOT(ABSENT), false},
	{"an empty hash",           "*0\r\n",                          NOT(ABSENT), false},
	{"a key of another type",   "-WRONGTYPE Operation\r\n",        NOT(ABSENT), true},
	{"an empty string",         "$0\r\n\r\n",                      NOT(ABSENT), true},
	{"a string of others",      "$5\r\nhello\r\n",                 NOT(ABSENT), true},
	{"a hash of others",        "*2\r\n$1\r\na\r\n$1\r\nb\r\n",    NOT(ABSENT), true},
	{"an odd number of fields", "*1\r\n$1\r\na\r\n",               NOT(ABSENT), true},
	{"fields that are none",    "*2\r\n:1\r\n*0\r\n",              NOT(ABSENT), true},
	{"a number",                ":1\r\n",                          NOT(ABSENT), true},
	{"a status",                "+OK\r\n",                         NOT(ABSENT), true},
	{"may not",                 "-NOPERM no\r\n",                  NOT(UNAVAILABLE), false},
	{"is loading",              "-LOADING Redis is loading\r\n",   NOT(UNAVAILABLE), false},
	{"closes",                  "!",                               NOT(UNAVAILABLE), false},
	{"says nothing",            NULL,                              NOT(UNAVAILABLE), false},
};
/* clang-format on */

static void
test_odd(void **state)
{
	const struct odd_case *tc = *state;
	void *arg = NULL;
	struct fixture *fx;
	struct read read;

	assert_int_equal(set_up(&arg), 0);
	fx = arg;
	server_rule(&fx->world->servers[0], "GET", tc->reply);
	server_rule(&fx->world->servers[0], "HGETALL", tc->reply);
	for (int i = 0; i < 2; i++) {
		(void)get(fx, i == 0 ? &joe : &primary, &read);
		pass(fx->world, 260);
		assert_int_equal(read.calls, 1);
		assert_int_equal(read.found, tc->want);
	}
	assert_int_equal(counters(fx).bad, tc->bad ? 2 : 0);
	assert_int_equal(counters(fx).unavailable,
	                 tc->want == BMX_RECORD_UNAVAILABLE ? 2 : 0);
	assert_int_equal(tear_down(&arg), 0);
}

static void
test_put(void **state)
{
	struct fixture *fx = *state;
	struct bmx_record record = some_record(V);
	const char *seen = fx->world->servers[0].seen;

	server_rule(&fx->world->servers[0], "SET", "+OK\r\n");
	fx->store->ops->put(fx->store, &joe, &record);
	pump(fx->world);
	assert_non_null(strstr(seen, "SET bmx:{example.test}:v:joe "));
	assert_non_null(strstr(seen, " PX 1209600000|")); /* 14 d */
	assert_int_equal(counters(fx).written, 1);
	server_rule(&fx->world->servers[0], "MULTI", "+OK\r\n");
	server_rule(&fx->world->servers[0], "DEL", "+QUEUED\r\n");
	server_rule(&fx->world->servers[0], "HSET", "+QUEUED\r\n");
	server_rule(&fx->world->servers[0], "PEXPIRE", "+QUEUED\r\n");
	server_rule(&fx->world->servers[0], "EXEC", "*3\r\n:0\r\n:3\r\n:1\r\n");
	record = some_record(BMX_RECORD_GATE);
	fx->store->ops->put(fx->store, &gate, &record);
	pump(fx->world);
	assert_non_null(
		strstr(seen,
	               "|MULTI|DEL bmx:{example.test}:gate:0123456789abcdef|"
	               "HSET bmx:{example.test}:gate:0123456789abcdef "));
	assert_non_null(
		strstr(seen,
	               "|PEXPIRE bmx:{example.test}:gate:0123456789abcdef "
	               "86400000|EXEC|")); /* 24 h: not passed */
	assert_int_equal(counters(fx).written, 2);
}

static void
test_put_dropped(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_record record = some_record(V);
	const struct bmx_record other = some_record(BMX_RECORD_PRIMARY);

	server_rule(&fx->world->servers[0], "SET",
	            "-OOM command not allowed\r\n");
	server_rule(&fx->world->servers[0], "MULTI", "+OK\r\n");
	server_rule(&fx->world->servers[0], "DEL", "-READONLY You can't\r\n");
	server_rule(&fx->world->servers[0], "HSET", "-READONLY You can't\r\n");
	server_rule(&fx->world->servers[0], "PEXPIRE",
	            "-READONLY You can't\r\n");
	server_rule(&fx->world->servers[0], "EXEC", "-EXECABORT\r\n");
	fx->store->ops->put(fx->store, &joe, &record);
	fx->store->ops->put(fx->store, &primary, &other);
	pump(fx->world);
	assert_int_equal(counters(fx).dropped, 2);
	assert_int_equal(counters(fx).written, 0);
	/* No server: dropped at once, once the breaker is open. */
	server_stop(&fx->world->servers[0]);
	pass(fx->world, 1000);
	fx->store->ops->put(fx->store, &joe, &record);
	fx->store->ops->remove(fx->store, &joe);
	fx->store->ops->remove_domain(fx->store, V, DOMAIN);
	assert_int_equal(counters(fx).dropped, 5);
}

static void
test_unavailable_at_once(void **state)
{
	struct fixture *fx = *state;
	struct read read;

	server_stop(&fx->world->servers[0]);
	pass(fx->world, 1000);
	assert_null(get(fx, &joe, &read));
	assert_int_equal(read.calls, 1);
	assert_int_equal(read.found, BMX_RECORD_UNAVAILABLE);
}

static void
test_cancel_and_free(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_record record = some_record(V);
	struct read cancelled, left;
	struct bmx_record_get *under_way;

	server_rule(&fx->world->servers[0], "GET", NULL);
	server_rule(&fx->world->servers[0], "SET", NULL);
	under_way = get(fx, &joe, &cancelled);
	fx->store->ops->cancel(under_way);
	(void)get(fx, &joe, &left);
	fx->store->ops->put(fx->store, &joe, &record);
	fx->store->ops->remove_domain(fx->store, V, DOMAIN);
	fx->store->ops->remove_domain(fx->store, BMX_RECORD_GATE, DOMAIN);
	bmx_redis_store_free(&fx->store);
	pass(fx->world, 300);
	assert_int_equal(cancelled.calls, 0);
	assert_int_equal(left.calls, 0);
}

static void
test_remove(void **state)
{
	struct fixture *fx = *state;

	server_rule(&fx->world->servers[0], "DEL", ":1\r\n");
	fx->store->ops->remove(fx->store, &joe);
	fx->store->ops->remove_domain(fx->store, BMX_RECORD_PRIMARY, DOMAIN);
	pump(fx->world);
	assert_string_equal(fx->world->servers[0].seen,
	                    "DEL bmx:{example.test}:v:joe|"
	                    "DEL bmx:{example.test}:primary|");
	assert_int_equal(counters(fx).written, 2);
}

static void
test_remove_domain(void **state)
{
	struct fixture *fx = *state;
	struct server *server = &fx->world->servers[0];

	server_rule(server, "DEL", ":1\r\n");
	/* Two steps; the second one also tells what was not asked for. */
	server_rule(server, "SCAN 0 MATCH bmx:{example.test}:v:* COUNT 500",
	            "*2\r\n$20\r\n18446744073709551615\r\n*1\r\n"
	            "$24\r\nbmx:{example.test}:v:joe\r\n");
	server_rule(server, "SCAN 18446744073709551615 ",
	            "*2\r\n$1\r\n0\r\n*4\r\n$27\r\nbmx:{another.test}:v:"
	            "other1\r\n$24\r\nbmx:{example.test}:v:ann\r\n"
	            "$5\r\nother\r\n:7\r\n");
	/* Another one waits for the first; a reply that is none ends it. */
	server_rule(server, "SCAN 0 MATCH bmx:{example.test}:gate:*",
	            "*1\r\n$1\r\n0\r\n");
	fx->store->ops->remove_domain(fx->store, V, DOMAIN);
	fx->store->ops->remove_domain(fx->store, BMX_RECORD_GATE, DOMAIN);
	pump(fx->world);
	assert_non_null(strstr(server->seen, "DEL bmx:{example.test}:v:joe|"));
	assert_non_null(strstr(server->seen, "DEL bmx:{example.test}:v:ann|"));
	assert_null(strstr(server->seen, "other"));
	assert_non_null(strstr(server->seen, ":gate:* COUNT"));
	assert_int_equal(counters(fx).written, 3);
	assert_int_equal(counters(fx).dropped, 1);
}

static void
test_prefix_too_long(void **state)
{
	struct fixture *fx = *state;
	char prefix[BMX_REDIS_PREFIX_MAX + 2];
	struct bmx_error err;

	memset(prefix, 'p', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	assert_null(bmx_redis_store_new(fx->world->redis, prefix, NULL, &err));
	assert_int_equal(err.code, BMX_E_TOO_BIG);
}

#define WITH_STORE(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int
main(void)
{
	static const struct CMUnitTest stories[] = {
		cmocka_unit_test(test_longest_key_and_pattern),
		WITH_STORE(test_found),
		WITH_STORE(test_put),
		WITH_STORE(test_put_dropped),
		WITH_STORE(test_unavailable_at_once),
		WITH_STORE(test_cancel_and_free),
		WITH_STORE(test_remove),
		WITH_STORE(test_remove_domain),
		WITH_STORE(test_prefix_too_long),
	};
	struct CMUnitTest rows[COUNT(key_cases) + COUNT(odd_cases)] = {0};
	int failed = cmocka_run_group_tests(stories, NULL, NULL);
	size_t n = 0;

	for (size_t i = 0; i < COUNT(key_cases); i++)
		rows[n++] = (struct CMUnitTest){.name = key_cases[i].name,
		                                .test_func = test_key,
		                                .initial_state = &key_cases[i]};
	for (size_t i = 0; i < COUNT(odd_cases); i++)
		rows[n++] = (struct CMUnitTest){.name = odd_cases[i].name,
		                                .test_func = test_odd,
		                                .initial_state = &odd_cases[i]};
	return failed + cmocka_run_group_tests(rows, NULL, NULL);
}
