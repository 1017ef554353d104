/* Copies of a section fetch: whole, their own, and told apart by each field. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/fetch_settings.h"

static const struct bmx_config_fetch sample = {
	.timeout_ms = 60000,
	.max_size = 1 << 30,
	.username = "user",
	.password_file = "/password",
	.token_file = "/token",
	.tls_ca_file = "/ca",
	.tls_cert_file = "/cert",
	.tls_key_file = "/key",
	.ssh_key_file = "/ssh",
	.ssh_known_hosts_file = "/hosts",
	.starttls = true,
	.page_size = 500,
};

/* One field of it is another. */
static struct bmx_config_fetch others[12];

static void
make_others(void)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		others[i] = sample;
	others[0].timeout_ms = 60001;
	others[1].max_size = 1;
	others[2].username = "";
	others[3].password_file = "/passwor";
	others[4].token_file = "/tokens";
	others[5].tls_ca_file = "";
	others[6].tls_cert_file = "/CERT";
	others[7].tls_key_file = "";
	others[8].ssh_key_file = "/x";
	others[9].ssh_known_hosts_file = "";
	others[10].starttls = false;
	others[11].page_size = 501;
}

static void
told_apart(void **state)
{
	struct bmx_config_fetch copy, other;

	(void)state;
	make_others();
	assert_int_equal(bmx_fetch_settings_copy(&sample, &copy), 0);
	assert_true(bmx_fetch_settings_equal(&copy, &sample));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(bmx_fetch_settings_copy(&others[i], &other),
		                 0);
		assert_true(bmx_fetch_settings_equal(&other, &others[i]));
		assert_false(bmx_fetch_settings_equal(&copy, &other));
		assert_false(bmx_fetch_settings_equal(&other, &copy));
		bmx_fetch_settings_clear(&other);
	}
	bmx_fetch_settings_clear(&copy);
}

static void
its_own(void **state)
{
	char name[] = "user";
	struct bmx_config_fetch from = sample, copy;

	(void)state;
	from.username = name;
	assert_int_equal(bmx_fetch_settings_copy(&from, &copy), 0);
	name[0] = 'x';
	assert_string_equal(copy.username, "user");
	bmx_fetch_settings_clear(&copy);
	assert_null(copy.username);
	bmx_fetch_settings_clear(&copy);
}

static void
no_strings(void **state)
{
	const struct bmx_config_fetch none = {.timeout_ms = 1};
	struct bmx_config_fetch copy;

	(void)state;
	assert_int_equal(bmx_fetch_settings_copy(&none, &copy), 0);
	assert_string_equal(copy.username, "");
	assert_string_equal(copy.ssh_known_hosts_file, "");
	bmx_fetch_settings_clear(&copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_apart),
		cmocka_unit_test(its_own),
		cmocka_unit_test(no_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
