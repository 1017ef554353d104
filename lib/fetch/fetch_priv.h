/*
 * fetch_priv.h - what a kind of list source implements, and what it works
 * with. A new kind is a file, a line below and a row in fetch.c.
 */
#ifndef BACKUPMX_LIB_FETCH_PRIV_H
#define BACKUPMX_LIB_FETCH_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/list_fetch.h>
#include <backupmx/slice.h>

/** Octets that are gathered up to a cap. */
struct fetch_buffer {
	char *data; /* of malloc, or NULL; not terminated */
	size_t len;
	size_t size; /* room in data */
	size_t max;  /* octets that may be gathered */
};

/**
 * Appends bytes.
 * @return 0, or -1 with *err: BMX_E_TOO_BIG, BMX_E_NOMEM. What was gathered
 *         stays; the owner frees it
 */
int fetch_buffer_append(struct fetch_buffer *buffer, struct bmx_slice bytes,
                        struct bmx_error *err);

/** Frees what was gathered; max stays. */
void fetch_buffer_clear(struct fetch_buffer *buffer);

/** What a kind's fetch brings; zeroed before, cleared by fetch.c after. */
struct fetch_answer {
	bool unchanged; /* the list is the one that is known; no text */
	struct fetch_buffer text; /* max is set */
	struct bmx_list_validator validator;
};

/** One kind of source. */
struct fetch_kind {
	const char *scheme; /* what such a source begins with: "exec:" */
	/** Is it well-formed? NULL, or what was expected instead; static. */
	const char *(*check)(const char *source);
	/**
	 * Brings the text, whole or not at all, until deadline_ms (monotonic,
	 * of bmx_clock_system). source has passed check. That it ends in a
	 * line feed is seen to by fetch.c, and the name of the source is put
	 * before the error's text there.
	 * @return 0 with *answer, or -1 with *err; *answer is cleared by the
	 *         caller either way
	 */
	int (*fetch)(const struct bmx_list_fetch *fetch, int64_t deadline_ms,
	             struct fetch_answer *answer, struct bmx_error *err);
};

extern const struct fetch_kind fetch_kind_https; /* https.c */
extern const struct fetch_kind fetch_kind_ldap;  /* ldap.c */
extern const struct fetch_kind fetch_kind_ldaps; /* ldap.c */
extern const struct fetch_kind fetch_kind_sftp;  /* sftp.c */
extern const struct fetch_kind fetch_kind_exec;  /* exec.c */

/** Octets of a secret, terminator included. */
#define FETCH_SECRET_MAX ((size_t)16 * 1024)

/**
 * Reads the first line of the file of a secret: a password, a token.
 * @return 0 with secret_out terminated, or -1 with *err: BMX_E_NOT_FOUND,
 *         BMX_E_PERMISSION (also when others than owner and group may use
 *         the file), BMX_E_SYNTAX (empty, no regular file, a control
 *         character), BMX_E_TOO_BIG, BMX_E_IO
 */
int fetch_secret_read(const char *path, char secret_out[FETCH_SECRET_MAX],
                      struct bmx_error *err);

/** May the file of a key be used: it is there, can be read, and others than
 * owner and group may not use it? 0, or -1 with *err as above. */
int fetch_secret_check(const char *path, struct bmx_error *err);

/** Is the file, which is no secret, there, and can it be read? 0, or -1 with
 * *err: BMX_E_NOT_FOUND, BMX_E_PERMISSION, BMX_E_IO. */
int fetch_file_check(const char *path, struct bmx_error *err);

/** Are the files there that the settings name for TLS, and is the key not open
 * to others? "" is no file. 0, or -1 with *err as above. */
int fetch_tls_check(const struct bmx_config_fetch *settings,
                    struct bmx_error *err);

/** What a URL must look like to be handed on: printable ASCII without blanks,
 * a host, no password in it; NULL, or what was expected. scheme_len octets of
 * it are the scheme and "://". */
const char *fetch_url_check(const char *url, size_t scheme_len);

#endif
