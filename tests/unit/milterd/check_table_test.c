/* The tables of checks and findings hold together. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "milter/checks/check.h"

static void
test_replies_go_with_actions(void **state)
{
	(void)state;
	for (int i = 0; i < BMX_FINDINGS; i++) {
		const enum bmx_finding finding = (enum bmx_finding)i;
		const enum bmx_milter_reply reject =
			bmx_finding_reply(finding, BMX_ACTION_REJECT);
		const enum bmx_milter_reply defer =
			bmx_finding_reply(finding, BMX_ACTION_DEFER);

		assert_int_equal(bmx_finding_reply(finding, BMX_ACTION_TAG), 0);
		assert_int_equal(bmx_finding_reply(finding, BMX_ACTION_IGNORE),
		                 0);
		assert_int_equal(bmx_finding_reply(finding, BMX_ACTION_SCORE),
		                 0);
		/* Something is said about all that is bad, and later is never
		 * for good. A size does not change by waiting. */
		assert_int_equal(reject != BMX_SAY_NOTHING,
		                 finding >= BMX_FOUND_TOO_LARGE);
		if (finding > BMX_FOUND_TOO_LARGE)
			assert_false(bmx_milter_reply_permanent(defer));
		if (reject != BMX_SAY_NOTHING && reject != BMX_SAY_LOOKUP_LATER)
			assert_true(bmx_milter_reply_permanent(reject));
	}
}

struct option_case {
	const char *name;
	enum bmx_check check;
	enum bmx_finding finding;
	size_t offset;
};

#define OPTION(check, finding, option)                                         \
	{                                                                      \
#option, BMX_CHECK_##check, BMX_FOUND_##finding,               \
			offsetof(struct bmx_config_domain, option)             \
	}

static struct option_case options[] = {
	OPTION(HELO, HELO_INVALID, helo.invalid),
	OPTION(HELO, HELO_UNQUALIFIED, helo.unqualified),
	OPTION(HELO, HELO_OWN, helo.own),
	OPTION(HELO, HELO_UNKNOWN, helo.unknown),
	OPTION(HELO, HELO_TEMPERROR, helo.temperror),
	OPTION(REVERSE_DNS, REVERSE_MISSING, reverse_dns.missing),
	OPTION(REVERSE_DNS, REVERSE_UNCONFIRMED, reverse_dns.unconfirmed),
	OPTION(REVERSE_DNS, REVERSE_TEMPERROR, reverse_dns.temperror),
	OPTION(SENDER_DOMAIN, SENDER_NULL_MX, sender_domain.null_mx),
	OPTION(SENDER_DOMAIN, SENDER_UNKNOWN, sender_domain.unknown),
	OPTION(SENDER_DOMAIN, SENDER_UNQUALIFIED, sender_domain.unqualified),
	OPTION(SENDER_DOMAIN, SENDER_LITERAL, sender_domain.literal),
	OPTION(SENDER_DOMAIN, SENDER_TEMPERROR, sender_domain.temperror),
	OPTION(DNSBL, DNSBL_LISTED, dnsbl.action),
	OPTION(DNSBL, DNSBL_TEMPERROR, dnsbl.temperror),
	OPTION(SPF, SPF_FAIL, spf.fail),
	OPTION(SPF, SPF_SOFTFAIL, spf.softfail),
	OPTION(SPF, SPF_TEMPERROR, spf.temperror),
	OPTION(SPF, SPF_PERMERROR, spf.permerror),
};

/* Each option is read for its finding and no other. */
static void
test_option(void **state)
{
	const struct option_case *tc = *state;
	const struct bmx_config_response score = {BMX_ACTION_SCORE, 7};
	struct bmx_config_domain section;

	memset(&section, 0, sizeof(section));
	memcpy((char *)&section + tc->offset, &score, sizeof(score));
	for (int i = 0; i < BMX_FINDINGS; i++) {
		const struct bmx_config_response got =
			bmx_finding_response(&section, (enum bmx_finding)i);

		assert_int_equal(got.points, i == (int)tc->finding ? 7 : 0);
	}
	for (int i = 0; i < BMX_CHECKS; i++)
		assert_int_equal(
			bmx_check_has_response(&section, (enum bmx_check)i),
			i == (int)tc->check);
}

static void
test_orders(void **state)
{
	static const struct bmx_config_domain section;

	(void)state;
	assert_int_equal(
		bmx_finding_response(&section, BMX_FOUND_TOO_LARGE).action,
		BMX_ACTION_REJECT);
	assert_int_equal(
		bmx_finding_response(&section, BMX_FOUND_ACCESS_REJECT).action,
		BMX_ACTION_REJECT);
	assert_int_equal(
		bmx_finding_response(&section, BMX_FOUND_ACCESS_DEFER).action,
		BMX_ACTION_DEFER);
	assert_int_equal(bmx_finding_response(&section, BMX_FOUND_GOOD).action,
	                 BMX_ACTION_IGNORE);
}

static void
test_spf_results(void **state)
{
	(void)state;
	for (int i = 0; i < BMX_SPF_RESULTS; i++) {
		const enum bmx_spf_result result = (enum bmx_spf_result)i;

		assert_string_equal(bmx_check_result_name(bmx_finding_result(
					    bmx_finding_of_spf(result))),
		                    bmx_spf_result_name(result));
	}
}

static void
test_waits_fit_into_a_command(void **state)
{
	(void)state;
	for (int i = 0; i < BMX_CHECKS; i++) {
		assert_in_range(bmx_check_row((enum bmx_check)i)->wait_ms, 0,
		                20000);
		assert_non_null(bmx_check_row((enum bmx_check)i)->name);
	}
}

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define FIXED 4

int
main(void)
{
	struct CMUnitTest tests[LENGTH(options) + FIXED] = {
		cmocka_unit_test(test_replies_go_with_actions),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_spf_results),
		cmocka_unit_test(test_waits_fit_into_a_command),
	};

	for (size_t i = 0; i < LENGTH(options); i++)
		tests[FIXED + i] = (struct CMUnitTest){
			options[i].name, test_option, NULL, NULL, &options[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
