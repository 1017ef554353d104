#include "milter/verdict.h"

#include <assert.h>

static const char *const why_names[] = {"trusted", "authenticated", "probe",
                                        "policy",  "policy-away",   "spf",
                                        "clean"};
static_assert(sizeof(why_names) / sizeof(why_names[0]) == BMX_WHYS,
              "one name each");

const char *
bmx_verdict_why_name(enum bmx_verdict_why why)
{
	return why_names[why];
}

const char *
bmx_verdict_act(const struct bmx_verdict *verdict)
{
	if (verdict->say == BMX_SAY_NOTHING)
		return "accept";
	return bmx_milter_reply_permanent(verdict->say) ? "reject" : "defer";
}

enum bmx_config_action
bmx_verdict_spf_action(const struct bmx_config_spf *actions,
                       enum bmx_spf_result result)
{
	switch (result) {
	case BMX_SPF_FAIL:
		return actions->fail;
	case BMX_SPF_SOFTFAIL:
		return actions->softfail;
	case BMX_SPF_TEMPERROR:
		return actions->temperror;
	case BMX_SPF_PERMERROR:
		return actions->permerror;
	case BMX_SPF_NONE:
	case BMX_SPF_NEUTRAL:
	case BMX_SPF_PASS:
	case BMX_SPF_RESULTS:
		break;
	}
	return BMX_ACTION_IGNORE;
}

static bool
is_error(enum bmx_spf_result result)
{
	return result == BMX_SPF_TEMPERROR || result == BMX_SPF_PERMERROR;
}

/* RFC 7372: X.7.23 for a result, X.7.24 for the lack of one. */
static enum bmx_milter_reply
say_for(enum bmx_config_action action, enum bmx_spf_result result)
{
	switch (action) {
	case BMX_ACTION_REJECT:
		return is_error(result) ? BMX_SAY_SPF_ERROR : BMX_SAY_SPF_FAIL;
	case BMX_ACTION_DEFER:
		return is_error(result) ? BMX_SAY_SPF_ERROR_LATER :
					  BMX_SAY_SPF_FAIL_LATER;
	case BMX_ACTION_IGNORE:
	case BMX_ACTION_TAG:
		break;
	}
	return BMX_SAY_NOTHING;
}

/* The results without a key are told always: they do no harm to anyone. */
static bool
is_told(const struct bmx_verdict_facts *facts)
{
	switch (facts->spf) {
	case BMX_SPF_NONE:
	case BMX_SPF_NEUTRAL:
	case BMX_SPF_PASS:
		return true;
	case BMX_SPF_FAIL:
	case BMX_SPF_SOFTFAIL:
	case BMX_SPF_TEMPERROR:
	case BMX_SPF_PERMERROR:
	case BMX_SPF_RESULTS:
		break;
	}
	return !facts->served ||
		bmx_verdict_spf_action(&facts->actions, facts->spf) !=
		BMX_ACTION_IGNORE;
}

static struct bmx_verdict
accept_because(enum bmx_verdict_why why)
{
	return (struct bmx_verdict){.say = BMX_SAY_NOTHING, .why = why};
}

static void
refuse(struct bmx_verdict *verdict, const struct bmx_verdict_facts *facts,
       enum bmx_milter_reply say, enum bmx_verdict_why why)
{
	verdict->why = why;
	if (facts->observe)
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

static void
apply_spf(const struct bmx_verdict_facts *facts, struct bmx_verdict *verdict)
{
	const enum bmx_milter_reply say =
		say_for(bmx_verdict_spf_action(&facts->actions, facts->spf),
	                facts->spf);

	verdict->tell = is_told(facts);
	/* What observe has already held back is the first reason, and stays. */
	if (facts->served && say != BMX_SAY_NOTHING &&
	    verdict->observed == BMX_SAY_NOTHING)
		refuse(verdict, facts, say, BMX_WHY_SPF);
}

enum bmx_verdict_step
bmx_verdict_next(const struct bmx_verdict_facts *facts,
                 struct bmx_verdict *verdict_out)
{
	if (is_skipped(facts, verdict_out))
		return BMX_VERDICT_DONE;
	*verdict_out = accept_because(BMX_WHY_CLEAN);
	if (facts->served && facts->policy_on) {
		if (facts->policy == BMX_POLICY_UNASKED)
			return BMX_VERDICT_NEEDS_POLICY;
		apply_policy(facts, verdict_out);
		if (verdict_out->say != BMX_SAY_NOTHING)
			return BMX_VERDICT_DONE;
	}
	if (!facts->spf_known)
		return BMX_VERDICT_NEEDS_SPF;
	apply_spf(facts, verdict_out);
	return BMX_VERDICT_DONE;
}
