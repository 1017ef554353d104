/*
 * The dialogue against servers that say anything: whatever they say, it comes
 * to an end, every job is done once, and nobody is unknown, or valid, but by a
 * reply to RCPT that says so.
 */
#include "policyd/dialogue.h"

#include <stdint.h>
#include <stdlib.h>

#include "tests/support/cmocka.h"

/* The test's own view of a session: which commands await replies, and what
 * evidence has come for the job under way. */
struct witness {
	struct bmx_dialogue dlg;
	uint64_t seed;
	char awaited[4]; /* 'g'reeting, 'm'ail, 'r'cpt, 'x' random,
	                  * 'p'ostmaster, 'o'ther */
	size_t awaited_count;
	bool in_transaction;
	bool job;
	bool confirm;
	bool saw_valid;
	bool saw_unknown;
	bool saw_maybe;
	bool postmaster_taken;
	size_t done;
	size_t unknown; /* over all sessions: the test is not empty */
	size_t replies;
};

static unsigned
draw(struct witness *w, unsigned below)
{
	w->seed = w->seed * UINT64_C(6364136223846793005) + 1;
	return (unsigned)((w->seed >> 33) % below);
}

static char
kind_of(const char *line)
{
	if (strncmp(line, "MAIL", 4) == 0)
		return 'm';
	if (strncmp(line, "RCPT TO:<rnd", 12) == 0)
		return 'x';
	if (strncmp(line, "RCPT TO:<postmaster", 19) == 0)
		return 'p';
	return strncmp(line, "RCPT", 4) == 0 ? 'r' : 'o';
}

static void
note_sent(struct witness *w, const char *commands)
{
	assert_int_equal(w->awaited_count, 0);
	while (*commands != '\0') {
		assert_in_range(w->awaited_count, 0, 3);
		w->awaited[w->awaited_count++] = kind_of(commands);
		commands = strstr(commands, "\r\n") + 2;
	}
}

static void
note_rcpt(struct witness *w, char kind, const struct bmx_smtp_reply *got)
{
	const enum bmx_rcpt_class rcpt_class = bmx_rcpt_classify(got);

	if (kind == 'p')
		w->postmaster_taken |= rcpt_class == BMX_RCPT_VALID;
	if (kind != 'r')
		return;
	w->saw_valid |= rcpt_class == BMX_RCPT_VALID;
	w->saw_unknown |= rcpt_class == BMX_RCPT_UNKNOWN;
	w->saw_maybe |= rcpt_class == BMX_RCPT_UNKNOWN_IF_POSTMASTER;
}

static void
note_reply(struct witness *w, const struct bmx_smtp_reply *got)
{
	char kind;

	w->replies++;
	if (w->awaited_count == 0)
		return;
	kind = w->awaited[0];
	memmove(w->awaited, w->awaited + 1, --w->awaited_count);
	if (kind == 'm')
		w->in_transaction = got->code / 100 == 2;
	else if (w->in_transaction)
		note_rcpt(w, kind, got);
}

static void
check_result(struct witness *w)
{
	const struct bmx_probe_result *result = bmx_dialogue_result(&w->dlg);

	assert_true(w->job);
	w->job = false;
	w->done++;
	if (result->outcome == BMX_PROBE_VALID ||
	    result->outcome == BMX_PROBE_ACCEPTS_ALL)
		assert_true(w->saw_valid);
	if (result->outcome != BMX_PROBE_UNKNOWN)
		return;
	w->unknown++;
	assert_true(w->saw_unknown || w->saw_maybe);
	assert_false(w->saw_valid);
	if (w->confirm || !w->saw_unknown)
		assert_true(w->postmaster_taken);
}

static void
give_random_job(struct witness *w)
{
	struct bmx_probe_job job = {.local = BMX_SLICE("joe"),
	                            .domain = BMX_SLICE("d")};

	w->confirm = job.confirm = draw(w, 3) == 0;
	if (draw(w, 3) == 0)
		job.random_local = BMX_SLICE("rnd");
	if (draw(w, 10) == 0)
		job.local = BMX_SLICE("\xc3\xa4");
	w->job = true;
	w->saw_valid = w->saw_unknown = w->saw_maybe = false;
	w->postmaster_taken = false;
	bmx_dialogue_give(&w->dlg, &job);
}

static void
draw_reply(struct witness *w, struct bmx_smtp_reply *got)
{
	static const int codes[] = {250, 250, 250, 250, 220, 251, 252,
	                            354, 421, 450, 451, 500, 502, 550,
	                            551, 552, 553, 554, 200, 599};
	static const int details[][2] = {{1, 1}, {1, 0}, {1, 10}, {1, 7},
	                                 {2, 1}, {2, 2}, {7, 1},  {3, 4}};
	const unsigned pick = draw(w, 16);

	memset(got, 0, sizeof(*got));
	got->code = codes[draw(w, sizeof(codes) / sizeof(codes[0]))];
	/* A session that goes well most of the time comes further. */
	if (draw(w, 2) == 0 && w->awaited_count > 0 && w->awaited[0] != 'r')
		got->code = 250;
	if (pick < 8) {
		got->enhanced[0] = got->code / 100;
		got->enhanced[1] = details[pick][0];
		got->enhanced[2] = details[pick][1];
	}
}

static void
one_reply(struct witness *w)
{
	static const char *const lines[] = {
		"mx", "PIPELINING", "STARTTLS", "SMTPUTF8", "us", ""};
	struct bmx_smtp_reply got;
	const size_t count = draw(w, 5);

	draw_reply(w, &got);
	for (size_t i = 0; i < count; i++)
		bmx_dialogue_on_line(
			&w->dlg, got.code, i,
			bmx_slice_of(lines[i == 0 ? 0 : draw(w, 6)]));
	note_reply(w, &got);
	bmx_dialogue_on_reply(&w->dlg, &got);
}

/* What happens while the dialogue waits; rarely other than a reply. */
static void
random_event(struct witness *w)
{
	const unsigned pick = draw(w, 60);

	if (pick == 0)
		bmx_dialogue_abort(&w->dlg, BMX_PROBE_PROTOCOL + draw(w, 4),
		                   NULL);
	else if (pick == 1)
		bmx_dialogue_quit(&w->dlg);
	else
		one_reply(w);
}

static bool
turn(struct witness *w)
{
	char commands[BMX_DIALOGUE_OUTPUT_MAX];
	struct bmx_text text;

	bmx_text_init(&text, commands, sizeof(commands));
	switch (bmx_dialogue_next(&w->dlg, &text)) {
	case BMX_DIALOGUE_SEND:
		note_sent(w, commands);
		break;
	case BMX_DIALOGUE_START_TLS:
		if (draw(w, 4) != 0)
			bmx_dialogue_secured(&w->dlg);
		else
			bmx_dialogue_abort(&w->dlg, BMX_PROBE_CLOSED, "x");
		break;
	case BMX_DIALOGUE_JOB_DONE:
		check_result(w);
		break;
	case BMX_DIALOGUE_IDLE:
		if (draw(w, 20) != 0)
			give_random_job(w);
		else
			random_event(w);
		break;
	case BMX_DIALOGUE_WAIT:
		assert_true(bmx_dialogue_awaits(&w->dlg));
		random_event(w);
		break;
	case BMX_DIALOGUE_CLOSE:
	case BMX_DIALOGUE_ACTS:
		return false;
	}
	return true;
}

static void
random_session(struct witness *w)
{
	const struct bmx_dialogue_config config = {
		.hostname = "us",
		.sender = "",
		.refuses_null_sender = draw(w, 4) == 0,
		.tls = (enum bmx_config_tls)draw(w, 5),
		.check_only = draw(w, 20) == 0,
	};

	bmx_dialogue_init(&w->dlg, &config);
	w->awaited[0] = 'g';
	w->awaited_count = 1;
	w->in_transaction = w->job = false;
	w->replies = 0;
	if (draw(w, 2) == 0 && bmx_dialogue_takes_job(&w->dlg))
		give_random_job(w);
	while (turn(w))
		assert_in_range(w->replies, 0, BMX_DIALOGUE_REPLIES_MAX);
	/* Each job that was given is done. */
	assert_false(w->job);
	assert_false(bmx_dialogue_takes_job(&w->dlg));
}

static void
test_random_sessions(void **state)
{
	static struct witness w;

	(void)state;
	w.seed = 5;
	for (int i = 0; i < 200000; i++)
		random_session(&w);
	assert_in_range(w.unknown, 5000, SIZE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
