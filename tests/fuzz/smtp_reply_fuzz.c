/*
 * Replies of an SMTP server, however they arrive: the first octet of the
 * input chooses the size of the pieces, and pieces must give what the whole
 * gives. What is read keeps to its ranges and caps.
 */
#include <backupmx/smtp_reply.h>

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

/* One way of feeding: a parser, and how much of the input it has seen. */
struct feeder {
	struct bmx_smtp_reply_parser parser;
	struct bmx_slice input; /* not used yet */
	size_t shown;           /* of input */
	size_t step;
	size_t lines; /* of this reply */
	uint64_t sum; /* over the lines told */
};

static void
on_line(void *ctx, int code, size_t index, struct bmx_slice text)
{
	struct feeder *feeder = ctx;

	require(code >= 200 && code <= 599);
	require(index == feeder->lines && index < BMX_SMTP_REPLY_LINES_MAX);
	require(text.len < BMX_SMTP_LINE_MAX);
	feeder->lines++;
	feeder->sum = feeder->sum * 31 + (uint64_t)code;
	for (size_t i = 0; i < text.len; i++)
		feeder->sum = feeder->sum * 31 + (unsigned char)text.data[i];
}

/* 1 with the next reply, 0 at the input's end, -1 at an error. */
static int
next_reply(struct feeder *feeder, struct bmx_smtp_reply *reply,
           struct bmx_error *err)
{
	feeder->lines = 0;
	for (;;) {
		struct bmx_slice part = {feeder->input.data, feeder->shown};
		const int got = bmx_smtp_reply_parser_next(
			&feeder->parser, &part, on_line, feeder, reply, err);
		const size_t used = feeder->shown - part.len;

		feeder->input.data += used;
		feeder->input.len -= used;
		feeder->shown = part.len;
		if (got != 0 || feeder->shown == feeder->input.len)
			return got;
		feeder->shown += feeder->step;
		if (feeder->shown > feeder->input.len)
			feeder->shown = feeder->input.len;
	}
}

static void
check_reply(const struct bmx_smtp_reply *reply)
{
	const size_t len = strlen(reply->text);

	require(reply->code >= 200 && reply->code <= 599);
	require(reply->enhanced[0] == 0 ||
	        reply->enhanced[0] == reply->code / 100);
	for (size_t i = 0; i < 3; i++)
		require(reply->enhanced[i] >= 0 && reply->enhanced[i] <= 999);
	require(len < BMX_SMTP_TEXT_MAX);
	for (size_t i = 0; i < len; i++)
		require(reply->text[i] >= ' ' && reply->text[i] <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feeder whole = {.step = 1};
	struct feeder pieces = {.step = 1};
	struct bmx_smtp_reply a;
	struct bmx_smtp_reply b;
	struct bmx_error err_a = {.code = BMX_E_NONE};
	struct bmx_error err_b = {.code = BMX_E_NONE};
	int got;

	if (size > 0) {
		pieces.step = (size_t)data[0] + 1;
		data++;
		size--;
	}
	whole.input = pieces.input =
		(struct bmx_slice){(const char *)data, size};
	whole.shown = size;
	do {
		got = next_reply(&whole, &a, &err_a);
		require(next_reply(&pieces, &b, &err_b) == got);
		require(whole.sum == pieces.sum && err_a.code == err_b.code);
		if (got == 1) {
			check_reply(&a);
			require(memcmp(&a, &b, sizeof(a)) == 0);
		}
	} while (got == 1);
	return 0;
}
