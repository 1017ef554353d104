/*
 * The shape of a file: names, braces and lines, by libconfuse's own rules for
 * comments and strings. What libconfuse would do silently is refused here:
 * environment variables in values, octal escapes, control characters, and
 * stray octets, which it drops.
 */
#include "config_priv.h"

static bool
is_punct(char c)
{
	return c != '\0' && strchr("={}(),+", c) != NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') ||
		(c != '\0' && strchr("_-.:@%~[]", c) != NULL);
}

static void
step(struct config_scan *scan)
{
	if (scan->data[scan->at] == '\n')
		scan->line++;
	scan->at++;
}

static int
bad(const struct config_scan *scan, struct config_place *at_out,
    struct bmx_error *err, const char *text)
{
	*at_out = (struct config_place){scan->file, scan->line};
	return bmx_error_set(err, BMX_E_SYNTAX, "%s", text);
}

/* Steps over a string; what is wrong with it, or NULL. */
static const char *
pass_string(struct config_scan *scan)
{
	const char quote = scan->data[scan->at];

	for (step(scan); scan->at < scan->len; step(scan)) {
		const char c = scan->data[scan->at];
		const char next = scan->data[scan->at + 1];

		if (c == quote) {
			step(scan);
			return NULL;
		}
		if (c == '\n')
			return "a string goes past the end of its line";
		if ((unsigned char)c < 32 || c == 127)
			return "control character in a string";
		if (c == '$' && next == '{')
			return "environment variables are not looked up; "
			       "write \"\\${\" for the characters";
		if (c == '\\') {
			if (next == '\0' || next == '\n')
				return "a string goes past the end of its line";
			if (!strchr("\\\"'$", next))
				return "only \\\\ \\\" \\' and \\$ may be "
				       "escaped";
			step(scan);
		}
	}
	return "a string is not closed";
}

/* Comments become blanks, so that no one else has to know them. */
static const char *
pass_comment(struct config_scan *scan)
{
	char *data = scan->data;
	const bool block = data[scan->at] == '/' && data[scan->at + 1] == '*';

	if (!block) {
		while (scan->at < scan->len && data[scan->at] != '\n')
			data[scan->at++] = ' ';
		return NULL;
	}
	data[scan->at] = ' ';
	data[scan->at + 1] = ' ';
	scan->at += 2;
	while (scan->at < scan->len) {
		if (data[scan->at] == '*' && data[scan->at + 1] == '/') {
			data[scan->at] = ' ';
			data[scan->at + 1] = ' ';
			scan->at += 2;
			return NULL;
		}
		if (data[scan->at] == '\n')
			scan->line++;
		else
			data[scan->at] = ' ';
		scan->at++;
	}
	return "a comment is not closed";
}

static bool
at_comment(const struct config_scan *scan)
{
	const char *here = scan->data + scan->at;

	return here[0] == '#' ||
		(here[0] == '/' && (here[1] == '/' || here[1] == '*'));
}

int
config_scan_clean(struct config_scan *scan, struct config_place *at_out,
                  struct bmx_error *err)
{
	scan->at = 0;
	scan->line = 1;
	while (scan->at < scan->len) {
		const struct config_scan start = *scan;
		const char c = scan->data[scan->at];
		const char *wrong = NULL;

		if (at_comment(scan))
			wrong = pass_comment(scan);
		else if (c == '"' || c == '\'')
			wrong = pass_string(scan);
		else if (is_blank(c) || is_punct(c) || is_word(c))
			step(scan);
		else
			wrong = "unexpected character: quote values that are "
				"not plain words";
		if (wrong)
			return bad(&start, at_out, err, wrong);
	}
	scan->at = 0;
	scan->line = 1;
	return 0;
}

static void
skip_blanks(struct config_scan *scan)
{
	while (scan->at < scan->len && is_blank(scan->data[scan->at]))
		step(scan);
}

enum config_token
config_scan_next(struct config_scan *scan, struct bmx_slice *text_out,
                 struct config_place *at_out)
{
	enum config_token token = CONFIG_NAME;
	size_t start;

	skip_blanks(scan);
	start = scan->at;
	*at_out = (struct config_place){scan->file, scan->line};
	*text_out = (struct bmx_slice){scan->data + start, 0};
	if (scan->at >= scan->len)
		return CONFIG_END;
	if (is_punct(scan->data[start])) {
		token = CONFIG_PUNCT;
		step(scan);
	} else if (!is_word(scan->data[start])) {
		(void)pass_string(scan); /* config_scan_clean has looked */
	} else {
		while (scan->at < scan->len && is_word(scan->data[scan->at]))
			step(scan);
	}
	text_out->len = scan->at - start;
	return token;
}

enum config_token
config_scan_peek(struct config_scan *scan, struct bmx_slice *text_out)
{
	const struct config_scan before = *scan;
	struct config_place at;
	const enum config_token token = config_scan_next(scan, text_out, &at);

	*scan = before;
	return token;
}

int
config_scan_value(struct config_scan *scan, struct bmx_slice *text_out,
                  struct config_place *at_out)
{
	const struct config_scan before = *scan;
	enum config_token token = config_scan_next(scan, text_out, at_out);
	const char *start = text_out->data;
	struct bmx_slice text = *text_out;
	struct config_place at;

	if (token == CONFIG_NAME)
		return 0;
	while (token != CONFIG_END && text.data[0] != '}' && start[0] == '{') {
		token = config_scan_next(scan, &text, &at);
		/* The brace was forgotten: another statement has begun. */
		if (token == CONFIG_PUNCT && !strchr(",}", text.data[0]))
			break;
	}
	if (token != CONFIG_PUNCT || start[0] != '{' || text.data[0] != '}') {
		*scan = before;
		return -1;
	}
	text_out->len = (size_t)(text.data + 1 - start);
	return 0;
}

void
config_scan_skip_section(struct config_scan *scan)
{
	struct config_place at;
	struct bmx_slice text;
	size_t depth = 1;

	while (depth > 0) {
		const enum config_token token =
			config_scan_next(scan, &text, &at);

		if (token == CONFIG_END)
			return;
		if (token == CONFIG_PUNCT && text.data[0] == '{')
			depth++;
		else if (token == CONFIG_PUNCT && text.data[0] == '}')
			depth--;
	}
}

void
config_scan_skip_line(struct config_scan *scan)
{
	while (scan->at < scan->len && scan->data[scan->at] != '\n')
		step(scan);
}
