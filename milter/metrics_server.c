#include "milter/metrics_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <backupmx/clock.h>
#include <backupmx/slice.h>

struct bmx_metrics_server {
	int listen_fd;
	int end_fd; /* readable when the thread is to end */
	struct bmx_metrics *metrics;
	pthread_t thread;
};

struct peer {
	int fd;
	int64_t deadline_ms;
};

static bool
wait_for(const struct peer *peer, short events)
{
	struct pollfd ready = {.fd = peer->fd, .events = events};
	const int64_t left =
		peer->deadline_ms - bmx_clock_mono_ms(bmx_clock_system());

	return left > 0 && poll(&ready, 1, (int)left) == 1;
}

/* Reads to the empty line; false when it does not come in time or space. */
static bool
read_head(const struct peer *peer, char *head, size_t size)
{
	size_t len = 0;

	head[0] = '\0';
	while (!strstr(head, "\r\n\r\n") && !strstr(head, "\n\n")) {
		ssize_t got;

		if (len == size - 1 || !wait_for(peer, POLLIN))
			return false;
		got = recv(peer->fd, head + len, size - 1 - len, MSG_DONTWAIT);
		if (got <= 0)
			return false;
		len += (size_t)got;
		head[len] = '\0';
	}
	return true;
}

static void
send_all(const struct peer *peer, struct bmx_slice bytes)
{
	while (bytes.len > 0 && wait_for(peer, POLLOUT)) {
		const ssize_t sent = send(peer->fd, bytes.data, bytes.len,
		                          MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent <= 0)
			return;
		bytes.data += sent;
		bytes.len -= (size_t)sent;
	}
}

static void
respond(const struct peer *peer, const char *status, struct bmx_slice body)
{
	char head[256];
	const int len = snprintf(
		head, sizeof(head),
		"HTTP/1.1 %s\r\n"
		"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
		"Content-Length: %zu\r\nConnection: close\r\n\r\n",
		status, body.len);

	send_all(peer, (struct bmx_slice){head, (size_t)len});
	send_all(peer, body);
}

static void
respond_metrics(const struct peer *peer, struct bmx_metrics *metrics)
{
	size_t len = 0;
	char *text = bmx_metrics_render(metrics, &len);

	if (text)
		respond(peer, "200 OK", (struct bmx_slice){text, len});
	else
		respond(peer, "503 Service Unavailable",
		        BMX_SLICE("out of memory\n"));
	free(text);
}

/* Is the request "GET path", up to a blank or a query? */
static bool
gets(const char *head, const char *path)
{
	const size_t len = strlen(path);

	return strncmp(head, "GET ", 4) == 0 &&
		strncmp(head + 4, path, len) == 0 &&
		(head[4 + len] == ' ' || head[4 + len] == '?');
}

static void
serve(struct bmx_metrics_server *server, int fd)
{
	const struct peer peer = {
		.fd = fd,
		.deadline_ms = bmx_clock_mono_ms(bmx_clock_system()) +
			BMX_METRICS_CONNECTION_MS,
	};
	char head[BMX_METRICS_REQUEST_MAX];

	if (!read_head(&peer, head, sizeof(head)))
		respond(&peer, "400 Bad Request", BMX_SLICE("bad request\n"));
	else if (gets(head, "/metrics"))
		respond_metrics(&peer, server->metrics);
	else if (gets(head, "/healthz"))
		respond(&peer, "200 OK", BMX_SLICE("ok\n"));
	else
		respond(&peer, "404 Not Found", BMX_SLICE("not found\n"));
}

static void *
run(void *ctx)
{
	struct bmx_metrics_server *server = ctx;
	struct pollfd ready[2] = {
		{.fd = server->listen_fd, .events = POLLIN},
		{.fd = server->end_fd, .events = POLLIN},
	};

	for (;;) {
		int fd;

		if (poll(ready, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (ready[1].revents)
			return NULL;
		fd = accept(server->listen_fd, NULL, NULL);
		if (fd >= 0) {
			serve(server, fd);
			(void)close(fd);
		} else if (errno != EAGAIN && errno != EINTR &&
		           errno != ECONNABORTED) {
			/* Out of descriptors: they come back, or never do; no
			 * spinning in either case. */
			(void)poll(&ready[1], 1, 1000);
		}
	}
}

struct bmx_metrics_server *
bmx_metrics_server_new(int listen_fd, struct bmx_metrics *metrics,
                       struct bmx_error *err)
{
	struct bmx_metrics_server *server = calloc(1, sizeof(*server));
	const int end_fd = eventfd(0, EFD_CLOEXEC);

	if (server && end_fd >= 0) {
		*server = (struct bmx_metrics_server){
			.listen_fd = listen_fd,
			.end_fd = end_fd,
			.metrics = metrics,
		};
		if (pthread_create(&server->thread, NULL, run, server) == 0)
			return server;
	}
	(void)bmx_error_set(err, BMX_E_NOMEM,
	                    "no memory or thread for the metrics server");
	if (end_fd >= 0)
		(void)close(end_fd);
	(void)close(listen_fd);
	free(server);
	return NULL;
}

void
bmx_metrics_server_free(struct bmx_metrics_server **server)
{
	const uint64_t one = 1;

	if (!*server)
		return;
	if (write((*server)->end_fd, &one, sizeof(one)) == sizeof(one))
		(void)pthread_join((*server)->thread, NULL);
	(void)close((*server)->end_fd);
	(void)close((*server)->listen_fd);
	free(*server);
	*server = NULL;
}
