#include "milter/policy_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
	int fd;
	bool pooled;         /* answered a question before */
	unsigned generation; /* of the endpoint that it goes to */
};

struct bmx_policy_client {
	const struct bmx_clock *clock;
	pthread_mutex_t lock; /* all below */
	struct bmx_endpoint endpoint;
	unsigned generation; /* changes with the endpoint */
	int idle[BMX_POLICY_CLIENT_IDLE_MAX];
	size_t idle_count;
};

struct bmx_policy_client *
bmx_policy_client_new(const struct bmx_endpoint *endpoint,
                      const struct bmx_clock *clock)
{
	struct bmx_policy_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->clock = clock;
	client->endpoint = *endpoint;
	if (pthread_mutex_init(&client->lock, NULL) != 0) {
		free(client);
		return NULL;
	}
	return client;
}

static void
close_idle(struct bmx_policy_client *client)
{
	while (client->idle_count > 0)
		(void)close(client->idle[--client->idle_count]);
}

void
bmx_policy_client_free(struct bmx_policy_client **client)
{
	if (!*client)
		return;
	close_idle(*client);
	(void)pthread_mutex_destroy(&(*client)->lock);
	free(*client);
	*client = NULL;
}

void
bmx_policy_client_set_endpoint(struct bmx_policy_client *client,
                               const struct bmx_endpoint *endpoint)
{
	(void)pthread_mutex_lock(&client->lock);
	client->endpoint = *endpoint;
	client->generation++;
	close_idle(client);
	(void)pthread_mutex_unlock(&client->lock);
}

/* Nothing may be readable on an idle connection: it is an end, or an answer
 * to a question that was given up. */
static bool
is_alive(int fd)
{
	char octet;

	return recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
		(errno == EAGAIN || errno == EWOULDBLOCK);
}

static bool
take_idle(struct bmx_policy_client *client, struct connection *conn)
{
	conn->fd = -1;
	(void)pthread_mutex_lock(&client->lock);
	conn->generation = client->generation;
	while (conn->fd < 0 && client->idle_count > 0) {
		conn->fd = client->idle[--client->idle_count];
		if (is_alive(conn->fd))
			break;
		(void)close(conn->fd);
		conn->fd = -1;
	}
	(void)pthread_mutex_unlock(&client->lock);
	conn->pooled = conn->fd >= 0;
	return conn->pooled;
}

static void
give_back(struct bmx_policy_client *client, const struct connection *conn)
{
	bool kept = false;

	(void)pthread_mutex_lock(&client->lock);
	if (conn->generation == client->generation &&
	    client->idle_count < BMX_POLICY_CLIENT_IDLE_MAX) {
		client->idle[client->idle_count++] = conn->fd;
		kept = true;
	}
	(void)pthread_mutex_unlock(&client->lock);
	if (!kept)
		(void)close(conn->fd);
}

/* Milliseconds to the deadline, rounded up so that poll never spins; 0 when
 * it has passed. */
static int
left_ms(const struct bmx_policy_client *client, int64_t deadline_us)
{
	const int64_t left = deadline_us - bmx_clock_mono_us(client->clock);

	if (left <= 0)
		return 0;
	return left > INT64_C(3600000000) ? 3600000 :
					    (int)((left + 999) / 1000);
}

static int
connect_new(struct bmx_policy_client *client, int64_t deadline_us,
            struct connection *conn, struct bmx_error *err)
{
	struct bmx_endpoint endpoint;
	int wait_ms = left_ms(client, deadline_us);

	if (wait_ms == 0)
		return bmx_error_set(err, BMX_E_TIMEOUT,
		                     "no time left to ask policyd");
	if (wait_ms > BMX_POLICY_CLIENT_CONNECT_MS)
		wait_ms = BMX_POLICY_CLIENT_CONNECT_MS;
	(void)pthread_mutex_lock(&client->lock);
	endpoint = client->endpoint;
	conn->generation = client->generation;
	(void)pthread_mutex_unlock(&client->lock);
	conn->pooled = false;
	conn->fd = bmx_endpoint_connect(&endpoint, wait_ms, err);
	return conn->fd >= 0 ? 0 : -1;
}

static int
wait_for(struct bmx_policy_client *client, int fd, short events,
         int64_t deadline_us, struct bmx_error *err)
{
	struct pollfd ready = {.fd = fd, .events = events};

	for (;;) {
		const int wait_ms = left_ms(client, deadline_us);
		int rc;

		if (wait_ms == 0)
			return bmx_error_set(err, BMX_E_TIMEOUT,
			                     "policyd did not answer in time");
		rc = poll(&ready, 1, wait_ms);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return bmx_error_set_errno(err, errno,
			                           "cannot wait for policyd");
	}
}

static bool
try_again(int errnum)
{
	return errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == EINTR;
}

/* A peer that went away is BMX_E_CLOSED, by whichever error it shows. */
static int
set_lost(struct bmx_error *err, int errnum)
{
	if (errnum == 0 || errnum == EPIPE || errnum == ECONNRESET)
		return bmx_error_set(err, BMX_E_CLOSED,
		                     "policyd closed the connection");
	return bmx_error_set_errno(err, errnum, "lost policyd");
}

static int
send_all(struct bmx_policy_client *client, int fd, struct bmx_slice bytes,
         int64_t deadline_us, struct bmx_error *err)
{
	while (bytes.len > 0) {
		const ssize_t sent = send(fd, bytes.data, bytes.len,
		                          MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && !try_again(errno))
			return set_lost(err, errno);
		if (sent < 0) {
			if (wait_for(client, fd, POLLOUT, deadline_us, err) !=
			    0)
				return -1;
			continue;
		}
		bytes.data += sent;
		bytes.len -= (size_t)sent;
	}
	return 0;
}

/* Reads until the answer is whole. *got_out says how much had come, for the
 * one case in which asking again cannot ask twice. */
static int
read_answer(struct bmx_policy_client *client, int fd, int64_t deadline_us,
            enum bmx_policy_reply *reply_out, size_t *got_out,
            struct bmx_error *err)
{
	char answer[BMX_POLICY_REPLY_MAX * 2];
	int rc = 0;

	*got_out = 0;
	while (rc == 0) {
		ssize_t len;

		if (*got_out == sizeof(answer))
			return bmx_error_set(err, BMX_E_SYNTAX,
			                     "policyd's answer does not end");
		if (wait_for(client, fd, POLLIN, deadline_us, err) != 0)
			return -1;
		len = recv(fd, answer + *got_out, sizeof(answer) - *got_out,
		           MSG_DONTWAIT);
		if (len < 0 && try_again(errno))
			continue;
		if (len <= 0)
			return set_lost(err, len == 0 ? 0 : errno);
		*got_out += (size_t)len;
		rc = bmx_policy_reply_decode(
			(struct bmx_slice){answer, *got_out}, reply_out);
	}
	if (rc < 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "policyd's answer is not in the table");
	return 0;
}

/*
 * One question on one connection, which is given back or closed.
 * @return 0, -1, or 1 when the connection was a pooled one that had died
 */
static int
ask_on(struct bmx_policy_client *client, const struct connection *conn,
       struct bmx_slice question, int64_t deadline_us,
       enum bmx_policy_reply *reply_out, struct bmx_error *err)
{
	size_t got = 0;

	if (send_all(client, conn->fd, question, deadline_us, err) == 0 &&
	    read_answer(client, conn->fd, deadline_us, reply_out, &got, err) ==
	            0) {
		give_back(client, conn);
		return 0;
	}
	(void)close(conn->fd);
	return conn->pooled && got == 0 && err->code == BMX_E_CLOSED ? 1 : -1;
}

int
bmx_policy_client_ask(struct bmx_policy_client *client,
                      const struct bmx_policy_request *request,
                      int64_t deadline_us, enum bmx_policy_reply *reply_out,
                      struct bmx_error *err)
{
	char buffer[BMX_POLICY_REQUEST_MAX];
	struct bmx_error ignored;
	struct connection conn;
	struct bmx_text question;

	if (!err)
		err = &ignored;
	bmx_text_init(&question, buffer, sizeof(buffer));
	if (bmx_policy_request_append(&question, request) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "a value cannot be put into a policy "
		                     "request");
	if (take_idle(client, &conn)) {
		const int rc = ask_on(client, &conn, bmx_text_slice(&question),
		                      deadline_us, reply_out, err);

		if (rc <= 0)
			return rc;
	}
	if (connect_new(client, deadline_us, &conn, err) != 0)
		return -1;
	return ask_on(client, &conn, bmx_text_slice(&question), deadline_us,
	              reply_out, err);
}
