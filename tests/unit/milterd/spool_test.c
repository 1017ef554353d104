/* A message as it is collected: in memory, in a file, or let go of. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include "milter/scanners/spool.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct field_case {
	const char *name;
	const char *body; /* as libmilter hands it over */
	const char *want; /* in the message */
};

static struct field_case fields[] = {
	{"one line", "b", "X: b\r\n\r\n"},
	{"nothing", "", "X: \r\n\r\n"},
	{"folded", "b\n c", "X: b\r\n c\r\n\r\n"},
	{"folded with CR LF", "b\r\n c", "X: b\r\n c\r\n\r\n"},
	{"ends in a line feed", "b\n", "X: b\r\n\r\n\r\n"},
	{"a lone CR stays", "b\rc", "X: b\rc\r\n\r\n"},
};

static void
assert_content(const struct bmx_spool *spool, const char *want)
{
	char got[256];
	const ssize_t len = bmx_spool_read(spool, 0, got, sizeof(got) - 1);

	assert_true(len >= 0);
	got[len] = '\0';
	assert_string_equal(got, want);
}

static void
test_field(void **state)
{
	const struct field_case *tc = *state;
	struct bmx_spool *spool = bmx_spool_new(1000);

	bmx_spool_field(spool, BMX_SLICE("X"), bmx_slice_of(tc->body));
	bmx_spool_end(spool);
	bmx_spool_end(spool);
	assert_content(spool, tc->want);
	assert_int_equal(bmx_spool_size(spool), strlen(tc->want));
	bmx_spool_free(&spool);
	assert_null(spool);
	bmx_spool_free(&spool);
}

static void
test_body(void **state)
{
	struct bmx_spool *spool = bmx_spool_new(1000);

	(void)state;
	bmx_spool_field(spool, BMX_SLICE("A"), BMX_SLICE("b"));
	bmx_spool_body(spool, BMX_SLICE("one\r\n"));
	bmx_spool_body(spool, BMX_SLICE(""));
	bmx_spool_body(spool, BMX_SLICE("two\n"));
	bmx_spool_end(spool);
	assert_content(spool, "A: b\r\n\r\none\r\ntwo\n");
	bmx_spool_free(&spool);
}

static char
octet_at(uint64_t offset)
{
	return (char)('a' + offset % 23);
}

static void
fill(struct bmx_spool *spool, size_t octets, size_t piece)
{
	char *bytes = malloc(piece);

	assert_non_null(bytes);
	for (size_t at = 0; at < octets;) {
		const size_t len = octets - at < piece ? octets - at : piece;

		for (size_t i = 0; i < len; i++)
			bytes[i] = octet_at(at + i);
		bmx_spool_body(spool, (struct bmx_slice){bytes, len});
		at += len;
	}
	free(bytes);
}

/* Read in odd pieces; two octets are the end of the header. */
static void
assert_filled(const struct bmx_spool *spool, size_t octets)
{
	char buffer[777];
	uint64_t at = 2;

	for (;;) {
		const ssize_t got =
			bmx_spool_read(spool, at, buffer, sizeof(buffer));

		assert_true(got >= 0);
		if (got == 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(buffer[i],
			                 octet_at(at - 2 + (uint64_t)i));
		at += (uint64_t)got;
	}
	assert_int_equal(at, octets + 2);
}

struct size_case {
	const char *name;
	size_t octets, piece;
	bool in_memory;
};

static struct size_case sizes[] = {
	{"small", 100, 7, true},
	{"as much as memory takes", BMX_SPOOL_MEMORY - 2, 4096, true},
	{"one octet more", BMX_SPOOL_MEMORY - 1, 4096, false},
	{"in chunks of 64 KiB", 1000000, 65535, false},
	{"at once", 1000000, 1000000, false},
};

static void
test_size(void **state)
{
	const struct size_case *tc = *state;
	struct bmx_spool *spool = bmx_spool_new(10000000);

	fill(spool, tc->octets, tc->piece);
	assert_int_equal(bmx_spool_state(spool), BMX_SPOOL_KEPT);
	assert_int_equal(bmx_spool_memory(spool).data != NULL, tc->in_memory);
	assert_int_equal(bmx_spool_size(spool), tc->octets + 2);
	assert_filled(spool, tc->octets);
	bmx_spool_free(&spool);
}

static void
test_too_large(void **state)
{
	struct bmx_spool *spool = bmx_spool_new(300000);
	char octet;

	(void)state;
	fill(spool, 300000 - 2, 10000);
	assert_int_equal(bmx_spool_state(spool), BMX_SPOOL_KEPT);
	fill(spool, 1, 1);
	assert_int_equal(bmx_spool_state(spool), BMX_SPOOL_TOO_LARGE);
	assert_int_equal(bmx_spool_size(spool), 300001);
	assert_int_equal(bmx_spool_read(spool, 0, &octet, 1), -1);
	fill(spool, 1000, 1000);
	assert_int_equal(bmx_spool_size(spool), 301001);
	bmx_spool_free(&spool);
}

/* No descriptor is left for a file. */
static void
test_failed(void **state)
{
	struct bmx_spool *spool = bmx_spool_new(10000000);
	struct rlimit limit, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	fill(spool, BMX_SPOOL_MEMORY, 10000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(bmx_spool_state(spool), BMX_SPOOL_FAILED);
	assert_int_equal(bmx_spool_size(spool), BMX_SPOOL_MEMORY + 2);
	bmx_spool_free(&spool);
}

static void
test_names(void **state)
{
	struct bmx_spool *spool = bmx_spool_new(1000000);

	(void)state;
	assert_int_equal(bmx_spool_count_fields(spool, BMX_SLICE("X")), 0);
	for (int i = 0; i < 100; i++) {
		bmx_spool_field(spool, BMX_SLICE("X-Spam"), BMX_SLICE("b"));
		bmx_spool_field(spool, BMX_SLICE("x-spam"), BMX_SLICE("b"));
		bmx_spool_field(spool, BMX_SLICE("X-Spam-Not"), BMX_SLICE("b"));
	}
	assert_int_equal(bmx_spool_count_fields(spool, BMX_SLICE("X-SPAM")),
	                 200);
	assert_int_equal(bmx_spool_count_fields(spool, BMX_SLICE("X-Spam-not")),
	                 100);
	assert_int_equal(bmx_spool_count_fields(spool, BMX_SLICE("X")), 0);
	bmx_spool_free(&spool);
}

/* A header that is all names is not scanned: it could not be edited. */
static void
test_many_names(void **state)
{
	struct bmx_spool *spool = bmx_spool_new(10000000);

	(void)state;
	for (int i = 0; i < 20000; i++)
		bmx_spool_field(spool, BMX_SLICE("X-Name"), BMX_SLICE(""));
	assert_int_equal(bmx_spool_state(spool), BMX_SPOOL_FAILED);
	bmx_spool_free(&spool);
}

int
main(void)
{
	static const struct CMUnitTest fixed[] = {
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_many_names),
	};
	struct CMUnitTest tests[LENGTH(fields) + LENGTH(sizes) + LENGTH(fixed)];
	size_t count = 0;

	for (size_t i = 0; i < LENGTH(fields); i++)
		tests[count++] = (struct CMUnitTest){fields[i].name, test_field,
		                                     NULL, NULL, &fields[i]};
	for (size_t i = 0; i < LENGTH(sizes); i++)
		tests[count++] = (struct CMUnitTest){sizes[i].name, test_size,
		                                     NULL, NULL, &sizes[i]};
	for (size_t i = 0; i < LENGTH(fixed); i++)
		tests[count++] = fixed[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
