#include "tests/support/rows.h"

#include <string.h>

#include <backupmx/list_fetch.h>

struct url_case {
	const char *name;
	const char *url;
	const char *want; /* what the complaint holds; NULL: none */
};

/* clang-format off */
static struct url_case cases[] = {
	{"a host and a base", "ldap://ldap.example.test/dc=example,dc=test", NULL},
	{"over TLS", "ldaps://ldap.example.test/dc=example,dc=test", NULL},
	{"with a port", "ldap://ldap.example.test:3268/dc=example,dc=test", NULL},
	{"an IPv4 address", "ldap://192.0.2.1/dc=example,dc=test", NULL},
	{"an IPv6 address", "ldap://[2001:db8::1]:389/dc=example,dc=test", NULL},
	{"no base, as of a global catalog", "ldaps://gc.example.test:3269", NULL},
	{"attributes", "ldap://x/dc=example?mail,proxyAddresses", NULL},
	{"scope one", "ldap://x/dc=example?mail?one", NULL},
	{"a filter", "ldap://x/dc=example?mail?sub?(&(mail=*)(objectClass=person))", NULL},
	{"an encoded blank", "ldap://x/ou=my%20people,dc=example", NULL},
	{"a filter without the rest", "ldap://x/dc=example??" "?(mail=*)", NULL},
	{"no host", "ldap:///dc=example", "a host"},
	{"nothing behind the scheme", "ldap://", "a host"},
	{"another scope", "ldap://x/dc=example?mail?all", "base, one or sub"},
	{"a port of 65536", "ldap://x:65536/dc=example", "1 to 65535"},
	{"a port that is a word", "ldap://x:ldap/dc=example", "HOST"},
	{"an attribute with a blank", "ldap://x/dc=example?ma%20il", "attribute names"},
	{"a star for all attributes", "ldap://x/dc=example?*", "attribute names"},
	{"a user", "ldap://joe@x/dc=example", "fetch.username"},
	{"a user and a password", "ldap://joe:secret@x/dc=example", "no password"},
	{"an extension", "ldap://x/dc=example??" "??bindname=cn=x", "without extensions"},
	{"a critical extension", "ldap://x/dc=example?" "?" "?" "?!x", "without extensions"},
	{"a blank", "ldap://x/ou=my people", "printable ASCII"},
	{"octets above 127", "ldap://x/ou=b\xc3\xbc" "cher", "printable ASCII"},
	{"a local socket", "ldapi:///", "ldap://"},
	{"one slash", "ldap:/x/dc=example", "ldap://"},
};
/* clang-format on */

static void
test_url(void **state)
{
	const struct url_case *tc = *state;
	const char *got = bmx_list_fetch_check(tc->url);

	if (!tc->want)
		assert_null(got);
	else {
		assert_non_null(got);
		if (!strstr(got, tc->want))
			fail_msg("\"%s\" does not hold \"%s\"", got, tc->want);
	}
}

int
main(void)
{
	ROWS_RUN(cases, test_url);
}
