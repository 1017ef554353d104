/*
 * redis_fixture.h - a scripted Redis on a unix socket, and a link to it on a
 * fake loop: time is the test's, descriptors are real.
 */
#ifndef BACKUPMX_TESTS_REDIS_FIXTURE_H
#define BACKUPMX_TESTS_REDIS_FIXTURE_H

#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <backupmx/redis.h>
#include <backupmx/text.h>

#include "tests/support/fake_loop.h"

#define PEERS_MAX 8
#define RULES_MAX 16

/** What is answered to commands that begin so; NULL: nothing; "!": closes. */
struct rule {
	const char *begins;
	const char *reply;
};

struct peer {
	int fd;
	char input[1 << 17];
	size_t len;
	char output[1 << 16]; /* that the socket has not taken */
	size_t unsent;
};

/** One scripted server. */
struct server {
	char path[96];
	int listen_fd;
	struct peer *peers[PEERS_MAX];
	size_t count; /* that ever connected */
	struct rule rules[RULES_MAX];
	char seen[1 << 15]; /* commands, each followed by '|' */
};

/** Default answers, after the test's own. */
static const struct rule defaults[] = {
	{"CLIENT SETNAME", "+OK\r\n"},
	{"ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"},
	{"CONFIG GET",
         "*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n"},
	{"PING", "+PONG\r\n"},
	{"SELECT", "+OK\r\n"},
	{"AUTH", "+OK\r\n"},
	{NULL, NULL},
};

struct answer {
	bool called;
	enum bmx_error_code err; /* BMX_E_NONE: there was a reply */
	char text[512];
	bmx_redis_epoch epoch;
};

struct world {
	struct bmx_loop *loop;
	struct bmx_config_redis settings;
	const char *server_texts[4];
	const char *sentinel_texts[4];
	struct bmx_redis_options options;
	struct bmx_redis *redis;
	char directory[64];
	struct server servers[4];
	unsigned state_changes;
};

static inline void
show_reply(struct bmx_text *text, const struct bmx_redis_reply *reply)
{
	static const char *const marks[] = {"+", "-", ":", "", "nil", "["};

	bmx_text_append_string(text, marks[reply->type]);
	if (reply->type == BMX_REDIS_INTEGER)
		bmx_text_printf(text, "%lld", (long long)reply->integer);
	bmx_text_append(text, reply->text);
	if (reply->type != BMX_REDIS_ARRAY)
		return;
	for (size_t i = 0; i < reply->count; i++) {
		if (i > 0)
			bmx_text_append_char(text, ' ');
		show_reply(text, &reply->element[i]);
	}
	bmx_text_append_char(text, ']');
}

static inline void
take_answer(void *ctx, const struct bmx_redis_answer *answer)
{
	struct answer *got = ctx;
	struct bmx_text text;

	assert_false(got->called); /* exactly once */
	assert_true((answer->reply == NULL) != (answer->err == NULL));
	got->called = true;
	got->epoch = answer->epoch;
	bmx_text_init(&text, got->text, sizeof(got->text));
	if (answer->reply)
		show_reply(&text, answer->reply);
	else
		bmx_text_append_string(&text, answer->err->text);
	got->err = answer->err ? answer->err->code : BMX_E_NONE;
}

static inline void
server_listen(struct server *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s",
	               server->path);
	server->listen_fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(server->listen_fd >= 0);
	assert_int_equal(bind(server->listen_fd, (struct sockaddr *)&address,
	                      sizeof(address)),
	                 0);
	assert_int_equal(listen(server->listen_fd, 8), 0);
}

static inline void
server_start(struct world *world, size_t i)
{
	(void)snprintf(world->servers[i].path, sizeof(world->servers[i].path),
	               "%s/%zu", world->directory, i);
	server_listen(&world->servers[i]);
}

static inline void
peer_close(struct server *server, size_t i)
{
	if (!server->peers[i])
		return;
	(void)close(server->peers[i]->fd);
	free(server->peers[i]);
	server->peers[i] = NULL;
}

/** No longer listens, and closes all connections. */
static inline void
server_stop(struct server *server)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		peer_close(server, i);
	if (server->listen_fd >= 0) {
		(void)close(server->listen_fd);
		(void)unlink(server->path);
	}
	server->listen_fd = -1;
}

/* @return how many octets went out */
static inline size_t
peer_flush(struct peer *peer)
{
	const ssize_t sent = peer->unsent == 0 ?
		0 :
		send(peer->fd, peer->output, peer->unsent,
	             MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent <= 0)
		return 0;
	peer->unsent -= (size_t)sent;
	memmove(peer->output, peer->output + sent, peer->unsent);
	return (size_t)sent;
}

static inline void
peer_say(struct peer *peer, const char *octets, size_t len)
{
	assert_true(peer->unsent + len <= sizeof(peer->output));
	memcpy(peer->output + peer->unsent, octets, len);
	peer->unsent += len;
	(void)peer_flush(peer);
}

/** Octets on a connection, that nobody need have asked for. */
static inline void
server_say(struct server *server, size_t peer, const char *octets, size_t len)
{
	assert_non_null(server->peers[peer]);
	peer_say(server->peers[peer], octets, len);
}

/** Replaces the rule for what begins so, or adds one. */
static inline void
server_rule(struct server *server, const char *begins, const char *reply)
{
	size_t i = 0;

	while (server->rules[i].begins &&
	       strcmp(server->rules[i].begins, begins) != 0)
		i++;
	assert_true(i < RULES_MAX - 1);
	server->rules[i] = (struct rule){begins, reply};
}

static inline const struct rule *
find_rule(const struct rule *rule, const char *command)
{
	for (; rule->begins; rule++)
		if (!strncmp(command, rule->begins, strlen(rule->begins)))
			return rule;
	return NULL;
}

static inline void
peer_answer(struct server *server, size_t i, const char *command)
{
	const struct rule *rule = find_rule(server->rules, command);

	if (strlen(server->seen) + strlen(command) + 2 > sizeof(server->seen))
		server->seen[0] = '\0';
	(void)strcat(server->seen, command);
	(void)strcat(server->seen, "|");
	if (!rule)
		rule = find_rule(defaults, command);
	if (!rule || !rule->reply)
		return;
	if (!strcmp(rule->reply, "!"))
		peer_close(server, i);
	else
		peer_say(server->peers[i], rule->reply, strlen(rule->reply));
}

/* One command "*N\r\n" of "$L\r\n...\r\n" as words; 0 when it is not whole. */
static inline size_t
parse_command(const char *data, size_t len, char *words, size_t size)
{
	const char *at = data;
	char *after;
	struct bmx_text text;
	long argc;

	if (len == 0 || !memchr(data, '\n', len))
		return 0;
	argc = strtol(at + 1, &after, 10);
	at = after + 2;
	bmx_text_init(&text, words, size);
	for (long i = 0; i < argc; i++) {
		size_t argument;

		if (at >= data + len ||
		    !memchr(at, '\n', (size_t)(data + len - at)))
			return 0;
		argument = strtoul(at + 1, &after, 10);
		at = after + 2;
		if (at + argument + 2 > data + len)
			return 0;
		if (i > 0)
			bmx_text_append_char(&text, ' ');
		bmx_text_append(&text, (struct bmx_slice){at, argument});
		at += argument + 2;
	}
	return (size_t)(at - data);
}

static inline size_t
peer_serve(struct server *server, size_t i)
{
	struct peer *peer = server->peers[i];
	char words[512];
	size_t done = peer_flush(peer), used;
	ssize_t got;

	got = recv(peer->fd, peer->input + peer->len,
	           sizeof(peer->input) - peer->len - 1, MSG_DONTWAIT);
	if (got == 0) {
		peer_close(server, i);
		return 1;
	}
	if (got > 0)
		peer->len += (size_t)got;
	peer->input[peer->len] = '\0';
	while (server->peers[i] &&
	       (used = parse_command(peer->input, peer->len, words,
	                             sizeof(words))) > 0) {
		peer->len -= used;
		memmove(peer->input, peer->input + used, peer->len + 1);
		peer_answer(server, i, words);
		done++;
	}
	return done;
}

static inline size_t
server_serve(struct server *server)
{
	size_t done = 0;

	for (size_t i = 0; i < PEERS_MAX && server->listen_fd >= 0; i++) {
		int fd;

		if (server->peers[i]) {
			done += peer_serve(server, i);
			continue;
		}
		fd = accept(server->listen_fd, NULL, NULL);
		if (fd < 0)
			continue;
		server->peers[i] = calloc(1, sizeof(struct peer));
		assert_non_null(server->peers[i]);
		server->peers[i]->fd = fd;
		server->count++;
		done++;
	}
	return done;
}

/** Runs link and servers until nothing happens; time stands still. */
static inline void
pump(struct world *world)
{
	size_t done;

	do {
		fake_loop_settle(world->loop);
		done = 0;
		for (size_t i = 0; i < 4; i++)
			done += server_serve(&world->servers[i]);
		done += fake_loop_poll(world->loop, 0);
	} while (done > 0);
}

/** Lets ms pass in steps, with answers in between. */
static inline void
pass(struct world *world, int64_t ms)
{
	while (ms > 0) {
		const int64_t step = ms < 10 ? ms : 10;

		fake_loop_advance(world->loop, step);
		pump(world);
		ms -= step;
	}
}

static inline void
count_state(void *ctx)
{
	((struct world *)ctx)->state_changes++;
}

/** A world with servers 0 and 1 started and both configured, no link yet. */
static inline struct world *
world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));
	static char texts[4][112];

	assert_non_null(world);
	(void)strcpy(world->directory, "/tmp/backupmx-redis-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	for (size_t i = 0; i < 4; i++) {
		world->servers[i].listen_fd = -1;
		(void)snprintf(texts[i], sizeof(texts[i]), "unix:%s/%zu",
		               world->directory, i);
		world->server_texts[i] = texts[i];
		world->sentinel_texts[i] = texts[i];
	}
	world->loop = fake_loop_new(1700000000000);
	world->settings = (struct bmx_config_redis){
		.present = true,
		.servers = {world->server_texts, 1},
		.sentinels = {world->sentinel_texts, 0},
		.master_name = "",
		.username = "",
		.password_file = "",
		.sentinel_username = "",
		.sentinel_password_file = "",
		.prefix = "bmx",
		.timeout_ms = 250,
		.tls_ca_file = "",
	};
	world->options = (struct bmx_redis_options){
		.settings = &world->settings,
		.client_name = "test",
		.on_state = count_state,
		.ctx = world,
	};
	server_start(world, 0);
	server_start(world, 1);
	return world;
}

static inline void
world_link(struct world *world)
{
	struct bmx_error err;

	world->redis = bmx_redis_new(world->loop, &world->options, &err);
	assert_non_null(world->redis);
}

static inline void
world_free(struct world *world)
{
	bmx_redis_free(&world->redis);
	for (size_t i = 0; i < 4; i++)
		server_stop(&world->servers[i]);
	(void)rmdir(world->directory);
	fake_loop_free(&world->loop);
	free(world);
}

/** Sends words parted by spaces. */
static inline struct bmx_redis_ask *
ask_words(struct world *world, const char *words, struct answer *answer,
          struct bmx_error *err)
{
	struct bmx_slice argv[16];
	size_t argc = 0;

	memset(answer, 0, sizeof(*answer));
	while (*words) {
		const size_t len = strcspn(words, " ");

		argv[argc++] = (struct bmx_slice){words, len};
		words += len + (words[len] == ' ');
	}
	return bmx_redis_command(world->redis, argv, argc,
	                         argc > 1 ? argv[1] : BMX_SLICE(""),
	                         take_answer, answer, err);
}

static inline struct bmx_redis_state
state_of(const struct world *world)
{
	struct bmx_redis_state state;

	bmx_redis_state(world->redis, &state);
	return state;
}

#endif
