/*
 * outages.h - when primaries and Redis were away; a part of tally.h.
 */
#ifndef BACKUPMX_CTL_REPORT_OUTAGES_H
#define BACKUPMX_CTL_REPORT_OUTAGES_H

#include "ctl/report/tally.h"

/** what has gone, as line says; nothing when it had before. */
void bmxctl_outage_begin(struct bmxctl_tally *tally, struct bmx_slice what,
                         const struct bmxctl_log_line *line);

/** what is back; nothing when it was never seen to go: a daemon that starts
 * says "up" as well. */
void bmxctl_outage_end(struct bmxctl_tally *tally, struct bmx_slice what,
                       const struct bmxctl_log_line *line);

#endif
