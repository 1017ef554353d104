/*
 * doctor.h - what is wrong with a backup, in an administrator's words.
 *
 * A check looks at facts and reports rows: what is wrong, by a name that does
 * not change; why it matters; what to do. The rows of a group are a table in
 * its file, the same that the manual's list is compared with. Gathering facts
 * (DNS, SMTP, postconf, files) and judging them are apart: the judges are pure
 * and have tables of tests.
 *
 *	ctl/doctor.c (words, groups, exit status) -> dns.c primary.c postfix.c
 *	   service.c (gather) -> *_rows.c (judge) -> findings.c (kept, printed)
 */
#ifndef BACKUPMX_CTL_DOCTOR_DOCTOR_H
#define BACKUPMX_CTL_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <backupmx/config.h>
#include <backupmx/dns.h>

#include "ctl/ctl.h"

struct json_t;          /* jansson's */
struct bmxctl_postconf; /* ctl/postfix/postconf.h */

/** How bad it is; the worst one is the exit status of doctor. */
enum bmxctl_severity {
	BMXCTL_GOOD,    /* looked at, and as it should be: shown with -v */
	BMXCTL_WARNING, /* protection or comfort is less than it could be */
	BMXCTL_ERROR    /* mail is lost, bounced, refused or not protected */
};

/** A thing that can be wrong. */
struct bmxctl_row {
	const char *name; /* "dns.mx-alias": group and what is wrong */
	enum bmxctl_severity severity;
	const char *why;    /* it matters; one sentence */
	const char *advice; /* what to do; one or two sentences */
};

/** The rows of a group: a table. */
struct bmxctl_rows {
	const struct bmxctl_row *items;
	size_t count;
};

/** The findings of one run, in the order in which they were reported. */
struct bmxctl_findings;
struct bmxctl_dead; /* dead.h */

/** Returns an empty set the caller frees, or NULL when memory is short. */
struct bmxctl_findings *bmxctl_findings_new(void);

/** Frees *findings and sets it to NULL. NULL is fine. */
void bmxctl_findings_free(struct bmxctl_findings **findings);

/**
 * Reports that what row says was seen. subject is the domain, host or setting
 * it is about ("" for this machine). What was seen is one line, control
 * characters are replaced; peers' words may be in it.
 */
void bmxctl_found(struct bmxctl_findings *findings,
                  const struct bmxctl_row *row, const char *subject,
                  const char *seen, ...) __attribute__((format(printf, 4, 5)));

/** Reports that a thing was looked at and is good: a line for -v. */
void bmxctl_found_good(struct bmxctl_findings *findings, const char *name,
                       const char *subject, const char *seen, ...)
	__attribute__((format(printf, 4, 5)));

/** How many are of that severity. */
size_t bmxctl_findings_count(const struct bmxctl_findings *findings,
                             enum bmxctl_severity severity);

/** The first finding of a row, as "SUBJECT: SEEN", or NULL; for tests.
 * Void at the next call. */
const char *bmxctl_findings_seen(struct bmxctl_findings *findings,
                                 const char *name);

/** Writes them for a reader: severity, row, subject, seen, why, advice; good
 * ones only with_good. */
void bmxctl_findings_print(const struct bmxctl_findings *findings, FILE *out,
                           bool with_good);

/** Them as JSON, good ones included: an object whose reference the caller
 * drops, or NULL when memory is short. */
struct json_t *bmxctl_findings_json(const struct bmxctl_findings *findings);

/** Writes them as JSON, good ones included. @return as bmxctl_print_json */
int bmxctl_findings_print_json(const struct bmxctl_findings *findings);

/** Exit status of doctor: 2 with errors, 1 with warnings alone, else 0. */
int bmxctl_findings_status(const struct bmxctl_findings *findings);

/** What the groups look at. */
struct bmxctl_patient {
	const struct bmxctl *ctl;
	const struct bmx_config *config;
	/* The one domain that was asked about; NULL: all. */
	const struct bmx_config_domain *only;
	struct bmx_dns *dns;      /* blocking look-ups with deadlines */
	struct bmxctl_dead *dead; /* addresses that took no connection */
	/* When no further primary is looked at, CLOCK_MONOTONIC; 0: never. */
	int64_t deadline_us;
	const char *postfix_dir; /* of main.cf; NULL: Postfix's own */
	/* What policyd answered to "status"; NULL: why not. Asked once. */
	const struct json_t *status;
	struct bmx_error status_error;
	/* The settings of Postfix; NULL: why not. Read once. */
	const struct bmxctl_postconf *postconf;
	struct bmx_error postconf_error;
	struct bmxctl_findings *findings;
};

/** The groups. Each reports its own trouble as a finding and goes on. */

/** The rows that each of them may report. */
struct bmxctl_rows bmxctl_doctor_service_rows(void);
struct bmxctl_rows bmxctl_doctor_postfix_rows(void);
struct bmxctl_rows bmxctl_doctor_names_rows(void);
struct bmxctl_rows bmxctl_doctor_dns_rows(void);
struct bmxctl_rows bmxctl_doctor_primary_rows(void);
struct bmxctl_rows bmxctl_doctor_tls_rows(void);
struct bmxctl_rows bmxctl_doctor_envelope_rows(void);
struct bmxctl_rows bmxctl_doctor_sts_rows(void);

/** This machine's own names, its resolver and the DNS lists. */
void bmxctl_doctor_names(const struct bmxctl_patient *patient);

/** MX records of a domain and what they lead to. */
void bmxctl_doctor_dns(const struct bmxctl_patient *patient,
                       const struct bmx_config_domain *domain);

/** The domain's primary, over SMTP. */
void bmxctl_doctor_primary(const struct bmxctl_patient *patient,
                           const struct bmx_config_domain *domain);

/** Postfix on this machine, for all domains at once. */
void bmxctl_doctor_postfix(const struct bmxctl_patient *patient);

/** And for one domain. */
void bmxctl_doctor_postfix_domain(const struct bmxctl_patient *patient,
                                  const struct bmx_config_domain *domain);

/** The daemons, lists, Redis, files and clock here; domain by domain where
 * that matters. */
void bmxctl_doctor_service(const struct bmxctl_patient *patient);

#endif
