/*
 * mx_set.h - the MX set of a domain and the hosts of its primary, looked up:
 * what the groups dns and primary both begin with.
 */
#ifndef BACKUPMX_CTL_DOCTOR_MX_SET_H
#define BACKUPMX_CTL_DOCTOR_MX_SET_H

#include "ctl/doctor/hosts.h"

struct bmxctl_mx_set {
	enum bmx_dns_status status;
	bool secure;
	uint32_t ttl_s;
	size_t count; /* by preference */
	struct bmxctl_host mx[BMXCTL_HOSTS_MAX];
	/* What `primary` names other than "mx". */
	size_t primary_count;
	struct bmxctl_host primaries[BMXCTL_HOSTS_MAX];
	bool wants_mx;    /* `primary` has "mx" */
	uint16_t mx_port; /* of that */
};

/** Asks for the set and for all of its hosts, until deadline_us
 * (CLOCK_MONOTONIC). */
void bmxctl_mx_set_look_up(struct bmxctl_mx_set *set,
                           const struct bmxctl_patient *patient,
                           const struct bmxctl_here *here,
                           const struct bmx_config_domain *domain,
                           int64_t deadline_us);

#endif
