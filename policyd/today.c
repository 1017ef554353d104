#include "policyd/today.h"

#include <assert.h>
#include <time.h>

#include <backupmx/policy_reply.h>

static const char *const names[] = {"accept", "defer", "reject", "warn"};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_DECIDEDS,
              "one name each");

const char *
bmx_decided_name(enum bmx_decided decided)
{
	return names[decided];
}

enum bmx_decided
bmx_decided_of(enum bmx_policy_reply reply, bool observes)
{
	switch (bmx_policy_reply_class(reply)) {
	case BMX_REPLY_PASSES:
		return BMX_DECIDED_ACCEPT;
	case BMX_REPLY_DEFERS:
		return observes ? BMX_DECIDED_WARN : BMX_DECIDED_DEFER;
	case BMX_REPLY_REJECTS:
		break;
	}
	return observes ? BMX_DECIDED_WARN : BMX_DECIDED_REJECT;
}

/* The day of wall_ms, which has 23 or 25 hours twice a year. */
static void
begin_day(struct bmx_today *today, int64_t wall_ms)
{
	const time_t now = (time_t)(wall_ms / 1000);
	struct tm day;
	time_t from;
	time_t until;

	if (!localtime_r(&now, &day))
		day = (struct tm){.tm_year = 70, .tm_mday = 1};
	day.tm_hour = day.tm_min = day.tm_sec = 0;
	day.tm_isdst = -1;
	from = mktime(&day);
	day.tm_mday++;
	day.tm_hour = day.tm_min = day.tm_sec = 0;
	day.tm_isdst = -1;
	until = mktime(&day);
	*today = (struct bmx_today){
		.since_ms =
			today->from_ms == 0 ? wall_ms : (int64_t)from * 1000,
		.from_ms = (int64_t)from * 1000,
		.until_ms = (int64_t)until * 1000,
	};
}

void
bmx_today_roll(struct bmx_today *today, int64_t wall_ms)
{
	if (wall_ms < today->from_ms || wall_ms >= today->until_ms)
		begin_day(today, wall_ms);
}

void
bmx_today_count(struct bmx_today *today, int64_t wall_ms,
                enum bmx_decided decided, enum bmx_why why)
{
	bmx_today_roll(today, wall_ms);
	today->counts[decided][why]++;
}
