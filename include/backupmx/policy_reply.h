/*
 * policy_reply.h - everything policyd may say to Postfix, as a closed table.
 *
 * Postfix takes an empty action, bare digits and a code without text as
 * *permit*, so nothing outside this file writes an action: an answer is a row
 * of the table, and the encoder cannot produce anything else.
 * Source: Postfix access(5), SMTPD_POLICY_README; DESIGN.md section 5.
 */
#ifndef BACKUPMX_POLICY_REPLY_H
#define BACKUPMX_POLICY_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/slice.h>
#include <backupmx/text.h>

enum bmx_policy_reply {
	BMX_REPLY_DUNNO,        /* DUNNO: go on with the next restriction */
	BMX_REPLY_USER_UNKNOWN, /* 550 5.1.1 */
	BMX_REPLY_UNVERIFIED,   /* DEFER_IF_PERMIT 4.1.1 */
	BMX_REPLY_TROUBLE,      /* DEFER_IF_PERMIT 4.3.0 */
	BMX_REPLY_PRIMARY_UP,   /* 451 4.3.2 */
	BMX_REPLY_TOO_LARGE,    /* 552 5.3.4 */
	BMX_REPLY_MAILBOX_FULL, /* 452 4.2.2 */
	BMX_REPLY_DISABLED,     /* 550 5.2.1 */
	BMX_REPLY_NO_SMTPUTF8,  /* 553 5.6.7 */
	BMX_REPLY_HARVEST,      /* 421 4.7.0: Postfix hangs up */
	BMX_REPLIES
};

/** What a reply does to the recipient. */
enum bmx_reply_class {
	BMX_REPLY_PASSES,  /* Postfix may accept */
	BMX_REPLY_DEFERS,  /* 4xx */
	BMX_REPLY_REJECTS, /* 5xx */
};

/** Most octets of an encoded reply with its empty line. */
#define BMX_POLICY_REPLY_MAX ((size_t)400)

/** The action as in DESIGN.md: "550 5.1.1 User unknown". Static. Here and
 * below, a value that is no reply is taken as BMX_REPLY_TROUBLE. */
const char *bmx_policy_reply_action(enum bmx_policy_reply reply);

/** What it does. */
enum bmx_reply_class bmx_policy_reply_class(enum bmx_policy_reply reply);

/** "accept", "defer" or "reject": the value of `act=` and of metrics. */
const char *bmx_policy_reply_act(enum bmx_policy_reply reply);

/**
 * The whole answer, "action=...\n\n". With observe, a reply that is not
 * DUNNO becomes "action=WARN backupmx would answer: ...\n\n". Static.
 */
struct bmx_slice bmx_policy_reply_encode(enum bmx_policy_reply reply,
                                         bool observe);

/**
 * Reads an answer of a policy server ("action=...\n" lines up to the empty
 * line) and finds its row.
 * @return 1 with *reply_out; 0 when the answer is not complete; -1 when it is
 *         no row of the table (observe's WARN is BMX_REPLY_DUNNO)
 */
int bmx_policy_reply_decode(struct bmx_slice answer,
                            enum bmx_policy_reply *reply_out);

#endif
