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
#include <backupmx/mx_standing.h>
#include <backupmx/policy_request.h>
#include <backupmx/slice.h>

#include "milter/checks/panel.h"
#include "milter/counters.h"
#include "milter/guard.h"
#include "milter/reply.h"
#include "milter/rules.h"
#include "milter/scanners/scan.h"
#include "milter/spf/spf.h"

/** Longest time for one command, all its waits together. */
#define BMX_SESSION_COMMAND_MS 20000
/** How much longer than its own deadline policyd is waited for. */
#define BMX_SESSION_POLICY_GRACE_MS 1000
/** Header fields that pretend to be ours taken out of one message; more refuse
 * it. */
#define BMX_SESSION_FORGED_MAX ((size_t)256)
/** Octets that one message's state may take. */
#define BMX_SESSION_MESSAGE_MAX ((size_t)256 * 1024)

/** What a session needs of the daemon; all of it outlives the session. */
struct bmx_session_services {
	const struct bmx_clock *clock; /* CLOCK_MONOTONIC in the daemon */
	struct bmx_log *log;
	const struct bmx_milter_counters *counters;
	struct bmx_panel_services panel; /* of the checks */
	struct bmx_guard *guard;         /* NULL: nothing is sealed or judged */
	struct bmx_scan_health *scan_health;
	void *ctx; /* handed to all below */
	/** As bmx_policy_client_ask. */
	int (*ask_policy)(void *ctx, const struct bmx_policy_request *request,
	                  int64_t deadline_us, enum bmx_policy_reply *reply_out,
	                  struct bmx_error *err);
	/** As bmx_milter_any_serves; asked only where there is "*". */
	enum bmx_mx_served (*serves)(void *ctx, const struct bmx_config *config,
	                             struct bmx_slice domain,
	                             int64_t deadline_us);
	/** As bmx_spf_check; request->dns is the service's to fill. */
	void (*check_spf)(void *ctx, const struct bmx_spf_request *request,
	                  struct bmx_spf_verdict *verdict_out);
};

/** What the callback does next. */
enum bmx_session_next {
	BMX_SESSION_CONTINUE,
	BMX_SESSION_REFUSE,  /* with the answer that was filled */
	BMX_SESSION_DISCARD, /* at the end: a bounce that is not to leave */
};

/** What is known at MAIL. */
struct bmx_session_mail {
	struct bmx_slice
		sender;        /* as the client wrote it, with or without <> */
	struct bmx_slice size; /* SIZE= in octets; empty when not given */
	bool authenticated;
};

/** A field to take out, counted from 1 among those of its name. */
struct bmx_session_removal {
	const char *name;
	unsigned which;
};

/** Changes to a message's header, in the order in which they are to be made;
 * borrowed from the session until cleared. */
struct bmx_session_edits {
	/* In falling order, so that none moves the number of the next. */
	const struct bmx_session_removal *removals;
	size_t removal_count;
	const struct bmx_scan_field *added; /* by scanners */
	size_t added_count;
	const char *auth_results; /* to insert on top, or NULL */
	const char *received_spf; /* to insert above that, or NULL */
	const char *seal;         /* to insert on top of all, or NULL */
	const char *quarantine;   /* the reason to hold the message, or NULL */
};

struct bmx_session;

/** Returns a session that the caller frees, or NULL when memory is short. It
 * takes a reference of rules and keeps it for its whole life. */
struct bmx_session *bmx_session_new(const struct bmx_session_services *services,
                                    struct bmx_rules *rules);

/** Clears, frees *session and sets it to NULL. NULL is fine. */
void bmx_session_free(struct bmx_session **session);

/**
 * A client connected. name is hostile; address is 16 octets, IPv4 mapped, or
 * NULL when it came over no network that is known (never trusted then);
 * own_address is this host's end of the connection, or NULL. The checks that
 * need no more than the client start. All
 * that a trusted client does is let through: not asked about, not counted, not
 * logged, not changed but for the seal.
 */
void bmx_session_connect(struct bmx_session *session, struct bmx_slice name,
                         const uint8_t *address, const uint8_t *own_address);

/** What comes on this connection came over no network: it is Postfix's own, or
 * sendmail(1)'s. The guard judges its messages from the null sender. After
 * connect. */
void bmx_session_internal(struct bmx_session *session);

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

/** Does anybody want to see bodies, or know how large they are? */
bool bmx_session_wants_body(const struct bmx_session *session);

/** May there be messages whose body is wanted though bmx_session_wants_body
 * says no: bounces? */
bool bmx_session_may_want_body(const struct bmx_session *session);

/** Some of the body.
 * @return false when the rest of it is not wanted */
bool bmx_session_body(struct bmx_session *session, struct bmx_slice octets);

/** Sets what bmx_session_end calls every few seconds while it waits. */
void bmx_session_set_progress(struct bmx_session *session,
                              void (*progress)(void *ctx), void *ctx);

/**
 * The message is whole. The caller applies *edits_out, then clears. Waits for
 * the scanners, at most BMX_SCAN_ALL_MS.
 * @return BMX_SESSION_REFUSE with *answer_out, or BMX_SESSION_CONTINUE
 */
enum bmx_session_next bmx_session_end(struct bmx_session *session,
                                      struct bmx_slice queue_id,
                                      struct bmx_session_edits *edits_out,
                                      struct bmx_smtp_answer *answer_out);

/** Forgets the message; the connection stays. May be called at any time. */
void bmx_session_clear(struct bmx_session *session);

#endif
