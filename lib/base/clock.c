#include <backupmx/clock.h>

#include <stddef.h>
#include <time.h>

static int64_t
mono_us(void *ctx)
{
	struct timespec now;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: valid id */
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t
wall_ms(void *ctx)
{
	struct timespec now;

	(void)ctx;
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail: valid id */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct bmx_clock *
bmx_clock_system(void)
{
	static const struct bmx_clock system_clock = {mono_us, wall_ms, NULL};

	return &system_clock;
}
