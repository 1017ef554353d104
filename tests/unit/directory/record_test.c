/* Records: their stored form, both ways. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/record.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define V BMX_RECORD_VERIFICATION
#define G BMX_RECORD_GATE
#define P BMX_RECORD_PRIMARY

struct parse_case {
	const char *name;
	enum bmx_record_kind kind;
	const char *line;
	int want;
};

#define PRIMARY_HEAD "status=up since=1 checked_at=2 refuses_null_sender=no "
#define NO_EHLO                                                                \
	"ehlo=no has_size=no size=0 smtputf8=no starttls=no pipelining=no "    \
	"8bitmime=no"

/* clang-format off */
static struct parse_case cases[] = {
	{"a valid address", V, "result=valid state=active by=call-ahead checked_at=1700000000000", 0},
	{"a full mailbox", V, "result=valid state=full by=delivery checked_at=5", 0},
	{"an unknown address", V, "result=unknown state=active by=delivery checked_at=0", 0},
	{"fields in another order", V, "checked_at=0 by=delivery state=disabled result=valid", 0},
	{"a field of a later release", V, "result=valid state=active by=delivery checked_at=0 new=\x01\xff", 0},
	{"the last moment there is", V, "result=valid state=active by=delivery checked_at=9223372036854775807", 0},
	{"a moment past it", V, "result=valid state=active by=delivery checked_at=9223372036854775808", -1},
	{"a time before 1970", V, "result=valid state=active by=delivery checked_at=-1", -1},
	{"a time with a sign", V, "result=valid state=active by=delivery checked_at=+1", -1},
	{"a time that is no number", V, "result=valid state=active by=delivery checked_at=1x", -1},
	{"a time that is empty", V, "result=valid state=active by=delivery checked_at=", -1},
	{"a doubled field", V, "result=valid result=valid state=active by=delivery checked_at=0", -1},
	{"a missing field", V, "result=valid state=active by=delivery", -1},
	{"a state that unknown users do not have", V, "result=unknown state=full by=delivery checked_at=0", -1},
	{"a result that is never stored", V, "result=unsure state=active by=delivery checked_at=0", -1},
	{"a word in upper case", V, "result=VALID state=active by=delivery checked_at=0", -1},
	{"a word cut short", V, "result=vali state=active by=delivery checked_at=0", -1},
	{"a word with more behind", V, "result=validx state=active by=delivery checked_at=0", -1},
	{"an origin of a later release", V, "result=valid state=active by=oracle checked_at=0", -1},
	{"an empty line", V, "", -1},
	{"a blank more", V, "result=valid  state=active by=delivery checked_at=0", -1},
	{"a blank at the end", V, "result=valid state=active by=delivery checked_at=0 ", -1},
	{"a word without a value", V, "result=valid state=active by=delivery checked_at=0 x", -1},
	{"a field without a name", V, "=x result=valid state=active by=delivery checked_at=0", 0},
	{"a gate's entry in place of a verification", V, "first_seen=1 last_seen=2 tries=1 passed_at=0", -1},
	{"a first try", G, "first_seen=1 last_seen=1 tries=1 passed_at=0", 0},
	{"a stranger that passed", G, "first_seen=1 last_seen=9 tries=3 passed_at=9", 0},
	{"the most tries", G, "first_seen=1 last_seen=9 tries=1000000000 passed_at=9", 0},
	{"a try more", G, "first_seen=1 last_seen=9 tries=1000000001 passed_at=9", -1},
	{"no try at all", G, "first_seen=1 last_seen=9 tries=0 passed_at=9", -1},
	{"a primary that was never reached", P, PRIMARY_HEAD NO_EHLO, 0},
	{"all keywords", P, PRIMARY_HEAD "ehlo=yes has_size=yes size=10485760 smtputf8=yes starttls=yes pipelining=yes 8bitmime=yes", 0},
	{"SIZE without a limit", P, PRIMARY_HEAD "ehlo=yes has_size=yes size=0 smtputf8=no starttls=no pipelining=no 8bitmime=no", 0},
	{"a limit without SIZE", P, PRIMARY_HEAD "ehlo=yes has_size=no size=1 smtputf8=no starttls=no pipelining=no 8bitmime=no", -1},
	{"keywords without EHLO", P, PRIMARY_HEAD "ehlo=no has_size=no size=0 smtputf8=no starttls=yes pipelining=no 8bitmime=no", -1},
	{"SIZE without EHLO", P, PRIMARY_HEAD "ehlo=no has_size=yes size=0 smtputf8=no starttls=no pipelining=no 8bitmime=no", -1},
	{"yes as a number", P, PRIMARY_HEAD "ehlo=1 has_size=no size=0 smtputf8=no starttls=no pipelining=no 8bitmime=no", -1},
	{"a state that no primary has", P, "status=gone since=1 checked_at=2 refuses_null_sender=no " NO_EHLO, -1},
};
/* clang-format on */

static void
test_parse(void **state)
{
	const struct parse_case *tc = *state;
	struct bmx_record record;

	assert_int_equal(
		bmx_record_parse(tc->kind, bmx_slice_of(tc->line), &record),
		tc->want);
}

static uint64_t seed = 88172645463325252U;

static uint64_t
draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static int64_t
draw_time(void)
{
	static const int64_t edges[] = {0, 1, INT64_MAX, 1700000000000};

	return draw(2) ? edges[draw(COUNT(edges))] : (int64_t)draw(INT64_MAX);
}

static void
draw_primary(struct bmx_primary_record *primary)
{
	struct bmx_smtp_keywords *keywords = &primary->keywords;

	primary->status = (enum bmx_primary_status)draw(BMX_PRIMARY_STATUSES);
	primary->since_ms = draw_time();
	primary->checked_at_ms = draw_time();
	primary->refuses_null_sender = draw(2);
	keywords->known = draw(2);
	if (!keywords->known)
		return;
	keywords->has_size = draw(2);
	keywords->size = keywords->has_size ? draw_time() : 0;
	keywords->smtputf8 = draw(2);
	keywords->starttls = draw(2);
	keywords->pipelining = draw(2);
	keywords->eight_bit_mime = draw(2);
}

static void
draw_record(struct bmx_record *record)
{
	struct bmx_verification *verification = &record->as.verification;
	struct bmx_gate_entry *gate = &record->as.gate;

	memset(record, 0, sizeof(*record));
	record->kind = (enum bmx_record_kind)draw(BMX_RECORD_KINDS);
	switch (record->kind) {
	case BMX_RECORD_VERIFICATION:
		verification->result = (enum bmx_verified)draw(2);
		if (verification->result == BMX_VERIFIED_VALID)
			verification->state = (enum bmx_recipient_state)draw(3);
		verification->by = (enum bmx_verified_by)draw(2);
		verification->checked_at_ms = draw_time();
		break;
	case BMX_RECORD_GATE:
		gate->first_seen_ms = draw_time();
		gate->last_seen_ms = draw_time();
		gate->tries = 1 + (int64_t)draw(1000000000);
		gate->passed_at_ms = draw_time();
		break;
	case BMX_RECORD_PRIMARY:
		draw_primary(&record->as.primary);
		break;
	case BMX_RECORD_KINDS:
		break;
	}
}

/* Each record comes back from its line, but from no shorter piece of it that
 * ends within a word; and from its fields. */
static void
round_trip(const struct bmx_record *record)
{
	char buffer[BMX_RECORD_LINE_MAX + 1];
	struct bmx_record_fields fields;
	struct bmx_record_reader reader;
	struct bmx_record got;
	struct bmx_text line;

	bmx_text_init(&line, buffer, sizeof(buffer));
	bmx_record_append(&line, record);
	assert_false(line.cut);
	assert_int_equal(
		bmx_record_parse(record->kind, bmx_text_slice(&line), &got), 0);
	assert_memory_equal(&got, record, sizeof(got));
	bmx_record_to_fields(record, &fields);
	bmx_record_begin(&reader, record->kind);
	for (size_t i = fields.count; i-- > 0;)
		bmx_record_field(&reader, bmx_slice_of(fields.field[i].name),
		                 bmx_slice_of(fields.field[i].value));
	memset(&got, 0xa5, sizeof(got));
	assert_int_equal(bmx_record_end(&reader, &got), 0);
	assert_memory_equal(&got, record, sizeof(got));
}

static void
test_round_trip(void **state)
{
	struct bmx_record record;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		draw_record(&record);
		round_trip(&record);
	}
}

/* What is cut is no record, but for a last number that lost digits. */
static void
test_cut(void **state)
{
	char buffer[BMX_RECORD_LINE_MAX + 1], piece[sizeof(buffer)];
	struct bmx_record record, got;
	struct bmx_text line;

	(void)state;
	for (int i = 0; i < 200; i++) {
		draw_record(&record);
		bmx_text_init(&line, buffer, sizeof(buffer));
		bmx_record_append(&line, &record);
		for (size_t len = 0; len < line.len; len++) {
			const bool in_number = buffer[len - (len > 0)] != '=' &&
				!memchr(buffer + len, '=', line.len - len) &&
				record.kind != BMX_RECORD_PRIMARY;
			const char *last = strrchr(buffer, '=') + 1;

			/* Exact size: reading past it is seen. */
			memcpy(piece, buffer, len);
			if (in_number && buffer + len > last)
				continue;
			assert_int_equal(
				bmx_record_parse(record.kind,
			                         (struct bmx_slice){piece, len},
			                         &got),
				-1);
		}
	}
}

/* What is void is not stored. */
static void
test_void(void **state)
{
	struct bmx_record record = {.kind = BMX_RECORD_VERIFICATION};
	char buffer[BMX_RECORD_LINE_MAX + 1];
	struct bmx_text line;

	(void)state;
	record.as.verification.result = BMX_VERIFIED_UNKNOWN;
	record.as.verification.state = BMX_RECIPIENT_FULL;
	bmx_text_init(&line, buffer, sizeof(buffer));
	bmx_record_append(&line, &record);
	assert_string_equal(buffer,
	                    "result=unknown state=active "
	                    "by=call-ahead checked_at=0");
	memset(&record, 0, sizeof(record));
	record.kind = BMX_RECORD_PRIMARY;
	record.as.primary.keywords.starttls = true;
	record.as.primary.keywords.size = 7;
	bmx_text_init(&line, buffer, sizeof(buffer));
	bmx_record_append(&line, &record);
	assert_string_equal(buffer,
	                    "status=suspect since=0 checked_at=0 "
	                    "refuses_null_sender=no " NO_EHLO);
}

static void
test_too_long(void **state)
{
	static const char record[] =
		"result=valid state=active by=delivery checked_at=0 x=";
	char line[BMX_RECORD_LINE_MAX + 1];
	struct bmx_record got;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, record, sizeof(record) - 1);
	assert_int_equal(
		bmx_record_parse(
			V, (struct bmx_slice){line, BMX_RECORD_LINE_MAX}, &got),
		0);
	assert_int_equal(
		bmx_record_parse(V, (struct bmx_slice){line, sizeof(line)},
	                         &got),
		-1);
}

/* Every field of a Redis hash may be hostile. */
static void
test_hostile_field(void **state)
{
	struct bmx_record_reader reader;
	struct bmx_record record;

	(void)state;
	bmx_record_begin(&reader, BMX_RECORD_GATE);
	bmx_record_field(&reader, BMX_SLICE("first_seen"), BMX_SLICE("1"));
	bmx_record_field(&reader, BMX_SLICE("last_seen"), BMX_SLICE("1"));
	bmx_record_field(&reader, BMX_SLICE("passed_at"), BMX_SLICE("0"));
	bmx_record_field(&reader, (struct bmx_slice){NULL, 0},
	                 (struct bmx_slice){NULL, 0});
	bmx_record_field(&reader, BMX_SLICE("tries\0"), BMX_SLICE("0"));
	assert_int_equal(bmx_record_end(&reader, &record), -1);
	bmx_record_field(&reader, BMX_SLICE("tries"), BMX_SLICE("1"));
	assert_int_equal(bmx_record_end(&reader, &record), 0);
	bmx_record_field(&reader, BMX_SLICE("tries"), BMX_SLICE("1\0"));
	assert_int_equal(bmx_record_end(&reader, &record), -1);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(bmx_record_kind_name(V), "verification");
	assert_string_equal(bmx_record_kind_name(G), "gate");
	assert_string_equal(bmx_record_kind_name(P), "primary");
	assert_string_equal(bmx_verified_by_name(BMX_VERIFIED_BY_CALL_AHEAD),
	                    "call-ahead");
	assert_string_equal(bmx_verified_by_name(BMX_VERIFIED_BY_DELIVERY),
	                    "delivery");
	assert_string_equal(bmx_primary_status_name(BMX_PRIMARY_SUSPECT),
	                    "suspect");
	assert_string_equal(bmx_primary_status_name(BMX_PRIMARY_UP), "up");
	assert_string_equal(bmx_primary_status_name(BMX_PRIMARY_DOWN), "down");
}

static void
test_keep(void **state)
{
	const int64_t day = INT64_C(24) * 3600 * 1000;
	struct bmx_record record = {.kind = V};

	(void)state;
	assert_int_equal(bmx_record_keep_ms(&record), 14 * day);
	record.as.verification.state = BMX_RECIPIENT_DISABLED;
	assert_int_equal(bmx_record_keep_ms(&record), 14 * day);
	record.as.verification.result = BMX_VERIFIED_UNKNOWN;
	assert_int_equal(bmx_record_keep_ms(&record), 3 * day);
	memset(&record, 0, sizeof(record));
	record.kind = G;
	assert_int_equal(bmx_record_keep_ms(&record), day);
	record.as.gate.passed_at_ms = 1;
	assert_int_equal(bmx_record_keep_ms(&record), 31 * day);
	record.kind = P;
	assert_int_equal(bmx_record_keep_ms(&record), 31 * day);
}

int
main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_void),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_hostile_field),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_keep),
	};
	struct CMUnitTest tests[COUNT(cases) + COUNT(others)] = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_parse;
		tests[i].initial_state = &cases[i];
	}
	memcpy(tests + COUNT(cases), others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
