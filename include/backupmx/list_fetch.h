/*
 * list_fetch.h - brings the text of a recipient list from where it is kept.
 *
 *	https://HOST[:PORT]/PATH     HTTP GET; certificate checked
 *	sftp://[USER@]HOST[:PORT]/PATH   host key checked
 *	ldap[s]://HOST[:PORT]/BASE?ATTRIBUTES?SCOPE?FILTER   RFC 4516, paged
 *	exec:/PATH [ARGUMENT ...]    what a program writes; no shell
 *
 * Whatever the kind, the text is one of list_sync.h: an address a line. One
 * file a kind, one row in a table. Blocking, for as long as the section
 * `fetch` allows: for the sync worker and for backupmxctl.
 *
 * A text that was not brought whole is never given out: a connection that ends
 * early, an exit status other than 0, a page that is missing, and a last line
 * without its line feed are errors.
 */
#ifndef BACKUPMX_LIST_FETCH_H
#define BACKUPMX_LIST_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/config.h>
#include <backupmx/error.h>

/** Octets of a validator, terminator included; a longer one is not kept. */
#define BMX_LIST_VALIDATOR_MAX ((size_t)256)

/** What a server said of the state of a list (RFC 9110 section 8.8), to ask
 * later whether there is another; "" is none. */
struct bmx_list_validator {
	char etag[BMX_LIST_VALIDATOR_MAX];
	char last_modified[BMX_LIST_VALIDATOR_MAX];
};

struct bmx_list_fetch {
	const char *source; /* as in domain.recipients */
	const char *domain; /* A-labels, lower case; a program is told it */
	const struct bmx_config_fetch *settings;
	/* Of the list that is in force; NULL: bring it whatever it is. */
	const struct bmx_list_validator *known;
};

struct bmx_list_fetched {
	bool unchanged; /* it is the one that is known; no data */
	char *data;     /* of malloc; not terminated */
	size_t len;
	struct bmx_list_validator validator; /* for the next time */
};

/** Is source of one of the kinds above, and well-formed? NULL, or what was
 * expected instead; static. */
const char *bmx_list_fetch_check(const char *source);

/**
 * Fetches.
 * @return 0 with *fetched_out, which the caller clears, or -1 with *err and
 *         nothing to clear. None is final, the next refresh tries again:
 *         BMX_E_USAGE (no such kind), BMX_E_NOT_FOUND, BMX_E_PERMISSION (also
 *         refused log-ins and files of secrets that others may read),
 *         BMX_E_TIMEOUT, BMX_E_TOO_BIG, BMX_E_CLOSED (no connection, or it
 *         ended early), BMX_E_REFUSED (TLS, host key), BMX_E_SYNTAX (not a
 *         list), BMX_E_IO, BMX_E_NOMEM. The text names the source without
 *         what is secret in it, and is one line.
 */
int bmx_list_fetch(const struct bmx_list_fetch *fetch,
                   struct bmx_list_fetched *fetched_out, struct bmx_error *err);

/** Frees what it holds. */
void bmx_list_fetched_clear(struct bmx_list_fetched *fetched);

#endif
