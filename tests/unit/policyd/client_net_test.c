/* Which network an address as text belongs to. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/client_net.h"

struct net_case {
	const char *name;
	const char *text;
	struct bmx_client_net want;
};

/* clang-format off */
static struct net_case cases[] = {
	{"an IPv4 address",             "192.0.2.77",            {{4, 192, 0, 2}}},
	{"the first of its network",    "192.0.2.0",             {{4, 192, 0, 2}}},
	{"the last of its network",     "192.0.2.255",           {{4, 192, 0, 2}}},
	{"the network after it",        "192.0.3.0",             {{4, 192, 0, 3}}},
	{"mapped into IPv6",            "::ffff:192.0.2.77",     {{4, 192, 0, 2}}},
	{"mapped, in hex",              "::ffff:c000:24d",       {{4, 192, 0, 2}}},
	{"compatible is not mapped",    "::192.0.2.77",          {{6}}},
	{"an IPv6 address",             "2001:db8:1:2:3:4:5:6",  {{6, 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2}}},
	{"its neighbour in the /64",    "2001:db8:1:2::1",       {{6, 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2}}},
	{"the /64 after it",            "2001:db8:1:3::",        {{6, 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 3}}},
	{"a zone is let pass",          "fe80::1%eth0",          {{6, 0xfe, 0x80}}},
	{"upper case",                  "2001:DB8::1",           {{6, 0x20, 1, 0x0d, 0xb8}}},
	{"nothing",                     "",                      {{0}}},
	{"no address",                  "unknown",               {{0}}},
	{"a zone alone",                "%eth0",                 {{0}}},
	{"in brackets",                 "[192.0.2.1]",           {{0}}},
	{"three numbers",               "192.0.2",               {{0}}},
	{"a number too big",            "192.0.2.256",           {{0}}},
	{"a blank behind",              "192.0.2.1 ",            {{0}}},
	{"longer than any address",     "2001:db8:0000:0000:0000:0000:0000:0000:0000:0001", {{0}}},
};
/* clang-format on */

static void
test_net(void **state)
{
	const struct net_case *tc = *state;
	const struct bmx_client_net got =
		bmx_client_net_of(bmx_slice_of(tc->text));

	assert_memory_equal(got.octets, tc->want.octets, sizeof(got.octets));
	assert_true(bmx_client_net_equal(&got, &tc->want));
}

static void
test_nul(void **state)
{
	const struct bmx_client_net got =
		bmx_client_net_of(BMX_SLICE("192.0.2.1\0"));

	(void)state;
	assert_int_equal(got.octets[0], 0);
}

static void
test_every_cut(void **state)
{
	const struct bmx_slice whole = BMX_SLICE("2001:db8:1:2:3:4:5:6");
	uint8_t address[BMX_CLIENT_ADDRESS_SIZE];

	(void)state;
	/* On the heap in its exact size, so that a read behind is seen. */
	for (size_t len = 0; len <= whole.len; len++) {
		char *cut = malloc(len + 1);

		assert_non_null(cut);
		memcpy(cut, whole.data, len);
		cut = realloc(cut, len > 0 ? len : 1);
		assert_non_null(cut);
		assert_int_equal(bmx_client_address_parse(
					 (struct bmx_slice){cut, len}, address),
		                 len == whole.len ? 0 : -1);
		free(cut);
	}
}

static void
test_equal(void **state)
{
	const struct bmx_client_net four = {{4, 0, 0, 0}};
	const struct bmx_client_net none = {{0, 0, 0, 0}};
	const struct bmx_client_net last = {{4, 0, 0, 0, 0, 0, 0, 0, 1}};

	(void)state;
	assert_true(bmx_client_net_equal(&four, &four));
	assert_false(bmx_client_net_equal(&four, &none));
	assert_false(bmx_client_net_equal(&four, &last));
}

int
main(void)
{
	const size_t rows = sizeof(cases) / sizeof(cases[0]);
	struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0]) + 3] = {0};

	for (size_t i = 0; i < rows; i++)
		tests[i] = (struct CMUnitTest){.name = cases[i].name,
		                               .test_func = test_net,
		                               .initial_state = &cases[i]};
	tests[rows] = (struct CMUnitTest)cmocka_unit_test(test_nul);
	tests[rows + 1] = (struct CMUnitTest)cmocka_unit_test(test_every_cut);
	tests[rows + 2] = (struct CMUnitTest)cmocka_unit_test(test_equal);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
