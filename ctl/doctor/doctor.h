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
#include <stdio.h>

#include <backupmx/config.h>
#include <backupmx/dns.h>

#include "ctl/ctl.h"

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

/** The findings of one run, in the order in which they were reported. */
struct bmxctl_findings;

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

/** The first finding of a row, as "SUBJECT: SEEN", or NULL; for tests. */
const char *bmxctl_findings_seen(const struct bmxctl_findings *findings,
                                 const char *name);

/** Writes them for a reader: severity, row, subject, seen, why, advice; good
 * ones only with_good. */
void bmxctl_findings_print(const struct bmxctl_findings *findings, FILE *out,
                           bool with_good);

/** Writes them as JSON, good ones included. @return as bmxctl_print_json */
int bmxctl_findings_print_json(const struct bmxctl_findings *findings);

/** What the groups look at. */
struct bmxctl_patient {
	const struct bmxctl *ctl;
	const struct bmx_config *config;
	struct bmx_dns *dns;     /* blocking look-ups with deadlines */
	const char *postfix_dir; /* of main.cf; NULL: Postfix's own */
	struct bmxctl_findings *findings;
};

/** The groups. Each reports its own trouble as a finding and goes on. */

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
