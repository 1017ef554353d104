/* Words that a shell reads back as they are: asked of a real one, too. */
#include <tests/support/cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/command.h>

#include "ctl/postfix/shell.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct word_case {
	const char *name;
	const char *word;
	const char *want;
};

/* clang-format off */
static struct word_case cases[] = {
	{"a plain word",        "yes",                "yes"},
	{"a path",              "/etc/postfix-out",   "/etc/postfix-out"},
	{"nothing",             "",                   "''"},
	{"a blank",             "a = b",              "'a = b'"},
	{"a dollar",            "a = $b",             "'a = $b'"},
	{"a quote",             "it's",               "'it'\\''s'"},
	{"quotes alone",        "''",                 "''\\'''\\'''"},
	{"double quotes",       "\"x\"",              "'\"x\"'"},
	{"a backslash",         "a\\b",               "'a\\b'"},
	{"braces",              "{ a, b }",           "'{ a, b }'"},
	{"a command",           "$(id)`id`;id&|<>",   "'$(id)`id`;id&|<>'"},
	{"a tilde",             "~root",              "'~root'"},
	{"a comment",           "#x",                 "'#x'"},
	{"a glob",              "*?[a]!",             "'*?[a]!'"},
	{"a line end",          "a\nb",               "'a\nb'"},
	{"octets above 127",    "b\xc3\xbc",          "'b\xc3\xbc'"},
};
/* clang-format on */

static void
test_word(void **state)
{
	const struct word_case *tc = *state;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	bmxctl_shell_word(out, tc->word);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, tc->want);
	free(text);
}

static void
test_shell(void **state)
{
	const struct word_case *tc = *state;
	char script[256];
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	const struct bmx_command command = {argv, NULL, 10000, 4096};
	struct bmx_command_result result;
	struct bmx_error err;

	(void)snprintf(script, sizeof(script), "printf %%s %s", tc->want);
	assert_int_equal(bmx_command_run(&command, &result, &err), 0);
	assert_string_equal(result.output, tc->word);
	bmx_command_result_clear(&result);
}

int
main(void)
{
	struct CMUnitTest tests[2 * COUNT(cases)] = {0};

	for (size_t i = 0; i < COUNT(tests); i++) {
		tests[i].name = cases[i / 2].name;
		tests[i].test_func = i % 2 ? test_shell : test_word;
		tests[i].initial_state = &cases[i / 2];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
