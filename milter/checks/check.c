#include "milter/checks/check.h"

#include <assert.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct bmx_check_row checks[] = {
	[BMX_CHECK_SIZE] = {"size", BMX_STAGE_END, 0},
	[BMX_CHECK_CLIENT_ACCESS] = {"client-access", BMX_STAGE_RCPT, 0},
	[BMX_CHECK_SENDER_ACCESS] = {"sender-access", BMX_STAGE_RCPT, 0},
	[BMX_CHECK_HELO] = {"helo", BMX_STAGE_HELO, 10000},
	[BMX_CHECK_REVERSE_DNS] = {"reverse-dns", BMX_STAGE_CONNECT, 10000},
	[BMX_CHECK_SENDER_DOMAIN] = {"sender-domain", BMX_STAGE_MAIL, 10000},
	[BMX_CHECK_DNSBL] = {"dnsbl", BMX_STAGE_CONNECT, 5000},
	[BMX_CHECK_SPF] = {"spf", BMX_STAGE_RCPT, BMX_SPF_TIME_MAX_MS},
};
static_assert(LENGTH(checks) == BMX_CHECKS, "one row each");

static const char *const results[] = {"none",     "neutral",  "pass",
                                      "fail",     "softfail", "temperror",
                                      "permerror"};
static_assert(LENGTH(results) == BMX_CHECK_RESULTS, "one name each");

struct finding {
	const char *word;
	enum bmx_check_result result;
	/* Where its option's response is in a domain's section ... */
	size_t option;
	/* ... or, without an option, what is done. */
	enum bmx_config_action ordered;
	enum bmx_milter_reply reject, defer;
	enum bmx_check check; /* whose options ask for it */
};

#define NO_OPTION ((size_t)-1)
#define OPTION(section, field)                                                 \
	offsetof(struct bmx_config_domain, section) +                          \
		offsetof(struct bmx_config_##section, field),                  \
		BMX_ACTION_IGNORE
#define ORDER(action) NO_OPTION, BMX_ACTION_##action
#define SAYS(what) BMX_SAY_##what, BMX_SAY_##what##_LATER
#define RESULT(what) BMX_RESULT_##what
#define IS(what) BMX_CHECK_##what
/* Nothing is said for good because DNS failed. */
#define LOOKUP BMX_SAY_LOOKUP_LATER, BMX_SAY_LOOKUP_LATER
#define SILENT BMX_SAY_NOTHING, BMX_SAY_NOTHING

/* clang-format off */
static const struct finding findings[] = {
	[BMX_FOUND_UNDECIDED]  = {"", RESULT(NONE), ORDER(IGNORE), SILENT, BMX_CHECKS},
	[BMX_FOUND_NOTHING]    = {"", RESULT(NONE), ORDER(IGNORE), SILENT, BMX_CHECKS},
	[BMX_FOUND_NEUTRAL]    = {"", RESULT(NEUTRAL), ORDER(IGNORE), SILENT, BMX_CHECKS},
	[BMX_FOUND_GOOD]       = {"", RESULT(PASS), ORDER(IGNORE), SILENT, BMX_CHECKS},

	[BMX_FOUND_TOO_LARGE]     = {"", RESULT(FAIL), ORDER(REJECT), BMX_SAY_TOO_LARGE, BMX_SAY_TOO_LARGE, IS(SIZE)},
	[BMX_FOUND_ACCESS_REJECT] = {"", RESULT(FAIL), ORDER(REJECT), SAYS(ACCESS_DENIED), BMX_CHECKS},
	[BMX_FOUND_ACCESS_DEFER]  = {"later", RESULT(FAIL), ORDER(DEFER), SAYS(ACCESS_DENIED), BMX_CHECKS},

	[BMX_FOUND_HELO_INVALID]     = {"invalid", RESULT(FAIL), OPTION(helo, invalid), SAYS(HELO_INVALID), IS(HELO)},
	[BMX_FOUND_HELO_UNQUALIFIED] = {"unqualified", RESULT(FAIL), OPTION(helo, unqualified), SAYS(HELO_UNQUALIFIED), IS(HELO)},
	[BMX_FOUND_HELO_OWN]         = {"own", RESULT(FAIL), OPTION(helo, own), SAYS(HELO_OWN), IS(HELO)},
	[BMX_FOUND_HELO_UNKNOWN]     = {"unknown", RESULT(FAIL), OPTION(helo, unknown), SAYS(HELO_UNKNOWN), IS(HELO)},
	[BMX_FOUND_HELO_TEMPERROR]   = {"", RESULT(TEMPERROR), OPTION(helo, temperror), LOOKUP, IS(HELO)},

	[BMX_FOUND_REVERSE_MISSING]     = {"", RESULT(PERMERROR), OPTION(reverse_dns, missing), SAYS(REVERSE_MISSING), IS(REVERSE_DNS)},
	[BMX_FOUND_REVERSE_UNCONFIRMED] = {"", RESULT(FAIL), OPTION(reverse_dns, unconfirmed), SAYS(REVERSE_UNCONFIRMED), IS(REVERSE_DNS)},
	[BMX_FOUND_REVERSE_TEMPERROR]   = {"", RESULT(TEMPERROR), OPTION(reverse_dns, temperror), LOOKUP, IS(REVERSE_DNS)},

	[BMX_FOUND_SENDER_NULL_MX]     = {"null-mx", RESULT(FAIL), OPTION(sender_domain, null_mx), SAYS(SENDER_NULL_MX), IS(SENDER_DOMAIN)},
	[BMX_FOUND_SENDER_UNKNOWN]     = {"unknown", RESULT(FAIL), OPTION(sender_domain, unknown), SAYS(SENDER_UNKNOWN), IS(SENDER_DOMAIN)},
	[BMX_FOUND_SENDER_UNQUALIFIED] = {"unqualified", RESULT(FAIL), OPTION(sender_domain, unqualified), SAYS(SENDER_FORM), IS(SENDER_DOMAIN)},
	[BMX_FOUND_SENDER_LITERAL]     = {"literal", RESULT(NEUTRAL), OPTION(sender_domain, literal), SAYS(SENDER_FORM), IS(SENDER_DOMAIN)},
	[BMX_FOUND_SENDER_TEMPERROR]   = {"", RESULT(TEMPERROR), OPTION(sender_domain, temperror), LOOKUP, IS(SENDER_DOMAIN)},

	[BMX_FOUND_DNSBL_LISTED]    = {"", RESULT(FAIL), OPTION(dnsbl, action), SAYS(DNSBL), IS(DNSBL)},
	[BMX_FOUND_DNSBL_TEMPERROR] = {"", RESULT(TEMPERROR), OPTION(dnsbl, temperror), LOOKUP, IS(DNSBL)},

	[BMX_FOUND_SPF_FAIL]      = {"", RESULT(FAIL), OPTION(spf, fail), SAYS(SPF_FAIL), IS(SPF)},
	[BMX_FOUND_SPF_SOFTFAIL]  = {"", RESULT(SOFTFAIL), OPTION(spf, softfail), SAYS(SPF_FAIL), IS(SPF)},
	[BMX_FOUND_SPF_TEMPERROR] = {"", RESULT(TEMPERROR), OPTION(spf, temperror), SAYS(SPF_ERROR), IS(SPF)},
	[BMX_FOUND_SPF_PERMERROR] = {"", RESULT(PERMERROR), OPTION(spf, permerror), SAYS(SPF_ERROR), IS(SPF)},
};
/* clang-format on */
static_assert(LENGTH(findings) == BMX_FINDINGS, "one row each");

const struct bmx_check_row *
bmx_check_row(enum bmx_check check)
{
	assert(check < BMX_CHECKS);
	return &checks[check];
}

const char *
bmx_check_result_name(enum bmx_check_result result)
{
	return results[result];
}

enum bmx_check_result
bmx_finding_result(enum bmx_finding finding)
{
	return findings[finding].result;
}

const char *
bmx_finding_word(enum bmx_finding finding)
{
	return findings[finding].word;
}

struct bmx_config_response
bmx_finding_response(const struct bmx_config_domain *section,
                     enum bmx_finding finding)
{
	const struct finding *row = &findings[finding];
	struct bmx_config_response response = {row->ordered, 0};

	if (row->option != NO_OPTION)
		memcpy(&response, (const char *)section + row->option,
		       sizeof(response));
	return response;
}

enum bmx_milter_reply
bmx_finding_reply(enum bmx_finding finding, enum bmx_config_action action)
{
	switch (action) {
	case BMX_ACTION_REJECT:
		return findings[finding].reject;
	case BMX_ACTION_DEFER:
		return findings[finding].defer;
	case BMX_ACTION_IGNORE:
	case BMX_ACTION_TAG:
	case BMX_ACTION_SCORE:
		break;
	}
	return BMX_SAY_NOTHING;
}

enum bmx_finding
bmx_finding_of_spf(enum bmx_spf_result result)
{
	switch (result) {
	case BMX_SPF_NEUTRAL:
		return BMX_FOUND_NEUTRAL;
	case BMX_SPF_PASS:
		return BMX_FOUND_GOOD;
	case BMX_SPF_FAIL:
		return BMX_FOUND_SPF_FAIL;
	case BMX_SPF_SOFTFAIL:
		return BMX_FOUND_SPF_SOFTFAIL;
	case BMX_SPF_TEMPERROR:
		return BMX_FOUND_SPF_TEMPERROR;
	case BMX_SPF_PERMERROR:
		return BMX_FOUND_SPF_PERMERROR;
	case BMX_SPF_NONE:
	case BMX_SPF_RESULTS:
		break;
	}
	return BMX_FOUND_NOTHING;
}

bool
bmx_check_has_response(const struct bmx_config_domain *section,
                       enum bmx_check check)
{
	for (int i = 0; i < BMX_FINDINGS; i++)
		if (findings[i].check == check &&
		    findings[i].option != NO_OPTION &&
		    bmx_finding_response(section, (enum bmx_finding)i).action !=
		            BMX_ACTION_IGNORE)
			return true;
	return false;
}
