/*
 * stream.h - a client's byte stream on the loop: connect, TLS, read, write.
 *
 * Over libevent's bufferevents, so that SMTP and Redis share one transport.
 * The deadline of each wait is the owner's own timer, except for connecting
 * and securing, which end in BMX_STREAM_FAILED after the time given.
 *
 *	connecting --> open --secure--> securing --> open
 *	     \------------\-----------------\------> closed or failed: final
 *
 * One thread: that of the loop. A callback may free the stream it is called
 * for; after bmx_stream_free nothing calls back. Scenario tests run it on the
 * fake loop: time is theirs, the descriptors are real. The process ignores
 * SIGPIPE.
 */
#ifndef BACKUPMX_STREAM_H
#define BACKUPMX_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/slice.h>
#include <backupmx/tls_client.h>

/** Octets read ahead of the owner; then reading rests until it consumes. The
 * last read may go over it by BMX_STREAM_READ_MAX. */
#define BMX_STREAM_INPUT_MAX ((size_t)256 * 1024)
#define BMX_STREAM_READ_MAX ((size_t)16 * 1024)

enum bmx_stream_event {
	BMX_STREAM_CONNECTED, /* may be written to */
	BMX_STREAM_SECURED,   /* TLS is up, and what was asked is met */
	BMX_STREAM_DATA,      /* bmx_stream_input has grown */
	BMX_STREAM_DRAINED,   /* all that was written is with the kernel */
	BMX_STREAM_CLOSED,    /* the peer closed; input may still be read */
	BMX_STREAM_FAILED,    /* see err: BMX_E_TIMEOUT, BMX_E_REFUSED (the
	                       * certificate is not what was asked), BMX_E_IO,
	                       * BMX_E_CLOSED (while securing), BMX_E_NOMEM */
};

/** err is set for BMX_STREAM_FAILED alone and borrowed for the call. */
typedef void bmx_stream_cb(void *ctx, enum bmx_stream_event event,
                           const struct bmx_error *err);

struct bmx_stream;

/**
 * Starts to connect to address (IPv4, IPv6 or unix), for at most timeout_ms.
 * A failure that is known at once is told by the callback as well, from the
 * loop's next turn: this function never calls back itself.
 * @return the stream, which the caller frees, or NULL with *err (BMX_E_NOMEM,
 *         BMX_E_IO: no descriptor left)
 */
struct bmx_stream *bmx_stream_connect(struct bmx_loop *loop,
                                      const struct sockaddr *address,
                                      socklen_t len, int64_t timeout_ms,
                                      bmx_stream_cb *cb, void *ctx,
                                      struct bmx_error *err);

/** A stream over fd, which is connected, non-blocking and taken over, also
 * when this fails. BMX_STREAM_CONNECTED is told from the next turn. */
struct bmx_stream *bmx_stream_adopt(struct bmx_loop *loop, int fd,
                                    bmx_stream_cb *cb, void *ctx,
                                    struct bmx_error *err);

/**
 * Starts TLS on an open stream, for at most timeout_ms; then come
 * BMX_STREAM_SECURED or BMX_STREAM_FAILED.
 * @return 0, or -1 with *err: BMX_E_SYNTAX when there is input already, which
 *         a man in the middle may have sent (CVE-2011-0411); BMX_E_REFUSED
 *         when no TLSA record can be used; BMX_E_NOMEM. The stream is then
 *         good for nothing but to be freed.
 */
int bmx_stream_secure(struct bmx_stream *stream,
                      const struct bmx_tls_request *request, int64_t timeout_ms,
                      struct bmx_error *err);

/** Is TLS up? */
bool bmx_stream_is_secure(const struct bmx_stream *stream);

/**
 * Reads the certificate that the server has shown.
 * @return false when there is none: TLS is not up
 */
bool bmx_stream_certificate(const struct bmx_stream *stream,
                            struct bmx_tls_certificate *certificate_out);

/** What has arrived and was not consumed, in one piece; valid until the next
 * call for this stream. Empty when memory is short to join it. */
struct bmx_slice bmx_stream_input(struct bmx_stream *stream);

/** Drops the first len octets of the input, at most all. */
void bmx_stream_consume(struct bmx_stream *stream, size_t len);

/**
 * Appends octets, which are copied, to what is to be sent.
 * @return 0, or -1 with *err: BMX_E_NOMEM, BMX_E_CLOSED when the stream is
 *         not open
 */
int bmx_stream_write(struct bmx_stream *stream, struct bmx_slice octets,
                     struct bmx_error *err);

/** Octets written that the kernel has not taken. */
size_t bmx_stream_unsent(const struct bmx_stream *stream);

/** Closes, frees *stream and sets it to NULL. NULL is fine. What is unsent is
 * lost; TLS is not said goodbye to. The descriptor itself goes in the loop's
 * next turn, or with the loop. */
void bmx_stream_free(struct bmx_stream **stream);

#endif
