/* Records in LMDB: what is kept, for how long, and what happens when the file
 * is full, away, or somebody else's. */
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

#include <backupmx/cache_store.h>

#include "tests/support/fake_loop.h"

#define NOW INT64_C(1800000000000)
#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)
#define V BMX_RECORD_VERIFICATION
#define G BMX_RECORD_GATE
#define P BMX_RECORD_PRIMARY
#define DOMAIN "example.test"
#define OTHER "other.test"

struct fixture {
	char dir[64];
	struct bmx_loop *loop;
	struct bmx_cache_store *store;
	struct bmx_cache_options options;
	struct bmx_error trouble; /* of the last opening */
	int told;                 /* calls of on_trouble */
	uint64_t told_lost;
	struct bmx_error told_err;
};

static void
on_trouble(void *ctx, const struct bmx_error *err, uint64_t lost)
{
	struct fixture *fx = ctx;

	fx->told++;
	fx->told_lost += lost;
	fx->told_err = *err;
}

static void
open_store(struct fixture *fx)
{
	fx->store = bmx_cache_store_open(&fx->options, &fx->trouble);
	assert_non_null(fx->store);
}

static void
open_sound(struct fixture *fx)
{
	open_store(fx);
	assert_string_equal(bmx_error_code_name(fx->trouble.code),
	                    bmx_error_code_name(BMX_E_NONE));
	assert_true(bmx_cache_store_has_file(fx->store));
}

static void
reopen(struct fixture *fx)
{
	bmx_cache_store_free(&fx->store);
	open_sound(fx);
}

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	(void)snprintf(fx->dir, sizeof(fx->dir), "/tmp/bmx-cache-XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	fx->loop = fake_loop_new(NOW);
	fx->options = (struct bmx_cache_options){.state_dir = fx->dir,
	                                         .loop = fx->loop,
	                                         .on_trouble = on_trouble,
	                                         .trouble_ctx = fx};
	*state = fx;
	return 0;
}

static void
path_of(const struct fixture *fx, const char *name, char path[128])
{
	(void)snprintf(path, 128, "%s/%s", fx->dir, name);
}

static int
tear_down(void **state)
{
	static const char *const files[] = {"cache.mdb", "cache.mdb-lock",
	                                    "cache.mdb.bad", "filler"};
	struct fixture *fx = *state;
	char path[128];

	bmx_cache_store_free(&fx->store);
	fake_loop_free(&fx->loop);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path_of(fx, files[i], path);
		(void)unlink(path);
	}
	(void)rmdir(fx->dir);
	free(fx);
	return 0;
}

static struct bmx_record_key
key_of(enum bmx_record_kind kind, const char *domain, const char *name)
{
	return (struct bmx_record_key){kind, bmx_slice_of(domain),
	                               bmx_slice_of(name)};
}

static struct bmx_record
record_of(enum bmx_record_kind kind, enum bmx_verified result)
{
	struct bmx_record record = {.kind = kind};

	if (kind == V)
		record.as.verification.result = result;
	if (kind == G)
		record.as.gate.tries = 1;
	return record;
}

static void
put_as(struct fixture *fx, const char *domain, const char *name,
       enum bmx_verified result)
{
	struct bmx_record_store *records = bmx_cache_store_records(fx->store);
	const struct bmx_record_key key = key_of(V, domain, name);
	const struct bmx_record record = record_of(V, result);

	records->ops->put(records, &key, &record);
}

static void
put(struct fixture *fx, const char *name)
{
	put_as(fx, DOMAIN, name, BMX_VERIFIED_VALID);
}

static void
put_number(struct fixture *fx, unsigned number, enum bmx_verified result)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "u%06u", number);
	put_as(fx, DOMAIN, name, result);
}

static void
put_kind(struct fixture *fx, enum bmx_record_kind kind, const char *domain,
         const char *name)
{
	struct bmx_record_store *records = bmx_cache_store_records(fx->store);
	const struct bmx_record_key key = key_of(kind, domain, name);
	const struct bmx_record record = record_of(kind, BMX_VERIFIED_VALID);

	records->ops->put(records, &key, &record);
}

static void
drop(struct fixture *fx, const char *domain, const char *name)
{
	struct bmx_record_store *records = bmx_cache_store_records(fx->store);
	const struct bmx_record_key key = key_of(V, domain, name);

	records->ops->remove(records, &key);
}

static void
drop_domain(struct fixture *fx, enum bmx_record_kind kind, const char *domain)
{
	struct bmx_record_store *records = bmx_cache_store_records(fx->store);

	records->ops->remove_domain(records, kind, bmx_slice_of(domain));
}

struct answer {
	int calls;
	enum bmx_record_found found;
	struct bmx_record record;
};

static void
on_record(void *ctx, enum bmx_record_found found,
          const struct bmx_record *record)
{
	struct answer *answer = ctx;

	answer->calls++;
	answer->found = found;
	assert_int_equal(record != NULL, found == BMX_RECORD_FOUND);
	if (record)
		answer->record = *record;
}

/* "valid", "unknown", "absent"; for other kinds "valid" is found. */
static const char *
find(struct fixture *fx, enum bmx_record_kind kind, const char *domain,
     const char *name)
{
	struct bmx_record_store *records = bmx_cache_store_records(fx->store);
	const struct bmx_record_key key = key_of(kind, domain, name);
	struct answer answer = {0};

	assert_null(records->ops->get(records, &key, on_record, &answer));
	assert_int_equal(answer.calls, 1);
	if (answer.found != BMX_RECORD_FOUND)
		return "absent";
	assert_int_equal(answer.record.kind, kind);
	return kind == V &&
			answer.record.as.verification.result ==
				BMX_VERIFIED_UNKNOWN ?
		"unknown" :
		"valid";
}

static void
expect(struct fixture *fx, const char *name, const char *want)
{
	assert_string_equal(find(fx, V, DOMAIN, name), want);
}

static struct bmx_cache_counters
count(const struct fixture *fx)
{
	struct bmx_cache_counters counters;

	bmx_cache_store_count(fx->store, &counters);
	return counters;
}

static void
test_put(void **state)
{
	struct fixture *fx = *state;

	open_sound(fx);
	expect(fx, "joe", "absent");
	put(fx, "joe");
	put_kind(fx, G, DOMAIN, "0123456789abcdef");
	put_kind(fx, P, DOMAIN, "");
	expect(fx, "joe", "valid");
	assert_int_equal(count(fx).waiting, 3);
	assert_int_equal(count(fx).records[V], 0);
	bmx_cache_store_flush(fx->store);
	assert_int_equal(count(fx).waiting, 0);
	assert_int_equal(count(fx).records[V], 1);
	assert_int_equal(count(fx).records[G], 1);
	assert_int_equal(count(fx).records[P], 1);
	expect(fx, "joe", "valid");
	reopen(fx);
	expect(fx, "joe", "valid");
	expect(fx, "jo", "absent");
	expect(fx, "joe2", "absent");
	assert_string_equal(find(fx, G, DOMAIN, "0123456789abcdef"), "valid");
	assert_string_equal(find(fx, P, DOMAIN, ""), "valid");
	assert_string_equal(find(fx, G, DOMAIN, "joe"), "absent");
	assert_string_equal(find(fx, V, OTHER, "joe"), "absent");
	assert_int_equal(count(fx).hits, 3);
	assert_int_equal(count(fx).misses, 4);
	assert_int_equal(fx->told, 0);
}

static void
test_written_by_timer(void **state)
{
	struct fixture *fx = *state;

	open_sound(fx);
	put(fx, "joe");
	fake_loop_advance(fx->loop, BMX_CACHE_WRITE_MS - 1);
	assert_int_equal(count(fx).waiting, 1);
	fake_loop_advance(fx->loop, 1);
	assert_int_equal(count(fx).waiting, 0);
	/* An idle store does nothing but sweep. */
	assert_int_equal(fake_loop_timers(fx->loop), 1);
	put_as(fx, DOMAIN, "joe", BMX_VERIFIED_UNKNOWN);
	expect(fx, "joe", "unknown");
	fake_loop_advance(fx->loop, BMX_CACHE_WRITE_MS);
	expect(fx, "joe", "unknown");
	assert_int_equal(count(fx).records[V], 1);
}

static void
test_remove(void **state)
{
	struct fixture *fx = *state;

	open_sound(fx);
	put(fx, "waits");
	drop(fx, DOMAIN, "waits");
	expect(fx, "waits", "absent");
	put(fx, "written");
	bmx_cache_store_flush(fx->store);
	drop(fx, DOMAIN, "written");
	drop(fx, DOMAIN, "never there");
	expect(fx, "written", "absent");
	bmx_cache_store_flush(fx->store);
	expect(fx, "written", "absent");
	drop(fx, DOMAIN, "again");
	put(fx, "again");
	reopen(fx);
	expect(fx, "written", "absent");
	expect(fx, "again", "valid");
	assert_int_equal(count(fx).records[V], 1);
}

static void
test_remove_domain(void **state)
{
	struct fixture *fx = *state;

	open_sound(fx);
	put(fx, "a");
	put(fx, "*");
	put_as(fx, OTHER, "a", BMX_VERIFIED_VALID);
	put_as(fx, "example.testing", "a", BMX_VERIFIED_VALID);
	put_as(fx, "example.tes", "a", BMX_VERIFIED_VALID);
	put_kind(fx, P, DOMAIN, "");
	bmx_cache_store_flush(fx->store);
	put(fx, "waits");
	drop_domain(fx, V, DOMAIN);
	put(fx, "later");
	for (int i = 0; i < 3; i++) {
		expect(fx, "a", "absent");
		expect(fx, "*", "absent");
		expect(fx, "waits", "absent");
		expect(fx, "later", "valid");
		assert_string_equal(find(fx, V, OTHER, "a"), "valid");
		assert_string_equal(find(fx, V, "example.testing", "a"),
		                    "valid");
		assert_string_equal(find(fx, V, "example.tes", "a"), "valid");
		assert_string_equal(find(fx, P, DOMAIN, ""), "valid");
		if (i == 0)
			bmx_cache_store_flush(fx->store);
		else
			reopen(fx);
	}
	assert_int_equal(count(fx).records[V], 4);
}

/* More domains than can wait, and more records than a page has. */
static void
test_remove_many_domains(void **state)
{
	struct fixture *fx = *state;
	char domain[32];

	open_sound(fx);
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(domain, sizeof(domain), "d%u.test", i);
		for (unsigned j = 0; j < 50; j++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "u%u", j);
			put_as(fx, domain, name, BMX_VERIFIED_VALID);
		}
	}
	bmx_cache_store_flush(fx->store);
	assert_int_equal(count(fx).records[V], 10000);
	for (unsigned i = 0; i < 200; i += 2) {
		(void)snprintf(domain, sizeof(domain), "d%u.test", i);
		drop_domain(fx, V, domain);
	}
	reopen(fx);
	assert_int_equal(count(fx).records[V], 5000);
	assert_string_equal(find(fx, V, "d0.test", "u0"), "absent");
	assert_string_equal(find(fx, V, "d1.test", "u49"), "valid");
	assert_string_equal(find(fx, V, "d198.test", "u49"), "absent");
}

static void
test_expiry(void **state)
{
	struct fixture *fx = *state;

	open_sound(fx);
	put(fx, "valid");
	put_as(fx, DOMAIN, "unknown", BMX_VERIFIED_UNKNOWN);
	bmx_cache_store_flush(fx->store);
	fake_loop_jump_wall(fx->loop, 3 * DAY - 1);
	expect(fx, "unknown", "unknown");
	fake_loop_jump_wall(fx->loop, 1);
	expect(fx, "unknown", "absent");
	expect(fx, "valid", "valid");
	assert_int_equal(count(fx).records[V], 2);
	fake_loop_advance(fx->loop, BMX_CACHE_SWEEP_MS);
	assert_int_equal(count(fx).records[V], 1);
	assert_int_equal(count(fx).expired, 1);
	fake_loop_jump_wall(fx->loop, 11 * DAY);
	expect(fx, "valid", "absent");
	put(fx, "valid");
	expect(fx, "valid", "valid");
	fake_loop_jump_wall(fx->loop, 14 * DAY);
	expect(fx, "valid", "absent"); /* while it waits, too */
}

/* A sweep takes several steps over many records, and misses none. */
static void
test_long_sweep(void **state)
{
	struct fixture *fx = *state;

	open_sound(fx);
	for (unsigned i = 0; i < 30000; i++)
		put_number(fx, i,
		           i % 2 ? BMX_VERIFIED_VALID : BMX_VERIFIED_UNKNOWN);
	bmx_cache_store_flush(fx->store);
	fake_loop_jump_wall(fx->loop, 4 * DAY);
	fake_loop_advance(fx->loop, 12 * BMX_CACHE_SWEEP_MS);
	assert_int_equal(count(fx).records[V], 15000);
	assert_int_equal(count(fx).expired, 15000);
	for (unsigned i = 0; i < 30000; i += 999) {
		char name[16];

		(void)snprintf(name, sizeof(name), "u%06u", i);
		expect(fx, name, i % 2 ? "valid" : "absent");
	}
}

static void
test_long_names(void **state)
{
	struct fixture *fx = *state;
	char domain[BMX_DOMAIN_MAX + 2], name[BMX_RECORD_NAME_MAX + 2];

	open_sound(fx);
	memset(domain, 'd', sizeof(domain));
	memset(name, 'n', sizeof(name));
	domain[BMX_DOMAIN_MAX] = name[BMX_RECORD_NAME_MAX] = '\0';
	put_kind(fx, V, domain, name);
	bmx_cache_store_flush(fx->store);
	assert_string_equal(find(fx, V, domain, name), "valid");
	name[BMX_RECORD_NAME_MAX - 1] = '\0';
	assert_string_equal(find(fx, V, domain, name), "absent");
	name[BMX_RECORD_NAME_MAX - 1] = name[BMX_RECORD_NAME_MAX] = 'n';
	name[BMX_RECORD_NAME_MAX + 1] = '\0';
	put_kind(fx, V, DOMAIN, name);
	assert_string_equal(find(fx, V, DOMAIN, name), "absent");
	domain[BMX_DOMAIN_MAX] = 'd';
	domain[BMX_DOMAIN_MAX + 1] = '\0';
	put_kind(fx, V, domain, "n");
	assert_string_equal(find(fx, V, domain, "n"), "absent");
	put_kind(fx, P, "", "");
	assert_string_equal(find(fx, P, "", ""), "absent");
	drop_domain(fx, V, domain);
	assert_int_equal(count(fx).waiting, 0);
}

/* More than can wait: written at once, and none is lost. */
static void
test_burst(void **state)
{
	struct fixture *fx = *state;

	open_sound(fx);
	for (unsigned i = 0; i < 10000; i++)
		put_number(fx, i, BMX_VERIFIED_VALID);
	assert_in_range(count(fx).waiting, 1, BMX_CACHE_WAITING_MAX);
	for (unsigned i = 0; i < 10000; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "u%06u", i);
		expect(fx, name, "valid");
	}
	reopen(fx);
	assert_int_equal(count(fx).records[V], 10000);
	assert_int_equal(count(fx).lost, 0);
}

/*
 * Full.
 */

static void
test_cap(void **state)
{
	struct fixture *fx = *state;

	fx->options.most_records = 100;
	open_sound(fx);
	for (unsigned i = 0; i < 150; i++)
		put_number(fx, i, BMX_VERIFIED_VALID);
	put_kind(fx, P, DOMAIN, "");
	bmx_cache_store_flush(fx->store);
	assert_int_equal(count(fx).records[V], 100);
	assert_int_equal(count(fx).records[P], 1);
	assert_int_equal(count(fx).lost, 50);
	assert_int_equal(fx->told, 1);
	assert_int_equal(fx->told_lost, 50);
	assert_int_equal(fx->told_err.code, BMX_E_FULL);
	/* What is there can be changed. */
	put_number(fx, 0, BMX_VERIFIED_UNKNOWN);
	put_number(fx, 149, BMX_VERIFIED_VALID);
	bmx_cache_store_flush(fx->store);
	expect(fx, "u000000", "unknown");
	expect(fx, "u000149", "absent");
	assert_int_equal(count(fx).lost, 51);
	assert_int_equal(fx->told, 1); /* once an interval */
	fake_loop_advance(fx->loop, BMX_CACHE_TROUBLE_MS);
	assert_true(count(fx).records[V] < 100); /* swept before its time */
}

/* Those that expire first make room for others. */
static void
test_pressure(void **state)
{
	struct fixture *fx = *state;

	fx->options.most_records = 1000;
	open_sound(fx);
	for (unsigned i = 0; i < 1000; i++)
		put_number(fx, i,
		           i < 500 ? BMX_VERIFIED_UNKNOWN : BMX_VERIFIED_VALID);
	bmx_cache_store_flush(fx->store);
	fake_loop_advance(fx->loop, 30000);
	assert_int_equal(count(fx).records[V], 900);
	expect(fx, "u000000", "absent");
	expect(fx, "u000499", "unknown");
	expect(fx, "u000500", "valid");
	put(fx, "new");
	fake_loop_advance(fx->loop, 2000);
	expect(fx, "new", "valid");
	assert_int_equal(count(fx).records[V], 901);
	/* No longer pressed: one timer, a minute away. */
	assert_int_equal(fake_loop_timers(fx->loop), 1);
	assert_true(fake_loop_next_ms(fx->loop) > BMX_CACHE_WRITE_MS);
}

/* A file of few octets: what was evicted never comes back. */
static void
test_small_map(void **state)
{
	struct fixture *fx = *state;

	fx->options.most_octets = (size_t)256 << 10;
	open_sound(fx);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 1000; i++)
			put_number(fx, round * 1000 + i, BMX_VERIFIED_VALID);
		put_number(fx, round, BMX_VERIFIED_UNKNOWN);
		put_number(fx, round + 100, BMX_VERIFIED_UNKNOWN);
		drop(fx, DOMAIN, "u000200");
		fake_loop_advance(fx->loop, BMX_CACHE_WRITE_MS);
		for (unsigned i = 0; i <= round; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "u%06u", i);
			assert_string_not_equal(find(fx, V, DOMAIN, name),
			                        "valid");
		}
		expect(fx, "u000200", "absent");
	}
	assert_true(count(fx).lost > 0);
	assert_true(fx->told > 0);
	/* It recovers: what comes a while later is kept. */
	fake_loop_advance(fx->loop, 10 * MINUTE);
	put(fx, "later");
	fake_loop_advance(fx->loop, BMX_CACHE_WRITE_MS);
	assert_int_equal(count(fx).waiting, 0);
	expect(fx, "later", "valid");
	reopen(fx);
	expect(fx, "later", "valid");
	expect(fx, "u001900", "valid"); /* it was not made anew */
	assert_true(count(fx).records[V] > 100);
}

static bool
mount_small(struct fixture *fx, const char *size)
{
	char data[32];

	(void)snprintf(data, sizeof(data), "size=%s", size);
	if (geteuid() == 0 && mount("tmpfs", fx->dir, "tmpfs", 0, data) == 0)
		return true;
	print_message("skipped: a small file system needs root\n");
	return false;
}

static void
fill_disk(const struct fixture *fx)
{
	static const char page[4096] = "full";
	char path[128];
	int fd;

	path_of(fx, "filler", path);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (write(fd, page, sizeof(page)) > 0)
		continue;
	(void)close(fd);
}

/* Somebody fills the disk: what is in the file stays, what is new is dropped,
 * and what is evicted stays evicted. Later all is well again. */
static void
test_full_disk(void **state)
{
	struct fixture *fx = *state;
	char path[128];

	if (!mount_small(fx, "4m"))
		return;
	open_sound(fx);
	for (unsigned i = 0; i < 1000; i++)
		put_number(fx, i, BMX_VERIFIED_VALID);
	bmx_cache_store_flush(fx->store);
	fill_disk(fx);
	put_number(fx, 0, BMX_VERIFIED_UNKNOWN);
	for (unsigned i = 1000; i < 20000; i++) {
		put_number(fx, i, BMX_VERIFIED_VALID);
		if (i % 100 == 0)
			fake_loop_advance(fx->loop, BMX_CACHE_WRITE_MS);
	}
	assert_true(count(fx).write_errors > 0);
	assert_true(fx->told > 0);
	expect(fx, "u000000", "unknown");
	expect(fx, "u000001", "valid");
	expect(fx, "u000999", "valid");
	path_of(fx, "filler", path);
	assert_int_equal(unlink(path), 0);
	put(fx, "later");
	fake_loop_advance(fx->loop, 10 * BMX_CACHE_WRITE_MS);
	assert_int_equal(count(fx).waiting, 0);
	reopen(fx);
	expect(fx, "u000000", "unknown");
	expect(fx, "u000999", "valid");
	expect(fx, "later", "valid");
	bmx_cache_store_free(&fx->store);
	assert_int_equal(umount(fx->dir), 0);
}

/* More removals than can wait, and a disk that takes none of them. */
static void
test_stuck_removals(void **state)
{
	struct fixture *fx = *state;

	if (!mount_small(fx, "4m"))
		return;
	open_sound(fx);
	for (unsigned i = 0; i < 5000; i++)
		put_number(fx, i, BMX_VERIFIED_VALID);
	bmx_cache_store_flush(fx->store);
	fill_disk(fx);
	for (unsigned i = 0; i < 5000; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "u%06u", i);
		drop(fx, DOMAIN, name);
	}
	for (unsigned i = 0; i < 5000; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "u%06u", i);
		expect(fx, name, "absent");
	}
	put(fx, "later");
	bmx_cache_store_flush(fx->store);
	expect(fx, "later", "valid");
	bmx_cache_store_free(&fx->store);
	assert_int_equal(umount(fx->dir), 0);
}

/*
 * Without a file, or with another one.
 */

static void
test_no_directory(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(rmdir(fx->dir), 0);
	open_store(fx);
	assert_int_equal(fx->trouble.code, BMX_E_NOT_FOUND);
	assert_false(bmx_cache_store_has_file(fx->store));
	for (unsigned i = 0; i < 5000; i++)
		put_number(fx, i, BMX_VERIFIED_VALID);
	assert_int_equal(count(fx).waiting, BMX_CACHE_WAITING_MAX);
	assert_int_equal(count(fx).lost, 5000 - BMX_CACHE_WAITING_MAX);
	expect(fx, "u000000", "absent");
	expect(fx, "u000904", "valid");
	expect(fx, "u004999", "valid");
	drop(fx, DOMAIN, "u004999");
	expect(fx, "u004999", "absent");
	put_as(fx, OTHER, "joe", BMX_VERIFIED_VALID);
	drop_domain(fx, V, DOMAIN);
	assert_int_equal(count(fx).waiting, 1);
	bmx_cache_store_flush(fx->store);
	assert_string_equal(find(fx, V, OTHER, "joe"), "valid");
	/* It comes: what is in memory is written. */
	assert_int_equal(mkdir(fx->dir, 0700), 0);
	fake_loop_advance(fx->loop, BMX_CACHE_SWEEP_MS + BMX_CACHE_WRITE_MS);
	assert_true(bmx_cache_store_has_file(fx->store));
	assert_int_equal(count(fx).records[V], 1);
}

static void
test_removed_while_open(void **state)
{
	struct fixture *fx = *state;
	char path[128];

	open_sound(fx);
	put(fx, "joe");
	bmx_cache_store_flush(fx->store);
	path_of(fx, "cache.mdb", path);
	assert_int_equal(unlink(path), 0);
	path_of(fx, "cache.mdb-lock", path);
	assert_int_equal(unlink(path), 0);
	put(fx, "jane");
	bmx_cache_store_flush(fx->store);
	fake_loop_advance(fx->loop, 2 * BMX_CACHE_SWEEP_MS);
	expect(fx, "joe", "valid");
	expect(fx, "jane", "valid");
	reopen(fx);
	expect(fx, "joe", "absent");
}

/* For example a link, or a list that was renamed. */
static void
test_not_a_file(void **state)
{
	struct fixture *fx = *state;
	char path[128], aside[128];

	path_of(fx, "cache.mdb", path);
	path_of(fx, "cache.mdb.bad", aside);
	assert_int_equal(symlink("/dev/null", path), 0);
	open_store(fx);
	assert_int_equal(fx->trouble.code, BMX_E_CORRUPT);
	assert_non_null(strstr(fx->trouble.text, "set aside as"));
	assert_true(bmx_cache_store_has_file(fx->store));
	put(fx, "joe");
	reopen(fx);
	expect(fx, "joe", "valid");
	assert_int_equal(unlink(aside), 0);
}

/*
 * All records, and readers.
 */

struct seen {
	int calls, stop_at;
	int kinds[BMX_RECORD_KINDS];
	int joes;
};

static int
on_each(void *ctx, const struct bmx_record_key *key,
        const struct bmx_record *record)
{
	struct seen *seen = ctx;

	assert_int_equal(key->kind, record->kind);
	seen->kinds[key->kind]++;
	seen->joes += bmx_slice_equal(key->name, BMX_SLICE("joe")) &&
		bmx_slice_equal(key->domain, BMX_SLICE(DOMAIN));
	return ++seen->calls == seen->stop_at ? 7 : 0;
}

static void
test_each(void **state)
{
	struct fixture *fx = *state;
	struct seen seen = {0};
	struct bmx_error err;

	open_sound(fx);
	put(fx, "joe");
	put(fx, "removed");
	put_as(fx, DOMAIN, "expires", BMX_VERIFIED_UNKNOWN);
	put_as(fx, OTHER, "joe", BMX_VERIFIED_VALID);
	put_kind(fx, P, DOMAIN, "");
	bmx_cache_store_flush(fx->store);
	fake_loop_jump_wall(fx->loop, 3 * DAY);
	put(fx, "joe"); /* waits and is in the file: once */
	drop(fx, DOMAIN, "removed");
	put_kind(fx, G, DOMAIN, "0123456789abcdef");
	drop_domain(fx, V, OTHER);
	assert_int_equal(bmx_cache_store_each(fx->store, BMX_RECORD_KINDS,
	                                      on_each, &seen, &err),
	                 0);
	assert_int_equal(seen.kinds[V], 1);
	assert_int_equal(seen.kinds[G], 1);
	assert_int_equal(seen.kinds[P], 1);
	assert_int_equal(seen.joes, 1);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(
		bmx_cache_store_each(fx->store, P, on_each, &seen, &err), 0);
	assert_int_equal(seen.calls, 1);
	for (int i = 1; i <= 3; i++) {
		memset(&seen, 0, sizeof(seen));
		seen.stop_at = i;
		assert_int_equal(bmx_cache_store_each(fx->store,
		                                      BMX_RECORD_KINDS, on_each,
		                                      &seen, &err),
		                 7);
		assert_int_equal(seen.calls, i);
	}
}

/* As `backupmxctl cache dump` reads, in another process. */
static int
read_in_child(const struct fixture *fx)
{
	struct seen seen = {0};
	struct bmx_error err;
	struct bmx_cache_store *store =
		bmx_cache_store_open_to_read(fx->dir, fx->loop->clock, &err);
	struct bmx_record_store *records;
	const struct bmx_record_key key = key_of(V, DOMAIN, "joe");
	const struct bmx_record record = record_of(V, BMX_VERIFIED_UNKNOWN);
	struct answer answer = {0};

	if (!store)
		return 100;
	records = bmx_cache_store_records(store);
	records->ops->put(records, &key, &record);
	records->ops->remove(records, &key);
	records->ops->remove_domain(records, V, key.domain);
	(void)records->ops->get(records, &key, on_record, &answer);
	if (answer.found != BMX_RECORD_FOUND ||
	    bmx_cache_store_each(store, V, on_each, &seen, &err) != 0)
		return 101;
	bmx_cache_store_free(&store);
	return seen.calls;
}

static void
test_reader(void **state)
{
	struct fixture *fx = *state;
	struct bmx_cache_store *none;
	struct bmx_error err;
	int status = -1;
	pid_t pid;

	none = bmx_cache_store_open_to_read(fx->dir, fx->loop->clock, &err);
	assert_null(none);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	open_sound(fx);
	put(fx, "joe");
	put(fx, "jane");
	bmx_cache_store_flush(fx->store);
	pid = fork();
	if (pid == 0)
		_exit(read_in_child(fx));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 2 << 8);
	expect(fx, "joe", "valid");
}

static int
die_reading(void *ctx, const struct bmx_record_key *key,
            const struct bmx_record *record)
{
	(void)ctx;
	(void)key;
	(void)record;
	return raise(SIGKILL);
}

static off_t
write_rounds(struct fixture *fx, int rounds)
{
	struct stat file;
	char path[128];

	for (int i = 0; i < rounds; i++) {
		for (unsigned j = 0; j < 500; j++)
			put_number(fx, j, BMX_VERIFIED_VALID);
		bmx_cache_store_flush(fx->store);
	}
	path_of(fx, "cache.mdb", path);
	assert_int_equal(stat(path, &file), 0);
	return file.st_size;
}

/* What a killed reader saw is used again after the next sweep. */
static void
test_killed_reader(void **state)
{
	struct fixture *fx = *state;
	struct bmx_cache_store *reader;
	struct bmx_error err;
	off_t before;
	int status;
	pid_t pid;

	open_sound(fx);
	(void)write_rounds(fx, 1);
	pid = fork();
	if (pid == 0) {
		reader = bmx_cache_store_open_to_read(fx->dir, fx->loop->clock,
		                                      &err);
		if (reader)
			(void)bmx_cache_store_each(reader, V, die_reading, NULL,
			                           &err);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	fake_loop_advance(fx->loop, BMX_CACHE_SWEEP_MS);
	before = write_rounds(fx, 5);
	assert_int_equal(write_rounds(fx, 50), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_put),
		TEST(test_written_by_timer),
		TEST(test_remove),
		TEST(test_remove_domain),
		TEST(test_remove_many_domains),
		TEST(test_expiry),
		TEST(test_long_sweep),
		TEST(test_long_names),
		TEST(test_burst),
		TEST(test_cap),
		TEST(test_pressure),
		TEST(test_small_map),
		TEST(test_full_disk),
		TEST(test_stuck_removals),
		TEST(test_no_directory),
		TEST(test_removed_while_open),
		TEST(test_not_a_file),
		TEST(test_each),
		TEST(test_reader),
		TEST(test_killed_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
