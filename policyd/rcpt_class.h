/*
 * rcpt_class.h - what a primary's reply to RCPT says about the recipient.
 *
 * Pure. Only a reply to RCPT may be classified: before it the primary judges
 * us, not the recipient. DESIGN.md section 5, "Call-ahead replies"; codes
 * from RFC 5321 section 4.2 and RFC 3463 section 3.
 */
#ifndef BACKUPMX_POLICYD_RCPT_CLASS_H
#define BACKUPMX_POLICYD_RCPT_CLASS_H

#include <stdbool.h>

#include <backupmx/smtp_reply.h>

enum bmx_rcpt_class {
	BMX_RCPT_VALID,                 /* 250, 251 */
	BMX_RCPT_VALID_DISABLED,        /* 5.2.1 */
	BMX_RCPT_VALID_FULL,            /* 5.2.2 */
	BMX_RCPT_UNKNOWN,               /* 5.1.1, 5.1.3, 5.1.6, 5.1.10 */
	BMX_RCPT_UNKNOWN_IF_POSTMASTER, /* 5.1.0; 550, 551, 553 without an
	                                 * enhanced code: only if postmaster
	                                 * is accepted in the same session */
	BMX_RCPT_UNSURE_TEMPORARY,      /* every 4xx */
	BMX_RCPT_UNSURE_SENDER,         /* 5.1.7, 5.1.8: the sender is blamed */
	BMX_RCPT_UNSURE_POLICY,         /* 5.7.x: we are blocked */
	BMX_RCPT_UNSURE_OTHER, /* 252, 552, 554, 5.3.4, anything else */
	BMX_RCPT_CLASSES
};

/** "valid", "disabled", "full", "unknown", "unknown-if-postmaster",
 * "temporary", "sender", "policy", "other". */
const char *bmx_rcpt_class_name(enum bmx_rcpt_class rcpt_class);

/**
 * Classifies a reply to RCPT. An enhanced code, where there is one, decides;
 * one whose class is not the code's is none. Any code is taken.
 */
enum bmx_rcpt_class bmx_rcpt_classify(const struct bmx_smtp_reply *reply)
	__attribute__((warn_unused_result));

/** Does it refuse the recipient as unknown, with or without a condition? */
bool bmx_rcpt_class_is_unknown(enum bmx_rcpt_class rcpt_class);

#endif
