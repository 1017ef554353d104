#include "milter/scanners/patience.h"

#include <limits.h>

int
bmx_patience_left_ms(const struct bmx_patience *patience)
{
	const int64_t left =
		patience->deadline_us - bmx_clock_mono_us(patience->clock);

	if (left <= 0)
		return 0;
	return left / 1000 >= INT_MAX ? INT_MAX : (int)((left + 999) / 1000);
}

void
bmx_patience_tick(struct bmx_patience *patience)
{
	const int64_t now_us = bmx_clock_mono_us(patience->clock);

	if (!patience->progress ||
	    now_us - patience->reported_us < BMX_PATIENCE_REPORT_MS * 1000)
		return;
	patience->reported_us = now_us;
	patience->progress(patience->ctx);
}
