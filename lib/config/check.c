/* What the strings of some keys have to look like. */
#include <arpa/inet.h>

#include <backupmx/dnsbl_site.h>
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

/* What follows the host: nothing, or ":port". A bare IPv6 address has colons
 * of its own, and no port. */
static bool
has_good_port(const char *text)
{
	const char *bracket = strrchr(text, ']');
	const char *colon = strchr(bracket ? bracket : text, ':');
	int64_t port;

	if (!colon || (!bracket && strrchr(text, ':') != colon))
		return true;
	return bmx_units_parse_number(bmx_slice_of(colon + 1), &port) == 0 &&
		port >= 1 && port <= 65535;
}

/* None, or one pair around the host. */
static bool
has_good_brackets(const char *text)
{
	const char *last = strrchr(text, ']');

	if (text[0] != '[')
		return !strpbrk(text, "[]");
	return last && last > text + 1 && last == strchr(text, ']') &&
		!strchr(text + 1, '[') && (last[1] == '\0' || last[1] == ':');
}

static const char *
check_primary(const char *text)
{
	return text[0] != '\0' && is_host(text) && has_good_brackets(text) &&
			has_good_port(text) ?
		NULL :
		"mx, a host name or [address]:port";
}

/* It goes into MAIL FROM:<...>. */
static const char *
check_sender(const char *text)
{
	const char *at = strrchr(text, '@');

	if (text[0] == '\0')
		return NULL;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("<>\\\"", *c))
			return "an address, as probe@backup.example.test";
	return at && at != text && at[1] != '\0' && is_host(at + 1) ?
		NULL :
		"an address, as probe@backup.example.test";
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

/* lib/redis reads it; here a mistyped scheme is found before the daemon is
 * started. */
static const char *
check_redis_server(const char *text)
{
	static const char *const schemes[] = {"redis://", "rediss://"};

	if (strncmp(text, "unix:", 5) == 0)
		return text[5] == '/' ? NULL : "unix:/path";
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const size_t len = strlen(schemes[i]);

		if (strncmp(text, schemes[i], len) != 0)
			continue;
		text += len;
		break;
	}
	return is_host(text) && has_good_brackets(text) && has_good_port(text) ?
		NULL :
		"unix:/path, host:port, redis://host:port or "
		"rediss://host:port";
}

/* What is behind the scheme is looked at by what fetches it. */
static const char *
check_source(const char *text)
{
	static const char *const known[] = {"file:/",  "exec:/",  "https://",
	                                    "sftp://", "ldap://", "ldaps://"};

	if (text[0] == '\0' || strcmp(text, "redis:") == 0)
		return NULL;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const size_t len = strlen(known[i]);

		if (strncmp(text, known[i], len) == 0 && text[len] != '\0')
			return NULL;
	}
	if (strncmp(text, "http://", 7) == 0)
		return "https://...: without TLS anybody on the way could "
		       "change the list";
	return "file:/path, exec:/path, https://..., sftp://..., ldap://..., "
	       "ldaps://..., redis: or nothing";
}

static const char *
check_zone(const char *text)
{
	struct bmx_dnsbl_site site;

	return bmx_dnsbl_site_parse(bmx_slice_of(text), &site, NULL) == 0 ?
		NULL :
		"zone, zone=127.0.0.[2;4..11] or either with *weight";
}

/* The milter reads the file; here only its kind and name are looked at. */
static const char *
check_access(const char *text, bool cidr)
{
	static const char *const kinds[] = {
		"cidr:", "texthash:", "hash:", "btree:", "lmdb:", "cdb:"};

	for (size_t i = cidr ? 0 : 1; i < sizeof(kinds) / sizeof(kinds[0]);
	     i++) {
		const size_t len = strlen(kinds[i]);

		if (strncmp(text, kinds[i], len) == 0) {
			text += len;
			break;
		}
	}
	if (text[0] == '/')
		return NULL;
	return cidr ? "cidr:/path, hash:/path or /path" : "hash:/path or /path";
}

static const char *
check_scanner_url(const char *text)
{
	const char *const host = strstr(text, "://");
	struct bmx_endpoint endpoint;

	if (strncmp(text, "http://", 7) == 0 ||
	    strncmp(text, "https://", 8) == 0)
		return is_alnum(host[3]) || host[3] == '[' ?
			NULL :
			"a host behind the scheme";
	return bmx_endpoint_parse(bmx_slice_of(text), &endpoint, NULL) == 0 ?
		NULL :
		"http://host:port, https://host:port, inet:host:port or "
		"unix:/path";
}

static const char *
check_client_access(const char *text)
{
	return check_access(text, true);
}

static const char *
check_sender_access(const char *text)
{
	return check_access(text, false);
}

static const struct {
	const char *key;
	check_string *check;
} checks[] = {
	{"hostname", check_hostname},
	{"state_dir", check_path},
	{"resolver", check_resolver},
	{"mx_names", check_hostname},
	{"trust_anchor", check_path},
	{"redis.servers", check_redis_server},
	{"redis.sentinels", check_redis_server},
	{"redis.password_file", check_path},
	{"redis.sentinel_password_file", check_path},
	{"redis.tls_ca_file", check_path},
	{"domain.primary", check_primary},
	{"domain.probe_sender", check_sender},
	{"domain.tls_ca_file", check_path},
	{"domain.recipients", check_source},
	{"domain.recipient_delimiter", check_delimiter},
	{"domain.client_access", check_client_access},
	{"domain.sender_access", check_sender_access},
	{"domain.dnsbl.zones", check_zone},
	{"domain.scanner.urls", check_scanner_url},
	{"domain.fetch.password_file", check_path},
	{"domain.fetch.token_file", check_path},
	{"domain.fetch.tls_ca_file", check_path},
	{"domain.fetch.tls_cert_file", check_path},
	{"domain.fetch.tls_key_file", check_path},
	{"domain.fetch.ssh_key_file", check_path},
	{"domain.fetch.ssh_known_hosts_file", check_path},
};

const char *
config_check(const struct config_row *row, const char *text)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (strcmp(checks[i].key, row->key) == 0)
			return checks[i].check(text);
	return NULL;
}
