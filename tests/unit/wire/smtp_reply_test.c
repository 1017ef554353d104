#include <backupmx/smtp_reply.h>

#include <stdlib.h>

#include <backupmx/text.h>

#include "tests/support/cmocka.h"

struct reply_case {
	const char *name;
	struct bmx_slice input;
	const char *want; /* "[index line]"..., replies, then how it ended */
};

#define IN(text)                                                               \
	{                                                                      \
		(text), sizeof(text) - 1                                       \
	}
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define TEXT_199 HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN "012345678"

/* clang-format off */
static struct reply_case cases[] = {
	{"nothing", IN(""), "more"},
	{"a reply", IN("250 ok\r\n"), "[0 ok]250 0.0.0 ok;more"},
	{"a line that ends in LF", IN("250 ok\n"), "[0 ok]250 0.0.0 ok;more"},
	{"a code alone", IN("250\r\n"), "[0 ]250 0.0.0 ;more"},
	{"a code alone and LF", IN("354\n"), "[0 ]354 0.0.0 ;more"},
	{"a code and a space", IN("250 \r\n"), "[0 ]250 0.0.0 ;more"},
	{"an enhanced code", IN("550 5.1.1 User unknown\r\n"),
	 "[0 5.1.1 User unknown]550 5.1.1 User unknown;more"},
	{"an enhanced code alone", IN("250 2.0.0\r\n"),
	 "[0 2.0.0]250 2.0.0 ;more"},
	{"an enhanced code of three digits", IN("550 5.1.10 x\r\n"),
	 "[0 5.1.10 x]550 5.1.10 x;more"},
	{"an enhanced code, spaces before", IN("550   5.7.1  no\r\n"),
	 "[0   5.7.1  no]550 5.7.1 no;more"},
	{"an enhanced code of four digits is none", IN("550 5.1.1000 x\r\n"),
	 "[0 5.1.1000 x]550 0.0.0 5.1.1000 x;more"},
	{"an enhanced code of another class is none", IN("550 4.1.1 x\r\n"),
	 "[0 4.1.1 x]550 0.0.0 4.1.1 x;more"},
	{"an enhanced code and a colon is none", IN("550 5.1.1: x\r\n"),
	 "[0 5.1.1: x]550 0.0.0 5.1.1: x;more"},
	{"an enhanced code of two parts is none", IN("550 5.1 x\r\n"),
	 "[0 5.1 x]550 0.0.0 5.1 x;more"},
	{"an enhanced code without class is none", IN("550 .1.1 x\r\n"),
	 "[0 .1.1 x]550 0.0.0 .1.1 x;more"},
	{"an enhanced code in the text is none", IN("550 no 5.1.1\r\n"),
	 "[0 no 5.1.1]550 0.0.0 no 5.1.1;more"},
	{"a reply of lines", IN("250-a\r\n250-B\r\n250 c\r\n"),
	 "[0 a][1 B][2 c]250 0.0.0 c;more"},
	{"a reply of lines, the last a code alone", IN("250-a\r\n250\r\n"),
	 "[0 a][1 ]250 0.0.0 ;more"},
	{"an empty line of a reply", IN("250-\r\n250 c\r\n"),
	 "[0 ][1 c]250 0.0.0 c;more"},
	{"lines that differ in code: the last counts",
	 IN("250-a\r\n550-b\r\n451 4.3.0 c\r\n"),
	 "[0 a][1 b][2 4.3.0 c]451 4.3.0 c;more"},
	{"the enhanced code of the last line counts",
	 IN("550-5.1.1 a\r\n550 5.7.1 b\r\n"),
	 "[0 5.1.1 a][1 5.7.1 b]550 5.7.1 b;more"},
	{"two replies", IN("250 a\r\n251 b\r\n"),
	 "[0 a]250 0.0.0 a;[0 b]251 0.0.0 b;more"},
	{"a reply and a part", IN("250 a\r\n25"), "[0 a]250 0.0.0 a;more"},
	{"a part of a line", IN("250 a\r"), "more"},
	{"lines, not the last", IN("250-a\r\n250-b\r\n"), "[0 a][1 b]more"},
	{"the lowest code", IN("200 a\n"), "[0 a]200 0.0.0 a;more"},
	{"the highest code", IN("599 a\n"), "[0 a]599 0.0.0 a;more"},
	{"control characters and high octets", IN("250 a\x01\x7f\xc3\xa4\tb\r\r\n"),
	 "[0 a\x01\x7f\xc3\xa4\tb\r]250 0.0.0 a?????b?;more"},
	{"a text of 199 octets", IN("250 " TEXT_199 "\n"),
	 "[0 " TEXT_199 "]250 0.0.0 " TEXT_199 ";more"},
	{"a text of 200 octets is cut", IN("250 " TEXT_199 "x\n"),
	 "[0 " TEXT_199 "x]250 0.0.0 " TEXT_199 ";more"},
	{"code 199", IN("199 a\n"), "syntax"},
	{"code 600", IN("600 a\n"), "syntax"},
	{"code of two digits", IN("25 a\n"), "syntax"},
	{"code of two digits alone", IN("25\n"), "syntax"},
	{"code of four digits", IN("2500 a\n"), "syntax"},
	{"no code", IN("hello\n"), "syntax"},
	{"another protocol is seen before its line ends", IN("HTTP"), "syntax"},
	{"a letter in the code, line under way", IN("2x"), "syntax"},
	{"an empty line", IN("\r\n"), "syntax"},
	{"a LF alone", IN("\n"), "syntax"},
	{"a space before the code", IN(" 250 a\n"), "syntax"},
	{"a tab behind the code", IN("250\ta\n"), "syntax"},
	{"a CR behind the code that ends nothing", IN("250\ra\n"), "syntax"},
	{"a CR too many behind a code alone", IN("250\r\r\n"), "syntax"},
	{"a NUL", IN("250 a\0b\r\n"), "syntax"},
	{"a NUL, line under way", IN("250 a\0"), "syntax"},
	{"a syntax error in a later line", IN("250-a\r\nx\r\n"),
	 "[0 a]syntax"},
	{"a good reply, then none", IN("250 a\r\n\r\n"),
	 "[0 a]250 0.0.0 a;syntax"},
};

/* Inputs that are built: head, count times piece, tail. */
static struct built_case {
	const char *name;
	const char *head;
	const char *piece;
	size_t count;
	struct bmx_slice tail;
	bool good; /* else: too big */
} built[] = {
	{"as many lines as may be", "", "250-\n", 127, IN("250 z\n"), true},
	{"a line too many", "", "250-\n", 128, IN("250 z\n"), false},
	{"the longest line", "250 ", "0", 2043, IN("\n"), true},
	{"a line too long", "250 ", "0", 2044, IN("\n"), false},
	{"a line too long, under way", "250 ", "0", 2044, IN(""), false},
	{"a NUL behind what a line may have", "250 ", "0", 2044, IN("\0\n"), false},
};
/* clang-format on */

struct run {
	struct bmx_smtp_reply_parser parser;
	struct bmx_text said;
	char buffer[8192];
};

static void
on_line(void *ctx, int code, size_t index, struct bmx_slice text)
{
	struct run *run = ctx;

	assert_in_range(code, 200, 599);
	bmx_text_printf(&run->said, "[%zu ", index);
	bmx_text_append(&run->said, text);
	bmx_text_append_char(&run->said, ']');
}

/* Gives what is there to the parser; -1 once it has failed. */
static int
give(struct run *run, struct bmx_slice *input)
{
	struct bmx_smtp_reply reply;
	struct bmx_error err = {.code = BMX_E_NONE};
	int got;

	while ((got = bmx_smtp_reply_parser_next(&run->parser, input, on_line,
	                                         run, &reply, &err)) == 1)
		bmx_text_printf(&run->said, "%d %d.%d.%d %s;", reply.code,
		                reply.enhanced[0], reply.enhanced[1],
		                reply.enhanced[2], reply.text);
	if (got < 0)
		bmx_text_append_string(&run->said,
		                       bmx_error_code_name(err.code));
	return got;
}

/* Feeds the input up to each of the two ends, or one by one when step is 1. */
static const char *
feed(struct run *run, struct bmx_slice input, size_t first, size_t step)
{
	struct bmx_slice rest = {input.data, 0};
	size_t end = first;

	bmx_smtp_reply_parser_reset(&run->parser);
	bmx_text_init(&run->said, run->buffer, sizeof(run->buffer));
	for (;;) {
		/* A copy of the right size: a sanitizer sees a step past. */
		const size_t len =
			end - (size_t)(rest.data + rest.len - input.data);
		char *copy;
		struct bmx_slice part;

		rest.len += len;
		copy = malloc(rest.len + 1);
		memcpy(copy, rest.data, rest.len);
		part = (struct bmx_slice){copy, rest.len};
		if (give(run, &part) < 0) {
			free(copy);
			return run->buffer;
		}
		rest.data += rest.len - part.len;
		rest.len = part.len;
		free(copy);
		if (end == input.len)
			break;
		end = end + step < input.len ? end + step : input.len;
	}
	bmx_text_append_string(&run->said, "more");
	return run->buffer;
}

static void
test_row(void **state)
{
	const struct reply_case *tc = *state;
	static struct run run;
	const size_t len = tc->input.len;

	assert_string_equal(feed(&run, tc->input, len, 1), tc->want);
	assert_string_equal(feed(&run, tc->input, 0, 1), tc->want);
	for (size_t cut = 0; cut <= len; cut++)
		assert_string_equal(feed(&run, tc->input, cut, len), tc->want);
}

static void
check_built(const struct built_case *tc, const char *got)
{
	if (tc->good) {
		assert_non_null(strstr(got, "]250 0.0.0 "));
		assert_non_null(strstr(got, ";more"));
	} else {
		assert_null(strstr(got, ";"));
		assert_non_null(strstr(got, "too-big"));
	}
}

static void
test_built(void **state)
{
	const struct built_case *tc = *state;
	static struct run run;
	char buffer[8192];
	struct bmx_text input;

	bmx_text_init(&input, buffer, sizeof(buffer));
	bmx_text_append_string(&input, tc->head);
	for (size_t i = 0; i < tc->count; i++)
		bmx_text_append_string(&input, tc->piece);
	bmx_text_append(&input, tc->tail);
	check_built(tc, feed(&run, bmx_text_slice(&input), input.len, 1));
	check_built(tc, feed(&run, bmx_text_slice(&input), 0, 1));
}

/* 33 lines of 1,000 octets are too many octets, not too many lines. */
static void
test_reply_too_big(void **state)
{
	struct bmx_smtp_reply_parser parser;
	struct bmx_smtp_reply reply;
	struct bmx_error err = {.code = BMX_E_NONE};
	char line[1000];
	size_t lines = 0;
	int got = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "250-", 4);
	line[sizeof(line) - 1] = '\n';
	bmx_smtp_reply_parser_reset(&parser);
	while (got == 0 && lines < 100) {
		struct bmx_slice input = {line, sizeof(line)};

		got = bmx_smtp_reply_parser_next(&parser, &input, NULL, NULL,
		                                 &reply, &err);
		lines++;
	}
	assert_int_equal(got, -1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
	assert_int_equal(lines, 33);
}

int
main(void)
{
	enum {
		ROWS = sizeof(cases) / sizeof(cases[0]),
		BUILT = sizeof(built) / sizeof(built[0]),
	};
	struct CMUnitTest tests[ROWS + BUILT + 1] = {
		{"a reply of too many octets", test_reply_too_big, 0, 0, 0},
	};
	struct CMUnitTest *at = tests + 1;

	for (size_t i = 0; i < ROWS; i++)
		*at++ = (struct CMUnitTest){.name = cases[i].name,
		                            .test_func = test_row,
		                            .initial_state = &cases[i]};
	for (size_t i = 0; i < BUILT; i++)
		*at++ = (struct CMUnitTest){.name = built[i].name,
		                            .test_func = test_built,
		                            .initial_state = &built[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
