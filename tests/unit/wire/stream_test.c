/* Streams without TLS, on the fake loop: time is ours, sockets are real. */
#include "tests/support/cmocka.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <backupmx/stream.h>

#include "tests/support/fake_loop.h"

#define WALL_MS INT64_C(1790000000000)
#define TIMEOUT_MS 1000
/* Turns of at most 1 ms of real time to wait for what must come. */
#define TURNS 5000
#define INPUT_MOST (BMX_STREAM_INPUT_MAX + BMX_STREAM_READ_MAX)

struct fixture {
	struct bmx_loop *loop;
	struct bmx_stream *stream;
	unsigned told[BMX_STREAM_FAILED + 1]; /* how often each event */
	struct bmx_error err;                 /* of FAILED */
	int free_at;                          /* event; -1: never */
	int peer;
};

static void
on_event(void *ctx, enum bmx_stream_event event, const struct bmx_error *err)
{
	struct fixture *fx = ctx;

	assert_non_null(fx->stream); /* never after the free */
	assert_int_equal(err != NULL, event == BMX_STREAM_FAILED);
	fx->told[event]++;
	if (err)
		fx->err = *err;
	if ((int)event == fx->free_at)
		bmx_stream_free(&fx->stream);
}

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	(void)signal(SIGPIPE, SIG_IGN);
	fx->loop = fake_loop_new(WALL_MS);
	fx->free_at = -1;
	fx->peer = -1;
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;

	bmx_stream_free(&fx->stream);
	fake_loop_free(&fx->loop);
	if (fx->peer >= 0)
		(void)close(fx->peer);
	free(fx);
	return 0;
}

static void
await(struct fixture *fx, enum bmx_stream_event event)
{
	for (int i = 0; i < TURNS && fx->told[event] == 0; i++) {
		fake_loop_settle(fx->loop);
		if (fx->told[event] == 0)
			(void)fake_loop_poll(fx->loop, 1);
	}
	assert_int_equal(fx->told[event], 1);
}

/* An open stream whose other end is fx->peer. */
static void
adopt(struct fixture *fx)
{
	struct bmx_error err;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	fx->peer = pair[1];
	fx->stream = bmx_stream_adopt(fx->loop, pair[0], on_event, fx, &err);
	assert_non_null(fx->stream);
	assert_int_equal(fx->told[BMX_STREAM_CONNECTED], 0);
	if (fx->free_at != BMX_STREAM_CONNECTED)
		await(fx, BMX_STREAM_CONNECTED);
}

static int
listen_on(struct sockaddr_in *in, int backlog)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*in);

	*in = (struct sockaddr_in){.sin_family = AF_INET};
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)in, len), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)in, &len), 0);
	return fd;
}

static void
connect_to(struct fixture *fx, const void *address, socklen_t len)
{
	struct bmx_error err;

	fx->stream = bmx_stream_connect(fx->loop, address, len, TIMEOUT_MS,
	                                on_event, fx, &err);
	assert_non_null(fx->stream);
	for (size_t i = 0; i <= BMX_STREAM_FAILED; i++)
		assert_int_equal(fx->told[i], 0);
}

static void
test_connect(void **state)
{
	struct fixture *fx = *state;
	struct sockaddr_in in;
	const int fd = listen_on(&in, 1);
	struct bmx_error err;
	char octets[8];

	connect_to(fx, &in, sizeof(in));
	await(fx, BMX_STREAM_CONNECTED);
	fx->peer = accept(fd, NULL, NULL);
	assert_true(fx->peer >= 0);
	assert_int_equal(bmx_stream_write(fx->stream, BMX_SLICE("hello"), &err),
	                 0);
	await(fx, BMX_STREAM_DRAINED);
	assert_int_equal(read(fx->peer, octets, sizeof(octets)), 5);
	assert_memory_equal(octets, "hello", 5);
	fake_loop_advance(fx->loop, 10 * TIMEOUT_MS);
	assert_int_equal(fx->told[BMX_STREAM_FAILED], 0);
	(void)close(fd);
}

static void
test_connect_unix(void **state)
{
	struct fixture *fx = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char directory[] = "/tmp/backupmx-stream-XXXXXX";
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(mkdtemp(directory));
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	connect_to(fx, &un, sizeof(un));
	await(fx, BMX_STREAM_CONNECTED);
	assert_int_equal(fx->told[BMX_STREAM_DRAINED], 0);
	(void)close(fd);
	assert_int_equal(unlink(un.sun_path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void
test_connect_unix_missing(void **state)
{
	struct fixture *fx = *state;
	struct sockaddr_un un = {.sun_family = AF_UNIX,
	                         .sun_path = "/nonexistent/s"};

	connect_to(fx, &un, sizeof(un));
	await(fx, BMX_STREAM_FAILED);
	assert_int_equal(fx->err.code, BMX_E_IO);
	assert_string_equal(fx->err.text,
	                    "cannot connect: No such file or directory");
}

static void
test_refused(void **state)
{
	struct fixture *fx = *state;
	struct sockaddr_in in;
	const int fd = listen_on(&in, -1); /* bound, so nobody else listens */

	connect_to(fx, &in, sizeof(in));
	await(fx, BMX_STREAM_FAILED);
	assert_int_equal(fx->err.code, BMX_E_IO);
	assert_string_equal(fx->err.text, "cannot connect: Connection refused");
	assert_int_equal(bmx_stream_write(fx->stream, BMX_SLICE("x"), &fx->err),
	                 -1);
	assert_int_equal(fx->err.code, BMX_E_CLOSED);
	(void)close(fd);
}

/* A queue of one that is full: the kernel lets SYNs fall. */
static void
test_timeout(void **state)
{
	struct fixture *fx = *state;
	struct sockaddr_in in;
	const int fd = listen_on(&in, 0);
	int full[4];

	for (size_t i = 0; i < 4; i++) {
		full[i] = socket(AF_INET,
		                 SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(full[i], (struct sockaddr *)&in, sizeof(in));
	}
	connect_to(fx, &in, sizeof(in));
	fake_loop_settle(fx->loop);
	fake_loop_advance(fx->loop, TIMEOUT_MS - 1);
	assert_int_equal(fx->told[BMX_STREAM_FAILED], 0);
	fake_loop_advance(fx->loop, 1);
	assert_int_equal(fx->told[BMX_STREAM_FAILED], 1);
	assert_int_equal(fx->err.code, BMX_E_TIMEOUT);
	assert_string_equal(fx->err.text, "no connection within 1000 ms");
	assert_int_equal(fake_loop_timers(fx->loop), 0);
	for (size_t i = 0; i < 4; i++)
		(void)close(full[i]);
	(void)close(fd);
}

static void
test_pieces(void **state)
{
	struct fixture *fx = *state;
	static const char text[] = "220 ready\r\n";
	struct bmx_slice input;

	adopt(fx);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(write(fx->peer, text + i, 1), 1);
		fake_loop_settle(fx->loop);
		assert_int_equal(fx->told[BMX_STREAM_DATA], i + 1);
		input = bmx_stream_input(fx->stream);
		assert_int_equal(input.len, i + 1);
		assert_memory_equal(input.data, text, i + 1);
	}
	bmx_stream_consume(fx->stream, 4);
	input = bmx_stream_input(fx->stream);
	assert_true(bmx_slice_equal(input, BMX_SLICE("ready\r\n")));
	bmx_stream_consume(fx->stream, 1000);
	assert_int_equal(bmx_stream_input(fx->stream).len, 0);
}

/* Sends without blocking as long as somebody takes it. */
static size_t
flood(int fd)
{
	static const char block[65536];
	size_t sent = 0;
	ssize_t n;

	while ((n = send(fd, block, sizeof(block), MSG_DONTWAIT)) > 0)
		sent += (size_t)n;
	return sent;
}

static void
test_input_cap(void **state)
{
	struct fixture *fx = *state;
	size_t sent, seen = 0;

	adopt(fx);
	sent = flood(fx->peer);
	for (int i = 0; i < 100; i++) {
		fake_loop_settle(fx->loop);
		sent += flood(fx->peer);
	}
	assert_true(sent > INPUT_MOST);
	assert_in_range(bmx_stream_input(fx->stream).len, BMX_STREAM_INPUT_MAX,
	                INPUT_MOST);
	(void)shutdown(fx->peer, SHUT_WR);
	fake_loop_settle(fx->loop);
	assert_int_equal(fx->told[BMX_STREAM_CLOSED], 0);
	while (fx->told[BMX_STREAM_CLOSED] == 0) {
		const size_t len = bmx_stream_input(fx->stream).len;

		assert_true(len > 0 && len <= INPUT_MOST);
		seen += len;
		bmx_stream_consume(fx->stream, len);
		fake_loop_settle(fx->loop);
	}
	seen += bmx_stream_input(fx->stream).len;
	assert_int_equal(seen, sent);
}

static void
test_unsent(void **state)
{
	struct fixture *fx = *state;
	const size_t len = (size_t)4 * 1024 * 1024;
	char *octets = calloc(1, len);
	size_t got = 0;
	struct bmx_error err;

	adopt(fx);
	assert_int_equal(bmx_stream_write(fx->stream,
	                                  (struct bmx_slice){octets, len},
	                                  &err),
	                 0);
	fake_loop_settle(fx->loop);
	assert_int_equal(fx->told[BMX_STREAM_DRAINED], 0);
	assert_true(bmx_stream_unsent(fx->stream) > 0);
	while (got < len) {
		const ssize_t n = recv(fx->peer, octets, len, MSG_DONTWAIT);

		got += n > 0 ? (size_t)n : 0;
		fake_loop_settle(fx->loop);
	}
	assert_int_equal(bmx_stream_unsent(fx->stream), 0);
	assert_int_equal(fx->told[BMX_STREAM_DRAINED], 1);
	free(octets);
}

static void
test_peer_closes(void **state)
{
	struct fixture *fx = *state;

	adopt(fx);
	assert_int_equal(write(fx->peer, "421 bye\r\n", 9), 9);
	(void)close(fx->peer);
	fx->peer = -1;
	await(fx, BMX_STREAM_CLOSED);
	assert_int_equal(fx->told[BMX_STREAM_DATA], 1);
	assert_int_equal(fx->told[BMX_STREAM_FAILED], 0);
	assert_int_equal(bmx_stream_input(fx->stream).len, 9);
	assert_int_equal(bmx_stream_write(fx->stream, BMX_SLICE("x"), &fx->err),
	                 -1);
	assert_int_equal(fx->err.code, BMX_E_CLOSED);
}

static void
test_reset(void **state)
{
	struct fixture *fx = *state;
	const struct linger linger = {.l_onoff = 1};
	struct sockaddr_in in;
	const int fd = listen_on(&in, 1);

	connect_to(fx, &in, sizeof(in));
	await(fx, BMX_STREAM_CONNECTED);
	fx->peer = accept(fd, NULL, NULL);
	assert_int_equal(setsockopt(fx->peer, SOL_SOCKET, SO_LINGER, &linger,
	                            sizeof(linger)),
	                 0);
	(void)close(fx->peer);
	fx->peer = -1;
	await(fx, BMX_STREAM_FAILED);
	assert_int_equal(fx->err.code, BMX_E_IO);
	assert_string_equal(fx->err.text,
	                    "the connection broke: Connection reset by peer");
	(void)close(fd);
}

static void
test_free_closes(void **state)
{
	struct fixture *fx = *state;
	char octet;

	adopt(fx);
	assert_int_equal(
		bmx_stream_write(fx->stream, BMX_SLICE("lost"), &fx->err), 0);
	assert_int_equal(write(fx->peer, "x", 1), 1);
	bmx_stream_free(&fx->stream);
	assert_null(fx->stream);
	fake_loop_settle(fx->loop);
	assert_true(recv(fx->peer, &octet, 1, MSG_DONTWAIT) <= 0);
	assert_int_equal(fx->told[BMX_STREAM_DATA], 0);
	bmx_stream_free(&fx->stream); /* NULL is fine */
}

static void
free_at(struct fixture *fx, enum bmx_stream_event event)
{
	fx->free_at = (int)event;
	adopt(fx);
	if (event == BMX_STREAM_DRAINED)
		assert_int_equal(
			bmx_stream_write(fx->stream, BMX_SLICE("x"), &fx->err),
			0);
	if (event == BMX_STREAM_DATA)
		assert_int_equal(write(fx->peer, "x", 1), 1);
	if (event == BMX_STREAM_CLOSED) {
		(void)close(fx->peer);
		fx->peer = -1;
	}
	await(fx, event);
	assert_null(fx->stream);
	fake_loop_settle(fx->loop);
}

static void
test_free_at_connected(void **state)
{
	free_at(*state, BMX_STREAM_CONNECTED);
}

static void
test_free_at_data(void **state)
{
	free_at(*state, BMX_STREAM_DATA);
}

static void
test_free_at_drained(void **state)
{
	free_at(*state, BMX_STREAM_DRAINED);
}

static void
test_free_at_closed(void **state)
{
	free_at(*state, BMX_STREAM_CLOSED);
}

static void
test_free_at_failed(void **state)
{
	struct fixture *fx = *state;
	struct sockaddr_in in;
	const int fd = listen_on(&in, -1);

	fx->free_at = BMX_STREAM_FAILED;
	connect_to(fx, &in, sizeof(in));
	await(fx, BMX_STREAM_FAILED);
	assert_null(fx->stream);
	(void)close(fd);
}

static void
test_real_loop(void **state)
{
	struct fixture *fx = *state;
	struct bmx_loop *loop = bmx_loop_new();
	struct bmx_error err;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	fx->peer = pair[1];
	fx->stream = bmx_stream_adopt(loop, pair[0], on_event, fx, &err);
	assert_int_equal(write(fx->peer, "x", 1), 1);
	for (int i = 0; i < TURNS && fx->told[BMX_STREAM_DATA] == 0; i++)
		assert_int_equal(bmx_loop_turn(loop, true), 0);
	assert_int_equal(fx->told[BMX_STREAM_DATA], 1);
	bmx_stream_free(&fx->stream);
	bmx_loop_free(&loop);
	assert_int_equal(read(fx->peer, &(char){0}, 1), 0);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		(name), (function), set_up, tear_down, NULL                    \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST("connects, writes, and no timer is left", test_connect),
		TEST("a unix socket connects at once", test_connect_unix),
		TEST("a unix socket that is not there",
	             test_connect_unix_missing),
		TEST("nobody listens", test_refused),
		TEST("nobody answers: the loop's time decides", test_timeout),
		TEST("input grows octet by octet", test_pieces),
		TEST("input rests at its cap, nothing is lost", test_input_cap),
		TEST("DRAINED comes once all is sent", test_unsent),
		TEST("the peer closes: input is kept", test_peer_closes),
		TEST("the peer resets", test_reset),
		TEST("free closes and nothing calls back", test_free_closes),
		TEST("freed when connected", test_free_at_connected),
		TEST("freed at data", test_free_at_data),
		TEST("freed when drained", test_free_at_drained),
		TEST("freed when closed", test_free_at_closed),
		TEST("freed when failed", test_free_at_failed),
		TEST("the real loop; what is freed last is freed",
	             test_real_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
