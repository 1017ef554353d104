/*
 * ehlo_line.h - the lines of a greeting and of an EHLO reply.
 *
 * Source: RFC 5321 section 4.1.1.1, and the RFC of each keyword.
 */
#ifndef BACKUPMX_EHLO_LINE_H
#define BACKUPMX_EHLO_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/slice.h>

/** What a server's EHLO reply offered. */
struct bmx_smtp_keywords {
	bool known;      /* an EHLO reply was seen; else all below is void */
	bool has_size;   /* SIZE was offered */
	int64_t size;    /* octets; 0: no limit told (RFC 1870) */
	bool smtputf8;   /* RFC 6531 */
	bool starttls;   /* RFC 3207 */
	bool pipelining; /* RFC 2920 */
	bool eight_bit_mime; /* RFC 6152 */
};

/** Is the first word of a line (raw octets, without code) this name, in any
 * case? */
bool bmx_ehlo_first_word_is(struct bmx_slice text, const char *name);

/** Takes a keyword line of an EHLO reply (raw octets, without code) into
 * *keywords; what is not known is let pass. */
void bmx_ehlo_line(struct bmx_slice text, struct bmx_smtp_keywords *keywords);

#endif
