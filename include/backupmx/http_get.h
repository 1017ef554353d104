/*
 * http_get.h - one page over https://, whole and small: for what is published
 * for everybody, as an MTA-STS policy (RFC 8461).
 *
 * Blocking; for backupmxctl. The certificate is checked; redirects are not
 * followed, which RFC 8461 section 3.3 forbids.
 */
#ifndef BACKUPMX_HTTP_GET_H
#define BACKUPMX_HTTP_GET_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>

/** Octets of a media type that are kept, terminator included. */
#define BMX_HTTP_TYPE_MAX ((size_t)128)

struct bmx_http_get {
	const char *host;    /* name, for the certificate as well; port 443 */
	const char *path;    /* from its slash on */
	const char *address; /* of the host; NULL: the system looks it up */
	const char *ca_file; /* authorities in PEM; "": the system's */
	size_t max;          /* octets of the page */
	int64_t timeout_ms;  /* for all of it */
};

struct bmx_http_page {
	long status;                  /* of HTTP */
	char type[BMX_HTTP_TYPE_MAX]; /* Content-Type, "" for none */
	char *data;                   /* of malloc; not terminated; of 200 */
	size_t len;
};

/**
 * Gets a page. Any status of HTTP is a result.
 * @return 0 with *page_out, which the caller clears, or -1 with *err and
 *         nothing to clear: BMX_E_TIMEOUT, BMX_E_TOO_BIG, BMX_E_CLOSED (no
 *         connection, TLS or the certificate), BMX_E_USAGE, BMX_E_NOMEM,
 *         BMX_E_IO
 */
int bmx_http_get(const struct bmx_http_get *get, struct bmx_http_page *page_out,
                 struct bmx_error *err);

/** Frees what it holds. */
void bmx_http_page_clear(struct bmx_http_page *page);

#endif
