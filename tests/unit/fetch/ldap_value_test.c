#include <tests/support/cmocka.h>

#include <stdlib.h>

#include <backupmx/slice.h>

#include "lib/fetch/ldap_value.h"

#define ADDRESS LDAP_VALUE_ADDRESS
#define OTHER LDAP_VALUE_OTHER
#define ODD LDAP_VALUE_ODD
#define L64 "0123456789012345678901234567890123456789012345678901234567890123"

struct value_case {
	const char *name;
	struct bmx_slice value;
	enum ldap_value_kind want;
	const char *local; /* and domain, of an address */
	const char *domain;
	bool quote;
};

#define V(literal)                                                             \
	{                                                                      \
		literal, sizeof(literal) - 1                                   \
	}

/* clang-format off */
static struct value_case values[] = {
	{"an address", V("joe@example.test"), ADDRESS, "joe", "example.test", false},
	{"smtp: is taken off", V("smtp:joe@example.test"), ADDRESS, "joe", "example.test", false},
	{"SMTP: is taken off", V("SMTP:Joe@Example.test"), ADDRESS, "Joe", "Example.test", false},
	{"a blank after SMTP:", V("SMTP: joe@example.test"), ADDRESS, "joe", "example.test", false},
	{"smtp: is taken off once", V("smtp:smtp:joe@example.test"), ADDRESS, "smtp:joe", "example.test", false},
	{"blanks around are taken off", V("  joe@example.test "), ADDRESS, "joe", "example.test", false},
	{"a wildcard", V("@example.test"), ADDRESS, "", "example.test", false},
	{"a wildcard with smtp:", V("smtp:@example.test"), ADDRESS, "", "example.test", false},
	{"an address of another domain", V("joe@other.test"), ADDRESS, "joe", "other.test", false},
	{"a local part of 64 octets", V(L64 "@example.test"), ADDRESS, L64, "example.test", false},
	{"a local part of 65 octets", V(L64 "x@example.test"), ODD, NULL, NULL, false},
	{"UTF-8", V("j\xc3\xb6rg@example.test"), ADDRESS, "j\xc3\xb6rg", "example.test", false},
	{"a U-label", V("joe@b\xc3\xbc" "cher.test"), ADDRESS, "joe", "b\xc3\xbc" "cher.test", false},
	{"not UTF-8", V("j\xf6rg@example.test"), ODD, NULL, NULL, false},
	{"a quoted local part", V("\"joe doe\"@example.test"), ADDRESS, "\"joe doe\"", "example.test", false},
	{"a quoted '@'", V("\"joe@doe\"@example.test"), ODD, NULL, NULL, false},
	{"a quoted colon", V("\"x:joe\"@example.test"), ADDRESS, "\"x:joe\"", "example.test", false},
	{"a quote that does not end", V("\"joe@example.test"), ODD, NULL, NULL, false},
	{"a '#' first gets quotes", V("#joe@example.test"), ADDRESS, "#joe", "example.test", true},
	{"a '#' within needs none", V("joe#1@example.test"), ADDRESS, "joe#1", "example.test", false},
	{"X.400", V("X400:c=US;a= ;p=Example;o=Exchange;s=Doe;g=Joe;"), OTHER, NULL, NULL, false},
	{"X.500", V("X500:/o=Example/ou=First/cn=joe"), OTHER, NULL, NULL, false},
	{"SIP", V("SIP:joe@example.test"), OTHER, NULL, NULL, false},
	{"mailto:", V("mailto:joe@example.test"), OTHER, NULL, NULL, false},
	{"a colon first", V(":joe@example.test"), ADDRESS, ":joe", "example.test", false},
	{"a colon behind the '@'", V("joe@example.test:25"), ODD, NULL, NULL, false},
	{"nothing", V(""), ODD, NULL, NULL, false},
	{"blanks", V("   "), ODD, NULL, NULL, false},
	{"smtp: alone", V("smtp:"), ODD, NULL, NULL, false},
	{"'@' alone", V("@"), ODD, NULL, NULL, false},
	{"a name without domain", V("joe"), ODD, NULL, NULL, false},
	{"no domain after the '@'", V("joe@"), ODD, NULL, NULL, false},
	{"a star is no wildcard", V("*@example.test"), ODD, NULL, NULL, false},
	{"a blank within", V("joe doe@example.test"), ODD, NULL, NULL, false},
	{"a tab within", V("joe\tdoe@example.test"), ODD, NULL, NULL, false},
	{"a state behind it", V("joe@example.test disabled"), ODD, NULL, NULL, false},
	{"a comment behind it", V("joe@example.test # x"), ODD, NULL, NULL, false},
	{"a line feed and a line", V("x@example.test\n@example.test"), ODD, NULL, NULL, false},
	{"a line feed in quotes", V("\"x\n@example.test\"@example.test"), ODD, NULL, NULL, false},
	{"a line feed at the end", V("joe@example.test\n"), ODD, NULL, NULL, false},
	{"a carriage return", V("joe@example.test\r"), ODD, NULL, NULL, false},
	{"a NUL", V("joe\0@example.test"), ODD, NULL, NULL, false},
	{"a NUL behind it", V("joe@example.test\0@x"), ODD, NULL, NULL, false},
	{"a C1 control", V("j\xc2\x85@example.test"), ODD, NULL, NULL, false},
	{"a percent sign", V("joe%x@example.test"), ODD, NULL, NULL, false},
	{"an exclamation mark", V("x!joe@example.test"), ODD, NULL, NULL, false},
	{"an address literal", V("joe@[192.0.2.1]"), ODD, NULL, NULL, false},
	{"two addresses", V("joe@example.test,jim@example.test"), ODD, NULL, NULL, false},
};
/* clang-format on */

static void
test_value(void **state)
{
	const struct value_case *tc = *state;
	struct ldap_address got;

	assert_int_equal(ldap_value_read(tc->value, &got), tc->want);
	if (tc->want != ADDRESS)
		return;
	assert_true(bmx_slice_equal(got.local, bmx_slice_of(tc->local)));
	assert_true(bmx_slice_equal(got.domain, bmx_slice_of(tc->domain)));
	assert_int_equal(got.quote, tc->quote);
}

struct yes_case {
	const char *name;
	bool (*test)(struct bmx_slice text);
	const char *text;
	bool want;
};

/* clang-format off */
static struct yes_case yes_cases[] = {
	{"a plain attribute is whole", ldap_value_is_part, "proxyAddresses", false},
	{"a range is a part", ldap_value_is_part, "proxyAddresses;range=0-1499", true},
	{"a range in capitals", ldap_value_is_part, "MAIL;RANGE=0-*", true},
	{"a range after another option", ldap_value_is_part, "mail;lang-de;range=0-9", true},
	{"another option is whole", ldap_value_is_part, "mail;lang-de", false},
	{"no description", ldap_value_is_part, "", false},
	{"a word cut short", ldap_value_is_part, "mail;range", false},
	{"AD's configuration", ldap_referral_is_harmless, "ldap://example.test/CN=Configuration,DC=example,DC=test", true},
	{"AD's forest zones", ldap_referral_is_harmless, "ldap://ForestDnsZones.example.test/DC=ForestDnsZones,DC=example,DC=test", true},
	{"AD's domain zones", ldap_referral_is_harmless, "ldaps://x:636/dc=domaindnszones,dc=example,dc=test??sub", true},
	{"AD's child domain", ldap_referral_is_harmless, "ldap://sub.example.test/DC=sub,DC=example,DC=test", false},
	{"the words in the host", ldap_referral_is_harmless, "ldap://CN=Configuration,/DC=sub", false},
	{"the words behind", ldap_referral_is_harmless, "ldap://x/DC=sub,CN=Configuration,DC=test", false},
	{"a container that begins alike", ldap_referral_is_harmless, "ldap://x/CN=Configurations,DC=test", false},
	{"no base", ldap_referral_is_harmless, "ldap://x", false},
	{"nothing", ldap_referral_is_harmless, "", false},
};
/* clang-format on */

static void
test_yes(void **state)
{
	const struct yes_case *tc = *state;

	assert_int_equal(tc->test(bmx_slice_of(tc->text)), tc->want);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	struct CMUnitTest tests[COUNT(values) + COUNT(yes_cases)] = {0};
	size_t count = 0;

	for (size_t i = 0; i < COUNT(values); i++)
		tests[count++] = (struct CMUnitTest){values[i].name, test_value,
		                                     NULL, NULL, &values[i]};
	for (size_t i = 0; i < COUNT(yes_cases); i++)
		tests[count++] = (struct CMUnitTest){
			yes_cases[i].name, test_yes, NULL, NULL, &yes_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
