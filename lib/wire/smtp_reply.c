#include <backupmx/smtp_reply.h>

#include <string.h>

/* "250" and the octet behind it. */
#define CODE_LEN ((size_t)3)
#define PREFIX_LEN ((size_t)4)

void
bmx_smtp_reply_parser_reset(struct bmx_smtp_reply_parser *parser)
{
	*parser = (struct bmx_smtp_reply_parser){0};
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Can a line begin like this? Looked at before the line is whole: who speaks
 * another protocol, and waits for us to answer in it, is found out at once.
 */
static bool
may_begin(struct bmx_slice line)
{
	if (line.len > 0 && (line.data[0] < '2' || line.data[0] > '5'))
		return false;
	for (size_t i = 1; i < CODE_LEN && i < line.len; i++)
		if (!is_digit(line.data[i]))
			return false;
	if (line.len < PREFIX_LEN)
		return true;
	/* A code alone is a line that servers send; its CR stands here. */
	return line.data[CODE_LEN] == ' ' || line.data[CODE_LEN] == '-' ||
		line.data[CODE_LEN] == '\r';
}

static int
check_part(struct bmx_slice part, struct bmx_error *err)
{
	if (!may_begin(part))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "a line that is no SMTP reply");
	if (part.len > 0 && memchr(part.data, '\0', part.len))
		return bmx_error_set(err, BMX_E_SYNTAX, "a NUL in a reply");
	return 0;
}

/*
 * Takes a line, without its end, off the front of the input.
 * 1 with *line_out, 0 when it is not whole, -1 with *err.
 */
static int
take_line(struct bmx_smtp_reply_parser *parser, struct bmx_slice *input,
          struct bmx_slice *line_out, struct bmx_error *err)
{
	struct bmx_slice line = *input;
	const char *end;

	if (line.len > BMX_SMTP_LINE_MAX)
		line.len = BMX_SMTP_LINE_MAX;
	end = line.len > 0 ? memchr(line.data, '\n', line.len) : NULL;
	if (end)
		line.len = (size_t)(end - line.data);
	if (check_part(line, err) != 0)
		return -1;
	if (!end && line.len == BMX_SMTP_LINE_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a line of a reply is longer than %zu "
		                     "octets",
		                     BMX_SMTP_LINE_MAX);
	if (!end)
		return 0;
	input->data += line.len + 1;
	input->len -= line.len + 1;
	parser->octets += line.len + 1;
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	*line_out = line;
	return 1;
}

static int
count_line(struct bmx_smtp_reply_parser *parser, struct bmx_error *err)
{
	parser->lines++;
	if (parser->lines > BMX_SMTP_REPLY_LINES_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a reply has more than %d lines",
		                     BMX_SMTP_REPLY_LINES_MAX);
	if (parser->octets > BMX_SMTP_REPLY_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a reply is longer than %zu octets",
		                     BMX_SMTP_REPLY_MAX);
	return 0;
}

/* A number of one to three digits off the front of *text, or -1. */
static int
take_number(struct bmx_slice *text)
{
	int value = 0;
	size_t len = 0;

	while (len < 3 && len < text->len && is_digit(text->data[len]))
		value = value * 10 + (text->data[len++] - '0');
	text->data += len;
	text->len -= len;
	return len > 0 ? value : -1;
}

/* Takes the enhanced code of a reply with that code off the front of *text,
 * if there is one. A class that is not the code's says that one of the two is
 * wrong, and not which: then there is none. */
static void
take_enhanced(struct bmx_slice *text, int code, int enhanced_out[3])
{
	struct bmx_slice rest = *text;
	int enhanced[3];

	memset(enhanced_out, 0, 3 * sizeof(enhanced_out[0]));
	for (size_t i = 0; i < 3; i++) {
		if (i > 0 && !bmx_slice_take(&rest, BMX_SLICE(".")))
			return;
		enhanced[i] = take_number(&rest);
		if (enhanced[i] < 0)
			return;
	}
	if (rest.len > 0 && rest.data[0] != ' ')
		return;
	if (enhanced[0] != code / 100)
		return;
	memcpy(enhanced_out, enhanced, sizeof(enhanced));
	*text = rest;
}

static void
copy_text(char buffer[BMX_SMTP_TEXT_MAX], struct bmx_slice text)
{
	size_t len = 0;

	for (; len < text.len && len < BMX_SMTP_TEXT_MAX - 1; len++) {
		const char c = text.data[len];

		buffer[len] = c >= ' ' && c <= '~' ? c : '?';
	}
	buffer[len] = '\0';
}

static void
fill_reply(struct bmx_smtp_reply *reply, int code, struct bmx_slice text)
{
	*reply = (struct bmx_smtp_reply){.code = code};
	bmx_slice_skip(&text, BMX_SLICE(" "));
	take_enhanced(&text, code, reply->enhanced);
	bmx_slice_skip(&text, BMX_SLICE(" "));
	copy_text(reply->text, text);
}

static int
code_of(struct bmx_slice line)
{
	return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 +
		(line.data[2] - '0');
}

int
bmx_smtp_reply_parser_next(struct bmx_smtp_reply_parser *parser,
                           struct bmx_slice *input, bmx_smtp_line_cb *on_line,
                           void *ctx, struct bmx_smtp_reply *reply_out,
                           struct bmx_error *err)
{
	struct bmx_slice line = {"", 0};
	int got;

	while ((got = take_line(parser, input, &line, err)) == 1) {
		struct bmx_slice text = {"", 0};
		bool last;

		/* What check_part let pass, as the line was not whole. */
		if (line.len < CODE_LEN ||
		    (line.len > CODE_LEN && line.data[CODE_LEN] == '\r'))
			return bmx_error_set(err, BMX_E_SYNTAX,
			                     "a line that is no SMTP reply");
		if (count_line(parser, err) != 0)
			return -1;
		last = line.len == CODE_LEN || line.data[CODE_LEN] != '-';
		if (line.len >= PREFIX_LEN)
			text = (struct bmx_slice){line.data + PREFIX_LEN,
			                          line.len - PREFIX_LEN};
		if (on_line)
			on_line(ctx, code_of(line), parser->lines - 1, text);
		if (!last)
			continue;
		fill_reply(reply_out, code_of(line), text);
		bmx_smtp_reply_parser_reset(parser);
		return 1;
	}
	return got;
}
