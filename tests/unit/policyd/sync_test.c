#include "policyd/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/fake_loop.h"

#define WALL_MS INT64_C(1700000000000)
#define MINUTE_MS (INT64_C(60) * 1000)
#define HOUR_MS (60 * MINUTE_MS)

/* A worker that does what the test tells it, when the test tells it. */
struct fake_worker {
	struct bmx_sync_worker head;
	bool refuses; /* start fails */
	bool busy;
	bmx_sync_outcome_cb *cb;
	void *ctx;
	char domain[64];
	char source[64];
	char token_file[64];
	int64_t now_ms;
	size_t starts;
	size_t stops;
};

struct bench {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct fake_worker worker;
	struct bmx_sync *sync;
	char lines[64][512];
	size_t line_count;
	size_t done;
	size_t depth;   /* of on_done within on_done */
	bool ask_again; /* on_done asks for the same domain */
};

static int
worker_start(struct bmx_sync_worker *head, const struct bmx_sync_job *job,
             bmx_sync_outcome_cb *cb, void *ctx, struct bmx_error *err)
{
	struct fake_worker *worker = (struct fake_worker *)head;

	assert_false(worker->busy);
	worker->starts++;
	(void)snprintf(worker->domain, sizeof(worker->domain), "%s",
	               job->domain);
	(void)snprintf(worker->source, sizeof(worker->source), "%s",
	               job->source);
	(void)snprintf(worker->token_file, sizeof(worker->token_file), "%s",
	               job->fetch->token_file);
	worker->now_ms = job->now_ms;
	if (worker->refuses)
		return bmx_error_set(err, BMX_E_IO, "cannot fork");
	worker->busy = true;
	worker->cb = cb;
	worker->ctx = ctx;
	return 0;
}

static void
worker_stop(struct bmx_sync_worker *head)
{
	struct fake_worker *worker = (struct fake_worker *)head;

	worker->stops++;
	worker->busy = false;
}

static void
worker_free(struct bmx_sync_worker *head)
{
	(void)head;
}

static const struct bmx_sync_worker_ops worker_ops = {worker_start, worker_stop,
                                                      worker_free};

static void
on_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct bench *bench = ctx;

	assert_true(bench->line_count < 64);
	(void)snprintf(bench->lines[bench->line_count++],
	               sizeof(bench->lines[0]), "%s: %s",
	               bmx_log_level_name(level), line);
}

static void
on_done(void *ctx, struct bmx_slice domain,
        const struct bmx_sync_outcome *outcome)
{
	struct bench *bench = ctx;

	(void)outcome;
	bench->done++;
	assert_int_equal(++bench->depth, 1);
	if (bench->ask_again && bench->done < 100)
		assert_int_equal(bmx_sync_request(bench->sync, domain, NULL),
		                 0);
	bench->depth--;
}

static struct bmx_config_domain
domain(const char *name, const char *source)
{
	return (struct bmx_config_domain){.name = name,
	                                  .recipients = source,
	                                  .refresh_ms = HOUR_MS,
	                                  .max_shrink = 20};
}

static void
configure(struct bench *bench, const struct bmx_config_domain *domains,
          size_t count)
{
	const struct bmx_config config = {.state_dir = "/state",
	                                  .domains = domains,
	                                  .domain_count = count};
	struct bmx_error err;

	assert_int_equal(bmx_sync_configure(bench->sync, &config, &err), 0);
}

static void
configure_one(struct bench *bench, const char *name, const char *source)
{
	const struct bmx_config_domain one = domain(name, source);

	configure(bench, &one, 1);
}

/* Ends the running job well, with that many entries added. */
static void
end_well(struct bench *bench, uint64_t added)
{
	const struct bmx_sync_outcome outcome = {
		.ok = true,
		.counts = {.generation = 7, .after = 10, .added = added}};

	assert_true(bench->worker.busy);
	bench->worker.busy = false;
	bench->worker.cb(bench->worker.ctx, &outcome);
}

static void
end_badly(struct bench *bench, enum bmx_error_code code, const char *text)
{
	struct bmx_sync_outcome outcome = {.ok = false};

	assert_true(bench->worker.busy);
	bench->worker.busy = false;
	(void)bmx_error_set(&outcome.err, code, "%s", text);
	bench->worker.cb(bench->worker.ctx, &outcome);
}

static struct bmx_sync_status
status_of(const struct bench *bench, const char *name)
{
	struct bmx_sync_status status;

	assert_int_equal(
		bmx_sync_status(bench->sync, bmx_slice_of(name), &status), 1);
	return status;
}

static int64_t
total(struct bench *bench, const char *name, const char *result)
{
	const struct bmx_metrics_label labels[] = {{"domain", name},
	                                           {"result", result}};

	return bmx_metric_value(bmx_metrics_counter(
		bench->metrics, "backupmx_list_sync_total",
		"Syncs of recipient lists by their result", labels, 2));
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct bmx_sync_options options;

	assert_non_null(bench);
	bench->loop = fake_loop_new(WALL_MS);
	bench->log = bmx_log_new_capture(on_line, bench, BMX_LOG_INFO);
	bench->metrics = bmx_metrics_new();
	bench->worker.head.ops = &worker_ops;
	options = (struct bmx_sync_options){
		.loop = bench->loop,
		.log = bench->log,
		.metrics = bench->metrics,
		.worker = &bench->worker.head,
		.on_done = on_done,
		.ctx = bench,
	};
	bench->sync = bmx_sync_new(&options);
	assert_non_null(bench->sync);
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *bench = *state;

	bmx_sync_free(&bench->sync);
	assert_null(bench->sync);
	assert_false(bench->worker.busy);
	fake_loop_free(&bench->loop);
	bmx_log_free(&bench->log);
	bmx_metrics_free(&bench->metrics);
	free(bench);
	return 0;
}

static void
at_start(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(bench->worker.starts, 0);
	configure_one(bench, "a.test", "file:/a");
	assert_true(bench->worker.busy);
	assert_string_equal(bench->worker.domain, "a.test");
	assert_string_equal(bench->worker.source, "file:/a");
	assert_int_equal(bench->worker.now_ms, WALL_MS);
	assert_int_equal(status_of(bench, "a.test").phase, BMX_SYNC_RUNNING);
	fake_loop_advance(bench->loop, 40);
	end_well(bench, 3);
	assert_int_equal(status_of(bench, "a.test").phase, BMX_SYNC_IDLE);
	assert_int_equal(status_of(bench, "a.test").last_good_ms, WALL_MS + 40);
	assert_string_equal(bench->lines[0],
	                    "info: ev=sync-done domain=a.test generation=7 "
	                    "count=10 added=3 removed=0 ms=40.0");
	assert_int_equal(total(bench, "a.test", "changed"), 1);
	assert_int_equal(bench->done, 1);
}

static void
unchanged_is_silent(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	end_well(bench, 0);
	assert_int_equal(bench->line_count, 0);
	assert_int_equal(total(bench, "a.test", "unchanged"), 1);
}

static void
no_list(void **state)
{
	struct bench *bench = *state;
	const struct bmx_config_domain domains[] = {domain("a.test", ""),
	                                            domain("*", "file:/a")};
	struct bmx_sync_status status;
	struct bmx_error err;

	configure(bench, domains, 2);
	fake_loop_advance(bench->loop, 48 * HOUR_MS);
	assert_int_equal(bench->worker.starts, 0);
	assert_int_equal(
		bmx_sync_status(bench->sync, BMX_SLICE("a.test"), &status), 0);
	assert_int_equal(
		bmx_sync_request(bench->sync, BMX_SLICE("a.test"), &err), -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
}

static void
every_refresh(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	end_well(bench, 0);
	for (size_t i = 0; i < 10; i++) {
		/* Never before 95 % of `refresh`, never after all of it. */
		fake_loop_advance(bench->loop, HOUR_MS - HOUR_MS / 20 - 1);
		assert_false(bench->worker.busy);
		fake_loop_advance(bench->loop, HOUR_MS / 20 + 1);
		end_well(bench, 0);
	}
	assert_int_equal(bench->worker.starts, 11);
}

static void
one_at_a_time(void **state)
{
	struct bench *bench = *state;
	const struct bmx_config_domain domains[] = {
		domain("c.test", "file:/c"), domain("a.test", "file:/a"),
		domain("b.test", "file:/b")};

	configure(bench, domains, 3);
	assert_string_equal(bench->worker.domain, "a.test");
	assert_int_equal(status_of(bench, "b.test").phase, BMX_SYNC_QUEUED);
	end_well(bench, 1);
	assert_string_equal(bench->worker.domain, "b.test");
	end_well(bench, 1);
	assert_string_equal(bench->worker.domain, "c.test");
	end_well(bench, 1);
	assert_false(bench->worker.busy);
	assert_int_equal(bench->worker.starts, 3);
}

static void
asked_twice(void **state)
{
	struct bench *bench = *state;
	const struct bmx_config_domain domains[] = {
		domain("a.test", "file:/a"), domain("b.test", "file:/b")};

	configure(bench, domains, 2);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(bmx_sync_request(bench->sync,
		                                  BMX_SLICE("b.test"), NULL),
		                 0);
	end_well(bench, 1);
	end_well(bench, 1);
	assert_false(bench->worker.busy);
	assert_int_equal(bench->worker.starts, 2);
}

static void
asked_while_running(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(bmx_sync_request(bench->sync,
		                                  BMX_SLICE("a.test"), NULL),
		                 0);
	end_well(bench, 1);
	assert_true(bench->worker.busy);
	end_well(bench, 1);
	assert_false(bench->worker.busy);
	assert_int_equal(bench->worker.starts, 2);
}

static void
backoff(void **state)
{
	static const int64_t want[] = {5, 10, 20, 40, 80, 160, 300, 300, 300};
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		end_badly(bench, BMX_E_NOT_FOUND, "/a: No such file");
		fake_loop_advance(bench->loop, want[i] * 1000 - 1);
		assert_false(bench->worker.busy);
		fake_loop_advance(bench->loop, 1);
		assert_true(bench->worker.busy);
	}
	assert_int_equal(status_of(bench, "a.test").failures, 9);
	assert_int_equal(status_of(bench, "a.test").failing_since_ms, WALL_MS);
	end_well(bench, 1);
	assert_int_equal(status_of(bench, "a.test").failures, 0);
	assert_int_equal(status_of(bench, "a.test").failing_since_ms, 0);
	/* After a good one the pauses start small again. */
	assert_int_equal(
		bmx_sync_request(bench->sync, BMX_SLICE("a.test"), NULL), 0);
	end_badly(bench, BMX_E_NOT_FOUND, "/a: No such file");
	fake_loop_advance(bench->loop, 5000);
	assert_true(bench->worker.busy);
}

static void
backoff_up_to_refresh(void **state)
{
	struct bench *bench = *state;
	struct bmx_config_domain one = domain("a.test", "file:/a");

	one.refresh_ms = 7000;
	configure(bench, &one, 1);
	end_badly(bench, BMX_E_IO, "x");
	fake_loop_advance(bench->loop, 5000);
	end_badly(bench, BMX_E_IO, "x");
	fake_loop_advance(bench->loop, 7000);
	assert_true(bench->worker.busy);
}

static void
failure_is_logged(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	end_badly(bench, BMX_E_SYNTAX, "/a:7: no address");
	assert_string_equal(
		bench->lines[0],
		"warn: ev=sync-failed domain=a.test why=syntax err=\"/a:7: no "
		"address\" hint=\"correct the source; the list before it is in "
		"force\"");
	assert_int_equal(status_of(bench, "a.test").phase, BMX_SYNC_FAILED);
	assert_string_equal(status_of(bench, "a.test").last_error,
	                    "/a:7: no address");
	assert_int_equal(total(bench, "a.test", "failed"), 1);
	/* Another text is another failure. */
	fake_loop_advance(bench->loop, 5000);
	end_badly(bench, BMX_E_SYNTAX, "/a:9: no address");
	assert_int_equal(bench->line_count, 2);
	/* Good again, though unchanged: worth a line. */
	fake_loop_advance(bench->loop, 10000);
	end_well(bench, 0);
	assert_int_equal(bench->line_count, 3);
	assert_non_null(strstr(bench->lines[2], "ev=sync-done"));
	assert_string_equal(status_of(bench, "a.test").last_error, "");
	/* And the same failure after that is news. */
	fake_loop_advance(bench->loop, HOUR_MS);
	end_badly(bench, BMX_E_SYNTAX, "/a:9: no address");
	assert_int_equal(bench->line_count, 4);
}

static void
failure_is_throttled(void **state)
{
	struct bench *bench = *state;
	size_t failures = 0;

	configure_one(bench, "a.test", "file:/a");
	for (int64_t ms = 0; ms < HOUR_MS + 6 * MINUTE_MS; ms += 1000) {
		if (bench->worker.busy) {
			end_badly(bench, BMX_E_NOT_FOUND, "/a: No such file");
			failures++;
		}
		fake_loop_advance(bench->loop, 1000);
	}
	assert_true(failures > 10);
	assert_int_equal(bench->line_count, 2);
	assert_non_null(strstr(bench->lines[1], " suppressed="));
}

static void
disk_full(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	end_badly(bench, BMX_E_FULL,
	          "/state/list.mdb: No space left on device");
	assert_int_equal(strncmp(bench->lines[0], "error: ", 7), 0);
}

static void
refused(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	end_badly(bench, BMX_E_REFUSED, "the new list is empty");
	assert_int_equal(total(bench, "a.test", "refused"), 1);
	assert_int_equal(total(bench, "a.test", "failed"), 0);
}

static void
deadline(void **state)
{
	struct bench *bench = *state;
	const struct bmx_config_domain domains[] = {
		domain("a.test", "file:/a"), domain("b.test", "file:/b")};

	configure(bench, domains, 2);
	fake_loop_advance(bench->loop, BMX_SYNC_JOB_MAX_MS - 1);
	assert_int_equal(bench->worker.stops, 0);
	fake_loop_advance(bench->loop, 1);
	assert_int_equal(bench->worker.stops, 1);
	assert_string_equal(bench->worker.domain, "b.test");
	assert_string_equal(status_of(bench, "a.test").last_error,
	                    "file:/a: not done within 10 minutes, given up");
	/* The next job has its own ten minutes. */
	fake_loop_advance(bench->loop, BMX_SYNC_JOB_MAX_MS - 1);
	assert_int_equal(bench->worker.stops, 1);
}

static void
worker_does_not_start(void **state)
{
	struct bench *bench = *state;

	bench->worker.refuses = true;
	configure_one(bench, "a.test", "file:/a");
	assert_int_equal(bench->worker.starts, 1);
	assert_string_equal(status_of(bench, "a.test").last_error,
	                    "cannot fork");
	bench->worker.refuses = false;
	fake_loop_advance(bench->loop, 5000);
	assert_true(bench->worker.busy);
}

static void
callback_asks_again(void **state)
{
	struct bench *bench = *state;

	bench->worker.refuses = true;
	bench->ask_again = true;
	configure_one(bench, "a.test", "file:/a");
	assert_int_equal(bench->worker.starts, 100);
}

static void
reload_keeps_state(void **state)
{
	struct bench *bench = *state;
	const struct bmx_config_domain domains[] = {
		domain("b.test", "file:/b"), domain("a.test", "file:/a")};

	configure_one(bench, "a.test", "file:/a");
	end_badly(bench, BMX_E_IO, "broken");
	configure(bench, domains, 2);
	assert_string_equal(bench->worker.domain, "b.test");
	assert_int_equal(status_of(bench, "a.test").failures, 1);
	assert_string_equal(status_of(bench, "a.test").last_error, "broken");
	end_well(bench, 1);
	fake_loop_advance(bench->loop, 5000);
	assert_string_equal(bench->worker.domain, "a.test");
	/* What was logged before the reload is not said again. */
	bench->line_count = 0;
	end_badly(bench, BMX_E_IO, "broken");
	assert_int_equal(bench->line_count, 0);
}

static void
reload_new_source(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	end_well(bench, 1);
	configure_one(bench, "a.test", "file:/a");
	assert_false(bench->worker.busy);
	configure_one(bench, "a.test", "file:/new");
	assert_string_equal(bench->worker.source, "file:/new");
	assert_true(bench->worker.busy);
	/* Changed again in the middle of it: once more with the newest. */
	configure_one(bench, "a.test", "file:/newer");
	assert_string_equal(bench->worker.source, "file:/new");
	end_well(bench, 1);
	assert_string_equal(bench->worker.source, "file:/newer");
	assert_true(bench->worker.busy);
}

static void
reload_new_login(void **state)
{
	struct bench *bench = *state;
	struct bmx_config_domain one = domain("a.test", "https://h.test/a");
	char file[] = "/token";

	one.fetch.token_file = file;
	configure(bench, &one, 1);
	assert_string_equal(bench->worker.token_file, "/token");
	end_well(bench, 1);
	configure(bench, &one, 1);
	assert_false(bench->worker.busy);
	one.fetch.token_file = "/other";
	configure(bench, &one, 1);
	assert_true(bench->worker.busy);
	assert_string_equal(bench->worker.token_file, "/other");
}

static void
reload_shorter_refresh(void **state)
{
	struct bench *bench = *state;
	struct bmx_config_domain one = domain("a.test", "file:/a");

	configure(bench, &one, 1);
	end_well(bench, 1);
	one.refresh_ms = 10000;
	configure(bench, &one, 1);
	fake_loop_advance(bench->loop, 10000);
	assert_true(bench->worker.busy);
}

static void
reload_without_domain(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	configure_one(bench, "b.test", "file:/b");
	assert_int_equal(bench->worker.stops, 1);
	assert_string_equal(bench->worker.domain, "b.test");
	assert_true(bench->worker.busy);
	fake_loop_advance(bench->loop, BMX_SYNC_JOB_MAX_MS - 1);
	assert_int_equal(bench->worker.stops, 1);
}

static void
reload_without_any(void **state)
{
	struct bench *bench = *state;

	configure_one(bench, "a.test", "file:/a");
	configure(bench, NULL, 0);
	assert_int_equal(bench->worker.stops, 1);
	assert_int_equal(fake_loop_timers(bench->loop), 0);
	fake_loop_advance(bench->loop, 2 * BMX_SYNC_JOB_MAX_MS);
	assert_int_equal(bench->worker.starts, 1);
}

static void
reload_keeps_queue(void **state)
{
	struct bench *bench = *state;
	const struct bmx_config_domain domains[] = {
		domain("a.test", "file:/a"), domain("b.test", "file:/b")};

	configure(bench, domains, 2);
	configure(bench, domains, 2);
	assert_int_equal(bench->worker.starts, 1);
	end_well(bench, 1);
	assert_string_equal(bench->worker.domain, "b.test");
	end_well(bench, 1);
	assert_int_equal(bench->worker.starts, 2);
}

static void
phase_names(void **state)
{
	(void)state;
	assert_string_equal(bmx_sync_phase_name(BMX_SYNC_IDLE), "idle");
	assert_string_equal(bmx_sync_phase_name(BMX_SYNC_FAILED), "failed");
}

#define CASE(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE("a domain with a source is synced at start", at_start),
		CASE("an unchanged list is not worth a line",
	             unchanged_is_silent),
		CASE("no source, or the section *: no sync", no_list),
		CASE("synced every refresh, up to 5 % early", every_refresh),
		CASE("one job at a time, in order", one_at_a_time),
		CASE("asked for while queued: queued once", asked_twice),
		CASE("asked for while running: once more after it",
	             asked_while_running),
		CASE("pauses after failures double up to 5 minutes", backoff),
		CASE("pauses after failures do not pass refresh",
	             backoff_up_to_refresh),
		CASE("a failure is logged when it is news", failure_is_logged),
		CASE("the same failure is logged once an hour",
	             failure_is_throttled),
		CASE("a full disk is an error line", disk_full),
		CASE("a refused list is counted as refused", refused),
		CASE("a job past its deadline is stopped and has failed",
	             deadline),
		CASE("a worker that does not start is tried again",
	             worker_does_not_start),
		CASE("a callback that asks again does not recurse",
	             callback_asks_again),
		CASE("reload keeps what is known of a domain",
	             reload_keeps_state),
		CASE("reload with another source syncs at once",
	             reload_new_source),
		CASE("reload with another login syncs at once",
	             reload_new_login),
		CASE("reload with a shorter refresh counts at once",
	             reload_shorter_refresh),
		CASE("reload without a domain stops its job",
	             reload_without_domain),
		CASE("reload without any list stops all", reload_without_any),
		CASE("reload keeps the queue, without doubles",
	             reload_keeps_queue),
		CASE("phases have names", phase_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
