/* Deliveries that were refused: what is forgotten, and when the primary is not
 * believed. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "policyd/eviction_guard.h"
#include "policyd/learn.h"
#include "tests/support/fake_loop.h"
#include "tests/support/memory_store.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define WALL_MS (100 * DAY_MS)

struct bench {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_record_store *records;
	struct bmx_config *config;
	struct bmx_learner *learner;
	char last_log[BMX_LOG_LINE_MAX];
};

static void
take_line(void *ctx, enum bmx_log_level level, const char *line)
{
	struct bench *bench = ctx;

	(void)level;
	(void)snprintf(bench->last_log, sizeof(bench->last_log), "%s", line);
}

static struct bmx_config *
load_config(void)
{
	static const char text[] = "domain \"example.test\" { }\n"
				   "domain \"other.test\" { }\n";
	char path[] = "/tmp/bmx-gone-test-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	const int fd = mkstemp(path);
	struct bmx_config *config;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	config = bmx_config_load(path, problems, NULL);
	assert_non_null(config);
	bmx_config_problems_free(&problems);
	(void)unlink(path);
	return config;
}

static int
set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct bmx_learner_parts parts;

	assert_non_null(bench);
	bench->loop = fake_loop_new(WALL_MS);
	bench->log = bmx_log_new_capture(take_line, bench, BMX_LOG_INFO);
	bench->metrics = bmx_metrics_new();
	bench->records = memory_store_new();
	bench->config = load_config();
	parts = (struct bmx_learner_parts){.loop = bench->loop,
	                                   .log = bench->log,
	                                   .metrics = bench->metrics,
	                                   .records = bench->records};
	bench->learner = bmx_learner_new(&parts, bench->config);
	assert_non_null(bench->learner);
	*state = bench;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *bench = *state;

	bmx_learner_free(&bench->learner);
	memory_store_free(&bench->records);
	bmx_config_unref(&bench->config);
	bmx_metrics_free(&bench->metrics);
	bmx_log_free(&bench->log);
	fake_loop_free(&bench->loop);
	free(bench);
	return 0;
}

static struct bmx_record_key
key_of(const char *local)
{
	return (struct bmx_record_key){.kind = BMX_RECORD_VERIFICATION,
	                               .domain = BMX_SLICE("example.test"),
	                               .name = bmx_slice_of(local)};
}

static void
put(struct bench *bench, const char *local, enum bmx_verified result)
{
	const struct bmx_record_key key = key_of(local);
	const struct bmx_record record = {
		.kind = BMX_RECORD_VERIFICATION,
		.as.verification = {.result = result,
	                            .by = BMX_VERIFIED_BY_CALL_AHEAD,
	                            .checked_at_ms = WALL_MS - DAY_MS}};

	bench->records->ops->put(bench->records, &key, &record);
}

static const struct bmx_verification *
find(struct bench *bench, const char *local)
{
	const struct bmx_record_key key = key_of(local);
	const struct bmx_record *record =
		memory_store_find(bench->records, &key);

	if (!record) {
		fail_msg("there is no record of %s", local);
		abort(); /* for compilers that do not know fail_msg */
	}
	return &record->as.verification;
}

static const char *
gone(struct bench *bench, const char *local, bool listed)
{
	return bmx_gone_name(bmx_learner_gone(bench->learner,
	                                      BMX_SLICE("example.test"),
	                                      bmx_slice_of(local), listed));
}

static void
test_evicts(void **state)
{
	struct bench *bench = *state;

	put(bench, "joe", BMX_VERIFIED_VALID);
	assert_string_equal(gone(bench, "joe", false), "evicted");
	assert_int_equal(find(bench, "joe")->result, BMX_VERIFIED_UNKNOWN);
	assert_int_equal(find(bench, "joe")->by, BMX_VERIFIED_BY_DELIVERY);
	assert_int_equal(find(bench, "joe")->checked_at_ms, WALL_MS);
}

static void
test_learns_what_was_not_known(void **state)
{
	struct bench *bench = *state;

	assert_string_equal(gone(bench, "ann", false), "evicted");
	assert_int_equal(find(bench, "ann")->result, BMX_VERIFIED_UNKNOWN);
	for (int i = 0; i < 100; i++) /* a dictionary is no lost table */
		assert_string_equal(gone(bench, "ann", false), "evicted");
}

/* A listed user stays valid: the list says so. It only counts. */
static void
test_listed(void **state)
{
	struct bench *bench = *state;

	put(bench, "joe", BMX_VERIFIED_VALID);
	assert_string_equal(gone(bench, "joe", true), "noted");
	assert_int_equal(find(bench, "joe")->result, BMX_VERIFIED_VALID);
	assert_int_equal(memory_store_puts(bench->records), 1);
}

static void
test_many_to_one_user(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 100; i++)
		assert_string_equal(gone(bench, "joe", true), "noted");
}

static void
test_lost_table(void **state)
{
	struct bench *bench = *state;

	assert_string_equal(gone(bench, "a", true), "noted");
	assert_string_equal(gone(bench, "b", true), "noted");
	assert_string_equal(gone(bench, "c", true), "hold");
	assert_non_null(strstr(bench->last_log, "ev=lost-users"));
	assert_string_equal(gone(bench, "a", true), "hold");
	/* Nor is it believed of others. */
	put(bench, "joe", BMX_VERIFIED_VALID);
	assert_string_equal(gone(bench, "joe", false), "hold");
	assert_int_equal(find(bench, "joe")->result, BMX_VERIFIED_VALID);
	assert_string_equal(bmx_gone_name(bmx_learner_gone(
				    bench->learner, BMX_SLICE("other.test"),
				    BMX_SLICE("a"), true)),
	                    "noted");
	fake_loop_advance(bench->loop, BMX_EVICTION_WINDOW_MS);
	assert_string_equal(gone(bench, "a", true), "noted");
}

static void
test_lost_records(void **state)
{
	struct bench *bench = *state;

	put(bench, "a", BMX_VERIFIED_VALID);
	put(bench, "b", BMX_VERIFIED_VALID);
	put(bench, "c", BMX_VERIFIED_VALID);
	assert_string_equal(gone(bench, "a", false), "evicted");
	assert_string_equal(gone(bench, "b", false), "evicted");
	(void)gone(bench, "c", false); /* only the record tells */
	assert_int_equal(find(bench, "c")->result, BMX_VERIFIED_VALID);
	assert_string_equal(gone(bench, "d", false), "hold");
}

static void
test_records_away(void **state)
{
	struct bench *bench = *state;

	memory_store_set_delayed(bench->records, true);
	assert_string_equal(gone(bench, "a", false), "evicted");
	memory_store_set_available(bench->records, false);
	assert_true(memory_store_answer(bench->records));
	assert_string_equal(gone(bench, "b", false), "evicted");
	bmx_learner_free(&bench->learner); /* while it is asked */
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_evicts),       TEST(test_learns_what_was_not_known),
		TEST(test_listed),       TEST(test_many_to_one_user),
		TEST(test_lost_table),   TEST(test_lost_records),
		TEST(test_records_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
