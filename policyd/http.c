#include "policyd/http.h"

#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <unistd.h>

/* How soon closed connections make room for those that wait, ms. */
#define SWEEP_MS 100

#define ALL_METHODS                                                            \
	(EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | \
	 EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |           \
	 EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

struct bmx_http {
	struct bmx_loop *loop;
	struct bmx_metrics *metrics;
	bmx_http_health_cb *health;
	void *ctx;
	struct evhttp *server;
	struct evconnlistener *listener; /* the server's */
	struct bmx_timer *sweep;
	/*
	 * evhttp 2.1 neither limits nor counts its connections. We make their
	 * bufferevents and keep a reference to each; one that evhttp has let
	 * go of has no callbacks any more.
	 */
	struct bufferevent *connections[BMX_HTTP_CONNECTIONS_MAX];
	size_t count;
};

static int
is_closed(struct bufferevent *bev)
{
	bufferevent_data_cb read_cb = NULL;
	bufferevent_data_cb write_cb = NULL;
	bufferevent_event_cb event_cb = NULL;

	bufferevent_getcb(bev, &read_cb, &write_cb, &event_cb, NULL);
	return !read_cb && !write_cb && !event_cb;
}

static void
drop_closed(struct bmx_http *http)
{
	size_t left = 0;

	for (size_t i = 0; i < http->count; i++) {
		struct bufferevent *bev = http->connections[i];

		if (is_closed(bev))
			(void)bufferevent_decref(bev); /* the last: freed */
		else
			http->connections[left++] = bev;
	}
	http->count = left;
}

static void
on_sweep(void *ctx)
{
	struct bmx_http *http = ctx;

	drop_closed(http);
	/* A failure leaves it disabled until the next sweep. */
	if (http->count < BMX_HTTP_CONNECTIONS_MAX)
		(void)evconnlistener_enable(http->listener);
	if (http->count > 0)
		bmx_timer_set(http->loop, http->sweep, SWEEP_MS);
}

/* Called by evhttp for each connection that it accepts. */
static struct bufferevent *
on_connection(struct event_base *base, void *ctx)
{
	struct bmx_http *http = ctx;
	/* With this option the descriptor is closed with the last reference,
	 * ours, when its events are gone; evhttp itself would close it under
	 * them, and its next user would get none. */
	struct bufferevent *bev =
		bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (!bev)
		return NULL; /* evhttp tries for itself, and fails */
	if (http->count == 0)
		bmx_timer_set(http->loop, http->sweep, SWEEP_MS);
	bufferevent_incref(bev);
	http->connections[http->count++] = bev;
	if (http->count == BMX_HTTP_CONNECTIONS_MAX)
		(void)evconnlistener_disable(http->listener);
	return bev;
}

static void
reply(struct evhttp_request *request, int code, const char *reason,
      const char *type, const char *body, size_t len)
{
	struct evbuffer *buffer = evbuffer_new();
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	if (!buffer || evbuffer_add(buffer, body, len) != 0 ||
	    evhttp_add_header(headers, "Content-Type", type) != 0)
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
	else
		evhttp_send_reply(request, code, reason, buffer);
	if (buffer)
		evbuffer_free(buffer);
}

static void
reply_line(struct evhttp_request *request, int code, const char *reason,
           const char *line)
{
	struct evbuffer *body = evbuffer_new();
	size_t len;

	if (!body || evbuffer_add_printf(body, "%s\n", line) < 0) {
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
	} else {
		const char *text = (const char *)evbuffer_pullup(body, -1);

		len = evbuffer_get_length(body);
		reply(request, code, reason, "text/plain; charset=utf-8", text,
		      len);
	}
	if (body)
		evbuffer_free(body);
}

static int
is_get(struct evhttp_request *request)
{
	if (evhttp_request_get_command(request) == EVHTTP_REQ_GET)
		return 1;
	(void)evhttp_add_header(evhttp_request_get_output_headers(request),
	                        "Allow", "GET");
	reply_line(request, HTTP_BADMETHOD, "Method Not Allowed",
	           "only GET is served");
	return 0;
}

static void
on_metrics(struct evhttp_request *request, void *ctx)
{
	struct bmx_http *http = ctx;
	size_t len = 0;
	char *text;

	if (!is_get(request))
		return;
	text = bmx_metrics_render(http->metrics, &len);
	if (text)
		reply(request, HTTP_OK, "OK", "text/plain; version=0.0.4", text,
		      len);
	else
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
	free(text);
}

static void
on_healthz(struct evhttp_request *request, void *ctx)
{
	struct bmx_http *http = ctx;
	const char *reason;

	if (!is_get(request))
		return;
	reason = http->health(http->ctx);
	if (reason)
		reply_line(request, HTTP_SERVUNAVAIL, "Service Unavailable",
		           reason);
	else
		reply_line(request, HTTP_OK, "OK", "ok");
}

static void
on_other(struct evhttp_request *request, void *ctx)
{
	(void)ctx;
	if (is_get(request))
		reply_line(request, HTTP_NOTFOUND, "Not Found",
		           "there are /metrics and /healthz");
}

/* Takes fd over, also when it fails. */
static int
bind_server(struct bmx_http *http, int fd)
{
	struct event_base *base = bmx_loop_event_base(http->loop);
	struct evconnlistener *listener;

	http->server = evhttp_new(base);
	listener = evconnlistener_new(
		base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
		0, fd);
	if (!listener) {
		(void)close(fd);
		return -1;
	}
	if (!http->server || !evhttp_bind_listener(http->server, listener)) {
		evconnlistener_free(listener);
		return -1;
	}
	http->listener = listener;
	return 0;
}

static int
set_up(struct bmx_http *http)
{
	struct evhttp *server = http->server;

	evhttp_set_allowed_methods(server, ALL_METHODS);
	evhttp_set_max_headers_size(server, BMX_HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(server, 0);
	evhttp_set_timeout(server, BMX_HTTP_TIMEOUT_S);
	evhttp_set_bevcb(server, on_connection, http);
	evhttp_set_gencb(server, on_other, http);
	http->sweep = bmx_timer_new(http->loop, on_sweep, http);
	return http->sweep &&
			evhttp_set_cb(server, "/metrics", on_metrics, http) ==
				0 &&
			evhttp_set_cb(server, "/healthz", on_healthz, http) ==
				0 ?
		0 :
		-1;
}

struct bmx_http *
bmx_http_new(struct bmx_loop *loop, int listen_fd, struct bmx_metrics *metrics,
             bmx_http_health_cb *health, void *ctx, struct bmx_error *err)
{
	struct bmx_http *http = calloc(1, sizeof(*http));

	if (!http) {
		(void)close(listen_fd);
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for HTTP");
		return NULL;
	}
	http->loop = loop;
	http->metrics = metrics;
	http->health = health;
	http->ctx = ctx;
	if (bind_server(http, listen_fd) != 0 || set_up(http) != 0) {
		bmx_http_free(&http);
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for HTTP");
		return NULL;
	}
	return http;
}

void
bmx_http_free(struct bmx_http **http)
{
	struct bmx_http *old = *http;

	if (!old)
		return;
	if (old->server)
		evhttp_free(old->server);
	for (size_t i = 0; i < old->count; i++)
		(void)bufferevent_decref(old->connections[i]);
	bmx_timer_free(old->loop, &old->sweep);
	free(old);
	*http = NULL;
}
