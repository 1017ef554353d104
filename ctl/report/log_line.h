/*
 * log_line.h - reads a line of a log as the daemons write it (log.h), with
 * what syslog or the journal put before it.
 *
 *	Nov 20 10:57:10 mx2 backupmx-policyd[812]: id=1.a ev=decision ...
 *	2026-11-20T10:57:10.12+01:00 mx2 backupmx-milter[9]: ev=started ...
 *	backupmx-policyd: info: ev=started ...
 *
 * Pure. Values hold strangers' words and other programs' lines may hold
 * anything: only a line whose program stands where syslog puts it is ours.
 *
 * Source: RFC 3164 section 4.1, RFC 3339, journalctl(1) short-iso.
 */
#ifndef BACKUPMX_CTL_REPORT_LOG_LINE_H
#define BACKUPMX_CTL_REPORT_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/slice.h>

/** Pairs of a line that are read; there are fewer. */
#define BMXCTL_LOG_PAIRS_MAX ((size_t)32)

enum bmxctl_log_program {
	BMXCTL_LOG_POLICYD,
	BMXCTL_LOG_MILTER,
	BMXCTL_LOG_PROGRAMS
};

/** "policyd", "milter". */
const char *bmxctl_log_program_name(enum bmxctl_log_program program);

struct bmxctl_log_pair {
	struct bmx_slice key;
	struct bmx_slice value; /* without quotes or angle brackets */
};

/** Slices borrow from the text. */
struct bmxctl_log_line {
	bool has_time;
	int year; /* 0: not written */
	int month, day;
	int second_of_day;
	enum bmxctl_log_program program;
	struct bmx_slice event;
	struct bmxctl_log_pair pairs[BMXCTL_LOG_PAIRS_MAX];
	size_t count;
};

/** Reads text, without its line end. @return is it a line of ours? */
bool bmxctl_log_line_parse(struct bmx_slice text,
                           struct bmxctl_log_line *line_out);

/** The value of key, or the empty slice. */
struct bmx_slice bmxctl_log_value(const struct bmxctl_log_line *line,
                                  const char *key);

#endif
