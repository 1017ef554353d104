#include "list_changes.h"

#include <stdlib.h>
#include <string.h>

#include "list_member.h"
#include "list_order.h"

/* Local parts are kept in blocks, so that a long row is not copied as it
 * grows. */
#define BLOCK_SIZE ((size_t)1024 * 1024)

struct block {
	struct block *next;
	size_t used;
	char bytes[BLOCK_SIZE];
};

struct step {
	uint64_t prefix; /* of entry.local, for a quick comparison */
	struct bmx_list_entry entry;
	bool present;
};

struct bmx_list_changes {
	struct block *blocks;
	struct step *steps; /* in the order of time until settled */
	size_t count;
	size_t size;
	struct bmx_list_delta *deltas;
	bool case_sensitive;
};

struct bmx_list_changes *
bmx_list_changes_new(bool case_sensitive)
{
	struct bmx_list_changes *changes = calloc(1, sizeof(*changes));

	if (changes)
		changes->case_sensitive = case_sensitive;
	return changes;
}

void
bmx_list_changes_free(struct bmx_list_changes **changes)
{
	struct bmx_list_changes *old = *changes;

	if (!old)
		return;
	while (old->blocks) {
		struct block *block = old->blocks;

		old->blocks = block->next;
		free(block);
	}
	free(old->steps);
	free(old->deltas);
	free(old);
	*changes = NULL;
}

static int
no_memory(struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_NOMEM, "no memory for the list");
}

static const char *
keep(struct bmx_list_changes *changes, struct bmx_slice local)
{
	struct block *block = changes->blocks;
	char *at;

	if (!block || BLOCK_SIZE - block->used < local.len) {
		block = malloc(sizeof(*block));
		if (!block)
			return NULL;
		block->used = 0;
		block->next = changes->blocks;
		changes->blocks = block;
	}
	at = block->bytes + block->used;
	memcpy(at, local.data, local.len);
	block->used += local.len;
	return at;
}

static int
make_room(struct bmx_list_changes *changes, struct bmx_error *err)
{
	const size_t size = changes->size ? changes->size * 2 : 1024;
	struct step *steps;

	if (changes->count < changes->size)
		return 0;
	if (changes->count >= BMX_LIST_CHANGES_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the published list has more than %zu "
		                     "members",
		                     BMX_LIST_CHANGES_MAX);
	steps = realloc(changes->steps, size * sizeof(*steps));
	if (!steps)
		return no_memory(err);
	changes->steps = steps;
	changes->size = size;
	return 0;
}

int
bmx_list_changes_add(struct bmx_list_changes *changes, bool present,
                     struct bmx_slice member, struct bmx_error *err)
{
	struct step *step;

	if (make_room(changes, err) != 0)
		return -1;
	step = &changes->steps[changes->count];
	if (bmx_list_member_read(member, changes->case_sensitive, &step->entry,
	                         err) != 0)
		return -1;
	step->entry.local.data = keep(changes, step->entry.local);
	if (!step->entry.local.data)
		return no_memory(err);
	step->prefix = bmx_list_order_prefix(step->entry.local);
	step->present = present;
	changes->count++;
	return 0;
}

size_t
bmx_list_changes_count(const struct bmx_list_changes *changes)
{
	return changes->count;
}

/*
 * By local part. Steps of the same one keep their order in time, which the
 * places of their texts do not tell when a block was begun between: so the
 * sort must be stable, and a merge sort is.
 */
static bool
goes_before(const struct step *a, const struct step *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix;
	return bmx_slice_order(a->entry.local, b->entry.local) <= 0;
}

static void
merge(const struct step *from, struct step *to, size_t low, size_t middle,
      size_t high)
{
	size_t left = low, right = middle;

	for (size_t i = low; i < high; i++) {
		const bool take_left = left < middle &&
			(right >= high ||
		         goes_before(&from[left], &from[right]));

		to[i] = take_left ? from[left++] : from[right++];
	}
}

static bool
is_sorted(const struct bmx_list_changes *changes)
{
	for (size_t i = 1; i < changes->count; i++)
		if (!goes_before(&changes->steps[i - 1], &changes->steps[i]))
			return false;
	return true;
}

static int
sort_steps(struct bmx_list_changes *changes, struct bmx_error *err)
{
	const size_t count = changes->count;
	struct step *other;

	if (is_sorted(changes))
		return 0;
	other = malloc(count * sizeof(*other));
	if (!other)
		return no_memory(err);
	for (size_t width = 1; width < count; width *= 2) {
		struct step *from = changes->steps;

		for (size_t low = 0; low < count; low += 2 * width) {
			const size_t middle =
				low + width < count ? low + width : count;
			const size_t high =
				middle + width < count ? middle + width : count;

			merge(from, other, low, middle, high);
		}
		changes->steps = other;
		other = from;
	}
	free(other);
	changes->size = count; /* both rows have at least that */
	return 0;
}

/* What the steps of one local part, which are in the order of time, come to:
 * the state in which it is present, if any. False when they are two. */
static bool
settle_one(const struct step *steps, size_t count, struct bmx_list_delta *delta)
{
	bool present[BMX_RECIPIENT_FULL + 1] = {false};
	unsigned states = 0;

	for (size_t i = 0; i < count; i++)
		present[steps[i].entry.state] = steps[i].present;
	delta->entry = steps[0].entry;
	for (size_t i = 0; i <= BMX_RECIPIENT_FULL; i++)
		if (present[i]) {
			delta->entry.state = (enum bmx_recipient_state)i;
			states++;
		}
	delta->removed = states == 0;
	return states <= 1;
}

static size_t
run_length(const struct bmx_list_changes *changes, size_t at)
{
	size_t end = at + 1;

	while (end < changes->count &&
	       changes->steps[end].prefix == changes->steps[at].prefix &&
	       bmx_slice_equal(changes->steps[end].entry.local,
	                       changes->steps[at].entry.local))
		end++;
	return end - at;
}

int
bmx_list_changes_settle(struct bmx_list_changes *changes,
                        const struct bmx_list_delta **deltas_out,
                        size_t *count_out, struct bmx_error *err)
{
	size_t count = 0;

	if (sort_steps(changes, err) != 0)
		return -1;
	free(changes->deltas);
	changes->deltas =
		malloc((changes->count + 1) * sizeof(*changes->deltas));
	if (!changes->deltas)
		return no_memory(err);
	for (size_t at = 0; at < changes->count;) {
		const size_t run = run_length(changes, at);

		if (!settle_one(&changes->steps[at], run,
		                &changes->deltas[count]))
			return bmx_error_set(err, BMX_E_CORRUPT,
			                     "the published list holds an "
			                     "address in two states");
		count++;
		at += run;
	}
	*deltas_out = changes->deltas;
	*count_out = count;
	return 0;
}

int
bmx_list_changes_whole(struct bmx_list_changes *changes,
                       struct bmx_list_entry **entries_out, size_t *count_out,
                       struct bmx_error *err)
{
	const struct bmx_list_delta *deltas;
	struct bmx_list_entry *entries;
	size_t count, kept = 0;

	if (bmx_list_changes_settle(changes, &deltas, &count, err) != 0)
		return -1;
	entries = malloc((count + 1) * sizeof(*entries));
	if (!entries)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for the list");
	for (size_t i = 0; i < count; i++)
		if (!deltas[i].removed)
			entries[kept++] = deltas[i].entry;
	*entries_out = entries;
	*count_out = kept;
	return 0;
}
