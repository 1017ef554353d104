#include "policyd/forget.h"

#include <string.h>

#include "tests/unit/policyd/engine_fixture.h"

static const char config_text[] =
	"domain \"a.test\" { }\n"
	"domain \"b.test\" { case_sensitive = true }\n";

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture_start(fixture, config_text);
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

static int
keep(struct fixture *fixture, const char *line, struct bmx_error *err)
{
	return bmx_keep(fixture->records, fixture->config, bmx_slice_of(line),
	                err);
}

static void
clear(struct fixture *fixture)
{
	for (size_t i = 0; i < fixture->config->domain_count; i++)
		fixture->records->ops->remove_domain(
			fixture->records, BMX_RECORD_VERIFICATION,
			bmx_slice_of(fixture->config->domains[i].name));
}

static void
fill(struct fixture *fixture)
{
	static const char *const lines[] = {
		"verification joe@a.test result=valid state=active "
		"by=call-ahead checked_at=1000",
		"verification *@a.test result=unknown state=active "
		"by=call-ahead checked_at=1000",
		"verification Joe@b.test result=valid state=active "
		"by=delivery checked_at=1000",
	};
	struct bmx_error err;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (keep(fixture, lines[i], &err) != 0)
			fail_msg("%s: %s", lines[i], err.text);
	assert_int_equal(memory_store_records(fixture->records), 3);
}

static const struct {
	const char *what;
	enum bmx_error_code want;
	size_t left;
} forget_cases[] = {
	{"JOE@A.test", BMX_E_NONE, 2},
	{"none@a.test", BMX_E_NONE, 3},
	{"a.TEST", BMX_E_NONE, 1},
	{"joe@b.test", BMX_E_NONE, 3},
	{"Joe@b.test", BMX_E_NONE, 2},
	{"\"joe\"@a.test", BMX_E_NONE, 2},
	{"b.test", BMX_E_NONE, 2},
	{"c.test", BMX_E_NOT_FOUND, 3},
	{"joe@c.test", BMX_E_NOT_FOUND, 3},
	{"joe", BMX_E_NOT_FOUND, 3},
	{"a%b@a.test", BMX_E_SYNTAX, 3},
	{"@", BMX_E_SYNTAX, 3},
	{"", BMX_E_SYNTAX, 3},
	{"-..-", BMX_E_SYNTAX, 3},
};

static void
test_forget(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(forget_cases) / sizeof(forget_cases[0]);
	     i++) {
		struct bmx_error err = {0};

		clear(f);
		fill(f);
		(void)bmx_forget(f->records, f->config,
		                 bmx_slice_of(forget_cases[i].what), &err);
		if (err.code != forget_cases[i].want ||
		    memory_store_records(f->records) != forget_cases[i].left)
			fail_msg("\"%s\": %s, %zu left", forget_cases[i].what,
			         bmx_error_code_name(err.code),
			         memory_store_records(f->records));
	}
}

static void
test_keep(void **state)
{
	struct fixture *f = *state;
	struct bmx_error err;

	assert_int_equal(keep(f, "nonsense", &err), -1);
	assert_int_equal(err.code, BMX_E_SYNTAX);
	assert_int_equal(keep(f,
	                      "verification joe@other.test result=valid "
	                      "state=active by=call-ahead checked_at=1000",
	                      &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_int_equal(memory_store_records(f->records), 0);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("an address or a domain is forgotten", test_forget),
		TEST("what is no record of ours is not kept", test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
