/* From a value's text to its field. */
#include <stdlib.h>

#include <backupmx/units.h>

#include "config_priv.h"

struct conversion {
	const struct config_row *row;
	const struct config_value *value;
	char *base;
	struct bmx_arena *arena;
	struct bmx_config_problems *problems;
};

static void
wrong(const struct conversion *c, size_t item, const char *expected)
{
	const bool there = item < c->value->count;
	struct config_place at = c->value->at;

	if (there)
		at.line = c->value->lines[item];
	config_problem(c->problems, at, false, "%s: bad value \"%.80s\": %s",
	               c->value->name, there ? c->value->items[item] : "{}",
	               expected);
}

static struct bmx_slice
first(const struct conversion *c)
{
	return bmx_slice_of(c->value->items[0]);
}

static void
out_of_range(const struct conversion *c)
{
	const bool duration = c->row->type == CONFIG_DURATION;
	char buffer[128];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_string(&text, "out of range: ");
	if (duration) {
		bmx_units_append_duration(&text, c->row->least);
		bmx_text_append_string(&text, " to ");
		bmx_units_append_duration(&text, c->row->most);
	} else if (c->row->type == CONFIG_SIZE) {
		bmx_units_append_size(&text, c->row->least);
		bmx_text_append_string(&text, " to ");
		bmx_units_append_size(&text, c->row->most);
	} else {
		bmx_text_printf(&text, "%lld to %lld", (long long)c->row->least,
		                (long long)c->row->most);
	}
	wrong(c, 0, buffer);
}

static void
convert_number(const struct conversion *c)
{
	int64_t number;
	int result;
	const char *expected = "a whole number";

	if (c->row->type == CONFIG_DURATION) {
		expected = "a number and its unit, ms s m h d or w, as \"5m\"";
		result = bmx_units_parse_duration(first(c), &number);
	} else if (c->row->type == CONFIG_SIZE) {
		expected = "a number and its unit, K M or G, as \"10M\"";
		result = bmx_units_parse_size(first(c), &number);
	} else {
		result = bmx_units_parse_number(first(c), &number);
	}
	if (result != 0)
		wrong(c, 0, expected);
	else if (number < c->row->least || number > c->row->most)
		out_of_range(c);
	else
		memcpy(c->base + c->row->offset, &number, sizeof(number));
}

static void
convert_bool(const struct conversion *c)
{
	static const char *const words[] = {"false", "no", "true", "yes"};

	for (size_t i = 0; i < 4; i++) {
		if (strcmp(c->value->items[0], words[i]) == 0) {
			const bool on = i >= 2;

			memcpy(c->base + c->row->offset, &on, sizeof(on));
			return;
		}
	}
	wrong(c, 0, "true or false");
}

/* The place of the value in the row's words, or -1. */
static int
word_at(const struct conversion *c)
{
	for (int i = 0; c->row->words[i]; i++)
		if (strcmp(c->value->items[0], c->row->words[i]) == 0)
			return i;
	return -1;
}

/* The same; -1 with a problem. */
static int
find_word(const struct conversion *c)
{
	const int word = word_at(c);
	char buffer[128];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_string(&text, "allowed:");
	for (int i = 0; c->row->words[i]; i++)
		bmx_text_printf(&text, " %s", c->row->words[i]);
	if (c->row->type == CONFIG_RESPONSE && c->row->most > 0)
		bmx_text_printf(&text, " score=1 to score=%lld",
		                (long long)c->row->most);
	if (word < 0)
		wrong(c, 0, buffer);
	return word;
}

/* The points of "score=N"; 0 when it is no such value. */
static int64_t
points_of(const struct conversion *c)
{
	static const char score[] = "score=";
	const size_t len = sizeof(score) - 1;
	const char *text = c->value->items[0];
	int64_t points;

	if (strncmp(text, score, len) != 0 ||
	    bmx_units_parse_number(bmx_slice_of(text + len), &points) != 0 ||
	    points > c->row->most)
		return 0;
	return points;
}

static void
convert_response(const struct conversion *c)
{
	const int points = (int)points_of(c);
	const int word = points > 0 ? BMX_ACTION_SCORE : find_word(c);
	const struct bmx_config_response response = {
		(enum bmx_config_action)word, points};

	if (word >= 0)
		memcpy(c->base + c->row->offset, &response, sizeof(response));
}

static void
convert_enum(const struct conversion *c)
{
	const int word = find_word(c);

	/* gcc and clang give these enums the size of an int. */
	if (word >= 0)
		memcpy(c->base + c->row->offset, &word, sizeof(word));
}

static void
convert_mode(const struct conversion *c)
{
	const struct bmx_slice text = first(c);
	mode_t mode = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.len > 4 || text.data[i] < '0' || text.data[i] > '7')
			mode = (mode_t)c->row->most + 1;
		else
			mode = mode * 8 + (mode_t)(text.data[i] - '0');
	}
	if (text.len < 3 || mode > (mode_t)c->row->most) {
		wrong(c, 0, "an octal mode up to 0777, as \"0660\"");
		return;
	}
	memcpy(c->base + c->row->offset, &mode, sizeof(mode));
}

static void
convert_string(const struct conversion *c)
{
	const char *string = c->value->items[0];
	const char *expected = config_check(c->row, string);
	const size_t len = strlen(string);

	if (len < (size_t)c->row->least)
		wrong(c, 0, "may not be empty");
	else if (len > (size_t)c->row->most)
		wrong(c, 0, "too long");
	else if (expected)
		wrong(c, 0, expected);
	else if (!c->row->words || find_word(c) >= 0)
		memcpy(c->base + c->row->offset, &string, sizeof(string));
}

static bool
count_fits(const struct conversion *c)
{
	if ((int64_t)c->value->count < c->row->least)
		wrong(c, c->value->count, "may not be empty");
	else if ((int64_t)c->value->count > c->row->most)
		wrong(c, c->value->count, "too many entries");
	else
		return true;
	return false;
}

static void
convert_strings(const struct conversion *c)
{
	const struct bmx_config_strings strings = {c->value->items,
	                                           c->value->count};

	bool good = true;

	for (size_t i = 0; i < strings.count; i++) {
		const char *expected = strings.items[i][0] == '\0' ?
			"an entry may not be empty" :
			config_check(c->row, strings.items[i]);

		if (expected) {
			wrong(c, i, expected);
			good = false;
		}
	}
	if (good)
		memcpy(c->base + c->row->offset, &strings, sizeof(strings));
}

static void
convert_endpoint(const struct conversion *c)
{
	const bool on = c->value->items[0][0] != '\0';
	struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_UNIX};
	struct bmx_error err;

	if ((on || c->row->type == CONFIG_ENDPOINT) &&
	    bmx_endpoint_parse(first(c), &endpoint, &err) != 0) {
		wrong(c, 0, err.text);
		return;
	}
	if (c->row->type == CONFIG_ENDPOINT_OR_OFF)
		memcpy(c->base + c->row->second, &on, sizeof(on));
	memcpy(c->base + c->row->offset, &endpoint, sizeof(endpoint));
}

static void
set_array(const struct conversion *c, const void *items)
{
	const size_t count = c->value->count;

	memcpy(c->base + c->row->offset, &items, sizeof(items));
	memcpy(c->base + c->row->second, &count, sizeof(count));
}

static void
convert_endpoints(const struct conversion *c)
{
	const size_t count = c->value->count;
	struct bmx_endpoint *items =
		bmx_arena_alloc(c->arena, (count + 1) * sizeof(*items));
	struct bmx_error err;
	bool good = items != NULL;

	for (size_t i = 0; items && i < count; i++) {
		const struct bmx_slice text = bmx_slice_of(c->value->items[i]);

		if (bmx_endpoint_parse(text, &items[i], &err) != 0) {
			wrong(c, i, err.text);
			good = false;
		}
	}
	if (!items)
		wrong(c, 0, "memory is short");
	if (good)
		set_array(c, items);
}

static void
convert_networks(const struct conversion *c)
{
	const size_t count = c->value->count;
	struct bmx_config_network *items =
		bmx_arena_alloc(c->arena, (count + 1) * sizeof(*items));
	bool good = items != NULL;

	for (size_t i = 0; items && i < count; i++) {
		const char *text =
			bmx_config_network_read(c->value->items[i], &items[i]);

		if (text) {
			wrong(c, i, text);
			good = false;
		}
	}
	if (!items)
		wrong(c, 0, "memory is short");
	if (good)
		set_array(c, items);
}

static bool
takes_list(enum config_type type)
{
	return type == CONFIG_STRINGS || type == CONFIG_ENDPOINTS ||
		type == CONFIG_NETWORKS;
}

void
config_convert(const struct config_row *row, const struct config_value *value,
               void *base, struct bmx_arena *arena,
               struct bmx_config_problems *problems)
{
	static void (*const converters[])(const struct conversion *) = {
		[CONFIG_STRING] = convert_string,
		[CONFIG_STRINGS] = convert_strings,
		[CONFIG_NUMBER] = convert_number,
		[CONFIG_DURATION] = convert_number,
		[CONFIG_SIZE] = convert_number,
		[CONFIG_PERCENT] = convert_number,
		[CONFIG_BOOL] = convert_bool,
		[CONFIG_ENUM] = convert_enum,
		[CONFIG_RESPONSE] = convert_response,
		[CONFIG_MODE] = convert_mode,
		[CONFIG_ENDPOINT] = convert_endpoint,
		[CONFIG_ENDPOINT_OR_OFF] = convert_endpoint,
		[CONFIG_ENDPOINTS] = convert_endpoints,
		[CONFIG_NETWORKS] = convert_networks,
	};
	const struct conversion c = {row, value, base, arena, problems};

	if (value->is_list != takes_list(row->type))
		config_problem(
			problems, value->at, false, "%s: %s", value->name,
			value->is_list ? "expected one value, not a list" :
					 "expected a list: {\"a\", \"b\"}");
	else if (!value->is_list || count_fits(&c))
		converters[row->type](&c);
}
