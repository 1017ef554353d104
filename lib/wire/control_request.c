#include <backupmx/control_request.h>

#include <assert.h>
#include <stdbool.h>

struct verb {
	const char *name;
	bool takes_argument;
};

static const struct verb verbs[] = {
	[BMX_CONTROL_STATUS] = {"status", false},
	[BMX_CONTROL_LOOKUP] = {"lookup", true},
	[BMX_CONTROL_SYNC] = {"sync", true},
	[BMX_CONTROL_RELOAD] = {"reload", false},
	[BMX_CONTROL_PROBE] = {"probe", true},
	[BMX_CONTROL_FORGET] = {"forget", true},
	[BMX_CONTROL_KEEP] = {"keep", true},
	[BMX_CONTROL_GONE] = {"gone", true},
};

static_assert(sizeof(verbs) / sizeof(verbs[0]) == BMX_CONTROL_VERBS,
              "one row for each verb");

const char *
bmx_control_verb_name(enum bmx_control_verb verb)
{
	assert((size_t)verb < BMX_CONTROL_VERBS);
	return verbs[verb].name;
}

/* Cuts the line at its first blank; without one the argument's data is NULL. */
static void
split(struct bmx_slice line, struct bmx_slice *verb, struct bmx_slice *argument)
{
	const char *blank = memchr(line.data, ' ', line.len);

	*verb = line;
	*argument = (struct bmx_slice){NULL, 0};
	if (!blank)
		return;
	verb->len = (size_t)(blank - line.data);
	argument->data = blank + 1;
	argument->len = line.len - verb->len - 1;
}

/* A blank at an end is a second blank between words, or one too many after
 * them. Blanks within stay: a quoted local part may hold some. */
static bool
is_argument(struct bmx_slice text)
{
	if (text.len == 0 || text.data[0] == ' ' ||
	    text.data[text.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.data[i];

		if (c < ' ' || c == 0x7f)
			return false;
	}
	return true;
}

static int
check_argument(const struct verb *verb, struct bmx_slice argument,
               struct bmx_error *err)
{
	if (!verb->takes_argument) {
		if (!argument.data)
			return 1;
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "\"%s\" takes no argument", verb->name);
	}
	if (!argument.data)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "\"%s\" needs an argument", verb->name);
	if (!is_argument(argument))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "the argument of \"%s\" is malformed",
		                     verb->name);
	return 1;
}

static int
parse_line(struct bmx_slice line, struct bmx_control_request *request_out,
           struct bmx_error *err)
{
	struct bmx_slice word;
	struct bmx_slice argument;

	split(line, &word, &argument);
	for (size_t i = 0; i < BMX_CONTROL_VERBS; i++) {
		if (!bmx_slice_equal(word, bmx_slice_of(verbs[i].name)))
			continue;
		if (check_argument(&verbs[i], argument, err) < 0)
			return -1;
		request_out->verb = (enum bmx_control_verb)i;
		request_out->argument = argument;
		return 1;
	}
	return bmx_error_set(err, BMX_E_SYNTAX, "unknown request \"%.*s\"",
	                     word.len < 32 ? (int)word.len : 32, word.data);
}

int
bmx_control_request_parse(struct bmx_slice data,
                          struct bmx_control_request *request_out,
                          struct bmx_error *err)
{
	const bool full = data.len >= BMX_CONTROL_REQUEST_MAX;
	const char *end = NULL;

	if (full)
		data.len = BMX_CONTROL_REQUEST_MAX;
	if (data.len > 0)
		end = memchr(data.data, '\n', data.len);
	if (!end && full)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a request is longer than %zu octets",
		                     BMX_CONTROL_REQUEST_MAX);
	if (!end)
		return 0;
	data.len = (size_t)(end - data.data);
	return parse_line(data, request_out, err);
}
