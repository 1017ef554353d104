#include <backupmx/policy_reply.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

struct reply_case {
	const char *name;
	enum bmx_policy_reply reply;
	const char *action;
	enum bmx_reply_class does;
	const char *act;
};

/* clang-format off */
static struct reply_case cases[] = {
	{"dunno",           BMX_REPLY_DUNNO,        "DUNNO", BMX_REPLY_PASSES, "accept"},
	{"user unknown",    BMX_REPLY_USER_UNKNOWN, "550 5.1.1 User unknown", BMX_REPLY_REJECTS, "reject"},
	{"unverified",      BMX_REPLY_UNVERIFIED,   "DEFER_IF_PERMIT 4.1.1 Unverified address, try again later", BMX_REPLY_DEFERS, "defer"},
	{"trouble",         BMX_REPLY_TROUBLE,      "DEFER_IF_PERMIT 4.3.0 Temporary recipient lookup failure", BMX_REPLY_DEFERS, "defer"},
	{"primary up",      BMX_REPLY_PRIMARY_UP,   "451 4.3.2 The primary MX is up, deliver there", BMX_REPLY_DEFERS, "defer"},
	{"too large",       BMX_REPLY_TOO_LARGE,    "552 5.3.4 Message size exceeds the limit of the primary MX", BMX_REPLY_REJECTS, "reject"},
	{"mailbox full",    BMX_REPLY_MAILBOX_FULL, "452 4.2.2 Mailbox full", BMX_REPLY_DEFERS, "defer"},
	{"disabled",        BMX_REPLY_DISABLED,     "550 5.2.1 Mailbox disabled", BMX_REPLY_REJECTS, "reject"},
	{"no SMTPUTF8",     BMX_REPLY_NO_SMTPUTF8,  "553 5.6.7 Internationalized address not supported by the primary MX", BMX_REPLY_REJECTS, "reject"},
	{"no reply at all", BMX_REPLIES,            "DEFER_IF_PERMIT 4.3.0 Temporary recipient lookup failure", BMX_REPLY_DEFERS, "defer"},
};
/* clang-format on */

/*
 * The grammar, written a second time and from the other side: what Postfix
 * makes of an action (access(5)). Returns the first digit of the code that the
 * client gets ('2': the recipient passes), or 0 when the answer is outside.
 */
static char
effect_of(struct bmx_slice answer)
{
	char line[512];
	const char *status;
	size_t skip;

	if (answer.len < 10 || answer.len > 400 ||
	    memcmp(answer.data, "action=", 7) != 0)
		return 0;
	for (size_t i = 0; i < answer.len - 2; i++)
		if (answer.data[i] < ' ' || answer.data[i] > '~')
			return 0;
	if (memcmp(answer.data + answer.len - 2, "\n\n", 2) != 0)
		return 0;
	memcpy(line, answer.data + 7, answer.len - 9);
	line[answer.len - 9] = '\0';
	if (strcmp(line, "DUNNO") == 0)
		return '2';
	if (strncmp(line, "WARN backupmx would answer: ", 28) == 0)
		return strlen(line) > 28 ? '2' : 0;
	if (strncmp(line, "DEFER_IF_PERMIT ", 16) == 0)
		skip = 16;
	else if (strspn(line, "0123456789") == 3 && line[3] == ' ')
		skip = 4;
	else
		return 0;
	status = line + skip;
	if ((status[0] != '4' && status[0] != '5') || status[1] != '.' ||
	    strspn(status + 2, "0123456789") != 1 || status[3] != '.' ||
	    strspn(status + 4, "0123456789") != 1 || status[5] != ' ' ||
	    status[6] == ' ' || status[6] == '\0')
		return 0;
	/* The class of code and status must be the same. */
	if (skip == 4 ? line[0] != status[0] : status[0] != '4')
		return 0;
	return status[0];
}

static char
wanted_effect(enum bmx_reply_class does)
{
	switch (does) {
	case BMX_REPLY_PASSES:
		return '2';
	case BMX_REPLY_DEFERS:
		return '4';
	case BMX_REPLY_REJECTS:
		return '5';
	}
	return 0;
}

static struct bmx_slice
join(char buffer[512], const char *before, const char *action)
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, 512);
	bmx_text_append_string(&text, "action=");
	bmx_text_append_string(&text, before);
	bmx_text_append_string(&text, action);
	bmx_text_append_string(&text, "\n\n");
	return bmx_text_slice(&text);
}

static void
test_row(void **state)
{
	const struct reply_case *tc = *state;
	const bool passes = tc->does == BMX_REPLY_PASSES;
	char buffer[512];

	assert_string_equal(bmx_policy_reply_action(tc->reply), tc->action);
	assert_int_equal(bmx_policy_reply_class(tc->reply), tc->does);
	assert_string_equal(bmx_policy_reply_act(tc->reply), tc->act);
	assert_true(bmx_slice_equal(bmx_policy_reply_encode(tc->reply, false),
	                            join(buffer, "", tc->action)));
	assert_true(bmx_slice_equal(
		bmx_policy_reply_encode(tc->reply, true),
		join(buffer, passes ? "" : "WARN backupmx would answer: ",
	             tc->action)));
}

/* Whole it is read, cut at any place it is not, with more it never is. */
static void
test_round(void **state)
{
	const struct reply_case *tc = *state;

	for (int observe = 0; observe < 2; observe++) {
		const struct bmx_slice whole =
			bmx_policy_reply_encode(tc->reply, observe);
		const enum bmx_policy_reply want = observe ? BMX_REPLY_DUNNO :
			tc->reply == BMX_REPLIES           ? BMX_REPLY_TROUBLE :
							     tc->reply;
		enum bmx_policy_reply got = BMX_REPLIES;
		struct bmx_text text;
		char buffer[512];

		assert_int_equal(bmx_policy_reply_decode(whole, &got), 1);
		assert_int_equal(got, want);
		for (size_t len = 0; len < whole.len; len++)
			assert_int_equal(
				bmx_policy_reply_decode(
					(struct bmx_slice){whole.data, len},
					&got),
				0);
		bmx_text_init(&text, buffer, sizeof(buffer));
		bmx_text_append(&text, whole);
		bmx_text_append_string(&text, "\n");
		assert_int_equal(
			bmx_policy_reply_decode(bmx_text_slice(&text), &got),
			-1);
	}
}

struct refused_case {
	const char *name;
	const char *answer;
	int want;
};

static struct refused_case refused[] = {
	{"nothing", "", 0},
	{"an empty line", "\n", -1},
	{"empty action", "action=\n\n", -1},
	{"OK", "action=OK\n\n", -1},
	{"bare digits", "action=550\n\n", -1},
	{"code without text", "action=550 5.1.1\n\n", -1},
	{"lower case", "action=dunno\n\n", -1},
	{"a blank more", "action=DUNNO \n\n", -1},
	{"two actions", "action=DUNNO\naction=DUNNO\n\n", -1},
	{"an attribute more", "x=y\naction=DUNNO\n\n", -1},
	{"no name", "DUNNO\n\n", -1},
	{"WARN of something else", "action=WARN hello\n\n", -1},
	{"WARN of no reply", "action=WARN backupmx would answer: \n\n", -1},
	{"WARN of DUNNO", "action=WARN backupmx would answer: DUNNO\n\n", -1},
	{"not complete, no row", "action=OK\n", 0},
};

static void
test_refused(void **state)
{
	const struct refused_case *tc = *state;
	enum bmx_policy_reply got;

	assert_int_equal(
		bmx_policy_reply_decode(bmx_slice_of(tc->answer), &got),
		tc->want);
}

static void
test_endless_answer(void **state)
{
	char answer[BMX_POLICY_REPLY_MAX + 1];
	enum bmx_policy_reply got;

	(void)state;
	memset(answer, 'x', sizeof(answer));
	assert_int_equal(
		bmx_policy_reply_decode((struct bmx_slice){answer, 400}, &got),
		0);
	assert_int_equal(
		bmx_policy_reply_decode((struct bmx_slice){answer, 401}, &got),
		-1);
}

/* The checker itself: it must see what it is there for. */
static void
test_checker(void **state)
{
	const char *outside[] = {
		"action=\n\n",
		"action=550\n\n",
		"action=550 5.1.1\n\n",
		"action=550 5.1.1 \n\n",
		"action=550 4.1.1 User unknown\n\n",
		"action=450 5.1.1 User unknown\n\n",
		"action=DEFER_IF_PERMIT 5.1.1 x\n\n",
		"action=OK\n\n",
		"action=DUNNO\n",
		"action=DUNNO\n\n\n",
		"action=DUNNO\n\naction=DUNNO\n\n",
		"action=550 5.1.10 x\n\n",
		"action=WARN backupmx would answer: \n\n",
		"ACTION=DUNNO\n\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_int_equal(effect_of(bmx_slice_of(outside[i])), 0);
}

/* splitmix64: the same numbers in each run. */
static uint64_t
next_random(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15U);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

/* Any verdict, also one that is no reply, encodes inside the grammar. */
static void
test_random_verdicts(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		const uint64_t r = next_random(&seed);
		const bool observe = r & 1;
		/* Half of them near the table, half anywhere. */
		const enum bmx_policy_reply reply = (enum bmx_policy_reply)(
			r & 2 ? r >> 2 & 15 : r >> 2 & 0x7fffffff);
		const struct bmx_slice answer =
			bmx_policy_reply_encode(reply, observe);
		const char want = observe ?
			'2' :
			wanted_effect(bmx_policy_reply_class(reply));

		assert_int_equal(effect_of(answer), want);
		if (reply != BMX_REPLY_DUNNO && !observe)
			assert_int_not_equal(want, '2');
	}
}

/* An answer with up to three octets changed, or text of no form at all. */
static size_t
random_answer(uint64_t *seed, char buffer[512])
{
	static const char octets[] = "\n\n= 0145.acDEFNOUW";
	const uint64_t r = next_random(seed);
	const struct bmx_slice from = bmx_policy_reply_encode(
		(enum bmx_policy_reply)(r % BMX_REPLIES), r >> 8 & 1);
	size_t len = from.len;
	size_t edits = r >> 9 & 3;

	memcpy(buffer, from.data, len);
	if ((r >> 11 & 7) == 0)
		edits = len = r >> 14 & 31;
	if ((r >> 11 & 7) == 1)
		len = (r >> 14) % (len + 1);
	for (; edits > 0 && len > 0; edits--) {
		const uint64_t e = next_random(seed);

		buffer[e % len] = octets[(e >> 32) % (sizeof(octets) - 1)];
	}
	return len;
}

/* Only text inside the grammar is read as a reply, and as the one it is. */
static void
test_random_texts(void **state)
{
	uint64_t seed = 2;
	int read = 0;

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		char buffer[512];
		const struct bmx_slice text = {buffer,
		                               random_answer(&seed, buffer)};
		enum bmx_policy_reply got = BMX_REPLIES;
		const int result = bmx_policy_reply_decode(text, &got);

		if (result != 1)
			continue;
		read++;
		assert_true(got < BMX_REPLIES);
		assert_int_equal(effect_of(text),
		                 wanted_effect(bmx_policy_reply_class(got)));
	}
	assert_in_range(read, 100000, 900000);
}

int
main(void)
{
	enum {
		ROWS = sizeof(cases) / sizeof(cases[0]),
		REFUSED = sizeof(refused) / sizeof(refused[0]),
	};
	struct CMUnitTest tests[2 * ROWS + REFUSED + 4] = {
		{"an answer without an end", test_endless_answer, 0, 0, 0},
		{"what the checker refuses", test_checker, 0, 0, 0},
		{"a million random verdicts", test_random_verdicts, 0, 0, 0},
		{"a million random texts", test_random_texts, 0, 0, 0},
	};
	struct CMUnitTest *at = tests + 4;

	for (size_t i = 0; i < ROWS; i++) {
		*at++ = (struct CMUnitTest){.name = cases[i].name,
		                            .test_func = test_row,
		                            .initial_state = &cases[i]};
		*at++ = (struct CMUnitTest){.name = cases[i].name,
		                            .test_func = test_round,
		                            .initial_state = &cases[i]};
	}
	for (size_t i = 0; i < REFUSED; i++)
		*at++ = (struct CMUnitTest){.name = refused[i].name,
		                            .test_func = test_refused,
		                            .initial_state = &refused[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
