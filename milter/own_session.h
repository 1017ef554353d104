/*
 * own_session.h - a connection of the milter to itself.
 *
 * It negotiates every step away, so that the session takes no part in
 * anything. The nudge keeps one open; the watchdog opens one after the other,
 * to see whether libmilter still serves.
 *
 * Source: libmilter's mfdef.h; Sendmail's milter protocol, version 6.
 */
#ifndef BACKUPMX_MILTER_OWN_SESSION_H
#define BACKUPMX_MILTER_OWN_SESSION_H

#include <stdbool.h>

#include <backupmx/endpoint.h>

/**
 * Connects within connect_ms and sends the negotiation.
 * @return the descriptor, which the caller closes, or -1
 */
int bmx_own_session_open(const struct bmx_endpoint *endpoint, int connect_ms);

/**
 * Opens one, waits for the answer to the negotiation, and ends it. The
 * listener, one of libmilter's threads and a callback must all do their work
 * for that; a connection that the kernel alone has taken is none.
 * @return whether the whole answer came within wait_ms
 */
bool bmx_own_session_answers(const struct bmx_endpoint *endpoint, int wait_ms);

#endif
