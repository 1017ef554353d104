/*
 * call_ahead.h - asks one primary about recipients: the pool of sessions.
 *
 * One object serves one primary, which is a set of targets with the same
 * settings; many domains may share it. One thread: that of the loop.
 *
 *	ask -> joins the probe of that address that is under way
 *	    \> new probe -> queue -> (breaker, token, session) -> result
 *
 *	result -> on_result (cache) and every asker that still waits
 *
 * An asker is called back exactly once, at the latest at its deadline; the
 * probe itself goes on after that, for at most BMX_CALL_AHEAD_PROBE_MS, and
 * what it learns still reaches on_result. What fails before RCPT is tried at
 * the next target, at up to eight; one that has failed comes last for a
 * minute. What the primary's replies mean is decided in dialogue.h; what is
 * said to Postfix in decision.h.
 *
 * Source: DESIGN.md section 5, "Call-ahead replies".
 */
#ifndef BACKUPMX_POLICYD_CALL_AHEAD_H
#define BACKUPMX_POLICYD_CALL_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/address.h>
#include <backupmx/circuit.h>
#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/record.h>
#include <backupmx/slice.h>
#include <backupmx/tls_client.h>

#include "policyd/probe_result.h"

struct bmx_target_tries; /* target_set.h */

/** Longest a probe takes from the ask that started it: waiting for a token and
 * a session, and all targets that are tried for it, included. */
#define BMX_CALL_AHEAD_PROBE_MS INT64_C(5000)
/** Probes that wait for a token or a session. */
#define BMX_CALL_AHEAD_QUEUE_MAX ((size_t)1000)
/** A session that is so old takes no more jobs, ms: what a primary knew of its
 * users when it began may have changed (Postfix reads tables in files once a
 * process), and a better target may be back. */
#define BMX_CALL_AHEAD_SESSION_MS INT64_C(60000)
/** Probes in a row that fail before the primary is left alone, and for how
 * long at first and at most, ms, a quarter more or less. */
#define BMX_CALL_AHEAD_FAILURES 3
#define BMX_CALL_AHEAD_REST_FIRST_MS INT64_C(5000)
#define BMX_CALL_AHEAD_REST_MOST_MS INT64_C(60000)
/** Askers that wait, of all probes together. */
#define BMX_CALL_AHEAD_WAITS_MAX ((size_t)10000)

struct bmx_call_ahead;

/** Why an asker got what it got; the value of `why=` and of metrics. */
enum bmx_call_ahead_why {
	BMX_CALL_AHEAD_ANSWERED,  /* the primary was tried: see the probe, also
	                           * for why it is unsure if it is */
	BMX_CALL_AHEAD_LATE,      /* not known before the deadline; the probe
	                           * goes on */
	BMX_CALL_AHEAD_NO_TARGET, /* there is none: DNS, or `primary` */
	BMX_CALL_AHEAD_RATE,      /* no token within the time left */
	BMX_CALL_AHEAD_BUSY,      /* a cap on what may wait was reached, or no
	                           * session was free in the probe's time */
	BMX_CALL_AHEAD_BREAKER,   /* the primary failed just now: left alone */
	BMX_CALL_AHEAD_NO_MEMORY,
	BMX_CALL_AHEAD_CLOSED, /* the call-ahead was freed */
	BMX_CALL_AHEAD_WHYS
};

/** "answered", "late", "no-target", "rate", "busy", "breaker", "no-memory",
 * "closed". */
const char *bmx_call_ahead_why_name(enum bmx_call_ahead_why why);

/** Borrowed for the call that hands it out. */
struct bmx_call_ahead_answer {
	enum bmx_call_ahead_why why;
	/* Never NULL. Of anything but BMX_CALL_AHEAD_ANSWERED it is unsure and
	 * says nothing else. */
	const struct bmx_probe_result *probe;
};

/** Whom to ask about. Slices are copied. */
struct bmx_call_ahead_request {
	struct bmx_slice domain; /* A-labels, lower case */
	struct bmx_slice local;  /* look-up form, not quoted */
	bool test_accept_all;    /* try an unpredictable local part as well */
	bool had_valid;  /* an explicit 5.1.1 needs postmaster's witness */
	bool background; /* refresh ahead: takes no token of the last half, and
	                   * has no asker: cb may be NULL */
};

/** Tells the result to one asker. May ask, leave, and look at the status. */
typedef void bmx_call_ahead_cb(void *ctx,
                               const struct bmx_call_ahead_answer *answer);

/** A probe was decided or given up: once a probe that was started, whether or
 * not anybody waits; before the askers are told. request's slices are borrowed
 * for the call. */
typedef void
bmx_call_ahead_result_cb(void *ctx,
                         const struct bmx_call_ahead_request *request,
                         const struct bmx_call_ahead_answer *answer);

/** What one contact with one target came to. */
struct bmx_call_ahead_contact {
	bool good;        /* EHLO or HELO was accepted */
	bool refused;     /* reached, but greeting, EHLO or HELO were refused */
	const char *host; /* name and port of the target */
	const char *text; /* why it failed, for people; "" when good */
	const struct bmx_smtp_keywords *keywords; /* of a good one */
};

/** Told for each session that reached or failed to reach EHLO. */
typedef void
bmx_call_ahead_contact_cb(void *ctx,
                          const struct bmx_call_ahead_contact *contact);

/** MAIL FROM:<> was refused and postmaster@hostname is used instead. Told once,
 * when the session that found out has ended. */
typedef void bmx_call_ahead_learnt_cb(void *ctx);

/** A walk over the targets, which call-ahead frees; NULL: memory is short. */
typedef struct bmx_target_tries *bmx_call_ahead_tries_cb(void *ctx);

/** What may change with a reload. Strings are copied. */
struct bmx_call_ahead_settings {
	const char *hostname; /* said in EHLO */
	enum bmx_config_tls tls;
	struct bmx_tls_context *tls_context; /* NULL with BMX_TLS_NONE;
	                                      * kept alive by the owner until
	                                      * it is replaced or the free */
	const char *probe_sender;            /* "" for <> */
	int64_t probe_rate;                  /* tokens a second, at least 1 */
	int64_t probe_connections;
};

/** What it is made of; all outlive it. Callbacks may be NULL but for tries.
 * They may ask, leave, retry and look at the status. */
struct bmx_call_ahead_parts {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	const char *name;         /* of the primary, in log lines; copied */
	bool refuses_null_sender; /* remembered from before */
	bmx_call_ahead_tries_cb *tries;
	bmx_call_ahead_contact_cb *on_contact;
	bmx_call_ahead_result_cb *on_result;
	bmx_call_ahead_learnt_cb *on_refuses_null_sender;
	void *ctx; /* handed to all of these */
};

/** Returns a call-ahead the caller frees, or NULL with *err (BMX_E_NOMEM,
 * BMX_E_TOO_BIG: hostname or sender over their caps). */
struct bmx_call_ahead *
bmx_call_ahead_new(const struct bmx_call_ahead_parts *parts,
                   const struct bmx_call_ahead_settings *settings,
                   struct bmx_error *err);

/** Frees *ca and sets it to NULL; NULL is fine. Sessions are closed, probes
 * given up; whoever waits is called back with BMX_CALL_AHEAD_CLOSED, on_result
 * is not called. Not from a callback of its own. */
void bmx_call_ahead_free(struct bmx_call_ahead **ca);

/** Takes new settings: all sessions are closed, what they were asked about is
 * asked again with the new ones. Not from a callback of its own.
 * @return 0, or -1 with *err as bmx_call_ahead_new; nothing is changed then */
int bmx_call_ahead_configure(struct bmx_call_ahead *ca,
                             const struct bmx_call_ahead_settings *settings,
                             struct bmx_error *err);

/** Forget what was seen of the primary: the breaker closes, so that the next
 * ask is tried. For "the primary is up again", and for commands. */
void bmx_call_ahead_retry(struct bmx_call_ahead *ca);

/** The sessions there are take no more jobs: whoever asks from now on gets an
 * answer of a new one. For "forget what was learnt". */
void bmx_call_ahead_renew(struct bmx_call_ahead *ca);

/** Fills *settings_out with those in force; strings are borrowed until the next
 * configure or free. */
void bmx_call_ahead_settings_of(const struct bmx_call_ahead *ca,
                                struct bmx_call_ahead_settings *settings_out);

/** A walk over its targets, which the caller frees; NULL: memory is short. */
struct bmx_target_tries *bmx_call_ahead_tries(struct bmx_call_ahead *ca);

struct bmx_call_ahead_wait; /* an asker that waits */

/**
 * Asks. cb is called once: from within this call when the answer is known at
 * once (breaker, rate, busy, memory), else later, from the loop.
 * @param deadline_ms monotonic; at that time cb gets BMX_CALL_AHEAD_LATE
 * @return a handle until cb is called; NULL when it was called already
 */
struct bmx_call_ahead_wait *
bmx_call_ahead_ask(struct bmx_call_ahead *ca,
                   const struct bmx_call_ahead_request *request,
                   int64_t deadline_ms, bmx_call_ahead_cb *cb, void *ctx);

/** *wait's callback will not be called; the probe goes on. Sets *wait to NULL;
 * NULL is fine. */
void bmx_call_ahead_leave(struct bmx_call_ahead_wait **wait);

/** For `backupmxctl status`. Strings are borrowed until the loop's next turn.
 */
struct bmx_call_ahead_status {
	enum bmx_circuit_state breaker;
	int64_t retry_in_ms; /* while the breaker is open; else 0 */
	size_t sessions;     /* connecting, working and idle */
	size_t queue;        /* probes that wait for a token or a session */
	size_t probes;       /* in flight, those in the queue included */
	size_t waits;        /* askers */
	uint64_t started;    /* probes since the start */
	uint64_t answers[BMX_CALL_AHEAD_WHYS]; /* to askers */
	uint64_t outcomes[BMX_PROBE_OUTCOMES]; /* of started probes */
	bool refuses_null_sender;
	const char *last_error;   /* "" if there was none */
	int64_t last_error_at_ms; /* wall */
};

/** Fills *status_out. */
void bmx_call_ahead_status(const struct bmx_call_ahead *ca,
                           struct bmx_call_ahead_status *status_out);

#endif
