/*
 * The sync worker whole: the child is this program, which then is the real
 * worker, on a real list file and store.
 */
#include "policyd/sync_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <backupmx/list_store.h>

#include "tests/support/cmocka.h"
#include "tests/support/fake_loop.h"

#define WAIT_MS 20000
#define NOW_MS INT64_C(1700000000000)

struct bench {
	struct bmx_loop *loop;
	struct bmx_sync_worker *worker;
	char dir[64];
	char source[128];
	size_t calls;
	struct bmx_sync_outcome outcome;
};

static void
on_outcome(void *ctx, const struct bmx_sync_outcome *outcome)
{
	struct bench *bench = ctx;

	bench->calls++;
	bench->outcome = *outcome;
}

static void
put_list(const struct bench *bench, const char *text)
{
	FILE *out = fopen(bench->source + strlen("file:"), "w");

	assert_non_null(out);
	(void)fputs(text, out);
	(void)fclose(out);
}

static void
begin(struct bench *bench)
{
	const struct bmx_sync_job job = {
		.state_dir = bench->dir,
		.domain = "a.test",
		.source = bench->source,
		.max_shrink = 20,
		.now_ms = NOW_MS,
	};
	struct bmx_error err;

	bench->calls = 0;
	assert_int_equal(bench->worker->ops->start(bench->worker, &job,
	                                           on_outcome, bench, &err),
	                 0);
}

static void
sync_now(struct bench *bench)
{
	begin(bench);
	while (bench->calls == 0)
		assert_int_not_equal(fake_loop_poll(bench->loop, WAIT_MS), 0);
}

/* Entries in force, as another process sees them; 0: never had a list. */
static uint64_t
in_force(const struct bench *bench)
{
	struct bmx_error err;
	struct bmx_list_meta meta = {0};
	struct bmx_list_store *store =
		bmx_list_store_open(bench->dir, BMX_LIST_READ_ONLY, &err);
	struct bmx_list_reader *reader;

	assert_non_null(store);
	reader = bmx_list_reader_new(store, &err);
	assert_non_null(reader);
	assert_int_equal(bmx_list_reader_begin(reader, &err), 0);
	assert_true(bmx_list_reader_meta(reader, BMX_SLICE("a.test"), &meta,
	                                 &err) >= 0);
	bmx_list_reader_end(reader);
	bmx_list_reader_free(&reader);
	bmx_list_store_free(&store);
	return meta.count;
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	(void)snprintf(bench->dir, sizeof(bench->dir), "%s",
	               "/tmp/bmx-worker-XXXXXX");
	assert_non_null(mkdtemp(bench->dir));
	(void)snprintf(bench->source, sizeof(bench->source), "file:%s/list",
	               bench->dir);
	bench->loop = fake_loop_new(NOW_MS);
	bench->worker = bmx_sync_worker_new(bench->loop, NULL);
	assert_non_null(bench->worker);
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *bench = *state;
	char command[128];

	bmx_sync_worker_free(&bench->worker);
	fake_loop_free(&bench->loop);
	(void)snprintf(command, sizeof(command), "rm -rf %s", bench->dir);
	assert_int_equal(system(command), 0);
	free(bench);
	return 0;
}

static void
brings_a_list(void **state)
{
	struct bench *bench = *state;

	put_list(bench, "one@a.test\ntwo@a.test\n");
	sync_now(bench);
	assert_string_equal(bench->outcome.err.text, "");
	assert_true(bench->outcome.ok);
	assert_int_equal(bench->outcome.counts.after, 2);
	assert_int_equal(bench->outcome.counts.added, 2);
	assert_int_equal(bench->outcome.counts.generation, 1);
	assert_int_equal(in_force(bench), 2);
	sync_now(bench);
	assert_true(bench->outcome.ok);
	assert_int_equal(bench->outcome.counts.added, 0);
}

static void
keeps_the_old_list(void **state)
{
	struct bench *bench = *state;

	put_list(bench, "one@a.test\ntwo@a.test\n");
	sync_now(bench);
	put_list(bench, "one@a.test\nnot an address at all @@\n");
	sync_now(bench);
	assert_false(bench->outcome.ok);
	assert_int_equal(bench->outcome.err.code, BMX_E_SYNTAX);
	assert_non_null(strstr(bench->outcome.err.text, "list:2: "));
	put_list(bench, "");
	sync_now(bench);
	assert_int_equal(bench->outcome.err.code, BMX_E_REFUSED);
	assert_int_equal(unlink(bench->source + strlen("file:")), 0);
	sync_now(bench);
	assert_int_equal(bench->outcome.err.code, BMX_E_NOT_FOUND);
	assert_int_equal(in_force(bench), 2);
}

static void
no_state_dir(void **state)
{
	struct bench *bench = *state;

	put_list(bench, "one@a.test\n");
	(void)snprintf(bench->dir + strlen(bench->dir), 8, "/none");
	sync_now(bench);
	bench->dir[strlen(bench->dir) - strlen("/none")] = '\0';
	assert_int_equal(bench->outcome.err.code, BMX_E_NOT_FOUND);
}

/* Killed at some moment of a large load: the old list or the new one. */
static void
killed_in_a_load(void **state)
{
	enum { ENTRIES = 50000, ROUNDS = 10 };
	struct bench *bench = *state;
	FILE *out;

	put_list(bench, "one@a.test\n");
	sync_now(bench);
	out = fopen(bench->source + strlen("file:"), "w");
	assert_non_null(out);
	for (int i = 0; i < ENTRIES; i++)
		(void)fprintf(out, "user%d@a.test\n", i);
	(void)fprintf(out, "one@a.test\n");
	(void)fclose(out);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t count;

		begin(bench);
		(void)fake_loop_poll(bench->loop, 0);
		(void)usleep((useconds_t)i * 15000);
		bench->worker->ops->stop(bench->worker);
		count = in_force(bench);
		assert_true(count == 1 || count == ENTRIES + 1);
	}
	sync_now(bench);
	assert_true(bench->outcome.ok);
	assert_int_equal(in_force(bench), ENTRIES + 1);
}

/* Asked for by a person, without the daemon at the other end. */
static void
not_from_a_shell(void **state)
{
	const pid_t pid = fork();
	int status = 0;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		const int null = open("/dev/null", O_RDWR);

		(void)dup2(null, STDERR_FILENO);
		(void)close(BMX_SYNC_WORKER_FD);
		(void)execl("/proc/self/exe", "x", BMX_SYNC_WORKER_ARGUMENT,
		            (char *)NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EX_USAGE);
}

#define CASE(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE("a list is brought into the store", brings_a_list),
		CASE("a bad, empty or missing file leaves the old list",
	             keeps_the_old_list),
		CASE("a state_dir that is not there", no_state_dir),
		CASE("killed in a load: the old list or the new one",
	             killed_in_a_load),
		{"not to be started from a shell", not_from_a_shell, NULL, NULL,
	         NULL},
	};

	if (bmx_sync_worker_wanted(argc, argv))
		return bmx_sync_worker_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
