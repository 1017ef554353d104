#include "policyd/decision.h"

#include <assert.h>

static const char *const why_names[] = {
	[BMX_WHY_OTHER_STAGE] = "other-stage",
	[BMX_WHY_NOT_SERVED] = "not-served",
	[BMX_WHY_ROLE_ACCOUNT] = "role-account",
	[BMX_WHY_LISTED] = "listed",
	[BMX_WHY_WILDCARD] = "wildcard",
	[BMX_WHY_VERIFIED] = "verified",
	[BMX_WHY_ACCEPTS_ALL] = "accepts-all",
	[BMX_WHY_UNKNOWN] = "unknown",
	[BMX_WHY_NOT_LISTABLE] = "not-listable",
	[BMX_WHY_DISABLED] = "disabled",
	[BMX_WHY_FULL] = "full",
	[BMX_WHY_LIST_STALE] = "list-stale",
	[BMX_WHY_NO_LIST] = "no-list",
	[BMX_WHY_UNVERIFIED] = "unverified",
	[BMX_WHY_PRIMARY_DOWN] = "primary-down",
	[BMX_WHY_HARVEST] = "harvest",
	[BMX_WHY_STRESS] = "stress",
	[BMX_WHY_TOO_LARGE] = "too-large",
	[BMX_WHY_NO_SMTPUTF8] = "no-smtputf8",
	[BMX_WHY_PRIMARY_UP] = "primary-up",
	[BMX_WHY_STORE_FAILED] = "store-failed",
	[BMX_WHY_NO_MEMORY] = "no-memory",
	[BMX_WHY_DEADLINE] = "deadline",
	[BMX_WHY_DNS_FAILED] = "dns-failed",
	[BMX_WHY_DOMAINS_FULL] = "domains-full",
};
static_assert(sizeof(why_names) / sizeof(why_names[0]) == BMX_WHYS,
              "one name a reason");

static const char *const origin_names[] = {
	[BMX_ORIGIN_NONE] = "none",
	[BMX_ORIGIN_LIST] = "list",
	[BMX_ORIGIN_CACHE] = "cache",
	[BMX_ORIGIN_CALL_AHEAD] = "call-ahead",
	[BMX_ORIGIN_PRIMARY] = "primary",
};
static_assert(sizeof(origin_names) / sizeof(origin_names[0]) == BMX_ORIGINS,
              "one name an origin");

const char *
bmx_why_name(enum bmx_why why)
{
	return why_names[why];
}

const char *
bmx_origin_name(enum bmx_origin origin)
{
	return origin_names[origin];
}

static struct bmx_verdict
verdict(enum bmx_policy_reply reply, enum bmx_why why, enum bmx_origin origin)
{
	return (struct bmx_verdict){reply, why, origin};
}

/* On the list: valid whatever the list's age, DESIGN.md section 5. */
static struct bmx_verdict
listed(enum bmx_recipient_state state)
{
	switch (state) {
	case BMX_RECIPIENT_ACTIVE:
		break;
	case BMX_RECIPIENT_DISABLED:
		return verdict(BMX_REPLY_DISABLED, BMX_WHY_DISABLED,
		               BMX_ORIGIN_LIST);
	case BMX_RECIPIENT_FULL:
		return verdict(BMX_REPLY_MAILBOX_FULL, BMX_WHY_FULL,
		               BMX_ORIGIN_LIST);
	}
	return verdict(BMX_REPLY_DUNNO, BMX_WHY_LISTED, BMX_ORIGIN_LIST);
}

/* Nobody knows the address. Who has asked for many that nobody knows is shown
 * the door (DESIGN.md section 5, "Etiquette"). */
static struct bmx_verdict
unsure(const struct bmx_facts *facts, enum bmx_why why, enum bmx_origin origin)
{
	if (facts->harvest == BMX_HARVEST_OVER)
		return verdict(BMX_REPLY_HARVEST, BMX_WHY_HARVEST, origin);
	return verdict(BMX_REPLY_UNVERIFIED, why, origin);
}

/* The list cannot tell and the primary is not asked. */
static struct bmx_verdict
without_call_ahead(const struct bmx_facts *facts)
{
	if (facts->authority == BMX_AUTHORITY_STALE)
		return unsure(facts, BMX_WHY_LIST_STALE, BMX_ORIGIN_LIST);
	return unsure(facts, BMX_WHY_NO_LIST, BMX_ORIGIN_NONE);
}

static struct bmx_verdict
accepts_all(const struct bmx_facts *facts, enum bmx_origin origin)
{
	switch (facts->accept_all) {
	case BMX_ACCEPT_ALL_ACCEPT:
		break;
	case BMX_ACCEPT_ALL_DEFER:
		return unsure(facts, BMX_WHY_ACCEPTS_ALL, origin);
	}
	return verdict(BMX_REPLY_DUNNO, BMX_WHY_ACCEPTS_ALL, origin);
}

/* What is kept of the address; of its usable kinds only with down.
 * @return false when that decides nothing */
static bool
from_record(enum bmx_cache_answer cache, bool down,
            struct bmx_verdict *verdict_out)
{
	enum bmx_policy_reply reply = BMX_REPLY_DUNNO;
	enum bmx_why why = BMX_WHY_VERIFIED;

	switch (cache) {
	case BMX_CACHE_NONE:
	case BMX_CACHE_ANSWERS:
		return false;
	case BMX_CACHE_USABLE_VALID:
		if (!down)
			return false;
		break;
	case BMX_CACHE_FRESH_VALID:
		break;
	case BMX_CACHE_USABLE_UNKNOWN:
		if (!down)
			return false;
		reply = BMX_REPLY_USER_UNKNOWN;
		why = BMX_WHY_UNKNOWN;
		break;
	case BMX_CACHE_FRESH_UNKNOWN:
		reply = BMX_REPLY_USER_UNKNOWN;
		why = BMX_WHY_UNKNOWN;
		break;
	case BMX_CACHE_FRESH_DISABLED:
		reply = BMX_REPLY_DISABLED;
		why = BMX_WHY_DISABLED;
		break;
	case BMX_CACHE_FRESH_FULL:
		reply = BMX_REPLY_MAILBOX_FULL;
		why = BMX_WHY_FULL;
		break;
	}
	*verdict_out = verdict(reply, why, BMX_ORIGIN_CACHE);
	return true;
}

/* @return false when the primary did not decide */
static bool
from_probe(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	const enum bmx_origin origin = BMX_ORIGIN_CALL_AHEAD;

	switch (facts->probe) {
	case BMX_PROBE_UNSURE:
	case BMX_PROBE_OUTCOMES:
		return false;
	case BMX_PROBE_VALID:
		*verdict_out =
			verdict(BMX_REPLY_DUNNO, BMX_WHY_VERIFIED, origin);
		break;
	case BMX_PROBE_VALID_DISABLED:
		*verdict_out =
			verdict(BMX_REPLY_DISABLED, BMX_WHY_DISABLED, origin);
		break;
	case BMX_PROBE_VALID_FULL:
		*verdict_out =
			verdict(BMX_REPLY_MAILBOX_FULL, BMX_WHY_FULL, origin);
		break;
	case BMX_PROBE_UNKNOWN:
		*verdict_out = verdict(BMX_REPLY_USER_UNKNOWN, BMX_WHY_UNKNOWN,
		                       origin);
		break;
	case BMX_PROBE_ACCEPTS_ALL:
		*verdict_out = accepts_all(facts, origin);
		break;
	}
	return true;
}

/* What stands in the way of asking the primary; BMX_WHYS: nothing. */
static enum bmx_why
obstacle(const struct bmx_facts *facts)
{
	if (facts->primary == BMX_PRIMARY_DOWN)
		return BMX_WHY_PRIMARY_DOWN;
	if (facts->harvest != BMX_HARVEST_NONE)
		return BMX_WHY_HARVEST;
	return facts->stress ? BMX_WHY_STRESS : BMX_WHYS;
}

/* No probe, or none that decided. */
static struct bmx_verdict
undecided(const struct bmx_facts *facts)
{
	if (facts->probe_fact == BMX_FACT_KNOWN)
		return unsure(facts, BMX_WHY_UNVERIFIED, BMX_ORIGIN_CALL_AHEAD);
	return unsure(facts, obstacle(facts), BMX_ORIGIN_NONE);
}

static bool
refuses_utf8(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	if (!facts->utf8 || !facts->keywords.known || facts->keywords.smtputf8)
		return false;
	*verdict_out = verdict(BMX_REPLY_NO_SMTPUTF8, BMX_WHY_NO_SMTPUTF8,
	                       BMX_ORIGIN_PRIMARY);
	return true;
}

/*
 * Fresh records > the primary's word > records that are usable because it is
 * down > cannot say (DESIGN.md section 5, "Precedence"). Who was asked had no
 * fresh record, so its word comes first here. The state is looked at again
 * after a probe: its failure may have been the last one needed.
 */
static enum bmx_need
from_primary(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	if (facts->cache_fact == BMX_FACT_MISSING)
		return BMX_NEED_CACHE;
	if (facts->probe_fact == BMX_FACT_KNOWN &&
	    from_probe(facts, verdict_out))
		return BMX_NEED_NOTHING;
	if (from_record(facts->cache, facts->primary == BMX_PRIMARY_DOWN,
	                verdict_out))
		return BMX_NEED_NOTHING;
	if (facts->accepts_all == BMX_ACCEPTS_ALL_YES) {
		*verdict_out = accepts_all(facts, BMX_ORIGIN_CACHE);
		return BMX_NEED_NOTHING;
	}
	/* It has said so to everybody: nothing is left to be asked. */
	if (refuses_utf8(facts, verdict_out))
		return BMX_NEED_NOTHING;
	if (facts->probe_fact == BMX_FACT_MISSING &&
	    obstacle(facts) == BMX_WHYS)
		return BMX_NEED_PROBE;
	*verdict_out = undecided(facts);
	return BMX_NEED_NOTHING;
}

/* Not on the list: its authority says whether that means anything. An address
 * that can be on no list is asked of nobody: "a%b" is a source route. */
static enum bmx_need
not_listed(const struct bmx_facts *facts, enum bmx_why why,
           struct bmx_verdict *verdict_out)
{
	switch (facts->authority) {
	case BMX_AUTHORITY_FRESH:
	case BMX_AUTHORITY_FROZEN:
		*verdict_out =
			verdict(BMX_REPLY_USER_UNKNOWN, why, BMX_ORIGIN_LIST);
		return BMX_NEED_NOTHING;
	case BMX_AUTHORITY_STALE:
	case BMX_AUTHORITY_ABSENT:
	case BMX_AUTHORITIES:
		break;
	}
	if (facts->call_ahead && facts->form == BMX_LOCAL_OK)
		return from_primary(facts, verdict_out);
	*verdict_out = without_call_ahead(facts);
	return BMX_NEED_NOTHING;
}

static enum bmx_need
from_list(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	if (facts->list == BMX_LIST_NOT_ASKED)
		return BMX_NEED_LIST;
	/* A catch-all does not make "a%b@c" or "a@b@c" an address: the
	 * primary would take them for source routes. */
	if (facts->form == BMX_LOCAL_UNLISTABLE &&
	    facts->list != BMX_LIST_FAILED)
		return not_listed(facts, BMX_WHY_NOT_LISTABLE, verdict_out);
	switch (facts->list) {
	case BMX_LIST_HAS:
		*verdict_out = listed(facts->state);
		return BMX_NEED_NOTHING;
	case BMX_LIST_HAS_WILDCARD:
		*verdict_out = verdict(BMX_REPLY_DUNNO, BMX_WHY_WILDCARD,
		                       BMX_ORIGIN_LIST);
		return BMX_NEED_NOTHING;
	case BMX_LIST_HAS_NOT:
		return not_listed(facts, BMX_WHY_UNKNOWN, verdict_out);
	case BMX_LIST_NOT_ASKED:
	case BMX_LIST_FAILED:
		break;
	}
	*verdict_out = verdict(BMX_REPLY_TROUBLE, BMX_WHY_STORE_FAILED,
	                       BMX_ORIGIN_NONE);
	return BMX_NEED_NOTHING;
}

/* Would the primary take the message? Its EHLO reply tells, also while it is
 * down. */
static bool
primary_refuses(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	const struct bmx_smtp_keywords *keywords = &facts->keywords;

	if (refuses_utf8(facts, verdict_out))
		return true;
	if (keywords->known && keywords->has_size && keywords->size > 0 &&
	    facts->size > keywords->size) {
		*verdict_out = verdict(BMX_REPLY_TOO_LARGE, BMX_WHY_TOO_LARGE,
		                       BMX_ORIGIN_PRIMARY);
		return true;
	}
	return false;
}

/* A recipient that would be let pass: the message's size, then the gate. */
static enum bmx_need
pass(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	if (primary_refuses(facts, verdict_out))
		return BMX_NEED_NOTHING;
	if (facts->primary_up == BMX_PRIMARY_UP_ACCEPT ||
	    facts->primary != BMX_PRIMARY_UP)
		return BMX_NEED_NOTHING;
	if (facts->gate_fact == BMX_FACT_MISSING)
		return BMX_NEED_GATE;
	if (!facts->gate.pass)
		*verdict_out = verdict(BMX_REPLY_PRIMARY_UP, BMX_WHY_PRIMARY_UP,
		                       BMX_ORIGIN_PRIMARY);
	return BMX_NEED_NOTHING;
}

/* The deadline has passed: a primary that is being asked has not said
 * anything; everything else that is missing is our own trouble. */
static enum bmx_need
give_up(enum bmx_need need, const struct bmx_facts *facts,
        struct bmx_verdict *verdict_out)
{
	if (need == BMX_NEED_PROBE)
		*verdict_out = unsure(facts, BMX_WHY_UNVERIFIED,
		                      BMX_ORIGIN_CALL_AHEAD);
	else
		*verdict_out = verdict(BMX_REPLY_TROUBLE, BMX_WHY_DEADLINE,
		                       BMX_ORIGIN_NONE);
	return BMX_NEED_NOTHING;
}

static enum bmx_need
decide_served(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	enum bmx_need need = BMX_NEED_NOTHING;

	if (facts->role)
		*verdict_out = verdict(BMX_REPLY_DUNNO, BMX_WHY_ROLE_ACCOUNT,
		                       BMX_ORIGIN_NONE);
	else
		need = from_list(facts, verdict_out);
	if (need == BMX_NEED_NOTHING && verdict_out->reply == BMX_REPLY_DUNNO)
		need = pass(facts, verdict_out);
	if (need != BMX_NEED_NOTHING && facts->late)
		need = give_up(need, facts, verdict_out);
	return need;
}

/* No section, but perhaps "*" is about it. What nobody can say is never "not
 * served": Postfix would take every recipient then. */
static enum bmx_need
decide_without_section(const struct bmx_facts *facts,
                       struct bmx_verdict *verdict_out)
{
	enum bmx_why why = BMX_WHY_DNS_FAILED;

	switch (facts->any) {
	case BMX_ANY_FACT_NONE:
	case BMX_ANY_FACT_NOT_OURS:
		*verdict_out = verdict(BMX_REPLY_DUNNO, BMX_WHY_NOT_SERVED,
		                       BMX_ORIGIN_NONE);
		return BMX_NEED_NOTHING;
	case BMX_ANY_FACT_MISSING:
		if (!facts->late)
			return BMX_NEED_DOMAIN;
		why = BMX_WHY_DEADLINE;
		break;
	case BMX_ANY_FACT_FULL:
		why = BMX_WHY_DOMAINS_FULL;
		break;
	case BMX_ANY_FACT_FAILED:
		break;
	}
	*verdict_out = verdict(BMX_REPLY_TROUBLE, why, BMX_ORIGIN_NONE);
	return BMX_NEED_NOTHING;
}

enum bmx_need
bmx_decide(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	if (!facts->rcpt_stage)
		*verdict_out = verdict(BMX_REPLY_DUNNO, BMX_WHY_OTHER_STAGE,
		                       BMX_ORIGIN_NONE);
	else if (!facts->served)
		return decide_without_section(facts, verdict_out);
	else if (facts->form == BMX_LOCAL_NOMEM)
		*verdict_out = verdict(BMX_REPLY_TROUBLE, BMX_WHY_NO_MEMORY,
		                       BMX_ORIGIN_NONE);
	else
		return decide_served(facts, verdict_out);
	return BMX_NEED_NOTHING;
}
