/*
 * reports.h - what policyd tells backupmxctl, as JSON.
 *
 * The objects' members are described in backupmxctl(8), "status" and
 * "lookup". The caller drops the reference; NULL means that memory is short.
 */
#ifndef BACKUPMX_POLICYD_REPORTS_H
#define BACKUPMX_POLICYD_REPORTS_H

#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/redis.h>
#include <backupmx/slice.h>

#include "policyd/engine.h"
#include "policyd/learn.h"
#include "policyd/primaries.h"
#include "policyd/sync.h"

struct json_t;

/** What a status is made from. */
struct bmx_report_parts {
	const struct bmx_config *config;
	struct bmx_engine *engine;
	const struct bmx_sync *sync;
	const struct bmx_primaries *primaries;
	const struct bmx_learner *learner;
	const struct bmx_redis *redis; /* NULL: not configured */
	size_t any_count;              /* domains that "*" serves */
	int64_t uptime_ms;
	size_t connections;
};

/** The daemon and each domain: list, authority, sync, primary. */
struct json_t *bmx_report_status(const struct bmx_report_parts *parts);

/** The look-up that a RCPT of address would make, step by step. */
struct json_t *bmx_report_lookup(struct bmx_engine *engine,
                                 struct bmx_slice address);

#endif
