/*
 * clock.h - time, handed in so that tests can set it.
 *
 * Monotonic time for waits and ages within a run, wall time only for stamps
 * that are stored or shown.
 */
#ifndef BACKUPMX_CLOCK_H
#define BACKUPMX_CLOCK_H

#include <stdint.h>

struct bmx_clock {
	int64_t (*mono_us)(void *ctx); /* microseconds, never goes back */
	int64_t (*wall_ms)(void *ctx); /* milliseconds since 1970, may jump */
	void *ctx;                     /* handed to both */
};

/** The system's clocks; never freed. Any thread. */
const struct bmx_clock *bmx_clock_system(void);

/** Microseconds on the monotonic clock. */
static inline int64_t
bmx_clock_mono_us(const struct bmx_clock *clock)
{
	return clock->mono_us(clock->ctx);
}

/** Milliseconds on the monotonic clock. */
static inline int64_t
bmx_clock_mono_ms(const struct bmx_clock *clock)
{
	return clock->mono_us(clock->ctx) / 1000;
}

/** Milliseconds since 1970-01-01 UTC. */
static inline int64_t
bmx_clock_wall_ms(const struct bmx_clock *clock)
{
	return clock->wall_ms(clock->ctx);
}

#endif
