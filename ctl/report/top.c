#include "ctl/report/top.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>
#include <backupmx/text.h>

#define NOBODY SIZE_MAX

struct entry {
	uint64_t count;
	size_t next; /* in its bucket; NOBODY ends it */
	char key[BMXCTL_TOP_KEY];
};

struct bmxctl_top {
	struct entry *entries;
	size_t *buckets; /* first entry, NOBODY for none */
	size_t count;
	size_t capacity;
	uint64_t total;
	uint64_t missing;
	uint8_t hash_key[BMX_SIPHASH_KEY_SIZE];
};

static size_t
bucket_of(const struct bmxctl_top *top, const char *key)
{
	return (size_t)bmx_siphash24(top->hash_key, key, strlen(key)) %
		top->capacity;
}

static void
index_entries(struct bmxctl_top *top)
{
	for (size_t i = 0; i < top->capacity; i++)
		top->buckets[i] = NOBODY;
	for (size_t i = 0; i < top->count; i++) {
		size_t *bucket =
			&top->buckets[bucket_of(top, top->entries[i].key)];

		top->entries[i].next = *bucket;
		*bucket = i;
	}
}

struct bmxctl_top *
bmxctl_top_new(size_t capacity)
{
	struct bmxctl_top *top = calloc(1, sizeof(*top));

	if (!top)
		return NULL;
	top->capacity = capacity;
	top->entries = calloc(capacity, sizeof(*top->entries));
	top->buckets = calloc(capacity, sizeof(*top->buckets));
	if (!top->entries || !top->buckets) {
		bmxctl_top_free(&top);
		return NULL;
	}
	bmx_siphash_random_key(top->hash_key);
	index_entries(top);
	return top;
}

void
bmxctl_top_free(struct bmxctl_top **top)
{
	if (!*top)
		return;
	free((*top)->entries);
	free((*top)->buckets);
	free(*top);
	*top = NULL;
}

/* Each pass takes back one count of every key, so passes cost no more than
 * the counting did. */
static void
make_room(struct bmxctl_top *top)
{
	size_t kept = 0;

	for (size_t i = 0; i < top->count; i++) {
		struct entry *entry = &top->entries[i];

		if (--entry->count == 0)
			continue;
		if (kept != i)
			top->entries[kept] = *entry;
		kept++;
	}
	top->missing++;
	if (kept == top->count)
		return;
	top->count = kept;
	index_entries(top);
}

static struct entry *
find(const struct bmxctl_top *top, const char *key)
{
	size_t at = top->buckets[bucket_of(top, key)];

	while (at != NOBODY && strcmp(top->entries[at].key, key) != 0)
		at = top->entries[at].next;
	return at == NOBODY ? NULL : &top->entries[at];
}

void
bmxctl_top_add(struct bmxctl_top *top, struct bmx_slice key)
{
	char clean[BMXCTL_TOP_KEY];
	struct bmx_text text;
	struct entry *entry;
	size_t *bucket;

	bmx_text_init(&text, clean, sizeof(clean));
	bmx_text_append_clean(&text, key, BMXCTL_TOP_KEY - 8);
	top->total++;
	entry = find(top, clean);
	if (entry) {
		entry->count++;
		return;
	}
	if (top->count == top->capacity) {
		make_room(top); /* the new one pays with itself */
		return;
	}
	bucket = &top->buckets[bucket_of(top, clean)];
	entry = &top->entries[top->count];
	entry->count = 1;
	entry->next = *bucket;
	memcpy(entry->key, clean, sizeof(clean));
	*bucket = top->count++;
}

uint64_t
bmxctl_top_total(const struct bmxctl_top *top)
{
	return top->total;
}

uint64_t
bmxctl_top_missing(const struct bmxctl_top *top)
{
	return top->missing;
}

static int
compare(const void *a, const void *b)
{
	const struct entry *one = a;
	const struct entry *two = b;

	if (one->count != two->count)
		return one->count > two->count ? -1 : 1;
	return strcmp(one->key, two->key);
}

void
bmxctl_top_sort(struct bmxctl_top *top)
{
	if (top->count > 0)
		qsort(top->entries, top->count, sizeof(*top->entries), compare);
	index_entries(top);
}

size_t
bmxctl_top_count(const struct bmxctl_top *top)
{
	return top->count;
}

const char *
bmxctl_top_key(const struct bmxctl_top *top, size_t place, uint64_t *count_out)
{
	*count_out = top->entries[place].count;
	return top->entries[place].key;
}
