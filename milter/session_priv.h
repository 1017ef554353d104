/*
 * session_priv.h - what the files of a session share.
 *
 *	session.c (events) -> inquiry.c (one recipient) -> verdict.h
 *	                   \-> session_log.c
 */
#ifndef BACKUPMX_MILTER_SESSION_PRIV_H
#define BACKUPMX_MILTER_SESSION_PRIV_H

#include <arpa/inet.h>

#include <backupmx/address.h>
#include <backupmx/arena.h>

#include "milter/content.h"
#include "milter/session.h"
#include "milter/verdict.h"

/** Octets of names of the client that are kept; DNS has no longer ones. */
#define BMX_SESSION_NAME_SIZE ((size_t)512)

struct bmx_message {
	struct bmx_arena *arena; /* NULL: no message, or no memory for it */
	bool open;
	bool authenticated;
	bool probe;
	bool tell;               /* the SPF result goes into the header */
	bool tell_iprev;         /* and that of reverse DNS */
	bool flooded;            /* more forged fields than can be taken out */
	struct bmx_slice sender; /* as the client wrote it */
	struct bmx_slice internal_sender;  /* without quoting, for policyd */
	struct bmx_slice size;             /* as announced */
	uint64_t octets;                   /* counted so far */
	const struct bmx_spf_verdict *spf; /* NULL: not evaluated yet */
	struct bmx_check_outcome outcomes[BMX_CHECKS]; /* the last ones */
	uint32_t counted;  /* checks that metrics know of */
	unsigned accepted; /* recipients */
	/* Whose content rules count: those of the first accepted. */
	const struct bmx_domain_rules *content;
	unsigned auth_results; /* fields of that name seen */
	unsigned seals;        /* the same; all are forged */
	/* Forged fields of both names, the last one first. */
	struct bmx_session_removal *forged;
	size_t forged_count;
	struct bmx_bounce_report *bounce; /* NULL: it is none, or no memory */
	bool is_bounce;
	struct bmx_content scan;
};

struct bmx_session {
	const struct bmx_session_services *services;
	struct bmx_rules *rules;
	const struct bmx_config *config; /* of rules */
	struct bmx_panel panel;
	uint64_t number;         /* of this session, for its id */
	unsigned message_number; /* within it */
	bool trusted;
	bool has_address;
	bool internal; /* a message of Postfix itself, or of sendmail(1) */
	uint8_t address[16];
	uint8_t own_address[16];
	char address_text[INET6_ADDRSTRLEN];
	char client_name[BMX_SESSION_NAME_SIZE];
	char helo[BMX_SESSION_NAME_SIZE];
	char id[40]; /* of the message; what policyd logs, too */
	void (*progress)(void *ctx);
	void *progress_ctx;
	struct bmx_message message;
};

/** One recipient and what is found out about it. */
struct bmx_inquiry {
	struct bmx_slice recipient;
	struct bmx_slice queue_id;
	int64_t started_us;
	const struct bmx_domain_rules *rules; /* NULL: not served */
	struct bmx_verdict_facts facts;
	struct bmx_verdict verdict;
	/* To what is said, or would be without observe; if anything. */
	struct bmx_smtp_answer *answer;
};

/** A copy in the message's arena; no data when memory is short. */
struct bmx_slice bmx_message_keep(struct bmx_message *message,
                                  struct bmx_slice bytes);

/** Finds out all that is needed, and fills verdict and answer. */
void bmx_inquiry_decide(struct bmx_session *session,
                        struct bmx_inquiry *inquiry);

/** Notes what a check of the message has come to, and counts it once. */
void bmx_inquiry_note(struct bmx_session *session, enum bmx_check check,
                      struct bmx_check_outcome outcome);

/* ---- session_guard.c ------------------------------------------------ */

/** A message begins; is it a bounce to judge? */
void bmx_session_begin_bounce(struct bmx_session *session);

/** Judges the bounce. As bmx_session_end. */
enum bmx_session_next bmx_session_end_bounce(struct bmx_session *session,
                                             struct bmx_slice queue_id,
                                             struct bmx_session_edits *edits);

/** Seals a message that was accepted. */
void bmx_session_seal(struct bmx_session *session, struct bmx_slice queue_id,
                      struct bmx_session_edits *edits);

/** Counts and logs a decision. */
void bmx_session_account(const struct bmx_session *session,
                         const struct bmx_inquiry *inquiry);

/** Logs that policyd did not answer. */
void bmx_session_log_policy_away(const struct bmx_session *session,
                                 const struct bmx_error *err);

/** Logs what became of a message: "accept", "reject", "defer", "observe". */
void bmx_session_log_message(const struct bmx_session *session,
                             struct bmx_slice queue_id, const char *act);

#endif
