/*
 * An address of a peer: split, domain, local part in both forms, cuts. What
 * comes out keeps to the caps, is a form of its own (normalising it again
 * changes nothing), and holds nothing that a list cannot hold.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <backupmx/address.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert: the invariants hold in a build without asserts, too. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__,         \
			              __LINE__, #condition);                   \
			abort();                                               \
		}                                                              \
	} while (0)

static void
check_domain(struct bmx_slice text)
{
	char once[BMX_DOMAIN_BUFFER], twice[BMX_DOMAIN_BUFFER];
	struct bmx_slice first, second;

	if (bmx_domain_normalise(text, once, &first) != 0)
		return;
	CHECK(first.len > 0 && first.len <= BMX_DOMAIN_MAX);
	CHECK(first.data[first.len] == '\0');
	for (size_t i = 0; i < first.len; i++)
		CHECK((unsigned char)first.data[i] > ' ' &&
		      (unsigned char)first.data[i] < 0x7f &&
		      first.data[i] == bmx_ascii_lower(first.data[i]));
	CHECK(bmx_domain_normalise(first, twice, &second) == 0);
	CHECK(bmx_slice_equal(first, second));
}

static void
check_octets(struct bmx_slice local, bool utf8)
{
	bool high = false;

	for (size_t i = 0; i < local.len; i++) {
		const unsigned char octet = (unsigned char)local.data[i];

		CHECK(octet >= ' ' && octet != 0x7f && octet != '@' &&
		      octet != '%' && octet != '!');
		high = high || octet > 127;
	}
	CHECK(high == utf8);
}

static void
check_cuts(struct bmx_slice local)
{
	size_t len = local.len;

	while (bmx_local_cut(&local, BMX_SLICE("+-"))) {
		CHECK(local.len > 0 && local.len < len);
		CHECK(!bmx_slice_equal(local, BMX_SLICE(BMX_LOCAL_WILDCARD)));
		len = local.len;
	}
}

static void
check_local(struct bmx_slice text, bool case_sensitive, bool internal)
{
	char once[BMX_LOCAL_BUFFER], twice[BMX_LOCAL_BUFFER];
	struct bmx_slice first, second;
	enum bmx_local_form form;
	bool utf8, again;

	form = internal ?
		bmx_local_normalise_internal(text, case_sensitive, once, &first,
	                                     &utf8) :
		bmx_local_normalise(text, case_sensitive, once, &first, &utf8);
	if (form != BMX_LOCAL_OK) {
		CHECK(first.len == 0);
		return;
	}
	CHECK(first.len > 0 && first.len <= BMX_LOCAL_MAX);
	check_octets(first, utf8);
	check_cuts(first);
	(void)bmx_local_is_role(first);
	/* What was unquoted is in internal form. */
	form = bmx_local_normalise_internal(first, case_sensitive, twice,
	                                    &second, &again);
	CHECK(form == BMX_LOCAL_OK && again == utf8);
	CHECK(bmx_slice_equal(first, second));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice text = {(const char *)data, size};
	struct bmx_slice local = text, domain = text;

	if (bmx_address_split(text, &local, &domain) == 0)
		CHECK(local.len + domain.len + 1 == size);
	check_domain(domain);
	for (int i = 0; i < 4; i++)
		check_local(local, i & 1, i & 2);
	return 0;
}
