#include "policyd/file_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/fake_loop.h"

struct bench {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_file_watch *watch;
	char root[64];
	char told[256]; /* "domain;" of each callback */
};

static void
on_line(void *ctx, enum bmx_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	print_message("%s\n", line);
}

static void
on_change(void *ctx, struct bmx_slice domain)
{
	struct bench *bench = ctx;
	const size_t len = strlen(bench->told);

	(void)snprintf(bench->told + len, sizeof(bench->told) - len, "%.*s;",
	               (int)domain.len, domain.data);
}

static void
put(const struct bench *bench, const char *name)
{
	char path[256];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", bench->root, name);
	out = fopen(path, "w");
	assert_non_null(out);
	(void)fputs("x\n", out);
	(void)fclose(out);
}

static void
act(const struct bench *bench, const char *name, int (*act_on)(const char *))
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", bench->root, name);
	(void)act_on(path);
}

static int
make_folder(const char *path)
{
	return mkdir(path, 0700);
}

static void
move(const struct bench *bench, const char *from, const char *to)
{
	char from_path[256];
	char to_path[256];

	(void)snprintf(from_path, sizeof(from_path), "%s/%s", bench->root,
	               from);
	(void)snprintf(to_path, sizeof(to_path), "%s/%s", bench->root, to);
	assert_int_equal(rename(from_path, to_path), 0);
}

/* Watches name as the list of a.test, and "other" as that of b.test. */
static void
configure(struct bench *bench, const char *name)
{
	char source[256];
	char other[256];
	const struct bmx_config_domain domains[] = {
		{.name = "a.test", .recipients = source},
		{.name = "b.test", .recipients = other},
		{.name = "none.test", .recipients = ""},
		{.name = "web.test", .recipients = "https://a.test/list"},
		{.name = "odd.test", .recipients = "file:"},
	};
	const struct bmx_config config = {.domains = domains,
	                                  .domain_count = 5};

	(void)snprintf(source, sizeof(source), "file:%s/%s", bench->root, name);
	(void)snprintf(other, sizeof(other), "file:%s/other", bench->root);
	bmx_file_watch_configure(bench->watch, &config);
}

static void
expect(struct bench *bench, const char *want)
{
	fake_loop_settle(bench->loop);
	fake_loop_advance(bench->loop, BMX_FILE_WATCH_DEBOUNCE_MS);
	assert_string_equal(bench->told, want);
	bench->told[0] = '\0';
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	(void)snprintf(bench->root, sizeof(bench->root), "%s",
	               "/tmp/bmx-watch-XXXXXX");
	assert_non_null(mkdtemp(bench->root));
	bench->loop = fake_loop_new(0);
	bench->log = bmx_log_new_capture(on_line, bench, BMX_LOG_DEBUG);
	bench->watch =
		bmx_file_watch_new(bench->loop, bench->log, on_change, bench);
	assert_non_null(bench->watch);
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"list", "other", "new", "sub/list",
	                                    "moved/list"};
	struct bench *bench = *state;

	bmx_file_watch_free(&bench->watch);
	assert_null(bench->watch);
	fake_loop_free(&bench->loop);
	bmx_log_free(&bench->log);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		act(bench, names[i], unlink);
	act(bench, "sub", rmdir);
	act(bench, "moved", rmdir);
	assert_int_equal(rmdir(bench->root), 0);
	free(bench);
	return 0;
}

static void
written(void **state)
{
	struct bench *bench = *state;

	configure(bench, "list");
	expect(bench, "");
	put(bench, "list");
	expect(bench, "a.test;");
	put(bench, "other");
	expect(bench, "b.test;");
	put(bench, "new");
	expect(bench, "");
}

static void
replaced(void **state)
{
	struct bench *bench = *state;

	configure(bench, "list");
	put(bench, "new");
	expect(bench, "");
	move(bench, "new", "list");
	expect(bench, "a.test;");
}

static void
deleted(void **state)
{
	struct bench *bench = *state;

	put(bench, "list");
	configure(bench, "list");
	act(bench, "list", unlink);
	expect(bench, "a.test;");
}

static void
debounced(void **state)
{
	struct bench *bench = *state;

	configure(bench, "list");
	for (size_t i = 0; i < 10; i++) {
		put(bench, "list");
		fake_loop_settle(bench->loop);
		fake_loop_advance(bench->loop, 19);
	}
	assert_string_equal(bench->told, "");
	/* 200 ms after the first change, not after the last. */
	fake_loop_advance(bench->loop, 10);
	assert_string_equal(bench->told, "a.test;");
	expect(bench, "a.test;");
}

static void
folder_later(void **state)
{
	struct bench *bench = *state;

	configure(bench, "sub/list");
	bmx_file_watch_retry(bench->watch);
	expect(bench, "");
	act(bench, "sub", make_folder);
	put(bench, "sub/list");
	bmx_file_watch_retry(bench->watch);
	expect(bench, "a.test;");
	bmx_file_watch_retry(bench->watch);
	expect(bench, "");
	put(bench, "sub/list");
	expect(bench, "a.test;");
}

static void
folder_moved(void **state)
{
	struct bench *bench = *state;

	act(bench, "sub", make_folder);
	configure(bench, "sub/list");
	move(bench, "sub", "moved");
	expect(bench, "a.test;");
	put(bench, "moved/list");
	expect(bench, "");
	act(bench, "sub", make_folder);
	bmx_file_watch_retry(bench->watch);
	expect(bench, "a.test;");
	put(bench, "sub/list");
	expect(bench, "a.test;");
}

static void
reconfigured(void **state)
{
	struct bench *bench = *state;

	configure(bench, "list");
	put(bench, "list");
	/* Not read yet, and not lost. */
	configure(bench, "list");
	expect(bench, "a.test;");
	configure(bench, "new");
	put(bench, "list");
	expect(bench, "");
	put(bench, "new");
	expect(bench, "a.test;");
}

#define CASE(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE("a file that is written", written),
		CASE("a file that is replaced by rename", replaced),
		CASE("a file that is deleted", deleted),
		CASE("many changes are one, and not put off without end",
	             debounced),
		CASE("a folder that appears later", folder_later),
		CASE("a folder that is moved away and made anew", folder_moved),
		CASE("a new configuration loses no change", reconfigured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
