/*
 * shell.h - words for a shell, and settings for `postconf -e`.
 */
#ifndef BACKUPMX_CTL_POSTFIX_SHELL_H
#define BACKUPMX_CTL_POSTFIX_SHELL_H

#include <stdio.h>

/** Writes word so that a POSIX shell reads it back as one word, whatever is in
 * it: as it is when that is safe, else in single quotes. */
void bmxctl_shell_word(FILE *out, const char *word);

#endif
