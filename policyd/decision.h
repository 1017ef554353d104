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
#include <stdint.h>

#include <backupmx/address.h>
#include <backupmx/config.h>
#include <backupmx/list_store.h>
#include <backupmx/policy_reply.h>
#include <backupmx/record.h>

#include "policyd/authority.h"
#include "policyd/gate.h"
#include "policyd/harvest.h"
#include "policyd/probe_result.h"
#include "policyd/verification.h"

/** What the list says of the address, all its forms tried. */
enum bmx_list_answer {
	BMX_LIST_NOT_ASKED,
	BMX_LIST_HAS,          /* an address of the list */
	BMX_LIST_HAS_WILDCARD, /* not itself, but the domain's wildcard */
	BMX_LIST_HAS_NOT,
	BMX_LIST_FAILED, /* the store could not be read */
};

/** What is known of a domain without a section. */
enum bmx_any_fact {
	BMX_ANY_FACT_NONE,     /* there is no "*": it is not served */
	BMX_ANY_FACT_MISSING,  /* it may be one of "*" */
	BMX_ANY_FACT_NOT_OURS, /* DNS says that it is none */
	BMX_ANY_FACT_FAILED,   /* DNS cannot say */
	BMX_ANY_FACT_FULL,     /* it is one, but there is no room for it */
};

/** How far a fact is that has to be fetched. */
enum bmx_fact { BMX_FACT_MISSING, BMX_FACT_KNOWN };

struct bmx_facts {
	bool rcpt_stage;       /* an access request of the RCPT stage */
	bool served;           /* the recipient's domain has a section */
	enum bmx_any_fact any; /* when not served */
	bool late; /* the deadline has passed: nothing more is fetched */
	enum bmx_local_form form;
	bool role; /* postmaster or abuse */
	bool utf8; /* the local part is not ASCII */

	enum bmx_list_answer list;
	enum bmx_recipient_state state; /* when BMX_LIST_HAS */
	enum bmx_authority authority;   /* when the list was asked */

	/* The rest is void where call_ahead is off or the list has decided. */
	bool call_ahead; /* the section's: the primary may be asked */
	enum bmx_config_accept_all accept_all; /* the section's */
	enum bmx_primary_status primary;
	enum bmx_fact cache_fact;
	enum bmx_cache_answer cache; /* of the address; usable kinds too, even
	                              * when the primary is not down */
	enum bmx_accepts_all accepts_all;
	enum bmx_harvest_answer harvest; /* of the client's network */
	bool stress;                     /* Postfix is overloaded */
	enum bmx_fact probe_fact;
	enum bmx_probe_outcome probe; /* what the primary said just now */

	/* What a valid recipient still has to pass. */
	int64_t size;                      /* announced octets; 0: not told */
	struct bmx_smtp_keywords keywords; /* of the primary */
	enum bmx_config_primary_up primary_up; /* the section's */
	enum bmx_fact gate_fact;
	struct bmx_gate_verdict gate;
};

/** What the decision wants to know next. */
enum bmx_need {
	BMX_NEED_NOTHING, /* the verdict is made */
	BMX_NEED_DOMAIN,  /* fill any; or served, with what follows from it */
	BMX_NEED_LIST,    /* fill list, state and authority */
	BMX_NEED_CACHE,   /* fill cache and any */
	BMX_NEED_PROBE,   /* fill probe */
	BMX_NEED_GATE,    /* fill gate */
};

/** Why; the value of `why=` and of metrics. */
enum bmx_why {
	BMX_WHY_OTHER_STAGE,
	BMX_WHY_NOT_SERVED,
	BMX_WHY_ROLE_ACCOUNT,
	BMX_WHY_LISTED,
	BMX_WHY_WILDCARD,
	BMX_WHY_VERIFIED,    /* the primary has accepted the address */
	BMX_WHY_ACCEPTS_ALL, /* the primary accepts any local part */
	BMX_WHY_UNKNOWN,
	BMX_WHY_NOT_LISTABLE,
	BMX_WHY_DISABLED,
	BMX_WHY_FULL,
	BMX_WHY_LIST_STALE,
	BMX_WHY_NO_LIST,
	BMX_WHY_UNVERIFIED,   /* the primary was asked and did not decide */
	BMX_WHY_PRIMARY_DOWN, /* never seen, and there is nobody to ask */
	BMX_WHY_HARVEST,      /* the client asks for too many unknown users */
	BMX_WHY_STRESS,       /* Postfix is overloaded: nobody is asked */
	BMX_WHY_TOO_LARGE,
	BMX_WHY_NO_SMTPUTF8,
	BMX_WHY_PRIMARY_UP, /* primary_up = defer, or a stranger at the gate */
	BMX_WHY_STORE_FAILED,
	BMX_WHY_NO_MEMORY,
	BMX_WHY_DEADLINE,
	BMX_WHY_DNS_FAILED,   /* nobody can say whether the domain is ours */
	BMX_WHY_DOMAINS_FULL, /* "*" has as many domains as it may have */
	BMX_WHYS
};

/** Where the evidence is from; the value of `src=`. */
enum bmx_origin {
	BMX_ORIGIN_NONE,
	BMX_ORIGIN_LIST,
	BMX_ORIGIN_CACHE,
	BMX_ORIGIN_CALL_AHEAD,
	BMX_ORIGIN_PRIMARY, /* its EHLO reply, its state */
	BMX_ORIGINS
};

struct bmx_verdict {
	enum bmx_policy_reply reply;
	enum bmx_why why;
	enum bmx_origin origin;
};

/** "listed", "unknown", ... */
const char *bmx_why_name(enum bmx_why why);

/** "none", "list", "cache", "call-ahead", "primary". */
const char *bmx_origin_name(enum bmx_origin origin);

/**
 * Decides, or says what is needed for it.
 * @return BMX_NEED_NOTHING with *verdict_out, or the fact to fetch
 */
enum bmx_need bmx_decide(const struct bmx_facts *facts,
                         struct bmx_verdict *verdict_out)
	__attribute__((warn_unused_result));

#endif
