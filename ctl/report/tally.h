/*
 * tally.h - what the lines of a log add up to.
 *
 * Pure but for memory: lines in, counts out. Every table is bounded (top.h), so
 * a log of any size and content takes the same memory. Not for several threads.
 */
#ifndef BACKUPMX_CTL_REPORT_TALLY_H
#define BACKUPMX_CTL_REPORT_TALLY_H

#include <stdint.h>

#include "ctl/report/log_line.h"
#include "ctl/report/top.h"

/** Keys of a table of addresses, and of one of our own words. */
#define BMXCTL_TALLY_ADDRESSES ((size_t)20000)
#define BMXCTL_TALLY_WORDS ((size_t)2000)
/** Outages that are kept; later ones are counted only. */
#define BMXCTL_TALLY_OUTAGES ((size_t)200)

/** What is counted, and the words of its keys. */
enum bmxctl_tally_table {
	BMXCTL_TALLY_DECISIONS,      /* policyd: act why */
	BMXCTL_TALLY_DOMAINS,        /* policyd: domain act */
	BMXCTL_TALLY_REFUSED_RCPT,   /* both: address */
	BMXCTL_TALLY_REFUSED_CLIENT, /* both: address of the client */
	BMXCTL_TALLY_REFUSED_SENDER, /* both: address */
	BMXCTL_TALLY_MILTER,         /* milter, recipients: act why */
	BMXCTL_TALLY_CHECKS,         /* recipients: check result */
	BMXCTL_TALLY_MESSAGES,       /* messages: act */
	BMXCTL_TALLY_SCANNERS,       /* messages: scanner:NAME result */
	BMXCTL_TALLY_BOUNCES,        /* act why */
	BMXCTL_TALLY_SYNCS,          /* domain done|failed */
	BMXCTL_TALLY_SYNC_ERRORS,    /* domain: error */
	BMXCTL_TALLY_RECOVERIES,     /* domain result */
	BMXCTL_TALLY_EVENTS,         /* all others: program event */
	BMXCTL_TALLY_EVENT_ERRORS,   /* program event: error */
	BMXCTL_TALLY_TABLES
};

/** Upper bounds of how long answers took, in tenths of ms; the last bucket is
 * without one. */
#define BMXCTL_TALLY_TIMES ((size_t)12)

/** How long answers took. */
struct bmxctl_tally_times {
	uint64_t buckets[BMXCTL_TALLY_TIMES + 1];
	uint64_t count;
	uint64_t slow;    /* longer than a second */
	uint64_t longest; /* tenths of ms */
};

/** The upper bound of the bucket that holds the answer of that rank (0 to 1),
 * in tenths of ms; the longest for the last one. */
uint64_t bmxctl_tally_rank(const struct bmxctl_tally_times *times, double rank);

/** Something was away. Times are dates and seconds of the day, as the log has
 * them; empty: not seen. */
struct bmxctl_outage {
	char what[BMXCTL_TOP_KEY]; /* "example.test", "redis" */
	char from[32];             /* "11-20 10:57:10" */
	char to[32];
	long long began;   /* of outages.c */
	long long seconds; /* -1: not known */
};

struct bmxctl_tally {
	struct bmxctl_top *tables[BMXCTL_TALLY_TABLES];
	struct bmxctl_tally_times times[BMXCTL_LOG_PROGRAMS];
	struct bmxctl_outage outages[BMXCTL_TALLY_OUTAGES];
	size_t outage_count;
	uint64_t outages_dropped;
	uint64_t lines; /* that were taken */
};

/** Returns an empty tally the caller frees, or NULL when memory is short. */
struct bmxctl_tally *bmxctl_tally_new(void);

/** Frees *tally and sets it to NULL. NULL is fine. */
void bmxctl_tally_free(struct bmxctl_tally **tally);

/** Takes a line. */
void bmxctl_tally_take(struct bmxctl_tally *tally,
                       const struct bmxctl_log_line *line);

/** All lines have been taken: sorts the tables. */
void bmxctl_tally_end(struct bmxctl_tally *tally);

#endif
