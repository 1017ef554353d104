/*
 * control_request.h - what backupmxctl and the milter say to a daemon's control socket.
 *
 * A request is one line: a verb and its arguments, separated by one blank,
 * ended by a line feed. The answer is one JSON object and the end of the
 * connection; `"ok": false` with `"error"` when it could not be done.
 */
#ifndef BACKUPMX_CONTROL_REQUEST_H
#define BACKUPMX_CONTROL_REQUEST_H

#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>

/** Most octets of a request, line feed included. */
#define BMX_CONTROL_REQUEST_MAX ((size_t)2048)
/** Most octets of an answer. */
#define BMX_CONTROL_ANSWER_MAX ((size_t)16 * 1024 * 1024)

enum bmx_control_verb {
	BMX_CONTROL_STATUS, /* status */
	BMX_CONTROL_LOOKUP, /* lookup ADDRESS */
	BMX_CONTROL_SYNC,   /* sync DOMAIN: bring its list now */
	BMX_CONTROL_RELOAD, /* reload: read the configuration again */
	BMX_CONTROL_PROBE,  /* probe ADDRESS: ask the primary now */
	BMX_CONTROL_FORGET, /* forget ADDRESS|DOMAIN: drop what was learnt */
	BMX_CONTROL_KEEP,   /* keep RECORD: take a line of record_line.h */
	/* gone ADDRESS: the primary refused a delivery to it with 5.1.1; the
	 * answer has "gone": "evicted", "noted" (a list holds it) or "hold"
	 * (the primary seems to have lost its users: keep the bounce). */
	BMX_CONTROL_GONE,
	BMX_CONTROL_VERBS
};

struct bmx_control_request {
	enum bmx_control_verb verb;
	struct bmx_slice argument; /* empty for verbs that take none */
};

/** The verb as it is written. */
const char *bmx_control_verb_name(enum bmx_control_verb verb);

/**
 * Reads a request from the octets that have come so far. What follows the
 * line feed is ignored: there is one request to a connection. An argument is
 * all that follows the verb's blank; it has no control characters and no
 * blank at its ends (a quoted local part may have blanks within).
 * @return 1 with *request_out borrowing from data; 0 when there is no line
 *         feed yet; -1 with *err (BMX_E_SYNTAX, BMX_E_TOO_BIG), final
 */
int bmx_control_request_parse(struct bmx_slice data,
                              struct bmx_control_request *request_out,
                              struct bmx_error *err);

#endif
