#include "policyd/primary_state.h"

/* A tenth more or less. */
#define JITTER_PERMILLE 100

static void
turn(struct bmx_primary_state *state, enum bmx_primary_status status,
     int64_t since_ms)
{
	state->status = status;
	state->since_ms = since_ms;
}

void
bmx_primary_state_init(struct bmx_primary_state *state,
                       const struct bmx_primary_now *now)
{
	*state = (struct bmx_primary_state){0};
	turn(state, BMX_PRIMARY_SUSPECT, now->wall_ms);
}

static int64_t
not_after(int64_t time_ms, int64_t limit_ms)
{
	return time_ms < limit_ms ? time_ms : limit_ms;
}

void
bmx_primary_state_resume(struct bmx_primary_state *state,
                         const struct bmx_primary_record *record,
                         int64_t interval_ms, const struct bmx_primary_now *now)
{
	const int64_t checked_ms =
		not_after(record->checked_at_ms, now->wall_ms);
	const int64_t since_ms = not_after(record->since_ms, now->wall_ms);

	bmx_primary_state_init(state, now);
	switch (record->status) {
	case BMX_PRIMARY_DOWN:
		turn(state, BMX_PRIMARY_DOWN, since_ms);
		state->bad = BMX_PRIMARY_DOWN_AFTER;
		state->run_since_ms = since_ms;
		break;
	case BMX_PRIMARY_UP:
		if (now->wall_ms - checked_ms >=
		    BMX_PRIMARY_RESUME_INTERVALS * interval_ms)
			return;
		turn(state, BMX_PRIMARY_UP, since_ms);
		state->good = BMX_PRIMARY_UP_AFTER;
		break;
	case BMX_PRIMARY_SUSPECT:
	case BMX_PRIMARY_STATUSES:
		return;
	}
	state->checked_at_ms = checked_ms;
}

/* One more of a run? Its first always counts. */
static bool
counts(const struct bmx_primary_state *state, unsigned run,
       const struct bmx_primary_now *now)
{
	return run == 0 ||
		now->mono_ms - state->counted_at_ms >=
		BMX_PRIMARY_COUNT_ONCE_MS;
}

static void
on_good(struct bmx_primary_state *state, const struct bmx_primary_now *now)
{
	state->bad = 0;
	if (counts(state, state->good, now)) {
		state->counted_at_ms = now->mono_ms;
		if (state->good < BMX_PRIMARY_UP_AFTER)
			state->good++;
	}
	if (state->status != BMX_PRIMARY_UP &&
	    (state->was_up || state->good >= BMX_PRIMARY_UP_AFTER))
		turn(state, BMX_PRIMARY_UP, now->wall_ms);
	state->was_up = false;
}

static void
on_failed(struct bmx_primary_state *state, const struct bmx_primary_now *now)
{
	state->good = 0;
	if (state->bad == 0)
		state->run_since_ms = now->wall_ms;
	if (counts(state, state->bad, now)) {
		state->counted_at_ms = now->mono_ms;
		if (state->bad < BMX_PRIMARY_DOWN_AFTER)
			state->bad++;
	}
	if (state->status == BMX_PRIMARY_UP) {
		state->was_up = true;
		turn(state, BMX_PRIMARY_SUSPECT, now->wall_ms);
	}
	if (state->status != BMX_PRIMARY_DOWN &&
	    state->bad >= BMX_PRIMARY_DOWN_AFTER) {
		state->was_up = false;
		turn(state, BMX_PRIMARY_DOWN, state->run_since_ms);
	}
}

bool
bmx_primary_state_event(struct bmx_primary_state *state,
                        enum bmx_primary_event event,
                        const struct bmx_primary_now *now)
{
	const enum bmx_primary_status before = state->status;

	switch (event) {
	case BMX_PRIMARY_GOOD:
		on_good(state, now);
		break;
	case BMX_PRIMARY_FAILED:
		on_failed(state, now);
		break;
	}
	state->checked_at_ms = now->wall_ms;
	return state->status != before;
}

bool
bmx_primary_state_unsettled(const struct bmx_primary_state *state)
{
	switch (state->status) {
	case BMX_PRIMARY_UP:
		return false;
	case BMX_PRIMARY_DOWN:
		return state->good > 0;
	case BMX_PRIMARY_SUSPECT:
	case BMX_PRIMARY_STATUSES:
		break;
	}
	return true;
}

int64_t
bmx_primary_state_delay_ms(const struct bmx_primary_state *state,
                           int64_t interval_ms, uint32_t random)
{
	const int64_t jitter =
		(int64_t)(random % (2 * JITTER_PERMILLE + 1)) - JITTER_PERMILLE;
	int64_t delay_ms = interval_ms;

	if (bmx_primary_state_unsettled(state) &&
	    delay_ms > BMX_PRIMARY_RECHECK_MS)
		delay_ms = BMX_PRIMARY_RECHECK_MS;
	return delay_ms + delay_ms * jitter / 1000;
}
