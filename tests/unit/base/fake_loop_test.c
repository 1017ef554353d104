/* The fake loop itself: a test that trusts it should not be fooled by it. */
#include "tests/support/fake_loop.h"

#include <string.h>

#include <unistd.h>

#include "tests/support/cmocka.h"

#define WALL_MS INT64_C(1700000000000)

struct probe {
	struct bmx_loop *loop;
	struct bmx_timer *timer;
	char name;
	char *trace; /* names of what ran, in order */
	int64_t again_ms;
	int64_t ran_at_ms;
};

static void
on_probe(void *ctx)
{
	struct probe *probe = ctx;
	const size_t len = strlen(probe->trace);

	probe->trace[len] = probe->name;
	probe->trace[len + 1] = '\0';
	probe->ran_at_ms = bmx_clock_wall_ms(probe->loop->clock);
	if (probe->again_ms > 0)
		bmx_timer_set(probe->loop, probe->timer, probe->again_ms);
	else
		bmx_timer_free(probe->loop, &probe->timer);
}

static void
add(struct probe *probe, struct bmx_loop *loop, char name, char *trace,
    int64_t delay_ms)
{
	*probe = (struct probe){.loop = loop, .name = name, .trace = trace};
	probe->timer = bmx_timer_new(loop, on_probe, probe);
	bmx_timer_set(loop, probe->timer, delay_ms);
}

static void
test_order(void **state)
{
	struct bmx_loop *loop = fake_loop_new(WALL_MS);
	struct probe probes[3];
	char trace[16] = "";

	(void)state;
	add(&probes[0], loop, 'b', trace, 20);
	add(&probes[1], loop, 'a', trace, 10);
	add(&probes[2], loop, 'c', trace, 20);
	assert_int_equal(fake_loop_timers(loop), 3);
	assert_int_equal(fake_loop_next_ms(loop), 10);
	fake_loop_advance(loop, 9);
	assert_string_equal(trace, "");
	fake_loop_advance(loop, 1);
	assert_string_equal(trace, "a");
	fake_loop_advance(loop, 100);
	assert_string_equal(trace, "abc");
	assert_int_equal(probes[2].ran_at_ms, WALL_MS + 20);
	assert_int_equal(bmx_clock_wall_ms(loop->clock), WALL_MS + 110);
	assert_int_equal(fake_loop_next_ms(loop), -1);
	fake_loop_free(&loop);
}

static void
test_periodic(void **state)
{
	struct bmx_loop *loop = fake_loop_new(WALL_MS);
	struct probe probe;
	char trace[16] = "";

	(void)state;
	add(&probe, loop, 'p', trace, 10);
	probe.again_ms = 10;
	fake_loop_advance(loop, 35);
	assert_string_equal(trace, "ppp");
	bmx_timer_cancel(loop, probe.timer);
	fake_loop_advance(loop, 100);
	assert_string_equal(trace, "ppp");
	bmx_timer_free(loop, &probe.timer);
	fake_loop_free(&loop);
}

static void
test_wall_jump(void **state)
{
	struct bmx_loop *loop = fake_loop_new(WALL_MS);
	const int64_t mono = bmx_clock_mono_ms(loop->clock);

	(void)state;
	fake_loop_jump_wall(loop, -5000);
	assert_int_equal(bmx_clock_wall_ms(loop->clock), WALL_MS - 5000);
	assert_int_equal(bmx_clock_mono_ms(loop->clock), mono);
	fake_loop_free(&loop);
}

struct reader {
	struct bmx_loop *loop;
	struct bmx_watch *own;
	struct bmx_watch **other; /* freed by the first that is called */
	int fd;
	size_t calls;
};

static void
on_readable(void *ctx, unsigned events)
{
	struct reader *reader = ctx;
	char byte;

	assert_int_equal(events, BMX_WATCH_READ);
	assert_int_equal(read(reader->fd, &byte, 1), 1);
	reader->calls++;
	bmx_watch_free(reader->loop, reader->other);
}

static void
test_watch(void **state)
{
	struct bmx_loop *loop = fake_loop_new(WALL_MS);
	struct reader a = {.loop = loop};
	struct reader b = {.loop = loop};
	int pipe_a[2];
	int pipe_b[2];

	(void)state;
	assert_int_equal(pipe(pipe_a), 0);
	assert_int_equal(pipe(pipe_b), 0);
	a.fd = pipe_a[0];
	b.fd = pipe_b[0];
	a.own = bmx_watch_new(loop, a.fd, on_readable, &a);
	b.own = bmx_watch_new(loop, b.fd, on_readable, &b);
	a.other = &b.own;
	b.other = &a.own;
	assert_int_equal(bmx_watch_set(loop, a.own, BMX_WATCH_READ), 0);
	assert_int_equal(bmx_watch_set(loop, b.own, BMX_WATCH_READ), 0);
	assert_int_equal(fake_loop_poll(loop, 0), 0);
	assert_int_equal(write(pipe_a[1], "x", 1), 1);
	assert_int_equal(write(pipe_b[1], "x", 1), 1);
	assert_int_equal(fake_loop_poll(loop, 0), 1);
	assert_int_equal(a.calls + b.calls, 1);
	bmx_watch_free(loop, &a.own);
	bmx_watch_free(loop, &b.own);
	fake_loop_free(&loop);
	for (size_t i = 0; i < 2; i++) {
		(void)close(pipe_a[i]);
		(void)close(pipe_b[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		{"timers run in order of time, then of age", test_order, NULL,
	         NULL, NULL},
		{"a timer that sets itself runs at each of its times",
	         test_periodic, NULL, NULL, NULL},
		{"the wall clock jumps alone", test_wall_jump, NULL, NULL,
	         NULL},
		{"a watch freed by another's callback is not called",
	         test_watch, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
