/* What scanners say, as verdicts: whole replies, cut ones, and lies. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/scanners/reply.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define ARENA_MAX ((size_t)1024 * 1024)

enum kind { RSPAMD, SPAMD, CLAMD };

struct reply_case {
	const char *name;
	enum kind kind;
	struct bmx_slice bytes;
	int want; /* say, or -1 */
	const char *detail;
	const char *text;
};

#define R(text)                                                                \
	RSPAMD,                                                                \
	{                                                                      \
		(text), sizeof(text) - 1                                       \
	}
#define S(text)                                                                \
	SPAMD,                                                                 \
	{                                                                      \
		(text), sizeof(text) - 1                                       \
	}
#define C(text)                                                                \
	CLAMD,                                                                 \
	{                                                                      \
		(text), sizeof(text) - 1                                       \
	}
#define OK "SPAMD/1.1 0 EX_OK\r\n"

/* clang-format off */
static struct reply_case cases[] = {
	{"no action", R("{\"action\":\"no action\",\"score\":1.5}"), BMX_SCAN_PASS, "no_action/1.50", ""},
	{"skipped", R("{\"is_skipped\":true,\"action\":\"no action\"}"), BMX_SCAN_PASS, "no_action", ""},
	{"greylist passes, as in rspamd's milter", R("{\"action\":\"greylist\"}"), BMX_SCAN_PASS, "greylist", ""},
	{"add header", R("{\"action\":\"add header\",\"score\":7}"), BMX_SCAN_TAG, "add_header/7.00", ""},
	{"rewrite subject", R("{\"action\":\"rewrite subject\",\"subject\":\"SPAM\"}"), BMX_SCAN_TAG, "rewrite_subject", ""},
	{"quarantine", R("{\"action\":\"quarantine\"}"), BMX_SCAN_TAG, "quarantine", ""},
	{"soft reject", R("{\"action\":\"soft reject\",\"messages\":{\"smtp_message\":\"Try again later\"}}"), BMX_SCAN_DEFER, "soft_reject", "Try again later"},
	{"reject", R("{\"action\":\"reject\",\"score\":15.2,\"messages\":{\"smtp_message\":\"Gtube pattern\"}}"), BMX_SCAN_REJECT, "reject/15.20", "Gtube pattern"},
	{"discard is refused", R("{\"action\":\"discard\"}"), BMX_SCAN_REJECT, "discard", ""},
	{"no_action holds a refusal back", R("{\"action\":\"reject\",\"milter\":{\"no_action\":true}}"), BMX_SCAN_PASS, "reject", ""},
	{"a text with line ends", R("{\"action\":\"reject\",\"messages\":{\"smtp_message\":\"a\\r\\n250 b\"}}"), BMX_SCAN_REJECT, "reject", "a??250 b"},
	{"a text of another kind", R("{\"action\":\"reject\",\"messages\":{\"smtp_message\":5}}"), BMX_SCAN_REJECT, "reject", ""},
	{"messages of another kind", R("{\"action\":\"reject\",\"messages\":[]}"), BMX_SCAN_REJECT, "reject", ""},
	{"a score that is no number", R("{\"action\":\"reject\",\"score\":\"1\"}"), BMX_SCAN_REJECT, "reject", ""},
	{"an action nobody knows", R("{\"action\":\"accept\"}"), -1, NULL, NULL},
	{"an action of another kind", R("{\"action\":1}"), -1, NULL, NULL},
	{"no action given", R("{\"score\":1}"), -1, NULL, NULL},
	{"an error", R("{\"error\":\"cannot\"}"), -1, NULL, NULL},
	{"a list", R("[{\"action\":\"no action\"}]"), -1, NULL, NULL},
	{"a string", R("\"no action\""), -1, NULL, NULL},
	{"half", R("{\"action\":\"no action\""), -1, NULL, NULL},
	{"more behind it", R("{\"action\":\"no action\"}{"), -1, NULL, NULL},
	{"nothing", R(""), -1, NULL, NULL},
	{"HTML", R("<html>no action</html>"), -1, NULL, NULL},
	{"NUL in a string", R("{\"action\":\"no action\\u0000\"}"), -1, NULL, NULL},
	{"octets that are no UTF-8", R("{\"action\":\"no action\",\"x\":\"\xff\"}"), -1, NULL, NULL},

	{"spam", S(OK "Content-length: 5\r\nSpam: True ; 15.0 / 5.0\r\n\r\nGTUBE"), BMX_SCAN_REJECT, "15.0", ""},
	{"no spam", S(OK "Spam: False ; -1.2 / 5.0\r\n\r\n"), BMX_SCAN_PASS, "-1.2", ""},
	{"spam, as older ones say it", S("SPAMD/1.0 0 EX_OK\nSpam: Yes ; 6 / 5\n\n"), BMX_SCAN_REJECT, "6", ""},
	{"fields in any case", S("spamd/1.1 0 ex_ok\r\nSPAM:true;6\r\n\r\n"), BMX_SCAN_REJECT, "6", ""},
	{"an error of spamd", S("SPAMD/1.0 76 Bad header line\r\nSpam: False ; 0 / 5\r\n\r\n"), -1, NULL, NULL},
	{"a code that begins with 0", S("SPAMD/1.0 07 x\r\nSpam: False ; 0 / 5\r\n\r\n"), -1, NULL, NULL},
	{"no code", S("SPAMD/1.1\r\nSpam: False ; 0 / 5\r\n\r\n"), -1, NULL, NULL},
	{"no word about spam", S(OK "Content-length: 0\r\n\r\n"), -1, NULL, NULL},
	{"a word only in the body", S(OK "\r\nSpam: False ; 0 / 5\r\n\r\n"), -1, NULL, NULL},
	{"two words", S(OK "Spam: False ; 0 / 5\r\nSpam: True ; 9 / 5\r\n\r\n"), -1, NULL, NULL},
	{"neither yes nor no", S(OK "Spam: Maybe ; 0 / 5\r\n\r\n"), -1, NULL, NULL},
	{"no score", S(OK "Spam: True\r\n\r\n"), -1, NULL, NULL},
	{"an empty score", S(OK "Spam: True ;\r\n\r\n"), -1, NULL, NULL},
	{"the header does not end", S(OK "Spam: False ; 0 / 5\r\n"), -1, NULL, NULL},
	{"HTTP", S("HTTP/1.1 200 OK\r\nSpam: False ; 0 / 5\r\n\r\n"), -1, NULL, NULL},
	{"no octet", S(""), -1, NULL, NULL},

	{"clean", C("stream: OK\0"), BMX_SCAN_PASS, "", ""},
	{"infected", C("stream: Eicar-Test-Signature FOUND\0"), BMX_SCAN_REJECT, "Eicar-Test-Signature", "Eicar-Test-Signature"},
	{"a name with blanks and more", C("stream: a b=\"c\":d FOUND\0"), BMX_SCAN_REJECT, "a_b__c__d", "a b=\"c\":d"},
	{"a name that says OK", C("stream: OK FOUND\0"), BMX_SCAN_REJECT, "OK", "OK"},
	{"too large for it", C("INSTREAM size limit exceeded. ERROR\0"), -1, NULL, NULL},
	{"an error of clamd", C("INSTREAM: Can't allocate memory ERROR\0"), -1, NULL, NULL},
	{"no name", C("stream:  FOUND\0"), -1, NULL, NULL},
	{"of nothing", C("stream: FOUND\0"), -1, NULL, NULL},
	{"not of the stream", C("/etc/passwd: x FOUND\0"), -1, NULL, NULL},
	{"the end is missing", C("stream: OK"), -1, NULL, NULL},
	{"a line end instead", C("stream: OK\n"), -1, NULL, NULL},
	{"two answers", C("stream: OK\0stream: x FOUND\0"), -1, NULL, NULL},
	{"in lower case", C("stream: ok\0"), -1, NULL, NULL},
	{"an empty answer", C("\0"), -1, NULL, NULL},
	{"no answer", C(""), -1, NULL, NULL},
};
/* clang-format on */

/* A literal has a NUL of its own, which the slice leaves out; clamd's rows say
 * theirs aloud. */
static int
parse(enum kind kind, struct bmx_slice bytes, struct bmx_arena *arena,
      struct bmx_scan_reply *reply)
{
	/* Of just that length, so that reading past the end is seen. */
	char *copy = malloc(bytes.len + (bytes.len == 0));
	struct bmx_error err;
	int rc = -1;

	assert_non_null(copy);
	memcpy(copy, bytes.data, bytes.len);
	bytes.data = copy;
	switch (kind) {
	case RSPAMD:
		rc = bmx_rspamd_reply_parse(bytes, arena, reply, &err);
		break;
	case SPAMD:
		rc = bmx_spamd_reply_parse(bytes, reply, &err);
		break;
	case CLAMD:
		rc = bmx_clamd_reply_parse(bytes, reply, &err);
		break;
	}
	free(copy);
	if (rc != 0)
		assert_int_not_equal(strlen(err.text), 0);
	return rc;
}

static void
test_reply(void **state)
{
	const struct reply_case *tc = *state;
	struct bmx_arena *arena = bmx_arena_new(ARENA_MAX);
	struct bmx_scan_reply reply;
	const int rc = parse(tc->kind, tc->bytes, arena, &reply);

	assert_int_equal(rc == 0 ? (int)reply.say : -1, tc->want);
	if (rc == 0) {
		assert_string_equal(reply.detail, tc->detail);
		assert_string_equal(reply.text, tc->text);
	}
	bmx_arena_free(&arena);
}

/* Half a reply is none: at no offset may it become another verdict. */
static void
test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct reply_case *tc = &cases[i];

		/* What stands behind spamd's header is not needed. */
		for (size_t len = 0; tc->want >= 0 && len < tc->bytes.len;
		     len++) {
			struct bmx_arena *arena = bmx_arena_new(ARENA_MAX);
			struct bmx_scan_reply reply;
			const struct bmx_slice part = {tc->bytes.data, len};

			if (parse(tc->kind, part, arena, &reply) == 0) {
				assert_int_equal(tc->kind, SPAMD);
				assert_int_equal(reply.say, tc->want);
			}
			bmx_arena_free(&arena);
		}
	}
}

struct edit_case {
	const char *name;
	const char *milter;
	const char *want; /* removals, then additions */
};

/* clang-format off */
static struct edit_case edits[] = {
	{"a string is added at the end", "\"add_headers\":{\"X-A\":\"b\"}", "+X-A@-1=b;"},
	{"an object has its place", "\"add_headers\":{\"X-A\":{\"value\":\"b\",\"order\":1}}", "+X-A@1=b;"},
	{"its place by another name", "\"add_headers\":{\"X-A\":{\"value\":\"b\",\"index\":0}}", "+X-A@0=b;"},
	{"without a place", "\"add_headers\":{\"X-A\":{\"value\":\"b\"}}", "+X-A@-1=b;"},
	{"a place from the end", "\"add_headers\":{\"X-A\":{\"value\":\"b\",\"order\":-3}}", "+X-A@-1=b;"},
	{"a place beyond all", "\"add_headers\":{\"X-A\":{\"value\":\"b\",\"order\":99999999999}}", "+X-A@-1=b;"},
	{"several of a name", "\"add_headers\":{\"X-A\":[\"b\",{\"value\":\"c\",\"order\":0},7]}", "+X-A@-1=b;+X-A@0=c;"},
	{"a list of lists adds nothing", "\"add_headers\":{\"X-A\":[[\"b\"]]}", ""},
	{"a value that is no string", "\"add_headers\":{\"X-A\":7,\"X-B\":{\"value\":[]},\"X-C\":null}", ""},
	{"folded", "\"add_headers\":{\"X-A\":\"b\\r\\n c\\n\\td\"}", "+X-A@-1=b\n c\n\td;"},
	{"no new field by a line feed", "\"add_headers\":{\"X-A\":\"b\\nX-Evil: c\"}", "+X-A@-1=b\n\tX-Evil: c;"},
	{"no end of the header", "\"add_headers\":{\"X-A\":\"b\\r\\n\\r\\nbody\"}", "+X-A@-1=b\n\t\n\tbody;"},
	{"no line end at the end", "\"add_headers\":{\"X-A\":\"b\\r\\n\"}", "+X-A@-1=b;"},
	{"control characters", "\"add_headers\":{\"X-A\":\"\\u0001b\\u007f\"}", "+X-A@-1=?b?;"},
	{"names that are none", "\"add_headers\":{\"\":\"b\",\"X A\":\"b\",\"X:A\":\"b\",\"X\\n\":\"b\",\"\xc3\xa4\":\"b\"}", ""},
	{"Subject stays", "\"add_headers\":{\"subject\":\"SPAM\"},\"remove_headers\":{\"Subject\":0}", ""},
	{"what DKIM signs stays", "\"remove_headers\":{\"From\":1,\"DKIM-Signature\":1,\"TO\":0}", ""},
	{"all of a name go", "\"remove_headers\":{\"X-Spam\":0}", "-X-Spam@0;"},
	{"one of a name goes", "\"remove_headers\":{\"X-Spam\":2,\"X-B\":-1}", "-X-Spam@2;-X-B@-1;"},
	{"a number that is none", "\"remove_headers\":{\"X-Spam\":\"1\",\"X-B\":99999999999}", ""},
	{"things of another kind", "\"remove_headers\":[\"X-Spam\"],\"add_headers\":\"X-A\"", ""},
	{"the envelope stays", "\"change_from\":\"a@b\",\"add_rcpt\":[\"c@d\"],\"del_rcpt\":[\"e@f\"]", ""},
};
/* clang-format on */

static void
describe(const struct bmx_scan_edits *got, char *buffer, size_t size)
{
	FILE *out = fmemopen(buffer, size, "w");

	assert_non_null(out);
	for (size_t i = 0; i < got->removed_count; i++)
		(void)fprintf(out, "-%s@%d;", got->removed[i].name,
		              got->removed[i].which);
	for (size_t i = 0; i < got->added_count; i++)
		(void)fprintf(out, "+%s@%d=%s;", got->added[i].name,
		              got->added[i].place, got->added[i].body);
	(void)fputc('\0', out);
	assert_int_equal(fclose(out), 0);
}

static void
assert_edits(const char *action, const char *milter, const char *want)
{
	struct bmx_arena *arena = bmx_arena_new(ARENA_MAX);
	struct bmx_scan_reply reply;
	char json[1024], got[1024];

	(void)snprintf(json, sizeof(json),
	               "{\"action\":\"%s\",\"milter\":{%s}}", action, milter);
	assert_int_equal(parse(RSPAMD, bmx_slice_of(json), arena, &reply), 0);
	describe(&reply.edits, got, sizeof(got));
	assert_string_equal(got, want);
	bmx_arena_free(&arena);
}

static void
test_edits(void **state)
{
	const struct edit_case *tc = *state;

	assert_edits("no action", tc->milter, tc->want);
}

/* As rspamd's milter marks it. */
static void
test_mark(void **state)
{
	(void)state;
	assert_edits("add header", "", "-X-Spam@0;+X-Spam@-1=Yes;");
	assert_edits("add header", "\"spam_header\":\"Very\"",
	             "-X-Spam@0;+X-Spam@-1=Very;");
	assert_edits("add header", "\"spam_header\":{\"X\":\"Y\"}",
	             "-X-Spam@0;+X-Spam@-1=Yes;");
}

/* A thousand fields, and one that is too long: only so many are taken. */
static void
test_flood(void **state)
{
	const size_t size = BMX_SCAN_FIELD_MAX + 64 * 1024;
	char *json = malloc(size);
	struct bmx_arena *arena = bmx_arena_new(ARENA_MAX);
	struct bmx_scan_reply reply;
	FILE *out = fmemopen(json, size, "w");

	(void)state;
	assert_non_null(out);
	(void)fputs("{\"action\":\"no action\",\"milter\":{\"add_headers\":{"
	            "\"X-Long\":\"",
	            out);
	for (size_t i = 0; i <= BMX_SCAN_FIELD_MAX; i++)
		(void)fputc('x', out);
	(void)fputc('"', out);
	for (int i = 0; i < 1000; i++)
		(void)fprintf(out, ",\"X-%d\":\"y\"", i);
	(void)fputs("}}}", out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(parse(RSPAMD, bmx_slice_of(json), arena, &reply), 0);
	assert_int_equal(reply.edits.added_count, BMX_SCAN_FIELDS_MAX);
	assert_string_equal(reply.edits.added[0].name, "X-0");
	bmx_arena_free(&arena);
	free(json);
}

/* Nested deeper than anybody needs: refused, without a deep stack. */
static void
test_depth(void **state)
{
	static char json[200000];
	struct bmx_arena *arena = bmx_arena_new(ARENA_MAX);
	struct bmx_scan_reply reply;

	(void)state;
	memset(json, '[', sizeof(json) - 1);
	assert_int_equal(parse(RSPAMD, bmx_slice_of(json), arena, &reply), -1);
	bmx_arena_free(&arena);
}

static void
test_no_memory(void **state)
{
	struct bmx_arena *arena = bmx_arena_new(512);
	struct bmx_scan_reply reply;
	struct bmx_error err;

	(void)state;
	assert_int_equal(
		bmx_rspamd_reply_parse(BMX_SLICE("{\"action\":\"no action\"}"),
	                               arena, &reply, &err),
		-1);
	assert_int_equal(err.code, BMX_E_NOMEM);
	bmx_arena_free(&arena);
}

int
main(void)
{
	static const struct CMUnitTest fixed[] = {
		cmocka_unit_test(test_cut),       cmocka_unit_test(test_mark),
		cmocka_unit_test(test_flood),     cmocka_unit_test(test_depth),
		cmocka_unit_test(test_no_memory),
	};
	struct CMUnitTest tests[LENGTH(cases) + LENGTH(edits) + LENGTH(fixed)];
	size_t count = 0;

	for (size_t i = 0; i < LENGTH(cases); i++)
		tests[count++] = (struct CMUnitTest){cases[i].name, test_reply,
		                                     NULL, NULL, &cases[i]};
	for (size_t i = 0; i < LENGTH(edits); i++)
		tests[count++] = (struct CMUnitTest){edits[i].name, test_edits,
		                                     NULL, NULL, &edits[i]};
	for (size_t i = 0; i < LENGTH(fixed); i++)
		tests[count++] = fixed[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
