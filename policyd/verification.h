/*
 * verification.h - what a stored verification record is worth now, and what a
 * new result of a probe does to it.
 *
 * Pure: facts in, answer out. DESIGN.md section 5, "Verification cache".
 *
 *	result            fresh for   afterwards, while the primary is down
 *	valid, active     24 h        valid for 14 d
 *	valid, full       15 min      valid for 14 d
 *	valid, disabled   15 min      nothing
 *	unknown           30 min      unknown for 3 d
 *
 * A record from the future (the clock went back) counts as made now up to
 * BMX_VERIFICATION_SKEW_MS, and as nothing beyond.
 */
#ifndef BACKUPMX_POLICYD_VERIFICATION_H
#define BACKUPMX_POLICYD_VERIFICATION_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/record.h>

#include "policyd/probe_result.h"

#define BMX_VERIFICATION_VALID_FRESH_MS (INT64_C(24) * 3600 * 1000)
#define BMX_VERIFICATION_VALID_USABLE_MS (INT64_C(14) * 24 * 3600 * 1000)
#define BMX_VERIFICATION_UNKNOWN_FRESH_MS (INT64_C(30) * 60 * 1000)
#define BMX_VERIFICATION_UNKNOWN_USABLE_MS (INT64_C(3) * 24 * 3600 * 1000)
/** Of a mailbox that is disabled or full. */
#define BMX_VERIFICATION_STATE_FRESH_MS (INT64_C(15) * 60 * 1000)
/** Of "*": does the domain accept all? */
#define BMX_VERIFICATION_ACCEPTS_ALL_FRESH_MS (INT64_C(24) * 3600 * 1000)
/** How far ahead of the clock a record may be. */
#define BMX_VERIFICATION_SKEW_MS (INT64_C(5) * 60 * 1000)
/** Age at which a VALID record is asked for again, before the jitter of up to
 * a tenth either way: 25 % of its fresh time. */
#define BMX_VERIFICATION_REFRESH_MS (BMX_VERIFICATION_VALID_FRESH_MS / 4)

enum bmx_cache_answer {
	BMX_CACHE_NONE, /* ask again */
	BMX_CACHE_FRESH_VALID,
	BMX_CACHE_FRESH_DISABLED,
	BMX_CACHE_FRESH_FULL,
	BMX_CACHE_FRESH_UNKNOWN,
	BMX_CACHE_USABLE_VALID,   /* only because the primary is down */
	BMX_CACHE_USABLE_UNKNOWN, /* likewise */
	BMX_CACHE_ANSWERS
};

/** "none", "fresh-valid", ... */
const char *bmx_cache_answer_name(enum bmx_cache_answer answer);

struct bmx_verification_facts {
	int64_t now_ms; /* wall */
	bool primary_down;
	bool has_list;          /* the domain has a list */
	int64_t list_synced_ms; /* has_list: its last good sync, wall */
	bool on_list; /* has_list: the address is on it, in whatever form */
};

struct bmx_verification_verdict {
	enum bmx_cache_answer answer;
	bool drop; /* a newer list says otherwise: remove the record */
};

/** What the record is worth. A list whose last good sync is not older than
 * the record contradicts it: then the answer is BMX_CACHE_NONE with drop. */
struct bmx_verification_verdict
bmx_verification_judge(const struct bmx_verification *record,
                       const struct bmx_verification_facts *facts);

/**
 * Should a record of an active mailbox that is fresh be asked for again in the
 * background? jitter is any hash of the address: it spreads records that were
 * made together over a fifth of BMX_VERIFICATION_REFRESH_MS.
 */
bool bmx_verification_refresh_due(const struct bmx_verification *record,
                                  int64_t now_ms, uint64_t jitter);

enum bmx_verification_change {
	BMX_VERIFICATION_KEEP,  /* leave what is stored, if anything */
	BMX_VERIFICATION_STORE, /* put the new record */
};

struct bmx_verification_merge {
	enum bmx_verification_change change;
	bool evicts; /* an UNKNOWN takes the place of a VALID */
	struct bmx_verification record; /* of BMX_VERIFICATION_STORE */
};

/**
 * What a result does to what is stored: old is NULL when there is none. An
 * UNSURE overwrites nothing; a definite result takes the place of an older
 * one, but not of one that was made up to BMX_VERIFICATION_SKEW_MS after it (a
 * late answer; what is further ahead is from before the clock was set back).
 * That an UNKNOWN is to be believed is the dialogue's to know.
 */
struct bmx_verification_merge
bmx_verification_merge(const struct bmx_verification *old,
                       enum bmx_probe_outcome outcome, enum bmx_verified_by by,
                       int64_t checked_at_ms);

enum bmx_accepts_all {
	BMX_ACCEPTS_ALL_UNKNOWN, /* not tried, or too long ago */
	BMX_ACCEPTS_ALL_NO,
	BMX_ACCEPTS_ALL_YES,
	BMX_ACCEPTS_ALL_ANSWERS
};

/** "unknown", "no", "yes". */
const char *bmx_accepts_all_name(enum bmx_accepts_all answer);

/**
 * Reads the record of "*": VALID is yes, UNKNOWN is no; NULL, or one that is
 * not fresh, is unknown. While the primary is down it cannot be tried again:
 * a yes then holds as long as a VALID is usable, a no as an UNKNOWN.
 */
enum bmx_accepts_all
bmx_verification_accepts_all(const struct bmx_verification *record,
                             const struct bmx_verification_facts *facts);

#endif
