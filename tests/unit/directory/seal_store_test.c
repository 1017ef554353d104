/* Seals by queue id: kept, replaced, dropped when old; notes in a ring. */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include <backupmx/seal_store.h>

#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct bench {
	char dir[64];
	struct bmx_seal_store *store;
};

static void
open_store(struct bench *bench)
{
	struct bmx_error err;

	bench->store = bmx_seal_store_open(bench->dir, false, &err);
	if (!bench->store)
		fail_msg("%s", err.text);
}

static int
set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	(void)snprintf(bench->dir, sizeof(bench->dir),
	               "/tmp/bmx-seals-test-XXXXXX");
	assert_non_null(mkdtemp(bench->dir));
	open_store(bench);
	*state = bench;
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {"seals.mdb", "seals.mdb-lock",
	                                    "seals.mdb.bad"};
	struct bench *bench = *state;
	char path[128];

	bmx_seal_store_free(&bench->store);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", bench->dir,
		               names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(bench->dir), 0);
	free(bench);
	return 0;
}

static void
put(struct bench *bench, const char *id, const char *value, int64_t now_ms)
{
	struct bmx_error err;

	if (bmx_seal_store_put(bench->store, bmx_slice_of(id),
	                       bmx_slice_of(value), now_ms, DAY_MS, &err) != 0)
		fail_msg("%s", err.text);
}

static const char *
get(struct bench *bench, const char *id)
{
	static char buffer[BMX_SEAL_STORE_VALUE_MAX + 1];
	size_t len;
	const int found = bmx_seal_store_get(bench->store, bmx_slice_of(id),
	                                     buffer, &len, NULL);

	assert_true(found >= 0);
	if (found)
		assert_int_equal(strlen(buffer), len);
	return found ? buffer : "none";
}

static void
test_kept(void **state)
{
	struct bench *bench = *state;

	put(bench, "4XyZ", "one", 1);
	put(bench, "4XyA", "two", 2);
	assert_string_equal(get(bench, "4XyZ"), "one");
	assert_string_equal(get(bench, "4XyA"), "two");
	assert_string_equal(get(bench, "4Xy"), "none");
	assert_string_equal(get(bench, ""), "none");
	bmx_seal_store_free(&bench->store);
	open_store(bench);
	assert_string_equal(get(bench, "4XyZ"), "one");
}

static void
test_replaced(void **state)
{
	struct bench *bench = *state;

	put(bench, "4XyZ", "one", 1);
	put(bench, "4XyZ", "two", 2);
	assert_string_equal(get(bench, "4XyZ"), "two");
	assert_int_equal(bmx_seal_store_count(bench->store), 1);
}

/* The first use of a queue id grows old, not the second. */
static void
test_old_ones_go(void **state)
{
	struct bench *bench = *state;

	put(bench, "old", "one", 1);
	put(bench, "again", "one", 2);
	put(bench, "again", "two", DAY_MS);
	put(bench, "new", "one", DAY_MS + 1);
	assert_string_equal(get(bench, "old"), "one");
	put(bench, "newer", "one", DAY_MS + 10);
	assert_string_equal(get(bench, "old"), "none");
	assert_string_equal(get(bench, "again"), "two");
	assert_int_equal(bmx_seal_store_count(bench->store), 3);
	put(bench, "last", "one", 10 * DAY_MS);
	assert_int_equal(bmx_seal_store_count(bench->store), 1);
}

static void
test_sizes(void **state)
{
	struct bench *bench = *state;
	char longer[BMX_SEAL_STORE_VALUE_MAX + 1];
	const struct bmx_slice value = {longer, sizeof(longer)};
	const struct bmx_slice id = {longer, BMX_SEAL_STORE_ID_MAX + 1};
	const struct bmx_slice ok = BMX_SLICE("x");
	const struct bmx_slice none = {0};
	struct bmx_error err;

	memset(longer, 'x', sizeof(longer));
	assert_int_equal(
		bmx_seal_store_put(bench->store, ok, value, 1, 1, &err), -1);
	assert_int_equal(err.code, BMX_E_TOO_BIG);
	assert_int_equal(bmx_seal_store_put(bench->store, id, ok, 1, 1, &err),
	                 -1);
	assert_int_equal(bmx_seal_store_put(bench->store, none, ok, 1, 1, &err),
	                 -1);
	assert_int_equal(
		bmx_seal_store_put(
			bench->store,
			(struct bmx_slice){longer, BMX_SEAL_STORE_ID_MAX},
			(struct bmx_slice){longer, BMX_SEAL_STORE_VALUE_MAX}, 1,
			1, &err),
		0);
}

struct count {
	uint64_t notes;
	char first[32], last[32];
};

static int
count_note(void *ctx, struct bmx_slice note)
{
	struct count *count = ctx;

	if (count->notes++ == 0)
		(void)snprintf(count->first, sizeof(count->first), "%.*s",
		               (int)note.len, note.data);
	(void)snprintf(count->last, sizeof(count->last), "%.*s", (int)note.len,
	               note.data);
	return 0;
}

static void
test_notes(void **state)
{
	struct bench *bench = *state;
	struct count count = {0};
	char note[32];

	for (unsigned i = 1; i <= BMX_SEAL_STORE_BOUNCES + 5; i++) {
		(void)snprintf(note, sizeof(note), "note %u", i);
		assert_int_equal(bmx_seal_store_note(bench->store,
		                                     bmx_slice_of(note), NULL),
		                 0);
		if (i == 500) { /* the number goes on */
			bmx_seal_store_free(&bench->store);
			open_store(bench);
		}
	}
	assert_int_equal(
		bmx_seal_store_each(bench->store, count_note, &count, NULL), 0);
	assert_int_equal(count.notes, BMX_SEAL_STORE_BOUNCES);
	assert_string_equal(count.first, "note 6");
	assert_string_equal(count.last, "note 1005");
}

static void
test_read_only(void **state)
{
	struct bench *bench = *state;
	struct count count = {0};
	struct bmx_seal_store *reader;
	struct bmx_error err;

	assert_int_equal(
		bmx_seal_store_note(bench->store, BMX_SLICE("a note"), NULL),
		0);
	bmx_seal_store_free(&bench->store);
	reader = bmx_seal_store_open(bench->dir, true, &err);
	assert_non_null(reader);
	assert_int_equal(bmx_seal_store_each(reader, count_note, &count, NULL),
	                 0);
	assert_int_equal(count.notes, 1);
	assert_int_equal(bmx_seal_store_put(reader, BMX_SLICE("a"),
	                                    BMX_SLICE("b"), 1, 1, &err),
	                 -1);
	bmx_seal_store_free(&reader);
}

static void
test_missing(void **state)
{
	struct bmx_error err;

	(void)state;
	assert_null(bmx_seal_store_open("/nonexistent", true, &err));
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
}

static void
test_garbage(void **state)
{
	struct bench *bench = *state;
	struct bmx_error err;
	char path[128];
	int fd;

	bmx_seal_store_free(&bench->store);
	(void)snprintf(path, sizeof(path), "%s/seals.mdb", bench->dir);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, path, sizeof(path)), sizeof(path));
	(void)close(fd);
	bench->store = bmx_seal_store_open(bench->dir, false, &err);
	assert_null(bench->store);
	assert_int_equal(err.code, BMX_E_CORRUPT);
}

struct worker {
	struct bench *bench;
	pthread_t thread;
	char letter;
};

static void *
work(void *ctx)
{
	const struct worker *worker = ctx;
	char id[32], buffer[BMX_SEAL_STORE_VALUE_MAX + 1];
	size_t len;

	for (int i = 0; i < 200; i++) {
		(void)snprintf(id, sizeof(id), "%c%d", worker->letter, i);
		if (bmx_seal_store_put(worker->bench->store, bmx_slice_of(id),
		                       BMX_SLICE("v"), i, DAY_MS, NULL) != 0 ||
		    bmx_seal_store_get(worker->bench->store, bmx_slice_of(id),
		                       buffer, &len, NULL) != 1)
			return NULL;
	}
	return ctx;
}

static void
test_threads(void **state)
{
	struct worker workers[4];
	void *done;

	for (int i = 0; i < 4; i++) {
		workers[i].bench = *state;
		workers[i].letter = (char)('a' + i);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
		                                &workers[i]),
		                 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(workers[i].thread, &done), 0);
		assert_non_null(done);
	}
	assert_int_equal(bmx_seal_store_count(workers[0].bench->store), 800);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept),
		TEST(test_replaced),
		TEST(test_old_ones_go),
		TEST(test_sizes),
		TEST(test_notes),
		TEST(test_read_only),
		TEST(test_garbage),
		TEST(test_threads),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
