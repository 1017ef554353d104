#include "milter/verdict.h"

#include <assert.h>

static const char *const why_names[] = {
	"trusted", "authenticated", "probe",      "policy", "policy-away",
	"score",   "other-rules",   "dns-failed", "clean"};
static_assert(sizeof(why_names) / sizeof(why_names[0]) == BMX_WHY_CHECK,
              "one name each");

const char *
bmx_verdict_why_name(enum bmx_verdict_why why)
{
	if (why < BMX_WHY_CHECK)
		return why_names[why];
	return bmx_check_row((enum bmx_check)(why - BMX_WHY_CHECK))->name;
}

static enum bmx_verdict_why
why_of(enum bmx_check check)
{
	return (enum bmx_verdict_why)(BMX_WHY_CHECK + (int)check);
}

bool
bmx_verdict_is_about(const struct bmx_verdict *verdict, enum bmx_check check)
{
	return verdict->why == why_of(check);
}

static bool
is_served(const struct bmx_verdict_facts *facts)
{
	return facts->section != NULL;
}

static struct bmx_verdict
accept_because(enum bmx_verdict_why why)
{
	return (struct bmx_verdict){.say = BMX_SAY_NOTHING, .why = why};
}

/* What observe has held back first is the reason, and stays. */
static void
refuse(struct bmx_verdict *verdict, const struct bmx_verdict_facts *facts,
       enum bmx_milter_reply say, enum bmx_verdict_why why)
{
	if (verdict->observed != BMX_SAY_NOTHING)
		return;
	verdict->why = why;
	if (facts->section->mode == BMX_MODE_OBSERVE)
		verdict->observed = say;
	else
		verdict->say = say;
}

static bool
is_skipped(const struct bmx_verdict_facts *facts, struct bmx_verdict *verdict)
{
	if (facts->trusted)
		*verdict = accept_because(BMX_WHY_TRUSTED);
	else if (facts->authenticated)
		*verdict = accept_because(BMX_WHY_AUTHENTICATED);
	else if (facts->probe)
		*verdict = accept_because(BMX_WHY_PROBE);
	else
		return false;
	return true;
}

/* Nobody can say whether the domain is ours: to check nothing would let in
 * what is to be kept out. */
static bool
is_in_doubt(const struct bmx_verdict_facts *facts, struct bmx_verdict *verdict)
{
	if (!facts->doubtful)
		return false;
	verdict->why = BMX_WHY_DOUBTFUL;
	if (facts->doubtful->mode == BMX_MODE_OBSERVE)
		verdict->observed = BMX_SAY_LOOKUP_LATER;
	else
		verdict->say = BMX_SAY_LOOKUP_LATER;
	return true;
}

static void
apply_policy(const struct bmx_verdict_facts *facts, struct bmx_verdict *verdict)
{
	if (facts->policy == BMX_POLICY_AWAY)
		refuse(verdict, facts, BMX_SAY_TROUBLE, BMX_WHY_POLICY_AWAY);
	else if (facts->policy == BMX_POLICY_ANSWERED &&
	         facts->policy_reply != BMX_REPLY_DUNNO)
		refuse(verdict, facts,
		       bmx_milter_reply_of_policy(facts->policy_reply),
		       BMX_WHY_POLICY);
}

/* The way over the checks. */
struct walk {
	const struct bmx_verdict_facts *facts;
	struct bmx_verdict *verdict;
	bool client_ok, sender_ok; /* an access file says so */
	int64_t points;
	enum bmx_milter_reply later; /* the first deferral ... */
	enum bmx_check deferring;    /* ... and whose it is */
};

/*
 * A client of the access files is past all checks. A sender is what anybody
 * can write: it is past them but for SPF, which says who may write it.
 */
static bool
is_past(const struct walk *walk, enum bmx_check check)
{
	if (check == BMX_CHECK_SIZE)
		return false;
	if (check == BMX_CHECK_SPF)
		return walk->client_ok;
	return walk->client_ok || walk->sender_ok;
}

static struct bmx_config_response
response_to(const struct walk *walk, enum bmx_check check)
{
	const struct bmx_config_response none = {BMX_ACTION_IGNORE, 0};

	if (!is_served(walk->facts))
		return none;
	return bmx_finding_response(walk->facts->section,
	                            walk->facts->found[check]);
}

/* Is the finding of a check that has a place in the header told there? What
 * speaks for the client, or for nothing, does no harm to anyone. */
static bool
is_told(const struct walk *walk, enum bmx_check check)
{
	switch (bmx_finding_result(walk->facts->found[check])) {
	case BMX_RESULT_NONE:
	case BMX_RESULT_NEUTRAL:
	case BMX_RESULT_PASS:
		return true;
	case BMX_RESULT_FAIL:
	case BMX_RESULT_SOFTFAIL:
	case BMX_RESULT_TEMPERROR:
	case BMX_RESULT_PERMERROR:
	case BMX_CHECK_RESULTS:
		break;
	}
	return !is_served(walk->facts) ||
		response_to(walk, check).action != BMX_ACTION_IGNORE;
}

static void
note(struct walk *walk, enum bmx_check check)
{
	const enum bmx_finding found = walk->facts->found[check];

	if (check == BMX_CHECK_CLIENT_ACCESS)
		walk->client_ok = found == BMX_FOUND_GOOD;
	if (check == BMX_CHECK_SENDER_ACCESS)
		walk->sender_ok = found == BMX_FOUND_GOOD;
	if (check == BMX_CHECK_SPF)
		walk->verdict->tell = is_told(walk, check);
	if (check == BMX_CHECK_REVERSE_DNS)
		walk->verdict->tell_iprev = is_told(walk, check);
}

static void
act_on(struct walk *walk, enum bmx_check check)
{
	const enum bmx_finding found = walk->facts->found[check];
	const struct bmx_config_response response = response_to(walk, check);
	const enum bmx_milter_reply say =
		bmx_finding_reply(found, response.action);

	if (is_past(walk, check))
		return;
	walk->points += response.points;
	if (say == BMX_SAY_NOTHING)
		return;
	if (bmx_milter_reply_permanent(say)) {
		refuse(walk->verdict, walk->facts, say, why_of(check));
	} else if (walk->later == BMX_SAY_NOTHING) {
		walk->later = say;
		walk->deferring = check;
	}
}

/* Without SPF the header would have no result for the primary to read. */
static bool
is_needed(const struct walk *walk, enum bmx_check check)
{
	return (walk->facts->wanted & UINT32_C(1) << check) &&
		(check == BMX_CHECK_SPF || !is_past(walk, check));
}

static enum bmx_verdict_step
walk_over(struct walk *walk)
{
	for (int i = 0; i < BMX_CHECKS; i++) {
		const enum bmx_check check = (enum bmx_check)i;

		if (!is_needed(walk, check))
			continue;
		if (!(walk->facts->known & UINT32_C(1) << check)) {
			walk->verdict->check = check;
			return BMX_VERDICT_NEEDS_CHECK;
		}
		note(walk, check);
		act_on(walk, check);
		if (walk->verdict->say != BMX_SAY_NOTHING)
			break;
	}
	return BMX_VERDICT_DONE;
}

/* What no check has said for good. Other content rules are no judgement, so
 * observe does not hold that back: one message cannot be judged by two. */
static void
conclude(struct walk *walk)
{
	const struct bmx_config_domain *section = walk->facts->section;
	struct bmx_verdict *verdict = walk->verdict;

	if (verdict->say != BMX_SAY_NOTHING)
		return;
	if (section && section->score_threshold > 0 &&
	    walk->points >= section->score_threshold)
		refuse(verdict, walk->facts, BMX_SAY_SCORE, BMX_WHY_SCORE);
	else if (walk->later != BMX_SAY_NOTHING)
		refuse(verdict, walk->facts, walk->later,
		       why_of(walk->deferring));
	if (verdict->say != BMX_SAY_NOTHING || !walk->facts->other_rules)
		return;
	verdict->say = BMX_SAY_OTHER_RULES;
	verdict->observed = BMX_SAY_NOTHING;
	verdict->why = BMX_WHY_OTHER_RULES;
}

enum bmx_verdict_step
bmx_verdict_next(const struct bmx_verdict_facts *facts,
                 struct bmx_verdict *verdict_out)
{
	struct walk walk = {.facts = facts, .verdict = verdict_out};

	if (is_skipped(facts, verdict_out))
		return BMX_VERDICT_DONE;
	*verdict_out = accept_because(BMX_WHY_CLEAN);
	if (is_in_doubt(facts, verdict_out))
		return BMX_VERDICT_DONE;
	if (is_served(facts) && facts->policy_on) {
		if (facts->policy == BMX_POLICY_UNASKED)
			return BMX_VERDICT_NEEDS_POLICY;
		apply_policy(facts, verdict_out);
		if (verdict_out->say != BMX_SAY_NOTHING)
			return BMX_VERDICT_DONE;
	}
	if (walk_over(&walk) == BMX_VERDICT_NEEDS_CHECK)
		return BMX_VERDICT_NEEDS_CHECK;
	conclude(&walk);
	return BMX_VERDICT_DONE;
}
