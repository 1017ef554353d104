/* What follows from a try of a probe. */
#include "tests/support/rows.h"

#include "policyd/probe_next.h"

struct next_case {
	const char *name;
	enum bmx_probe_outcome outcome;
	enum bmx_probe_why why;
	enum bmx_probe_retry retry;
	int64_t left_ms;
	bool was_in_clear;
	bool was_again;
	enum bmx_probe_next want;
	enum bmx_probe_says want_says;
};

#define END BMX_PROBE_NEXT_END
#define TARGET BMX_PROBE_NEXT_TARGET
#define WORKS BMX_PROBE_SAYS_WORKS
#define FAILS BMX_PROBE_SAYS_FAILS
#define NOTHING BMX_PROBE_SAYS_NOTHING
#define UNSURE(why) BMX_PROBE_UNSURE, BMX_PROBE_##why
#define NO BMX_PROBE_RETRY_NO
#define CLEAR BMX_PROBE_RETRY_IN_CLEAR
#define NEW BMX_PROBE_RETRY_NEW

/* clang-format off */
static struct next_case cases[] = {
	{"valid", BMX_PROBE_VALID, BMX_PROBE_WHY_NONE, NO, 4000, false, false, END, WORKS},
	{"unknown", BMX_PROBE_UNKNOWN, BMX_PROBE_WHY_NONE, NO, 4000, false, false, END, WORKS},
	{"greylisted: not asked elsewhere", UNSURE(RCPT_TEMPORARY), NO, 4000, false, false, END, WORKS},
	{"sender blamed at RCPT", UNSURE(RCPT_SENDER), NO, 4000, false, false, END, WORKS},
	{"policy at RCPT", UNSURE(RCPT_POLICY), NO, 4000, false, false, END, WORKS},
	{"252 at RCPT", UNSURE(RCPT_OTHER), NO, 4000, false, false, END, WORKS},
	{"lost its users", UNSURE(LOST_USERS), NO, 4000, false, false, END, WORKS},
	{"postmaster refused", UNSURE(NO_POSTMASTER), NO, 4000, false, false, END, WORKS},
	{"greeting refused", UNSURE(REFUSED_GREETING), NO, 4000, false, false, TARGET, FAILS},
	{"HELO refused", UNSURE(REFUSED_HELO), NO, 4000, false, false, TARGET, FAILS},
	{"MAIL refused", UNSURE(REFUSED_SENDER), NO, 4000, false, false, TARGET, FAILS},
	{"TLS refused", UNSURE(REFUSED_TLS), NO, 4000, false, false, TARGET, FAILS},
	{"TLS refused, may be in clear", UNSURE(REFUSED_TLS), CLEAR, 4000, false, false, BMX_PROBE_NEXT_IN_CLEAR, FAILS},
	{"in clear only once", UNSURE(REFUSED_TLS), CLEAR, 4000, true, false, TARGET, FAILS},
	{"in clear only in time", UNSURE(REFUSED_TLS), CLEAR, 49, false, false, END, FAILS},
	{"a loop", UNSURE(LOOP), NO, 4000, false, false, TARGET, FAILS},
	{"no SMTP", UNSURE(PROTOCOL), NO, 4000, false, false, TARGET, FAILS},
	{"cannot connect", UNSURE(TRANSPORT), NO, 4000, false, false, TARGET, FAILS},
	{"time out, time left", UNSURE(TIMEOUT), NO, 50, false, false, TARGET, FAILS},
	{"time out, no time left", UNSURE(TIMEOUT), NO, 0, false, false, END, FAILS},
	{"time out, less than none left", UNSURE(TIMEOUT), NO, -1, false, false, END, FAILS},
	{"closed", UNSURE(CLOSED), NO, 4000, false, false, TARGET, FAILS},
	{"an old session closed: a new one", UNSURE(CLOSED), NEW, 4000, false, false, BMX_PROBE_NEXT_AGAIN, FAILS},
	{"a new one only once", UNSURE(CLOSED), NEW, 4000, false, true, TARGET, FAILS},
	{"no SMTPUTF8", UNSURE(NO_SMTPUTF8), NO, 4000, false, false, END, NOTHING},
	{"no address", UNSURE(BAD_ADDRESS), NO, 4000, false, false, END, NOTHING},
	{"our memory", UNSURE(NO_MEMORY), NO, 4000, false, false, END, NOTHING},
};
/* clang-format on */

static void
test_case(void **state)
{
	const struct next_case *tc = *state;
	const struct bmx_probe_result result = {
		.outcome = tc->outcome, .why = tc->why, .retry = tc->retry};
	const struct bmx_probe_next_facts facts = {.result = &result,
	                                           .left_ms = tc->left_ms,
	                                           .was_in_clear =
	                                                   tc->was_in_clear,
	                                           .was_again = tc->was_again};

	assert_int_equal(bmx_probe_next(&facts), tc->want);
	assert_int_equal(bmx_probe_says(&result), tc->want_says);
}

int
main(void)
{
	ROWS_RUN(cases, test_case);
}
