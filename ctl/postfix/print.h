/*
 * print.h - what `backupmxctl postfix` shows, for a reader and a shell.
 */
#ifndef BACKUPMX_CTL_POSTFIX_PRINT_H
#define BACKUPMX_CTL_POSTFIX_PRINT_H

#include "ctl/postfix/wanted.h"

struct json_t; /* jansson's */

/** Prints a change: its reason and what is there as comments, and the command
 * that makes it. config_dir is NULL for Postfix's own. */
void bmxctl_print_setting(const struct bmxctl_wanted *wanted,
                          const char *config_dir);

/** Prints each note as a comment. */
void bmxctl_print_notes(const struct bmxctl_wanted_list *list);

/** Prints the command that lets Postfix read its files again, as a comment. */
void bmxctl_print_reload(const char *config_dir);

/** Prints what bmxctl_change_undo reports. */
void bmxctl_print_undone(const struct json_t *report);

/** The changes as an array the caller drops: name, now, set, wanted, why. */
struct json_t *bmxctl_wanted_as_json(const struct bmxctl_wanted_list *list);

/** The notes as an array the caller drops: subject, text. */
struct json_t *bmxctl_notes_as_json(const struct bmxctl_wanted_list *list);

#endif
