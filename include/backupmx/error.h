/*
 * error.h - what went wrong, for the caller to act on and a person to read.
 *
 * For the environment's failures only (I/O, memory, peers, bad input). A bug
 * is an assert; "do not know" is an answer, not an error.
 */
#ifndef BACKUPMX_ERROR_H
#define BACKUPMX_ERROR_H

#include <stddef.h>

enum bmx_error_code {
	BMX_E_NONE = 0,
	BMX_E_SYNTAX,     /* input is not of the expected form */
	BMX_E_RANGE,      /* well-formed, but outside what is allowed */
	BMX_E_TOO_BIG,    /* a cap was reached */
	BMX_E_NOMEM,      /* memory is short */
	BMX_E_IO,         /* a system call failed: text holds why */
	BMX_E_NOT_FOUND,  /* no such file, entry, host */
	BMX_E_PERMISSION, /* not allowed */
	BMX_E_BUSY,       /* address or lock in use */
	BMX_E_FULL,       /* no space left on a disk or in a map */
	BMX_E_TIMEOUT,    /* a deadline passed */
	BMX_E_CLOSED,     /* the peer closed the connection */
	BMX_E_CORRUPT,    /* stored data do not fit together */
	BMX_E_REFUSED,    /* a guard said no: nothing was changed */
	BMX_E_USAGE,      /* a command line or a call's words are wrong */
};

/** Room for a message, its terminator included. Longer ones are cut. */
#define BMX_ERROR_TEXT_MAX ((size_t)320)

struct bmx_error {
	enum bmx_error_code code;
	char text[BMX_ERROR_TEXT_MAX]; /* one line, no trailing full stop */
};

/** Fills *err; err may be NULL. Control characters become '?'. Returns -1. */
int bmx_error_set(struct bmx_error *err, enum bmx_error_code code,
                  const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * As bmx_error_set, with ": " and the text of errnum after the message. The
 * code follows from errnum: ENOENT is BMX_E_NOT_FOUND, EACCES and EPERM
 * BMX_E_PERMISSION, ENOSPC and EDQUOT BMX_E_FULL, ENOMEM BMX_E_NOMEM,
 * EADDRINUSE BMX_E_BUSY, ETIMEDOUT BMX_E_TIMEOUT, all others BMX_E_IO.
 * @return -1
 */
int bmx_error_set_errno(struct bmx_error *err, int errnum, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

/** The code's name for logs: "syntax", "not-found", ... */
const char *bmx_error_code_name(enum bmx_error_code code);

/** The sysexits(3) status a program ends with for that code. */
int bmx_error_exit_status(enum bmx_error_code code);

#endif
