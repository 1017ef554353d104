#include <backupmx/record.h>

#include <assert.h>
#include <string.h>

#include <backupmx/units.h>

#include "split.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define TRIES_MAX INT64_C(1000000000)

static const char *const kind_names[] = {
	[BMX_RECORD_VERIFICATION] = "verification",
	[BMX_RECORD_GATE] = "gate",
	[BMX_RECORD_PRIMARY] = "primary",
};
static_assert(COUNT(kind_names) == BMX_RECORD_KINDS, "one name a kind");

static const char *const by_names[] = {
	[BMX_VERIFIED_BY_CALL_AHEAD] = "call-ahead",
	[BMX_VERIFIED_BY_DELIVERY] = "delivery",
};
static_assert(COUNT(by_names) == BMX_VERIFIED_BYS, "one name an origin");

static const char *const status_names[] = {
	[BMX_PRIMARY_SUSPECT] = "suspect",
	[BMX_PRIMARY_UP] = "up",
	[BMX_PRIMARY_DOWN] = "down",
};
static_assert(COUNT(status_names) == BMX_PRIMARY_STATUSES, "one name a status");

static const char *const result_words[] = {
	[BMX_VERIFIED_VALID] = "valid",
	[BMX_VERIFIED_UNKNOWN] = "unknown",
};
static const char *const state_words[] = {
	[BMX_RECIPIENT_ACTIVE] = "active",
	[BMX_RECIPIENT_DISABLED] = "disabled",
	[BMX_RECIPIENT_FULL] = "full",
};
static const char *const yes_no[] = {"no", "yes"};

const char *
bmx_record_kind_name(enum bmx_record_kind kind)
{
	return kind_names[kind];
}

const char *
bmx_verified_by_name(enum bmx_verified_by by)
{
	return by_names[by];
}

const char *
bmx_primary_status_name(enum bmx_primary_status status)
{
	return status_names[status];
}

/*
 * The fields of each kind, in the order in which they are written. All must
 * be there. The table is the stored form: both directions follow it.
 */

enum field_type {
	NUMBER, /* int64_t from least to most */
	WORD,   /* an enum, by the place of its word */
	YES_NO, /* bool */
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset; /* in struct bmx_record */
	int64_t least, most;
	const char *const *words;
	size_t word_count;
};

#define AT(member) offsetof(struct bmx_record, as.member)
#define IS_TIME(name, member)                                                  \
	{                                                                      \
		(name), NUMBER, AT(member), 0, INT64_MAX, NULL, 0              \
	}
#define IS_WORD(name, member, words)                                           \
	{                                                                      \
		(name), WORD, AT(member), 0, 0, (words), COUNT(words)          \
	}
#define IS_YES_NO(name, member)                                                \
	{                                                                      \
		(name), YES_NO, AT(member), 0, 0, yes_no, COUNT(yes_no)        \
	}

static const struct field verification_fields[] = {
	IS_WORD("result", verification.result, result_words),
	IS_WORD("state", verification.state, state_words),
	IS_WORD("by", verification.by, by_names),
	IS_TIME("checked_at", verification.checked_at_ms),
};

static const struct field gate_fields[] = {
	IS_TIME("first_seen", gate.first_seen_ms),
	IS_TIME("last_seen", gate.last_seen_ms),
	{"tries", NUMBER, AT(gate.tries), 1, TRIES_MAX, NULL, 0},
	IS_TIME("passed_at", gate.passed_at_ms),
};

static const struct field primary_fields[] = {
	IS_WORD("status", primary.status, status_names),
	IS_TIME("since", primary.since_ms),
	IS_TIME("checked_at", primary.checked_at_ms),
	IS_YES_NO("refuses_null_sender", primary.refuses_null_sender),
	IS_YES_NO("ehlo", primary.keywords.known),
	IS_YES_NO("has_size", primary.keywords.has_size),
	IS_TIME("size", primary.keywords.size),
	IS_YES_NO("smtputf8", primary.keywords.smtputf8),
	IS_YES_NO("starttls", primary.keywords.starttls),
	IS_YES_NO("pipelining", primary.keywords.pipelining),
	IS_YES_NO("8bitmime", primary.keywords.eight_bit_mime),
};

static_assert(COUNT(primary_fields) <= BMX_RECORD_FIELDS_MAX,
              "the largest record fits");

struct fields {
	const struct field *field;
	size_t count;
};

static const struct fields fields_of[] = {
	[BMX_RECORD_VERIFICATION] = {verification_fields,
                                     COUNT(verification_fields)},
	[BMX_RECORD_GATE] = {gate_fields, COUNT(gate_fields)},
	[BMX_RECORD_PRIMARY] = {primary_fields, COUNT(primary_fields)},
};
static_assert(COUNT(fields_of) == BMX_RECORD_KINDS, "fields of each kind");

/* The enums of records are read and written as unsigned. */
static_assert(sizeof(enum bmx_verified) == sizeof(unsigned), "an enum's size");
static_assert(sizeof(enum bmx_recipient_state) == sizeof(unsigned),
              "an enum's size");
static_assert(sizeof(enum bmx_verified_by) == sizeof(unsigned),
              "an enum's size");
static_assert(sizeof(enum bmx_primary_status) == sizeof(unsigned),
              "an enum's size");

/*
 * What is void has one form, so that equal records are stored alike and a
 * record that says more than it can know is seen as tampered with.
 */
static void
clear_void(struct bmx_record *record)
{
	struct bmx_smtp_keywords *keywords = &record->as.primary.keywords;

	switch (record->kind) {
	case BMX_RECORD_VERIFICATION:
		if (record->as.verification.result == BMX_VERIFIED_UNKNOWN)
			record->as.verification.state = BMX_RECIPIENT_ACTIVE;
		break;
	case BMX_RECORD_PRIMARY:
		if (!keywords->known)
			*keywords = (struct bmx_smtp_keywords){.known = false};
		if (!keywords->has_size)
			keywords->size = 0;
		break;
	case BMX_RECORD_GATE:
	case BMX_RECORD_KINDS:
		break;
	}
}

/*
 * Writing.
 */

static void
write_value(struct bmx_text *text, const struct bmx_record *record,
            const struct field *field)
{
	const char *at = (const char *)record + field->offset;
	unsigned word = 0;
	int64_t number;
	bool yes;

	switch (field->type) {
	case NUMBER:
		memcpy(&number, at, sizeof(number));
		assert(number >= field->least && number <= field->most);
		bmx_text_append_u64(text, (uint64_t)number);
		return;
	case WORD:
		memcpy(&word, at, sizeof(word));
		break;
	case YES_NO:
		memcpy(&yes, at, sizeof(yes));
		word = yes;
		break;
	}
	assert(word < field->word_count);
	bmx_text_append_string(text, field->words[word]);
}

void
bmx_record_to_fields(const struct bmx_record *record,
                     struct bmx_record_fields *fields_out)
{
	const struct fields fields = fields_of[record->kind];
	struct bmx_record clear = *record;

	clear_void(&clear);
	fields_out->count = fields.count;
	for (size_t i = 0; i < fields.count; i++) {
		struct bmx_text value;

		fields_out->field[i].name = fields.field[i].name;
		bmx_text_init(&value, fields_out->field[i].value,
		              BMX_RECORD_VALUE_MAX);
		write_value(&value, &clear, &fields.field[i]);
		assert(!value.cut);
	}
}

void
bmx_record_append(struct bmx_text *text, const struct bmx_record *record)
{
	const struct fields fields = fields_of[record->kind];
	struct bmx_record clear = *record;

	clear_void(&clear);
	for (size_t i = 0; i < fields.count; i++) {
		if (i > 0)
			bmx_text_append_char(text, ' ');
		bmx_text_append_string(text, fields.field[i].name);
		bmx_text_append_char(text, '=');
		write_value(text, &clear, &fields.field[i]);
	}
}

/*
 * Reading.
 */

static int
read_number(char *at, const struct field *field, struct bmx_slice value)
{
	int64_t number;

	if (bmx_units_parse_number(value, &number) != 0 ||
	    number < field->least || number > field->most)
		return -1;
	memcpy(at, &number, sizeof(number));
	return 0;
}

static int
read_word(char *at, const struct field *field, struct bmx_slice value)
{
	unsigned word = 0;
	bool yes;

	while (word < field->word_count &&
	       !bmx_slice_equal(value, bmx_slice_of(field->words[word])))
		word++;
	if (word == field->word_count)
		return -1;
	yes = word == 1;
	if (field->type == YES_NO)
		memcpy(at, &yes, sizeof(yes));
	else
		memcpy(at, &word, sizeof(word));
	return 0;
}

static int
read_value(struct bmx_record *record, const struct field *field,
           struct bmx_slice value)
{
	char *at = (char *)record + field->offset;

	return field->type == NUMBER ? read_number(at, field, value) :
				       read_word(at, field, value);
}

void
bmx_record_begin(struct bmx_record_reader *reader, enum bmx_record_kind kind)
{
	memset(reader, 0, sizeof(*reader));
	reader->record.kind = kind;
}

void
bmx_record_field(struct bmx_record_reader *reader, struct bmx_slice name,
                 struct bmx_slice value)
{
	const struct fields fields = fields_of[reader->record.kind];
	size_t i = 0;

	while (i < fields.count &&
	       !bmx_slice_equal(name, bmx_slice_of(fields.field[i].name)))
		i++;
	if (i == fields.count)
		return; /* of a later release */
	if (reader->seen & 1U << i ||
	    read_value(&reader->record, &fields.field[i], value) != 0)
		reader->bad = true;
	reader->seen |= 1U << i;
}

static bool
offers_anything(const struct bmx_smtp_keywords *keywords)
{
	return keywords->has_size || keywords->smtputf8 || keywords->starttls ||
		keywords->pipelining || keywords->eight_bit_mime;
}

/* Is nothing said that is void? */
static bool
is_clear(const struct bmx_record *record)
{
	const struct bmx_verification *verification = &record->as.verification;
	const struct bmx_smtp_keywords *keywords = &record->as.primary.keywords;

	switch (record->kind) {
	case BMX_RECORD_VERIFICATION:
		return verification->result == BMX_VERIFIED_VALID ||
			verification->state == BMX_RECIPIENT_ACTIVE;
	case BMX_RECORD_PRIMARY:
		return (keywords->known || !offers_anything(keywords)) &&
			(keywords->has_size || keywords->size == 0);
	case BMX_RECORD_GATE:
	case BMX_RECORD_KINDS:
		break;
	}
	return true;
}

int
bmx_record_end(const struct bmx_record_reader *reader,
               struct bmx_record *record_out)
{
	const unsigned all = (1U << fields_of[reader->record.kind].count) - 1;

	if (reader->bad || reader->seen != all || !is_clear(&reader->record))
		return -1;
	*record_out = reader->record;
	return 0;
}

int
bmx_record_parse(enum bmx_record_kind kind, struct bmx_slice line,
                 struct bmx_record *record_out)
{
	struct bmx_record_reader reader;
	bool more = true;

	if (line.len > BMX_RECORD_LINE_MAX)
		return -1;
	bmx_record_begin(&reader, kind);
	while (more) {
		struct bmx_slice value = line, name;

		more = bmx_split_at(&line, ' ', &value) == 0;
		if (bmx_split_at(&value, '=', &name) != 0)
			return -1;
		bmx_record_field(&reader, name, value);
	}
	return bmx_record_end(&reader, record_out);
}

int64_t
bmx_record_keep_ms(const struct bmx_record *record)
{
	int64_t days = 0;

	switch (record->kind) {
	case BMX_RECORD_VERIFICATION:
		days = record->as.verification.result == BMX_VERIFIED_VALID ?
			14 :
			3;
		break;
	case BMX_RECORD_GATE:
		days = record->as.gate.passed_at_ms > 0 ? 31 : 1;
		break;
	case BMX_RECORD_PRIMARY:
		days = 31;
		break;
	case BMX_RECORD_KINDS:
		break;
	}
	return days * DAY_MS;
}
