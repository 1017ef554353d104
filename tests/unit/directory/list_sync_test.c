/* From a source to the store. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <backupmx/list_sync.h>

struct sync_case {
	const char *name;
	const char *text; /* of the file; NULL: there is none */
	enum bmx_error_code want;
	uint64_t after;
	const char *error; /* what the message holds */
};

static struct sync_case cases[] = {
	{"good file", "b@example.test\na@example.test\n", BMX_E_NONE, 2, NULL},
	{"no file", NULL, BMX_E_NOT_FOUND, 0, "/list: "},
	{"bad line", "a@example.test\nb\n", BMX_E_SYNTAX, 0,
         "/list:2: expected"},
	{"empty file", "", BMX_E_REFUSED, 0, "/list is empty"},
	{"other domains only", "a@x.test\n", BMX_E_REFUSED, 0,
         "no address of example.test among its 1"},
};

static void
write_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void
remove_all(const char *dir)
{
	static const char *const names[] = {"list", "list.mdb",
	                                    "list.mdb-lock"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static void
sync_row(const struct sync_case *tc, bool with_store)
{
	const struct bmx_list_replace_options options = {
		.max_shrink = 20, .dry_run = !with_store};
	struct bmx_list_replace_result result;
	char dir[] = "/tmp/bmx-sync-XXXXXX", source[128];
	const struct bmx_list_sync_spec spec = {"example.test", source, false,
	                                        NULL, NULL};
	struct bmx_error err = {0};
	struct bmx_list_store *store = NULL;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(source, sizeof(source), "file:%s/list", dir);
	if (tc->text)
		write_text(source + strlen("file:"), tc->text);
	if (with_store)
		store = bmx_list_store_open(dir, BMX_LIST_READ_WRITE, &err);
	(void)bmx_list_sync(store, &spec, &options, &result, &err);
	assert_int_equal(err.code, tc->want);
	assert_int_equal(result.after, tc->after);
	if (tc->error)
		assert_non_null(strstr(err.text, tc->error));
	bmx_list_store_free(&store);
	remove_all(dir);
}

static void
test_sync(void **state)
{
	sync_row(*state, true);
	sync_row(*state, false);
}

static void
test_sources(void **state)
{
	static const char *const known[] = {
		"file:/list", "redis:", "https://x.test/l", "exec:/bin/list"};
	static const char *const unknown[] = {
		"",        "file:",          "file:list", "/list",
		"FILE:/x", "http://x.test/", "exec:list"};
	struct bmx_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(bmx_list_source_check(known[i], &err), 0);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(bmx_list_source_check(unknown[i], &err), -1);
		assert_int_equal(err.code, BMX_E_USAGE);
	}
}

#define ROWS (sizeof(cases) / sizeof(cases[0]))

int
main(void)
{
	struct CMUnitTest tests[ROWS + 1] = {
		{"sources", test_sources, NULL, NULL, NULL}};

	for (size_t i = 0; i < ROWS; i++) {
		tests[i + 1].name = cases[i].name;
		tests[i + 1].test_func = test_sync;
		tests[i + 1].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
