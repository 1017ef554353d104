#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/text.h>

#include "lib/redis/resp.h"

/* Writes a reply as text: +OK -ERR :1 "str" nil [a b]. */
static void
show(struct bmx_text *text, const struct bmx_redis_reply *reply)
{
	switch (reply->type) {
	case BMX_REDIS_STATUS:
		bmx_text_append_char(text, '+');
		bmx_text_append(text, reply->text);
		break;
	case BMX_REDIS_ERROR:
		bmx_text_append_char(text, '-');
		bmx_text_append(text, reply->text);
		break;
	case BMX_REDIS_INTEGER:
		bmx_text_printf(text, ":%lld", (long long)reply->integer);
		break;
	case BMX_REDIS_STRING:
		bmx_text_append_char(text, '"');
		bmx_text_append(text, reply->text);
		bmx_text_append_char(text, '"');
		break;
	case BMX_REDIS_NIL:
		bmx_text_append_string(text, "nil");
		break;
	case BMX_REDIS_ARRAY:
		bmx_text_append_char(text, '[');
		for (size_t i = 0; i < reply->count; i++) {
			if (i > 0)
				bmx_text_append_char(text, ' ');
			show(text, &reply->element[i]);
		}
		bmx_text_append_char(text, ']');
		break;
	}
}

struct reply_case {
	const char *name;
	struct bmx_slice octets;
	const char *want; /* replies and errors, one after the other */
};

#define OCTETS(literal)                                                        \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}

/* clang-format off */
static struct reply_case cases[] = {
	{"a status",                 OCTETS("+OK\r\n"),                        "+OK"},
	{"an error",                 OCTETS("-ERR no\r\n"),                    "-ERR no"},
	{"an empty status",          OCTETS("+\r\n"),                          "+"},
	{"the largest number",       OCTETS(":9223372036854775807\r\n"),       ":9223372036854775807"},
	{"the smallest number",      OCTETS(":-9223372036854775808\r\n"),      ":-9223372036854775808"},
	{"a string with a line end", OCTETS("$4\r\na\r\nb\r\n"),               "\"a\r\nb\""},
	{"an empty string",          OCTETS("$0\r\n\r\n"),                     "\"\""},
	{"nil",                      OCTETS("$-1\r\n"),                        "nil"},
	{"a nil array",              OCTETS("*-1\r\n"),                        "nil"},
	{"an empty array",           OCTETS("*0\r\n"),                         "[]"},
	{"an array of all",          OCTETS("*5\r\n:1\r\n+a\r\n-b\r\n$1\r\nc\r\n$-1\r\n"), "[:1 +a -b \"c\" nil]"},
	{"arrays within arrays",     OCTETS("*2\r\n*1\r\n*1\r\n:1\r\n*0\r\n"), "[[[:1]] []]"},
	{"seven deep",               OCTETS("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n"), "[[[[[[[:7]]]]]]]"},
	{"eight deep",               OCTETS("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n"), "!too-big"},
	{"eight deep, and empty",    OCTETS("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n"), "!too-big"},
	{"deeper than that",         OCTETS("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n"), "!too-big"},
	{"two in a row",             OCTETS("+A\r\n:2\r\n"),                   "+A:2"},
	{"half a reply",             OCTETS("+A\r\n$3\r\nab"),                 "+A"},
	{"RESP3 push",               OCTETS(">1\r\n+x\r\n"),                   "!corrupt"},
	{"another protocol",         OCTETS("HTTP/1.1 400\r\n"),               "!corrupt"},
	{"a number that is none",    OCTETS(":1x\r\n"),                        "!corrupt"},
	{"a length that is none",    OCTETS("$x\r\n"),                         "!corrupt"},
	{"a length below nil",       OCTETS("$-2\r\n"),                        "!corrupt"},
	{"a length over all",        OCTETS("$99999999999999999999\r\n"),      "!corrupt"},
	{"elements below nil",       OCTETS("*-2\r\n"),                        "!corrupt"},
	{"one element over the cap", OCTETS("*1048577\r\n"),                   "!too-big"},
	{"the cap over two arrays",  OCTETS("*2\r\n*0\r\n*1048575\r\n"),       "!too-big"},
	{"elements over an int",     OCTETS("*4294967297\r\n"),                "!corrupt"},
	{"an error, then more",      OCTETS("-ERR max number of clients reached\r\n+x\r\n"), "-ERR max number of clients reached+x"},
};
/* clang-format on */

/* Feeds octets in pieces of step, the first of first octets. */
static void
run(const struct reply_case *tc, size_t first, size_t step)
{
	struct bmx_resp_reader *reader = bmx_resp_reader_new();
	struct bmx_slice rest = tc->octets;
	struct bmx_resp_root root;
	char buffer[512];
	struct bmx_text text;
	struct bmx_error err;
	int rc = 0;

	assert_non_null(reader);
	bmx_text_init(&text, buffer, sizeof(buffer));
	for (size_t len = first; rest.len > 0 && rc >= 0; len = step) {
		const struct bmx_slice piece = {
			rest.data, len < rest.len ? len : rest.len};

		assert_int_equal(bmx_resp_reader_feed(reader, piece, &err), 0);
		rest.data += piece.len;
		rest.len -= piece.len;
		while ((rc = bmx_resp_reader_next(reader, &root, &err)) > 0) {
			show(&text, root.reply);
			bmx_resp_root_release(&root);
		}
	}
	if (rc < 0)
		bmx_text_printf(&text, "!%s", bmx_error_code_name(err.code));
	assert_string_equal(buffer, tc->want);
	bmx_resp_reader_free(&reader);
}

static void
test_reply(void **state)
{
	const struct reply_case *tc = *state;

	run(tc, tc->octets.len, tc->octets.len);
	run(tc, 1, 1);
	for (size_t cut = 1; cut < tc->octets.len; cut++)
		run(tc, cut, tc->octets.len);
}

static void
test_octets_of_a_reply(void **state)
{
	static const char octets[] = "+OK\r\n$3\r\nabc\r\n";
	struct bmx_resp_reader *reader = bmx_resp_reader_new();
	struct bmx_resp_root root;

	(void)state;
	assert_int_equal(
		bmx_resp_reader_feed(reader, bmx_slice_of(octets), NULL), 0);
	assert_int_equal(bmx_resp_reader_next(reader, &root, NULL), 1);
	assert_int_equal(root.wire_bytes, 5);
	bmx_resp_root_release(&root);
	assert_int_equal(bmx_resp_reader_next(reader, &root, NULL), 1);
	assert_int_equal(root.wire_bytes, 9);
	assert_int_equal(root.reply->text.data[3], '\0');
	bmx_resp_root_release(&root);
	bmx_resp_root_release(&root);
	bmx_resp_reader_free(&reader);
	bmx_resp_reader_free(&reader);
}

/* Feeds head, then filler until there is a verdict: its code. */
static enum bmx_error_code
verdict_on(const char *head, char filler, size_t *fed_out)
{
	struct bmx_resp_reader *reader = bmx_resp_reader_new();
	struct bmx_resp_root root;
	struct bmx_error err = {0};
	static char block[16384];
	int rc;

	memset(block, filler, sizeof(block));
	assert_int_equal(bmx_resp_reader_feed(reader, bmx_slice_of(head), NULL),
	                 0);
	*fed_out = 0;
	while ((rc = bmx_resp_reader_next(reader, &root, &err)) == 0) {
		assert_true(*fed_out < 64 * 1024 * 1024);
		(void)bmx_resp_reader_feed(
			reader, (struct bmx_slice){block, sizeof(block)}, NULL);
		*fed_out += sizeof(block);
	}
	assert_int_equal(rc, -1);
	bmx_resp_reader_free(&reader);
	return err.code;
}

static void
test_endless(void **state)
{
	size_t fed;

	(void)state;
	assert_int_equal(verdict_on("+", 'x', &fed), BMX_E_CORRUPT);
	assert_in_range(fed, BMX_RESP_LINE_MAX, 2 * BMX_RESP_LINE_MAX);
	assert_int_equal(verdict_on("*2\r\n:", '1', &fed), BMX_E_CORRUPT);
	assert_in_range(fed, BMX_RESP_LINE_MAX, 2 * BMX_RESP_LINE_MAX);
	assert_int_equal(verdict_on("$", '1', &fed), BMX_E_CORRUPT);
	assert_in_range(fed, BMX_RESP_LINE_MAX, 2 * BMX_RESP_LINE_MAX);
	assert_int_equal(verdict_on("$999999999999\r\n", 'x', &fed),
	                 BMX_E_TOO_BIG);
	assert_in_range(fed, BMX_REDIS_REPLY_BYTES_MAX - 16384,
	                BMX_REDIS_REPLY_BYTES_MAX + 16384);
}

static void
test_format(void **state)
{
	const struct bmx_slice set[] = {
		BMX_SLICE("SET"), {NULL, 0}, {"a\0\r\n", 4}};
	const struct bmx_slice ping[] = {BMX_SLICE("PING")};
	const struct bmx_redis_command commands[] = {{set, 3}, {ping, 1}};
	static const char want[] = "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$"
				   "4\r\na\0\r\n\r\n*1\r\n$4\r\nPING\r\n";
	struct bmx_resp_wire wire;

	(void)state;
	assert_int_equal(bmx_resp_format(commands, 2, &wire, NULL), 0);
	assert_int_equal(wire.len, sizeof(want) - 1);
	assert_memory_equal(wire.data, want, wire.len);
	free(wire.data);
}

static void
test_format_caps(void **state)
{
	static char big[BMX_REDIS_BYTES_MAX];
	static struct bmx_redis_command many[BMX_REDIS_COMMANDS_MAX + 1];
	struct bmx_slice ping[] = {BMX_SLICE("PING")};
	struct bmx_slice large[] = {{big, sizeof(big) - 64}};
	struct bmx_redis_command one = {large, 1};
	struct bmx_resp_wire wire;
	struct bmx_error err;

	(void)state;
	assert_int_equal(bmx_resp_format(&one, 1, &wire, &err), 0);
	assert_true(wire.len <= BMX_REDIS_BYTES_MAX);
	free(wire.data);
	large[0].len = sizeof(big);
	assert_int_equal(bmx_resp_format(&one, 1, &wire, &err), -1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
	for (size_t i = 0; i < BMX_REDIS_COMMANDS_MAX + 1; i++)
		many[i] = (struct bmx_redis_command){ping, 1};
	assert_int_equal(
		bmx_resp_format(many, BMX_REDIS_COMMANDS_MAX, &wire, &err), 0);
	free(wire.data);
	assert_int_equal(
		bmx_resp_format(many, BMX_REDIS_COMMANDS_MAX + 1, &wire, &err),
		-1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
}

#define CASES (sizeof(cases) / sizeof(cases[0]))

int
main(void)
{
	struct CMUnitTest tests[CASES + 4] = {
		cmocka_unit_test(test_octets_of_a_reply),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_caps),
	};

	for (size_t i = 0; i < CASES; i++) {
		tests[4 + i].name = cases[i].name;
		tests[4 + i].test_func = test_reply;
		tests[4 + i].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
