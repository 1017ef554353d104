/*
 * The contract of the file: each key with its default and with the values of
 * the design's example, what a reload may change, includes, look-ups, and
 * files that end too early.
 */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <backupmx/config.h>
#include <backupmx/config_names.h>

static char folder[] = "/tmp/bmx-contract-XXXXXX";

/* The design's example, whole. */
static const char example[] =
	"hostname  = \"backup.example.test\"  # EHLO name and authserv-id\n"
	"state_dir = \"/var/lib/backupmx\"\n"
	"log       = \"syslog\"\n"
	"resolver  = {}  # {\"127.0.0.1@5353\"}; default: resolv.conf\n"
	"include(\"conf.d/*.conf\")\n"
	"\n"
	"policyd {\n"
	"    listen   = {\"unix:/var/spool/postfix/backupmx/policyd.sock\"}\n"
	"    socket_mode = \"0660\"  socket_group = \"postfix\"\n"
	"    deadline = 5s\n"
	"    metrics  = \"inet:127.0.0.1:9517\"\n"
	"    control  = \"unix:/run/backupmx/control.sock\"\n"
	"}\n"
	"milter {\n"
	"    listen = \"unix:/var/spool/postfix/backupmx/milter.sock\"\n"
	"    policy = \"unix:/var/spool/postfix/backupmx/policyd.sock\"\n"
	"    metrics = \"inet:127.0.0.1:9518\"\n"
	"    trusted = {\"127.0.0.0/8\", \"::1/128\"}\n"
	"    bounce_guard = \"quarantine\"\n"
	"}\n"
	"redis {\n"
	"    servers = {\"unix:/run/redis/redis-server.sock\"}\n"
	"    sentinels = {}   master_name = \"\"\n"
	"    cluster = false\n"
	"    username = \"\"  password_file = \"\"  database = 0"
	"  prefix = \"bmx\"\n"
	"    timeout = 250ms\n"
	"    tls_ca_file = \"\"\n"
	"}\n"
	"domain \"example.test\" {\n"
	"    mode       = \"enforce\"\n"
	"    primary    = {\"mx\"}\n"
	"    tls        = \"may\"\n"
	"    tls_ca_file = \"\"\n"
	"    accept_all = \"accept\"\n"
	"    recipients = \"\"\n"
	"    refresh    = 5m\n"
	"    list_max_age = 24h\n"
	"    max_shrink = 20\n"
	"    call_ahead = true\n"
	"    primary_up = \"accept\"\n"
	"    recipient_delimiter = \"+\"\n"
	"    case_sensitive = false\n"
	"    spf   { fail = \"reject\"  softfail = \"tag\"  temperror = \"tag\""
	"  permerror = \"tag\" }\n"
	"    dnsbl { zones = {\"zen.spamhaus.org*2\", \"bl.example*1\"}"
	"  threshold = 2  action = \"reject\" }\n"
	"    scanner \"rspamd\" { type = \"rspamd\"  urls ="
	" {\"http://mx1.example.test:11333\", \"http://127.0.0.1:11333\"} }\n"
	"}\n";

static const char sparse[] =
	"hostname = \"h.test\"\nredis { }\ndomain \"example.test\" { }\n";

static void
write_file(const char *name, const char *text, size_t len)
{
	char path[128];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

struct loaded {
	struct bmx_config *config;
	size_t problems;
	size_t errors;
	char first[400]; /* problem */
	struct bmx_error err;
};

static struct loaded
load_file(const char *name)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct loaded loaded = {0};
	char path[128];

	assert_non_null(problems);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	loaded.config = bmx_config_load(path, problems, &loaded.err);
	loaded.problems = bmx_config_problems_count(problems);
	for (size_t i = 0; i < loaded.problems; i++) {
		const struct bmx_config_problem *problem =
			bmx_config_problems_get(problems, i);

		loaded.errors += !problem->warning;
		if (i == 0)
			(void)snprintf(loaded.first, sizeof(loaded.first), "%s",
			               problem->text);
	}
	bmx_config_problems_free(&problems);
	return loaded;
}

static struct loaded
load(const char *text)
{
	write_file("main.conf", text, strlen(text));
	return load_file("main.conf");
}

/*
 * Each key.
 */

struct key_case {
	const char *section; /* with the line that opens it in a dump */
	const char *key;
	const char *initial;
	const char *shown; /* in the example; NULL: as the default */
};

#define POLICYD "\npolicyd {\n"
#define MILTER "\nmilter {\n"
#define REDIS "\nredis {\n"
#define DOMAIN "\ndomain \"example.test\" {\n"
#define SPF "\n\tspf {\n"
#define DNSBL "\n\tdnsbl {\n"
#define HELO "\n\thelo {\n"
#define REVERSE "\n\treverse_dns {\n"
#define SENDER "\n\tsender_domain {\n"
#define SOCKETS "unix:/var/spool/postfix/backupmx/"

/* clang-format off */
static struct key_case keys[] = {
	{"", "hostname", "\"h.test\"", "\"backup.example.test\""},
	{"", "state_dir", "\"/var/lib/backupmx\"", NULL},
	{"", "log", "\"syslog\"", NULL},
	{"", "resolver", "{}", NULL},
	{POLICYD, "listen", "{\"" SOCKETS "policyd.sock\"}", NULL},
	{POLICYD, "socket_mode", "\"0660\"", NULL},
	{POLICYD, "socket_group", "\"postfix\"", NULL},
	{POLICYD, "deadline", "5s", NULL},
	{POLICYD, "metrics", "\"inet:127.0.0.1:9517\"", NULL},
	{POLICYD, "control", "\"unix:/run/backupmx/control.sock\"", NULL},
	{MILTER, "listen", "\"" SOCKETS "milter.sock\"", NULL},
	{MILTER, "policy", "\"" SOCKETS "policyd.sock\"", NULL},
	{MILTER, "metrics", "\"inet:127.0.0.1:9518\"", NULL},
	{MILTER, "trusted", "{\"127.0.0.0/8\", \"::1/128\"}", NULL},
	{MILTER, "bounce_guard", "\"quarantine\"", NULL},
	{REDIS, "servers", "{\"unix:/run/redis/redis-server.sock\"}", NULL},
	{REDIS, "sentinels", "{}", NULL},
	{REDIS, "master_name", "\"\"", NULL},
	{REDIS, "cluster", "false", NULL},
	{REDIS, "username", "\"\"", NULL},
	{REDIS, "password_file", "\"\"", NULL},
	{REDIS, "database", "0", NULL},
	{REDIS, "prefix", "\"bmx\"", NULL},
	{REDIS, "timeout", "250ms", NULL},
	{REDIS, "tls_ca_file", "\"\"", NULL},
	{DOMAIN, "mode", "\"enforce\"", NULL},
	{DOMAIN, "primary", "{\"mx\"}", NULL},
	{DOMAIN, "tls", "\"may\"", NULL},
	{DOMAIN, "tls_ca_file", "\"\"", NULL},
	{DOMAIN, "accept_all", "\"accept\"", NULL},
	{DOMAIN, "recipients", "\"\"", NULL},
	{DOMAIN, "refresh", "5m", NULL},
	{DOMAIN, "list_max_age", "1d", NULL},
	{DOMAIN, "max_shrink", "20", NULL},
	{DOMAIN, "call_ahead", "true", NULL},
	{DOMAIN, "primary_up", "\"accept\"", NULL},
	{DOMAIN, "recipient_delimiter", "\"+\"", NULL},
	{DOMAIN, "case_sensitive", "false", NULL},
	{SPF, "fail", "\"reject\"", NULL},
	{SPF, "softfail", "\"tag\"", NULL},
	{SPF, "temperror", "\"tag\"", NULL},
	{SPF, "permerror", "\"tag\"", NULL},
	{DNSBL, "zones", "{}", "{\"zen.spamhaus.org*2\", \"bl.example*1\"}"},
	{DNSBL, "threshold", "1", "2"},
	{DNSBL, "action", "\"reject\"", NULL},
	{DNSBL, "temperror", "\"ignore\"", NULL},
	{DOMAIN, "size", "0", NULL},
	{DOMAIN, "client_access", "{}", NULL},
	{DOMAIN, "sender_access", "{}", NULL},
	{DOMAIN, "score_threshold", "0", NULL},
	{HELO, "invalid", "\"ignore\"", NULL},
	{HELO, "unqualified", "\"ignore\"", NULL},
	{HELO, "own", "\"ignore\"", NULL},
	{HELO, "unknown", "\"ignore\"", NULL},
	{HELO, "temperror", "\"ignore\"", NULL},
	{REVERSE, "missing", "\"ignore\"", NULL},
	{REVERSE, "unconfirmed", "\"ignore\"", NULL},
	{REVERSE, "temperror", "\"ignore\"", NULL},
	{SENDER, "null_mx", "\"ignore\"", NULL},
	{SENDER, "unknown", "\"ignore\"", NULL},
	{SENDER, "unqualified", "\"ignore\"", NULL},
	{SENDER, "literal", "\"ignore\"", NULL},
	{SENDER, "temperror", "\"ignore\"", NULL},
};
/* clang-format on */

static char *
dump_of(const struct bmx_config *config)
{
	struct bmx_error err;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	(void)fputc('\n', out);
	assert_int_equal(bmx_config_dump(config, out, true, &err), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
assert_shown(const char *text, const struct key_case *tc, const char *want)
{
	const bool inner = strchr(tc->section, '\t') != NULL;
	struct loaded loaded = load(text);
	char line[256];
	char *dump;
	char *section;
	char *end;

	assert_non_null(loaded.config);
	assert_int_equal(loaded.errors, 0);
	dump = dump_of(loaded.config);
	bmx_config_unref(&loaded.config);
	section = strstr(dump, tc->section);
	assert_non_null(section);
	section += strlen(tc->section) > 0 ? strlen(tc->section) - 1 : 0;
	end = strstr(section + 1, inner ? "\n\t}" : "\n}");
	if (end && tc->section[0] != '\0')
		end[1] = '\0';
	(void)snprintf(line, sizeof(line), "%s%s = %s\n",
	               tc->section[0] == '\0' ? "\n" :
	                       inner          ? "\n\t\t" :
	                                        "\n\t",
	               tc->key, want);
	assert_non_null(strstr(section, line));
	free(dump);
}

static void
test_key(void **state)
{
	const struct key_case *tc = *state;

	assert_shown(sparse, tc, tc->initial);
	assert_shown(example, tc, tc->shown ? tc->shown : tc->initial);
}

/* What a dump and a reading could both have wrong. */
static void
test_numbers(void **state)
{
	struct loaded loaded = load(example);
	const struct bmx_config *config = loaded.config;
	const struct bmx_config_domain *domain;

	(void)state;
	assert_non_null(config);
	assert_int_equal(config->log, BMX_LOG_TO_SYSLOG);
	assert_int_equal(config->resolver.count, 0);
	assert_int_equal(config->policyd.listen_count, 1);
	assert_int_equal(config->policyd.listen[0].kind, BMX_ENDPOINT_UNIX);
	assert_int_equal(config->policyd.socket_mode, 0660);
	assert_int_equal(config->policyd.deadline_ms, 5000);
	assert_true(config->policyd.metrics_on);
	assert_int_equal(config->policyd.metrics.port, 9517);
	assert_true(config->policyd.control_on);
	assert_true(config->milter.policy_on);
	assert_int_equal(config->milter.metrics.port, 9518);
	assert_int_equal(config->milter.trusted_count, 2);
	assert_int_equal(config->milter.trusted[0].prefix_length, 104);
	assert_int_equal(config->milter.trusted[0].network[12], 127);
	assert_int_equal(config->milter.trusted[1].prefix_length, 128);
	assert_int_equal(config->milter.bounce_guard,
	                 BMX_BOUNCE_GUARD_QUARANTINE);
	assert_true(config->redis.present);
	assert_int_equal(config->redis.timeout_ms, 250);
	assert_int_equal(config->redis.database, 0);
	assert_false(config->redis.cluster);
	assert_int_equal(config->domain_count, 1);
	domain = &config->domains[0];
	assert_int_equal(domain->mode, BMX_MODE_ENFORCE);
	assert_int_equal(domain->tls, BMX_TLS_MAY);
	assert_int_equal(domain->accept_all, BMX_ACCEPT_ALL_ACCEPT);
	assert_int_equal(domain->refresh_ms, 300000);
	assert_int_equal(domain->list_max_age_ms, 86400000);
	assert_int_equal(domain->max_shrink, 20);
	assert_true(domain->call_ahead);
	assert_int_equal(domain->primary_up, BMX_PRIMARY_UP_ACCEPT);
	assert_false(domain->case_sensitive);
	assert_int_equal(domain->spf.fail.action, BMX_ACTION_REJECT);
	assert_int_equal(domain->spf.permerror.action, BMX_ACTION_TAG);
	assert_int_equal(domain->dnsbl.zones.count, 2);
	assert_int_equal(domain->dnsbl.threshold, 2);
	assert_int_equal(domain->scanner_count, 1);
	assert_string_equal(domain->scanners[0].name, "rspamd");
	assert_string_equal(domain->scanners[0].urls.items[1],
	                    "http://127.0.0.1:11333");
	bmx_config_unref(&loaded.config);
}

static void
test_dump_has_no_warning(void **state)
{
	struct loaded loaded = load("domain \"a.test\" { }");
	char *dump = dump_of(loaded.config);

	(void)state;
	bmx_config_unref(&loaded.config);
	loaded = load(dump);
	assert_non_null(loaded.config);
	assert_int_equal(loaded.problems, 0);
	bmx_config_unref(&loaded.config);
	free(dump);
}

static void
test_dump_keeps_inner_sections(void **state)
{
	struct loaded loaded =
		load("domain \"a.test\" { dnsbl { threshold = 3 action = tag } "
	             "sender_domain { literal = \"score=7\" } }");
	struct bmx_error err;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(bmx_config_dump(loaded.config, out, false, &err), 0);
	assert_int_equal(fclose(out), 0);
	bmx_config_unref(&loaded.config);
	loaded = load(text);
	free(text);
	assert_non_null(loaded.config);
	assert_int_equal(loaded.config->domains[0].dnsbl.threshold, 3);
	assert_int_equal(loaded.config->domains[0].dnsbl.action.action,
	                 BMX_ACTION_TAG);
	assert_int_equal(loaded.config->domains[0].sender_domain.literal.action,
	                 BMX_ACTION_SCORE);
	assert_int_equal(loaded.config->domains[0].sender_domain.literal.points,
	                 7);
	bmx_config_unref(&loaded.config);
}

/*
 * What needs a restart.
 */

struct restart_case {
	const char *name;
	const char *running;
	const char *next;
	const char *policyd; /* wanted; NULL: nothing */
	const char *milter;
};

/* clang-format off */
static struct restart_case restarts[] = {
	{"the same file", "", "", NULL, NULL},
	{"a default said aloud", "", "policyd { socket_mode = \"0660\" }", NULL, NULL},
	{"state_dir concerns both", "", "state_dir = \"/x\"", "state_dir", "state_dir"},
	{"log concerns both", "", "log = stderr", "log", "log"},
	{"resolver concerns both", "", "resolver = {\"127.0.0.1\"}", "resolver", "resolver"},
	{"a host name is taken over", "", "hostname = \"x.test\"", NULL, NULL},
	{"policyd's socket is not the milter's", "", "policyd { listen = {\"unix:/x\"} }", "policyd.listen", NULL},
	{"a second socket", "", "policyd { listen = {\"" SOCKETS "policyd.sock\", \"unix:/x\"} }", "policyd.listen", NULL},
	{"policyd's metrics off", "", "policyd { metrics = \"\" }", "policyd.metrics", NULL},
	{"a deadline is taken over", "", "policyd { deadline = 1s }", NULL, NULL},
	{"the milter's socket is not policyd's", "", "milter { listen = \"unix:/x\" }", NULL, "milter.listen"},
	{"the milter's metrics", "milter { metrics = \"\" }", "", NULL, "milter.metrics"},
	{"trusted is taken over", "", "milter { trusted = {} }", NULL, NULL},
	{"the milter does not use redis", "", "redis { }", "redis", NULL},
	{"redis goes", "redis { }", "", "redis", NULL},
	{"another redis", "redis { }", "redis { prefix = \"x\" }", "redis.prefix", NULL},
	{"a domain more", "", "domain \"a.test\" { }", NULL, NULL},
	{"a domain's list", "domain \"a.test\" { }", "domain \"a.test\" { recipients = \"file:/x\" }", NULL, NULL},
};
/* clang-format on */

static void
assert_option(const char *got, const char *want)
{
	if (!want)
		assert_null(got);
	else
		assert_string_equal(got ? got : "nothing", want);
}

static void
test_restart(void **state)
{
	const struct restart_case *tc = *state;
	struct loaded running = load(tc->running);
	struct loaded next = load(tc->next);

	assert_non_null(running.config);
	assert_non_null(next.config);
	assert_option(bmx_config_needs_restart(running.config, next.config,
	                                       BMX_CONFIG_POLICYD),
	              tc->policyd);
	assert_option(bmx_config_needs_restart(running.config, next.config,
	                                       BMX_CONFIG_MILTER),
	              tc->milter);
	bmx_config_unref(&running.config);
	bmx_config_unref(&next.config);
}

/*
 * Includes.
 */

static void
write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

static void
test_include_loop(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("a.conf", "include(\"b.conf\")\n");
	write_text("b.conf", "include(\"a.conf\")\n");
	loaded = load_file("a.conf");
	assert_null(loaded.config);
	assert_int_equal(loaded.errors, 1);
	assert_non_null(strstr(loaded.first, "includes itself"));
}

/* One file for each level: 8 may be open at once. */
static void
test_include_nesting(void **state)
{
	(void)state;
	for (int deepest = 7; deepest <= 8; deepest++) {
		struct loaded loaded;

		for (int i = 0; i <= deepest; i++) {
			char name[32];
			char text[64] = "log = stderr\n";

			if (i < deepest)
				(void)snprintf(text, sizeof(text),
				               "include(\"n%d.conf\")\n",
				               i + 1);
			(void)snprintf(name, sizeof(name), "n%d.conf", i);
			write_text(name, text);
		}
		loaded = load_file("n0.conf");
		assert_int_equal(loaded.config != NULL, deepest == 7);
		assert_int_equal(loaded.errors, deepest == 8);
		bmx_config_unref(&loaded.config);
	}
}

static void
test_include_doubles(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("b.conf", "log = stderr\n");
	loaded = load("log = stderr\ninclude(\"b.conf\")\n");
	assert_null(loaded.config);
	assert_non_null(strstr(loaded.first, "twice"));
	write_text("b.conf", "domain \"a.test\" { }\n");
	loaded = load("include(\"b.c*\")\ndomain \"b.test\" { }");
	assert_non_null(loaded.config);
	assert_int_equal(loaded.config->domain_count, 2);
	bmx_config_unref(&loaded.config);
}

static void
test_missing_file(void **state)
{
	struct loaded loaded = load_file("none.conf");

	(void)state;
	assert_null(loaded.config);
	assert_int_equal(loaded.err.code, BMX_E_NOT_FOUND);
	assert_non_null(strstr(loaded.err.text, "none.conf"));
	loaded = load_file(".");
	assert_null(loaded.config);
	assert_non_null(strstr(loaded.err.text, "folder"));
}

/*
 * Look-ups, references, names, cuts.
 */

static void
test_any_domain(void **state)
{
	struct loaded loaded = load("domain \"*\" { mode = observe }\n"
	                            "domain \"a.test\" { }\n");
	const struct bmx_config *config = loaded.config;

	(void)state;
	assert_non_null(config);
	assert_null(bmx_config_find_domain(config, BMX_SLICE("*")));
	assert_null(bmx_config_find_domain(config, BMX_SLICE("b.test")));
	assert_null(bmx_config_find_domain(config, BMX_SLICE("")));
	assert_ptr_equal(bmx_config_find_domain(config, BMX_SLICE("a.test")),
	                 &config->domains[1]);
	assert_ptr_equal(bmx_config_any_domain(config), &config->domains[0]);
	bmx_config_unref(&loaded.config);
	loaded = load("domain \"*\" { }\ndomain \"*\" { }\n");
	assert_null(loaded.config);
	assert_int_equal(loaded.errors, 1);
	loaded = load("domain \"a.test\" { }\n");
	assert_null(bmx_config_any_domain(loaded.config));
	bmx_config_unref(&loaded.config);
}

static void
test_any_source(void **state)
{
	struct loaded loaded =
		load("domain \"*\" { recipients = \"file:/a\" }");

	(void)state;
	assert_null(loaded.config);
	assert_int_equal(loaded.errors, 1);
	loaded = load("redis { }\ndomain \"*\" { recipients = \"redis:\" }");
	assert_non_null(loaded.config);
	assert_int_equal(loaded.problems, 0);
	bmx_config_unref(&loaded.config);
}

static void
test_with_domains(void **state)
{
	static const char *const names[] = {"b.test", "a.test", "c.test"};
	struct loaded loaded =
		load("domain \"*\" { mode = observe refresh = 7m }\n"
	             "domain \"a.test\" { }\n");
	struct bmx_config *more =
		bmx_config_with_domains(loaded.config, names, 3, NULL);
	const struct bmx_config_domain *b, *c;

	(void)state;
	assert_non_null(more);
	assert_null(bmx_config_find_domain(loaded.config, BMX_SLICE("b.test")));
	assert_string_equal(more->path, loaded.config->path);
	bmx_config_unref(&loaded.config); /* what is shared lives on */
	assert_int_equal(more->domain_count, 4);
	b = bmx_config_find_domain(more, BMX_SLICE("b.test"));
	c = bmx_config_find_domain(more, BMX_SLICE("c.test"));
	assert_ptr_equal(b, &more->domains[2]);
	assert_ptr_equal(c, &more->domains[3]);
	assert_string_equal(c->name, "c.test");
	assert_int_equal(c->index, 3);
	assert_int_equal(c->mode, BMX_MODE_OBSERVE);
	assert_int_equal(c->refresh_ms, 7 * 60 * 1000);
	assert_true(b->from_any && c->from_any);
	assert_false(
		bmx_config_find_domain(more, BMX_SLICE("a.test"))->from_any);
	assert_ptr_equal(bmx_config_any_domain(more), &more->domains[0]);
	assert_false(bmx_config_any_domain(more)->from_any);
	assert_null(bmx_config_find_domain(more, BMX_SLICE("*")));
	assert_null(bmx_config_needs_restart(more, more, BMX_CONFIG_POLICYD));
	bmx_config_unref(&more);
	loaded = load("hostname = \"h.test\"");
	more = bmx_config_with_domains(loaded.config, NULL, 0, NULL);
	assert_non_null(more);
	assert_int_equal(more->domain_count, 0);
	assert_string_equal(bmx_config_our_names(more).items[0], "h.test");
	bmx_config_unref(&more);
	bmx_config_unref(&loaded.config);
	loaded = load(
		"hostname = \"h.test\" mx_names = {\"x.test\", \"y.test\"}");
	assert_int_equal(bmx_config_our_names(loaded.config).count, 2);
	bmx_config_unref(&loaded.config);
}

static void *
take_and_drop(void *argument)
{
	for (int i = 0; i < 20000; i++) {
		struct bmx_config *held = bmx_config_ref(argument);

		bmx_config_unref(&held);
	}
	return NULL;
}

static void
test_references(void **state)
{
	struct loaded loaded = load("domain \"a.test\" { }\n");
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
		                                take_and_drop, loaded.config),
		                 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_string_equal(loaded.config->domains[0].name, "a.test");
	bmx_config_unref(&loaded.config);
	assert_null(loaded.config);
}

struct name_case {
	const char *name;
	const char *typed;
	const char *want; /* NULL: none is near */
};

static struct name_case names[] = {
	{"nearest: a letter lost", "deadlin", "deadline"},
	{"nearest: two swapped", "metrcis", "metrics"},
	{"nearest: a letter too many", "listenn", "listen"},
	{"nearest: itself", "listen", "listen"},
	{"nearest: a short name, one wrong", "tsl", "tls"},
	{"nearest: a short name, all wrong", "abc", NULL},
	{"nearest: something else", "zzzzzzzzzzzz", NULL},
	{"nearest: nothing", "", NULL},
};

static void
test_nearest(void **state)
{
	static const char *const known[] = {"listen", "deadline", "metrics",
	                                    "tls"};
	const struct name_case *tc = *state;

	assert_option(bmx_config_nearest_name(tc->typed, known, 4), tc->want);
}

static void
test_nearest_too_long(void **state)
{
	char longer[BMX_CONFIG_NAME_MAX + 2];
	const char *known = longer;

	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(bmx_config_nearest_name(longer, &known, 1));
	longer[BMX_CONFIG_NAME_MAX] = '\0';
	assert_ptr_equal(bmx_config_nearest_name(longer, &known, 1), known);
}

/* A file that is cut is read, or refused with a reason; never half a key. */
static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(example); len++) {
		struct loaded loaded;

		write_file("main.conf", example, len);
		loaded = load_file("main.conf");
		assert_true((loaded.config == NULL) == (loaded.errors > 0));
		bmx_config_unref(&loaded.config);
	}
}

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int
tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command); /* NOLINT: a fixed name of ours */
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROWS (COUNT(keys) + COUNT(restarts) + COUNT(names))

int
main(void)
{
	struct CMUnitTest tests[ROWS + 11] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_dump_has_no_warning),
		cmocka_unit_test(test_dump_keeps_inner_sections),
		cmocka_unit_test(test_include_loop),
		cmocka_unit_test(test_include_nesting),
		cmocka_unit_test(test_include_doubles),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_any_domain),
		cmocka_unit_test(test_any_source),
		cmocka_unit_test(test_with_domains),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_nearest_too_long),
		cmocka_unit_test(test_cut_anywhere),
	};
	size_t at = 11;

	for (size_t i = 0; i < COUNT(keys); i++)
		tests[at++] = (struct CMUnitTest){keys[i].key, test_key, NULL,
		                                  NULL, &keys[i]};
	for (size_t i = 0; i < COUNT(restarts); i++)
		tests[at++] =
			(struct CMUnitTest){restarts[i].name, test_restart,
		                            NULL, NULL, &restarts[i]};
	for (size_t i = 0; i < COUNT(names); i++)
		tests[at++] = (struct CMUnitTest){names[i].name, test_nearest,
		                                  NULL, NULL, &names[i]};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
