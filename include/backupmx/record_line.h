/*
 * record_line.h - a record with its key as one line of text: what
 * `backupmxctl cache dump` writes and `cache load` reads.
 *
 *	verification joe@example.test result=valid state=active ...
 *	verification *@example.test result=unknown ...
 *	gate 0123456789abcdef@example.test first_seen=...
 *	primary @example.test status=up ...
 *
 * Octets of a name that would break the line (controls, blanks, '%', '@', and
 * DEL) are written as %XX. All functions are for any thread.
 */
#ifndef BACKUPMX_RECORD_LINE_H
#define BACKUPMX_RECORD_LINE_H

#include <backupmx/error.h>
#include <backupmx/record.h>
#include <backupmx/slice.h>
#include <backupmx/text.h>

/** Octets of a line, terminator included: every key and record fits. */
#define BMX_RECORD_DUMP_MAX                                                    \
	(BMX_RECORD_LINE_MAX + 3 * BMX_RECORD_NAME_MAX + BMX_DOMAIN_BUFFER + 32)

/** A line that was read. The slices of key borrow from buffers. */
struct bmx_record_line {
	struct bmx_record_key key;
	struct bmx_record record;
	char domain[BMX_DOMAIN_BUFFER];
	char name[BMX_RECORD_NAME_MAX + 1];
};

/** Appends the line, without line end. */
void bmx_record_line_append(struct bmx_text *text,
                            const struct bmx_record_key *key,
                            const struct bmx_record *record);

/**
 * Reads a line, without line end, of any origin. The domain must be in the
 * form of bmx_domain_normalise, a gate's name 16 hex digits in lower case, a
 * primary's empty.
 * @return 0 with *line_out; or -1 with *err (BMX_E_SYNTAX), which says which
 *         part is wrong
 */
int bmx_record_line_parse(struct bmx_slice text,
                          struct bmx_record_line *line_out,
                          struct bmx_error *err);

#endif
