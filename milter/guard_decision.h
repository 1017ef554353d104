/*
 * guard_decision.h - may this bounce leave? Facts in, verdict out.
 *
 * Pure: no I/O, no clock, no log. The order of the reasons is the order of
 * the enum: the first that holds counts. What the guard cannot decide for
 * reasons of its own is kept for a person (quarantine), whatever is configured:
 * never let go, never lost. DESIGN.md section 7, "Bounce guard".
 */
#ifndef BACKUPMX_MILTER_GUARD_DECISION_H
#define BACKUPMX_MILTER_GUARD_DECISION_H

#include <stdbool.h>

#include <backupmx/config.h>

#include "milter/seal.h"

/** What is known of one seal. */
struct bmx_guard_seal {
	bool found;
	enum bmx_seal_word word;     /* when found */
	enum bmx_seal_result result; /* when it is good */
};

struct bmx_guard_facts {
	enum bmx_config_bounce_guard mode;
	bool is_report;   /* the message is a delivery status notification */
	bool readable;    /* with queue id and sender */
	bool null_sender; /* the original's sender is empty */
	bool trouble;     /* no keys, no memory, or the store is not there */
	bool held;        /* the primary seems to have lost its users */
	struct bmx_guard_seal stored;   /* by the original's queue id */
	struct bmx_guard_seal returned; /* in the header that came back */
};

enum bmx_guard_act {
	BMX_GUARD_PASS,
	BMX_GUARD_QUARANTINE,
	BMX_GUARD_DISCARD,
	BMX_GUARD_ACTS
};

enum bmx_guard_why {
	BMX_GUARD_OFF,
	BMX_GUARD_NO_REPORT, /* no bounce: nothing to judge, passes */
	BMX_GUARD_UNREADABLE,
	BMX_GUARD_HELD, /* "lost-users" */
	BMX_GUARD_NULL_SENDER,
	BMX_GUARD_SPF, /* authenticated: the sender gets it */
	BMX_GUARD_AUTH,
	BMX_GUARD_TRUSTED,
	BMX_GUARD_UNPROVEN, /* a good seal says: not authenticated */
	BMX_GUARD_TROUBLE,
	BMX_GUARD_FORGED,   /* a seal that is not ours came back */
	BMX_GUARD_UNSEALED, /* no seal, or one of another message */
	BMX_GUARD_WHYS
};

struct bmx_guard_verdict {
	enum bmx_guard_act act;
	enum bmx_guard_why why;
};

/** "pass", "quarantine", "discard". */
const char *bmx_guard_act_name(enum bmx_guard_act act);

/** The short name for logs: "off", "spf", "unproven", "lost-users", ... */
const char *bmx_guard_why_name(enum bmx_guard_why why);

/** The verdict. */
struct bmx_guard_verdict bmx_guard_decide(const struct bmx_guard_facts *facts)
	__attribute__((warn_unused_result));

#endif
