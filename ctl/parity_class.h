/*
 * parity_class.h - what it means that primary and backup answer so about one
 * recipient. Pure.
 */
#ifndef BACKUPMX_CTL_PARITY_CLASS_H
#define BACKUPMX_CTL_PARITY_CLASS_H

/** What one of them says of a recipient. */
enum bmxctl_answer {
	BMXCTL_ANSWER_VALID,
	BMXCTL_ANSWER_UNKNOWN,
	BMXCTL_ANSWER_UNSURE /* cannot say, or 4xx */
};

/** In the order in which they are shown. */
enum bmxctl_parity {
	BMXCTL_PARITY_SAME,
	BMXCTL_PARITY_LEAK,   /* the primary refuses, the backup accepts */
	BMXCTL_PARITY_LOSS,   /* the primary accepts, the backup refuses */
	BMXCTL_PARITY_DELAY,  /* the primary accepts, the backup defers */
	BMXCTL_PARITY_SOFT,   /* the primary refuses, the backup defers */
	BMXCTL_PARITY_UNTOLD, /* the primary did not say */
	BMXCTL_PARITIES
};

/** What that difference is. */
enum bmxctl_parity bmxctl_parity_of(enum bmxctl_answer primary,
                                    enum bmxctl_answer backup);

/** "same", "leak", "loss", "delay", "soft", "untold". */
const char *bmxctl_parity_name(enum bmxctl_parity parity);

/**
 * The exit status of counts, one of each class: 1 with a leak or a loss, 75
 * when something was untold, else 0.
 */
int bmxctl_parity_status(const long long counts[BMXCTL_PARITIES]);

#endif
