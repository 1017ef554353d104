/*
 * gone.h - tells policyd of recipients that the primary has refused for good:
 * the control socket's verb "gone" (control_request.h).
 */
#ifndef BACKUPMX_MILTER_GONE_H
#define BACKUPMX_MILTER_GONE_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/endpoint.h>
#include <backupmx/slice.h>

#include "milter/bounce_report.h"

struct bmx_gone_request {
	const struct bmx_endpoint *control; /* NULL: policyd has none */
	const struct bmx_clock *clock;
	int64_t deadline_us; /* of all that is said */
};

/**
 * Tells of all that are gone, one connection each, until the deadline.
 * @return true when policyd says of any that the bounce is to be held; false
 *         also when it is away or late
 */
bool bmx_gone_tell(const struct bmx_gone_request *request,
                   const struct bmx_bounce_facts *facts);

/** Does an answer of the control socket say "hold"? Pure. */
bool bmx_gone_holds(struct bmx_slice answer);

#endif
