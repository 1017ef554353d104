/*
 * A cache.mdb that is damaged, cut, or of something else is set aside, or what
 * is left of it is right; a writer that is killed leaves one that can be read.
 * Stores are opened by child processes: a crash is seen as such.
 */
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <backupmx/cache_store.h>
#include <backupmx/list_store.h>

#include "tests/support/fake_loop.h"

#define NOW INT64_C(1800000000000)
#define DOMAIN BMX_SLICE("example.test")
#define RECORDS 2000U
#define PAGE 4096

enum child_result { ALL_THERE = 10, SOME_THERE, SET_ASIDE, WRONG, BROKEN };

static char dir[] = "/tmp/bmx-damage-XXXXXX";
static char path[64], lock[64], aside[64], copy[64];

/* The stamp of each record says which one it is. */
static void
put_number(struct bmx_record_store *records, unsigned number, int64_t stamp)
{
	char name[16];
	const int len = snprintf(name, sizeof(name), "u%06u", number);
	const struct bmx_record_key key = {
		BMX_RECORD_VERIFICATION, DOMAIN, {name, (size_t)len}};
	const struct bmx_record record = {
		.kind = BMX_RECORD_VERIFICATION,
		.as.verification = {.checked_at_ms = stamp}};

	records->ops->put(records, &key, &record);
}

static struct bmx_cache_store *
open_store(struct bmx_loop *loop, struct bmx_error *err)
{
	const struct bmx_cache_options options = {.state_dir = dir,
	                                          .loop = loop};

	return bmx_cache_store_open(&options, err);
}

struct tally {
	unsigned right, wrong;
};

static int
on_each(void *ctx, const struct bmx_record_key *key,
        const struct bmx_record *record)
{
	struct tally *tally = ctx;
	char name[16];
	const int len = snprintf(
		name, sizeof(name), "u%06u",
		(unsigned)(record->as.verification.checked_at_ms % 1000000));

	if (bmx_slice_equal(key->name, (struct bmx_slice){name, (size_t)len}) &&
	    bmx_slice_equal(key->domain, DOMAIN))
		tally->right++;
	else
		tally->wrong++;
	return 0;
}

static enum child_result
judge(struct bmx_cache_store *store, const struct bmx_error *trouble)
{
	struct tally tally = {0};
	struct bmx_error err;

	if (bmx_cache_store_each(store, BMX_RECORD_VERIFICATION, on_each,
	                         &tally, &err) != 0)
		return BROKEN;
	if (tally.wrong > 0)
		return WRONG;
	if (trouble->code == BMX_E_CORRUPT)
		return tally.right == 0 && access(aside, F_OK) == 0 ?
			SET_ASIDE :
			BROKEN;
	if (trouble->code != BMX_E_NONE)
		return BROKEN;
	return tally.right == RECORDS ? ALL_THERE : SOME_THERE;
}

/* As a daemon's start and some of its work. */
static enum child_result
use_store(void)
{
	struct bmx_loop *loop = fake_loop_new(NOW);
	struct bmx_error trouble;
	struct bmx_cache_store *store = open_store(loop, &trouble);
	enum child_result result = BROKEN;

	if (!store)
		return BROKEN;
	if (bmx_cache_store_has_file(store))
		result = judge(store, &trouble);
	for (unsigned i = 0; i < 100; i++)
		put_number(bmx_cache_store_records(store), RECORDS + i,
		           RECORDS + i);
	fake_loop_advance(loop, 2 * BMX_CACHE_SWEEP_MS);
	bmx_cache_store_free(&store);
	fake_loop_free(&loop);
	return result;
}

static int in_child(enum child_result (*work)(void))
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		/* Not cmocka's handlers. */
		for (int i = 1; i < NSIG; i++)
			(void)signal(i, SIG_DFL);
		_exit((int)work());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		print_message("ended by signal %d\n", WTERMSIG(status));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static enum child_result
fill_store(void)
{
	struct bmx_loop *loop = fake_loop_new(NOW);
	struct bmx_error err;
	struct bmx_cache_store *store = open_store(loop, &err);

	for (unsigned i = 0; i < RECORDS; i++)
		put_number(bmx_cache_store_records(store), i, i);
	bmx_cache_store_flush(store);
	bmx_cache_store_free(&store);
	fake_loop_free(&loop);
	return ALL_THERE;
}

static void
copy_file(const char *from, const char *to)
{
	char page[PAGE];
	const int in = open(from, O_RDONLY);
	const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t len;

	assert_true(in >= 0 && out >= 0);
	while ((len = read(in, page, sizeof(page))) > 0)
		assert_int_equal(write(out, page, (size_t)len), len);
	(void)close(in);
	(void)close(out);
}

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/cache.mdb", dir);
	(void)snprintf(lock, sizeof(lock), "%s/cache.mdb-lock", dir);
	(void)snprintf(aside, sizeof(aside), "%s/cache.mdb.bad", dir);
	(void)snprintf(copy, sizeof(copy), "%s/copy", dir);
	(void)in_child(fill_store);
	copy_file(path, copy);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)unlink(lock);
	(void)unlink(aside);
	(void)unlink(copy);
	(void)rmdir(dir);
	return 0;
}

static int
fresh_copy(void **state)
{
	(void)state;
	(void)unlink(lock);
	(void)unlink(aside);
	copy_file(copy, path);
	return 0;
}

static void
test_undamaged(void **state)
{
	(void)state;
	assert_int_equal(in_child(use_store), ALL_THERE);
	assert_int_not_equal(access(aside, F_OK), 0);
}

static void
overwrite(off_t at, const void *octets, size_t len)
{
	const int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, octets, len, at), (ssize_t)len);
	(void)close(fd);
}

/* Whatever was done: no crash, no wrong record. */
static int
use_damaged(void)
{
	const int result = in_child(use_store);

	assert_true(result == ALL_THERE || result == SOME_THERE ||
	            result == SET_ASIDE);
	return result;
}

static void
damage_page(off_t page, int with)
{
	char junk[PAGE];

	memset(junk, with, sizeof(junk));
	overwrite(page * PAGE, junk, sizeof(junk));
}

static void
test_pages(void **state)
{
	static const int with[] = {0x00, 0xff, 0x55};
	struct stat file;
	int aside_count = 0;

	assert_int_equal(stat(copy, &file), 0);
	for (off_t page = 0; page < file.st_size / PAGE; page++) {
		(void)fresh_copy(state);
		damage_page(page, with[page % 3]);
		aside_count += use_damaged() == SET_ASIDE;
	}
	/* Most pages hold something. */
	assert_true(aside_count > file.st_size / PAGE / 2);
}

/* Both meta pages: LMDB then knows nothing of the rest. */
static void
test_meta_pages(void **state)
{
	(void)state;
	damage_page(0, 0);
	damage_page(1, 0);
	assert_int_equal(use_damaged(), SET_ASIDE);
	assert_int_equal(in_child(use_store), SOME_THERE); /* the new one */
}

static void
test_magic_and_version(void **state)
{
	const uint32_t wrong = 0xdeadbeef;

	(void)state;
	overwrite(16, &wrong, sizeof(wrong));
	overwrite(PAGE + 16, &wrong, sizeof(wrong));
	assert_int_equal(use_damaged(), SET_ASIDE);
	(void)fresh_copy(state);
	overwrite(20, &wrong, sizeof(wrong));
	overwrite(PAGE + 20, &wrong, sizeof(wrong));
	assert_int_equal(use_damaged(), SET_ASIDE);
}

/* The last page in use, as both meta pages say it. */
static void
test_impossible_size(void **state)
{
	const uint64_t last[] = {UINT64_C(1) << 50, UINT64_MAX, 1};

	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		(void)fresh_copy(state);
		for (off_t page = 0; page < 2; page++)
			overwrite(page * PAGE + 16 + 8 + 16 + 2 * 48, &last[i],
			          sizeof(last[i]));
		(void)use_damaged();
	}
}

static void
test_flipped_bits(void **state)
{
	struct stat file;
	uint64_t seed = 88172645463325252U;

	assert_int_equal(stat(copy, &file), 0);
	for (int i = 0; i < 60; i++) {
		off_t at;
		char octet;
		int fd;

		(void)fresh_copy(state);
		seed = seed * 6364136223846793005U + 1442695040888963407U;
		at = (off_t)(seed >> 33) % file.st_size;
		fd = open(path, O_RDWR);
		assert_int_equal(pread(fd, &octet, 1, at), 1);
		octet = (char)(octet ^ (1 << (seed >> 30 & 7)));
		(void)close(fd);
		overwrite(at, &octet, 1);
		(void)use_damaged();
	}
}

/* A digit of a stamp, where all else is sound: the check sum tells. */
static void
test_changed_value(void **state)
{
	static const char stamp[] = "checked_at=1234";
	static char octets[1 << 20];
	const int fd = open(path, O_RDWR);
	const ssize_t len = read(fd, octets, sizeof(octets));
	off_t at = 0;

	(void)state;
	(void)close(fd);
	assert_true(len > 0 && (size_t)len < sizeof(octets));
	while (memcmp(octets + at, stamp, sizeof(stamp) - 1) != 0)
		assert_true(++at < len - (off_t)sizeof(stamp));
	overwrite(at + (off_t)sizeof(stamp) - 2, "5", 1);
	assert_int_equal(use_damaged(), SOME_THERE);
}

static void
test_cut(void **state)
{
	struct stat file;

	assert_int_equal(stat(copy, &file), 0);
	for (off_t size = file.st_size - 1; size > 0; size -= 11 * 1500) {
		(void)fresh_copy(state);
		assert_int_equal(truncate(path, size), 0);
		(void)use_damaged();
	}
	(void)fresh_copy(state);
	assert_int_equal(truncate(path, 0), 0);
	(void)use_damaged();
}

static void
test_text_file(void **state)
{
	static const char text[] = "this is not a database\n";
	const int fd = open(path, O_WRONLY | O_TRUNC);

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	(void)close(fd);
	assert_int_equal(use_damaged(), SET_ASIDE);
}

static enum child_result
make_list(void)
{
	struct bmx_error err;
	struct bmx_list_store *store =
		bmx_list_store_open(dir, BMX_LIST_READ_WRITE, &err);

	bmx_list_store_free(&store);
	return ALL_THERE;
}

/* Another database of LMDB, here a list; a later release looks alike. */
static void
test_other_database(void **state)
{
	char list[64];

	(void)state;
	(void)in_child(make_list);
	(void)snprintf(list, sizeof(list), "%s/list.mdb", dir);
	assert_int_equal(rename(list, path), 0);
	(void)snprintf(list, sizeof(list), "%s/list.mdb-lock", dir);
	(void)unlink(list);
	assert_int_equal(use_damaged(), SET_ASIDE);
}

static void
test_junk_lock(void **state)
{
	const int fd = open(lock, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char junk[8192];

	(void)state;
	memset(junk, 0x5a, sizeof(junk));
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	(void)close(fd);
	(void)use_damaged();
}

/* Writes for ever: each record says which one it is, and when. */
static void
write_on(void)
{
	struct bmx_loop *loop = fake_loop_new(NOW);
	struct bmx_error err;
	struct bmx_cache_store *store = open_store(loop, &err);

	for (int64_t round = 0;; round++) {
		for (unsigned i = 0; i < 500; i++)
			put_number(bmx_cache_store_records(store),
			           (unsigned)(round * 7 + i) % RECORDS,
			           round * 1000000 + (round * 7 + i) % RECORDS);
		bmx_cache_store_flush(store);
	}
}

static void
test_killed(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		const struct timespec delay = {0, (i * 7919 % 50) * 1000000};
		const pid_t pid = fork();
		int result;

		if (pid == 0)
			write_on();
		assert_true(pid > 0);
		(void)nanosleep(&delay, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		result = in_child(use_store);
		assert_true(result == ALL_THERE || result == SOME_THERE);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_copy)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_undamaged),       TEST(test_pages),
		TEST(test_meta_pages),      TEST(test_magic_and_version),
		TEST(test_impossible_size), TEST(test_flipped_bits),
		TEST(test_changed_value),   TEST(test_cut),
		TEST(test_text_file),       TEST(test_other_database),
		TEST(test_junk_lock),       TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
