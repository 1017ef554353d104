#include "policyd/sockets.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "tests/support/cmocka.h"

/* A directory and the paths of a configuration in it. */
struct bench {
	char dir[32];
	struct bmx_endpoint listen[2];
	struct bmx_config config;
	struct bmx_identity identity;
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

	bmx_sockets_unlink(&bench->config);
	assert_int_equal(rmdir(bench->dir), 0); /* nothing is left in it */
	free(bench);
	return 0;
}

static void
test_opened_and_removed(void **state)
{
	struct bench *bench = *state;
	const struct bmx_config_policyd *policyd = &bench->config.policyd;
	struct bmx_sockets sockets;
	struct bmx_error err;

	assert_int_equal(bmx_sockets_open(&sockets, &bench->config,
	                                  &bench->identity, &err),
	                 0);
	assert_int_equal(sockets.policy_count, 2);
	assert_true(sockets.control >= 0 && sockets.metrics >= 0);
	bmx_sockets_close(&sockets);
	bmx_sockets_unlink(&bench->config);
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
	struct bmx_sockets sockets;
	struct bmx_error err;

	bench->config.policyd.metrics = at(bench, "missing/metrics");
	assert_int_equal(bmx_sockets_open(&sockets, &bench->config,
	                                  &bench->identity, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_int_equal(sockets.policy_count, 0);
	assert_int_equal(sockets.control, -1);
	assert_false(is_there(&bench->listen[0]));
	assert_false(is_there(&bench->listen[1]));
	assert_false(is_there(&bench->config.policyd.control));
}

static void
test_others_are_left(void **state)
{
	struct bench *bench = *state;
	struct bmx_sockets first, second;
	struct bmx_error err;

	assert_int_equal(bmx_sockets_open(&first, &bench->config,
	                                  &bench->identity, &err),
	                 0);
	bench->listen[0] = at(bench, "free");
	assert_int_equal(bmx_sockets_open(&second, &bench->config,
	                                  &bench->identity, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_BUSY);
	assert_false(is_there(&bench->listen[0]));
	assert_true(is_there(&bench->listen[1]));
	assert_true(is_there(&bench->config.policyd.control));
	bmx_sockets_close(&first);
	bench->listen[0] = at(bench, "one");
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
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
