/*
 * policy_client.h - asks policyd about a recipient, as Postfix does.
 *
 * Connections are pooled: policyd keeps idle ones for longer than Postfix's
 * 1,000 s. A pooled connection that turns out dead (policyd was restarted)
 * costs one more try on a new one, within the same deadline. Any thread.
 */
#ifndef BACKUPMX_MILTER_POLICY_CLIENT_H
#define BACKUPMX_MILTER_POLICY_CLIENT_H

#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/endpoint.h>
#include <backupmx/error.h>
#include <backupmx/policy_reply.h>
#include <backupmx/policy_request.h>

/** Idle connections that are kept; further ones are closed after use. */
#define BMX_POLICY_CLIENT_IDLE_MAX ((size_t)64)
/** Longest wait for a connection: policyd is a local program. */
#define BMX_POLICY_CLIENT_CONNECT_MS 1000

struct bmx_policy_client;

/** Returns a client of endpoint (copied) the caller frees, or NULL when
 * memory is short. Connects nowhere yet. clock must outlive it. */
struct bmx_policy_client *
bmx_policy_client_new(const struct bmx_endpoint *endpoint,
                      const struct bmx_clock *clock);

/** Closes the idle connections, frees *client and sets it to NULL. NULL is
 * fine. No thread may be asking. */
void bmx_policy_client_free(struct bmx_policy_client **client);

/** Later questions go to endpoint, and pooled connections to another one are
 * given up. */
void bmx_policy_client_set_endpoint(struct bmx_policy_client *client,
                                    const struct bmx_endpoint *endpoint);

/**
 * Asks and waits for the answer until deadline_us on the clock given to _new.
 * @return 0 with *reply_out, or -1 with *err when there is no answer that
 *         counts: BMX_E_TIMEOUT, BMX_E_CLOSED, BMX_E_SYNTAX (no row of the
 *         table, or the request cannot be written), BMX_E_NOT_FOUND,
 *         BMX_E_IO. "Away" to the caller, whichever it is.
 */
int bmx_policy_client_ask(struct bmx_policy_client *client,
                          const struct bmx_policy_request *request,
                          int64_t deadline_us, enum bmx_policy_reply *reply_out,
                          struct bmx_error *err);

#endif
