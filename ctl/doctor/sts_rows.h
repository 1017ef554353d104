/*
 * sts_rows.h - what may be wrong with a domain's MTA-STS policy, for a domain
 * that has a backup.
 *
 * Pure: facts in, findings out; no I/O, no clock.
 */
#ifndef BACKUPMX_CTL_DOCTOR_STS_ROWS_H
#define BACKUPMX_CTL_DOCTOR_STS_ROWS_H

#include "ctl/doctor/doctor.h"
#include "ctl/doctor/hosts.h"
#include "ctl/doctor/mta_sts.h"

/** What is known of one MX host's certificate. */
enum bmxctl_sts_proof {
	BMXCTL_STS_UNTRIED, /* the host was not reached, or not asked */
	BMXCTL_STS_PROVEN,
	BMXCTL_STS_UNPROVEN
};

struct bmxctl_sts_host {
	const char *name;
	bool ours;
	enum bmxctl_sts_proof proof;
	const char *error; /* when unproven: why */
};

struct bmxctl_sts_facts {
	const char *domain;
	size_t record_count; /* TXT records of MTA-STS; 0: no policy */
	bool has_id;
	const char *fetch_error; /* "" when the policy was fetched */
	const char *parse_error; /* "" when it was read */
	const struct bmxctl_sts_policy *policy;
	const struct bmxctl_sts_host *hosts; /* of the MX set */
	size_t host_count;
};

/** Reports what is wrong with the policy. */
void bmxctl_sts_judge(const struct bmxctl_sts_facts *facts,
                      struct bmxctl_findings *findings);

#endif
