/*
 * control.h - the control socket: what backupmxctl asks of the daemon.
 *
 * A client says one line (control_request.h) and gets one JSON object and the
 * end of the connection. At most BMX_CONTROL_CONNECTIONS_MAX are served at a
 * time, the others wait to be accepted; each has BMX_CONTROL_TIME_MAX_MS from
 * its first to its last octet, so that one that neither speaks nor reads is
 * cut. A probe ends with the client's side of the connection. One thread: that
 * of the loop.
 */
#ifndef BACKUPMX_POLICYD_CONTROL_H
#define BACKUPMX_POLICYD_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/slice.h>

/** Connections served at a time. */
#define BMX_CONTROL_CONNECTIONS_MAX ((size_t)32)
/** How long one may take in all, ms. */
#define BMX_CONTROL_TIME_MAX_MS ((int64_t)10 * 1000)
/** Probes at a time: each opens a connection to a primary, past call-ahead's
 * own limits, and keeps one of ours. */
#define BMX_CONTROL_PROBES_MAX ((size_t)4)
/** Octets of a text in an answer; bmx_control_text cuts longer ones. */
#define BMX_CONTROL_TEXT_MAX ((size_t)1024)

struct json_t; /* jansson's */

/** Takes the answer to a request that had to wait; root is taken over, NULL
 * means that memory is short. */
typedef void bmx_control_answered_cb(void *answered_ctx, struct json_t *root);

struct bmx_probe_command; /* probe_command.h */

/**
 * What the verbs do. status and lookup return a new JSON object, which is
 * taken over, or NULL when memory is short. probe answers later, from a turn
 * of the loop, through answered, and returns a handle for unprobe; or NULL
 * with *err. The others return 0, or -1 with *err, whose text goes to the
 * client. Arguments are the client's octets, of any content, and are borrowed
 * for the call.
 */
struct bmx_control_handlers {
	struct json_t *(*status)(void *ctx);
	struct json_t *(*lookup)(void *ctx, struct bmx_slice address);
	int (*sync)(void *ctx, struct bmx_slice domain, struct bmx_error *err);
	int (*reload)(void *ctx, struct bmx_error *err);
	struct bmx_probe_command *(*probe)(void *ctx, struct bmx_slice address,
	                                   bmx_control_answered_cb *answered,
	                                   void *answered_ctx,
	                                   struct bmx_error *err);
	/* answered will not be called: who asked is gone. */
	void (*unprobe)(void *ctx, struct bmx_probe_command **command);
	int (*forget)(void *ctx, struct bmx_slice what, struct bmx_error *err);
	int (*keep)(void *ctx, struct bmx_slice record, struct bmx_error *err);
	/* As lookup. */
	struct json_t *(*gone)(void *ctx, struct bmx_slice address);
	void *ctx; /* handed to all */
};

struct bmx_control;

/**
 * Serves listen_fd, which is non-blocking and is taken over, also when this
 * fails. handlers is copied.
 * @return a server the caller frees before the loop, or NULL with *err
 *         (BMX_E_NOMEM)
 */
struct bmx_control *bmx_control_new(struct bmx_loop *loop, int listen_fd,
                                    const struct bmx_control_handlers *handlers,
                                    struct bmx_error *err);

/** Closes the listener and all connections, frees *control and sets it to NULL. NULL is fine.
 * Not from a handler. */
void bmx_control_free(struct bmx_control **control);

/** Ends the probes under way, whose clients are told why: what they work with
 * is about to change. */
void bmx_control_end_probes(struct bmx_control *control, const char *why);

/** Connections now. */
size_t bmx_control_connections(const struct bmx_control *control);

/** {"ok": false, "error": text}; text of any content. NULL when memory is
 * short. */
struct json_t *bmx_control_error(const char *text);

/** A JSON string of octets of any content: what is not printable UTF-8
 * becomes '?', what is too long is cut. NULL when memory is short. */
struct json_t *bmx_control_text(struct bmx_slice octets);

#endif
