/*
 * primary_tls.h - what may be wrong with TLS at a primary: STARTTLS, the
 * certificate, DANE. Pure.
 */
#ifndef BACKUPMX_CTL_DOCTOR_PRIMARY_TLS_H
#define BACKUPMX_CTL_DOCTOR_PRIMARY_TLS_H

#include "ctl/doctor/primary_rows.h"

/** Reports what is wrong with TLS at a host that has greeted us. */
void bmxctl_primary_judge_tls(const struct bmxctl_primary_facts *facts,
                              const struct bmxctl_primary_host *host,
                              struct bmxctl_findings *findings);

#endif
