/*
 * Policy requests, however they arrive: the first octet of the input chooses
 * the size of the pieces, and pieces must give what the whole gives. What is
 * read can be written and is read again as the same.
 */
#include <backupmx/policy_request.h>

#include <stdint.h>
#include <stdlib.h>

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* The fields of a request in a row, for all comparisons. */
enum { FIELDS = sizeof(struct bmx_policy_request) / sizeof(struct bmx_slice) };

static const struct bmx_slice *
fields_of(const struct bmx_policy_request *request)
{
	return &request->request;
}

static int
read_piece(struct bmx_policy_parser *parser, struct bmx_slice *input,
           size_t len, struct bmx_error *err)
{
	char *space;
	const size_t room = bmx_policy_parser_space(parser, &space, err);

	if (room == 0)
		return -1;
	len = len < room ? len : room;
	len = len < input->len ? len : input->len;
	memcpy(space, input->data, len);
	bmx_policy_parser_filled(parser, len);
	input->data += len;
	input->len -= len;
	return 0;
}

static void
check_same(const struct bmx_policy_request *a,
           const struct bmx_policy_request *b)
{
	for (size_t i = 0; i < FIELDS; i++)
		require(bmx_slice_equal(fields_of(a)[i], fields_of(b)[i]));
}

static void
check_rebuilt(const struct bmx_policy_request *request)
{
	static char buffer[BMX_POLICY_REQUEST_MAX + 1];
	struct bmx_policy_parser *parser = bmx_policy_parser_new();
	struct bmx_policy_request again;
	struct bmx_slice input;
	struct bmx_error err;
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	require(bmx_policy_request_append(&text, request) == 0);
	input = bmx_text_slice(&text);
	while (input.len > 0)
		require(read_piece(parser, &input, input.len, &err) == 0);
	require(bmx_policy_parser_next(parser, &again, &err) == 1);
	check_same(request, &again);
	require(!bmx_policy_parser_pending(parser));
	bmx_policy_parser_free(&parser);
}

/* One way of feeding: a parser and what it has not been given yet. */
struct feeder {
	struct bmx_policy_parser *parser;
	struct bmx_slice input;
	size_t step;
};

/* 1 with the next request, 0 at the input's end, -1 at an error. */
static int
next_request(struct feeder *feeder, struct bmx_policy_request *request,
             struct bmx_error *err)
{
	int got;

	while ((got = bmx_policy_parser_next(feeder->parser, request, err)) ==
	       0) {
		bmx_policy_parser_rest(feeder->parser);
		if (feeder->input.len == 0)
			return 0;
		if (read_piece(feeder->parser, &feeder->input, feeder->step,
		               err) != 0)
			return -1;
	}
	return got;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmx_slice input = {(const char *)data, size};
	struct feeder whole = {.step = SIZE_MAX};
	struct feeder pieces = {.step = 1};
	struct bmx_policy_request a;
	struct bmx_policy_request b;
	struct bmx_error err_a = {.code = BMX_E_NONE};
	struct bmx_error err_b = {.code = BMX_E_NONE};
	int got;

	if (size > 0) {
		pieces.step = (size_t)data[0] + 1;
		input.data++;
		input.len--;
	}
	whole.parser = bmx_policy_parser_new();
	pieces.parser = bmx_policy_parser_new();
	whole.input = pieces.input = input;
	do {
		got = next_request(&whole, &a, &err_a);
		require(next_request(&pieces, &b, &err_b) == got);
		require(err_a.code == err_b.code);
		if (got == 1) {
			check_same(&a, &b);
			check_rebuilt(&a);
		}
	} while (got == 1);
	bmx_policy_parser_free(&whole.parser);
	bmx_policy_parser_free(&pieces.parser);
	return 0;
}
