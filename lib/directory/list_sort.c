#include "list_sort.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "list_order.h"

/*
 * By words of eight octets: all entries by their first word, then those that
 * have it in common by their second, and so on. Each text is so looked at a few
 * times in all rather than in every comparison; a million texts do not fit in
 * a cache.
 */

#define WORD ((size_t)8)
/* Items from which on sorting by the octets of the word, one after the other,
 * is faster than comparing. */
#define RADIX_FROM ((size_t)256)
/* How many entries ahead memory is asked for. */
#define FETCH_AHEAD ((size_t)12)

struct item {
	uint64_t word;  /* the octets at the depth of the pass */
	uint32_t index; /* of the entry */
	uint32_t same;  /* so far as the item before it? */
};

static int
compare_items(const void *left, const void *right)
{
	const struct item *a = left, *b = right;

	if (a->word != b->word)
		return a->word < b->word ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

static uint64_t
word_at(struct bmx_slice local, size_t depth)
{
	if (depth >= local.len)
		return 0;
	local.data += depth;
	local.len -= depth;
	return bmx_list_order_prefix(local);
}

/* Did the text end within the word? Its last octet is then filled up. */
static bool
is_at_end(const struct item *item)
{
	return (item->word & 0xff) == 0;
}

/* Puts items into other by one octet of their words, keeping the order of those
 * that have it in common. False when all have, and nothing was done. */
static bool
sort_by_octet(const struct item *items, struct item *other, size_t count,
              unsigned shift)
{
	size_t places[257] = {0};

	for (size_t i = 0; i < count; i++)
		places[(items[i].word >> shift & 0xff) + 1]++;
	if (places[(items[0].word >> shift & 0xff) + 1] == count)
		return false;
	for (size_t octet = 1; octet <= 256; octet++)
		places[octet] += places[octet - 1];
	for (size_t i = 0; i < count; i++)
		other[places[items[i].word >> shift & 0xff]++] = items[i];
	return true;
}

/* By word; the items are in the order of their indexes, which stays that of
 * those with the same word. spare has room for as many. */
static void
sort_items(struct item *items, struct item *spare, size_t count)
{
	struct item *from = items, *to = spare;

	if (count < RADIX_FROM) {
		qsort(items, count, sizeof(*items), compare_items);
		return;
	}
	for (unsigned shift = 0; shift < 64; shift += 8)
		if (sort_by_octet(from, to, count, shift)) {
			struct item *sorted = to;

			to = from;
			from = sorted;
		}
	if (from != items)
		memcpy(items, from, count * sizeof(*items));
}

/* Entries and texts lie anywhere in memory: those that are next are asked for
 * early, first the entry, and when it is there, its text. */
static inline void
fetch_ahead(const struct bmx_list_entry *entries, const struct item *items,
            size_t count, size_t depth)
{
	if (count > 2 * FETCH_AHEAD)
		__builtin_prefetch(&entries[items[2 * FETCH_AHEAD].index]);
	if (count > FETCH_AHEAD) {
		const struct bmx_slice next =
			entries[items[FETCH_AHEAD].index].local;

		__builtin_prefetch(next.data + (depth < next.len ? depth : 0));
	}
}

/* @return are there items that are still the same, and go on? */
static bool
sort_group(const struct bmx_list_entry *entries, struct item *items,
           struct item *spare, size_t count, size_t depth)
{
	bool more = false;

	for (size_t i = 0; i < count; i++) {
		fetch_ahead(entries, items + i, count - i, depth);
		items[i].word = word_at(entries[items[i].index].local, depth);
	}
	sort_items(items, spare, count);
	items[0].same = 0;
	for (size_t i = 1; i < count; i++) {
		items[i].same = items[i].word == items[i - 1].word;
		more = more || (items[i].same && !is_at_end(&items[i]));
	}
	return more;
}

/* One pass over all groups. @return is another one needed? */
static bool
sort_pass(const struct bmx_list_entry *entries, struct item *items,
          struct item *spare, size_t count, size_t depth)
{
	bool more = false;
	size_t end;

	for (size_t at = 0; at < count; at = end) {
		end = at + 1;
		while (end < count && items[end].same)
			end++;
		if (end - at < 2 || (depth > 0 && is_at_end(&items[at])))
			continue;
		if (sort_group(entries, items + at, spare, end - at, depth))
			more = true;
	}
	return more;
}

int
bmx_list_sort(struct bmx_list_entry *entries, size_t count,
              struct bmx_error *err)
{
	struct bmx_list_entry *sorted;
	struct item *items, *spare;
	size_t depth = 0;

	if (count < 2)
		return 0;
	if (count > UINT32_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a list of more entries than can be "
		                     "sorted");
	/* An entry is no smaller than an item: one room for both. */
	static_assert(sizeof(*sorted) >= sizeof(*items), "room for the items");
	items = malloc(count * sizeof(*items));
	sorted = malloc(count * sizeof(*sorted));
	spare = (void *)sorted;
	if (!items || !sorted) {
		free(items);
		free(sorted);
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for the list");
	}
	for (size_t i = 0; i < count; i++)
		items[i] = (struct item){0, (uint32_t)i, i > 0};
	while (sort_pass(entries, items, spare, count, depth))
		depth += WORD;
	for (size_t i = 0; i < count; i++)
		sorted[i] = entries[items[i].index];
	memcpy(entries, sorted, count * sizeof(*entries));
	free(items);
	free(sorted);
	return 0;
}
