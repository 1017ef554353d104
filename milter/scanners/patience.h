/*
 * patience.h - how long a scanner is waited for, and Postfix told meanwhile.
 *
 * Postfix gives up on a milter that is silent; smfi_progress tells it that
 * work goes on. So every wait is cut into pieces, with a tick after each.
 */
#ifndef BACKUPMX_MILTER_SCANNERS_PATIENCE_H
#define BACKUPMX_MILTER_SCANNERS_PATIENCE_H

#include <stdint.h>

#include <backupmx/clock.h>

/** Longest piece of a wait. */
#define BMX_PATIENCE_PIECE_MS 1000
/** Time between two reports. */
#define BMX_PATIENCE_REPORT_MS INT64_C(5000)

struct bmx_patience {
	const struct bmx_clock *clock;
	int64_t deadline_us;         /* of this wait */
	void (*progress)(void *ctx); /* may be NULL */
	void *ctx;
	int64_t reported_us; /* when progress was last called; first: now */
};

/** Milliseconds left, rounded up; 0 when the deadline has passed. */
int bmx_patience_left_ms(const struct bmx_patience *patience);

/** Reports when it is time to. */
void bmx_patience_tick(struct bmx_patience *patience);

#endif
