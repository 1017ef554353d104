/*
 * probe_result.h - what is asked of a primary about one recipient, and what
 * came of it.
 */
#ifndef BACKUPMX_POLICYD_PROBE_RESULT_H
#define BACKUPMX_POLICYD_PROBE_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/slice.h>
#include <backupmx/smtp_reply.h>

#include "policyd/rcpt_class.h"

/** Room for a random local part, terminated. */
#define BMX_PROBE_RANDOM_LOCAL_BUFFER 24

/** Writes the local part that random, which nobody can foresee, makes: for
 * bmx_probe_job.random_local. */
void bmx_probe_random_local(uint64_t random,
                            char local_out[BMX_PROBE_RANDOM_LOCAL_BUFFER]);

/** One recipient to be asked about. */
struct bmx_probe_job {
	struct bmx_slice local;  /* internal form: quoted when it is sent */
	struct bmx_slice domain; /* A-labels */
	/* An unpredictable local part that is tried after a VALID, to find
	 * out whether the domain accepts all; empty: no such test. */
	struct bmx_slice random_local;
	/* The cache holds a VALID that an UNKNOWN would evict: UNKNOWN must
	 * be confirmed by postmaster being accepted in the same session. */
	bool confirm;
};

/** What the primary says of the recipient. */
enum bmx_probe_outcome {
	BMX_PROBE_VALID,
	BMX_PROBE_VALID_DISABLED,
	BMX_PROBE_VALID_FULL,
	BMX_PROBE_ACCEPTS_ALL, /* accepted, and so was the random local part */
	BMX_PROBE_UNKNOWN,     /* only ever from a reply to RCPT */
	BMX_PROBE_UNSURE,      /* see why; never to be stored */
	BMX_PROBE_OUTCOMES
};

/** "valid", "disabled", "full", "accepts-all", "unknown", "unsure". */
const char *bmx_probe_outcome_name(enum bmx_probe_outcome outcome);

/** Why it is UNSURE, or how a session ended. */
enum bmx_probe_why {
	BMX_PROBE_WHY_NONE,       /* not UNSURE; a session: ended by QUIT */
	BMX_PROBE_RCPT_TEMPORARY, /* RCPT: 4xx */
	BMX_PROBE_RCPT_SENDER,    /* RCPT: 5.1.7, 5.1.8 */
	BMX_PROBE_RCPT_POLICY,    /* RCPT: 5.7.x */
	BMX_PROBE_RCPT_OTHER,     /* RCPT: 252, 552, 554, ... */
	BMX_PROBE_LOST_USERS,     /* was VALID, is refused as unknown, and so is
	                           * postmaster: alarm */
	BMX_PROBE_NO_POSTMASTER,  /* refused, but postmaster was not accepted */
	/* Refusals before RCPT: "the primary refuses us". */
	BMX_PROBE_REFUSED_GREETING,
	BMX_PROBE_REFUSED_HELO,
	BMX_PROBE_REFUSED_SENDER, /* MAIL, with postmaster@ as well */
	BMX_PROBE_REFUSED_TLS,    /* STARTTLS not offered, refused, failed, or
	                           * the certificate is not what was asked */
	BMX_PROBE_LOOP,           /* it greets with our own name */
	BMX_PROBE_NO_SMTPUTF8, /* non-ASCII recipient, SMTPUTF8 not offered */
	BMX_PROBE_BAD_ADDRESS, /* cannot be written as an SMTP path */
	BMX_PROBE_PROTOCOL,    /* what it said is no SMTP, or out of turn */
	BMX_PROBE_TRANSPORT,   /* connecting, reading or writing failed */
	BMX_PROBE_TIMEOUT,     /* of connecting, a reply, or the job */
	BMX_PROBE_CLOSED,      /* closed by the peer, out of turn */
	BMX_PROBE_NO_MEMORY,   /* our own trouble */
	BMX_PROBE_WHYS
};

/** "none", "rcpt-temporary", "rcpt-sender", ..., "no-memory": for `why=` and
 * for metrics. */
const char *bmx_probe_why_name(enum bmx_probe_why why);

/** Is it one of the refusals before RCPT that an administrator must be
 * warned of? */
bool bmx_probe_why_is_refusal(enum bmx_probe_why why);

/** What came of the random local part. */
enum bmx_probe_random {
	BMX_PROBE_RANDOM_NOT_MADE,
	BMX_PROBE_RANDOM_ACCEPTED,  /* the domain accepts all */
	BMX_PROBE_RANDOM_REFUSED,   /* as unknown: recipients are checked */
	BMX_PROBE_RANDOM_UNDECIDED, /* any other reply, or none */
	BMX_PROBE_RANDOMS
};

/** "not-made", "accepted", "refused", "undecided". */
const char *bmx_probe_random_name(enum bmx_probe_random random);

/** Is the same job worth one more try, at once? */
enum bmx_probe_retry {
	BMX_PROBE_RETRY_NO,
	BMX_PROBE_RETRY_IN_CLEAR, /* tls = may, and STARTTLS was refused or
	                           * failed: on a new connection with
	                           * BMX_TLS_NONE */
	BMX_PROBE_RETRY_NEW,      /* a session that had been used before ended
	                      * before it answered: on a new connection */
	BMX_PROBE_RETRIES
};

struct bmx_probe_result {
	enum bmx_probe_outcome outcome;
	enum bmx_probe_why why; /* BMX_PROBE_WHY_NONE unless UNSURE */
	enum bmx_probe_random random;
	enum bmx_probe_retry retry; /* of UNSURE only */
	/* The reply that decided: to RCPT, or what refused us before it; to
	 * postmaster for LOST_USERS and NO_POSTMASTER. code is 0 when there
	 * was none, and text then says what failed. */
	struct bmx_smtp_reply reply;
};

#endif
