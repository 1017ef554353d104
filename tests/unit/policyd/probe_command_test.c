/* `backupmxctl probe`: a command against primaries on loopback. */
#include "tests/unit/policyd/call_ahead_fixture.h"

#include <jansson.h>

#include "policyd/probe_command.h"

struct run {
	struct fixture *fx;
	struct bmx_probe_command *command;
	json_t *answer;
	unsigned told;
};

static void
on_told(void *ctx, json_t *root)
{
	struct run *run = ctx;

	run->told++;
	run->command = NULL; /* it is gone */
	run->answer = root;
}

static struct bmx_probe_command_parts
parts_of(struct run *run, const char *local)
{
	struct fixture *fx = run->fx;

	return (struct bmx_probe_command_parts){
		.loop = fx->loop,
		.settings = fx->settings,
		.tries = tries(fx),
		.address = BMX_SLICE("As.Typed@Example.TEST"),
		.local = bmx_slice_of(local),
		.domain = BMX_SLICE(DOMAIN),
		.on_result = on_result,
		.result_ctx = fx,
		.answered = on_told,
		.answered_ctx = run,
	};
}

static void
start(struct run *run, struct fixture *fx, const char *local)
{
	struct bmx_probe_command_parts parts;
	struct bmx_error err;

	*run = (struct run){.fx = fx};
	parts = parts_of(run, local);
	run->command = bmx_probe_command_new(&parts, &err);
	assert_non_null(run->command);
	assert_int_equal(run->told, 0); /* never from within */
}

static void
await_told(struct run *run)
{
	for (int i = 0; i < PATIENT_TURNS && run->told == 0; i++)
		settle(run->fx);
	assert_int_equal(run->told, 1);
	assert_non_null(run->answer);
}

static void
assert_says(const struct run *run, const char *key, const char *want)
{
	const char *got = json_string_value(json_object_get(run->answer, key));

	assert_non_null(got);
	assert_string_equal(got, want);
}

static bool
has_line(const struct run *run, const char *who, const char *text)
{
	const json_t *lines = json_object_get(run->answer, "lines");

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);

		if (strcmp(json_string_value(json_object_get(line, "who")),
		           who) == 0 &&
		    strstr(json_string_value(json_object_get(line, "line")),
		           text))
			return true;
	}
	return false;
}

struct probe_case {
	const char *name;
	const char *local;
	bool had_valid;
	bool refuses_all;
	bool accepts_all;
	const char *outcome;
	const char *why;
	const char *random;
};

/* clang-format off */
static struct probe_case cases[] = {
	{"known", "known", false, false, false, "valid", "none", "refused"},
	{"unknown", "nobody", false, false, false, "unknown", "none", "not-made"},
	{"all are accepted", "nobody", false, false, true, "accepts-all", "none", "accepted"},
	{"unknown, was valid, postmaster is known", "nobody", true, false, false, "unknown", "none", "not-made"},
	{"unknown, was valid, and so is postmaster", "nobody", true, true, false, "unsure", "lost-users", "not-made"},
};
/* clang-format on */
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void
test_case(void **state)
{
	const struct probe_case *tc = *state;
	void *made;
	struct run run;
	struct bmx_probe_command_parts parts;
	struct bmx_error err;

	assert_int_equal(set_up(&made), 0);
	run = (struct run){.fx = made};
	run.fx->primaries[0].refuses_all = tc->refuses_all;
	run.fx->primaries[0].accepts_all = tc->accepts_all;
	parts = parts_of(&run, tc->local);
	parts.had_valid = tc->had_valid;
	run.command = bmx_probe_command_new(&parts, &err);
	await_told(&run);
	assert_says(&run, "outcome", tc->outcome);
	assert_says(&run, "why", tc->why);
	assert_says(&run, "accepts_all_test", tc->random);
	assert_says(&run, "address", "As.Typed@Example.TEST");
	assert_true(has_line(&run, "note", "asking 127.0.0.1"));
	assert_true(has_line(&run, "we", "MAIL FROM:<>"));
	assert_true(has_line(&run, "primary", "220 mx ESMTP"));
	/* What was found out is learnt like any other result. */
	assert_int_equal(run.fx->results, 1);
	assert_string_equal(run.fx->result_local, tc->local);
	json_decref(run.answer);
	assert_int_equal(tear_down(&made), 0);
}

/* A host that cannot be asked is followed by the next one. */
static void
test_next_host(void **state)
{
	struct fixture *fx = *state;
	struct run run;

	fx->primaries[0].greeting = "554 5.7.1 not you\r\n";
	use_targets(fx, 2);
	start(&run, fx, "known");
	await_told(&run);
	assert_says(&run, "outcome", "valid");
	assert_true(has_line(&run, "primary", "554 5.7.1 not you"));
	json_decref(run.answer);
}

static void
test_nobody_listens(void **state)
{
	struct fixture *fx = *state;
	struct run run;

	primary_stop(&fx->primaries[0]);
	start(&run, fx, "known");
	await_told(&run);
	assert_says(&run, "outcome", "unsure");
	assert_says(&run, "why", "transport");
	json_decref(run.answer);
}

/* A refused STARTTLS is followed by one try in clear, which the context of TLS
 * need not live to see. */
static void
test_in_clear(void **state)
{
	struct fixture *fx = *state;
	struct bmx_error err;
	struct bmx_tls_context *context = bmx_tls_context_new("", &err);
	struct run run;

	assert_non_null(context);
	fx->primaries[0].keyword = "STARTTLS";
	fx->settings.tls = BMX_TLS_MAY;
	fx->settings.tls_context = context;
	start(&run, fx, "known");
	bmx_tls_context_free(&context);
	await_told(&run);
	assert_says(&run, "outcome", "valid");
	assert_true(has_line(&run, "note", "once more in clear"));
	assert_int_equal(fx->primaries[0].accepted, 2);
	json_decref(run.answer);
}

/* DANE without records to check with: nobody is asked. */
static void
test_dane(void **state)
{
	struct fixture *fx = *state;
	struct bmx_error err;
	struct bmx_tls_context *context = bmx_tls_context_new("", &err);
	struct run run;

	fx->settings.tls = BMX_TLS_DANE;
	fx->settings.tls_context = context;
	start(&run, fx, "known");
	bmx_tls_context_free(&context);
	await_told(&run);
	assert_says(&run, "why", "refused-tls");
	assert_int_equal(fx->primaries[0].accepted, 0);
	assert_true(has_line(&run, "note", "no secure TLSA records"));
	json_decref(run.answer);
}

/* Two hosts that say nothing: in all it takes no longer than it may. */
static void
test_silent(void **state)
{
	struct fixture *fx = *state;
	struct run run;

	fx->primaries[0].silent = fx->primaries[1].silent = true;
	use_targets(fx, 2);
	start(&run, fx, "known");
	for (int64_t ms = 0;
	     ms < BMX_PROBE_COMMAND_MS + BMX_PROBE_QUIT_MS && run.told == 0;
	     ms += 500)
		pass(fx, 500);
	await_told(&run);
	assert_says(&run, "outcome", "unsure");
	assert_says(&run, "why", "timeout");
	json_decref(run.answer);
}

static void
test_silent_at_the_end(void **state)
{
	struct fixture *fx = *state;
	struct run run;

	fx->primaries[0].silent = true;
	start(&run, fx, "known");
	settle(fx);
	bmx_probe_command_free(&run.command);
	assert_null(run.command);
	pass(fx, 2 * BMX_PROBE_COMMAND_MS);
	assert_int_equal(run.told, 0);
	assert_int_equal(fx->results, 0);
}

/* A greeting without end is cut in the answer, not kept. */
static void
test_lines(void **state)
{
	struct fixture *fx = *state;
	static char greeting[100 * 1024];
	struct bmx_text text;
	struct run run;

	bmx_text_init(&text, greeting, sizeof(greeting));
	for (int i = 0; i < 3 * BMX_PROBE_COMMAND_LINES; i++)
		bmx_text_append_string(&text, "220-x\r\n");
	bmx_text_append_string(&text, "220 \x1b[31m\xff\r\n");
	fx->primaries[0].greeting = greeting;
	start(&run, fx, "known");
	await_told(&run);
	assert_true(json_array_size(json_object_get(run.answer, "lines")) <=
	            BMX_PROBE_COMMAND_LINES);
	json_decref(run.answer);
}

static void
test_too_long(void **state)
{
	struct run run = {.fx = *state};
	char local[BMX_LOCAL_BUFFER + 2];
	struct bmx_probe_command_parts parts;
	struct bmx_error err;

	memset(local, 'x', sizeof(local) - 1);
	local[sizeof(local) - 1] = '\0';
	parts = parts_of(&run, local);
	assert_null(bmx_probe_command_new(&parts, &err));
	assert_int_equal(err.code, BMX_E_TOO_BIG);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, set_up, tear_down, NULL                        \
	}

int
main(void)
{
	struct CMUnitTest tests[8 + CASES] = {
		TEST("the next host is asked", test_next_host),
		TEST("nobody listens", test_nobody_listens),
		TEST("once more in clear", test_in_clear),
		TEST("DANE without records", test_dane),
		TEST("primaries that say nothing", test_silent),
		TEST("freed while it waits", test_silent_at_the_end),
		TEST("a dialogue without end", test_lines),
		TEST("an address that is too long", test_too_long),
	};

	for (size_t i = 0; i < CASES; i++)
		tests[8 + i] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_case,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
