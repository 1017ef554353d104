/*
 * primary_rows.h - what may be wrong with the hosts of a primary, as they show
 * themselves in SMTP sessions.
 *
 * Pure: facts in, findings out; no I/O, no clock.
 *
 * Sources: RFC 5321, RFC 1870 (SIZE), RFC 6531 (SMTPUTF8), RFC 3207
 * (STARTTLS), RFC 7672 (DANE).
 */
#ifndef BACKUPMX_CTL_DOCTOR_PRIMARY_ROWS_H
#define BACKUPMX_CTL_DOCTOR_PRIMARY_ROWS_H

#include "ctl/doctor/doctor.h"
#include "ctl/doctor/hosts.h"
#include "ctl/doctor/session.h"

/** Days before the end of a certificate from which on it is told. */
#define BMXCTL_EXPIRY_DAYS 14
/** A reply that takes longer than call-ahead waits for one, ms. */
#define BMXCTL_SLOW_MS 3000

/** What DNS says of a host's TLSA records. */
enum bmxctl_tlsa_state {
	BMXCTL_TLSA_NONE,
	BMXCTL_TLSA_UNSIGNED, /* there are some, which DNSSEC does not prove */
	BMXCTL_TLSA_SIGNED,
	BMXCTL_TLSA_FAILED, /* DNS cannot say */
	BMXCTL_TLSA_UNKNOWN /* there is no trust anchor to tell by */
};

/** How a check of the certificate ended. */
enum bmxctl_check { BMXCTL_CHECK_UNTRIED, BMXCTL_CHECK_GOOD, BMXCTL_CHECK_BAD };

/** One host of the primary. */
struct bmxctl_primary_host {
	const struct bmxctl_host *host;
	bool tried;           /* false: the time was up */
	size_t address_count; /* of those that are tried */
	struct bmx_target_address addresses[BMXCTL_HOST_ADDRESSES_MAX];
	size_t reached; /* addresses that accepted a connection */
	char unreached[BMXCTL_ADDRESS_TEXT]; /* the first that did not; "" */
	char unreached_why[BMX_ERROR_TEXT_MAX];
	char address[BMXCTL_ADDRESS_TEXT]; /* that the sessions were with */
	/* Whatever its certificate is; in clear, if TLS failed. */
	struct bmxctl_session session;
	enum bmxctl_check names; /* chain and name */
	char names_error[BMX_ERROR_TEXT_MAX];
	enum bmxctl_tlsa_state tlsa;
	enum bmxctl_check dane;
	char dane_error[BMX_ERROR_TEXT_MAX];
};

struct bmxctl_primary_facts {
	const char *domain;
	const char *const *our_names; /* in a greeting they mean a loop */
	size_t our_name_count;
	enum bmx_config_tls tls;
	bool call_ahead;         /* recipients are asked for */
	int64_t configured_size; /* the section's `size`; 0: none */
	int64_t here_size;       /* message_size_limit; -1: not known */
	bool here_smtputf8;      /* Postfix here offers SMTPUTF8 */
	int64_t now_s;           /* since 1970 */
	bool backup_has_tlsa;    /* our own MX name has signed TLSA records, or
	                       * it is not known that it has none */
	const struct bmxctl_primary_host *hosts;
	size_t host_count;
};

/** Reports what is wrong with the hosts. */
void bmxctl_primary_judge(const struct bmxctl_primary_facts *facts,
                          struct bmxctl_findings *findings);

/** Reports that a domain was not looked at, because the time was up. */
void bmxctl_primary_left_out(const char *domain,
                             struct bmxctl_findings *findings);

#endif
