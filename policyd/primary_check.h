/*
 * primary_check.h - one check of a primary: greeting, EHLO, QUIT.
 *
 * Goes through the primary's addresses in order until one accepts EHLO: a
 * primary is up when any of its hosts is. A check ends in its callback
 * exactly once, from the loop, unless it is freed before. One thread: that of
 * the loop.
 */
#ifndef BACKUPMX_POLICYD_PRIMARY_CHECK_H
#define BACKUPMX_POLICYD_PRIMARY_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/record.h>

#include "policyd/target_set.h"

/** Longest a check takes, all addresses together, ms. */
#define BMX_PRIMARY_CHECK_MAX_MS ((int64_t)20 * 1000)
/** Octets of a host's name and port. */
#define BMX_PRIMARY_HOST_MAX (BMX_DOMAIN_BUFFER + 8)

enum bmx_primary_check_end {
	BMX_PRIMARY_CHECK_GOOD,   /* a host accepted EHLO or HELO */
	BMX_PRIMARY_CHECK_FAILED, /* none did */
	BMX_PRIMARY_CHECK_UNDONE, /* our own trouble, or nobody to be asked */
};

/** What came of a check; strings are never NULL. */
struct bmx_primary_check_result {
	enum bmx_primary_check_end end;
	bool refused;     /* FAILED: a host was reached, and refused us */
	const char *host; /* the one of text, as "mx1.example.test:25" */
	/* FAILED: what the first host that refused us said, else what was
	 * wrong with the best host. UNDONE: why. GOOD: "". */
	const char *text;
	struct bmx_smtp_keywords keywords; /* of GOOD */
};

/** result is borrowed for the call, which may free the check. */
typedef void
bmx_primary_check_cb(void *ctx, const struct bmx_primary_check_result *result);

struct bmx_primary_check;

/**
 * Starts a check. hostname, ours, is borrowed until the check is over; tries
 * is taken over, also when this fails.
 * @return the check, which the caller frees (from the callback at the
 *         earliest, if it is called), or NULL when memory is short
 */
struct bmx_primary_check *bmx_primary_check_new(struct bmx_loop *loop,
                                                const char *hostname,
                                                struct bmx_target_tries *tries,
                                                bmx_primary_check_cb *cb,
                                                void *ctx);

/** Frees *check and sets it to NULL; nothing calls back any more. NULL is
 * fine. */
void bmx_primary_check_free(struct bmx_primary_check **check);

#endif
