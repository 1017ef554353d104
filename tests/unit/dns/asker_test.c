/* The asker of a loop, over an upstream that answers when the test says so,
 * from the test's thread or from one of its own. */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/dns_loop.h>

#include "lib/dns/upstream.h"
#include "tests/support/fake_loop.h"

#define STRESS 2000
#define SECOND INT64_C(1000)

/* One question that the upstream has. */
struct sent {
	struct sent *next;
	bmx_dns_upstream_cb *done;
	void *flight;
};

struct world {
	struct bmx_loop *loop;
	struct bmx_dns *dns;
	struct bmx_dns_asker *asker;
	pthread_mutex_t lock; /* guards first and stop */
	struct sent *first;
	bool stop;
	unsigned started;
	unsigned cancelled;
};

/* What one question's owner has been told. */
struct told {
	struct world *world;
	unsigned calls;
	enum bmx_dns_status status;
	pthread_t thread;
	struct bmx_dns_ask *handle;
	struct bmx_dns_ask *victim; /* cancelled in the callback */
	bool asks_again;
	bool frees_asker;
};

static int
upstream_start(void *ctx, const struct bmx_dns_question *question,
               bmx_dns_upstream_cb *done, void *flight, void **handle_out)
{
	struct world *world = ctx;
	struct sent *sent = malloc(sizeof(*sent));

	(void)question;
	assert_non_null(sent);
	*sent = (struct sent){NULL, done, flight};
	*handle_out = sent;
	(void)pthread_mutex_lock(&world->lock);
	sent->next = world->first;
	world->first = sent;
	world->started++;
	(void)pthread_mutex_unlock(&world->lock);
	return 0;
}

/* Takes handle, or the first one when it is NULL, out of the list. */
static struct sent *
take(struct world *world, const void *handle)
{
	struct sent **at = &world->first;
	struct sent *sent;

	(void)pthread_mutex_lock(&world->lock);
	while (*at && handle && *at != handle)
		at = &(*at)->next;
	sent = *at;
	if (sent)
		*at = sent->next;
	(void)pthread_mutex_unlock(&world->lock);
	return sent;
}

static bool
upstream_cancel(void *ctx, void *handle)
{
	struct world *world = ctx;
	struct sent *sent = take(world, handle);

	free(sent);
	world->cancelled += sent != NULL;
	return sent != NULL;
}

static void
upstream_free(void *ctx)
{
	struct world *world = ctx;

	assert_null(world->first);
}

/* Answers one question; false when there is none. */
static bool
answer(struct world *world)
{
	const struct bmx_dns_record record = {.address = {192, 0, 2, 1}};
	struct sent *sent = take(world, NULL);

	if (!sent)
		return false;
	sent->done(sent->flight,
	           bmx_dns_answer_new(BMX_DNS_OK, BMX_DNS_A, 60, &record, 1));
	free(sent);
	return true;
}

static int
open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct bmx_dns_options options = {0};
	struct bmx_dns_upstream upstream = {upstream_start, upstream_cancel,
	                                    upstream_free, world};

	assert_non_null(world);
	(void)pthread_mutex_init(&world->lock, NULL);
	world->loop = fake_loop_new(0);
	options.clock = world->loop->clock;
	world->dns = bmx_dns_new_over(&options, &upstream, NULL);
	assert_non_null(world->dns);
	world->asker = bmx_dns_loop_new(world->dns, world->loop, NULL);
	assert_non_null(world->asker);
	*state = world;
	return 0;
}

static int
close_world(void **state)
{
	struct world *world = *state;

	bmx_dns_loop_free(&world->asker);
	bmx_dns_free(&world->dns);
	fake_loop_free(&world->loop);
	(void)pthread_mutex_destroy(&world->lock);
	free(world);
	return 0;
}

static void on_answer(void *ctx, const struct bmx_dns_answer *answer);

static void
ask(struct told *told, const char *name, int64_t timeout_ms)
{
	struct bmx_dns_asker *asker = told->world->asker;
	const unsigned before = told->calls;

	told->handle = asker->ask(asker, bmx_slice_of(name), BMX_DNS_A,
	                          timeout_ms, on_answer, told);
	assert_non_null(told->handle);
	assert_int_equal(told->calls, before); /* never from within */
}

static void
on_answer(void *ctx, const struct bmx_dns_answer *answer)
{
	struct told *told = ctx;

	told->calls++;
	told->status = answer->status;
	told->thread = pthread_self();
	told->handle = NULL;
	if (told->victim)
		told->world->asker->cancel(told->victim);
	if (told->frees_asker)
		bmx_dns_loop_free(&told->world->asker);
	else if (told->asks_again)
		ask(told, "a.test", SECOND);
}

static void
test_answer(void **state)
{
	struct told told = {.world = *state};

	ask(&told, "a.test", SECOND);
	assert_int_equal(fake_loop_poll(told.world->loop, 0), 0);
	assert_true(answer(told.world));
	assert_int_equal(told.calls, 0);
	fake_loop_settle(told.world->loop);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.status, BMX_DNS_OK);
	fake_loop_advance(told.world->loop, 10 * SECOND);
	assert_int_equal(told.calls, 1); /* its time-out went with it */
}

static void
test_cached(void **state)
{
	struct told told = {.world = *state};

	ask(&told, "a.test", SECOND);
	assert_true(answer(told.world));
	fake_loop_settle(told.world->loop);
	ask(&told, "A.test.", SECOND);
	assert_int_equal(told.world->started, 1);
	fake_loop_settle(told.world->loop);
	assert_int_equal(told.calls, 2);
}

static void
test_bad_name(void **state)
{
	struct told told = {.world = *state};

	ask(&told, "a..test", SECOND);
	fake_loop_settle(told.world->loop);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.status, BMX_DNS_BADNAME);
}

static void
test_ask_in_callback(void **state)
{
	struct told told = {.world = *state, .asks_again = true};

	ask(&told, "a.test", SECOND);
	assert_true(answer(told.world));
	assert_int_equal(fake_loop_poll(told.world->loop, 1000), 1);
	assert_int_equal(told.calls, 1); /* the cached one: not in this turn */
	told.asks_again = false;
	assert_int_equal(fake_loop_poll(told.world->loop, 1000), 1);
	assert_int_equal(told.calls, 2);
}

static void
test_timeout(void **state)
{
	struct told told = {.world = *state};

	ask(&told, "a.test", SECOND);
	fake_loop_advance(told.world->loop, SECOND - 1);
	assert_int_equal(told.calls, 0);
	fake_loop_advance(told.world->loop, 1);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.status, BMX_DNS_TEMPFAIL);
	assert_false(answer(told.world));
	assert_int_equal(told.world->cancelled, 1);
}

static void
test_timeout_of_one_of_two(void **state)
{
	struct told hasty = {.world = *state}, patient = {.world = *state};

	ask(&hasty, "a.test", SECOND);
	ask(&patient, "a.test", 2 * SECOND);
	fake_loop_advance(hasty.world->loop, SECOND);
	assert_int_equal(hasty.status, BMX_DNS_TEMPFAIL);
	assert_int_equal(patient.calls, 0);
	assert_true(answer(hasty.world));
	fake_loop_settle(hasty.world->loop);
	assert_int_equal(hasty.calls, 1);
	assert_int_equal(patient.calls, 1);
	assert_int_equal(patient.status, BMX_DNS_OK);
}

/* The answer is there, the loop has not looked yet: it is taken. */
static void
test_timeout_with_answer(void **state)
{
	struct told told = {.world = *state};

	ask(&told, "a.test", SECOND);
	assert_true(answer(told.world));
	fake_loop_advance(told.world->loop, SECOND);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.status, BMX_DNS_OK);
	fake_loop_settle(told.world->loop);
	assert_int_equal(told.calls, 1);
}

static void
test_cancel_open(void **state)
{
	struct told told = {.world = *state};

	ask(&told, "a.test", SECOND);
	told.world->asker->cancel(told.handle);
	assert_int_equal(told.world->cancelled, 1);
	fake_loop_advance(told.world->loop, 10 * SECOND);
	fake_loop_settle(told.world->loop);
	assert_int_equal(told.calls, 0);
}

static void
test_cancel_ready(void **state)
{
	struct told told = {.world = *state};

	ask(&told, "a.test", SECOND);
	assert_true(answer(told.world));
	told.world->asker->cancel(told.handle);
	fake_loop_settle(told.world->loop);
	assert_int_equal(told.calls, 0);
}

static void
test_cancel_in_batch(void **state)
{
	struct told first = {.world = *state}, second = {.world = *state};

	ask(&first, "a.test", SECOND);
	ask(&second, "b.test", SECOND);
	/* The upstream's list is a stack: b is told first. */
	second.victim = first.handle;
	assert_true(answer(first.world));
	assert_true(answer(first.world));
	fake_loop_settle(first.world->loop);
	assert_int_equal(second.calls, 1);
	assert_int_equal(first.calls, 0);
}

static void
test_free_in_callback(void **state)
{
	struct told first = {.world = *state}, second = {.world = *state},
		    third = {.world = *state};

	ask(&first, "a.test", SECOND);
	ask(&second, "b.test", SECOND);
	ask(&third, "c.test", SECOND);
	third.frees_asker = true;
	assert_true(answer(first.world));
	assert_true(answer(first.world));
	fake_loop_settle(first.world->loop);
	assert_int_equal(third.calls, 1);
	assert_int_equal(second.calls, 0);
	assert_int_equal(first.calls, 0);
}

static void *
answer_all(void *ctx)
{
	struct world *world = ctx;
	bool stop = false;

	while (answer(world) || !stop) {
		(void)pthread_mutex_lock(&world->lock);
		stop = world->stop;
		(void)pthread_mutex_unlock(&world->lock);
	}
	return NULL;
}

static void
stop(struct world *world, const pthread_t *threads, size_t count)
{
	(void)pthread_mutex_lock(&world->lock);
	world->stop = true;
	(void)pthread_mutex_unlock(&world->lock);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Two threads answer while the loop asks, cancels and is told. */
static void
test_threads(void **state)
{
	struct world *world = *state;
	struct told *told = calloc(STRESS, sizeof(*told));
	pthread_t threads[2];
	unsigned calls = 0, cancels = 0;

	assert_non_null(told);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, answer_all, world),
			0);
	for (unsigned i = 0; i < STRESS; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u.test", i / 2);
		told[i].world = world;
		ask(&told[i], name, SECOND);
		if (i % 16 == 15)
			(void)fake_loop_poll(world->loop, 0);
		if (i % 3 == 0 && told[i].handle) {
			world->asker->cancel(told[i].handle);
			told[i].handle = NULL;
			cancels++;
		}
	}
	stop(world, threads, 2);
	fake_loop_settle(world->loop);
	for (unsigned i = 0; i < STRESS; i++) {
		calls += told[i].calls;
		assert_in_range(told[i].calls, 0, 1);
		assert_null(told[i].handle);
		if (told[i].calls > 0)
			assert_true(
				pthread_equal(told[i].thread, pthread_self()));
	}
	assert_int_equal(calls + cancels, STRESS);
	free(told);
}

static void
test_free_under_way(void **state)
{
	struct world *world = *state;
	struct told told[64];
	pthread_t thread;

	for (size_t i = 0; i < 64; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%zu.test", i);
		told[i] = (struct told){.world = world};
		ask(&told[i], name, SECOND);
	}
	assert_int_equal(pthread_create(&thread, NULL, answer_all, world), 0);
	bmx_dns_loop_free(&world->asker);
	stop(world, &thread, 1);
	fake_loop_settle(world->loop);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(told[i].calls, 0);
}

#define ROW(text, function)                                                    \
	{                                                                      \
		text, function, open_world, close_world, NULL                  \
	}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ROW("an answer comes once, from the loop", test_answer),
		ROW("a kept answer comes from a later turn", test_cached),
		ROW("a bad name is an answer", test_bad_name),
		ROW("a callback's question waits a turn", test_ask_in_callback),
		ROW("a time-out is TEMPFAIL", test_timeout),
		ROW("each asker has its time-out", test_timeout_of_one_of_two),
		ROW("an answer beats its time-out", test_timeout_with_answer),
		ROW("cancelled while open", test_cancel_open),
		ROW("cancelled when answered", test_cancel_ready),
		ROW("cancelled by another's callback", test_cancel_in_batch),
		ROW("freed in a callback", test_free_in_callback),
		ROW("threads answer, one thread is told", test_threads),
		ROW("freed while threads answer", test_free_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
