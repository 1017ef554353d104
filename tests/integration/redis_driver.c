/*
 * A link to Redis that does what it is told, for redis_link_test.py.
 *
 * redis_driver KEY=VALUE...
 *
 * Keys are those of the section redis. Lines on standard input:
 *
 *	ask WORD...       a command; prints "answer REPLY" or "failed CODE TEXT"
 *	batch WORD...     several, parted by ";"
 *	subscribe CHANNEL prints "heard subscribed", "heard message TEXT", ...
 *	put NAME          a record of NAME@example.test, VALID
 *	get NAME          prints "record found", "record absent", ...
 *	remove NAME       and
 *	sweep             all records of that kind of the domain
 *	state             prints "state NAME=VALUE..."
 *	load RATE         GET key:N RATE times a second, N from 0 to 999
 *	stop              ends that; prints "load NAME=VALUE..."
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <backupmx/redis.h>
#include <backupmx/redis_store.h>
#include <backupmx/text.h>

#define TICK_MS 5
#define LOAD_KEYS 1000
#define WORDS_MAX 64

struct load {
	int64_t rate; /* a second; 0: none */
	double due;
	size_t next;
	unsigned long good, nil, wrong, error, lost, refused;
	int64_t longest_us;
};

struct load_ask {
	struct driver *driver;
	size_t key;
	int64_t since_us;
};

struct driver {
	struct bmx_loop *loop;
	struct bmx_config_redis settings;
	const char *servers[16];
	const char *sentinels[16];
	struct bmx_redis *redis;
	struct bmx_record_store *store;
	struct bmx_timer *tick;
	struct bmx_watch *input;
	char line[65536];
	size_t len;
	bool ended;
	struct load load;
};

static void
show(struct bmx_text *text, const struct bmx_redis_reply *reply)
{
	static const char *const marks[] = {"+", "-", ":", "", "(nil)", "["};

	bmx_text_append_string(text, marks[reply->type]);
	if (reply->type == BMX_REDIS_INTEGER)
		bmx_text_printf(text, "%lld", (long long)reply->integer);
	bmx_text_append_clean(text, reply->text, 300);
	if (reply->type != BMX_REDIS_ARRAY)
		return;
	for (size_t i = 0; i < reply->count && !text->cut; i++) {
		if (i > 0)
			bmx_text_append_char(text, ' ');
		show(text, &reply->element[i]);
	}
	bmx_text_append_char(text, ']');
}

static void
on_answer(void *ctx, const struct bmx_redis_answer *answer)
{
	char line[1024];
	struct bmx_text text;

	(void)ctx;
	bmx_text_init(&text, line, sizeof(line));
	if (answer->reply)
		show(&text, answer->reply);
	if (answer->reply)
		(void)printf("answer %s\n", line);
	else
		(void)printf("failed %s %s\n",
		             bmx_error_code_name(answer->err->code),
		             answer->err->text);
	(void)fflush(stdout);
}

static void
on_heard(void *ctx, enum bmx_redis_heard heard, struct bmx_slice payload)
{
	static const char *const names[] = {"subscribed", "message", "deaf"};

	(void)ctx;
	(void)printf("heard %s %.*s\n", names[heard], (int)payload.len,
	             payload.len > 0 ? payload.data : "");
	(void)fflush(stdout);
}

static void
show_state(struct driver *driver)
{
	struct bmx_redis_state state;

	bmx_redis_state(driver->redis, &state);
	(void)printf("state up=%d fault=%d role=%s link=%d lag=%lld "
	             "breaker=%s in_flight=%zu policy=%s server=%s error=%s\n",
	             state.up, state.fault, bmx_redis_role_name(state.role),
	             state.replica_link_up, (long long)state.replica_lag_s,
	             bmx_circuit_state_name(state.breaker), state.in_flight,
	             state.maxmemory_policy, state.server, state.error);
	(void)fflush(stdout);
}

/* Commands are parted by the word ";". */
static void
ask(struct driver *driver, char **words, size_t count)
{
	struct bmx_slice argv[WORDS_MAX];
	struct bmx_redis_command commands[WORDS_MAX];
	struct bmx_redis_request request = {.commands = commands};
	struct bmx_error err;
	size_t first = 0;

	for (size_t i = 0; i <= count; i++) {
		if (i < count && strcmp(words[i], ";") != 0) {
			argv[i] = bmx_slice_of(words[i]);
			if (i > first && request.key.len == 0)
				request.key = argv[i];
			continue;
		}
		commands[request.count++] =
			(struct bmx_redis_command){argv + first, i - first};
		first = i + 1;
	}
	if (!bmx_redis_send(driver->redis, &request, on_answer, NULL, &err)) {
		(void)printf("failed %s %s\n", bmx_error_code_name(err.code),
		             err.text);
		(void)fflush(stdout);
	}
}

static void
on_load_answer(void *ctx, const struct bmx_redis_answer *answer)
{
	struct load_ask *one = ctx;
	struct load *load = &one->driver->load;
	const int64_t took_us =
		bmx_clock_mono_us(one->driver->loop->clock) - one->since_us;
	char want[32];

	(void)snprintf(want, sizeof(want), "value:%zu", one->key);
	if (took_us > load->longest_us)
		load->longest_us = took_us;
	if (!answer->reply)
		load->lost++;
	else if (answer->reply->type == BMX_REDIS_ERROR)
		load->error++;
	else if (answer->reply->type == BMX_REDIS_NIL)
		load->nil++;
	else if (answer->reply->type == BMX_REDIS_STRING &&
	         bmx_slice_equal(answer->reply->text, bmx_slice_of(want)))
		load->good++;
	else
		load->wrong++;
	free(one);
}

static void
load_one(struct driver *driver)
{
	struct load_ask *one = calloc(1, sizeof(*one));
	struct bmx_slice argv[2] = {BMX_SLICE("GET")};
	char key[32];

	if (!one)
		return;
	one->driver = driver;
	one->key = driver->load.next++ % LOAD_KEYS;
	one->since_us = bmx_clock_mono_us(driver->loop->clock);
	(void)snprintf(key, sizeof(key), "key:%zu", one->key);
	argv[1] = bmx_slice_of(key);
	if (bmx_redis_command(driver->redis, argv, 2, argv[1], on_load_answer,
	                      one, NULL))
		return;
	driver->load.refused++;
	free(one);
}

static void
on_tick(void *ctx)
{
	struct driver *driver = ctx;

	if (driver->load.rate == 0)
		return;
	bmx_timer_set(driver->loop, driver->tick, TICK_MS);
	driver->load.due += (double)driver->load.rate * TICK_MS / 1000;
	while (driver->load.due >= 1) {
		load_one(driver);
		driver->load.due -= 1;
	}
}

static void
stop_load(struct driver *driver)
{
	const struct load *load = &driver->load;

	driver->load.rate = 0;
	(void)printf("load good=%lu nil=%lu wrong=%lu error=%lu lost=%lu "
	             "refused=%lu longest_ms=%lld\n",
	             load->good, load->nil, load->wrong, load->error,
	             load->lost, load->refused,
	             (long long)(load->longest_us / 1000));
	(void)fflush(stdout);
}

static void
on_record(void *ctx, enum bmx_record_found found,
          const struct bmx_record *record)
{
	static const char *const names[] = {"found", "absent", "unavailable"};

	(void)ctx;
	(void)printf("record %s %lld\n", names[found],
	             record ? (long long)record->as.verification.checked_at_ms :
	                      0);
	(void)fflush(stdout);
}

/* The verbs of the store; name is NULL for sweep. */
static void
keep(struct driver *driver, const char *verb, const char *name)
{
	const struct bmx_record_store_ops *ops = driver->store->ops;
	const struct bmx_record_key key = {BMX_RECORD_VERIFICATION,
	                                   BMX_SLICE("example.test"),
	                                   bmx_slice_of(name)};
	const struct bmx_record record = {.kind = BMX_RECORD_VERIFICATION,
	                                  .as.verification.checked_at_ms =
	                                          1700000000000};

	if (!strcmp(verb, "put"))
		ops->put(driver->store, &key, &record);
	else if (!strcmp(verb, "get"))
		(void)ops->get(driver->store, &key, on_record, NULL);
	else if (!strcmp(verb, "remove"))
		ops->remove(driver->store, &key);
	else
		ops->remove_domain(driver->store, key.kind, key.domain);
}

static bool
is_store_verb(const char *word)
{
	return !strcmp(word, "put") || !strcmp(word, "get") ||
		!strcmp(word, "remove") || !strcmp(word, "sweep");
}

static void
obey(struct driver *driver, char *line)
{
	char *words[WORDS_MAX];
	size_t count = 0;
	char *rest = line;

	for (char *word = strtok_r(rest, " ", &rest);
	     word && count < WORDS_MAX - 1; word = strtok_r(rest, " ", &rest))
		words[count++] = word;
	if (count == 0)
		return;
	if (!strcmp(words[0], "state"))
		show_state(driver);
	else if (is_store_verb(words[0]))
		keep(driver, words[0], count > 1 ? words[1] : NULL);
	else if (!strcmp(words[0], "stop"))
		stop_load(driver);
	else if (count > 1 && !strcmp(words[0], "load")) {
		driver->load =
			(struct load){.rate = strtoll(words[1], NULL, 10)};
		bmx_timer_set(driver->loop, driver->tick, 0);
	} else if (count > 1 && !strcmp(words[0], "subscribe"))
		(void)bmx_redis_subscribe(driver->redis, bmx_slice_of(words[1]),
		                          on_heard, NULL, NULL);
	else if (count > 1)
		ask(driver, words + 1, count - 1);
}

static void
on_input(void *ctx, unsigned events)
{
	struct driver *driver = ctx;
	const ssize_t got = read(0, driver->line + driver->len,
	                         sizeof(driver->line) - driver->len - 1);
	char *end;

	(void)events;
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		driver->ended = true;
		return;
	}
	driver->len += (size_t)got;
	driver->line[driver->len] = '\0';
	while ((end = strchr(driver->line, '\n')) != NULL) {
		*end = '\0';
		obey(driver, driver->line);
		driver->len -= (size_t)(end + 1 - driver->line);
		memmove(driver->line, end + 1, driver->len + 1);
	}
}

static void
take_setting(struct driver *driver, char *text)
{
	struct bmx_config_redis *settings = &driver->settings;
	char *value = strchr(text, '=');

	if (!value)
		return;
	*value++ = '\0';
	if (!strcmp(text, "server"))
		driver->servers[settings->servers.count++] = value;
	else if (!strcmp(text, "sentinel"))
		driver->sentinels[settings->sentinels.count++] = value;
	else if (!strcmp(text, "master_name"))
		settings->master_name = value;
	else if (!strcmp(text, "cluster"))
		settings->cluster = true;
	else if (!strcmp(text, "username"))
		settings->username = value;
	else if (!strcmp(text, "password_file"))
		settings->password_file = value;
	else if (!strcmp(text, "sentinel_password_file"))
		settings->sentinel_password_file = value;
	else if (!strcmp(text, "database"))
		settings->database = strtoll(value, NULL, 10);
	else if (!strcmp(text, "timeout_ms"))
		settings->timeout_ms = strtoll(value, NULL, 10);
	else if (!strcmp(text, "tls_ca_file"))
		settings->tls_ca_file = value;
}

static int
run(struct driver *driver)
{
	const struct bmx_redis_options options = {.settings = &driver->settings,
	                                          .client_name = "driver"};
	struct bmx_error err;

	driver->redis = bmx_redis_new(driver->loop, &options, &err);
	if (!driver->redis) {
		(void)printf("failed %s %s\n", bmx_error_code_name(err.code),
		             err.text);
		return 1;
	}
	driver->store = bmx_redis_store_new(driver->redis, "bmx", NULL, &err);
	if (!driver->store)
		return 1;
	(void)fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
	driver->tick = bmx_timer_new(driver->loop, on_tick, driver);
	driver->input = bmx_watch_new(driver->loop, 0, on_input, driver);
	if (!driver->tick || !driver->input ||
	    bmx_watch_set(driver->loop, driver->input, BMX_WATCH_READ) != 0)
		return 1;
	while (!driver->ended)
		if (bmx_loop_turn(driver->loop, true) != 0)
			return 1;
	bmx_redis_store_free(&driver->store);
	bmx_redis_free(&driver->redis);
	bmx_timer_free(driver->loop, &driver->tick);
	bmx_watch_free(driver->loop, &driver->input);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct driver driver;
	int rc;

	driver.settings = (struct bmx_config_redis){
		.servers = {driver.servers, 0},
		.sentinels = {driver.sentinels, 0},
		.master_name = "",
		.username = "",
		.password_file = "",
		.sentinel_username = "",
		.sentinel_password_file = "",
		.prefix = "bmx",
		.timeout_ms = 250,
		.tls_ca_file = "",
	};
	for (int i = 1; i < argc; i++)
		take_setting(&driver, argv[i]);
	(void)signal(SIGPIPE, SIG_IGN);
	driver.loop = bmx_loop_new();
	if (!driver.loop)
		return 1;
	rc = run(&driver);
	bmx_loop_free(&driver.loop);
	return rc;
}
