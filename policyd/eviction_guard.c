#include "policyd/eviction_guard.h"

static bool
is_over(const struct bmx_eviction_guard *guard, int64_t now_ms)
{
	return now_ms - guard->since_ms >= BMX_EVICTION_WINDOW_MS;
}

bool
bmx_eviction_guard_count(struct bmx_eviction_guard *guard, bool lost,
                         int64_t max_shrink, int64_t now_ms)
{
	const bool first = guard->lost + guard->kept == 0;

	/* What holds is not forgotten while losses go on: each one that is
	 * counted begins the window anew. */
	if (first || is_over(guard, now_ms))
		*guard = (struct bmx_eviction_guard){.since_ms = now_ms};
	else if (lost && guard->holds)
		guard->since_ms = now_ms;
	if (lost)
		guard->lost++;
	else
		guard->kept++;
	guard->holds = guard->lost >= BMX_EVICTION_MIN &&
		guard->lost * 100 >
			(uint64_t)max_shrink * (guard->lost + guard->kept);
	return lost && guard->holds;
}

bool
bmx_eviction_guard_holds(const struct bmx_eviction_guard *guard, int64_t now_ms)
{
	return guard->holds && !is_over(guard, now_ms);
}
