/*
 * ask.h - one question to one scanner at one URL: a message, what is known of
 * its envelope, and a verdict or a failure. Each call waits, at most for its
 * patience, and leaves nothing open. Any thread.
 */
#ifndef BACKUPMX_MILTER_SCANNERS_ASK_H
#define BACKUPMX_MILTER_SCANNERS_ASK_H

#include <backupmx/config.h>

#include "milter/scanners/patience.h"
#include "milter/scanners/reply.h"
#include "milter/scanners/spool.h"

/** Longest wait for a connection: a scanner is near, or it is away. */
#define BMX_SCAN_CONNECT_MS 900

/** A message and its envelope. Slices of the client are hostile. */
struct bmx_scan_message {
	const struct bmx_spool *spool; /* whole */
	struct bmx_arena *arena;       /* for what is kept of replies */
	struct bmx_slice queue_id;     /* may be empty */
	struct bmx_slice client;       /* address as text; may be empty */
	struct bmx_slice client_name;  /* empty: not known */
	struct bmx_slice helo;
	struct bmx_slice sender; /* without brackets */
	const struct bmx_slice *recipients;
	size_t recipient_count;
	const char *hostname; /* ours */
};

/** Once, before any other thread is started. Returns 0, or -1. */
int bmx_scan_global_init(void);

/**
 * Asks a scanner of that type at url, which the configuration has checked.
 * @return 0, or -1 with *err: BMX_E_CLOSED when nobody is there,
 *         BMX_E_TIMEOUT, BMX_E_SYNTAX when it answered, but not as it should,
 *         BMX_E_TOO_BIG (its reply, or the message for it), BMX_E_IO,
 *         BMX_E_NOMEM
 */
int bmx_scan_ask(enum bmx_config_scanner_type type, const char *url,
                 const struct bmx_scan_message *message,
                 struct bmx_patience *patience,
                 struct bmx_scan_reply *reply_out, struct bmx_error *err);

/** Is type one that speaks HTTP? */
bool bmx_scan_is_http(enum bmx_config_scanner_type type);

/** As bmx_scan_ask; url is a base such as "http://127.0.0.1:11333". */
int bmx_rspamd_ask(const char *url, const struct bmx_scan_message *message,
                   struct bmx_patience *patience,
                   struct bmx_scan_reply *reply_out, struct bmx_error *err);

/** As bmx_scan_ask; url is an endpoint. */
int bmx_spamd_ask(const char *url, const struct bmx_scan_message *message,
                  struct bmx_patience *patience,
                  struct bmx_scan_reply *reply_out, struct bmx_error *err);

/** As bmx_scan_ask; url is an endpoint. */
int bmx_clamd_ask(const char *url, const struct bmx_scan_message *message,
                  struct bmx_patience *patience,
                  struct bmx_scan_reply *reply_out, struct bmx_error *err);

#endif
