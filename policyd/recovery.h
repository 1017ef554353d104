/*
 * recovery.h - runs the configured command when a domain's primary is back.
 *
 * So that the queue drains at once instead of after Postfix's backoff. One
 * process at a time, in a process group of its own, killed when it takes too
 * long; at most one run a domain in BMX_RECOVERY_PAUSE_MS: a request inside
 * that time is kept and run when it is over. Never blocks. One thread: that
 * of the loop.
 *
 *	request -> waiting (pause, or another process) -> running -> ended
 *
 * Log: `ev=recovery domain=D result=ok|failed|killed|not-started ms=T err=E`;
 * err, unless ok, is the exit status or signal and what the command wrote on
 * its standard error, cut.
 */
#ifndef BACKUPMX_POLICYD_RECOVERY_H
#define BACKUPMX_POLICYD_RECOVERY_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/slice.h>

/** A command that runs longer is killed with its process group, ms. */
#define BMX_RECOVERY_RUN_MAX_MS ((int64_t)30 * 1000)
/** From the start of one run for a domain to the next one, ms. */
#define BMX_RECOVERY_PAUSE_MS ((int64_t)60 * 1000)
/** Octets of standard error that are kept for the log; the rest is read and
 * dropped. */
#define BMX_RECOVERY_STDERR_MAX ((size_t)300)

/** What came of a run. */
enum bmx_recovery_result {
	BMX_RECOVERY_OK,          /* exit status 0 */
	BMX_RECOVERY_FAILED,      /* another one, or ended by a signal */
	BMX_RECOVERY_KILLED,      /* took too long */
	BMX_RECOVERY_NOT_STARTED, /* no such program, no memory */
	BMX_RECOVERY_RESULTS
};

/** "ok", "failed", "killed", "not-started". */
const char *bmx_recovery_result_name(enum bmx_recovery_result result);

/** What it works with; all of it outlives it. */
struct bmx_recovery_options {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics; /* backupmx_recoveries_total{result} */
};

struct bmx_recovery;

/** Returns a runner without a command, which the caller frees before the
 * loop, or NULL when memory is short. */
struct bmx_recovery *
bmx_recovery_new(const struct bmx_recovery_options *options);

/** Kills what runs, frees *recovery and sets it to NULL. NULL is fine. */
void bmx_recovery_free(struct bmx_recovery **recovery);

/**
 * Takes the command (copied), at start and at each reload: the program's path
 * and its arguments; empty: nothing is run, and what waits is dropped. What
 * runs goes on.
 * @return 0, or -1 with *err (BMX_E_NOMEM): all stays as it was
 */
int bmx_recovery_configure(struct bmx_recovery *recovery,
                           const struct bmx_config_strings *command,
                           struct bmx_error *err);

/**
 * Asks for a run with domain (A-labels, lower case; copied) as the last
 * argument, from the loop's next turn at the earliest. Asking again while one
 * waits changes nothing. Without a command, or when memory is short, nothing
 * happens; the latter is logged.
 */
void bmx_recovery_request(struct bmx_recovery *recovery,
                          struct bmx_slice domain);

/** Requests that wait or run. */
size_t bmx_recovery_pending(const struct bmx_recovery *recovery);

#endif
