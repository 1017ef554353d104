#include <backupmx/policy_request.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

/* As Postfix 3.7 sends it for a RCPT. */
#define POSTFIX                                                                \
	"request=smtpd_access_policy\nprotocol_state=RCPT\n"                   \
	"protocol_name=ESMTP\nclient_address=192.0.2.7\n"                      \
	"client_name=mail-7.example\nclient_port=40123\n"                      \
	"reverse_client_name=mail-7.example\nserver_address=192.0.2.25\n"      \
	"server_port=25\nhelo_name=mail-7.example\n"                           \
	"sender=anna@example.org\nrecipient=user1@example.test\n"              \
	"recipient_count=0\nqueue_id=\ninstance=1a2b.5f00.1.0\nsize=4096\n"    \
	"etrn_domain=\nstress=\nsasl_method=\nsasl_username=\nsasl_sender=\n"  \
	"ccert_subject=\nccert_issuer=\nccert_fingerprint=\n"                  \
	"encryption_protocol=TLSv1.3\npolicy_context=\n\n"
#define POSTFIX_READ                                                           \
	"request=smtpd_access_policy,protocol_state=RCPT,"                     \
	"client_address=192.0.2.7,client_name=mail-7.example,"                 \
	"helo_name=mail-7.example,sender=anna@example.org,"                    \
	"recipient=user1@example.test,instance=1a2b.5f00.1.0,size=4096,;"

/* What came out: "name=value," for each value that is not empty, ";" after
 * each request, then how it ended: "" more wanted, "!code" for an error. */
struct result {
	char data[64 * 1024];
	struct bmx_text text;
};

static void
put(struct bmx_text *text, const char *name, struct bmx_slice value)
{
	if (value.len == 0)
		return;
	bmx_text_append_string(text, name);
	bmx_text_append_char(text, '=');
	bmx_text_append(text, value);
	bmx_text_append_char(text, ',');
}

static void
put_request(struct bmx_text *text, const struct bmx_policy_request *request)
{
	put(text, "request", request->request);
	put(text, "protocol_state", request->protocol_state);
	put(text, "client_address", request->client_address);
	put(text, "client_name", request->client_name);
	put(text, "helo_name", request->helo_name);
	put(text, "sender", request->sender);
	put(text, "recipient", request->recipient);
	put(text, "queue_id", request->queue_id);
	put(text, "instance", request->instance);
	put(text, "size", request->size);
	put(text, "stress", request->stress);
	put(text, "sasl_username", request->sasl_username);
	bmx_text_append_char(text, ';');
}

static int
put_error(struct bmx_text *text, const struct bmx_error *err)
{
	bmx_text_printf(text, "!%s", bmx_error_code_name(err->code));
	return -1;
}

/* One read of at most len octets, and all requests that it completes. */
static int
feed_some(struct bmx_policy_parser *parser, struct bmx_text *text,
          struct bmx_slice *input, size_t len)
{
	struct bmx_error err = {.code = BMX_E_NONE};
	struct bmx_policy_request request;
	char *space;
	size_t room = bmx_policy_parser_space(parser, &space, &err);
	int got;

	if (room == 0)
		return put_error(text, &err);
	len = len < room ? len : room;
	len = len < input->len ? len : input->len;
	memcpy(space, input->data, len);
	bmx_policy_parser_filled(parser, len);
	input->data += len;
	input->len -= len;
	while ((got = bmx_policy_parser_next(parser, &request, &err)) == 1)
		put_request(text, &request);
	return got < 0 ? put_error(text, &err) : 0;
}

/* Feeds `first` octets, then pieces of `step`, and writes what came out. */
static void
run(struct result *result, struct bmx_slice input, size_t first, size_t step)
{
	struct bmx_policy_parser *parser = bmx_policy_parser_new();

	assert_non_null(parser);
	bmx_text_init(&result->text, result->data, sizeof(result->data));
	while (input.len > 0) {
		if (feed_some(parser, &result->text, &input,
		              first ? first : step) != 0)
			break;
		first = 0;
		bmx_policy_parser_rest(parser);
	}
	bmx_policy_parser_free(&parser);
	assert_null(parser);
	assert_false(result->text.cut);
}

struct parse_case {
	const char *name;
	struct bmx_slice input;
	const char *want;
};

#define IN(text)                                                               \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}
/* clang-format off */
static struct parse_case cases[] = {
	{"nothing",                     IN(""), ""},
	{"a request of Postfix",        IN(POSTFIX), POSTFIX_READ},
	{"two requests at once",        IN("sender=a\n\nsender=b\n\n"), "sender=a,;sender=b,;"},
	{"three, and half of a fourth", IN("size=1\n\nsize=2\n\nsize=3\n\nsize=4\n"), "size=1,;size=2,;size=3,;"},
	{"values do not leak into the next request", IN("sender=a\nstress=yes\n\nrecipient=b\n\n"), "sender=a,stress=yes,;recipient=b,;"},
	{"no empty line yet",           IN("sender=a\n"), ""},
	{"line without its end",        IN("sender=a"), ""},
	{"an empty request",            IN("\n"), ";"},
	{"every value empty",           IN("request=\nsender=\nrecipient=\n\n"), ";"},
	{"all attributes in use",       IN("request=1\nprotocol_state=2\ninstance=3\nqueue_id=4\nclient_address=5\nclient_name=6\nhelo_name=7\nsender=8\nrecipient=9\nsize=10\nsasl_username=11\nstress=12\n\n"),
		"request=1,protocol_state=2,client_address=5,client_name=6,helo_name=7,sender=8,recipient=9,queue_id=4,instance=3,size=10,stress=12,sasl_username=11,;"},
	{"unknown names of every length in use", IN("xxxx=1\nxxxxxx=1\nxxxxxxx=1\nxxxxxxxx=1\nxxxxxxxxx=1\nxxxxxxxxxxx=1\nxxxxxxxxxxxxx=1\nxxxxxxxxxxxxxx=1\nsize=5\n\n"), "size=5,;"},
	{"a name that begins as another", IN("sender_x=1\nsende=2\nrecipient_count=3\nsizes=4\n\n"), ";"},
	{"names are case-sensitive",    IN("Sender=a\nSIZE=1\n\n"), ";"},
	{"a value with '='",            IN("sender=a=b@example\n\n"), "sender=a=b@example,;"},
	{"a value with blanks",         IN("recipient=\"a b\"@example\n\n"), "recipient=\"a b\"@example,;"},
	{"a value with a carriage return", IN("sender=a\r\n\n"), "sender=a\r,;"},
	{"a value that is not ASCII",   IN("recipient=\xc3\xa4@example\n\n"), "recipient=\xc3\xa4@example,;"},
	{"no name",                     IN("=x\nsize=2\n\n"), "size=2,;"},
	{"a repeated attribute keeps its first value", IN("sender=a\nsender=b\n\n"), "sender=a,;"},
	{"a repeated attribute keeps its first value, empty", IN("sender=\nsender=b\n\n"), ";"},
	{"line without '='",            IN("GET / HTTP/1.0\n\n"), "!syntax"},
	{"line without '=' after a good request", IN("size=1\n\nbad\n\nsize=2\n\n"), "size=1,;!syntax"},
	{"a carriage return for an empty line", IN("size=1\r\n\r\n"), "!syntax"},
	{"a NUL in a used value",       IN("sender=a\0b\n\n"), "!syntax"},
	{"a NUL in a skipped value",    IN("policy_context=\0\nsender=a\n\n"), "!syntax"},
	{"a NUL in a name",             IN("sen\0der=a\n\n"), "!syntax"},
	{"a NUL after a good request",  IN("size=1\n\nsize=\0\n\n"), "size=1,;!syntax"},
};
/* clang-format on */

static void
test_parse(void **state)
{
	const struct parse_case *tc = *state;
	struct result *got = malloc(sizeof(*got));

	assert_non_null(got);
	run(got, tc->input, 0, SIZE_MAX);
	assert_string_equal(got->data, tc->want);
	for (size_t cut = 1; cut < tc->input.len; cut++) {
		run(got, tc->input, cut, SIZE_MAX);
		assert_string_equal(got->data, tc->want);
	}
	for (size_t step = 1; step <= 7; step++) {
		run(got, tc->input, 0, step);
		assert_string_equal(got->data, tc->want);
	}
	free(got);
}

/* A request of exactly len octets: sender=, the filling, two line feeds. */
static char *
request_of(size_t len)
{
	char *data = malloc(len);

	assert_non_null(data);
	memset(data, 'x', len);
	memcpy(data, "sender=", 7);
	memcpy(data + len - 2, "\n\n", 2);
	return data;
}

static void
check_size(size_t len, size_t step, bool fits)
{
	char *data = request_of(len);
	struct result *got = malloc(sizeof(*got));

	assert_non_null(got);
	run(got, (struct bmx_slice){data, len}, 0, step);
	if (fits)
		assert_int_equal(got->text.len, len - 2 + 2);
	else
		assert_string_equal(got->data, "!too-big");
	free(got);
	free(data);
}

static void
test_limit(void **state)
{
	const size_t steps[] = {1, 777, 4096, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		check_size(BMX_POLICY_REQUEST_MAX - 1, steps[i], true);
		check_size(BMX_POLICY_REQUEST_MAX, steps[i], true);
		check_size(BMX_POLICY_REQUEST_MAX + 1, steps[i], false);
		check_size(2 * BMX_POLICY_REQUEST_MAX, steps[i], false);
	}
}

/* Many requests through one buffer, in pieces that never fit a request. */
static void
test_pipeline(void **state)
{
	enum { COUNT = 200 };
	const size_t one = sizeof(POSTFIX) - 1;
	char *data = malloc(COUNT * one);
	struct result *got = malloc(sizeof(*got));

	(void)state;
	assert_non_null(data);
	assert_non_null(got);
	for (size_t i = 0; i < COUNT; i++)
		memcpy(data + i * one, POSTFIX, one);
	for (size_t step = one - 3; step < 4 * one; step += 251) {
		const size_t want = sizeof(POSTFIX_READ) - 1;

		run(got, (struct bmx_slice){data, COUNT * one}, 0, step);
		assert_int_equal(got->text.len, COUNT * want);
		for (size_t i = 0; i < COUNT; i++)
			assert_memory_equal(got->data + i * want, POSTFIX_READ,
			                    want);
	}
	free(got);
	free(data);
}

static void
give(struct bmx_policy_parser *parser, const char *text)
{
	char *space;

	assert_true(bmx_policy_parser_space(parser, &space, NULL) >
	            strlen(text));
	memcpy(space, text, strlen(text));
	bmx_policy_parser_filled(parser, strlen(text));
}

static void
test_rest(void **state)
{
	struct bmx_policy_parser *parser = bmx_policy_parser_new();
	struct bmx_policy_request request;

	(void)state;
	assert_false(bmx_policy_parser_pending(parser));
	bmx_policy_parser_rest(parser);
	assert_int_equal(bmx_policy_parser_next(parser, &request, NULL), 0);
	give(parser, "sender=a\nrecip");
	assert_int_equal(bmx_policy_parser_next(parser, &request, NULL), 0);
	assert_true(bmx_policy_parser_pending(parser));
	bmx_policy_parser_rest(parser);
	give(parser, "ient=b\n\n");
	assert_int_equal(bmx_policy_parser_next(parser, &request, NULL), 1);
	assert_true(bmx_slice_equal(request.sender, BMX_SLICE("a")));
	assert_true(bmx_slice_equal(request.recipient, BMX_SLICE("b")));
	assert_false(bmx_policy_parser_pending(parser));
	bmx_policy_parser_rest(parser);
	assert_int_equal(bmx_policy_parser_next(parser, &request, NULL), 0);
	bmx_policy_parser_free(&parser);
	bmx_policy_parser_free(&parser);
}

/* An error is final: asking again gives it again, never a request. */
static void
test_error_is_final(void **state)
{
	struct bmx_policy_parser *parser = bmx_policy_parser_new();
	struct bmx_policy_request request;

	(void)state;
	give(parser, "bad\nsize=1\n\n");
	for (int i = 0; i < 3; i++)
		assert_int_equal(bmx_policy_parser_next(parser, &request, NULL),
		                 -1);
	bmx_policy_parser_free(&parser);
}

static void
test_build(void **state)
{
	const struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.recipient = BMX_SLICE("b@example"),
		.stress = BMX_SLICE("yes"),
	};
	const char *want = "request=smtpd_access_policy\nprotocol_state=RCPT\n"
			   "recipient=b@example\nstress=yes\n\n";
	char buffer[256];
	struct bmx_text text;

	(void)state;
	bmx_text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(bmx_policy_request_append(&text, &request), 0);
	assert_string_equal(buffer, want);
	bmx_text_init(&text, buffer, strlen(want) + 1);
	assert_int_equal(bmx_policy_request_append(&text, &request), 0);
	bmx_text_init(&text, buffer, strlen(want));
	assert_int_equal(bmx_policy_request_append(&text, &request), -1);
}

static void
test_build_refuses(void **state)
{
	const struct bmx_slice bad[] = {BMX_SLICE("\n"), BMX_SLICE("a\nsize=1"),
	                                BMX_SLICE("a\n"), BMX_SLICE("a\0b")};
	char buffer[256];
	struct bmx_text text;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct bmx_policy_request request = {
			.sender = BMX_SLICE("a"), .sasl_username = bad[i]};

		bmx_text_init(&text, buffer, sizeof(buffer));
		assert_int_equal(bmx_policy_request_append(&text, &request),
		                 -1);
		assert_int_equal(text.len, 0);
	}
}

int
main(void)
{
	enum { ROWS = sizeof(cases) / sizeof(cases[0]) };
	const struct CMUnitTest others[] = {
		{"a request may take so many octets", test_limit, 0, 0, 0},
		{"200 requests through one buffer", test_pipeline, 0, 0, 0},
		{"rest keeps what is pending", test_rest, 0, 0, 0},
		{"an error is final", test_error_is_final, 0, 0, 0},
		{"a built request", test_build, 0, 0, 0},
		{"values that cannot be sent", test_build_refuses, 0, 0, 0},
	};
	struct CMUnitTest tests[ROWS + sizeof(others) / sizeof(others[0])];

	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){
			.name = cases[i].name,
			.test_func = test_parse,
			.initial_state = &cases[i],
		};
	memcpy(tests + ROWS, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
