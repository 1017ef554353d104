/*
 * command.h - runs a program to its end and takes what it writes.
 *
 * Blocking, with a deadline: for the sync worker and for backupmxctl, never
 * for a daemon's own loop. No shell is between: argv is what the program gets.
 * Standard input is /dev/null, and no descriptor but the standard ones is
 * passed on. The program runs in a process group of its own, which is killed
 * when it takes or writes too much, and when the caller's process ends before
 * it; what it left running is killed with it.
 */
#ifndef BACKUPMX_COMMAND_H
#define BACKUPMX_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>

/** Octets of standard error that are kept, terminator included. */
#define BMX_COMMAND_SAID_MAX ((size_t)400)

struct bmx_command {
	/* A path, or with no slash in it a name that is looked for in PATH;
	 * then its arguments, and NULL. */
	const char *const *argv;
	const char *const *environment; /* "NAME=value", NULL; NULL: ours */
	int64_t timeout_ms;             /* for all of it */
	size_t output_max;              /* octets of standard output */
};

struct bmx_command_result {
	int status;   /* exit status, or 128 and the signal that ended it */
	char *output; /* standard output, terminated; of malloc */
	size_t output_len;
	/* What it wrote on standard error: the beginning, control characters
	 * as blanks, none at the end, terminated; for messages. */
	char said[BMX_COMMAND_SAID_MAX];
};

/**
 * Runs command. Any exit status is a result.
 * @return 0 with *result_out, which the caller clears, or -1 with *err, and
 *         nothing to clear: BMX_E_NOT_FOUND (no such program),
 *         BMX_E_PERMISSION, BMX_E_TIMEOUT, BMX_E_TOO_BIG (past output_max),
 *         BMX_E_IO, BMX_E_NOMEM
 */
int bmx_command_run(const struct bmx_command *command,
                    struct bmx_command_result *result_out,
                    struct bmx_error *err);

/** Frees what a result holds. */
void bmx_command_result_clear(struct bmx_command_result *result);

#endif
