#include "ctl/doctor/service_ask.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <backupmx/slice.h>

#define WAIT_S 3
#define REPLY_MAX ((size_t)1024)

/* A reply that is whole: says so of what has come. */
typedef bool whole_cb(const char *reply, size_t len);

/* Who listens on all addresses is asked on this host's own. */
static struct bmx_endpoint
reachable(const struct bmx_endpoint *endpoint)
{
	struct bmx_endpoint out = *endpoint;

	if (out.kind != BMX_ENDPOINT_INET)
		return out;
	if (out.host[0] == '\0' || strcmp(out.host, "0.0.0.0") == 0)
		(void)strcpy(out.host, "127.0.0.1");
	else if (strcmp(out.host, "::") == 0)
		(void)strcpy(out.host, "::1");
	return out;
}

static int
read_reply(int fd, char reply[REPLY_MAX], size_t *len_out, whole_cb *whole,
           struct bmx_error *err)
{
	size_t len = 0;

	while (len < REPLY_MAX && !whole(reply, len)) {
		const ssize_t got = recv(fd, reply + len, REPLY_MAX - len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return bmx_error_set(err, BMX_E_TIMEOUT,
			                     "no answer within %d s", WAIT_S);
		if (got < 0)
			return bmx_error_set_errno(err, errno, "no answer");
		if (got == 0)
			return bmx_error_set(err, BMX_E_CLOSED,
			                     "it closed the connection "
			                     "without an answer");
		len += (size_t)got;
	}
	*len_out = len;
	return 0;
}

static int
converse(int fd, struct bmx_slice request, char reply[REPLY_MAX],
         size_t *len_out, whole_cb *whole, struct bmx_error *err)
{
	const struct timeval limit = {.tv_sec = WAIT_S};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	/* A request is shorter than any socket's buffer. */
	if (send(fd, request.data, request.len, MSG_NOSIGNAL) !=
	    (ssize_t)request.len)
		return bmx_error_set_errno(err, errno, "send");
	return read_reply(fd, reply, len_out, whole, err);
}

static bool
policy_is_whole(const char *reply, size_t len)
{
	return len >= 2 && memcmp(reply + len - 2, "\n\n", 2) == 0;
}

int
bmxctl_service_ask_policy(const struct bmx_endpoint *endpoint,
                          struct bmx_error *err)
{
	static const char request[] = "request=smtpd_access_policy\n"
				      "protocol_state=CONNECT\n"
				      "protocol_name=ESMTP\n\n";
	const struct bmx_endpoint to = reachable(endpoint);
	const int fd = bmx_endpoint_connect(&to, WAIT_S * 1000, err);
	char reply[REPLY_MAX];
	size_t len = 0;
	int rc;

	if (fd < 0)
		return -1;
	rc = converse(fd, bmx_slice_of(request), reply, &len, policy_is_whole,
	              err);
	(void)close(fd);
	if (rc == 0 && (len < 7 || memcmp(reply, "action=", 7) != 0))
		rc = bmx_error_set(err, BMX_E_SYNTAX,
		                   "what answers is no policy service");
	return rc;
}

/* Length in 4 octets, then so many. */
static bool
milter_is_whole(const char *reply, size_t len)
{
	/* A length over 255 is no reply to an offer. */
	return len >= 4 && len >= 4 + (size_t)(unsigned char)reply[3];
}

int
bmxctl_service_ask_milter(const struct bmx_endpoint *endpoint,
                          struct bmx_error *err)
{
	/* SMFIC_OPTNEG: version 6, all actions, all protocol steps. */
	static const char offer[] = "\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff"
				    "\0\x1f\xff\xff";
	static const char quit[] = "\0\0\0\x01Q";
	const struct bmx_endpoint to = reachable(endpoint);
	const int fd = bmx_endpoint_connect(&to, WAIT_S * 1000, err);
	char reply[REPLY_MAX];
	size_t len = 0;
	int rc;

	if (fd < 0)
		return -1;
	rc = converse(fd, (struct bmx_slice){offer, sizeof(offer) - 1}, reply,
	              &len, milter_is_whole, err);
	if (rc == 0)
		(void)send(fd, quit, sizeof(quit) - 1, MSG_NOSIGNAL);
	(void)close(fd);
	if (rc == 0 && (len < 5 || reply[4] != 'O'))
		rc = bmx_error_set(err, BMX_E_SYNTAX,
		                   "what answers is no milter");
	return rc;
}
