#include "effect.h"

/* The effect of one class of errors, in each standing. */
struct row {
	struct bmx_slice begins; /* the first word, or the whole text's start */
	enum bmx_redis_effect identifying;
	enum bmx_redis_effect plain;
	enum bmx_redis_effect cluster;
};

#define TEXT(literal)                                                          \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}
#define TO(effect) BMX_REDIS_EFFECT_##effect

/* clang-format off */
static const struct row rows[] = {
	/* begins                          identifying   plain         cluster */
	{TEXT("LOADING"),                   TO(NEXT),    TO(NEXT),     TO(NEXT)},
	{TEXT("MASTERDOWN"),                TO(NEXT),    TO(NEXT),     TO(NEXT)},
	{TEXT("BUSY "),                     TO(NEXT),    TO(NEXT),     TO(NEXT)},
	{TEXT("BUSY"),                      TO(NONE),    TO(NONE),     TO(NONE)}, /* BUSYGROUP, BUSYKEY */
	{TEXT("ERR max number of clients"), TO(NEXT),    TO(NEXT),     TO(NEXT)},
	{TEXT("CLUSTERDOWN"),               TO(NEXT),    TO(NEXT),     TO(REFRESH)},
	{TEXT("NOAUTH"),                    TO(FAULT),   TO(FAULT),    TO(FAULT)},
	{TEXT("WRONGPASS"),                 TO(FAULT),   TO(FAULT),    TO(FAULT)},
	{TEXT("DENIED"),                    TO(FAULT),   TO(FAULT),    TO(FAULT)},
	{TEXT("NOPERM"),                    TO(FAULT),   TO(TELL),     TO(TELL)},
	{TEXT("ERR Client sent AUTH"),      TO(FAULT),   TO(NONE),     TO(NONE)},
	{TEXT("ERR AUTH"),                  TO(FAULT),   TO(NONE),     TO(NONE)},
	{TEXT("ERR invalid password"),      TO(FAULT),   TO(NONE),     TO(NONE)},
	{TEXT("MISCONF"),                   TO(TELL),    TO(TELL),     TO(TELL)},
	{TEXT("OOM"),                       TO(TELL),    TO(TELL),     TO(TELL)},
	{TEXT("NOREPLICAS"),                TO(TELL),    TO(TELL),     TO(TELL)},
	{TEXT("MOVED"),                     TO(FAULT),   TO(TELL),     TO(MOVED)},
	{TEXT("ASK "),                      TO(FAULT),   TO(TELL),     TO(ASK)},
	{TEXT("TRYAGAIN"),                  TO(NONE),    TO(NONE),     TO(LATER)},
};
/* clang-format on */

/* READONLY from what was a master means that it was demoted: look for the new
 * one. A replica that we chose to read from just says what it is. */
static enum bmx_redis_effect
of_read_only(const struct bmx_redis_standing *standing)
{
	if (standing->cluster)
		return TO(REFRESH);
	return standing->role == BMX_REDIS_ROLE_MASTER ? TO(NEXT) : TO(NONE);
}

enum bmx_redis_effect
bmx_redis_effect_of(struct bmx_slice text,
                    const struct bmx_redis_standing *standing)
{
	if (bmx_slice_starts(text, BMX_SLICE("READONLY")))
		return of_read_only(standing);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!bmx_slice_starts(text, rows[i].begins))
			continue;
		if (standing->identifying)
			return rows[i].identifying;
		return standing->cluster ? rows[i].cluster : rows[i].plain;
	}
	/* While identifying only errors of needed commands come here: an
	 * unknown one means that this server cannot be worked with. */
	return standing->identifying ? TO(FAULT) : TO(NONE);
}
