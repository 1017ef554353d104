/*
 * probe_session.h - one connection to one address of a primary, on the loop.
 *
 * A dialogue (dialogue.h) over a stream (stream.h), with the time limits of
 * DESIGN.md section 5: connect 1 s, each reply 3 s, a job as its giver says,
 * idle 10 s and then QUIT, QUIT 1 s.
 *
 * Each job given ends in on_job exactly once, and each session in on_closed
 * exactly once, after all else; unless the owner frees it before. Callbacks
 * come from the loop alone, never from within a function below. One thread:
 * the loop's.
 */
#ifndef BACKUPMX_POLICYD_PROBE_SESSION_H
#define BACKUPMX_POLICYD_PROBE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/record.h>
#include <backupmx/slice.h>
#include <backupmx/tls_client.h>

#include "policyd/dialogue.h"
#include "policyd/probe_result.h"

/** Time limits, ms. */
#define BMX_PROBE_CONNECT_MS 1000
#define BMX_PROBE_REPLY_MS 3000 /* also for TLS to come up */
#define BMX_PROBE_IDLE_MS 10000
#define BMX_PROBE_QUIT_MS 1000

/** How a session ended. Borrowed for the call of on_closed. */
struct bmx_probe_closed {
	enum bmx_probe_why why;   /* BMX_PROBE_WHY_NONE: QUIT, as planned; also
	                         * when the peer closed an idle session */
	bool connected;           /* TCP was up */
	bool accepted;            /* EHLO or HELO was: the primary serves us */
	bool retry_in_clear;      /* as BMX_PROBE_RETRY_IN_CLEAR of a result */
	bool refuses_null_sender; /* to be remembered; holds what was given,
	                           * or what was learnt */
	enum bmx_dialogue_state at; /* where it was when it ended */
	/* The reply that ended it; its code is 0 when it was none, and its
	 * text then says what failed. */
	struct bmx_smtp_reply reply;
};

/** All but on_job and on_closed may be NULL. The session may be freed from
 * within on_closed alone. */
struct bmx_probe_session_callbacks {
	/** A job is done; result is borrowed for the call. A next job may be
	 * given from here, if bmx_probe_session_takes_job says so. */
	void (*on_job)(void *ctx, const struct bmx_probe_result *result);
	/** EHLO was accepted and there is no job: give one, or leave the
	 * session idle. Told once each time that it becomes idle. */
	void (*on_idle)(void *ctx);
	/** What EHLO offered: once, or twice with TLS; the later counts. */
	void (*on_keywords)(void *ctx,
	                    const struct bmx_smtp_keywords *keywords);
	/** The session is over. */
	void (*on_closed)(void *ctx, const struct bmx_probe_closed *closed);
	/** A line went out (ours) or came in, without line end, made safe for
	 * a terminal and cut; also "(...)" lines of ours about TLS and the
	 * end. */
	void (*on_trace)(void *ctx, bool ours, struct bmx_slice line);
	void *ctx;
};

/** All is copied, but for loop and tls_context, which outlive the session. */
struct bmx_probe_session_parts {
	struct bmx_loop *loop;
	const struct sockaddr *address;
	socklen_t address_len;
	struct bmx_dialogue_config dialogue; /* hostname, sender, tls, ... */
	/* For SNI and for what the certificate must say; the address as text
	 * for a host that was configured as such. NULL for BMX_TLS_NONE. */
	const char *host;
	struct bmx_tls_context *tls_context; /* NULL for BMX_TLS_NONE */
	const struct bmx_tlsa *tlsa;         /* BMX_TLS_DANE: at least one */
	size_t tlsa_count;
	struct bmx_probe_session_callbacks callbacks;
};

struct bmx_probe_session;

/**
 * Starts to connect.
 * @return the session, which the caller frees, or NULL with *err
 *         (BMX_E_NOMEM, BMX_E_IO): then nothing calls back
 */
struct bmx_probe_session *
bmx_probe_session_new(const struct bmx_probe_session_parts *parts,
                      struct bmx_error *err);

/** The same over fd, which is connected, non-blocking and taken over, also
 * when this fails: for tests. parts->address is not looked at. */
struct bmx_probe_session *
bmx_probe_session_adopt(const struct bmx_probe_session_parts *parts, int fd,
                        struct bmx_error *err);

/** May a job be given now? From the beginning on, while none is under way and
 * the session is not ending. */
bool bmx_probe_session_takes_job(const struct bmx_probe_session *session);

/** Gives a job, which is copied, to be done within limit_ms from now. Only
 * while bmx_probe_session_takes_job. */
void bmx_probe_session_give(struct bmx_probe_session *session,
                            const struct bmx_probe_job *job, int64_t limit_ms);

/** No more jobs: QUIT once the job under way is done. on_closed follows. */
void bmx_probe_session_quit(struct bmx_probe_session *session);

/** Closes at once, frees *session and sets it to NULL. NULL is fine. Nothing
 * calls back any more: a job under way is dropped. */
void bmx_probe_session_free(struct bmx_probe_session **session);

#endif
