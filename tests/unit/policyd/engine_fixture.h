/*
 * engine_fixture.h - an engine on a fake clock over lists that a test fills
 * and breaks.
 */
#ifndef BACKUPMX_TESTS_ENGINE_FIXTURE_H
#define BACKUPMX_TESTS_ENGINE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <backupmx/config.h>

#include "policyd/engine.h"
#include "tests/support/cmocka.h"
#include "tests/support/fake_loop.h"
#include "tests/support/memory_store.h"
#include "tests/support/scripted_primary.h"

#define FIXTURE_DOMAINS 3
#define FIXTURE_ENTRIES 10

struct fixture_entry {
	const char *local; /* NULL: none */
	enum bmx_recipient_state state;
};

struct fixture_list {
	const char *domain;
	bool present;
	struct bmx_list_meta meta; /* id: the index */
	struct fixture_entry entries[FIXTURE_ENTRIES];
};

struct fixture {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_config *config;
	struct bmx_record_store *records;
	struct bmx_learner *learner;
	struct bmx_engine *engine;
	struct scripted_primary primary;
	struct bmx_any_source any; /* of domains without a section */
	size_t answers;            /* that fixture_ask's requests got */
	struct bmx_slice answer;   /* the last */
	uint64_t version;
	bool begin_fails, meta_fails, find_fails;
	bool reading;
	char last_log[BMX_LOG_LINE_MAX];
	struct fixture_list lists[FIXTURE_DOMAINS];
};

static int
fixture_begin(void *ctx, struct bmx_error *err)
{
	struct fixture *fixture = ctx;

	assert_false(fixture->reading);
	if (fixture->begin_fails)
		return bmx_error_set(err, BMX_E_IO, "begin fails");
	fixture->reading = true;
	return 0;
}

static void
fixture_end(void *ctx)
{
	struct fixture *fixture = ctx;

	assert_true(fixture->reading);
	fixture->reading = false;
}

static uint64_t
fixture_version(void *ctx)
{
	const struct fixture *fixture = ctx;

	assert_true(fixture->reading);
	return fixture->version;
}

static int
fixture_meta(void *ctx, struct bmx_slice domain, struct bmx_list_meta *meta_out,
             struct bmx_error *err)
{
	const struct fixture *fixture = ctx;

	assert_true(fixture->reading);
	if (fixture->meta_fails)
		return bmx_error_set(err, BMX_E_CORRUPT, "meta fails");
	for (size_t i = 0; i < FIXTURE_DOMAINS; i++) {
		const struct fixture_list *list = &fixture->lists[i];

		if (!list->present ||
		    !bmx_slice_equal(bmx_slice_of(list->domain), domain))
			continue;
		*meta_out = list->meta;
		meta_out->id = (uint32_t)i;
		return 1;
	}
	return 0;
}

static int
fixture_find(void *ctx, uint32_t id, struct bmx_slice local,
             enum bmx_recipient_state *state_out, struct bmx_error *err)
{
	const struct fixture *fixture = ctx;

	assert_true(fixture->reading);
	assert_true(id < FIXTURE_DOMAINS && fixture->lists[id].present);
	if (fixture->find_fails)
		return bmx_error_set(err, BMX_E_IO, "find fails");
	for (size_t i = 0; i < FIXTURE_ENTRIES; i++) {
		const struct fixture_entry *entry =
			&fixture->lists[id].entries[i];

		if (!entry->local ||
		    !bmx_slice_equal(bmx_slice_of(entry->local), local))
			continue;
		*state_out = entry->state;
		return 1;
	}
	return 0;
}

static void
fixture_log(void *ctx, enum bmx_log_level level, const char *line)
{
	struct fixture *fixture = ctx;

	(void)level;
	(void)snprintf(fixture->last_log, sizeof(fixture->last_log), "%s",
	               line);
}

static struct bmx_config *
fixture_config(const char *text)
{
	char path[] = "/tmp/backupmx-fixture-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_error err;
	struct bmx_config *config;
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	config = bmx_config_load(path, problems, &err);
	(void)unlink(path);
	bmx_config_problems_free(&problems);
	assert_non_null(config);
	return config;
}

static void
fixture_start_learner(struct fixture *fixture)
{
	const struct bmx_learner_parts parts = {
		.loop = fixture->loop,
		.log = fixture->log,
		.metrics = fixture->metrics,
		.records = fixture->records,
	};

	fixture->learner = bmx_learner_new(&parts, fixture->config);
	assert_non_null(fixture->learner);
	fixture->primary.on_result = bmx_learner_take;
	fixture->primary.result_ctx = fixture->learner;
}

/* The lists stay the caller's to fill. */
static void
fixture_start(struct fixture *fixture, const char *config)
{
	struct bmx_engine_parts parts = {.list = {fixture_begin, fixture_end,
	                                          fixture_version, fixture_meta,
	                                          fixture_find, fixture}};

	parts.loop = fixture->loop = fake_loop_new(INT64_C(1767225600000));
	parts.log = fixture->log =
		bmx_log_new_capture(fixture_log, fixture, BMX_LOG_INFO);
	parts.metrics = fixture->metrics = bmx_metrics_new();
	fixture->records = memory_store_new();
	parts.records = fixture->records;
	fixture->config = fixture_config(config);
	fixture_start_learner(fixture);
	parts.learner = fixture->learner;
	parts.primaries = scripted_primary_source(&fixture->primary);
	parts.any = fixture->any;
	fixture->engine = bmx_engine_new(&parts, fixture->config);
	assert_non_null(fixture->engine);
}

static void
fixture_stop(struct fixture *fixture)
{
	bmx_engine_free(&fixture->engine);
	assert_false(fixture->reading);
	bmx_learner_free(&fixture->learner);
	memory_store_free(&fixture->records);
	bmx_config_unref(&fixture->config);
	bmx_metrics_free(&fixture->metrics);
	bmx_log_free(&fixture->log);
	fake_loop_free(&fixture->loop);
}

static inline int64_t
fixture_wall_ms(const struct fixture *fixture)
{
	return bmx_clock_wall_ms(fixture->loop->clock);
}

static inline void
fixture_answered(void *ctx, struct bmx_slice answer)
{
	struct fixture *fixture = ctx;

	fixture->answers++;
	fixture->answer = answer;
}

/* As a client would; the strings must live until the answer. */
static inline struct bmx_engine_ask *
fixture_request(struct fixture *fixture,
                const struct bmx_policy_request *request)
{
	return bmx_engine_ask(fixture->engine, request,
	                      bmx_clock_mono_us(fixture->loop->clock),
	                      fixture_answered, fixture);
}

/* What may have to wait: then NULL is not returned. */
static inline struct bmx_engine_ask *
fixture_begin_ask(struct fixture *fixture, const char *recipient)
{
	const struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.client_address = BMX_SLICE("192.0.2.1"),
		.sender = BMX_SLICE("from@sender.test"),
		.recipient = bmx_slice_of(recipient),
	};

	return fixture_request(fixture, &request);
}

static inline struct bmx_slice
fixture_ask(struct fixture *fixture, const char *recipient)
{
	const size_t before = fixture->answers;

	assert_null(fixture_begin_ask(fixture, recipient));
	assert_int_equal(fixture->answers, before + 1);
	return fixture->answer;
}

#endif
