/*
 * policy_request.h - Postfix policy requests: incremental parser and builder.
 *
 * One parser serves one client connection: feed it bytes as they arrive and
 * it yields a request at each empty line. It does no I/O, reads no clock and
 * writes no log; its owner does. Not to be shared between threads.
 *
 * Wire format: Postfix SMTPD_POLICY_README, "Protocol description".
 */
#ifndef BACKUPMX_POLICY_REQUEST_H
#define BACKUPMX_POLICY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>
#include <backupmx/text.h>

/** Most octets one request may take, line ends included. */
#define BMX_POLICY_REQUEST_MAX ((size_t)16 * 1024)

/** The attributes that are used; all others are skipped. */
struct bmx_policy_request {
	struct bmx_slice request;        /* "smtpd_access_policy" */
	struct bmx_slice protocol_state; /* "RCPT", "DATA", "VRFY", ... */
	struct bmx_slice instance;       /* same for all of one message */
	struct bmx_slice queue_id;       /* empty before the first valid RCPT */
	struct bmx_slice client_address; /* as text, not yet validated */
	struct bmx_slice client_name;
	struct bmx_slice helo_name;
	struct bmx_slice sender;        /* empty is <>, RFC 5321 4.5.5 */
	struct bmx_slice recipient;     /* empty after RCPT if several */
	struct bmx_slice size;          /* MAIL SIZE= in octets, "0" unknown */
	struct bmx_slice sasl_username; /* empty: not authenticated */
	struct bmx_slice stress;        /* "yes" when Postfix is overloaded */
};

struct bmx_policy_parser;

/** Returns a parser the caller frees, or NULL when memory is short. */
struct bmx_policy_parser *bmx_policy_parser_new(void);

/** Frees *parser and sets it to NULL. *parser may already be NULL. */
void bmx_policy_parser_free(struct bmx_policy_parser **parser);

/**
 * Room for the next bytes: the caller reads into *space_out and tells how
 * many it got with bmx_policy_parser_filled. Slices of requests taken before
 * are void after this call. An idle parser holds no buffer; this call may
 * allocate one. Take all whole requests out before: what is held counts
 * towards the limit.
 * @return octets of room, at least 1, or 0 with *err set: BMX_E_TOO_BIG when
 *         a request passes BMX_POLICY_REQUEST_MAX, BMX_E_NOMEM. Both are
 *         final: close the connection.
 */
size_t bmx_policy_parser_space(struct bmx_policy_parser *parser,
                               char **space_out, struct bmx_error *err);

/** Says that len octets, at most the room, were put into the space. */
void bmx_policy_parser_filled(struct bmx_policy_parser *parser, size_t len);

/**
 * Takes the next whole request out of the fed bytes. A repeated attribute
 * keeps its first value; unknown ones are skipped, as new releases add some.
 * @return 1 with *request_out borrowing from the parser until its next _space
 *         or _free; 0 when more bytes are needed; -1 with *err set to
 *         BMX_E_SYNTAX (a line without '=', or a NUL), which is final
 */
int bmx_policy_parser_next(struct bmx_policy_parser *parser,
                           struct bmx_policy_request *request_out,
                           struct bmx_error *err);

/** Does the parser hold part of a request? */
bool bmx_policy_parser_pending(const struct bmx_policy_parser *parser);

/** Gives an idle parser's buffer back, so that idle connections cost little.
 * Does nothing while part of a request is held. */
void bmx_policy_parser_rest(struct bmx_policy_parser *parser);

/**
 * Writes a request as Postfix would: the attributes that are not empty, and
 * an empty line. Values with a NUL or a line feed are refused.
 * @return 0, or -1 when a value cannot be sent or text is too small
 */
int bmx_policy_request_append(struct bmx_text *text,
                              const struct bmx_policy_request *request);

#endif
