/*
 * bounce_note.h - a judged bounce as one line of JSON, which seals.mdb keeps
 * and `backupmxctl bounces` shows:
 *
 *	{"time": S, "id": "...", "original": "...", "sender": "...",
 *	 "recipient": "...", "recipients": N, "status": "5.1.1",
 *	 "action": "failed", "act": "quarantine", "why": "unproven"}
 */
#ifndef BACKUPMX_MILTER_BOUNCE_NOTE_H
#define BACKUPMX_MILTER_BOUNCE_NOTE_H

#include <stdint.h>

#include <backupmx/slice.h>
#include <backupmx/text.h>

#include "milter/bounce_report.h"
#include "milter/guard_decision.h"

struct bmx_bounce_note {
	int64_t at_ms;             /* wall */
	struct bmx_slice queue_id; /* the bounce's own */
	const struct bmx_bounce_facts *facts;
	const struct bmx_guard_verdict *verdict;
};

/** Appends the note. @return 0, or -1 when memory or room is short */
int bmx_bounce_note_append(struct bmx_text *text,
                           const struct bmx_bounce_note *note);

#endif
