#include <tests/support/cmocka.h>

#include <string.h>

#include "ctl/report/log_line.h"

struct line_case {
	const char *name;
	const char *text;
	const char *event; /* NULL: not ours */
	int year, month, day, second;
	const char *key;
	const char *value;
};

#define OLD "Nov 20 10:57:10 mx2 backupmx-policyd[812]: "

/* clang-format off */
static struct line_case cases[] = {
	{"RFC 3164", OLD "ev=started pid=5", "started", 0, 11, 20, 39430, "pid", "5"},
	{"a day with a blank", "Nov  2 00:00:00 h backupmx-milter[1]: ev=stopped", "stopped",
	 0, 11, 2, 0, "pid", ""},
	{"RFC 3339", "2026-11-20T10:57:10.123456+01:00 h backupmx-policyd[1]: ev=x", "x",
	 2026, 11, 20, 39430, "ev", "x"},
	{"of the journal", "2026-11-20T10:57:10+0100 h backupmx-policyd[1]: ev=x", "x",
	 2026, 11, 20, 39430, "ev", "x"},
	{"in UTC", "2026-11-20T10:57:10Z h backupmx-policyd: ev=x", "x", 2026, 11, 20, 39430, "ev", "x"},
	{"of a foreground daemon", "backupmx-policyd: info: ev=started pid=5", "started", 0, 0, 0, 0, "pid", "5"},
	{"the same, in the journal", OLD "backupmx-policyd: warn: ev=primary result=down", "primary",
	 0, 11, 20, 39430, "result", "down"},
	{"an id before", OLD "id=1.a ev=decision act=reject", "decision", 0, 11, 20, 39430, "id", "1.a"},
	{"a quoted value", OLD "ev=x err=\"a b=c\" why=y", "x", 0, 11, 20, 39430, "why", "y"},
	{"an address", OLD "ev=x sender=<a b@c> rcpt=<d@e>", "x", 0, 11, 20, 39430, "sender", "a b@c"},
	{"the null sender", OLD "ev=x sender=<> rcpt=<d@e>", "x", 0, 11, 20, 39430, "rcpt", "d@e"},
	{"an address with words in it", OLD "ev=x rcpt=<a act=accept@c> act=reject", "x",
	 0, 11, 20, 39430, "act", "reject"},
	{"the first of two", OLD "ev=x act=reject act=accept", "x", 0, 11, 20, 39430, "act", "reject"},
	{"cut within quotes", OLD "ev=x err=\"a b", "x", 0, 11, 20, 39430, "err", "a b"},
	{"cut within an address", OLD "ev=x rcpt=<a@b", "x", 0, 11, 20, 39430, "rcpt", "a@b"},
	{"words that are no pairs end it", OLD "ev=x a=b and then c=d", "x", 0, 11, 20, 39430, "c", ""},
	{"another program", "Nov 20 10:57:10 h postfix/smtpd[1]: ev=decision", NULL, 0, 0, 0, 0, NULL, NULL},
	{"another program that quotes us", "Nov 20 10:57:10 h postfix/smtpd[1]: helo=<backupmx-policyd: ev=x>",
	 NULL, 0, 0, 0, 0, NULL, NULL},
	{"a program named like us", "Nov 20 10:57:10 h backupmx-policyd-x[1]: ev=x", NULL, 0, 0, 0, 0, NULL, NULL},
	{"a host named like us", "Nov 20 10:57:10 backupmx-policyd: x[1]: ev=x", NULL, 0, 0, 0, 0, NULL, NULL},
	{"no event", OLD "id=5 what=6", NULL, 0, 0, 0, 0, NULL, NULL},
	{"no month", "Nox 20 10:57:10 h backupmx-policyd: ev=x", NULL, 0, 0, 0, 0, NULL, NULL},
	{"no hour", "Nov 20 24:57:10 h backupmx-policyd: ev=x", NULL, 0, 0, 0, 0, NULL, NULL},
	{"month 13", "2026-13-20T10:57:10Z h backupmx-policyd: ev=x", NULL, 0, 0, 0, 0, NULL, NULL},
	{"a bracket that does not close", "Nov 20 10:57:10 h backupmx-policyd[1: ev=x", NULL, 0, 0, 0, 0, NULL, NULL},
	{"nothing", "", NULL, 0, 0, 0, 0, NULL, NULL},
	{"the time alone", "Nov 20 10:57:10 ", NULL, 0, 0, 0, 0, NULL, NULL},
};
/* clang-format on */
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void
test_line(void **state)
{
	const struct line_case *tc = *state;
	struct bmxctl_log_line line;
	struct bmx_slice value;

	assert_int_equal(bmxctl_log_line_parse(bmx_slice_of(tc->text), &line),
	                 tc->event != NULL);
	if (!tc->event)
		return;
	assert_true(bmx_slice_equal(line.event, bmx_slice_of(tc->event)));
	assert_int_equal(line.has_time, tc->month != 0);
	assert_int_equal(line.year, tc->year);
	assert_int_equal(line.month, tc->month);
	assert_int_equal(line.day, tc->day);
	assert_int_equal(line.second_of_day, tc->second);
	value = bmxctl_log_value(&line, tc->key);
	assert_true(bmx_slice_equal(value, bmx_slice_of(tc->value)));
}

/* Cut at every octet: nothing is read past the end. */
static void
test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		const size_t whole = strlen(cases[i].text);

		for (size_t len = 0; len < whole; len++) {
			char text[256];
			struct bmxctl_log_line line;

			assert_true(whole < sizeof(text));
			memset(text, '=', sizeof(text));
			memcpy(text + sizeof(text) - len, cases[i].text, len);
			(void)bmxctl_log_line_parse(
				(struct bmx_slice){text + sizeof(text) - len,
			                           len},
				&line);
		}
	}
}

int
main(void)
{
	struct CMUnitTest tests[1 + CASES] = {cmocka_unit_test(test_cut)};

	for (size_t i = 0; i < CASES; i++)
		tests[1 + i] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_line,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
