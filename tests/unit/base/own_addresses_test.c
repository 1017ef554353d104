/* The addresses of this machine: loopback is one everywhere. */
#include "tests/support/cmocka.h"

#include <arpa/inet.h>

#include <backupmx/own_addresses.h>

static void
test_own(void **state)
{
	struct bmx_own_addresses *own = bmx_own_addresses_new();
	uint8_t octets[16] = {0};

	(void)state;
	assert_non_null(own);
	assert_int_equal(inet_pton(AF_INET, "127.0.0.1", octets), 1);
	assert_true(bmx_own_addresses_have(own, AF_INET, octets));
	assert_false(bmx_own_addresses_have(NULL, AF_INET, octets));
	assert_false(bmx_own_addresses_have(own, AF_INET6, octets));
	assert_false(bmx_own_addresses_have(own, AF_UNIX, octets));
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", octets), 1);
	assert_false(bmx_own_addresses_have(own, AF_INET, octets));
	bmx_own_addresses_free(&own);
	assert_null(own);
	bmx_own_addresses_free(&own);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		{"loopback is ours, others are not", test_own, NULL, NULL,
	         NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
