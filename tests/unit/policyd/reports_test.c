#include "policyd/reports.h"

#include <jansson.h>

#include "policyd/control.h"
#include "policyd/engine_priv.h"
#include "policyd/fault_gauges.h"
#include "tests/unit/policyd/engine_fixture.h"

static const char config_text[] =
	"redis { servers = {\"127.0.0.1:1\"} }\n"
	"domain \"a.test\" { call_ahead = false tls = \"none\" "
	"primary = {\"[127.0.0.1]:1\"} }\n"
	"domain \"b.test\" { mode = \"observe\" call_ahead = false "
	"primary = {\"[127.0.0.1]:1\"} }\n"
	"domain \"c.test\" { call_ahead = false primary_up = \"defer\" "
	"primary = {\"[127.0.0.1]:1\"} "
	"recipients = \"file:/tmp/l\xe9st\" }\n";

/* A worker that takes no job. */
static int
refuse(struct bmx_sync_worker *worker, const struct bmx_sync_job *job,
       bmx_sync_outcome_cb *cb, void *ctx, struct bmx_error *err)
{
	(void)worker;
	(void)cb;
	(void)ctx;
	return bmx_error_set(err, BMX_E_IO, "%s cannot be read", job->source);
}

static void
nothing(struct bmx_sync_worker *worker)
{
	(void)worker;
}

static const struct bmx_sync_worker_ops worker_ops = {refuse, nothing, nothing};

struct bench {
	struct fixture fixture;
	struct bmx_sync_worker worker;
	struct bmx_sync *sync;
	struct bmx_primaries *primaries;
	struct bmx_redis *redis; /* NULL: not in the status */
};

/* The registry of the configuration's domains; nothing has been looked up. */
static void
start_primaries(struct bench *bench)
{
	const struct bmx_primaries_parts parts = {
		.loop = bench->fixture.loop,
		.log = bench->fixture.log,
		.metrics = bench->fixture.metrics,
		.records = bench->fixture.records,
	};
	struct bmx_error err;

	bench->primaries = bmx_primaries_new(&parts);
	assert_non_null(bench->primaries);
	assert_int_equal(bmx_primaries_configure(bench->primaries,
	                                         bench->fixture.config, &err),
	                 0);
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct bmx_sync_options options = {0};
	struct fixture_list *list;
	struct bmx_error err;

	assert_non_null(bench);
	fixture_start(&bench->fixture, config_text);
	for (size_t i = 0; i < FIXTURE_DOMAINS; i++)
		bench->fixture.lists[i].domain =
			bench->fixture.config->domains[i].name;
	list = &bench->fixture.lists[2];
	list->present = true;
	list->meta.generation = 4;
	list->meta.count = 1;
	list->meta.digest = 0xabc;
	list->meta.synced_at_ms = fixture_wall_ms(&bench->fixture) - 60000;
	memcpy(list->meta.source, "file:/tmp/l\xe9st",
	       sizeof("file:/tmp/l\xe9st"));
	list->entries[0] = (struct fixture_entry){"u", BMX_RECIPIENT_FULL};
	bench->worker.ops = &worker_ops;
	options.loop = bench->fixture.loop;
	options.log = bench->fixture.log;
	options.metrics = bench->fixture.metrics;
	options.worker = &bench->worker;
	bench->sync = bmx_sync_new(&options);
	assert_non_null(bench->sync);
	assert_int_equal(
		bmx_sync_configure(bench->sync, bench->fixture.config, &err),
		0);
	start_primaries(bench);
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *bench = *state;

	bmx_redis_free(&bench->redis);
	bmx_primaries_free(&bench->primaries);
	bmx_sync_free(&bench->sync);
	fixture_stop(&bench->fixture);
	free(bench);
	return 0;
}

static json_t *
status_of(const struct bench *bench)
{
	const struct bmx_report_parts parts = {
		.config = bench->fixture.config,
		.engine = bench->fixture.engine,
		.sync = bench->sync,
		.primaries = bench->primaries,
		.learner = bench->fixture.learner,
		.redis = bench->redis,
		.uptime_ms = 61999,
		.connections = 2,
	};

	return bmx_report_status(&parts);
}

static const char *
text_at(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static json_int_t
number_at(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static void
test_status(void **state)
{
	json_t *status = status_of(*state);
	const json_t *domains, *first, *second;

	assert_non_null(status);
	assert_true(json_is_true(json_object_get(status, "ok")));
	assert_int_equal(number_at(status, "uptime_s"), 61);
	assert_int_equal(number_at(status, "connections"), 2);
	assert_int_equal(number_at(status, "requests_total"), 0);
	assert_non_null(text_at(status, "config"));
	domains = json_object_get(status, "domains");
	assert_int_equal(json_array_size(domains), 3);
	first = json_array_get(domains, 0);
	assert_string_equal(text_at(first, "name"), "a.test");
	assert_string_equal(text_at(first, "mode"), "enforce");
	assert_string_equal(text_at(first, "authority"), "absent");
	assert_true(json_is_null(json_object_get(first, "list")));
	assert_true(json_is_null(json_object_get(first, "sync")));
	second = json_array_get(domains, 1);
	assert_string_equal(text_at(second, "mode"), "observe");
	json_decref(status);
}

/* A path is octets; JSON is UTF-8. */
static void
test_path_not_utf8(void **state)
{
	json_t *status = status_of(*state);
	const json_t *domain, *list, *sync;

	assert_non_null(status);
	domain = json_array_get(json_object_get(status, "domains"), 2);
	assert_non_null(domain);
	assert_non_null(strstr(text_at(domain, "source"), "file:/tmp/l"));
	assert_string_equal(text_at(domain, "authority"), "fresh");
	list = json_object_get(domain, "list");
	assert_int_equal(number_at(list, "generation"), 4);
	assert_int_equal(number_at(list, "age_s"), 60);
	assert_string_equal(text_at(list, "digest"), "0000000000000abc");
	assert_non_null(strstr(text_at(list, "source"), "file:/tmp/l"));
	sync = json_object_get(domain, "sync");
	assert_string_equal(text_at(sync, "state"), "failed");
	assert_non_null(strstr(text_at(sync, "last_error"), "cannot be read"));
	assert_int_equal(number_at(sync, "failures"), 1);
	json_decref(status);
}

static void
test_unreadable(void **state)
{
	struct bench *bench = *state;
	json_t *status;
	const json_t *domain;

	bench->fixture.begin_fails = true;
	status = status_of(bench);
	assert_non_null(status);
	domain = json_array_get(json_object_get(status, "domains"), 2);
	assert_string_equal(text_at(domain, "authority"), "unreadable");
	assert_true(json_is_null(json_object_get(domain, "list")));
	json_decref(status);
}

/* A primary whose hosts are not known yet, and what is known of the others. */
static void
test_primary(void **state)
{
	struct bench *bench = *state;
	json_t *status = status_of(bench);
	const json_t *domain, *primary;

	domain = json_array_get(json_object_get(status, "domains"), 1);
	assert_string_equal(text_at(domain, "accepts_all"), "unknown");
	primary = json_object_get(domain, "primary");
	assert_string_equal(text_at(primary, "state"), "suspect");
	assert_string_equal(text_at(primary, "hosts"), "");
	assert_string_equal(text_at(primary, "last_error"), "");
	assert_int_equal(number_at(primary, "checked_at"), 0);
	assert_true(json_is_null(json_object_get(primary, "keywords")));
	assert_true(json_is_null(json_object_get(primary, "call_ahead")));
	json_decref(status);
}

static void
keep(struct bench *bench, enum bmx_record_kind kind, const char *name,
     const struct bmx_record *record)
{
	const struct bmx_record_key key = {kind, BMX_SLICE("a.test"),
	                                   bmx_slice_of(name)};

	bench->fixture.records->ops->put(bench->fixture.records, &key, record);
}

/* What an earlier run has stored, and what call-ahead counts. */
static void
test_primary_known(void **state)
{
	struct bench *bench = *state;
	const int64_t now_ms = fixture_wall_ms(&bench->fixture);
	const struct bmx_record down = {
		.kind = BMX_RECORD_PRIMARY,
		.as.primary = {.status = BMX_PRIMARY_DOWN,
	                       .since_ms = now_ms - 60000,
	                       .checked_at_ms = now_ms - 1000,
	                       .keywords = {.known = true,
	                                    .has_size = true,
	                                    .size = 1000,
	                                    .smtputf8 = true}}};
	const struct bmx_record any = {
		.kind = BMX_RECORD_VERIFICATION,
		.as.verification = {.result = BMX_VERIFIED_VALID,
	                            .checked_at_ms = now_ms}};
	const json_t *domain, *primary, *keywords, *call_ahead;
	json_t *status;

	keep(bench, BMX_RECORD_PRIMARY, "", &down);
	keep(bench, BMX_RECORD_VERIFICATION, "*", &any);
	bmx_primaries_free(&bench->primaries);
	start_primaries(bench);
	fake_loop_settle(bench->fixture.loop);
	status = status_of(bench);
	domain = json_array_get(json_object_get(status, "domains"), 0);
	assert_string_equal(text_at(domain, "accepts_all"), "yes");
	primary = json_object_get(domain, "primary");
	assert_string_equal(text_at(primary, "state"), "down");
	assert_int_equal(number_at(primary, "since"), (now_ms - 60000) / 1000);
	assert_string_equal(text_at(primary, "targets"), "ready");
	assert_non_null(strstr(text_at(primary, "hosts"), "127.0.0.1"));
	assert_int_equal(number_at(primary, "shared_by"), 1);
	keywords = json_object_get(primary, "keywords");
	assert_int_equal(number_at(keywords, "size"), 1000);
	assert_true(json_is_true(json_object_get(keywords, "smtputf8")));
	call_ahead = json_object_get(primary, "call_ahead");
	assert_string_equal(text_at(call_ahead, "breaker"), "closed");
	assert_int_equal(number_at(call_ahead, "probes"), 0);
	assert_int_equal(
		json_object_size(json_object_get(call_ahead, "outcomes")),
		BMX_PROBE_OUTCOMES);
	json_decref(status);
}

static void
test_redis(void **state)
{
	struct bench *bench = *state;
	const struct bmx_redis_options options = {
		.settings = &bench->fixture.config->redis,
		.client_name = "test"};
	json_t *status = status_of(bench);
	const json_t *redis;
	struct bmx_error err;

	assert_true(json_is_null(json_object_get(status, "redis")));
	json_decref(status);
	bench->redis = bmx_redis_new(bench->fixture.loop, &options, &err);
	assert_non_null(bench->redis);
	status = status_of(bench);
	redis = json_object_get(status, "redis");
	assert_true(json_is_false(json_object_get(redis, "up")));
	assert_string_equal(text_at(redis, "breaker"), "closed");
	assert_int_equal(number_at(redis, "in_flight"), 0);
	assert_non_null(text_at(redis, "role"));
	assert_non_null(text_at(redis, "last_error"));
	json_decref(status);
}

/* primary_up = defer: who is known is known, though told to go elsewhere. */
static void
test_lookup_at_the_gate(void **state)
{
	struct bench *bench = *state;
	json_t *report;

	bench->fixture.primary.view.status = BMX_PRIMARY_UP;
	bench->fixture.lists[2].entries[0].state = BMX_RECIPIENT_ACTIVE;
	report =
		bmx_report_lookup(bench->fixture.engine, BMX_SLICE("u@c.test"));
	assert_string_equal(text_at(report, "why"), "primary-up");
	assert_string_equal(text_at(report, "verdict"), "valid");
	assert_int_equal(number_at(report, "exit"), 0);
	json_decref(report);
}

struct lookup_case {
	const char *name;
	const char *address;
	const char *verdict;
	int exit;
	bool served;
};

static struct lookup_case lookup_cases[] = {
	{"a full mailbox is valid", "U@c.test", "valid", 0, true},
	{"one that is not on a fresh list is unknown", "x@c.test", "unknown", 1,
         true},
	{"without a list nobody can say", "x@a.test", "unsure", 75, true},
	{"a domain that is not served", "x@other.test", "not served", 75,
         false},
	{"octets that are no UTF-8", "\xff\xfe@c.test", "unknown", 1, true},
	{"nothing", "", "not served", 75, false},
};
#define LOOKUPS (sizeof(lookup_cases) / sizeof(lookup_cases[0]))

static void
test_lookup(void **state)
{
	const struct lookup_case *tc = *state;
	struct bench *bench;
	void *made;
	json_t *report;

	assert_int_equal(setup(&made), 0);
	bench = made;
	report = bmx_report_lookup(bench->fixture.engine,
	                           bmx_slice_of(tc->address));
	assert_non_null(report);
	assert_string_equal(text_at(report, "verdict"), tc->verdict);
	assert_int_equal(number_at(report, "exit"), tc->exit);
	assert_int_equal(json_is_true(json_object_get(report, "served")),
	                 tc->served);
	assert_int_equal(json_object_get(report, "domain") != NULL, tc->served);
	assert_true(json_array_size(json_object_get(report, "steps")) >= 2);
	assert_non_null(text_at(report, "address"));
	assert_non_null(text_at(report, "reply"));
	json_decref(report);
	assert_int_equal(teardown(&made), 0);
}

static void
test_today(void **state)
{
	struct bench *bench = *state;
	struct bmx_today *today = &bench->fixture.engine->today;
	json_t *status;
	const json_t *counts;
	const json_t *row;

	bmx_today_count(today, fixture_wall_ms(&bench->fixture),
	                BMX_DECIDED_REJECT, BMX_WHY_UNKNOWN);
	bmx_today_count(today, fixture_wall_ms(&bench->fixture),
	                BMX_DECIDED_REJECT, BMX_WHY_UNKNOWN);
	bmx_today_count(today, fixture_wall_ms(&bench->fixture),
	                BMX_DECIDED_ACCEPT, BMX_WHY_LISTED);
	status = status_of(bench);
	counts = json_object_get(status, "today");
	assert_int_equal(number_at(counts, "total"), 3);
	assert_int_equal(json_array_size(json_object_get(counts, "decisions")),
	                 2);
	row = json_array_get(json_object_get(counts, "decisions"), 1);
	assert_string_equal(text_at(row, "action"), "reject");
	assert_string_equal(text_at(row, "reason"), "unknown");
	assert_int_equal(number_at(row, "count"), 2);
	json_decref(status);
}

static void
test_feedback(void **state)
{
	struct bench *bench = *state;
	const json_t *feedback;
	json_t *status;

	(void)bmx_learner_gone(bench->fixture.learner, BMX_SLICE("a.test"),
	                       BMX_SLICE("u"), false);
	status = status_of(bench);
	feedback = json_object_get(status, "feedback");
	assert_int_equal(
		number_at(json_object_get(feedback, "gone"), "evicted"), 1);
	assert_int_equal(number_at(json_object_get(feedback, "gone"), "hold"),
	                 0);
	assert_int_equal(number_at(feedback, "lost_users"), 0);
	json_decref(status);
}

static int64_t
fault_of(const struct bench *bench, const char *name, const char *domain)
{
	const struct bmx_metrics_label label = {"domain", domain};
	const struct bmx_metric *metric =
		bmx_metrics_find(bench->fixture.metrics, name, &label, 1);

	return metric ? bmx_metric_value(metric) : -1;
}

static void
test_fault_gauges(void **state)
{
	struct bench *bench = *state;
	struct bmx_metrics *metrics = bench->fixture.metrics;
	struct bmx_config *config = bench->fixture.config;
	struct bmx_config *next = fixture_config("domain \"a.test\" { }\n");

	bmx_fault_gauges_clear(metrics, config, next);
	assert_int_equal(
		fault_of(bench, "backupmx_list_sync_failures", "c.test"), -1);
	/* The worker has refused the first sync at once. */
	bmx_fault_gauges_update(metrics, config, bench->sync, bench->primaries);
	assert_int_equal(
		fault_of(bench, "backupmx_list_sync_failures", "c.test"), 1);
	assert_int_equal(
		fault_of(bench, "backupmx_list_sync_failures", "a.test"), -1);
	/* The fault of a domain that stays does not come and go. */
	bmx_fault_gauges_clear(metrics, config, config);
	assert_int_equal(
		fault_of(bench, "backupmx_list_sync_failures", "c.test"), 1);
	bmx_fault_gauges_clear(metrics, config, next);
	assert_int_equal(
		fault_of(bench, "backupmx_list_sync_failures", "c.test"), 0);
	bmx_config_unref(&next);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

#define FIXED 10

int
main(void)
{
	struct CMUnitTest tests[FIXED + LOOKUPS] = {
		TEST("a status has the daemon and each domain", test_status),
		TEST("a path that is no UTF-8 takes nothing away",
	             test_path_not_utf8),
		TEST("a store that cannot be read is shown", test_unreadable),
		TEST("a primary of which nothing is known", test_primary),
		TEST("a primary of which much is known", test_primary_known),
		TEST("Redis", test_redis),
		TEST("what was decided today", test_today),
		TEST("what bounces taught", test_feedback),
		TEST("gauges are there once a fault was", test_fault_gauges),
		TEST("a known recipient at the gate", test_lookup_at_the_gate),
	};

	for (size_t i = 0; i < LOOKUPS; i++)
		tests[FIXED + i] =
			(struct CMUnitTest){.name = lookup_cases[i].name,
		                            .test_func = test_lookup,
		                            .initial_state = &lookup_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
