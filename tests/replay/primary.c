#include "tests/replay/primary.h"

#include <stdio.h>
#include <stdlib.h>

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

static void
must(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "primary: %s\n", what);
	abort();
}

void
primary_init(struct primary *primary, int fd)
{
	*primary = (struct primary){.fd = fd};
	must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl failed");
}

void
primary_close(struct primary *primary)
{
	SSL_free(primary->ssl);
	primary->ssl = NULL;
	if (primary->fd >= 0)
		(void)close(primary->fd); /* of a test */
	primary->fd = -1;
}

void
primary_send(struct primary *primary, struct bmx_slice octets)
{
	if (primary->fd < 0 || octets.len == 0)
		return;
	/* A script's few octets fit into any socket. */
	if (primary->ssl)
		(void)SSL_write(primary->ssl, octets.data, (int)octets.len);
	else
		(void)send(primary->fd, octets.data, octets.len, MSG_NOSIGNAL);
}

static void
receive(struct primary *primary)
{
	char *at = primary->input + primary->len;
	const size_t room = sizeof(primary->input) - primary->len;
	ssize_t got;

	if (primary->fd < 0 || room == 0)
		return;
	got = primary->ssl ? SSL_read(primary->ssl, at, (int)room) :
			     recv(primary->fd, at, room, 0);
	if (got > 0)
		primary->len += (size_t)got;
}

bool
primary_take_line(struct primary *primary, char *line, size_t size)
{
	const char *end;
	size_t len;

	receive(primary);
	end = memchr(primary->input, '\n', primary->len);
	if (!end)
		return false;
	len = (size_t)(end - primary->input);
	must(len > 0 && end[-1] == '\r' && len <= size,
	     "the client's line has no CR, or is too long");
	memcpy(line, primary->input, len - 1);
	line[len - 1] = '\0';
	primary->len -= len + 1;
	memmove(primary->input, end + 1, primary->len);
	return true;
}

size_t
primary_drop(struct primary *primary)
{
	size_t len;

	receive(primary);
	len = primary->len;
	primary->len = 0;
	return len;
}

bool
primary_secure(struct primary *primary, struct ssl_ctx_st *ctx)
{
	int got;

	if (primary->fd < 0)
		return false;
	if (!primary->ssl) {
		primary->ssl = SSL_new(ctx);
		must(primary->ssl && SSL_set_fd(primary->ssl, primary->fd) == 1,
		     "SSL_new failed");
	}
	got = SSL_accept(primary->ssl);
	if (got == 1)
		return true;
	if (SSL_get_error(primary->ssl, got) != SSL_ERROR_WANT_READ)
		primary_close(primary);
	return false;
}
