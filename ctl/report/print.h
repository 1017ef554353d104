/*
 * print.h - a tally as text and as JSON.
 */
#ifndef BACKUPMX_CTL_REPORT_PRINT_H
#define BACKUPMX_CTL_REPORT_PRINT_H

#include "ctl/report/tally.h"

struct json_t; /* jansson's */

/** Prints an ended tally of `when` for people; top: lines of each list of
 * addresses. */
void bmxctl_report_print(const struct bmxctl_tally *tally, const char *when,
                         size_t top);

/** The same as JSON, a new reference; NULL when memory is short. */
struct json_t *bmxctl_report_json(const struct bmxctl_tally *tally,
                                  const char *when, size_t top);

#endif
