#include "ldap_io.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lber.h>

#include <backupmx/clock.h>

int64_t
ldap_io_left_ms(const struct ldap_io *io)
{
	const int64_t left =
		io->deadline_ms - bmx_clock_mono_ms(bmx_clock_system());

	return left > 0 ? left : 0;
}

/* False, with errno, when the descriptor does not become ready in time. */
static bool
wait_ready(const struct ldap_io *io, short events)
{
	struct pollfd ready = {.fd = io->fd, .events = events};
	const int rc = poll(&ready, 1, (int)ldap_io_left_ms(io));

	if (rc == 0)
		errno = ETIMEDOUT;
	return rc > 0 || (rc < 0 && errno == EINTR);
}

static bool
is_passing(int errnum)
{
	return errnum == EINTR || errnum == EAGAIN || errnum == EWOULDBLOCK;
}

static int
on_setup(Sockbuf_IO_Desc *desc, void *arg)
{
	desc->sbiod_pvt = arg;
	return 0;
}

static int
on_remove(Sockbuf_IO_Desc *desc)
{
	desc->sbiod_pvt = NULL;
	return 0;
}

/* All that is asked of a socket is done by liblber itself. */
static int
on_control(Sockbuf_IO_Desc *desc, int option, void *arg)
{
	(void)desc;
	(void)option;
	(void)arg;
	return 0;
}

static ber_slen_t
on_read(Sockbuf_IO_Desc *desc, void *data, ber_len_t len)
{
	const struct ldap_io *io = desc->sbiod_pvt;
	ssize_t got;

	do {
		if (!wait_ready(io, POLLIN))
			return -1;
		got = recv(io->fd, data, len, MSG_DONTWAIT);
	} while (got < 0 && is_passing(errno));
	return got;
}

static ber_slen_t
on_write(Sockbuf_IO_Desc *desc, void *data, ber_len_t len)
{
	const struct ldap_io *io = desc->sbiod_pvt;
	ssize_t put;

	do {
		if (!wait_ready(io, POLLOUT))
			return -1;
		put = send(io->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (put < 0 && is_passing(errno));
	return put;
}

static int
on_close(Sockbuf_IO_Desc *desc)
{
	struct ldap_io *io = desc->sbiod_pvt;

	if (io->fd >= 0)
		(void)close(io->fd); /* what is lost with it is a good-bye */
	io->fd = -1;
	return 0;
}

int
ldap_io_put(struct ldap_io *io, struct sockbuf *sockbuf)
{
	static Sockbuf_IO layer = {
		.sbi_setup = on_setup,
		.sbi_remove = on_remove,
		.sbi_ctrl = on_control,
		.sbi_read = on_read,
		.sbi_write = on_write,
		.sbi_close = on_close,
	};

	return ber_sockbuf_add_io(sockbuf, &layer, LBER_SBIOD_LEVEL_PROVIDER,
	                          io) == 0 ?
		0 :
		-1;
}
