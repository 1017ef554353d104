/* The records of a published list: what is written is read, and nothing else
 * is taken for one. */
#include <backupmx/publication.h>

#include <backupmx/address.h>

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

#define DOMAIN BMX_SLICE("example.test")

static void
test_keys(void **state)
{
	char buffer[BMX_PUBLICATION_KEY_MAX];
	struct bmx_text text;

	(void)state;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_publication_append_key(&text, "bmx", DOMAIN, BMX_PUBLICATION_META);
	assert_string_equal(buffer, "bmx:{example.test}:meta");
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_publication_append_key(&text, "x", DOMAIN, BMX_PUBLICATION_LIST);
	assert_string_equal(buffer, "x:{example.test}:list");
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_publication_append_key(&text, "bmx", DOMAIN, BMX_PUBLICATION_LOG);
	assert_string_equal(buffer, "bmx:{example.test}:log");
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_publication_append_channel(&text, "bmx");
	assert_string_equal(buffer, "bmx:changed");
}

static void
test_long_names_fit(void **state)
{
	char prefix[65], domain[BMX_DOMAIN_MAX];
	char buffer[BMX_PUBLICATION_KEY_MAX];
	struct bmx_text text;

	(void)state;
	memset(prefix, 'p', 64);
	prefix[64] = '\0';
	memset(domain, 'd', sizeof(domain));
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_publication_append_key(&text, prefix,
	                           (struct bmx_slice){domain, sizeof(domain)},
	                           BMX_PUBLICATION_LIST);
	for (size_t i = 0; i <= BMX_PUBLICATION_LIST_HEX_MAX; i++)
		bmx_text_append_char(&text, 'a');
	assert_false(text.cut);
}

static void
test_messages(void **state)
{
	static const char *const bad[] = {
		"",          "a.test",
		"a.test ",   " 1",
		"a.test -1", "a.test 1 ",
		"a.test  1", "a.test 99999999999999999999"};
	char buffer[64];
	struct bmx_text text;
	struct bmx_slice domain;
	uint64_t generation;

	(void)state;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_publication_append_message(&text, DOMAIN, 17);
	assert_string_equal(buffer, "example.test 17");
	assert_int_equal(bmx_publication_read_message(bmx_text_slice(&text),
	                                              &domain, &generation),
	                 0);
	assert_true(bmx_slice_equal(domain, DOMAIN));
	assert_int_equal(generation, 17);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			bmx_publication_read_message(bmx_slice_of(bad[i]),
		                                     &domain, &generation),
			-1);
}

static void
test_generations(void **state)
{
	(void)state;
	assert_int_equal(bmx_publication_next(0, 1700000000000), 1700000000000);
	assert_int_equal(bmx_publication_next(0, -5), 1);
	assert_int_equal(bmx_publication_next(7, 1700000000000), 8);
}

/*
 * The meta, field by field: one is replaced, doubled or left out.
 */

#define LONG_KEY "bmx:{example.test}:list:000000000000000000000000000000000"
#define ABSENT ((const char *)0)

struct meta_case {
	const char *name;
	const char *field; /* replaced by value; ABSENT: left out */
	const char *value;
	bool twice;
	const char *want; /* part of the error; NULL: fine */
};

/* clang-format off */
static struct meta_case meta_cases[] = {
	{"as it is written", "none", ABSENT, false, NULL},
	{"the plain key", "list", "bmx:{example.test}:list", false, NULL},
	{"a key of 1 digit", "list", "bmx:{example.test}:list:0", false, NULL},
	{"an empty source", "source", "", false, NULL},
	{"no members", "count", "0", false, NULL},
	{"the highest generation", "generation", "9223372036854775807", false, NULL},
	{"no schema", "schema", ABSENT, false, "no field `schema`"},
	{"no generation", "generation", ABSENT, false, "no field `generation`"},
	{"no count", "count", ABSENT, false, "no field `count`"},
	{"no digest", "digest", ABSENT, false, "no field `digest`"},
	{"no time", "updated_at", ABSENT, false, "no field `updated_at`"},
	{"no source", "source", ABSENT, false, "no field `source`"},
	{"no list", "list", ABSENT, false, "no field `list`"},
	{"a later schema", "schema", "2", false, "another schema"},
	{"a schema that is no number", "schema", "one", false, "`schema`"},
	{"generation 0", "generation", "0", false, "`generation`"},
	{"a negative generation", "generation", "-1", false, "`generation`"},
	{"too high a generation", "generation", "9223372036854775808", false, "`generation`"},
	{"a generation with a zero before it", "generation", "07", false, "`generation`"},
	{"a generation with a blank", "generation", "7 ", false, "`generation`"},
	{"an empty generation", "generation", "", false, "`generation`"},
	{"a doubled generation", "generation", "7", true, "`generation`"},
	{"a negative count", "count", "-3", false, "`count`"},
	{"a count in hex", "count", "0x3", false, "`count`"},
	{"a doubled count", "count", "3", true, "`count`"},
	{"a digest of 15 digits", "digest", "000000000000abc", false, "`digest`"},
	{"a digest of 17 digits", "digest", "00000000000000abc", false, "`digest`"},
	{"a digest in capitals", "digest", "0000000000000ABC", false, "`digest`"},
	{"a negative time", "updated_at", "-1", false, "`updated_at`"},
	{"an empty key", "list", "", false, "`list`"},
	{"another program's key", "list", "sessions", false, "`list`"},
	{"another domain's key", "list", "bmx:{other.test}:list", false, "`list`"},
	{"another prefix's key", "list", "xmx:{example.test}:list", false, "`list`"},
	{"the meta's own key", "list", "bmx:{example.test}:meta", false, "`list`"},
	{"a key behind it", "list", "bmx:{example.test}:lists", false, "`list`"},
	{"a key without digits", "list", "bmx:{example.test}:list:", false, "`list`"},
	{"a key of other digits", "list", "bmx:{example.test}:list:xyz", false, "`list`"},
	{"a key of 33 digits", "list", LONG_KEY, false, "`list`"},
};
/* clang-format on */

static const struct bmx_publication sample = {
	.generation = 7,
	.count = 3,
	.digest = 0xabc,
	.updated_at_ms = 1700000000000,
	.source = "file:/etc/list",
	.list = "bmx:{example.test}:list:0123456789abcdef",
};

static void
test_meta(void **state)
{
	const struct meta_case *tc = *state;
	struct bmx_publication_fields fields;
	struct bmx_publication_reader reader;
	struct bmx_publication got;
	struct bmx_error err = {0};
	int rc;

	bmx_publication_to_fields(&sample, &fields);
	bmx_publication_begin(&reader);
	bmx_publication_field(&reader, BMX_SLICE("later"), BMX_SLICE("x"));
	for (size_t i = 0; i < BMX_PUBLICATION_FIELDS; i++) {
		const char *name = fields.field[i].name;
		const char *value = fields.field[i].value;

		if (strcmp(name, tc->field) == 0)
			value = tc->value;
		if (value)
			bmx_publication_field(&reader, bmx_slice_of(name),
			                      bmx_slice_of(value));
		if (value && tc->twice && strcmp(name, tc->field) == 0)
			bmx_publication_field(&reader, bmx_slice_of(name),
			                      bmx_slice_of(value));
	}
	rc = bmx_publication_end(&reader, "bmx", DOMAIN, &got, &err);
	assert_int_equal(rc, tc->want ? -1 : 0);
	if (tc->want) {
		assert_int_equal(err.code, BMX_E_CORRUPT);
		assert_non_null(strstr(err.text, tc->want));
	}
}

static void
test_meta_round_trip(void **state)
{
	struct bmx_publication_fields fields;
	struct bmx_publication_reader reader;
	struct bmx_publication got;

	(void)state;
	bmx_publication_to_fields(&sample, &fields);
	bmx_publication_begin(&reader);
	for (size_t i = 0; i < BMX_PUBLICATION_FIELDS; i++)
		bmx_publication_field(&reader,
		                      bmx_slice_of(fields.field[i].name),
		                      bmx_slice_of(fields.field[i].value));
	assert_int_equal(
		bmx_publication_end(&reader, "bmx", DOMAIN, &got, NULL), 0);
	assert_int_equal(got.generation, sample.generation);
	assert_int_equal(got.count, sample.count);
	assert_true(got.digest == sample.digest);
	assert_true(got.updated_at_ms == sample.updated_at_ms);
	assert_string_equal(got.source, sample.source);
	assert_string_equal(got.list, sample.list);
}

/* Octets that a person should not see, and too many of them. */
static void
test_source_is_cleaned(void **state)
{
	char octets[2 * BMX_LIST_SOURCE_MAX];
	struct bmx_publication_reader reader;

	(void)state;
	memset(octets, '\n', sizeof(octets));
	bmx_publication_begin(&reader);
	bmx_publication_field(&reader, BMX_SLICE("source"),
	                      (struct bmx_slice){octets, sizeof(octets)});
	assert_null(reader.bad);
	assert_null(strchr(reader.publication.source, '\n'));
	assert_true(strlen(reader.publication.source) < BMX_LIST_SOURCE_MAX);
}

static void
test_nul_in_key(void **state)
{
	struct bmx_publication_reader reader;

	(void)state;
	bmx_publication_begin(&reader);
	bmx_publication_field(&reader, BMX_SLICE("list"),
	                      BMX_SLICE("bmx:{example.test}:list\0:x"));
	assert_non_null(reader.bad);
}

/*
 * The log.
 */

struct entry_case {
	const char *name;
	const char *id;
	const char *previous, *count, *digest, *removed, *added;
	const char *again; /* a field that comes twice */
	bool fine;
};

#define HEX "0000000000000abc"

/* clang-format off */
static struct entry_case entry_cases[] = {
	{"an entry", "8-0", "7", "3", HEX, "a\nb\n", "c\n", NULL, true},
	{"nothing added", "8-0", "7", "3", HEX, "a\n", "", NULL, true},
	{"nothing at all", "8-0", "7", "3", HEX, "", "", NULL, true},
	{"generations left out", "9-0", "1", "3", HEX, "", "a\n", NULL, true},
	{"an id of its own making", "8-1", "7", "3", HEX, "", "", NULL, false},
	{"an id without a part", "8", "7", "3", HEX, "", "", NULL, false},
	{"an empty id", "", "7", "3", HEX, "", "", NULL, false},
	{"an id that is no number", "x-0", "7", "3", HEX, "", "", NULL, false},
	{"it follows on itself", "8-0", "8", "3", HEX, "", "", NULL, false},
	{"it follows on a later one", "8-0", "9", "3", HEX, "", "", NULL, false},
	{"no previous", "8-0", NULL, "3", HEX, "", "", NULL, false},
	{"no count", "8-0", "7", NULL, HEX, "", "", NULL, false},
	{"no digest", "8-0", "7", "3", NULL, "", "", NULL, false},
	{"no removed", "8-0", "7", "3", HEX, NULL, "", NULL, false},
	{"no added", "8-0", "7", "3", HEX, "", NULL, NULL, false},
	{"a bad digest", "8-0", "7", "3", "abc", "", "", NULL, false},
	{"a bad count", "8-0", "7", "x", HEX, "", "", NULL, false},
	{"a cut member", "8-0", "7", "3", HEX, "", "a\nb", NULL, false},
	{"two added", "8-0", "7", "3", HEX, "", "a\n", "added", false},
	{"two previous", "8-0", "7", "3", HEX, "", "a\n", "previous", false},
};
/* clang-format on */

static void
put(struct bmx_publication_entry_reader *reader, const char *name,
    const char *value, const char *again)
{
	if (!value)
		return;
	bmx_publication_entry_field(reader, bmx_slice_of(name),
	                            bmx_slice_of(value));
	if (again && strcmp(again, name) == 0)
		bmx_publication_entry_field(reader, bmx_slice_of(name),
		                            bmx_slice_of(value));
}

static void
test_entry(void **state)
{
	const struct entry_case *tc = *state;
	struct bmx_publication_entry_reader reader;
	struct bmx_publication_entry entry;
	struct bmx_error err = {0};
	int rc;

	bmx_publication_entry_begin(&reader, bmx_slice_of(tc->id));
	put(&reader, "previous", tc->previous, tc->again);
	put(&reader, "count", tc->count, tc->again);
	put(&reader, "later", "x", "later");
	put(&reader, "digest", tc->digest, tc->again);
	put(&reader, "removed", tc->removed, tc->again);
	put(&reader, "added", tc->added, tc->again);
	rc = bmx_publication_entry_end(&reader, &entry, &err);
	assert_int_equal(rc, tc->fine ? 0 : -1);
	if (!tc->fine)
		assert_int_equal(err.code, BMX_E_CORRUPT);
	else
		assert_true(entry.digest == 0xabc && entry.count == 3);
}

static void
test_members(void **state)
{
	struct bmx_slice rest = BMX_SLICE("a\n\nb c\n"), member;

	(void)state;
	assert_int_equal(bmx_publication_next_member(&rest, &member), 1);
	assert_true(bmx_slice_equal(member, BMX_SLICE("a")));
	assert_int_equal(bmx_publication_next_member(&rest, &member), 1);
	assert_int_equal(member.len, 0);
	assert_int_equal(bmx_publication_next_member(&rest, &member), 1);
	assert_true(bmx_slice_equal(member, BMX_SLICE("b c")));
	assert_int_equal(bmx_publication_next_member(&rest, &member), 0);
	rest = BMX_SLICE("a");
	assert_int_equal(bmx_publication_next_member(&rest, &member), -1);
}

#define ROWS(cases) (sizeof(cases) / sizeof((cases)[0]))

int
main(void)
{
	const struct CMUnitTest plain[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_long_names_fit),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_meta_round_trip),
		cmocka_unit_test(test_source_is_cleaned),
		cmocka_unit_test(test_nul_in_key),
		cmocka_unit_test(test_members),
	};
	struct CMUnitTest
		tests[ROWS(meta_cases) + ROWS(entry_cases) + ROWS(plain)] = {0};
	size_t count = 0;

	for (size_t i = 0; i < ROWS(meta_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = meta_cases[i].name,
		                            .test_func = test_meta,
		                            .initial_state = &meta_cases[i]};
	for (size_t i = 0; i < ROWS(entry_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = entry_cases[i].name,
		                            .test_func = test_entry,
		                            .initial_state = &entry_cases[i]};
	for (size_t i = 0; i < ROWS(plain); i++)
		tests[count++] = plain[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
