/* on_recovery: real commands on the real loop, and pauses on the fake one. */
#include "tests/support/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "policyd/recovery.h"
#include "tests/support/fake_loop.h"

/* Real milliseconds after which a test that waits for a child gives up. */
#define PATIENCE_MS 60000

struct fixture {
	struct bmx_loop *loop;
	bool fake;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_recovery *recovery;
	size_t lines;
	char last[BMX_LOG_LINE_MAX];
	char domains[512]; /* of all lines, each with a blank behind */
};

static void
on_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct fixture *f = ctx;
	char domain[128] = "";

	(void)level;
	f->lines++;
	(void)snprintf(f->last, sizeof(f->last), "%s", line);
	if (sscanf(line, "ev=recovery domain=%127s", domain) == 1 &&
	    strlen(f->domains) + strlen(domain) + 2 < sizeof(f->domains)) {
		(void)strcat(f->domains, domain);
		(void)strcat(f->domains, " ");
	}
}

static void
begin(struct fixture *f, bool fake, const char *const *command)
{
	struct bmx_config_strings strings = {command, 0};
	struct bmx_recovery_options options;

	*f = (struct fixture){.fake = fake};
	while (command && command[strings.count])
		strings.count++;
	f->loop = fake ? fake_loop_new(INT64_C(1700000000000)) : bmx_loop_new();
	f->log = bmx_log_new_capture(on_line, f, BMX_LOG_DEBUG);
	f->metrics = bmx_metrics_new();
	assert_non_null(f->loop);
	assert_non_null(f->log);
	assert_non_null(f->metrics);
	options = (struct bmx_recovery_options){f->loop, f->log, f->metrics};
	f->recovery = bmx_recovery_new(&options);
	assert_non_null(f->recovery);
	assert_int_equal(bmx_recovery_configure(f->recovery, &strings, NULL),
	                 0);
}

static void
end(struct fixture *f)
{
	bmx_recovery_free(&f->recovery);
	assert_null(f->recovery);
	bmx_metrics_free(&f->metrics);
	bmx_log_free(&f->log);
	if (f->fake)
		fake_loop_free(&f->loop);
	else
		bmx_loop_free(&f->loop);
}

static void
request(struct fixture *f, const char *domain)
{
	bmx_recovery_request(f->recovery, bmx_slice_of(domain));
}

/* Lets time pass until that many lines were logged. */
static void
await_lines(struct fixture *f, size_t lines)
{
	const int64_t until =
		bmx_clock_mono_ms(bmx_clock_system()) + PATIENCE_MS;

	while (f->lines < lines) {
		assert_true(bmx_clock_mono_ms(bmx_clock_system()) < until);
		if (f->fake) {
			(void)usleep(1000);
			fake_loop_advance(f->loop, 1);
		} else {
			assert_int_equal(bmx_loop_turn(f->loop, true), 0);
		}
	}
}

static int64_t
counted(struct fixture *f, enum bmx_recovery_result result)
{
	const struct bmx_metrics_label label = {
		"result", bmx_recovery_result_name(result)};

	return bmx_metric_value(bmx_metrics_counter(
		f->metrics, "backupmx_recoveries_total",
		"Runs of on_recovery, by result.", &label, 1));
}

struct run_case {
	const char *name;
	const char *command[4];
	enum bmx_recovery_result want;
	const char *want_line; /* part of it */
};

/* clang-format off */
static struct run_case cases[] = {
	{"a command that succeeds",       {"/bin/true"},                     BMX_RECOVERY_OK,          "domain=example.test result=ok ms="},
	{"a command that fails",          {"/bin/false"},                    BMX_RECOVERY_FAILED,      "err=\"exit status 1\""},
	{"its exit status is told",       {"/bin/sh", "-c", "exit 75"},      BMX_RECOVERY_FAILED,      "err=\"exit status 75\""},
	{"it is told which domain",       {"/bin/sh", "-c", "test \"$0\" = example.test"}, BMX_RECOVERY_OK, "result=ok"},
	{"what it says is logged",        {"/bin/sh", "-c", "echo no queue >&2; exit 3"}, BMX_RECOVERY_FAILED, "err=\"exit status 3: no queue\""},
	{"many lines are one",            {"/bin/sh", "-c", "printf 'a\\nb\\n' >&2; exit 1"}, BMX_RECOVERY_FAILED, "err=\"exit status 1: a?b\""},
	{"too much is read and dropped",  {"/bin/sh", "-c", "head -c 1000000 /dev/zero >&2; exit 2"}, BMX_RECOVERY_FAILED, "exit status 2: ????"},
	{"it has nothing to read",        {"/bin/sh", "-c", "read x && exit 1 || exit 0"}, BMX_RECOVERY_OK, "result=ok"},
	{"and nobody sees its output",    {"/bin/sh", "-c", "echo hello"},   BMX_RECOVERY_OK,          "result=ok"},
	{"a signal ends it",              {"/bin/sh", "-c", "kill -9 $$"},   BMX_RECOVERY_FAILED,      "err=\"ended by signal 9\""},
	{"it leads its own group",        {"/bin/sh", "-c", "kill -9 0"},    BMX_RECOVERY_FAILED,      "err=\"ended by signal 9\""},
	{"no such program",               {"/nonexistent/postqueue", "-s"},  BMX_RECOVERY_NOT_STARTED, "err=\"cannot start /nonexistent/postqueue: No such file or directory\""},
	{"stderr stays open behind it",   {"/bin/sh", "-c", "sleep 60 & exit 0"}, BMX_RECOVERY_OK,     "result=ok"},
};
/* clang-format on */

static void
test_run(void **state)
{
	const struct run_case *tc = *state;
	struct fixture f;

	begin(&f, false, tc->command);
	request(&f, "example.test");
	await_lines(&f, 1);
	assert_non_null(strstr(f.last, tc->want_line));
	assert_int_equal(counted(&f, tc->want), 1);
	assert_int_equal(bmx_recovery_pending(f.recovery), 0);
	end(&f);
}

static void
test_one_at_a_time(void **state)
{
	static const char *const command[] = {
		"/bin/sh", "-c",
		"mkdir \"$RECOVERY_LOCK\" && rmdir \"$RECOVERY_LOCK\"", NULL};
	char dir[] = "/tmp/recovery_testXXXXXX";
	char lock[64];
	struct fixture f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(lock, sizeof(lock), "%s/lock", dir);
	assert_int_equal(setenv("RECOVERY_LOCK", lock, 1), 0);
	begin(&f, false, command);
	request(&f, "a.test");
	request(&f, "b.test");
	request(&f, "b.test"); /* waits already */
	request(&f, "c.test");
	assert_int_equal(bmx_recovery_pending(f.recovery), 3);
	await_lines(&f, 3);
	assert_string_equal(f.domains, "a.test b.test c.test ");
	assert_int_equal(counted(&f, BMX_RECOVERY_OK), 3);
	assert_int_equal(rmdir(dir), 0);
	end(&f);
}

/* Within a minute of a run another request waits, and one is enough. */
static void
test_pause(void **state)
{
	static const char *const command[] = {"/bin/true", NULL};
	struct fixture f;

	(void)state;
	begin(&f, true, command);
	request(&f, "a.test");
	await_lines(&f, 1);
	request(&f, "a.test");
	request(&f, "a.test");
	assert_int_equal(bmx_recovery_pending(f.recovery), 1);
	request(&f, "b.test"); /* does not wait behind a.test */
	await_lines(&f, 2);
	assert_string_equal(f.domains, "a.test b.test ");
	assert_true(fake_loop_next_ms(f.loop) > 0);
	fake_loop_advance(f.loop, fake_loop_next_ms(f.loop) - 1);
	assert_int_equal(f.lines, 2);
	await_lines(&f, 3);
	assert_string_equal(f.domains, "a.test b.test a.test ");
	assert_int_equal(bmx_recovery_pending(f.recovery), 0);
	assert_int_equal(fake_loop_timers(f.loop), 0);
	end(&f);
}

static void
test_killed(void **state)
{
	static const char *const command[] = {
		"/bin/sh", "-c", "echo slow >&2; sleep 1000", NULL};
	struct fixture f;

	(void)state;
	begin(&f, true, command);
	request(&f, "a.test");
	request(&f, "b.test");
	fake_loop_advance(f.loop, 0);
	(void)usleep(200000); /* it may say its word; not needed to pass */
	fake_loop_advance(f.loop, BMX_RECOVERY_RUN_MAX_MS - 1);
	assert_int_equal(f.lines, 0);
	await_lines(&f, 1);
	assert_non_null(strstr(f.last, "domain=a.test result=killed"));
	assert_non_null(strstr(f.last, "took too long"));
	assert_int_equal(bmx_recovery_pending(f.recovery), 1);
	end(&f); /* kills the second one */
}

static void
test_no_command(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, true, NULL);
	request(&f, "a.test");
	assert_int_equal(bmx_recovery_pending(f.recovery), 0);
	assert_int_equal(fake_loop_timers(f.loop), 0);
	end(&f);
}

static void
test_command_taken_away(void **state)
{
	static const char *const command[] = {"/bin/true", NULL};
	const struct bmx_config_strings none = {NULL, 0};
	struct fixture f;

	(void)state;
	begin(&f, true, command);
	request(&f, "a.test");
	request(&f, "b.test");
	fake_loop_advance(f.loop, 0); /* a.test runs */
	assert_int_equal(bmx_recovery_configure(f.recovery, &none, NULL), 0);
	assert_int_equal(bmx_recovery_pending(f.recovery), 1);
	await_lines(&f, 1);
	assert_string_equal(f.domains, "a.test ");
	assert_int_equal(bmx_recovery_pending(f.recovery), 0);
	end(&f);
}

static void
test_many_domains(void **state)
{
	static const char *const command[] = {"/nonexistent", NULL};
	struct fixture f;
	char domain[32];

	(void)state;
	begin(&f, true, command);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.test", i);
		request(&f, domain);
	}
	assert_int_equal(counted(&f, BMX_RECOVERY_NOT_STARTED), 0);
	fake_loop_advance(f.loop, 0);
	assert_int_equal(counted(&f, BMX_RECOVERY_NOT_STARTED), 5000);
	request(&f, "d7.test");
	assert_int_equal(bmx_recovery_pending(f.recovery), 1);
	fake_loop_advance(f.loop, BMX_RECOVERY_PAUSE_MS);
	assert_int_equal(counted(&f, BMX_RECOVERY_NOT_STARTED), 5001);
	end(&f);
}

static void
test_bad_domain(void **state)
{
	static const char *const command[] = {"/bin/true", NULL};
	char domain[300];
	struct fixture f;

	(void)state;
	memset(domain, 'a', sizeof(domain) - 1);
	domain[sizeof(domain) - 1] = '\0';
	begin(&f, true, command);
	request(&f, domain);
	request(&f, "");
	assert_int_equal(bmx_recovery_pending(f.recovery), 0);
	end(&f);
}

static const struct CMUnitTest singles[] = {
	cmocka_unit_test(test_one_at_a_time),
	cmocka_unit_test(test_pause),
	cmocka_unit_test(test_killed),
	cmocka_unit_test(test_no_command),
	cmocka_unit_test(test_command_taken_away),
	cmocka_unit_test(test_many_domains),
	cmocka_unit_test(test_bad_domain),
};

int
main(void)
{
	ROWS_RUN_WITH(cases, test_run, singles);
}
