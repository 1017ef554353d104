/*
 * wanted.h - what main.cf needs so that Postfix asks backupmx.
 *
 * Pure: the configuration and the settings of Postfix in, a list of changes
 * out; no program is run and no file is read. A setting that is good as it is
 * does not appear, so an empty list means that all is wired. Lists
 * (restrictions, milters, domains) are edited: what stands there stays, in its
 * order.
 */
#ifndef BACKUPMX_CTL_POSTFIX_WANTED_H
#define BACKUPMX_CTL_POSTFIX_WANTED_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/config.h>
#include <backupmx/error.h>

#include "ctl/postfix/postconf.h"

/** What is looked at. */
struct bmxctl_wiring {
	const struct bmx_config *config;
	const struct bmxctl_postconf *postconf;
	bool without_milter; /* leave smtpd_milters and its kin as they are */
	/* By place in config->domains: is the domain held by a table or a
	 * file of relay_domains (bmxctl_tables_hold)? NULL: none is. */
	const bool *relayed_by_table;
};

/** A setting to change. */
struct bmxctl_wanted {
	const char *name;  /* of main.cf */
	const char *now;   /* as it is written, or the default; never NULL */
	bool was_set;      /* main.cf sets it now */
	const char *value; /* what to write; may be empty */
	const char *why;   /* one short sentence, no full stop */
};

/** A thing that no change of main.cf made by us would mend. */
struct bmxctl_wiring_note {
	const char *subject; /* a parameter, or "smtp/inet -o NAME" */
	const char *text;    /* what is wrong and what to do; one line */
};

struct bmxctl_wanted_list;

/**
 * Finds what is to be changed.
 * @return the list, which the caller frees; it borrows nothing. NULL with
 *         *err: BMX_E_RANGE (this Postfix is older than 3.0),
 *         BMX_E_SYNTAX (a list with unbalanced braces), BMX_E_TOO_BIG,
 *         BMX_E_NOMEM
 */
struct bmxctl_wanted_list *
bmxctl_wanted_find(const struct bmxctl_wiring *wiring, struct bmx_error *err);

/** Frees *list and sets it to NULL. NULL is fine. */
void bmxctl_wanted_free(struct bmxctl_wanted_list **list);

/** How many settings are to be changed. */
size_t bmxctl_wanted_count(const struct bmxctl_wanted_list *list);

/** The one at index, in the order in which they are to be read. */
const struct bmxctl_wanted *
bmxctl_wanted_get(const struct bmxctl_wanted_list *list, size_t index);

/** The one of that name, or NULL: it is as it should be. */
const struct bmxctl_wanted *
bmxctl_wanted_find_name(const struct bmxctl_wanted_list *list,
                        const char *name);

/** How many notes there are. */
size_t bmxctl_wanted_note_count(const struct bmxctl_wanted_list *list);

/** The one at index. */
const struct bmxctl_wiring_note *
bmxctl_wanted_note(const struct bmxctl_wanted_list *list, size_t index);

#endif
