#include "milter/checks/breaker.h"

static bool
is_open(const struct bmx_breaker *breaker)
{
	return breaker->failures >= BMX_BREAKER_FAILURES;
}

bool
bmx_breaker_allows(struct bmx_breaker *breaker, int64_t now_ms)
{
	if (!is_open(breaker))
		return true;
	if (now_ms < breaker->rest_until)
		return false;
	/* If the one who tries never reports, the next may after a rest. */
	breaker->rest_until = now_ms + BMX_BREAKER_REST_MS;
	return true;
}

enum bmx_breaker_change
bmx_breaker_report(struct bmx_breaker *breaker, bool worked, int64_t now_ms)
{
	const bool was_open = is_open(breaker);

	if (worked) {
		breaker->failures = 0;
		return was_open ? BMX_BREAKER_CLOSED : BMX_BREAKER_SAME;
	}
	if (!was_open)
		breaker->failures++;
	if (is_open(breaker))
		breaker->rest_until = now_ms + BMX_BREAKER_REST_MS;
	return is_open(breaker) && !was_open ? BMX_BREAKER_OPENED :
					       BMX_BREAKER_SAME;
}
