/*
 * smtp_reply.h - replies of an SMTP server: incremental, capped parser.
 *
 * No I/O: its owner feeds it what has arrived. Takes what servers really
 * send: lines that end in LF alone, replies with and without enhanced codes,
 * multi-line replies whose lines differ in code (the last one counts, as in
 * Postfix's smtp_chat_resp). Sources: RFC 5321 section 4.2, RFC 2034,
 * RFC 3463.
 */
#ifndef BACKUPMX_SMTP_REPLY_H
#define BACKUPMX_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>

/** Most octets of one line, its end included (RFC 5321 says 512). */
#define BMX_SMTP_LINE_MAX ((size_t)2048)
/** Most lines of one reply, and most octets of all its lines. */
#define BMX_SMTP_REPLY_LINES_MAX 128
#define BMX_SMTP_REPLY_MAX ((size_t)32 * 1024)
/** Octets kept of a reply's last line for people. */
#define BMX_SMTP_TEXT_MAX ((size_t)200)

/** A whole reply. */
struct bmx_smtp_reply {
	int code;        /* 200 to 599 */
	int enhanced[3]; /* class, subject, detail; 0,0,0: none, or one
	                            * whose class is not the code's */
	char text[BMX_SMTP_TEXT_MAX]; /* the last line after the codes, what is
	                            * not printable ASCII as '?', terminated */
};

/** Told each line of a reply (its text after "250-" or "250 ", raw octets,
 * borrowed) before the reply is whole: for EHLO keywords. index from 0. */
typedef void bmx_smtp_line_cb(void *ctx, int code, size_t index,
                              struct bmx_slice text);

struct bmx_smtp_reply_parser {
	size_t lines;  /* of the reply under way */
	size_t octets; /* of the reply under way */
};

/** Starts anew: for a new connection. */
void bmx_smtp_reply_parser_reset(struct bmx_smtp_reply_parser *parser);

/**
 * Takes the next whole reply from the front of *input and moves *input past
 * what was used, which is also done for lines of a reply that is not whole.
 * on_line may be NULL.
 * @return 1 with *reply_out; 0 when more octets are needed; -1 with *err,
 *         which is final: BMX_E_SYNTAX (a line that is none of SMTP, a NUL),
 *         BMX_E_TOO_BIG (line, lines or reply over its cap)
 */
int bmx_smtp_reply_parser_next(struct bmx_smtp_reply_parser *parser,
                               struct bmx_slice *input,
                               bmx_smtp_line_cb *on_line, void *ctx,
                               struct bmx_smtp_reply *reply_out,
                               struct bmx_error *err);

#endif
