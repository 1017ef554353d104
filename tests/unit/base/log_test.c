#include <tests/support/cmocka.h>

#include <stdio.h>
#include <string.h>

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
	bmx_log_add_address(&line, BMX_KEY_RCPT, BMX_SLICE("a b@c"));
	bmx_log_add_u64(&line, BMX_KEY_COUNT, 7);
	bmx_log_add_string(&line, BMX_KEY_SRC, NULL);
	bmx_log_add_ms(&line, 1290);
	bmx_log_end(&line);
	assert_string_equal(got.line,
	                    "id=1.2 ev=decision rcpt=<a b@c> count=7 "
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

int
main(void)
{
	struct CMUnitTest tests[COUNT(cases) + 3] = {
		cmocka_unit_test(test_line), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_throttle)};

	for (size_t i = 0; i < COUNT(cases); i++)
		tests[i + 3] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_value,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
