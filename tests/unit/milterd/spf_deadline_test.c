/* A source that answers the records of d.test and lets the time run out on all
 * else: temperror, whatever the record says of failures. */
#include "tests/support/cmocka.h"

#include <backupmx/text.h>

#include "milter/spf/spf.h"

struct slow {
	struct bmx_slice record;
	int64_t now_us;
	int64_t step_us;    /* one look-up that fails takes so long */
	unsigned questions; /* not answered */
};

static const struct bmx_dns_answer *
resolve(void *ctx, struct bmx_slice name, enum bmx_dns_type type,
        int64_t deadline_us)
{
	struct slow *slow = ctx;
	const struct bmx_dns_record record = {.text = slow->record};

	if (bmx_slice_equal(name, BMX_SLICE("d.test")) && type == BMX_DNS_TXT)
		return bmx_dns_answer_new(BMX_DNS_OK, type, 60, &record, 1);
	slow->questions++;
	slow->now_us += slow->step_us;
	if (slow->now_us > deadline_us)
		slow->now_us = deadline_us;
	return bmx_dns_answer_new(BMX_DNS_TEMPFAIL, type, 0, NULL, 0);
}

static int64_t
mono_us(void *ctx)
{
	return ((const struct slow *)ctx)->now_us;
}

static int64_t
wall_ms(void *ctx)
{
	return mono_us(ctx) / 1000;
}

struct deadline_case {
	const char *name;
	const char *record;
	int64_t step_us;
	int64_t deadline_us;
	enum bmx_spf_result want;
	int64_t end_us;     /* at most */
	unsigned questions; /* at most */
};

#define S INT64_C(1000000)

/* clang-format off */
static struct deadline_case cases[] = {
	{"a, within the deadline",         "v=spf1 a:x.test -all",      1 * S,  30 * S, BMX_SPF_TEMPERROR, 1 * S,  1},
	{"a, at the deadline",             "v=spf1 a:x.test -all",      30 * S, 5 * S,  BMX_SPF_TEMPERROR, 5 * S,  1},
	{"20 s, whatever the deadline",    "v=spf1 a:x.test -all",      90 * S, 90 * S, BMX_SPF_TEMPERROR, 20 * S, 1},
	{"ptr: a failure is no match",     "v=spf1 ptr -all",           1 * S,  30 * S, BMX_SPF_FAIL,      1 * S,  1},
	{"ptr: the deadline is temperror", "v=spf1 ptr -all",           30 * S, 5 * S,  BMX_SPF_TEMPERROR, 5 * S,  1},
	{"ten ptr: the deadline ends them","v=spf1 ptr ptr ptr ptr ptr ptr ptr ptr ptr ptr -all", 2 * S, 5 * S, BMX_SPF_TEMPERROR, 5 * S, 3},
	{"%{p}: the deadline is temperror","v=spf1 exists:%{p}.test -all", 30 * S, 5 * S, BMX_SPF_TEMPERROR, 5 * S, 1},
	{"exp: the fail stays one",        "v=spf1 -all exp=x.test",    30 * S, 5 * S,  BMX_SPF_FAIL,      5 * S,  1},
	{"a deadline that has passed",     "v=spf1 -all",               1 * S,  0,      BMX_SPF_TEMPERROR, 0,      0},
};
/* clang-format on */

static void
test_deadline(void **state)
{
	const struct deadline_case *tc = *state;
	static struct bmx_spf_verdict verdict;
	struct slow slow = {.record = bmx_slice_of(tc->record),
	                    .step_us = tc->step_us};
	const struct bmx_clock clock = {mono_us, wall_ms, &slow};
	const struct bmx_spf_request request = {
		.dns = {resolve, &slow},
		.client = {[10] = 0xff, 0xff, 203, 0, 113, 5},
		.helo = BMX_SLICE("mail.test"),
		.sender = BMX_SLICE("user@d.test"),
		.deadline_us = tc->deadline_us,
		.clock = &clock,
	};
	struct bmx_spf *spf = bmx_spf_new(NULL);

	assert_non_null(spf);
	bmx_spf_check(spf, &request, &verdict);
	assert_string_equal(bmx_spf_result_name(verdict.result),
	                    bmx_spf_result_name(tc->want));
	assert_true(slow.now_us <= tc->end_us);
	assert_true(slow.questions <= tc->questions);
	bmx_spf_free(&spf);
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0])] = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tests[i] = (struct CMUnitTest){cases[i].name, test_deadline,
		                               NULL, NULL, &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
