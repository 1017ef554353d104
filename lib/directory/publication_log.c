#include <backupmx/publication.h>

#include <string.h>

#include "publication_number.h"

enum field {
	FIELD_PREVIOUS,
	FIELD_COUNT,
	FIELD_DIGEST,
	FIELD_REMOVED,
	FIELD_ADDED,
	FIELDS
};

static const char *const names[] = {"previous", "count", "digest", "removed",
                                    "added"};
_Static_assert(sizeof(names) / sizeof(names[0]) == FIELDS, "one name a field");

/* GENERATION-0. */
static int
read_id(struct bmx_slice id, uint64_t *generation_out)
{
	if (id.len < 3 || memcmp(id.data + id.len - 2, "-0", 2) != 0)
		return -1;
	id.len -= 2;
	return bmx_publication_read_number(id, generation_out);
}

void
bmx_publication_entry_begin(struct bmx_publication_entry_reader *reader,
                            struct bmx_slice id)
{
	memset(reader, 0, sizeof(*reader));
	reader->bad = read_id(id, &reader->entry.generation) != 0;
}

static int
read_members(struct bmx_slice value, struct bmx_slice *members_out)
{
	if (value.len > BMX_PUBLICATION_ENTRY_MAX ||
	    (value.len > 0 && value.data[value.len - 1] != '\n'))
		return -1;
	*members_out = value;
	return 0;
}

static int
read_value(struct bmx_publication_entry *entry, enum field field,
           struct bmx_slice value)
{
	switch (field) {
	case FIELD_PREVIOUS:
		return bmx_publication_read_number(value, &entry->previous);
	case FIELD_COUNT:
		return bmx_publication_read_number(value, &entry->count);
	case FIELD_DIGEST:
		return bmx_publication_read_digest(value, &entry->digest);
	case FIELD_REMOVED:
		return read_members(value, &entry->removed);
	case FIELD_ADDED:
		return read_members(value, &entry->added);
	case FIELDS:
		break;
	}
	return -1;
}

void
bmx_publication_entry_field(struct bmx_publication_entry_reader *reader,
                            struct bmx_slice name, struct bmx_slice value)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (!bmx_slice_equal(name, bmx_slice_of(names[i])))
			continue;
		if ((reader->seen & 1U << i) ||
		    read_value(&reader->entry, (enum field)i, value) != 0)
			reader->bad = true;
		reader->seen |= 1U << i;
		return;
	}
}

int
bmx_publication_entry_end(const struct bmx_publication_entry_reader *reader,
                          struct bmx_publication_entry *entry_out,
                          struct bmx_error *err)
{
	const struct bmx_publication_entry *entry = &reader->entry;

	if (reader->bad || reader->seen != (1U << FIELDS) - 1 ||
	    entry->generation <= entry->previous)
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "an entry of the log is not what it must "
		                     "be");
	*entry_out = *entry;
	return 0;
}

int
bmx_publication_next_member(struct bmx_slice *members,
                            struct bmx_slice *member_out)
{
	const char *end;

	if (members->len == 0)
		return 0;
	end = memchr(members->data, '\n', members->len);
	if (!end)
		return -1;
	member_out->data = members->data;
	member_out->len = (size_t)(end - members->data);
	members->data = end + 1;
	members->len -= member_out->len + 1;
	return 1;
}
