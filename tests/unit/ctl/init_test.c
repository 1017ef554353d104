/* init's questions and what it writes. */
#include <tests/support/cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "ctl/init/place.h"
#include "ctl/init/questions.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct ask_case {
	const char *name;
	const char *input;
	int want; /* what bmxctl_ask_plan returns */
	enum bmx_error_code code;
	const char *domains;    /* each with a blank behind it */
	const char *primary;    /* so, too */
	const char *recipients; /* NULL: not looked at */
	const char *said;       /* part of what is printed */
};

#define LONG50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
#define LONG500                                                                \
	LONG50 LONG50 LONG50 LONG50 LONG50 LONG50 LONG50 LONG50 LONG50 LONG50

/* clang-format off */
static struct ask_case cases[] = {
	{"defaults", "example.test\n\n\n\n", 0, 0, "example.test ", "", "", "backup MX for"},
	{"all answered", "Example.TEST\nmx1.example.test\nfile:/etc/list\nbackup.example.test\n", 0, 0,
	 "example.test ", "mx1.example.test ", "file:/etc/list", NULL},
	{"several domains", " a.test, b.test a.test\n\n\n\n", 0, 0, "a.test b.test ", "", "", NULL},
	{"all domains", "*\n\n\n\n", 0, 0, "* ", "", "", NULL},
	{"a U-label", "b\xc3\xbc" "cher.test\n\n\n\n", 0, 0, "xn--bcher-kva.test ", "", "", NULL},
	{"several hosts", "a.test\n[192.0.2.1]:25 mx\n\n\n", 0, 0, "a.test ", "[192.0.2.1]:25 mx ", "", NULL},
	{"a wrong answer is asked for again", "..\na.test\n\n\n\n", 0, 0, "a.test ", "", "", "is no domain"},
	{"no domain is asked for again", "\n \na.test\n\n\n\n", 0, 0, "a.test ", "", "", "a domain is needed"},
	{"a wrong host", "a.test\nnot/a/host\nmx\n\n\n", 0, 0, "a.test ", "mx ", "", "bad value"},
	{"a wrong source", "a.test\n\nnothing\nexec:/bin/x\n\n", 0, 0, "a.test ", "", "exec:/bin/x", "bad value"},
	{"a wrong host name", "a.test\n\n\na b\n\n", 0, 0, "a.test ", "", "", "hostname"},
	{"three wrong answers", "..\n..\n..\na.test\n", -1, BMX_E_SYNTAX, NULL, NULL, NULL, "is no domain"},
	{"the input ends", "a.test\n", -1, BMX_E_CLOSED, NULL, NULL, NULL, NULL},
	{"no input", "", -1, BMX_E_CLOSED, NULL, NULL, NULL, NULL},
	{"an answer without its line end", "a.test\n\n\nbackup.example.test", 0, 0, "a.test ", "", "", NULL},
	{"too long", LONG500 LONG500 LONG50 "\na.test\n\n\n\n", 0, 0, "a.test ", "", "", "too long"},
	{"DOS line ends", "a.test\r\n\r\n\r\n\r\n", 0, 0, "a.test ", "", "", NULL},
	{"a quote in a source", "a.test\n\nfile:/a\"b\n\n", 0, 0, "a.test ", "", "file:/a\"b", NULL},
};
/* clang-format on */

static void
check_words(const char *want, const char *(*word)(const void *, size_t),
            const void *from, size_t count)
{
	char got[4096] = "";

	for (size_t i = 0; i < count; i++) {
		const size_t len = strlen(got);

		(void)snprintf(got + len, sizeof(got) - len, "%s ",
		               word(from, i));
	}
	assert_string_equal(got, want);
}

static const char *
domain_at(const void *from, size_t i)
{
	return ((const struct bmxctl_plan *)from)->domains[i];
}

static const char *
primary_at(const void *from, size_t i)
{
	return ((const struct bmxctl_plan *)from)->primary[i];
}

static void
test_ask(void **state)
{
	static const struct bmxctl_asked all = {true, true, true, true};
	const struct ask_case *tc = *state;
	struct bmxctl_plan *plan = calloc(1, sizeof(*plan));
	struct bmxctl_answers *answers = calloc(1, sizeof(*answers));
	char input[2048], *said = NULL;
	struct bmx_error err = {.code = BMX_E_NONE};
	size_t size = 0;
	FILE *in, *out;

	(void)snprintf(input, sizeof(input), "%s", tc->input);
	/* An empty buffer cannot be opened. */
	in = input[0] ? fmemopen(input, strlen(input), "r") :
			fopen("/dev/null", "r");
	out = open_memstream(&said, &size);
	assert_int_equal(bmxctl_ask_plan(plan, answers, &all, in, out, &err),
	                 tc->want);
	assert_int_equal(fclose(out), 0);
	(void)fclose(in);
	assert_int_equal(tc->want == 0 ? BMX_E_NONE : err.code, tc->code);
	if (tc->said)
		assert_non_null(strstr(said, tc->said));
	if (tc->domains)
		check_words(tc->domains, domain_at, plan, plan->domain_count);
	if (tc->primary)
		check_words(tc->primary, primary_at, plan, plan->primary_count);
	if (tc->recipients)
		assert_string_equal(plan->recipients, tc->recipients);
	if (tc->want == 0)
		assert_int_equal(bmxctl_plan_check(plan, &err), 0);
	free(said);
	free(answers);
	free(plan);
}

static void
test_yes(void **state)
{
	static const struct {
		const char *input;
		int want;
	} rows[] = {{"\n", 1},   {"y\n", 1},    {"YES\n", 1},     {"n\n", 0},
	            {"No\n", 0}, {"x\ny\n", 1}, {"x\nx\nx\n", -1}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char input[16];
		struct bmx_error err;
		FILE *in, *out = fopen("/dev/null", "w");

		(void)snprintf(input, sizeof(input), "%s", rows[i].input);
		in = fmemopen(input, strlen(input), "r");
		assert_int_equal(bmxctl_ask_yes("?", in, out, &err),
		                 rows[i].want);
		(void)fclose(in);
		(void)fclose(out);
	}
}

static void
count_wrote(void *ctx, const char *path)
{
	(void)path;
	(*(size_t *)ctx)++;
}

/* A new file, then what must not be replaced. */
static void
test_place_new(void **state)
{
	struct bmxctl_plan plan = {.primary = {"mx"}, .primary_count = 1};
	char folder[] = "/tmp/backupmx-init.XXXXXX", path[64], link[64];
	struct bmx_error err;
	struct stat here;
	size_t wrote = 0;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/backupmx.conf", folder);
	(void)snprintf(link, sizeof(link), "%s/link.conf", folder);
	assert_int_equal(bmxctl_plan_add_domain(&plan, "a.test", &err), 0);
	assert_int_equal(
		bmxctl_place_new(&plan, path, count_wrote, &wrote, &err), 0);
	assert_int_equal(wrote, 1);
	assert_int_equal(lstat(path, &here), 0);
	assert_int_equal(here.st_nlink, 1);
	assert_int_equal(
		bmxctl_place_new(&plan, path, count_wrote, &wrote, &err), -1);
	assert_int_equal(err.code, BMX_E_BUSY);
	/* A link that leads nowhere is something, too. */
	assert_int_equal(symlink("nowhere", link), 0);
	assert_int_equal(
		bmxctl_place_new(&plan, link, count_wrote, &wrote, &err), -1);
	assert_int_equal(err.code, BMX_E_BUSY);
	assert_int_equal(wrote, 1);
	(void)unlink(link);
	(void)unlink(path);
	/* Nothing else was left behind. */
	assert_int_equal(rmdir(folder), 0);
}

/* What is written has nothing that is a default. */
static void
test_no_defaults(void **state)
{
	struct bmxctl_plan plan = {.primary = {"mx"},
	                           .primary_count = 1,
	                           .recipients = "",
	                           .hostname = ""};
	struct bmx_error err;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(bmxctl_plan_add_domain(&plan, "a.test", &err), 0);
	bmxctl_plan_write_file(&plan, out);
	assert_int_equal(fclose(out), 0);
	assert_null(strstr(text, "\tprimary ="));
	assert_null(strstr(text, "\trecipients ="));
	assert_null(strstr(text, "mode"));
	assert_null(strstr(text, "\nhostname"));
	free(text);
}

static void
test_too_many(void **state)
{
	struct bmxctl_plan *plan = calloc(1, sizeof(*plan));
	struct bmx_error err;
	char name[32];

	(void)state;
	for (int i = 0; i < BMXCTL_PLAN_DOMAINS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "d%d.test", i);
		assert_int_equal(bmxctl_plan_add_domain(plan, name, &err), 0);
	}
	assert_int_equal(bmxctl_plan_add_domain(plan, "d0.test", &err), 0);
	assert_int_equal(bmxctl_plan_add_domain(plan, "x.test", &err), -1);
	for (int i = 0; i < BMXCTL_PLAN_PRIMARY_MAX; i++)
		assert_int_equal(bmxctl_plan_add_primary(plan, "mx", &err), 0);
	assert_int_equal(bmxctl_plan_add_primary(plan, "mx", &err), -1);
	free(plan);
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(cases) + 4] = {
		cmocka_unit_test(test_yes),
		cmocka_unit_test(test_place_new),
		cmocka_unit_test(test_no_defaults),
		cmocka_unit_test(test_too_many),
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		tests[i + 4].name = cases[i].name;
		tests[i + 4].test_func = test_ask;
		tests[i + 4].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
