/* Answers to SMTP clients: codes that go together, texts that can be sent. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "milter/reply.h"

struct make_case {
	const char *name;
	const char *code;
	const char *enhanced;
	const char *text;
	int want;
	const char *want_text;
	bool want_permanent;
};

/* clang-format off */
static struct make_case makes[] = {
	{"550 goes with 5.7.23",          "550", "5.7.23",  "SPF failed", 0, "SPF failed", true},
	{"451 goes with 4.3.0",           "451", "4.3.0",   "later", 0, "later", false},
	{"a '%' is doubled",              "550", "5.7.1",   "100% of %s", 0, "100%% of %%s", true},
	{"450 with 5.7.1 is refused",     "450", "5.7.1",   "x", -1, NULL, false},
	{"550 with 4.7.1 is refused",     "550", "4.7.1",   "x", -1, NULL, false},
	{"250 is no answer",              "250", "2.1.5",   "x", -1, NULL, false},
	{"a code of two digits",          "55",  "5.7.1",   "x", -1, NULL, false},
	{"a code of four digits",         "5500","5.7.1",   "x", -1, NULL, false},
	{"a code with a letter",          "5x0", "5.7.1",   "x", -1, NULL, false},
	{"an enhanced code of two parts", "550", "5.7",     "x", -1, NULL, false},
	{"an enhanced code of four parts","550", "5.7.1.2", "x", -1, NULL, false},
	{"a subject of four digits",      "550", "5.1000.1","x", -1, NULL, false},
	{"a subject of three digits",     "550", "5.999.1", "x", 0, "x", true},
	{"an empty enhanced code",        "550", "",        "x", -1, NULL, false},
	{"a class of two digits",         "550", "55.7.1",  "x", -1, NULL, false},
	{"an empty text",                 "550", "5.7.1",   "", -1, NULL, false},
	{"a line feed",                   "550", "5.7.1",   "a\nb", -1, NULL, false},
	{"a carriage return",             "550", "5.7.1",   "a\rb", -1, NULL, false},
	{"a DEL",                         "550", "5.7.1",   "a\x7f", -1, NULL, false},
	{"an octet above 126",            "550", "5.7.1",   "\xc3\xa9", -1, NULL, false},
};
/* clang-format on */

static void
test_make(void **state)
{
	const struct make_case *tc = *state;
	struct bmx_smtp_answer answer;
	struct bmx_error err;

	assert_int_equal(bmx_smtp_answer_make(tc->code, tc->enhanced,
	                                      bmx_slice_of(tc->text), &answer,
	                                      &err),
	                 tc->want);
	if (tc->want != 0)
		return;
	assert_string_equal(answer.code, tc->code);
	assert_string_equal(answer.enhanced, tc->enhanced);
	assert_string_equal(answer.text, tc->want_text);
	assert_int_equal(answer.permanent, tc->want_permanent);
}

static int
make_of_length(size_t len, char c)
{
	struct bmx_smtp_answer answer;
	char text[2048];

	memset(text, c, len);
	return bmx_smtp_answer_make(
		"550", "5.7.1", (struct bmx_slice){text, len}, &answer, NULL);
}

static void
test_length(void **state)
{
	(void)state;
	assert_int_equal(make_of_length(BMX_SMTP_TEXT_MAX, 'a'), 0);
	assert_int_equal(make_of_length(BMX_SMTP_TEXT_MAX + 1, 'a'), -1);
	assert_int_equal(make_of_length(BMX_SMTP_TEXT_MAX / 2, '%'), 0);
	assert_int_equal(make_of_length(BMX_SMTP_TEXT_MAX / 2 + 1, '%'), -1);
}

static void
test_nul_is_refused(void **state)
{
	struct bmx_smtp_answer answer;

	(void)state;
	assert_int_equal(bmx_smtp_answer_make("550", "5.7.1",
	                                      (struct bmx_slice){"a\0b", 3},
	                                      &answer, NULL),
	                 -1);
}

struct row_case {
	const char *name;
	enum bmx_milter_reply reply;
	const char *code;
	const char *enhanced;
};

/* clang-format off */
static struct row_case table_rows[] = {
	{"SPF fail",               BMX_SAY_SPF_FAIL,           "550", "5.7.23"},
	{"SPF fail, deferred",     BMX_SAY_SPF_FAIL_LATER,     "451", "4.7.23"},
	{"SPF error",              BMX_SAY_SPF_ERROR,          "550", "5.7.24"},
	{"SPF error, deferred",    BMX_SAY_SPF_ERROR_LATER,    "451", "4.7.24"},
	{"user unknown",           BMX_SAY_USER_UNKNOWN,       "550", "5.1.1"},
	{"unverified",             BMX_SAY_UNVERIFIED,         "450", "4.1.1"},
	{"trouble",                BMX_SAY_TROUBLE,            "451", "4.3.0"},
	{"primary up",             BMX_SAY_PRIMARY_UP,         "451", "4.3.2"},
	{"too large",              BMX_SAY_TOO_LARGE,          "552", "5.3.4"},
	{"mailbox full",           BMX_SAY_MAILBOX_FULL,       "452", "4.2.2"},
	{"mailbox disabled",       BMX_SAY_DISABLED,           "550", "5.2.1"},
	{"no SMTPUTF8",            BMX_SAY_NO_SMTPUTF8,        "553", "5.6.7"},
	{"probe with a message",   BMX_SAY_PROBE_WITH_MESSAGE, "550", "5.7.1"},
	{"too many forged fields", BMX_SAY_TOO_MANY_FORGED,    "550", "5.7.1"},
};
/* clang-format on */

static void
test_row(void **state)
{
	const struct row_case *tc = *state;
	struct bmx_smtp_answer answer;
	char codes[32];

	bmx_milter_reply_build(tc->reply, (struct bmx_slice){0}, &answer);
	assert_string_equal(answer.code, tc->code);
	assert_string_equal(answer.enhanced, tc->enhanced);
	assert_int_equal(answer.permanent, tc->code[0] == '5');
	assert_int_equal(bmx_milter_reply_permanent(tc->reply),
	                 tc->code[0] == '5');
	(void)snprintf(codes, sizeof(codes), "%s %s", tc->code, tc->enhanced);
	assert_string_equal(bmx_milter_reply_codes(tc->reply), codes);
}

static void
test_explanation(void **state)
{
	struct bmx_smtp_answer answer;
	char text[4096];

	(void)state;
	bmx_milter_reply_build(BMX_SAY_SPF_FAIL,
	                       BMX_SLICE("see http://x/%7Ea\r\n250 ok\xff"),
	                       &answer);
	assert_string_equal(answer.text,
	                    "SPF validation failed: see "
	                    "http://x/%%7Ea??250 ok?");
	bmx_milter_reply_build(BMX_SAY_USER_UNKNOWN, BMX_SLICE("not mine"),
	                       &answer);
	assert_string_equal(answer.text, "User unknown");
	/* The worst that a sender's domain can publish still fits. */
	memset(text, '%', sizeof(text));
	bmx_milter_reply_build(BMX_SAY_SPF_FAIL,
	                       (struct bmx_slice){text, sizeof(text)}, &answer);
	assert_true(strlen(answer.text) <= BMX_SMTP_TEXT_MAX);
	assert_string_equal(answer.code, "550");
}

static void
test_policy_keeps_its_class(void **state)
{
	(void)state;
	assert_int_equal(bmx_milter_reply_of_policy(BMX_REPLY_DUNNO),
	                 BMX_SAY_NOTHING);
	for (int i = BMX_REPLY_DUNNO + 1; i < BMX_REPLIES; i++) {
		const enum bmx_policy_reply reply = (enum bmx_policy_reply)i;

		assert_int_equal(bmx_milter_reply_permanent(
					 bmx_milter_reply_of_policy(reply)),
		                 bmx_policy_reply_class(reply) ==
		                         BMX_REPLY_REJECTS);
	}
}

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

int
main(void)
{
	struct CMUnitTest tests[LENGTH(makes) + LENGTH(table_rows) + 4] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_nul_is_refused),
		cmocka_unit_test(test_explanation),
		cmocka_unit_test(test_policy_keeps_its_class),
	};
	struct CMUnitTest *test = tests + 4;

	for (size_t i = 0; i < LENGTH(makes); i++, test++)
		*test = (struct CMUnitTest){.name = makes[i].name,
		                            .test_func = test_make,
		                            .initial_state = &makes[i]};
	for (size_t i = 0; i < LENGTH(table_rows); i++, test++)
		*test = (struct CMUnitTest){.name = table_rows[i].name,
		                            .test_func = test_row,
		                            .initial_state = &table_rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
