/*
 * call_ahead_priv.h - what the files of call-ahead share.
 *
 *	call_ahead.c         asking, leaving, settings, status
 *	call_ahead_probe.c   probes and who waits for them
 *	call_ahead_pool.c    the queue, targets, sessions
 *	call_ahead_report.c  names, metrics, log, the breaker's news
 *
 * A probe is in the table from its start to its end, and in the queue while
 * it has no session:
 *
 *	QUEUE --token and session--> SESSION --result--> end
 *	  ^--another try is worth it----/
 *
 * The queue is served from a timer of its own, never from within an ask or a
 * session's callback: so none of these meets a probe that has just ended.
 */
#ifndef BACKUPMX_POLICYD_CALL_AHEAD_PRIV_H
#define BACKUPMX_POLICYD_CALL_AHEAD_PRIV_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <backupmx/hash.h>

#include "policyd/call_ahead.h"
#include "policyd/probe_session.h"
#include "policyd/target_memory.h"
#include "policyd/target_set.h"
#include "policyd/token_bucket.h"

/** Chains of the table of probes. */
#define BMX_CA_CHAINS ((size_t)1024)
/** Targets that one probe tries. */
#define BMX_CA_TRIES_MAX ((size_t)8)
/** Room for "host:port". */
#define BMX_CA_HOST_MAX (BMX_DOMAIN_BUFFER + 8)

struct bmx_ca_probe;
struct bmx_ca_session;

struct bmx_call_ahead_wait {
	TAILQ_ENTRY(bmx_call_ahead_wait) link; /* of the probe's */
	struct bmx_ca_probe *probe;
	int64_t deadline_ms; /* monotonic */
	bmx_call_ahead_cb *cb;
	void *ctx;
};

struct bmx_ca_probe {
	struct bmx_call_ahead *ca;
	LIST_ENTRY(bmx_ca_probe) chain;
	TAILQ_ENTRY(bmx_ca_probe) link; /* of the queue */
	bool queued;
	char domain[BMX_DOMAIN_BUFFER];
	char local[BMX_LOCAL_BUFFER];
	size_t domain_len;
	size_t local_len;
	bool test_accept_all;
	bool had_valid;
	bool confirms; /* the job that was given asks for postmaster as well:
	                * who joins later comes too late for that */
	bool background;
	bool trial; /* the one that the half-open breaker let pass */
	bool paid;  /* has its token */
	/* Of its tries. */
	bool wants_new; /* a session that was not used before */
	bool in_clear;  /* the try in clear is made */
	bool again;     /* the second try at a used session is made */
	bool contacted; /* at least one session was opened */
	bool tried;     /* last is the result of a try */
	struct bmx_target_tries *tries; /* NULL: walk not begun */
	const struct bmx_target_try *at;
	bool second_walk; /* over those that have failed just before */
	struct bmx_target_name failed[BMX_CA_TRIES_MAX]; /* for this probe */
	size_t failed_count;
	struct bmx_ca_session *session; /* NULL: none */
	struct bmx_probe_result last;   /* UNSURE at first */
	int64_t began_ms;               /* monotonic */
	int64_t ends_ms;                /* monotonic */
	struct bmx_timer *timer;
	int64_t wake_ms; /* when the timer is due; INT64_MAX: not set */
	TAILQ_HEAD(bmx_ca_waits, bmx_call_ahead_wait) waits;
};

struct bmx_ca_session {
	struct bmx_call_ahead *ca;
	TAILQ_ENTRY(bmx_ca_session) link;
	struct bmx_probe_session *session;
	struct bmx_ca_probe *probe; /* its job, or NULL */
	int64_t began_ms;           /* monotonic */
	struct bmx_target_name target;
	char host[BMX_CA_HOST_MAX];
	bool accepted; /* EHLO or HELO was */
	bool told;     /* on_contact was */
	struct bmx_smtp_keywords keywords;
};

/** The counters of one primary are shared with all others. */
struct bmx_ca_metrics {
	struct bmx_metric *why[BMX_CALL_AHEAD_WHYS];
	struct bmx_metric *outcome[BMX_PROBE_OUTCOMES];
	struct bmx_metric *unsure[BMX_PROBE_WHYS];
	struct bmx_metric *late;
};

struct bmx_ca_settings {
	char hostname[BMX_DOMAIN_BUFFER];
	char sender[BMX_ADDRESS_MAX];
	enum bmx_config_tls tls;
	struct bmx_tls_context *tls_context;
	int64_t rate;
	size_t connections;
};

struct bmx_call_ahead {
	struct bmx_call_ahead_parts parts;
	char *name;
	struct bmx_ca_settings settings;
	bool closing;
	bool refuses_null_sender;
	struct bmx_circuit breaker;
	struct bmx_backoff backoff; /* of the breaker */
	struct bmx_token_bucket bucket;
	struct bmx_target_memory memory; /* of failed targets */
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	uint64_t randoms; /* drawn so far */
	LIST_HEAD(, bmx_ca_probe) table[BMX_CA_CHAINS];
	TAILQ_HEAD(, bmx_ca_probe) queue;
	TAILQ_HEAD(, bmx_ca_session) sessions;
	struct bmx_timer *pump; /* serves the queue */
	size_t probe_count;
	size_t queue_count;
	size_t unpaid_count; /* of the queue */
	size_t wait_count;
	size_t session_count;
	/* For status. */
	uint64_t started;
	uint64_t answers[BMX_CALL_AHEAD_WHYS];
	uint64_t outcomes[BMX_PROBE_OUTCOMES];
	char last_error[BMX_ERROR_TEXT_MAX];
	int64_t last_error_at_ms;
	struct bmx_ca_metrics metrics;
	struct bmx_log_throttle refused_log;
};

/** Monotonic milliseconds. */
int64_t bmx_ca_now(const struct bmx_call_ahead *ca);

/** 64 bits that nobody can foretell. */
uint64_t bmx_ca_random(struct bmx_call_ahead *ca);

/** The probe of that address that is under way, or NULL. */
struct bmx_ca_probe *
bmx_ca_probe_find(struct bmx_call_ahead *ca,
                  const struct bmx_call_ahead_request *request);

/** Starts a probe at the end of the queue; NULL when memory is short. */
struct bmx_ca_probe *
bmx_ca_probe_new(struct bmx_call_ahead *ca,
                 const struct bmx_call_ahead_request *request);

/** Lets one more wait; NULL when memory is short. */
struct bmx_call_ahead_wait *bmx_ca_probe_join(struct bmx_ca_probe *probe,
                                              int64_t deadline_ms,
                                              bmx_call_ahead_cb *cb, void *ctx);

/** Takes it out of the waits of its probe and frees it. */
void bmx_ca_wait_drop(struct bmx_call_ahead_wait *wait);

/** Puts it into the queue, at its front or end, and sets its timer. */
void bmx_ca_probe_enqueue(struct bmx_ca_probe *probe, bool front);

/** Takes it out of the queue. */
void bmx_ca_probe_dequeue(struct bmx_ca_probe *probe);

/** Ends it: tells on_result and all that wait, frees it. For
 * BMX_CALL_AHEAD_ANSWERED the result is probe->last. */
void bmx_ca_probe_end(struct bmx_ca_probe *probe, enum bmx_call_ahead_why why);

/** Frees all probes; who waits is told BMX_CALL_AHEAD_CLOSED. */
void bmx_ca_probes_close(struct bmx_call_ahead *ca);

/** Serves the queue in the loop's next turn. */
void bmx_ca_pump_soon(struct bmx_call_ahead *ca);

/** The timer that serves the queue; ctx is the call-ahead. */
void bmx_ca_on_pump(void *ctx);

/** Closes all sessions; their probes go back to the front of the queue. */
void bmx_ca_sessions_close(struct bmx_call_ahead *ca);

/** Registers the counters. */
void bmx_ca_metrics_init(struct bmx_ca_metrics *metrics,
                         struct bmx_metrics *registry);

/** Counts an answer that an asker gets. */
void bmx_ca_report_answer(struct bmx_call_ahead *ca,
                          enum bmx_call_ahead_why why);

/** An ask that was refused at once was counted for the metrics. */
void bmx_ca_report_refused(struct bmx_call_ahead *ca,
                           enum bmx_call_ahead_why why);

/** A probe has ended: counts it, logs it, tells the breaker. */
void bmx_ca_report_end(const struct bmx_ca_probe *probe,
                       enum bmx_call_ahead_why why);

/** A try has ended: warns when the primary refuses us or has lost its users. */
void bmx_ca_report_try(struct bmx_call_ahead *ca, const char *host,
                       const struct bmx_probe_result *result);

/** A session has reached EHLO (closed is NULL), or has not. Told once. */
void bmx_ca_report_contact(struct bmx_ca_session *session,
                           const struct bmx_probe_closed *closed);

#endif
