#include "policyd/rcpt_class.h"

#include "policyd/probe_result.h"
#include "tests/support/cmocka.h"

struct class_case {
	const char *name;
	struct bmx_smtp_reply reply; /* code, enhanced */
	enum bmx_rcpt_class want;
};

#define IS(c) BMX_RCPT_##c

/* clang-format off */
static struct class_case cases[] = {
	{"250",                     {250, {0, 0, 0}, ""},  IS(VALID)},
	{"250 2.1.5",               {250, {2, 1, 5}, ""},  IS(VALID)},
	{"251",                     {251, {0, 0, 0}, ""},  IS(VALID)},
	{"252 cannot verify",       {252, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"252 2.1.5",               {252, {2, 1, 5}, ""},  IS(UNSURE_OTHER)},
	{"200",                     {200, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"220, a greeting",         {220, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"221, closing",            {221, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"249",                     {249, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"253",                     {253, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"354",                     {354, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"5.1.0, other address",    {550, {5, 1, 0}, ""},  IS(UNKNOWN_IF_POSTMASTER)},
	{"5.1.1, bad mailbox",      {550, {5, 1, 1}, ""},  IS(UNKNOWN)},
	{"5.1.2, bad system",       {550, {5, 1, 2}, ""},  IS(UNSURE_OTHER)},
	{"5.1.3, bad syntax",       {553, {5, 1, 3}, ""},  IS(UNKNOWN)},
	{"5.1.4, ambiguous",        {550, {5, 1, 4}, ""},  IS(UNSURE_OTHER)},
	{"5.1.5",                   {550, {5, 1, 5}, ""},  IS(UNSURE_OTHER)},
	{"5.1.6, moved",            {551, {5, 1, 6}, ""},  IS(UNKNOWN)},
	{"5.1.7, sender's syntax",  {553, {5, 1, 7}, ""},  IS(UNSURE_SENDER)},
	{"5.1.8, sender's system",  {550, {5, 1, 8}, ""},  IS(UNSURE_SENDER)},
	{"5.1.9",                   {550, {5, 1, 9}, ""},  IS(UNSURE_OTHER)},
	{"5.1.10, null MX",         {550, {5, 1, 10}, ""}, IS(UNKNOWN)},
	{"5.1.11",                  {550, {5, 1, 11}, ""}, IS(UNSURE_OTHER)},
	{"5.1.1 with 551",          {551, {5, 1, 1}, ""},  IS(UNKNOWN)},
	{"5.1.1 with 554",          {554, {5, 1, 1}, ""},  IS(UNKNOWN)},
	{"5.2.0",                   {550, {5, 2, 0}, ""},  IS(UNSURE_OTHER)},
	{"5.2.1, disabled",         {550, {5, 2, 1}, ""},  IS(VALID_DISABLED)},
	{"5.2.2, full",             {552, {5, 2, 2}, ""},  IS(VALID_FULL)},
	{"5.2.2 with 550",          {550, {5, 2, 2}, ""},  IS(VALID_FULL)},
	{"5.2.3, message too long", {552, {5, 2, 3}, ""},  IS(UNSURE_OTHER)},
	{"5.3.4, too big",          {552, {5, 3, 4}, ""},  IS(UNSURE_OTHER)},
	{"5.4.1, no answer",        {550, {5, 4, 1}, ""},  IS(UNSURE_OTHER)},
	{"5.5.1, bad command",      {503, {5, 5, 1}, ""},  IS(UNSURE_OTHER)},
	{"5.7.0",                   {550, {5, 7, 0}, ""},  IS(UNSURE_POLICY)},
	{"5.7.1, blocked",          {550, {5, 7, 1}, ""},  IS(UNSURE_POLICY)},
	{"5.7.1 with 554",          {554, {5, 7, 1}, ""},  IS(UNSURE_POLICY)},
	{"5.7.606",                 {550, {5, 7, 606}, ""}, IS(UNSURE_POLICY)},
	{"5.0.0",                   {550, {5, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"bare 500",                {500, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"bare 503",                {503, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"bare 521",                {521, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"bare 549",                {549, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"bare 550",                {550, {0, 0, 0}, ""},  IS(UNKNOWN_IF_POSTMASTER)},
	{"bare 551",                {551, {0, 0, 0}, ""},  IS(UNKNOWN_IF_POSTMASTER)},
	{"bare 552",                {552, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"bare 553",                {553, {0, 0, 0}, ""},  IS(UNKNOWN_IF_POSTMASTER)},
	{"bare 554",                {554, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"bare 556",                {556, {0, 0, 0}, ""},  IS(UNSURE_OTHER)},
	{"421",                     {421, {4, 3, 2}, ""},  IS(UNSURE_TEMPORARY)},
	{"450 greylisted",          {450, {4, 7, 1}, ""},  IS(UNSURE_TEMPORARY)},
	{"450 4.1.1",               {450, {4, 1, 1}, ""},  IS(UNSURE_TEMPORARY)},
	{"452 4.2.2, full for now", {452, {4, 2, 2}, ""},  IS(UNSURE_TEMPORARY)},
	{"499",                     {499, {0, 0, 0}, ""},  IS(UNSURE_TEMPORARY)},
};
/* clang-format on */

static void
test_row(void **state)
{
	const struct class_case *tc = *state;
	const enum bmx_rcpt_class got = bmx_rcpt_classify(&tc->reply);

	assert_string_equal(bmx_rcpt_class_name(got),
	                    bmx_rcpt_class_name(tc->want));
	assert_int_equal(bmx_rcpt_class_is_unknown(got),
	                 got == IS(UNKNOWN) ||
	                         got == IS(UNKNOWN_IF_POSTMASTER));
}

/* Of all codes, only those of the fifth hundred may say unknown. */
static void
test_all_codes(void **state)
{
	struct bmx_smtp_reply reply = {.code = 0};

	(void)state;
	for (reply.code = 200; reply.code < 600; reply.code++) {
		const enum bmx_rcpt_class got = bmx_rcpt_classify(&reply);

		assert_int_equal(bmx_rcpt_class_is_unknown(got),
		                 reply.code == 550 || reply.code == 551 ||
		                         reply.code == 553);
		assert_int_equal(got == IS(VALID),
		                 reply.code == 250 || reply.code == 251);
	}
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(bmx_rcpt_class_name(IS(UNSURE_OTHER)), "other");
	assert_string_equal(bmx_rcpt_class_name(IS(VALID_FULL)), "full");
	assert_string_equal(bmx_probe_outcome_name(BMX_PROBE_UNSURE), "unsure");
	assert_string_equal(bmx_probe_why_name(BMX_PROBE_LOOP), "loop");
	assert_string_equal(bmx_probe_why_name(BMX_PROBE_NO_MEMORY),
	                    "no-memory");
	assert_string_equal(bmx_probe_random_name(BMX_PROBE_RANDOM_UNDECIDED),
	                    "undecided");
	assert_true(bmx_probe_why_is_refusal(BMX_PROBE_REFUSED_TLS));
	assert_true(bmx_probe_why_is_refusal(BMX_PROBE_LOOP));
	assert_false(bmx_probe_why_is_refusal(BMX_PROBE_NO_POSTMASTER));
	assert_false(bmx_probe_why_is_refusal(BMX_PROBE_NO_SMTPUTF8));
}

int
main(void)
{
	enum { ROWS = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[ROWS + 2] = {
		{"codes without an enhanced one", test_all_codes, 0, 0, 0},
		{"names", test_names, 0, 0, 0},
	};

	for (size_t i = 0; i < ROWS; i++)
		tests[i + 2] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_row,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
