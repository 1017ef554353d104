#include <backupmx/target_spec.h>

#include <string.h>

#include <arpa/inet.h>

#include <backupmx/units.h>

#define EXPECTED "expected mx, a host, host:port, [address] or [address]:port"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
bmx_target_host_name(struct bmx_slice text, char out[BMX_DOMAIN_BUFFER])
{
	struct bmx_slice name;
	size_t at;

	if (bmx_domain_normalise(text, out, &name) != 0)
		return false;
	out[name.len] = '\0';
	for (at = name.len; at > 0 && is_digit(out[at - 1]); at--)
		;
	/* All digits back to a dot, or to the start. */
	return at == name.len || (at > 0 && out[at - 1] != '.');
}

static bool
read_address(struct bmx_slice text, struct bmx_target_address *address)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy) || memchr(text.data, 0, text.len))
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	*address = (struct bmx_target_address){.family = AF_INET};
	if (inet_pton(AF_INET, copy, address->octets) == 1)
		return true;
	address->family = AF_INET6;
	return inet_pton(AF_INET6, copy, address->octets) == 1;
}

static struct bmx_slice
from(struct bmx_slice text, size_t at)
{
	return (struct bmx_slice){text.data + at, text.len - at};
}

/* The part before the port, without brackets; *port_out borrows from text and
 * is empty when there is none. */
static bool
split(struct bmx_slice text, struct bmx_slice *host_out,
      struct bmx_slice *port_out, bool *bracketed_out)
{
	const bool bracketed = text.len > 0 && text.data[0] == '[';
	const char *end;

	if (bracketed)
		text = from(text, 1);
	end = text.len > 0 ?
		memchr(text.data, bracketed ? ']' : ':', text.len) :
		NULL;
	*bracketed_out = bracketed;
	*host_out = text;
	*port_out = (struct bmx_slice){0};
	if (!end)
		return !bracketed;
	host_out->len = (size_t)(end - text.data);
	text = from(text, host_out->len);
	if (bracketed)
		text = from(text, 1);
	if (text.len == 0)
		return true;
	*port_out = from(text, 1);
	return text.data[0] == ':' && port_out->len > 0;
}

static int
read_port(struct bmx_slice text, struct bmx_target_spec *spec,
          struct bmx_error *err)
{
	int64_t port = BMX_TARGET_PORT;

	if (text.len > 0 && bmx_units_parse_number(text, &port) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX, EXPECTED);
	if (port < 1 || port > 65535)
		return bmx_error_set(err, BMX_E_RANGE, "a port is 1 to 65535");
	spec->port = (uint16_t)port;
	return 0;
}

int
bmx_target_spec_parse(struct bmx_slice text, struct bmx_target_spec *spec_out,
                      struct bmx_error *err)
{
	const struct bmx_slice tag = BMX_SLICE("IPv6:");
	struct bmx_slice host, port;
	bool bracketed;

	*spec_out = (struct bmx_target_spec){.kind = BMX_TARGET_LITERAL,
	                                     .port = BMX_TARGET_PORT};
	if (text.len > 0 && read_address(text, &spec_out->address))
		return 0; /* without brackets, so no port either */
	if (!split(text, &host, &port, &bracketed) || host.len == 0)
		return bmx_error_set(err, BMX_E_SYNTAX, EXPECTED);
	if (read_port(port, spec_out, err) != 0)
		return -1;
	if (bracketed && host.len > tag.len &&
	    bmx_slice_equal_nocase((struct bmx_slice){host.data, tag.len}, tag))
		host = from(host, tag.len);
	if (read_address(host, &spec_out->address))
		return 0;
	spec_out->address = (struct bmx_target_address){0};
	spec_out->kind = BMX_TARGET_MX;
	if (!bracketed && bmx_slice_equal_nocase(host, BMX_SLICE("mx")))
		return 0;
	spec_out->kind = BMX_TARGET_HOST;
	if (!bmx_target_host_name(host, spec_out->name))
		return bmx_error_set(err, BMX_E_SYNTAX, EXPECTED);
	return 0;
}
