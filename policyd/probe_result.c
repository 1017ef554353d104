#include "policyd/probe_result.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static const char *const outcome_names[] = {
	"valid", "disabled", "full", "accepts-all", "unknown", "unsure",
};

static_assert(sizeof(outcome_names) / sizeof(outcome_names[0]) ==
                      BMX_PROBE_OUTCOMES,
              "a name for each outcome");

static const char *const why_names[] = {
	"none",         "rcpt-temporary", "rcpt-sender",   "rcpt-policy",
	"rcpt-other",   "lost-users",     "no-postmaster", "refused-greeting",
	"refused-helo", "refused-sender", "refused-tls",   "loop",
	"no-smtputf8",  "bad-address",    "protocol",      "transport",
	"timeout",      "closed",         "no-memory",
};

static_assert(sizeof(why_names) / sizeof(why_names[0]) == BMX_PROBE_WHYS,
              "a name for each reason");

static const char *const random_names[] = {
	"not-made",
	"accepted",
	"refused",
	"undecided",
};

static_assert(sizeof(random_names) / sizeof(random_names[0]) ==
                      BMX_PROBE_RANDOMS,
              "a name for each answer");

const char *
bmx_probe_outcome_name(enum bmx_probe_outcome outcome)
{
	assert(outcome < BMX_PROBE_OUTCOMES);
	return outcome_names[outcome];
}

const char *
bmx_probe_why_name(enum bmx_probe_why why)
{
	assert(why < BMX_PROBE_WHYS);
	return why_names[why];
}

const char *
bmx_probe_random_name(enum bmx_probe_random random)
{
	assert(random < BMX_PROBE_RANDOMS);
	return random_names[random];
}

bool
bmx_probe_why_is_refusal(enum bmx_probe_why why)
{
	return why >= BMX_PROBE_REFUSED_GREETING && why <= BMX_PROBE_LOOP;
}

void
bmx_probe_random_local(uint64_t random,
                       char local_out[BMX_PROBE_RANDOM_LOCAL_BUFFER])
{
	(void)snprintf(local_out, BMX_PROBE_RANDOM_LOCAL_BUFFER,
	               "bmx-%016" PRIx64, random);
}
