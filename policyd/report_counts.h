/*
 * report_counts.h - the parts of a status that count: as reports.h.
 */
#ifndef BACKUPMX_POLICYD_REPORT_COUNTS_H
#define BACKUPMX_POLICYD_REPORT_COUNTS_H

#include "policyd/learn.h"
#include "policyd/today.h"

struct json_t;

/** What was decided today: since, total, and each action and reason that was
 * there. */
struct json_t *bmx_report_today(const struct bmx_today *today);

/** What was unlearnt since the start. */
struct json_t *bmx_report_feedback(const struct bmx_learner *learner);

#endif
