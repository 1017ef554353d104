/*
 * run.h - the programs of Postfix: postconf, postmap, postfix.
 */
#ifndef BACKUPMX_CTL_POSTFIX_RUN_H
#define BACKUPMX_CTL_POSTFIX_RUN_H

#include <stddef.h>

#include <backupmx/command.h>
#include <backupmx/error.h>

/**
 * Runs `PROGRAM [-c CONFIG_DIR] WORD ...`, found in PATH or, where that has no
 * sbin, in /usr/sbin. At most 30 s.
 * @return 0 with *result_out, which the caller clears, any exit status in it;
 *         or -1 with *err as bmx_command_run, BMX_E_NOT_FOUND saying that
 *         Postfix is not installed
 */
int bmxctl_postfix_run(const char *program, const char *config_dir,
                       const char *const *words, size_t count,
                       struct bmx_command_result *result_out,
                       struct bmx_error *err);

/** As bmxctl_postfix_run; an exit status other than 0 is an error, with the
 * program's own words in it. Nothing to clear. */
int bmxctl_postfix_do(const char *program, const char *config_dir,
                      const char *const *words, size_t count,
                      struct bmx_error *err);

#endif
