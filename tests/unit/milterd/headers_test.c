/* Fields of ours, and foreign ones that pretend to be. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "milter/headers.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define US BMX_SLICE("backup.example.test")

struct claim_case {
	const char *name;
	const char *body;
	bool want;
};

/* clang-format off */
static struct claim_case claims[] = {
	{"plain",                        "backup.example.test; spf=pass", true},
	{"another host",                 "mx.example.test; spf=pass", false},
	{"upper case",                   "BACKUP.Example.TEST; spf=pass", true},
	{"leading blanks",               " \t backup.example.test; none", true},
	{"folded before",                "\n\tbackup.example.test;\n\tspf=pass", true},
	{"folded with CR",               "\r\n backup.example.test\r\n ; spf=pass", true},
	{"comment before",               "(a comment) backup.example.test; spf=pass", true},
	{"nested comment before",        "(a (b) c)backup.example.test; spf=pass", true},
	{"comment with escaped bracket", "(a \\) b) backup.example.test; spf=pass", true},
	{"comment behind",               "backup.example.test(x); spf=pass", true},
	{"version behind",               "backup.example.test 1; spf=pass", true},
	{"version behind a slash",       "backup.example.test/1; spf=pass", true},
	{"quoted",                       "\"backup.example.test\"; spf=pass", true},
	{"quoted with escapes",          "\"b\\ackup.example.test\"; spf=pass", true},
	{"quoted and folded",            "\"backup.\n example.test\"; spf=pass", true},
	{"final dot",                    "backup.example.test.; spf=pass", true},
	{"comments around a dot",        "backup (x) . (y) example.test; spf=pass", true},
	{"folded at a dot",              "backup.\n\texample.test; spf=pass", true},
	{"alone",                        "backup.example.test", true},
	{"longer name",                  "xbackup.example.test; spf=pass", false},
	{"longer domain",                "backup.example.test.org; spf=pass", false},
	{"shorter name",                 "backup.example; spf=pass", false},
	{"name in a comment only",       "(backup.example.test) mx.other.test; spf=pass", false},
	{"name in a property only",      "mx.other.test; spf=pass smtp.helo=backup.example.test", false},
	{"empty",                        "", false},
	{"blank",                        "  \t", false},
	{"name missing",                 "; spf=pass", false},
	{"open comment with our name",   "(backup.example.test; spf=pass", true},
	{"open comment without it",      "(other.test; spf=pass", false},
	{"open quote with our name",     "\"backup.example.test; spf=pass", true},
	{"no name, ours later",          "; backup.example.test; spf=pass", true},
	{"unreadable, ours folded",      "=?x?= backup.\n example.test", true},
	{"ends in a backslash",          "(\\", false},
	{"ends in a quoted backslash",   "\"\\", false},
};
/* clang-format on */

static void
test_claim(void **state)
{
	const struct claim_case *tc = *state;

	assert_int_equal(bmx_headers_claims(bmx_slice_of(tc->body), US),
	                 tc->want);
}

/* Cut at every offset: no overread, and an unfinished body of a forger that
 * still has our whole name in it is found. */
static void
test_claim_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(claims); i++) {
		const size_t len = strlen(claims[i].body);

		for (size_t cut = 0; cut <= len; cut++) {
			char copy[128];

			memcpy(copy, claims[i].body, cut);
			(void)bmx_headers_claims((struct bmx_slice){copy, cut},
			                         US);
		}
	}
}

static void
test_claim_of_dotted_hostname(void **state)
{
	(void)state;
	assert_true(bmx_headers_claims(BMX_SLICE("backup.example.test; x"),
	                               BMX_SLICE("Backup.Example.Test.")));
	assert_false(bmx_headers_claims(BMX_SLICE("anything"),
	                                (struct bmx_slice){0}));
}

struct name_case {
	const char *name;
	const char *field;
	bool want;
};

static struct name_case names[] = {
	{"the field's name", "Authentication-Results", true},
	{"in lower case", "authentication-results", true},
	{"with blanks behind", "Authentication-Results \t", true},
	{"ARC's field is another", "ARC-Authentication-Results", false},
	{"a shorter name", "Authentication-Result", false},
	{"no name", "", false},
};

static void
test_name(void **state)
{
	const struct name_case *tc = *state;

	assert_int_equal(bmx_headers_is_auth_results(bmx_slice_of(tc->field)),
	                 tc->want);
}

struct build_case {
	const char *name;
	enum bmx_spf_result result;
	bool helo_identity;
	const char *sender;
	const char *helo;
	const char *client;
	const char *problem;
	const char *auth_results;
	const char *received_spf; /* behind the comment */
};

/* clang-format off */
static struct build_case builds[] = {
	{"pass, plain address", BMX_SPF_PASS, false, "a@b.test", "h.test", "192.0.2.1", "",
	 "backup.example.test;\n\tspf=pass smtp.mailfrom=a@b.test",
	 ")\n\tclient-ip=192.0.2.1;\n\tenvelope-from=\"a@b.test\";\n\thelo=h.test;\n\tidentity=mailfrom;\n\treceiver=backup.example.test;"},
	{"fail of HELO, IPv6", BMX_SPF_FAIL, true, "", "h.test", "2001:db8::1", "",
	 "backup.example.test;\n\tspf=fail smtp.helo=h.test",
	 ")\n\tclient-ip=\"2001:db8::1\";\n\tenvelope-from=\"\";\n\thelo=h.test;\n\tidentity=helo;\n\treceiver=backup.example.test;"},
	{"hostile sender and HELO", BMX_SPF_NONE, false, "a\"\r\nX: y\\@b.test", "h;\n(x", "192.0.2.1", "",
	 "backup.example.test;\n\tspf=none smtp.mailfrom=\"a\\\"\?\?X: y\\\\@b.test\"",
	 ")\n\tclient-ip=192.0.2.1;\n\tenvelope-from=\"a\\\"\?\?X: y\\\\@b.test\";\n\thelo=\"h;?(x\";\n\tidentity=mailfrom;\n\treceiver=backup.example.test;"},
	{"address literal as HELO", BMX_SPF_NONE, true, "", "[192.0.2.1]", "192.0.2.1", "",
	 "backup.example.test;\n\tspf=none smtp.helo=\"[192.0.2.1]\"",
	 ")\n\tclient-ip=192.0.2.1;\n\tenvelope-from=\"\";\n\thelo=\"[192.0.2.1]\";\n\tidentity=helo;\n\treceiver=backup.example.test;"},
	{"error with its problem", BMX_SPF_PERMERROR, false, "a@b.test", "h.test", "192.0.2.1", "two \"records\"",
	 "backup.example.test;\n\tspf=permerror smtp.mailfrom=a@b.test",
	 ")\n\tclient-ip=192.0.2.1;\n\tenvelope-from=\"a@b.test\";\n\thelo=h.test;\n\tidentity=mailfrom;\n\treceiver=backup.example.test;\n\tproblem=\"two \\\"records\\\"\";"},
	{"UTF-8 sender", BMX_SPF_SOFTFAIL, false, "\xc3\xa9@b.test", "h.test", "192.0.2.1", "",
	 "backup.example.test;\n\tspf=softfail smtp.mailfrom=\"\?\?@b.test\"",
	 ")\n\tclient-ip=192.0.2.1;\n\tenvelope-from=\"\?\?@b.test\";\n\thelo=h.test;\n\tidentity=mailfrom;\n\treceiver=backup.example.test;"},
};
/* clang-format on */

static struct bmx_header_facts
facts_of(const struct build_case *tc)
{
	return (struct bmx_header_facts){
		.authserv_id = US,
		.result = tc->result,
		.helo_identity = tc->helo_identity,
		.client = bmx_slice_of(tc->client),
		.sender = bmx_slice_of(tc->sender),
		.helo = bmx_slice_of(tc->helo),
		.problem = bmx_slice_of(tc->problem),
	};
}

static void
test_build(void **state)
{
	const struct build_case *tc = *state;
	const struct bmx_header_facts facts = facts_of(tc);
	char buffer[BMX_HEADER_BUFFER];
	struct bmx_text text;
	const char *result = bmx_spf_result_name(tc->result);

	bmx_text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(bmx_headers_auth_results(&text, &facts), 0);
	assert_string_equal(buffer, tc->auth_results);
	assert_true(bmx_headers_claims(bmx_text_slice(&text), US));

	bmx_text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(bmx_headers_received_spf(&text, &facts), 0);
	assert_int_equal(strncmp(buffer, result, strlen(result)), 0);
	assert_string_equal(strchr(buffer, ')'), tc->received_spf);
}

/* RFC 8601 section 2.7.3; an IPv6 address is no token. */
static void
test_iprev(void **state)
{
	struct bmx_header_facts facts = facts_of(&builds[0]);
	char buffer[BMX_HEADER_BUFFER];
	struct bmx_text text;

	(void)state;
	facts.iprev = BMX_RESULT_PERMERROR;
	bmx_text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(bmx_headers_auth_results(&text, &facts), 0);
	assert_string_equal(buffer,
	                    "backup.example.test;\n\tspf=pass "
	                    "smtp.mailfrom=a@b.test;\n\tiprev=permerror "
	                    "policy.iprev=192.0.2.1");
	facts.iprev = BMX_RESULT_PASS;
	facts.without_spf = true;
	facts.client = BMX_SLICE("2001:db8::1");
	bmx_text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(bmx_headers_auth_results(&text, &facts), 0);
	assert_string_equal(buffer,
	                    "backup.example.test;\n\tiprev=pass "
	                    "policy.iprev=\"2001:db8::1\"");
}

/* The longest values of a peer fit; a buffer too small is told. */
static void
test_build_size(void **state)
{
	char longest[4096];
	char buffer[BMX_HEADER_BUFFER];
	struct bmx_header_facts facts;
	struct bmx_text text;

	(void)state;
	memset(longest, '"', sizeof(longest));
	facts = facts_of(&builds[0]);
	facts.sender = facts.helo = facts.problem =
		(struct bmx_slice){longest, sizeof(longest)};
	bmx_text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(bmx_headers_received_spf(&text, &facts), 0);
	bmx_text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(bmx_headers_auth_results(&text, &facts), 0);
	bmx_text_init(&text, buffer, 40);
	assert_int_equal(bmx_headers_received_spf(&text, &facts), -1);
	bmx_text_init(&text, buffer, 40);
	assert_int_equal(bmx_headers_auth_results(&text, &facts), -1);
}

int
main(void)
{
	struct CMUnitTest
		tests[LENGTH(claims) + LENGTH(names) + LENGTH(builds) + 4] = {
			cmocka_unit_test(test_claim_cut),
			cmocka_unit_test(test_claim_of_dotted_hostname),
			cmocka_unit_test(test_build_size),
			cmocka_unit_test(test_iprev),
		};
	struct CMUnitTest *test = tests + 4;

	for (size_t i = 0; i < LENGTH(claims); i++, test++)
		*test = (struct CMUnitTest){.name = claims[i].name,
		                            .test_func = test_claim,
		                            .initial_state = &claims[i]};
	for (size_t i = 0; i < LENGTH(names); i++, test++)
		*test = (struct CMUnitTest){.name = names[i].name,
		                            .test_func = test_name,
		                            .initial_state = &names[i]};
	for (size_t i = 0; i < LENGTH(builds); i++, test++)
		*test = (struct CMUnitTest){.name = builds[i].name,
		                            .test_func = test_build,
		                            .initial_state = &builds[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
