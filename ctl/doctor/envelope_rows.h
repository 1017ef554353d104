/*
 * envelope_rows.h - what may be wrong with how a primary answers our
 * envelopes: does it treat us as the stranger that a backup must not be?
 *
 * Pure: facts in, findings out; no I/O, no clock.
 *
 * Sources: RFC 5321 sections 4.5.1 (postmaster) and 4.5.5 (null sender),
 * RFC 3463 and RFC 7372 (codes).
 */
#ifndef BACKUPMX_CTL_DOCTOR_ENVELOPE_ROWS_H
#define BACKUPMX_CTL_DOCTOR_ENVELOPE_ROWS_H

#include "ctl/doctor/doctor.h"
#include "ctl/doctor/session.h"

/** What a reply to MAIL or RCPT means for us. */
enum bmxctl_meaning {
	BMXCTL_MEANS_NOTHING,   /* there is none */
	BMXCTL_MEANS_YES,       /* accepted */
	BMXCTL_MEANS_UNKNOWN,   /* no such mailbox */
	BMXCTL_MEANS_GREYLIST,  /* come again later */
	BMXCTL_MEANS_RATE,      /* too much from us */
	BMXCTL_MEANS_BLOCKLIST, /* we are on a list */
	BMXCTL_MEANS_SPF,       /* the sender did not authorise us */
	BMXCTL_MEANS_RELAY,     /* it does not take this domain's mail */
	BMXCTL_MEANS_LATER,     /* another temporary refusal */
	BMXCTL_MEANS_NO,        /* another refusal for good */
	BMXCTL_MEANINGS
};

/** Reads a reply: by its codes, and by words that servers use. */
enum bmxctl_meaning bmxctl_meaning_of(const struct bmxctl_said *said);

struct bmxctl_envelope_facts {
	const char *domain;
	const char *host; /* that answered */
	bool has_list;    /* recipients are known from a list */
	bool call_ahead;
	const char *spf_sender; /* that was tried; NULL: none */
	const struct bmxctl_envelope *envelope;
};

/** Reports what is wrong with the answers. */
void bmxctl_envelope_judge(const struct bmxctl_envelope_facts *facts,
                           struct bmxctl_findings *findings);

#endif
