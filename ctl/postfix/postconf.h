/*
 * postconf.h - the settings of a Postfix instance, as postconf(1) tells them.
 *
 * Read once, then a snapshot that does not change: main.cf with defaults, what
 * is set there, and the services of master.cf with their `-o` overrides.
 * Reading runs programs; taking their text apart is pure and has tests of its
 * own. All strings are borrowed from the snapshot until it is freed.
 */
#ifndef BACKUPMX_CTL_POSTFIX_POSTCONF_H
#define BACKUPMX_CTL_POSTFIX_POSTCONF_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/error.h>

/** Octets of text that one run of postconf may write. */
#define BMXCTL_POSTCONF_MAX ((size_t)8 * 1024 * 1024)

struct bmxctl_postconf;

/** A service of master.cf. */
struct bmxctl_postfix_service {
	const char *name;    /* "smtp", "127.0.0.1:10025", "relay" */
	const char *type;    /* "inet", "unix", "pass", "unix-dgram", "fifo" */
	const char *command; /* "smtpd": the program alone, without words */
	bool chroot;         /* "-" is resolved as this Postfix does */
};

/** What `postconf -c DIR ...` writes; each may be "". For tests. */
struct bmxctl_postconf_text {
	const char *all;       /* no option: every parameter, defaults too */
	const char *expanded;  /* -x: the same with $names replaced */
	const char *set;       /* -n: what main.cf sets */
	const char *services;  /* -F: the fields of master.cf */
	const char *overrides; /* -Px: its -o options */
};

/**
 * Runs postconf, five times, for the instance whose main.cf is in config_dir,
 * or for Postfix's own one when config_dir is NULL. At most 30 s each.
 * @return the snapshot, which the caller frees, or NULL with *err:
 *         BMX_E_NOT_FOUND when Postfix is not installed or has no main.cf
 *         there, BMX_E_PERMISSION, BMX_E_SYNTAX (postconf cannot read the
 *         files: its own words follow), BMX_E_TIMEOUT, BMX_E_TOO_BIG,
 *         BMX_E_NOMEM, BMX_E_IO
 */
struct bmxctl_postconf *bmxctl_postconf_read(const char *config_dir,
                                             struct bmx_error *err);

/** As bmxctl_postconf_read, from text; copies it. @return as there, with
 * BMX_E_SYNTAX and BMX_E_NOMEM alone */
struct bmxctl_postconf *
bmxctl_postconf_parse(const struct bmxctl_postconf_text *text,
                      struct bmx_error *err);

/** Frees *postconf and sets it to NULL. NULL is fine. */
void bmxctl_postconf_free(struct bmxctl_postconf **postconf);

/** The value in force with every $name replaced; "" when it is empty, or when
 * this Postfix has no such parameter. */
const char *bmxctl_postconf_get(const struct bmxctl_postconf *postconf,
                                const char *name);

/** The value in force as it is written, or as the default is; "" as above. */
const char *bmxctl_postconf_raw(const struct bmxctl_postconf *postconf,
                                const char *name);

/** Does this Postfix know the parameter (main.cf's own names included)? */
bool bmxctl_postconf_knows(const struct bmxctl_postconf *postconf,
                           const char *name);

/** Does main.cf set it? */
bool bmxctl_postconf_is_set(const struct bmxctl_postconf *postconf,
                            const char *name);

/** How many services master.cf has. */
size_t bmxctl_postconf_service_count(const struct bmxctl_postconf *postconf);

/** The one at index, in the file's order. */
const struct bmxctl_postfix_service *
bmxctl_postconf_service(const struct bmxctl_postconf *postconf, size_t index);

/** The value of name as the service at index overrides it with -o, $names
 * replaced; NULL when it does not. */
const char *bmxctl_postconf_override(const struct bmxctl_postconf *postconf,
                                     size_t index, const char *name);

/** The value of name that counts for the service at index: its override, or
 * as bmxctl_postconf_get. */
const char *bmxctl_postconf_service_get(const struct bmxctl_postconf *postconf,
                                        size_t index, const char *name);

#endif
