#include "milter/scanners/link.h"

#include <errno.h>

#include <poll.h>
#include <sys/socket.h>

#include <backupmx/endpoint.h>

int
bmx_link_open(const char *url, int connect_ms, struct bmx_patience *patience,
              struct bmx_error *err)
{
	const int left_ms = bmx_patience_left_ms(patience);
	struct bmx_endpoint endpoint;
	int fd;

	if (left_ms == 0)
		return bmx_error_set(err, BMX_E_TIMEOUT, "no time left");
	if (bmx_endpoint_parse(bmx_slice_of(url), &endpoint, err) != 0)
		return -1;
	fd = bmx_endpoint_connect(
		&endpoint, left_ms < connect_ms ? left_ms : connect_ms, err);
	if (fd < 0)
		err->code = BMX_E_CLOSED;
	return fd;
}

static int
wait_for(int fd, short events, struct bmx_patience *patience,
         struct bmx_error *err)
{
	struct pollfd ready = {.fd = fd, .events = events};

	for (;;) {
		int wait_ms = bmx_patience_left_ms(patience);
		int rc;

		if (wait_ms == 0)
			return bmx_error_set(err, BMX_E_TIMEOUT,
			                     "no reply in time");
		if (wait_ms > BMX_PATIENCE_PIECE_MS)
			wait_ms = BMX_PATIENCE_PIECE_MS;
		rc = poll(&ready, 1, wait_ms);
		bmx_patience_tick(patience);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return bmx_error_set_errno(err, errno, "poll");
	}
}

static bool
try_again(int errnum)
{
	return errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == EINTR;
}

int
bmx_link_send(int fd, struct bmx_slice bytes, struct bmx_patience *patience,
              struct bmx_error *err)
{
	while (bytes.len > 0) {
		const ssize_t sent = send(fd, bytes.data, bytes.len,
		                          MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return bmx_error_set(err, BMX_E_CLOSED,
			                     "the scanner takes no more");
		if (sent < 0 && !try_again(errno))
			return bmx_error_set_errno(err, errno, "send");
		if (sent < 0) {
			if (wait_for(fd, POLLOUT, patience, err) != 0)
				return -1;
			continue;
		}
		bytes.data += sent;
		bytes.len -= (size_t)sent;
	}
	return 0;
}

static void
put_count(char *out, size_t count)
{
	for (int i = 3; i >= 0; i--) {
		out[i] = (char)(count & 0xff);
		count >>= 8;
	}
}

int
bmx_link_send_spool(int fd, const struct bmx_spool *spool, bool counted,
                    struct bmx_patience *patience, struct bmx_error *err)
{
	char piece[4 + BMX_LINK_PIECE];
	uint64_t at = 0;

	for (;;) {
		const ssize_t got =
			bmx_spool_read(spool, at, piece + 4, BMX_LINK_PIECE);

		if (got < 0)
			return bmx_error_set_errno(err, errno,
			                           "the message is lost");
		if (got == 0)
			return 0;
		put_count(piece, (size_t)got);
		if (bmx_link_send(
			    fd,
			    (struct bmx_slice){piece + (counted ? 0 : 4),
		                               (size_t)got + (counted ? 4 : 0)},
			    patience, err) != 0)
			return -1;
		at += (uint64_t)got;
	}
}

ssize_t
bmx_link_read_all(int fd, char *buffer, size_t size,
                  struct bmx_patience *patience, struct bmx_error *err)
{
	size_t len = 0;

	while (len < size) {
		ssize_t got;

		if (wait_for(fd, POLLIN, patience, err) != 0)
			return -1;
		got = recv(fd, buffer + len, size - len, MSG_DONTWAIT);
		if (got < 0 && try_again(errno))
			continue;
		/* clamd closes with our octets unread when it has had enough. */
		if (got < 0 && errno == ECONNRESET)
			got = 0;
		if (got < 0)
			return bmx_error_set_errno(err, errno, "recv");
		if (got == 0)
			return (ssize_t)len;
		len += (size_t)got;
	}
	return bmx_error_set(err, BMX_E_TOO_BIG, "the reply is too large");
}
