/*
 * primary_source.h - what the engine asks about primaries: the registry of
 * the daemon, or a test's own.
 */
#ifndef BACKUPMX_POLICYD_PRIMARY_SOURCE_H
#define BACKUPMX_POLICYD_PRIMARY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/record.h>
#include <backupmx/slice.h>

#include "policyd/call_ahead.h"

/** What is known of a section's primary now. */
struct bmx_primary_view {
	enum bmx_primary_status status;
	int64_t since_ms;                  /* wall: since when it has that */
	struct bmx_smtp_keywords keywords; /* the last that were seen */
};

struct bmx_primary_source {
	/** Never waits. */
	void (*view)(void *ctx, const struct bmx_config_domain *section,
	             struct bmx_primary_view *view_out);
	/** Is that client's address one of the primary's own? */
	bool (*is_own_address)(void *ctx,
	                       const struct bmx_config_domain *section,
	                       struct bmx_slice client_ip);
	/** As bmx_call_ahead_ask, of the section's primary. */
	struct bmx_call_ahead_wait *(*ask)(
		void *ctx, const struct bmx_config_domain *section,
		const struct bmx_call_ahead_request *request,
		int64_t deadline_ms, bmx_call_ahead_cb *cb, void *cb_ctx);
	/** As bmx_call_ahead_leave. */
	void (*leave)(void *ctx, struct bmx_call_ahead_wait **wait);
	void *ctx;
};

#endif
