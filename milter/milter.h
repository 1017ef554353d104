/*
 * milter.h - what all sessions of the daemon share: configuration, policyd,
 * DNS and SPF, counters, log.
 */
#ifndef BACKUPMX_MILTER_MILTER_H
#define BACKUPMX_MILTER_MILTER_H

#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/metrics.h>

#include "milter/nudge.h"
#include "milter/rules.h"
#include "milter/session.h"

struct bmx_milter;

/**
 * Makes the shared part and starts the threads of DNS and the nudge, so call
 * it after privileges are dropped. log and metrics are borrowed and outlive
 * it; a reference of rules is taken.
 * @return the milter, which the caller frees, or NULL with *err
 */
struct bmx_milter *bmx_milter_new(struct bmx_rules *rules, struct bmx_log *log,
                                  struct bmx_metrics *metrics,
                                  struct bmx_error *err);

/** Frees *milter and sets it to NULL. NULL is fine. No session may be open
 * and no thread in a call. */
void bmx_milter_free(struct bmx_milter **milter);

/**
 * Sessions that begin later use rules, of which a reference is taken; open
 * ones keep theirs. What cannot change while the daemon runs keeps its old
 * value. Any thread.
 */
void bmx_milter_set_rules(struct bmx_milter *milter, struct bmx_rules *rules);

/** The rules of now; the caller drops the reference. Any thread. */
struct bmx_rules *bmx_milter_rules(struct bmx_milter *milter);

/** A session with the rules of now, which the caller frees; NULL when
 * memory is short. Any thread. */
struct bmx_session *bmx_milter_session(struct bmx_milter *milter);

/** The nudge, for callbacks to mark themselves. */
struct bmx_nudge *bmx_milter_nudge(struct bmx_milter *milter);

/** The log. */
struct bmx_log *bmx_milter_log(struct bmx_milter *milter);

#endif
