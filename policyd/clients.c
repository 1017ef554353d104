#include "policyd/clients.h"

#include <errno.h>
#include <stdlib.h>

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/* Answers that wait for a client that does not read: it pipelines against
 * the protocol, so it gets no more than this. */
#define UNSENT_MAX ((size_t)4096)
/* How often time limits are looked at. */
#define SWEEP_MS 1000

/* A client is in one list, by what it is doing; the oldest is first. */
struct list {
	struct client *first;
	struct client *last;
};

struct client {
	struct bmx_clients *owner;
	struct list *list;
	struct client *previous;
	struct client *next;
	int64_t since_ms; /* when it came into its list */
	int64_t began_us; /* first octets of the request under way */
	int fd;
	bool restarted; /* a request was answered: the time limit begins anew */
	bool broken;    /* an answer could not be sent */
	struct bmx_engine_ask *ask; /* the answer that has to wait */
	struct bmx_watch *watch;
	struct bmx_policy_parser *parser;
	size_t unsent_len;
	char *unsent; /* UNSENT_MAX octets, only while something waits */
};

struct bmx_clients {
	struct bmx_clients_parts parts;
	struct bmx_timer *sweep;
	struct list idle;
	struct list busy;      /* part of a request read, or an answer unsent */
	struct list answering; /* the engine has its own deadline */
	size_t count;
	bool waiting_for_room;
	struct bmx_metric *connections;
	struct bmx_metric *cut_slow;
	struct bmx_metric *cut_bad;
	struct bmx_metric *cut_spare;
	struct bmx_log_throttle bad;
};

static void on_sweep(void *ctx);

static void
unlink_client(struct client *client)
{
	struct list *list = client->list;

	if (client->previous)
		client->previous->next = client->next;
	else
		list->first = client->next;
	if (client->next)
		client->next->previous = client->previous;
	else
		list->last = client->previous;
	client->list = NULL;
}

static void
link_client(struct client *client, struct list *list, int64_t now_ms)
{
	client->previous = list->last;
	client->next = NULL;
	if (list->last)
		list->last->next = client;
	else
		list->first = client;
	list->last = client;
	client->list = list;
	client->since_ms = now_ms;
}

/* A busy client keeps its place until its request is answered: the time runs
 * from the first octet. */
static void
move_to(struct client *client, struct list *list, int64_t now_ms)
{
	if (list == &client->owner->busy && client->list == list &&
	    !client->restarted)
		return;
	client->restarted = false;
	unlink_client(client);
	link_client(client, list, now_ms);
}

static struct bmx_metric *
cut_metric(struct bmx_metrics *metrics, const char *reason)
{
	const struct bmx_metrics_label label = {"reason", reason};

	return bmx_metrics_counter(metrics, "backupmx_connections_cut_total",
	                           "Connections of Postfix that were closed.",
	                           &label, 1);
}

struct bmx_clients *
bmx_clients_new(const struct bmx_clients_parts *parts)
{
	struct bmx_clients *clients = calloc(1, sizeof(*clients));

	if (!clients)
		return NULL;
	clients->parts = *parts;
	clients->bad.interval_ms = 60000;
	clients->connections =
		bmx_metrics_gauge(parts->metrics, "backupmx_connections",
	                          "Connections of Postfix.", NULL, 0);
	clients->cut_slow = cut_metric(parts->metrics, "slow");
	clients->cut_bad = cut_metric(parts->metrics, "bad-request");
	clients->cut_spare = cut_metric(parts->metrics, "room");
	clients->sweep = bmx_timer_new(parts->loop, on_sweep, clients);
	if (!clients->sweep) {
		free(clients);
		return NULL;
	}
	bmx_timer_set(parts->loop, clients->sweep, SWEEP_MS);
	return clients;
}

static void
free_client(struct client *client)
{
	struct bmx_clients *clients = client->owner;

	unlink_client(client);
	clients->parts.forget(clients->parts.ctx, &client->ask);
	bmx_watch_free(clients->parts.loop, &client->watch);
	bmx_policy_parser_free(&client->parser);
	free(client->unsent);
	(void)close(client->fd); /* nothing is left to flush on a socket */
	free(client);
	clients->count--;
	bmx_metric_set(clients->connections, (int64_t)clients->count);
	if (clients->waiting_for_room) {
		clients->waiting_for_room = false;
		clients->parts.on_room(clients->parts.ctx);
	}
}

void
bmx_clients_free(struct bmx_clients **clients)
{
	struct bmx_clients *set = *clients;

	if (!set)
		return;
	set->waiting_for_room = false;
	while (set->idle.first)
		free_client(set->idle.first);
	while (set->busy.first)
		free_client(set->busy.first);
	while (set->answering.first)
		free_client(set->answering.first);
	bmx_timer_free(set->parts.loop, &set->sweep);
	free(set);
	*clients = NULL;
}

static int64_t
now_ms(const struct bmx_clients *clients)
{
	return bmx_clock_mono_ms(clients->parts.loop->clock);
}

static void
log_bad(struct bmx_clients *clients, const struct bmx_error *err)
{
	struct bmx_log_line line;
	uint64_t suppressed;

	bmx_metric_add(clients->cut_bad, 1);
	if (!bmx_log_throttle_pass(&clients->bad, clients->parts.loop->clock,
	                           &suppressed))
		return;
	bmx_log_begin(&line, clients->parts.log, BMX_LOG_WARN, "bad-request");
	bmx_log_add_string(&line, BMX_KEY_ERR, err->text);
	bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "is something other than Postfix connected?");
	bmx_log_end(&line);
}

/* Keeps what the socket did not take. @return 0, or -1: close */
static int
keep_unsent(struct client *client, struct bmx_slice rest)
{
	if (!client->unsent)
		client->unsent = malloc(UNSENT_MAX);
	if (!client->unsent || rest.len > UNSENT_MAX - client->unsent_len)
		return -1;
	memcpy(client->unsent + client->unsent_len, rest.data, rest.len);
	client->unsent_len += rest.len;
	return 0;
}

/* @return octets sent, or -1: close */
static ssize_t
send_some(int fd, struct bmx_slice bytes)
{
	ssize_t done;

	do
		done = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return done;
}

static int
send_answer(struct client *client, struct bmx_slice answer)
{
	ssize_t done = 0;

	if (client->unsent_len == 0)
		done = send_some(client->fd, answer);
	if (done < 0)
		return -1;
	if ((size_t)done == answer.len)
		return 0;
	answer.data += done;
	answer.len -= (size_t)done;
	return keep_unsent(client, answer);
}

static void carry_on(struct client *client);

static void
on_answer(void *ctx, struct bmx_slice answer)
{
	struct client *client = ctx;
	const bool waited = client->ask != NULL;

	client->ask = NULL;
	client->restarted = true;
	if (send_answer(client, answer) != 0)
		client->broken = true;
	if (waited)
		carry_on(client);
}

/* Answers the whole requests that have been read, up to the first whose answer
 * has to wait. @return 0, or -1: close */
static int
answer_all(struct client *client)
{
	struct bmx_clients *clients = client->owner;
	struct bmx_policy_request request;
	struct bmx_error err;
	int rc = 0;

	while (!client->broken && !client->ask &&
	       (rc = bmx_policy_parser_next(client->parser, &request, &err)) >
	               0)
		client->ask =
			clients->parts.ask(clients->parts.ctx, &request,
		                           client->began_us, on_answer, client);
	if (rc < 0)
		log_bad(clients, &err);
	return client->broken || rc < 0 ? -1 : 0;
}

/* @return 1 when octets were read, 0 when there are none now, -1: close */
static int
read_some(struct client *client)
{
	struct bmx_error err;
	char *space;
	size_t room = bmx_policy_parser_space(client->parser, &space, &err);
	ssize_t got;

	if (room == 0) {
		log_bad(client->owner, &err);
		return -1;
	}
	got = recv(client->fd, space, room, 0);
	if (got > 0) {
		bmx_policy_parser_filled(client->parser, (size_t)got);
		return 1;
	}
	if (got < 0 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	return -1;
}

static struct list *
list_of(struct client *client)
{
	struct bmx_clients *clients = client->owner;

	if (client->ask)
		return &clients->answering;
	if (client->unsent_len > 0 || bmx_policy_parser_pending(client->parser))
		return &clients->busy;
	return &clients->idle;
}

/* One that does not take its answers, or waits for one, is not read. */
static unsigned
events_of(const struct client *client)
{
	if (client->unsent_len > 0)
		return BMX_WATCH_WRITE;
	return client->ask ? 0 : BMX_WATCH_READ;
}

/* Waits for what the client's state needs. @return 0, or -1: close */
static int
settle(struct client *client, int64_t now)
{
	if (client->unsent_len == 0 && client->unsent) {
		free(client->unsent);
		client->unsent = NULL;
	}
	move_to(client, list_of(client), now);
	return bmx_watch_set(client->owner->parts.loop, client->watch,
	                     events_of(client));
}

/* After an answer that had to wait: what else was read, then the socket. */
static void
carry_on(struct client *client)
{
	const int64_t now_us =
		bmx_clock_mono_us(client->owner->parts.loop->clock);

	/* What was read meanwhile has waited for us, not we for it. */
	client->began_us = now_us;
	if (client->broken || answer_all(client) != 0 ||
	    settle(client, now_us / 1000) != 0)
		free_client(client);
}

static int
on_readable(struct client *client, int64_t now_us)
{
	const bool begins = !bmx_policy_parser_pending(client->parser);
	const int rc = read_some(client);

	if (rc <= 0)
		return rc;
	if (begins)
		client->began_us = now_us;
	return answer_all(client);
}

static int
on_writable(struct client *client)
{
	const struct bmx_slice waiting = {client->unsent, client->unsent_len};
	ssize_t done = send_some(client->fd, waiting);

	if (done < 0)
		return -1;
	client->unsent_len -= (size_t)done;
	memmove(client->unsent, client->unsent + done, client->unsent_len);
	return 0;
}

static void
on_event(void *ctx, unsigned events)
{
	struct client *client = ctx;
	const int64_t now_us =
		bmx_clock_mono_us(client->owner->parts.loop->clock);
	int rc = 0;

	if (events & BMX_WATCH_WRITE)
		rc = on_writable(client);
	if (rc == 0 && (events & BMX_WATCH_READ))
		rc = on_readable(client, now_us);
	if (rc == 0)
		rc = settle(client, now_us / 1000);
	if (rc != 0)
		free_client(client);
}

bool
bmx_clients_make_room(struct bmx_clients *clients)
{
	struct client *oldest = clients->idle.first;

	if (clients->count < clients->parts.max)
		return true;
	if (oldest &&
	    now_ms(clients) - oldest->since_ms >= BMX_CLIENT_SPARE_MS) {
		bmx_metric_add(clients->cut_spare, 1);
		free_client(oldest);
		return true;
	}
	clients->waiting_for_room = true;
	return false;
}

void
bmx_clients_add(struct bmx_clients *clients, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		(void)close(fd);
		return;
	}
	client->owner = clients;
	client->fd = fd;
	link_client(client, &clients->idle, now_ms(clients));
	clients->count++;
	client->parser = bmx_policy_parser_new();
	client->watch =
		bmx_watch_new(clients->parts.loop, fd, on_event, client);
	if (!client->parser || !client->watch ||
	    bmx_watch_set(clients->parts.loop, client->watch, BMX_WATCH_READ) !=
	            0) {
		free_client(client);
		return;
	}
	bmx_metric_set(clients->connections, (int64_t)clients->count);
}

static void
cut_older(struct bmx_clients *clients, struct list *list, int64_t limit_ms,
          struct bmx_metric *metric)
{
	const int64_t now = now_ms(clients);

	while (list->first && now - list->first->since_ms >= limit_ms) {
		if (metric)
			bmx_metric_add(metric, 1);
		free_client(list->first);
	}
}

/* Lists are in order of time, so each sweep looks at one client that stays. */
static void
on_sweep(void *ctx)
{
	struct bmx_clients *clients = ctx;

	cut_older(clients, &clients->busy, BMX_CLIENT_REQUEST_MS,
	          clients->cut_slow);
	cut_older(clients, &clients->idle, BMX_CLIENT_IDLE_MS, NULL);
	if (clients->waiting_for_room && bmx_clients_make_room(clients)) {
		clients->waiting_for_room = false;
		clients->parts.on_room(clients->parts.ctx);
	}
	bmx_timer_set(clients->parts.loop, clients->sweep, SWEEP_MS);
}

void
bmx_clients_drain(struct bmx_clients *clients)
{
	/* Who was looked at goes to the end of the list: each gets one turn,
	 * or this would not end. */
	const struct client *const last = clients->idle.last;
	struct client *next;

	clients->waiting_for_room = false;
	for (struct client *client = clients->idle.first; client;
	     client = next) {
		next = client == last ? NULL : client->next;
		on_event(client, BMX_WATCH_READ);
	}
	while (clients->idle.first)
		free_client(clients->idle.first);
}

size_t
bmx_clients_count(const struct bmx_clients *clients)
{
	return clients->count;
}
