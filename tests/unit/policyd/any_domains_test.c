/*
 * The registry of "*": on the fake loop, from a zone in memory. Promises 1 and
 * 2 are properties of it: what DNS has not said is never NOT_OURS, and a
 * domain that is served is so whatever DNS fails at.
 */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>
#include <unistd.h>

#include "policyd/any_domains.h"
#include "tests/support/fake_dns.h"
#include "tests/support/fake_loop.h"
#include "tests/support/zone_text.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MAX 4
#define LOOKUPS 3
#define ANSWERS 64

/* zone.c answers with a TTL of 60 s. */
#define OURS(name)                                                             \
	name " MX 10 p.test;" name " MX 20 us.test;p.test A 192.0.2.1;"
#define OTHERS(name) name " MX 10 p.test;p.test A 192.0.2.1;"

struct world {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct zone *zone;
	struct fake_dns *dns;
	struct bmx_any_domains *any;
	struct bmx_any_source source;
	struct bmx_config *loaded;
	struct bmx_config *in_force;
	bool apply_fails;
	bool unsettled;
	unsigned applied;
	size_t answers;
	enum bmx_any_answer answer; /* the last */
	char last_log[BMX_LOG_LINE_MAX];
};

static void
on_log(void *ctx, enum bmx_log_level level, const char *line)
{
	struct world *world = ctx;

	(void)level;
	(void)snprintf(world->last_log, sizeof(world->last_log), "%s", line);
}

static struct bmx_config *
config_of(const char *text)
{
	char path[] = "/tmp/backupmx-any-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	const int fd = mkstemp(path);
	struct bmx_config *config;
	struct bmx_error err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	config = bmx_config_load(path, problems, &err);
	(void)unlink(path);
	bmx_config_problems_free(&problems);
	assert_non_null(config);
	return config;
}

static bool
never_ours(void *ctx, sa_family_t family, const uint8_t *octets)
{
	(void)ctx;
	(void)family;
	(void)octets;
	return false;
}

static int
enforce(struct world *world, struct bmx_config *loaded)
{
	struct bmx_config *next =
		bmx_any_domains_expand(world->any, loaded, NULL);

	assert_non_null(next);
	bmx_config_unref(&world->in_force);
	world->in_force = next;
	loaded = bmx_config_ref(loaded);
	bmx_config_unref(&world->loaded);
	world->loaded = loaded;
	bmx_any_domains_in_force(world->any, loaded, next);
	return 0;
}

static int
apply(void *ctx)
{
	struct world *world = ctx;

	if (world->apply_fails)
		return -1;
	world->applied++;
	return enforce(world, world->loaded);
}

static bool
is_settled(void *ctx, struct bmx_slice domain)
{
	const struct world *world = ctx;

	assert_true(domain.len > 0);
	return !world->unsettled;
}

static void
reload(struct world *world, const char *text)
{
	struct bmx_config *loaded = config_of(text);

	(void)enforce(world, loaded);
	bmx_config_unref(&loaded);
}

static void
set_zone(struct world *world, const char *text)
{
	struct zone *zone = zone_of_text(text);

	fake_dns_set_zone(world->dns, zone);
	zone_free(&world->zone);
	world->zone = zone;
}

static int
open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct bmx_any_domains_parts parts = {
		.apply = apply,
		.is_settled = is_settled,
		.ctx = world,
		.is_ours = never_ours,
		.max = MAX,
		.max_lookups = LOOKUPS,
	};

	assert_non_null(world);
	parts.loop = world->loop = fake_loop_new(INT64_C(1767225600000));
	parts.log = world->log =
		bmx_log_new_capture(on_log, world, BMX_LOG_INFO);
	parts.metrics = world->metrics = bmx_metrics_new();
	world->zone = zone_of_text("p.test A 192.0.2.1");
	world->dns = fake_dns_new(world->zone, world->loop);
	parts.asker = fake_dns_asker(world->dns);
	world->any = bmx_any_domains_new(&parts);
	assert_non_null(world->any);
	world->source = bmx_any_domains_source(world->any);
	reload(world, "hostname = \"us.test\"\ndomain \"*\" { }");
	*state = world;
	return 0;
}

static int
close_world(void **state)
{
	struct world *world = *state;

	bmx_any_domains_free(&world->any);
	assert_null(world->any);
	fake_dns_free(&world->dns);
	zone_free(&world->zone);
	bmx_config_unref(&world->loaded);
	bmx_config_unref(&world->in_force);
	bmx_metrics_free(&world->metrics);
	bmx_log_free(&world->log);
	fake_loop_free(&world->loop);
	free(world);
	return 0;
}

static void
on_answer(void *ctx, enum bmx_any_answer answer)
{
	struct world *world = ctx;

	world->answers++;
	world->answer = answer;
}

static struct bmx_any_wait *
ask(struct world *world, const char *domain)
{
	return world->source.ask(world->source.ctx, bmx_slice_of(domain),
	                         on_answer, world);
}

/* With all that DNS and applying take. */
static enum bmx_any_answer
answer_to(struct world *world, const char *domain)
{
	const size_t before = world->answers;

	(void)ask(world, domain);
	if (world->answers == before)
		fake_loop_advance(world->loop, BMX_ANY_APPLY_MS);
	assert_int_equal(world->answers, before + 1);
	return world->answer;
}

static bool
is_section(const struct world *world, const char *domain)
{
	return bmx_config_find_domain(world->in_force, bmx_slice_of(domain)) !=
		NULL;
}

static void
test_yes(void **state)
{
	struct world *world = *state;

	set_zone(world, OURS("a.test"));
	assert_non_null(ask(world, "a.test"));
	assert_int_equal(world->answers, 0);
	fake_loop_advance(world->loop, 0);
	assert_int_equal(world->answers, 1);
	assert_int_equal(world->answer, BMX_ANY_SERVED);
	assert_true(is_section(world, "a.test"));
	assert_non_null(strstr(world->last_log,
	                       "ev=any-domain domain=a.test act=serve "
	                       "why=backup count=1"));
	assert_int_equal(bmx_any_domains_count(world->any), 1);
	/* Known from now on. */
	assert_null(ask(world, "a.test"));
	assert_int_equal(world->answer, BMX_ANY_SERVED);
}

static void
test_no(void **state)
{
	struct world *world = *state;
	size_t asked;

	set_zone(world, OTHERS("a.test"));
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_NOT_OURS);
	assert_false(is_section(world, "a.test"));
	assert_int_equal(world->applied, 0);
	asked = fake_dns_asked(world->dns);
	fake_loop_advance(world->loop, 5 * MINUTE - SECOND);
	assert_null(ask(world, "a.test"));
	assert_int_equal(world->answer, BMX_ANY_NOT_OURS);
	assert_int_equal(fake_dns_asked(world->dns), asked);
	/* Then DNS is asked again, and a failure is none. */
	fake_loop_advance(world->loop, SECOND);
	fake_dns_fail(world->dns, true);
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_FAILED);
	fake_dns_fail(world->dns, false);
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_FAILED);
	fake_loop_advance(world->loop, BMX_MX_RETRY_MS);
	set_zone(world, OURS("a.test"));
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_SERVED);
}

/* Without a descriptor nobody knows the addresses of this machine, among which
 * those of the other name might be. */
static void
test_no_descriptor(void **state)
{
	struct world *world = *state;
	struct rlimit limit, none;
	struct bmx_any_domains_parts parts = {
		.loop = world->loop,
		.log = world->log,
		.metrics = world->metrics,
		.asker = fake_dns_asker(world->dns),
		.apply = apply,
		.ctx = world,
	};

	bmx_any_domains_free(&world->any);
	world->any = bmx_any_domains_new(&parts);
	world->source = bmx_any_domains_source(world->any);
	(void)enforce(world, world->loaded);
	set_zone(world, OTHERS("a.test"));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_FAILED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	fake_loop_advance(world->loop, BMX_MX_RETRY_MS);
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_NOT_OURS);
}

static void
test_failure(void **state)
{
	struct world *world = *state;

	set_zone(world, OURS("a.test"));
	fake_dns_fail(world->dns, true);
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_FAILED);
	/* DNS that never answers. */
	fake_dns_fail(world->dns, false);
	fake_dns_delay(world->dns, -1);
	(void)ask(world, "b.test");
	fake_loop_advance(world->loop, BMX_ANY_ANSWER_MS - 1);
	assert_int_equal(world->answers, 1);
	fake_loop_advance(world->loop, 1);
	assert_int_equal(world->answers, 2);
	assert_int_equal(world->answer, BMX_ANY_FAILED);
}

static void
test_joined(void **state)
{
	struct world *world = *state;
	struct bmx_any_wait *waits[3];

	set_zone(world, OURS("a.test"));
	fake_dns_delay(world->dns, 10);
	for (size_t i = 0; i < 3; i++)
		waits[i] = ask(world, "a.test");
	assert_int_equal(fake_dns_asked(world->dns), 1);
	world->source.leave(world->source.ctx, &waits[1]);
	assert_null(waits[1]);
	fake_loop_advance(world->loop, SECOND);
	assert_int_equal(world->answers, 2);
	assert_int_equal(world->answer, BMX_ANY_SERVED);
}

static void
test_left(void **state)
{
	struct world *world = *state;
	struct bmx_any_wait *wait;

	set_zone(world, OURS("a.test"));
	wait = ask(world, "a.test");
	world->source.leave(world->source.ctx, &wait);
	fake_loop_advance(world->loop, SECOND);
	assert_int_equal(world->answers, 0);
	assert_null(ask(world, "a.test")); /* the look-up went on */
	assert_int_equal(world->answer, BMX_ANY_SERVED);
}

static void
test_coalesced(void **state)
{
	struct world *world = *state;

	set_zone(world, OURS("a.test") OURS("b.test") OURS("c.test"));
	(void)ask(world, "a.test");
	fake_loop_advance(world->loop, 0);
	assert_int_equal(world->applied, 1);
	(void)ask(world, "b.test");
	(void)ask(world, "c.test");
	fake_loop_advance(world->loop, BMX_ANY_APPLY_MS - 1);
	assert_int_equal(world->applied, 1);
	assert_int_equal(world->answers, 1);
	fake_loop_advance(world->loop, 1);
	assert_int_equal(world->applied, 2);
	assert_int_equal(world->answers, 3);
	assert_int_equal(world->in_force->domain_count, 4);
}

static void
test_apply_fails(void **state)
{
	struct world *world = *state;

	set_zone(world, OURS("a.test"));
	world->apply_fails = true;
	(void)ask(world, "a.test");
	fake_loop_advance(world->loop, 5 * SECOND);
	assert_int_equal(world->answers, 0);
	world->apply_fails = false;
	fake_loop_advance(world->loop, SECOND);
	assert_int_equal(world->answers, 1);
	assert_int_equal(world->answer, BMX_ANY_SERVED);
}

static void
test_settled(void **state)
{
	struct world *world = *state;

	set_zone(world, OURS("a.test") OURS("b.test"));
	world->unsettled = true;
	(void)ask(world, "a.test");
	fake_loop_advance(world->loop, 500);
	assert_non_null(ask(world, "a.test"));
	assert_true(is_section(world, "a.test"));
	assert_int_equal(world->answers, 0);
	world->unsettled = false;
	fake_loop_advance(world->loop, BMX_ANY_SETTLE_STEP_MS);
	assert_int_equal(world->answers, 2);
	assert_int_equal(world->answer, BMX_ANY_SERVED);
	/* It is not waited for for ever. */
	world->unsettled = true;
	(void)ask(world, "b.test");
	fake_loop_advance(world->loop, BMX_ANY_SETTLE_MS);
	assert_int_equal(world->answers, 3);
	assert_null(ask(world, "b.test"));
	assert_int_equal(world->answers, 4);
	/* Freed while one settles. */
	set_zone(world, OURS("c.test"));
	(void)ask(world, "c.test");
	fake_loop_advance(world->loop, 100);
	assert_int_equal(world->answers, 4);
}

static void
test_looked_at_again(void **state)
{
	struct world *world = *state;
	size_t asked;

	set_zone(world, OURS("a.test"));
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_SERVED);
	asked = fake_dns_asked(world->dns);
	fake_loop_advance(world->loop, 63 * SECOND);
	assert_true(fake_dns_asked(world->dns) > asked);
	/* While DNS fails it is served, for days. */
	fake_dns_fail(world->dns, true);
	fake_loop_advance(world->loop, 3 * DAY);
	assert_null(ask(world, "a.test"));
	assert_int_equal(world->answer, BMX_ANY_SERVED);
	assert_true(is_section(world, "a.test"));
	fake_dns_fail(world->dns, false);
	fake_loop_advance(world->loop, 2 * MINUTE);
	/* Not in the set any more: for another day. */
	set_zone(world, OTHERS("a.test"));
	fake_loop_advance(world->loop, DAY - 2 * HOUR);
	assert_true(is_section(world, "a.test"));
	fake_loop_advance(world->loop, 3 * HOUR);
	assert_false(is_section(world, "a.test"));
	assert_non_null(strstr(world->last_log,
	                       "domain=a.test act=drop why=not-in-mx"));
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_NOT_OURS);
	assert_int_equal(bmx_any_domains_count(world->any), 0);
}

static void
test_full(void **state)
{
	struct world *world = *state;
	char name[32];

	set_zone(world,
	         OURS("a0.test") OURS("a1.test") OURS("a2.test") OURS("a3.test")
	                 OURS("a4.test"));
	for (int i = 0; i < MAX; i++) {
		(void)snprintf(name, sizeof(name), "a%d.test", i);
		assert_int_equal(answer_to(world, name), BMX_ANY_SERVED);
	}
	assert_int_equal(answer_to(world, "a4.test"), BMX_ANY_FULL);
	assert_non_null(strstr(world->last_log, "ev=any-domains-full"));
	assert_int_equal(answer_to(world, "a4.test"), BMX_ANY_FULL);
	/* Unused for an hour but one of them: that which was used last stays. */
	fake_loop_advance(world->loop, HOUR);
	world->source.used(world->source.ctx, BMX_SLICE("a0.test"));
	assert_int_equal(answer_to(world, "a4.test"), BMX_ANY_SERVED);
	assert_true(is_section(world, "a0.test"));
	assert_false(is_section(world, "a1.test"));
	assert_true(is_section(world, "a4.test"));
	assert_int_equal(world->in_force->domain_count, 1 + MAX);
}

static void
test_flood(void **state)
{
	struct world *world = *state;
	char name[32];
	size_t failed = 0;

	set_zone(world, OURS("a.test"));
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_SERVED);
	fake_dns_delay(world->dns, 10);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "n%d.test", i);
		failed += !ask(world, name);
		assert_true(fake_dns_open(world->dns) <= LOOKUPS);
	}
	assert_int_equal(failed, 1000 - LOOKUPS);
	assert_int_equal(world->answer, BMX_ANY_FAILED);
	fake_loop_advance(world->loop, SECOND);
	assert_int_equal(world->answer, BMX_ANY_NOT_OURS);
	/* One after the other all are answered, and what is served stays. */
	fake_dns_delay(world->dns, 0);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "n%d.test", i);
		assert_int_equal(answer_to(world, name), BMX_ANY_NOT_OURS);
	}
	assert_null(ask(world, "a.test"));
	assert_int_equal(world->answer, BMX_ANY_SERVED);
}

static void
test_reload(void **state)
{
	struct world *world = *state;

	set_zone(world, OURS("a.test") OURS("b.test") OTHERS("c.test"));
	assert_int_equal(answer_to(world, "a.test"), BMX_ANY_SERVED);
	assert_int_equal(answer_to(world, "b.test"), BMX_ANY_SERVED);
	assert_int_equal(answer_to(world, "c.test"), BMX_ANY_NOT_OURS);
	reload(world,
	       "hostname = \"us.test\"\ndomain \"b.test\" { }\n"
	       "domain \"*\" { mode = observe }");
	assert_int_equal(bmx_any_domains_count(world->any), 1);
	assert_int_equal(world->in_force->domain_count, 3);
	assert_int_equal(
		bmx_config_find_domain(world->in_force, BMX_SLICE("a.test"))
			->mode,
		BMX_MODE_OBSERVE);
	assert_int_equal(
		bmx_config_find_domain(world->in_force, BMX_SLICE("b.test"))
			->mode,
		BMX_MODE_ENFORCE);
	/* Other names of ours: what was a no may be a yes. */
	reload(world, "hostname = \"p.test\"\ndomain \"*\" { }");
	set_zone(world, "c.test MX 10 q.test;c.test MX 20 p.test");
	assert_int_equal(answer_to(world, "c.test"), BMX_ANY_SERVED);
	/* No section at all. */
	fake_dns_delay(world->dns, 10);
	(void)ask(world, "d.test");
	reload(world, "hostname = \"p.test\"");
	fake_loop_advance(world->loop, 0);
	assert_int_equal(world->answer, BMX_ANY_NOT_OURS);
	assert_int_equal(bmx_any_domains_count(world->any), 0);
	assert_int_equal(world->in_force->domain_count, 0);
}

static void
test_reload_under_way(void **state)
{
	struct world *world = *state;

	set_zone(world,
	         OURS("a.test") "b.test MX 5 q.test;b.test MX 10 p.test");
	fake_dns_delay(world->dns, 10);
	(void)ask(world, "a.test");
	reload(world,
	       "hostname = \"us.test\"\ndomain \"a.test\" { }\n"
	       "domain \"*\" { }");
	fake_loop_advance(world->loop, 0);
	assert_int_equal(world->answers, 1);
	assert_int_equal(world->answer, BMX_ANY_SERVED);
	(void)ask(world, "b.test");
	reload(world, "hostname = \"p.test\"\ndomain \"*\" { }");
	assert_int_equal(world->answers, 1);
	fake_loop_advance(world->loop, SECOND);
	assert_int_equal(world->answer, BMX_ANY_SERVED);
}

static void
test_report(void **state)
{
	struct world *world = *state;
	struct bmx_any_report report;

	set_zone(world, OTHERS("a.test"));
	assert_false(bmx_any_domains_report(world->any, BMX_SLICE("a.test"),
	                                    &report));
	(void)ask(world, "a.test");
	assert_true(bmx_any_domains_report(world->any, BMX_SLICE("a.test"),
	                                   &report));
	assert_true(report.looking);
	fake_loop_advance(world->loop, 0);
	assert_true(bmx_any_domains_report(world->any, BMX_SLICE("a.test"),
	                                   &report));
	assert_false(report.looking);
	assert_int_equal(report.served, BMX_MX_SERVED_NO);
	assert_int_equal(report.standing, BMX_MX_ABSENT);
	/* Told to look again. */
	set_zone(world, OURS("a.test"));
	bmx_any_domains_check_now(world->any, BMX_SLICE("a.test"));
	fake_loop_advance(world->loop, 0);
	assert_true(is_section(world, "a.test"));
}

/* Asked again from within an answer, and freed with all open. */
static void
on_answer_ask_more(void *ctx, enum bmx_any_answer answer)
{
	struct world *world = ctx;
	char name[32];

	on_answer(ctx, answer);
	if (world->answers > ANSWERS)
		return;
	(void)snprintf(name, sizeof(name), "x%zu.test", world->answers);
	(void)world->source.ask(world->source.ctx, bmx_slice_of(name),
	                        on_answer_ask_more, world);
}

static void
test_asked_in_answer(void **state)
{
	struct world *world = *state;

	set_zone(world, OURS("a.test") OURS("x1.test") OURS("x3.test"));
	for (int i = 0; i < 8; i++)
		(void)world->source.ask(world->source.ctx, BMX_SLICE("a.test"),
		                        on_answer_ask_more, world);
	fake_loop_advance(world->loop, 5 * MINUTE);
	assert_true(world->answers > ANSWERS);
	fake_dns_delay(world->dns, -1);
	(void)ask(world, "open.test");
}

/*
 * A random walk: what DNS says of each domain at each time is known to the
 * test. Promise 1: NOT_OURS only of what DNS has said so of within the last
 * hour, or of what was served and is no more for a day. Promise 2 in the
 * registry's words: SERVED only of what DNS has said yes of.
 */
#define WALK_DOMAINS 6
#define WALK_STEPS 800

struct walk {
	bool yes;      /* what DNS says now */
	bool ever_yes; /* it could have said so */
	int64_t no_at; /* when it could last say no; -1: never */
};

static void
set_walk_zone(struct world *world, const struct walk *walks)
{
	char text[1024] = "p.test A 192.0.2.1;";
	size_t len = strlen(text);

	for (int i = 0; i < WALK_DOMAINS; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		                        "w%d.test MX 10 p.test;", i);
	for (int i = 0; i < WALK_DOMAINS; i++)
		if (walks[i].yes)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			                        "w%d.test MX 20 us.test;", i);
	set_zone(world, text);
}

static void
note_walk(struct world *world, struct walk *walks, bool fails)
{
	const int64_t now = bmx_clock_mono_ms(world->loop->clock);

	for (int i = 0; i < WALK_DOMAINS && !fails; i++) {
		if (walks[i].yes)
			walks[i].ever_yes = true;
		else
			walks[i].no_at = now;
	}
}

static void
check_walk(struct world *world, const struct walk *walk, const char *name)
{
	const int64_t now = bmx_clock_mono_ms(world->loop->clock);

	switch (answer_to(world, name)) {
	case BMX_ANY_NOT_OURS:
		assert_true(walk->no_at >= 0);
		assert_true(now - walk->no_at <= HOUR);
		break;
	case BMX_ANY_SERVED:
		assert_true(walk->ever_yes);
		break;
	case BMX_ANY_FAILED:
	case BMX_ANY_FULL:
	case BMX_ANY_ANSWERS:
		break;
	}
}

static void
test_walk(void **state)
{
	struct world *world = *state;
	struct walk walks[WALK_DOMAINS] = {{false, false, -1}};
	unsigned random = 12345;
	bool fails = false;
	char name[32];

	for (int i = 0; i < WALK_DOMAINS; i++)
		walks[i].no_at = -1;
	set_walk_zone(world, walks);
	for (int step = 0; step < WALK_STEPS; step++) {
		unsigned draw, which;

		random = random * 1103515245U + 12345U;
		draw = random >> 16 & 0xff;
		which = random >> 8 & 0xff;
		if (draw < 20) {
			fails = !fails;
			fake_dns_fail(world->dns, fails);
		} else if (draw < 40) {
			walks[which % WALK_DOMAINS].yes ^= true;
			set_walk_zone(world, walks);
		}
		note_walk(world, walks, fails);
		fake_loop_advance(world->loop,
		                  draw < 200 ? (int64_t)which * 100 :
		                               (int64_t)which * MINUTE / 4);
		note_walk(world, walks, fails);
		(void)snprintf(name, sizeof(name), "w%u.test",
		               which % WALK_DOMAINS);
		check_walk(world, &walks[which % WALK_DOMAINS], name);
		assert_true(bmx_any_domains_count(world->any) <= MAX);
	}
}

#define ROW(text, function)                                                    \
	{                                                                      \
		text, function, open_world, close_world, NULL                  \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("a domain that names us behind a better host", test_yes),
		ROW("a domain that does not", test_no),
		ROW("DNS fails, or never answers", test_failure),
		ROW("our own addresses cannot be had", test_no_descriptor),
		ROW("many ask about one", test_joined),
		ROW("the only one who asked has left", test_left),
		ROW("changes come together", test_coalesced),
		ROW("a change that cannot be applied", test_apply_fails),
		ROW("its primary is not known yet", test_settled),
		ROW("a domain's life", test_looked_at_again),
		ROW("no room for another one", test_full),
		ROW("a flood of names", test_flood),
		ROW("a reload", test_reload),
		ROW("a reload while DNS is asked", test_reload_under_way),
		ROW("what is known, and asked again", test_report),
		ROW("asked again in the answer", test_asked_in_answer),
		ROW("any order of answers keeps the promises", test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
