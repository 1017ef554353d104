#include "policyd/harvest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>

/* A network may stand in one of so many places, which its hash names: looking
 * at them all costs nothing, and the hash is keyed so that nobody can choose
 * whom to push out. */
#define WAYS ((size_t)8)
#define SETS (BMX_HARVEST_NETWORKS / WAYS)
#define WINDOW_S ((uint32_t)(BMX_HARVEST_WINDOW_MS / 1000))

static const char *const names[] = {"none", "no-probes", "too-many"};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_HARVEST_ANSWERS,
              "one name an answer");

/* The times of the last unknown users, as many as the highest limit: so the
 * count of a sliding window is exact. Seconds on the monotonic clock, and one,
 * so that 0 is "none"; 32 bits last for 136 years. */
struct place {
	struct bmx_client_net net;
	uint8_t next; /* where the next time goes */
	uint32_t at[BMX_HARVEST_TOO_MANY];
};

struct bmx_harvest {
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	uint64_t displaced;
	struct place places[SETS][WAYS];
};

const char *
bmx_harvest_answer_name(enum bmx_harvest_answer answer)
{
	return names[answer];
}

struct bmx_harvest *
bmx_harvest_new(void)
{
	struct bmx_harvest *harvest = calloc(1, sizeof(*harvest));

	if (harvest)
		bmx_siphash_random_key(harvest->key);
	return harvest;
}

void
bmx_harvest_free(struct bmx_harvest **harvest)
{
	free(*harvest);
	*harvest = NULL;
}

static uint32_t
stamp_of(int64_t mono_ms)
{
	return (uint32_t)(mono_ms / 1000) + 1;
}

/* The n-th newest time, n from 1; 0 when there are not so many. */
static uint32_t
newest(const struct place *place, unsigned n)
{
	return place->at[(place->next + BMX_HARVEST_TOO_MANY - n) %
	                 BMX_HARVEST_TOO_MANY];
}

static bool
within(uint32_t at, uint32_t now)
{
	return at != 0 && now - at < WINDOW_S;
}

static size_t
set_of(const struct bmx_harvest *harvest, const struct bmx_client_net *net)
{
	return bmx_siphash24(harvest->key, net->octets, sizeof(net->octets)) %
		SETS;
}

/* Where net is, or WAYS. A place without a time is nobody's. */
static size_t
find(const struct place *set, const struct bmx_client_net *net)
{
	size_t way = 0;

	while (way < WAYS &&
	       !(newest(&set[way], 1) != 0 &&
	         bmx_client_net_equal(&set[way].net, net)))
		way++;
	return way;
}

static struct place *
displace_oldest(struct bmx_harvest *harvest, struct place *set, uint32_t now)
{
	struct place *oldest = &set[0];

	for (size_t way = 1; way < WAYS; way++)
		if (newest(&set[way], 1) < newest(oldest, 1))
			oldest = &set[way];
	harvest->displaced += within(newest(oldest, 1), now);
	return oldest;
}

void
bmx_harvest_count(struct bmx_harvest *harvest, const struct bmx_client_net *net,
                  int64_t mono_ms)
{
	const uint32_t now = stamp_of(mono_ms);
	struct place *set = harvest->places[set_of(harvest, net)];
	const size_t way = find(set, net);
	struct place *place =
		way < WAYS ? &set[way] : displace_oldest(harvest, set, now);

	if (way == WAYS)
		*place = (struct place){.net = *net};
	place->at[place->next] = now;
	place->next = (uint8_t)((place->next + 1) % BMX_HARVEST_TOO_MANY);
}

enum bmx_harvest_answer
bmx_harvest_look(const struct bmx_harvest *harvest,
                 const struct bmx_client_net *net, int64_t mono_ms)
{
	const uint32_t now = stamp_of(mono_ms);
	const struct place *set = harvest->places[set_of(harvest, net)];
	const size_t way = find(set, net);

	if (way == WAYS)
		return BMX_HARVEST_NONE;
	if (within(newest(&set[way], BMX_HARVEST_TOO_MANY), now))
		return BMX_HARVEST_OVER;
	if (within(newest(&set[way], BMX_HARVEST_NO_PROBES), now))
		return BMX_HARVEST_BRAKED;
	return BMX_HARVEST_NONE;
}

uint64_t
bmx_harvest_displaced(const struct bmx_harvest *harvest)
{
	return harvest->displaced;
}
