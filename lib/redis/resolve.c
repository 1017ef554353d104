#include "resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <net/if.h>
#include <sys/un.h>

struct bmx_resolve {
	struct bmx_loop *loop;
	struct evdns_base *dns;
	struct evdns_getaddrinfo_request *request; /* NULL: is answered */
	struct bmx_timer *timer; /* the limit; then: deliver, or free */
	bool answered;           /* libevent called back */
	bool told;               /* the owner was called, or has cancelled */
	struct bmx_resolved list;
	struct bmx_error err;
	char host[sizeof(((struct bmx_endpoint *)0)->host)];
	bmx_resolve_cb *cb;
	void *ctx;
};

static void
add(struct bmx_resolved *out, const void *address, size_t len)
{
	if (out->count == BMX_RESOLVED_MAX || len > sizeof(out->at[0].address))
		return;
	memcpy(&out->at[out->count].address, address, len);
	out->at[out->count].len = (socklen_t)len;
	out->count++;
}

static void
add_unix(struct bmx_resolved *out, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strlen(path) + 1);
	add(out, &address, sizeof(address));
}

/* "fe80::1%eth0": the zone is an interface's name. */
static int
add_v6(struct bmx_resolved *out, const char *host, uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_port = htons(port)};
	const size_t len = strcspn(host, "%");
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof(text))
		return -1;
	memcpy(text, host, len);
	text[len] = '\0';
	if (inet_pton(AF_INET6, text, &address.sin6_addr) != 1)
		return -1;
	if (host[len] == '%')
		address.sin6_scope_id = if_nametoindex(host + len + 1);
	add(out, &address, sizeof(address));
	return 0;
}

int
bmx_resolve_literal(const struct bmx_endpoint *endpoint,
                    struct bmx_resolved *out)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons(endpoint->port)};

	memset(out, 0, sizeof(*out));
	if (endpoint->kind == BMX_ENDPOINT_UNIX) {
		add_unix(out, endpoint->path);
		return 0;
	}
	if (inet_pton(AF_INET, endpoint->host, &address.sin_addr) == 1) {
		add(out, &address, sizeof(address));
		return 0;
	}
	return add_v6(out, endpoint->host, endpoint->port);
}

static void
destroy(struct bmx_resolve *resolve)
{
	bmx_timer_free(resolve->loop, &resolve->timer);
	evdns_base_free(resolve->dns, 0);
	free(resolve);
}

/* libevent's base must not be freed from within its own callback. */
static void
on_answer(int result, struct evutil_addrinfo *list, void *arg)
{
	struct bmx_resolve *resolve = arg;

	resolve->request = NULL;
	resolve->answered = true;
	for (struct evutil_addrinfo *one = list; one; one = one->ai_next)
		add(&resolve->list, one->ai_addr, one->ai_addrlen);
	if (list)
		evutil_freeaddrinfo(list);
	if (resolve->list.count == 0 && resolve->err.code == BMX_E_NONE)
		(void)bmx_error_set(&resolve->err, BMX_E_NOT_FOUND,
		                    "cannot find the address of %s: %s",
		                    resolve->host, evutil_gai_strerror(result));
	bmx_timer_set(resolve->loop, resolve->timer, 0);
}

static void
give_up(struct bmx_resolve *resolve)
{
	struct evdns_getaddrinfo_request *request = resolve->request;

	resolve->request = NULL;
	if (request)
		evdns_getaddrinfo_cancel(request);
}

static void
on_timer(void *ctx)
{
	struct bmx_resolve *resolve = ctx;
	const bool answered = resolve->answered;

	if (!answered)
		(void)bmx_error_set(&resolve->err, BMX_E_TIMEOUT,
		                    "no answer for the address of %s",
		                    resolve->host);
	if (!resolve->told) {
		resolve->told = true;
		resolve->cb(
			resolve->ctx,
			resolve->err.code == BMX_E_NONE ? &resolve->list : NULL,
			resolve->err.code == BMX_E_NONE ? NULL : &resolve->err);
	}
	if (answered)
		destroy(resolve);
	else
		give_up(resolve);
}

static void
begin(struct bmx_resolve *resolve, uint16_t port)
{
	const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
	                                      .ai_socktype = SOCK_STREAM,
	                                      .ai_protocol = IPPROTO_TCP,
	                                      .ai_flags =
	                                              EVUTIL_AI_NUMERICSERV};
	struct evdns_getaddrinfo_request *request;
	char service[8];

	(void)snprintf(service, sizeof(service), "%u", (unsigned)port);
	request = evdns_getaddrinfo(resolve->dns, resolve->host, service,
	                            &hints, on_answer, resolve);
	if (!resolve->answered)
		resolve->request = request;
}

struct bmx_resolve *
bmx_resolve_start(struct bmx_loop *loop, const struct bmx_endpoint *endpoint,
                  int64_t timeout_ms, bmx_resolve_cb *cb, void *ctx,
                  struct bmx_error *err)
{
	struct bmx_resolve *resolve = calloc(1, sizeof(*resolve));

	if (resolve) {
		*resolve = (struct bmx_resolve){
			.loop = loop, .cb = cb, .ctx = ctx};
		memcpy(resolve->host, endpoint->host, sizeof(resolve->host));
		resolve->timer = bmx_timer_new(loop, on_timer, resolve);
		resolve->dns = evdns_base_new(
			bmx_loop_event_base(loop),
			EVDNS_BASE_INITIALIZE_NAMESERVERS |
				EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	}
	if (!resolve || !resolve->timer || !resolve->dns) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "cannot look up the address of %s",
		                    endpoint->host);
		if (resolve && resolve->dns)
			evdns_base_free(resolve->dns, 0);
		if (resolve)
			bmx_timer_free(loop, &resolve->timer);
		free(resolve);
		return NULL;
	}
	bmx_timer_set(loop, resolve->timer, timeout_ms);
	begin(resolve, endpoint->port);
	return resolve;
}

void
bmx_resolve_cancel(struct bmx_resolve **resolve)
{
	struct bmx_resolve *it = *resolve;

	*resolve = NULL;
	if (!it || it->told)
		return;
	it->told = true;
	if (it->answered)
		bmx_timer_set(it->loop, it->timer, 0);
	else
		give_up(it);
}
