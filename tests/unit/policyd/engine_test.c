#include "tests/unit/policyd/engine_fixture.h"

#include "policyd/engine.h"

static const char config_text[] =
	"domain \"a.test\" { list_max_age = 2h call_ahead = false }\n"
	"domain \"b.test\" { call_ahead = false }\n"
	"domain \"c.test\" { mode = \"observe\" call_ahead = false }\n";

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct fixture_list *list;

	assert_non_null(fixture);
	fixture_start(fixture, config_text);
	for (size_t i = 0; i < FIXTURE_DOMAINS; i++)
		fixture->lists[i].domain = "b.test";
	list = &fixture->lists[0];
	list->domain = "a.test";
	list->present = true;
	list->meta.count = 3;
	list->meta.generation = 7;
	list->meta.synced_at_ms = fixture_wall_ms(fixture);
	list->entries[0] = (struct fixture_entry){"u", BMX_RECIPIENT_ACTIVE};
	list->entries[1] =
		(struct fixture_entry){"off", BMX_RECIPIENT_DISABLED};
	fixture->version = 1;
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	fixture_stop(fixture);
	free(fixture);
	return 0;
}

/* Is line among the metrics, whole? */
static void
assert_metric(const struct fixture *fixture, const char *line)
{
	size_t len;
	char *text = bmx_metrics_render(fixture->metrics, &len);
	const char *at;

	assert_non_null(text);
	at = strstr(text, line);
	if (!at || at[strlen(line)] != '\n')
		fail_msg("no metric \"%s\" in:\n%s", line, text);
	free(text);
}

static void
test_metrics(void **state)
{
	struct fixture *fixture = *state;

	(void)fixture_ask(fixture, "u@a.test");
	(void)fixture_ask(fixture, "U+tag@A.test");
	(void)fixture_ask(fixture, "x@a.test");
	(void)fixture_ask(fixture, "off@a.test");
	(void)fixture_ask(fixture, "x@b.test");
	(void)fixture_ask(fixture, "x@c.test");
	(void)fixture_ask(fixture, "x@other.test");
	bmx_engine_end_turn(fixture->engine);
	assert_int_equal(bmx_engine_requests(fixture->engine), 7);
	assert_metric(fixture,
	              "backupmx_decisions_total{domain=\"a.test\","
	              "action=\"accept\",reason=\"listed\"} 2");
	assert_metric(fixture,
	              "backupmx_decisions_total{domain=\"a.test\","
	              "action=\"reject\",reason=\"unknown\"} 1");
	assert_metric(fixture,
	              "backupmx_decisions_total{domain=\"a.test\","
	              "action=\"reject\",reason=\"disabled\"} 1");
	assert_metric(fixture,
	              "backupmx_decisions_total{domain=\"b.test\","
	              "action=\"defer\",reason=\"no-list\"} 1");
	assert_metric(fixture,
	              "backupmx_decisions_total{domain=\"c.test\","
	              "action=\"warn\",reason=\"no-list\"} 1");
	assert_metric(fixture, "backupmx_reply_seconds_count 7");
}

static void
test_gauges(void **state)
{
	struct fixture *fixture = *state;

	fake_loop_advance(fixture->loop, 3600 * 1000);
	bmx_engine_update_gauges(fixture->engine);
	assert_metric(fixture,
	              "backupmx_list_age_seconds{domain=\"a.test\"} 3600");
	assert_metric(fixture, "backupmx_list_entries{domain=\"a.test\"} 3");
	assert_metric(fixture, "backupmx_list_entries{domain=\"b.test\"} 0");
	assert_metric(fixture,
	              "backupmx_list_authority{domain=\"a.test\","
	              "authority=\"fresh\"} 1");
	assert_metric(fixture,
	              "backupmx_list_authority{domain=\"a.test\","
	              "authority=\"stale\"} 0");
	assert_metric(fixture,
	              "backupmx_list_authority{domain=\"b.test\","
	              "authority=\"absent\"} 1");
	fake_loop_advance(fixture->loop, 3600 * 1000);
	bmx_engine_update_gauges(fixture->engine);
	assert_metric(fixture,
	              "backupmx_list_authority{domain=\"a.test\","
	              "authority=\"fresh\"} 0");
	assert_metric(fixture,
	              "backupmx_list_authority{domain=\"a.test\","
	              "authority=\"stale\"} 1");
}

/* After a sync only the list that it brought is looked at. */
static void
test_gauges_of_one_list(void **state)
{
	struct fixture *fixture = *state;
	size_t len;
	char *text;

	fake_loop_advance(fixture->loop, 3600 * 1000);
	bmx_engine_update_list_gauges(fixture->engine, BMX_SLICE("b.test"));
	bmx_engine_update_list_gauges(fixture->engine, BMX_SLICE("none.test"));
	assert_metric(fixture, "backupmx_list_entries{domain=\"b.test\"} 0");
	text = bmx_metrics_render(fixture->metrics, &len);
	assert_non_null(text);
	assert_null(strstr(text, "backupmx_list_entries{domain=\"a.test\"}"));
	free(text);
	bmx_engine_update_list_gauges(fixture->engine, BMX_SLICE("a.test"));
	assert_metric(fixture, "backupmx_list_entries{domain=\"a.test\"} 3");
	assert_metric(fixture,
	              "backupmx_list_age_seconds{domain=\"a.test\"} 3600");
}

static void
test_list(void **state)
{
	struct fixture *fixture = *state;
	struct bmx_engine_list list;

	fake_loop_advance(fixture->loop, 5000);
	bmx_engine_list(fixture->engine, 0, &list);
	assert_true(list.known && list.present);
	assert_int_equal(list.age_ms, 5000);
	assert_int_equal(list.meta.generation, 7);
	assert_int_equal(list.authority, BMX_AUTHORITY_FRESH);
	/* A wall clock that was set back makes no list older. */
	fake_loop_jump_wall(fixture->loop, -3600 * 1000);
	bmx_engine_list(fixture->engine, 0, &list);
	assert_int_equal(list.age_ms, 0);
	bmx_engine_list(fixture->engine, 1, &list);
	assert_true(list.known && !list.present);
	assert_int_equal(list.authority, BMX_AUTHORITY_ABSENT);
	fixture->begin_fails = true;
	bmx_engine_list(fixture->engine, 0, &list);
	assert_false(list.known || list.present);
	assert_non_null(strstr(fixture->last_log, "ev=store-failed"));
}

struct steps {
	char text[512]; /* "step=result(detail) " each */
};

static void
on_step(void *ctx, const char *step, const char *result,
        struct bmx_slice detail)
{
	struct steps *steps = ctx;
	const size_t len = strlen(steps->text);

	(void)snprintf(steps->text + len, sizeof(steps->text) - len,
	               "%s%s=%s(%.*s)", len > 0 ? " " : "", step, result,
	               (int)detail.len, detail.len > 0 ? detail.data : "");
}

struct explain_case {
	const char *name;
	const char *address;
	const char *steps;
	enum bmx_policy_reply reply;
	bool served;
	bool find_fails;
};

/* clang-format off */
static struct explain_case explain_cases[] = {
	{"a look-up shows the cut at the delimiter", "U+tag@A.Test",
	 "domain=served(a.test) address=normalised(u+tag@a.test) "
	 "primary=suspect() list=not listed(u+tag) list=active(u) verdict=accept(listed)",
	 BMX_REPLY_DUNNO, true, false},
	{"a look-up shows that a mailbox is disabled", "off@a.test",
	 "domain=served(a.test) address=normalised(off@a.test) "
	 "primary=suspect() list=disabled(off) verdict=reject(disabled)",
	 BMX_REPLY_DISABLED, true, false},
	{"a look-up shows a role account", "Postmaster@a.test",
	 "domain=served(a.test) address=normalised(postmaster@a.test) "
	 "role account=always valid(postmaster) primary=suspect() verdict=accept(role-account)",
	 BMX_REPLY_DUNNO, true, false},
	{"a look-up shows what no list can hold", "a%b@a.test",
	 "domain=served(a.test) address=not listable(a%b@a.test) "
	 "primary=suspect() verdict=reject(not-listable)",
	 BMX_REPLY_USER_UNKNOWN, true, false},
	{"a look-up without a list", "x@b.test",
	 "domain=served(b.test) address=normalised(x@b.test) "
	 "primary=suspect() verdict=defer(no-list)",
	 BMX_REPLY_UNVERIFIED, true, false},
	{"a look-up in a broken store", "u@a.test",
	 "domain=served(a.test) address=normalised(u@a.test) "
	 "primary=suspect() list=store failed(u) verdict=defer(store-failed)",
	 BMX_REPLY_TROUBLE, true, true},
	{"a look-up in a domain that is not served", "X@other.test",
	 "domain=not served(other.test) verdict=accept(not-served)",
	 BMX_REPLY_DUNNO, false, false},
	{"a look-up of what is no address", "nonsense",
	 "domain=no address(nonsense) verdict=accept(not-served)",
	 BMX_REPLY_DUNNO, false, false},
};
/* clang-format on */
#define EXPLAINS (sizeof(explain_cases) / sizeof(explain_cases[0]))

static void
test_explain(void **state)
{
	const struct explain_case *tc = *state;
	struct bmx_engine_lookup lookup;
	struct steps steps = {{0}};
	struct fixture *fixture;
	void *made;

	assert_int_equal(setup(&made), 0);
	fixture = made;
	fixture->find_fails = tc->find_fails;
	bmx_engine_explain(fixture->engine, bmx_slice_of(tc->address), on_step,
	                   &steps, &lookup);
	assert_string_equal(steps.text, tc->steps);
	assert_int_equal(lookup.verdict.reply, tc->reply);
	assert_int_equal(lookup.domain != NULL, tc->served);
	/* Neither counted nor, but for trouble, logged. */
	assert_int_equal(bmx_engine_requests(fixture->engine), 0);
	assert_null(strstr(fixture->last_log, "ev=decision"));
	assert_int_equal(teardown(&made), 0);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(void)
{
	struct CMUnitTest tests[4 + EXPLAINS] = {
		TEST("each decision is counted by domain, action and reason",
	             test_metrics),
		TEST("gauges show a list's age, size and authority",
	             test_gauges),
		TEST("after a sync only its list's gauges are set",
	             test_gauges_of_one_list),
		TEST("a list is shown as the engine sees it", test_list),
	};

	for (size_t i = 0; i < EXPLAINS; i++)
		tests[4 + i] =
			(struct CMUnitTest){.name = explain_cases[i].name,
		                            .test_func = test_explain,
		                            .initial_state = &explain_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
