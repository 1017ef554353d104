#include <backupmx/control_request.h>

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

struct control_case {
	const char *name;
	struct bmx_slice input;
	int want; /* 1, 0, or -1 with BMX_E_SYNTAX */
	enum bmx_control_verb verb;
	const char *argument;
};

#define IN(text)                                                               \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}
#define IS(verb) BMX_CONTROL_##verb
/* clang-format off */
static struct control_case cases[] = {
	{"status",                      IN("status\n"), 1, IS(STATUS), ""},
	{"reload",                      IN("reload\n"), 1, IS(RELOAD), ""},
	{"lookup",                      IN("lookup a@example\n"), 1, IS(LOOKUP), "a@example"},
	{"lookup of a quoted local part", IN("lookup \"a b\"@example\n"), 1, IS(LOOKUP), "\"a b\"@example"},
	{"lookup that is not ASCII",    IN("lookup \xc3\xa4@example\n"), 1, IS(LOOKUP), "\xc3\xa4@example"},
	{"sync",                        IN("sync example\n"), 1, IS(SYNC), "example"},
	{"what follows is ignored",     IN("status\nreload\n"), 1, IS(STATUS), ""},
	{"nothing yet",                 IN(""), 0, IS(STATUS), ""},
	{"no line feed yet",            IN("status"), 0, IS(STATUS), ""},
	{"half an argument",            IN("lookup a@exam"), 0, IS(STATUS), ""},
	{"an empty line",               IN("\n"), -1, IS(STATUS), ""},
	{"unknown verb",                IN("stop\n"), -1, IS(STATUS), ""},
	{"verb cut",                    IN("statu\n"), -1, IS(STATUS), ""},
	{"verb too long",               IN("statusx\n"), -1, IS(STATUS), ""},
	{"verb in capitals",            IN("STATUS\n"), -1, IS(STATUS), ""},
	{"carriage return",             IN("status\r\n"), -1, IS(STATUS), ""},
	{"NUL in the verb",             IN("stat\0us\n"), -1, IS(STATUS), ""},
	{"blank first",                 IN(" status\n"), -1, IS(STATUS), ""},
	{"argument too many",           IN("status x\n"), -1, IS(STATUS), ""},
	{"blank after a verb alone",    IN("reload \n"), -1, IS(STATUS), ""},
	{"argument missing",            IN("lookup\n"), -1, IS(STATUS), ""},
	{"argument empty",              IN("sync \n"), -1, IS(STATUS), ""},
	{"two blanks",                  IN("lookup  a@example\n"), -1, IS(STATUS), ""},
	{"blank last",                  IN("lookup a@example \n"), -1, IS(STATUS), ""},
	{"NUL in an argument",          IN("lookup a\0@example\n"), -1, IS(STATUS), ""},
	{"tab in an argument",          IN("lookup a\t@example\n"), -1, IS(STATUS), ""},
	{"DEL in an argument",          IN("lookup a\x7f@example\n"), -1, IS(STATUS), ""},
};
/* clang-format on */

static void
test_parse(void **state)
{
	const struct control_case *tc = *state;
	struct bmx_control_request got = {.verb = BMX_CONTROL_VERBS};
	struct bmx_error err = {.code = BMX_E_NONE};

	assert_int_equal(bmx_control_request_parse(tc->input, &got, &err),
	                 tc->want);
	if (tc->want == 1) {
		assert_int_equal(got.verb, tc->verb);
		assert_true(bmx_slice_equal(got.argument,
		                            bmx_slice_of(tc->argument)));
	}
	assert_int_equal(err.code, tc->want < 0 ? BMX_E_SYNTAX : BMX_E_NONE);
}

/* With fewer octets than the line it always asks for more. */
static void
test_cut(void **state)
{
	const struct control_case *tc = *state;
	struct bmx_control_request got;
	const char *feed = tc->input.len ?
		memchr(tc->input.data, '\n', tc->input.len) :
		NULL;
	const size_t line =
		feed ? (size_t)(feed - tc->input.data) : tc->input.len;

	for (size_t len = 0; len <= line; len++) {
		/* A copy of its own, so that a sanitizer sees an overread. */
		char *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, tc->input.data, len);
		assert_int_equal(
			bmx_control_request_parse((struct bmx_slice){copy, len},
		                                  &got, NULL),
			0);
		free(copy);
	}
}

/* The whole line, line feed included, may take BMX_CONTROL_REQUEST_MAX. */
static void
test_limit(void **state)
{
	char data[BMX_CONTROL_REQUEST_MAX + 2];
	struct bmx_control_request got;
	struct bmx_error err = {.code = BMX_E_NONE};
	struct bmx_slice input = {data, BMX_CONTROL_REQUEST_MAX};

	(void)state;
	memset(data, 'x', sizeof(data));
	memcpy(data, "lookup ", 7);
	data[BMX_CONTROL_REQUEST_MAX - 1] = '\n';
	assert_int_equal(bmx_control_request_parse(input, &got, &err), 1);
	assert_int_equal(got.argument.len, BMX_CONTROL_REQUEST_MAX - 8);
	input.len--;
	assert_int_equal(bmx_control_request_parse(input, &got, &err), 0);
	data[BMX_CONTROL_REQUEST_MAX - 1] = 'x';
	data[BMX_CONTROL_REQUEST_MAX] = '\n';
	for (input.len = BMX_CONTROL_REQUEST_MAX; input.len < sizeof(data);
	     input.len++) {
		assert_int_equal(bmx_control_request_parse(input, &got, &err),
		                 -1);
		assert_int_equal(err.code, BMX_E_TOO_BIG);
	}
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(bmx_control_verb_name(BMX_CONTROL_STATUS),
	                    "status");
	assert_string_equal(bmx_control_verb_name(BMX_CONTROL_LOOKUP),
	                    "lookup");
	assert_string_equal(bmx_control_verb_name(BMX_CONTROL_SYNC), "sync");
	assert_string_equal(bmx_control_verb_name(BMX_CONTROL_RELOAD),
	                    "reload");
}

int
main(void)
{
	enum { ROWS = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[2 * ROWS + 2] = {
		{"a request may take so many octets", test_limit, 0, 0, 0},
		{"names of the verbs", test_names, 0, 0, 0},
	};

	for (size_t i = 0; i < ROWS; i++) {
		tests[2 + 2 * i] = (struct CMUnitTest){
			.name = cases[i].name,
			.test_func = test_parse,
			.initial_state = &cases[i],
		};
		tests[3 + 2 * i] = (struct CMUnitTest){
			.name = cases[i].name,
			.test_func = test_cut,
			.initial_state = &cases[i],
		};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
