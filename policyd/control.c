/* accept4 */
#define _GNU_SOURCE
#include "policyd/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include <backupmx/control_request.h>
#include <backupmx/text.h>

/* Pause when the system gives no descriptor for a connection, ms. */
#define ACCEPT_PAUSE_MS 1000

/*
 *	READING -> (PROBING ->) WRITING -> free
 *
 * Each state can also end by an error or the timer.
 */
struct connection {
	struct bmx_control *control;
	struct connection *next;
	int fd;
	struct bmx_watch *watch;
	struct bmx_timer *timer;
	size_t in_len;
	struct bmx_probe_command *probe; /* while PROBING */
	char *answer;                    /* NULL before WRITING */
	size_t answer_len;
	size_t answer_off; /* already written */
	char in[BMX_CONTROL_REQUEST_MAX];
};

struct bmx_control {
	struct bmx_loop *loop;
	struct bmx_control_handlers handlers;
	int listen_fd;
	struct bmx_watch *listener;
	struct bmx_timer *pause; /* set while the system has no descriptors */
	bool paused;
	struct connection *connections;
	size_t count;
};

json_t *
bmx_control_text(struct bmx_slice octets)
{
	char clean[BMX_CONTROL_TEXT_MAX + 1];
	struct bmx_text text;

	bmx_text_init(&text, clean, sizeof(clean));
	bmx_text_append_clean(&text, octets, BMX_CONTROL_TEXT_MAX);
	return json_stringn(text.data, text.len);
}

json_t *
bmx_control_error(const char *text)
{
	return json_pack("{s:b, s:o}", "ok", 0, "error",
	                 bmx_control_text(bmx_slice_of(text)));
}

/* Waits for connections unless there are enough or descriptors ran out. */
static void
listen_again(struct bmx_control *control)
{
	const bool wanted = !control->paused &&
		control->count < BMX_CONTROL_CONNECTIONS_MAX;

	if (bmx_watch_set(control->loop, control->listener,
	                  wanted ? BMX_WATCH_READ : 0) == 0 ||
	    !wanted)
		return;
	control->paused = true;
	bmx_timer_set(control->loop, control->pause, ACCEPT_PAUSE_MS);
}

static void
on_pause_over(void *ctx)
{
	struct bmx_control *control = ctx;

	control->paused = false;
	listen_again(control);
}

/* Gives back what an unlinked connection holds. */
static void
release(struct connection *connection)
{
	struct bmx_control *control = connection->control;
	struct bmx_loop *loop = control->loop;

	if (connection->probe)
		control->handlers.unprobe(control->handlers.ctx,
		                          &connection->probe);
	bmx_watch_free(loop, &connection->watch);
	bmx_timer_free(loop, &connection->timer);
	(void)close(connection->fd);
	free(connection->answer);
	free(connection);
}

static void
connection_free(struct connection *connection)
{
	struct bmx_control *control = connection->control;
	struct connection **at = &control->connections;

	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	control->count--;
	release(connection);
}

static void
end_connection(struct connection *connection)
{
	struct bmx_control *control = connection->control;

	connection_free(connection);
	listen_again(control);
}

static void
on_time_over(void *ctx)
{
	end_connection(ctx);
}

static json_t *
json_of(int rc, const struct bmx_error *err)
{
	return rc == 0 ? json_pack("{s:b}", "ok", 1) :
			 bmx_control_error(err->text);
}

static void answer(struct connection *connection, json_t *root);

static void
on_probed(void *ctx, json_t *root)
{
	struct connection *connection = ctx;

	connection->probe = NULL;
	answer(connection, root);
}

static size_t
probes_under_way(const struct bmx_control *control)
{
	size_t count = 0;

	for (const struct connection *c = control->connections; c; c = c->next)
		count += c->probe != NULL;
	return count;
}

/* @return NULL when it is under way */
static json_t *
probe(struct connection *connection, struct bmx_slice address)
{
	struct bmx_control *control = connection->control;
	const struct bmx_control_handlers *with = &control->handlers;
	struct bmx_error err = {0};

	if (probes_under_way(control) == BMX_CONTROL_PROBES_MAX)
		return bmx_control_error("too many probes are under way, try "
		                         "again in a while");
	connection->probe =
		with->probe(with->ctx, address, on_probed, connection, &err);
	return connection->probe ? NULL : bmx_control_error(err.text);
}

/* The answer to a verb that acts at once. */
static json_t *
handle(struct bmx_control *control, const struct bmx_control_request *request)
{
	const struct bmx_control_handlers *with = &control->handlers;
	struct bmx_error err = {0};

	switch (request->verb) {
	case BMX_CONTROL_STATUS:
		return with->status(with->ctx);
	case BMX_CONTROL_LOOKUP:
		return with->lookup(with->ctx, request->argument);
	case BMX_CONTROL_SYNC:
		return json_of(with->sync(with->ctx, request->argument, &err),
		               &err);
	case BMX_CONTROL_RELOAD:
		return json_of(with->reload(with->ctx, &err), &err);
	case BMX_CONTROL_FORGET:
		return json_of(with->forget(with->ctx, request->argument, &err),
		               &err);
	case BMX_CONTROL_KEEP:
		return json_of(with->keep(with->ctx, request->argument, &err),
		               &err);
	case BMX_CONTROL_GONE:
		return with->gone(with->ctx, request->argument);
	case BMX_CONTROL_PROBE:
	case BMX_CONTROL_VERBS:
		break;
	}
	return bmx_control_error("no such request");
}

/* A terminated line of JSON that the caller frees, or NULL; takes root. */
static char *
line_of(json_t *root, size_t *len_out)
{
	const size_t len = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
	char *line = NULL;

	if (len > 0 && len < BMX_CONTROL_ANSWER_MAX)
		line = malloc(len + 1);
	if (line) {
		(void)json_dumpb(root, line, len, JSON_COMPACT);
		line[len] = '\n';
		*len_out = len + 1;
	}
	json_decref(root);
	return line;
}

static void
on_writable(struct connection *connection)
{
	const ssize_t done = send(
		connection->fd, connection->answer + connection->answer_off,
		connection->answer_len - connection->answer_off, MSG_NOSIGNAL);

	if (done < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (done > 0)
		connection->answer_off += (size_t)done;
	if (done < 0 || connection->answer_off == connection->answer_len)
		end_connection(connection);
}

/* Most answers fit into the socket's buffer and are gone at once. */
static void
answer(struct connection *connection, json_t *root)
{
	struct bmx_control *control = connection->control;

	connection->answer = line_of(root, &connection->answer_len);
	if (!connection->answer)
		connection->answer =
			line_of(bmx_control_error("no answer: memory is short "
		                                  "or it is too long"),
		                &connection->answer_len);
	if (!connection->answer ||
	    bmx_watch_set(control->loop, connection->watch, BMX_WATCH_WRITE) !=
	            0) {
		end_connection(connection);
		return;
	}
	on_writable(connection);
}

static void
serve(struct connection *connection, const struct bmx_control_request *request)
{
	json_t *root;

	if (request->verb != BMX_CONTROL_PROBE) {
		answer(connection, handle(connection->control, request));
		return;
	}
	root = probe(connection, request->argument);
	if (root)
		answer(connection, root);
}

static void
on_octets(struct connection *connection)
{
	struct bmx_control_request request;
	struct bmx_error err;
	const int got = bmx_control_request_parse(
		(struct bmx_slice){connection->in, connection->in_len},
		&request, &err);

	if (got < 0)
		answer(connection, bmx_control_error(err.text));
	else if (got > 0)
		serve(connection, &request);
	else if (connection->in_len == sizeof(connection->in))
		answer(connection,
		       bmx_control_error("the request is too long"));
}

static void
on_readable(struct connection *connection)
{
	const size_t len = connection->probe ? 0 : connection->in_len;
	const ssize_t got = recv(connection->fd, connection->in + len,
	                         sizeof(connection->in) - len, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_connection(connection);
		return;
	}
	if (connection->probe)
		return; /* it has said all that it may */
	connection->in_len += (size_t)got;
	on_octets(connection);
}

static void
on_ready(void *ctx, unsigned events)
{
	struct connection *connection = ctx;

	(void)events; /* it waits for one thing at a time */
	if (connection->answer)
		on_writable(connection);
	else
		on_readable(connection);
}

/* Serves fd, or closes it when memory is short. */
static void
connection_new(struct bmx_control *control, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		(void)close(fd);
		return;
	}
	connection->control = control;
	connection->fd = fd;
	connection->next = control->connections;
	control->connections = connection;
	control->count++;
	connection->watch =
		bmx_watch_new(control->loop, fd, on_ready, connection);
	connection->timer =
		bmx_timer_new(control->loop, on_time_over, connection);
	if (!connection->watch || !connection->timer ||
	    bmx_watch_set(control->loop, connection->watch, BMX_WATCH_READ) !=
	            0) {
		connection_free(connection);
		return;
	}
	bmx_timer_set(control->loop, connection->timer,
	              BMX_CONTROL_TIME_MAX_MS);
}

/* Is the failed accept about that one connection, not about us? */
static bool
is_passing(int errnum)
{
	return errnum == EAGAIN || errnum == EINTR || errnum == ECONNABORTED;
}

static void
on_connect(void *ctx, unsigned events)
{
	struct bmx_control *control = ctx;
	const int fd = accept4(control->listen_fd, NULL, NULL,
	                       SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0) {
		connection_new(control, fd);
	} else if (!is_passing(errno)) {
		/* EMFILE, ENFILE, ENOMEM: the connection stays in the
		 * backlog, the listener readable; without a pause we spin. */
		control->paused = true;
		bmx_timer_set(control->loop, control->pause, ACCEPT_PAUSE_MS);
	}
	listen_again(control);
}

struct bmx_control *
bmx_control_new(struct bmx_loop *loop, int listen_fd,
                const struct bmx_control_handlers *handlers,
                struct bmx_error *err)
{
	struct bmx_control *control = calloc(1, sizeof(*control));

	if (!control) {
		(void)close(listen_fd);
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for the control socket");
		return NULL;
	}
	control->loop = loop;
	control->handlers = *handlers;
	control->listen_fd = listen_fd;
	control->listener = bmx_watch_new(loop, listen_fd, on_connect, control);
	control->pause = bmx_timer_new(loop, on_pause_over, control);
	if (!control->listener || !control->pause) {
		bmx_control_free(&control);
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for the control socket");
		return NULL;
	}
	listen_again(control);
	return control;
}

void
bmx_control_free(struct bmx_control **control)
{
	struct bmx_control *old = *control;

	if (!old)
		return;
	for (struct connection *c = old->connections, *next; c; c = next) {
		next = c->next;
		release(c);
	}
	bmx_watch_free(old->loop, &old->listener);
	bmx_timer_free(old->loop, &old->pause);
	(void)close(old->listen_fd);
	free(old);
	*control = NULL;
}

void
bmx_control_end_probes(struct bmx_control *control, const char *why)
{
	struct connection *next;

	for (struct connection *c = control->connections; c; c = next) {
		next = c->next;
		if (!c->probe)
			continue;
		control->handlers.unprobe(control->handlers.ctx, &c->probe);
		answer(c, bmx_control_error(why));
	}
}

size_t
bmx_control_connections(const struct bmx_control *control)
{
	return control->count;
}
