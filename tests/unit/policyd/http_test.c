/* The HTTP server on a real loop; client and server share the thread. */
#include "policyd/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

#define TURNS_MAX 2000

struct bench {
	struct bmx_loop *loop;
	struct bmx_metrics *metrics;
	struct bmx_http *http;
	struct sockaddr_in address;
	const char *sick; /* why health says no */
	int free_fd;      /* the lowest, before all */
	char heard[16 * 1024];
};

static const char *
on_health(void *ctx)
{
	const struct bench *bench = ctx;

	return bench->sick;
}

/* The lowest free descriptor: grows when one is leaked. */
static int
lowest_fd(void)
{
	const int fd = dup(STDERR_FILENO);

	(void)close(fd);
	return fd;
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	socklen_t len = sizeof(bench->address);
	const int free_fd = lowest_fd();
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct bmx_error err;

	assert_non_null(bench);
	bench->free_fd = free_fd;
	bench->address.sin_family = AF_INET;
	bench->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(
		bind(fd, (const struct sockaddr *)&bench->address, len), 0);
	assert_int_equal(
		getsockname(fd, (struct sockaddr *)&bench->address, &len), 0);
	assert_int_equal(listen(fd, 256), 0);
	bench->loop = bmx_loop_new();
	bench->metrics = bmx_metrics_new();
	bmx_metric_add(bmx_metrics_counter(bench->metrics, "test_total",
	                                   "For a test", NULL, 0),
	               3);
	bench->http = bmx_http_new(bench->loop, fd, bench->metrics, on_health,
	                           bench, &err);
	assert_non_null(bench->http);
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *bench = *state;

	bmx_http_free(&bench->http);
	assert_null(bench->http);
	bmx_metrics_free(&bench->metrics);
	bmx_loop_free(&bench->loop);
	assert_int_equal(lowest_fd(), bench->free_fd);
	free(bench);
	return 0;
}

static int
dial(struct bench *bench)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&bench->address,
	                         sizeof(bench->address)),
	                 0);
	return fd;
}

static void
turn(struct bench *bench)
{
	assert_int_equal(bmx_loop_turn(bench->loop, false), 0);
	(void)usleep(500);
}

/* Reads until the answer holds want or the connection ends; false then. */
static bool
hear(struct bench *bench, int fd, const char *want)
{
	size_t len = 0;

	for (size_t i = 0; i < TURNS_MAX; i++) {
		ssize_t got;

		turn(bench);
		got = recv(fd, bench->heard + len,
		           sizeof(bench->heard) - 1 - len, MSG_DONTWAIT);
		if (got == 0)
			return false;
		if (got > 0)
			len += (size_t)got;
		bench->heard[len] = '\0';
		if (strstr(bench->heard, want))
			return true;
	}
	return false;
}

static void
expect(struct bench *bench, const char *request, const char *status,
       const char *want)
{
	const int fd = dial(bench);

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL),
	                 strlen(request));
	if (!hear(bench, fd, want))
		fail_msg("no \"%s\" in: %s", want, bench->heard);
	if (strncmp(bench->heard, status, strlen(status)) != 0)
		fail_msg("no \"%s\" in: %s", status, bench->heard);
	(void)close(fd);
}

#define HOST "Host: a.test\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static void
metrics(void **state)
{
	expect(*state, GET("/metrics"), "HTTP/1.1 200 OK\r\n",
	       "\ntest_total 3\n");
	expect(*state, GET("/metrics"), "HTTP/1.1 200 OK\r\n",
	       "Content-Type: text/plain; version=0.0.4\r\n");
	expect(*state, "GET /metrics?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ",
	       "\ntest_total 3\n");
}

static void
healthz(void **state)
{
	struct bench *bench = *state;

	expect(bench, GET("/healthz"), "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n");
	bench->sick = "the list store cannot be read";
	expect(bench, GET("/healthz"), "HTTP/1.1 503 ",
	       "\r\n\r\nthe list store cannot be read\n");
}

static void
others(void **state)
{
	expect(*state, GET("/"), "HTTP/1.1 404 ", "\r\n\r\n");
	expect(*state, GET("/metrics/"), "HTTP/1.1 404 ", "\r\n\r\n");
	expect(*state, "DELETE /metrics HTTP/1.1\r\n" HOST "\r\n",
	       "HTTP/1.1 405 ", "Allow: GET\r\n");
	expect(*state, "HEAD /healthz HTTP/1.1\r\n" HOST "\r\n",
	       "HTTP/1.1 405 ", "\r\n\r\n");
	expect(*state,
	       "PUT /other HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
	       "HTTP/1.1 405 ", "\r\n\r\n");
}

static void
body(void **state)
{
	struct bench *bench = *state;
	static const char request[] = "POST /metrics HTTP/1.1\r\n" HOST
				      "Content-Length: 5\r\n\r\nhello";
	const int fd = dial(bench);

	(void)send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	(void)hear(bench, fd, "\r\n\r\n");
	assert_null(strstr(bench->heard, "test_total"));
	assert_null(strstr(bench->heard, "200 OK"));
	(void)close(fd);
}

static void
large_headers(void **state)
{
	struct bench *bench = *state;
	static char request[3 * BMX_HTTP_HEADERS_MAX];
	const int fd = dial(bench);

	memset(request, 'x', sizeof(request));
	memcpy(request, "GET /metrics HTTP/1.1\r\nX: ", 26);
	(void)send(fd, request, sizeof(request), MSG_NOSIGNAL);
	(void)hear(bench, fd, "\r\n\r\n");
	assert_null(strstr(bench->heard, "test_total"));
	(void)close(fd);
}

static void
garbage(void **state)
{
	struct bench *bench = *state;
	static const char *const requests[] = {
		"\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01\r\n\r\n",
		"GET /metrics HTTP/9.9\r\n\r\n",
		"GET http://[::1/metrics HTTP/1.1\r\n\r\n"};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const int fd = dial(bench);

		(void)send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL);
		for (size_t turns = 0; turns < 20; turns++)
			turn(bench);
		(void)close(fd);
	}
	expect(bench, GET("/healthz"), "HTTP/1.1 200 OK\r\n", "ok\n");
}

static void
many_connections(void **state)
{
	struct bench *bench = *state;
	int fds[BMX_HTTP_CONNECTIONS_MAX];

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < BMX_HTTP_CONNECTIONS_MAX; i++)
			fds[i] = dial(bench);
		for (size_t turns = 0; turns < 50; turns++)
			turn(bench);
		/* All places are taken: the next one is not served... */
		const int waits = dial(bench);

		(void)send(waits, GET("/healthz"), strlen(GET("/healthz")),
		           MSG_NOSIGNAL);
		for (size_t turns = 0; turns < 300; turns++)
			turn(bench);
		assert_int_equal(recv(waits, bench->heard, 1, MSG_DONTWAIT),
		                 -1);
		/* ...until one of them goes. */
		(void)close(fds[0]);
		assert_true(hear(bench, waits, "ok\n"));
		for (size_t i = 1; i < BMX_HTTP_CONNECTIONS_MAX; i++)
			(void)close(fds[i]);
		(void)close(waits);
	}
}

static void
kept_alive(void **state)
{
	struct bench *bench = *state;
	const int fd = dial(bench);

	for (size_t i = 0; i < 3; i++) {
		(void)send(fd, GET("/healthz"), strlen(GET("/healthz")),
		           MSG_NOSIGNAL);
		assert_true(hear(bench, fd, "ok\n"));
		for (size_t turns = 0; turns < 250; turns++)
			turn(bench); /* a sweep must not take it for closed */
	}
	(void)close(fd);
}

static void
freed_while_used(void **state)
{
	struct bench *bench = *state;
	const int fd = dial(bench);

	(void)send(fd, "GET /met", 8, MSG_NOSIGNAL);
	for (size_t turns = 0; turns < 10; turns++)
		turn(bench);
	bmx_http_free(&bench->http);
	(void)close(fd);
}

static void
times_out(void **state)
{
	struct bench *bench = *state;
	const int fd = dial(bench);
	size_t turns = 0;

	(void)send(fd, "GET /met", 8, MSG_NOSIGNAL);
	while (!hear(bench, fd, "never") && turns++ < 6)
		if (recv(fd, bench->heard, 1, MSG_DONTWAIT) == 0)
			break;
	assert_int_equal(recv(fd, bench->heard, 1, MSG_DONTWAIT), 0);
	(void)close(fd);
}

#define CASE(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE("metrics", metrics),
		CASE("health, good and bad", healthz),
		CASE("other paths and methods", others),
		CASE("a body is refused", body),
		CASE("headers past the limit are refused", large_headers),
		CASE("garbage is survived", garbage),
		CASE("connections past the limit wait", many_connections),
		CASE("a connection may ask again", kept_alive),
		CASE("freed with a request half read", freed_while_used),
		CASE("a connection that says nothing is closed", times_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
