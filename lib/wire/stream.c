#include <backupmx/stream.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "tls.h"

/*
 * Deferred callbacks: libevent then calls us from the loop alone, never from
 * within a write, and a stream may be freed in any callback. The descriptor
 * and OpenSSL's object go with the bufferevent, when its last event is over.
 */
#define OPTIONS (BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS)

enum stream_state { CONNECTING, OPEN, SECURING, OVER };

struct bmx_stream {
	struct bmx_loop *loop;
	bmx_stream_cb *cb;
	void *ctx;
	enum stream_state state;
	/* Of connecting: libevent's own way to connect reports a connection
	 * that is there at once (a unix socket) as written data. */
	int fd; /* -1 as soon as bev has it */
	struct bmx_watch *watch;
	bool decided;            /* the outcome is known; the timer tells it */
	int errnum;              /* that outcome */
	struct bmx_timer *timer; /* of connecting and securing */
	int64_t timeout_ms;
	struct bufferevent *bev;
	bool secure;
	bool rests;        /* enough has been read ahead */
	bool owes_drained; /* something was written since the last DRAINED */
	enum bmx_tls_trust trust;
	char *name; /* whose certificate is asked for */
};

/* Quiet from now on: only what has arrived can be read. */
static void
stop(struct bmx_stream *stream)
{
	stream->state = OVER;
	bmx_timer_cancel(stream->loop, stream->timer);
	bmx_watch_free(stream->loop, &stream->watch);
	if (stream->bev)
		(void)bufferevent_disable(stream->bev, EV_READ | EV_WRITE);
}

static void
fail(struct bmx_stream *stream, const struct bmx_error *err)
{
	stop(stream);
	stream->cb(stream->ctx, BMX_STREAM_FAILED, err); /* may free it */
}

static void
fail_errno(struct bmx_stream *stream, int errnum, const char *what)
{
	struct bmx_error err;

	(void)bmx_error_set_errno(&err, errnum, "%s", what);
	if (err.code != BMX_E_TIMEOUT && err.code != BMX_E_NOMEM)
		err.code = BMX_E_IO;
	fail(stream, &err);
}

static size_t
input_len(const struct bmx_stream *stream)
{
	return evbuffer_get_length(bufferevent_get_input(stream->bev));
}

/*
 * Back-pressure by hand: at a high watermark libevent 2.1 calls back again
 * and again, and leaves octets within OpenSSL until more come from the peer.
 */
static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct bmx_stream *stream = ctx;

	if (stream->state != OPEN)
		return;
	if (input_len(stream) >= BMX_STREAM_INPUT_MAX) {
		(void)bufferevent_disable(bev, EV_READ);
		stream->rests = true;
	}
	stream->cb(stream->ctx, BMX_STREAM_DATA, NULL);
}

/* libevent also calls this when writing was merely enabled. */
static void
on_write(struct bufferevent *bev, void *ctx)
{
	struct bmx_stream *stream = ctx;

	(void)bev;
	if (stream->state != OPEN || !stream->owes_drained ||
	    bmx_stream_unsent(stream) > 0)
		return;
	stream->owes_drained = false;
	stream->cb(stream->ctx, BMX_STREAM_DRAINED, NULL);
}

static void
on_eof(struct bmx_stream *stream)
{
	struct bmx_error err;

	if (stream->state == SECURING) {
		(void)bmx_error_set(&err, BMX_E_CLOSED,
		                    "the server closed the connection when "
		                    "TLS was to begin");
		fail(stream, &err);
		return;
	}
	stop(stream);
	stream->cb(stream->ctx, BMX_STREAM_CLOSED, NULL);
}

static void
on_error(struct bmx_stream *stream, int errnum)
{
	SSL *ssl = bufferevent_openssl_get_ssl(stream->bev);
	struct bmx_error err;

	if (!ssl) {
		fail_errno(stream, errnum ? errnum : EIO,
		           "the connection broke");
		return;
	}
	bmx_tls_explain(ssl, bufferevent_get_openssl_error(stream->bev), errnum,
	                stream->trust, stream->name, &err);
	fail(stream, &err);
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	const int errnum = errno; /* put back by libevent for this call */
	struct bmx_stream *stream = ctx;

	(void)bev;
	if (stream->state == OVER)
		return;
	if (what & BEV_EVENT_CONNECTED) {
		bmx_timer_cancel(stream->loop, stream->timer);
		stream->state = OPEN;
		stream->secure = true;
		stream->cb(stream->ctx, BMX_STREAM_SECURED, NULL);
	} else if (what & BEV_EVENT_EOF) {
		on_eof(stream);
	} else if (what & BEV_EVENT_ERROR) {
		on_error(stream, errnum);
	}
}

static int
start_bev(struct bmx_stream *stream)
{
	bufferevent_setcb(stream->bev, on_read, on_write, on_event, stream);
	return bufferevent_enable(stream->bev, EV_READ | EV_WRITE);
}

/* Connecting has come to its end: 0, or the errno of its failure. */
static void
on_connected(struct bmx_stream *stream, int errnum)
{
	const int one = 1;

	bmx_timer_cancel(stream->loop, stream->timer);
	bmx_watch_free(stream->loop, &stream->watch);
	if (errnum != 0) {
		fail_errno(stream, errnum, "cannot connect");
		return;
	}
	/* Commands are written whole. Fails on unix sockets, which is fine. */
	(void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one,
	                 sizeof(one));
	stream->bev = bufferevent_socket_new(bmx_loop_event_base(stream->loop),
	                                     stream->fd, OPTIONS);
	if (!stream->bev) {
		fail_errno(stream, ENOMEM, "cannot connect");
		return;
	}
	stream->fd = -1;
	if (start_bev(stream) != 0) {
		fail_errno(stream, ENOMEM, "cannot connect");
		return;
	}
	stream->state = OPEN;
	stream->cb(stream->ctx, BMX_STREAM_CONNECTED, NULL);
}

static void
on_writable(void *ctx, unsigned events)
{
	struct bmx_stream *stream = ctx;
	int errnum = 0;
	socklen_t len = sizeof(errnum);

	(void)events;
	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &errnum, &len) != 0)
		errnum = errno;
	on_connected(stream, errnum);
}

static void
on_timer(void *ctx)
{
	struct bmx_stream *stream = ctx;
	struct bmx_error err;

	if (stream->decided && stream->state == CONNECTING) {
		on_connected(stream, stream->errnum);
		return;
	}
	(void)bmx_error_set(&err, BMX_E_TIMEOUT,
	                    stream->state == CONNECTING ?
	                            "no connection within %lld ms" :
	                            "no TLS within %lld ms",
	                    (long long)stream->timeout_ms);
	fail(stream, &err);
}

/* Takes fd over. */
static struct bmx_stream *
stream_new(struct bmx_loop *loop, int fd, bmx_stream_cb *cb, void *ctx,
           struct bmx_error *err)
{
	struct bmx_stream *stream = calloc(1, sizeof(*stream));

	if (stream) {
		stream->loop = loop;
		stream->cb = cb;
		stream->ctx = ctx;
		stream->fd = fd;
		stream->timer = bmx_timer_new(loop, on_timer, stream);
		if (stream->timer)
			return stream;
	}
	free(stream);
	(void)close(fd); /* nothing was written */
	(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short for a stream");
	return NULL;
}

static void
decide(struct bmx_stream *stream, int errnum)
{
	stream->decided = true;
	stream->errnum = errnum;
	bmx_timer_set(stream->loop, stream->timer, 0);
}

static int
await_connection(struct bmx_stream *stream, int64_t timeout_ms)
{
	stream->timeout_ms = timeout_ms;
	stream->watch =
		bmx_watch_new(stream->loop, stream->fd, on_writable, stream);
	if (!stream->watch ||
	    bmx_watch_set(stream->loop, stream->watch, BMX_WATCH_WRITE) != 0)
		return -1;
	bmx_timer_set(stream->loop, stream->timer, timeout_ms);
	return 0;
}

struct bmx_stream *
bmx_stream_connect(struct bmx_loop *loop, const struct sockaddr *address,
                   socklen_t len, int64_t timeout_ms, bmx_stream_cb *cb,
                   void *ctx, struct bmx_error *err)
{
	const int fd = socket(address->sa_family,
	                      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct bmx_stream *stream;

	if (fd < 0) {
		(void)bmx_error_set_errno(err, errno, "no socket");
		return NULL;
	}
	stream = stream_new(loop, fd, cb, ctx, err);
	if (!stream)
		return NULL;
	if (connect(fd, address, len) == 0) {
		decide(stream, 0);
	} else if (errno != EINPROGRESS && errno != EINTR) {
		decide(stream, errno);
	} else if (await_connection(stream, timeout_ms) != 0) {
		bmx_stream_free(&stream);
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "memory is short for a stream");
	}
	return stream;
}

struct bmx_stream *
bmx_stream_adopt(struct bmx_loop *loop, int fd, bmx_stream_cb *cb, void *ctx,
                 struct bmx_error *err)
{
	struct bmx_stream *stream = stream_new(loop, fd, cb, ctx, err);

	if (stream)
		decide(stream, 0);
	return stream;
}

/* Puts TLS over the descriptor of the plain bufferevent, which ends. */
static int
replace_bev(struct bmx_stream *stream, SSL *ssl)
{
	const int fd = bufferevent_getfd(stream->bev);

	(void)bufferevent_disable(stream->bev, EV_READ | EV_WRITE);
	(void)bufferevent_setfd(stream->bev, -1); /* so that it stays open */
	bufferevent_free(stream->bev);
	stream->bev = bufferevent_openssl_socket_new(
		bmx_loop_event_base(stream->loop), fd, ssl,
		BUFFEREVENT_SSL_CONNECTING, OPTIONS);
	if (!stream->bev) {
		(void)close(fd); /* libevent has freed ssl */
		return -1;
	}
	bufferevent_openssl_set_allow_dirty_shutdown(stream->bev, 1);
	return start_bev(stream);
}

static int
check_securable(const struct bmx_stream *stream, struct bmx_error *err)
{
	if (stream->state != OPEN || stream->secure)
		return bmx_error_set(err, BMX_E_CLOSED,
		                     "the connection is not open");
	if (input_len(stream) > 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "the server said more than was asked "
		                     "before TLS began");
	if (bmx_stream_unsent(stream) > 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "the server began TLS before it was "
		                     "asked to");
	return 0;
}

int
bmx_stream_secure(struct bmx_stream *stream,
                  const struct bmx_tls_request *request, int64_t timeout_ms,
                  struct bmx_error *err)
{
	SSL *ssl;

	if (check_securable(stream, err) != 0)
		goto failed;
	stream->trust = request->trust;
	stream->timeout_ms = timeout_ms;
	stream->name = strdup(request->name);
	if (!stream->name) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "memory is short for TLS");
		goto failed;
	}
	ssl = bmx_tls_start(request, err);
	if (!ssl)
		goto failed;
	if (replace_bev(stream, ssl) != 0) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "memory is short for TLS");
		goto failed;
	}
	stream->state = SECURING;
	stream->owes_drained = false;
	bmx_timer_set(stream->loop, stream->timer, timeout_ms);
	return 0;
failed:
	stop(stream);
	return -1;
}

bool
bmx_stream_is_secure(const struct bmx_stream *stream)
{
	return stream->secure;
}

bool
bmx_stream_certificate(const struct bmx_stream *stream,
                       struct bmx_tls_certificate *certificate_out)
{
	return stream->secure &&
		bmx_tls_read_certificate(
			bufferevent_openssl_get_ssl(stream->bev),
			certificate_out);
}

struct bmx_slice
bmx_stream_input(struct bmx_stream *stream)
{
	struct bmx_slice all = {NULL, 0};
	struct evbuffer *input;

	if (!stream->bev)
		return all;
	input = bufferevent_get_input(stream->bev);
	all.data = (const char *)evbuffer_pullup(input, -1);
	if (all.data)
		all.len = input_len(stream);
	return all;
}

void
bmx_stream_consume(struct bmx_stream *stream, size_t len)
{
	if (!stream->bev)
		return;
	/* Fails for a frozen buffer alone, and its front never is. */
	(void)evbuffer_drain(bufferevent_get_input(stream->bev), len);
	if (!stream->rests || stream->state == OVER ||
	    input_len(stream) >= BMX_STREAM_INPUT_MAX)
		return;
	stream->rests = false;
	/* Fails when memory is short: the owner's deadline then ends it. */
	(void)bufferevent_enable(stream->bev, EV_READ);
}

int
bmx_stream_write(struct bmx_stream *stream, struct bmx_slice octets,
                 struct bmx_error *err)
{
	if (stream->state != OPEN)
		return bmx_error_set(err, BMX_E_CLOSED,
		                     "the connection is not open");
	if (octets.len == 0)
		return 0;
	if (bufferevent_write(stream->bev, octets.data, octets.len) != 0)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "memory is short to write");
	stream->owes_drained = true;
	return 0;
}

size_t
bmx_stream_unsent(const struct bmx_stream *stream)
{
	if (!stream->bev)
		return 0;
	return evbuffer_get_length(bufferevent_get_output(stream->bev));
}

void
bmx_stream_free(struct bmx_stream **stream)
{
	struct bmx_stream *s = *stream;

	if (!s)
		return;
	*stream = NULL;
	bmx_timer_free(s->loop, &s->timer);
	bmx_watch_free(s->loop, &s->watch);
	if (s->bev)
		bufferevent_free(s->bev);
	if (s->fd >= 0)
		(void)close(s->fd); /* nothing was written */
	free(s->name);
	free(s);
}
