/*
 * How long a list takes to load and an address to look up, and what it costs
 * on disk. Usage: bench.list [ENTRIES [LOOK-UPS]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <backupmx/clock.h>
#include <backupmx/list_sync.h>

#define DOMAIN "example.test"

static char directory[] = "/tmp/bmx-list-bench-XXXXXX";

static void
die(const char *what)
{
	(void)fprintf(stderr, "%s\n", what);
	exit(1);
}

/* A step that has no common factor with the count visits each number once,
 * in an order that looks random. */
static unsigned long
shuffle(unsigned long i, unsigned long count)
{
	return (unsigned long)((uint64_t)i * 7368787 % count);
}

static void
write_list(const char *path, unsigned long count, unsigned long skip)
{
	FILE *out = fopen(path, "w");

	if (!out)
		die("cannot write the list");
	for (unsigned long i = 0; i < count; i++) {
		const unsigned long n = shuffle(i, count);

		(void)fprintf(out, "%s%07lu@" DOMAIN "\n",
		              skip && n % skip == 0 ? "other" : "user", n);
	}
	if (fclose(out) != 0)
		die("cannot write the list");
}

static void
load(struct bmx_list_store *store, const char *source, const char *name)
{
	const struct bmx_list_sync_spec spec = {DOMAIN, source, false, NULL,
	                                        NULL};
	const struct bmx_list_replace_options options = {.max_shrink = 100};
	const struct bmx_clock *clock = bmx_clock_system();
	const int64_t start_us = bmx_clock_mono_us(clock);
	struct bmx_list_replace_result result;
	struct bmx_error err;

	if (bmx_list_sync(store, &spec, &options, &result, &err) != 0)
		die(err.text);
	(void)printf("%s: %" PRIu64 " entries, +%" PRIu64 " -%" PRIu64
	             ", %.3f s\n",
	             name, result.after, result.added, result.removed,
	             (double)(bmx_clock_mono_us(clock) - start_us) / 1e6);
}

static void
look_up(struct bmx_list_store *store, const char *prefix, int want,
        unsigned long entries, unsigned long count)
{
	const struct bmx_clock *clock = bmx_clock_system();
	struct bmx_error err;
	struct bmx_list_reader *reader = bmx_list_reader_new(store, &err);
	struct bmx_list_meta meta;
	enum bmx_recipient_state state;
	unsigned long wrong = 0;
	uint64_t random = 1;
	int64_t start_us, took_us;

	if (!reader || bmx_list_reader_begin(reader, &err) != 0 ||
	    bmx_list_reader_meta(reader, BMX_SLICE(DOMAIN), &meta, &err) != 1)
		die(err.text);
	start_us = bmx_clock_mono_us(clock);
	for (unsigned long i = 0; i < count; i++) {
		char local[32];
		int len;

		random = random * UINT64_C(6364136223846793005) + 1442695041;
		len = snprintf(local, sizeof(local), "%s%07lu", prefix,
		               (unsigned long)(random >> 33) % entries);
		wrong += bmx_list_reader_find(
				 reader, meta.id,
				 (struct bmx_slice){local, (size_t)len}, &state,
				 &err) != want;
	}
	took_us = bmx_clock_mono_us(clock) - start_us;
	(void)printf("look-ups of %s: %.0f /s, %.3f us each, %lu wrong\n",
	             prefix, (double)count * 1e6 / (double)took_us,
	             (double)took_us / (double)count, wrong);
	bmx_list_reader_end(reader);
	bmx_list_reader_free(&reader);
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {"list.mdb", "list.mdb-lock",
	                                    "list"};
	const unsigned long entries =
		argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	const unsigned long count =
		argc > 2 ? strtoul(argv[2], NULL, 10) : 2000000;
	struct bmx_list_store *store;
	struct bmx_error err;
	struct stat file;
	char path[128], source[160];

	if (entries < 100 || !mkdtemp(directory))
		die("usage: bench.list [ENTRIES [LOOK-UPS]]");
	store = bmx_list_store_open(directory, BMX_LIST_READ_WRITE, &err);
	if (!store)
		die(err.text);
	(void)snprintf(path, sizeof(path), "%s/list", directory);
	(void)snprintf(source, sizeof(source), "file:%s", path);
	write_list(path, entries, 0);
	load(store, source, "first load");
	load(store, source, "same again");
	look_up(store, "user", 1, entries, count);
	look_up(store, "absent", 0, entries, count);
	look_up(store, "user1", 0, entries, count);
	(void)snprintf(path, sizeof(path), "%s/list.mdb", directory);
	if (stat(path, &file) == 0)
		(void)printf("file: %.1f octets a recipient\n",
		             (double)file.st_size / (double)entries);
	(void)snprintf(path, sizeof(path), "%s/list", directory);
	write_list(path, entries, entries / 50);
	load(store, source, "50 gone, 50 new");
	bmx_list_store_free(&store);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory,
		               names[i]);
		(void)unlink(path);
	}
	(void)rmdir(directory);
	return 0;
}
