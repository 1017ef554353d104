/*
 * guard.h - seals what is accepted, and judges the bounces that Postfix makes
 * of it: what all sessions share.
 *
 *	a message is accepted -> bmx_guard_seal: header field, seals.mdb
 *	a bounce is made      -> bounce_report.h -> bmx_guard_judge
 *	                          seals.mdb, policyd, guard_decision.h
 *
 * Any thread. Where the keys or seals.mdb are missing the guard goes on with
 * what it has, and says so.
 */
#ifndef BACKUPMX_MILTER_GUARD_H
#define BACKUPMX_MILTER_GUARD_H

#include <stdbool.h>

#include <backupmx/clock.h>
#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/metrics.h>

#include "milter/bounce_report.h"
#include "milter/guard_decision.h"
#include "milter/seal.h"

/** Longest time that policyd may take to hear of lost recipients, all of a
 * bounce together. */
#define BMX_GUARD_TELL_MS 1000

struct bmx_guard;

/** Borrowed; all outlive the guard. */
struct bmx_guard_parts {
	const struct bmx_clock *clock;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
};

/**
 * Makes a guard: reads the keys, making a file where there is none, and opens
 * seals.mdb. Neither is touched while config says off.
 * @return the guard, which the caller frees, or NULL with *err: a key file
 *         that is there and not usable, BMX_E_NOMEM
 */
struct bmx_guard *bmx_guard_new(const struct bmx_guard_parts *parts,
                                const struct bmx_config *config,
                                struct bmx_error *err);

/** Frees *guard and sets it to NULL. NULL is fine. */
void bmx_guard_free(struct bmx_guard **guard);

/** Reads the keys again, and opens what was not. Bad keys are logged; the old
 * ones stay. */
void bmx_guard_configure(struct bmx_guard *guard,
                         const struct bmx_config *config);

/**
 * Seals a message, with the time of now, and keeps the seal.
 * @return true with the field's body in buffer; false when it cannot be sealed
 */
bool bmx_guard_seal(struct bmx_guard *guard, const struct bmx_seal *seal,
                    const struct bmx_config *config,
                    char buffer[BMX_SEAL_TEXT_MAX]);

/**
 * Judges a bounce: tells policyd of recipients that are gone, counts, logs and
 * keeps a note. Waits at most BMX_GUARD_TELL_MS.
 * @param facts NULL: there was no memory to read it
 * @param queue_id the bounce's own
 */
struct bmx_guard_verdict bmx_guard_judge(struct bmx_guard *guard,
                                         const struct bmx_bounce_facts *facts,
                                         const struct bmx_config *config,
                                         struct bmx_slice queue_id);

#endif
