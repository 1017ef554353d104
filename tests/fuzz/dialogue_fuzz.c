/*
 * A whole session against a hostile server: the first octets choose what is
 * asked, the rest is what the server sends, cut into replies as it comes. A
 * recipient is unknown only by a reply to RCPT that says so, and every job
 * that was given is done by the time the session is over.
 */
#include "policyd/dialogue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

struct session {
	struct bmx_dialogue dlg;
	struct bmx_smtp_reply_parser parser;
	struct bmx_slice input;
	uint8_t options;
	bool job;
	bool unknown_said; /* by a reply while RCPT was awaited */
	size_t replies;
};

static void
give(struct session *s)
{
	const struct bmx_probe_job job = {
		.local = s->options & 0x08 ? BMX_SLICE("j\xc3\xb6") :
					     BMX_SLICE("joe"),
		.domain = BMX_SLICE("example.test"),
		.random_local = s->options & 0x10 ? BMX_SLICE("rnd") :
						    (struct bmx_slice){0},
		.confirm = (s->options & 0x20) != 0,
	};

	require(!s->job);
	s->job = true;
	s->unknown_said = false;
	bmx_dialogue_give(&s->dlg, &job);
}

static void
take_result(struct session *s)
{
	const struct bmx_probe_result *result = bmx_dialogue_result(&s->dlg);

	require(s->job);
	s->job = false;
	require((result->outcome == BMX_PROBE_UNSURE) ==
	        (result->why != BMX_PROBE_WHY_NONE));
	if (result->outcome == BMX_PROBE_UNKNOWN)
		require(s->unknown_said);
}

/* Takes the next reply of the input; none: the server has closed. */
static void
receive(struct session *s)
{
	struct bmx_smtp_reply reply;
	struct bmx_error err;
	const int got = bmx_smtp_reply_parser_next(&s->parser, &s->input,
	                                           bmx_dialogue_on_line,
	                                           &s->dlg, &reply, &err);

	if (got <= 0) {
		bmx_dialogue_abort(&s->dlg,
		                   got < 0 ? BMX_PROBE_PROTOCOL :
		                             BMX_PROBE_CLOSED,
		                   got < 0 ? err.text : NULL);
		return;
	}
	s->replies++;
	if (bmx_dialogue_state(&s->dlg) == BMX_DLG_RCPT &&
	    bmx_rcpt_class_is_unknown(bmx_rcpt_classify(&reply)))
		s->unknown_said = true;
	bmx_dialogue_on_reply(&s->dlg, &reply);
}

static void
check_commands(const struct bmx_text *text)
{
	size_t lines = 0;

	require(!text->cut && text->len >= 2);
	for (size_t i = 0; i < text->len; i++) {
		require(text->data[i] != '\0');
		if (text->data[i] == '\n')
			lines++;
		require((text->data[i] == '\n') ==
		        (i > 0 && text->data[i - 1] == '\r'));
	}
	require(lines >= 1 && lines <= 3);
}

static bool
turn(struct session *s)
{
	char commands[BMX_DIALOGUE_OUTPUT_MAX];
	struct bmx_text text;

	bmx_text_init(&text, commands, sizeof(commands));
	switch (bmx_dialogue_next(&s->dlg, &text)) {
	case BMX_DIALOGUE_SEND:
		check_commands(&text);
		break;
	case BMX_DIALOGUE_START_TLS:
		bmx_dialogue_secured(&s->dlg);
		break;
	case BMX_DIALOGUE_JOB_DONE:
		take_result(s);
		break;
	case BMX_DIALOGUE_IDLE:
		if (s->options & 0x80)
			receive(s);
		else
			give(s);
		break;
	case BMX_DIALOGUE_WAIT:
		require(bmx_dialogue_awaits(&s->dlg));
		receive(s);
		break;
	case BMX_DIALOGUE_CLOSE:
	case BMX_DIALOGUE_ACTS:
		return false;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session s;
	struct bmx_dialogue_config config = {.hostname = "us.example.test",
	                                     .sender = ""};

	if (size < 1)
		return 0;
	memset(&s, 0, sizeof(s));
	s.options = data[0];
	s.input = (struct bmx_slice){(const char *)data + 1, size - 1};
	config.tls = (enum bmx_config_tls)((data[0] & 7) % 5);
	config.refuses_null_sender = (data[0] & 0x40) != 0;
	bmx_dialogue_init(&s.dlg, &config);
	give(&s);
	while (turn(&s))
		require(s.replies <= BMX_DIALOGUE_REPLIES_MAX);
	require(!s.job);
	return 0;
}
