/* A record with its key as a line of text, both ways. */
#include "tests/support/cmocka.h"

#include <string.h>

#include <backupmx/record_line.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define VALID "result=valid state=active by=call-ahead checked_at=7"
#define GATE "first_seen=1 last_seen=1 tries=1 passed_at=0"
#define PRIMARY                                                                \
	"status=down since=1 checked_at=2 refuses_null_sender=no ehlo=no "     \
	"has_size=no size=0 smtputf8=no starttls=no pipelining=no 8bitmime=no"

struct line_case {
	const char *name;
	const char *line;
	const char *want; /* the name of the key; NULL: refused */
};

/* clang-format off */
static struct line_case cases[] = {
	{"an address", "verification joe@example.test " VALID, "joe"},
	{"an address with a dot", "verification joe.doe@example.test " VALID, "joe.doe"},
	{"the record of accepting all", "verification *@example.test " VALID, "*"},
	{"a blank in a local part", "verification joe%20doe@example.test " VALID, "joe doe"},
	{"UTF-8", "verification j\xc3\xb6rg@xn--bcher-kva.test " VALID, "j\xc3\xb6rg"},
	{"a name in upper case", "verification Joe@example.test " VALID, "Joe"},
	{"a gate's entry", "gate 0123456789abcdef@example.test " GATE, "0123456789abcdef"},
	{"a primary", "primary @example.test " PRIMARY, ""},
	{"an empty line", "", NULL},
	{"a comment", "# joe@example.test", NULL},
	{"a kind of a later release", "greylist joe@example.test " VALID, NULL},
	{"a kind alone", "verification", NULL},
	{"no domain", "verification joe " VALID, NULL},
	{"an empty domain", "verification joe@ " VALID, NULL},
	{"a domain in upper case", "verification joe@Example.test " VALID, NULL},
	{"a domain with a final dot", "verification joe@example.test. " VALID, NULL},
	{"a U-label", "verification joe@b\xc3\xbc" "cher.test " VALID, NULL},
	{"two at signs", "verification joe@a@example.test " VALID, NULL},
	{"an at sign escaped: on no list", "verification joe%40a@example.test " VALID, NULL},
	{"a local part that is on no list", "verification joe%25x@example.test " VALID, NULL},
	{"a control escaped", "verification joe%0A@example.test " VALID, NULL},
	{"an escaped NUL", "verification joe%00@example.test " VALID, NULL},
	{"an escape cut short", "verification joe%2@example.test " VALID, NULL},
	{"an escape that is none", "verification joe%zz@example.test " VALID, NULL},
	{"a tab in a name", "verification joe\t@example.test " VALID, NULL},
	{"an empty local part", "verification @example.test " VALID, NULL},
	{"a decomposed letter", "verification jo\xcc\x88rg@example.test " VALID, NULL},
	{"a gate's name in upper case", "gate 0123456789ABCDEF@example.test " GATE, NULL},
	{"a gate's name too short", "gate 0123456789abcde@example.test " GATE, NULL},
	{"a gate's name too long", "gate 0123456789abcdef0@example.test " GATE, NULL},
	{"a gate's name of other letters", "gate 0123456789abcdeg@example.test " GATE, NULL},
	{"a primary with a name", "primary joe@example.test " PRIMARY, NULL},
	{"the record of another kind", "gate 0123456789abcdef@example.test " VALID, NULL},
	{"no record", "verification joe@example.test", NULL},
	{"an empty record", "verification joe@example.test ", NULL},
	{"a line end", "verification joe@example.test " VALID "\n", NULL},
	{"two blanks", "verification  joe@example.test " VALID, NULL},
};
/* clang-format on */

static void
test_line(void **state)
{
	const struct line_case *tc = *state;
	char buffer[BMX_RECORD_DUMP_MAX];
	struct bmx_record_line line;
	struct bmx_error err = {0};
	struct bmx_text again;
	const int got =
		bmx_record_line_parse(bmx_slice_of(tc->line), &line, &err);

	assert_int_equal(got, tc->want ? 0 : -1);
	if (!tc->want) {
		assert_int_equal(err.code, BMX_E_SYNTAX);
		return;
	}
	assert_int_equal(line.key.name.len, strlen(tc->want));
	assert_memory_equal(line.key.name.data, tc->want, strlen(tc->want));
	assert_int_equal(line.record.kind, line.key.kind);
	bmx_text_init(&again, buffer, sizeof(buffer));
	bmx_record_line_append(&again, &line.key, &line.record);
	assert_string_equal(buffer, tc->line);
}

/* The longest key there can be; and every octet in a name, one way. */
static void
test_longest(void **state)
{
	char name[BMX_RECORD_NAME_MAX], domain[BMX_DOMAIN_MAX];
	const struct bmx_record_key key = {BMX_RECORD_PRIMARY,
	                                   {domain, sizeof(domain)},
	                                   {name, sizeof(name)}};
	const struct bmx_record record = {
		.kind = BMX_RECORD_PRIMARY,
		.as.primary = {.since_ms = INT64_MAX,
	                       .checked_at_ms = INT64_MAX,
	                       .keywords = {.known = true,
	                                    .has_size = true,
	                                    .size = INT64_MAX}}};
	char buffer[BMX_RECORD_DUMP_MAX];
	struct bmx_text text;

	(void)state;
	memset(name, '\n', sizeof(name));
	memset(domain, 'd', sizeof(domain));
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_record_line_append(&text, &key, &record);
	assert_false(text.cut);
	assert_null(strchr(buffer, '\n'));
}

static void
test_cut(void **state)
{
	static const char whole[] = "gate 0123456789abcdef@example.test " GATE;
	struct bmx_record_line line;
	char piece[sizeof(whole)];

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		memcpy(piece, whole, len);
		assert_int_equal(
			bmx_record_line_parse((struct bmx_slice){piece, len},
		                              &line, NULL),
			-1);
	}
}

int
main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_cut),
	};
	struct CMUnitTest tests[COUNT(cases) + COUNT(others)] = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_line;
		tests[i].initial_state = &cases[i];
	}
	memcpy(tests + COUNT(cases), others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
