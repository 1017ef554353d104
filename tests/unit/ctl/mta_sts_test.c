/* MTA-STS: records and policies as they are published, and what is said. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/doctor/sts_rows.h"
#include "tests/unit/ctl/rows_check.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define GOOD                                                                   \
	"version: STSv1\nmode: enforce\nmx: mx1.test\nmx: *.b.test\nmax_age: " \
	"86400\n"
#define MX "mx: mx1.test\n"
#define HEAD "version: STSv1\nmax_age: 1\n"

struct record_case {
	const char *txt;
	bool is;
	bool has_id;
};

struct policy_case {
	const char *name;
	const char *text;
	enum bmx_error_code want;
};

struct match_case {
	const char *host;
	bool want;
};

struct judge_case {
	const char *name;
	struct bmxctl_sts_facts facts;
	const char *policy;
	enum bmxctl_sts_proof proof;
	const char *want;
};

/* clang-format off */
static struct record_case records[] = {
	{"v=STSv1; id=20260101T000000;", true, true},
	{"v=STSv1;id=1", true, true},
	{"v=STSv1 ; id = a1 ; x=y", true, true},
	{"v=STSv1", true, false},
	{"v=STSv1; id=", true, false},
	{"v=STSv1; id=a-b", true, false},
	{"v=STSv1; id=01234567890123456789012345678901", true, true},
	{"v=STSv1; id=012345678901234567890123456789012", true, false},
	{"v=STSv10; id=1", false, true},
	{"v=spf1 -all", false, false},
	{"", false, false},
};

static struct policy_case policies[] = {
	{"good", GOOD, BMX_E_NONE},
	{"CRLF and no last line feed", "version: STSv1\r\nmode: testing\r\nmx: a.test\r\nmax_age: 1", BMX_E_NONE},
	{"keys that nobody knows", HEAD MX "mode: enforce\nx-y: z\n", BMX_E_NONE},
	{"without blanks", "version:STSv1\nmode:enforce\nmx:a.test\nmax_age:1\n", BMX_E_NONE},
	{"empty lines", "\n\n" GOOD "\n", BMX_E_NONE},
	{"mode none needs no mx", HEAD "mode: none\n", BMX_E_NONE},
	{"no mx", HEAD "mode: enforce\n", BMX_E_SYNTAX},
	{"no mode", HEAD MX, BMX_E_SYNTAX},
	{"no version", "mode: enforce\nmax_age: 1\n" MX, BMX_E_SYNTAX},
	{"another version", "version: STSv2\n", BMX_E_SYNTAX},
	{"no max_age", "version: STSv1\nmode: enforce\n" MX, BMX_E_SYNTAX},
	{"max_age of more than a year", "version: STSv1\nmode: enforce\nmax_age: 31557601\n" MX, BMX_E_SYNTAX},
	{"max_age that is none", "version: STSv1\nmode: enforce\nmax_age: -1\n" MX, BMX_E_SYNTAX},
	{"a mode in capitals", HEAD "mode: Enforce\n" MX, BMX_E_SYNTAX},
	{"an address as mx", HEAD "mode: enforce\nmx: a b\n", BMX_E_SYNTAX},
	{"a star alone", HEAD "mode: enforce\nmx: *.\n", BMX_E_SYNTAX},
	{"a page", "<html>not found</html>\n", BMX_E_SYNTAX},
	{"nothing", "", BMX_E_SYNTAX},
};

static struct match_case matches[] = {
	{"mx1.test", true},
	{"mx2.test", false},
	{"a.mx1.test", false},
	{"a.b.test", true},
	{"b.test", false},
	{"c.a.b.test", false},
	{".b.test", false},
	{"test", false},
};

#define TXT .record_count = 1, .has_id = true, .fetch_error = "", .parse_error = ""
#define PROVEN BMXCTL_STS_PROVEN

static struct judge_case judges[] = {
	{"no record", {.fetch_error = "", .parse_error = ""}, HEAD "mode: none\n", PROVEN, ""},
	{"good", {TXT}, HEAD "mode: enforce\nmx: *.test\n", PROVEN, ""},
	{"not tried", {TXT}, HEAD "mode: enforce\nmx: *.test\n", BMXCTL_STS_UNTRIED, ""},
	{"without us", {TXT}, HEAD "mode: enforce\nmx: mx1.test\n", PROVEN, "primary.sts-not-us"},
	{"without the primary", {TXT}, HEAD "mode: enforce\nmx: backup.test\n", PROVEN, "primary.sts-other-mx"},
	{"testing without us", {TXT}, HEAD "mode: testing\nmx: mx1.test\n", PROVEN, "primary.sts-testing"},
	{"mode none", {TXT}, HEAD "mode: none\n", PROVEN, ""},
	{"a certificate that is not good", {TXT}, HEAD "mode: enforce\nmx: *.test\n", BMXCTL_STS_UNPROVEN, "primary.sts-certificate"},
	{"and in testing", {TXT}, HEAD "mode: testing\nmx: *.test\n", BMXCTL_STS_UNPROVEN, ""},
	{"two records", {.record_count = 2, .has_id = true, .fetch_error = "", .parse_error = ""}, HEAD "mode: enforce\nmx: *.test\n", PROVEN, "primary.sts-record"},
	{"no id", {.record_count = 1, .fetch_error = "", .parse_error = ""}, HEAD "mode: enforce\nmx: *.test\n", PROVEN, "primary.sts-record"},
	{"no page", {.record_count = 1, .has_id = true, .fetch_error = "404", .parse_error = ""}, HEAD "mode: none\n", PROVEN, "primary.sts-unavailable"},
	{"no policy", {.record_count = 1, .has_id = true, .fetch_error = "", .parse_error = "no mode"}, HEAD "mode: none\n", PROVEN, "primary.sts-malformed"},
};
/* clang-format on */

static void
test_record(void **state)
{
	const struct record_case *tc = *state;

	assert_int_equal(bmxctl_sts_is_record(bmx_slice_of(tc->txt)), tc->is);
	assert_int_equal(bmxctl_sts_has_id(bmx_slice_of(tc->txt)), tc->has_id);
}

static void
test_policy(void **state)
{
	const struct policy_case *tc = *state;
	struct bmxctl_sts_policy policy;
	struct bmx_error err = {0};

	(void)bmxctl_sts_parse(bmx_slice_of(tc->text), &policy, &err);
	assert_int_equal(err.code, tc->want);
}

static void
test_match(void **state)
{
	const struct match_case *tc = *state;
	struct bmxctl_sts_policy policy;

	assert_int_equal(bmxctl_sts_parse(BMX_SLICE(GOOD), &policy, NULL), 0);
	assert_int_equal(policy.mx_count, 2);
	assert_int_equal(policy.max_age_s, 86400);
	assert_int_equal(bmxctl_sts_matches(&policy, tc->host), tc->want);
}

/* Cut anywhere it is a policy or an error, and nothing is read past its end. */
static void
test_cut(void **state)
{
	struct bmxctl_sts_policy policy;
	const char *text = GOOD;

	(void)state;
	for (size_t len = 0; len <= strlen(text); len++) {
		char *copy = malloc(len + 1);

		memcpy(copy, text, len);
		(void)bmxctl_sts_parse((struct bmx_slice){copy, len}, &policy,
		                       NULL);
		assert_true(policy.mx_count <= 2);
		free(copy);
	}
}

static void
test_caps(void **state)
{
	struct bmxctl_sts_policy policy;
	struct bmx_error err;
	char *text = calloc(1, BMXCTL_STS_MAX + 1);

	(void)state;
	memset(text, '\n', BMXCTL_STS_MAX + 1);
	assert_int_equal(
		bmxctl_sts_parse((struct bmx_slice){text, BMXCTL_STS_MAX + 1},
	                         &policy, &err),
		-1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
	for (size_t i = 0; i <= BMXCTL_STS_MX_MAX; i++)
		memcpy(text + i * strlen(MX), MX, strlen(MX));
	assert_int_equal(
		bmxctl_sts_parse(
			(struct bmx_slice){
				text, strlen(MX) * (BMXCTL_STS_MX_MAX + 1)},
			&policy, &err),
		-1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
	free(text);
}

static void
test_judge(void **state)
{
	const struct judge_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	const struct bmxctl_sts_host hosts[] = {
		{"mx1.test", false, PROVEN, ""},
		{"backup.test", true, tc->proof, "self-signed"},
	};
	struct bmxctl_sts_facts facts = tc->facts;
	struct bmxctl_sts_policy policy;

	assert_int_equal(
		bmxctl_sts_parse(bmx_slice_of(tc->policy), &policy, NULL), 0);
	facts.domain = "example.test";
	facts.policy = &policy;
	facts.hosts = hosts;
	facts.host_count = LENGTH(hosts);
	bmxctl_sts_judge(&facts, findings);
	check_rows(findings, tc->want);
}

#define ADD(table, title, test)                                                \
	for (size_t i = 0; i < LENGTH(table); i++)                             \
		tests[n++] = (struct CMUnitTest)                               \
		{                                                              \
			table[i].title, test, NULL, NULL, &table[i]            \
		}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(records) + LENGTH(policies) +
	                        LENGTH(matches) + LENGTH(judges) + 2];
	size_t n = 0;

	ADD(records, txt, test_record);
	ADD(policies, name, test_policy);
	ADD(matches, host, test_match);
	ADD(judges, name, test_judge);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_cut);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_caps);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
