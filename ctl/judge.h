/*
 * judge.h - is what was gathered as it should be? For `check` and `status`.
 *
 * Each judge looks at one part of what bmxctl_gather returned and adds what is
 * wrong. Pure: no I/O, no clock; "time" of the facts is now.
 */
#ifndef BACKUPMX_CTL_JUDGE_H
#define BACKUPMX_CTL_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/text.h>

struct json_t; /* jansson's */

/** As monitoring plugins have them: the value is the exit status. */
enum bmxctl_state {
	BMXCTL_STATE_OK,
	BMXCTL_STATE_WARNING,
	BMXCTL_STATE_CRITICAL,
	BMXCTL_STATE_UNKNOWN,
	BMXCTL_STATES
};

/** "OK", "WARNING", "CRITICAL", "UNKNOWN". */
const char *bmxctl_state_name(enum bmxctl_state state);

/** The one that matters more: critical, warning, unknown, ok. */
enum bmxctl_state bmxctl_state_worse(enum bmxctl_state a, enum bmxctl_state b);

/** From when on something is a warning, and critical. */
struct bmxctl_limit {
	long long warning;
	long long critical;
};

/** Octets of all that a verdict says that is good, and of its figures. */
#define BMXCTL_VERDICT_TEXT ((size_t)2048)
/** Octets of one problem. */
#define BMXCTL_PROBLEM_TEXT ((size_t)400)

/** What the judges found. */
struct bmxctl_verdict {
	enum bmxctl_state state;
	bool away_said; /* that policyd is away is among the problems */
	struct json_t *problems; /* of {state, check, text}, worst not first */
	struct bmx_text good;    /* "3 lists fresh, ..." */
	struct bmx_text figures; /* performance data */
	char good_buffer[BMXCTL_VERDICT_TEXT];
	char figures_buffer[BMXCTL_VERDICT_TEXT];
};

/** Starts an empty verdict. @return 0, or -1 when memory is short */
int bmxctl_verdict_init(struct bmxctl_verdict *verdict);

/** Frees what it holds. */
void bmxctl_verdict_clear(struct bmxctl_verdict *verdict);

/** Adds a problem; text of any content but '|', which figures begin with. */
void bmxctl_verdict_add(struct bmxctl_verdict *verdict, enum bmxctl_state state,
                        const char *check, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** Looks at facts; limit is the check's. */
typedef void bmxctl_judge(struct bmxctl_verdict *verdict,
                          const struct json_t *facts,
                          const struct bmxctl_limit *limit);

/** How a limit is written. */
enum bmxctl_unit {
	BMXCTL_UNIT_NONE,     /* there is nothing to set */
	BMXCTL_UNIT_DURATION, /* "10m"; the limit is in seconds */
	BMXCTL_UNIT_PERCENT,  /* "50" */
	BMXCTL_UNIT_COUNT     /* "20" */
};

/** A check. */
struct bmxctl_check {
	const char *name;
	bmxctl_judge *judge;
	unsigned parts; /* of gather.h that it needs */
	enum bmxctl_unit unit;
	bool below;                /* less is worse */
	struct bmxctl_limit limit; /* by default */
};

/** All checks; *count_out of them. */
const struct bmxctl_check *bmxctl_checks(size_t *count_out);

/** policyd answers, and the milter where it is used. */
bmxctl_judge bmxctl_judge_service;

/** Lists are fresh and syncs work; limit in per cent of list_max_age. */
bmxctl_judge bmxctl_judge_lists;

/** Primaries are up, or not down for long, and do not refuse us. */
bmxctl_judge bmxctl_judge_primary;

/** Nothing waits for a primary that is up. */
bmxctl_judge bmxctl_judge_queue;

/** Redis is up, or not down for long. */
bmxctl_judge bmxctl_judge_redis;

/** Few bounces were held within a day. */
bmxctl_judge bmxctl_judge_bounces;

/** There is room; limit in per cent that are free. */
bmxctl_judge bmxctl_judge_disk;

#endif
