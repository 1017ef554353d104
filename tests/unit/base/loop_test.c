#include <tests/support/cmocka.h>

#include <unistd.h>

#include <backupmx/loop.h>

struct fixture {
	struct bmx_loop *loop;
	struct bmx_timer *timer;
	struct bmx_watch *watch;
	int calls;
	unsigned events;
};

static void
on_timer_free(void *ctx)
{
	struct fixture *f = ctx;

	f->calls++;
	bmx_timer_free(f->loop, &f->timer);
}

static void
on_timer_again(void *ctx)
{
	struct fixture *f = ctx;

	if (++f->calls < 3)
		bmx_timer_set(f->loop, f->timer, 0);
}

static void
on_watch_free(void *ctx, unsigned events)
{
	struct fixture *f = ctx;

	f->calls++;
	f->events = events;
	bmx_watch_free(f->loop, &f->watch);
}

static void
turns(struct fixture *f)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(bmx_loop_turn(f->loop, false), 0);
}

static void
test_timer(void **state)
{
	struct fixture f = {.loop = bmx_loop_new()};

	(void)state;
	assert_non_null(f.loop);
	f.timer = bmx_timer_new(f.loop, on_timer_again, &f);
	bmx_timer_set(f.loop, f.timer, 0);
	bmx_timer_cancel(f.loop, f.timer);
	turns(&f);
	assert_int_equal(f.calls, 0);
	bmx_timer_set(f.loop, f.timer, 60000);
	bmx_timer_set(f.loop, f.timer, 0); /* replaces the minute */
	turns(&f);
	assert_int_equal(f.calls, 3);
	bmx_timer_free(f.loop, &f.timer);
	assert_null(f.timer);
	bmx_loop_free(&f.loop);
	assert_null(f.loop);
}

static void
test_timer_frees_itself(void **state)
{
	struct fixture f = {.loop = bmx_loop_new()};

	(void)state;
	f.timer = bmx_timer_new(f.loop, on_timer_free, &f);
	bmx_timer_set(f.loop, f.timer, 1);
	assert_int_equal(bmx_loop_turn(f.loop, true), 0);
	assert_int_equal(f.calls, 1);
	assert_null(f.timer);
	bmx_loop_free(&f.loop);
}

static void
test_watch(void **state)
{
	struct fixture f = {.loop = bmx_loop_new()};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	f.watch = bmx_watch_new(f.loop, ends[0], on_watch_free, &f);
	assert_int_equal(write(ends[1], "x", 1), 1);
	turns(&f); /* it waits for nothing yet */
	assert_int_equal(bmx_watch_set(f.loop, f.watch, BMX_WATCH_READ), 0);
	assert_int_equal(bmx_watch_set(f.loop, f.watch, 0), 0);
	turns(&f);
	assert_int_equal(f.calls, 0);
	assert_int_equal(bmx_watch_set(f.loop, f.watch, BMX_WATCH_READ), 0);
	turns(&f);
	assert_int_equal(f.calls, 1);
	assert_int_equal(f.events, BMX_WATCH_READ);
	assert_null(f.watch);
	(void)close(ends[0]);
	(void)close(ends[1]);
	bmx_loop_free(&f.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_timer_frees_itself),
		cmocka_unit_test(test_watch)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
