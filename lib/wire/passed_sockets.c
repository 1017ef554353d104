#include <backupmx/passed_sockets.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <backupmx/notify.h>

/* The address of a socket of any family that can be configured. */
union name {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage room;
};

int
bmx_passed_find(struct bmx_passed_sockets *passed_out, struct bmx_error *err)
{
	int first, count;

	*passed_out = (struct bmx_passed_sockets){0};
	count = bmx_notify_passed(&first);
	if (count < 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "LISTEN_FDS is wrong or names a "
		                     "descriptor that is not open: %s",
		                     strerror(-count));
	if (count > BMX_PASSED_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "%d sockets were passed, at most %d are "
		                     "taken: check the socket unit",
		                     count, BMX_PASSED_MAX);
	for (int i = 0; i < count; i++)
		passed_out->fds[passed_out->count++] = first + i;
	return 0;
}

static bool
option_is(int fd, int option, int want)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 &&
		value == want;
}

/* Where fd listens; false when it is no stream socket that listens. */
static bool
listens(int fd, union name *name_out)
{
	socklen_t len = sizeof(*name_out);

	*name_out = (union name){.room = {0}};
	return option_is(fd, SO_TYPE, SOCK_STREAM) &&
		option_is(fd, SO_ACCEPTCONN, 1) &&
		getsockname(fd, &name_out->any, &len) == 0;
}

/* A path fills the field to its end when it has no zero octet. */
static bool
is_path(const union name *name, const char *path)
{
	return name->any.sa_family == AF_UNIX && path[0] == '/' &&
		strlen(path) < sizeof(name->local.sun_path) &&
		strncmp(name->local.sun_path, path,
	                sizeof(name->local.sun_path)) == 0;
}

static bool
is_any(const union name *name, in_port_t port)
{
	if (name->any.sa_family == AF_INET)
		return name->v4.sin_port == port &&
			name->v4.sin_addr.s_addr == htonl(INADDR_ANY);
	return name->any.sa_family == AF_INET6 && name->v6.sin6_port == port &&
		IN6_IS_ADDR_UNSPECIFIED(&name->v6.sin6_addr);
}

static bool
is_address(const union name *name, const struct sockaddr *address)
{
	const union name *other = (const union name *)(const void *)address;

	if (name->any.sa_family != address->sa_family)
		return false;
	if (address->sa_family == AF_INET)
		return name->v4.sin_port == other->v4.sin_port &&
			name->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr;
	return address->sa_family == AF_INET6 &&
		name->v6.sin6_port == other->v6.sin6_port &&
		IN6_ARE_ADDR_EQUAL(&name->v6.sin6_addr, &other->v6.sin6_addr);
}

static bool
is_host(const union name *name, const struct bmx_endpoint *endpoint)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                               .ai_socktype = SOCK_STREAM,
	                               .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	bool found = false;
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", (unsigned)endpoint->port);
	if (getaddrinfo(endpoint->host, port, &hints, &list) != 0)
		return false; /* listening there will say why */
	for (const struct addrinfo *info = list; info && !found;
	     info = info->ai_next)
		found = is_address(name, info->ai_addr);
	freeaddrinfo(list);
	return found;
}

static bool
is_endpoint(const union name *name, const struct bmx_endpoint *endpoint)
{
	if (endpoint->kind == BMX_ENDPOINT_UNIX)
		return is_path(name, endpoint->path);
	if (name->any.sa_family == AF_UNIX)
		return false;
	return endpoint->host[0] ? is_host(name, endpoint) :
				   is_any(name, htons(endpoint->port));
}

static int
remove_at(struct bmx_passed_sockets *passed, size_t at)
{
	const int fd = passed->fds[at];

	passed->count--;
	memmove(&passed->fds[at], &passed->fds[at + 1],
	        (passed->count - at) * sizeof(passed->fds[0]));
	return fd;
}

/* systemd's sockets block, unless told otherwise. */
static bool
unblock(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

int
bmx_passed_take(struct bmx_passed_sockets *passed,
                const struct bmx_endpoint *endpoint)
{
	union name name;

	for (size_t i = 0; i < passed->count; i++)
		if (listens(passed->fds[i], &name) &&
		    is_endpoint(&name, endpoint) && unblock(passed->fds[i]))
			return remove_at(passed, i);
	return -1;
}

int
bmx_passed_or_listen(struct bmx_passed_sockets *passed,
                     const struct bmx_endpoint *endpoint,
                     const struct bmx_endpoint_owner *owner, bool *made_out,
                     struct bmx_error *err)
{
	int fd = bmx_passed_take(passed, endpoint);

	*made_out = fd < 0;
	if (fd < 0)
		fd = bmx_endpoint_listen(endpoint, owner, err);
	return fd;
}

static void
append_path(struct bmx_text *text, const union name *name)
{
	/* An abstract name, or none, is no path. */
	bmx_text_printf(text, "unix:%.*s", (int)sizeof(name->local.sun_path),
	                name->local.sun_path[0] ? name->local.sun_path :
	                                          "(no path)");
}

static void
append_inet(struct bmx_text *text, const union name *name)
{
	const bool v6 = name->any.sa_family == AF_INET6;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo(&name->any, v6 ? sizeof(name->v6) : sizeof(name->v4),
	                host, sizeof(host), port, sizeof(port),
	                NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		bmx_text_printf(text, "inet:(unknown)");
	else
		bmx_text_printf(text, v6 ? "inet:[%s]:%s" : "inet:%s:%s", host,
		                port);
}

bool
bmx_passed_drop(struct bmx_passed_sockets *passed, struct bmx_text *name)
{
	union name where;
	int fd;

	if (passed->count == 0)
		return false;
	fd = remove_at(passed, 0);
	if (!listens(fd, &where))
		bmx_text_printf(name,
		                "descriptor %d, no stream socket that "
		                "listens",
		                fd);
	else if (where.any.sa_family == AF_UNIX)
		append_path(name, &where);
	else
		append_inet(name, &where);
	(void)close(fd);
	return true;
}
