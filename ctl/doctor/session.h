/*
 * session.h - what a primary says in one SMTP session: greeting, EHLO, TLS,
 * and what it answers to envelopes. Nothing is ever sent to it: a session ends
 * before DATA.
 */
#ifndef BACKUPMX_CTL_DOCTOR_SESSION_H
#define BACKUPMX_CTL_DOCTOR_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/address.h>
#include <backupmx/ehlo_line.h>
#include <backupmx/smtp_reply.h>

#include "ctl/doctor/smtp_client.h"

/** Longest wait for one reply, ms: Postfix's postscreen greets after 6 s. */
#define BMXCTL_REPLY_MS 7000

enum bmxctl_tls_state {
	BMXCTL_TLS_UNTRIED, /* not offered, or the session ended before */
	BMXCTL_TLS_REFUSED, /* offered, and then refused by a reply */
	BMXCTL_TLS_FAILED,  /* the handshake failed, or the certificate is not
	                     * what was asked: see tls_error */
	BMXCTL_TLS_UP
};

/** A reply, or none: then code is 0. */
struct bmxctl_said {
	int code;
	int enhanced[3];
	char text[BMX_SMTP_TEXT_MAX];
};

/** Replies to envelopes. */
struct bmxctl_envelope {
	bool tried;
	struct bmxctl_said null_sender; /* MAIL FROM:<> */
	struct bmxctl_said postmaster;  /* RCPT TO:<postmaster@DOMAIN> */
	/* The same from a sender of ours, when <> did not get that far. */
	struct bmxctl_said postmaster_again;
	struct bmxctl_said nobody;     /* RCPT of a local part made up */
	struct bmxctl_said spf_sender; /* MAIL FROM of one whose SPF fails */
	struct bmxctl_said spf_rcpt;   /* RCPT postmaster, from that sender */
};

struct bmxctl_session {
	bool connected;
	struct bmxctl_said greeting;
	char greeting_name[BMX_DOMAIN_BUFFER]; /* its first word */
	int64_t slowest_ms;                    /* the reply that took longest */
	struct bmxctl_said ehlo_said;
	bool helo_only; /* EHLO was refused, HELO accepted */
	/* Of the last EHLO, under TLS if that is up; known when accepted. */
	struct bmx_smtp_keywords keywords;
	bool offers_starttls; /* in clear */
	enum bmxctl_tls_state tls;
	char tls_error[BMX_ERROR_TEXT_MAX];
	bool has_certificate;
	struct bmx_tls_certificate certificate;
	struct bmxctl_envelope envelope;
	/* How it ended early, "" when it did not. */
	char broken[BMX_ERROR_TEXT_MAX];
};

/** What is to be tried in a session. */
struct bmxctl_session_plan {
	const char *hostname; /* of EHLO */
	/* How TLS is to be made where it is offered; NULL: not at all. */
	const struct bmx_tls_request *tls;
	const char *domain; /* NULL: no envelopes */
	const char
		*spf_sender; /* an address whose SPF fails here; NULL: none */
};

/** Runs a session with a client that is connecting or connected, until
 * deadline_us (CLOCK_MONOTONIC). */
void bmxctl_session_run(struct bmxctl_session *session,
                        struct bmxctl_smtp *client,
                        const struct bmxctl_session_plan *plan,
                        int64_t deadline_us);

#endif
