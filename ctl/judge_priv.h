/*
 * judge_priv.h - what the judges share.
 */
#ifndef BACKUPMX_CTL_JUDGE_PRIV_H
#define BACKUPMX_CTL_JUDGE_PRIV_H

#include "ctl/ask.h"
#include "ctl/judge.h"

/** Appends ", " if something is there, and what printf would. */
void bmxctl_verdict_good(struct bmxctl_verdict *verdict, const char *format,
                         ...) __attribute__((format(printf, 2, 3)));

/** Appends a figure as `NAME=VALUEUNIT;WARNING;CRITICAL;0`; limit may be NULL.
 */
void bmxctl_verdict_figure(struct bmxctl_verdict *verdict, const char *name,
                           long long value, const char *unit,
                           const struct bmxctl_limit *limit);

/** The state of a value that is worse the greater it is. */
enum bmxctl_state bmxctl_state_above(long long value,
                                     const struct bmxctl_limit *limit);

/** Seconds since at, at least 0; 0 for what never was. */
long long bmxctl_since(const struct json_t *facts, long long at);

/** Did policyd answer? If not, that nobody can say is added, once. */
bool bmxctl_policyd_said(struct bmxctl_verdict *verdict,
                         const struct json_t *facts, const char *check);

#endif
