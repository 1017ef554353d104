#include "list_diff.h"

#include <stdlib.h>
#include <string.h>

#include "list_member.h"

void
bmx_list_diff_begin(struct bmx_list_diff *diff,
                    const struct bmx_list_entry *entries, size_t count,
                    bmx_list_change_cb *on_change, void *ctx)
{
	memset(diff, 0, sizeof(*diff));
	diff->entries = entries;
	diff->count = count;
	diff->on_change = on_change;
	diff->ctx = ctx;
}

void
bmx_list_diff_clear(struct bmx_list_diff *diff)
{
	free(diff->gone.data);
	free(diff->come.data);
	memset(diff, 0, sizeof(*diff));
}

static int
append(struct bmx_list_members *members, const struct bmx_list_entry *entry,
       struct bmx_error *err)
{
	char buffer[BMX_LIST_MEMBER_MAX];
	const struct bmx_slice member = bmx_list_member_of(entry, buffer);

	if (members->size - members->len <= member.len) {
		const size_t size =
			members->size ? members->size * 2 : (size_t)4096;
		char *data = realloc(members->data, size);

		if (!data)
			return bmx_error_set(err, BMX_E_NOMEM,
			                     "no memory for the list's "
			                     "changes");
		members->data = data;
		members->size = size;
	}
	memcpy(members->data + members->len, member.data, member.len);
	members->len += member.len;
	members->data[members->len++] = '\n';
	return 0;
}

static int
note(struct bmx_list_diff *diff, enum bmx_list_change change,
     const struct bmx_list_entry *before, const struct bmx_list_entry *after,
     struct bmx_error *err)
{
	if (diff->on_change)
		diff->on_change(diff->ctx, change, after ? after : before);
	if (before && append(&diff->gone, before, err) != 0)
		return -1;
	return after ? append(&diff->come, after, err) : 0;
}

static int
added(struct bmx_list_diff *diff, struct bmx_error *err)
{
	diff->added++;
	return note(diff, BMX_LIST_ADDED, NULL, &diff->entries[diff->at++],
	            err);
}

int
bmx_list_diff_old(struct bmx_list_diff *diff,
                  const struct bmx_list_entry *entry, struct bmx_error *err)
{
	const struct bmx_list_entry *new;
	int order = -1;

	diff->before++;
	while (diff->at < diff->count &&
	       (order = bmx_slice_order(diff->entries[diff->at].local,
	                                entry->local)) < 0)
		if (added(diff, err) != 0)
			return -1;
	if (diff->at == diff->count || order > 0) {
		diff->removed++;
		return note(diff, BMX_LIST_REMOVED, entry, NULL, err);
	}
	new = &diff->entries[diff->at++];
	if (new->state == entry->state)
		return 0;
	diff->changed++;
	return note(diff, BMX_LIST_CHANGED, entry, new, err);
}

int
bmx_list_diff_end(struct bmx_list_diff *diff, struct bmx_error *err)
{
	while (diff->at < diff->count)
		if (added(diff, err) != 0)
			return -1;
	return 0;
}
