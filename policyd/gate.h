/*
 * gate.h - may a known recipient's mail in while the primary is up?
 *
 * Pure: facts in, verdict out. DESIGN.md section 5, "The gate". Recipients
 * that are unknown were refused before; the gate never refuses for good.
 *
 *	policy accept, primary not UP, exempt       -> pass
 *	policy defer                                -> defer
 *	client network let through within memory    -> pass
 *	stranger's try below the limit, or too soon -> defer, and remember it
 *	else                                        -> pass, and remember client
 */
#ifndef BACKUPMX_POLICYD_GATE_H
#define BACKUPMX_POLICYD_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/record.h>
#include <backupmx/slice.h>

#include "policyd/client_net.h"

/** A stranger that was not seen for so long is a new one, ms: by then every
 * queue has given up (RFC 5321 section 4.5.4.1: 4 to 5 days). */
#define BMX_GATE_RETRY_MAX_MS (INT64_C(5) * 24 * 3600 * 1000)

/**
 * Deferrals within this time of the one that counted last, or within
 * gate_delay if that is less, are one try, ms: the recipients of one message
 * do not come back, they come together.
 */
#define BMX_GATE_SAME_TRY_MS (INT64_C(30) * 1000)
/** A proven client is written anew when this part of gate_memory is over. */
#define BMX_GATE_RENEW_PART 30

enum bmx_gate_why {
	BMX_GATE_POLICY_ACCEPT, /* pass: primary_up = "accept" */
	BMX_GATE_NOT_UP,        /* pass: the primary is not known to be up */
	BMX_GATE_EXEMPT,        /* pass: trusted, authenticated, the primary */
	BMX_GATE_PROVEN,        /* pass: the client's network was let through */
	BMX_GATE_PASSED,        /* pass: came back often and late enough */
	BMX_GATE_POLICY_DEFER,  /* defer: primary_up = "defer" */
	BMX_GATE_STRANGER,      /* defer: the first try */
	BMX_GATE_EARLY,         /* defer: a further try, too few or too soon */
	BMX_GATE_WHYS
};

/** "accept", "not-up", "exempt", "proven", "passed", "defer", "stranger",
 * "early". */
const char *bmx_gate_why_name(enum bmx_gate_why why);

struct bmx_gate_facts {
	enum bmx_config_primary_up policy;
	enum bmx_primary_status primary;
	bool exempt; /* trusted, authenticated, or the primary's own address */
	bool has_stranger;
	struct bmx_gate_entry stranger; /* of bmx_gate_stranger_name */
	bool has_client;
	struct bmx_gate_entry client; /* of bmx_gate_client_name */
	int64_t now_ms;               /* wall */
	int64_t tries;                /* gate_tries, at least 1 */
	int64_t delay_ms;             /* gate_delay */
	int64_t memory_ms;            /* gate_memory */
};

struct bmx_gate_verdict {
	bool pass; /* else 451 */
	enum bmx_gate_why why;
	bool write_stranger;
	struct bmx_gate_entry stranger; /* when write_stranger */
	bool write_client;
	struct bmx_gate_entry client; /* when write_client */
};

/** Do the records matter? If not, facts need none of them: has_stranger and
 * has_client may be false, and nothing is to be written. */
bool bmx_gate_needs_records(enum bmx_config_primary_up policy,
                            enum bmx_primary_status primary, bool exempt);

/** The verdict. A record that could not be read counts as none. */
__attribute__((warn_unused_result)) struct bmx_gate_verdict
bmx_gate_decide(const struct bmx_gate_facts *facts);

/** A name for struct bmx_record_key, terminated. */
#define BMX_GATE_NAME_BUFFER 17

/**
 * The name of a stranger's entry: 16 hex digits of client network, sender
 * (its domain in lower case; "" is the null sender) and recipient domain
 * (A-labels, lower case). The same on every backup.
 */
void bmx_gate_stranger_name(const struct bmx_client_net *net,
                            struct bmx_slice sender, struct bmx_slice domain,
                            char name_out[BMX_GATE_NAME_BUFFER]);

/** The name of a client network's entry for that recipient domain. */
void bmx_gate_client_name(const struct bmx_client_net *net,
                          struct bmx_slice domain,
                          char name_out[BMX_GATE_NAME_BUFFER]);

#endif
