#include "milter/own_session.h"

#include <stddef.h>
#include <stdint.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <backupmx/clock.h>

/* A length, a command, its arguments: version 6, all actions, all steps
 * away. */
static const unsigned char negotiation[] = {
	0, 0, 0, 13, 'O', 0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff,
};
static const unsigned char quit[] = {0, 0, 0, 1, 'Q'};

/* The length and the command of the answer; what follows is not looked at. */
#define HEAD_LEN ((size_t)5)
/* The command and its three numbers; a list of macros may follow. */
#define ANSWER_MIN 13

static bool
send_whole(int fd, const void *data, size_t len)
{
	const ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return sent == (ssize_t)len;
}

int
bmx_own_session_open(const struct bmx_endpoint *endpoint, int connect_ms)
{
	const int fd = bmx_endpoint_connect(endpoint, connect_ms, NULL);

	if (fd >= 0 && !send_whole(fd, negotiation, sizeof(negotiation))) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Reads len octets; false at the deadline and when the peer ends. */
static bool
receive(int fd, unsigned char *data, size_t len, int64_t deadline_ms)
{
	struct pollfd in = {.fd = fd, .events = POLLIN};

	while (len > 0) {
		const int64_t left =
			deadline_ms - bmx_clock_mono_ms(bmx_clock_system());
		ssize_t got;

		if (left <= 0 || poll(&in, 1, (int)left) != 1)
			return false;
		got = recv(fd, data, len, MSG_DONTWAIT);
		if (got <= 0)
			return false;
		data += got;
		len -= (size_t)got;
	}
	return true;
}

static bool
is_answer(const unsigned char *head)
{
	const uint32_t len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 |
		(uint32_t)head[2] << 8 | head[3];

	return len >= ANSWER_MIN && head[4] == 'O';
}

bool
bmx_own_session_answers(const struct bmx_endpoint *endpoint, int wait_ms)
{
	const int64_t deadline_ms =
		bmx_clock_mono_ms(bmx_clock_system()) + wait_ms;
	const int fd = bmx_own_session_open(endpoint, wait_ms);
	unsigned char head[HEAD_LEN];
	bool answered;

	if (fd < 0)
		return false;
	answered =
		receive(fd, head, sizeof(head), deadline_ms) && is_answer(head);
	if (answered)
		(void)send_whole(fd, quit, sizeof(quit)); /* or it ends so */
	(void)close(fd);
	return answered;
}
