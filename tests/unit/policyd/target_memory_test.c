/* Which targets have just failed. */
#include "tests/support/cmocka.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "policyd/target_memory.h"

#define START_MS INT64_C(1000000)

static struct bmx_target_name
name_of(unsigned number, uint16_t port)
{
	struct bmx_target_name name = {.len = sizeof(struct sockaddr_in)};
	struct sockaddr_in in = {.sin_family = AF_INET};

	in.sin_addr.s_addr = htonl(0xc0000200u + number);
	in.sin_port = htons(port);
	memcpy(&name.address, &in, sizeof(in));
	return name;
}

static void
test_time(void **state)
{
	struct bmx_target_memory memory = {0};
	const struct bmx_target_name a = name_of(1, 25);
	const struct bmx_target_name b = name_of(1, 26);

	(void)state;
	assert_false(bmx_target_memory_has(&memory, &a, START_MS));
	bmx_target_memory_failed(&memory, &a, START_MS);
	assert_true(bmx_target_memory_has(&memory, &a, START_MS));
	assert_false(bmx_target_memory_has(&memory, &b, START_MS));
	assert_true(bmx_target_memory_has(&memory, &a, START_MS + 59999));
	assert_false(bmx_target_memory_has(&memory, &a, START_MS + 60000));
	bmx_target_memory_failed(&memory, &a, START_MS + 30000);
	assert_true(bmx_target_memory_has(&memory, &a, START_MS + 60000));
}

static void
test_works(void **state)
{
	struct bmx_target_memory memory = {0};
	const struct bmx_target_name a = name_of(1, 25);
	const struct bmx_target_name b = name_of(2, 25);

	(void)state;
	bmx_target_memory_works(&memory, &a); /* nothing known of it */
	bmx_target_memory_failed(&memory, &a, START_MS);
	bmx_target_memory_failed(&memory, &b, START_MS);
	bmx_target_memory_works(&memory, &a);
	assert_false(bmx_target_memory_has(&memory, &a, START_MS));
	assert_true(bmx_target_memory_has(&memory, &b, START_MS));
}

static void
test_cap(void **state)
{
	struct bmx_target_memory memory = {0};

	(void)state;
	for (unsigned i = 0; i < 2 * BMX_TARGET_MEMORY_MAX; i++) {
		const struct bmx_target_name name = name_of(i, 25);

		bmx_target_memory_failed(&memory, &name, START_MS + i);
	}
	for (unsigned i = 0; i < 2 * BMX_TARGET_MEMORY_MAX; i++) {
		const struct bmx_target_name name = name_of(i, 25);

		assert_int_equal(
			bmx_target_memory_has(&memory, &name, START_MS + 100),
			i >= BMX_TARGET_MEMORY_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		{"remembered for a minute, by address and port", test_time,
	         NULL, NULL, NULL},
		{"forgotten when it works", test_works, NULL, NULL, NULL},
		{"of too many, the latest", test_cap, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
