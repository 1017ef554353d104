#include "policyd/authority.h"

#include <assert.h>

static const char *const names[] = {"absent", "stale", "frozen", "fresh"};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_AUTHORITIES,
              "one name an authority");

const char *
bmx_authority_name(enum bmx_authority authority)
{
	return names[authority];
}

enum bmx_authority
bmx_authority_decide(const struct bmx_authority_facts *facts)
{
	/* A wall clock that was set back must not make a list older. */
	const int64_t age_ms = facts->age_ms > 0 ? facts->age_ms : 0;

	if (!facts->has_list)
		return BMX_AUTHORITY_ABSENT;
	if (facts->primary_down &&
	    age_ms - facts->down_for_ms < facts->max_age_ms &&
	    facts->down_for_ms <= BMX_AUTHORITY_FROZEN_MAX_MS)
		return BMX_AUTHORITY_FROZEN;
	if (age_ms < facts->max_age_ms)
		return BMX_AUTHORITY_FRESH;
	return BMX_AUTHORITY_STALE;
}
