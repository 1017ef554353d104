/* What a set of targets says of itself, in words. */
#include "target_set.h"

#include <assert.h>

const char *
bmx_target_state_name(enum bmx_target_state state)
{
	static const char *const names[] = {
		"loading",  "ready",      "we-are-best-mx", "null-mx",
		"nxdomain", "no-address", "dns-failed"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == BMX_TARGETS_STATES,
	               "one name a state");
	assert(state < BMX_TARGETS_STATES);
	return names[state];
}

const char *
bmx_target_dane_name(enum bmx_target_dane dane)
{
	static const char *const names[] = {"unasked", "secure", "none",
	                                    "insecure", "failed"};

	_Static_assert(sizeof(names) / sizeof(names[0]) ==
	                       BMX_TARGET_DANE_STATES,
	               "one name a value");
	assert(dane < BMX_TARGET_DANE_STATES);
	return names[dane];
}
