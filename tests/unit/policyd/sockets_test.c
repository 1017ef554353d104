#include "policyd/sockets.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

/* A directory and the paths of a configuration in it. */
struct bench {
	char dir[32];
	struct bmx_endpoint listen[2];
	struct bmx_config config;
	struct bmx_identity identity;
	struct bmx_passed_sockets passed; /* none, unless a test fills it */
	struct bmx_sockets sockets, second;
};

static struct bmx_endpoint
at(const struct bench *bench, const char *name)
{
	struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_UNIX};

	(void)snprintf(endpoint.path, sizeof(endpoint.path), "%s/%s",
	               bench->dir, name);
	return endpoint;
}

static bool
is_there(const struct bmx_endpoint *endpoint)
{
	return access(endpoint->path, F_OK) == 0;
}

static int
setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	memcpy(bench->dir, "/tmp/bmx-XXXXXX", sizeof("/tmp/bmx-XXXXXX"));
	assert_non_null(mkdtemp(bench->dir));
	bench->sockets.control = bench->sockets.metrics = -1;
	bench->identity.uid = geteuid();
	bench->identity.gid = getegid();
	bench->listen[0] = at(bench, "one");
	bench->listen[1] = at(bench, "two");
	bench->config.policyd.listen = bench->listen;
	bench->config.policyd.listen_count = 2;
	bench->config.policyd.socket_mode = 0660;
	bench->config.policyd.socket_group = "";
	bench->config.policyd.control_on = true;
	bench->config.policyd.control = at(bench, "control");
	bench->config.policyd.metrics_on = true;
	bench->config.policyd.metrics = at(bench, "metrics");
	*state = bench;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *bench = *state;

	bmx_sockets_unlink(&bench->sockets);
	bmx_sockets_close(&bench->sockets);
	assert_int_equal(rmdir(bench->dir), 0); /* nothing is left in it */
	free(bench);
	return 0;
}

static int
open_all(struct bench *bench, struct bmx_sockets *sockets,
         struct bmx_error *err)
{
	return bmx_sockets_open(sockets, &bench->config, &bench->identity,
	                        &bench->passed, err);
}

static void
test_opened_and_removed(void **state)
{
	struct bench *bench = *state;
	const struct bmx_config_policyd *policyd = &bench->config.policyd;
	struct bmx_error err;

	assert_int_equal(open_all(bench, &bench->sockets, &err), 0);
	assert_int_equal(bench->sockets.policy_count, 2);
	assert_true(bench->sockets.control >= 0);
	assert_true(bench->sockets.metrics >= 0);
	bmx_sockets_close(&bench->sockets);
	bmx_sockets_unlink(&bench->sockets);
	assert_false(is_there(&bench->listen[0]));
	assert_false(is_there(&bench->listen[1]));
	assert_false(is_there(&policyd->control));
	assert_false(is_there(&policyd->metrics));
}

/* Fails at the last one. */
static void
test_nothing_is_left(void **state)
{
	struct bench *bench = *state;
	struct bmx_error err;

	bench->config.policyd.metrics = at(bench, "missing/metrics");
	assert_int_equal(open_all(bench, &bench->sockets, &err), -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_int_equal(bench->sockets.policy_count, 0);
	assert_int_equal(bench->sockets.control, -1);
	assert_false(is_there(&bench->listen[0]));
	assert_false(is_there(&bench->listen[1]));
	assert_false(is_there(&bench->config.policyd.control));
}

static void
test_others_are_left(void **state)
{
	struct bench *bench = *state;
	struct bmx_error err;

	assert_int_equal(open_all(bench, &bench->sockets, &err), 0);
	bench->listen[0] = at(bench, "free");
	assert_int_equal(open_all(bench, &bench->second, &err), -1);
	assert_int_equal(err.code, BMX_E_BUSY);
	assert_false(is_there(&bench->listen[0]));
	assert_true(is_there(&bench->listen[1]));
	assert_true(is_there(&bench->config.policyd.control));
}

/* As systemd would: its path stays until the service manager removes it. */
static void
pass(struct bench *bench, const struct bmx_endpoint *endpoint)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(name.sun_path, endpoint->path, sizeof(name.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 8), 0);
	bench->passed.fds[bench->passed.count++] = fd;
}

static void
test_passed_is_taken(void **state)
{
	struct bench *bench = *state;
	struct bmx_error err;
	int fd;

	pass(bench, &bench->listen[1]);
	fd = bench->passed.fds[0];
	assert_int_equal(open_all(bench, &bench->sockets, &err), 0);
	assert_int_equal(bench->passed.count, 0);
	assert_int_equal(bench->sockets.policy_count, 2);
	assert_int_equal(bench->sockets.policy[1], fd);
	assert_true(is_there(&bench->listen[0])); /* its own */
	bmx_sockets_unlink(&bench->sockets);
	assert_false(is_there(&bench->listen[0]));
	assert_true(is_there(&bench->listen[1]));
	assert_int_equal(unlink(bench->listen[1].path), 0);
}

/* A failed start closes it, too, and leaves its path. */
static void
test_passed_path_survives_failure(void **state)
{
	struct bench *bench = *state;
	struct bmx_error err;

	pass(bench, &bench->listen[0]);
	bench->config.policyd.metrics = at(bench, "missing/metrics");
	assert_int_equal(open_all(bench, &bench->sockets, &err), -1);
	assert_true(is_there(&bench->listen[0]));
	assert_false(is_there(&bench->listen[1]));
	assert_int_equal(unlink(bench->listen[0].path), 0);
}

static void
test_passed_control(void **state)
{
	struct bench *bench = *state;
	struct bmx_error err;
	int fd;

	pass(bench, &bench->config.policyd.control);
	fd = bench->passed.fds[0];
	assert_int_equal(open_all(bench, &bench->sockets, &err), 0);
	assert_int_equal(bench->sockets.control, fd);
	bmx_sockets_unlink(&bench->sockets);
	assert_int_equal(unlink(bench->config.policyd.control.path), 0);
}

/* What is not configured is left for the caller to tell. */
static void
test_passed_stranger(void **state)
{
	struct bench *bench = *state;
	const struct bmx_endpoint stranger = at(bench, "stranger");
	struct bmx_text text;
	struct bmx_error err;
	char name[128];

	pass(bench, &stranger);
	assert_int_equal(open_all(bench, &bench->sockets, &err), 0);
	assert_int_equal(bench->passed.count, 1);
	bmx_text_init(&text, name, sizeof(name));
	assert_true(bmx_passed_drop(&bench->passed, &text));
	assert_int_equal(unlink(stranger.path), 0);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

static const struct CMUnitTest tests[] = {
	TEST("all are opened, and their paths removed",
             test_opened_and_removed),
	TEST("a failed start leaves no paths", test_nothing_is_left),
	TEST("those of another process are left alone", test_others_are_left),
	TEST("a passed one is taken, its path stays", test_passed_is_taken),
	TEST("its path stays when the start fails",
             test_passed_path_survives_failure),
	TEST("the control socket may be passed", test_passed_control),
	TEST("one that is not configured is left over", test_passed_stranger),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
