/* Members, and what a row of them comes to. */
#include "lib/directory/list_changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/directory/list_member.h"
#include "tests/support/cmocka.h"

struct member_case {
	const char *name;
	const char *member;
	bool case_sensitive;
	const char *local; /* NULL: refused */
	enum bmx_recipient_state state;
};

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* clang-format off */
static struct member_case member_cases[] = {
	{"a local part",           "anna",            false, "anna",   BMX_RECIPIENT_ACTIVE},
	{"a disabled one",         "anna@disabled",   false, "anna",   BMX_RECIPIENT_DISABLED},
	{"a full one",             "anna@full",       false, "anna",   BMX_RECIPIENT_FULL},
	{"the wildcard",           "*",               false, "*",      BMX_RECIPIENT_ACTIVE},
	{"the wildcard disabled",  "*@disabled",      false, "*",      BMX_RECIPIENT_DISABLED},
	{"with a blank",           "a b",             false, "a b",    BMX_RECIPIENT_ACTIVE},
	{"64 octets",              A64,               false, A64,      BMX_RECIPIENT_ACTIVE},
	{"64 octets, disabled",    A64 "@disabled",   false, A64,      BMX_RECIPIENT_DISABLED},
	{"UTF-8",                  "j\xc3\xb6rg",     false, "j\xc3\xb6rg", BMX_RECIPIENT_ACTIVE},
	{"capitals that count",    "Anna",            true,  "Anna",   BMX_RECIPIENT_ACTIVE},
	{"capitals",               "Anna",            false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"65 octets",              A64 "a",           false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"65 octets, full",        A64 "a@full",      false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"nothing",                "",                false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"a state alone",          "@full",           false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"an unknown state",       "anna@gone",       false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"an active one said so",  "anna@active",     false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"two states",             "anna@full@full",  false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"an address",             "anna@a.test",     false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"a line feed",            "an\nna",          false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"a percent sign",         "an%na",           false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"no UTF-8",               "an\xffna",        false, NULL,     BMX_RECIPIENT_ACTIVE},
	{"decomposed UTF-8",       "o\xcc\x88",       false, NULL,     BMX_RECIPIENT_ACTIVE},
};
/* clang-format on */

static void
test_member(void **state)
{
	const struct member_case *tc = *state;
	char buffer[BMX_LIST_MEMBER_MAX];
	struct bmx_list_entry entry;
	struct bmx_error err = {0};
	const int rc = bmx_list_member_read(bmx_slice_of(tc->member),
	                                    tc->case_sensitive, &entry, &err);

	assert_int_equal(rc, tc->local ? 0 : -1);
	if (!tc->local) {
		assert_int_equal(err.code, BMX_E_CORRUPT);
		return;
	}
	assert_true(bmx_slice_equal(entry.local, bmx_slice_of(tc->local)));
	assert_int_equal(entry.state, tc->state);
	assert_true(bmx_slice_equal(bmx_list_member_of(&entry, buffer),
	                            bmx_slice_of(tc->member)));
}

/*
 * Rows: "+a -a@full" in the order of time.
 */

struct row_case {
	const char *name;
	const char *steps;
	const char *want; /* NULL: refused */
};

static struct row_case row_cases[] = {
	{"nothing", "", ""},
	{"one comes", "+a", "+a"},
	{"one goes", "-a", "-a"},
	{"sorted", "+c +a +b", "+a +b +c"},
	{"comes and goes", "+a -a", "-a"},
	{"goes and comes", "-a +a", "+a"},
	{"often", "+a -a +a -a +a", "+a"},
	{"twice", "+a +a", "+a"},
	{"becomes full", "-a +a@full", "+a?"},
	{"becomes full, the other way round", "+a@full -a", "+a?"},
	{"full and back", "-a +a@full -a@full +a", "+a"},
	{"full, then gone", "-a +a@full -a@full", "-a"},
	{"in two states", "+a +a@full", NULL},
	{"in two states, apart", "+a +b +a@disabled", NULL},
	{"a prefix of another", "+ab +a", "+a +ab"},
	{"alike for eight octets", "+aaaaaaaab +aaaaaaaaa -aaaaaaaab",
         "+aaaaaaaaa -aaaaaaaab"},
	{"between a member and its state", "+a@full +a-b -a@full", "-a +a-b"},
};

static void
show(const struct bmx_list_delta *deltas, size_t count, char *text, size_t size)
{
	static const char *const marks[] = {"", "!", "?"};

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct bmx_list_entry *entry = &deltas[i].entry;
		const size_t len = strlen(text);

		(void)snprintf(text + len, size - len, "%s%c%.*s%s",
		               i ? " " : "", deltas[i].removed ? '-' : '+',
		               (int)entry->local.len, entry->local.data,
		               deltas[i].removed ? "" : marks[entry->state]);
	}
}

static void
test_row(void **state)
{
	const struct row_case *tc = *state;
	struct bmx_list_changes *changes = bmx_list_changes_new(false);
	const struct bmx_list_delta *deltas;
	const char *at = tc->steps;
	struct bmx_error err = {0};
	size_t count, steps = 0;
	char text[256];
	int rc;

	assert_non_null(changes);
	while (*at) {
		const size_t len = strcspn(at, " ");

		assert_int_equal(bmx_list_changes_add(
					 changes, *at == '+',
					 (struct bmx_slice){at + 1, len - 1},
					 &err),
		                 0);
		steps++;
		at += len + (at[len] == ' ');
	}
	assert_int_equal(bmx_list_changes_count(changes), steps);
	rc = bmx_list_changes_settle(changes, &deltas, &count, &err);
	assert_int_equal(rc, tc->want ? 0 : -1);
	if (tc->want) {
		show(deltas, count, text, sizeof(text));
		assert_string_equal(text, tc->want);
	} else {
		assert_int_equal(err.code, BMX_E_CORRUPT);
	}
	bmx_list_changes_free(&changes);
	assert_null(changes);
}

static void
test_bad_member(void **state)
{
	struct bmx_list_changes *changes = bmx_list_changes_new(false);
	struct bmx_error err = {0};

	(void)state;
	assert_int_equal(
		bmx_list_changes_add(changes, true, BMX_SLICE("A"), &err), -1);
	assert_int_equal(err.code, BMX_E_CORRUPT);
	assert_int_equal(bmx_list_changes_count(changes), 0);
	bmx_list_changes_free(&changes);
}

/* More than a block holds, in random order, some of it twice and taken back:
 * the last word on each holds. */
static void
test_many(void **state)
{
	enum { NAMES = 40000, STEPS = 120000 };
	static signed char last[NAMES];
	struct bmx_list_changes *changes = bmx_list_changes_new(false);
	const struct bmx_list_delta *deltas;
	struct bmx_error err;
	size_t count, want = 0;
	char name[64];

	(void)state;
	srand(1);
	for (size_t i = 0; i < STEPS; i++) {
		const int n = rand() % NAMES;
		const bool present = rand() % 2 == 0;

		(void)snprintf(name, sizeof(name), "somebody.%040d", n);
		assert_int_equal(bmx_list_changes_add(changes, present,
		                                      bmx_slice_of(name), &err),
		                 0);
		last[n] = present ? 1 : -1;
	}
	assert_int_equal(
		bmx_list_changes_settle(changes, &deltas, &count, &err), 0);
	for (int n = 0; n < NAMES; n++) {
		if (last[n] == 0)
			continue;
		(void)snprintf(name, sizeof(name), "somebody.%040d", n);
		assert_true(want < count);
		assert_true(bmx_slice_equal(deltas[want].entry.local,
		                            bmx_slice_of(name)));
		assert_int_equal(deltas[want].removed, last[n] < 0);
		want++;
	}
	assert_int_equal(want, count);
	bmx_list_changes_free(&changes);
}

#define ROWS(cases) (sizeof(cases) / sizeof((cases)[0]))

int
main(void)
{
	const struct CMUnitTest plain[] = {
		cmocka_unit_test(test_bad_member),
		cmocka_unit_test(test_many),
	};
	struct CMUnitTest
		tests[ROWS(member_cases) + ROWS(row_cases) + ROWS(plain)] = {0};
	size_t count = 0;

	for (size_t i = 0; i < ROWS(member_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = member_cases[i].name,
		                            .test_func = test_member,
		                            .initial_state = &member_cases[i]};
	for (size_t i = 0; i < ROWS(row_cases); i++)
		tests[count++] =
			(struct CMUnitTest){.name = row_cases[i].name,
		                            .test_func = test_row,
		                            .initial_state = &row_cases[i]};
	for (size_t i = 0; i < ROWS(plain); i++)
		tests[count++] = plain[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
