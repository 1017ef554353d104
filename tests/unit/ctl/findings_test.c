/* Findings: kept, counted, made safe, printed as text and as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl/doctor/doctor.h"
#include "tests/support/cmocka.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct bmxctl_row error_row = {"test.broken", BMXCTL_ERROR,
                                            "Mail is lost.", "Mend it."};
static const struct bmxctl_row warning_row = {
	"test.odd", BMXCTL_WARNING, "It could be better.", "Make it so."};

static char *
printed(const struct bmxctl_findings *findings, bool with_good)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	bmxctl_findings_print(findings, out, with_good);
	assert_int_equal(fclose(out), 0);
	return text;
}

struct status_case {
	const char *name;
	int errors;
	int warnings;
	int goods;
	int want;
	const char *summary;
};

static struct status_case status_cases[] = {
	{"nothing at all", 0, 0, 0, 0, "nothing is wrong: 0 things looked at"},
	{"good things only", 0, 0, 3, 0,
         "nothing is wrong: 3 things looked at"},
	{"a warning", 0, 1, 3, 1, "0 errors, 1 warning, 3 good"},
	{"an error", 1, 0, 0, 2, "1 error, 0 warnings, 0 good"},
	{"errors outweigh warnings", 2, 2, 1, 2,
         "2 errors, 2 warnings, 1 good"},
	{"more than the first block holds", 0, 200, 0, 1,
         "0 errors, 200 warnings, 0 good"},
};

static void
test_status(void **state)
{
	const struct status_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	char *text;

	for (int i = 0; i < tc->goods; i++)
		bmxctl_found_good(findings, "test.good", "", "fine");
	for (int i = 0; i < tc->warnings; i++)
		bmxctl_found(findings, &warning_row, "", "odd %d", i);
	for (int i = 0; i < tc->errors; i++)
		bmxctl_found(findings, &error_row, "", "broken %d", i);
	assert_int_equal(bmxctl_findings_status(findings), tc->want);
	assert_int_equal(bmxctl_findings_count(findings, BMXCTL_WARNING),
	                 tc->warnings);
	text = printed(findings, false);
	assert_non_null(strstr(text, tc->summary));
	free(text);
	bmxctl_findings_free(&findings);
	assert_null(findings);
}

struct clean_case {
	const char *name;
	const char *subject;
	const char *seen;
	const char *want;
};

static struct clean_case clean_cases[] = {
	{"plain words", "example.test", "refused", "example.test: refused"},
	{"a peer's control characters", "a\nb", "550 no\r\n\x1b[31mred",
         "a?b: 550 no???[31mred"},
	{"a peer's octets that are no UTF-8", "x", "caf\xe9 \xff", "x: caf? ?"},
	{"a peer's UTF-8", "x", "caf\xc3\xa9", "x: caf\xc3\xa9"},
	{"no subject", "", "seen", ": seen"},
	{"a format in a peer's words", "%s", "100%n", "%s: 100%n"},
};

static void
test_clean(void **state)
{
	const struct clean_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	json_t *root;

	bmxctl_found(findings, &error_row, tc->subject, "%s", tc->seen);
	assert_string_equal(bmxctl_findings_seen(findings, "test.broken"),
	                    tc->want);
	assert_null(bmxctl_findings_seen(findings, "test.other"));
	root = bmxctl_findings_json(findings);
	assert_non_null(root);
	assert_int_equal(json_array_size(json_object_get(root, "findings")), 1);
	json_decref(root);
	bmxctl_findings_free(&findings);
}

static void
test_long(void **state)
{
	struct bmxctl_findings *findings = bmxctl_findings_new();
	char *long_text = malloc(5001);
	const char *seen;

	(void)state;
	(void)memset(long_text, 'x', 5000);
	long_text[5000] = '\0';
	bmxctl_found(findings, &error_row, long_text, "%s", long_text);
	bmxctl_found_good(findings, "test.good", long_text, "%s", long_text);
	seen = bmxctl_findings_seen(findings, "test.broken");
	assert_true(strlen(seen) < 900);
	free(long_text);
	bmxctl_findings_free(&findings);
}

static void
test_text(void **state)
{
	struct bmxctl_findings *findings = bmxctl_findings_new();
	char *text;

	(void)state;
	bmxctl_found_good(findings, "test.good", "a.test", "fine");
	bmxctl_found(
		findings, &error_row, "",
		"a line that is longer than what fits beside its label, so "
		"that it goes on below");
	text = printed(findings, false);
	assert_string_equal(text,
	                    "error    test.broken\n"
	                    "    seen: a line that is longer than what fits "
	                    "beside its label, so that it\n"
	                    "          goes on below\n"
	                    "    why:  Mail is lost.\n"
	                    "    do:   Mend it.\n"
	                    "1 error, 0 warnings, 1 good\n");
	free(text);
	text = printed(findings, true);
	assert_non_null(strstr(text,
	                       "good     test.good a.test\n"
	                       "    seen: fine\n"));
	free(text);
	bmxctl_findings_free(&findings);
}

static void
test_json(void **state)
{
	struct bmxctl_findings *findings = bmxctl_findings_new();
	char *text;
	json_t *root;

	(void)state;
	bmxctl_found_good(findings, "test.good", "a.test", "fine");
	bmxctl_found(findings, &warning_row, "b.test", "odd");
	root = bmxctl_findings_json(findings);
	text = json_dumps(root, JSON_COMPACT);
	assert_string_equal(
		text,
		"{\"status\":1,\"errors\":0,\"warnings\":1,\"good\":1,"
		"\"findings\":[{\"severity\":\"good\",\"row\":\"test.good\","
		"\"subject\":\"a.test\",\"seen\":\"fine\"},{\"severity\":"
		"\"warning\",\"row\":\"test.odd\",\"subject\":\"b.test\","
		"\"seen\":\"odd\",\"why\":\"It could be better.\",\"advice\":"
		"\"Make it so.\"}]}");
	free(text);
	json_decref(root);
	bmxctl_findings_free(&findings);
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(status_cases) + COUNT(clean_cases) + 3] =
		{cmocka_unit_test(test_long), cmocka_unit_test(test_text),
	         cmocka_unit_test(test_json)};
	size_t n = 3;

	for (size_t i = 0; i < COUNT(status_cases); i++)
		tests[n++] =
			(struct CMUnitTest){.name = status_cases[i].name,
		                            .test_func = test_status,
		                            .initial_state = &status_cases[i]};
	for (size_t i = 0; i < COUNT(clean_cases); i++)
		tests[n++] =
			(struct CMUnitTest){.name = clean_cases[i].name,
		                            .test_func = test_clean,
		                            .initial_state = &clean_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
