/* Any octets as a meta, as an entry of the log and as members: either they are
 * refused, or what is read keeps its promises. Fields are lines "NAME VALUE",
 * in VALUE '\1' stands for a line feed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/address.h>
#include <backupmx/publication.h>

#include "lib/directory/list_changes.h"
#include "lib/directory/list_member.h"

#define INPUT_MAX ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_member(struct bmx_slice member)
{
	char buffer[BMX_LIST_MEMBER_MAX];
	struct bmx_list_entry entry;
	struct bmx_slice again;

	if (bmx_list_member_read(member, true, &entry, NULL) != 0)
		return;
	again = bmx_list_member_of(&entry, buffer);
	if (entry.local.len == 0 || entry.local.len > BMX_LOCAL_MAX ||
	    again.len != member.len ||
	    memcmp(again.data, member.data, again.len) != 0)
		abort();
}

static void
add_all(struct bmx_list_changes *changes, bool present,
        struct bmx_slice members)
{
	struct bmx_slice member;

	while (bmx_publication_next_member(&members, &member) > 0) {
		check_member(member);
		(void)bmx_list_changes_add(changes, present, member, NULL);
	}
}

static void
check_entry(const struct bmx_publication_entry *entry)
{
	struct bmx_list_changes *changes = bmx_list_changes_new(false);
	const struct bmx_list_delta *deltas;
	size_t count;

	if (!changes || entry->generation <= entry->previous)
		abort();
	add_all(changes, false, entry->removed);
	add_all(changes, true, entry->added);
	if (bmx_list_changes_settle(changes, &deltas, &count, NULL) == 0)
		for (size_t i = 1; i < count; i++)
			if (bmx_slice_equal(deltas[i - 1].entry.local,
			                    deltas[i].entry.local))
				abort();
	bmx_list_changes_free(&changes);
}

static void
check_meta(const struct bmx_publication *publication)
{
	const char prefix[] = "bmx:{a.test}:list";

	if (publication->generation == 0 || publication->updated_at_ms < 0 ||
	    strlen(publication->source) >= sizeof(publication->source) ||
	    strncmp(publication->list, prefix, sizeof(prefix) - 1) != 0)
		abort();
}

/* Takes the line's name and value. */
static struct bmx_slice
take_field(struct bmx_slice *rest, struct bmx_slice *value)
{
	const char *end = memchr(rest->data, '\n', rest->len);
	struct bmx_slice line = {rest->data,
	                         end ? (size_t)(end - rest->data) : rest->len};
	const char *blank;

	rest->data += line.len + (end ? 1 : 0);
	rest->len -= line.len + (end ? 1 : 0);
	blank = line.len > 0 ? memchr(line.data, ' ', line.len) : NULL;
	*value = (struct bmx_slice){line.data + line.len, 0};
	if (!blank)
		return line;
	value->data = blank + 1;
	value->len = line.len - (size_t)(blank - line.data) - 1;
	line.len = (size_t)(blank - line.data);
	return line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmx_publication_entry_reader entry_reader;
	struct bmx_publication_reader reader;
	struct bmx_publication_entry entry;
	struct bmx_publication publication;
	struct bmx_slice rest, name, value;
	uint64_t generation;
	char *copy;

	if (size > INPUT_MAX)
		return 0;
	copy = malloc(size + 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	rest = (struct bmx_slice){copy, size};
	name = take_field(&rest, &value);
	(void)bmx_publication_read_message(name, &value, &generation);
	bmx_publication_begin(&reader);
	bmx_publication_entry_begin(&entry_reader, name);
	while (rest.len > 0) {
		name = take_field(&rest, &value);
		for (size_t i = 0; i < value.len; i++)
			if (value.data[i] == '\1')
				copy[value.data - copy + (ptrdiff_t)i] = '\n';
		bmx_publication_field(&reader, name, value);
		bmx_publication_entry_field(&entry_reader, name, value);
	}
	if (bmx_publication_end(&reader, "bmx", BMX_SLICE("a.test"),
	                        &publication, NULL) == 0)
		check_meta(&publication);
	if (bmx_publication_entry_end(&entry_reader, &entry, NULL) == 0)
		check_entry(&entry);
	free(copy);
	return 0;
}
