/* Replies to MAIL and RCPT, read for what they mean for a backup. Pure. */
#include <string.h>

#include <backupmx/slice.h>

#include "ctl/doctor/envelope_rows.h"

static bool
has_word(const char *text, const char *word)
{
	const size_t len = strlen(word);

	for (; strlen(text) >= len; text++)
		if (bmx_slice_equal_nocase((struct bmx_slice){text, len},
		                           (struct bmx_slice){word, len}))
			return true;
	return false;
}

struct words {
	enum bmxctl_meaning meaning;
	const char *words[10];
};

/* In this order: "rate limit, see spamhaus" is about the rate. */
static const struct words temporary[] = {
	{BMXCTL_MEANS_GREYLIST,
         {"greylist", "graylist", "grey-list", "gray-list", "postgrey",
          "grey listed", "gray listed"}},
	{BMXCTL_MEANS_SPF, {"SPF", "sender policy framework"}},
	{BMXCTL_MEANS_RATE,
         {"rate limit", "ratelimit", "too many", "too fast", "too much",
          "throttl", "rate exceeded", "limit exceeded", "slow down"}},
	{BMXCTL_MEANS_BLOCKLIST,
         {"blocklist", "blacklist", "block list", "dnsbl", " rbl", "spamhaus",
          "blocked using", "reputation"}},
	{BMXCTL_MEANS_RELAY, {"relay"}},
};

static const struct words permanent[] = {
	{BMXCTL_MEANS_SPF, {"SPF", "sender policy framework"}},
	{BMXCTL_MEANS_RATE, {"rate limit", "ratelimit", "too many"}},
	{BMXCTL_MEANS_BLOCKLIST,
         {"blocklist", "blacklist", "block list", "denylist", "dnsbl", " rbl",
          "spamhaus", "blocked using", "reputation", "is listed"}},
	{BMXCTL_MEANS_RELAY,
         {"relay", "not permitted to send to", "unrouteable domain"}},
};

static enum bmxctl_meaning
by_words(const struct words *table, size_t count, const char *text,
         enum bmxctl_meaning otherwise)
{
	for (size_t i = 0; i < count; i++)
		for (size_t w = 0; w < 10 && table[i].words[w]; w++)
			if (has_word(text, table[i].words[w]))
				return table[i].meaning;
	return otherwise;
}

static bool
is_enhanced(const struct bmxctl_said *said, int subject, int detail)
{
	return said->enhanced[1] == subject && said->enhanced[2] == detail;
}

/* The codes from which call-ahead learns (DESIGN section 5). */
static bool
is_unknown(const struct bmxctl_said *said)
{
	static const int details[] = {0, 1, 3, 6, 10};

	if (said->enhanced[0] == 0)
		return said->code == 550 || said->code == 551 ||
			said->code == 553;
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
		if (is_enhanced(said, 1, details[i]))
			return true;
	return false;
}

/* RFC 7372: 5.7.23 SPF failed, 4.7.24 SPF cannot be evaluated. */
static bool
is_spf(const struct bmxctl_said *said)
{
	return is_enhanced(said, 7, 23) || is_enhanced(said, 7, 24);
}

enum bmxctl_meaning
bmxctl_meaning_of(const struct bmxctl_said *said)
{
	const bool good = said->code >= 200 && said->code < 300;

	if (said->code == 0)
		return BMXCTL_MEANS_NOTHING;
	if (good)
		return BMXCTL_MEANS_YES;
	if (is_spf(said))
		return BMXCTL_MEANS_SPF;
	if (said->code < 500)
		return by_words(temporary,
		                sizeof(temporary) / sizeof(temporary[0]),
		                said->text,
		                said->code == 421 ? BMXCTL_MEANS_RATE :
		                                    BMXCTL_MEANS_LATER);
	/* An enhanced code says more than a word in a text. */
	if (said->enhanced[0] != 0 && is_unknown(said))
		return BMXCTL_MEANS_UNKNOWN;
	return by_words(
		permanent, sizeof(permanent) / sizeof(permanent[0]), said->text,
		is_unknown(said) ? BMXCTL_MEANS_UNKNOWN : BMXCTL_MEANS_NO);
}
