/*
 * Stored records, as lines and as fields: what is read as a record is written
 * and read again as the same one. The first octet chooses the kind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/record_line.h>

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
write_and_read(const struct bmx_record *record)
{
	char buffer[BMX_RECORD_LINE_MAX + 1];
	struct bmx_record_fields fields;
	struct bmx_record_reader reader;
	struct bmx_record again;
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_record_append(&text, record);
	require(!text.cut);
	require(bmx_record_parse(record->kind, bmx_text_slice(&text), &again) ==
	        0);
	require(memcmp(&again, record, sizeof(again)) == 0);
	bmx_record_to_fields(record, &fields);
	bmx_record_begin(&reader, record->kind);
	for (size_t i = 0; i < fields.count; i++)
		bmx_record_field(&reader, bmx_slice_of(fields.field[i].name),
		                 bmx_slice_of(fields.field[i].value));
	require(bmx_record_end(&reader, &again) == 0);
	require(memcmp(&again, record, sizeof(again)) == 0);
	require(bmx_record_keep_ms(record) > 0);
}

/* Fields as a peer may send them: at each NUL, name and value in turn. */
static void
read_fields(enum bmx_record_kind kind, struct bmx_slice rest)
{
	struct bmx_record_reader reader;
	struct bmx_slice parts[2];
	struct bmx_record record;
	bool more = true;

	bmx_record_begin(&reader, kind);
	while (more) {
		for (int i = 0; i < 2; i++) {
			const char *end = rest.len ?
				memchr(rest.data, '\0', rest.len) :
				NULL;

			parts[i] = rest;
			more = end != NULL;
			if (!end)
				continue;
			parts[i].len = (size_t)(end - rest.data);
			rest.len -= parts[i].len + 1;
			rest.data = end + 1;
		}
		bmx_record_field(&reader, parts[0], parts[1]);
	}
	if (bmx_record_end(&reader, &record) == 0)
		write_and_read(&record);
}

static void
read_line(struct bmx_slice text)
{
	char buffer[BMX_RECORD_DUMP_MAX];
	struct bmx_record_line line, again;
	struct bmx_text written;

	if (bmx_record_line_parse(text, &line, NULL) != 0)
		return;
	bmx_text_init(&written, buffer, sizeof(buffer));
	bmx_record_line_append(&written, &line.key, &line.record);
	require(!written.cut);
	require(bmx_record_line_parse(bmx_text_slice(&written), &again, NULL) ==
	        0);
	require(again.key.kind == line.key.kind);
	require(bmx_slice_equal(again.key.domain, line.key.domain));
	require(bmx_slice_equal(again.key.name, line.key.name));
	require(memcmp(&again.record, &line.record, sizeof(again.record)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice text = {(const char *)data, size};
	struct bmx_slice rest = text;
	enum bmx_record_kind kind = BMX_RECORD_VERIFICATION;
	struct bmx_record record;

	read_line(text);
	if (size == 0)
		return 0;
	kind = (enum bmx_record_kind)(data[0] % BMX_RECORD_KINDS);
	rest.data++;
	rest.len--;
	if (bmx_record_parse(kind, rest, &record) == 0)
		write_and_read(&record);
	read_fields(kind, rest);
	return 0;
}
