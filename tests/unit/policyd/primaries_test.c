/* The registry of primaries: who shares one, what is stored, and reloads. */
#include "tests/unit/policyd/primary_fixture.h"

#include "policyd/primaries.h"
#include "tests/support/fake_dns.h"
#include "tests/support/zone_text.h"

#define UP BMX_PRIMARY_UP
#define DOWN BMX_PRIMARY_DOWN
#define SUSPECT BMX_PRIMARY_SUSPECT

#define INTERVAL INT64_C(30000)
#define LATEST(ms) ((ms)*11 / 10)
#define HOUR INT64_C(3600000)
#define STORED_MAX 16

/* A store in memory. */
struct stored {
	char domain[64];
	struct bmx_primary_record record;
};

struct bmx_record_get {
	struct bmx_record_get *next;
	bmx_record_cb *cb;
	void *ctx;
	char domain[64];
};

struct store {
	struct bmx_record_store head;
	struct stored stored[STORED_MAX];
	size_t count;
	size_t puts;
	bool late;                   /* reads are answered by store_answer */
	struct bmx_record_get *gets; /* that wait */
};

struct world {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct zone *zone;
	struct fake_dns *dns;
	struct store store;
	struct bmx_recovery *recovery;
	struct pr_server server;
	struct bmx_primaries *primaries;
	struct bmx_config *config;
	char lines[8192];  /* ev=primary... */
	char changes[512]; /* "domain:before>after " */
};

static struct stored *
store_find(struct store *store, struct bmx_slice domain)
{
	for (size_t i = 0; i < store->count; i++)
		if (bmx_slice_equal(bmx_slice_of(store->stored[i].domain),
		                    domain))
			return &store->stored[i];
	return NULL;
}

static void
store_tell(struct store *store, struct bmx_slice domain, bmx_record_cb *cb,
           void *ctx)
{
	const struct stored *stored = store_find(store, domain);
	struct bmx_record record = {.kind = BMX_RECORD_PRIMARY};

	if (stored)
		record.as.primary = stored->record;
	cb(ctx, stored ? BMX_RECORD_FOUND : BMX_RECORD_ABSENT,
	   stored ? &record : NULL);
}

static struct bmx_record_get *
store_get(struct bmx_record_store *head, const struct bmx_record_key *key,
          bmx_record_cb *cb, void *ctx)
{
	struct store *store = (struct store *)head;
	struct bmx_record_get *get;

	assert_int_equal(key->kind, BMX_RECORD_PRIMARY);
	assert_int_equal(key->name.len, 0);
	if (!store->late) {
		store_tell(store, key->domain, cb, ctx);
		return NULL;
	}
	get = calloc(1, sizeof(*get));
	assert_non_null(get);
	*get = (struct bmx_record_get){store->gets, cb, ctx, ""};
	(void)snprintf(get->domain, sizeof(get->domain), "%.*s",
	               (int)key->domain.len, key->domain.data);
	store->gets = get;
	return get;
}

/* A read that is dropped stays in the list, without its callback. */
static void
store_cancel(struct bmx_record_get *get)
{
	get->cb = NULL;
}

static void
store_answer(struct store *store)
{
	while (store->gets) {
		struct bmx_record_get *get = store->gets;

		store->gets = get->next;
		if (get->cb)
			store_tell(store, bmx_slice_of(get->domain), get->cb,
			           get->ctx);
		free(get);
	}
}

static void
store_put(struct bmx_record_store *head, const struct bmx_record_key *key,
          const struct bmx_record *record)
{
	struct store *store = (struct store *)head;
	struct stored *stored = store_find(store, key->domain);

	store->puts++;
	assert_int_equal(record->kind, BMX_RECORD_PRIMARY);
	if (!stored && store->count == STORED_MAX)
		return;
	if (!stored)
		stored = &store->stored[store->count++];
	(void)snprintf(stored->domain, sizeof(stored->domain), "%.*s",
	               (int)key->domain.len, key->domain.data);
	stored->record = record->as.primary;
}

static const struct bmx_record_store_ops store_ops = {
	.get = store_get, .cancel = store_cancel, .put = store_put};

static void
on_log(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;
	const size_t len = strlen(world->lines);

	(void)level;
	if (strncmp(line, "ev=primary", 10) == 0)
		(void)snprintf(world->lines + len, sizeof(world->lines) - len,
		               "%s\n", line);
}

static void
on_status(void *ctx, struct bmx_slice domain, enum bmx_primary_status before,
          enum bmx_primary_status after)
{
	struct world *world = ctx;
	const size_t len = strlen(world->changes);
	struct bmx_primary_view view;

	/* What is told is so already. */
	bmx_primaries_view(world->primaries, domain, &view);
	assert_int_equal(view.status, after);
	(void)snprintf(world->changes + len, sizeof(world->changes) - len,
	               "%.*s:%s>%s ", (int)domain.len, domain.data,
	               bmx_primary_status_name(before),
	               bmx_primary_status_name(after));
}

static bool
never_ours(void *ctx, const struct bmx_target_address *address)
{
	(void)ctx;
	(void)address;
	return false;
}

static void
open_registry(struct world *world)
{
	const struct bmx_primaries_parts parts = {
		.loop = world->loop,
		.log = world->log,
		.metrics = world->metrics,
		.asker = fake_dns_asker(world->dns),
		.records = &world->store.head,
		.recovery = world->recovery,
		.on_status = on_status,
		.ctx = world,
		.is_ours = never_ours};

	world->primaries = bmx_primaries_new(&parts);
	assert_non_null(world->primaries);
}

static void
set_zone(struct world *world, const char *text)
{
	zone_free(&world->zone);
	world->zone = zone_of_text(text);
	fake_dns_set_zone(world->dns, world->zone);
}

static int
open_world(void **state)
{
	static const char *const command[] = {"/nonexistent/postqueue"};
	const struct bmx_config_strings strings = {command, 1};
	struct bmx_recovery_options recovery;
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->loop = fake_loop_new(PR_WALL_MS);
	world->log = bmx_log_new_capture(on_log, world, BMX_LOG_DEBUG);
	world->metrics = bmx_metrics_new();
	world->zone = zone_new();
	world->dns = fake_dns_new(world->zone, world->loop);
	world->store.head.ops = &store_ops;
	recovery = (struct bmx_recovery_options){world->loop, world->log,
	                                         world->metrics};
	world->recovery = bmx_recovery_new(&recovery);
	assert_int_equal(
		bmx_recovery_configure(world->recovery, &strings, NULL), 0);
	pr_listen(&world->server, world->loop);
	open_registry(world);
	*state = world;
	return 0;
}

static int
close_world(void **state)
{
	struct world *world = *state;

	bmx_primaries_free(&world->primaries);
	assert_null(pr_call_aheads);
	store_answer(&world->store);
	assert_int_equal(fake_dns_open(world->dns), 0);
	fake_dns_free(&world->dns);
	zone_free(&world->zone);
	bmx_recovery_free(&world->recovery);
	pr_close(&world->server);
	bmx_metrics_free(&world->metrics);
	bmx_log_free(&world->log);
	if (world->config)
		bmx_config_unref(&world->config);
	fake_loop_free(&world->loop);
	free(world);
	return 0;
}

/* In the text, '@' stands for the server's name. */
static void
configure(struct world *world, const char *text)
{
	char path[] = "/tmp/backupmx-primaries-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_config *config;
	struct bmx_error err;
	const int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	assert_non_null(file);
	for (; *text; text++)
		if (*text == '@')
			(void)fputs(world->server.name, file);
		else
			(void)fputc(*text, file);
	assert_int_equal(fclose(file), 0);
	config = bmx_config_load(path, problems, &err);
	(void)unlink(path);
	if (!config)
		print_error("%s\n", bmx_config_problems_get(problems, 0)->text);
	bmx_config_problems_free(&problems);
	assert_non_null(config);
	assert_int_equal(
		bmx_primaries_configure(world->primaries, config, &err), 0);
	if (world->config)
		bmx_config_unref(&world->config);
	world->config = config;
}

static enum bmx_primary_status
status(const struct world *world, const char *domain)
{
	struct bmx_primary_view view;

	bmx_primaries_view(world->primaries, bmx_slice_of(domain), &view);
	return view.status;
}

static struct bmx_primary_report
report(const struct world *world, const char *domain)
{
	struct bmx_primary_report report;

	assert_true(bmx_primaries_report(world->primaries, bmx_slice_of(domain),
	                                 &report));
	return report;
}

static struct bmx_call_ahead *
call_ahead(const struct world *world, const char *domain)
{
	return bmx_primaries_call_ahead(world->primaries, bmx_slice_of(domain));
}

static int64_t
gauge(struct world *world, const char *name, const char *domain)
{
	const struct bmx_metrics_label label = {"domain", domain};

	return bmx_metric_value(
		bmx_metrics_gauge(world->metrics, name, "", &label, 1));
}

static int64_t
recoveries(struct world *world)
{
	const struct bmx_metrics_label label = {"result", "not-started"};

	return bmx_metric_value(bmx_metrics_counter(
		world->metrics, "backupmx_recoveries_total", "", &label, 1));
}

static size_t
count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		count++;
	return count;
}

static size_t
call_aheads(void)
{
	size_t count = 0;

	for (const struct bmx_call_ahead *ca = pr_call_aheads; ca;
	     ca = ca->next)
		count++;
	return count;
}

#define DOMAIN(name, more)                                                     \
	"domain \"" name "\" { primary = {\"@\"} tls = \"none\" " more " }\n"
#define HOST "hostname = \"backup.test\"\n"
#define A DOMAIN("a.test", "")
#define B DOMAIN("b.test", "")

static void
bring_up(struct world *world, const char *config)
{
	configure(world, config);
	pr_run(world->loop, 10000);
}

static void
bring_down(struct world *world)
{
	world->server.manner = PR_HANGS_UP;
	pr_run(world->loop, LATEST(INTERVAL) + 2 * LATEST(5000) + 1000);
}

static void
test_shared(void **state)
{
	struct world *world = *state;

	configure(world, HOST A B "domain \"*\" { primary = {\"@\"} }\n");
	assert_int_equal(bmx_primaries_count(world->primaries), 2);
	assert_int_equal(status(world, "a.test"), SUSPECT);
	assert_int_equal(gauge(world, "backupmx_primary_suspect", "a.test"), 1);
	assert_null(call_ahead(world, "a.test"));
	pr_run(world->loop, 10000);
	assert_int_equal(status(world, "a.test"), UP);
	assert_int_equal(status(world, "b.test"), UP);
	assert_int_equal(call_aheads(), 1);
	assert_ptr_equal(call_ahead(world, "a.test"),
	                 call_ahead(world, "b.test"));
	assert_int_equal(world->server.accepted, 2); /* two checks */
	assert_int_equal(report(world, "a.test").shared_by, 2);
	assert_int_equal(gauge(world, "backupmx_primary_up", "b.test"), 1);
	assert_int_equal(gauge(world, "backupmx_primary_suspect", "b.test"), 0);
	assert_int_equal(count_of(world->changes, "suspect>up "), 2);
	assert_int_equal(count_of(world->lines, "ev=primary domain="), 1);
	assert_non_null(strstr(world->lines, "result=up count=2"));
	assert_int_equal(status(world, "c.test"), SUSPECT);
	assert_null(call_ahead(world, "c.test"));
	assert_null(call_ahead(world, "*"));
	assert_int_equal(recoveries(world), 0);
}

static void
test_other_settings(void **state)
{
	struct world *world = *state;

	bring_up(world,
	         HOST A DOMAIN("b.test", "probe_rate = 7")
	                 DOMAIN("c.test", "probe_rate = 7"));
	assert_int_equal(call_aheads(), 2);
	assert_ptr_not_equal(call_ahead(world, "a.test"),
	                     call_ahead(world, "b.test"));
	assert_ptr_equal(call_ahead(world, "b.test"),
	                 call_ahead(world, "c.test"));
}

static void
test_down_and_up(void **state)
{
	struct world *world = *state;
	struct bmx_primary_report got;

	bring_up(world, HOST A B);
	bring_down(world);
	assert_int_equal(status(world, "a.test"), DOWN);
	assert_int_equal(gauge(world, "backupmx_primary_up", "a.test"), 0);
	assert_int_equal(gauge(world, "backupmx_primary_suspect", "a.test"), 0);
	assert_non_null(strstr(world->lines, "result=suspect count=2 err="));
	assert_non_null(strstr(world->lines, "result=down count=2 err="));
	got = report(world, "b.test");
	assert_int_equal(got.status, DOWN);
	assert_true(got.since_ms > PR_WALL_MS);
	assert_string_equal(got.hosts, world->server.name);
	assert_non_null(strstr(got.last_error, "127.0.0.1"));
	assert_true(got.keywords.smtputf8);
	/* In the store, for both. */
	assert_int_equal(
		store_find(&world->store, BMX_SLICE("a.test"))->record.status,
		DOWN);
	assert_int_equal(
		store_find(&world->store, BMX_SLICE("b.test"))->record.since_ms,
		got.since_ms);
	assert_int_equal(recoveries(world), 0);
	world->server.manner = PR_GOOD;
	pr_run(world->loop, LATEST(INTERVAL) + LATEST(5000));
	assert_int_equal(status(world, "a.test"), UP);
	assert_int_equal(recoveries(world), 2);
}

static void
test_contacts(void **state)
{
	struct world *world = *state;

	bring_up(world, HOST A);
	for (int i = 0; i < 3; i++) {
		pr_contact(call_ahead(world, "a.test"), false);
		pr_contact(call_ahead(world, "a.test"), false);
		fake_loop_advance(world->loop, 1000);
	}
	assert_int_equal(status(world, "a.test"), DOWN);
}

struct no_targets_case {
	const char *name;
	const char *zone;
	enum bmx_target_state want;
};

/* clang-format off */
static struct no_targets_case no_targets[] = {
	{"the domain takes no mail",       "a.test MX 0 ;",                                       BMX_TARGETS_NULL_MX},
	{"the domain does not exist",      "b.test MX 10 mx.b.test;",                              BMX_TARGETS_NXDOMAIN},
	{"we are its best MX",             "a.test MX 10 backup.test; backup.test A 192.0.2.1;",   BMX_TARGETS_WE_ARE_BEST},
	{"its MX has no address",          "a.test MX 10 mx.a.test; mx.a.test TXT x;",             BMX_TARGETS_NO_ADDRESS},
	{"DNS fails",                      "a.test FAIL;",                                         BMX_TARGETS_FAILED},
};
/* clang-format on */

static void
test_no_targets(void **state)
{
	const struct no_targets_case *tc = *state;
	struct bmx_primary_report got;
	struct world *world;
	void *opened = NULL;

	(void)open_world(&opened);
	world = opened;
	set_zone(world, tc->zone);
	configure(world, HOST "domain \"a.test\" { }\n");
	pr_run(world->loop, 60000);
	assert_int_equal(status(world, "a.test"), SUSPECT);
	assert_null(call_ahead(world, "a.test"));
	got = report(world, "a.test");
	assert_string_equal(bmx_target_state_name(got.targets),
	                    bmx_target_state_name(tc->want));
	assert_false(got.has_call_ahead);
	assert_string_equal(got.last_error, "");
	assert_int_equal(world->store.puts, 0);
	(void)close_world(&opened);
}

static void
put_down(struct world *world, const char *domain, int64_t since_ms)
{
	struct stored *stored = &world->store.stored[world->store.count++];

	(void)snprintf(stored->domain, sizeof(stored->domain), "%s", domain);
	stored->record = (struct bmx_primary_record){
		.status = DOWN,
		.since_ms = since_ms,
		.checked_at_ms = since_ms,
		.keywords = {.known = true, .has_size = true, .size = 42}};
}

/* The name servers are as dead as the primary: what was stored holds. */
static void
test_down_without_dns(void **state)
{
	struct world *world = *state;
	struct bmx_primary_view view;

	put_down(world, "a.test", PR_WALL_MS - 24 * HOUR);
	fake_dns_fail(world->dns, true);
	configure(world, HOST "domain \"a.test\" { tls = \"none\" }\n");
	assert_int_equal(status(world, "a.test"), DOWN);
	pr_run(world->loop, HOUR);
	bmx_primaries_view(world->primaries, BMX_SLICE("a.test"), &view);
	assert_int_equal(view.status, DOWN);
	assert_int_equal(view.since_ms, PR_WALL_MS - 24 * HOUR);
	assert_int_equal(view.keywords.size, 42);
	/* DNS is back and says that the domain is gone. */
	fake_dns_fail(world->dns, false);
	pr_run(world->loop, 60000);
	assert_int_equal(status(world, "a.test"), SUSPECT);
}

static void
test_resumed(void **state)
{
	struct world *world = *state;

	put_down(world, "a.test", PR_WALL_MS - 24 * HOUR);
	world->server.manner = PR_HANGS_UP;
	bring_up(world, HOST A);
	assert_int_equal(status(world, "a.test"), DOWN);
	assert_int_equal(report(world, "a.test").since_ms,
	                 PR_WALL_MS - 24 * HOUR);
	world->server.manner = PR_GOOD;
	pr_run(world->loop, LATEST(INTERVAL) + LATEST(5000));
	assert_int_equal(status(world, "a.test"), UP);
	assert_int_equal(recoveries(world), 1);
}

/* The record comes after the first look-up, but before a check. */
static void
test_late_record(void **state)
{
	struct world *world = *state;

	put_down(world, "b.test", PR_WALL_MS - HOUR);
	world->store.late = true;
	world->server.manner = PR_SILENT;
	configure(world, HOST A B);
	pr_run(world->loop, 100);
	assert_int_equal(status(world, "a.test"), SUSPECT);
	store_answer(&world->store);
	assert_int_equal(status(world, "a.test"), DOWN); /* they share it */
	assert_int_equal(status(world, "b.test"), DOWN);
	assert_int_equal(report(world, "b.test").since_ms, PR_WALL_MS - HOUR);
}

/* Another domain, of which nothing is stored, has it first. */
static void
test_record_of_second(void **state)
{
	struct world *world = *state;

	put_down(world, "b.test", PR_WALL_MS - HOUR);
	world->server.manner = PR_SILENT;
	configure(world, HOST A B);
	pr_run(world->loop, 100);
	assert_int_equal(call_aheads(), 1);
	assert_int_equal(status(world, "a.test"), DOWN);
	assert_int_equal(status(world, "b.test"), DOWN);
}

/* What was learnt is newer than a record that comes late. */
static void
test_record_too_late(void **state)
{
	struct world *world = *state;
	char config[256];

	put_down(world, "a.test", PR_WALL_MS - HOUR);
	world->store.late = true;
	set_zone(world, "m1.test A 127.0.0.1;");
	(void)snprintf(config, sizeof(config),
	               HOST "domain \"a.test\" { tls = \"none\" "
	                    "primary = {\"m1.test:%u\"} }\n",
	               (unsigned)world->server.port);
	bring_up(world, config);
	assert_int_equal(status(world, "a.test"), UP);
	set_zone(world, "m1.test TXT x;");
	pr_run(world->loop, 70000);
	assert_int_equal(call_aheads(), 0);
	assert_int_equal(report(world, "a.test").targets,
	                 BMX_TARGETS_NO_ADDRESS);
	world->store.stored[0].record.status = DOWN; /* as it was read */
	store_answer(&world->store);
	assert_int_equal(status(world, "a.test"), SUSPECT);
}

static void
test_dropped_read(void **state)
{
	struct world *world = *state;

	put_down(world, "a.test", PR_WALL_MS - HOUR);
	world->store.late = true;
	configure(world, HOST A B);
	configure(world, HOST B);
	store_answer(&world->store);
	configure(world, HOST A B);
	bmx_primaries_free(&world->primaries);
	store_answer(&world->store);
}

static void
test_restart(void **state)
{
	struct world *world = *state;
	int64_t since;

	bring_up(world, HOST A);
	pr_run(world->loop, 10 * INTERVAL);
	since = report(world, "a.test").since_ms;
	bmx_primaries_free(&world->primaries);
	/* Up before, and a moment ago: up at once. */
	open_registry(world);
	configure(world, HOST A);
	pr_run(world->loop, 100);
	assert_int_equal(status(world, "a.test"), UP);
	assert_int_equal(report(world, "a.test").since_ms, since);
	assert_int_equal(count_of(world->changes, "a.test:suspect>up"), 2);
}

static void
test_written_hourly(void **state)
{
	struct world *world = *state;

	bring_up(world, HOST A B);
	pr_run(world->loop, 1000);
	/* The keywords and UP, for two domains. */
	assert_int_equal(world->store.puts, 4);
	pr_run(world->loop, 10 * HOUR);
	assert_in_range(world->store.puts, 4 + 2 * 9, 4 + 2 * 11);
	assert_true(world->store.stored[0].record.checked_at_ms >
	            PR_WALL_MS + 8 * HOUR);
}

static void
test_reload_same(void **state)
{
	struct world *world = *state;
	const struct bmx_call_ahead *ca;
	unsigned accepted;

	bring_up(world, HOST A B);
	ca = call_ahead(world, "a.test");
	accepted = world->server.accepted;
	configure(world, HOST B A DOMAIN("c.test", ""));
	pr_run(world->loop, 100);
	assert_ptr_equal(call_ahead(world, "a.test"), ca);
	assert_ptr_equal(call_ahead(world, "c.test"), ca);
	assert_int_equal(status(world, "c.test"), UP);
	assert_int_equal(report(world, "c.test").shared_by, 3);
	assert_int_equal(world->server.accepted, accepted);
	assert_non_null(strstr(world->changes, "c.test:suspect>up"));
}

static void
test_reload_settings(void **state)
{
	struct world *world = *state;
	int64_t since;

	bring_up(world, HOST A B);
	since = report(world, "a.test").since_ms;
	configure(world, HOST B DOMAIN("a.test", "probe_connections = 3"));
	/* Another primary that knows what the former one knew, at once. */
	assert_int_equal(call_aheads(), 2);
	assert_int_equal(status(world, "a.test"), UP);
	assert_int_equal(report(world, "a.test").since_ms, since);
	assert_true(report(world, "a.test").keywords.known);
	configure(world, HOST B DOMAIN("a.test", "probe_connections = 3"));
	assert_int_equal(call_aheads(), 2);
	configure(world, HOST A B);
	assert_int_equal(call_aheads(), 1);
	assert_int_equal(count_of(world->changes, "a.test:"), 1);
}

static void
test_reload_hosts(void **state)
{
	struct world *world = *state;

	bring_up(world, HOST A B);
	bring_down(world);
	assert_int_equal(status(world, "a.test"), DOWN);
	configure(world,
	          HOST B "domain \"a.test\" { primary = {\"gone.test\"} }\n");
	/* Not looked up yet: still down. */
	assert_int_equal(status(world, "a.test"), DOWN);
	assert_null(call_ahead(world, "a.test"));
	pr_run(world->loop, 1000);
	assert_int_equal(status(world, "b.test"), DOWN);
	assert_int_equal(report(world, "b.test").shared_by, 1);
}

static void
test_reload_removes(void **state)
{
	struct world *world = *state;

	bring_up(world, HOST A B);
	configure(world, HOST A);
	assert_int_equal(report(world, "a.test").shared_by, 1);
	assert_int_equal(status(world, "b.test"), SUSPECT);
	assert_int_equal(gauge(world, "backupmx_primary_up", "b.test"), 0);
	configure(world, HOST);
	assert_int_equal(call_aheads(), 0);
	assert_int_equal(bmx_primaries_count(world->primaries), 0);
	pr_run(world->loop, 2 * HOUR); /* the hourly write was set already */
	assert_int_equal(fake_loop_timers(world->loop), 0);
}

static void
test_reload_while_checking(void **state)
{
	struct world *world = *state;

	world->server.manner = PR_SILENT;
	configure(world, HOST A);
	pr_run(world->loop, 100);
	assert_int_equal(world->server.accepted, 1);
	configure(world, HOST B);
	world->server.manner = PR_GOOD;
	pr_run(world->loop, 10000);
	assert_int_equal(status(world, "b.test"), UP);
}

static void
test_reload_hostname(void **state)
{
	struct world *world = *state;

	bring_up(world, HOST A);
	configure(world, "hostname = \"other.test\"\n" A);
	pr_run(world->loop, 100);
	assert_string_equal(pr_call_aheads->hostname, "other.test");
	assert_int_equal(status(world, "a.test"), UP);
}

static void
test_tls_file(void **state)
{
	struct world *world = *state;

	bring_up(world,
	         HOST "domain \"a.test\" { primary = {\"@\"} "
	              "tls = \"verify\" "
	              "tls_ca_file = \"/nonexistent/ca.pem\" }\n");
	/* Checked, but never asked. */
	assert_int_equal(status(world, "a.test"), UP);
	assert_null(call_ahead(world, "a.test"));
	assert_non_null(strstr(report(world, "a.test").config_error,
	                       "/nonexistent/ca.pem"));
	assert_int_equal(count_of(world->lines, "ev=primary-tls"), 1);
	configure(world,
	          HOST "domain \"a.test\" { primary = {\"@\"} "
	               "tls = \"verify\" "
	               "tls_ca_file = \"/nonexistent/ca.pem\" }\n");
	assert_int_equal(count_of(world->lines, "ev=primary-tls"), 2);
	assert_int_equal(status(world, "a.test"), UP);
	configure(world, HOST "domain \"a.test\" { primary = {\"@\"} }\n");
	assert_int_equal(status(world, "a.test"), UP);
	assert_non_null(call_ahead(world, "a.test"));
	assert_string_equal(report(world, "a.test").config_error, "");
}

static void
test_targets_change(void **state)
{
	struct world *world = *state;
	char zone[128];
	char config[256];

	(void)snprintf(zone, sizeof(zone), "m1.test A 127.0.0.1;");
	set_zone(world, zone);
	(void)snprintf(config, sizeof(config),
	               HOST "domain \"a.test\" { tls = \"none\" "
	                    "primary = {\"m1.test:%u\", \"m2.test:%u\"} }\n",
	               (unsigned)world->server.port,
	               (unsigned)world->server.port);
	bring_up(world, config);
	assert_int_equal(status(world, "a.test"), UP);
	/* It has no address any more: gone, but perhaps to return. */
	set_zone(world, "m3.test A 127.0.0.1;");
	pr_run(world->loop, 70000);
	assert_int_equal(status(world, "a.test"), SUSPECT);
	assert_int_equal(call_aheads(), 0);
	set_zone(world, zone);
	pr_run(world->loop, 70000);
	assert_int_equal(status(world, "a.test"), UP);
}

static void
test_own_address(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *ip;
		bool want;
	} rows[] = {{"192.0.2.1", true},     {"::ffff:192.0.2.1", true},
	            {"192.0.2.2", false},    {"2001:db8::1", true},
	            {"2001:DB8:0::1", true}, {"2001:db8::2", false},
	            {"unknown", false},      {"", false}};

	set_zone(world,
	         "a.test MX 10 mx.a.test; mx.a.test A 192.0.2.1; "
	         "mx.a.test AAAA 2001:db8::1;");
	configure(world, HOST "domain \"a.test\" { }\n" B);
	fake_loop_advance(world->loop, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(bmx_primaries_is_own_address(
					 world->primaries, BMX_SLICE("a.test"),
					 bmx_slice_of(rows[i].ip)),
		                 rows[i].want);
		assert_false(bmx_primaries_is_own_address(
			world->primaries, BMX_SLICE("b.test"),
			bmx_slice_of(rows[i].ip)));
	}
	assert_false(bmx_primaries_is_own_address(
		world->primaries, BMX_SLICE("c.test"), BMX_SLICE("192.0.2.1")));
}

static void
test_bad_primary(void **state)
{
	struct world *world = *state;

	configure(world,
	          HOST "domain \"a.test\" { primary = "
	               "{\"192.0.2.300\"} }\n");
	pr_run(world->loop, 1000);
	assert_int_equal(count_of(world->lines, "ev=primary-config"), 1);
	assert_true(strlen(report(world, "a.test").config_error) > 0);
	configure(world, HOST A);
	pr_run(world->loop, 10000);
	assert_int_equal(status(world, "a.test"), UP);
	assert_string_equal(report(world, "a.test").config_error, "");
}

/* Many primaries: so many checks at a time, so many look-ups at a time. */
static void
test_crowd(void **state)
{
	enum { DOMAINS = 400 };

	struct world *world = *state;
	char *config = malloc(DOMAINS * 128);
	size_t len = (size_t)sprintf(config, HOST);

	for (int i = 0; i < DOMAINS; i++)
		len += (size_t)snprintf(config + len, 128,
		                        "domain \"d%d.test\" { tls = \"none\" "
		                        "primary = {\"@\"} probe_rate = %d }\n",
		                        i, i + 1);
	world->server.manner = PR_SILENT;
	configure(world, config);
	free(config);
	pr_run(world->loop, 0);
	assert_int_equal(call_aheads(), BMX_PRIMARIES_START_BATCH);
	pr_run(world->loop, 1000);
	assert_int_equal(call_aheads(), DOMAINS);
	assert_int_equal(world->server.accepted, BMX_PRIMARIES_CHECKS_MAX);
	world->server.manner = PR_GOOD;
	pr_run(world->loop, 30000);
	for (int i = 0; i < DOMAINS; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "d%d.test", i);
		assert_int_equal(status(world, name), UP);
	}
	/* While half of them wait for their check, all go. */
	world->server.manner = PR_SILENT;
	pr_run(world->loop, 34000);
	configure(world, HOST);
	assert_int_equal(call_aheads(), 0);
}

static void
test_check_now(void **state)
{
	struct world *world = *state;
	unsigned accepted;

	bring_up(world, HOST A);
	accepted = world->server.accepted;
	bmx_primaries_check_now(world->primaries, BMX_SLICE("a.test"));
	bmx_primaries_check_now(world->primaries, BMX_SLICE("a.test"));
	bmx_primaries_check_now(world->primaries, BMX_SLICE("x.test"));
	pr_run(world->loop, 0);
	assert_int_equal(world->server.accepted, accepted + 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

static const struct CMUnitTest singles[] = {
	TEST(test_shared),
	TEST(test_other_settings),
	TEST(test_down_and_up),
	TEST(test_contacts),
	TEST(test_down_without_dns),
	TEST(test_resumed),
	TEST(test_late_record),
	TEST(test_record_of_second),
	TEST(test_record_too_late),
	TEST(test_dropped_read),
	TEST(test_restart),
	TEST(test_written_hourly),
	TEST(test_reload_same),
	TEST(test_reload_settings),
	TEST(test_reload_hosts),
	TEST(test_reload_removes),
	TEST(test_reload_while_checking),
	TEST(test_reload_hostname),
	TEST(test_tls_file),
	TEST(test_targets_change),
	TEST(test_own_address),
	TEST(test_bad_primary),
	TEST(test_crowd),
	TEST(test_check_now),
};

int
main(void)
{
	const size_t rows = sizeof(no_targets) / sizeof(no_targets[0]);
	const size_t more = sizeof(singles) / sizeof(singles[0]);
	struct CMUnitTest tests[sizeof(no_targets) / sizeof(no_targets[0]) +
	                        sizeof(singles) / sizeof(singles[0])] = {0};

	for (size_t i = 0; i < rows; i++)
		tests[i] = (struct CMUnitTest){.name = no_targets[i].name,
		                               .test_func = test_no_targets,
		                               .initial_state = &no_targets[i]};
	for (size_t i = 0; i < more; i++)
		tests[rows + i] = singles[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
