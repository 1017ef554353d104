#include "ctl/doctor/smtp_client.h"

#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <backupmx/clock.h>
#include <backupmx/stream.h>

struct bmxctl_smtp {
	struct bmx_loop *loop;
	struct bmx_stream *stream;
	struct bmx_timer *timer; /* of the wait that is going on */
	struct bmx_smtp_reply_parser parser;
	bool connected;
	bool secured;
	bool late;       /* the timer has run out */
	int64_t wait_ms; /* that it was set for */
	bool ended;      /* closed or failed: error says how */
	struct bmx_error error;
};

static void
on_event(void *ctx, enum bmx_stream_event event, const struct bmx_error *err)
{
	struct bmxctl_smtp *client = ctx;

	switch (event) {
	case BMX_STREAM_CONNECTED:
		client->connected = true;
		break;
	case BMX_STREAM_SECURED:
		client->secured = true;
		break;
	case BMX_STREAM_CLOSED:
		client->ended = true;
		(void)bmx_error_set(&client->error, BMX_E_CLOSED,
		                    "the server closed the connection");
		break;
	case BMX_STREAM_FAILED:
		client->ended = true;
		client->error = *err;
		break;
	case BMX_STREAM_DATA:
	case BMX_STREAM_DRAINED:
		break;
	}
}

static void
on_timer(void *ctx)
{
	struct bmxctl_smtp *client = ctx;

	client->late = true;
}

static socklen_t
socket_address(const struct bmx_target_address *address, uint16_t port,
               struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	memset(out, 0, sizeof(*out));
	if (address->family == AF_INET) {
		v4.sin_port = htons(port);
		memcpy(&v4.sin_addr, address->octets, sizeof(v4.sin_addr));
		memcpy(out, &v4, sizeof(v4));
		return (socklen_t)sizeof(v4);
	}
	v6.sin6_port = htons(port);
	memcpy(&v6.sin6_addr, address->octets, sizeof(v6.sin6_addr));
	memcpy(out, &v6, sizeof(v6));
	return (socklen_t)sizeof(v6);
}

struct bmxctl_smtp *
bmxctl_smtp_new(struct bmx_loop *loop, const struct bmx_target_address *address,
                uint16_t port, int64_t timeout_ms, struct bmx_error *err)
{
	struct bmxctl_smtp *client = calloc(1, sizeof(*client));
	struct sockaddr_storage to;
	const socklen_t len = socket_address(address, port, &to);

	if (client) {
		client->loop = loop;
		bmx_smtp_reply_parser_reset(&client->parser);
		client->timer = bmx_timer_new(loop, on_timer, client);
	}
	if (!client || !client->timer) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
		bmxctl_smtp_free(&client);
		return NULL;
	}
	client->stream =
		bmx_stream_connect(loop, (const struct sockaddr *)&to, len,
	                           timeout_ms, on_event, client, err);
	if (!client->stream)
		bmxctl_smtp_free(&client);
	return client;
}

void
bmxctl_smtp_free(struct bmxctl_smtp **client)
{
	struct bmxctl_smtp *old = *client;

	*client = NULL;
	if (!old)
		return;
	bmx_stream_free(&old->stream);
	if (old->timer)
		bmx_timer_free(old->loop, &old->timer);
	free(old);
}

static void
set_timer(struct bmxctl_smtp *client, int64_t deadline_us)
{
	const int64_t left_us =
		deadline_us - bmx_clock_mono_us(client->loop->clock);

	client->late = false;
	client->wait_ms = left_us > 0 ? left_us / 1000 + 1 : 0;
	bmx_timer_set(client->loop, client->timer, client->wait_ms);
}

static int
fail(const struct bmxctl_smtp *client, struct bmx_error *err)
{
	if (client->ended)
		*err = client->error;
	else
		(void)bmx_error_set(err, BMX_E_TIMEOUT,
		                    "no answer within %lld s",
		                    (long long)(client->wait_ms + 999) / 1000);
	return -1;
}

/* Turns the loop until *flag, the end of the stream, or the deadline. */
static int
wait_for(struct bmxctl_smtp *client, const bool *flag, int64_t deadline_us,
         struct bmx_error *err)
{
	set_timer(client, deadline_us);
	while (!*flag && !client->ended && !client->late)
		if (bmx_loop_turn(client->loop, true) != 0)
			break;
	bmx_timer_cancel(client->loop, client->timer);
	return *flag ? 0 : fail(client, err);
}

int
bmxctl_smtp_wait_connected(struct bmxctl_smtp *client, int64_t deadline_us,
                           struct bmx_error *err)
{
	return wait_for(client, &client->connected, deadline_us, err);
}

/* @return as bmx_smtp_reply_parser_next */
static int
take_reply(struct bmxctl_smtp *client, bmx_smtp_line_cb *on_line, void *ctx,
           struct bmx_smtp_reply *reply_out, struct bmx_error *err)
{
	const struct bmx_slice all = bmx_stream_input(client->stream);
	struct bmx_slice rest = all;
	int rc;

	if (all.len == 0)
		return 0;
	rc = bmx_smtp_reply_parser_next(&client->parser, &rest, on_line, ctx,
	                                reply_out, err);
	bmx_stream_consume(client->stream, all.len - rest.len);
	return rc;
}

int
bmxctl_smtp_reply(struct bmxctl_smtp *client, int64_t deadline_us,
                  bmx_smtp_line_cb *on_line, void *ctx,
                  struct bmx_smtp_reply *reply_out, struct bmx_error *err)
{
	int rc;

	set_timer(client, deadline_us);
	for (;;) {
		rc = take_reply(client, on_line, ctx, reply_out, err);
		if (rc != 0 || client->ended || client->late)
			break;
		if (bmx_loop_turn(client->loop, true) != 0)
			break;
	}
	bmx_timer_cancel(client->loop, client->timer);
	if (rc < 0)
		return -1;
	return rc > 0 ? 0 : fail(client, err);
}

int
bmxctl_smtp_send(struct bmxctl_smtp *client, const char *line,
                 struct bmx_error *err)
{
	if (bmx_stream_write(client->stream, bmx_slice_of(line), err) != 0)
		return -1;
	return bmx_stream_write(client->stream, BMX_SLICE("\r\n"), err);
}

int
bmxctl_smtp_secure(struct bmxctl_smtp *client,
                   const struct bmx_tls_request *request, int64_t deadline_us,
                   struct bmx_error *err)
{
	const int64_t left_ms =
		(deadline_us - bmx_clock_mono_us(client->loop->clock)) / 1000;

	if (bmx_stream_secure(client->stream, request,
	                      left_ms > 0 ? left_ms : 1, err) != 0)
		return -1;
	return wait_for(client, &client->secured, deadline_us, err);
}

bool
bmxctl_smtp_certificate(const struct bmxctl_smtp *client,
                        struct bmx_tls_certificate *certificate_out)
{
	return bmx_stream_certificate(client->stream, certificate_out);
}
