/*
 * breaker.h - leaves alone for a while what fails again and again. Pure.
 *
 *	closed --- BMX_BREAKER_FAILURES in a row ---> open
 *	   ^                                           | BMX_BREAKER_REST_MS
 *	   +--- it works ------- one try <-------------+
 *	                            +--- it fails ---> open
 */
#ifndef BACKUPMX_MILTER_CHECKS_BREAKER_H
#define BACKUPMX_MILTER_CHECKS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

/** Failures in a row that open it. */
#define BMX_BREAKER_FAILURES 5
/** How long it stays open before the next try. */
#define BMX_BREAKER_REST_MS INT64_C(60000)

/** Zeroed it is closed. */
struct bmx_breaker {
	unsigned failures;  /* in a row */
	int64_t rest_until; /* while open; the clock of the calls below */
};

/** May it be tried at now_ms? While open, true for one caller a rest, whose
 * result counts when it comes. */
bool bmx_breaker_allows(struct bmx_breaker *breaker, int64_t now_ms);

/** What a report has changed. */
enum bmx_breaker_change {
	BMX_BREAKER_SAME,
	BMX_BREAKER_OPENED,
	BMX_BREAKER_CLOSED,
};

/** A try has ended. */
enum bmx_breaker_change bmx_breaker_report(struct bmx_breaker *breaker,
                                           bool worked, int64_t now_ms);

#endif
