/*
 * scripted_primary.h - primaries as the engine sees them, which say what a
 * test wants, when it wants.
 */
#ifndef BACKUPMX_TESTS_SCRIPTED_PRIMARY_H
#define BACKUPMX_TESTS_SCRIPTED_PRIMARY_H

#include <stdbool.h>
#include <stddef.h>

#include "policyd/primary_source.h"

#define SCRIPTED_WAITS_MAX 16

struct scripted_primary;

struct bmx_call_ahead_wait {
	struct scripted_primary *primary;
	bmx_call_ahead_cb *cb; /* NULL: free */
	void *ctx;
};

/** Zeroed it is suspect and does not answer in time. */
struct scripted_primary {
	struct bmx_primary_view view;
	bool own_address; /* every client is the primary itself */
	/* The answer to each question; later: only with scripted_answer. */
	enum bmx_call_ahead_why why;
	struct bmx_probe_result probe;
	bool later;
	/* Told of each result, as by call-ahead; may be NULL. */
	bmx_call_ahead_result_cb *on_result;
	void *result_ctx;
	/* What was asked. */
	size_t asked;
	struct bmx_call_ahead_request last; /* its slices point to these */
	char last_local[256];
	char last_domain[256];
	struct bmx_call_ahead_wait waits[SCRIPTED_WAITS_MAX];
};

/** The source; primary outlives it. */
struct bmx_primary_source
scripted_primary_source(struct scripted_primary *primary);

/** Answers all that wait. */
void scripted_answer(struct scripted_primary *primary);

/** How many wait. */
size_t scripted_waiting(const struct scripted_primary *primary);

#endif
