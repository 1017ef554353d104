/* What a primary's answers to envelopes mean, and what is said of them. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "ctl/doctor/envelope_rows.h"
#include "tests/unit/ctl/rows_check.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MEANS(what) BMXCTL_MEANS_##what

struct meaning_case {
	const char *reply; /* as a server writes it, also the test's name */
	enum bmxctl_meaning want;
};

struct judge_case {
	const char *name;
	/* Replies to MAIL FROM:<>, RCPT of postmaster, the same from us, RCPT
	 * of nobody, MAIL of the SPF sender, RCPT from it; "" for none. */
	const char *replies[6];
	bool has_list;
	const char *want;
};

#define UNKNOWN "550 5.1.1 User unknown"
#define ALL_GOOD "250 ok", "250 ok", "", UNKNOWN, "250 ok", "250 ok"
#define FROM_NULL "250 ok", "250 ok", ""
#define SPF_GOOD "250 ok", "250 ok"

/* clang-format off */
static struct meaning_case meanings[] = {
	{"", MEANS(NOTHING)},
	{"250 2.1.5 Ok", MEANS(YES)},
	{"251 will forward", MEANS(YES)},
	{"550 5.1.1 <x@y>: Recipient address rejected: User unknown", MEANS(UNKNOWN)},
	{"550 Unrouteable address", MEANS(UNKNOWN)},
	{"550 5.1.10 no such recipient", MEANS(UNKNOWN)},
	{"553 sorry, no mailbox here by that name", MEANS(UNKNOWN)},
	{"550 5.1.1 relay says: unknown", MEANS(UNKNOWN)},
	{"550 5.1.8 sender's domain unknown", MEANS(NO)},
	{"552 5.2.2 mailbox full", MEANS(NO)},
	{"554 no", MEANS(NO)},
	{"450 4.7.1 <x@y>: Recipient address rejected: Greylisted", MEANS(GREYLIST)},
	{"451 Graylisted, please come back", MEANS(GREYLIST)},
	{"450 4.2.0 see http://postgrey.schweikert.ch/help", MEANS(GREYLIST)},
	{"450 4.7.1 Error: too much mail from 192.0.2.1", MEANS(RATE)},
	{"421 4.7.0 Too many concurrent connections", MEANS(RATE)},
	{"421 closing", MEANS(RATE)},
	{"452 4.5.3 Rate limit exceeded", MEANS(RATE)},
	{"450 4.3.2 try again", MEANS(LATER)},
	{"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", MEANS(BLOCKLIST)},
	{"550 5.7.1 192.0.2.1 is listed at bl.test", MEANS(BLOCKLIST)},
	{"450 4.7.1 client blocked using bl.test", MEANS(BLOCKLIST)},
	{"550 5.7.1 that is terribly wrong", MEANS(NO)},
	{"550 5.7.23 the sender did not authorise", MEANS(SPF)},
	{"451 4.7.24 SPF temperror", MEANS(SPF)},
	{"550 5.7.1 SPF check failed, see spamhaus", MEANS(SPF)},
	{"554 5.7.1 <x@y>: Relay access denied", MEANS(RELAY)},
	{"454 4.7.1 <x@y>: Relay access denied", MEANS(RELAY)},
	{"550 relay not permitted", MEANS(RELAY)},
	{"550 5.7.1 Unable to relay", MEANS(RELAY)},
};

static struct judge_case judges[] = {
	{"good", {ALL_GOOD}, false, ""},
	{"the connection went", {"", "", "", "", "", ""}, false, ""},
	{"the connection went later", {"250 ok", "", "", "", "", ""}, false, ""},
	{"<> refused at MAIL", {"550 5.7.1 no", "", "250 ok", UNKNOWN, SPF_GOOD}, false, "primary.null-sender-refused"},
	{"<> refused at RCPT", {"250 ok", "554 5.7.1 <>: Sender address rejected", "250 ok", UNKNOWN, SPF_GOOD}, false, "primary.null-sender-refused"},
	{"nobody of ours may send", {"250 ok", "554 5.7.1 no", "554 5.7.1 no", "", "", ""}, false, "primary.refuses-us"},
	{"no postmaster", {"250 ok", UNKNOWN, UNKNOWN, UNKNOWN, "", ""}, false, "primary.postmaster-refused"},
	{"greylisted", {"250 ok", "450 4.7.1 Greylisted", "450 4.7.1 Greylisted", "", "", ""}, false, "primary.greylisted"},
	{"greylisted but for postmaster", {FROM_NULL, "450 4.7.1 Greylisted", SPF_GOOD}, false, "primary.greylisted"},
	{"rate limit", {"421 4.7.0 Too many", "", "", "", "", ""}, false, "primary.rate-limited"},
	{"block list at MAIL", {"554 5.7.1 blocked using bl.test", "", "", "", "", ""}, false, "primary.blocklisted"},
	{"block list at RCPT", {"250 ok", "554 5.7.1 blocked using bl.test", "554 5.7.1 blocked using bl.test", "", "", ""}, false, "primary.blocklisted"},
	{"SPF of our HELO name", {"250 ok", "550 5.7.23 SPF", "250 ok", UNKNOWN, SPF_GOOD}, false, "primary.spf-not-exempt"},
	{"deferred for no reason", {"250 ok", "451 4.3.0 later", "451 4.3.0 later", "", "", ""}, false, "primary.defers-us"},
	{"not its domain", {"250 ok", "454 4.7.1 Relay access denied", "454 4.7.1 Relay access denied", "", "", ""}, false, "primary.not-its-domain"},
	{"accepts all", {FROM_NULL, "250 ok", SPF_GOOD}, false, "primary.accept-all"},
	{"accepts all, with a list", {FROM_NULL, "250 ok", SPF_GOOD}, true, ""},
	{"252 is no yes", {FROM_NULL, "252 cannot verify", SPF_GOOD}, false, "primary.unknown-unclear"},
	{"an unclear refusal", {FROM_NULL, "550 5.7.1 no", SPF_GOOD}, false, "primary.unknown-unclear"},
	{"an unclear refusal, with a list", {FROM_NULL, "550 5.7.1 no", SPF_GOOD}, true, ""},
	{"unknown recipients are deferred", {FROM_NULL, "450 4.1.1 unverified", SPF_GOOD}, false, "primary.unknown-unclear"},
	{"SPF at MAIL", {FROM_NULL, UNKNOWN, "550 5.7.23 SPF fail", ""}, false, "primary.spf-not-exempt"},
	{"SPF at RCPT", {FROM_NULL, UNKNOWN, "250 ok", "550 5.7.1 SPF fail"}, false, "primary.spf-not-exempt"},
	{"the SPF sender's domain displeases", {FROM_NULL, UNKNOWN, "550 5.7.27 null MX", ""}, false, ""},
	{"no SPF sender", {FROM_NULL, UNKNOWN, "", ""}, false, ""},
};
/* clang-format on */

static void
read_reply(struct bmxctl_said *said, const char *text)
{
	int used = 0, all = 0;

	*said = (struct bmxctl_said){0};
	if (text[0] == '\0')
		return;
	assert_int_equal(sscanf(text, "%d %n", &said->code, &used), 1);
	if (sscanf(text + used, "%d.%d.%d %n", &said->enhanced[0],
	           &said->enhanced[1], &said->enhanced[2], &all) == 3)
		used += all;
	else
		memset(said->enhanced, 0, sizeof(said->enhanced));
	(void)snprintf(said->text, sizeof(said->text), "%s", text + used);
}

static void
test_meaning(void **state)
{
	const struct meaning_case *tc = *state;
	struct bmxctl_said said;

	read_reply(&said, tc->reply);
	assert_int_equal(bmxctl_meaning_of(&said), tc->want);
}

static void
test_judge(void **state)
{
	const struct judge_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_envelope envelope = {.tried = true};
	struct bmxctl_said *const said[6] = {
		&envelope.null_sender,      &envelope.postmaster,
		&envelope.postmaster_again, &envelope.nobody,
		&envelope.spf_sender,       &envelope.spf_rcpt};
	const struct bmxctl_envelope_facts facts = {
		.domain = "example.test",
		.host = "mx1.test",
		.has_list = tc->has_list,
		.call_ahead = true,
		.spf_sender = "doctor@example.com",
		.envelope = &envelope,
	};

	for (size_t i = 0; i < 6; i++)
		read_reply(said[i], tc->replies[i]);
	bmxctl_envelope_judge(&facts, findings);
	check_rows(findings, tc->want);
}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(meanings) + LENGTH(judges)];
	size_t n = 0;

	for (size_t i = 0; i < LENGTH(meanings); i++)
		tests[n++] =
			(struct CMUnitTest){meanings[i].reply, test_meaning,
		                            NULL, NULL, &meanings[i]};
	for (size_t i = 0; i < LENGTH(judges); i++)
		tests[n++] = (struct CMUnitTest){judges[i].name, test_judge,
		                                 NULL, NULL, &judges[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
