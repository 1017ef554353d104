/*
 * fake_loop.h - an event loop whose time stands still until a test moves it.
 *
 * Timers run in the order in which they are due, those due together in the
 * order in which they were set. Watches and streams look at real descriptors,
 * and only when the test says so. One thread.
 */
#ifndef BACKUPMX_TESTS_FAKE_LOOP_H
#define BACKUPMX_TESTS_FAKE_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/loop.h>

/** Callbacks of one advance or settle after which it is a spin: aborts. */
#define FAKE_LOOP_SPIN_MAX 1000000

/**
 * A loop at monotonic time 1000 s and wall time wall_ms, its clock in
 * loop->clock. Aborts when memory is short. The caller frees it.
 */
struct bmx_loop *fake_loop_new(int64_t wall_ms);

/** Frees *loop and sets it to NULL; NULL is fine. Aborts when a timer, a
 * watch or a stream was not freed before. */
void fake_loop_free(struct bmx_loop **loop);

/**
 * Moves both clocks forward by ms and runs what falls due on the way, each at
 * its own time, also what those callbacks set. fake_loop_advance(loop, 0)
 * runs what is due now.
 */
void fake_loop_advance(struct bmx_loop *loop, int64_t ms);

/** Moves the wall clock alone by ms, which may be less than 0. */
void fake_loop_jump_wall(struct bmx_loop *loop, int64_t ms);

/** Milliseconds until the next timer is due; -1 when none is set. */
int64_t fake_loop_next_ms(const struct bmx_loop *loop);

/** Timers that are set. */
size_t fake_loop_timers(const struct bmx_loop *loop);

/** Watches that wait for something. */
size_t fake_loop_watches(const struct bmx_loop *loop);

/**
 * Waits up to wait_ms of real time for a descriptor of a watch or a stream
 * and calls back those that are ready: watches once, streams until nothing is
 * left for them. The clocks stand still.
 * @return how many were called back; all streams count as one
 */
size_t fake_loop_poll(struct bmx_loop *loop, int wait_ms);

/** Polls without waiting and runs what is due now until nothing happens. */
void fake_loop_settle(struct bmx_loop *loop);

#endif
