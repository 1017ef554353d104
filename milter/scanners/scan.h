/*
 * scan.h - one message through all scanners of a domain.
 *
 *	for each scanner, in the configuration's order
 *	   too large for it ---------------------------> skipped
 *	   for each URL that is not resting, in order
 *	      a verdict -------------------------------> that
 *	      a failure -------------------------------> the next URL
 *	   none ---------------------------------------> as `unavailable` says
 *	a rejection ends it, and wins; then a deferral, then marks
 */
#ifndef BACKUPMX_MILTER_SCANNERS_SCAN_H
#define BACKUPMX_MILTER_SCANNERS_SCAN_H

#include <backupmx/config.h>

#include "milter/scanners/ask.h"
#include "milter/scanners/health.h"

/** Scanners of one domain; the configuration is checked for it. */
#define BMX_SCANNERS_MAX ((size_t)8)
/** Longest time for all of them together. */
#define BMX_SCAN_ALL_MS INT64_C(60000)

/** What has become of one scanner's look at the message. */
enum bmx_scan_result {
	BMX_SCAN_UNASKED, /* another one has refused before */
	BMX_SCAN_PASSED,
	BMX_SCAN_TAGGED,
	BMX_SCAN_DEFERRED,
	BMX_SCAN_REJECTED,
	BMX_SCAN_SKIPPED, /* larger than max_size */
	BMX_SCAN_AWAY,    /* no URL has answered */
	BMX_SCAN_RESULTS
};

/** "unasked", "pass", "tag", "defer", "reject", "skipped", "away". */
const char *bmx_scan_result_name(enum bmx_scan_result result);

/** One scanner's result. */
struct bmx_scan_finding {
	const struct bmx_config_scanner *scanner;
	enum bmx_scan_result result;
	const char *url; /* that answered, or NULL */
	struct bmx_scan_reply reply;
};

/** All of them. */
struct bmx_scan_report {
	struct bmx_scan_finding findings[BMX_SCANNERS_MAX];
	size_t count;
	enum bmx_scan_say say;
	bool unscanned;   /* it is deferred because a scanner is away */
	const char *text; /* of who refuses, for the client; "" for none */
};

/**
 * What a section does with a scanner's verdict. rspamd's is followed; with
 * spamd and clamd the section's action answers a find. Pure.
 */
enum bmx_scan_result
bmx_scan_result_of(const struct bmx_config_scanner *scanner,
                   enum bmx_scan_say say);

/** Does this result end the scan, or defer the message? Pure. */
enum bmx_scan_say bmx_scan_say_of(const struct bmx_config_scanner *scanner,
                                  enum bmx_scan_result result);

/**
 * Asks all. Waits, at most until patience->deadline_us; a failure of the
 * message's spool is one of every scanner. *report_out borrows from scanners
 * and from message->arena.
 */
void bmx_scan_run(struct bmx_scan_health *health,
                  const struct bmx_config_scanner *scanners, size_t count,
                  const struct bmx_scan_message *message,
                  struct bmx_patience *patience,
                  struct bmx_scan_report *report_out);

/** Are both lists of scanners the same, but for their names? */
bool bmx_scan_same(const struct bmx_config_domain *a,
                   const struct bmx_config_domain *b);

/** The largest message that any of them wants to see. */
uint64_t bmx_scan_largest(const struct bmx_config_scanner *scanners,
                          size_t count);

/** What is wrong with a section as a whole, or NULL; static. */
const char *bmx_scan_problem(const struct bmx_config_scanner *scanner);

#endif
