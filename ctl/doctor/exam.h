/*
 * exam.h - one domain's primary under examination: what primary.c, and what it
 * is made of, hand one another.
 *
 *	primary.c: hosts -> connect.c: sessions -> sts.c: policy -> the judges
 */
#ifndef BACKUPMX_CTL_DOCTOR_EXAM_H
#define BACKUPMX_CTL_DOCTOR_EXAM_H

#include <backupmx/loop.h>

#include "ctl/doctor/mx_set.h"
#include "ctl/doctor/primary_rows.h"

/** Hosts of a primary that are looked at, and addresses of each. */
#define BMXCTL_EXAM_HOSTS ((size_t)6)
#define BMXCTL_EXAM_ADDRESSES ((size_t)4)
/** Longest time for a connection, for one session, and for a whole primary,
 * ms. */
#define BMXCTL_CONNECT_WAIT_MS 4000
#define BMXCTL_SESSION_MS 9000
#define BMXCTL_EXAM_MS 15000

struct bmxctl_exam {
	const struct bmxctl_patient *patient;
	const struct bmx_config_domain *domain;
	struct bmxctl_here here;
	struct bmxctl_mx_set set;
	struct bmx_loop *loop;
	struct bmx_tls_context *tls;
	int64_t deadline_us;
	bool has_anchor;
	bool ipv4_only;         /* Postfix here uses no IPv6 */
	const char *spf_sender; /* static; NULL: there is none */
	struct bmxctl_primary_host hosts[BMXCTL_EXAM_HOSTS];
	/* The signed TLSA records of each, borrowed from answers. */
	const struct bmx_dns_answer *tlsa[BMXCTL_EXAM_HOSTS];
	size_t host_count;
};

/** Connects to all hosts at once, then runs the sessions, one after the
 * other. */
void bmxctl_exam_connect(struct bmxctl_exam *exam);

/**
 * Makes TLS with an address of a host in a session of its own, as trust asks.
 * @return BMXCTL_CHECK_GOOD; BMXCTL_CHECK_BAD with *err when the certificate
 *         is not what was asked, or STARTTLS is not offered;
 *         BMXCTL_CHECK_UNTRIED when it did not come to that
 */
enum bmxctl_check bmxctl_exam_try_tls(const struct bmxctl_exam *exam,
                                      const struct bmx_target_address *address,
                                      uint16_t port,
                                      const struct bmx_tls_request *request,
                                      char error_out[BMX_ERROR_TEXT_MAX]);

/** Looks at the domain's MTA-STS policy and reports what is wrong with it. */
void bmxctl_exam_sts(const struct bmxctl_exam *exam);

#endif
