#include "policyd/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include <backupmx/control_request.h>

#include "tests/support/cmocka.h"
#include "tests/support/fake_loop.h"

#define BIG ((size_t)2 * 1024 * 1024)

struct bench {
	struct bmx_loop *loop;
	struct bmx_control *control;
	int listen_fd;
	struct sockaddr_un address;
	socklen_t address_len;
	size_t big; /* octets of the status answer's filling */
	bool short_of_memory;
};

static json_t *
on_status(void *ctx)
{
	const struct bench *bench = ctx;
	char *filling;
	json_t *root;

	if (bench->short_of_memory)
		return NULL;
	filling = malloc(bench->big + 1);
	assert_non_null(filling);
	memset(filling, 'x', bench->big);
	filling[bench->big] = '\0';
	root = json_pack("{s:b, s:s}", "ok", 1, "filling", filling);
	free(filling);
	return root;
}

static json_t *
on_lookup(void *ctx, struct bmx_slice address)
{
	(void)ctx;
	return json_pack("{s:b, s:o}", "ok", 1, "address",
	                 bmx_control_text(address));
}

static int
on_sync(void *ctx, struct bmx_slice domain, struct bmx_error *err)
{
	(void)ctx;
	(void)domain;
	return bmx_error_set(err, BMX_E_NOT_FOUND, "no such domain");
}

static int
on_reload(void *ctx, struct bmx_error *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct bmx_control_handlers handlers = {
		.status = on_status,
		.lookup = on_lookup,
		.sync = on_sync,
		.reload = on_reload,
		.ctx = bench,
	};
	struct bmx_error err;

	assert_non_null(bench);
	bench->loop = fake_loop_new(0);
	bench->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	bench->address.sun_family = AF_UNIX;
	bench->address_len = sizeof(bench->address);
	/* An abstract address of the kernel's choice. */
	assert_int_equal(bind(bench->listen_fd,
	                      (const struct sockaddr *)&bench->address,
	                      sizeof(sa_family_t)),
	                 0);
	assert_int_equal(getsockname(bench->listen_fd,
	                             (struct sockaddr *)&bench->address,
	                             &bench->address_len),
	                 0);
	assert_int_equal(listen(bench->listen_fd, 128), 0);
	bench->control =
		bmx_control_new(bench->loop, bench->listen_fd, &handlers, &err);
	assert_non_null(bench->control);
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *bench = *state;

	bmx_control_free(&bench->control);
	assert_null(bench->control);
	fake_loop_free(&bench->loop);
	free(bench);
	return 0;
}

static int
dial(struct bench *bench)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&bench->address,
	                         bench->address_len),
	                 0);
	return fd;
}

static void
say(struct bench *bench, int fd, struct bmx_slice octets)
{
	assert_int_equal(send(fd, octets.data, octets.len, MSG_NOSIGNAL),
	                 octets.len);
	fake_loop_settle(bench->loop);
}

/* Reads all up to the end of the connection into a terminated string. */
static char *
hear(struct bench *bench, int fd)
{
	char *all = malloc(BIG + 1024);
	size_t len = 0;
	ssize_t got;

	assert_non_null(all);
	do {
		fake_loop_settle(bench->loop);
		got = recv(fd, all + len, BIG + 1023 - len, 0);
		if (got > 0)
			len += (size_t)got;
	} while (got > 0);
	assert_int_equal(got, 0);
	all[len] = '\0';
	return all;
}

static void
expect(struct bench *bench, struct bmx_slice request, const char *want)
{
	const int fd = dial(bench);
	char *got;

	say(bench, fd, request);
	got = hear(bench, fd);
	assert_string_equal(got, want);
	free(got);
	(void)close(fd);
	assert_int_equal(bmx_control_connections(bench->control), 0);
}

static void
verbs(void **state)
{
	struct bench *bench = *state;

	expect(bench, BMX_SLICE("status\n"),
	       "{\"ok\":true,\"filling\":\"\"}\n");
	expect(bench, BMX_SLICE("lookup a@b.test\n"),
	       "{\"ok\":true,\"address\":\"a@b.test\"}\n");
	expect(bench, BMX_SLICE("sync b.test\n"),
	       "{\"ok\":false,\"error\":\"no such domain\"}\n");
	expect(bench, BMX_SLICE("reload\n"), "{\"ok\":true}\n");
}

static void
hostile_argument(void **state)
{
	struct bench *bench = *state;
	char request[16] = "lookup \xff\x01\x7f\"@";
	const int fd = dial(bench);
	char *got;
	json_t *root;

	request[strlen("lookup ?????")] = '\n';
	say(bench, fd, bmx_slice_of(request));
	got = hear(bench, fd);
	root = json_loads(got, 0, NULL);
	assert_non_null(root); /* JSON, whatever it says */
	json_decref(root);
	free(got);
	(void)close(fd);
}

static void
unknown_verb(void **state)
{
	struct bench *bench = *state;
	const int fd = dial(bench);
	char *got;

	say(bench, fd, BMX_SLICE("format c:\n"));
	got = hear(bench, fd);
	assert_int_equal(strncmp(got, "{\"ok\":false,\"error\":\"", 21), 0);
	free(got);
	(void)close(fd);
}

static void
too_long(void **state)
{
	struct bench *bench = *state;
	static char request[BMX_CONTROL_REQUEST_MAX];
	const int fd = dial(bench);
	char *got;

	memset(request, 'x', sizeof(request));
	say(bench, fd, (struct bmx_slice){request, sizeof(request)});
	got = hear(bench, fd);
	assert_int_equal(strncmp(got, "{\"ok\":false,\"error\":\"", 21), 0);
	free(got);
	(void)close(fd);
}

static void
byte_by_byte(void **state)
{
	struct bench *bench = *state;
	static const char request[] = "lookup a@b.test\n";
	const int fd = dial(bench);
	char *got;

	for (size_t i = 0; i < sizeof(request) - 1; i++)
		say(bench, fd, (struct bmx_slice){request + i, 1});
	got = hear(bench, fd);
	assert_string_equal(got, "{\"ok\":true,\"address\":\"a@b.test\"}\n");
	free(got);
	(void)close(fd);
}

static void
cut_at_every_offset(void **state)
{
	struct bench *bench = *state;
	static const char request[] = "lookup a@b.test\n";

	for (size_t len = 0; len < sizeof(request); len++) {
		const int fd = dial(bench);

		say(bench, fd, (struct bmx_slice){request, len});
		(void)close(fd);
		fake_loop_settle(bench->loop);
		assert_int_equal(bmx_control_connections(bench->control), 0);
	}
}

static void
big_answer(void **state)
{
	struct bench *bench = *state;
	const int fd = dial(bench);
	char *got;

	bench->big = BIG;
	say(bench, fd, BMX_SLICE("status\n"));
	assert_int_equal(bmx_control_connections(bench->control), 1);
	got = hear(bench, fd);
	assert_int_equal(strlen(got),
	                 BIG +
	                         strlen("{\"ok\":true,\"filling\":"
	                                "\"\"}\n"));
	free(got);
	(void)close(fd);
}

static void
no_answer(void **state)
{
	struct bench *bench = *state;

	bench->short_of_memory = true;
	expect(bench, BMX_SLICE("status\n"),
	       "{\"ok\":false,\"error\":\"no answer: memory is short or it is "
	       "too long\"}\n");
}

static void
answer_too_long(void **state)
{
	struct bench *bench = *state;

	bench->big = BMX_CONTROL_ANSWER_MAX;
	expect(bench, BMX_SLICE("status\n"),
	       "{\"ok\":false,\"error\":\"no answer: memory is short or it is "
	       "too long\"}\n");
}

static void
does_not_speak(void **state)
{
	struct bench *bench = *state;
	const int fd = dial(bench);

	say(bench, fd, BMX_SLICE("stat"));
	fake_loop_advance(bench->loop, BMX_CONTROL_TIME_MAX_MS - 1);
	/* More octets do not buy more time. */
	say(bench, fd, BMX_SLICE("u"));
	assert_int_equal(bmx_control_connections(bench->control), 1);
	fake_loop_advance(bench->loop, 1);
	assert_int_equal(bmx_control_connections(bench->control), 0);
	(void)close(fd);
}

static void
does_not_read(void **state)
{
	struct bench *bench = *state;
	const int fd = dial(bench);

	bench->big = BIG;
	say(bench, fd, BMX_SLICE("status\n"));
	fake_loop_advance(bench->loop, BMX_CONTROL_TIME_MAX_MS);
	assert_int_equal(bmx_control_connections(bench->control), 0);
	(void)close(fd);
}

static void
gone_while_answered(void **state)
{
	struct bench *bench = *state;
	const int fd = dial(bench);

	bench->big = BIG;
	say(bench, fd, BMX_SLICE("status\n"));
	(void)close(fd);
	fake_loop_settle(bench->loop);
	assert_int_equal(bmx_control_connections(bench->control), 0);
}

static void
too_many(void **state)
{
	struct bench *bench = *state;
	int fds[BMX_CONTROL_CONNECTIONS_MAX + 5];
	const size_t count = sizeof(fds) / sizeof(fds[0]);
	char *got;

	for (size_t i = 0; i < count; i++)
		fds[i] = dial(bench);
	fake_loop_settle(bench->loop);
	assert_int_equal(bmx_control_connections(bench->control),
	                 BMX_CONTROL_CONNECTIONS_MAX);
	/* Whoever waited is served when others have gone. */
	say(bench, fds[count - 1], BMX_SLICE("reload\n"));
	fake_loop_advance(bench->loop, BMX_CONTROL_TIME_MAX_MS);
	fake_loop_settle(bench->loop);
	got = hear(bench, fds[count - 1]);
	assert_string_equal(got, "{\"ok\":true}\n");
	free(got);
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
}

#define CASE(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE("each verb reaches its handler", verbs),
		CASE("hostile octets come back as JSON", hostile_argument),
		CASE("an unknown verb is an error", unknown_verb),
		CASE("a request that is too long is an error", too_long),
		CASE("a request one octet at a time", byte_by_byte),
		CASE("a client that goes at any offset", cut_at_every_offset),
		CASE("an answer larger than the socket's buffer", big_answer),
		CASE("a handler without memory", no_answer),
		CASE("an answer past the cap", answer_too_long),
		CASE("a client that does not speak is cut", does_not_speak),
		CASE("a client that does not read is cut", does_not_read),
		CASE("a client that goes while it is answered",
	             gone_while_answered),
		CASE("more clients than are served wait", too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
