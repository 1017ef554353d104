#include <backupmx/circuit.h>

#include <assert.h>
#include <stddef.h>

static const char *const names[] = {
	[BMX_CIRCUIT_CLOSED] = "closed",
	[BMX_CIRCUIT_OPEN] = "open",
	[BMX_CIRCUIT_HALF_OPEN] = "half-open",
};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_CIRCUIT_STATES,
              "every state has a name");

const char *
bmx_circuit_state_name(enum bmx_circuit_state state)
{
	return names[state];
}

void
bmx_circuit_init(struct bmx_circuit *circuit, unsigned limit)
{
	assert(limit > 0);
	*circuit = (struct bmx_circuit){.limit = limit};
}

bool
bmx_circuit_admit(struct bmx_circuit *circuit, int64_t now_ms)
{
	switch (circuit->state) {
	case BMX_CIRCUIT_CLOSED:
		return true;
	case BMX_CIRCUIT_OPEN:
		if (now_ms < circuit->until_ms)
			return false;
		circuit->state = BMX_CIRCUIT_HALF_OPEN;
		return true;
	case BMX_CIRCUIT_HALF_OPEN:
	case BMX_CIRCUIT_STATES:
		break;
	}
	return false;
}

void
bmx_circuit_return(struct bmx_circuit *circuit, int64_t now_ms)
{
	if (circuit->state != BMX_CIRCUIT_HALF_OPEN)
		return;
	circuit->state = BMX_CIRCUIT_OPEN;
	circuit->until_ms = now_ms;
}

void
bmx_circuit_success(struct bmx_circuit *circuit)
{
	circuit->state = BMX_CIRCUIT_CLOSED;
	circuit->failures = 0;
}

bool
bmx_circuit_would_open(const struct bmx_circuit *circuit)
{
	return circuit->state != BMX_CIRCUIT_OPEN &&
		circuit->failures + 1 >= circuit->limit;
}

void
bmx_circuit_failure(struct bmx_circuit *circuit, int64_t now_ms,
                    int64_t rest_ms)
{
	if (circuit->failures < circuit->limit)
		circuit->failures++;
	if (circuit->failures < circuit->limit)
		return;
	circuit->state = BMX_CIRCUIT_OPEN;
	circuit->until_ms = now_ms + rest_ms;
}

int64_t
bmx_circuit_rest_ms(const struct bmx_circuit *circuit, int64_t now_ms)
{
	if (circuit->state != BMX_CIRCUIT_OPEN || circuit->until_ms <= now_ms)
		return 0;
	return circuit->until_ms - now_ms;
}

void
bmx_backoff_init(struct bmx_backoff *backoff, int64_t first_ms, int64_t most_ms)
{
	assert(first_ms > 0 && first_ms <= most_ms);
	*backoff = (struct bmx_backoff){first_ms, most_ms, first_ms};
}

/* The bound of this pause, of which the next one's is the double. */
static int64_t
take_bound(struct bmx_backoff *backoff)
{
	const int64_t bound_ms = backoff->bound_ms;

	backoff->bound_ms = bound_ms > backoff->most_ms / 2 ? backoff->most_ms :
							      bound_ms * 2;
	return bound_ms;
}

static bool
is_exhausted(const struct bmx_backoff *backoff)
{
	return backoff->bound_ms > backoff->most_ms;
}

int64_t
bmx_backoff_next(struct bmx_backoff *backoff, uint64_t random)
{
	if (is_exhausted(backoff))
		return backoff->most_ms;
	return (int64_t)(random % ((uint64_t)take_bound(backoff) + 1));
}

int64_t
bmx_backoff_next_about(struct bmx_backoff *backoff, uint64_t random)
{
	int64_t bound_ms;

	if (is_exhausted(backoff))
		return backoff->most_ms;
	bound_ms = take_bound(backoff);
	return bound_ms * 3 / 4 +
		(int64_t)(random % ((uint64_t)bound_ms / 2 + 1));
}

void
bmx_backoff_exhaust(struct bmx_backoff *backoff)
{
	/* Over the most: the mark that pauses are no longer random. */
	backoff->bound_ms = backoff->most_ms + 1;
}

void
bmx_backoff_reset(struct bmx_backoff *backoff)
{
	backoff->bound_ms = backoff->first_ms;
}
