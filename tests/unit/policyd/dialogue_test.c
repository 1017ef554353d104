/*
 * The dialogue against scripted replies. A row's replies are fed one after
 * the other; `|` parts them, `/` parts the lines of one, and words in angle
 * brackets are what befalls the connection instead. What the dialogue wants
 * done is written down and compared.
 */
#include "policyd/dialogue.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/cmocka.h"

#define NONE BMX_TLS_NONE
#define MAY BMX_TLS_MAY
#define ENC BMX_TLS_ENCRYPT
#define VERIFY BMX_TLS_VERIFY
#define DANE BMX_TLS_DANE

struct dialogue_case {
	const char *name;
	enum bmx_config_tls tls;
	/* Given one after the other; "!": confirm, "?": try a random one. */
	const char *jobs;
	const char *replies;
	/* Commands as sent, those of one go joined by '+'; "{result}"; "idle",
	 * "tls"; "close(why at)". */
	const char *want;
};

#define UP "220 mx|250 mx|" /* the greeting, and EHLO plain */
#define PIPE "220 mx|250-mx/250 PIPELINING|"
#define TLS "220 mx|250-mx/250 STARTTLS|"
#define JOE "MAIL FROM:<> RCPT TO:<joe@d> "
#define JOE_PIPED "MAIL FROM:<>+RCPT TO:<joe@d> "
#define BYE "QUIT close(none quit)"

/* clang-format off */
static struct dialogue_case cases[] = {
	/* The recipient's reply. */
	{"accepted", NONE, "joe", UP "250|250 2.1.5 ok", "EHLO us " JOE "{valid} idle"},
	{"accepted, 251", NONE, "joe", UP "250|251 will forward", "EHLO us " JOE "{valid} idle"},
	{"unknown", NONE, "joe", UP "250|550 5.1.1 no", "EHLO us " JOE "{unknown} idle"},
	{"disabled", NONE, "joe", UP "250|550 5.2.1 no", "EHLO us " JOE "{disabled} idle"},
	{"full", NONE, "joe", UP "250|552 5.2.2 full", "EHLO us " JOE "{full} idle"},
	{"greylisted", NONE, "joe", UP "250|450 4.7.1 later", "EHLO us " JOE "{unsure rcpt-temporary} idle"},
	{"252 says nothing", NONE, "joe", UP "250|252 cannot", "EHLO us " JOE "{unsure rcpt-other} idle"},
	{"the sender is blamed", NONE, "joe", UP "250|550 5.1.8 you", "EHLO us " JOE "{unsure rcpt-sender} idle"},
	{"we are blocked", NONE, "joe", UP "250|550 5.7.1 you", "EHLO us " JOE "{unsure rcpt-policy} idle"},
	{"554 says nothing", NONE, "joe", UP "250|554 no", "EHLO us " JOE "{unsure rcpt-other} idle"},
	/* Postmaster. */
	{"bare 550, postmaster accepted", NONE, "joe", UP "250|550 no|250", "EHLO us " JOE "RCPT TO:<postmaster@d> {unknown} idle"},
	{"5.1.0, postmaster accepted", NONE, "joe", UP "250|550 5.1.0 no|251", "EHLO us " JOE "RCPT TO:<postmaster@d> {unknown} idle"},
	{"bare 550, postmaster refused", NONE, "joe", UP "250|550 no|550 no", "EHLO us " JOE "RCPT TO:<postmaster@d> {unsure no-postmaster} idle"},
	{"bare 551, postmaster greylisted", NONE, "joe", UP "250|551 no|450", "EHLO us " JOE "RCPT TO:<postmaster@d> {unsure no-postmaster} idle"},
	{"bare 553, postmaster full", NONE, "joe", UP "250|553 no|552 5.2.2 full", "EHLO us " JOE "RCPT TO:<postmaster@d> {unsure no-postmaster} idle"},
	{"was valid, postmaster accepted", NONE, "joe!", UP "250|550 5.1.1 no|250", "EHLO us " JOE "RCPT TO:<postmaster@d> {unknown} idle"},
	{"was valid, postmaster unknown too", NONE, "joe!", UP "250|550 5.1.1 no|550 5.1.1 no", "EHLO us " JOE "RCPT TO:<postmaster@d> {unsure lost-users} idle"},
	{"was valid, both refused barely", NONE, "joe!", UP "250|550 no|550 no", "EHLO us " JOE "RCPT TO:<postmaster@d> {unsure lost-users} idle"},
	{"was valid, postmaster blocked", NONE, "joe!", UP "250|550 5.1.1 no|550 5.7.1 no", "EHLO us " JOE "RCPT TO:<postmaster@d> {unsure no-postmaster} idle"},
	{"was valid and is", NONE, "joe!", UP "250|250", "EHLO us " JOE "{valid} idle"},
	{"was valid and is full", NONE, "joe!", UP "250|552 5.2.2 x", "EHLO us " JOE "{full} idle"},
	{"postmaster: 421", NONE, "joe!", UP "250|550 5.1.1 no|421 bye", "EHLO us " JOE "RCPT TO:<postmaster@d> {unsure no-postmaster} close(no-postmaster postmaster)"},
	{"postmaster: closed", NONE, "joe!", UP "250|550 5.1.1 no|<closed>", "EHLO us " JOE "RCPT TO:<postmaster@d> {unsure closed} close(closed postmaster)"},
	/* The random local part. */
	{"random refused", NONE, "joe?", UP "250|250|550 5.1.1 no", "EHLO us " JOE "RCPT TO:<rnd@d> {valid random=refused} idle"},
	{"random refused barely", NONE, "joe?", UP "250|250|550 no", "EHLO us " JOE "RCPT TO:<rnd@d> {valid random=refused} idle"},
	{"random accepted", NONE, "joe?", UP "250|250|250", "EHLO us " JOE "RCPT TO:<rnd@d> {accepts-all random=accepted} idle"},
	{"random greylisted", NONE, "joe?", UP "250|250|450", "EHLO us " JOE "RCPT TO:<rnd@d> {valid random=undecided} idle"},
	{"random blocked", NONE, "joe?", UP "250|250|550 5.7.1", "EHLO us " JOE "RCPT TO:<rnd@d> {valid random=undecided} idle"},
	{"random full", NONE, "joe?", UP "250|250|552 5.2.2 x", "EHLO us " JOE "RCPT TO:<rnd@d> {valid random=undecided} idle"},
	{"random: closed", NONE, "joe?", UP "250|250|<closed>", "EHLO us " JOE "RCPT TO:<rnd@d> {valid random=undecided} close(closed random)"},
	{"random: 421", NONE, "joe?", UP "250|250|421", "EHLO us " JOE "RCPT TO:<rnd@d> {valid random=undecided} close(closed random)"},
	{"no random after unknown", NONE, "joe?", UP "250|550 5.1.1 x", "EHLO us " JOE "{unknown} idle"},
	{"no random after full", NONE, "joe?", UP "250|552 5.2.2 x", "EHLO us " JOE "{full} idle"},
	/* Refusals before it. */
	{"greeting 554", NONE, "joe", "554 no|221", "{unsure refused-greeting} QUIT close(refused-greeting greeting)"},
	{"greeting 450", NONE, "joe", "450 busy|221", "{unsure refused-greeting} QUIT close(refused-greeting greeting)"},
	{"greeting 421", NONE, "joe", "421 busy", "{unsure refused-greeting} close(refused-greeting greeting)"},
	{"greeting 354", NONE, "joe", "354 go|221", "{unsure refused-greeting} QUIT close(refused-greeting greeting)"},
	{"greeting 550 5.1.1 is no verdict", NONE, "joe", "550 5.1.1 no|221", "{unsure refused-greeting} QUIT close(refused-greeting greeting)"},
	{"greeted by our own name", NONE, "joe", "220 US ESMTP|221", "{unsure loop} QUIT close(loop greeting)"},
	{"greeted by our own name, first of two lines", NONE, "joe", "220-us ESMTP/220 hello|221", "{unsure loop} QUIT close(loop greeting)"},
	{"our name later in the greeting", NONE, "joe", "220-mx us/220 us|250 mx", "EHLO us MAIL FROM:<>"},
	{"a name that begins like ours", NONE, "joe", "220 us.d|250 mx", "EHLO us MAIL FROM:<>"},
	{"EHLO answered by our own name", NONE, "joe", "220 mx|250-us/250 PIPELINING|221", "EHLO us {unsure loop} QUIT close(loop ehlo)"},
	{"our name as a keyword", NONE, "joe", "220 mx|250-mx/250 us", "EHLO us MAIL FROM:<>"},
	{"EHLO 502, HELO", NONE, "joe", "220 mx|502 what|250 mx|250|250", "EHLO us HELO us " JOE "{valid} idle"},
	{"EHLO 500, HELO", NONE, "joe", "220 mx|500 what|250 mx", "EHLO us HELO us MAIL FROM:<>"},
	{"EHLO 504, HELO", NONE, "joe", "220 mx|504 what|250 mx", "EHLO us HELO us MAIL FROM:<>"},
	{"EHLO 550 is final", NONE, "joe", "220 mx|550 5.7.1 you|221", "EHLO us {unsure refused-helo} QUIT close(refused-helo ehlo)"},
	{"EHLO 505 is final", NONE, "joe", "220 mx|505 x|221", "EHLO us {unsure refused-helo} QUIT close(refused-helo ehlo)"},
	{"EHLO 451", NONE, "joe", "220 mx|451 x|221", "EHLO us {unsure refused-helo} QUIT close(refused-helo ehlo)"},
	{"EHLO 421", NONE, "joe", "220 mx|421 x", "EHLO us {unsure refused-helo} close(refused-helo ehlo)"},
	{"HELO refused", NONE, "joe", "220 mx|502 x|550 5.1.1 x|221", "EHLO us HELO us {unsure refused-helo} QUIT close(refused-helo helo)"},
	{"HELO answered by our own name", NONE, "joe", "220 mx|502 x|250 us|221", "EHLO us HELO us {unsure loop} QUIT close(loop helo)"},
	{"MAIL refused twice", NONE, "joe", UP "550 5.1.1 no|550 5.1.1 no|221", "EHLO us MAIL FROM:<> MAIL FROM:<postmaster@us> {unsure refused-sender} QUIT close(refused-sender mail)"},
	{"MAIL refused for now", NONE, "joe", UP "451 4.3.0 no|221", "EHLO us MAIL FROM:<> {unsure refused-sender} QUIT close(refused-sender mail)"},
	{"MAIL 421", NONE, "joe", UP "421 no", "EHLO us MAIL FROM:<> {unsure refused-sender} close(refused-sender mail)"},
	{"<> refused, postmaster taken, also for the next", NONE, "joe ann", UP "550 no|250|250|250|250|550 5.1.1 x",
	 "EHLO us MAIL FROM:<> MAIL FROM:<postmaster@us> RCPT TO:<joe@d> {valid} RSET MAIL FROM:<postmaster@us> RCPT TO:<ann@d> {unknown} idle learnt"},
	/* Several jobs, and pipelining. */
	{"two jobs", NONE, "joe ann", UP "250|250|250|250|550 5.1.1 x", "EHLO us " JOE "{valid} RSET MAIL FROM:<> RCPT TO:<ann@d> {unknown} idle"},
	{"pipelined", NONE, "joe", PIPE "250|550 5.1.1 x", "EHLO us " JOE_PIPED "{unknown} idle"},
	{"two jobs, pipelined", NONE, "joe ann", PIPE "250|250|250|250|550 5.1.1 x", "EHLO us " JOE_PIPED "{valid} RSET+MAIL FROM:<>+RCPT TO:<ann@d> {unknown} idle"},
	{"pipelined, MAIL refused, RCPT does not count", NONE, "joe", PIPE "451 no|550 5.1.1 x|221", "EHLO us " JOE_PIPED "{unsure refused-sender} QUIT close(refused-sender mail)"},
	{"pipelined, <> refused, RCPT does not count", NONE, "joe", PIPE "550 no|550 5.1.1 x|250|250", "EHLO us " JOE_PIPED "MAIL FROM:<postmaster@us>+RCPT TO:<joe@d> {valid} idle learnt"},
	{"pipelined, RSET refused", NONE, "joe ann", PIPE "250|250|500 x|250|550 5.1.1 x|221", "EHLO us " JOE_PIPED "{valid} RSET+MAIL FROM:<>+RCPT TO:<ann@d> {unsure protocol retry=new} QUIT close(protocol rset)"},
	{"pipelined, 421 to what does not count", NONE, "joe", PIPE "550 no|421 x", "EHLO us " JOE_PIPED "{unsure refused-sender} close(refused-sender mail)"},
	{"postmaster is not pipelined", NONE, "joe", PIPE "250|550 x|250", "EHLO us " JOE_PIPED "RCPT TO:<postmaster@d> {unknown} idle"},
	{"RSET refused", NONE, "joe ann", UP "250|250|500 x|221", "EHLO us " JOE "{valid} RSET {unsure protocol retry=new} QUIT close(protocol rset)"},
	{"RSET: 421", NONE, "joe ann", UP "250|250|421 x", "EHLO us " JOE "{valid} RSET {unsure closed retry=new} close(closed rset)"},
	{"RSET: closed", NONE, "joe ann", UP "250|250|<closed>", "EHLO us " JOE "{valid} RSET {unsure closed retry=new} close(closed rset)"},
	{"RSET: time is up", NONE, "joe ann", UP "250|250|<timeout>", "EHLO us " JOE "{valid} RSET {unsure timeout} close(timeout rset)"},
	{"second RCPT: closed", NONE, "joe ann", UP "250|250|250|250|<closed>", "EHLO us " JOE "{valid} RSET MAIL FROM:<> RCPT TO:<ann@d> {unsure closed} close(closed rcpt)"},
	{"RCPT: 421", NONE, "joe", UP "250|421 4.3.2 x", "EHLO us " JOE "{unsure rcpt-temporary} close(rcpt-temporary rcpt)"},
	{"RCPT: closed", NONE, "joe", UP "250|<closed>", "EHLO us " JOE "{unsure closed} close(closed rcpt)"},
	{"RCPT: time is up", NONE, "joe", UP "250|<timeout>", "EHLO us " JOE "{unsure timeout} close(timeout rcpt)"},
	{"greeting: closed", NONE, "joe", "<closed>", "{unsure closed} close(closed greeting)"},
	{"no connection", NONE, "joe", "<transport>", "{unsure transport} close(transport greeting)"},
	{"idle: closed", NONE, "joe", UP "250|250|<closed>", "EHLO us " JOE "{valid} idle close(none quit)"},
	{"idle: 421", NONE, "joe", UP "250|250|421 4.4.2 idle", "EHLO us " JOE "{valid} idle close(none quit)"},
	{"idle: a reply not asked for", NONE, "joe", UP "250|250|250 again", "EHLO us " JOE "{valid} idle close(protocol idle)"},
	{"idle: quit", NONE, "joe", UP "250|250|<quit>|221 bye", "EHLO us " JOE "{valid} idle " BYE},
	{"quit: closed", NONE, "joe", UP "250|250|<quit>|<closed>", "EHLO us " JOE "{valid} idle " BYE},
	{"quit: any reply", NONE, "joe", UP "250|250|<quit>|550 5.1.1 x", "EHLO us " JOE "{valid} idle " BYE},
	{"quit while a job is under way", NONE, "joe", UP "<quit>|250|550 5.1.1 x|221", "EHLO us " JOE "{unknown} " BYE},
	{"quit before EHLO, no job", NONE, "", "<quit>|" UP "221", "EHLO us " BYE},
	{"no job: idle", NONE, "", UP, "EHLO us idle"},
	/* TLS. */
	{"may: not offered", MAY, "joe", UP "250|250", "EHLO us " JOE "{valid} idle"},
	{"none: offered", NONE, "joe", TLS "250", "EHLO us MAIL FROM:<> RCPT TO:<joe@d>"},
	{"may: offered", MAY, "joe", TLS "220 go|<secured>|250-mx/250 PIPELINING|250|250", "EHLO us STARTTLS tls EHLO us " JOE_PIPED "{valid} idle"},
	{"may: PIPELINING before TLS does not count", MAY, "joe", "220 mx|250-mx/250-PIPELINING/250 STARTTLS|220 go|<secured>|502 x|250 mx|250", "EHLO us STARTTLS tls EHLO us HELO us MAIL FROM:<> RCPT TO:<joe@d>"},
	{"may: refused", MAY, "joe", TLS "454 4.7.0 no|221", "EHLO us STARTTLS {unsure refused-tls retry=clear} QUIT close(refused-tls starttls clear)"},
	{"may: 421", MAY, "joe", TLS "421 no", "EHLO us STARTTLS {unsure refused-tls retry=clear} close(refused-tls starttls clear)"},
	{"may: closed instead of a reply", MAY, "joe", TLS "<closed>", "EHLO us STARTTLS {unsure closed retry=clear} close(closed starttls clear)"},
	{"may: closed while securing", MAY, "joe", TLS "220 go|<closed>", "EHLO us STARTTLS tls {unsure refused-tls retry=clear} close(refused-tls tls clear)"},
	{"may: time is up while securing", MAY, "joe", TLS "220 go|<timeout>", "EHLO us STARTTLS tls {unsure timeout retry=clear} close(timeout tls clear)"},
	{"may: octets out of turn", MAY, "joe", TLS "220 go|<protocol>", "EHLO us STARTTLS tls {unsure protocol} close(protocol tls)"},
	{"may: closed under TLS", MAY, "joe", TLS "220 go|<secured>|<closed>", "EHLO us STARTTLS tls EHLO us {unsure closed} close(closed ehlo)"},
	{"encrypt: not offered", ENC, "joe", UP "221", "EHLO us {unsure refused-tls} QUIT close(refused-tls ehlo)"},
	{"encrypt: EHLO refused, HELO taken", ENC, "joe", "220 mx|502 x|250 mx|221", "EHLO us HELO us {unsure refused-tls} QUIT close(refused-tls helo)"},
	{"encrypt: refused", ENC, "joe", TLS "454 no|221", "EHLO us STARTTLS {unsure refused-tls} QUIT close(refused-tls starttls)"},
	{"encrypt: offered", ENC, "joe", TLS "220 go|<secured>|250 mx", "EHLO us STARTTLS tls EHLO us MAIL FROM:<>"},
	{"encrypt: HELO under TLS", ENC, "joe", TLS "220 go|<secured>|502 x|250 mx", "EHLO us STARTTLS tls EHLO us HELO us MAIL FROM:<>"},
	{"verify: not offered", VERIFY, "joe", UP "221", "EHLO us {unsure refused-tls} QUIT close(refused-tls ehlo)"},
	{"verify: wrong certificate", VERIFY, "joe", TLS "220 go|<refused-tls>", "EHLO us STARTTLS tls {unsure refused-tls} close(refused-tls tls)"},
	{"dane: closed while securing", DANE, "joe", TLS "220 go|<closed>", "EHLO us STARTTLS tls {unsure refused-tls} close(refused-tls tls)"},
	/* Addresses. */
	{"a quoted local part", NONE, "a\"b", UP "250", "EHLO us MAIL FROM:<> RCPT TO:<\"a\\\"b\"@d>"},
	{"no path", NONE, "a\r\nb", UP, "{unsure bad-address} EHLO us idle"},
	{"UTF-8, offered", NONE, "j\xc3\xb6", "220 mx|250-mx/250 smtputf8|250", "EHLO us MAIL FROM:<> SMTPUTF8 RCPT TO:<j\xc3\xb6@d>"},
	{"UTF-8, not offered", NONE, "j\xc3\xb6 joe", UP "250|250", "EHLO us {unsure no-smtputf8} " JOE "{valid} idle"},
	/* Replies too many. */
	{"two greetings", NONE, "joe", "220 mx&220 mx", "{unsure protocol} close(protocol ehlo)"},
	{"RCPT answered before it was asked", NONE, "joe", UP "250&550 5.1.1 x", "EHLO us MAIL FROM:<> {unsure protocol} close(protocol rcpt)"},
	{"a reply too many makes the verdict void", NONE, "joe", PIPE "250|550 5.1.1 x&250 ok", "EHLO us " JOE_PIPED "{unsure protocol} close(protocol idle)"},
	{"421 behind the verdict does not", NONE, "joe", UP "250|550 5.1.1 x&421 bye", "EHLO us " JOE "{unknown} close(none quit)"},
	{"octets behind STARTTLS's reply", MAY, "joe", TLS "220 go&250 mx", "EHLO us STARTTLS {unsure protocol} close(protocol tls)"},
};
/* clang-format on */

struct run {
	struct bmx_dialogue dlg;
	const char *jobs; /* not given yet */
	size_t results;
	char said[2048];
	char commands[BMX_DIALOGUE_OUTPUT_MAX];
};

static void
say(struct run *run, const char *text)
{
	const size_t len = strlen(run->said);

	(void)snprintf(run->said + len, sizeof(run->said) - len, "%s%s",
	               len > 0 ? " " : "", text);
}

static void
say_commands(struct run *run)
{
	char *at = run->commands;
	char *line_end;

	while ((line_end = strstr(at, "\r\n")) != NULL) {
		const bool last = line_end[2] == '\0';

		memmove(line_end, line_end + 1, strlen(line_end));
		*line_end = last ? '\0' : '+';
		at = line_end + 1;
	}
	say(run, run->commands);
}

static void
say_result(struct run *run)
{
	const struct bmx_probe_result *result = bmx_dialogue_result(&run->dlg);
	char text[128];
	struct bmx_text built;

	bmx_text_init(&built, text, sizeof(text));
	bmx_text_printf(&built, "{%s", bmx_probe_outcome_name(result->outcome));
	if (result->why != BMX_PROBE_WHY_NONE)
		bmx_text_printf(&built, " %s", bmx_probe_why_name(result->why));
	if (result->random != BMX_PROBE_RANDOM_NOT_MADE)
		bmx_text_printf(&built, " random=%s",
		                bmx_probe_random_name(result->random));
	if (result->retry == BMX_PROBE_RETRY_IN_CLEAR)
		bmx_text_append_string(&built, " retry=clear");
	if (result->retry == BMX_PROBE_RETRY_NEW)
		bmx_text_append_string(&built, " retry=new");
	bmx_text_append_char(&built, '}');
	say(run, text);
	run->results++;
	assert_int_equal(result->outcome == BMX_PROBE_UNSURE,
	                 result->why != BMX_PROBE_WHY_NONE);
}

static void
say_close(struct run *run)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "close(%s %s%s)",
	               bmx_probe_why_name(run->dlg.ended_why),
	               bmx_dialogue_state_name(run->dlg.ended_at),
	               run->dlg.retry_in_clear ? " clear" : "");
	say(run, text);
}

/* Gives the next of the row's jobs, if there is one. */
static bool
give_job(struct run *run)
{
	const size_t word = strcspn(run->jobs, " ");
	size_t len = strcspn(run->jobs, " !?");
	struct bmx_probe_job job = {
		.local = {run->jobs, len},
		.domain = BMX_SLICE("d"),
		.confirm = memchr(run->jobs, '!', word) != NULL,
	};

	if (word == 0 || !bmx_dialogue_takes_job(&run->dlg))
		return false;
	if (memchr(run->jobs, '?', word))
		job.random_local = BMX_SLICE("rnd");
	bmx_dialogue_give(&run->dlg, &job);
	run->jobs += word + strspn(run->jobs + word, " ");
	return true;
}

/* Does what the dialogue wants, until it waits. */
static void
pump(struct run *run)
{
	for (;;) {
		struct bmx_text text;

		bmx_text_init(&text, run->commands, sizeof(run->commands));
		switch (bmx_dialogue_next(&run->dlg, &text)) {
		case BMX_DIALOGUE_SEND:
			assert_false(text.cut);
			say_commands(run);
			break;
		case BMX_DIALOGUE_JOB_DONE:
			say_result(run);
			break;
		case BMX_DIALOGUE_IDLE:
			if (give_job(run))
				break;
			say(run, "idle");
			return;
		case BMX_DIALOGUE_START_TLS:
			say(run, "tls");
			return;
		case BMX_DIALOGUE_CLOSE:
			say_close(run);
			return;
		case BMX_DIALOGUE_WAIT:
		case BMX_DIALOGUE_ACTS:
			return;
		}
	}
}

static void
reply(struct run *run, const char *text)
{
	struct bmx_smtp_reply_parser parser;
	struct bmx_smtp_reply whole;
	struct bmx_error err;
	char octets[256];
	struct bmx_slice input = {octets, 0};

	/* "a/b" is two lines. */
	for (; *text != '\0'; text++)
		octets[input.len++] = *text == '/' ? '\n' : *text;
	octets[input.len++] = '\n';
	bmx_smtp_reply_parser_reset(&parser);
	assert_int_equal(bmx_smtp_reply_parser_next(&parser, &input,
	                                            bmx_dialogue_on_line,
	                                            &run->dlg, &whole, &err),
	                 1);
	assert_int_equal(input.len, 0);
	bmx_dialogue_on_reply(&run->dlg, &whole);
}

static void
befall(struct run *run, const char *what)
{
	enum bmx_probe_why why = BMX_PROBE_WHY_NONE;

	if (strcmp(what, "<secured>") == 0)
		bmx_dialogue_secured(&run->dlg);
	else if (strcmp(what, "<quit>") == 0)
		bmx_dialogue_quit(&run->dlg);
	else {
		while (strncmp(bmx_probe_why_name(why), what + 1,
		               strlen(what) - 2) != 0)
			why++;
		bmx_dialogue_abort(&run->dlg, why, "as the row says");
	}
}

/* One step of a row: what happens, or several replies at once ("a&b"). */
static void
step(struct run *run, char *what)
{
	char *rest = what;
	char *one;

	if (what[0] == '<') {
		befall(run, what);
	} else {
		while ((one = strsep(&rest, "&")) != NULL)
			reply(run, one);
	}
	pump(run);
}

static void
test_row(void **state)
{
	const struct dialogue_case *tc = *state;
	const struct bmx_dialogue_config config = {
		.hostname = "us", .sender = "", .tls = tc->tls};
	static struct run run;
	char replies[512];
	char *rest = replies;
	char *one;

	memset(&run, 0, sizeof(run));
	run.jobs = tc->jobs;
	(void)snprintf(replies, sizeof(replies), "%s", tc->replies);
	bmx_dialogue_init(&run.dlg, &config);
	(void)give_job(&run);
	pump(&run);
	while ((one = strsep(&rest, "|")) != NULL)
		if (one[0] != '\0')
			step(&run, one);
	if (run.dlg.refuses_null_sender)
		say(&run, "learnt");
	assert_string_equal(run.said, tc->want);
}

/* What a session is given and how it then begins. */
static struct config_case {
	const char *name;
	struct bmx_dialogue_config config;
	const char *replies;
	const char *want;
} configs[] = {
	{"<> is known to be refused",
         {.hostname = "us", .sender = "", .refuses_null_sender = true},
         UP "250",
         "EHLO us MAIL FROM:<postmaster@us> RCPT TO:<joe@d> learnt"},
	{"postmaster, once taken, is refused: <> again",
         {.hostname = "us", .sender = "", .refuses_null_sender = true},
         UP "550 x|250",
         "EHLO us MAIL FROM:<postmaster@us> MAIL FROM:<> RCPT TO:<joe@d>"},
	{"both are refused: what was known stays",
         {.hostname = "us", .sender = "", .refuses_null_sender = true},
         UP "550 x|550 x",
         "EHLO us MAIL FROM:<postmaster@us> MAIL FROM:<> {unsure "
         "refused-sender} QUIT learnt"},
	{"a sender is set",
         {.hostname = "us", .sender = "probe@us"},
         UP "250",
         "EHLO us MAIL FROM:<probe@us> RCPT TO:<joe@d>"},
	{"a sender is set and refused",
         {.hostname = "us", .sender = "probe@us"},
         UP "550 x",
         "EHLO us MAIL FROM:<probe@us> {unsure refused-sender} QUIT"},
	{"a sender is set, what is known of <> does not matter",
         {.hostname = "us", .sender = "probe@us", .refuses_null_sender = true},
         UP "250",
         "EHLO us MAIL FROM:<probe@us> RCPT TO:<joe@d> learnt"},
	{"a sender that is no command",
         {.hostname = "us", .sender = "a\r\nQUIT\r\n@us"},
         UP "250",
         "EHLO us MAIL FROM:<> RCPT TO:<joe@d>"},
	{"check only",
         {.hostname = "us", .sender = "", .check_only = true},
         UP "221 bye",
         "EHLO us QUIT close(none quit)"},
	{"check only, no TLS although offered",
         {.hostname = "us",
          .sender = "",
          .check_only = true,
          .tls = BMX_TLS_DANE},
         TLS "221 bye",
         "EHLO us QUIT close(none quit)"},
	{"check only, EHLO refused, HELO taken",
         {.hostname = "us", .sender = "", .check_only = true},
         "220 mx|502 x|250 mx|221 bye",
         "EHLO us HELO us QUIT close(none quit)"},
	{"check only, greeting refused",
         {.hostname = "us", .sender = "", .check_only = true},
         "554 no|221",
         "QUIT close(refused-greeting greeting)"},
};

static void
test_config(void **state)
{
	const struct config_case *tc = *state;
	static struct run run;
	char replies[512];
	char *rest = replies;
	char *one;

	memset(&run, 0, sizeof(run));
	run.jobs = "joe";
	(void)snprintf(replies, sizeof(replies), "%s", tc->replies);
	bmx_dialogue_init(&run.dlg, &tc->config);
	assert_int_equal(give_job(&run), !tc->config.check_only);
	pump(&run);
	while ((one = strsep(&rest, "|")) != NULL)
		step(&run, one);
	if (run.dlg.refuses_null_sender)
		say(&run, "learnt");
	assert_string_equal(run.said, tc->want);
}

/* Lines of an EHLO reply, and what is then known. */
static struct keywords_case {
	const char *name;
	const char *reply;
	struct bmx_smtp_keywords want;
} keywords[] = {
	{"all",
         "250-mx/250-SIZE 1000/250-SMTPUTF8/250-STARTTLS/250-PIPELINING"
         "/250-HELP/250 8BITMIME",
         {true, true, 1000, true, true, true, true}},
	{"none", "250 mx", {true, false, 0, false, false, false, false}},
	{"any case",
         "250-mx/250-size 7/250 pipelining",
         {true, true, 7, false, false, true, false}},
	{"SIZE alone",
         "250-mx/250 SIZE",
         {true, true, 0, false, false, false, false}},
	{"SIZE 0",
         "250-mx/250 SIZE 0",
         {true, true, 0, false, false, false, false}},
	{"SIZE that is no number",
         "250-mx/250 SIZE 1x",
         {true, true, 0, false, false, false, false}},
	{"SIZE with a sign",
         "250-mx/250 SIZE -5",
         {true, true, 0, false, false, false, false}},
	{"SIZE past all counting",
         "250-mx/250 SIZE 99999999999999999999999",
         {true, true, 0, false, false, false, false}},
	{"the largest SIZE taken",
         "250-mx/250 SIZE 922337203685477580",
         {true, true, 922337203685477580, false, false, false, false}},
	{"words that begin like keywords",
         "250-mx/250-SIZES 9/250 STARTTLSX",
         {true, false, 0, false, false, false, false}},
	{"keywords in the first line are a name",
         "250-STARTTLS/250 x",
         {true, false, 0, false, false, false, false}},
	{"of a refusal",
         "250-mx/250-SIZE 7/502 no",
         {false, false, 0, false, false, false, false}},
};

static void
test_keywords(void **state)
{
	const struct keywords_case *tc = *state;
	const struct bmx_dialogue_config config = {
		.hostname = "us", .sender = "", .check_only = true};
	static struct run run;
	const struct bmx_smtp_keywords *got = &run.dlg.keywords;

	memset(&run, 0, sizeof(run));
	run.jobs = "";
	bmx_dialogue_init(&run.dlg, &config);
	reply(&run, "220 mx");
	pump(&run);
	reply(&run, tc->reply);
	assert_int_equal(got->known, tc->want.known);
	assert_int_equal(got->has_size, tc->want.has_size);
	assert_int_equal(got->size, tc->want.size);
	assert_int_equal(got->smtputf8, tc->want.smtputf8);
	assert_int_equal(got->starttls, tc->want.starttls);
	assert_int_equal(got->pipelining, tc->want.pipelining);
	assert_int_equal(got->eight_bit_mime, tc->want.eight_bit_mime);
}

/* Gives jobs as long as the session takes any. @return how many */
static size_t
jobs_until_quit(const char *rcpt_reply)
{
	const struct bmx_dialogue_config config = {.hostname = "us",
	                                           .sender = ""};
	static struct run run;
	size_t replies = 0;

	memset(&run, 0, sizeof(run));
	bmx_dialogue_init(&run.dlg, &config);
	while (run.dlg.state != BMX_DLG_DONE) {
		const enum bmx_dialogue_state at = bmx_dialogue_state(&run.dlg);

		run.jobs = "joe";
		run.said[0] = '\0';
		reply(&run, at == BMX_DLG_RCPT ? rcpt_reply : "250 x");
		pump(&run);
		assert_in_range(++replies, 1, BMX_DIALOGUE_REPLIES_MAX);
	}
	assert_int_equal(run.dlg.ended_why, BMX_PROBE_WHY_NONE);
	return run.results;
}

static void
test_limits(void **state)
{
	(void)state;
	assert_int_equal(jobs_until_quit("250 ok"), BMX_DIALOGUE_JOBS_MAX);
	assert_int_equal(jobs_until_quit("450 x"), BMX_DIALOGUE_JOBS_MAX);
	assert_int_equal(jobs_until_quit("550 5.1.1 x"),
	                 BMX_DIALOGUE_REFUSALS_MAX);
	assert_int_equal(jobs_until_quit("550 x"), BMX_DIALOGUE_REFUSALS_MAX);
}

int
main(void)
{
	enum {
		ROWS = sizeof(cases) / sizeof(cases[0]),
		CONFIGS = sizeof(configs) / sizeof(configs[0]),
		KEYWORDS = sizeof(keywords) / sizeof(keywords[0]),
	};
	struct CMUnitTest tests[ROWS + CONFIGS + KEYWORDS + 1] = {
		{"a session's limits", test_limits, 0, 0, 0},
	};
	struct CMUnitTest *at = tests + 1;

	for (size_t i = 0; i < ROWS; i++)
		*at++ = (struct CMUnitTest){.name = cases[i].name,
		                            .test_func = test_row,
		                            .initial_state = &cases[i]};
	for (size_t i = 0; i < CONFIGS; i++)
		*at++ = (struct CMUnitTest){.name = configs[i].name,
		                            .test_func = test_config,
		                            .initial_state = &configs[i]};
	for (size_t i = 0; i < KEYWORDS; i++)
		*at++ = (struct CMUnitTest){.name = keywords[i].name,
		                            .test_func = test_keywords,
		                            .initial_state = &keywords[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
