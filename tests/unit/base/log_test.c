#include <tests/support/cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include <backupmx/log.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S(literal)                                                             \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}

struct captured {
	char line[BMX_LOG_LINE_MAX];
	enum bmx_log_level level;
	int count;
};

struct value_case {
	const char *name;
	struct bmx_slice value;
	const char *want;
};

static struct value_case cases[] = {
	{"a plain value", S("joe"), "ev=e err=joe"},
	{"a blank is quoted", S("a b"), "ev=e err=\"a b\""},
	{"an equals sign is quoted", S("a=b"), "ev=e err=\"a=b\""},
	{"a quote cannot end the value", S("a\" act=x"),
         "ev=e err=\"a' act=x\""},
	{"nothing is quoted", S(""), "ev=e err=\"\""},
	{"a line end cannot start a line", S("a\nev=x"), "ev=e err=\"a?ev=x\""},
	{"a NUL does not end the line", S("a\0b"), "ev=e err=a?b"},
};

static void
capture(void *ctx, enum bmx_log_level level, const char *line)
{
	struct captured *got = ctx;

	(void)snprintf(got->line, sizeof(got->line), "%s", line);
	got->level = level;
	got->count++;
}

static void
test_value(void **state)
{
	const struct value_case *tc = *state;
	struct captured got = {0};
	struct bmx_log *log = bmx_log_new_capture(capture, &got, BMX_LOG_INFO);
	struct bmx_log_line line;

	assert_non_null(log);
	bmx_log_begin(&line, log, BMX_LOG_WARN, "e");
	bmx_log_add(&line, BMX_KEY_ERR, tc->value);
	bmx_log_end(&line);
	assert_string_equal(got.line, tc->want);
	assert_int_equal(got.level, BMX_LOG_WARN);
	bmx_log_free(&log);
	assert_null(log);
}

static void
test_line(void **state)
{
	struct captured got = {0};
	struct bmx_log *log = bmx_log_new_capture(capture, &got, BMX_LOG_INFO);
	struct bmx_log_line line;

	(void)state;
	bmx_log_begin_id(&line, log, BMX_LOG_INFO, BMX_SLICE("1.2"),
	                 "decision");
	bmx_log_add_address(&line, BMX_KEY_RCPT, BMX_SLICE("a> b@c"));
	bmx_log_add_u64(&line, BMX_KEY_COUNT, 7);
	bmx_log_add_string(&line, BMX_KEY_SRC, NULL);
	bmx_log_add_ms(&line, 1290);
	bmx_log_end(&line);
	assert_string_equal(got.line,
	                    "id=1.2 ev=decision rcpt=<a? b@c> count=7 "
	                    "src=- ms=1.2");
	bmx_log_begin(&line, log, BMX_LOG_DEBUG, "quiet");
	bmx_log_end(&line);
	assert_int_equal(got.count, 1);
	bmx_log_free(&log);
}

static void
test_cut(void **state)
{
	char longer[BMX_LOG_VALUE_MAX + 1];
	struct captured got = {0};
	struct bmx_log *log = bmx_log_new_capture(capture, &got, BMX_LOG_INFO);
	struct bmx_log_line line;

	(void)state;
	memset(longer, 'x', sizeof(longer));
	bmx_log_begin(&line, log, BMX_LOG_INFO, "e");
	bmx_log_add(&line, BMX_KEY_ERR,
	            (struct bmx_slice){longer, sizeof(longer)});
	bmx_log_end(&line);
	assert_int_equal(strlen(got.line),
	                 strlen("ev=e err=") + BMX_LOG_VALUE_MAX);
	assert_string_equal(got.line + strlen(got.line) - 4, "x...");
	/* However many values: one line, terminated. */
	bmx_log_begin(&line, log, BMX_LOG_INFO, "e");
	for (int i = 0; i < 10; i++)
		bmx_log_add(&line, BMX_KEY_ERR,
		            (struct bmx_slice){longer, sizeof(longer)});
	bmx_log_end(&line);
	assert_int_equal(strlen(got.line), BMX_LOG_LINE_MAX - 1);
	bmx_log_free(&log);
}

static int64_t
fake_mono_us(void *ctx)
{
	return *(int64_t *)ctx;
}

static void
test_throttle(void **state)
{
	int64_t now_us = 0;
	const struct bmx_clock clock = {fake_mono_us, fake_mono_us, &now_us};
	struct bmx_log_throttle throttle = {.interval_ms = 1000};
	uint64_t held_back = 9;

	(void)state;
	assert_true(bmx_log_throttle_pass(&throttle, &clock, &held_back));
	assert_int_equal(held_back, 0);
	assert_false(bmx_log_throttle_pass(&throttle, &clock, &held_back));
	now_us = 999999;
	assert_false(bmx_log_throttle_pass(&throttle, &clock, &held_back));
	now_us = 1000000;
	assert_true(bmx_log_throttle_pass(&throttle, &clock, &held_back));
	assert_int_equal(held_back, 2);
	assert_false(bmx_log_throttle_pass(&throttle, &clock, &held_back));
}

/* Lines written while standard error is a pipe that is read only at the end;
 * what came out of it goes to got. */
static uint64_t
write_to_pipe(int lines, enum bmx_log_level level, bool buffered, char *got,
              size_t got_size)
{
	struct bmx_log *log =
		bmx_log_new("prog", BMX_LOG_TO_STDERR, BMX_LOG_INFO);
	const int saved = dup(STDERR_FILENO);
	struct bmx_log_line line;
	uint64_t dropped;
	ssize_t len;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(ends[1]);
	bmx_log_set_buffered(log, buffered);
	for (int i = 0; i < lines; i++) {
		bmx_log_begin(&line, log, level, "e");
		bmx_log_add_u64(&line, BMX_KEY_COUNT, (uint64_t)i);
		bmx_log_end(&line);
	}
	bmx_log_flush(log);
	dropped = bmx_log_dropped(log);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	len = read(ends[0], got, got_size - 1);
	got[len > 0 ? len : 0] = '\0';
	(void)close(ends[0]);
	bmx_log_free(&log);
	return dropped;
}

static void
test_stderr_lines(void **state)
{
	char got[256];

	(void)state;
	assert_int_equal(
		write_to_pipe(2, BMX_LOG_WARN, false, got, sizeof(got)), 0);
	assert_string_equal(got,
	                    "prog: warn: ev=e count=0\n"
	                    "prog: warn: ev=e count=1\n");
	assert_int_equal(write_to_pipe(2, BMX_LOG_INFO, true, got, sizeof(got)),
	                 0);
	assert_string_equal(got,
	                    "prog: info: ev=e count=0\n"
	                    "prog: info: ev=e count=1\n");
}

/* A pipe holds 64 KiB: this must neither wait nor pass over in silence. */
static void
test_stderr_full(void **state)
{
	char got[64];

	(void)state;
	assert_in_range(
		write_to_pipe(10000, BMX_LOG_WARN, false, got, sizeof(got)), 1,
		9999);
	assert_in_range(
		write_to_pipe(10000, BMX_LOG_INFO, true, got, sizeof(got)), 1,
		9999);
}

/* Nobody holds the other end: an error, no signal, and it is counted. */
static void
test_stderr_closed(void **state)
{
	struct bmx_log *log =
		bmx_log_new("prog", BMX_LOG_TO_STDERR, BMX_LOG_INFO);
	const int saved = dup(STDERR_FILENO);
	int ends[2];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(ends[1]);
	(void)close(ends[0]);
	bmx_log_error(log, BMX_LOG_WARN, "e", "x", NULL);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	assert_int_equal(bmx_log_dropped(log), 1);
	bmx_log_free(&log);
}

enum { PLAINS = 6 };

int
main(void)
{
	struct CMUnitTest tests[COUNT(cases) + PLAINS] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_throttle),
		cmocka_unit_test(test_stderr_lines),
		cmocka_unit_test(test_stderr_full),
		cmocka_unit_test(test_stderr_closed)};

	for (size_t i = 0; i < COUNT(cases); i++)
		tests[i + PLAINS] =
			(struct CMUnitTest){.name = cases[i].name,
		                            .test_func = test_value,
		                            .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
