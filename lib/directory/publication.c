#include <backupmx/publication.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <backupmx/address.h>
#include <backupmx/units.h>

#include "publication_number.h"

enum field {
	FIELD_SCHEMA,
	FIELD_GENERATION,
	FIELD_COUNT,
	FIELD_DIGEST,
	FIELD_UPDATED_AT,
	FIELD_SOURCE,
	FIELD_LIST,
	FIELDS
};

static const char *const names[] = {"schema", "generation", "count",
                                    "digest", "updated_at", "source",
                                    "list"};
_Static_assert(sizeof(names) / sizeof(names[0]) == FIELDS, "one name a field");
_Static_assert(BMX_PUBLICATION_FIELDS == FIELDS, "the header counts them");

/*
 * Keys and messages.
 */

void
bmx_publication_append_key(struct bmx_text *text, const char *prefix,
                           struct bmx_slice domain,
                           enum bmx_publication_key key)
{
	static const char *const suffixes[] = {
		[BMX_PUBLICATION_META] = "}:meta",
		[BMX_PUBLICATION_LIST] = "}:list",
		[BMX_PUBLICATION_LOG] = "}:log",
	};

	bmx_text_append_string(text, prefix);
	bmx_text_append_string(text, ":{");
	bmx_text_append(text, domain);
	bmx_text_append_string(text, suffixes[key]);
}

void
bmx_publication_append_channel(struct bmx_text *text, const char *prefix)
{
	bmx_text_append_string(text, prefix);
	bmx_text_append_string(text, ":changed");
}

void
bmx_publication_append_message(struct bmx_text *text, struct bmx_slice domain,
                               uint64_t generation)
{
	bmx_text_append(text, domain);
	bmx_text_append_char(text, ' ');
	bmx_text_append_u64(text, generation);
}

int
bmx_publication_read_message(struct bmx_slice message,
                             struct bmx_slice *domain_out,
                             uint64_t *generation_out)
{
	const char *blank =
		message.len > 0 ? memchr(message.data, ' ', message.len) : NULL;
	struct bmx_slice number;

	if (!blank)
		return -1;
	*domain_out = (struct bmx_slice){message.data,
	                                 (size_t)(blank - message.data)};
	number.data = blank + 1;
	number.len = message.len - domain_out->len - 1;
	if (domain_out->len == 0 || domain_out->len > BMX_DOMAIN_MAX)
		return -1;
	return bmx_publication_read_number(number, generation_out);
}

/*
 * Numbers.
 */

int
bmx_publication_read_number(struct bmx_slice text, uint64_t *value_out)
{
	int64_t value;

	/* One way to write a number: no leading zeros. */
	if ((text.len > 1 && text.data[0] == '0') ||
	    bmx_units_parse_number(text, &value) != 0)
		return -1;
	*value_out = (uint64_t)value;
	return 0;
}

int
bmx_publication_read_digest(struct bmx_slice text, uint64_t *digest_out)
{
	uint64_t digest = 0;

	if (text.len != 16)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		const char c = text.data[i];

		if (c >= '0' && c <= '9')
			digest = digest << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digest = digest << 4 | (uint64_t)(c - 'a' + 10);
		else
			return -1;
	}
	*digest_out = digest;
	return 0;
}

uint64_t
bmx_publication_next(uint64_t previous, int64_t now_ms)
{
	const uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 1;

	if (previous > 0)
		return previous + 1;
	return now;
}

/*
 * The meta.
 */

void
bmx_publication_to_fields(const struct bmx_publication *publication,
                          struct bmx_publication_fields *fields_out)
{
	const struct bmx_publication *p = publication;

	for (size_t i = 0; i < FIELDS; i++) {
		char *value = fields_out->field[i].value;
		const size_t size = BMX_PUBLICATION_VALUE_MAX;

		fields_out->field[i].name = names[i];
		switch ((enum field)i) {
		case FIELD_SCHEMA:
			(void)snprintf(value, size, "%d",
			               BMX_PUBLICATION_SCHEMA);
			break;
		case FIELD_GENERATION:
			(void)snprintf(value, size, "%" PRIu64, p->generation);
			break;
		case FIELD_COUNT:
			(void)snprintf(value, size, "%" PRIu64, p->count);
			break;
		case FIELD_DIGEST:
			(void)snprintf(value, size, "%016" PRIx64, p->digest);
			break;
		case FIELD_UPDATED_AT:
			(void)snprintf(value, size, "%" PRId64,
			               p->updated_at_ms);
			break;
		case FIELD_SOURCE:
			(void)snprintf(value, size, "%s", p->source);
			break;
		case FIELD_LIST:
			(void)snprintf(value, size, "%s", p->list);
			break;
		case FIELDS:
			break;
		}
	}
}

void
bmx_publication_begin(struct bmx_publication_reader *reader)
{
	memset(reader, 0, sizeof(*reader));
}

static int
read_schema(struct bmx_publication_reader *reader, struct bmx_slice value)
{
	uint64_t schema;

	if (bmx_publication_read_number(value, &schema) != 0)
		return -1;
	reader->other_schema = schema != BMX_PUBLICATION_SCHEMA;
	return 0;
}

static int
read_generation(struct bmx_publication *p, struct bmx_slice value)
{
	if (bmx_publication_read_number(value, &p->generation) != 0)
		return -1;
	return p->generation > 0 ? 0 : -1;
}

static int
read_time(struct bmx_publication *p, struct bmx_slice value)
{
	uint64_t time;

	if (bmx_publication_read_number(value, &time) != 0)
		return -1;
	p->updated_at_ms = (int64_t)time;
	return 0;
}

/* Of a later release it may be longer: for people only, so it is cut. */
static int
read_source(struct bmx_publication *p, struct bmx_slice value)
{
	struct bmx_text text;

	bmx_text_init(&text, p->source, sizeof(p->source));
	bmx_text_append_clean(&text, value, sizeof(p->source) - 4);
	return 0;
}

static int
read_list(struct bmx_publication *p, struct bmx_slice value)
{
	if (value.len == 0 || value.len >= sizeof(p->list) ||
	    memchr(value.data, '\0', value.len))
		return -1;
	memcpy(p->list, value.data, value.len);
	p->list[value.len] = '\0';
	return 0;
}

static int
read_value(struct bmx_publication_reader *reader, enum field field,
           struct bmx_slice value)
{
	struct bmx_publication *p = &reader->publication;

	switch (field) {
	case FIELD_SCHEMA:
		return read_schema(reader, value);
	case FIELD_GENERATION:
		return read_generation(p, value);
	case FIELD_COUNT:
		return bmx_publication_read_number(value, &p->count);
	case FIELD_DIGEST:
		return bmx_publication_read_digest(value, &p->digest);
	case FIELD_UPDATED_AT:
		return read_time(p, value);
	case FIELD_SOURCE:
		return read_source(p, value);
	case FIELD_LIST:
		return read_list(p, value);
	case FIELDS:
		break;
	}
	return -1;
}

void
bmx_publication_field(struct bmx_publication_reader *reader,
                      struct bmx_slice name, struct bmx_slice value)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (!bmx_slice_equal(name, bmx_slice_of(names[i])))
			continue;
		if (((reader->seen & 1U << i) ||
		     read_value(reader, (enum field)i, value) != 0) &&
		    !reader->bad)
			reader->bad = names[i];
		reader->seen |= 1U << i;
		return;
	}
}

/* Is key that of a set of ours? Another key is another program's, and with a
 * Cluster it may be on another node. */
static bool
is_list_key(const char *key, const char *prefix, struct bmx_slice domain)
{
	char buffer[BMX_PUBLICATION_KEY_MAX];
	struct bmx_slice rest = bmx_slice_of(key);
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_publication_append_key(&text, prefix, domain, BMX_PUBLICATION_LIST);
	if (text.cut || !bmx_slice_take(&rest, bmx_text_slice(&text)))
		return false;
	if (rest.len == 0)
		return true;
	return rest.data[0] == ':' && rest.len > 1 &&
		rest.len <= 1 + BMX_PUBLICATION_LIST_HEX_MAX &&
		strspn(rest.data + 1, "0123456789abcdef") == rest.len - 1;
}

int
bmx_publication_end(const struct bmx_publication_reader *reader,
                    const char *prefix, struct bmx_slice domain,
                    struct bmx_publication *publication_out,
                    struct bmx_error *err)
{
	const char *bad = reader->bad;

	/* First: of a later schema the other fields need not fit. */
	if (reader->other_schema)
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "the meta has another schema than %d, "
		                     "which is what this release knows",
		                     BMX_PUBLICATION_SCHEMA);
	for (size_t i = 0; i < FIELDS; i++)
		if (!(reader->seen & 1U << i))
			return bmx_error_set(err, BMX_E_CORRUPT,
			                     "the meta has no field `%s`",
			                     names[i]);
	if (!bad && !is_list_key(reader->publication.list, prefix, domain))
		bad = names[FIELD_LIST];
	if (bad)
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "the meta's field `%s` is not what it "
		                     "must be",
		                     bad);
	*publication_out = reader->publication;
	return 0;
}
