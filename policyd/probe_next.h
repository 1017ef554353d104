/*
 * probe_next.h - what follows from the result of one try of a probe: another
 * try, or the end; and what it says of the primary. Pure.
 *
 * A recipient is asked about once: only what failed before the primary
 * judged it is tried elsewhere.
 */
#ifndef BACKUPMX_POLICYD_PROBE_NEXT_H
#define BACKUPMX_POLICYD_PROBE_NEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/probe_result.h"

/** With less time than this, no other try is begun, ms. */
#define BMX_PROBE_NEXT_LEAST_MS INT64_C(50)

enum bmx_probe_next {
	BMX_PROBE_NEXT_END,      /* it is decided, or time is over */
	BMX_PROBE_NEXT_IN_CLEAR, /* the same target without TLS */
	BMX_PROBE_NEXT_AGAIN,    /* a new connection, which was not used */
	BMX_PROBE_NEXT_TARGET,   /* the next target, if there is one */
};

struct bmx_probe_next_facts {
	const struct bmx_probe_result *result;
	int64_t left_ms;   /* of the probe's time */
	bool was_in_clear; /* that try has been made */
	bool was_again;    /* that one too */
};

/** What next? */
enum bmx_probe_next bmx_probe_next(const struct bmx_probe_next_facts *facts);

/** What a probe's last result says of the primary, for the breaker. */
enum bmx_probe_says {
	BMX_PROBE_SAYS_NOTHING, /* our own trouble, or it was not tried */
	BMX_PROBE_SAYS_WORKS,   /* it has answered RCPT */
	BMX_PROBE_SAYS_FAILS,   /* transport, or refused before RCPT */
};

/** Whether the breaker counts it, and as what. */
enum bmx_probe_says bmx_probe_says(const struct bmx_probe_result *result);

#endif
