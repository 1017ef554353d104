/*
 * circuit.h - a circuit breaker: stops asking what has failed several times
 * in a row, then lets one attempt find out whether it is back. And the pauses
 * between attempts.
 *
 *	closed --limit failures--> open --its rest is over--> half-open
 *	   ^                        ^                           |   |
 *	   |                        \----------failure----------/   |
 *	   \---------------------------success----------------------/
 *
 * Pure: time and random numbers are handed in.
 */
#ifndef BACKUPMX_CIRCUIT_H
#define BACKUPMX_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

enum bmx_circuit_state {
	BMX_CIRCUIT_CLOSED,    /* ask */
	BMX_CIRCUIT_OPEN,      /* do not ask before its rest is over */
	BMX_CIRCUIT_HALF_OPEN, /* one attempt is under way */
	BMX_CIRCUIT_STATES
};

/** "closed", "open", "half-open". */
const char *bmx_circuit_state_name(enum bmx_circuit_state state);

struct bmx_circuit {
	enum bmx_circuit_state state;
	unsigned limit;    /* failures in a row that open it */
	unsigned failures; /* in a row, at most limit */
	int64_t until_ms;  /* open: when the rest is over */
};

/** Starts closed. limit is at least 1. */
void bmx_circuit_init(struct bmx_circuit *circuit, unsigned limit);

/**
 * May an attempt be made now? Every true must be followed by
 * bmx_circuit_success, bmx_circuit_failure or bmx_circuit_return. When the rest
 * of an open one is over it says yes once, and is half-open until that attempt
 * has ended.
 */
bool bmx_circuit_admit(struct bmx_circuit *circuit, int64_t now_ms);

/** The attempt was given up before it could tell: if it was the one that finds
 * out, the next one may. */
void bmx_circuit_return(struct bmx_circuit *circuit, int64_t now_ms);

/** An attempt succeeded: closed. */
void bmx_circuit_success(struct bmx_circuit *circuit);

/** Would a failure now open it? Not when it is open already. */
bool bmx_circuit_would_open(const struct bmx_circuit *circuit);

/** An attempt failed; if that opens the breaker, it rests for rest_ms. One that
 * fails while it is open, having begun before, makes the rest begin anew. */
void bmx_circuit_failure(struct bmx_circuit *circuit, int64_t now_ms,
                         int64_t rest_ms);

/** Milliseconds until the next attempt may be made; 0 unless it is open. */
int64_t bmx_circuit_rest_ms(const struct bmx_circuit *circuit, int64_t now_ms);

/** Growing pauses between attempts: the n-th one is a random time of at most
 * first_ms * 2^n, at most most_ms ("full jitter"), so that many clients of one
 * server do not come back in step. */
struct bmx_backoff {
	int64_t first_ms;
	int64_t most_ms;
	int64_t bound_ms; /* of the next pause */
};

/** 1 <= first_ms <= most_ms. */
void bmx_backoff_init(struct bmx_backoff *backoff, int64_t first_ms,
                      int64_t most_ms);

/** The next pause, 0 to its bound; the bound doubles. random: any number. */
int64_t bmx_backoff_next(struct bmx_backoff *backoff, uint64_t random);

/** The same, but the pause is three to five quarters of its bound: never a
 * short one, for who must not be asked often. */
int64_t bmx_backoff_next_about(struct bmx_backoff *backoff, uint64_t random);

/** From now on every pause is most_ms: what has failed needs a person. */
void bmx_backoff_exhaust(struct bmx_backoff *backoff);

/** All was well for long enough: the next pause is a short one. */
void bmx_backoff_reset(struct bmx_backoff *backoff);

#endif
