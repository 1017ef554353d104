#include <backupmx/endpoint.h>

#include <errno.h>
#include <stdio.h>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <backupmx/clock.h>

/* How long to wait before a unix socket with a full queue is tried again. */
#define RETRY_MS 10

static int
left_ms(int64_t deadline_ms)
{
	const int64_t left =
		deadline_ms - bmx_clock_mono_ms(bmx_clock_system());

	return left > 0 ? (int)left : 0;
}

/* Waits until a connect that was begun is through: 0, or an errno. */
static int
wait_connected(int fd, int64_t deadline_ms)
{
	struct pollfd out = {.fd = fd, .events = POLLOUT};
	int errnum = 0, ready;
	socklen_t len = sizeof(errnum);

	do
		ready = poll(&out, 1, left_ms(deadline_ms));
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return ETIMEDOUT;
	if (ready < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len) != 0)
		return errno;
	return errnum;
}

/* Connects a non-blocking socket: 0, or an errno. */
static int
connect_socket(int fd, const struct sockaddr *address, socklen_t len,
               int64_t deadline_ms)
{
	while (connect(fd, address, len) != 0) {
		if (errno == EINPROGRESS || errno == EINTR)
			return wait_connected(fd, deadline_ms);
		/* A unix socket with a full queue cannot be waited for. */
		if (errno != EAGAIN)
			return errno;
		if (left_ms(deadline_ms) == 0)
			return ETIMEDOUT;
		(void)poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

/* A connected, blocking socket, or -1 with errno. */
static int
connect_address(const struct sockaddr *address, socklen_t len,
                int64_t deadline_ms)
{
	const int fd = socket(address->sa_family,
	                      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int errnum;

	if (fd < 0)
		return -1;
	errnum = connect_socket(fd, address, len, deadline_ms);
	if (errnum == 0 &&
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) != 0)
		errnum = errno;
	if (errnum == 0)
		return fd;
	(void)close(fd); /* nothing was written */
	errno = errnum;
	return -1;
}

static int
connect_unix(const char *path, int64_t deadline_ms)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strlen(path) + 1);
	return connect_address((struct sockaddr *)&address, sizeof(address),
	                       deadline_ms);
}

static int
connect_list(const struct addrinfo *list, int64_t deadline_ms)
{
	int fd = -1;

	for (const struct addrinfo *info = list; info && fd < 0;
	     info = info->ai_next)
		fd = connect_address(info->ai_addr, info->ai_addrlen,
		                     deadline_ms);
	return fd;
}

static int
fail(const struct bmx_endpoint *endpoint, int errnum, struct bmx_error *err)
{
	char name[sizeof(endpoint->host) + 16];
	const char *hint = "";
	struct bmx_text text;

	if (errnum == ENOENT || errnum == ECONNREFUSED)
		hint = " (is the daemon running?)";
	else if (errnum == EACCES || errnum == EPERM)
		hint = " (run this as root, or as a member of the socket's "
		       "group)";
	bmx_text_init(&text, name, sizeof(name));
	bmx_endpoint_append(&text, endpoint);
	return bmx_error_set_errno(err, errnum, "cannot connect to %s%s", name,
	                           hint);
}

static int
connect_inet(const struct bmx_endpoint *endpoint, int timeout_ms,
             struct bmx_error *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                               .ai_socktype = SOCK_STREAM,
	                               .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	int64_t deadline_ms;
	char port[8];
	int rc, fd;

	(void)snprintf(port, sizeof(port), "%u", (unsigned)endpoint->port);
	rc = getaddrinfo(endpoint->host[0] ? endpoint->host : NULL, port,
	                 &hints, &list);
	if (rc != 0)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "cannot connect to inet:%s:%s: %s",
		                     endpoint->host, port, gai_strerror(rc));
	deadline_ms = bmx_clock_mono_ms(bmx_clock_system()) + timeout_ms;
	fd = connect_list(list, deadline_ms);
	if (fd < 0)
		(void)fail(endpoint, errno, err);
	freeaddrinfo(list);
	return fd;
}

int
bmx_endpoint_connect(const struct bmx_endpoint *endpoint, int timeout_ms,
                     struct bmx_error *err)
{
	int fd;

	if (endpoint->kind == BMX_ENDPOINT_INET)
		return connect_inet(endpoint, timeout_ms, err);
	fd = connect_unix(endpoint->path,
	                  bmx_clock_mono_ms(bmx_clock_system()) + timeout_ms);
	return fd < 0 ? fail(endpoint, errno, err) : fd;
}
