#include "ctl/parity_class.h"

#include <assert.h>

#include <sysexits.h>

static const char *const names[] = {
	[BMXCTL_PARITY_SAME] = "same", [BMXCTL_PARITY_LEAK] = "leak",
	[BMXCTL_PARITY_LOSS] = "loss", [BMXCTL_PARITY_DELAY] = "delay",
	[BMXCTL_PARITY_SOFT] = "soft", [BMXCTL_PARITY_UNTOLD] = "untold",
};
static_assert(sizeof(names) / sizeof(names[0]) == BMXCTL_PARITIES,
              "one name a class");

/* By what the backup says. */
static const enum bmxctl_parity of_valid[] = {
	[BMXCTL_ANSWER_VALID] = BMXCTL_PARITY_SAME,
	[BMXCTL_ANSWER_UNKNOWN] = BMXCTL_PARITY_LOSS,
	[BMXCTL_ANSWER_UNSURE] = BMXCTL_PARITY_DELAY,
};
static const enum bmxctl_parity of_unknown[] = {
	[BMXCTL_ANSWER_VALID] = BMXCTL_PARITY_LEAK,
	[BMXCTL_ANSWER_UNKNOWN] = BMXCTL_PARITY_SAME,
	[BMXCTL_ANSWER_UNSURE] = BMXCTL_PARITY_SOFT,
};

enum bmxctl_parity
bmxctl_parity_of(enum bmxctl_answer primary, enum bmxctl_answer backup)
{
	switch (primary) {
	case BMXCTL_ANSWER_VALID:
		return of_valid[backup];
	case BMXCTL_ANSWER_UNKNOWN:
		return of_unknown[backup];
	case BMXCTL_ANSWER_UNSURE:
		break;
	}
	return BMXCTL_PARITY_UNTOLD;
}

const char *
bmxctl_parity_name(enum bmxctl_parity parity)
{
	return names[parity];
}

int
bmxctl_parity_status(const long long counts[BMXCTL_PARITIES])
{
	if (counts[BMXCTL_PARITY_LEAK] > 0 || counts[BMXCTL_PARITY_LOSS] > 0)
		return 1;
	return counts[BMXCTL_PARITY_UNTOLD] > 0 ? EX_TEMPFAIL : EX_OK;
}
