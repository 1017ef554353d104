/*
 * sync.h - when which domain's recipient list is brought from its source.
 *
 * Each domain with a source is synced at start, every `refresh`, at once when
 * asked, and again after a failure with growing pauses. One job runs at a
 * time, in a worker that is reached through an interface: the scheduler does
 * no blocking work and can be tested with a fake worker, loop and clock.
 *
 *	IDLE -> QUEUED -> RUNNING -> IDLE (good) | FAILED (tried again later)
 *
 * One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_SYNC_H
#define BACKUPMX_POLICYD_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/slice.h>

/** A job that takes longer is given up and its worker ended, ms. */
#define BMX_SYNC_JOB_MAX_MS ((int64_t)10 * 60 * 1000)
/** Pause after a first failure, ms; it doubles with each further one. */
#define BMX_SYNC_RETRY_MS ((int64_t)5 * 1000)
/** Longest pause after a failure, ms; `refresh` if that is less. */
#define BMX_SYNC_RETRY_MAX_MS ((int64_t)5 * 60 * 1000)
/** The same failure of a domain is logged once in this time, ms. */
#define BMX_SYNC_LOG_INTERVAL_MS ((int64_t)60 * 60 * 1000)

/** What a worker is asked to do; strings are borrowed for the call only. */
struct bmx_sync_job {
	const char *state_dir;
	const char *domain; /* A-labels, lower case */
	const char *source; /* as in the configuration */
	bool case_sensitive;
	int64_t max_shrink; /* per cent */
	int64_t now_ms;     /* wall */
	/* The section, for the source "redis:"; NULL: there is none. */
	const struct bmx_config_redis *redis;
	const struct bmx_config_fetch *fetch; /* the section; NULL: none */
};

/** What came of a job. */
struct bmx_sync_outcome {
	bool ok;
	struct bmx_list_replace_result counts; /* when ok */
	struct bmx_error err;                  /* when not ok */
};

/** Takes the outcome, which is borrowed for the call only. */
typedef void bmx_sync_outcome_cb(void *ctx,
                                 const struct bmx_sync_outcome *outcome);

struct bmx_sync_worker;

/** What a worker brings. */
struct bmx_sync_worker_ops {
	/**
	 * Starts a job; none is running. cb is called once, later and from the
	 * loop, unless stop comes first.
	 * @return 0, or -1 with *err; cb is then not called
	 */
	int (*start)(struct bmx_sync_worker *worker,
	             const struct bmx_sync_job *job, bmx_sync_outcome_cb *cb,
	             void *ctx, struct bmx_error *err);
	/** Ends the job by force, if one runs; its cb is not called. */
	void (*stop)(struct bmx_sync_worker *worker);
	/** Ends and frees the worker. */
	void (*free)(struct bmx_sync_worker *worker);
};

/** The head of every worker; implementations put it first. */
struct bmx_sync_worker {
	const struct bmx_sync_worker_ops *ops;
};

/** Frees *worker and sets it to NULL. NULL is fine. */
static inline void
bmx_sync_worker_free(struct bmx_sync_worker **worker)
{
	if (*worker)
		(*worker)->ops->free(*worker);
	*worker = (struct bmx_sync_worker *)0;
}

/** Where a domain's sync stands. */
enum bmx_sync_phase {
	BMX_SYNC_IDLE,    /* the last one was good, or none was needed yet */
	BMX_SYNC_QUEUED,  /* waits for the worker */
	BMX_SYNC_RUNNING, /* the worker is at it */
	BMX_SYNC_FAILED,  /* the last one failed; the next one is set */
	BMX_SYNC_PHASES
};

/** "idle", "queued", "running", "failed". */
const char *bmx_sync_phase_name(enum bmx_sync_phase phase);

/** What is known of a domain's syncs since the start of the program. */
struct bmx_sync_status {
	enum bmx_sync_phase phase;
	const char *last_error;   /* "" when the last one was good or none was;
	                             borrowed until the next turn of the loop */
	int64_t failing_since_ms; /* wall; 0 when the last one was good */
	int64_t last_good_ms;     /* wall, end of the last good one; 0: none */
	uint64_t failures;        /* in a row */
};

/** Told after each job; domain is borrowed for the call. It may ask for a
 * sync or a status, but neither configure nor free the scheduler. A request
 * for what just failed is a busy loop: leave that to the scheduler. */
typedef void bmx_sync_done_cb(void *ctx, struct bmx_slice domain,
                              const struct bmx_sync_outcome *outcome);

/** What a scheduler works with; all of it outlives the scheduler. */
struct bmx_sync_options {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_sync_worker *worker;
	const struct bmx_config_redis *redis; /* NULL: no section redis */
	bmx_sync_done_cb *on_done;            /* may be NULL */
	void *ctx;                            /* for on_done */
};

struct bmx_sync;

/** Returns a scheduler without domains, which the caller frees, or NULL when
 * memory is short. Nothing runs before bmx_sync_configure. */
struct bmx_sync *bmx_sync_new(const struct bmx_sync_options *options);

/** Stops what runs, frees *sync and sets it to NULL. NULL is fine. Not from
 * one of its callbacks. */
void bmx_sync_free(struct bmx_sync **sync);

/**
 * Takes over the domains of config that have a source, at start and at each
 * reload; copies what it needs. New domains and those whose source or rules
 * changed are synced at once; the others keep their state and times; what
 * runs for a domain that is gone is stopped. The section "*" has no list.
 * @return 0, or -1 with *err (BMX_E_NOMEM): all stays as it was
 */
int bmx_sync_configure(struct bmx_sync *sync, const struct bmx_config *config,
                       struct bmx_error *err);

/**
 * Syncs domain (A-labels, lower case) as soon as the worker is free; when one
 * is running for it, once more after that. Asking twice queues it once.
 * @return 0, or -1 with *err: BMX_E_NOT_FOUND when it has no source
 */
int bmx_sync_request(struct bmx_sync *sync, struct bmx_slice domain,
                     struct bmx_error *err);

/** @return 1 with *status_out, or 0 when domain has no source */
int bmx_sync_status(const struct bmx_sync *sync, struct bmx_slice domain,
                    struct bmx_sync_status *status_out);

#endif
