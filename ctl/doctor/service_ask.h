/*
 * service_ask.h - asks the daemons' sockets one thing, as Postfix would.
 */
#ifndef BACKUPMX_CTL_DOCTOR_SERVICE_ASK_H
#define BACKUPMX_CTL_DOCTOR_SERVICE_ASK_H

#include <backupmx/endpoint.h>
#include <backupmx/error.h>

/**
 * Sends policyd a request that no decision follows from (protocol state
 * CONNECT) and waits for a whole reply, 3 s at most each way.
 * @return 0, or -1 with *err: BMX_E_SYNTAX when the reply is not "action=",
 *         and those of bmx_endpoint_connect
 */
int bmxctl_service_ask_policy(const struct bmx_endpoint *endpoint,
                              struct bmx_error *err);

/**
 * Offers the milter a session, as Postfix does, and ends it.
 * @return as bmxctl_service_ask_policy
 */
int bmxctl_service_ask_milter(const struct bmx_endpoint *endpoint,
                              struct bmx_error *err);

#endif
