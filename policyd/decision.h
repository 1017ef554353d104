/*
 * decision.h - what to answer about a recipient: facts in, verdict out.
 *
 * Pure: no I/O, no clock, no log. As long as a fact is missing that could
 * change the answer, the decision names it as the next need; the engine
 * fetches it and asks again. Promises 1 and 2 of DESIGN.md are properties of
 * this function: nothing passes without evidence, nothing is refused for good
 * without an authoritative one.
 */
#ifndef BACKUPMX_POLICYD_DECISION_H
#define BACKUPMX_POLICYD_DECISION_H

#include <stdbool.h>

#include <backupmx/address.h>
#include <backupmx/list_store.h>
#include <backupmx/policy_reply.h>

#include "policyd/authority.h"

/** What the list says of the address, all its forms tried. */
enum bmx_list_answer {
	BMX_LIST_NOT_ASKED,
	BMX_LIST_HAS,          /* an address of the list */
	BMX_LIST_HAS_WILDCARD, /* not itself, but the domain's wildcard */
	BMX_LIST_HAS_NOT,
	BMX_LIST_FAILED, /* the store could not be read */
};

struct bmx_facts {
	bool rcpt_stage; /* an access request of the RCPT stage */
	bool served;     /* the recipient's domain has a section */
	enum bmx_local_form form;
	bool role; /* postmaster or abuse */
	enum bmx_list_answer list;
	enum bmx_recipient_state state; /* when BMX_LIST_HAS */
	enum bmx_authority authority;   /* when the list was asked */
};

/** What the decision wants to know next. */
enum bmx_need {
	BMX_NEED_NOTHING, /* the verdict is made */
	BMX_NEED_LIST,    /* fill list, state and authority */
};

/** Why; the value of `why=` and of metrics. */
enum bmx_why {
	BMX_WHY_OTHER_STAGE,
	BMX_WHY_NOT_SERVED,
	BMX_WHY_ROLE_ACCOUNT,
	BMX_WHY_LISTED,
	BMX_WHY_WILDCARD,
	BMX_WHY_UNKNOWN,
	BMX_WHY_NOT_LISTABLE,
	BMX_WHY_DISABLED,
	BMX_WHY_FULL,
	BMX_WHY_LIST_STALE,
	BMX_WHY_NO_LIST,
	BMX_WHY_STORE_FAILED,
	BMX_WHY_NO_MEMORY,
	BMX_WHYS
};

/** Where the evidence is from; the value of `src=`. */
enum bmx_origin { BMX_ORIGIN_NONE, BMX_ORIGIN_LIST, BMX_ORIGINS };

struct bmx_verdict {
	enum bmx_policy_reply reply;
	enum bmx_why why;
	enum bmx_origin origin;
};

/** "listed", "unknown", ... */
const char *bmx_why_name(enum bmx_why why);

/** "none", "list". */
const char *bmx_origin_name(enum bmx_origin origin);

/**
 * Decides, or says what is needed for it.
 * @return BMX_NEED_NOTHING with *verdict_out, or the fact to fetch
 */
enum bmx_need bmx_decide(const struct bmx_facts *facts,
                         struct bmx_verdict *verdict_out)
	__attribute__((warn_unused_result));

#endif
