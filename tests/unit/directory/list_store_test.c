/* Lists in LMDB: generations, guards, rollback, readers, faults. */
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <backupmx/list_store.h>

#include "lib/directory/list_digest.h"
#include "lib/directory/list_member.h"

#define DOMAIN BMX_SLICE("example.test")
#define OTHER BMX_SLICE("other.test")
#define LIST_MAX 32

struct fixture {
	char dir[64];
	struct bmx_list_store *store;
};

static void
path_of(const struct fixture *fx, const char *name, char path[128])
{
	(void)snprintf(path, 128, "%s/%s", fx->dir, name);
}

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct bmx_error err;

	if (!fx)
		return -1;
	(void)snprintf(fx->dir, sizeof(fx->dir), "/tmp/bmx-store-XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	*state = fx;
	return fx->store ? 0 : -1;
}

/* The daemon's view when state_dir was emptied and a sync made it anew. */
static void
test_replaced(void **state)
{
	struct fixture *fx = *state;
	struct bmx_list_store *next;
	char path[128], lock[128];
	struct bmx_error err;

	assert_false(bmx_list_store_is_replaced(fx->store));
	path_of(fx, "list.mdb", path);
	path_of(fx, "list.mdb-lock", lock);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(lock), 0);
	assert_false(bmx_list_store_is_replaced(fx->store));
	next = bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	assert_non_null(next);
	assert_true(bmx_list_store_is_replaced(fx->store));
	assert_false(bmx_list_store_is_replaced(next));
	bmx_list_store_free(&next);
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;
	char path[128];

	bmx_list_store_free(&fx->store);
	path_of(fx, "list.mdb", path);
	(void)unlink(path);
	path_of(fx, "list.mdb-lock", path);
	(void)unlink(path);
	(void)rmdir(fx->dir);
	free(fx);
	return 0;
}

/* "a b! c?" is a active, b disabled, c full. */
static size_t
make_list(const char *text, struct bmx_list_entry entries[LIST_MAX])
{
	size_t count = 0;

	while (*text) {
		const size_t len = strcspn(text, " !?");
		struct bmx_list_entry *entry = &entries[count++];

		assert_true(count <= LIST_MAX);
		entry->local = (struct bmx_slice){text, len};
		text += len;
		entry->state = *text == '!' ? BMX_RECIPIENT_DISABLED :
			*text == '?'        ? BMX_RECIPIENT_FULL :
					      BMX_RECIPIENT_ACTIVE;
		text += strspn(text, " !?");
	}
	return count;
}

static int
replace_in(struct bmx_list_store *store, const char *text,
           const struct bmx_list_replace_options *options,
           struct bmx_list_replace_result *result, struct bmx_error *err)
{
	struct bmx_list_entry entries[LIST_MAX];

	return bmx_list_store_replace(store, DOMAIN, entries,
	                              make_list(text, entries), options, result,
	                              err);
}

static const struct bmx_list_replace_options anything = {
	.max_shrink = 100, .source = "file:/list", .now_ms = 1000};

static void
replace(struct fixture *fx, const char *text)
{
	struct bmx_list_replace_result result;
	struct bmx_error err = {0};

	if (replace_in(fx->store, text, &anything, &result, &err) != 0)
		fail_msg("%s", err.text);
}

struct shown {
	char text[512];
	struct bmx_list_digest digest;
	uint64_t count;
	bool wildcard;
};

static int
show(void *ctx, const struct bmx_list_entry *entry)
{
	static const char *const marks[] = {"", "!", "?"};
	char member[BMX_LIST_MEMBER_MAX];
	struct shown *shown = ctx;
	const size_t len = strlen(shown->text);

	(void)snprintf(shown->text + len, sizeof(shown->text) - len, "%s%.*s%s",
	               len ? " " : "", (int)entry->local.len, entry->local.data,
	               marks[entry->state]);
	bmx_list_digest_add(&shown->digest, bmx_list_member_of(entry, member));
	shown->count++;
	if (bmx_slice_equal(entry->local, BMX_SLICE("*")))
		shown->wildcard = true;
	return 0;
}

/* The list in force is text, and the record fits it. */
static struct bmx_list_meta
expect_list(struct bmx_list_store *store, const char *text)
{
	struct bmx_error err;
	struct bmx_list_reader *reader = bmx_list_reader_new(store, &err);
	struct bmx_list_meta meta;
	struct shown shown = {.text = ""};

	assert_non_null(reader);
	assert_int_equal(bmx_list_reader_begin(reader, &err), 0);
	assert_int_equal(bmx_list_reader_meta(reader, DOMAIN, &meta, &err), 1);
	assert_int_equal(bmx_list_digest_init(&shown.digest, DOMAIN, 0, &err),
	                 0);
	assert_int_equal(
		bmx_list_reader_each(reader, meta.id, show, &shown, &err), 0);
	bmx_list_reader_end(reader);
	bmx_list_reader_free(&reader);
	assert_string_equal(shown.text, text);
	assert_int_equal(meta.count, shown.count);
	assert_true(meta.digest == shown.digest.sum);
	assert_int_equal(meta.has_wildcard, shown.wildcard);
	return meta;
}

/*
 * One replacement of one list by another, as a table.
 */

struct replace_case {
	const char *name;
	const char *before; /* NULL: never had a list */
	const char *after;
	int64_t max_shrink;
	bool force;
	enum bmx_error_code want;
	uint64_t added, removed, changed;
};

/* clang-format off */
static struct replace_case replace_cases[] = {
	{"first list",                  NULL,          "a b c",     20, false, BMX_E_NONE,    3, 0, 0},
	{"empty first list refused",    NULL,          "",          20, false, BMX_E_REFUSED, 0, 0, 0},
	{"empty refused",               "a b",         "",         100, false, BMX_E_REFUSED, 0, 2, 0},
	{"empty refused with force",    "a b",         "",         100, true,  BMX_E_REFUSED, 0, 2, 0},
	{"equal list",                  "a b",         "a b",        0, false, BMX_E_NONE,    0, 0, 0},
	{"added before, amid, behind",  "b d",         "a b c d e",  0, false, BMX_E_NONE,    3, 0, 0},
	{"state changes",               "a b! c",      "a! b c?",    0, false, BMX_E_NONE,    0, 0, 3},
	{"wildcard comes",              "a b",         "* a b",      0, false, BMX_E_NONE,    1, 0, 0},
	{"wildcard goes",               "* a b",       "a b",        0, false, BMX_E_NONE,    0, 1, 0},
	{"a prefix is another entry",   "ab abc",      "ab abcd",    0, false, BMX_E_NONE,    1, 1, 0},
	{"single loss at 0 per cent",   "a b",         "a",          0, false, BMX_E_NONE,    0, 1, 0},
	{"two lost at 0 per cent",      "a b c",       "a",          0, false, BMX_E_REFUSED, 0, 2, 0},
	{"exactly 20 per cent lost",    "a b c d e f g h i j", "a b c d e f g h", 20, false, BMX_E_NONE, 0, 2, 0},
	{"30 per cent lost",            "a b c d e f g h i j", "a b c d e f g",   20, false, BMX_E_REFUSED, 0, 3, 0},
	{"exchanged, same size",        "a b c d",     "e f g h",   20, false, BMX_E_REFUSED, 4, 4, 0},
	{"loses nearly all, 100",       "a b c d",     "a",        100, false, BMX_E_NONE,    0, 3, 0},
	{"loses nearly all, force",     "a b c d",     "a",          0, true,  BMX_E_NONE,    0, 3, 0},
};
/* clang-format on */

static void
test_replace(const struct replace_case *tc, bool dry_run)
{
	struct bmx_list_replace_options options = {.max_shrink = tc->max_shrink,
	                                           .force = tc->force,
	                                           .dry_run = dry_run,
	                                           .now_ms = 2000};
	struct bmx_list_replace_result result;
	struct bmx_error err = {0};
	const bool kept = dry_run || tc->want != BMX_E_NONE;
	struct fixture *fx;
	void *state;
	int rc;

	assert_int_equal(set_up(&state), 0);
	fx = state;
	if (tc->before)
		replace(fx, tc->before);
	rc = replace_in(fx->store, tc->after, &options, &result, &err);
	assert_int_equal(rc, tc->want == BMX_E_NONE ? 0 : -1);
	assert_int_equal(err.code, tc->want);
	assert_int_equal(result.added, tc->added);
	assert_int_equal(result.removed, tc->removed);
	assert_int_equal(result.changed, tc->changed);
	if (!kept)
		assert_int_equal(expect_list(fx->store, tc->after).synced_at_ms,
		                 2000);
	else if (tc->before)
		assert_int_equal(
			expect_list(fx->store, tc->before).synced_at_ms, 1000);
	(void)tear_down(&state);
}

static void
test_replace_row(void **state)
{
	test_replace(*state, false);
	test_replace(*state, true);
}

/*
 * Generations and rollback.
 */

static void
roll_back(struct fixture *fx, enum bmx_error_code want)
{
	struct bmx_list_replace_result result;
	struct bmx_error err = {0};

	(void)bmx_list_store_rollback(fx->store, DOMAIN, 3000, &result, &err);
	assert_int_equal(err.code, want);
}

static void
test_generations(void **state)
{
	struct fixture *fx = *state;

	replace(fx, "a");
	assert_int_equal(expect_list(fx->store, "a").generation, 1);
	replace(fx, "a");
	assert_int_equal(expect_list(fx->store, "a").generation, 1);
	replace(fx, "a b");
	assert_int_equal(expect_list(fx->store, "a b").generation, 2);
	assert_string_equal(expect_list(fx->store, "a b").source, "file:/list");
}

static void
test_rollback_three_times(void **state)
{
	struct fixture *fx = *state;

	roll_back(fx, BMX_E_NOT_FOUND);
	replace(fx, "a");
	roll_back(fx, BMX_E_NOT_FOUND);
	replace(fx, "a b");
	replace(fx, "a! b c");
	replace(fx, "* b");
	replace(fx, "d");
	roll_back(fx, BMX_E_NONE);
	assert_int_equal(expect_list(fx->store, "* b").generation, 6);
	roll_back(fx, BMX_E_NONE);
	(void)expect_list(fx->store, "a! b c");
	roll_back(fx, BMX_E_NONE);
	assert_int_equal(expect_list(fx->store, "a b").generation, 8);
	roll_back(fx, BMX_E_NOT_FOUND);
	(void)expect_list(fx->store, "a b");
}

static void
test_hold(void **state)
{
	struct fixture *fx = *state;
	struct bmx_list_replace_options options = anything;
	struct bmx_list_replace_result result;
	struct bmx_error err = {0};

	replace(fx, "a");
	replace(fx, "a b");
	replace(fx, "c");
	roll_back(fx, BMX_E_NONE);
	roll_back(fx, BMX_E_NONE);
	assert_true(expect_list(fx->store, "a").held);
	assert_int_equal(replace_in(fx->store, "c", &options, &result, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_REFUSED);
	(void)expect_list(fx->store, "a");
	options.force = true;
	assert_int_equal(replace_in(fx->store, "c", &options, &result, &err),
	                 0);
	assert_false(expect_list(fx->store, "c").held);
}

static void
test_hold_ends(void **state)
{
	struct fixture *fx = *state;

	replace(fx, "a");
	replace(fx, "a b");
	roll_back(fx, BMX_E_NONE);
	replace(fx, "a c");
	assert_false(expect_list(fx->store, "a c").held);
	replace(fx, "a b");
	(void)expect_list(fx->store, "a b");
}

static void
test_large_rollback(void **state)
{
	struct fixture *fx = *state;
	static char bytes[20000][12];
	static struct bmx_list_entry entries[20000];
	struct bmx_list_replace_result result;
	struct bmx_error err;

	for (size_t i = 0; i < 20000; i++) {
		const int len = snprintf(bytes[i], 12, "u%08zu", i);

		entries[i].local = (struct bmx_slice){bytes[i], (size_t)len};
	}
	replace(fx, "a z");
	assert_int_equal(bmx_list_store_replace(fx->store, DOMAIN, entries,
	                                        20000, &anything, &result,
	                                        &err),
	                 0);
	roll_back(fx, BMX_E_NONE);
	(void)expect_list(fx->store, "a z");
}

static void
test_random_changes(void **state)
{
	struct fixture *fx = *state;

	srand(7);
	for (int round = 0; round < 300; round++) {
		char text[128] = "a";

		for (char c = 'b'; c <= 'z'; c++) {
			const int dice = rand() % 4;
			const size_t len = strlen(text);

			if (dice > 0)
				(void)snprintf(text + len, sizeof(text) - len,
				               " %c%s", c,
				               dice == 1         ? "!" :
				                       dice == 2 ? "?" :
				                                   "");
		}
		replace(fx, text);
		(void)expect_list(fx->store, text);
	}
}

/*
 * Readers and other processes.
 */

static void
test_reader_sees_one_state(void **state)
{
	struct fixture *fx = *state;
	struct bmx_error err;
	struct bmx_list_reader *reader;
	enum bmx_recipient_state found;
	struct bmx_list_meta meta;
	uint64_t version;

	replace(fx, "a b!");
	reader = bmx_list_reader_new(fx->store, &err);
	assert_non_null(reader);
	assert_int_equal(bmx_list_reader_begin(reader, &err), 0);
	assert_int_equal(bmx_list_reader_meta(reader, DOMAIN, &meta, &err), 1);
	assert_int_equal(bmx_list_reader_meta(reader, OTHER, &meta, &err), 0);
	version = bmx_list_reader_version(reader);
	replace(fx, "c");
	assert_int_equal(bmx_list_reader_find(reader, meta.id, BMX_SLICE("b"),
	                                      &found, &err),
	                 1);
	assert_int_equal(found, BMX_RECIPIENT_DISABLED);
	assert_int_equal(bmx_list_reader_find(reader, meta.id, BMX_SLICE("c"),
	                                      &found, &err),
	                 0);
	bmx_list_reader_end(reader);
	assert_int_equal(bmx_list_reader_begin(reader, &err), 0);
	assert_true(bmx_list_reader_version(reader) != version);
	assert_int_equal(bmx_list_reader_find(reader, meta.id, BMX_SLICE("c"),
	                                      &found, &err),
	                 1);
	assert_int_equal(bmx_list_reader_find(reader, meta.id, BMX_SLICE(""),
	                                      &found, &err),
	                 0);
	bmx_list_reader_end(reader);
	bmx_list_reader_free(&reader);
}

static int
write_as_other_process(const struct fixture *fx, struct bmx_slice domain)
{
	struct bmx_error err;
	struct bmx_list_store *store =
		bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	struct bmx_list_entry entries[LIST_MAX];
	struct bmx_list_replace_result result;
	int rc = 0;

	for (int i = 0; store && rc == 0 && i < 50; i++)
		rc = bmx_list_store_replace(
			store, domain, entries,
			make_list(i % 2 ? "a b c" : "a d", entries), &anything,
			&result, &err);
	bmx_list_store_free(&store);
	return rc;
}

/* Two processes, each 50 lists of its domain; returns the generation. */
static uint64_t
write_twice(struct fixture *fx, struct bmx_slice other)
{
	pid_t pids[2];

	/* Not open in the parent: a store does not outlive a fork. */
	bmx_list_store_free(&fx->store);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(write_as_other_process(fx, i ? DOMAIN : other) ==
			                      0 ?
			              0 :
			              1);
	}
	for (int i = 0; i < 2; i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_ONLY, NULL);
	assert_non_null(fx->store);
	return expect_list(fx->store, "a b c").generation;
}

static void
test_two_writers(void **state)
{
	assert_int_equal(write_twice(*state, OTHER), 50);
}

/* In any order; what is equal to the list in force is no change. */
static void
test_two_writers_one_domain(void **state)
{
	assert_in_range(write_twice(*state, DOMAIN), 50, 100);
}

/*
 * Faults.
 */

static void
expect_open(const char *dir, enum bmx_list_access access,
            enum bmx_error_code want)
{
	struct bmx_error err = {0};
	struct bmx_list_store *store = bmx_list_store_open(dir, access, &err);

	bmx_list_store_free(&store);
	assert_int_equal(err.code, want);
}

static void
test_nothing_there(void **state)
{
	(void)state;
	expect_open("/nonexistent", BMX_LIST_READ_WRITE, BMX_E_NOT_FOUND);
	expect_open("/nonexistent", BMX_LIST_READ_ONLY, BMX_E_NOT_FOUND);
}

static void
write_octets(const char *path, const char *octets, size_t len)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), len);
	(void)close(fd);
}

static void
test_foreign_file(void **state)
{
	struct fixture *fx = *state;
	static char octets[70000];
	char path[128];

	bmx_list_store_free(&fx->store);
	path_of(fx, "list.mdb", path);
	memset(octets, 'x', sizeof(octets));
	for (size_t len = 1; len <= sizeof(octets); len = len * 3 + 1) {
		write_octets(path, octets, len);
		expect_open(fx->dir, BMX_LIST_READ_WRITE, BMX_E_CORRUPT);
		expect_open(fx->dir, BMX_LIST_READ_ONLY, BMX_E_CORRUPT);
	}
}

/* Whatever is missing: an error or the list, never the end of the process. */
static int
read_cut_store(const struct fixture *fx)
{
	struct bmx_error err;
	struct bmx_list_store *store =
		bmx_list_store_open(fx->dir, BMX_LIST_READ_ONLY, &err);
	struct bmx_list_reader *reader;
	struct bmx_list_meta meta;
	struct shown shown = {.text = ""};

	if (!store)
		return 0;
	reader = bmx_list_reader_new(store, &err);
	if (reader && bmx_list_reader_begin(reader, &err) == 0) {
		if (bmx_list_reader_meta(reader, DOMAIN, &meta, &err) == 1)
			(void)bmx_list_reader_each(reader, meta.id, show,
			                           &shown, &err);
		bmx_list_reader_end(reader);
	}
	bmx_list_reader_free(&reader);
	bmx_list_store_free(&store);
	return 0;
}

static void
test_file_cut_short(void **state)
{
	struct fixture *fx = *state;
	struct stat file;
	char path[128];

	replace(fx, "a b c d e f");
	bmx_list_store_free(&fx->store);
	path_of(fx, "list.mdb", path);
	assert_int_equal(stat(path, &file), 0);
	for (off_t size = file.st_size - 1; size > 0; size -= 1500) {
		int status = -1;
		const pid_t pid = fork();

		if (pid == 0)
			_exit(truncate(path, size) == 0 ? read_cut_store(fx) :
			                                  1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void
test_full_disk(void **state)
{
	struct fixture *fx = *state;
	static char bytes[40000][12];
	static struct bmx_list_entry entries[40000];
	struct bmx_list_replace_result result;
	struct bmx_error err = {0};

	bmx_list_store_free(&fx->store);
	if (geteuid() != 0 ||
	    mount("tmpfs", fx->dir, "tmpfs", 0, "size=512k") != 0) {
		print_message("skipped: a small file system needs root\n");
		return;
	}
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	assert_non_null(fx->store);
	replace(fx, "a b c");
	for (size_t i = 0; i < 40000; i++) {
		const int len = snprintf(bytes[i], 12, "u%08zu", i);

		entries[i].local = (struct bmx_slice){bytes[i], (size_t)len};
	}
	assert_int_equal(bmx_list_store_replace(fx->store, DOMAIN, entries,
	                                        40000, &anything, &result,
	                                        &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_FULL);
	(void)expect_list(fx->store, "a b c");
	/* A daemon that starts now has the list, too. */
	bmx_list_store_free(&fx->store);
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_ONLY, &err);
	assert_non_null(fx->store);
	(void)expect_list(fx->store, "a b c");
	bmx_list_store_free(&fx->store);
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	assert_non_null(fx->store);
	assert_int_equal(
		mount("tmpfs", fx->dir, "tmpfs", MS_REMOUNT, "size=8m"), 0);
	assert_int_equal(bmx_list_store_replace(fx->store, DOMAIN, entries,
	                                        40000, &anything, &result,
	                                        &err),
	                 0);
	replace(fx, "d");
	(void)expect_list(fx->store, "d");
	bmx_list_store_free(&fx->store);
	assert_int_equal(umount(fx->dir), 0);
}

static void
fill_disk(const char *dir)
{
	static const char page[4096] = "full";
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (write(fd, page, sizeof(page)) > 0)
		continue;
	(void)close(fd);
}

/*
 * The meta pages are the first two. Behind a page header of 16 octets: magic,
 * version, address, map size, two records of 48 octets, last page.
 */
static void
count_one_page_more(const char *path)
{
	const int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	for (off_t page = 0; page < 2; page++) {
		const off_t at =
			page * sysconf(_SC_PAGESIZE) + 16 + 8 + 16 + 2 * 48;
		uint64_t last;

		assert_int_equal(pread(fd, &last, sizeof(last), at),
		                 sizeof(last));
		last++;
		assert_int_equal(pwrite(fd, &last, sizeof(last), at),
		                 sizeof(last));
	}
	assert_int_equal(close(fd), 0);
}

/* Free pages at the end may be missing, and a full disk cannot have them. */
static void
test_full_disk_short_file(void **state)
{
	struct fixture *fx = *state;
	struct bmx_error err = {0};
	char path[128];

	bmx_list_store_free(&fx->store);
	if (geteuid() != 0 ||
	    mount("tmpfs", fx->dir, "tmpfs", 0, "size=1m") != 0) {
		print_message("skipped: a small file system needs root\n");
		return;
	}
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	assert_non_null(fx->store);
	replace(fx, "a b c");
	bmx_list_store_free(&fx->store);
	path_of(fx, "list.mdb", path);
	/* As if LMDB had counted a page that it never wrote. */
	count_one_page_more(path);
	fill_disk(fx->dir);
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_ONLY, &err);
	assert_non_null(fx->store);
	(void)expect_list(fx->store, "a b c");
	bmx_list_store_free(&fx->store);
	assert_int_equal(umount(fx->dir), 0);
}

/* A child that reads is killed; its old pages must be used again. */
static void
test_killed_reader(void **state)
{
	struct fixture *fx = *state;
	struct bmx_error err = {0};
	struct stat before, after;
	int ready[2], status;
	char path[128], octet;
	pid_t pid;

	replace(fx, "a b c");
	bmx_list_store_free(&fx->store);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct bmx_list_store *store =
			bmx_list_store_open(fx->dir, BMX_LIST_READ_ONLY, &err);
		struct bmx_list_reader *reader =
			store ? bmx_list_reader_new(store, &err) : NULL;

		if (!reader || bmx_list_reader_begin(reader, &err) != 0 ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	/* Open before the reader is dead, and as long as the loads take. */
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	assert_non_null(fx->store);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(ready[0]);
	(void)close(ready[1]);
	path_of(fx, "list.mdb", path);
	for (int i = 0; i < 20; i++)
		replace(fx, i % 2 ? "a b c" : "d e f");
	assert_int_equal(stat(path, &before), 0);
	for (int i = 0; i < 200; i++)
		replace(fx, i % 2 ? "a b c" : "d e f");
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
}

/* A lock file that leads elsewhere would have root write there. */
static void
test_lock_is_a_link(void **state)
{
	struct fixture *fx = *state;
	char path[128], target[128];

	bmx_list_store_free(&fx->store);
	path_of(fx, "list.mdb-lock", path);
	path_of(fx, "target", target);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(target, path), 0);
	expect_open(fx->dir, BMX_LIST_READ_WRITE, BMX_E_CORRUPT);
	assert_int_equal(access(target, F_OK), -1);
}

static void
test_owner(void **state)
{
	struct fixture *fx = *state;
	struct stat file;
	char path[128];

	if (geteuid() != 0) {
		print_message("skipped: owners need root\n");
		return;
	}
	bmx_list_store_free(&fx->store);
	assert_int_equal(chown(fx->dir, 4242, 4343), 0);
	expect_open(fx->dir, BMX_LIST_READ_WRITE, BMX_E_NONE);
	path_of(fx, "list.mdb", path);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_uid, 4242);
	path_of(fx, "list.mdb-lock", path);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_gid, 4343);
	/* Reading makes the lock file, too, when it is missing. */
	assert_int_equal(unlink(path), 0);
	expect_open(fx->dir, BMX_LIST_READ_ONLY, BMX_E_NONE);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_uid, 4242);
}

#define PLAIN(name, test)                                                      \
	{                                                                      \
		name, test, set_up, tear_down, NULL                            \
	}

static const struct CMUnitTest plain[] = {
	PLAIN("generations grow with each change", test_generations),
	PLAIN("three rollbacks, not a fourth", test_rollback_three_times),
	PLAIN("a rollback holds the source's list back", test_hold),
	PLAIN("another list ends the hold", test_hold_ends),
	PLAIN("rollback of a change of many pieces", test_large_rollback),
	PLAIN("digest follows random changes", test_random_changes),
	PLAIN("a reader sees one state", test_reader_sees_one_state),
	PLAIN("two processes write", test_two_writers),
	PLAIN("another file takes the place of a store", test_replaced),
	PLAIN("two processes write one domain", test_two_writers_one_domain),
	PLAIN("no directory", test_nothing_there),
	PLAIN("a file of something else", test_foreign_file),
	PLAIN("a file cut short", test_file_cut_short),
	PLAIN("full disk keeps the old list", test_full_disk),
	PLAIN("full disk, a file without its last page",
              test_full_disk_short_file),
	PLAIN("pages of a killed reader are used again", test_killed_reader),
	PLAIN("a lock file that is a link", test_lock_is_a_link),
	PLAIN("root gives its files to the directory's owner", test_owner),
};

#define ROWS (sizeof(replace_cases) / sizeof(replace_cases[0]))
#define PLAINS (sizeof(plain) / sizeof(plain[0]))

int
main(void)
{
	struct CMUnitTest tests[ROWS + PLAINS] = {0};

	for (size_t i = 0; i < ROWS; i++) {
		tests[i].name = replace_cases[i].name;
		tests[i].test_func = test_replace_row;
		tests[i].initial_state = &replace_cases[i];
	}
	memcpy(tests + ROWS, plain, sizeof(plain));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
