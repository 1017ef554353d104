/* Domains without a section where there is "*": what the engine makes of a
 * registry's answers, at once and later. */
#include "tests/unit/policyd/engine_fixture.h"

#define ANY_CONFIG                                                             \
	"domain \"*\" { call_ahead = false }\n"                                \
	"domain \"own.test\" { call_ahead = false }\n"
#define TROUBLE_ACTION                                                         \
	"action=DEFER_IF_PERMIT 4.3.0 Temporary recipient lookup failure\n\n"
#define UNSURE_ACTION                                                          \
	"action=DEFER_IF_PERMIT 4.1.1 Unverified address, try again later\n\n"
#define UNKNOWN_ACTION "action=550 5.1.1 User unknown\n\n"
#define DUNNO_ACTION "action=DUNNO\n\n"

/* A registry that says what it is told to, when it is told to. */
struct any {
	struct fixture fixture; /* first: the engine's callbacks get it */
	enum bmx_any_answer answer;
	bool later;
	bool open;
	size_t asked, used, left;
	bmx_any_cb *cb;
	void *cb_ctx;
};

static const char *const names[] = {"a.test"};

static void
serve(struct any *any)
{
	struct bmx_config *next =
		bmx_config_with_domains(any->fixture.config, names, 1, NULL);

	assert_non_null(next);
	assert_int_equal(bmx_engine_configure(any->fixture.engine, next, NULL),
	                 0);
	bmx_config_unref(&next);
}

static struct bmx_any_wait *
any_ask(void *ctx, struct bmx_slice domain, bmx_any_cb *cb, void *cb_ctx)
{
	struct any *any = ctx;

	any->asked++;
	assert_true(bmx_slice_equal(domain, BMX_SLICE("a.test")));
	if (!any->later) {
		if (any->answer == BMX_ANY_SERVED)
			serve(any);
		cb(cb_ctx, any->answer);
		return NULL;
	}
	assert_false(any->open);
	any->open = true;
	any->cb = cb;
	any->cb_ctx = cb_ctx;
	return (struct bmx_any_wait *)(void *)any;
}

static void
any_leave(void *ctx, struct bmx_any_wait **wait)
{
	struct any *any = ctx;

	assert_true(any->open);
	any->open = false;
	any->left++;
	*wait = NULL;
}

static void
any_used(void *ctx, struct bmx_slice domain)
{
	struct any *any = ctx;

	assert_true(bmx_slice_equal(domain, BMX_SLICE("a.test")));
	any->used++;
}

static void
tell(struct any *any, enum bmx_any_answer answer)
{
	assert_true(any->open);
	any->open = false;
	if (answer == BMX_ANY_SERVED)
		serve(any);
	any->cb(any->cb_ctx, answer);
}

static int
start_with(void **state, const char *config)
{
	struct any *any = calloc(1, sizeof(*any));

	assert_non_null(any);
	any->fixture.any =
		(struct bmx_any_source){any_ask, any_leave, any_used, any};
	any->fixture.lists[0] = (struct fixture_list){
		.domain = "a.test",
		.present = true,
		.meta = {.count = 1, .synced_at_ms = INT64_C(1767225600000)},
		.entries = {{"joe", BMX_RECIPIENT_ACTIVE}}};
	fixture_start(&any->fixture, config);
	*state = any;
	return 0;
}

static int
start(void **state)
{
	return start_with(state, ANY_CONFIG);
}

static int
start_observing(void **state)
{
	return start_with(state, "domain \"*\" { mode = observe }");
}

static int
start_without(void **state)
{
	return start_with(state, "domain \"own.test\" { }");
}

static int
stop(void **state)
{
	struct any *any = *state;

	fixture_stop(&any->fixture);
	free(any);
	return 0;
}

static void
assert_action(struct bmx_slice got, const char *want)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%.*s", (int)got.len, got.data);
	assert_string_equal(text, want);
}

static void
test_served_at_once(void **state)
{
	struct any *any = *state;

	any->answer = BMX_ANY_SERVED;
	assert_action(fixture_ask(&any->fixture, "joe@A.Test"), DUNNO_ACTION);
	assert_non_null(strstr(any->fixture.last_log, "why=listed"));
	assert_action(fixture_ask(&any->fixture, "bob@a.test"), UNKNOWN_ACTION);
	assert_int_equal(any->asked, 1);
	/* By the first when its section had come, and by the second. */
	assert_int_equal(any->used, 2);
}

static void
test_served_later(void **state)
{
	struct any *any = *state;

	any->later = true;
	assert_non_null(fixture_begin_ask(&any->fixture, "bob@a.test"));
	fake_loop_advance(any->fixture.loop, 1000);
	tell(any, BMX_ANY_SERVED);
	assert_int_equal(any->fixture.answers, 1);
	assert_action(any->fixture.answer, UNKNOWN_ACTION);
}

static void
test_not_ours(void **state)
{
	struct any *any = *state;

	any->answer = BMX_ANY_NOT_OURS;
	assert_action(fixture_ask(&any->fixture, "bob@a.test"), DUNNO_ACTION);
	any->later = true;
	assert_non_null(fixture_begin_ask(&any->fixture, "bob@a.test"));
	tell(any, BMX_ANY_NOT_OURS);
	assert_action(any->fixture.answer, DUNNO_ACTION);
}

static void
test_trouble(void **state)
{
	struct any *any = *state;

	any->answer = BMX_ANY_FAILED;
	assert_action(fixture_ask(&any->fixture, "bob@a.test"), TROUBLE_ACTION);
	assert_non_null(strstr(any->fixture.last_log, "why=dns-failed"));
	any->answer = BMX_ANY_FULL;
	assert_action(fixture_ask(&any->fixture, "joe@a.test"), TROUBLE_ACTION);
	assert_non_null(strstr(any->fixture.last_log, "why=domains-full"));
	assert_action(fixture_ask(&any->fixture, "postmaster@a.test"),
	              TROUBLE_ACTION);
}

static void
test_deadline(void **state)
{
	struct any *any = *state;

	any->later = true;
	assert_non_null(fixture_begin_ask(&any->fixture, "bob@a.test"));
	fake_loop_advance(any->fixture.loop, 4949);
	assert_int_equal(any->fixture.answers, 0);
	fake_loop_advance(any->fixture.loop, 1);
	assert_int_equal(any->fixture.answers, 1);
	assert_action(any->fixture.answer, TROUBLE_ACTION);
	assert_int_equal(any->left, 1);
}

static void
test_forgotten(void **state)
{
	struct any *any = *state;
	struct bmx_engine_ask *ask;

	any->later = true;
	ask = fixture_begin_ask(&any->fixture, "bob@a.test");
	bmx_engine_forget(&ask);
	assert_int_equal(any->left, 1);
	assert_int_equal(any->fixture.answers, 0);
}

/* Said to be served, but a reload was faster. */
static void
test_gone_again(void **state)
{
	struct any *any = *state;

	any->later = true;
	assert_non_null(fixture_begin_ask(&any->fixture, "bob@a.test"));
	any->open = false;
	any->cb(any->cb_ctx, BMX_ANY_SERVED);
	assert_action(any->fixture.answer, TROUBLE_ACTION);
}

/* "*" is gone from the configuration as well: not served. */
static void
test_all_gone(void **state)
{
	struct any *any = *state;
	struct bmx_config *next = fixture_config("domain \"own.test\" { }");

	any->later = true;
	assert_non_null(fixture_begin_ask(&any->fixture, "bob@a.test"));
	assert_int_equal(bmx_engine_configure(any->fixture.engine, next, NULL),
	                 0);
	bmx_config_unref(&next);
	any->open = false;
	any->cb(any->cb_ctx, BMX_ANY_SERVED);
	assert_action(any->fixture.answer, DUNNO_ACTION);
}

static void
test_own_section(void **state)
{
	struct any *any = *state;

	assert_action(fixture_ask(&any->fixture, "bob@own.test"),
	              UNSURE_ACTION);
	assert_action(fixture_ask(&any->fixture, "no address"), DUNNO_ACTION);
	assert_int_equal(any->asked, 0);
	assert_int_equal(any->used, 0);
}

static void
test_observed(void **state)
{
	struct any *any = *state;

	any->answer = BMX_ANY_FAILED;
	assert_action(fixture_ask(&any->fixture, "bob@a.test"),
	              "action=WARN backupmx would answer: DEFER_IF_PERMIT "
	              "4.3.0 Temporary recipient lookup failure\n\n");
	any->answer = BMX_ANY_NOT_OURS;
	assert_action(fixture_ask(&any->fixture, "bob@a.test"), DUNNO_ACTION);
}

static void
test_no_star(void **state)
{
	struct any *any = *state;

	assert_action(fixture_ask(&any->fixture, "bob@a.test"), DUNNO_ACTION);
	assert_int_equal(any->asked, 0);
}

static void
on_step(void *ctx, const char *step, const char *result,
        struct bmx_slice detail)
{
	(void)ctx;
	(void)step;
	(void)result;
	(void)detail;
}

static void
test_explained(void **state)
{
	struct any *any = *state;
	struct bmx_engine_lookup lookup;

	any->later = true;
	bmx_engine_explain(any->fixture.engine, BMX_SLICE("bob@a.test"),
	                   on_step, NULL, &lookup);
	assert_true(lookup.pending);
	assert_null(lookup.domain);
	assert_int_equal(lookup.verdict.reply, BMX_REPLY_TROUBLE);
	assert_int_equal(any->left, 1);
	any->later = false;
	any->answer = BMX_ANY_NOT_OURS;
	bmx_engine_explain(any->fixture.engine, BMX_SLICE("bob@a.test"),
	                   on_step, NULL, &lookup);
	assert_false(lookup.pending);
	assert_int_equal(lookup.verdict.why, BMX_WHY_NOT_SERVED);
	serve(any);
	bmx_engine_explain(any->fixture.engine, BMX_SLICE("bob@a.test"),
	                   on_step, NULL, &lookup);
	assert_false(lookup.pending);
	assert_true(lookup.domain->from_any);
	assert_int_equal(lookup.verdict.why, BMX_WHY_UNKNOWN);
	assert_int_equal(any->used, 0);
}

#define ROW(text, function)                                                    \
	{                                                                      \
		text, function, start, stop, NULL                              \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("served, known at once", test_served_at_once),
		ROW("served, known later", test_served_later),
		ROW("not ours", test_not_ours),
		ROW("DNS cannot say, or there is no room", test_trouble),
		ROW("no answer in time", test_deadline),
		ROW("the client hangs up", test_forgotten),
		ROW("a reload took it away", test_gone_again),
		ROW("a reload took \"*\" away", test_all_gone),
		ROW("a section of its own asks nobody", test_own_section),
		{"\"*\" observes", test_observed, start_observing, stop, NULL},
		{"there is no \"*\"", test_no_star, start_without, stop, NULL},
		ROW("explained", test_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
