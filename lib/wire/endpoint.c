#include <backupmx/endpoint.h>

#include <assert.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <backupmx/units.h>

#define EXPECTED "expected \"unix:/path\" or \"inet:host:port\""

static_assert(sizeof(((struct bmx_endpoint *)0)->path) ==
                      sizeof(((struct sockaddr_un *)0)->sun_path),
              "a path that fits here fits the system");

static bool
has_control(struct bmx_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
			return true;
	return false;
}

static int
parse_path(struct bmx_slice path, struct bmx_endpoint *out,
           struct bmx_error *err)
{
	if (path.len < 2 || path.data[0] != '/' ||
	    path.data[path.len - 1] == '/' || has_control(path))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "expected an absolute path after "
		                     "\"unix:\", as \"unix:/run/name.sock\"");
	if (path.len >= sizeof(out->path))
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the path of a socket may have %zu "
		                     "octets, this one has %zu",
		                     sizeof(out->path) - 1, path.len);
	out->kind = BMX_ENDPOINT_UNIX;
	memcpy(out->path, path.data, path.len);
	return 0;
}

static int
parse_port(struct bmx_slice text, uint16_t *port_out, struct bmx_error *err)
{
	int64_t port = 0;

	if (text.len == 0 || text.len > 9 ||
	    bmx_units_parse_number(text, &port) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "expected a port number after the last "
		                     "':', " EXPECTED);
	if (port < 1 || port > UINT16_MAX)
		return bmx_error_set(err, BMX_E_RANGE,
		                     "port %lld is not between 1 and 65535",
		                     (long long)port);
	*port_out = (uint16_t)port;
	return 0;
}

static bool
is_host_octet(char c)
{
	c = bmx_ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
		c == '-' || c == '_';
}

static bool
is_host_name(struct bmx_slice host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!is_host_octet(host.data[i]))
			return false;
	return true;
}

/* An IPv6 address, which may name a zone ("fe80::1%eth0"). */
static bool
is_ipv6(const char *host)
{
	const size_t len = strcspn(host, "%");
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;

	if (len >= sizeof(address))
		return false;
	memcpy(address, host, len);
	address[len] = '\0';
	return inet_pton(AF_INET6, address, &binary) == 1;
}

static int
parse_host(struct bmx_slice host, struct bmx_endpoint *out,
           struct bmx_error *err)
{
	const bool brackets = host.len >= 2 && host.data[0] == '[' &&
		host.data[host.len - 1] == ']';

	if (brackets)
		host = (struct bmx_slice){host.data + 1, host.len - 2};
	if (host.len >= sizeof(out->host))
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a host name may have %zu octets, this "
		                     "one has %zu",
		                     sizeof(out->host) - 1, host.len);
	if (host.len > 0)
		memcpy(out->host, host.data, host.len);
	if (brackets ? has_control(host) || !is_ipv6(out->host) :
	               !is_host_name(host))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "expected a host name, an IPv4 address, "
		                     "or an IPv6 address in brackets, as "
		                     "\"inet:[::1]:9517\"");
	return 0;
}

static int
parse_inet(struct bmx_slice text, struct bmx_endpoint *out,
           struct bmx_error *err)
{
	size_t colon = text.len;

	while (colon > 0 && text.data[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "host or port is missing, " EXPECTED);
	out->kind = BMX_ENDPOINT_INET;
	if (parse_port((struct bmx_slice){text.data + colon, text.len - colon},
	               &out->port, err) != 0)
		return -1;
	return parse_host((struct bmx_slice){text.data, colon - 1}, out, err);
}

int
bmx_endpoint_parse(struct bmx_slice text, struct bmx_endpoint *endpoint_out,
                   struct bmx_error *err)
{
	*endpoint_out = (struct bmx_endpoint){0};
	if (bmx_slice_take(&text, BMX_SLICE("unix:")))
		return parse_path(text, endpoint_out, err);
	if (bmx_slice_take(&text, BMX_SLICE("inet:")))
		return parse_inet(text, endpoint_out, err);
	return bmx_error_set(err, BMX_E_SYNTAX, EXPECTED);
}

void
bmx_endpoint_append(struct bmx_text *text, const struct bmx_endpoint *endpoint)
{
	const bool brackets = strchr(endpoint->host, ':') != NULL;

	if (endpoint->kind == BMX_ENDPOINT_UNIX) {
		bmx_text_append_string(text, "unix:");
		bmx_text_append_string(text, endpoint->path);
		return;
	}
	bmx_text_append_string(text, brackets ? "inet:[" : "inet:");
	bmx_text_append_string(text, endpoint->host);
	bmx_text_append_string(text, brackets ? "]:" : ":");
	bmx_text_append_u64(text, endpoint->port);
}

void
bmx_endpoint_unlink(const struct bmx_endpoint *endpoint)
{
	struct stat st;

	if (endpoint->kind != BMX_ENDPOINT_UNIX)
		return;
	/* Fails when it is gone already; a left-over is found at the start. */
	if (lstat(endpoint->path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(endpoint->path);
}
