/* The words of exec: sources. */
#include "tests/support/cmocka.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fetch/exec_words.h"

struct words_case {
	const char *name;
	const char *line;
	const char *want; /* each word in []; or of an error a part */
	bool bad;
};

/* clang-format off */
static struct words_case cases[] = {
	{"a program alone", "/bin/list", "[/bin/list]", false},
	{"arguments", "/bin/list -a  b\tc ", "[/bin/list][-a][b][c]", false},
	{"blanks before the program", "  /bin/list", "[/bin/list]", false},
	{"double quotes", "/l \"a b\"", "[/l][a b]", false},
	{"single quotes", "/l 'a \"b\" \\'", "[/l][a \"b\" \\]", false},
	{"an escaped quote", "/l \"a \\\"b\\\" \\\\\"", "[/l][a \"b\" \\]", false},
	{"another backslash stays", "/l \"a\\nb\"", "[/l][a\\nb]", false},
	{"quotes within a word", "/l --where=\"a = 1\"'; x'y", "[/l][--where=a = 1; xy]", false},
	{"an empty argument", "/l \"\" ''", "[/l][][]", false},
	{"what a shell would read, quoted", "/l '$(x) | y > z' \"`a`;&<\"", "[/l][$(x) | y > z][`a`;&<]", false},
	{"stars are no patterns", "/l *.txt ~ [a]", "[/l][*.txt][~][[a]]", false},
	{"UTF-8", "/l \xc3\xbc", "[/l][\xc3\xbc]", false},
	{"a quoted program", "'/opt/my list' x", "[/opt/my list][x]", false},
	{"nothing", "", "absolute path", true},
	{"blanks only", " \t", "absolute path", true},
	{"a name", "list", "absolute path", true},
	{"an empty program", "\"\" /x", "absolute path", true},
	{"a pipe", "/l | sort", "no shell", true},
	{"a list of commands", "/l; /m", "no shell", true},
	{"a redirection", "/l >x", "no shell", true},
	{"a variable", "/l $HOME", "no shell", true},
	{"a substitution", "/l `x`", "no shell", true},
	{"a bare backslash", "/l a\\ b", "no shell", true},
	{"in the background", "/l &", "no shell", true},
	{"double quotes not closed", "/l \"a", "closed", true},
	{"single quotes not closed", "/l 'a", "closed", true},
	{"ends in a backslash", "/l \"a\\", "closed", true},
	{"a line feed", "/l a\nb", "control", true},
	{"a control character in quotes", "/l \"\x01\"", "control", true},
	{"DEL", "/l \x7f", "control", true},
};
/* clang-format on */

static void
show(const struct exec_words *words, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < words->count && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "[%s]",
		                        words->argv[i]);
}

static void
test_words(void **state)
{
	const struct words_case *tc = *state;
	struct exec_words words;
	char got[512];
	const char *expected = exec_words_split(tc->line, &words);

	if (tc->bad) {
		assert_non_null(expected);
		assert_non_null(strstr(expected, tc->want));
		return;
	}
	assert_null(expected);
	assert_null(words.argv[words.count]);
	show(&words, got, sizeof(got));
	assert_string_equal(got, tc->want);
}

static void
test_most_words(void **state)
{
	char line[512] = "/l";
	struct exec_words words;

	(void)state;
	for (size_t i = 1; i < EXEC_WORDS_MAX; i++)
		strcat(line, " x");
	assert_null(exec_words_split(line, &words));
	assert_int_equal(words.count, EXEC_WORDS_MAX);
	strcat(line, " x");
	assert_string_equal(exec_words_split(line, &words), "at most 64 words");
}

static void
test_longest(void **state)
{
	char line[EXEC_WORDS_SIZE + 2];
	struct exec_words words;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[0] = '/';
	for (size_t len = EXEC_WORDS_SIZE - 3; len < sizeof(line); len++) {
		line[len] = '\0';
		if (len < EXEC_WORDS_SIZE)
			assert_null(exec_words_split(line, &words));
		else
			assert_non_null(exec_words_split(line, &words));
		line[len] = 'x';
	}
	/* A further word where there is no room for its first octet. */
	memcpy(line + EXEC_WORDS_SIZE - 1, " y", 3);
	assert_non_null(exec_words_split(line, &words));
}

#define ROWS (sizeof(cases) / sizeof(cases[0]))

int
main(void)
{
	struct CMUnitTest tests[ROWS + 2] = {
		cmocka_unit_test(test_most_words),
		cmocka_unit_test(test_longest),
	};

	for (size_t i = 0; i < ROWS; i++) {
		tests[i + 2].name = cases[i].name;
		tests[i + 2].test_func = test_words;
		tests[i + 2].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
