/*
 * replay.c - runs a scenario script against policyd's connections and engine,
 * over a fake loop, a fake clock and a scripted list. Nothing waits: a day of
 * faults takes milliseconds.
 *
 * A script is lines; '#' starts a comment, "\n" in an argument is a line feed.
 *
 *	config            the lines up to `end` are the configuration; again
 *	                  later: a reload
 *	list D E...       D's list is E..., synced now; E is local[:state]
 *	synced D          a good sync without a change
 *	nolist D          D never had a list
 *	fault begin|meta|find|none     what of the store fails
 *	primary up|suspect|down        what is known of the primary, from now
 *	offers [size=N] [smtputf8]     what its EHLO reply offered
 *	says OUTCOME      what it answers when it is asked: valid, unknown, ...
 *	later             only when told:
 *	tell              now
 *	asked N           how many recipients it was asked about since then
 *	dns TEXT          the zone from now on: "NAME TYPE DATA; ...", for "*"
 *	dns fail|silent|back           DNS fails, never answers, answers
 *	with NAME=VALUE   an attribute of all requests from now on, in place of
 *	                  the former one of that name
 *	advance 25h       time passes
 *	wall +1h, wall -1h             the wall clock is set
 *	ask STATE RCPT    a whole request on connection "main"
 *	open C            a connection
 *	send C TEXT       octets on it
 *	expect C ACTION   the next answer is action=ACTION ("main" after ask: C
 *	                  may be left out by `answer ACTION`)
 *	answer ACTION     as expect main
 *	silent C          no answer has come
 *	closed C          policyd closed it
 *	log TEXT          the last log line has TEXT
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <backupmx/config.h>
#include <backupmx/units.h>

#include "policyd/clients.h"
#include "policyd/engine.h"
#include "tests/replay/scripted_any.h"
#include "tests/replay/scripted_list.h"
#include "tests/support/fake_loop.h"
#include "tests/support/memory_store.h"
#include "tests/support/scripted_primary.h"

#define CONNECTIONS 8
/* 2026-01-01, any day would do. */
#define WALL_MS INT64_C(1767225600000)

struct connection {
	char name[32];
	int fd;
	char got[8192]; /* read, not yet expected */
	size_t got_len;
	bool closed;
};

struct replay {
	const char *path;
	int line;
	FILE *in;
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct scripted_list list;
	struct scripted_primary primary;
	struct bmx_record_store *records;
	struct bmx_learner *learner;
	char attributes[1024]; /* of all requests, whole lines */
	struct scripted_any *any;
	struct bmx_engine *engine;
	struct bmx_clients *clients;
	struct connection connections[CONNECTIONS];
	size_t connection_count;
	char last_log[BMX_LOG_LINE_MAX];
};

static void
fail(const struct replay *r, const char *what, const char *got)
{
	(void)fprintf(stderr, "%s:%d: %s: got \"%s\"\n", r->path, r->line, what,
	              got);
	exit(1);
}

static void
on_log(void *ctx, enum bmx_log_level level, const char *line)
{
	struct replay *r = ctx;

	(void)level;
	(void)snprintf(r->last_log, sizeof(r->last_log), "%s", line);
}

static struct bmx_engine_ask *
on_request(void *ctx, const struct bmx_policy_request *request,
           int64_t began_us, bmx_engine_answered_cb *answered, void *client)
{
	struct replay *r = ctx;

	return bmx_engine_ask(r->engine, request, began_us, answered, client);
}

static void
on_forget(void *ctx, struct bmx_engine_ask **ask)
{
	(void)ctx;
	bmx_engine_forget(ask);
}

static void
on_room(void *ctx)
{
	(void)ctx; /* a script has no listener */
}

/* Reads what policyd sent. */
static void
receive(struct replay *r, struct connection *c)
{
	ssize_t got;

	bmx_engine_end_turn(r->engine);
	while (!c->closed &&
	       (got = recv(c->fd, c->got + c->got_len,
	                   sizeof(c->got) - 1 - c->got_len, MSG_DONTWAIT)) >=
	               0) {
		c->closed = got == 0;
		c->got_len += (size_t)got;
	}
	if (!c->closed && errno == ECONNRESET)
		c->closed = true;
	c->got[c->got_len] = '\0';
}

static struct connection *
find_connection(struct replay *r, const char *name)
{
	for (size_t i = 0; i < r->connection_count; i++)
		if (strcmp(r->connections[i].name, name) == 0)
			return &r->connections[i];
	fail(r, "no such connection", name);
	return NULL;
}

static void
attach(struct replay *r, struct connection *c)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		fail(r, "socketpair", strerror(errno));
	(void)fcntl(pair[1], F_SETFL, O_NONBLOCK);
	c->fd = pair[0];
	c->got_len = 0;
	c->closed = false;
	bmx_clients_add(r->clients, pair[1]);
}

static void
do_open(struct replay *r, char *name)
{
	struct connection *c = &r->connections[r->connection_count++];

	assert(r->connection_count <= CONNECTIONS);
	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	attach(r, c);
}

/* As Postfix does when policyd has closed an idle connection. */
static void
reconnect(struct replay *r, struct connection *c)
{
	receive(r, c);
	if (!c->closed)
		return;
	(void)close(c->fd);
	attach(r, c);
}

static void
start_learner(struct replay *r, struct bmx_config *config)
{
	const struct bmx_learner_parts parts = {
		.loop = r->loop,
		.log = r->log,
		.metrics = r->metrics,
		.records = r->records,
	};

	r->learner = bmx_learner_new(&parts, config);
	if (!r->learner)
		fail(r, "start", "out of memory");
	r->primary.on_result = bmx_learner_take;
	r->primary.result_ctx = r->learner;
}

static void
enforce(void *ctx, struct bmx_config *config)
{
	struct replay *r = ctx;
	struct bmx_error err;

	if (bmx_engine_configure(r->engine, config, &err) != 0)
		fail(r, "reload", err.text);
}

static void
start_engine(struct replay *r, struct bmx_config *config)
{
	const struct bmx_engine_parts parts = {
		.loop = r->loop,
		.list = scripted_list_source(&r->list),
		.records = r->records,
		.primaries = scripted_primary_source(&r->primary),
		.any = scripted_any_source(r->any),
		.learner = r->learner,
		.log = r->log,
		.metrics = r->metrics,
	};

	r->engine = bmx_engine_new(&parts, config);
}

static void
start(struct replay *r, struct bmx_config *config)
{
	const struct bmx_clients_parts client_parts = {
		.loop = r->loop,
		.log = r->log,
		.metrics = r->metrics,
		.max = CONNECTIONS,
		.ask = on_request,
		.forget = on_forget,
		.on_room = on_room,
		.ctx = r,
	};
	char name[] = "main";

	start_learner(r, config);
	r->any = scripted_any_new(r->loop, r->log, r->metrics, enforce, r);
	start_engine(r, config);
	r->clients = bmx_clients_new(&client_parts);
	if (!r->engine || !r->clients)
		fail(r, "start", "out of memory");
	do_open(r, name);
}

static void
do_config(struct replay *r)
{
	char path[] = "/tmp/backupmx-replay-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_error err;
	struct bmx_config *config;
	char line[1024];
	int fd = mkstemp(path);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!out)
		fail(r, "temporary file", strerror(errno));
	while (fgets(line, sizeof(line), r->in)) {
		r->line++;
		if (strcmp(line, "end\n") == 0)
			break;
		(void)fputs(line, out);
	}
	(void)fclose(out);
	config = bmx_config_load(path, problems, &err);
	(void)unlink(path);
	if (!config)
		fail(r, "configuration",
		     bmx_config_problems_count(problems) ?
		             bmx_config_problems_get(problems, 0)->text :
		             err.text);
	if (!r->engine)
		start(r, config);
	scripted_any_load(r->any, config);
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
}

static struct scripted_domain *
synced_domain(struct replay *r, const char *name)
{
	struct scripted_domain *domain = scripted_list_domain(&r->list, name);

	domain->meta.synced_at_ms = bmx_clock_wall_ms(r->loop->clock);
	r->list.version++;
	return domain;
}

static void
do_list(struct replay *r, char *rest)
{
	char *save = NULL;
	struct scripted_domain *domain =
		synced_domain(r, strtok_r(rest, " ", &save));
	char *entry;

	domain->count = 0;
	domain->meta.has_wildcard = false;
	domain->meta.generation++;
	while ((entry = strtok_r(NULL, " ", &save)) != NULL)
		scripted_list_add(domain, entry);
	domain->meta.count = domain->count;
}

static void
do_synced(struct replay *r, char *rest)
{
	(void)synced_domain(r, rest);
}

static void
do_nolist(struct replay *r, char *rest)
{
	synced_domain(r, rest)->meta.generation = 0;
}

static void
do_fault(struct replay *r, char *what)
{
	r->list.begin_fails = strcmp(what, "begin") == 0;
	r->list.meta_fails = strcmp(what, "meta") == 0;
	r->list.find_fails = strcmp(what, "find") == 0;
	r->list.version++;
}

static void
do_primary(struct replay *r, char *what)
{
	for (int i = 0; i < BMX_PRIMARY_STATUSES; i++) {
		const enum bmx_primary_status status =
			(enum bmx_primary_status)i;

		if (strcmp(bmx_primary_status_name(status), what) != 0)
			continue;
		r->primary.view.status = status;
		r->primary.view.since_ms = bmx_clock_wall_ms(r->loop->clock);
		return;
	}
	fail(r, "expected up, suspect or down", what);
}

static void
do_offers(struct replay *r, char *rest)
{
	struct bmx_smtp_keywords *keywords = &r->primary.view.keywords;
	char *save = NULL;

	*keywords = (struct bmx_smtp_keywords){.known = true};
	for (char *word = strtok_r(rest, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (strcmp(word, "smtputf8") == 0)
			keywords->smtputf8 = true;
		else if (strncmp(word, "size=", 5) == 0 &&
		         bmx_units_parse_number(bmx_slice_of(word + 5),
		                                &keywords->size) == 0)
			keywords->has_size = true;
		else
			fail(r, "expected size=N or smtputf8", word);
	}
}

static void
do_says(struct replay *r, char *what)
{
	r->primary.later = false;
	r->primary.asked = 0;
	for (int i = 0; i < BMX_PROBE_OUTCOMES; i++) {
		const enum bmx_probe_outcome outcome =
			(enum bmx_probe_outcome)i;

		if (strcmp(bmx_probe_outcome_name(outcome), what) != 0)
			continue;
		r->primary.probe =
			(struct bmx_probe_result){.outcome = outcome};
		if (outcome == BMX_PROBE_ACCEPTS_ALL)
			r->primary.probe.random = BMX_PROBE_RANDOM_ACCEPTED;
		return;
	}
	fail(r, "expected an outcome", what);
}

static void
do_later(struct replay *r, char *rest)
{
	(void)rest;
	r->primary.later = true;
}

static void
do_tell(struct replay *r, char *rest)
{
	(void)rest;
	scripted_answer(&r->primary);
}

static void
do_asked(struct replay *r, char *rest)
{
	char got[32];

	(void)snprintf(got, sizeof(got), "%zu", r->primary.asked);
	if (strcmp(got, rest) != 0)
		fail(r, "another number was asked", got);
}

/* Takes the line of that name out. */
static void
drop_attribute(struct replay *r, const char *name, size_t name_len)
{
	char *line = r->attributes;

	while (*line != '\0') {
		char *next = strchr(line, '\n') + 1;

		if (strncmp(line, name, name_len) == 0 && line[name_len] == '=')
			memmove(line, next, strlen(next) + 1);
		else
			line = next;
	}
}

static void
do_with(struct replay *r, char *rest)
{
	size_t len;

	drop_attribute(r, rest, strcspn(rest, "="));
	len = strlen(r->attributes);
	(void)snprintf(r->attributes + len, sizeof(r->attributes) - len, "%s\n",
	               rest);
}

static int64_t
duration(struct replay *r, const char *text)
{
	int64_t ms;

	if (bmx_units_parse_duration(bmx_slice_of(text), &ms) != 0)
		fail(r, "expected a duration", text);
	return ms;
}

static void
do_advance(struct replay *r, char *rest)
{
	fake_loop_advance(r->loop, duration(r, rest));
}

static void
do_wall(struct replay *r, char *rest)
{
	const int64_t ms = duration(r, rest + 1);

	fake_loop_jump_wall(r->loop, *rest == '-' ? -ms : ms);
}

static void
send_text(struct replay *r, const char *name, const char *text)
{
	struct connection *c = find_connection(r, name);

	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		fail(r, "send", strerror(errno));
	fake_loop_settle(r->loop);
	receive(r, c);
}

static void
do_ask(struct replay *r, char *rest)
{
	char *rcpt = strchr(rest, ' ');
	char request[2048];

	if (!rcpt)
		fail(r, "expected STATE RCPT", rest);
	*rcpt++ = '\0';
	/* Of a repeated attribute the first counts. */
	(void)snprintf(request, sizeof(request),
	               "request=smtpd_access_policy\nprotocol_state=%s\n"
	               "instance=1a.2\n%sclient_address=192.0.2.1\n"
	               "sender=from@sender.test\nrecipient=%s\n\n",
	               rest, r->attributes, rcpt);
	reconnect(r, find_connection(r, "main"));
	send_text(r, "main", request);
}

static void
unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] == 'n') {
			*to++ = '\n';
			text++;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* Splits "NAME REST" at the first blank; REST may be empty. */
static char *
split(char *text)
{
	char *blank = strchr(text, ' ');

	if (!blank)
		return text + strlen(text);
	*blank = '\0';
	return blank + 1;
}

static void
do_send(struct replay *r, char *name)
{
	char *text = split(name);

	unescape(text);
	send_text(r, name, text);
}

static void
do_expect(struct replay *r, char *name)
{
	char *action = split(name);
	struct connection *c = find_connection(r, name);
	char want[1024];
	size_t len;

	receive(r, c);
	len = (size_t)snprintf(want, sizeof(want), "action=%s\n\n", action);
	if (strncmp(c->got, want, len) != 0)
		fail(r, want, c->got);
	c->got_len -= len;
	memmove(c->got, c->got + len, c->got_len + 1);
}

static void
do_answer(struct replay *r, char *action)
{
	char line[1024];

	(void)snprintf(line, sizeof(line), "main %s", action);
	do_expect(r, line);
}

static void
do_silent(struct replay *r, char *name)
{
	struct connection *c = find_connection(r, name);

	receive(r, c);
	if (c->got_len > 0 || c->closed)
		fail(r, "expected silence", c->closed ? "closed" : c->got);
}

static void
do_closed(struct replay *r, char *name)
{
	struct connection *c = find_connection(r, name);

	receive(r, c);
	if (!c->closed)
		fail(r, "expected a closed connection", "open");
}

static void
do_log(struct replay *r, char *text)
{
	if (!strstr(r->last_log, text))
		fail(r, text, r->last_log);
}

static void
do_dns(struct replay *r, char *what)
{
	scripted_any_dns(r->any, what);
}

static const struct {
	const char *verb;
	void (*run)(struct replay *, char *rest);
} verbs[] = {
	{"list", do_list},     {"synced", do_synced},   {"nolist", do_nolist},
	{"fault", do_fault},   {"advance", do_advance}, {"wall", do_wall},
	{"ask", do_ask},       {"open", do_open},       {"send", do_send},
	{"expect", do_expect}, {"answer", do_answer},   {"silent", do_silent},
	{"closed", do_closed}, {"log", do_log},         {"primary", do_primary},
	{"offers", do_offers}, {"says", do_says},       {"later", do_later},
	{"tell", do_tell},     {"asked", do_asked},     {"with", do_with},
	{"dns", do_dns},
};

static void
run_line(struct replay *r, char *line)
{
	char *rest;

	line[strcspn(line, "\n")] = '\0';
	while (isspace((unsigned char)*line))
		line++;
	if (*line == '\0' || *line == '#')
		return;
	if (strcmp(line, "config") == 0) {
		do_config(r);
		return;
	}
	rest = split(line);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].verb, line) == 0) {
			verbs[i].run(r, rest);
			return;
		}
	}
	fail(r, "unknown verb", line);
}

int
main(int argc, char **argv)
{
	struct replay *r = calloc(1, sizeof(*r));
	char line[4096];

	if (argc != 2 || !r)
		return 2;
	r->path = argv[1];
	r->in = fopen(r->path, "r");
	r->loop = fake_loop_new(WALL_MS);
	r->log = bmx_log_new_capture(on_log, r, BMX_LOG_DEBUG);
	r->metrics = bmx_metrics_new();
	r->records = memory_store_new();
	if (!r->in)
		fail(r, "open", strerror(errno));
	while (fgets(line, sizeof(line), r->in)) {
		r->line++;
		run_line(r, line);
	}
	(void)fclose(r->in);
	for (size_t i = 0; i < r->connection_count; i++)
		(void)close(r->connections[i].fd);
	bmx_clients_free(&r->clients);
	bmx_engine_free(&r->engine);
	scripted_any_free(&r->any);
	bmx_learner_free(&r->learner);
	memory_store_free(&r->records);
	bmx_log_free(&r->log);
	bmx_metrics_free(&r->metrics);
	fake_loop_free(&r->loop);
	(void)printf("%s: %d lines\n", r->path, r->line);
	free(r);
	return 0;
}
