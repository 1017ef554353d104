#include "tests/support/cmocka.h"

#include <stdlib.h>

#include <backupmx/redis_call.h>
#include <backupmx/text.h>

#include "lib/redis/resp.h"
#include "lib/redis/slots.h"

struct slot_case {
	const char *name;
	const char *key;
	int want; /* as CLUSTER KEYSLOT of Redis 7.0 answers */
};

/* clang-format off */
static struct slot_case slot_cases[] = {
	{"the specification's example", "123456789",                    12739},
	{"nothing",                     "",                             0},
	{"a plain key",                 "foo",                          12182},
	{"a tag alone counts",          "bmx:{example.test}:meta",      14183},
	{"other keys of that tag",      "bmx:{example.test}:v:postmaster", 14183},
	{"the first tag",               "{foo}{bar}",                   12182},
	{"an empty tag is none",        "foo{}{bar}",                   8363},
	{"a tag within a tag",          "foo{{bar}}zap",                4015},
	{"no end",                      "foo{bar",                      15278},
};
/* clang-format on */

static void
test_slot(void **state)
{
	const struct slot_case *tc = *state;

	assert_int_equal(bmx_redis_slot_of(bmx_slice_of(tc->key)), tc->want);
}

struct redirection_case {
	const char *name;
	const char *text;
	const char *want; /* "SLOT HOST PORT", or "!" */
};

/* clang-format off */
static struct redirection_case redirection_cases[] = {
	{"MOVED",               "MOVED 3999 127.0.0.1:6381",      "3999 127.0.0.1 6381"},
	{"ASK",                 "ASK 16383 redis.test:1",         "16383 redis.test 1"},
	{"IPv6",                "MOVED 0 ::1:6381",               "0 ::1 6381"},
	{"the same host",       "MOVED 7 :6381",                  "7  6381"},
	{"a slot too many",     "MOVED 16384 127.0.0.1:6381",     "!"},
	{"a negative slot",     "MOVED -1 127.0.0.1:6381",        "!"},
	{"no slot",             "MOVED",                          "!"},
	{"no address",          "MOVED 1",                        "!"},
	{"no port",             "MOVED 1 127.0.0.1",              "!"},
	{"an empty port",       "MOVED 1 127.0.0.1:",             "!"},
	{"port 0",              "MOVED 1 127.0.0.1:0",            "!"},
	{"port 65536",          "MOVED 1 127.0.0.1:65536",        "!"},
	{"a port with letters", "MOVED 1 127.0.0.1:6381x",        "!"},
	{"more after it",       "MOVED 1 127.0.0.1:6381 host=x",  "1 127.0.0.1 6381"},
};
/* clang-format on */

static void
test_redirection(void **state)
{
	const struct redirection_case *tc = *state;
	struct bmx_redis_redirection to;
	char got[128] = "!";
	struct bmx_text text;

	if (bmx_redis_redirection_parse(bmx_slice_of(tc->text), &to) == 0) {
		bmx_text_init(&text, got, sizeof(got));
		bmx_text_printf(&text, "%d %.*s %lld", to.slot,
		                (int)to.host.len, to.host.data,
		                (long long)to.port);
	}
	assert_string_equal(got, tc->want);
}

/* The one reply in octets, copied. */
static struct bmx_redis_reply *
read_reply(const char *octets)
{
	struct bmx_resp_reader *reader = bmx_resp_reader_new();
	struct bmx_resp_root root;
	struct bmx_redis_reply *copy;

	assert_non_null(reader);
	assert_int_equal(
		bmx_resp_reader_feed(reader, bmx_slice_of(octets), NULL), 0);
	assert_int_equal(bmx_resp_reader_next(reader, &root, NULL), 1);
	copy = bmx_redis_reply_copy(root.reply);
	assert_non_null(copy);
	bmx_resp_root_release(&root);
	bmx_resp_reader_free(&reader);
	return copy;
}

struct range_case {
	const char *name;
	const char *octets;
	const char *want; /* "FIRST LAST HOST PORT", or "!" */
};

#define NODE "*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n$2\r\nid\r\n"

/* clang-format off */
static struct range_case range_cases[] = {
	{"a range",               "*3\r\n:0\r\n:5460\r\n" NODE,                    "0 5460 127.0.0.1 7000"},
	{"with a replica",        "*4\r\n:1\r\n:1\r\n" NODE NODE,                  "1 1 127.0.0.1 7000"},
	{"no host is told",       "*3\r\n:0\r\n:1\r\n*2\r\n$-1\r\n:7000\r\n",      "0 1  7000"},
	{"an unknown host",       "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\n?\r\n:7000\r\n",  "0 1  7000"},
	{"the last slot",         "*3\r\n:16383\r\n:16383\r\n" NODE,               "16383 16383 127.0.0.1 7000"},
	{"a slot too many",       "*3\r\n:0\r\n:16384\r\n" NODE,                   "!"},
	{"a negative slot",       "*3\r\n:-1\r\n:5\r\n" NODE,                      "!"},
	{"ends before it begins", "*3\r\n:5\r\n:4\r\n" NODE,                       "!"},
	{"slots as strings",      "*3\r\n$1\r\n0\r\n$1\r\n1\r\n" NODE,             "!"},
	{"no node",               "*2\r\n:0\r\n:1\r\n",                            "!"},
	{"a node that is none",   "*3\r\n:0\r\n:1\r\n$1\r\nx\r\n",                 "!"},
	{"port 0",                "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:0\r\n",     "!"},
	{"a port over all",       "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:65536\r\n", "!"},
	{"no array",              "+OK\r\n",                                       "!"},
};
/* clang-format on */

static void
test_range(void **state)
{
	const struct range_case *tc = *state;
	struct bmx_redis_reply *reply = read_reply(tc->octets);
	struct bmx_redis_range range;
	char got[128] = "!";
	struct bmx_text text;

	if (bmx_redis_range_read(reply, &range) == 0) {
		bmx_text_init(&text, got, sizeof(got));
		bmx_text_printf(&text, "%d %d %.*s %lld", range.first,
		                range.last, (int)range.host.len,
		                range.host.data, (long long)range.port);
	}
	assert_string_equal(got, tc->want);
	free(reply);
}

static void
test_copy(void **state)
{
	struct bmx_redis_reply *copy =
		read_reply("*4\r\n*2\r\n$1\r\na\r\n*1\r\n$2\r\nbc\r\n:7\r\n*"
	                   "0\r\n*1\r\n$-1\r\n");

	(void)state;
	assert_int_equal(copy->count, 4);
	assert_string_equal(copy->element[0].element[0].text.data, "a");
	assert_string_equal(copy->element[0].element[1].element[0].text.data,
	                    "bc");
	assert_int_equal(copy->element[1].integer, 7);
	assert_int_equal(copy->element[2].count, 0);
	assert_int_equal(copy->element[3].element[0].type, BMX_REDIS_NIL);
	free(copy);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOTAL                                                                  \
	(COUNT(slot_cases) + COUNT(redirection_cases) + COUNT(range_cases))
#define ADD(array, function)                                                   \
	for (size_t i = 0; i < COUNT(array); i++)                              \
		tests[n++] = (struct CMUnitTest)                               \
		{                                                              \
			.name = (array)[i].name, .test_func = (function),      \
			.initial_state = &(array)[i]                           \
		}

int
main(void)
{
	struct CMUnitTest tests[TOTAL + 1] = {cmocka_unit_test(test_copy)};
	size_t n = 1;

	ADD(slot_cases, test_slot);
	ADD(redirection_cases, test_redirection);
	ADD(range_cases, test_range);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
