/*
 * verdict.h - what is said to one recipient: facts in, verdict out.
 *
 * Pure: no I/O, no clock, no log. A step gives the verdict or the next fact
 * that is needed; the session fetches it and steps again. So every order of
 * answers and failures is a row of a table test.
 *
 *	skipped client ----------------------------------------> accept
 *	served? --> policyd's answer --> refuses ---------------> that
 *	        \-> SPF result ------> the domain's action -----> that
 */
#ifndef BACKUPMX_MILTER_VERDICT_H
#define BACKUPMX_MILTER_VERDICT_H

#include <stdbool.h>

#include <backupmx/config.h>
#include <backupmx/policy_reply.h>

#include "milter/reply.h"
#include "milter/spf/spf.h"

/** What is known of policyd's word on the recipient. */
enum bmx_policy_fact {
	BMX_POLICY_UNASKED,
	BMX_POLICY_ANSWERED,
	BMX_POLICY_AWAY, /* no answer, or none that we know */
};

struct bmx_verdict_facts {
	bool trusted;       /* client of milter.trusted */
	bool authenticated; /* client logged in */
	bool probe;         /* Postfix's own address probe */

	bool served;  /* there is a section for the recipient's domain */
	bool observe; /* its mode: what would be refused is accepted */
	struct bmx_config_spf actions; /* its spf section, when served */

	bool policy_on; /* milter.policy is set */
	enum bmx_policy_fact policy;
	enum bmx_policy_reply policy_reply; /* when answered */

	bool spf_known;
	enum bmx_spf_result spf; /* when known */
};

/** What a step asks for. */
enum bmx_verdict_step {
	BMX_VERDICT_DONE,
	BMX_VERDICT_NEEDS_POLICY,
	BMX_VERDICT_NEEDS_SPF,
};

enum bmx_verdict_why {
	BMX_WHY_TRUSTED,
	BMX_WHY_AUTHENTICATED,
	BMX_WHY_PROBE,
	BMX_WHY_POLICY,      /* policyd refused */
	BMX_WHY_POLICY_AWAY, /* policyd did not answer */
	BMX_WHY_SPF,         /* the SPF result's action */
	BMX_WHY_CLEAN,       /* nothing speaks against it */
	BMX_WHYS
};

struct bmx_verdict {
	enum bmx_milter_reply say; /* BMX_SAY_NOTHING accepts */
	enum bmx_verdict_why why;
	enum bmx_milter_reply observed; /* what observe held back, or NOTHING */
	bool tell; /* the SPF result goes into the message's header */
};

/** The short name for logs: "trusted", "policy", "spf", ... */
const char *bmx_verdict_why_name(enum bmx_verdict_why why);

/** "accept", "defer" or "reject". */
const char *bmx_verdict_act(const struct bmx_verdict *verdict);

/** What the domain's section does with a result; BMX_ACTION_IGNORE for
 * results that have no key (pass, neutral, none). */
enum bmx_config_action
bmx_verdict_spf_action(const struct bmx_config_spf *actions,
                       enum bmx_spf_result result);

/**
 * One step. Asks for each fact at most once, given that the caller brings
 * what was asked for.
 * @return BMX_VERDICT_DONE with *verdict_out filled, or what is needed
 */
enum bmx_verdict_step bmx_verdict_next(const struct bmx_verdict_facts *facts,
                                       struct bmx_verdict *verdict_out);

#endif
