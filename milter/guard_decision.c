#include "milter/guard_decision.h"

#include <assert.h>
#include <stddef.h>

static const char *const acts[] = {
	[BMX_GUARD_PASS] = "pass",
	[BMX_GUARD_QUARANTINE] = "quarantine",
	[BMX_GUARD_DISCARD] = "discard",
};
static_assert(sizeof(acts) / sizeof(acts[0]) == BMX_GUARD_ACTS,
              "one name an act");

static const char *const whys[] = {
	[BMX_GUARD_OFF] = "off",
	[BMX_GUARD_NO_REPORT] = "no-report",
	[BMX_GUARD_UNREADABLE] = "unreadable",
	[BMX_GUARD_HELD] = "lost-users",
	[BMX_GUARD_NULL_SENDER] = "null-sender",
	[BMX_GUARD_SPF] = "spf",
	[BMX_GUARD_AUTH] = "auth",
	[BMX_GUARD_TRUSTED] = "trusted",
	[BMX_GUARD_UNPROVEN] = "unproven",
	[BMX_GUARD_TROUBLE] = "trouble",
	[BMX_GUARD_FORGED] = "forged-seal",
	[BMX_GUARD_UNSEALED] = "unsealed",
};
static_assert(sizeof(whys) / sizeof(whys[0]) == BMX_GUARD_WHYS,
              "one name a reason");

const char *
bmx_guard_act_name(enum bmx_guard_act act)
{
	assert((size_t)act < BMX_GUARD_ACTS);
	return acts[act];
}

const char *
bmx_guard_why_name(enum bmx_guard_why why)
{
	assert((size_t)why < BMX_GUARD_WHYS);
	return whys[why];
}

static enum bmx_guard_why
why_of(enum bmx_seal_result result)
{
	switch (result) {
	case BMX_SEALED_SPF:
		return BMX_GUARD_SPF;
	case BMX_SEALED_AUTH:
		return BMX_GUARD_AUTH;
	case BMX_SEALED_TRUSTED:
		return BMX_GUARD_TRUSTED;
	case BMX_SEALED_NONE:
	case BMX_SEALED_RESULTS:
		break;
	}
	return BMX_GUARD_UNPROVEN;
}

static bool
is_good(const struct bmx_guard_seal *seal)
{
	return seal->found && seal->word == BMX_SEAL_GOOD;
}

/* The stored one first: it cannot have been touched. It is of another message
 * when the queue id was used again, which its sender tells. */
static enum bmx_guard_why
judge_seals(const struct bmx_guard_facts *facts)
{
	if (is_good(&facts->stored))
		return why_of(facts->stored.result);
	if (is_good(&facts->returned))
		return why_of(facts->returned.result);
	if (facts->trouble)
		return BMX_GUARD_TROUBLE;
	if (facts->returned.found && facts->returned.word == BMX_SEAL_FORGED)
		return BMX_GUARD_FORGED;
	return BMX_GUARD_UNSEALED;
}

static enum bmx_guard_why
find_why(const struct bmx_guard_facts *facts)
{
	if (facts->mode == BMX_BOUNCE_GUARD_OFF)
		return BMX_GUARD_OFF;
	if (!facts->is_report)
		return facts->trouble ? BMX_GUARD_TROUBLE : BMX_GUARD_NO_REPORT;
	if (!facts->readable)
		return BMX_GUARD_UNREADABLE;
	if (facts->held)
		return BMX_GUARD_HELD;
	if (facts->null_sender)
		return BMX_GUARD_NULL_SENDER;
	return judge_seals(facts);
}

static enum bmx_guard_act
act_on(enum bmx_guard_why why, enum bmx_config_bounce_guard mode)
{
	switch (why) {
	case BMX_GUARD_OFF:
	case BMX_GUARD_NO_REPORT:
	case BMX_GUARD_SPF:
	case BMX_GUARD_AUTH:
	case BMX_GUARD_TRUSTED:
		return BMX_GUARD_PASS;
	case BMX_GUARD_UNREADABLE:
	case BMX_GUARD_HELD:
	case BMX_GUARD_TROUBLE:
	case BMX_GUARD_WHYS:
		return BMX_GUARD_QUARANTINE;
	case BMX_GUARD_NULL_SENDER:
	case BMX_GUARD_UNPROVEN:
	case BMX_GUARD_FORGED:
	case BMX_GUARD_UNSEALED:
		break;
	}
	return mode == BMX_BOUNCE_GUARD_DISCARD ? BMX_GUARD_DISCARD :
						  BMX_GUARD_QUARANTINE;
}

struct bmx_guard_verdict
bmx_guard_decide(const struct bmx_guard_facts *facts)
{
	struct bmx_guard_verdict verdict = {.why = find_why(facts)};

	verdict.act = act_on(verdict.why, facts->mode);
	return verdict;
}
