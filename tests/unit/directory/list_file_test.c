/* Lists as text, and the files that they are in. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <backupmx/list_sync.h>

#include "lib/directory/list_file.h"

#define DOMAIN BMX_SLICE("example.test")

struct parse_case {
	const char *name;
	const char *text;
	const char *want; /* entries; NULL: an error */
	size_t skipped;
	const char *error; /* how the message starts */
};

#define AT "@example.test"

/* clang-format off */
static struct parse_case cases[] = {
	{"nothing",                  "",                                "",        0, NULL},
	{"one address",              "a" AT "\n",                       "a",       0, NULL},
	{"no line end at the end",   "a" AT,                            "a",       0, NULL},
	{"CRLF",                     "a" AT "\r\nb" AT "\r\n",          "a b",     0, NULL},
	{"byte order mark",          "\xef\xbb\xbf" "a" AT "\n",        "a",       0, NULL},
	{"blank and comment lines",  "\n  \t\n# c\n  # c\na" AT "\n",   "a",       0, NULL},
	{"comment behind",           "a" AT " # c\n",                   "a",       0, NULL},
	{"comment behind a state",   "a" AT " full # c\n",              "a?",      0, NULL},
	{"'#' within a local part",  "a#b" AT "\n",                     "a#b",     0, NULL},
	{"states",                   "a" AT "\tOK\nb" AT " disabled\nc" AT " FULL \n", "a b! c?", 0, NULL},
	{"sorted",                   "c" AT "\nb" AT "\na" AT "\n",     "a b c",   0, NULL},
	{"sorted past eight octets", "longname2" AT "\nlongname1" AT "\nlongname" AT "\n", "longname longname1 longname2", 0, NULL},
	{"first of two stays",       "b" AT " full\nb" AT "\na" AT "\nb" AT "\n", "a b?", 0, NULL},
	{"case is one",              "Anna" AT "\nanna@EXAMPLE.Test\n", "anna",    0, NULL},
	{"quoted is unquoted",       "\"an.na\"" AT "\n",               "an.na",   0, NULL},
	{"wildcard",                 "b" AT "\n" AT "\n",               "* b",     0, NULL},
	{"other domains skipped",    "a@x.test\na" AT "\nb@x.test\nb@y.test\n", "a", 3, NULL},
	{"no address",               "a" AT "\nanna\n",                 NULL,      0, "2: expected an address"},
	{"star as local part",       "*" AT "\n",                       NULL,      0, "1: expected an address that can"},
	{"unlistable",               "a" AT "\n\na%b" AT "\n",          NULL,      0, "3: expected an address that can"},
	{"unknown state",            "a" AT " maybe\n",                 NULL,      0, "1: expected OK, disabled, full"},
	{"third word",               "a" AT " full x\n",                NULL,      0, "1: expected a comment"},
	{"no domain",                "a@\n",                            NULL,      0, "1: expected a domain"},
	{"bad domain",               "a@x..test\n",                     NULL,      0, "1: expected a domain"},
	{"open quote",               "\"a" AT "\n",                     NULL,      0, "1: expected an address"},
};
/* clang-format on */

static void
show(const struct bmx_list *list, char *text, size_t size)
{
	static const char *const marks[] = {"", "!", "?"};

	text[0] = '\0';
	for (size_t i = 0; i < list->count; i++) {
		const size_t len = strlen(text);

		(void)snprintf(text + len, size - len, "%s%.*s%s", i ? " " : "",
		               (int)list->entries[i].local.len,
		               list->entries[i].local.data,
		               marks[list->entries[i].state]);
	}
}

static void
test_parse(void **state)
{
	const struct parse_case *tc = *state;
	struct bmx_error err = {0};
	struct bmx_list list;
	char got[256];
	const int rc = bmx_list_parse(bmx_slice_of(tc->text), DOMAIN, false,
	                              &list, &err);

	if (!tc->want) {
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, BMX_E_SYNTAX);
		assert_memory_equal(err.text, tc->error, strlen(tc->error));
		assert_null(list.entries);
		return;
	}
	assert_int_equal(rc, 0);
	show(&list, got, sizeof(got));
	assert_string_equal(got, tc->want);
	assert_int_equal(list.skipped, tc->skipped);
	bmx_list_clear(&list);
}

/* Cut anywhere, in memory of exactly that size: no overread. */
static void
test_cut_everywhere(void **state)
{
	const char text[] = "\xef\xbb\xbf# c\r\na" AT "\n\"b c\"" AT
			    " full # x\nd\\\"" AT "\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len ? len : 1);
		struct bmx_list list;

		assert_non_null(copy);
		memcpy(copy, text, len);
		(void)bmx_list_parse((struct bmx_slice){copy, len}, DOMAIN,
		                     false, &list, NULL);
		bmx_list_clear(&list);
		free(copy);
	}
}

static void
test_case_kept(void **state)
{
	struct bmx_list list;
	char got[64];

	(void)state;
	assert_int_equal(bmx_list_parse(BMX_SLICE("b" AT "\nB" AT "\n"), DOMAIN,
	                                true, &list, NULL),
	                 0);
	show(&list, got, sizeof(got));
	assert_string_equal(got, "B b");
	bmx_list_clear(&list);
}

static void
test_long_line(void **state)
{
	static char text[BMX_LIST_LINE_MAX + 2];
	struct bmx_error err = {0};
	struct bmx_list list;

	(void)state;
	memset(text, '#', sizeof(text));
	assert_int_equal(
		bmx_list_parse((struct bmx_slice){text, BMX_LIST_LINE_MAX},
	                       DOMAIN, false, &list, &err),
		0);
	bmx_list_clear(&list);
	assert_int_equal(
		bmx_list_parse((struct bmx_slice){text, BMX_LIST_LINE_MAX + 1},
	                       DOMAIN, false, &list, &err),
		-1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
}

static void
expect_read(const char *path, enum bmx_error_code want)
{
	struct bmx_error err = {0};
	char *data = NULL;
	size_t len = 0;
	const int rc = bmx_list_file_read(path, &data, &len, &err);

	free(data);
	assert_int_equal(rc, want == BMX_E_NONE ? 0 : -1);
	assert_int_equal(err.code, want);
}

static void
test_files(void **state)
{
	char path[] = "/tmp/bmx-list-file-XXXXXX";
	const int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	expect_read(path, BMX_E_NONE);
	assert_int_equal(write(fd, "abc", 3), 3);
	expect_read(path, BMX_E_NONE);
	assert_int_equal(ftruncate(fd, (off_t)BMX_LIST_FILE_MAX + 1), 0);
	expect_read(path, BMX_E_TOO_BIG);
	(void)close(fd);
	(void)unlink(path);
	expect_read(path, BMX_E_NOT_FOUND);
	expect_read("/tmp", BMX_E_IO);
	expect_read("/dev/zero", BMX_E_IO);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_read(path, BMX_E_IO);
	(void)unlink(path);
}

#define ROWS (sizeof(cases) / sizeof(cases[0]))

int
main(void)
{
	const struct CMUnitTest plain[] = {
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_case_kept),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_files),
	};
	struct CMUnitTest tests[ROWS + sizeof(plain) / sizeof(plain[0])] = {0};

	for (size_t i = 0; i < ROWS; i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_parse;
		tests[i].initial_state = &cases[i];
	}
	memcpy(tests + ROWS, plain, sizeof(plain));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
