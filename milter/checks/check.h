/*
 * check.h - the checks as rows: what each is called, when it starts, how long
 * it may take, what it can find and which option answers that.
 *
 * A check finds something once a connection, HELO or message; the section of
 * the recipient's domain says what follows, so the same finding may refuse one
 * recipient and let another one pass. Pure tables, for any thread.
 */
#ifndef BACKUPMX_MILTER_CHECKS_CHECK_H
#define BACKUPMX_MILTER_CHECKS_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/config.h>

#include "milter/reply.h"
#include "milter/spf/spf.h"

/** The checks, in the order in which a refusal is looked for: what is known
 * without waiting first, SPF with its many look-ups last. */
enum bmx_check {
	BMX_CHECK_SIZE,
	BMX_CHECK_CLIENT_ACCESS,
	BMX_CHECK_SENDER_ACCESS,
	BMX_CHECK_HELO,
	BMX_CHECK_REVERSE_DNS,
	BMX_CHECK_SENDER_DOMAIN,
	BMX_CHECK_DNSBL,
	BMX_CHECK_SPF,
	BMX_CHECKS
};

/** The event at which a check starts. All but BMX_STAGE_END are collected at
 * RCPT. */
enum bmx_check_stage {
	BMX_STAGE_CONNECT,
	BMX_STAGE_HELO,
	BMX_STAGE_MAIL,
	BMX_STAGE_RCPT, /* starts and ends there */
	BMX_STAGE_END,  /* the message is whole */
};

struct bmx_check_row {
	const char *name; /* for logs, metrics and reasons: "dnsbl" */
	enum bmx_check_stage stage;
	int wait_ms; /* that RCPT waits for it at most; 0: it never waits */
};

/** The row of a check. */
const struct bmx_check_row *bmx_check_row(enum bmx_check check);

/** What a check says, in the words of RFC 7208 and RFC 8601. */
enum bmx_check_result {
	BMX_RESULT_NONE, /* it does not apply */
	BMX_RESULT_NEUTRAL,
	BMX_RESULT_PASS,
	BMX_RESULT_FAIL,
	BMX_RESULT_SOFTFAIL,
	BMX_RESULT_TEMPERROR,
	BMX_RESULT_PERMERROR,
	BMX_CHECK_RESULTS
};

/** "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror". */
const char *bmx_check_result_name(enum bmx_check_result result);

/** What a check has found. */
enum bmx_finding {
	BMX_FOUND_UNDECIDED, /* not yet: answers are missing */
	BMX_FOUND_NOTHING,   /* none: there is nothing to check */
	BMX_FOUND_NEUTRAL,
	BMX_FOUND_GOOD,

	BMX_FOUND_TOO_LARGE,
	BMX_FOUND_ACCESS_REJECT,
	BMX_FOUND_ACCESS_DEFER,
	BMX_FOUND_HELO_INVALID,
	BMX_FOUND_HELO_UNQUALIFIED,
	BMX_FOUND_HELO_OWN,
	BMX_FOUND_HELO_UNKNOWN,
	BMX_FOUND_HELO_TEMPERROR,
	BMX_FOUND_REVERSE_MISSING,
	BMX_FOUND_REVERSE_UNCONFIRMED,
	BMX_FOUND_REVERSE_TEMPERROR,
	BMX_FOUND_SENDER_NULL_MX,
	BMX_FOUND_SENDER_UNKNOWN,
	BMX_FOUND_SENDER_UNQUALIFIED,
	BMX_FOUND_SENDER_LITERAL,
	BMX_FOUND_SENDER_TEMPERROR,
	BMX_FOUND_DNSBL_LISTED,
	BMX_FOUND_DNSBL_TEMPERROR,
	BMX_FOUND_SPF_FAIL,
	BMX_FOUND_SPF_SOFTFAIL,
	BMX_FOUND_SPF_TEMPERROR,
	BMX_FOUND_SPF_PERMERROR,
	BMX_FINDINGS
};

/** The result that a finding is; BMX_RESULT_NONE when undecided. */
enum bmx_check_result bmx_finding_result(enum bmx_finding finding);

/** The finding's word for logs, "own", "null-mx"; "" where the result says
 * all. */
const char *bmx_finding_word(enum bmx_finding finding);

/** What a section does about a finding: its option's response, or what the
 * finding itself orders. Ignored where no option is about it. */
struct bmx_config_response
bmx_finding_response(const struct bmx_config_domain *section,
                     enum bmx_finding finding);

/** What is said about a finding; BMX_SAY_NOTHING unless action is
 * BMX_ACTION_REJECT or BMX_ACTION_DEFER. */
enum bmx_milter_reply bmx_finding_reply(enum bmx_finding finding,
                                        enum bmx_config_action action);

/** An SPF result as a finding. */
enum bmx_finding bmx_finding_of_spf(enum bmx_spf_result result);

/** Does any option of the section ask for what the check finds? Not for the
 * access files and SPF, which have more than options. */
bool bmx_check_has_response(const struct bmx_config_domain *section,
                            enum bmx_check check);

#endif
