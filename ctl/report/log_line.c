#include "ctl/report/log_line.h"

#include <assert.h>

static const char *const program_names[] = {"policyd", "milter"};
static_assert(sizeof(program_names) / sizeof(program_names[0]) ==
                      BMXCTL_LOG_PROGRAMS,
              "one name each");

static const struct bmx_slice tags[] = {
	{"backupmx-policyd", sizeof("backupmx-policyd") - 1},
	{"backupmx-milter", sizeof("backupmx-milter") - 1},
};

const char *
bmxctl_log_program_name(enum bmxctl_log_program program)
{
	return program_names[program];
}

static void
skip(struct bmx_slice *text, size_t count)
{
	text->data += count;
	text->len -= count;
}

/* A number of exactly so many digits; -1 for anything else. */
static int
take_digits(struct bmx_slice *text, size_t digits)
{
	int value = 0;

	if (text->len < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		if (text->data[i] < '0' || text->data[i] > '9')
			return -1;
		value = 10 * value + (text->data[i] - '0');
	}
	skip(text, digits);
	return value;
}

/* The word up to a blank, and the blank. */
static bool
take_word(struct bmx_slice *text)
{
	const char *blank = memchr(text->data, ' ', text->len);

	if (!blank || blank == text->data)
		return false;
	skip(text, (size_t)(blank - text->data) + 1);
	return true;
}

static bool
take_clock(struct bmx_slice *text, int *second_out)
{
	const int hour = take_digits(text, 2);
	const bool first = bmx_slice_take(text, BMX_SLICE(":"));
	const int minute = take_digits(text, 2);
	const bool second_colon = bmx_slice_take(text, BMX_SLICE(":"));
	const int second = take_digits(text, 2);

	*second_out = hour * 3600 + minute * 60 + second;
	return first && second_colon && hour >= 0 && hour < 24 && minute >= 0 &&
		minute < 60 && second >= 0 && second < 61;
}

/* "2026-11-20T10:57:10.123+01:00 " */
static bool
take_rfc3339(struct bmx_slice *text, struct bmxctl_log_line *line)
{
	struct bmx_slice rest = *text;
	const int year = take_digits(&rest, 4);
	const bool dash = bmx_slice_take(&rest, BMX_SLICE("-"));
	const int month = take_digits(&rest, 2);
	const bool dash2 = bmx_slice_take(&rest, BMX_SLICE("-"));
	const int day = take_digits(&rest, 2);
	int second;

	if (year < 1 || !dash || !dash2 || month < 1 || month > 12 || day < 1 ||
	    day > 31 || !bmx_slice_take(&rest, BMX_SLICE("T")) ||
	    !take_clock(&rest, &second) || rest.len == 0 || !take_word(&rest))
		return false;
	line->year = year;
	line->month = month;
	line->day = day;
	line->second_of_day = second;
	*text = rest;
	return true;
}

static int
take_month(struct bmx_slice *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (bmx_slice_take(text, (struct bmx_slice){&months[3 * i], 3}))
			return i + 1;
	return -1;
}

/* "Nov 20 10:57:10 ", "Nov  2 10:57:10 " */
static bool
take_rfc3164(struct bmx_slice *text, struct bmxctl_log_line *line)
{
	struct bmx_slice rest = *text;
	const int month = take_month(&rest);
	const bool blank = bmx_slice_take(&rest, BMX_SLICE(" "));
	const int day = bmx_slice_take(&rest, BMX_SLICE(" ")) ?
		take_digits(&rest, 1) :
		take_digits(&rest, 2);
	int second;

	if (month < 1 || !blank || day < 1 || day > 31 ||
	    !bmx_slice_take(&rest, BMX_SLICE(" ")) ||
	    !take_clock(&rest, &second) ||
	    !bmx_slice_take(&rest, BMX_SLICE(" ")))
		return false;
	line->year = 0;
	line->month = month;
	line->day = day;
	line->second_of_day = second;
	*text = rest;
	return true;
}

/* "backupmx-policyd[812]: " or without the number. */
static bool
take_tag(struct bmx_slice *text, enum bmxctl_log_program *program_out)
{
	struct bmx_slice rest = *text;
	int program = 0;

	while (program < BMXCTL_LOG_PROGRAMS &&
	       !bmx_slice_take(&rest, tags[program]))
		program++;
	if (program == BMXCTL_LOG_PROGRAMS)
		return false;
	if (bmx_slice_take(&rest, BMX_SLICE("["))) {
		while (take_digits(&rest, 1) >= 0)
			;
		if (!bmx_slice_take(&rest, BMX_SLICE("]")))
			return false;
	}
	if (!bmx_slice_take(&rest, BMX_SLICE(": ")))
		return false;
	*program_out = (enum bmxctl_log_program)program;
	*text = rest;
	return true;
}

/* What a daemon in the foreground writes itself, seen by the journal. */
static void
take_own_head(struct bmx_slice *text)
{
	static const char *const levels[] = {
		"debug: ", "info: ", "warn: ", "error: ", "fatal: "};
	enum bmxctl_log_program program;

	(void)take_tag(text, &program);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (bmx_slice_take(text, bmx_slice_of(levels[i])))
			return;
}

static bool
is_key(char c)
{
	return (c >= 'a' && c <= 'z') || c == '_';
}

/* Up to end, or to the end of a line that was cut. */
static struct bmx_slice
take_until(struct bmx_slice *text, char end, bool with_end)
{
	const char *at = memchr(text->data, end, text->len);
	const struct bmx_slice value = {
		text->data, at ? (size_t)(at - text->data) : text->len};

	skip(text, value.len + (at && with_end ? 1 : 0));
	return value;
}

static struct bmx_slice
take_value(struct bmx_slice *text)
{
	if (bmx_slice_take(text, BMX_SLICE("\"")))
		return take_until(text, '"', true);
	if (bmx_slice_take(text, BMX_SLICE("<")))
		return take_until(text, '>', true);
	return take_until(text, ' ', false);
}

/* @return false at the end, and at what is no pair */
static bool
take_pair(struct bmx_slice *text, struct bmxctl_log_pair *pair)
{
	size_t len = 0;

	while (len < text->len && is_key(text->data[len]))
		len++;
	if (len == 0 || len == text->len || text->data[len] != '=')
		return false;
	pair->key = (struct bmx_slice){text->data, len};
	skip(text, len + 1);
	pair->value = take_value(text);
	(void)bmx_slice_take(text, BMX_SLICE(" "));
	return true;
}

bool
bmxctl_log_line_parse(struct bmx_slice text, struct bmxctl_log_line *line_out)
{
	struct bmxctl_log_line *line = line_out;

	*line = (struct bmxctl_log_line){0};
	line->has_time = take_rfc3339(&text, line) || take_rfc3164(&text, line);
	if (line->has_time && (text.len == 0 || !take_word(&text)))
		return false; /* the host */
	if (!take_tag(&text, &line->program))
		return false;
	take_own_head(&text);
	while (line->count < BMXCTL_LOG_PAIRS_MAX &&
	       take_pair(&text, &line->pairs[line->count]))
		line->count++;
	line->event = bmxctl_log_value(line, "ev");
	return line->event.len > 0;
}

struct bmx_slice
bmxctl_log_value(const struct bmxctl_log_line *line, const char *key)
{
	for (size_t i = 0; i < line->count; i++)
		if (bmx_slice_equal(line->pairs[i].key, bmx_slice_of(key)))
			return line->pairs[i].value;
	return (struct bmx_slice){"", 0};
}
