/* What the strings of some keys have to look like. */
#include <arpa/inet.h>

#include <backupmx/units.h>

#include "config_priv.h"

typedef const char *check_string(const char *text);

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9');
}

static bool
is_host(const char *text)
{
	for (; *text; text++)
		if (!is_alnum(*text) && !strchr("-._:[]", *text))
			return false;
	return true;
}

/* It goes into EHLO and into headers: nothing may be parted there. */
static const char *
check_hostname(const char *text)
{
	return is_host(text) ? NULL : "a host name, as \"backup.example.test\"";
}

static const char *
check_primary(const char *text)
{
	return is_host(text) ? NULL : "mx, a host name or [address]:port";
}

static const char *
check_path(const char *text)
{
	return text[0] == '/' || text[0] == '\0' ? NULL : "an absolute path";
}

static const char *
check_delimiter(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || is_alnum(*text) ||
		    *text == '@')
			return "printable ASCII characters, no letters or "
			       "digits and no @";
	return NULL;
}

static const char *
check_resolver(const char *text)
{
	static const char expected[] =
		"address or address@port, as 127.0.0.1@53";
	const char *at = strchr(text, '@');
	const size_t len = at ? (size_t)(at - text) : strlen(text);
	char address[INET6_ADDRSTRLEN];
	uint8_t octets[16];
	int64_t port = 53;

	if (len >= sizeof(address))
		return expected;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, octets) != 1 &&
	    inet_pton(AF_INET6, address, octets) != 1)
		return expected;
	if (at && bmx_units_parse_number(bmx_slice_of(at + 1), &port) != 0)
		return expected;
	return port >= 1 && port <= 65535 ? NULL : expected;
}

/* A mistyped scheme must not pass as one that a later release knows. */
static const char *
check_source(const char *text)
{
	static const char *const known[] = {"file:/", "exec:/", "https://",
	                                    "ldap://", "ldaps://"};

	if (text[0] == '\0' || strcmp(text, "redis:") == 0)
		return NULL;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const size_t len = strlen(known[i]);

		if (strncmp(text, known[i], len) == 0 && text[len] != '\0')
			return NULL;
	}
	return "file:/path, exec:/path, https://..., ldap://..., ldaps://..., "
	       "redis: or nothing";
}

static const struct {
	const char *key;
	check_string *check;
} checks[] = {
	{"hostname", check_hostname},
	{"state_dir", check_path},
	{"resolver", check_resolver},
	{"redis.password_file", check_path},
	{"redis.tls_ca_file", check_path},
	{"domain.primary", check_primary},
	{"domain.tls_ca_file", check_path},
	{"domain.recipients", check_source},
	{"domain.recipient_delimiter", check_delimiter},
};

const char *
config_check(const struct config_row *row, const char *text)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (strcmp(checks[i].key, row->key) == 0)
			return checks[i].check(text);
	return NULL;
}
