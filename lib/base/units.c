#include <backupmx/units.h>

#include <stdbool.h>
#include <stddef.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: the first that divides a value is how it is shown. */
static const struct unit durations[] = {
	{"w", INT64_C(7) * 24 * 3600 * 1000},
	{"d", INT64_C(24) * 3600 * 1000},
	{"h", INT64_C(3600) * 1000},
	{"m", INT64_C(60) * 1000},
	{"s", 1000},
	{"ms", 1},
};

static const struct unit sizes[] = {
	{"G", INT64_C(1024) * 1024 * 1024},
	{"M", INT64_C(1024) * 1024},
	{"K", 1024},
	{"", 1},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes the digits off the front of *text. */
static int
take_number(struct bmx_slice *text, int64_t *value_out)
{
	int64_t value = 0;
	size_t len = 0;

	for (; len < text->len && is_digit(text->data[len]); len++) {
		const int digit = text->data[len] - '0';

		if (value > (INT64_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (len == 0)
		return -1;
	text->data += len;
	text->len -= len;
	*value_out = value;
	return 0;
}

static int
parse(struct bmx_slice text, const struct unit *units, size_t count,
      int64_t *value_out)
{
	int64_t value;

	if (take_number(&text, &value) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!bmx_slice_equal(text, bmx_slice_of(units[i].name)))
			continue;
		if (value > INT64_MAX / units[i].factor)
			return -1;
		*value_out = value * units[i].factor;
		return 0;
	}
	return -1;
}

static void
append(struct bmx_text *text, int64_t value, const struct unit *units,
       size_t count)
{
	size_t i = 0;

	while (i < count - 1 && (value == 0 || value % units[i].factor != 0))
		i++;
	bmx_text_printf(text, "%lld%s", (long long)(value / units[i].factor),
	                units[i].name);
}

int
bmx_units_parse_duration(struct bmx_slice text, int64_t *ms_out)
{
	return parse(text, durations, COUNT(durations), ms_out);
}

int
bmx_units_parse_size(struct bmx_slice text, int64_t *bytes_out)
{
	return parse(text, sizes, COUNT(sizes), bytes_out);
}

int
bmx_units_parse_number(struct bmx_slice text, int64_t *value_out)
{
	if (take_number(&text, value_out) != 0 || text.len != 0)
		return -1;
	return 0;
}

void
bmx_units_append_duration(struct bmx_text *text, int64_t ms)
{
	append(text, ms, durations, COUNT(durations));
}

void
bmx_units_append_size(struct bmx_text *text, int64_t bytes)
{
	append(text, bytes, sizes, COUNT(sizes));
}
