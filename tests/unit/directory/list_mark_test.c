/* What a server said of a text: kept with the list it became, or not at all. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <backupmx/list_store.h>

#include "lib/directory/list_meta.h"

#define DOMAIN BMX_SLICE("example.test")
#define ENTRIES 10

struct fixture {
	char dir[64];
	struct bmx_list_store *store;
	struct bmx_list_entry entries[ENTRIES];
};

static int
set_up(void **state)
{
	static const char locals[] = "abcdefghij";
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct bmx_error err;

	if (!fx)
		return -1;
	(void)snprintf(fx->dir, sizeof(fx->dir), "/tmp/bmx-mark-XXXXXX");
	for (size_t i = 0; i < ENTRIES; i++)
		fx->entries[i].local = (struct bmx_slice){locals + i, 1};
	if (!mkdtemp(fx->dir))
		return -1;
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	*state = fx;
	return fx->store ? 0 : -1;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {"list.mdb", "list.mdb-lock"};
	struct fixture *fx = *state;
	char path[128];

	bmx_list_store_free(&fx->store);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", fx->dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(fx->dir);
	free(fx);
	return 0;
}

/* Replaces the list by its first count entries; etag NULL: without a mark. */
static enum bmx_error_code
load(const struct fixture *fx, size_t count, const char *etag, bool dry_run)
{
	struct bmx_list_mark mark = {.rules = 7, .read_at_ms = 1000};
	const struct bmx_list_replace_options options = {
		.max_shrink = 20,
		.dry_run = dry_run,
		.now_ms = 1000,
		.mark = etag ? &mark : NULL,
	};
	struct bmx_list_replace_result result;
	struct bmx_error err = {0};

	(void)snprintf(mark.validator.etag, sizeof(mark.validator.etag), "%s",
	               etag ? etag : "");
	(void)bmx_list_store_replace(fx->store, DOMAIN, fx->entries, count,
	                             &options, &result, &err);
	return err.code;
}

/* The ETag that would be asked by, "-" for none. */
static const char *
known(const struct fixture *fx)
{
	static struct bmx_list_mark mark;
	struct bmx_error err;
	struct bmx_list_reader *reader = bmx_list_reader_new(fx->store, &err);
	int rc;

	assert_non_null(reader);
	assert_int_equal(bmx_list_reader_begin(reader, &err), 0);
	rc = bmx_list_reader_mark(reader, DOMAIN, &mark, &err);
	bmx_list_reader_end(reader);
	bmx_list_reader_free(&reader);
	assert_true(rc >= 0);
	if (rc > 0) {
		assert_int_equal(mark.rules, 7);
		assert_int_equal(mark.read_at_ms, 1000);
	}
	return rc > 0 ? mark.validator.etag : "-";
}

static void
kept_with_its_list(void **state)
{
	struct fixture *fx = *state;

	assert_string_equal(known(fx), "-");
	assert_int_equal(load(fx, ENTRIES, "one", true), BMX_E_NONE);
	assert_string_equal(known(fx), "-");
	assert_int_equal(load(fx, ENTRIES, "one", false), BMX_E_NONE);
	assert_string_equal(known(fx), "one");
	/* The same list under another name. */
	assert_int_equal(load(fx, ENTRIES, "two", false), BMX_E_NONE);
	assert_string_equal(known(fx), "two");
	assert_int_equal(load(fx, ENTRIES - 1, "three", true), BMX_E_NONE);
	assert_string_equal(known(fx), "two");
	assert_int_equal(load(fx, ENTRIES - 1, "three", false), BMX_E_NONE);
	assert_string_equal(known(fx), "three");
}

static void
not_of_a_refused_list(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(load(fx, ENTRIES, "one", false), BMX_E_NONE);
	assert_int_equal(load(fx, 2, "few", false), BMX_E_REFUSED);
	assert_string_equal(known(fx), "one");
	assert_int_equal(load(fx, 0, "empty", false), BMX_E_REFUSED);
	assert_string_equal(known(fx), "one");
}

static void
not_after_another_load(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(load(fx, ENTRIES, "one", false), BMX_E_NONE);
	/* The same list from a file changes nothing. */
	assert_int_equal(load(fx, ENTRIES, NULL, false), BMX_E_NONE);
	assert_string_equal(known(fx), "one");
	assert_int_equal(load(fx, ENTRIES - 1, NULL, false), BMX_E_NONE);
	assert_string_equal(known(fx), "-");
}

static void
not_while_held_back(void **state)
{
	struct fixture *fx = *state;
	struct bmx_list_replace_result result;
	struct bmx_error err;

	assert_int_equal(load(fx, ENTRIES, "one", false), BMX_E_NONE);
	assert_int_equal(load(fx, ENTRIES - 1, "two", false), BMX_E_NONE);
	assert_int_equal(
		bmx_list_store_rollback(fx->store, DOMAIN, 5, &result, &err),
		0);
	assert_string_equal(known(fx), "-");
	assert_int_equal(load(fx, ENTRIES - 1, "two", false), BMX_E_REFUSED);
	assert_string_equal(known(fx), "-");
	assert_int_equal(load(fx, ENTRIES - 2, "three", false), BMX_E_NONE);
	assert_string_equal(known(fx), "three");
}

/* "Unchanged" is said of the list that was asked after, and of no other. */
static void
one_generation_only(void **state)
{
	struct fixture *fx = *state;
	struct bmx_list_replace_options options = {.now_ms = 2000,
	                                           .only_generation = 1};
	struct bmx_list_replace_result result;
	struct bmx_error err;

	assert_int_equal(load(fx, ENTRIES, "one", false), BMX_E_NONE);
	assert_int_equal(bmx_list_store_apply(fx->store, DOMAIN, NULL, 0,
	                                      &options, &result, &err),
	                 0);
	assert_int_equal(result.after, ENTRIES);
	assert_string_equal(known(fx), "one");
	assert_int_equal(load(fx, ENTRIES - 1, NULL, false), BMX_E_NONE);
	assert_int_equal(bmx_list_store_apply(fx->store, DOMAIN, NULL, 0,
	                                      &options, &result, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_BUSY);
}

static void
records(void **state)
{
	struct bmx_list_mark mark = {.rules = UINT64_MAX, .read_at_ms = 1};
	uint8_t record[BMX_LIST_MARK_SIZE];
	struct bmx_list_mark got;

	(void)state;
	memset(mark.validator.etag, 'e', BMX_LIST_VALIDATOR_MAX - 1);
	memset(mark.validator.last_modified, 'm', BMX_LIST_VALIDATOR_MAX - 1);
	bmx_list_mark_encode(&mark, 3, record);
	assert_int_equal(bmx_list_mark_decode(record, sizeof(record), &got), 0);
	assert_int_equal(got.generation, 3);
	assert_int_equal(got.rules, UINT64_MAX);
	assert_string_equal(got.validator.etag, mark.validator.etag);
	assert_string_equal(got.validator.last_modified,
	                    mark.validator.last_modified);
	for (size_t cut = 0; cut < sizeof(record); cut++)
		assert_int_equal(bmx_list_mark_decode(record, cut, &got), -1);
	record[sizeof(record) - 1] = 'x';
	assert_int_equal(bmx_list_mark_decode(record, sizeof(record), &got),
	                 -1);
	record[sizeof(record) - 1] = 0;
	record[24 + BMX_LIST_VALIDATOR_MAX - 1] = 'x';
	assert_int_equal(bmx_list_mark_decode(record, sizeof(record), &got),
	                 -1);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kept_with_its_list),     TEST(not_of_a_refused_list),
		TEST(not_after_another_load), TEST(not_while_held_back),
		TEST(one_generation_only),    cmocka_unit_test(records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
