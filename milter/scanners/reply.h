/*
 * reply.h - what a scanner says of a message, whichever scanner it is.
 *
 * Replies are hostile: parsers take a whole reply of bounded length, copy what
 * they keep into an arena, and clean what goes into a header, a reply or the
 * log. Pure, any thread.
 */
#ifndef BACKUPMX_MILTER_SCANNERS_REPLY_H
#define BACKUPMX_MILTER_SCANNERS_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/arena.h>
#include <backupmx/error.h>
#include <backupmx/slice.h>

/** Octets of a reply that are read; a longer one is a failure. */
#define BMX_SCAN_REPLY_MAX ((size_t)512 * 1024)
/** Header fields that one reply may add, and as many it may take out. */
#define BMX_SCAN_FIELDS_MAX ((size_t)64)
/** Octets of one added field's body. */
#define BMX_SCAN_FIELD_MAX ((size_t)4000)
/** Octets of all added fields' bodies. */
#define BMX_SCAN_FIELDS_ALL_MAX ((size_t)64 * 1024)

/** What is to be done with the message. */
enum bmx_scan_say {
	BMX_SCAN_PASS,
	BMX_SCAN_TAG, /* bad, but passes with a mark */
	BMX_SCAN_DEFER,
	BMX_SCAN_REJECT,
};

/** A field to add. */
struct bmx_scan_field {
	const char *name;
	const char
		*body; /* lines end in LF, the next one begins with a blank */
	int place;     /* above this one, from 0; -1: at the end */
};

/** Fields to take out. */
struct bmx_scan_removal {
	const char *name;
	int which; /* from 1; 0: all; negative: from the end */
};

/** Changes to the header. */
struct bmx_scan_edits {
	const struct bmx_scan_field *added;
	size_t added_count;
	const struct bmx_scan_removal *removed;
	size_t removed_count;
};

struct bmx_scan_reply {
	enum bmx_scan_say say;
	char detail
		[80];   /* for the log, clean and without blanks: "reject/15" */
	char text[160]; /* for the client, clean; may be empty */
	struct bmx_scan_edits edits;
};

/** May a scanner add or take out a field of this name? Those that DKIM signs
 * may not be touched, nor may what is no name. */
bool bmx_scan_may_edit(struct bmx_slice name);

/**
 * A field body of a scanner as libmilter wants it: no CR, every further line
 * begins with a blank, other control characters are '?'.
 * @return a copy in arena; NULL when memory is short or it is longer than
 *         BMX_SCAN_FIELD_MAX
 */
const char *bmx_scan_clean_body(struct bmx_arena *arena, struct bmx_slice body);

/** Appends to a detail: what is no printable ASCII, blanks, commas, colons
 * and equals signs become '_'. */
void bmx_scan_add_detail(struct bmx_scan_reply *reply, struct bmx_slice bytes);

/** Sets the text for the client: printable ASCII, cut. */
void bmx_scan_set_text(struct bmx_scan_reply *reply, struct bmx_slice bytes);

/**
 * A reply of rspamd's /checkv2: its action is followed as rspamd's own milter
 * does, but a message that it would drop is refused, one that it would
 * quarantine passes, and Subject, envelope and signatures stay as they are.
 * @return 0, or -1 with *err: BMX_E_SYNTAX, BMX_E_NOMEM
 */
int bmx_rspamd_reply_parse(struct bmx_slice json, struct bmx_arena *arena,
                           struct bmx_scan_reply *reply_out,
                           struct bmx_error *err);

/**
 * A whole reply of spamd to SYMBOLS (SPAMC/1.5): say is BMX_SCAN_REJECT for
 * spam, else BMX_SCAN_PASS.
 * @return 0, or -1 with *err: BMX_E_SYNTAX
 */
int bmx_spamd_reply_parse(struct bmx_slice bytes,
                          struct bmx_scan_reply *reply_out,
                          struct bmx_error *err);

/**
 * A whole reply of clamd to zINSTREAM: say is BMX_SCAN_REJECT for a find, else
 * BMX_SCAN_PASS.
 * @return 0, or -1 with *err: BMX_E_SYNTAX, BMX_E_TOO_BIG when the message is
 *         larger than clamd takes, BMX_E_IO for another of its errors
 */
int bmx_clamd_reply_parse(struct bmx_slice bytes,
                          struct bmx_scan_reply *reply_out,
                          struct bmx_error *err);

#endif
