/*
 * verdict.h - what is said to one recipient: facts in, verdict out.
 *
 * Pure: no I/O, no clock, no log. A step gives the verdict or the next fact
 * that is needed; the session fetches it and steps again. So every order of
 * answers and failures is a row of a table test.
 *
 *	skipped client -----------------------------------------> accept
 *	served is not known -------------------------------------> later
 *	served? --> policyd's answer --> refuses ----------------> that
 *	        \-> each check that the domain wants, in order
 *	              its finding's response: reject ------------> that
 *	                                      defer, score: on
 *	            points reach the threshold ------------------> reject
 *	            the first defer -----------------------------> that
 *	            content rules differ from the message's -----> later
 */
#ifndef BACKUPMX_MILTER_VERDICT_H
#define BACKUPMX_MILTER_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/policy_reply.h>

#include "milter/checks/check.h"
#include "milter/reply.h"

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

	/* Of the recipient's domain; NULL: it is not served. */
	const struct bmx_config_domain *section;
	/* Of "*", when nobody can say whether the domain is one of it; section
	 * is NULL then. */
	const struct bmx_config_domain *doubtful;
	bool other_rules; /* its content rules are not the message's */

	bool policy_on; /* milter.policy is set */
	enum bmx_policy_fact policy;
	enum bmx_policy_reply policy_reply; /* when answered */

	/* Sets of checks: bit N is check N. */
	uint32_t wanted;
	uint32_t known;
	enum bmx_finding found[BMX_CHECKS]; /* of the known ones */
};

/** What a step asks for. */
enum bmx_verdict_step {
	BMX_VERDICT_DONE,
	BMX_VERDICT_NEEDS_POLICY,
	BMX_VERDICT_NEEDS_CHECK, /* verdict->check */
};

enum bmx_verdict_why {
	BMX_WHY_TRUSTED,
	BMX_WHY_AUTHENTICATED,
	BMX_WHY_PROBE,
	BMX_WHY_POLICY,      /* policyd refused */
	BMX_WHY_POLICY_AWAY, /* policyd did not answer */
	BMX_WHY_SCORE,       /* the points of several findings */
	BMX_WHY_OTHER_RULES, /* content rules differ */
	BMX_WHY_DOUBTFUL,    /* DNS cannot say whether the domain is ours */
	BMX_WHY_CLEAN,       /* nothing speaks against it */
	BMX_WHY_CHECK,       /* a finding of this one plus the check */
	BMX_WHYS = BMX_WHY_CHECK + BMX_CHECKS
};

struct bmx_verdict {
	enum bmx_milter_reply say; /* BMX_SAY_NOTHING accepts */
	enum bmx_verdict_why why;
	enum bmx_milter_reply observed; /* what observe held back, or NOTHING */
	enum bmx_check check;           /* that is needed */
	bool tell;       /* the SPF result goes into the message's header */
	bool tell_iprev; /* and so does that of reverse DNS */
};

/** The short name for logs: "trusted", "policy", "spf", ... */
const char *bmx_verdict_why_name(enum bmx_verdict_why why);

/** Is it said because of what check has found? */
bool bmx_verdict_is_about(const struct bmx_verdict *verdict,
                          enum bmx_check check);

/**
 * One step. Asks for each fact at most once, given that the caller brings
 * what was asked for.
 * @return BMX_VERDICT_DONE with *verdict_out filled, or what is needed
 */
enum bmx_verdict_step bmx_verdict_next(const struct bmx_verdict_facts *facts,
                                       struct bmx_verdict *verdict_out);

#endif
