/*
 * session.h - one SMTP session as the milter sees it, and its message.
 *
 * Knows nothing of libmilter: callbacks translate events into these calls.
 * A session moves between threads, but only one thread at a time is in it.
 * Message state is cleared the same way by abort, end of message and close;
 * abort may come twice, and close without abort.
 *
 *	connect -> helo -> mail -> rcpt ... -> header ... -> end
 *	                    ^                                 |
 *	                    +------ clear (abort, end) <------+
 */
#ifndef BACKUPMX_MILTER_SESSION_H
#define BACKUPMX_MILTER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/config.h>
#include <backupmx/log.h>
#include <backupmx/policy_request.h>
#include <backupmx/slice.h>

#include "milter/counters.h"
#include "milter/reply.h"
#include "milter/spf/spf.h"

/** Longest time for one command, all its waits together. */
#define BMX_SESSION_COMMAND_MS 20000
/** How much longer than its own deadline policyd is waited for. */
#define BMX_SESSION_POLICY_GRACE_MS 1000
/** Forged header fields taken out of one message; more refuse it. */
#define BMX_SESSION_FORGED_MAX ((size_t)256)
/** Octets that one message's state may take. */
#define BMX_SESSION_MESSAGE_MAX ((size_t)256 * 1024)

/** What a session needs of the daemon; all of it outlives the session. */
struct bmx_session_services {
	const struct bmx_clock *clock; /* CLOCK_MONOTONIC in the daemon */
	struct bmx_log *log;
	const struct bmx_milter_counters *counters;
	void *ctx; /* handed to both below */
	/** As bmx_policy_client_ask. */
	int (*ask_policy)(void *ctx, const struct bmx_policy_request *request,
	                  int64_t deadline_us, enum bmx_policy_reply *reply_out,
	                  struct bmx_error *err);
	/** As bmx_spf_check; request->dns is the service's to fill. */
	void (*check_spf)(void *ctx, const struct bmx_spf_request *request,
	                  struct bmx_spf_verdict *verdict_out);
};

/** What the callback does next. */
enum bmx_session_next {
	BMX_SESSION_CONTINUE,
	BMX_SESSION_REFUSE, /* with the answer that was filled */
};

/** What is known at MAIL. */
struct bmx_session_mail {
	struct bmx_slice
		sender;        /* as the client wrote it, with or without <> */
	struct bmx_slice size; /* SIZE= in octets; empty when not given */
	bool authenticated;
};

/** Changes to a message's header; borrowed from the session until cleared. */
struct bmx_session_edits {
	/* Authentication-Results fields to take out, counted from 1 among
	 * those of that name, in rising order. */
	const uint32_t *removals;
	size_t removal_count;
	const char *auth_results; /* to insert on top, or NULL */
	const char *received_spf; /* to insert above that, or NULL */
};

struct bmx_session;

/** Returns a session that the caller frees, or NULL when memory is short. It
 * takes a reference of config and keeps it for its whole life. */
struct bmx_session *bmx_session_new(const struct bmx_session_services *services,
                                    struct bmx_config *config);

/** Clears, frees *session and sets it to NULL. NULL is fine. */
void bmx_session_free(struct bmx_session **session);

/**
 * A client connected. name is hostile; address is 16 octets, IPv4 mapped, or
 * NULL when it came over no network that is known (never trusted then). All
 * that a trusted client does is let through unseen: not asked about, not
 * changed, not counted, not logged.
 */
void bmx_session_connect(struct bmx_session *session, struct bmx_slice name,
                         const uint8_t *address);

/** The client said who it is. */
void bmx_session_helo(struct bmx_session *session, struct bmx_slice name);

/** A message begins. */
void bmx_session_mail(struct bmx_session *session,
                      const struct bmx_session_mail *mail);

/**
 * A recipient that Postfix would take, with or without <>. queue_id is empty
 * while there is none. Waits for policyd and DNS, at most
 * BMX_SESSION_COMMAND_MS.
 * @return BMX_SESSION_REFUSE with *answer_out, or BMX_SESSION_CONTINUE
 */
enum bmx_session_next bmx_session_rcpt(struct bmx_session *session,
                                       struct bmx_slice recipient,
                                       struct bmx_slice queue_id,
                                       struct bmx_smtp_answer *answer_out);

/** One header field of the message. */
void bmx_session_header(struct bmx_session *session, struct bmx_slice name,
                        struct bmx_slice body);

/**
 * The message is whole. The caller applies *edits_out, then clears.
 * @return BMX_SESSION_REFUSE with *answer_out, or BMX_SESSION_CONTINUE
 */
enum bmx_session_next bmx_session_end(struct bmx_session *session,
                                      struct bmx_slice queue_id,
                                      struct bmx_session_edits *edits_out,
                                      struct bmx_smtp_answer *answer_out);

/** Forgets the message; the connection stays. May be called at any time. */
void bmx_session_clear(struct bmx_session *session);

#endif
