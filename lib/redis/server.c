#include "server.h"

/* Is there a port at the end? The colons of a bare IPv6 address are none. */
static bool
has_port(struct bmx_slice text)
{
	size_t colons = 0;

	if (text.len > 0 && text.data[text.len - 1] == ']')
		return false;
	for (size_t i = 0; i < text.len; i++)
		colons += text.data[i] == ':';
	return colons == 1 || (colons > 1 && text.data[0] == '[');
}

/* A password in the configuration file would be read by whoever may read it. */
static int
check_url(struct bmx_slice *text, struct bmx_error *err)
{
	if (text->len > 0 && text->data[text->len - 1] == '/')
		text->len--;
	if (memchr(text->data, '@', text->len))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "no user or password belongs here: see "
		                     "username and password_file");
	if (memchr(text->data, '/', text->len))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "no database belongs here: see database");
	return 0;
}

int
bmx_redis_server_parse(struct bmx_slice text, uint16_t default_port,
                       struct bmx_redis_server *server_out,
                       struct bmx_error *err)
{
	char buffer[sizeof(((struct bmx_endpoint *)0)->host) + 32];
	struct bmx_slice rest = text;
	struct bmx_text built;
	bool tls, url;

	memset(server_out, 0, sizeof(*server_out));
	if (text.len >= 5 && !memcmp(text.data, "unix:", 5))
		return bmx_endpoint_parse(text, &server_out->endpoint, err);
	tls = bmx_slice_take(&rest, BMX_SLICE("rediss://"));
	url = tls || bmx_slice_take(&rest, BMX_SLICE("redis://"));
	(void)(!url && bmx_slice_take(&rest, BMX_SLICE("inet:")));
	if (url && check_url(&rest, err) != 0)
		return -1;
	if (rest.len == 0)
		return bmx_error_set(
			err, BMX_E_SYNTAX,
			"expected \"unix:/path\", \"host:port\" or "
			"\"rediss://host:port\"");
	bmx_text_init(&built, buffer, sizeof(buffer));
	bmx_text_append_string(&built, "inet:");
	bmx_text_append(&built, rest);
	if (!has_port(rest))
		bmx_text_printf(&built, ":%u", (unsigned)default_port);
	if (built.cut)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the name of a server is too long");
	server_out->tls = tls;
	if (bmx_endpoint_parse(bmx_text_slice(&built), &server_out->endpoint,
	                       err) != 0)
		return -1;
	if (server_out->endpoint.host[0] == '\0')
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "expected a host before the port");
	return 0;
}

int
bmx_redis_server_from(struct bmx_slice host, int64_t port, bool tls,
                      struct bmx_redis_server *server_out)
{
	char buffer[sizeof(((struct bmx_endpoint *)0)->host) + 32];
	struct bmx_text built;
	const bool v6 = host.len > 0 && memchr(host.data, ':', host.len);

	if (host.len == 0 || host.len > 255 || port < 1 || port > UINT16_MAX)
		return -1;
	bmx_text_init(&built, buffer, sizeof(buffer));
	bmx_text_append_string(&built, v6 ? "inet:[" : "inet:");
	bmx_text_append(&built, host);
	bmx_text_printf(&built, v6 ? "]:%u" : ":%u", (unsigned)port);
	memset(server_out, 0, sizeof(*server_out));
	server_out->tls = tls;
	return built.cut ? -1 :
			   bmx_endpoint_parse(bmx_text_slice(&built),
	                                      &server_out->endpoint, NULL);
}

void
bmx_redis_server_append(struct bmx_text *text,
                        const struct bmx_redis_server *server)
{
	const struct bmx_endpoint *endpoint = &server->endpoint;

	if (endpoint->kind == BMX_ENDPOINT_UNIX) {
		bmx_endpoint_append(text, endpoint);
		return;
	}
	if (server->tls)
		bmx_text_append_string(text, "rediss://");
	bmx_text_printf(text, strchr(endpoint->host, ':') ? "[%s]:%u" : "%s:%u",
	                endpoint->host, (unsigned)endpoint->port);
}

bool
bmx_redis_server_equal(const struct bmx_redis_server *a,
                       const struct bmx_redis_server *b)
{
	if (a->endpoint.kind != b->endpoint.kind || a->tls != b->tls)
		return false;
	if (a->endpoint.kind == BMX_ENDPOINT_UNIX)
		return !strcmp(a->endpoint.path, b->endpoint.path);
	return a->endpoint.port == b->endpoint.port &&
		bmx_slice_equal_nocase(bmx_slice_of(a->endpoint.host),
	                               bmx_slice_of(b->endpoint.host));
}
