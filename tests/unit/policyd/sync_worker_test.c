/*
 * The daemon's side of the sync worker. The child is this program itself,
 * which then does what the job's source says, good or bad.
 */
#include "policyd/sync_worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "policyd/fetch_settings.h"
#include "policyd/sync_wire.h"
#include "tests/support/cmocka.h"
#include "tests/support/fake_loop.h"

#define WAIT_MS 10000

struct bench {
	struct bmx_loop *loop;
	struct bmx_sync_worker *worker;
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
begin(struct bench *bench, const char *source)
{
	const struct bmx_sync_job job = {
		.state_dir = "/state",
		.domain = "a.test",
		.source = source,
		.max_shrink = 20,
		.now_ms = 1700000000000,
	};
	struct bmx_error err;

	bench->calls = 0;
	assert_int_equal(bench->worker->ops->start(bench->worker, &job,
	                                           on_outcome, bench, &err),
	                 0);
	assert_int_equal(bench->calls, 0);
}

static void
end(struct bench *bench)
{
	while (bench->calls == 0)
		assert_int_not_equal(fake_loop_poll(bench->loop, WAIT_MS), 0);
	assert_int_equal(bench->calls, 1);
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->loop = fake_loop_new(1700000000000);
	bench->worker = bmx_sync_worker_new(bench->loop, NULL);
	assert_non_null(bench->worker);
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *bench = *state;

	bmx_sync_worker_free(&bench->worker);
	assert_null(bench->worker);
	fake_loop_free(&bench->loop);
	free(bench);
	return 0;
}

/* The children's pids, as each answers with its own. */
static uint64_t
good(struct bench *bench)
{
	begin(bench, "good");
	end(bench);
	assert_true(bench->outcome.ok);
	return bench->outcome.counts.generation;
}

static void
one_child_for_all(void **state)
{
	struct bench *bench = *state;
	const uint64_t pid = good(bench);

	assert_int_not_equal(pid, getpid());
	assert_int_equal(bench->outcome.counts.after, 5);
	assert_int_equal(good(bench), pid);
	assert_int_equal(good(bench), pid);
}

static void
failure_is_reported(void **state)
{
	struct bench *bench = *state;

	begin(bench, "bad");
	end(bench);
	assert_false(bench->outcome.ok);
	assert_int_equal(bench->outcome.err.code, BMX_E_SYNTAX);
	assert_string_equal(bench->outcome.err.text, "/list:7: no address");
}

struct misbehaviour {
	const char *name;
	const char *source;
	const char *want;
};

static struct misbehaviour misbehaviours[] = {
	{"a worker that ends in its job", "exit",
         "the sync worker ended before the job was done"},
	{"a worker that is killed in its job", "kill",
         "the sync worker ended before the job was done"},
	{"half an answer, then the end", "half",
         "the sync worker ended before the job was done"},
	{"an answer that is no JSON", "garbage",
         "the sync worker said what it was not asked"},
	{"an answer without a line end", "flood",
         "the sync worker said too much"},
	{"two answers to one job", "twice",
         "the sync worker said what it was not asked"},
};

static void
misbehaves(void **state)
{
	const struct misbehaviour *tc = *state;
	void *own = NULL;
	struct bench *bench;
	uint64_t before;

	assert_int_equal(setup(&own), 0);
	bench = own;
	before = good(bench);
	begin(bench, tc->source);
	end(bench);
	assert_false(bench->outcome.ok);
	assert_string_equal(bench->outcome.err.text, tc->want);
	assert_int_not_equal(good(bench), before);
	assert_int_equal(teardown(&own), 0);
}

static void
stopped(void **state)
{
	struct bench *bench = *state;

	begin(bench, "hang");
	(void)fake_loop_poll(bench->loop, 50);
	bench->worker->ops->stop(bench->worker);
	bench->worker->ops->stop(bench->worker);
	assert_int_equal(bench->calls, 0);
	(void)good(bench);
}

static void
dies_idle(void **state)
{
	struct bench *bench = *state;
	const uint64_t pid = good(bench);

	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
	/* Seen before the next job, or only by it. */
	while (fake_loop_watches(bench->loop) > 0)
		(void)fake_loop_poll(bench->loop, WAIT_MS);
	assert_int_not_equal(good(bench), pid);
}

static void
is_reaped(void **state)
{
	struct bench *bench = *state;
	const uint64_t pid = good(bench);

	begin(bench, "hang");
	bench->worker->ops->stop(bench->worker);
	for (size_t i = 0; i < 1000 && kill((pid_t)pid, 0) == 0; i++) {
		(void)usleep(10000);
		fake_loop_advance(bench->loop, 200);
	}
	assert_int_not_equal(kill((pid_t)pid, 0), 0);
}

static void
no_program(void **state)
{
	struct bench *bench = *state;
	const struct bmx_sync_job job = {"/state", "a.test", "good", false,
	                                 20,       0,        NULL,   NULL};
	struct bmx_error err;

	bmx_sync_worker_free(&bench->worker);
	bench->worker =
		bmx_sync_worker_new(bench->loop, "/nonexistent/program");
	assert_int_equal(bench->worker->ops->start(bench->worker, &job,
	                                           on_outcome, bench, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nonexistent/program"));
}

static void
not_utf8(void **state)
{
	struct bench *bench = *state;
	const struct bmx_sync_job job = {
		"/state", "a.test", "file:/\xff", false, 20, 0, NULL, NULL};
	struct bmx_error err;

	assert_int_equal(bench->worker->ops->start(bench->worker, &job,
	                                           on_outcome, bench, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
}

static void
wire_round_trip(void **state)
{
	static const char *const servers[] = {"unix:/r.sock", "h:6379"};
	const struct bmx_config_redis redis = {
		.present = true,
		.servers = {servers, 2},
		.master_name = "",
		.cluster = true,
		.username = "u",
		.password_file = "/p",
		.sentinel_username = "",
		.sentinel_password_file = "",
		.database = 3,
		.prefix = "bmx",
		.timeout_ms = 250,
		.tls_ca_file = "/ca",
	};
	const struct bmx_config_fetch fetch = {
		.timeout_ms = 60000,
		.max_size = INT64_C(1) << 32,
		.username = "cn=reader,dc=a",
		.password_file = "/p",
		.token_file = "/t",
		.tls_ca_file = "/ca",
		.tls_cert_file = "/c",
		.tls_key_file = "/k",
		.ssh_key_file = "/s",
		.ssh_known_hosts_file = "/h",
		.starttls = true,
		.page_size = 500,
	};
	const struct bmx_sync_job job = {
		"/s \"d\"", "a.test", "file:/x", true, 30, 123, &redis, &fetch};
	const struct bmx_config_redis *got_redis;
	struct bmx_sync_outcome outcome = {.ok = false};
	struct bmx_sync_outcome got;
	char line[BMX_SYNC_WIRE_MAX];
	struct bmx_sync_wire_job *wire;
	struct bmx_error err;
	size_t len = bmx_sync_wire_put_job(&job, line, sizeof(line));

	(void)state;
	assert_int_equal(line[len - 1], '\n');
	wire = bmx_sync_wire_get_job((struct bmx_slice){line, len}, &err);
	assert_non_null(wire);
	assert_string_equal(bmx_sync_wire_job_of(wire)->state_dir, "/s \"d\"");
	assert_true(bmx_sync_wire_job_of(wire)->case_sensitive);
	assert_int_equal(bmx_sync_wire_job_of(wire)->max_shrink, 30);
	got_redis = bmx_sync_wire_job_of(wire)->redis;
	assert_non_null(got_redis);
	assert_int_equal(got_redis->servers.count, 2);
	assert_string_equal(got_redis->servers.items[1], "h:6379");
	assert_int_equal(got_redis->sentinels.count, 0);
	assert_true(got_redis->cluster);
	assert_int_equal(got_redis->database, 3);
	assert_int_equal(got_redis->timeout_ms, 250);
	assert_string_equal(got_redis->tls_ca_file, "/ca");
	assert_true(bmx_fetch_settings_equal(bmx_sync_wire_job_of(wire)->fetch,
	                                     &fetch));
	bmx_sync_wire_job_free(&wire);
	for (size_t cut = 0; cut + 1 < len; cut++) {
		assert_null(bmx_sync_wire_get_job((struct bmx_slice){line, cut},
		                                  &err));
		assert_int_equal(bmx_sync_wire_put_job(&job, line, cut), 0);
		(void)bmx_sync_wire_put_job(&job, line, sizeof(line));
	}
	(void)bmx_error_set(&outcome.err, BMX_E_NOT_FOUND, "/x\xff: gone");
	len = bmx_sync_wire_put_outcome(&outcome, line, sizeof(line));
	assert_int_equal(bmx_sync_wire_get_outcome(
				 (struct bmx_slice){line, len}, &got, &err),
	                 0);
	assert_int_equal(got.err.code, BMX_E_NOT_FOUND);
	assert_string_equal(got.err.text, "/x?: gone");
}

static struct misbehaviour not_outcomes[] = {
	{"an outcome that is empty", "", NULL},
	{"an outcome that is an array", "[]", NULL},
	{"an outcome without ok", "{}", NULL},
	{"an outcome with a text for ok", "{\"ok\":\"yes\"}", NULL},
	{"a good outcome without counts", "{\"ok\":true}", NULL},
	{"a good outcome with a negative count",
         "{\"ok\":true,\"generation\":-1,\"before\":0,\"after\":0,"
         "\"added\":0,\"removed\":0,\"changed\":0}",
         NULL},
	{"a bad outcome with an unknown code",
         "{\"ok\":false,\"code\":999,\"error\":\"x\"}", NULL},
	{"a bad outcome whose code is no error",
         "{\"ok\":false,\"code\":0,\"error\":\"x\"}", NULL},
	{"a bad outcome without a text", "{\"ok\":false,\"code\":3}", NULL},
};

static void
wire_no_outcome(void **state)
{
	const struct misbehaviour *tc = *state;
	struct bmx_sync_outcome got;
	struct bmx_error err;

	assert_int_equal(
		bmx_sync_wire_get_outcome(bmx_slice_of(tc->source), &got, &err),
		-1);
	assert_int_equal(err.code, BMX_E_SYNTAX);
	assert_false(got.ok);
}

/* What the child does; answers go to the descriptor of a real worker. */
static void
say(const char *data, size_t len)
{
	if (write(BMX_SYNC_WORKER_FD, data, len) != (ssize_t)len)
		_exit(1);
}

static void
misbehave(const char *how)
{
	static char flood[BMX_SYNC_WIRE_MAX + 1];

	if (strcmp(how, "kill") == 0)
		(void)kill(getpid(), SIGKILL);
	if (strcmp(how, "hang") == 0)
		(void)pause();
	if (strcmp(how, "half") == 0)
		say("{\"ok\":", 6);
	if (strcmp(how, "garbage") == 0)
		say("hello\n", 6);
	if (strcmp(how, "flood") == 0) {
		memset(flood, 'x', sizeof(flood));
		say(flood, sizeof(flood));
	}
	_exit(0);
}

static void
serve(const char *how)
{
	struct bmx_sync_outcome outcome = {
		.ok = true,
		.counts = {.generation = (uint64_t)getpid(), .after = 5}};
	char line[2 * BMX_SYNC_WIRE_MAX];
	size_t len;

	if (strcmp(how, "bad") == 0) {
		outcome.ok = false;
		(void)bmx_error_set(&outcome.err, BMX_E_SYNTAX,
		                    "/list:7: no address");
	} else if (strcmp(how, "good") != 0 && strcmp(how, "twice") != 0) {
		misbehave(how);
	}
	len = bmx_sync_wire_put_outcome(&outcome, line, BMX_SYNC_WIRE_MAX);
	if (strcmp(how, "twice") == 0) {
		memcpy(line + len, line, len);
		len *= 2;
	}
	say(line, len);
}

static int
child(void)
{
	FILE *in = fdopen(BMX_SYNC_WORKER_FD, "r");
	char line[BMX_SYNC_WIRE_MAX];
	struct bmx_error err;

	while (in && fgets(line, sizeof(line), in)) {
		struct bmx_sync_wire_job *wire =
			bmx_sync_wire_get_job(bmx_slice_of(line), &err);

		if (!wire)
			_exit(1);
		serve(bmx_sync_wire_job_of(wire)->source);
		bmx_sync_wire_job_free(&wire);
	}
	_exit(0);
}

#define CASE(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

int
main(int argc, char **argv)
{
	struct CMUnitTest tests[8 + COUNT(misbehaviours) +
	                        COUNT(not_outcomes)] = {
		CASE("one child does all jobs", one_child_for_all),
		CASE("a job that failed says why", failure_is_reported),
		CASE("a job that is stopped never calls back", stopped),
		CASE("a child that dies between jobs is replaced", dies_idle),
		CASE("a child that was stopped leaves no zombie", is_reaped),
		CASE("a program that is not there", no_program),
		CASE("a source that is not UTF-8", not_utf8),
		{"jobs and outcomes survive the wire", wire_round_trip, NULL,
	         NULL, NULL},
	};
	size_t count = 8;

	if (argc == 2 && strcmp(argv[1], BMX_SYNC_WORKER_ARGUMENT) == 0)
		return child();
	for (size_t i = 0; i < COUNT(misbehaviours); i++)
		tests[count++] =
			(struct CMUnitTest){misbehaviours[i].name, misbehaves,
		                            NULL, NULL, &misbehaviours[i]};
	for (size_t i = 0; i < COUNT(not_outcomes); i++)
		tests[count++] = (struct CMUnitTest){not_outcomes[i].name,
		                                     wire_no_outcome, NULL,
		                                     NULL, &not_outcomes[i]};
	return _cmocka_run_group_tests("sync_worker", tests, count, NULL, NULL);
}
