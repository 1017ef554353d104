/*
 * smtp_path.h - an address as it is written in MAIL and RCPT.
 *
 * Source: RFC 5321 section 4.1.2 (Path, Local-part, Quoted-string), RFC 6531
 * section 3.3.
 */
#ifndef BACKUPMX_POLICYD_SMTP_PATH_H
#define BACKUPMX_POLICYD_SMTP_PATH_H

#include <stdbool.h>

#include <backupmx/slice.h>
#include <backupmx/text.h>

/**
 * Appends "<local@domain>". local is in internal form and is quoted when it
 * must be; *utf8_out tells whether it holds octets above 127.
 * @return 0, or -1 with *text as it was: local or domain is empty, holds what
 *         no path can hold (control characters, so that no address becomes a
 *         command), or there is no room
 */
int bmx_smtp_path_append(struct bmx_text *text, struct bmx_slice local,
                         struct bmx_slice domain, bool *utf8_out);

#endif
