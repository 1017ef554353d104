#include "policyd/decision.h"

#include <assert.h>

static const char *const why_names[] = {
	"other-stage", "not-served",   "role-account", "listed", "wildcard",
	"unknown",     "not-listable", "disabled",     "full",   "list-stale",
	"no-list",     "store-failed", "no-memory",
};
static_assert(sizeof(why_names) / sizeof(why_names[0]) == BMX_WHYS,
              "one name a reason");

static const char *const origin_names[] = {"none", "list"};
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

/* Not on the list: its authority says whether that means anything. */
static struct bmx_verdict
not_listed(enum bmx_authority authority, enum bmx_why why)
{
	switch (authority) {
	case BMX_AUTHORITY_FRESH:
	case BMX_AUTHORITY_FROZEN:
		return verdict(BMX_REPLY_USER_UNKNOWN, why, BMX_ORIGIN_LIST);
	case BMX_AUTHORITY_STALE:
		return verdict(BMX_REPLY_UNVERIFIED, BMX_WHY_LIST_STALE,
		               BMX_ORIGIN_LIST);
	case BMX_AUTHORITY_ABSENT:
	case BMX_AUTHORITIES:
		break;
	}
	return verdict(BMX_REPLY_UNVERIFIED, BMX_WHY_NO_LIST, BMX_ORIGIN_NONE);
}

static struct bmx_verdict
from_list(const struct bmx_facts *facts)
{
	/* A catch-all does not make "a%b@c" or "a@b@c" an address: the
	 * primary would take them for source routes. */
	if (facts->form == BMX_LOCAL_UNLISTABLE &&
	    facts->list != BMX_LIST_FAILED)
		return not_listed(facts->authority, BMX_WHY_NOT_LISTABLE);
	switch (facts->list) {
	case BMX_LIST_HAS:
		return listed(facts->state);
	case BMX_LIST_HAS_WILDCARD:
		return verdict(BMX_REPLY_DUNNO, BMX_WHY_WILDCARD,
		               BMX_ORIGIN_LIST);
	case BMX_LIST_HAS_NOT:
		return not_listed(facts->authority, BMX_WHY_UNKNOWN);
	case BMX_LIST_FAILED:
	case BMX_LIST_NOT_ASKED:
		break;
	}
	return verdict(BMX_REPLY_TROUBLE, BMX_WHY_STORE_FAILED,
	               BMX_ORIGIN_NONE);
}

enum bmx_need
bmx_decide(const struct bmx_facts *facts, struct bmx_verdict *verdict_out)
{
	if (!facts->rcpt_stage)
		*verdict_out = verdict(BMX_REPLY_DUNNO, BMX_WHY_OTHER_STAGE,
		                       BMX_ORIGIN_NONE);
	else if (!facts->served)
		*verdict_out = verdict(BMX_REPLY_DUNNO, BMX_WHY_NOT_SERVED,
		                       BMX_ORIGIN_NONE);
	else if (facts->form == BMX_LOCAL_NOMEM)
		*verdict_out = verdict(BMX_REPLY_TROUBLE, BMX_WHY_NO_MEMORY,
		                       BMX_ORIGIN_NONE);
	else if (facts->role)
		*verdict_out = verdict(BMX_REPLY_DUNNO, BMX_WHY_ROLE_ACCOUNT,
		                       BMX_ORIGIN_NONE);
	else if (facts->list == BMX_LIST_NOT_ASKED)
		return BMX_NEED_LIST;
	else
		*verdict_out = from_list(facts);
	return BMX_NEED_NOTHING;
}
