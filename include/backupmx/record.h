/*
 * record.h - what is learnt and kept: verification results, gate entries,
 * primary states. Their values, keys and stored form.
 *
 * The stored form is the same in LMDB and in Redis: fields with names, all
 * printable ASCII. A record of a later schema, or one that was tampered with,
 * does not decode: it then counts as absent. DESIGN.md sections 5 and 6.
 */
#ifndef BACKUPMX_RECORD_H
#define BACKUPMX_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/address.h>
#include <backupmx/ehlo_line.h>
#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/slice.h>
#include <backupmx/text.h>

enum bmx_record_kind {
	BMX_RECORD_VERIFICATION, /* of an address, or "*": accepts all? */
	BMX_RECORD_GATE,         /* of a stranger, or a client's network */
	BMX_RECORD_PRIMARY,      /* of a domain's primary */
	BMX_RECORD_KINDS
};

/** "verification", "gate", "primary". */
const char *bmx_record_kind_name(enum bmx_record_kind kind);

/** Octets of a key's name. */
#define BMX_RECORD_NAME_MAX BMX_LOCAL_BUFFER

struct bmx_record_key {
	enum bmx_record_kind kind;
	struct bmx_slice domain; /* A-labels, lower case */
	/* Verification: the local part in look-up form, or "*". Gate: 16 hex
	 * digits. Primary: empty. */
	struct bmx_slice name;
};

enum bmx_verified { BMX_VERIFIED_VALID, BMX_VERIFIED_UNKNOWN };

enum bmx_verified_by {
	BMX_VERIFIED_BY_CALL_AHEAD, /* the primary's reply to RCPT */
	BMX_VERIFIED_BY_DELIVERY,   /* its reply to a delivery */
	BMX_VERIFIED_BYS
};

/** "call-ahead", "delivery". */
const char *bmx_verified_by_name(enum bmx_verified_by by);

/** What the primary said of an address. "I do not know" is never stored. */
struct bmx_verification {
	enum bmx_verified result;
	enum bmx_recipient_state state; /* of a VALID one */
	enum bmx_verified_by by;
	int64_t checked_at_ms; /* wall */
};

/** A stranger at the gate, or a client network that came through it. */
struct bmx_gate_entry {
	int64_t first_seen_ms; /* wall */
	int64_t last_seen_ms;  /* wall */
	int64_t tries;         /* at least 1 */
	int64_t passed_at_ms;  /* wall; 0: not yet */
};

enum bmx_primary_status {
	BMX_PRIMARY_SUSPECT, /* cannot say: neither up nor down */
	BMX_PRIMARY_UP,
	BMX_PRIMARY_DOWN,
	BMX_PRIMARY_STATUSES
};

/** "suspect", "up", "down". */
const char *bmx_primary_status_name(enum bmx_primary_status status);

struct bmx_primary_record {
	enum bmx_primary_status status;
	int64_t since_ms; /* wall: when that began; of DOWN the first failure */
	int64_t checked_at_ms; /* wall: the last check that counted */
	struct bmx_smtp_keywords keywords;
	bool refuses_null_sender; /* MAIL FROM:<> was refused */
};

struct bmx_record {
	enum bmx_record_kind kind;
	union {
		struct bmx_verification verification;
		struct bmx_gate_entry gate;
		struct bmx_primary_record primary;
	} as;
};

/** Most fields a record has, and most octets of one field's value. */
#define BMX_RECORD_FIELDS_MAX 12
#define BMX_RECORD_VALUE_MAX ((size_t)32)

/** A record as named values: what a Redis hash holds. */
struct bmx_record_fields {
	size_t count;
	struct {
		const char *name; /* a literal of record.c */
		char value[BMX_RECORD_VALUE_MAX];
	} field[BMX_RECORD_FIELDS_MAX];
};

/** Fills *fields_out. Every record of valid values fits. */
void bmx_record_to_fields(const struct bmx_record *record,
                          struct bmx_record_fields *fields_out);

/** Takes one field of a record under way; unknown names are let pass. Begin
 * with bmx_record_begin, end with bmx_record_end. */
struct bmx_record_reader {
	struct bmx_record record;
	unsigned seen; /* bits of the fields that were there */
	bool bad;
};

/** Starts to read a record of that kind. */
void bmx_record_begin(struct bmx_record_reader *reader,
                      enum bmx_record_kind kind);

/** One field, octets of any content. */
void bmx_record_field(struct bmx_record_reader *reader, struct bmx_slice name,
                      struct bmx_slice value);

/** @return 0 with *record_out, or -1 when a field is missing, doubled or not
 * of its form or range */
int bmx_record_end(const struct bmx_record_reader *reader,
                   struct bmx_record *record_out);

/** Octets of a record as one line. */
#define BMX_RECORD_LINE_MAX ((size_t)512)

/** Appends the record as one line, "name=value name=value", without line end:
 * LMDB's form, and that of Redis strings. */
void bmx_record_append(struct bmx_text *text, const struct bmx_record *record);

/** Reads what bmx_record_append wrote. @return 0, or -1 as bmx_record_end */
int bmx_record_parse(enum bmx_record_kind kind, struct bmx_slice line,
                     struct bmx_record *record_out);

/** How long a record is worth keeping after it was written, ms: the longest
 * of the times for which DESIGN.md section 5 lets it be used. VALID 14 d,
 * UNKNOWN 3 d; a primary 31 d (a list is frozen for at most 30 d); at the gate
 * 31 d when it was passed, else 24 h. A gate_memory that is longer than 31 d
 * remembers 31 d after the last visit that was written. */
int64_t bmx_record_keep_ms(const struct bmx_record *record);

#endif
