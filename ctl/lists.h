/*
 * lists.h - what load, rollback and list share: a domain of the
 * configuration, the store, and what was done to it.
 */
#ifndef BACKUPMX_CTL_LISTS_H
#define BACKUPMX_CTL_LISTS_H

#include <stdbool.h>

#include <backupmx/address.h>
#include <backupmx/config.h>
#include <backupmx/list_store.h>

#include "ctl/ctl.h"

/** Exit status of a change that a guard refused. */
#define BMXCTL_EXIT_REFUSED 3

/**
 * The section of the domain that is written as name, or one made from "*", with
 * which *config is then replaced; a message is written when there is none.
 * @return NULL with *status_out: EX_CONFIG, or EX_USAGE when name is no
 *         domain
 */
const struct bmx_config_domain *bmxctl_find_domain(const struct bmxctl *ctl,
                                                   struct bmx_config **config,
                                                   const char *name,
                                                   int *status_out);

/**
 * Writes what a replacement did, or with dry_run would do, as
 * `DOMAIN: +N -M ...` or JSON.
 */
void bmxctl_print_result(const char *domain,
                         const struct bmx_list_replace_result *result,
                         bool dry_run, bool json);

/** A bmx_list_change_cb that writes `+ADDRESS`, `-ADDRESS` or `~ADDRESS` with
 * its state; ctx is the domain's name. */
void bmxctl_print_change(void *ctx, enum bmx_list_change change,
                         const struct bmx_list_entry *entry);

/** The words of `load` and `publish`. */
struct bmxctl_load_words {
	const char *domain;
	const char *from;
	bool dry_run;
	bool force;
	bool json;
};

/** Reads them. @return 0, or -1 when they are not what they must be */
int bmxctl_load_words(int argc, char **argv,
                      struct bmxctl_load_words *words_out);

/** Octets that bmxctl_address needs, terminator included. */
#define BMXCTL_ADDRESS_BUFFER                                                  \
	((size_t)2 * BMX_LOCAL_MAX + BMX_DOMAIN_MAX + sizeof("\"\"@"))

/**
 * Writes an entry's address as a list file has it: quoted where it must be,
 * the wildcard as "@domain".
 * @return buffer
 */
const char *bmxctl_address(struct bmx_slice local, const char *domain,
                           char buffer[BMXCTL_ADDRESS_BUFFER]);

/**
 * Programs (sources "exec:") are not run as root: becomes the owner of
 * state_dir, as the daemon would be, for good. Does nothing for other sources
 * and other users; a message is written when it cannot be done.
 * @return 0, or -1 with *status_out
 */
int bmxctl_leave_root(const struct bmxctl *ctl, const struct bmx_config *config,
                      const char *source, int *status_out);

/** bmxctl_fail for what the store said, with what to do about it. */
int bmxctl_store_fail(const struct bmxctl *ctl, const struct bmx_config *config,
                      const struct bmx_error *err);

#endif
