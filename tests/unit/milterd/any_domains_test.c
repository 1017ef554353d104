/* Which domains are those of "*", as the milter finds out: from a zone in
 * memory, by a clock that stands. */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>
#include <unistd.h>

#include "milter/any_domains.h"
#include "tests/support/zone_text.h"
#include "tests/unit/milterd/fake_dns.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define DEADLINE_US (5 * SECOND_US)

#define OURS "a.test MX 10 p.test;a.test MX 20 us.test;p.test A 192.0.2.1"
#define OTHERS "a.test MX 10 p.test;p.test A 192.0.2.1"

struct world {
	struct bmx_config *config;
	struct bmx_clock clock;
	int64_t now_us;
	struct fake_dns dns;
	struct bmx_milter_any *any;
};

static int64_t
mono(void *ctx)
{
	return *(const int64_t *)ctx;
}

static int64_t
wall(void *ctx)
{
	return *(const int64_t *)ctx / 1000;
}

static bool
is_ours(void *ctx, sa_family_t family, const uint8_t *octets)
{
	(void)ctx;
	return family == AF_INET && octets[0] == 10;
}

static void
set_zone(struct world *world, const char *text)
{
	zone_free(&world->dns.zone);
	world->dns.zone = zone_of_text(text);
}

static struct bmx_config *
config_of(const char *text)
{
	char path[] = "/tmp/backupmx-any-XXXXXX";
	struct bmx_config_problems *problems = bmx_config_problems_new();
	const int fd = mkstemp(path);
	struct bmx_config *config;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	config = bmx_config_load(path, problems, NULL);
	(void)unlink(path);
	bmx_config_problems_free(&problems);
	assert_non_null(config);
	return config;
}

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct bmx_milter_any_parts parts = {.is_ours = is_ours};

	assert_non_null(world);
	world->now_us = 1000 * SECOND_US;
	world->clock = (struct bmx_clock){mono, wall, &world->now_us};
	world->config = config_of("hostname = \"us.test\"\ndomain \"*\" { }");
	set_zone(world, OURS);
	parts.clock = &world->clock;
	parts.dns = fake_dns_of(&world->dns);
	world->any = bmx_milter_any_new(&parts);
	assert_non_null(world->any);
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	assert_int_equal(world->dns.open, 0);
	bmx_milter_any_free(&world->any);
	assert_null(world->any);
	bmx_milter_any_free(&world->any);
	zone_free(&world->dns.zone);
	bmx_config_unref(&world->config);
	free(world);
	return 0;
}

static enum bmx_mx_served
serves(struct world *world, const char *domain)
{
	return bmx_milter_any_serves(world->any, world->config,
	                             bmx_slice_of(domain),
	                             world->now_us + DEADLINE_US);
}

static void
test_yes(void **state)
{
	struct world *world = *state;
	unsigned started;

	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
	assert_int_equal(world->dns.latest_deadline_us,
	                 world->now_us + DEADLINE_US);
	started = world->dns.started;
	assert_int_equal(started, 3);
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
	assert_int_equal(world->dns.started, started);
	/* While DNS fails it stays, and DNS is asked but now and then. */
	world->dns.silent = true;
	world->now_us += 30 * HOUR_US;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
	assert_int_equal(world->dns.latest_deadline_us,
	                 world->now_us + BMX_MILTER_ANY_RECHECK_US);
	started = world->dns.started;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
	assert_int_equal(world->dns.started, started);
	/* No more in the set: for another day. */
	world->dns.silent = false;
	world->now_us += MINUTE_US;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
	set_zone(world, OTHERS);
	world->now_us += 23 * HOUR_US;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
	world->now_us += 2 * HOUR_US;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_NO);
}

static void
test_no(void **state)
{
	struct world *world = *state;
	unsigned started;

	set_zone(world, OTHERS);
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_NO);
	started = world->dns.started;
	world->now_us += 5 * MINUTE_US - 1;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_NO);
	assert_int_equal(world->dns.started, started);
	world->now_us += 1;
	world->dns.silent = true;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_UNKNOWN);
	assert_int_equal(serves(world, "none.test"), BMX_MX_SERVED_UNKNOWN);
	/* It is not asked again at once. */
	started = world->dns.started;
	world->dns.silent = false;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_UNKNOWN);
	assert_int_equal(world->dns.started, started);
	world->now_us += BMX_MX_RETRY_MS * 1000;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_NO);
	assert_int_equal(serves(world, ""), BMX_MX_SERVED_NO);
}

static void
test_by_address(void **state)
{
	struct world *world = *state;

	set_zone(world,
	         "a.test MX 10 p.test;a.test MX 20 o.test;"
	         "p.test A 192.0.2.1;o.test A 10.0.0.1");
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
}

static void
test_renewed(void **state)
{
	struct world *world = *state;
	struct bmx_config *next =
		config_of("hostname = \"p.test\"\ndomain \"*\" { }");

	set_zone(world, "a.test MX 5 q.test;a.test MX 10 p.test");
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_NO);
	bmx_config_unref(&world->config);
	world->config = next;
	bmx_milter_any_renew(world->any);
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
}

/* Names nobody has ever heard of push out each other before what is served. */
static void
test_flood(void **state)
{
	struct world *world = *state;
	char name[32];
	unsigned started;

	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
	for (size_t i = 0; i < 2 * BMX_MILTER_ANY_MAX; i++) {
		world->now_us += 1000;
		(void)snprintf(name, sizeof(name), "n%zu.test", i);
		assert_int_equal(serves(world, name), BMX_MX_SERVED_NO);
	}
	started = world->dns.started;
	assert_int_equal(serves(world, "a.test"), BMX_MX_SERVED_YES);
	assert_int_equal(world->dns.started, started);
}

/* DNS for threads: names that begin with 'y' have us in their set. */
static struct bmx_dns_query *
thread_start(void *ctx, struct bmx_slice name, enum bmx_dns_type type)
{
	char *query = malloc(3);

	(void)ctx;
	assert_non_null(query);
	query[0] = name.data[0];
	query[1] = type == BMX_DNS_MX ? 'm' : 'a';
	return (struct bmx_dns_query *)(void *)query;
}

static bool
thread_done(const struct bmx_dns_query *query)
{
	(void)query;
	return true;
}

static void
thread_cancel(struct bmx_dns_query **query)
{
	free(*query);
	*query = NULL;
}

static const struct bmx_dns_answer *
thread_wait(struct bmx_dns_query **query, int64_t deadline_us)
{
	const char *text = (const char *)(const void *)*query;
	struct bmx_dns_record records[2] = {
		{.text = BMX_SLICE("p.test"), .preference = 10},
		{.text = BMX_SLICE("us.test"), .preference = 20}};
	const struct bmx_dns_answer *answer;

	(void)deadline_us;
	if (text[1] == 'm')
		answer = bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_MX, 60, records,
		                            text[0] == 'y' ? 2 : 1);
	else
		answer = bmx_dns_answer_new(BMX_DNS_NODATA, BMX_DNS_A, 60, NULL,
		                            0);
	thread_cancel(query);
	return answer;
}

static void *
ask_many(void *ctx)
{
	struct world *world = ctx;
	size_t wrong = 0;
	char name[32];

	for (size_t i = 0; i < 4000; i++) {
		const bool yes = i % 3 == 0;

		(void)snprintf(name, sizeof(name), "%c%zu.test",
		               yes ? 'y' : 'n', i % 700);
		wrong += serves(world, name) !=
			(yes ? BMX_MX_SERVED_YES : BMX_MX_SERVED_NO);
	}
	return wrong > 0 ? world : NULL;
}

static void
test_threads(void **state)
{
	struct world *world = *state;
	struct bmx_milter_any_parts parts = {
		.clock = &world->clock,
		.dns = {thread_start, thread_done, thread_wait, thread_cancel,
	                NULL},
		.is_ours = is_ours,
	};
	pthread_t threads[4];
	void *wrong;

	bmx_milter_any_free(&world->any);
	world->any = bmx_milter_any_new(&parts);
	assert_non_null(world->any);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, ask_many, world), 0);
	bmx_milter_any_renew(world->any);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* Without a descriptor nobody knows the addresses of this machine, among which
 * those of the other name might be. */
static void
test_no_descriptor(void **state)
{
	struct world *world = *state;
	struct rlimit limit, none;
	const struct bmx_milter_any_parts parts = {
		.clock = &world->clock,
		.dns = {thread_start, thread_done, thread_wait, thread_cancel,
	                NULL},
	};

	bmx_milter_any_free(&world->any);
	world->any = bmx_milter_any_new(&parts);
	assert_non_null(world->any);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(serves(world, "n.test"), BMX_MX_SERVED_UNKNOWN);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	world->now_us += BMX_MX_RETRY_MS * 1000;
	assert_int_equal(serves(world, "n.test"), BMX_MX_SERVED_NO);
}

#define ROW(text, function)                                                    \
	{                                                                      \
		text, function, set_up, tear_down, NULL                        \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("a domain that names us behind a better host", test_yes),
		ROW("a domain that does not", test_no),
		ROW("we are there under another name", test_by_address),
		ROW("names of ours have changed", test_renewed),
		ROW("our own addresses cannot be had", test_no_descriptor),
		ROW("a flood of names", test_flood),
		ROW("many threads", test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
