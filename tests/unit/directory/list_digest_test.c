/* The digest of DESIGN.md section 6. */
#include "tests/support/cmocka.h"

#include <string.h>

#include <backupmx/address.h>
#include <backupmx/error.h>

#include "lib/directory/list_digest.h"

/* First 16 octets of SHA-256("backupmx list v1 example.test"), computed with
 * sha256sum(1). */
static const uint8_t key[BMX_SIPHASH_KEY_SIZE] = {
	0x89, 0xf6, 0x90, 0xb1, 0x49, 0x0f, 0x4f, 0x20,
	0xb4, 0x12, 0x78, 0x92, 0x8f, 0x23, 0x22, 0xe9};

static struct bmx_list_digest
start(const char *domain)
{
	struct bmx_list_digest digest;

	assert_int_equal(
		bmx_list_digest_init(&digest, bmx_slice_of(domain), 0, NULL),
		0);
	return digest;
}

static void
test_key(void **state)
{
	const struct bmx_list_digest digest = start("example.test");

	(void)state;
	assert_memory_equal(digest.key, key, sizeof(key));
	assert_true(digest.sum == 0);
}

static void
test_sum(void **state)
{
	struct bmx_list_digest digest = start("example.test");

	(void)state;
	bmx_list_digest_add(&digest, BMX_SLICE("anna"));
	bmx_list_digest_add(&digest, BMX_SLICE("*"));
	assert_true(digest.sum ==
	            bmx_siphash24(key, "anna", 4) + bmx_siphash24(key, "*", 1));
}

static void
test_order_does_not_matter(void **state)
{
	struct bmx_list_digest a = start("example.test"), b = a;

	(void)state;
	bmx_list_digest_add(&a, BMX_SLICE("x"));
	bmx_list_digest_add(&a, BMX_SLICE("y"));
	bmx_list_digest_add(&b, BMX_SLICE("z"));
	bmx_list_digest_add(&b, BMX_SLICE("y"));
	bmx_list_digest_add(&b, BMX_SLICE("x"));
	assert_true(a.sum != b.sum);
	bmx_list_digest_remove(&b, BMX_SLICE("z"));
	assert_true(a.sum == b.sum);
}

static void
test_domains_differ(void **state)
{
	struct bmx_list_digest a = start("a.test"), b = start("b.test");

	(void)state;
	bmx_list_digest_add(&a, BMX_SLICE("x"));
	bmx_list_digest_add(&b, BMX_SLICE("x"));
	assert_true(a.sum != b.sum);
}

static void
test_long_domain(void **state)
{
	char domain[BMX_DOMAIN_MAX + 2];
	struct bmx_list_digest digest;
	struct bmx_error err = {0};

	(void)state;
	memset(domain, 'a', sizeof(domain));
	assert_int_equal(
		bmx_list_digest_init(&digest,
	                             (struct bmx_slice){domain, BMX_DOMAIN_MAX},
	                             0, &err),
		0);
	assert_int_equal(bmx_list_digest_init(
				 &digest,
				 (struct bmx_slice){domain, BMX_DOMAIN_MAX + 1},
				 0, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_RANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_domains_differ),
		cmocka_unit_test(test_long_domain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
