/*
 * reply.h - everything the milter may say to an SMTP client.
 *
 * Three traps are closed here: a single '%' is dropped by Postfix even when
 * libmilter takes it; a reply code whose class differs from its enhanced code
 * poisons the rest of the SMTP session; and a 450 sent with the callback
 * result "reject" reaches the client as 550. So nothing outside this file
 * makes a reply, and the callback's result follows from the code.
 *
 * Sources: RFC 5321 section 4.2, RFC 3463, RFC 7372; smfi_setreply.
 */
#ifndef BACKUPMX_MILTER_REPLY_H
#define BACKUPMX_MILTER_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/policy_reply.h>
#include <backupmx/slice.h>

/** Most octets of a text as libmilter takes it, '%' doubled. */
#define BMX_SMTP_TEXT_MAX ((size_t)980)

/** What smfi_setreply wants, checked. */
struct bmx_smtp_answer {
	char code[4];                     /* "550" */
	char enhanced[12];                /* "5.7.23" */
	char text[BMX_SMTP_TEXT_MAX + 1]; /* every '%' doubled */
	bool permanent;                   /* 5xx: refused for good; else 4xx */
};

/**
 * Makes an answer out of a three-digit code, an enhanced code and a text.
 * @return 0, or -1 with *err: BMX_E_SYNTAX when the code is neither 4xx nor
 *         5xx, the enhanced code is malformed, the classes differ, or the
 *         text is empty or has a control character or an octet above 126;
 *         BMX_E_TOO_BIG when the text passes BMX_SMTP_TEXT_MAX once its '%'
 *         are doubled
 */
int bmx_smtp_answer_make(const char *code, const char *enhanced,
                         struct bmx_slice text,
                         struct bmx_smtp_answer *answer_out,
                         struct bmx_error *err);

/** The milter's own reasons to refuse. */
enum bmx_milter_reply {
	BMX_SAY_NOTHING,            /* the recipient is accepted */
	BMX_SAY_SPF_FAIL,           /* 550 5.7.23, with the explanation */
	BMX_SAY_SPF_FAIL_LATER,     /* 451 4.7.23 */
	BMX_SAY_SPF_ERROR,          /* 550 5.7.24 */
	BMX_SAY_SPF_ERROR_LATER,    /* 451 4.7.24 */
	BMX_SAY_USER_UNKNOWN,       /* 550 5.1.1 */
	BMX_SAY_UNVERIFIED,         /* 450 4.1.1 */
	BMX_SAY_TROUBLE,            /* 451 4.3.0 */
	BMX_SAY_PRIMARY_UP,         /* 451 4.3.2 */
	BMX_SAY_TOO_LARGE,          /* 552 5.3.4 */
	BMX_SAY_MAILBOX_FULL,       /* 452 4.2.2 */
	BMX_SAY_DISABLED,           /* 550 5.2.1 */
	BMX_SAY_NO_SMTPUTF8,        /* 553 5.6.7 */
	BMX_SAY_HARVEST,            /* 421 4.7.0: Postfix hangs up */
	BMX_SAY_PROBE_WITH_MESSAGE, /* 550 5.7.1 */
	BMX_SAY_TOO_MANY_FORGED,    /* 550 5.7.1 */
	BMX_SAY_LOOKUP_LATER,       /* 451 4.4.3 */
	/* Of an access file; the file's own text goes before these. */
	BMX_SAY_ACCESS_DENIED,       /* 554 5.7.1 */
	BMX_SAY_ACCESS_DENIED_LATER, /* 450 4.7.1 */
	BMX_SAY_HELO_INVALID,        /* 501 5.5.2 */
	BMX_SAY_HELO_INVALID_LATER,
	BMX_SAY_HELO_UNQUALIFIED, /* 504 5.5.2 */
	BMX_SAY_HELO_UNQUALIFIED_LATER,
	BMX_SAY_HELO_OWN, /* 550 5.7.1 */
	BMX_SAY_HELO_OWN_LATER,
	BMX_SAY_HELO_UNKNOWN, /* 550 5.7.1 */
	BMX_SAY_HELO_UNKNOWN_LATER,
	BMX_SAY_REVERSE_MISSING, /* 550 5.7.25 */
	BMX_SAY_REVERSE_MISSING_LATER,
	BMX_SAY_REVERSE_UNCONFIRMED, /* 550 5.7.25 */
	BMX_SAY_REVERSE_UNCONFIRMED_LATER,
	BMX_SAY_SENDER_NULL_MX, /* 550 5.7.27 */
	BMX_SAY_SENDER_NULL_MX_LATER,
	BMX_SAY_SENDER_UNKNOWN,       /* 550 5.1.8 */
	BMX_SAY_SENDER_UNKNOWN_LATER, /* 450 4.1.8 */
	BMX_SAY_SENDER_FORM,          /* 550 5.1.7 */
	BMX_SAY_SENDER_FORM_LATER,
	BMX_SAY_DNSBL, /* 550 5.7.1 */
	BMX_SAY_DNSBL_LATER,
	BMX_SAY_SCORE,       /* 550 5.7.1 */
	BMX_SAY_OTHER_RULES, /* 452 4.5.3 */
	/* Of the scanners; their own text follows. */
	BMX_SAY_CONTENT,       /* 550 5.7.1 */
	BMX_SAY_CONTENT_LATER, /* 451 4.7.1 */
	BMX_SAY_UNSCANNED,     /* 451 4.7.1 */
	BMX_SAY_COUNT
};

/** What policyd's answer is in the milter's words. */
enum bmx_milter_reply bmx_milter_reply_of_policy(enum bmx_policy_reply reply);

/** Is it a 5xx? */
bool bmx_milter_reply_permanent(enum bmx_milter_reply reply);

/** "550 5.7.23", for logs; "-" for BMX_SAY_NOTHING. Static. */
const char *bmx_milter_reply_codes(enum bmx_milter_reply reply);

/**
 * Builds the answer of a row. For BMX_SAY_SPF_FAIL explanation, hostile text
 * of the sender's domain, is appended after our own words when it can be
 * sent; what cannot be sent of it is replaced or cut. So is a scanner's text
 * for BMX_SAY_CONTENT and BMX_SAY_CONTENT_LATER. Ignored otherwise.
 */
void bmx_milter_reply_build(enum bmx_milter_reply reply,
                            struct bmx_slice explanation,
                            struct bmx_smtp_answer *answer_out);

#endif
