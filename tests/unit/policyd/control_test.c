#include "policyd/control.h"

#include <errno.h>
#include <stdio.h>
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
	/* Probes under way: what stands for a command is a number's address. */
	bmx_control_answered_cb *answered[16];
	void *answered_ctx[16];
	size_t probes;
	size_t unprobed;
	char forgotten[64];
	char kept[64];
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

static struct bmx_probe_command *
on_probe(void *ctx, struct bmx_slice address, bmx_control_answered_cb *answered,
         void *answered_ctx, struct bmx_error *err)
{
	struct bench *bench = ctx;
	const size_t at = bench->probes;

	if (!memchr(address.data, '@', address.len)) {
		(void)bmx_error_set(err, BMX_E_SYNTAX, "that is no address");
		return NULL;
	}
	bench->answered[at] = answered;
	bench->answered_ctx[at] = answered_ctx;
	bench->probes++;
	return (struct bmx_probe_command *)&bench->answered[at];
}

static void
on_unprobe(void *ctx, struct bmx_probe_command **command)
{
	struct bench *bench = ctx;

	assert_non_null(*command);
	bench->unprobed++;
	*command = NULL;
}

/* As a command that is done does. */
static void
answer_probe(struct bench *bench, size_t at)
{
	bench->answered[at](bench->answered_ctx[at],
	                    json_pack("{s:b, s:i}", "ok", 1, "probe", (int)at));
}

static int
on_forget(void *ctx, struct bmx_slice what, struct bmx_error *err)
{
	struct bench *bench = ctx;

	(void)snprintf(bench->forgotten, sizeof(bench->forgotten), "%.*s",
	               (int)what.len, what.data);
	return memchr(what.data, '.', what.len) ?
		0 :
		bmx_error_set(err, BMX_E_NOT_FOUND, "no such domain");
}

static int
on_keep(void *ctx, struct bmx_slice record, struct bmx_error *err)
{
	struct bench *bench = ctx;

	(void)err;
	(void)snprintf(bench->kept, sizeof(bench->kept), "%.*s",
	               (int)record.len, record.data);
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
		.probe = on_probe,
		.unprobe = on_unprobe,
		.forget = on_forget,
		.keep = on_keep,
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
forget_and_keep(void **state)
{
	struct bench *bench = *state;

	expect(bench, BMX_SLICE("forget a@b.test\n"), "{\"ok\":true}\n");
	assert_string_equal(bench->forgotten, "a@b.test");
	expect(bench, BMX_SLICE("forget b\n"),
	       "{\"ok\":false,\"error\":\"no such domain\"}\n");
	expect(bench, BMX_SLICE("keep gate 0123@b.test more words\n"),
	       "{\"ok\":true}\n");
	assert_string_equal(bench->kept, "gate 0123@b.test more words");
}

/* A client whose probe is under way. */
static int
dial_probe(struct bench *bench)
{
	const size_t before = bench->probes;
	const int fd = dial(bench);

	say(bench, fd, BMX_SLICE("probe a@b.test\n"));
	assert_int_equal(bench->probes, before + 1);
	return fd;
}

static void
hears(struct bench *bench, int fd, const char *want)
{
	char *got = hear(bench, fd);

	assert_string_equal(got, want);
	free(got);
	(void)close(fd);
}

static void
probe(void **state)
{
	struct bench *bench = *state;
	const int first = dial_probe(bench);
	const int second = dial_probe(bench);

	/* What more it says is not looked at. */
	say(bench, first, BMX_SLICE("status\nprobe b@b.test\n"));
	assert_int_equal(bench->probes, 2);
	fake_loop_advance(bench->loop, BMX_CONTROL_TIME_MAX_MS - 1);
	answer_probe(bench, 1);
	hears(bench, second, "{\"ok\":true,\"probe\":1}\n");
	answer_probe(bench, 0);
	hears(bench, first, "{\"ok\":true,\"probe\":0}\n");
	assert_int_equal(bench->unprobed, 0);
	expect(bench, BMX_SLICE("probe nobody\n"),
	       "{\"ok\":false,\"error\":\"that is no address\"}\n");
}

static void
probe_hung_up(void **state)
{
	struct bench *bench = *state;
	const int first = dial_probe(bench);
	const int second = dial_probe(bench);

	(void)close(first);
	fake_loop_settle(bench->loop);
	assert_int_equal(bench->unprobed, 1);
	assert_int_equal(bmx_control_connections(bench->control), 1);
	answer_probe(bench, 1);
	hears(bench, second, "{\"ok\":true,\"probe\":1}\n");
	assert_int_equal(bench->unprobed, 1);
}

static void
probe_too_slow(void **state)
{
	struct bench *bench = *state;
	const int fd = dial_probe(bench);

	fake_loop_advance(bench->loop, BMX_CONTROL_TIME_MAX_MS);
	assert_int_equal(bench->unprobed, 1);
	hears(bench, fd, "");
}

static void
probe_reload(void **state)
{
	struct bench *bench = *state;
	const int first = dial_probe(bench);
	const int second = dial_probe(bench);
	const int idle = dial(bench);

	fake_loop_settle(bench->loop);
	bmx_control_end_probes(bench->control, "read again");
	assert_int_equal(bench->unprobed, 2);
	hears(bench, first, "{\"ok\":false,\"error\":\"read again\"}\n");
	hears(bench, second, "{\"ok\":false,\"error\":\"read again\"}\n");
	assert_int_equal(bmx_control_connections(bench->control), 1);
	bmx_control_end_probes(bench->control, "read again");
	(void)close(idle);
}

static void
probe_flood(void **state)
{
	struct bench *bench = *state;
	int fds[BMX_CONTROL_PROBES_MAX];
	int last;

	for (size_t i = 0; i < BMX_CONTROL_PROBES_MAX; i++)
		fds[i] = dial_probe(bench);
	last = dial(bench);
	say(bench, last, BMX_SLICE("probe a@b.test\n"));
	assert_int_equal(bench->probes, BMX_CONTROL_PROBES_MAX);
	hears(bench, last,
	      "{\"ok\":false,\"error\":\"too many probes are under way, try "
	      "again in a while\"}\n");
	/* One that ends makes room. */
	answer_probe(bench, 0);
	last = dial_probe(bench);
	(void)close(last);
	for (size_t i = 0; i < BMX_CONTROL_PROBES_MAX; i++)
		(void)close(fds[i]);
}

static void
probe_at_the_end(void **state)
{
	struct bench *bench = *state;
	const int fd = dial_probe(bench);

	bmx_control_free(&bench->control);
	assert_int_equal(bench->unprobed, 1);
	(void)close(fd);
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
		CASE("forget and keep take their arguments", forget_and_keep),
		CASE("a probe is answered when it is done", probe),
		CASE("a client that hangs up ends its probe", probe_hung_up),
		CASE("a probe that takes too long", probe_too_slow),
		CASE("a reload ends probes", probe_reload),
		CASE("so many probes at a time", probe_flood),
		CASE("the end ends probes", probe_at_the_end),
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
