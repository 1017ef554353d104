/*
 * mta_sts.h - MTA-STS policies as published, read and matched. Pure.
 *
 * Source: RFC 8461 sections 3.1 (record), 3.2 (policy), 4.1 (matching).
 */
#ifndef BACKUPMX_CTL_DOCTOR_MTA_STS_H
#define BACKUPMX_CTL_DOCTOR_MTA_STS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/address.h>
#include <backupmx/error.h>
#include <backupmx/slice.h>

/** Octets of a policy that are read, and `mx` lines of it. */
#define BMXCTL_STS_MAX ((size_t)64 * 1024)
#define BMXCTL_STS_MX_MAX ((size_t)64)

enum bmxctl_sts_mode {
	BMXCTL_STS_NONE,
	BMXCTL_STS_TESTING,
	BMXCTL_STS_ENFORCE
};

struct bmxctl_sts_policy {
	enum bmxctl_sts_mode mode;
	int64_t max_age_s;
	size_t mx_count;
	/* Normalised; "*." may stand before it. */
	char mx[BMXCTL_STS_MX_MAX][BMX_DOMAIN_BUFFER + 2];
};

/** Is a TXT record of _mta-sts.DOMAIN one of MTA-STS, by its version? */
bool bmxctl_sts_is_record(struct bmx_slice txt);

/** Has it an `id` of 1 to 32 letters and digits? */
bool bmxctl_sts_has_id(struct bmx_slice txt);

/**
 * Reads a policy. Unknown keys are let pass, lines may end in LF or CRLF.
 * @return 0, or -1 with *err: BMX_E_SYNTAX, saying what was expected;
 *         BMX_E_TOO_BIG
 */
int bmxctl_sts_parse(struct bmx_slice text,
                     struct bmxctl_sts_policy *policy_out,
                     struct bmx_error *err);

/** Does one of its `mx` lines name host? A "*" stands for one label. */
bool bmxctl_sts_matches(const struct bmxctl_sts_policy *policy,
                        const char *host);

#endif
