/*
 * http.h - one POST over HTTP or HTTPS, with a message as its body.
 *
 * The body is read from the spool piece by piece, as the peer takes it. No
 * redirects, no proxies of the environment, no other protocols. Any thread.
 */
#ifndef BACKUPMX_MILTER_SCANNERS_HTTP_H
#define BACKUPMX_MILTER_SCANNERS_HTTP_H

#include <backupmx/error.h>
#include <backupmx/slice.h>

#include "milter/scanners/patience.h"
#include "milter/scanners/spool.h"

/** A header of the request. */
struct bmx_http_header {
	const char *name;
	struct bmx_slice value; /* control characters become '?' */
};

struct bmx_http_request {
	const char *url;
	const struct bmx_http_header *headers;
	size_t header_count;
	const struct bmx_spool *body;
	int connect_ms;
	size_t reply_max; /* octets of the reply's body; more fail */
};

struct bmx_http_reply {
	long status; /* 200 */
	char *body;  /* from malloc; the caller frees it */
	size_t len;
};

/** Once, before any other thread is started. Returns 0, or -1. */
int bmx_http_global_init(void);

/**
 * Sends it and reads the whole reply.
 * @return 0 with *reply_out, whatever its status, or -1 with *err:
 *         BMX_E_CLOSED when nobody is there, BMX_E_TIMEOUT, BMX_E_SYNTAX when
 *         the reply is no whole one, BMX_E_TOO_BIG, BMX_E_IO, BMX_E_NOMEM
 */
int bmx_http_post(const struct bmx_http_request *request,
                  struct bmx_patience *patience,
                  struct bmx_http_reply *reply_out, struct bmx_error *err);

#endif
