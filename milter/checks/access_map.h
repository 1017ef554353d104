/*
 * access_map.h - files that say what a client or a sender gets, in the form
 * of Postfix's access(5) and cidr_table(5), so that a primary's own can be
 * copied.
 *
 * A map is read whole and never changes; any thread may look something up.
 * What is different from Postfix: actions other than those below are mistakes;
 * a pattern "domain.tld" matches what is below it as well, as with Postfix's
 * default parent_domain_matches_subdomains, and so does ".domain.tld".
 */
#ifndef BACKUPMX_MILTER_CHECKS_ACCESS_MAP_H
#define BACKUPMX_MILTER_CHECKS_ACCESS_MAP_H

#include <backupmx/config.h>
#include <backupmx/error.h>

#include "milter/checks/check.h"

/** Most octets of a file. */
#define BMX_ACCESS_FILE_MAX ((size_t)64 * 1024 * 1024)
/** Most octets of a logical line. */
#define BMX_ACCESS_LINE_MAX ((size_t)4096)
/** Most "if" of a CIDR file within each other. */
#define BMX_ACCESS_DEPTH_MAX ((size_t)16)

/**
 * What a line says:
 *
 *	OK, or digits alone       BMX_FOUND_GOOD
 *	DUNNO, WARN, INFO         BMX_FOUND_NOTHING
 *	REJECT [text], 5NN text   BMX_FOUND_ACCESS_REJECT
 *	DEFER [text], DEFER_IF_PERMIT [text], 4NN text
 *	                          BMX_FOUND_ACCESS_DEFER
 *
 * An enhanced code may stand before a text.
 */
struct bmx_access_action {
	enum bmx_finding found;
	char code[4];      /* "554"; "" when the line has no text ... */
	char enhanced[12]; /* "5.7.1" ... */
	const char *text;  /* ... and then the fixed reply is sent */
};

enum bmx_access_form {
	BMX_ACCESS_INDEXED, /* access(5) */
	BMX_ACCESS_CIDR,    /* cidr_table(5) */
};

struct bmx_access_map;

/**
 * Reads text, the content of a file called name. Mistakes and warnings go to
 * problems with name and line.
 * @return the map, which the caller frees; NULL when there was a mistake, or
 *         memory is short, which is a problem, too
 */
struct bmx_access_map *
bmx_access_map_parse(enum bmx_access_form form, const char *name,
                     struct bmx_slice text,
                     struct bmx_config_problems *problems);

/**
 * As bmx_access_map_parse for what the configuration names: "cidr:/path",
 * "hash:/path" (the text file, not the one that postmap makes of it) or
 * "/path". A file that cannot be read is a problem as well.
 */
struct bmx_access_map *
bmx_access_map_load(const char *spec, struct bmx_config_problems *problems);

/** Frees *map and sets it to NULL. NULL is fine. */
void bmx_access_map_free(struct bmx_access_map **map);

/** How many patterns it has. */
size_t bmx_access_map_count(const struct bmx_access_map *map);

/**
 * The line about a client: by name and the domains above it, then by address
 * and the networks above it; in a CIDR file by address alone. name is what
 * Postfix calls the client, "unknown" without one; address is 16 octets, IPv4
 * mapped, or NULL.
 * @return the action, which lives as long as map, or NULL
 */
const struct bmx_access_action *
bmx_access_map_client(const struct bmx_access_map *map, struct bmx_slice name,
                      const uint8_t *address);

/**
 * The line about a sender in internal form: user@domain, without its
 * extension, the domain and those above it, user@; "<>" for the null sender.
 * delimiters as recipient_delimiter.
 */
const struct bmx_access_action *
bmx_access_map_sender(const struct bmx_access_map *map, struct bmx_slice sender,
                      const char *delimiters);

#endif
