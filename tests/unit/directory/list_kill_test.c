/*
 * A writer is killed at random moments of a load; the list must be the old or
 * the new one each time, whole. Usage: list_kill [ENTRIES [KILLS]]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/wait.h>

#include <backupmx/list_store.h>

#include "lib/directory/list_digest.h"

#define DOMAIN BMX_SLICE("example.test")

static char directory[] = "/tmp/bmx-list-kill-XXXXXX";
static struct bmx_list_entry *lists[2];
static uint64_t digests[2];
static size_t entries = 100000;

static void
die(const char *what)
{
	(void)fprintf(stderr, "%s\n", what);
	exit(1);
}

/* The two lists share half of their addresses. */
static void
make_list(unsigned which)
{
	char *bytes = malloc(entries * 16);
	struct bmx_list_digest digest;

	lists[which] = calloc(entries, sizeof(*lists[which]));
	if (!bytes || !lists[which] ||
	    bmx_list_digest_init(&digest, DOMAIN, 0, NULL) != 0)
		die("no memory");
	for (size_t i = 0; i < entries; i++) {
		const int len = snprintf(bytes + i * 16, 16, "u%08zu%c", i,
		                         i % 2         ? 'x' :
		                                 which ? 'b' :
		                                         'a');

		lists[which][i].local =
			(struct bmx_slice){bytes + i * 16, (size_t)len};
		bmx_list_digest_add(&digest, lists[which][i].local);
	}
	digests[which] = digest.sum;
}

static void
replace(struct bmx_list_store *store, unsigned which)
{
	const struct bmx_list_replace_options options = {.force = true};
	struct bmx_list_replace_result result;
	struct bmx_error err;

	if (bmx_list_store_replace(store, DOMAIN, lists[which], entries,
	                           &options, &result, &err) != 0)
		die(err.text);
}

static void
child(void)
{
	struct bmx_error err;
	struct bmx_list_store *store =
		bmx_list_store_open(directory, BMX_LIST_READ_WRITE, &err);

	if (!store)
		die(err.text);
	for (unsigned i = 0;; i++)
		replace(store, i % 2);
}

struct sum {
	struct bmx_list_digest digest;
	uint64_t count;
};

static int
add(void *ctx, const struct bmx_list_entry *entry)
{
	struct sum *sum = ctx;

	sum->count++;
	bmx_list_digest_add(&sum->digest, entry->local);
	return 0;
}

/* Returns the generation in force. */
static uint64_t
check(void)
{
	struct bmx_error err;
	struct bmx_list_store *store =
		bmx_list_store_open(directory, BMX_LIST_READ_WRITE, &err);
	struct bmx_list_reader *reader;
	struct bmx_list_meta meta;
	struct sum sum = {.count = 0};

	if (!store)
		die(err.text);
	reader = bmx_list_reader_new(store, &err);
	if (!reader || bmx_list_reader_begin(reader, &err) != 0 ||
	    bmx_list_digest_init(&sum.digest, DOMAIN, 0, &err) != 0 ||
	    bmx_list_reader_meta(reader, DOMAIN, &meta, &err) != 1 ||
	    bmx_list_reader_each(reader, meta.id, add, &sum, &err) != 0)
		die("the list cannot be read");
	if (sum.count != entries || meta.count != entries ||
	    sum.digest.sum != meta.digest)
		die("the list is not whole");
	if (meta.digest != digests[0] && meta.digest != digests[1])
		die("the list is neither the old nor the new one");
	bmx_list_reader_end(reader);
	bmx_list_reader_free(&reader);
	bmx_list_store_free(&store);
	return meta.generation;
}

static void
kill_once(long most_ns)
{
	const long ns = rand() % most_ns;
	const struct timespec delay = {ns / 1000000000, ns % 1000000000};
	const pid_t pid = fork();

	if (pid < 0)
		die("cannot fork");
	if (pid == 0)
		child();
	(void)nanosleep(&delay, NULL);
	(void)kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		die("cannot wait");
}

static void
first_load(void)
{
	struct bmx_error err;
	struct bmx_list_store *store =
		bmx_list_store_open(directory, BMX_LIST_READ_WRITE, &err);

	if (!store)
		die(err.text);
	replace(store, 1);
	bmx_list_store_free(&store);
}

int
main(int argc, char **argv)
{
	unsigned long kills = 20;
	char path[64];

	if (argc > 1)
		entries = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		kills = strtoul(argv[2], NULL, 10);
	if (entries == 0 || !mkdtemp(directory))
		die("usage: list_kill [ENTRIES [KILLS]]");
	make_list(0);
	make_list(1);
	first_load();
	srand((unsigned)getpid());
	for (unsigned long i = 0; i < kills; i++) {
		/* About twice what one replacement takes. */
		kill_once((long)entries * 2000);
		(void)printf("kill %lu: whole, generation %llu\n", i + 1,
		             (unsigned long long)check());
	}
	(void)snprintf(path, sizeof(path), "%s/list.mdb", directory);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/list.mdb-lock", directory);
	(void)unlink(path);
	(void)rmdir(directory);
	for (unsigned i = 0; i < 2; i++) {
		union {
			const char *in;
			char *out;
		} bytes = {lists[i][0].local.data};

		free(bytes.out);
		free(lists[i]);
	}
	return 0;
}
