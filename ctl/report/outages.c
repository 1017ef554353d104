#include "ctl/report/outages.h"

#include <string.h>

#include <backupmx/text.h>

/* What is away now and has no end yet. */
static struct bmxctl_outage *
open_outage(struct bmxctl_tally *tally, const char *what)
{
	for (size_t i = tally->outage_count; i > 0; i--) {
		struct bmxctl_outage *outage = &tally->outages[i - 1];

		if (strcmp(outage->what, what) == 0)
			return outage->to[0] == '\0' ? outage : NULL;
	}
	return NULL;
}

static void
name(struct bmx_slice what, char buffer[BMXCTL_TOP_KEY])
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, BMXCTL_TOP_KEY);
	bmx_text_append_clean(&text, what, BMXCTL_TOP_KEY - 8);
}

static void
stamp(const struct bmxctl_log_line *line, char buffer[32])
{
	const int second = line->second_of_day;
	struct bmx_text text;

	bmx_text_init(&text, buffer, 32);
	if (!line->has_time)
		bmx_text_append_string(&text, "?");
	else
		bmx_text_printf(&text, "%02d-%02d %02d:%02d:%02d", line->month,
		                line->day, second / 3600, second / 60 % 60,
		                second % 60);
}

/* Seconds since a day that does not matter: months are taken as of 31 days,
 * so only times of one month are compared. */
static long long
moment_of(const struct bmxctl_log_line *line)
{
	return line->has_time ?
		(line->month * 31LL + line->day) * 86400 + line->second_of_day :
		-1;
}

void
bmxctl_outage_begin(struct bmxctl_tally *tally, struct bmx_slice what,
                    const struct bmxctl_log_line *line)
{
	char key[BMXCTL_TOP_KEY];
	struct bmxctl_outage *outage;

	name(what, key);
	if (open_outage(tally, key))
		return;
	if (tally->outage_count == BMXCTL_TALLY_OUTAGES) {
		tally->outages_dropped++;
		return;
	}
	outage = &tally->outages[tally->outage_count++];
	memcpy(outage->what, key, sizeof(key));
	stamp(line, outage->from);
	outage->to[0] = '\0';
	outage->seconds = -1;
	outage->began = moment_of(line);
}

void
bmxctl_outage_end(struct bmxctl_tally *tally, struct bmx_slice what,
                  const struct bmxctl_log_line *line)
{
	char key[BMXCTL_TOP_KEY];
	struct bmxctl_outage *outage;
	const long long now = moment_of(line);

	name(what, key);
	outage = open_outage(tally, key);
	if (!outage)
		return;
	stamp(line, outage->to);
	/* Not across the end of a month, where days are not told apart. */
	if (outage->began >= 0 && now >= outage->began &&
	    memcmp(outage->from, outage->to, 2) == 0)
		outage->seconds = now - outage->began;
}
