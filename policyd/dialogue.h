/*
 * dialogue.h - one SMTP session with a primary that serves several jobs.
 *
 * Pure: replies in, commands out; no I/O, no clock. Its owner connects, cuts
 * the octets into replies, sends, makes TLS and keeps the time limits. Total:
 * every reply in every state moves it, and the number of replies it waits
 * for is bounded (BMX_DIALOGUE_REPLIES_MAX).
 *
 *	GREETING -> EHLO -----------------------> IDLE -> (RSET ->) MAIL
 *	              |  \-> HELO ----------------/ ^                 |
 *	              \-> STARTTLS -> TLS -> EHLO   |                 v
 *	                                            |---------------RCPT
 *	QUIT -> DONE, from any state                |--RANDOM <-------|
 *	                                            \--POSTMASTER <---/
 *
 * The owner's loop, after each of init, on_reply, secured, abort,
 * give, quit:
 *
 *	for (;;) switch (bmx_dialogue_next(dlg, &text)) {
 *	case BMX_DIALOGUE_SEND:      send text; go on
 *	case BMX_DIALOGUE_START_TLS: make TLS, then _secured or _abort; leave
 *	case BMX_DIALOGUE_JOB_DONE:  take bmx_dialogue_result; go on
 *	case BMX_DIALOGUE_IDLE:      give a job or quit, and go on; or leave
 *	case BMX_DIALOGUE_WAIT:      a reply is awaited; leave
 *	case BMX_DIALOGUE_CLOSE:     close the connection; leave
 *	}
 *
 * Sources: RFC 5321, RFC 2920 (PIPELINING), RFC 3207 (STARTTLS), RFC 6531
 * (SMTPUTF8), RFC 1870 (SIZE); DESIGN.md section 5, "Call-ahead replies".
 */
#ifndef BACKUPMX_POLICYD_DIALOGUE_H
#define BACKUPMX_POLICYD_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/address.h>
#include <backupmx/config.h>
#include <backupmx/record.h>
#include <backupmx/smtp_reply.h>
#include <backupmx/text.h>

#include "policyd/probe_result.h"

/** Jobs of a session, after which it quits. */
#define BMX_DIALOGUE_JOBS_MAX 100
/** Refused recipients of a session, after which it quits; the last job may add
 * one more. Behind the tenth Postfix takes a second for each reply
 * (smtpd_soft_error_limit). */
#define BMX_DIALOGUE_REFUSALS_MAX 8
/** More replies than any session waits for. */
#define BMX_DIALOGUE_REPLIES_MAX (8 + 6 * BMX_DIALOGUE_JOBS_MAX)
/** Octets of a path, "<...>", as it is sent. */
#define BMX_DIALOGUE_PATH_MAX ((size_t)1024)
/** Room that one bmx_dialogue_next may need: RSET, MAIL and RCPT. */
#define BMX_DIALOGUE_OUTPUT_MAX ((size_t)4 * 1024)

/** Which reply, or which act of the owner, is next. */
enum bmx_dialogue_state {
	BMX_DLG_GREETING,
	BMX_DLG_EHLO,
	BMX_DLG_HELO,
	BMX_DLG_STARTTLS,
	BMX_DLG_TLS,  /* the owner makes TLS */
	BMX_DLG_IDLE, /* no job */
	BMX_DLG_RSET,
	BMX_DLG_MAIL,
	BMX_DLG_RCPT,
	BMX_DLG_RANDOM,     /* RCPT with the random local part */
	BMX_DLG_POSTMASTER, /* RCPT with postmaster */
	BMX_DLG_QUIT,
	BMX_DLG_DONE,
	BMX_DLG_STATES
};

/** "greeting", "ehlo", ...: for logs and for people. */
const char *bmx_dialogue_state_name(enum bmx_dialogue_state state);

/** What the owner does next. */
enum bmx_dialogue_act {
	BMX_DIALOGUE_WAIT,
	BMX_DIALOGUE_SEND,
	BMX_DIALOGUE_START_TLS,
	BMX_DIALOGUE_JOB_DONE,
	BMX_DIALOGUE_IDLE,
	BMX_DIALOGUE_CLOSE,
	BMX_DIALOGUE_ACTS
};

/** What a session is to be; strings are copied by bmx_dialogue_init. */
struct bmx_dialogue_config {
	const char *hostname;     /* of ours, for EHLO and the loop check */
	const char *sender;       /* "" for the null sender */
	bool refuses_null_sender; /* remembered: begin with postmaster@ */
	enum bmx_config_tls tls;
	bool check_only; /* greeting, EHLO, QUIT: no jobs, no STARTTLS */
};

/** Fields are the dialogue's own, but for those marked as readable. */
struct bmx_dialogue {
	char hostname[BMX_DOMAIN_BUFFER];
	char sender[BMX_DIALOGUE_PATH_MAX];     /* "<...>" */
	char postmaster[BMX_DIALOGUE_PATH_MAX]; /* of hostname, as sender */
	enum bmx_config_tls tls;
	bool check_only;

	enum bmx_dialogue_state state; /* its reply counts; or its command is
	                                * the next to be sent */
	enum bmx_dialogue_state awaited[3]; /* replies, in order */
	size_t awaited_count;

	struct bmx_smtp_keywords offered; /* of an EHLO reply under way */
	bool says_our_name;               /* the reply under way */
	bool secured;                     /* TLS is up */
	bool making_tls;                  /* the owner was told to */
	bool null_sender;                 /* "<>" is what is set */
	bool use_postmaster;              /* as sender, instead of "<>" */
	bool tried_both;                  /* senders */
	bool transaction; /* MAIL was sent: RSET before the next */
	bool used;        /* it has served a job, or waited for one */
	bool quitting;    /* takes no more jobs */
	size_t jobs;      /* begun */
	size_t refusals;  /* recipients refused */

	bool has_job;
	bool answered; /* the job: a reply to a command of its has come */
	bool utf8;
	bool confirm;
	bool has_random;
	char path[BMX_DIALOGUE_PATH_MAX]; /* "<local@domain>" */
	char random_path[BMX_DIALOGUE_PATH_MAX];
	char postmaster_path[BMX_DIALOGUE_PATH_MAX];
	bool result_ready;
	struct bmx_probe_result result;

	/* Readable by the owner, at any time. */
	struct bmx_smtp_keywords keywords; /* of the last EHLO accepted */
	bool accepted;                     /* EHLO or HELO was */
	bool refuses_null_sender;          /* as given, or as learnt */
	bool retry_in_clear;
	enum bmx_probe_why ended_why;      /* once it is quitting or done */
	enum bmx_dialogue_state ended_at;  /* where that was */
	struct bmx_smtp_reply ended_reply; /* as in a result */
};

/** Starts a session that awaits the greeting. */
void bmx_dialogue_init(struct bmx_dialogue *dlg,
                       const struct bmx_dialogue_config *config);

/** Takes one line of a reply under way; a bmx_smtp_line_cb whose ctx is the
 * dialogue. Call it for all lines, before bmx_dialogue_on_reply. */
void bmx_dialogue_on_line(void *dlg, int code, size_t index,
                          struct bmx_slice text);

/** Takes a whole reply, whether one is awaited or not. */
void bmx_dialogue_on_reply(struct bmx_dialogue *dlg,
                           const struct bmx_smtp_reply *reply);

/** Is a reply awaited? Then octets of the peer are in turn. */
bool bmx_dialogue_awaits(const struct bmx_dialogue *dlg);

/**
 * What to do next. Appends the commands to *text for BMX_DIALOGUE_SEND alone;
 * it must have room for BMX_DIALOGUE_OUTPUT_MAX octets.
 */
enum bmx_dialogue_act bmx_dialogue_next(struct bmx_dialogue *dlg,
                                        struct bmx_text *text)
	__attribute__((warn_unused_result));

/** The job's result, from BMX_DIALOGUE_JOB_DONE until the next call of _give;
 * borrowed. */
const struct bmx_probe_result *
bmx_dialogue_result(const struct bmx_dialogue *dlg);

/** TLS is up, as was asked by BMX_DIALOGUE_START_TLS. */
void bmx_dialogue_secured(struct bmx_dialogue *dlg);

/** May a job be given now? From init on, while none is under way and the
 * session is not ending. */
bool bmx_dialogue_takes_job(const struct bmx_dialogue *dlg);

/** Gives a job, which is copied. Only while bmx_dialogue_takes_job. A job
 * that cannot be sent is done at once, UNSURE. */
void bmx_dialogue_give(struct bmx_dialogue *dlg,
                       const struct bmx_probe_job *job);

/** No more jobs: says QUIT once the job under way is done. */
void bmx_dialogue_quit(struct bmx_dialogue *dlg);

/**
 * The connection cannot be used any more: closed, failed, timed out, not
 * secured, no SMTP. Ends the job under way, if any, and the session. text is
 * for people; NULL for none.
 */
void bmx_dialogue_abort(struct bmx_dialogue *dlg, enum bmx_probe_why why,
                        const char *text);

/** Which reply or act is next. */
enum bmx_dialogue_state bmx_dialogue_state(const struct bmx_dialogue *dlg);

#endif
